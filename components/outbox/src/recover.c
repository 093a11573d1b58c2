/* recover.c: from unknown bytes to an outbox that can be used.
 *
 *   find the format ─► scan headers ─► walk the newest block of each lane ─► give lanes to routes      (reads only)
 *                                                                                   │
 *       ready ◄─ sync ◄─ finish half-done moves ◄─ settle what may be weak ◄─────────┘                  (writes)
 *
 * Only the operation during which the power went can have left something torn, or bits that read differently each time. It is always the
 * last one in its block. So the last record of a lane isn't trusted: it is written again, and RESUME behind it voids whatever else is there. */
#include "internal.h"

#include <string.h>

#define BLOCK_SIZE_MIN 4096u
#define BLOCK_SIZE_AIM 16384u

/* ---- format ---- */

/* A header 1 at any sector tells where blocks begin. */
static enum ifl_status find_format(struct outbox *box)
{
    uint8_t raw[HEADER1_SIZE];
    uint32_t sector_size = flash_sector_size(box->region);
    for (uint32_t at = 0; at < box->region.size; at += sector_size) {
        enum ifl_status status = flash_read(box->region, at, raw, sizeof raw);
        if (status != IFL_OK) {
            return status;
        }
        if (!outbox_header1_valid(raw)) {
            continue;
        }
        if (raw[4] > 1) {
            return IFL_STORE_NEWER;
        }
        uint32_t size = le32_get(raw + 8);
        uint64_t start = (uint64_t)le32_get(raw + 12) * size;
        bool fits = size >= BLOCK_SIZE_MIN && size % sector_size == 0 && start == at;
        if (!fits || le16_get(raw + 6) != flash_prog_size(box->region)) {
            return IFL_FLASH_GEOMETRY;
        }
        box->block_size = size;
        return IFL_OK;
    }
    return IFL_END;
}

static enum ifl_status choose_block_size(struct outbox *box, const struct outbox_config *config)
{
    uint32_t sector_size = flash_sector_size(box->region);
    uint32_t enough = 4 * ((uint32_t)config->lane_count + 3);
    uint32_t size = config->block_size != 0 ? config->block_size : sector_size;
    while (config->block_size == 0 &&
           (size < BLOCK_SIZE_MIN || (size < BLOCK_SIZE_AIM && box->region.size / size / 2 >= enough))) {
        size *= 2;
    }
    box->block_size = size;
    return size >= BLOCK_SIZE_MIN && size % sector_size == 0 ? IFL_OK : IFL_INVALID;
}

enum fill { FILL_BLANK, FILL_BEGUN, FILL_OPPOSITE, FILL_OTHER };

/* What a block without any header of ours is filled with. BEGUN: blank, but for a part of the bits of its first header 1. */
static enum ifl_status block_fill(const struct outbox *box, uint32_t index, enum fill *fill)
{
    uint8_t piece[PIECE_SIZE], image[PIECE_SIZE];
    uint8_t erased = flash_erased_value(box->region);
    struct block block = {.index = (uint16_t)index};
    bool begun = true, blank = true, opposite = true;
    memset(image, erased, sizeof image);
    outbox_header1_encode(box, &block, image);
    for (uint32_t done = 0; done < box->block_size; done += PIECE_SIZE) {
        enum ifl_status status = flash_read(box->region, outbox_block_start(box, index) + done, piece, sizeof piece);
        if (status != IFL_OK) {
            return status;
        }
        for (size_t i = 0; i < sizeof piece; i++) {
            uint8_t allowed = done == 0 ? image[i] ^ erased : 0;
            uint8_t changed = piece[i] ^ erased;
            blank = blank && changed == 0;
            begun = begun && (changed & (uint8_t)~allowed) == 0;
            opposite = opposite && changed == 0xFF;
        }
    }
    *fill = blank ? FILL_BLANK : begun ? FILL_BEGUN : opposite ? FILL_OPPOSITE : FILL_OTHER;
    return IFL_OK;
}

