/* time.c: time by SysTick, and idling without a tick.
 *
 * SysTick counts cycles in long periods (100 ms where its 24 bits allow it), so a CPU with nothing to do sleeps long. Where board_wait() has to end sooner, one
 * short period comes in between. The time is what all whole periods took, and how far the present one is:
 *
 *   |--- long ---|--- long ---|-- cut --|- short -|--- long ---|
 *                                       ^ board_wait(): what was counted so far is booked, the counter starts afresh
 *
 * SysTick takes a new length when it starts a period; it's asked for the long one as soon as a short one runs. */
#include "cortex_m/cortex_m.h"

#include "system_registers.h"

#define LONG_MS 100u
#define COUNTER_SIZE 0x1000000u /* cycles that its 24 bits can count */
#define SHORTEST_CYCLES 500u    /* a period that is long enough to be set up */

/* Whole milliseconds. Not initialised, so that the next start can say how long this run was up. */
static CORTEX_M_NOINIT uint64_t milliseconds;
static uint32_t rest;   /* cycles beyond them, less than a millisecond's */
static uint32_t period; /* cycles of the one that runs */
static uint32_t cycles_a_ms, long_period;
static volatile bool woken;

static uint32_t mask_interrupts(void)
{
    uint32_t mask;
    __asm__ volatile("mrs %0, primask\ncpsid i" : "=r"(mask)::"memory");
    return mask;
}

static void restore_interrupts(uint32_t mask)
{
    __asm__ volatile("msr primask, %0\nisb" ::"r"(mask) : "memory");
}

/* Set the length of the next periods, and start one now. */
static void start_period(uint32_t cycles)
{
    io_write(SYST_RVR, cycles - 1u);
    io_write(SYST_CVR, 0); /* clears it; it takes the new length with its next cycle */
    while (io_read(SYST_CVR) == 0) {
    }
    period = cycles;
}

ifl_ms cortex_m_time_start(void)
{
    ifl_ms last = milliseconds;
    milliseconds = 0;
    rest = 0;
    cycles_a_ms = cortex_m_clock_hz / 1000u;
    long_period =
        LONG_MS * cycles_a_ms <= COUNTER_SIZE ? LONG_MS * cycles_a_ms : COUNTER_SIZE / cycles_a_ms * cycles_a_ms;
    io_write(SYST_RVR, long_period - 1u);
    io_write(SYST_CVR, 0);
    io_write(SYST_CSR, SYST_CSR_CLKSOURCE | SYST_CSR_TICKINT | SYST_CSR_ENABLE);
    start_period(long_period);
    return last;
}

static void book(uint32_t cycles)
{
    cycles += rest;
    milliseconds += cycles / cycles_a_ms;
    rest = cycles % cycles_a_ms;
}

void cortex_m_tick(void)
{
    book(period);
    period = long_period;
}

/* Cycles since what was booked; interrupts are masked. A period that has ended and isn't booked counts as well: its interrupt is pending. While the
 * counter shows 0 that period is still in its last cycle. */
static uint32_t cycles_of_period(void)
{
    uint32_t left = io_read(SYST_CVR);
    if ((io_read(SCB_ICSR) & ICSR_PENDSTSET) == 0) {
        return period - 1u - left;
    }
    left = io_read(SYST_CVR);
    return left == 0 ? period - 1u : period + long_period - 1u - left;
}

uint64_t cortex_m_cycles(void)
{
    const uint32_t mask = mask_interrupts();
    const uint64_t now = milliseconds * cycles_a_ms + rest + cycles_of_period();
    restore_interrupts(mask);
    return now;
}

ifl_ms board_now(void)
{
    const uint32_t mask = mask_interrupts();
    const ifl_ms now = milliseconds + (rest + cycles_of_period()) / cycles_a_ms;
    restore_interrupts(mask);
    return now;
}

void board_wake(void)
{
    woken = true;
}

/* Make sure that SysTick interrupts at `until` at the latest, if its present period ends later. Interrupts are masked. */
static void set_alarm(ifl_ms until)
{
    const uint32_t booked = rest + cycles_of_period();
    const uint64_t ahead_ms = until - milliseconds;
    if (ahead_ms >= 2u * long_period / cycles_a_ms) {
        return;
    }
    uint32_t ahead = (uint32_t)ahead_ms * cycles_a_ms - booked;
    ahead = ahead > SHORTEST_CYCLES ? ahead : SHORTEST_CYCLES;
    if ((io_read(SCB_ICSR) & ICSR_PENDSTSET) != 0 || io_read(SYST_CVR) <= ahead) {
        return;
    }
    const uint32_t passed = cycles_of_period();
    start_period(ahead);
    io_write(SYST_RVR, long_period - 1u); /* for the period after this one */
    book(passed);
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
        set_alarm(until);
        __asm__ volatile("dsb\nwfi\ncpsie i\nisb" ::: "memory");
    }
}
