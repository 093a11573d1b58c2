/* block.c: blocks, from erased to erased.
 *
 *   DIRTY ──erase_begin──► RUNNING ──all sectors erased──► PREPARE ──header 1──► FREE ──header 2──► USED
 *     ▲ no header 1, or remains     │ erase failed            │ not blank, or header 1 doesn't read back │
 *     │                             ▼                         ▼                                          │
 *     └────── next boot ────── (retired until then)                                                      │
 *     ▲                                                                                                  │
 *     └──────────────────────────── every number finished, and the cursor on flash says so ◄─────────────┘
 *
 * There is no table of blocks in RAM: their headers are the table. They are scanned once a block, not once a message. */
#include "internal.h"

#include <string.h>

#define MAGIC 0x424F4649u /* "IFOB" */
#define VERSION 1u
#define SWEEP_COUNT 16u /* blocks looked at in one step */

/* ---- layout ---- */

uint32_t outbox_block_start(const struct outbox *box, uint32_t index)
{
    return index * box->block_size;
}

static uint32_t header2_at(const struct outbox *box, uint32_t index, unsigned copy)
{
    return outbox_block_start(box, index) + outbox_padded(box, HEADER1_SIZE) + copy * outbox_padded(box, HEADER2_SIZE);
}

uint32_t outbox_block_records(const struct outbox *box, uint32_t index)
{
    return header2_at(box, index, 2);
}

static void common_encode(const struct outbox *box, const struct block *block, uint8_t kind, uint8_t *raw)
{
    le32_put(raw, MAGIC);
    raw[4] = VERSION;
    raw[5] = kind;
    le16_put(raw + 6, (uint16_t)flash_prog_size(box->region));
    le32_put(raw + 8, box->block_size);
    le32_put(raw + 12, block->index);
    le32_put(raw + 16, block->erase_count);
    memset(raw + 20, 0, HEADER1_SIZE - 20);
}

void outbox_header1_encode(const struct outbox *box, const struct block *block, uint8_t raw[HEADER1_SIZE])
{
    common_encode(box, block, 1, raw);
    le32_put(raw + 28, crc32c(0, raw, 28));
}

bool outbox_header1_valid(const uint8_t raw[HEADER1_SIZE])
{
    return le32_get(raw) == MAGIC && raw[5] == 1 && le32_get(raw + 28) == crc32c(0, raw, 28);
}

static void header2_encode(const struct outbox *box, struct block *block, uint8_t raw[HEADER2_SIZE])
{
    common_encode(box, block, 2, raw);
    le32_put(raw + 20, block->serial);
    le64_put(raw + 24, block->log);
    le64_put(raw + 32, block->tag);
    le64_put(raw + 40, block->first_n);
    le64_put(raw + 48, block->cursor);
    le64_put(raw + 56, block->given_up);
    raw[64] = block->lane;
    raw[65] = 0;
    le16_put(raw + 66, block->reason);
    memcpy(raw + 68, block->route, IFL_ROUTE_NAME_SIZE);
    memset(raw + 100, 0, 8);
    block->crc = crc32c(0, raw, HEADER2_SIZE - 4);
    le32_put(raw + 108, block->crc);
}

static bool header2_decode(const struct outbox *box, const uint8_t raw[HEADER2_SIZE], struct block *block)
{
    uint32_t crc = le32_get(raw + 108);
    bool ours = le32_get(raw + 8) == box->block_size && le32_get(raw + 12) == block->index;
    if (le32_get(raw) != MAGIC || raw[4] != VERSION || raw[5] != 2 || crc != crc32c(0, raw, HEADER2_SIZE - 4) ||
        !ours) {
        return false;
    }
    block->crc = crc;
    block->erase_count = le32_get(raw + 16);
    block->serial = le32_get(raw + 20);
    block->log = le64_get(raw + 24);
    block->tag = le64_get(raw + 32);
    block->first_n = le64_get(raw + 40);
    block->cursor = le64_get(raw + 48);
    block->given_up = le64_get(raw + 56);
    block->lane = raw[64];
    block->reason = le16_get(raw + 66);
    memcpy(block->route, raw + 68, IFL_ROUTE_NAME_SIZE);
    block->route[IFL_ROUTE_NAME_SIZE - 1] = '\0';
    return block->first_n != 0 && block->serial != 0;
}

