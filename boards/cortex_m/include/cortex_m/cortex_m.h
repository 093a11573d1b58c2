/* cortex_m.h: what every Cortex-M3/M4 board has in common: start-up, time by SysTick, memory protection, faults and their record. Between this
 * directory and a board; the firmware sees board/board.h only, of which board_now(), board_wait(), board_wake(), board_last_reboot(),
 * board_reboot() and the stack figures are implemented here.
 *
 * The board's linker script gives these symbols (boards/smartfusion2_som/smartfusion2_som.ld is an example):
 *
 *   __stack_bottom, __stack_top                        main stack, at the very start of RAM: what grows out of it leaves RAM
 *   __interrupt_stack_bottom, __interrupt_stack_top    stack of all handlers
 *   __data_load, __data_start, __data_end              initialised data and where its first values lie
 *   __bss_start, __bss_end                             zeroed data
 *   .noinit                                            a section that nothing initialises */
#ifndef CORTEX_M_CORTEX_M_H
#define CORTEX_M_CORTEX_M_H

#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "board/board.h"

#define CORTEX_M_NOINIT __attribute__((section(".noinit")))

/* ---- What the board gives -------------------------------------------------------------------------------------------------- */

/* Clocks, reset lines, UART: called before main() with memory protection on and interrupts enabled. */
void cortex_m_board_init(void);
/* CPU clock in Hz: what SysTick counts. */
extern const uint32_t cortex_m_clock_hz;
/* Only asked where the last run ended without a word from us: BOARD_OUTSIDE, or BOARD_WATCHDOG where a register says so. */
enum board_reboot_reason cortex_m_reset_source(void);
/* main() has come to an end. In firmware that is a defect (end_reboot.c), in a test its result. */
_Noreturn void cortex_m_main_returned(int result);

/* Memory protection, the later entry wins. Base is aligned to the size, which is 2^size_log2 bytes, 5..32. What no entry covers is
 * as Cortex-M has it by default (peripherals). At most 8. */
enum cortex_m_access { CORTEX_M_NO_ACCESS, CORTEX_M_READ_EXECUTE, CORTEX_M_READ_WRITE };
struct cortex_m_region {
    const void *base;
    uint8_t size_log2;
    enum cortex_m_access access;
};
extern const struct cortex_m_region cortex_m_regions[];
extern const size_t cortex_m_region_count;

/* ---- What the board uses --------------------------------------------------------------------------------------------------- */

typedef void (*cortex_m_vector)(void);

/* The first 16 entries of a vector table: stack, reset, faults, SysTick. The board's interrupts follow; unused ones are cortex_m_fault. */
#define CORTEX_M_CORE_VECTORS                                                                                          \
    (cortex_m_vector) __interrupt_stack_top, cortex_m_reset, /* NMI: the watchdog, where a board wires it so */        \
        cortex_m_fault, cortex_m_fault, cortex_m_fault, cortex_m_fault, cortex_m_fault, cortex_m_fault,                \
        cortex_m_fault, cortex_m_fault, cortex_m_fault, cortex_m_fault, cortex_m_fault, cortex_m_fault,                \
        cortex_m_fault, cortex_m_tick

extern uint32_t __interrupt_stack_top[];
void cortex_m_reset(void);
void cortex_m_fault(void);
void cortex_m_tick(void);

/* Cycles of the CPU's clock since the start, sleep included. */
uint64_t cortex_m_cycles(void);

void cortex_m_irq_enable(unsigned irq);
void cortex_m_irq_disable(unsigned irq);

/* ---- Among the files here -------------------------------------------------------------------------------------------------- */

void cortex_m_protect(void);
/* Starts SysTick; answers how long the run before this one was up (only meaningful if the reboot record is valid). */
ifl_ms cortex_m_time_start(void);
void cortex_m_reboot_start(ifl_ms last_uptime_ms);
/* Store the reason and reset; never comes back. */
_Noreturn void cortex_m_reboot_record(const struct board_reboot *reboot);

static inline uint32_t io_read(uintptr_t address)
{
    return *(volatile uint32_t *)address;
}
static inline void io_write(uintptr_t address, uint32_t value)
{
    *(volatile uint32_t *)address = value;
}

#endif
