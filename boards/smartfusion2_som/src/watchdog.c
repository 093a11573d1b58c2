/* watchdog.c: the MSS watchdog. Whether it runs, and its time-out (up to 10 s with the 50 MHz oscillator, more with its prescaler), is part of
 * the FPGA design (Libero, MSS configurator); code can only feed it. Its time-out interrupt, if chosen there, is the NMI: then the reboot
 * record gets the program counter. QEMU has no watchdog; the count shows that the loop turns. */
#include "som.h"

#define WATCHDOG_REFRESH (SOM_WATCHDOG + 0x0Cu)
#define REFRESH_KEY 0xAC15DE42u

static uint32_t feed_count;

void board_watchdog_feed(void)
{
    io_write(WATCHDOG_REFRESH, REFRESH_KEY);
    feed_count++;
}

uint32_t board_watchdog_feed_count(void)
{
    return feed_count;
}