static bool is_blank(const struct outbox *box, const uint8_t *raw, size_t size)
{
    while (size > 0 && raw[size - 1] == flash_erased_value(box->region)) {
        size--;
    }
    return size == 0;
}

/* ---- reading headers ---- */

/* One copy of header 2. */
static enum ifl_status read_header2(const struct outbox *box, unsigned copy, struct block *block, bool *valid,
                                    bool *blank)
{
    uint8_t raw[HEADER2_SIZE];
    enum ifl_status status = flash_read(box->region, header2_at(box, block->index, copy), raw, sizeof raw);
    if (status == IFL_OK) {
        *blank = is_blank(box, raw, sizeof raw);
        *valid = header2_decode(box, raw, block);
    }
    return status;
}

/* Either copy of header 2 will do: a bit that flips in one of them costs nothing. The first one alone may be torn, and read this way or
 * that: it counts when it reads right however often it's read. */
enum ifl_status outbox_block_load(const struct outbox *box, uint32_t index, struct block *block,
                                  enum block_state *state)
{
    uint8_t raw[HEADER1_SIZE];
    bool valid, blank[2];
    *block = (struct block){.index = (uint16_t)index, .erase_count = box->erase_count_max};
    *state = BLOCK_DIRTY;
    enum ifl_status status = read_header2(box, 1, block, &valid, &blank[1]);
    bool alone = !valid;
    for (int i = 0; i < WEAK_READS && status == IFL_OK && alone && (valid || i == 0); i++) {
        status = read_header2(box, 0, block, &valid, &blank[0]);
    }
    if (status != IFL_OK || valid) {
        *state = BLOCK_USED;
        return status;
    }
    status = flash_read(box->region, outbox_block_start(box, index), raw, sizeof raw);
    if (status == IFL_OK && outbox_header1_valid(raw)) {
        block->erase_count = le32_get(raw + 16);
        *state = raw[4] > VERSION ? BLOCK_NEWER : blank[0] && blank[1] ? BLOCK_FREE : BLOCK_DIRTY;
    }
    return status;
}

enum ifl_status outbox_block_find(const struct outbox *box, uint8_t lane, uint32_t after, struct block *block)
{
    bool found = false;
    for (uint32_t i = 0; i < box->block_count; i++) {
        struct block candidate;
        enum block_state state;
        enum ifl_status status = outbox_block_load(box, i, &candidate, &state);
        if (status != IFL_OK) {
            return status;
        }
        if (state == BLOCK_USED && candidate.lane == lane && candidate.serial > after &&
            (!found || candidate.serial < block->serial)) {
            *block = candidate;
            found = true;
        }
    }
    return found ? IFL_OK : IFL_END;
}

/* ---- opening a block for a lane ---- */

bool outbox_lane_finished(const struct outbox_lane *lane)
{
    return lane->block_count > 1 && !lane->resume_due && lane->reclaim_n != 0 &&
           lane->cursor_saved + 1 >= lane->reclaim_n;
}

enum ifl_status outbox_lane_second(struct outbox *box, uint8_t lane)
{
    struct outbox_lane *l = &box->lanes[lane];
    struct block second;
    if (l->reclaim_n != 0) {
        return IFL_OK;
    }
    enum ifl_status status = outbox_block_find(box, lane, l->oldest_serial, &second);
    if (status == IFL_OK) {
        l->reclaim_n = second.first_n;
    }
    return status;
}

