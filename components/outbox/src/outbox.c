/* outbox.c: the public functions in the order of the header; recovery is in recover.c, put_write, _commit and _abandon in write.c. */
#include "internal.h"

#include <string.h>

#define QUIET_MS 500        /* nobody used the outbox for so long: erases in stock disturb nobody */
#define POLL_MS 2           /* while an erase runs */
#define SPACE_RETRY_MS 1000 /* a file system that was full */
#define STOCK                                                                                                          \
    3u              /* free blocks that are enough: the last one, one ahead of need, one for  \
        another lane */
#define PUT_TRIES 3 /* a put moves on from worn blocks so often */

/* ---- lanes ---- */

size_t outbox_lane_count(const struct outbox *box)
{
    size_t count = IFL_LANE_COUNT;
    while (box->lanes[count - 1].route[0] == '\0' && count > 1) {
        count--;
    }
    return count;
}

uint8_t outbox_lane_of(const struct outbox *box, const char *route)
{
    for (uint8_t i = 0; i < IFL_LANE_COUNT; i++) {
        if (box->lanes[i].route[0] != '\0' && strcmp(box->lanes[i].route, route) == 0) {
            return i;
        }
    }
    return OUTBOX_LANE_NONE;
}

const char *outbox_lane_route(const struct outbox *box, uint8_t lane)
{
    return lane < IFL_LANE_COUNT ? box->lanes[lane].route : "";
}

bool outbox_lane_is_orphan(const struct outbox *box, uint8_t lane)
{
    return lane < IFL_LANE_COUNT && box->lanes[lane].route[0] != '\0' && !box->lanes[lane].configured;
}

static bool is_lane(const struct outbox *box, uint8_t lane)
{
    return outbox_lane_route(box, lane)[0] != '\0';
}

/* ---- storing ---- */

enum ifl_status outbox_put_begin(struct outbox *box, uint8_t lane, uint32_t size, struct outbox_time time)
{
    box->active = true;
    if (!is_lane(box, lane) || lane == OUTBOX_LANE_DEAD || size == 0 || box->put.active) {
        return IFL_INVALID;
    }
    if (size > box->payload_max) {
        return IFL_TOO_LARGE;
    }
    enum ifl_status status = outbox_ready(box);
    if (status != IFL_OK) {
        return status;
    }
    struct record rec = {
        .n = box->lanes[lane].last_n + 1, .size = size, .aux = (uint64_t)time.unix_s, .quality = time.quality};
    return outbox_data_begin(box, lane, &rec, NULL);
}

enum ifl_status outbox_put(struct outbox *box, uint8_t lane, struct bytes payload, struct outbox_time time,
                           struct outbox_id *id)
{
    enum ifl_status status = IFL_FLASH_VERIFY;
    if (payload.size > box->payload_max) {
        return IFL_TOO_LARGE;
    }
    for (int i = 0; i < PUT_TRIES && (status == IFL_FLASH_VERIFY || status == IFL_FLASH_IO); i++) {
        status = outbox_put_begin(box, lane, (uint32_t)payload.size, time);
        if (status == IFL_OK) {
            status = outbox_put_write(box, payload);
        }
        if (status == IFL_OK) {
            status = outbox_put_commit(box, id);
        }
    }
    return status;
}

enum ifl_status outbox_sync(struct outbox *box)
{
    enum ifl_status status = outbox_sync_inside(box);
    if (status == IFL_OK) {
        status = box->sync_status;
    }
    if (status != IFL_FLASH_BUSY) {
        box->sync_status = IFL_OK;
    }
    return status;
}

/* ---- looking for messages ---- */

/* Records in `block` at `at` are void when their number is larger than fence: a RESUME or a newer block behind them says so. The nearest
 * one rules, for the numbers only grow behind it. */
