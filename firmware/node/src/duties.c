/* duties.c: see node.h, "while signatures are computed".
 *
 *   node_step() ─► sender_step(), renewal_step() ─► TLS ─► signature, key exchange ─┬─► now and then: run()
 *               └► uart_console_step() ─► the end of an import ─► is it a key? ─────┘
 *
 * The sender and the trial of an identity call TLS first thing in their step, and look at the outbox only behind it; an import holds the console alone. */
#include <bignum_pause.h>

#include "app.h"
#include "board/board.h"
#include "net/link.h"
#include "node.h"

static void run(void)
{
    const ifl_ms now = board_now();
    node.on_duty = true;
    board_flash_hold_erases(true);
    board_watchdog_feed();
    (void)net_link_step(now);
    uart_console_take(now);
    (void)app_step(now);
    board_flash_hold_erases(false);
    node.on_duty = false;
}

void duties_start(void)
{
    bignum_pause_set(run);
}
