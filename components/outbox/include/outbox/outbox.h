/* outbox.h: a log of messages in flash that survives a power cut at any moment.
 *
 * Promise: when outbox_sync() has answered OK after an outbox_put_commit(), that message is delivered, or still here, or was given up with
 * a recorded reason, whatever the power does. A message is never seen half-written, never changes its place among the messages of
 * its lane, and never has two ids; an id never names two payloads.
 *
 * The space is divided into blocks, each of which belongs to one lane; a lane is one route, plus one lane for dead letters. So a
 * route that is held for weeks keeps only its own blocks, and nothing is ever copied to make room. Stored bytes: SPEC.md.
 *
 * The outbox owns no memory: the caller gives one struct outbox. It never waits for an erase: outbox_step() starts erases ahead of need and
 * polls them. Not re-entrant; no I/O but the flash region. Sizes are bytes. */
#ifndef OUTBOX_OUTBOX_H
#define OUTBOX_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/profile.h"
#include "base/random.h"
#include "base/status.h"
#include "base/text.h"
#include "base/time.h"
#include "flash/flash.h"

#define OUTBOX_LANE_NONE 0xFFu
#define OUTBOX_LANE_DEAD 0u /* the lane of dead letters; lanes of routes follow */
#define OUTBOX_ID_TEXT_SIZE 48

/* A message's number. It is stored in 64 bits; a profile may hold it in 32, which lasts for 136 years of a message a second in each lane. */
#if IFL_NUMBER_BITS == 32
typedef uint32_t outbox_n;
#define OUTBOX_N_MAX UINT32_MAX
#else
typedef uint64_t outbox_n;
#define OUTBOX_N_MAX UINT64_MAX
#endif

/* The name of a message for life: <log id>-<lane>-<n>. n counts from 1 and has no gaps in a lane. */
struct outbox_id {
    uint64_t log;
    uint8_t lane;
    outbox_n n;
};
/* "5f3a90c21b7e44d8-1-42": 16 hex digits, lane and n decimal. */
void outbox_id_text(const struct outbox_id *id, struct text *out);

/* When a message was stored: seconds since 1970 as far as known (0 to 2^40 - 1), how good that is (enum clock_quality), and how many minutes the device had been up in
 * all (the lower 24 bits; clock_age_min()). */
struct outbox_time {
    int64_t unix_s;
    uint8_t quality;
    uint32_t uptime_min;
};

enum outbox_full_policy {
    OUTBOX_REFUSE_NEW, /* default: the producer is told STORE_FULL */
    OUTBOX_GIVE_UP_OLDEST, /* the oldest block of the lane with the lowest priority that allows it is given up and recorded */
};

struct outbox_lane_config {
    const char *route; /* name, < IFL_ROUTE_NAME_SIZE characters; copied */
    uint8_t priority;  /* 0 = lowest; who gives up first when it's full */
    enum outbox_full_policy full;
    uint16_t min_blocks; /* share that other lanes can't take; >= 1 */
};

struct outbox_config {
    uint32_t block_size;  /* bytes; 0 = from the geometry; a multiple of the sector size, >= 4096; only at format */
    uint64_t device_tag;  /* chip UID, machine-id + file; differs from the stored one: a new log id is made */
    uint32_t payload_max; /* bytes; 0 = as much as goes; clipped to block_size / 2 - 96 and to IFL_PAYLOAD_SIZE_MAX */
    const struct outbox_lane_config *lanes; /* the configured routes; needed only during the call */
    size_t lane_count;
    struct ifl_random random; /* for log ids */
};

/* One message as seen by a reader. Stays valid until the lane's cursor moves past it. Fields are read-only for the caller. */
struct outbox_message {
    struct outbox_id id; /* as delivered: for a re-queued message the id of its first life */
    uint8_t lane;        /* where it lies now */
    outbox_n n;          /* its number there */
    uint32_t size;       /* payload bytes */
    struct outbox_time time;
    uint16_t reason; /* dead letters: enum ifl_status that brought it here; else 0 */
    /* internal */
    uint32_t at;       /* region address of the record */
    uint32_t body;     /* of the payload */
    uint32_t body_crc; /* what stands before it */
    uint32_t read_pos; /* bytes of payload handed out by outbox_read */
    uint32_t crc;      /* running check sum */
};

struct outbox_stats {
    uint64_t log_id;
    uint32_t block_size, block_count, free_blocks, retired_blocks;
    uint32_t payload_max;
    uint32_t erase_count_min; /* at the last start */
    uint32_t erase_count_max;
    uint32_t corrupt_records; /* found since mount */
    uint32_t lost_records;    /* durable once, gone now (SPEC.md, gateway); since mount */
    bool resumed;             /* the last stop wasn't clean */
    bool moved;               /* a new log id was made because the device changed */
};