/* A region is ours to format when it's all erased, or all the opposite; or was that until the power went while the first header 1 was programmed,
 * or while the first block was erased. *first: a blank block, or block_count. */
static enum ifl_status may_format(const struct outbox *box, uint32_t *first)
{
    uint32_t count[FILL_OTHER + 1] = {0};
    *first = box->block_count;
    for (uint32_t i = box->block_count; i-- > 0;) {
        enum fill fill;
        enum ifl_status status = block_fill(box, i, &fill);
        if (status != IFL_OK) {
            return status;
        }
        count[fill]++;
        *first = fill == FILL_BLANK ? i : *first;
    }
    bool ours = count[FILL_OTHER] == 0 || (count[FILL_OTHER] == 1 && count[FILL_OPPOSITE] > 0);
    return ours ? IFL_OK : IFL_STORE_FOREIGN;
}

/* ---- scan ---- */

static void scan_block(struct outbox *box, const struct block *block)
{
    struct outbox_lane *lane = &box->lanes[block->lane];
    lane->block_count++;
    if (lane->oldest_serial == 0 || block->serial < lane->oldest_serial) {
        lane->oldest_serial = block->serial;
    }
    if (block->serial > lane->newest_serial) {
        lane->newest_serial = block->serial;
        lane->newest = block->index;
        memcpy(lane->route, block->route, sizeof lane->route);
    }
    if (block->serial > box->last_serial) { /* the newest of all knows the log id and the device */
        box->last_serial = block->serial;
        box->moved = block->tag != box->device_tag;
        box->log_id = block->log;
        box->next_free = (uint16_t)((block->index + 1u) % box->block_count);
    }
}

/* One look at all headers. */
static enum ifl_status scan_blocks(struct outbox *box)
{
    box->free_count = 0;
    memset(box->lanes, 0, sizeof box->lanes);
    for (uint32_t i = 0; i < box->block_count; i++) {
        struct block block;
        enum block_state state;
        enum ifl_status status = outbox_block_load(box, i, &block, &state);
        if (status != IFL_OK) {
            return status;
        }
        if (state == BLOCK_NEWER) {
            return IFL_STORE_NEWER;
        }
        if (state == BLOCK_USED && block.lane >= IFL_LANE_COUNT) {
            return IFL_STORE_LANES;
        }
        if (state == BLOCK_USED) {
            scan_block(box, &block);
        }
        if (state == BLOCK_DIRTY && block.torn) {
            (void)outbox_block_shun(box, i);
        }
        box->free_count = (uint16_t)(box->free_count + (state == BLOCK_FREE));
        if (state != BLOCK_DIRTY && block.erase_count > box->erase_count_max) {
            box->erase_count_max = block.erase_count;
        }
    }
    return IFL_OK;
}

/* The power went while this header was written: one copy, and nothing behind it. The lane has another block, or nothing at all. */
static enum ifl_status is_stillborn(const struct outbox *box, const struct outbox_lane *lane, bool *stillborn)
{
    struct block block;
    enum block_state state;
    struct walk walk;
    enum ifl_status status = outbox_block_load(box, lane->newest, &block, &state);
    *stillborn = state != BLOCK_USED; /* a moment ago it was one */
    if (status != IFL_OK || *stillborn || !block.half || (lane->block_count < 2 && block.first_n > 1)) {
        return status;
    }
    outbox_walk_start(box, &walk, &block, 0);
    walk.stop = walk.limit;
    status = outbox_walk_next(box, &walk);
    *stillborn = status == IFL_END;
    return status == IFL_END ? IFL_OK : status;
}

static enum ifl_status scan(struct outbox *box)
{
    enum ifl_status status = scan_blocks(box);
    for (size_t i = 0; i < IFL_LANE_COUNT && status == IFL_OK; i++) {
        bool stillborn = false;
        if (box->lanes[i].newest_serial != 0) {
            status = is_stillborn(box, &box->lanes[i], &stillborn);
        }
        if (stillborn && outbox_block_shun(box, box->lanes[i].newest)) {
            status = scan_blocks(box);
            i = (size_t)-1; /* from the start: the lanes were counted again */
        }
    }
    return status;
}

