/* main.c: iflow-node. */
#include "board/board.h"
#include "node.h"

/* Nothing can be delivered: say why, again and again, until somebody brings another flash image. */
static _Noreturn void complain(enum ifl_status status, const char *part)
{
    for (;;) {
        uart_log_status(status, part);
        for (ifl_ms until = board_now() + 10000; board_now() < until;) {
            board_watchdog_feed();
            board_wait(ifl_ms_min(until, ifl_ms_after(board_now(), 1000)));
        }
    }
}

static void tell_start(void)
{
    const struct board_reboot *last = board_last_reboot();
    answer_form(&uart, "log: iflow-node " IFL_VERSION " on %s, last reboot: %s", board_name,
                board_reboot_reason_name(last->reason));
    if (last->pc != 0 || last->lr != 0) {
        answer_form(&uart, " at %x, called from %x", last->pc, last->lr);
    }
    uart_print("\n");
}

int main(void)
{
    const char *part = NULL;
    tell_start();
    enum ifl_status status = node_start(&part);
    if (status != IFL_OK) {
        complain(status, part);
    }
    uart_print("log: ready\n");
    for (;;) {
        board_watchdog_feed();
        board_wait(node_step(board_now()));
    }
}
