/* write.c: everything that puts records behind the last one of a lane.
 *
 * A put goes  NONE ──begin──► HEADER and body in pieces of the buffer ──commit──► body check sum (the commit) ──► NONE
 *                                         └── abandon, or the medium fails ──► what is there has no check sum and is skipped */
#include "internal.h"

#include <string.h>

/* ---- the medium ---- */

/* A header: padded to whole granules, read back. */
enum ifl_status outbox_program(struct outbox *box, uint32_t at, const void *from, uint32_t size)
{
    uint8_t granules[IFL_FLASH_PROG_SIZE_MAX];
    memset(granules, flash_erased_value(&box->region), sizeof granules);
    memcpy(granules, from, size);
    outbox_unsynced(box, NULL);
    return box->fault != IFL_OK ? box->fault
                                : flash_program_verified(&box->region, at, granules, outbox_padded(box, size));
}

/* Kept free at the end of a block: for records that must always be possible. */
static uint32_t reserve_size(const struct outbox *box)
{
    return 4u * box->hover_size;
}

/* ---- records without a body ---- */

/* All but TOMB say the same: how far the lane is. */
static enum ifl_status write_record(struct outbox *box, struct outbox_lane *lane, enum record_type type, outbox_n n)
{
    const struct outbox_progress *progress = &lane->progress;
    struct record rec = {.type = (uint8_t)type,
                         .n = type == RECORD_TOMB ? n : outbox_durable_n(lane),
                         .quality = progress->batch_format,
                         .reason = progress->reason,
                         .batch_count = progress->batch_count,
                         .cursor = progress->cursor,
                         .given_up = progress->given_up};
    outbox_record_seal(&rec, lane->seed);
    outbox_unsynced(box, lane);
    enum ifl_status status = outbox_program(box, lane->write_at, &rec, RECORD_SIZE);
    if (outbox_is_worn(status)) {
        lane->closed = true;
    }
    if (status == IFL_OK) {
        lane->write_at += box->record_size;
        if (type != RECORD_TOMB) {
            lane->cursor_saved = progress->cursor;
        }
    }
    return status;
}

/* What recovery found, once for all: whatever a torn record before it reads like, it doesn't count any more. */
static enum ifl_status write_resume(struct outbox *box, struct outbox_lane *lane)
{
    if (!lane->resume_due) {
        return IFL_OK;
    }
    enum ifl_status status = write_record(box, lane, RECORD_RESUME, 0);
    if (status == IFL_OK) {
        lane->resume_due = false;
        lane->fence_at = 0;
    }
    return status;
}

bool outbox_has_room(const struct outbox *box, const struct outbox_lane *lane, uint32_t size)
{
    uint32_t resume = lane->resume_due ? box->record_size : 0;
    uint32_t end = outbox_block_start(box, lane->newest + 1u);
    return lane->newest_serial != 0 && !lane->closed && !outbox_is_in_doubt(lane) && lane->write_at < end &&
           end - lane->write_at >= size + resume;
}

enum ifl_status outbox_make_room(struct outbox *box, struct outbox_lane *lane, uint32_t size, bool data)
{
    enum ifl_status status = outbox_write_again(box, lane);
    if (status != IFL_OK || outbox_has_room(box, lane, size)) {
        return status;
    }
    return outbox_block_open(box, lane, data);
}

static enum ifl_status find_place(struct outbox *box, struct outbox_lane *lane, uint32_t size, bool data)
{
    enum ifl_status status = outbox_make_room(box, lane, size, data);
    return status == IFL_OK ? write_resume(box, lane) : status;
}

/* Header 2 and RESUME say all that the others say, but for TOMB. */
static enum ifl_status tell_once(struct outbox *box, struct outbox_lane *lane, enum record_type type, outbox_n n)
{
    bool told = lane->resume_due;
    uint32_t serial = lane->newest_serial;
    enum ifl_status status = find_place(box, lane, told && type != RECORD_TOMB ? 0 : box->record_size, false);
    told |= serial != lane->newest_serial;
    return status == IFL_OK && (!told || type == RECORD_TOMB) ? write_record(box, lane, type, n) : status;
}

