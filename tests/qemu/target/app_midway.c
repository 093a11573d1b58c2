/* app_midway.c: an application that tells in the middle of what it has its turn. For tests only.
 *
 * In the loop it stores one message, so that there is something to connect for. At its first turn in the middle of a signature or a key exchange of the
 * handshake it says "in the middle of a handshake" and stores a second one, and says "stored in the middle". With an order (QEMU's loader puts a word into the
 * module's DDR before the start) it then stands still until the power is cut. */
#include "app.h"
#include "board/board.h"
#include "node.h"

#define STAND_STILL (*(volatile const uint32_t *)0xA1000000u != 0)
#define ROUTE "telemetry"

/* Read from outside. */
volatile uint32_t midway_turns; /* of app_step() */
volatile uint32_t midway_phase; /* 0: before the handshake; 1: within it; 2: behind it */

static bool stored_first, stored_midway;

void app_start(ifl_ms now)
{
    (void)now;
}

static bool store(const char *what)
{
    return node_put(ROUTE, bytes_of_string(what)) == IFL_OK;
}

static void midway(void)
{
    if (midway_phase == 0) {
        midway_phase = 1;
        uart_print("log: in the middle of a handshake\n");
    }
    if (!stored_midway && store("midway")) {
        stored_midway = true;
        uart_print("log: stored in the middle\n");
        while (STAND_STILL) {
            board_watchdog_feed();
        }
    }
}

ifl_ms app_step(ifl_ms now)
{
    const bool connects = sender_state(&node.sender) == SENDER_CONNECT;
    midway_turns++;
    if (node.on_duty && connects) {
        midway();
    } else if (midway_phase == 1 && !connects) {
        midway_phase = 2;
    }
    stored_first = stored_first || store("first");
    return stored_first ? IFL_NEVER : ifl_ms_after(now, 5);
}