static enum ifl_status fence_of(struct outbox *box, const struct block *block, uint32_t at, uint64_t *fence)
{
    struct outbox_lane *lane = &box->lanes[block->lane];
    struct walk walk;
    enum ifl_status status;
    if (at < lane->fence_from || at >= lane->fence_at) {
        outbox_walk_start(box, &walk, block, at);
        *fence = UINT64_MAX;
        while ((status = outbox_walk_next(box, &walk)) == IFL_OK) {
            if (walk.rec.type == RECORD_RESUME) {
                *fence = walk.rec.n;
                break;
            }
        }
        lane->fence_from = at;
        lane->fence_at = status == IFL_OK ? walk.rec.at : walk.limit;
        if (status == IFL_END && block->serial != lane->newest_serial) {
            struct block next;
            status = outbox_block_find(box, block->lane, block->serial, &next);
            *fence = status == IFL_OK ? next.first_n - 1 : *fence;
        }
        if (status != IFL_OK && status != IFL_END) {
            lane->fence_at = 0;
            return status;
        }
        lane->fence_n = *fence;
    }
    *fence = lane->fence_n;
    return IFL_OK;
}

static enum ifl_status fill_message(const struct outbox *box, const struct block *block, const struct record *rec,
                                    struct outbox_message *message)
{
    struct origin origin = {.id = {.log = block->log, .lane = block->lane, .n = rec->n}};
    if (rec->flags & RECORD_ORIGIN) {
        enum ifl_status status = outbox_origin_read(box, rec, &origin);
        if (status != IFL_OK) {
            return status;
        }
    }
    *message = (struct outbox_message){.id = origin.id,
                                       .lane = block->lane,
                                       .n = rec->n,
                                       .size = rec->size,
                                       .time = {.unix_s = (int64_t)rec->aux, .quality = rec->quality},
                                       .reason = origin.reason,
                                       .at = rec->at};
    return IFL_OK;
}

enum ifl_status outbox_seek(struct outbox *box, uint8_t lane, uint32_t at, uint64_t after,
                            struct outbox_message *message, bool *damaged)
{
    const struct outbox_lane *l = &box->lanes[lane];
    struct block block;
    enum block_state state;
    enum ifl_status status = outbox_block_load(box, at / box->block_size, &block, &state);
    *damaged = false;
    if (status == IFL_OK && (state != BLOCK_USED || block.lane != lane)) {
        return IFL_STORE_CORRUPT;
    }
    while (status == IFL_OK) {
        struct walk walk;
        outbox_walk_start(box, &walk, &block, at);
        while ((status = outbox_walk_next(box, &walk)) == IFL_OK) {
            uint64_t fence;
            *damaged = *damaged || !walk.whole;
            if (walk.rec.type != RECORD_DATA || !walk.whole || walk.rec.n <= after || walk.rec.n > l->durable_n) {
                continue;
            }
            status = fence_of(box, &block, walk.rec.at, &fence);
            if (status != IFL_OK) {
                return status;
            }
            if (walk.rec.n <= fence) {
                return fill_message(box, &block, &walk.rec, message);
            }
        }
        if (status == IFL_END) {
            status = outbox_block_find(box, lane, block.serial, &block);
            at = 0;
        }
    }
    return status;
}

/* The newest block that can hold the first unfinished message, else the oldest. */
static enum ifl_status locate(struct outbox *box, uint8_t lane)
{
    struct outbox_lane *l = &box->lanes[lane];
    struct block block;
    uint32_t serial = l->oldest_serial - 1;
    enum ifl_status status;
    while ((status = outbox_block_find(box, lane, serial, &block)) == IFL_OK) {
        if (l->read_at != 0 && block.first_n > l->cursor + 1) {
            return IFL_OK;
        }
        l->read_at = outbox_block_records(box, block.index);
        serial = block.serial;
    }
    return status == IFL_END && l->read_at != 0 ? IFL_OK : status;
}