/* The rest of the struct is private to the room (outbox.c); it stands here so that the caller can own the memory. */
#include "outbox/outbox_private.h"

/* Find, recover or format the outbox in `region`. Reads only what recovery needs (SPEC.md), writes RESUME records; may start an erase, never
 * waits for one. An empty (erased or all-0/all-1) region is formatted. What recovery found is in outbox_stats().
 *
 * OK. Nothing was touched: STORE_FOREIGN; STORE_NEWER; FLASH_GEOMETRY: formatted with another program granularity or sector size; STORE_LANES: too few
 * blocks or lane numbers for the routes; INVALID: a block size or a route's name that isn't possible, or a medium with a cache in a build without IFL_FLASH_CACHE; NO_ENTROPY; FLASH_BUSY: an erase that an earlier user
 * of the medium began is under way, poll the medium and mount again. STORE_FULL (a file system without space), FLASH_IO: mount again when that is over.
 * After an error the struct can't be used. Configured lanes exist afterwards; a lane with messages whose route isn't configured stays as an orphan: it
 * can still be read and delivered, and its number (and the block that it keeps) goes to a new route only when it's empty and
 * has no dead letters. */
enum ifl_status outbox_mount(struct outbox *box, struct flash_region region, const struct outbox_config *config);

/* How many lanes there are; lane numbers are 0..count-1 (some may be unused: name ""). */
size_t outbox_lane_count(const struct outbox *box);
/* The lane of a route, or OUTBOX_LANE_NONE. */
uint8_t outbox_lane_of(const struct outbox *box, const char *route);
/* Route of a lane: "dead-letters" for lane 0, "" for an unused number. Valid as long as the outbox is. */
const char *outbox_lane_route(const struct outbox *box, uint8_t lane);
bool outbox_lane_is_orphan(const struct outbox *box, uint8_t lane);

/* ---- storing. One put at a time. While one is open, records of other lanes are written as ever, into new blocks too; those of its own lane wait for its
 * end, and no erase is begun by outbox_step(). ---- */

/* Start a message of exactly `size` bytes (1..payload_max). TOO_LARGE; INVALID: size 0, no lane, the dead letters, or another put is open;
 * STORE_FULL: no message was written, this one is refused; FLASH_BUSY: an erase is under way or makes room soon, call outbox_step() and try again;
 * FLASH_VERIFY, FLASH_IO: the block is worn and closed, try again for the next one; everything before is still readable. */
enum ifl_status outbox_put_begin(struct outbox *box, uint8_t lane, uint32_t size, struct outbox_time time);
/* The next piece of the body. INVALID: more than announced, or no put is open: nothing taken. FLASH_BUSY: nothing taken, try again. FLASH_VERIFY,
 * FLASH_IO (the block is closed) and STORE_FULL (a file system without space): the put is abandoned, begin it again. */
enum ifl_status outbox_put_write(struct outbox *box, struct bytes piece);
/* Body check sum = the commit; read back. OK: *id is the message's id; it's durable on flash without a cache, else after outbox_sync().
 * INVALID: bytes are missing, the put stays open. FLASH_BUSY: try again. FLASH_VERIFY, FLASH_IO, STORE_FULL: as in outbox_put_write(). */
enum ifl_status outbox_put_commit(struct outbox *box, struct outbox_id *id);
/* Give up the message that was begun, if one is open; the next message gets its n. */
void outbox_put_abandon(struct outbox *box);
/* begin + write + commit of a payload that lies in memory; tries three blocks when they turn out to be worn. Results of outbox_put_begin(). */
enum ifl_status outbox_put(struct outbox *box, uint8_t lane, struct bytes payload, struct outbox_time time,
                           struct outbox_id *id);
/* Group commit: everything committed before is durable when this answers OK; only now acknowledge the producers. FLASH_IO, also for a sync that
 * outbox_step() or a new block made in between: the messages since the last OK are NOT acknowledged; their n aren't given again before a restart, and they are
 * shown (as far as they still read right) only when they were written once more and a later sync has worked. Told once. FLASH_BUSY: nothing is
 * decided, step and try again. */
enum ifl_status outbox_sync(struct outbox *box);

/* ---- sending. The oldest unfinished message of each lane first. ---- */

/* The first message behind the cursor. END: the lane is empty. Damaged records are skipped, counted and recorded as given up. Only messages
 * that are durable are shown. STORE_CORRUPT: no block of the lane can be read any more; nothing was given up. */