/* ---- one lane ---- */

/* Address behind the last byte in [from, to) that isn't blank; `from` if all are. */
static enum ifl_status find_tail(const struct outbox *box, uint32_t from, uint32_t to, uint32_t *tail)
{
    uint8_t piece[PIECE_SIZE];
    uint8_t erased = flash_erased_value(box->region);
    while (to > from) {
        uint32_t size = to - from < PIECE_SIZE ? to - from : PIECE_SIZE;
        enum ifl_status status = flash_read(box->region, to - size, piece, size);
        if (status != IFL_OK) {
            return status;
        }
        for (; size > 0; size--, to--) {
            if (piece[size - 1] != erased) {
                *tail = to;
                return IFL_OK;
            }
        }
    }
    *tail = from;
    return IFL_OK;
}

static void apply_control(struct outbox_lane *lane, const struct record *rec)
{
    switch (rec->type) {
    case RECORD_GIVEUP:
        if (rec->n > lane->cursor) {
            uint64_t from = rec->aux > lane->cursor ? rec->aux : lane->cursor + 1;
            lane->given_up += rec->n - from + 1;
            lane->last_reason = (uint16_t)rec->size;
        }
        /* fall through */
    case RECORD_CURSOR:
        lane->cursor = rec->n > lane->cursor ? rec->n : lane->cursor;
        lane->last_n = rec->n > lane->last_n ? rec->n : lane->last_n;
        break;
    case RECORD_RESUME:
        lane->last_n = rec->n < lane->last_n ? rec->n : lane->last_n;
        break;
    default:
        break;
    }
}

/* A message counts when it's the next one: behind a gap nothing was ever acknowledged, unless a record says that it was durable. */
static void apply_data(struct outbox_lane *lane, const struct walk *walk)
{
    const struct record *rec = &walk->rec;
    uint64_t proven = rec->behind < rec->n ? rec->n - 1 - rec->behind : 0;
    if (walk->whole && rec->flags & RECORD_COPY) {
        lane->last_n = rec->n;
    }
    lane->last_n = proven > lane->last_n ? proven : lane->last_n;
    if (walk->whole && rec->n == lane->last_n + 1) {
        lane->last_n = rec->n;
    }
}

/* Which record may have been torn so that it reads right now and wrong the next time: the last one that is whole. A RESUME says which
 * by itself, or that there is none. */
static uint32_t suspect_after(const struct record *rec, uint32_t suspect)
{
    if (rec->type == RECORD_RESUME) {
        return rec->aux == RESUME_COPY_FOLLOWS ? suspect : rec->aux == RESUME_CONFIRMS ? rec->at : 0;
    }
    return suspect != 0 && rec->flags & RECORD_COPY ? suspect
                                                    : rec->at; /* of a copy, the original: the copy may be torn */
}

/* Where the next record goes. The program during which the power went began at the latest where we last see something, or there begins a
 * message that we know the length of; what it left may read blank. So as much as one program takes is left out. */
static uint32_t resume_place(const struct outbox *box, uint32_t end, uint32_t tail, uint32_t extent)
{
    uint32_t place = tail > end ? tail : end;
    place += outbox_is_cached(box) ? 0 : outbox_program_size(box);
    return outbox_padded(box, place > extent ? place : extent);
}

/* A record without a body counts when another record follows, for then it was whole; or when a RESUME right behind it says so. Before another
 * RESUME stands what recovery has either written again or not seen at all: a weak one must not speak up later. */
struct held {
    struct record before, last, copy; /* type 0: none */
    bool copying;
};