/* Numbers up to `n` aren't there any more. */
static enum ifl_status skip_missing(struct outbox *box, uint8_t lane, uint64_t n, bool damaged)
{
    struct outbox_lane *l = &box->lanes[lane];
    uint32_t count = (uint32_t)(n - l->cursor);
    enum ifl_status reason = damaged ? IFL_STORE_CORRUPT : IFL_STORE_LOST;
    enum ifl_status status = outbox_give_up_to(box, lane, n, reason);
    if (status == IFL_STORE_FULL) { /* no place to record it: after a restart it's found again */
        l->given_up += count;
        l->last_reason = (uint16_t)reason;
        l->cursor = n;
        status = IFL_OK;
    }
    if (status == IFL_OK) {
        *(damaged ? &box->corrupt_records : &box->lost_records) += count;
    }
    return status;
}

enum ifl_status outbox_is_buried(const struct outbox *box, uint64_t n, uint32_t at, bool *buried)
{
    const struct outbox_lane *lane = &box->lanes[OUTBOX_LANE_DEAD];
    uint32_t serial = lane->oldest_serial - 1;
    struct block block;
    enum block_state state;
    enum ifl_status status = at != 0 ? outbox_block_load(box, at / box->block_size, &block, &state)
                                     : outbox_block_find(box, OUTBOX_LANE_DEAD, serial, &block);
    *buried = false;
    while (status == IFL_OK) {
        struct walk walk;
        outbox_walk_start(box, &walk, &block, at);
        while ((status = outbox_walk_next(box, &walk)) == IFL_OK) {
            if (walk.rec.type == RECORD_TOMB && walk.rec.n == n) {
                status = outbox_record_steady(box, walk.rec.at);
                *buried = status == IFL_OK;
                if (status != IFL_STORE_CORRUPT) {
                    return status;
                }
            }
        }
        if (status == IFL_END) {
            status = outbox_block_find(box, OUTBOX_LANE_DEAD, block.serial, &block);
            at = 0;
        }
    }
    return status == IFL_END ? IFL_OK : status;
}

/* The record at read_at was found before. */
static enum ifl_status first_again(struct outbox *box, const struct outbox_lane *lane, struct outbox_message *message)
{
    struct block block;
    struct record rec;
    enum ifl_status status = outbox_record_at(box, lane->read_at, &block, &rec);
    return status == IFL_OK ? fill_message(box, &block, &rec, message) : status;
}

/* One look at the lane. AGAIN: something was skipped, look again. */
static enum ifl_status first_once(struct outbox *box, uint8_t lane, struct outbox_message *message)
{
    struct outbox_lane *l = &box->lanes[lane];
    struct outbox_message found;
    bool damaged, buried = false;
    enum ifl_status status = l->read_at == 0 ? locate(box, lane) : IFL_OK;
    if (status == IFL_OK) {
        status = outbox_seek(box, lane, l->read_at, l->cursor, &found, &damaged);
    }
    if (status == IFL_END) {
        status = skip_missing(box, lane, l->durable_n, damaged);
        return status == IFL_OK ? IFL_END : status;
    }
    if (status == IFL_OK && found.n > l->cursor + 1) {
        status = skip_missing(box, lane, found.n - 1, damaged);
    }
    if (status == IFL_OK && lane == OUTBOX_LANE_DEAD) {
        status = outbox_is_buried(box, found.n, found.at, &buried);
    }
    if (status != IFL_OK) {
        return status;
    }
    l->read_at = found.at;
    if (buried) {
        l->cursor = found.n;
        return IFL_AGAIN;
    }
    l->checked = true;
    *message = found;
    return IFL_OK;
}

enum ifl_status outbox_first(struct outbox *box, uint8_t lane, struct outbox_message *message)
{
    enum ifl_status status = outbox_ready(box);
    if (status != IFL_OK || !is_lane(box, lane)) {
        return status != IFL_OK ? status : IFL_END;
    }
    struct outbox_lane *l = &box->lanes[lane];
    if (l->cursor >= l->durable_n) {
        return IFL_END;
    }
    if (l->checked && first_again(box, l, message) == IFL_OK && message->n > l->cursor) {
        return IFL_OK;
    }
    l->checked = false;
    do {
        status = l->cursor < l->durable_n ? first_once(box, lane, message) : IFL_END;
    } while (status == IFL_AGAIN);
    return status;
}