/* Blocks that lanes other than this one can still claim: up to their share, and where power cuts have filled the space for what must be recorded. */
static uint32_t shares_of_others(const struct outbox *box, const struct outbox_lane *own)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < IFL_LANE_COUNT; i++) {
        const struct outbox_lane *lane = &box->lanes[i];
        if (lane != own && lane->min_blocks > lane->block_count) {
            sum += (uint32_t)lane->min_blocks - lane->block_count;
        } else if (lane != own && lane->block_count > 0) {
            sum += !outbox_has_room(box, lane, outbox_padded(box, RECORD_SIZE), 0);
        }
    }
    return sum;
}

/* A message leaves the last free block alone, and the shares of others. */
static bool may_take(const struct outbox *box, const struct outbox_lane *lane)
{
    return box->free_count >= 2 &&
           (lane->block_count < lane->min_blocks || box->free_count - 2u >= shares_of_others(box, lane));
}

/* The last free block may go where that frees another one: so what was delivered can be recorded, and a full store drains. */
static bool frees_another(struct outbox *box, uint8_t lane)
{
    const struct outbox_lane *l = &box->lanes[lane];
    if (l->block_count > 1) {
        return outbox_lane_second(box, lane) == IFL_OK && l->cursor + 1 >= l->reclaim_n;
    }
    return l->block_count == 1 && l->cursor == l->last_n;
}

/* A block goes only when a record of this boot says that it's finished: what earlier boots wrote last may be torn. */
static void record_finished(struct outbox *box, uint8_t lane)
{
    const struct outbox_lane *l = &box->lanes[lane];
    if (l->block_count > 1 && outbox_lane_second(box, lane) == IFL_OK && l->cursor + 1 >= l->reclaim_n &&
        (l->resume_due || l->cursor_saved + 1 < l->reclaim_n)) {
        (void)outbox_cursor_save(box, lane);
    }
}

/* Blocks become free by themselves: an erase is under way, or due. */
static bool blocks_coming(const struct outbox *box)
{
    bool coming = box->erase_state != OUTBOX_ERASE_IDLE || (box->sweep < box->block_count && !box->no_space);
    for (size_t i = 0; i < IFL_LANE_COUNT; i++) {
        coming = coming || outbox_lane_finished(&box->lanes[i]);
    }
    return coming;
}

static enum ifl_status may_open(struct outbox *box, uint8_t lane, bool data)
{
    const struct outbox_lane *l = &box->lanes[lane];
    for (uint8_t i = 0; i < IFL_LANE_COUNT && data && !may_take(box, l); i++) {
        record_finished(box, i); /* if it fails, nothing comes from there */
    }
    if (may_take(box, l) || (!data && (box->free_count >= 2 || (box->free_count == 1 && frees_another(box, lane))))) {
        return IFL_OK;
    }
    box->wanted = true;
    if (blocks_coming(box)) {
        return IFL_FLASH_BUSY;
    }
    return data ? outbox_give_up_oldest(box, lane) : IFL_STORE_FULL;
}

/* Two copies, so that one is whole whatever happens to the other. */
static enum ifl_status program_header2(struct outbox *box, struct block *block)
{
    uint8_t raw[HEADER2_SIZE];
    header2_encode(box, block, raw);
    enum ifl_status status = outbox_program(box, header2_at(box, block->index, 0), raw, sizeof raw);
    return status == IFL_OK ? outbox_program(box, header2_at(box, block->index, 1), raw, sizeof raw) : status;
}

static void adopt(struct outbox *box, const struct block *block)
{
    struct outbox_lane *lane = &box->lanes[block->lane];
    lane->newest = block->index;
    lane->newest_serial = block->serial;
    if (++lane->block_count == 1) {
        lane->oldest_serial = block->serial;
    } else if (lane->block_count == 2) {
        lane->reclaim_n = block->first_n;
    }
    lane->write_at = outbox_block_records(box, block->index);
    lane->cursor_saved = block->cursor;
    lane->fence_at = 0;
    lane->unsynced = true;
    lane->closed = lane->resume_due = lane->sync_failed = false;
}

