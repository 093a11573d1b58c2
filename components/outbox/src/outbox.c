/* outbox.c: the public functions in the order of the header; recovery is in recover.c, put_write, _commit and _abandon in write.c. */
#include "internal.h"

#include <string.h>

#define QUIET_MS 500 /* nobody used the outbox for so long: erases in stock disturb nobody */
#define POLL_MS 2    /* while an erase runs */
#define STOCK                                                                                                          \
    3u              /* free blocks that are enough: the last one, one ahead of need, one for  \
        another lane */
#define PUT_TRIES 3 /* a put moves on from worn blocks so often */

/* ---- lanes ---- */

size_t outbox_lane_count(const struct outbox *box)
{
    size_t count = IFL_LANE_COUNT;
    while (box->lanes[count - 1].progress.route[0] == '\0' && count > 1) {
        count--;
    }
    return count;
}

uint8_t outbox_lane_of(const struct outbox *box, const char *route)
{
    for (uint8_t i = 0; i < IFL_LANE_COUNT; i++) {
        if (box->lanes[i].progress.route[0] != '\0' && strcmp(box->lanes[i].progress.route, route) == 0) {
            return i;
        }
    }
    return OUTBOX_LANE_NONE;
}

const char *outbox_lane_route(const struct outbox *box, uint8_t lane)
{
    const struct outbox_lane *l = outbox_lane_at(box, lane);
    return l != NULL ? l->progress.route : "";
}

bool outbox_lane_is_orphan(const struct outbox *box, uint8_t lane)
{
    const struct outbox_lane *l = outbox_lane_at(box, lane);
    return l != NULL && !l->configured;
}

/* ---- storing ---- */

enum ifl_status outbox_put_begin(struct outbox *box, uint8_t lane, uint32_t size, struct outbox_time time)
{
    struct outbox_lane *l = outbox_lane_used(box, lane);
    if (l == NULL || lane == OUTBOX_LANE_DEAD || size == 0 || box->put.lane != NULL) {
        return IFL_INVALID;
    }
    if (size > box->stats.payload_max) {
        return IFL_TOO_LARGE;
    }
    enum ifl_status status = outbox_enter(box);
    return status == IFL_OK ? outbox_data_begin(box, l, size, &time, NULL) : status;
}