enum ifl_status outbox_next(struct outbox *box, struct outbox_message *message)
{
    struct outbox_message found = *message;
    bool damaged, buried = true;
    enum ifl_status status = outbox_ready(box);
    while (status == IFL_OK && buried) {
        status = outbox_seek(box, found.lane, found.at, found.n, &found, &damaged);
        buried = false;
        if (status == IFL_OK && found.lane == OUTBOX_LANE_DEAD) {
            status = outbox_is_buried(box, found.n, found.at, &buried);
        }
    }
    if (status == IFL_OK) {
        *message = found;
    }
    return status;
}

/* ---- reading ---- */

static enum ifl_status start_reading(const struct outbox *box, struct outbox_message *message, struct record *rec)
{
    struct block block;
    enum ifl_status status = outbox_record_at(box, message->at, &block, rec);
    if (status != IFL_OK) {
        return status;
    }
    if (block.lane != message->lane || rec->n != message->n || rec->size != message->size) {
        return IFL_STORE_CORRUPT;
    }
    if (message->read_pos == 0) {
        uint8_t raw[ORIGIN_SIZE];
        uint32_t size = outbox_record_body(rec) - rec->at - RECORD_SIZE;
        status = flash_read(box->region, rec->at + RECORD_SIZE, raw, size);
        message->crc = crc32c(rec->crc, raw, size);
    }
    return status;
}

enum ifl_status outbox_read(struct outbox *box, struct outbox_message *message, void *buf, size_t size, size_t *got)
{
    struct record rec;
    uint8_t stored[BODY_CRC_SIZE];
    *got = 0;
    box->active = true;
    if (message->lane >= IFL_LANE_COUNT || message->n <= box->lanes[message->lane].cursor) {
        return IFL_NOT_FOUND;
    }
    if (message->read_pos >= message->size || size == 0) {
        return IFL_OK;
    }
    uint32_t left = message->size - message->read_pos;
    uint32_t piece = size < left ? (uint32_t)size : left;
    enum ifl_status status = start_reading(box, message, &rec);
    if (status != IFL_OK) {
        return status;
    }
    uint32_t at = outbox_record_body(&rec) + message->read_pos;
    status = flash_read(box->region, at, buf, piece);
    if (status != IFL_OK) {
        return status;
    }
    uint32_t crc = crc32c(message->crc, buf, piece);
    if (piece == left) { /* held back until all of it is known to be right */
        status = flash_read(box->region, at + piece, stored, sizeof stored);
        if (status == IFL_OK && crc != le32_get(stored)) {
            status = IFL_STORE_CORRUPT;
        }
        if (status != IFL_OK) {
            memset(buf, 0, piece);
            return status;
        }
    }
    message->crc = crc;
    message->read_pos += piece;
    *got = piece;
    return IFL_OK;
}

void outbox_rewind(struct outbox_message *message)
{
    message->read_pos = 0;
}

/* ---- finishing ---- */

enum ifl_status outbox_done(struct outbox *box, uint8_t lane, uint64_t n)
{
    if (!is_lane(box, lane) || n > box->lanes[lane].durable_n) {
        return IFL_INVALID;
    }
    struct outbox_lane *l = &box->lanes[lane];
    box->active = true;
    if (n > l->cursor) {
        l->cursor = n;
        l->checked = false;
    }
    return IFL_OK;
}