static void hold(struct outbox_lane *lane, struct held *held, const struct record *rec, bool trusted)
{
    if (rec->type == RECORD_RESUME && rec->aux == RESUME_COPY_FOLLOWS && !trusted) {
        held->copying = true;
        held->copy.type = 0;
        lane->last_n = rec->n < lane->last_n ? rec->n : lane->last_n;
        return;
    }
    if (held->copying && (rec->type == RECORD_DATA ? (rec->flags & RECORD_COPY) != 0 : rec->type != RECORD_RESUME)) {
        held->copy = *rec;
        return;
    }
    bool unseen =
        rec->type == RECORD_RESUME && !trusted &&
        (rec->aux == RESUME_PLAIN || (held->copying && outbox_is_unseen(&held->before, &held->last, &held->copy)));
    if (!unseen) {
        apply_control(lane, &held->last);
    }
    if (rec->type == RECORD_RESUME && rec->aux == RESUME_CONFIRMS) {
        apply_control(lane, &held->copy);
    }
    held->before = held->last;
    held->last = *rec;
    held->copying = false;
    held->copy.type = 0;
    if (rec->type == RECORD_RESUME) { /* at once, and only once */
        apply_control(lane, rec);
        held->last.type = 0;
    }
}

/* Read the newest block. read_at becomes the record that has to be written again, 0: none. */
static enum ifl_status recover_lane(struct outbox *box, uint8_t index)
{
    struct outbox_lane *lane = &box->lanes[index];
    struct block block;
    enum block_state state;
    struct walk walk;
    struct held held = {.copying = false};
    uint32_t tail = 0, end, extent = 0, suspect = 0, copy = 0;
    bool message = false;
    enum ifl_status status = outbox_block_load(box, lane->newest, &block, &state);
    if (status != IFL_OK) {
        return status;
    }
    lane->resume_kind = RESUME_PLAIN;
    lane->last_n = block.first_n - 1;
    lane->cursor = lane->cursor_saved = block.cursor;
    lane->given_up = block.given_up;
    lane->last_reason = block.reason;
    outbox_walk_start(box, &walk, &block, 0);
    end = walk.at;
    status = find_tail(box, end, walk.limit, &tail);
    walk.stop = tail;
    while (status == IFL_OK && (status = outbox_walk_next(box, &walk)) == IFL_OK) {
        uint32_t behind = walk.rec.at + outbox_record_extent(box, &walk.rec);
        extent = behind > extent ? behind : extent;
        if (walk.rec.type == RECORD_DATA) {
            apply_data(lane, &walk);
            lane->checked = lane->checked || walk.rec.flags & RECORD_ORIGIN;
        }
        if (walk.whole) {
            hold(lane, &held, &walk.rec, outbox_is_cached(box));
            suspect = suspect_after(&walk.rec, suspect);
            message = suspect == walk.rec.at ? walk.rec.type == RECORD_DATA : message;
            copy = walk.rec.flags & RECORD_COPY ? walk.rec.at : walk.rec.type == RECORD_RESUME ? copy : 0;
            lane->resume_kind =
                (uint8_t)(walk.rec.type == RECORD_RESUME && walk.rec.aux == RESUME_CONFIRMS ? RESUME_CONFIRMS
                                                                                            : RESUME_PLAIN);
            end = behind;
        }
    }
    if (status != IFL_END) {
        return status;
    }
    lane->cursor_saved = lane->cursor; /* the last record's word isn't safe yet */
    apply_control(lane, held.copy.type != 0 ? &held.copy : &held.last);
    lane->read_at = outbox_is_cached(box) ? 0 : suspect;
    lane->fence_at = lane->read_at != 0 ? copy : 0; /* for settle() */
    lane->weak = lane->read_at != 0 && message;
    lane->unsettled = lane->read_at != 0;
    lane->write_at = resume_place(box, end, tail, extent);
    lane->resume_due = true;
    lane->closed = block.log != box->log_id || block.half;
    box->resumed = box->resumed || tail > end;
    return IFL_OK;
}

