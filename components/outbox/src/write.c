/* write.c: everything that puts records behind the last one of a lane.
 *
 * A put goes  NONE ──begin──► HEADER and body in pieces of the buffer ──commit──► body check sum (the commit) ──► NONE
 *                                         └── abandon, or the medium fails ──► what is there has no check sum and is skipped */
#include "internal.h"

#include <string.h>

/* ---- the medium ---- */

bool outbox_is_cached(const struct outbox *box)
{
    return box->region.flash->driver->sync != NULL;
}

/* Small where a torn program can leave bits that hover: recovery leaves as much room behind the last record. */
uint32_t outbox_program_size(const struct outbox *box)
{
    uint32_t granule = flash_prog_size(box->region);
    if (outbox_is_cached(box)) {
        return IFL_OUTBOX_BUFFER_SIZE / granule * granule;
    }
    return granule > PIECE_SIZE ? granule : PIECE_SIZE;
}

enum ifl_status outbox_ready(const struct outbox *box)
{
    uint8_t byte;
    return flash_read(box->region, 0, &byte, sizeof byte);
}

/* A header: padded to whole granules, read back. */
enum ifl_status outbox_program(struct outbox *box, uint32_t at, const void *from, uint32_t size)
{
    uint8_t granules[IFL_FLASH_PROG_SIZE_MAX];
    uint32_t padded = outbox_padded(box, size);
    memset(granules, flash_erased_value(box->region), sizeof granules);
    memcpy(granules, from, size);
    box->dirty = true;
    return flash_program_verified(box->region, at, granules, padded);
}

/* A failure is kept for outbox_sync(): it speaks of messages that nobody was told are safe. */
enum ifl_status outbox_sync_inside(struct outbox *box)
{
    if (!box->dirty || !outbox_is_cached(box)) {
        return IFL_OK;
    }
    enum ifl_status status = flash_sync(box->region);
    box->dirty = status == IFL_FLASH_BUSY;
    if (status == IFL_FLASH_BUSY) {
        return status;
    }
    for (size_t i = 0; i < IFL_LANE_COUNT; i++) {
        struct outbox_lane *lane = &box->lanes[i];
        if (status != IFL_OK && lane->unsynced) {
            lane->sync_failed = lane->closed = true;
            lane->cursor_saved = 0; /* it may be among what was lost */
        }
        lane->unsynced = false;
        if (!lane->sync_failed) {
            lane->durable_n = lane->last_n;
        }
    }
    if (status != IFL_OK) {
        box->sync_status = status;
    }
    return status;
}

static bool is_worn(enum ifl_status status)
{
    return status == IFL_FLASH_VERIFY || status == IFL_FLASH_IO;
}

static uint32_t block_end(const struct outbox *box, const struct outbox_lane *lane)
{
    return outbox_block_start(box, lane->newest + 1u);
}

/* Kept free at the end of a block: for records that must always be possible. */
static uint32_t reserve_size(const struct outbox *box)
{
    uint32_t granule = flash_prog_size(box->region);
    return 4 * (granule > 64 ? granule : 64);
}

/* ---- records without a body ---- */

static enum ifl_status write_record(struct outbox *box, uint8_t lane, struct record *rec)
{
    struct outbox_lane *l = &box->lanes[lane];
    uint8_t raw[RECORD_SIZE];
    struct block block;
    enum block_state state;
    enum ifl_status status = outbox_block_load(box, l->newest, &block, &state);
    if (status != IFL_OK) {
        return status;
    }
    rec->behind = rec->type == RECORD_RESUME ? (uint32_t)(l->given_up - block.given_up) : 0;
    outbox_record_encode(rec, block.crc, raw);
    l->unsynced = true;
    status = outbox_program(box, l->write_at, raw, sizeof raw);
    if (status == IFL_OK) {
        l->write_at += outbox_padded(box, RECORD_SIZE);
        l->fence_at = rec->type == RECORD_RESUME ? 0 : l->fence_at;
    } else if (is_worn(status)) {
        l->closed = true;
    }
    return status;
}

