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

/* A header 1 at any sector, that reads right each time, tells where blocks begin. END: there is none. */
static enum ifl_status find_format(struct outbox *box)
{
    struct block header;
    uint32_t sector_size = flash_sector_size(&box->region);
    for (uint32_t at = 0; at < box->region.size; at += sector_size) {
        int reads = 0;
        do {
            outbox_load(box, at, &header, HEADER1_SIZE);
        } while (outbox_header_valid(&header, 1) && reads++ < WEAK_READS);
        if (reads <= WEAK_READS) {
            continue;
        }
        if (header.version > 1) {
            return IFL_STORE_NEWER;
        }
        box->stats.block_size = header.size;
        bool fits = header.size >= BLOCK_SIZE_MIN && header.size % sector_size == 0 &&
                    (uint64_t)header.index * header.size == at && header.prog_size == flash_prog_size(&box->region);
        return fits ? IFL_OK : IFL_FLASH_GEOMETRY;
    }
    return box->fault == IFL_OK ? IFL_END : box->fault;
}

static enum ifl_status choose_block_size(struct outbox *box, const struct outbox_config *config)
{
    uint32_t sector_size = flash_sector_size(&box->region);
    uint32_t enough = 4 * ((uint32_t)config->lane_count + 3);
    uint32_t size = config->block_size != 0 ? config->block_size : sector_size;
    while (config->block_size == 0 &&
           (size < BLOCK_SIZE_MIN || (size < BLOCK_SIZE_AIM && box->region.size / size / 2 >= enough))) {
        size *= 2;
    }
    box->stats.block_size = size;
    return size >= BLOCK_SIZE_MIN && size % sector_size == 0 ? IFL_OK : IFL_INVALID;
}

enum fill { FILL_BLANK, FILL_BEGUN, FILL_OPPOSITE, FILL_OTHER, FILL_COUNT };

/* What a block without any header of ours is filled with. BEGUN: blank, but for a part of the bits of a header 1. */
static enum fill block_fill(struct outbox *box, uint32_t index)
{
    uint8_t piece[PIECE_SIZE], erased = flash_erased_value(&box->region);
    struct block header = {.index = index};
    const uint8_t *image = (const uint8_t *)&header;
    uint8_t any = 0, all = 0xFF,
            begun = 0; /* bits that differ from blank: anywhere, everywhere, where a header 1 has none */
    outbox_header_seal(box, &header, 1);
    memset(&header.erase_count, ~erased, sizeof header.erase_count); /* of whatever erase */
    memset((uint8_t *)&header + HEADER1_SIZE - 4, ~erased, 4);
    for (uint32_t done = 0; done < box->stats.block_size; done += PIECE_SIZE) {
        outbox_load(box, outbox_block_start(box, index) + done, piece, sizeof piece);
        for (uint32_t i = 0; i < PIECE_SIZE; i++) {
            uint8_t changed = piece[i] ^ erased;
            uint8_t allowed = done + i < HEADER1_SIZE ? image[i] ^ erased : 0;
            any |= changed;
            all &= changed;
            begun |= changed & (uint8_t)~allowed;
        }
    }
    return any == 0 ? FILL_BLANK : begun == 0 ? FILL_BEGUN : all == 0xFF ? FILL_OPPOSITE : FILL_OTHER;
}

/* A region is ours to format when it's all erased, or all the opposite; or was that until the power went while the first header 1 was programmed,
 * or while the first block was erased. *first: a blank block, or block_count. */
static enum ifl_status may_format(struct outbox *box, uint32_t *first)
{
    uint32_t count[FILL_COUNT] = {0};
    *first = box->stats.block_count;
    for (uint32_t i = box->stats.block_count; i-- > 0;) {
        enum fill fill = block_fill(box, i);
        count[fill]++;
        *first = fill == FILL_BLANK ? i : *first;
    }
    bool ours = count[FILL_OTHER] == 0 || (count[FILL_OTHER] == 1 && count[FILL_OPPOSITE] > 0);
    return box->fault != IFL_OK ? box->fault : ours ? IFL_OK : IFL_STORE_FOREIGN;
}

