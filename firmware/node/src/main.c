/* main.c: iflow-node. */
#include "board/board.h"
#include "node.h"

/* Nothing can be delivered: say why, again and again, until somebody brings another flash image. */
static _Noreturn void complain(enum ifl_status status, const char *detail)
{
    for (;;) {
        uart_log_status(status, detail);
        for (ifl_ms until = board_now() + 10000; board_now() < until;) {
            board_watchdog_feed();
            board_wait(ifl_ms_min(until, ifl_ms_after(board_now(), 1000)));
        }
    }
}

static void tell_start(void)
{
    const struct board_reboot *last = board_last_reboot();
    char buf[160];
    struct text text;
    text_init(&text, buf, sizeof buf);
    text_str(&text, "log: iflow-node " IFL_VERSION " on ");
    text_str(&text, board_name);
    text_str(&text, ", last reboot: ");
    text_str(&text, board_reboot_reason_name(last->reason));
    if (last->pc != 0 || last->lr != 0) {
        text_str(&text, " at ");
        text_hex_u64(&text, last->pc, 8);
        text_str(&text, ", called from ");
        text_hex_u64(&text, last->lr, 8);
    }
    text_char(&text, '\n');
    uart_print(buf);
}

int main(void)
{
    char buf[200];
    struct text detail;
    text_init(&detail, buf, sizeof buf);
    tell_start();
    enum ifl_status status = node_start(&detail);
    if (status != IFL_OK) {
        complain(status, buf);
    }
    uart_print("log: ready\n");
    for (;;) {
        board_watchdog_feed();
        board_wait(node_step(board_now()));
    }
}