enum ifl_status outbox_tell(struct outbox *box, struct outbox_lane *lane, enum record_type type, outbox_n n)
{
    if (box->put.lane == lane) {
        return IFL_FLASH_BUSY;
    }
    enum ifl_status status = tell_once(box, lane, type, n);
    return outbox_is_worn(status) ? tell_once(box, lane, type, n) : status;
}

/* The cursor moves in RAM first, so that a new block's header speaks of it. */
enum ifl_status outbox_give_up_to(struct outbox *box, struct outbox_lane *lane, outbox_n n, enum ifl_status reason)
{
    struct outbox_progress *progress = &lane->progress;
    outbox_n cursor = progress->cursor;
    uint32_t count = (uint32_t)(n - cursor);
    uint16_t last_reason = progress->reason, batch_count = progress->batch_count;
    outbox_move_cursor(lane, n);
    progress->given_up += count;
    progress->reason = (uint16_t)reason;
    enum ifl_status status = outbox_tell(box, lane, RECORD_GIVEUP, 0);
    if (status != IFL_OK) {
        progress->cursor = cursor;
        progress->given_up -= count;
        progress->reason = last_reason;
        progress->batch_count = batch_count;
    }
    return status;
}

/* Its oldest block holds messages, and more blocks follow. */
static bool may_give_up(struct outbox *box, struct outbox_lane *lane, const struct outbox_lane *for_lane)
{
    return lane->gives_up && lane->priority <= for_lane->priority &&
           (lane == for_lane || lane->block_count > lane->min_blocks) && outbox_lane_second(box, lane) != 0 &&
           lane->reclaim_n - 1 > lane->progress.cursor;
}

/* FLASH_BUSY: a block is given up and becomes free soon. STORE_FULL: nobody allows it. */
enum ifl_status outbox_give_up_oldest(struct outbox *box, const struct outbox_lane *for_lane)
{
    struct outbox_lane *victim = NULL;
    for (struct outbox_lane *lane = box->lanes; lane < box->lanes + IFL_LANE_COUNT; lane++) {
        if (may_give_up(box, lane, for_lane) && (victim == NULL || lane->priority < victim->priority)) {
            victim = lane;
        }
    }
    if (victim == NULL) {
        return IFL_STORE_FULL;
    }
    enum ifl_status status = outbox_give_up_to(box, victim, victim->reclaim_n - 1, IFL_STORE_GAVE_UP);
    return status == IFL_OK ? IFL_FLASH_BUSY : status;
}

/* ---- messages ---- */

static enum ifl_status put_program(struct outbox *box, uint32_t size)
{
    struct outbox_put *put = &box->put;
    struct outbox_lane *lane = put->lane;
    outbox_unsynced(box, lane);
    enum ifl_status status = flash_program_verified(&box->region, put->next, box->buffer, size);
    if (status == IFL_OK) {
        put->next += size;
        put->fill = 0;
        return IFL_OK;
    }
    if (outbox_is_worn(status)) {
        lane->closed = true;
    }
    outbox_put_abandon(box);
    return status;
}

static enum ifl_status put_bytes(struct outbox *box, const void *from, size_t size)
{
    struct outbox_put *put = &box->put;
    const uint8_t *bytes = from;
    uint32_t room = outbox_program_size(box);
    enum ifl_status status = IFL_OK;
    while (size > 0 && status == IFL_OK) {
        size_t piece = size < room - put->fill ? size : room - put->fill;
        memcpy(box->buffer + put->fill, bytes, piece);
        put->fill += (uint32_t)piece;
        bytes += piece;
        size -= piece;
        status = put->fill == room ? put_program(box, room) : IFL_OK;
    }
    return status;
}