/* The cursor that allows it must be durable first. */
static bool erase_begin(struct outbox *box, const struct block *block)
{
    if (outbox_sync_inside(box) != IFL_OK) {
        return false;
    }
    if (flash_erase_start(box->region, outbox_block_start(box, block->index)) != IFL_OK) {
        return false;
    }
    box->dirty = true;
    box->erase_block = block->index;
    box->erase_count = block->erase_count + 1;
    box->erase_sector = 0;
    box->erase_state = OUTBOX_ERASE_RUNNING;
    return true;
}

/* One free block: blank everywhere, then header 2. */
static enum ifl_status take(struct outbox *box, uint8_t lane, struct block *block)
{
    const struct outbox_lane *l = &box->lanes[lane];
    uint32_t at = header2_at(box, block->index, 0);
    bool blank;
    enum ifl_status status = flash_is_blank(box->region, at, outbox_block_start(box, block->index + 1u) - at, &blank);
    if (status != IFL_OK) {
        return status;
    }
    if (!blank) {
        if (box->erase_state == OUTBOX_ERASE_IDLE && erase_begin(box, block)) {
            box->free_count = (uint16_t)(box->free_count - (box->free_count > 0));
        }
        return IFL_FLASH_BUSY;
    }
    box->free_count = (uint16_t)(box->free_count - (box->free_count > 0));
    block->lane = lane;
    block->serial = ++box->last_serial;
    block->log = box->log_id;
    block->tag = box->device_tag;
    block->first_n = l->last_n + 1;
    block->cursor = l->cursor;
    block->given_up = l->given_up;
    block->reason = l->last_reason;
    memcpy(block->route, l->route, sizeof block->route);
    status = program_header2(box, block);
    if (status == IFL_OK) {
        adopt(box, block);
    } else {
        box->retired_count++;
    }
    return status;
}

enum ifl_status outbox_block_open(struct outbox *box, uint8_t lane, bool data)
{
    enum ifl_status status = may_open(box, lane, data);
    if (status == IFL_OK) {
        /* What lies in older blocks is durable when a newer one begins: recovery looks for gaps in the newest block only. */
        status = outbox_sync_inside(box);
    }
    for (uint32_t i = 0; status == IFL_OK && i < box->block_count; i++) {
        uint32_t index = (box->next_free + i) % box->block_count;
        struct block block;
        enum block_state state;
        status = outbox_block_load(box, index, &block, &state);
        if (status != IFL_OK || state != BLOCK_FREE) {
            continue;
        }
        status = take(box, lane, &block);
        if (status == IFL_OK) {
            box->next_free = (uint16_t)((index + 1) % box->block_count);
            return IFL_OK;
        }
        if (status == IFL_FLASH_VERIFY || status == IFL_FLASH_IO) {
            status = may_open(box, lane, data); /* that block is worn, look on */
        }
    }
    return status == IFL_OK ? IFL_STORE_FULL : status;
}

/* ---- erasing ---- */

/* Header 1 says: this block was erased to its end. */
enum ifl_status outbox_block_prepare(struct outbox *box, struct block *block)
{
    uint8_t raw[HEADER1_SIZE];
    bool blank = false;
    uint32_t start = outbox_block_start(box, block->index);
    enum ifl_status status = flash_is_blank(box->region, start, box->block_size, &blank);
    if (status == IFL_OK && !blank) {
        return IFL_FLASH_VERIFY;
    }
    if (status == IFL_OK) {
        status = outbox_sync_inside(box);
    }
    if (status == IFL_OK) {
        outbox_header1_encode(box, block, raw);
        status = outbox_program(box, start, raw, sizeof raw);
    }
    return status;
}

