/* recover.c: from unknown bytes to an outbox that can be used.
 *
 *   find the format ─► scan headers ─► read the newest block of each lane ─► give lanes to routes      (reads only)
 *                                                                                  │
 *                            ready ◄─ sync ◄─ finish half-done moves ◄─────────────┘                  (writes)
 *
 * Only the program or erase during which the power went can have left bits that hover: that read this way now and that way the next time. So what may
 * have been the last operation is read many times: it counts when it reads right each time, else it's void. Every start decides the same, until
 * a RESUME, a snapshot of what was decided, makes it final: it stands before the first record of a start, at a distance from whatever is there. */
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
    enum ifl_status status = IFL_OK;
    for (uint32_t at = 0; at < box->region.size && status == IFL_OK; at += sector_size) {
        status = flash_read(box->region, at, raw, sizeof raw);
        for (int i = 0; i < WEAK_READS && status == IFL_OK && outbox_header1_valid(raw); i++) {
            status = flash_read(box->region, at, raw, sizeof raw);
        }
        if (status != IFL_OK || !outbox_header1_valid(raw)) {
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
    return status == IFL_OK ? IFL_END : status;
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

static enum ifl_status scan(struct outbox *box)
{
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
        box->free_count = (uint16_t)(box->free_count + (state == BLOCK_FREE));
        if (state != BLOCK_DIRTY && block.erase_count > box->erase_count_max) {
            box->erase_count_max = block.erase_count;
        }
    }
    return IFL_OK;
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

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* A message counts when it's the next one: behind a gap nothing was ever acknowledged, unless a record says that it was durable. */
static void apply_data(struct outbox_lane *lane, const struct walk *walk)
{
    const struct record *rec = &walk->rec;
    lane->last_n = larger(lane->last_n, rec->behind < rec->n ? rec->n - 1 - rec->behind : 0);
    if (walk->whole && rec->n == lane->last_n + 1) {
        lane->last_n = rec->n;
        lane->checked = lane->checked || rec->flags & RECORD_ORIGIN;
    }
}

static void apply(struct outbox_lane *lane, const struct block *block, const struct walk *walk)
{
    const struct record *rec = &walk->rec;
    switch (rec->type) {
    case RECORD_DATA:
        apply_data(lane, walk);
        break;
    case RECORD_GIVEUP:
        if (rec->n > lane->cursor) {
            lane->given_up += rec->n + 1 - larger(rec->aux, lane->cursor + 1);
            lane->last_reason = (uint16_t)rec->size;
        }
        /* fall through */
    case RECORD_CURSOR:
        lane->cursor = larger(lane->cursor, rec->n);
        lane->last_n = larger(lane->last_n, rec->n);
        break;
    case RECORD_RESUME:
        lane->last_n = rec->n;
        lane->cursor = rec->aux;
        lane->given_up = block->given_up + rec->behind;
        lane->last_reason = (uint16_t)rec->size;
        break;
    default:
        break;
    }
}

/* Where the next record goes. The program during which the power went began at the latest where we last see something, or there begins a
 * message that we know the length of; what it left may read blank. So as much as one program takes is left out. */
static uint32_t resume_place(const struct outbox *box, uint32_t tail, uint32_t behind)
{
    uint32_t place = tail + (outbox_is_cached(box) ? 0 : outbox_program_size(box));
    return outbox_padded(box, place > behind ? place : behind);
}

/* What the records before `walk->stop` say. *last: address of the last one that is whole, 0: none; *behind: address behind all of them. */
static enum ifl_status read_lane(const struct outbox *box, struct outbox_lane *lane, const struct block *block,
                                 struct walk *walk, uint32_t *last, uint32_t *behind)
{
    enum ifl_status status;
    lane->last_n = block->first_n - 1;
    lane->cursor = block->cursor;
    lane->given_up = block->given_up;
    lane->last_reason = block->reason;
    *last = 0;
    while ((status = outbox_walk_next(box, walk)) == IFL_OK) {
        uint32_t end = walk->rec.at + outbox_record_extent(box, &walk->rec);
        *behind = end > *behind ? end : *behind;
        *last = walk->whole ? walk->rec.at : *last;
        apply(lane, block, walk);
    }
    return status == IFL_END ? IFL_OK : status;
}

/* Read the newest block. Its last record may be torn, and right by chance; then it is as if it weren't there, now and for ever. */
static enum ifl_status recover_lane(struct outbox *box, uint8_t index)
{
    struct outbox_lane *lane = &box->lanes[index];
    struct block block;
    enum block_state state;
    struct walk walk;
    uint32_t tail, last, behind = 0;
    enum ifl_status status = outbox_block_load(box, lane->newest, &block, &state);
    if (status == IFL_OK) {
        uint32_t start = outbox_block_records(box, block.index);
        status = find_tail(box, start, outbox_block_start(box, block.index + 1u), &tail);
    }
    if (status != IFL_OK) {
        return status;
    }
    last = tail;
    do {
        outbox_walk_start(box, &walk, &block, 0);
        walk.stop = last;
        status = read_lane(box, lane, &block, &walk, &last, &behind);
        if (status == IFL_OK && last != 0) {
            status = outbox_record_steady(box, last);
        }
        box->resumed = box->resumed || !walk.boundary || status == IFL_STORE_CORRUPT;
    } while (status == IFL_STORE_CORRUPT);
    lane->cursor_saved = lane->cursor;
    lane->write_at = resume_place(box, tail, behind);
    lane->resume_due = true;
    lane->closed = block.log != box->log_id;
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

/* A message was copied to this lane, and the power went before it was finished in its old one. */
static enum ifl_status finish_move(struct outbox *box, const struct outbox_message *message)
{
    struct block block;
    struct record rec;
    struct origin origin;
    enum ifl_status status = outbox_record_at(box, message->at, &block, &rec);
    if (status == IFL_OK && rec.flags & RECORD_ORIGIN) {
        status = outbox_origin_read(box, &rec, &origin);
        if (status == IFL_OK && origin.from_lane == OUTBOX_LANE_DEAD) {
            (void)outbox_bury(box, &(struct outbox_message){.n = origin.from_n}); /* NOT_FOUND: it was finished */
        } else if (status == IFL_OK && origin.from_lane < IFL_LANE_COUNT) {
            struct outbox_lane *from = &box->lanes[origin.from_lane];
            if (origin.from_n > from->cursor && origin.from_n <= from->last_n) {
                from->cursor = origin.from_n;
                (void)outbox_cursor_save(box, origin.from_lane); /* before this lane goes on in another block */
            }
        }
    }
    return status;
}

static enum ifl_status finish_moves(struct outbox *box, uint8_t lane)
{
    struct outbox_message message = {.at = outbox_block_records(box, box->lanes[lane].newest)};
    bool damaged;
    enum ifl_status status = IFL_OK;
    while (status == IFL_OK) {
        status = outbox_seek(box, lane, message.at, message.n, &message, &damaged);
        if (status == IFL_OK) {
            status = finish_move(box, &message);
        }
    }
    return status == IFL_END ? IFL_OK : status;
}

static enum ifl_status write_part(struct outbox *box)
{
    enum ifl_status status = IFL_OK;
    box->dirty = true; /* also what an earlier process wrote */
    for (uint8_t i = 0; i < IFL_LANE_COUNT && status == IFL_OK; i++) {
        bool moves = box->lanes[i].checked;
        box->lanes[i].checked = false;
        status = moves ? finish_moves(box, i) : IFL_OK;
    }
    return status == IFL_OK ? outbox_sync_inside(box) : status;
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
            box->lanes[i].durable_n = box->lanes[i].last_n;
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