enum ifl_status outbox_data_begin(struct outbox *box, struct outbox_lane *lane, uint32_t size,
                                  const struct outbox_time *time, const struct origin *origin)
{
    struct outbox_put *put = &box->put;
    struct record rec = {.type = RECORD_DATA,
                         .flags = origin != NULL ? RECORD_ORIGIN : 0,
                         .quality = time->quality,
                         .size = size,
                         .n = lane->last_n + 1,
                         .time = ((uint64_t)time->unix_s & TIME_MASK) | (uint64_t)time->uptime_min << TIME_BITS};
    if (put->lane != NULL || rec.n == 0) { /* 0: no number is left */
        return put->lane != NULL ? IFL_FLASH_BUSY : IFL_STORE_FULL;
    }
    enum ifl_status status = find_place(box, lane, outbox_record_extent(box, &rec) + reserve_size(box), true);
    if (status != IFL_OK) {
        return status;
    }
    rec.behind = (uint32_t)(lane->last_n - outbox_durable_n(lane)); /* a new block begins with a sync */
    outbox_record_seal(&rec, lane->seed);
    put->lane = lane;
    put->fill = 0;
    put->next = lane->write_at;
    put->left = size;
    put->crc = rec.crc;
    status = put_bytes(box, &rec, RECORD_SIZE);
    if (status == IFL_OK && origin != NULL) {
        put->crc = crc32c(put->crc, origin, ORIGIN_SIZE);
        status = put_bytes(box, origin, ORIGIN_SIZE);
    }
    return status;
}

/* What has failed is begun again from the start. */
static enum ifl_status put_enter(struct outbox *box)
{
    enum ifl_status status = outbox_enter(box);
    if (outbox_is_in_doubt(box->put.lane)) {
        status = IFL_FLASH_IO; /* no later sync sees to what was programmed */
    }
    if (status != IFL_OK && status != IFL_FLASH_BUSY) {
        outbox_put_abandon(box);
    }
    return status;
}

enum ifl_status outbox_put_write(struct outbox *box, struct bytes piece)
{
    struct outbox_put *put = &box->put;
    if (put->lane == NULL || piece.size > put->left) {
        return IFL_INVALID;
    }
    enum ifl_status status = put_enter(box);
    if (status != IFL_OK) {
        return status;
    }
    put->crc = crc32c(put->crc, piece.data, piece.size);
    put->left -= (uint32_t)piece.size;
    return put_bytes(box, piece.data, piece.size);
}

/* The last granules, with the body's check sum. */
static enum ifl_status put_end(struct outbox *box)
{
    struct outbox_put *put = &box->put;
    uint32_t crc = put->crc;
    enum ifl_status status = put_bytes(box, &crc, sizeof crc);
    uint32_t padded = outbox_padded(box, put->fill);
    if (status != IFL_OK || padded == 0) {
        return status;
    }
    memset(box->buffer + put->fill, flash_erased_value(&box->region), padded - put->fill);
    return put_program(box, padded);
}

enum ifl_status outbox_put_commit(struct outbox *box, struct outbox_id *id)
{
    struct outbox_put *put = &box->put;
    struct outbox_lane *lane = put->lane;
    if (put->lane == NULL || put->left > 0) {
        return IFL_INVALID;
    }
    enum ifl_status status = put_enter(box);
    if (status == IFL_OK) {
        status = put_end(box);
    }
    if (status != IFL_OK) {
        return status;
    }
    outbox_put_abandon(box);
    lane->last_n++;
    if (!outbox_is_cached(box)) {
        outbox_all_durable(lane);
    }
    *id = (struct outbox_id){.log = box->stats.log_id, .lane = lane->progress.lane, .n = lane->last_n};
    return IFL_OK;
}

/* What was programmed stays; recovery and readers skip it, because no check sum follows. */
void outbox_put_abandon(struct outbox *box)
{
    struct outbox_put *put = &box->put;
    if (put->lane != NULL) {
        put->lane->write_at = put->next;
        put->lane = NULL;
    }
}