/* Blocks that the cursor on flash has left behind aren't the lane's any more; the sweep erases them. */
static enum ifl_status drop_finished(struct outbox *box, uint8_t lane)
{
    struct outbox_lane *l = &box->lanes[lane];
    struct block second;
    enum ifl_status status = IFL_OK;
    while (l->block_count > 1 && (status = outbox_block_find(box, lane, l->oldest_serial, &second)) == IFL_OK &&
           l->cursor_saved + 1 >= second.first_n) {
        l->oldest_serial = second.serial;
        l->block_count--;
    }
    return status;
}

/* ---- lanes and routes ---- */

static uint8_t lane_for(const struct outbox *box)
{
    uint8_t unused = OUTBOX_LANE_NONE;
    for (uint8_t i = IFL_LANE_COUNT - 1; i > OUTBOX_LANE_DEAD; i--) {
        const struct outbox_lane *lane = &box->lanes[i];
        if (lane->newest_serial != 0 && !lane->configured && lane->cursor == lane->last_n) {
            return i; /* an orphan with nothing in it: its numbers go on, so no id comes twice */
        }
        unused = lane->route[0] == '\0' ? i : unused;
    }
    return unused;
}

static bool is_route_name(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len < IFL_ROUTE_NAME_SIZE && strcmp(name, DEAD_ROUTE) != 0;
}

static void set_up_lane(struct outbox_lane *lane, const struct outbox_lane_config *config)
{
    if (strcmp(lane->route, config->route) != 0) {
        memset(lane->route, 0, sizeof lane->route);
        memcpy(lane->route, config->route, strlen(config->route));
        lane->closed = true; /* the name stands in the header of a block */
    }
    lane->configured = true;
    lane->priority = config->priority;
    lane->gives_up = config->full == OUTBOX_GIVE_UP_OLDEST;
    lane->min_blocks = config->min_blocks > 0 ? config->min_blocks : 1;
}

static enum ifl_status set_up_lanes(struct outbox *box, const struct outbox_config *config)
{
    uint32_t needed = 2;
    set_up_lane(&box->lanes[OUTBOX_LANE_DEAD],
                &(struct outbox_lane_config){.route = DEAD_ROUTE, .priority = UINT8_MAX});
    for (size_t pass = 0; pass < 2; pass++) { /* routes that are known keep their lanes before new ones look for one */
        for (size_t i = 0; i < config->lane_count; i++) {
            const struct outbox_lane_config *route = &config->lanes[i];
            if (!is_route_name(route->route)) {
                return IFL_INVALID;
            }
            uint8_t lane = outbox_lane_of(box, route->route);
            lane = lane == OUTBOX_LANE_NONE && pass == 1 ? lane_for(box) : lane;
            if (lane != OUTBOX_LANE_NONE) {
                set_up_lane(&box->lanes[lane], route);
            } else if (pass == 1) {
                return IFL_STORE_LANES;
            }
        }
    }
    for (size_t i = 0; i < IFL_LANE_COUNT; i++) {
        const struct outbox_lane *lane = &box->lanes[i];
        needed += lane->configured ? lane->min_blocks : lane->newest_serial != 0;
    }
    return needed <= box->block_count ? IFL_OK : IFL_STORE_LANES;
}

/* ---- the writing part ---- */

/* Write the record at `at` once more, behind a RESUME that says so. */
static enum ifl_status write_again(struct outbox *box, uint8_t lane, const struct record *from)
{
    struct record copy = {.n = from->n, .flags = RECORD_COPY};
    struct origin origin;
    if (from->type != RECORD_DATA) {
        return outbox_append(box, lane, (enum record_type)from->type, from->n, from->aux, from->size);
    }
    bool moved = (from->flags & RECORD_ORIGIN) != 0;
    enum ifl_status status = moved ? outbox_origin_read(box, from, &origin) : IFL_OK;
    return status == IFL_OK ? outbox_data_copy(box, lane, &copy, moved ? &origin : NULL, from) : status;
}