/* ---- scan ---- */

static void scan_block(struct outbox *box, struct outbox_lane *lane, const struct block *block)
{
    if (lane->block_count++ == 0 || block->serial < lane->oldest_serial) {
        lane->oldest_serial = block->serial;
    }
    if (block->serial > lane->newest_serial) {
        lane->newest_serial = block->serial;
        lane->newest = (uint16_t)block->index;
    }
    if (block->serial > box->last_serial) { /* the newest of all knows the log id and the device */
        box->last_serial = block->serial;
        box->stats.moved = block->tag != box->device_tag;
        box->stats.log_id = block->log;
        box->next_free = (uint16_t)(block->index + 1);
    }
}

static enum ifl_status scan(struct outbox *box)
{
    box->stats.erase_count_min = UINT32_MAX;
    for (uint32_t i = 0; i < box->stats.block_count; i++) {
        struct block block;
        enum block_state state = outbox_block_load(box, i, &block);
        if (state == BLOCK_NEWER) {
            return IFL_STORE_NEWER;
        }
        if (state == BLOCK_DIRTY) {
            continue;
        }
        if (state == BLOCK_FREE) {
            box->stats.free_blocks++;
        } else if (block.progress.lane >= IFL_LANE_COUNT || (outbox_n)block.first_n != block.first_n) {
            return IFL_STORE_LANES;
        } else {
            scan_block(box, &box->lanes[block.progress.lane], &block);
        }
        if (block.erase_count > box->stats.erase_count_max) {
            box->stats.erase_count_max = block.erase_count;
        }
        if (block.erase_count < box->stats.erase_count_min) {
            box->stats.erase_count_min = block.erase_count;
        }
    }
    return box->fault;
}

/* ---- one lane ---- */

static outbox_n larger(outbox_n a, outbox_n b)
{
    return a > b ? a : b;
}

/* A message counts when it's the next one: behind a gap nothing was ever acknowledged, unless a record says that it was durable. */
static void apply(struct outbox_lane *lane, const struct record *rec, bool whole)
{
    if (rec->type == RECORD_DATA) {
        lane->last_n = larger(lane->last_n, rec->behind < rec->n ? rec->n - 1 - rec->behind : 0);
        if (whole && rec->n == lane->last_n + 1) {
            lane->last_n = rec->n;
            lane->moves |= (rec->flags & RECORD_ORIGIN) != 0;
        }
    } else if (rec->type != RECORD_TOMB) {
        lane->last_n = rec->type == RECORD_RESUME ? rec->n : larger(lane->last_n, rec->n);
        lane->progress.cursor = rec->cursor;
        lane->progress.given_up = rec->given_up;
        lane->progress.reason = rec->reason;
        lane->progress.batch_count = rec->batch_count;
        lane->progress.batch_format = rec->quality;
    }
}

/* What the records of the newest block before lane->write_at say. *last: the last one that is whole (at 0: none); *behind: address behind all of them. */
static void read_lane(struct outbox *box, struct outbox_lane *lane, struct walk *walk, struct record *last,
                      uint32_t *behind)
{
    lane->last_n = (outbox_n)walk->block.first_n - 1;
    lane->progress = walk->block.progress;
    last->at = 0;
    outbox_walk_block(box, walk);
    while (outbox_walk_next(box, walk)) {
        uint32_t end = walk->rec.at + outbox_record_extent(box, &walk->rec);
        *behind = end > *behind ? end : *behind;
        if (walk->whole) {
            *last = walk->rec;
        }
        apply(lane, &walk->rec, walk->whole);
    }
}

/* Address behind the last step of the lane's newest block before `tail` that isn't blank. */
static uint32_t find_tail(struct outbox *box, const struct outbox_lane *lane, uint32_t tail, uint32_t step)
{
    while (tail >= outbox_block_records(box, lane->newest) + step && outbox_is_blank(box, tail - step, tail)) {
        tail -= step;
    }
    return tail;
}

/* The same, of what hovers as well: bits that read blank now are seen in one of many readings. As far behind what is seen as two programs in which the power went
 * may lie, one start after the other. */