/* What recovery found, once for all: whatever a torn record before it reads like, it doesn't count any more. */
static enum ifl_status write_resume(struct outbox *box, uint8_t lane)
{
    struct outbox_lane *l = &box->lanes[lane];
    struct record rec = {.type = RECORD_RESUME, .n = l->last_n, .aux = l->cursor, .size = l->last_reason};
    enum ifl_status status = l->resume_due ? write_record(box, lane, &rec) : IFL_OK;
    if (status == IFL_OK && l->resume_due) {
        l->resume_due = false;
        l->cursor_saved = l->cursor;
    }
    return status;
}

bool outbox_has_room(const struct outbox *box, const struct outbox_lane *lane, uint32_t size, uint32_t reserve)
{
    uint32_t resume = lane->resume_due ? outbox_padded(box, RECORD_SIZE) : 0;
    uint32_t end = block_end(box, lane);
    return lane->newest_serial != 0 && !lane->closed && lane->write_at < end &&
           end - lane->write_at >= size + resume + reserve;
}

enum ifl_status outbox_room_for_record(struct outbox *box, uint8_t lane)
{
    return outbox_has_room(box, &box->lanes[lane], outbox_padded(box, RECORD_SIZE), 0)
               ? IFL_OK
               : outbox_block_open(box, lane, false);
}

/* Header 2 and RESUME say all that CURSOR and GIVEUP say. */
static enum ifl_status append_once(struct outbox *box, uint8_t lane, struct record *rec)
{
    struct outbox_lane *l = &box->lanes[lane];
    bool told = rec->type <= RECORD_RESUME;
    uint32_t size = told && l->resume_due ? 0 : outbox_padded(box, RECORD_SIZE);
    enum ifl_status status;
    if (!outbox_has_room(box, l, size, 0)) {
        status = outbox_block_open(box, lane, false);
        size = told ? 0 : size;
    } else {
        status = write_resume(box, lane);
    }
    return status == IFL_OK && size > 0 ? write_record(box, lane, rec) : status;
}

enum ifl_status outbox_append(struct outbox *box, uint8_t lane, enum record_type type, uint64_t n, uint64_t aux,
                              uint32_t size)
{
    struct record rec = {.type = (uint8_t)type, .n = n, .aux = aux, .size = size};
    if (box->put.active && box->put.lane == lane) {
        return IFL_FLASH_BUSY;
    }
    enum ifl_status status = append_once(box, lane, &rec);
    return is_worn(status) ? append_once(box, lane, &rec) : status;
}

enum ifl_status outbox_cursor_save(struct outbox *box, uint8_t lane)
{
    struct outbox_lane *l = &box->lanes[lane];
    enum ifl_status status = outbox_append(box, lane, RECORD_CURSOR, l->cursor, 0, 0);
    if (status == IFL_OK) {
        l->cursor_saved = l->cursor;
    }
    return status;
}

/* The cursor moves in RAM first, so that a new block's header speaks of it. */
enum ifl_status outbox_give_up_to(struct outbox *box, uint8_t lane, uint64_t n, enum ifl_status reason)
{
    struct outbox_lane *l = &box->lanes[lane];
    uint64_t given_up = l->given_up, cursor = l->cursor;
    uint16_t last_reason = l->last_reason;
    l->given_up += n - l->cursor;
    l->last_reason = (uint16_t)reason;
    l->cursor = n;
    enum ifl_status status = outbox_append(box, lane, RECORD_GIVEUP, n, cursor + 1, (uint32_t)reason);
    if (status == IFL_OK) {
        l->cursor_saved = n;
        l->checked = false;
    } else {
        l->given_up = given_up;
        l->last_reason = last_reason;
        l->cursor = cursor;
    }
    return status;
}