/* Copy the message to the end of `lane` under the id it has. */
static enum ifl_status move_to(struct outbox *box, const struct outbox_message *message, uint8_t lane,
                               enum ifl_status reason)
{
    struct block block;
    struct record from, rec = {.n = box->lanes[lane].last_n + 1};
    struct origin origin = {
        .id = message->id, .from_n = message->n, .from_lane = message->lane, .reason = (uint16_t)reason};
    enum ifl_status status = outbox_ready(box);
    box->active = true;
    if (status == IFL_OK) {
        status = outbox_record_at(box, message->at, &block, &from);
    }
    if (status == IFL_OK && (block.lane != message->lane || from.n != message->n)) {
        status = IFL_STORE_CORRUPT;
    }
    if (status == IFL_OK) {
        status = outbox_data_copy(box, lane, &rec, &origin, &from);
    }
    return status == IFL_OK ? outbox_sync_inside(box) : status;
}

enum ifl_status outbox_dead_letter(struct outbox *box, const struct outbox_message *message, enum ifl_status reason)
{
    if (!is_lane(box, message->lane) || message->lane == OUTBOX_LANE_DEAD) {
        return IFL_INVALID;
    }
    struct outbox_lane *lane = &box->lanes[message->lane];
    if (message->n != lane->cursor + 1) {
        return message->n <= lane->cursor ? IFL_NOT_FOUND : IFL_INVALID;
    }
    enum ifl_status status = outbox_room_for_record(box, message->lane); /* for the cursor */
    if (status == IFL_OK) {
        status = move_to(box, message, OUTBOX_LANE_DEAD, reason);
    }
    if (status == IFL_OK) {
        lane->cursor = message->n;
        lane->checked = false;
        (void)outbox_cursor_save(box, message->lane); /* lost: recovery finds the copy */
    }
    return status;
}

enum ifl_status outbox_give_up(struct outbox *box, uint8_t lane, uint64_t n, enum ifl_status reason)
{
    if (!is_lane(box, lane)) {
        return IFL_INVALID;
    }
    const struct outbox_lane *l = &box->lanes[lane];
    box->active = true;
    n = n < l->durable_n ? n : l->durable_n;
    return n > l->cursor ? outbox_give_up_to(box, lane, n, reason) : IFL_OK;
}

enum ifl_status outbox_requeue(struct outbox *box, const struct outbox_message *dead, uint8_t lane)
{
    bool buried;
    if (!is_lane(box, lane) || lane == OUTBOX_LANE_DEAD || dead->lane != OUTBOX_LANE_DEAD) {
        return IFL_INVALID;
    }
    if (dead->n <= box->lanes[OUTBOX_LANE_DEAD].cursor) {
        return IFL_NOT_FOUND;
    }
    enum ifl_status status = outbox_is_buried(box, dead->n, dead->at, &buried);
    if (status == IFL_OK) {
        status = buried ? IFL_NOT_FOUND : outbox_room_for_record(box, OUTBOX_LANE_DEAD); /* for the TOMB */
    }
    if (status == IFL_OK) {
        status = move_to(box, dead, lane, IFL_OK);
    }
    return status == IFL_OK ? outbox_bury(box, dead) : status;
}

enum ifl_status outbox_bury(struct outbox *box, const struct outbox_message *dead)
{
    struct outbox_lane *lane = &box->lanes[OUTBOX_LANE_DEAD];
    bool buried;
    if (dead->n <= lane->cursor || dead->n > lane->last_n) {
        return IFL_NOT_FOUND;
    }
    enum ifl_status status = outbox_is_buried(box, dead->n, dead->at, &buried);
    if (status == IFL_OK && buried) {
        status = IFL_NOT_FOUND;
    }
    if (status != IFL_OK) {
        return status;
    }
    status = outbox_append(box, OUTBOX_LANE_DEAD, RECORD_TOMB, dead->n, 0, 0);
    lane->checked = false;
    return status;
}

/* ---- upkeep ---- */

/* At the end of a drain, and so often that a cursor costs about 32 bytes of flash a message. */
static bool cursor_due(const struct outbox *box, const struct outbox_lane *lane)
{
    uint32_t interval = flash_prog_size(box->region) / RECORD_SIZE;
    return lane->cursor > lane->cursor_saved &&
           (lane->cursor == lane->last_n || lane->cursor - lane->cursor_saved >= interval);
}