static void prepare(struct outbox *box)
{
    struct block block = {.index = box->erase_block, .erase_count = box->erase_count};
    enum ifl_status status = outbox_block_prepare(box, &block);
    if (status == IFL_FLASH_BUSY) {
        return;
    }
    box->erase_state = OUTBOX_ERASE_IDLE;
    box->no_space = status == IFL_STORE_FULL;
    if (box->no_space) { /* nothing is wrong with the block: the sweep tries it again */
        box->sweep = box->sweep < box->erase_block ? box->sweep : box->erase_block;
        return;
    }
    if (status != IFL_OK) {
        box->retired_count++;
        return;
    }
    if (box->erase_count > box->erase_count_max) {
        box->erase_count_max = box->erase_count;
    }
    box->free_count++;
    box->wanted = false;
}

static bool erase_poll(struct outbox *box)
{
    uint32_t sector_size = flash_sector_size(box->region);
    enum ifl_status status = flash_poll(box->region);
    if (status == IFL_FLASH_BUSY) {
        return false;
    }
    uint32_t next = (box->erase_sector + 1u) * sector_size;
    if (status == IFL_OK && next < box->block_size) {
        status = flash_erase_start(box->region, outbox_block_start(box, box->erase_block) + next);
        box->erase_sector = (uint16_t)(box->erase_sector + (status == IFL_OK));
        if (status == IFL_OK || status == IFL_FLASH_BUSY) {
            return status == IFL_OK;
        }
    }
    if (status == IFL_OK) {
        box->erase_state = OUTBOX_ERASE_PREPARE;
    } else {
        box->erase_state = OUTBOX_ERASE_IDLE;
        box->retired_count++;
    }
    return true;
}

/* The oldest block of a lane, when all of it is finished. */
static bool reclaim(struct outbox *box, uint8_t lane)
{
    struct outbox_lane *l = &box->lanes[lane];
    struct block oldest, second;
    record_finished(box, lane);
    if (!outbox_lane_finished(l) || outbox_block_find(box, lane, l->oldest_serial - 1, &oldest) != IFL_OK ||
        outbox_block_find(box, lane, oldest.serial, &second) != IFL_OK || !erase_begin(box, &oldest)) {
        return false;
    }
    if (l->read_at / box->block_size == oldest.index) {
        l->read_at = 0;
        l->checked = false;
    }
    l->oldest_serial = second.serial; /* serials are counted over all lanes */
    l->block_count--;
    l->reclaim_n = 0;
    return true;
}

/* No block of a lane, and none that was taken for one when it was read before. */
static bool is_garbage(const struct outbox *box, const struct block *block, enum block_state state)
{
    for (size_t i = 0; i < IFL_LANE_COUNT; i++) {
        if (box->lanes[i].newest_serial != 0 && box->lanes[i].newest == block->index) {
            return false;
        }
    }
    return state == BLOCK_DIRTY;
}

/* Every block is looked at once after mount: garbage gets one erase. */
static bool sweep(struct outbox *box)
{
    for (unsigned i = 0; i < SWEEP_COUNT && box->sweep < box->block_count; i++) {
        struct block block;
        enum block_state state;
        if (outbox_block_load(box, box->sweep, &block, &state) != IFL_OK ||
            (is_garbage(box, &block, state) && !erase_begin(box, &block))) {
            return false;
        }
        box->sweep++;
        if (is_garbage(box, &block, state)) {
            return true;
        }
    }
    return box->sweep < box->block_count;
}

bool outbox_erase_step(struct outbox *box, bool start)
{
    if (box->erase_state == OUTBOX_ERASE_RUNNING) {
        return erase_poll(box);
    }
    if (box->erase_state == OUTBOX_ERASE_PREPARE) {
        prepare(box);
        return box->erase_state == OUTBOX_ERASE_IDLE;
    }
    if (!start || box->put.active) {
        return false;
    }
    for (uint8_t lane = 0; lane < IFL_LANE_COUNT; lane++) {
        if (reclaim(box, lane)) {
            return true;
        }
    }
    return !box->no_space && sweep(box);
}
