/* doors.h: how the world comes in: producers on a Unix socket and on standard input, people and scripts on the console's socket.
 *
 *   <run directory>/ingest.sock    the line protocol of ingest.h; mode 0660
 *   <run directory>/console.sock   the commands of console.h; mode 0660
 *
 * All fixed memory, nothing blocks. A producer that doesn't read its answers is not read from any more; it holds up nobody else. What is pasted at a console (a key,
 * certificates, roots) has an end as on a node: after CONSOLE_PASTE_QUIET_MS without a byte, or CONSOLE_PASTE_MAX_MS after its begin, it's forgotten, and the connection is closed with
 * PASTE_GIVEN_UP, so that the rest isn't taken for commands. */
#ifndef GATEWAY_DOORS_H
#define GATEWAY_DOORS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"
#include "base/time.h"
#include "console/console.h"
#include "ingest/ingest.h"

#define DOORS_PRODUCER_COUNT 64 /* the first is standard input */
#define DOORS_CONSOLE_COUNT 4
#define DOORS_POLL_COUNT (2 + 2 * DOORS_PRODUCER_COUNT + DOORS_CONSOLE_COUNT)

#define DOORS_INPUT_SIZE 16384u
#define DOORS_ANSWERS_SIZE (INGEST_PENDING_COUNT * INGEST_ANSWER_SIZE)
#define DOORS_PAGE_SIZE (1024u * 1024u) /* the longest answer of the console */

/* Bytes that wait to be written. */
struct outflow {
    size_t start, len; /* of what is in the buffer */
};

struct producer {
    bool used;
    int in, out; /* the same for a socket */
    bool ended;  /* no more input */
    bool cut;    /* ingest_end() was called */
    size_t input_start, input_len;
    struct outflow outflow;
    struct ingest ingest;
    uint8_t line[INGEST_LINE_SIZE(IFL_PAYLOAD_SIZE_MAX)];
    uint8_t input[DOORS_INPUT_SIZE];
    char answers[DOORS_ANSWERS_SIZE];
};

struct console_door {
    bool used;
    int fd;
    bool ended;
    bool overflow;      /* the answer under way is longer than a page */
    ifl_ms pasted;      /* when the last bytes came of what is being pasted */
    ifl_ms paste_limit; /* it's given up then; 0: nothing is pasted */
    struct outflow outflow;
    struct console console;
    char page[DOORS_PAGE_SIZE];
    size_t input_start, input_len; /* commands that wait until the answer before is read */
    uint8_t input[IFL_LINE_SIZE];
};

/* More than 10 MB, nearly all of it untouched until somebody comes. */
struct doors {
    const struct ingest_wiring *ingest;
    const struct console_wiring *console;
    char ingest_path[108], console_path[108]; /* of the sockets; "" until they are there */
    int ingest_fd, console_fd;
    bool stdin_ended;
    bool output_gone;   /* nobody reads standard output: the rest of standard input wasn't taken */
    ifl_ms accept_at;   /* no descriptor was free: the doors stay shut until then; 0: they're open */
    bool accept_failed; /* since the last one that came in; told once */
    struct producer producers[DOORS_PRODUCER_COUNT];
    struct console_door consoles[DOORS_CONSOLE_COUNT];
};

/* Make both sockets below `run_dir` (made if it isn't there), and take standard input if wanted. *detail says what failed. LOCKED: another daemon
 * answers there. FILE. The wirings stay with the struct; what they point to may change between calls. */
enum ifl_status doors_open(struct doors *doors, const char *run_dir, bool with_stdin,
                           const struct ingest_wiring *ingest, const struct console_wiring *console,
                           struct text *detail);

/* What to wait for; returns how many of at most DOORS_POLL_COUNT. */
size_t doors_poll(const struct doors *doors, struct pollfd *set);

/* Accept, read, store, sync once, acknowledge, answer. Returns `now` if there is more to do at once, else IFL_NEVER. *sync: the result of
 * the sync, OK if none was needed. */
ifl_ms doors_step(struct doors *doors, struct outbox *outbox, ifl_ms now, enum ifl_status *sync);

/* Standard input has ended and all its lines are answered. True also without standard input. */
bool doors_stdin_done(const struct doors *doors);

/* Take no more, remove the sockets. Nothing waits for a sync between two steps, so no stored message stays unanswered for that reason. */
void doors_close(struct doors *doors);

#endif