/* OK, or the first failure; the other lanes are tried all the same. */
static enum ifl_status save_cursors(struct outbox *box, bool all)
{
    enum ifl_status first = IFL_OK;
    for (uint8_t i = 0; i < IFL_LANE_COUNT; i++) {
        struct outbox_lane *lane = &box->lanes[i];
        if (lane->sync_failed) {
            (void)outbox_block_open(box, i, false); /* what it holds is shown again once a new block is durable */
        }
        if (lane->newest_serial != 0 && (all ? lane->cursor > lane->cursor_saved : cursor_due(box, lane))) {
            enum ifl_status status = outbox_cursor_save(box, i);
            first = first == IFL_OK ? status : first;
        }
    }
    return first;
}

ifl_ms outbox_step(struct outbox *box, ifl_ms now)
{
    if (box->active) {
        box->active = false;
        box->quiet_since = now;
    }
    bool quiet = now >= ifl_ms_after(box->quiet_since, QUIET_MS);
    if (box->erase_state != OUTBOX_ERASE_RUNNING && outbox_ready(box) == IFL_OK) {
        (void)save_cursors(box, quiet);
        if (quiet) {
            (void)outbox_sync_inside(box);
        }
    }
    if (now >= box->space_retry_at) { /* also while producers never let it be quiet */
        box->no_space = false;
        box->space_retry_at = ifl_ms_after(now, SPACE_RETRY_MS);
    }
    bool start = quiet || box->wanted || box->free_count < STOCK;
    if (outbox_erase_step(box, start)) {
        return now;
    }
    if (box->erase_state != OUTBOX_ERASE_IDLE) {
        return ifl_ms_after(now, POLL_MS);
    }
    if (box->no_space) {
        return ifl_ms_after(now, SPACE_RETRY_MS);
    }
    return quiet ? IFL_NEVER : ifl_ms_after(box->quiet_since, QUIET_MS);
}

enum ifl_status outbox_flush(struct outbox *box)
{
    enum ifl_status status = outbox_ready(box);
    if (status == IFL_OK) {
        enum ifl_status saved = save_cursors(box, true);
        status = outbox_sync(box);
        status = status == IFL_OK ? saved : status;
    }
    return status;
}

enum ifl_status outbox_lane_stats(const struct outbox *box, uint8_t lane, struct outbox_lane_stats *stats)
{
    if (!is_lane(box, lane)) {
        return IFL_NOT_FOUND;
    }
    const struct outbox_lane *l = &box->lanes[lane];
    uint64_t queued = l->last_n - l->cursor;
    *stats = (struct outbox_lane_stats){.queued = queued,
                                        .first_n = queued > 0 ? l->cursor + 1 : 0,
                                        .last_n = l->last_n,
                                        .given_up = l->given_up,
                                        .blocks = l->block_count,
                                        .last_reason = l->last_reason};
    return IFL_OK;
}

void outbox_stats(const struct outbox *box, struct outbox_stats *stats)
{
    *stats = (struct outbox_stats){.log_id = box->log_id,
                                   .block_size = box->block_size,
                                   .block_count = box->block_count,
                                   .free_blocks = box->free_count,
                                   .retired_blocks = box->retired_count,
                                   .payload_max = box->payload_max,
                                   .erase_count_min = box->erase_count_max,
                                   .erase_count_max = box->erase_count_max,
                                   .corrupt_records = box->corrupt_records,
                                   .lost_records = box->lost_records,
                                   .resumed = box->resumed,
                                   .moved = box->moved};
    for (uint32_t i = 0; i < box->block_count; i++) {
        struct block block;
        enum block_state state;
        if (outbox_block_load(box, i, &block, &state) == IFL_OK && state != BLOCK_DIRTY &&
            block.erase_count < stats->erase_count_min) {
            stats->erase_count_min = block.erase_count;
        }
    }
}
