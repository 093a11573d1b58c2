/* time.c: milliseconds by SysTick, and idling. */
#include "cortex_m/cortex_m.h"

#include "system_registers.h"

/* Not initialised, so that the next start can say how long this run was up. */
static CORTEX_M_NOINIT volatile uint64_t milliseconds;
static volatile bool woken;

ifl_ms cortex_m_time_start(void)
{
    ifl_ms last = milliseconds;
    milliseconds = 0;
    io_write(SYST_RVR, cortex_m_clock_hz / 1000u - 1u);
    io_write(SYST_CVR, 0);
    io_write(SYST_CSR, SYST_CSR_CLKSOURCE | SYST_CSR_TICKINT | SYST_CSR_ENABLE);
    return last;
}

void cortex_m_tick(void)
{
    milliseconds++;
}

/* A tick between the halves of a 64-bit read shows as two different reads. */
ifl_ms board_now(void)
{
    uint64_t first, second;
    do {
        first = milliseconds;
        second = milliseconds;
    } while (first != second);
    return first;
}

void board_wake(void)
{
    woken = true;
}

/* With interrupts masked an event can't slip in between the question and WFI, which wakes on a pending interrupt all the same. */
void board_wait(ifl_ms until)
{
    for (;;) {
        __asm__ volatile("cpsid i" ::: "memory");
        if (woken || board_now() >= until) {
            woken = false;
            __asm__ volatile("cpsie i" ::: "memory");
            return;
        }
        __asm__ volatile("dsb\nwfi\ncpsie i\nisb" ::: "memory");
    }
}