static uint32_t find_firm_tail(struct outbox *box, const struct outbox_lane *lane)
{
    uint32_t granule = flash_prog_size(&box->region), step = granule < PIECE_SIZE ? granule : PIECE_SIZE;
    uint32_t end = outbox_block_start(box, lane->newest + 1u);
    uint32_t tail = find_tail(box, lane, find_tail(box, lane, end, PIECE_SIZE), step);
    for (int i = 0; i < WEAK_READS && !outbox_is_cached(box); i++) {
        uint32_t far = end - tail < 4u * box->hover_size ? end : tail + 4u * box->hover_size;
        uint32_t seen = find_tail(box, lane, far, step);
        tail = seen > tail ? seen : tail;
    }
    return tail;
}

/* Read the newest block. Its last record may be torn, and right by chance; then it is as if it weren't there, now and for ever.
 *
 * The program during which the power went began at the latest where we last see something, or there begins a message that we know the length of; what
 * it left may read blank. So as much as one program takes is left out before the next record. */
static void recover_lane(struct outbox *box, struct outbox_lane *lane)
{
    struct walk walk;
    struct record last;
    uint32_t behind = 0;
    bool steady;
    outbox_block_load(box, lane->newest, &walk.block);
    uint32_t tail = find_firm_tail(box, lane);
    lane->seed = walk.block.crc;
    lane->write_at = tail;
    walk.lane = lane;
    walk.damaged = false;
    do {
        read_lane(box, lane, &walk, &last, &behind);
        steady = last.at == 0 || outbox_record_steady(box, &last);
        box->stats.resumed |= !walk.boundary || !steady;
        lane->write_at = last.at;
    } while (!steady && box->fault == IFL_OK);
    tail += outbox_is_cached(box) ? 0 : box->hover_size;
    lane->write_at = outbox_padded(box, tail > behind ? tail : behind);
    lane->cursor_saved = lane->progress.cursor;
    outbox_all_durable(lane);
    lane->resume_due = true;
    lane->closed = walk.block.log != box->stats.log_id;
}

/* ---- lanes and routes ---- */

/* A dead letter that is queued again goes to the number of its route. */
static void mark_dead_letters(struct outbox *box)
{
    struct outbox_lane *dead = &box->lanes[OUTBOX_LANE_DEAD];
    struct walk walk;
    struct origin origin;
    bool more = outbox_walk_from(box, dead, 0, &walk);
    while (more && outbox_seek(box, &walk, dead->progress.cursor)) {
        if (outbox_origin(box, &walk.rec, &origin) && origin.lane < IFL_LANE_COUNT) {
            box->lanes[origin.lane].has_dead_letters = true;
        }
    }
}

