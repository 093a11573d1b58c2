/* board.c: vector table, memory protection and start-up of the SmartFusion2 SoM. */
#include "som.h"

const char board_name[] = "smartfusion2_som";
const uint32_t cortex_m_clock_hz = SOM_CPU_HZ;

#define VECTORS_BEFORE_UART0 SOM_IRQ_UART0
#define VECTORS_BEHIND_EMAC (81u - SOM_IRQ_EMAC)

struct vector_table {
    cortex_m_vector core[16];
    cortex_m_vector before_uart0[VECTORS_BEFORE_UART0];
    cortex_m_vector uart0, uart1, emac;
    cortex_m_vector behind_emac[VECTORS_BEHIND_EMAC];
};

__attribute__((section(".vectors"), used)) static const struct vector_table vectors = {
    .core = {CORTEX_M_CORE_VECTORS},
    .before_uart0 = {[0 ... VECTORS_BEFORE_UART0 - 1] = cortex_m_fault},
    .uart0 = som_uart0_interrupt,
    .uart1 = som_uart1_interrupt,
    .emac = som_ethernet_interrupt,
    .behind_emac = {[0 ... VECTORS_BEHIND_EMAC - 1] = cortex_m_fault},
};

extern uint8_t __code_start[], __ram_start[], __interrupt_guard[];

#define RAM_GUARD_SIZE 0x8000u

/* The CPU reads its vectors past the protection unit, so the first bytes of flash can stand for "a null pointer was followed". */
const struct cortex_m_region cortex_m_regions[] = {
    {.base = __code_start, .size_log2 = 18, .access = CORTEX_M_READ_EXECUTE},              /* 256 KB code flash */
    {.base = __code_start, .size_log2 = 8, .access = CORTEX_M_NO_ACCESS},                  /* null pointers */
    {.base = __ram_start, .size_log2 = 16, .access = CORTEX_M_READ_WRITE},                 /* 64 KB RAM: data only */
    {.base = __ram_start - RAM_GUARD_SIZE, .size_log2 = 15, .access = CORTEX_M_NO_ACCESS}, /* below the main stack */
    {.base = __interrupt_guard, .size_log2 = 5, .access = CORTEX_M_NO_ACCESS}, /* below the interrupt stack */
};
const size_t cortex_m_region_count = sizeof cortex_m_regions / sizeof *cortex_m_regions;

void cortex_m_board_init(void)
{
    board_watchdog_feed(); /* it may be running since the reset */
    board_uart_open(0);
}

enum board_reboot_reason cortex_m_reset_source(void)
{
    return io_read(SYSTEM_RESET_SOURCE) & RESET_SOURCE_WATCHDOG ? BOARD_WATCHDOG : BOARD_OUTSIDE;
}
