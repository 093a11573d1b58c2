/* uart_console.c: the console on UART 0, and the log between its answers.
 *
 * An answer may be longer than the ring of the UART: then what doesn't fit is waited for, with the network going on. */
#include <string.h>

#include "board/board.h"
#include "net/link.h"
#include "node.h"

static void write_all(struct bytes piece)
{
    while (piece.size > 0) {
        piece = bytes_tail(piece, board_uart_write(0, piece.data, piece.size));
        if (piece.size > 0) {
            board_watchdog_feed();
            (void)net_link_step(board_now());
            board_wait(ifl_ms_after(board_now(), 2));
        }
    }
}

static void console_write(void *ctx, struct bytes piece)
{
    (void)ctx;
    write_all(piece);
}

struct answer uart = {.write = console_write};

void uart_print(const char *text)
{
    answer_str(&uart, text);
}

void uart_log_status(enum ifl_status status, const char *detail)
{
    answer_form(&uart, "log: %e", status);
    if (detail != NULL && detail[0] != '\0') {
        answer_form(&uart, " (%s)", detail);
    }
    uart_print("\n");
}

static uint32_t unsaid; /* the last so many events came while a signature was computed */

static void log_event(void *ctx, const struct health_event *event)
{
    (void)ctx;
    if (node.on_duty) {
        unsaid++;
    } else {
        uart_log_status(event->status, event->detail);
    }
}

static void say_events(void)
{
    for (; unsaid > 0; unsaid--) {
        const struct health_event *event = health_event_at(&node_health, health_last_seq(&node_health) + 1 - unsaid);
        if (event != NULL) {
            uart_log_status(event->status, event->detail);
        }
    }
}

void uart_console_start(void)
{
    node_health.listener = log_event;
    console_init(&node_console, &node_console_wiring, console_write, NULL);
}

static bool line_ended; /* its command is still to be carried out */
static bool feeding;

void uart_console_take(ifl_ms now)
{
    uint8_t character;
    while (!feeding && !line_ended && board_uart_read(0, &character, 1) > 0) {
        line_ended = character == '\n';
        if (!line_ended) {
            console_feed(&node_console, bytes_of(&character, 1), now);
        }
    }
}

void uart_console_step(ifl_ms now)
{
    uint8_t input[64];
    size_t got = 0;
    say_events();
    if (line_ended) {
        line_ended = false;
        input[got++] = '\n';
    }
    got += board_uart_read(0, input + got, sizeof input - got);
    if (got > 0) {
        node.pasted = now;
        feeding = true;
        console_feed(&node_console, bytes_of(input, got), now);
        feeding = false;
        bytes_wipe(input, sizeof input); /* it may be a part of a key */
        board_wake();                    /* there may be more */
    }
}