/* Its oldest block holds messages, and more blocks follow. */
static bool may_give_up(struct outbox *box, uint8_t lane, uint8_t for_lane)
{
    const struct outbox_lane *l = &box->lanes[lane];
    return l->gives_up && l->priority <= box->lanes[for_lane].priority && l->block_count > 1 &&
           (lane == for_lane || l->block_count > l->min_blocks) && outbox_lane_second(box, lane) == IFL_OK &&
           l->reclaim_n - 1 > l->cursor;
}

/* FLASH_BUSY: a block is given up and becomes free soon. STORE_FULL: nobody allows it. */
enum ifl_status outbox_give_up_oldest(struct outbox *box, uint8_t for_lane)
{
    uint8_t victim = OUTBOX_LANE_NONE;
    for (uint8_t i = 0; i < IFL_LANE_COUNT; i++) {
        if (may_give_up(box, i, for_lane) &&
            (victim == OUTBOX_LANE_NONE || box->lanes[i].priority < box->lanes[victim].priority)) {
            victim = i;
        }
    }
    if (victim == OUTBOX_LANE_NONE) {
        return IFL_STORE_FULL;
    }
    enum ifl_status status = outbox_give_up_to(box, victim, box->lanes[victim].reclaim_n - 1, IFL_STORE_GAVE_UP);
    return status == IFL_OK ? IFL_FLASH_BUSY : status;
}

/* ---- messages ---- */

static enum ifl_status put_program(struct outbox *box, uint32_t size)
{
    struct outbox_put *put = &box->put;
    box->dirty = box->lanes[put->lane].unsynced = true;
    enum ifl_status status = flash_program_verified(box->region, put->next, put->buf, size);
    if (status == IFL_OK) {
        put->next += size;
        put->fill = 0;
        return IFL_OK;
    }
    if (is_worn(status)) {
        box->lanes[put->lane].closed = true;
    }
    outbox_put_abandon(box);
    return status;
}

static enum ifl_status put_bytes(struct outbox *box, const uint8_t *from, size_t size)
{
    struct outbox_put *put = &box->put;
    uint32_t room = outbox_program_size(box);
    while (size > 0) {
        size_t piece = size < room - put->fill ? size : room - put->fill;
        memcpy(put->buf + put->fill, from, piece);
        put->fill = (uint16_t)(put->fill + piece);
        from += piece;
        size -= piece;
        enum ifl_status status = put->fill == room ? put_program(box, room) : IFL_OK;
        if (status != IFL_OK) {
            return status;
        }
    }
    return IFL_OK;
}

/* A place for `extent` bytes of a message; RESUME before it when it's due. */
static enum ifl_status make_room(struct outbox *box, uint8_t lane, uint32_t extent)
{
    if (!outbox_has_room(box, &box->lanes[lane], extent, reserve_size(box))) {
        return outbox_block_open(box, lane, true);
    }
    return write_resume(box, lane);
}

enum ifl_status outbox_data_begin(struct outbox *box, uint8_t lane, struct record *rec, const struct origin *origin)
{
    struct outbox_lane *l = &box->lanes[lane];
    struct outbox_put *put = &box->put;
    uint8_t raw[RECORD_SIZE];
    struct block block;
    enum block_state state;
    if (put->active) {
        return IFL_FLASH_BUSY;
    }
    rec->type = RECORD_DATA;
    rec->behind = (uint32_t)(rec->n - 1 > l->durable_n ? rec->n - 1 - l->durable_n : 0);
    rec->flags = (uint8_t)(rec->flags | (origin != NULL ? RECORD_ORIGIN : 0));
    uint32_t extent = outbox_record_extent(box, rec);
    enum ifl_status status = make_room(box, lane, extent);
    if (is_worn(status)) {
        status = make_room(box, lane, extent);
    }
    if (status == IFL_OK) {
        status = outbox_block_load(box, l->newest, &block, &state);
    }
    if (status != IFL_OK) {
        return status;
    }
    outbox_record_encode(rec, block.crc, raw);
    put->active = true;
    put->lane = lane;
    put->n = rec->n;
    put->fill = 0;
    put->start = put->next = l->write_at;
    put->size = put->left = rec->size;
    put->crc = rec->crc;
    status = put_bytes(box, raw, sizeof raw);
    if (status == IFL_OK && origin != NULL) {
        outbox_origin_encode(origin, raw);
        put->crc = crc32c(put->crc, raw, ORIGIN_SIZE);
        status = put_bytes(box, raw, ORIGIN_SIZE);
    }
    return status;
}