enum ifl_status outbox_first(struct outbox *box, uint8_t lane, struct outbox_message *message);
/* The message behind `message` in its lane; END. `message` is untouched unless OK. */
enum ifl_status outbox_next(struct outbox *box, struct outbox_message *message);
/* The next `size` bytes (or fewer at the end) of the payload; *got = 0 at its end. The last piece is handed out only when the body's check
 * sum is right: STORE_CORRUPT otherwise (abort the request; outbox_give_up() it). FLASH_BUSY: nothing read, try again. */
enum ifl_status outbox_read(struct outbox *box, struct outbox_message *message, void *buf, size_t size, size_t *got);
/* Read again from the start (a retry). */
void outbox_rewind(struct outbox_message *message);
/* All messages of the lane with number <= n are finished (accepted by the receiver). Kept in RAM and written to flash by outbox_step(),
 * outbox_flush() or when it's due (SPEC.md); a cursor lost by a power cut means a repetition under the same id, nothing else. */
enum ifl_status outbox_done(struct outbox *box, uint8_t lane, outbox_n n);
/* Move one message (the first of its lane) to the dead letters with `reason`; its id stays. OK: it is there and finished in its lane. INVALID: not the first
 * one; NOT_FOUND: finished already; FLASH_BUSY: step and try again; STORE_CORRUPT (outbox_give_up() it), STORE_FULL and FLASH_*: it is still
 * where it was. */
enum ifl_status outbox_dead_letter(struct outbox *box, const struct outbox_message *message, enum ifl_status reason);
/* Drop the messages from the first one to number n of a lane with a recorded reason. STORE_FULL, FLASH_*: they are still there. */
enum ifl_status outbox_give_up(struct outbox *box, uint8_t lane, outbox_n n, enum ifl_status reason);
/* Put a dead letter back at the end of the lane `lane` under its old id, and finish it among the dead letters. NOT_FOUND: it's finished already.
 * STORE_FULL, FLASH_*: it's still a dead letter. */
enum ifl_status outbox_requeue(struct outbox *box, const struct outbox_message *dead, uint8_t lane);
/* Finish one dead letter anywhere among them (drop, or re-queued): a TOMB record. NOT_FOUND. */
enum ifl_status outbox_bury(struct outbox *box, const struct outbox_message *dead);

/* ---- batches: several messages in one request, under the id <log id>-<lane>-<first n>..<last n> ---- */

struct outbox_batch {
    outbox_n first_n, last_n;
    uint8_t format; /* as given by the caller, who builds the same body from it again */
};
/* The messages from the first one of the lane to number last_n are about to be sent as one batch. Call it before the first byte of the batch is sent, and
 * with numbers that outbox_first() and outbox_next() have shown without a gap. OK: durable; from now on, also after a restart, it's this batch that is
 * repeated: outbox_batch_pending() gives it, until outbox_done() for last_n, or until its first message is finished in another way (given up, dead letter). INVALID: no lane,
 * not behind the cursor, not durable, more than 65535 messages, or a batch is pending that isn't longer: one that was rejected as a whole may go in parts, each of
 * them recorded in its place. STORE_FULL, FLASH_*: there is no batch; don't send it. */
enum ifl_status outbox_batch_begin(struct outbox *box, uint8_t lane, outbox_n last_n, uint8_t format);
/* True: the messages at the front of the lane were tried as this batch, and must be sent as the same one. The lane is one that a message was found in. */
bool outbox_batch_pending(const struct outbox *box, uint8_t lane, struct outbox_batch *batch);

/* ---- upkeep ---- */

/* Polls and starts erases, writes due cursors. Returns when it wants to be called again. */
ifl_ms outbox_step(struct outbox *box, ifl_ms now);
/* Write all cursors to flash now (before sleep, stop, or an idle phase), and sync. OK: what is finished never comes back. STORE_FULL: the store is so full
 * that a cursor has no place: its messages may come once more under the same id after a restart; everything else is written and synced. FLASH_BUSY: an erase
 * is under way, step and try again; or a put is open in a lane whose cursor is due, the others are written. FLASH_IO of the sync: see outbox_sync(); of a cursor: as STORE_FULL. */
enum ifl_status outbox_flush(struct outbox *box);

struct outbox_lane_stats {
    outbox_n queued;      /* messages behind the cursor */
    outbox_n first_n;     /* number of the oldest of them, 0 if none */
    outbox_n last_n;      /* highest number ever given in this lane */
    uint64_t given_up;    /* messages given up since format */
    uint32_t blocks;      /* blocks that belong to the lane */
    uint16_t last_reason; /* of the last give-up (enum ifl_status), 0 if none */
};
enum ifl_status outbox_lane_stats(const struct outbox *box, uint8_t lane, struct outbox_lane_stats *stats);

void outbox_stats(const struct outbox *box, struct outbox_stats *stats);

#endif
