/* ingest.h: takes payloads from producers, line by line, and acknowledges each one after it is durable.
 *
 * A producer sends `ROUTE PAYLOAD\n`: the name of a configured route, one space, and any bytes but LF (CR LF is taken as
 * LF). It gets exactly one line for each line, in the same order:
 *     OK <id>\n                                 stored durably; see outbox.h for what that promises
 *     ERROR E<number> <cause> <remedy>\n        not stored
 *
 * Group commit: one struct ingest for each producer, the caller moves the bytes. ingest_feed() puts complete lines into
 * the outbox without syncing; when all producers have been fed, the caller calls outbox_sync() once and then
 * ingest_acknowledge() for each of them. So a hundred producers cost one sync, and nobody hears OK before it.
 *
 * Owns no memory, never blocks. Payloads never reach a log: events carry the status and the route only. */
#ifndef INGEST_INGEST_H
#define INGEST_INGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/profile.h"
#include "base/status.h"
#include "base/text.h"
#include "base/time.h"
#include "clock/clock.h"
#include "health/health.h"
#include "outbox/outbox.h"
#include "settings/settings.h"

/* Answers that can wait for a sync; then ingest_feed() takes no more until they are out. */
#define INGEST_PENDING_COUNT IFL_INGEST_PENDING_COUNT

/* Longest answer line, with a margin: a buffer of this size lets ingest_acknowledge() always make progress. */
#define INGEST_ANSWER_SIZE 512

/* Bytes of the line buffer for payloads of up to `payload_max` bytes: name, space, payload, CR. */
#define INGEST_LINE_SIZE(payload_max) (IFL_ROUTE_NAME_SIZE + (size_t)(payload_max) + 2)

/* What all producers share; the caller keeps it. */
struct ingest_wiring {
    const struct settings *settings;
    struct outbox *outbox;
    struct clock *clock;
    struct health *health;
};

struct ingest {
    const struct ingest_wiring *wiring;
    uint8_t *line; /* the caller's buffer */
    size_t line_size, line_len;
    bool skipping;        /* the rest of a line that is too long */
    size_t pending_count; /* answers that aren't out, oldest first */
    size_t settled_count; /* the first so many of them went through a sync: their outcome is final */
    struct ingest_pending {
        enum ifl_status status;
        struct outbox_id id;
    } pending[INGEST_PENDING_COUNT];
};

/* `line_buf` holds one line and stays with the struct; INGEST_LINE_SIZE() says how much is needed. A smaller one only makes
 * the longest possible line shorter. */
void ingest_init(struct ingest *ingest, const struct ingest_wiring *wiring, void *line_buf, size_t line_size);

/* Take bytes; *used may be less than given: answers must go out first, or the outbox is busy with an erase (AGAIN: feed the
 * rest again after outbox_step()). OK. FLASH_*: the medium failed; the line at hand gets this as its ERROR and is used up; feeding may go
 * on. Each complete line that was used has exactly one answer pending. */
enum ifl_status ingest_feed(struct ingest *ingest, struct bytes input, ifl_ms now, size_t *used);

/* True when ingest_feed() has nowhere to put another answer. */
bool ingest_is_full(const struct ingest *ingest);

/* The producer has gone: a piece of a line without its end isn't stored; its answer is LINE_CUT. Call it when ingest_is_full() is
 * false. */
void ingest_end(struct ingest *ingest, ifl_ms now);

/* After outbox_sync(): `sync` is its result; if that isn't OK, every success since the last call becomes this error. Writes as
 * many whole answers as fit into `out`. True: all are out; false: call again with room in `out`, no new sync is needed for these. */
bool ingest_acknowledge(struct ingest *ingest, enum ifl_status sync, struct text *out);

#endif
