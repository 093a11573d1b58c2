/* app_midway.c: an application that tells in the middle of what it has its turn. For tests only.
 *
 * In the loop it stores one message, so that there is something to connect for. At its first turn in the middle of a signature or a key exchange of the
 * handshake it says "in the middle of a handshake" and stores a second one, and says "stored in the middle". With an order (QEMU's loader puts a word into the
 * module's DDR before the start) it then stands still until the power is cut.
 *
 * Each turn in the middle takes as much stack as the deepest one that there can be: what node.h says, found by adding up the frames from duties.c over node_put(), a new block
 * of the outbox, and a message that's given up for it, to the flash driver. */
#include "app.h"
#include "board/board.h"
#include "node.h"

#define STAND_STILL (*(volatile const uint32_t *)0xA1000000u != 0)
#define ROUTE "telemetry"
#define DEEPEST_TURN 1408u

/* Read from outside. */
volatile uint32_t midway_turns; /* of app_step() */
volatile uint32_t midway_loops; /* of them in the loop */
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

__attribute__((noinline)) static void take_stack(void)
{
    uint32_t room[DEEPEST_TURN / sizeof(uint32_t)];
    room[0] = 0;
    __asm__ volatile("" ::"r"(room) : "memory"); /* it's used, for all that the compiler knows */
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
    const bool connects = sender_state(&node_sender) == SENDER_CONNECT;
    midway_turns++;
    if (node.on_duty) {
        take_stack();
    } else {
        midway_loops++;
    }
    if (node.on_duty && connects) {
        midway();
    } else if (midway_phase == 1 && !connects) {
        midway_phase = 2;
    }
    stored_first = stored_first || store("first");
    return stored_first ? IFL_NEVER : ifl_ms_after(now, 5);
}
