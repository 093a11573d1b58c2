/* protect.c: the board's table of regions into the memory protection unit (ARMv7-M, section B3.5). */
#include "cortex_m/cortex_m.h"

#include "system_registers.h"

#define RASR_ENABLE (1u << 0)
#define RASR_C (1u << 17) /* normal memory, write-through */
#define RASR_S (1u << 18)
#define RASR_AP_NONE (0u << 24)
#define RASR_AP_READ_WRITE (3u << 24)
#define RASR_AP_READ_ONLY (6u << 24)
#define RASR_XN (1u << 28) /* no code is run from here */

static uint32_t attributes(enum cortex_m_access access)
{
    switch (access) {
    case CORTEX_M_READ_EXECUTE:
        return RASR_AP_READ_ONLY | RASR_C;
    case CORTEX_M_READ_WRITE:
        return RASR_AP_READ_WRITE | RASR_C | RASR_S | RASR_XN;
    case CORTEX_M_NO_ACCESS:
        break;
    }
    return RASR_AP_NONE | RASR_XN;
}

void cortex_m_protect(void)
{
    for (size_t i = 0; i < cortex_m_region_count; i++) {
        const struct cortex_m_region *region = &cortex_m_regions[i];
        io_write(MPU_RNR, (uint32_t)i);
        io_write(MPU_RBAR, (uint32_t)(uintptr_t)region->base);
        io_write(MPU_RASR, attributes(region->access) | (uint32_t)(region->size_log2 - 1) << 1 | RASR_ENABLE);
    }
    io_write(MPU_CTRL, MPU_CTRL_ENABLE | MPU_CTRL_PRIVDEFENA);
    __asm__ volatile("dsb\nisb" ::: "memory");
}