/* Reads right however often it's read: a bit that hovers would show. For the case that there is no room for a copy. */
static enum ifl_status read_often(const struct outbox *box, uint32_t at, const struct record *first)
{
    enum ifl_status status = IFL_OK;
    for (int i = 0; i < WEAK_READS && status == IFL_OK; i++) {
        struct block block;
        struct record rec;
        uint32_t syndrome;
        status = outbox_record_at(box, at, &block, &rec);
        if (status == IFL_OK && (rec.crc != first->crc || rec.n != first->n)) {
            status = IFL_STORE_CORRUPT;
        }
        if (status == IFL_OK && rec.type == RECORD_DATA) {
            status = outbox_body_check(box, &rec, &syndrome);
        }
    }
    return status;
}

static enum ifl_status steady(const struct outbox *box, uint32_t at, struct record *rec)
{
    struct block block;
    enum ifl_status status = at != 0 ? outbox_record_at(box, at, &block, rec) : IFL_STORE_CORRUPT;
    return status == IFL_OK ? read_often(box, at, rec) : status;
}

/* The lane's last record may be weak: a copy of it is not. What doesn't read right each time was never acknowledged. */
static void settle(struct outbox *box, uint8_t lane)
{
    struct outbox_lane *l = &box->lanes[lane];
    struct record from;
    uint32_t original = l->read_at, copy = l->fence_at, end = outbox_block_start(box, l->newest + 1u);
    bool message = l->weak;
    l->read_at = l->fence_at = 0;
    l->weak = l->unsettled = false;
    if (original == 0) {
        return;
    }
    enum ifl_status status = steady(box, original, &from);
    if (status == IFL_OK && from.type == RECORD_RESUME) {
        return;
    }
    if (message) {
        status = status == IFL_STORE_CORRUPT ? steady(box, copy, &from) : status;
    } else { /* its word was taken already, so it must not be forgotten again */
        for (int i = 0; i < WEAK_READS && status == IFL_STORE_CORRUPT; i++) {
            struct block block;
            status = outbox_record_at(box, original, &block, &from);
        }
    }
    if (status == IFL_OK && message && (from.n != l->last_n || from.n <= l->cursor)) {
        l->closed = true; /* void: a RESUME has not seen it; what it did see must not become void by another one */
        return;
    }
    l->last_n -= status == IFL_STORE_CORRUPT && message;
    bool fits = !l->closed && l->write_at < end &&
                end - l->write_at >=
                    outbox_record_extent(box, &from) + outbox_padded(box, RECORD_SIZE) + outbox_reserve_size(box);
    if (status == IFL_OK && fits) {
        if (from.type != RECORD_RESUME) {
            l->resume_kind = RESUME_COPY_FOLLOWS;
            status = write_again(box, lane, &from);
        }
        l->resume_kind = status == IFL_OK ? RESUME_CONFIRMS : RESUME_PLAIN;
        l->resume_due = true;
        (void)outbox_append(box, lane, RECORD_RESUME, l->last_n, 0, 0);
    }
    l->closed = l->closed || !fits || status != IFL_OK; /* behind a plain RESUME what stands there wouldn't count */
    l->resume_kind = RESUME_PLAIN;
}

/* A message that was copied to another lane, while the power went before it was finished in its old one. */
static enum ifl_status finish_moves(struct outbox *box, uint8_t lane)
{
    struct block block;
    enum block_state state;
    struct walk walk;
    struct origin origin;
    enum ifl_status status = outbox_block_load(box, box->lanes[lane].newest, &block, &state);
    if (status != IFL_OK) {
        return status;
    }
    outbox_walk_start(box, &walk, &block, 0);
    while ((status = outbox_walk_next(box, &walk)) == IFL_OK) {
        if (walk.rec.type != RECORD_DATA || !walk.whole || (walk.rec.flags & RECORD_ORIGIN) == 0 ||
            walk.rec.n > box->lanes[lane].last_n) {
            continue;
        }
        status = outbox_origin_read(box, &walk.rec, &origin);
        if (status != IFL_OK || origin.from_lane >= IFL_LANE_COUNT) {
            continue;
        }
        struct outbox_lane *from = &box->lanes[origin.from_lane];
        if (origin.from_lane == OUTBOX_LANE_DEAD) {
            (void)outbox_bury(box, &(struct outbox_message){.n = origin.from_n});
        } else if (origin.from_n > from->cursor && origin.from_n <= from->last_n) {
            from->cursor = origin.from_n;
            (void)outbox_cursor_save(box, origin.from_lane); /* before the dead letters go on in another block */
        }
    }
    return status == IFL_END ? IFL_OK : status;
}