enum ifl_status outbox_put(struct outbox *box, uint8_t lane, struct bytes payload, struct outbox_time time,
                           struct outbox_id *id)
{
    enum ifl_status status = IFL_FLASH_VERIFY;
    if (payload.size > box->stats.payload_max) {
        return IFL_TOO_LARGE;
    }
    for (int i = 0; i < PUT_TRIES && outbox_is_worn(status); i++) {
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
    return outbox_sync_told(box, outbox_sync_inside(box));
}

/* ---- looking for messages ---- */

/* A RESUME, or a newer block, behind a record says which numbers before it count; the nearest one rules, for the numbers only grow behind it. It's the
 * same for all records up to it. */
static outbox_n fence_of(struct outbox *box, const struct walk *walk)
{
    struct outbox_lane *lane = walk->lane;
    uint32_t at = walk->rec.at;
    if (at < lane->fence_from || at >= lane->fence_at) {
        struct walk ahead = *walk;
        bool more, same;
        do {
            more = outbox_walk_next(box, &ahead);
            same = ahead.block.serial == walk->block.serial;
        } while (more && same && ahead.rec.type != RECORD_RESUME);
        lane->fence_n = !same ? (outbox_n)ahead.block.first_n - 1 : more ? ahead.rec.n : OUTBOX_N_MAX;
        lane->fence_from = at;
        lane->fence_at = box->fault != IFL_OK ? 0
                         : more && same       ? ahead.rec.at
                                              : outbox_block_start(box, walk->block.index + 1);
    }
    return lane->fence_n;
}

/* A TOMB for number n stands behind `walk`. */
static bool is_buried(struct outbox *box, const struct walk *walk, outbox_n n)
{
    struct walk ahead = *walk;
    while (outbox_walk_next(box, &ahead)) {
        if (ahead.rec.type == RECORD_TOMB && ahead.rec.n == n && outbox_record_steady(box, &ahead.rec)) {
            return true;
        }
    }
    return false;
}

bool outbox_seek(struct outbox *box, struct walk *walk, outbox_n after)
{
    while (outbox_walk_next(box, walk)) {
        const struct record *rec = &walk->rec;
        if (rec->type != RECORD_DATA || !walk->whole || rec->n <= after || rec->n > outbox_durable_n(walk->lane) ||
            rec->n > fence_of(box, walk)) {
            continue;
        }
        bool buried = walk->lane == &box->lanes[OUTBOX_LANE_DEAD] && is_buried(box, walk, rec->n);
        if (!buried) {
            return box->fault == IFL_OK;
        }
        walk->buried++;
        after = rec->n;
    }
    return false;
}

bool outbox_origin(struct outbox *box, const struct record *rec, struct origin *origin)
{
    if ((rec->flags & RECORD_ORIGIN) == 0) {
        return false;
    }
    return outbox_load(box, rec->at + RECORD_SIZE, origin, ORIGIN_SIZE);
}

static enum ifl_status show(struct outbox *box, const struct walk *walk, struct outbox_message *message)
{
    const struct record *rec = &walk->rec;
    struct origin origin;
    message->lane = walk->lane->progress.lane;
    message->n = rec->n;
    message->size = rec->size;
    message->time.unix_s = (int64_t)(rec->time & TIME_MASK);
    message->time.uptime_min = (uint32_t)(rec->time >> TIME_BITS);
    message->time.quality = rec->quality;
    message->at = rec->at;
    message->body = outbox_record_body(rec);
    message->read_pos = 0;
    if (outbox_origin(box, rec, &origin)) {
        message->body_crc = crc32c(rec->crc, &origin, ORIGIN_SIZE);
        message->id = (struct outbox_id){.log = origin.log, .lane = origin.lane, .n = origin.n};
        message->reason = origin.reason;
    } else {
        message->body_crc = rec->crc;
        message->id = (struct outbox_id){.log = walk->block.log, .lane = message->lane, .n = rec->n};
        message->reason = IFL_OK;
    }
    return box->fault;
}

/* Numbers up to `n` aren't there any more, `count` of them without a TOMB. If that can't be recorded now, the next record of the lane tells it. */
static void skip_missing(struct outbox *box, struct outbox_lane *lane, outbox_n n, uint32_t count, bool damaged)
{
    outbox_move_cursor(lane, n);
    if (count > 0) {
        lane->progress.given_up += count;
        if (damaged) {
            lane->progress.reason = IFL_STORE_CORRUPT;
            box->stats.corrupt_records += count;
        } else {
            lane->progress.reason = IFL_STORE_LOST;
            box->stats.lost_records += count;
        }
        (void)outbox_tell(box, lane, RECORD_GIVEUP, 0);
    }
}

enum ifl_status outbox_first(struct outbox *box, uint8_t lane, struct outbox_message *message)
{
    struct outbox_lane *l = outbox_lane_at(box, lane);
    struct walk walk;
    if (outbox_enter(box) != IFL_OK || l == NULL || l->progress.cursor >= outbox_durable_n(l)) {
        return box->fault != IFL_OK ? box->fault : IFL_END;
    }
    if (!outbox_walk_from(box, l, l->read_at, &walk) && !outbox_walk_from(box, l, 0, &walk)) {
        return box->fault != IFL_OK ? box->fault : IFL_STORE_CORRUPT;
    }
    bool found = outbox_seek(box, &walk, l->progress.cursor);
    outbox_n before = found ? walk.rec.n - 1 : outbox_durable_n(l);
    if (box->fault == IFL_OK && before > l->progress.cursor) {
        skip_missing(box, l, before, (uint32_t)(before - l->progress.cursor) - walk.buried, walk.damaged);
    }
    if (found) {
        l->read_at = walk.rec.at;
        return show(box, &walk, message);
    }
    return box->fault != IFL_OK ? box->fault : IFL_END;
}

enum ifl_status outbox_next(struct outbox *box, struct outbox_message *message)
{
    struct walk walk;
    struct outbox_lane *lane = outbox_lane_at(box, message->lane);
    bool found = outbox_enter(box) == IFL_OK && lane != NULL && outbox_walk_from(box, lane, message->at, &walk) &&
                 outbox_seek(box, &walk, message->n);
    return found ? show(box, &walk, message) : box->fault != IFL_OK ? box->fault : IFL_END;
}

/* ---- reading ---- */

enum ifl_status outbox_read(struct outbox *box, struct outbox_message *message, void *buf, size_t size, size_t *got)
{
    uint32_t pos = message->read_pos, left = message->size - pos, stored;
    uint32_t piece = size < left ? (uint32_t)size : left;
    const struct outbox_lane *lane = outbox_lane_used(box, message->lane);
    *got = 0;
    if (lane == NULL || message->n <= lane->progress.cursor) {
        return IFL_NOT_FOUND;
    }
    (void)outbox_enter(box);
    outbox_load(box, message->body + pos, buf, piece);
    uint32_t crc = crc32c(pos == 0 ? message->body_crc : message->crc, buf, piece);
    if (piece == left && piece > 0) { /* held back until all of it is known to be right */
        outbox_load(box, message->body + message->size, &stored, sizeof stored);
        if (box->fault == IFL_OK && crc != stored) {
            memset(buf, 0, piece);
            return IFL_STORE_CORRUPT;
        }
    }
    if (box->fault == IFL_OK) {
        message->crc = crc;
        message->read_pos = pos + piece;
        *got = piece;
    }
    return box->fault;
}

void outbox_rewind(struct outbox_message *message)
{
    message->read_pos = 0;
}

/* ---- finishing ---- */

enum ifl_status outbox_done(struct outbox *box, uint8_t lane, outbox_n n)
{
    struct outbox_lane *l = outbox_lane_used(box, lane);
    if (l == NULL || n > outbox_durable_n(l)) {
        return IFL_INVALID;
    }
    if (n > l->progress.cursor) {
        outbox_move_cursor(l, n);
    }
    return IFL_OK;
}

/* OK: there is dead letter number n, which was at `at` (0: somewhere). */
static enum ifl_status is_dead_letter(struct outbox *box, outbox_n n, uint32_t at)
{
    struct outbox_lane *lane = &box->lanes[OUTBOX_LANE_DEAD];
    struct walk walk;
    if (n <= lane->progress.cursor || n > lane->last_n) {
        return IFL_NOT_FOUND;
    }
    bool gone = !outbox_walk_from(box, lane, at, &walk) || is_buried(box, &walk, n);
    return box->fault != IFL_OK ? box->fault : gone ? IFL_NOT_FOUND : IFL_OK;
}

enum ifl_status outbox_moved_away(struct outbox *box, struct outbox_lane *from, outbox_n n, uint32_t at)
{
    if (from == &box->lanes[OUTBOX_LANE_DEAD]) {
        enum ifl_status status = is_dead_letter(box, n, at);
        return status == IFL_OK ? outbox_tell(box, from, RECORD_TOMB, n) : status;
    }
    if (n > from->progress.cursor && n <= from->last_n) {
        outbox_move_cursor(from, n);
        (void)outbox_tell(box, from, RECORD_CURSOR, 0);
    }
    return IFL_OK;
}

/* Copy the message to the end of `lane` under the id it has; durable when OK. */
static enum ifl_status copy_to(struct outbox *box, const struct outbox_message *message, struct outbox_lane *lane,
                               enum ifl_status reason)
{
    uint8_t piece[PIECE_SIZE];
    size_t got;
    struct outbox_id id;
    struct outbox_message from = *message;
    struct origin origin = {.log = from.id.log,
                            .n = from.id.n,
                            .from_n = from.n,
                            .lane = from.id.lane,
                            .from_lane = from.lane,
                            .reason = (uint16_t)reason};
    enum ifl_status status = outbox_data_begin(box, lane, from.size, &from.time, &origin);
    if (status != IFL_OK) {
        return status;
    }
    outbox_rewind(&from);
    do {
        status = outbox_read(box, &from, piece, sizeof piece, &got);
        if (status == IFL_OK) {
            status = outbox_put_write(box, bytes_of(piece, got));
        }
    } while (status == IFL_OK && got > 0);
    if (status == IFL_OK) {
        status = outbox_put_commit(box, &id);
    }
    if (status != IFL_OK) {
        outbox_put_abandon(box);
        return status;
    }
    return outbox_sync_inside(box);
}

/* The copy first; where the power goes before the rest, recovery finds it. */
static enum ifl_status move_to(struct outbox *box, const struct outbox_message *message, struct outbox_lane *lane,
                               enum ifl_status reason)
{
    struct outbox_lane *from = &box->lanes[message->lane];
    enum ifl_status status = outbox_enter(box);
    if (status == IFL_OK && message->lane == OUTBOX_LANE_DEAD) {
        status = is_dead_letter(box, message->n, message->at);
    }
    if (status == IFL_OK) {
        /* For the cursor, or the TOMB; where the power goes in it, at a distance a RESUME and it once more. */
        status = outbox_make_room(box, from, 3u * box->record_size + box->hover_size, false);
    }
    if (status == IFL_OK) {
        status = copy_to(box, message, lane, reason);
    }
    return status == IFL_OK ? outbox_moved_away(box, from, message->n, message->at) : status;
}

enum ifl_status outbox_dead_letter(struct outbox *box, const struct outbox_message *message, enum ifl_status reason)
{
    const struct outbox_lane *lane = outbox_lane_used(box, message->lane);
    if (lane == NULL || message->lane == OUTBOX_LANE_DEAD) {
        return IFL_INVALID;
    }
    outbox_n first = lane->progress.cursor + 1;
    if (message->n != first) {
        return message->n < first ? IFL_NOT_FOUND : IFL_INVALID;
    }
    return move_to(box, message, &box->lanes[OUTBOX_LANE_DEAD], reason);
}

enum ifl_status outbox_give_up(struct outbox *box, uint8_t lane, outbox_n n, enum ifl_status reason)
{
    struct outbox_lane *l = outbox_lane_used(box, lane);
    enum ifl_status status = l != NULL ? outbox_enter(box) : IFL_INVALID;
    if (status != IFL_OK) {
        return status;
    }
    n = n < outbox_durable_n(l) ? n : outbox_durable_n(l);
    return n > l->progress.cursor ? outbox_give_up_to(box, l, n, reason) : IFL_OK;
}

enum ifl_status outbox_requeue(struct outbox *box, const struct outbox_message *dead, uint8_t lane)
{
    struct outbox_lane *l = outbox_lane_used(box, lane);
    if (l == NULL || lane == OUTBOX_LANE_DEAD || dead->lane != OUTBOX_LANE_DEAD) {
        return IFL_INVALID;
    }
    return move_to(box, dead, l, IFL_OK);
}

enum ifl_status outbox_bury(struct outbox *box, const struct outbox_message *dead)
{
    enum ifl_status status = outbox_enter(box);
    return status == IFL_OK ? outbox_moved_away(box, &box->lanes[OUTBOX_LANE_DEAD], dead->n, dead->at) : status;
}

/* ---- batches ---- */

enum ifl_status outbox_batch_begin(struct outbox *box, uint8_t lane, outbox_n last_n, uint8_t format)
{
    struct outbox_lane *l = outbox_lane_used(box, lane);
    if (l == NULL || last_n > outbox_durable_n(l) ||
        last_n - l->progress.cursor - 1 >= (uint16_t)(l->progress.batch_count - 1)) { /* none pending: 65535 */
        return IFL_INVALID;
    }
    l->progress.batch_count = (uint16_t)(last_n - l->progress.cursor);
    l->progress.batch_format = format;
    enum ifl_status status = outbox_enter(box);
    if (status == IFL_OK) {
        status = outbox_tell(box, l, RECORD_TRY, 0);
    }
    if (status == IFL_OK) {
        status = outbox_sync_inside(box);
    }
    if (status != IFL_OK) {
        l->progress.batch_count = 0;
    }
    return status;
}

bool outbox_batch_pending(const struct outbox *box, uint8_t lane, struct outbox_batch *batch)
{
    const struct outbox_progress *progress = &box->lanes[lane].progress;
    batch->first_n = progress->cursor + 1;
    batch->last_n = progress->cursor + progress->batch_count;
    batch->format = progress->batch_format;
    return progress->batch_count != 0;
}

/* ---- upkeep ---- */

/* At the end of a drain, and so often that a cursor costs about 32 bytes of flash a message. */
static bool cursor_due(const struct outbox *box, const struct outbox_lane *lane, bool now)
{
    uint32_t interval = flash_prog_size(&box->region) / RECORD_SIZE;
    outbox_n cursor = lane->progress.cursor;
    return cursor > lane->cursor_saved && (now || cursor == lane->last_n || cursor - lane->cursor_saved >= interval);
}

/* OK, or the first failure; the other lanes are tried all the same. */
static enum ifl_status save_cursors(struct outbox *box, bool all)
{
    enum ifl_status first = IFL_OK;
    for (struct outbox_lane *lane = box->lanes; lane < box->lanes + IFL_LANE_COUNT; lane++) {
        /* What it holds is shown again once that is durable. */
        if (outbox_is_in_doubt(lane) && !outbox_is_stuck(box) && outbox_write_again(box, lane) == IFL_OK &&
            outbox_is_in_doubt(lane)) {
            (void)outbox_block_open(box, lane, false);
        }
        if (cursor_due(box, lane, all)) { /* a lane where it moved has a block */
            enum ifl_status status = outbox_tell(box, lane, RECORD_CURSOR, 0);
            first = first == IFL_OK ? status : first;
        }
    }
    return first;
}

ifl_ms outbox_step(struct outbox *box, ifl_ms now)
{
    if (box->active) {
        box->active = false;
        box->quiet_at = ifl_ms_after(now, QUIET_MS);
    }
    bool quiet = now >= box->quiet_at;
    outbox_retry_space(box, now);
    if (box->erase_state != OUTBOX_ERASE_RUNNING && outbox_enter(box) == IFL_OK) {
        (void)save_cursors(box, quiet);
        if (quiet) {
            (void)outbox_sync_inside(box);
        }
    }
    if (outbox_erase_step(box, quiet || box->wanted || box->stats.free_blocks < STOCK)) {
        return now;
    }
    if (box->erase_state != OUTBOX_ERASE_IDLE || outbox_is_stuck(box)) {
        return ifl_ms_after(now, box->erase_state != OUTBOX_ERASE_IDLE ? POLL_MS : SPACE_RETRY_MS);
    }
    return quiet ? IFL_NEVER : box->quiet_at;
}

enum ifl_status outbox_flush(struct outbox *box)
{
    enum ifl_status status = outbox_enter(box);
    if (status != IFL_OK) {
        return status;
    }
    enum ifl_status saved = save_cursors(box, true);
    status = outbox_sync(box);
    return status == IFL_OK ? saved : status;
}

enum ifl_status outbox_lane_stats(const struct outbox *box, uint8_t lane, struct outbox_lane_stats *stats)
{
    const struct outbox_lane *l = outbox_lane_at(box, lane);
    if (l == NULL) {
        return IFL_NOT_FOUND;
    }
    outbox_n queued = l->last_n - l->progress.cursor;
    stats->queued = queued;
    stats->first_n = queued > 0 ? l->progress.cursor + 1 : 0;
    stats->last_n = l->last_n;
    stats->given_up = l->progress.given_up;
    stats->blocks = l->block_count;
    stats->last_reason = l->progress.reason;
    return IFL_OK;
}

void outbox_stats(const struct outbox *box, struct outbox_stats *stats)
{
    *stats = box->stats;
    if (stats->erase_count_min > stats->erase_count_max) { /* no block had a header */
        stats->erase_count_min = stats->erase_count_max;
    }
}
