/* console.h: commands for people, the same on a UART and on iflowd's socket. Line based.
 *
 * `status`, `routes`, `queue`, `identity`, `retry [ROUTE]`, `log [COUNT]`, `help`. With `json ` in front the answer is one line of JSON. Every answer to a
 * person ends with an empty line. Never prints a secret. */
#ifndef CONSOLE_CONSOLE_H
#define CONSOLE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/profile.h"
#include "base/status.h"
#include "base/time.h"
#include "clock/clock.h"
#include "health/health.h"
#include "identity/slots.h"
#include "ingest/ingest.h"
#include "outbox/outbox.h"
#include "sender/sender.h"
#include "settings/settings.h"

/* What the console can show and do; the caller keeps it. */
struct console_wiring {
    const struct settings *settings;
    struct outbox *outbox;
    struct sender *sender;
    struct clock *clock;
    struct health *health;
    struct identity_slots *slots;
    const char *version; /* "iflowd 0.1.0" */
    const char *host;
};

struct console {
    const struct console_wiring *wiring;
    /* Where answers go: takes all of it (the caller buffers), in small pieces. */
    void (*write)(void *ctx, struct bytes piece);
    void *ctx;
    char line[IFL_LINE_SIZE];
    size_t line_len;
    bool line_cut;
};

void console_init(struct console *console, const struct console_wiring *wiring, void (*write)(void *ctx, struct bytes piece), void *ctx);
/* Characters as they come; complete lines are carried out. */
void console_feed(struct console *console, struct bytes input, ifl_ms now);

#endif