static enum ifl_status write_part(struct outbox *box)
{
    bool moves[IFL_LANE_COUNT];
    for (uint8_t i = 0; i < IFL_LANE_COUNT; i++) {
        struct outbox_lane *lane = &box->lanes[i];
        moves[i] = lane->checked;
        lane->checked = false;
        lane->durable_n = lane->last_n;
        if (lane->newest_serial != 0) {
            settle(box, i);
        }
        lane->durable_n = lane->last_n;
    }
    box->dirty = true; /* also what an earlier process wrote */
    for (uint8_t i = 0; i < IFL_LANE_COUNT; i++) {
        enum ifl_status status = moves[i] ? finish_moves(box, i) : IFL_OK;
        if (status != IFL_OK) {
            return status;
        }
    }
    return outbox_sync_inside(box);
}

static enum ifl_status new_log_id(struct outbox *box)
{
    uint8_t raw[8];
    enum ifl_status status = box->random.fill(box->random.ctx, raw, sizeof raw);
    box->log_id = le64_get(raw);
    return status;
}

static enum ifl_status read_part(struct outbox *box, const struct outbox_config *config)
{
    enum ifl_status status = scan(box);
    if (status == IFL_OK && (box->last_serial == 0 || box->moved)) {
        status = new_log_id(box);
    }
    for (uint8_t i = 0; i < IFL_LANE_COUNT && status == IFL_OK; i++) {
        if (box->lanes[i].newest_serial != 0) {
            status = recover_lane(box, i);
            status = status == IFL_OK ? drop_finished(box, i) : status;
        }
    }
    return status == IFL_OK ? set_up_lanes(box, config) : status;
}

enum ifl_status outbox_mount(struct outbox *box, struct flash_region region, const struct outbox_config *config)
{
    uint32_t first = 0;
    memset(box, 0, sizeof *box);
    box->region = region;
    box->random = config->random;
    box->device_tag = config->device_tag;
    enum ifl_status status = find_format(box);
    bool format = status == IFL_END;
    if (format) {
        status = choose_block_size(box, config);
    }
    if (status != IFL_OK) {
        return status;
    }
    uint32_t count = region.size / box->block_size;
    box->block_count = (uint16_t)(count < UINT16_MAX ? count : UINT16_MAX);
    uint32_t max = box->block_size / 2 - 96;
    max = max < IFL_PAYLOAD_SIZE_MAX ? max : IFL_PAYLOAD_SIZE_MAX;
    box->payload_max = config->payload_max != 0 && config->payload_max < max ? config->payload_max : max;
    status = format ? may_format(box, &first) : IFL_OK;
    if (status == IFL_OK) {
        status = read_part(box, config);
    }
    if (status == IFL_OK && format && first < box->block_count) {
        /* Nothing is erased before a header 1 says whose region this is. */
        struct block block = {.index = (uint16_t)first};
        status = outbox_block_prepare(box, &block);
        box->free_count = status == IFL_OK;
        status = status == IFL_FLASH_VERIFY ? IFL_OK : status;
    }
    if (status == IFL_OK) {
        status = write_part(box);
    }
    for (int i = 0; i < 64 && status == IFL_OK && box->free_count < 4; i++) {
        if (!outbox_erase_step(box, true)) {
            break;
        }
    }
    return status;
}