enum ifl_status outbox_put_write(struct outbox *box, struct bytes piece)
{
    struct outbox_put *put = &box->put;
    if (!put->active || piece.size > put->left) {
        return IFL_INVALID;
    }
    enum ifl_status status = outbox_ready(box);
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
    uint8_t crc[BODY_CRC_SIZE];
    le32_put(crc, put->crc);
    enum ifl_status status = put_bytes(box, crc, sizeof crc);
    uint32_t padded = outbox_padded(box, put->fill);
    if (status != IFL_OK || padded == 0) {
        return status;
    }
    memset(put->buf + put->fill, flash_erased_value(box->region), padded - put->fill);
    return put_program(box, padded);
}

enum ifl_status outbox_put_commit(struct outbox *box, struct outbox_id *id)
{
    struct outbox_put *put = &box->put;
    struct outbox_lane *lane = &box->lanes[put->lane];
    if (!put->active || put->left > 0) {
        return IFL_INVALID;
    }
    enum ifl_status status = outbox_ready(box);
    if (status == IFL_OK) {
        status = put_end(box);
    }
    if (status != IFL_OK) {
        return status;
    }
    put->active = false;
    lane->write_at = put->next;
    if (put->n > lane->last_n) {
        lane->last_n = put->n;
    }
    if (!outbox_is_cached(box)) {
        lane->durable_n = lane->last_n;
    }
    *id = (struct outbox_id){.log = box->log_id, .lane = put->lane, .n = put->n};
    return IFL_OK;
}

/* What was programmed stays; recovery and readers skip it, because no check sum follows. */
void outbox_put_abandon(struct outbox *box)
{
    struct outbox_put *put = &box->put;
    if (put->active) {
        put->active = false;
        box->lanes[put->lane].write_at = put->next;
    }
}

static enum ifl_status copy_body(struct outbox *box, const struct record *from)
{
    uint8_t piece[PIECE_SIZE];
    uint32_t crc = from->crc;
    uint32_t at = from->at + RECORD_SIZE;
    uint32_t payload = outbox_record_body(from);
    uint32_t end = payload + from->size;
    enum ifl_status status = IFL_OK;
    while (status == IFL_OK && at < end) {
        uint32_t stop = at < payload ? payload : end;
        uint32_t size = stop - at < PIECE_SIZE ? stop - at : PIECE_SIZE;
        status = flash_read(box->region, at, piece, size);
        crc = crc32c(crc, piece, size);
        if (status == IFL_OK && at >= payload) {
            status = outbox_put_write(box, bytes_of(piece, size));
        }
        at += size;
    }
    if (status == IFL_OK) {
        status = flash_read(box->region, end, piece, BODY_CRC_SIZE);
    }
    return status == IFL_OK && crc != le32_get(piece) ? IFL_STORE_CORRUPT : status;
}

enum ifl_status outbox_data_copy(struct outbox *box, uint8_t lane, struct record *rec, const struct origin *origin,
                                 const struct record *from)
{
    struct outbox_id id;
    rec->size = from->size;
    rec->aux = from->aux;
    rec->quality = from->quality;
    enum ifl_status status = outbox_data_begin(box, lane, rec, origin);
    if (status == IFL_OK) {
        status = copy_body(box, from);
        if (status == IFL_OK) {
            return outbox_put_commit(box, &id);
        }
        outbox_put_abandon(box);
    }
    return status;
}