/* An orphan with nothing in it and no dead letters: its numbers go on, so no id comes twice. Else a number that nobody had. */
static uint8_t lane_for(struct outbox *box)
{
    uint8_t unused = OUTBOX_LANE_NONE;
    mark_dead_letters(box);
    for (uint8_t i = IFL_LANE_COUNT - 1; i > OUTBOX_LANE_DEAD; i--) {
        const struct outbox_lane *lane = &box->lanes[i];
        if (lane->progress.route[0] == '\0') {
            unused = i;
        } else if (!lane->configured && lane->progress.cursor == lane->last_n && !lane->has_dead_letters) {
            return i;
        }
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
    if (strcmp(lane->progress.route, config->route) != 0) {
        memset(lane->progress.route, 0, sizeof lane->progress.route);
        memcpy(lane->progress.route, config->route, strlen(config->route));
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
    return needed <= box->stats.block_count ? IFL_OK : IFL_STORE_LANES;
}

/* ---- the writing part ---- */

/* Messages that were copied to this lane, and the power went before they were finished in their old one. */
static void finish_moves(struct outbox *box, struct outbox_lane *lane)
{
    struct walk walk;
    struct origin origin;
    bool more = outbox_walk_from(box, lane, outbox_block_records(box, lane->newest), &walk);
    while (more && outbox_seek(box, &walk, 0)) {
        if (outbox_origin(box, &walk.rec, &origin) && origin.from_lane < IFL_LANE_COUNT) {
            /* Before this lane goes on in another block. */
            (void)outbox_moved_away(box, &box->lanes[origin.from_lane], origin.from_n, 0);
        }
    }
}

static enum ifl_status write_part(struct outbox *box)
{
    outbox_unsynced(box, NULL); /* also what an earlier process wrote */
    for (struct outbox_lane *lane = box->lanes; lane < box->lanes + IFL_LANE_COUNT; lane++) {
        if (lane->moves) {
            finish_moves(box, lane);
        }
    }
    return box->fault == IFL_OK ? outbox_sync_inside(box) : box->fault;
}

static enum ifl_status new_log_id(struct outbox *box)
{
    return box->random.fill(box->random.ctx, &box->stats.log_id, sizeof box->stats.log_id);
}

static enum ifl_status read_part(struct outbox *box, const struct outbox_config *config)
{
    enum ifl_status status = scan(box);
    if (status == IFL_OK && (box->last_serial == 0 || box->stats.moved)) {
        status = new_log_id(box);
    }
    for (size_t i = 0; i < IFL_LANE_COUNT && status == IFL_OK; i++) {
        box->lanes[i].progress.lane = (uint8_t)i;
        if (box->lanes[i].newest_serial != 0) {
            recover_lane(box, &box->lanes[i]);
            status = box->fault;
        }
    }
    return status == IFL_OK ? set_up_lanes(box, config) : status;
}

/* A blank region: nothing is erased before a header 1 says whose it is. */
static enum ifl_status first_header(struct outbox *box, uint32_t first)
{
    struct block block = {.index = first};
    enum ifl_status status = first < box->stats.block_count ? outbox_block_prepare(box, &block) : IFL_FLASH_VERIFY;
    box->stats.free_blocks = status == IFL_OK;
    return status == IFL_FLASH_VERIFY ? IFL_OK : status; /* the first block is erased instead */
}

/* Programs are small where a torn one can leave bits that hover: recovery leaves as much room behind the last record. */
static void look_at_medium(struct outbox *box)
{
    uint32_t granule = flash_prog_size(&box->region);
    box->hover_size = (uint16_t)(granule > PIECE_SIZE ? granule : PIECE_SIZE);
    box->record_size = (uint16_t)outbox_padded(box, RECORD_SIZE);
}

static void set_limits(struct outbox *box, const struct outbox_config *config)
{
    uint32_t count = box->region.size / box->stats.block_size;
    uint32_t max = box->stats.block_size / 2 - 96;
    box->stats.block_count = count < UINT16_MAX ? count : UINT16_MAX;
    max = max < IFL_PAYLOAD_SIZE_MAX ? max : IFL_PAYLOAD_SIZE_MAX;
    box->stats.payload_max = config->payload_max != 0 && config->payload_max < max ? config->payload_max : max;
}

enum ifl_status outbox_mount(struct outbox *box, struct flash_region region, const struct outbox_config *config)
{
    uint32_t first = 0;
    memset(box, 0, sizeof *box);
    box->region = region;
    box->random = config->random;
    box->device_tag = config->device_tag;
    look_at_medium(box);
#if IFL_FLASH_CACHE
    box->cached = region.flash->driver->sync != NULL;
#else
    if (region.flash->driver->sync != NULL) {
        return IFL_INVALID;
    }
#endif
    enum ifl_status status = find_format(box);
    bool format = status == IFL_END;
    if (format) {
        status = choose_block_size(box, config);
    }
    if (status == IFL_OK) {
        set_limits(box, config);
        status = format ? may_format(box, &first) : IFL_OK;
    }
    if (status == IFL_OK) {
        status = read_part(box, config);
    }
    if (status == IFL_OK && format) {
        status = first_header(box, first);
    }
    if (status == IFL_OK) {
        status = write_part(box);
    }
    for (int i = 0; i < 64 && status == IFL_OK && box->stats.free_blocks < 4 && outbox_erase_step(box, true); i++) {
    }
    return status;
}
