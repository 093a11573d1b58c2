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
#define CRC_OF_WHOLE 0x48674BC7u /* of bytes with their check sum behind them, whatever they are */

/* ---- layout ---- */

static uint32_t header2_at(const struct outbox *box, uint32_t index, unsigned copy)
{
    return outbox_block_start(box, index) + outbox_padded(box, HEADER1_SIZE) + copy * outbox_padded(box, HEADER2_SIZE);
}

uint32_t outbox_block_records(const struct outbox *box, uint32_t index)
{
    return header2_at(box, index, 2);
}

static uint32_t header_size(uint8_t kind)
{
    return kind == 1 ? HEADER1_SIZE : HEADER2_SIZE;
}

bool outbox_header_valid(const struct block *block, uint8_t kind)
{
    return block->magic == MAGIC && block->kind == kind && crc32c(0, block, header_size(kind)) == CRC_OF_WHOLE;
}

void outbox_header_seal(const struct outbox *box, struct block *block, uint8_t kind)
{
    uint32_t size = header_size(kind) - 4;
    block->magic = MAGIC;
    block->version = VERSION;
    block->kind = kind;
    block->prog_size = (uint16_t)flash_prog_size(&box->region);
    block->size = box->stats.block_size;
    le32_put((uint8_t *)block + size, crc32c(0, block, size));
}

/* ---- reading headers ---- */

static bool header2_load(struct outbox *box, uint32_t index, unsigned copy, struct block *block)
{
    outbox_load(box, header2_at(box, index, copy), block, HEADER2_SIZE);
    return outbox_header_valid(block, 2) && block->version == VERSION && block->index == index &&
           block->size == box->stats.block_size && block->progress.route[IFL_ROUTE_NAME_SIZE - 1] == '\0';
}

/* Either copy of header 2 will do: a bit that flips in one of them costs nothing. The first one alone may be torn, and read this way or
 * that: it counts when it reads right however often it's read. */
static bool is_used(struct outbox *box, uint32_t index, struct block *block)
{
    bool valid = header2_load(box, index, 1, block);
    for (int i = 0; i < WEAK_READS && !valid; i++) {
        if (!header2_load(box, index, 0, block)) {
            return false;
        }
    }
    return true;
}

enum block_state outbox_block_load(struct outbox *box, uint32_t index, struct block *block)
{
    if (is_used(box, index, block)) {
        return BLOCK_USED;
    }
    memset(block, 0, sizeof *block);
    outbox_load(box, outbox_block_start(box, index), block, HEADER1_SIZE);
    bool valid = outbox_header_valid(block, 1);
    block->index = index;
    if (!valid) {
        block->erase_count = box->stats.erase_count_max;
        return BLOCK_DIRTY;
    }
    if (block->version > VERSION) {
        return BLOCK_NEWER;
    }
    return outbox_is_blank(box, header2_at(box, index, 0), outbox_block_records(box, index)) ? BLOCK_FREE : BLOCK_DIRTY;
}

bool outbox_block_find(struct outbox *box, const struct outbox_lane *lane, uint32_t after, struct block *block)
{
    bool found = false;
    for (uint32_t i = 0; i < box->stats.block_count; i++) {
        struct block candidate;
        if (is_used(box, i, &candidate) && candidate.progress.lane == lane->progress.lane && candidate.serial > after &&
            (!found || candidate.serial < block->serial)) {
            *block = candidate;
            found = true;
        }
    }
    return found && box->fault == IFL_OK;
}

/* ---- opening a block for a lane ---- */

/* The oldest block can go: a record of this start says on flash that it's finished. What earlier starts wrote last may be torn. */
static bool is_finished(const struct outbox_lane *lane)
{
    return !lane->resume_due && !outbox_is_in_doubt(lane) && lane->cursor_saved >= lane->reclaim_n - 1;
}

outbox_n outbox_lane_second(struct outbox *box, struct outbox_lane *lane)
{
    struct block second;
    if (lane->reclaim_n == 0 && lane->block_count > 1 && outbox_block_find(box, lane, lane->oldest_serial, &second)) {
        lane->reclaim_n = (outbox_n)second.first_n;
    }
    return lane->reclaim_n;
}

/* The same, in RAM. */
static bool is_oldest_done(struct outbox *box, struct outbox_lane *lane)
{
    return lane->progress.cursor >= outbox_lane_second(box, lane) - 1;
}

/* If it can't be recorded, nothing comes from there. But where no block takes a record any more, because the last ones are worn, it goes all the same: a power
 * cut before the next block says so may then call messages lost that were delivered. */
static bool record_finished(struct outbox *box, struct outbox_lane *lane)
{
    enum ifl_status status = IFL_OK;
    if (!outbox_is_in_doubt(lane) && is_oldest_done(box, lane) && !is_finished(lane)) {
        status = outbox_tell(box, lane, RECORD_CURSOR, 0);
    }
    return is_finished(lane) || (status == IFL_STORE_FULL && box->stats.free_blocks == 0 && !outbox_is_stuck(box));
}

/* Its only block holds nothing that is wanted: with the next one it's free. */
static bool is_drained(const struct outbox_lane *lane)
{
    return lane->block_count == 1 && lane->progress.cursor == lane->last_n;
}

/* The last free block may go where that frees another one: so what was delivered can be recorded, and a full store drains. */
static bool frees_another(struct outbox *box, struct outbox_lane *lane)
{
    return is_oldest_done(box, lane) || is_drained(lane);
}

/* Blocks that lanes other than this one can still claim: up to their share, and where power cuts have filled the space for what must be recorded (unless that frees
 * a block, too). */
static uint32_t shares_of_others(struct outbox *box, const struct outbox_lane *own)
{
    uint32_t sum = 0;
    for (struct outbox_lane *lane = box->lanes; lane < box->lanes + IFL_LANE_COUNT; lane++) {
        if (lane == own) {
            continue;
        }
        if (lane->min_blocks > lane->block_count) {
            sum += (uint32_t)lane->min_blocks - lane->block_count;
        } else if (lane->block_count > 0 && !outbox_has_room(box, lane, box->record_size)) {
            sum += !frees_another(box, lane);
        }
    }
    return sum;
}

/* A message leaves the last free block alone, and the shares of others. */
static bool may_take(struct outbox *box, const struct outbox_lane *lane)
{
    return box->stats.free_blocks >= 2 &&
           (lane->block_count < lane->min_blocks || box->stats.free_blocks - 2u >= shares_of_others(box, lane));
}

static enum ifl_status may_open(struct outbox *box, struct outbox_lane *lane, bool data)
{
    bool coming =
        box->erase_state != OUTBOX_ERASE_IDLE || (box->sweep < box->stats.block_count && !outbox_is_stuck(box));
    if (may_take(box, lane) || (!data && box->stats.free_blocks >= (frees_another(box, lane) ? 1 : 2))) {
        return IFL_OK;
    }
    for (size_t i = 0; i < IFL_LANE_COUNT; i++) {
        coming |= data ? record_finished(box, &box->lanes[i]) : is_finished(&box->lanes[i]);
    }
    if (data && may_take(box, lane)) {
        return IFL_OK; /* where a lane has found place for its record, nothing is kept for it any more */
    }
    box->wanted = true;
    if (coming) {
        return IFL_FLASH_BUSY;
    }
    if (data && is_drained(lane) && box->stats.free_blocks > 0) {
        return IFL_OK; /* others that filled the store don't stop who gives back what it takes */
    }
    return data ? outbox_give_up_oldest(box, lane) : IFL_STORE_FULL;
}

/* The cursor that allows it must be durable first. */
static bool erase_begin(struct outbox *box, const struct block *block)
{
    if (outbox_sync_inside(box) != IFL_OK ||
        flash_erase_start(&box->region, outbox_block_start(box, block->index)) != IFL_OK) {
        return false;
    }
    outbox_unsynced(box, NULL);
    box->erase_block = block->index;
    box->erase_count = block->erase_count + 1;
    box->erase_done = 0;
    box->erase_state = OUTBOX_ERASE_RUNNING;
    return true;
}

static void adopt(struct outbox *box, struct outbox_lane *lane, const struct block *block)
{
    if (++lane->block_count == 1) {
        lane->oldest_serial = block->serial;
    } else if (lane->block_count == 2) {
        lane->reclaim_n = (outbox_n)block->first_n;
    }
    lane->newest = (uint16_t)block->index;
    lane->newest_serial = block->serial;
    lane->seed = block->crc;
    lane->write_at = outbox_block_records(box, block->index);
    lane->cursor_saved = lane->progress.cursor;
    lane->fence_at = 0;
    outbox_new_block(lane);
    lane->closed = lane->resume_due = false;
    box->next_free = (uint16_t)(block->index + 1);
}

/* Header 2 of a free block. Two copies, so that one is whole whatever happens to the other. */
static enum ifl_status take(struct outbox *box, struct outbox_lane *lane, struct block *block)
{
    uint32_t at = header2_at(box, block->index, 0);
    bool blank = outbox_is_blank(box, at, outbox_block_start(box, block->index + 1));
    if (box->fault != IFL_OK) {
        return box->fault;
    }
    if (!blank && (box->erase_state != OUTBOX_ERASE_IDLE || !erase_begin(box, block))) {
        return IFL_FLASH_BUSY;
    }
    uint32_t before = box->stats.free_blocks;
    box->stats.free_blocks -= before > 0;
    if (!blank) {
        return IFL_FLASH_BUSY;
    }
    block->serial = ++box->last_serial;
    block->log = box->stats.log_id;
    block->tag = box->device_tag;
    block->first_n = lane->last_n + 1;
    block->progress = lane->progress;
    outbox_header_seal(box, block, 2);
    enum ifl_status status = outbox_program(box, at, block, HEADER2_SIZE);
    if (IFL_FLASH_CACHE && status == IFL_STORE_FULL) { /* nothing was written: it's still free */
        box->stats.free_blocks = before;
        return status;
    }
    if (status == IFL_OK) {
        status = outbox_program(box, header2_at(box, block->index, 1), block, HEADER2_SIZE);
    }
    if (status == IFL_OK) {
        adopt(box, lane, block);
    } else {
        box->stats.retired_blocks++;
    }
    return status;
}

enum ifl_status outbox_block_open(struct outbox *box, struct outbox_lane *lane, bool data)
{
    enum ifl_status status = may_open(box, lane, data);
    if (status == IFL_OK) {
        /* What lies in older blocks is durable when a newer one begins: recovery looks for gaps in the newest block only. */
        status = outbox_sync_inside(box);
    }
    for (uint32_t i = 0; status == IFL_OK && i < box->stats.block_count; i++) {
        uint32_t index = (box->next_free + i) % box->stats.block_count;
        struct block block;
        if (outbox_block_load(box, index, &block) != BLOCK_FREE) {
            continue;
        }
        status = take(box, lane, &block);
        if (status == IFL_OK) {
            return IFL_OK;
        }
        if (outbox_is_worn(status)) {
            status = may_open(box, lane, data); /* that block is worn, look on */
        }
    }
    return status == IFL_OK ? IFL_STORE_FULL : status;
}

/* ---- erasing ---- */

/* Header 1 says: this block was erased to its end. */
enum ifl_status outbox_block_prepare(struct outbox *box, struct block *block)
{
    uint32_t start = outbox_block_start(box, block->index);
    bool blank = outbox_is_blank(box, start, start + box->stats.block_size);
    enum ifl_status status = box->fault != IFL_OK ? box->fault : blank ? outbox_sync_inside(box) : IFL_FLASH_VERIFY;
    if (status == IFL_OK) {
        outbox_header_seal(box, block, 1);
        status = outbox_program(box, start, block, HEADER1_SIZE);
    }
    return status;
}

static bool prepare(struct outbox *box)
{
    struct block block = {.index = box->erase_block, .erase_count = box->erase_count};
    enum ifl_status status = outbox_block_prepare(box, &block);
    if (status == IFL_FLASH_BUSY) {
        return false;
    }
    box->erase_state = OUTBOX_ERASE_IDLE;
    if (status == IFL_STORE_FULL) {
        outbox_set_stuck(box, true);
    }
    if (status == IFL_OK) {
        if (box->erase_count > box->stats.erase_count_max) {
            box->stats.erase_count_max = box->erase_count;
        }
        box->stats.free_blocks++;
        box->wanted = false;
        outbox_set_stuck(box, false);
    } else if (outbox_is_stuck(box)) { /* nothing is wrong with the block: the sweep tries it again */
        box->sweep = box->sweep < box->erase_block ? box->sweep : box->erase_block;
    } else {
        box->stats.retired_blocks++;
    }
    return true;
}

static bool erase_poll(struct outbox *box)
{
    enum ifl_status status = flash_poll(&box->region);
    uint32_t next = box->erase_done + flash_sector_size(&box->region);
    if (status == IFL_OK && next < box->stats.block_size) {
        status = flash_erase_start(&box->region, outbox_block_start(box, box->erase_block) + next);
        if (status == IFL_OK) {
            box->erase_done = next;
            return true;
        }
    }
    if (status == IFL_FLASH_BUSY) {
        return false;
    }
    box->erase_state = status == IFL_OK ? OUTBOX_ERASE_PREPARE : OUTBOX_ERASE_IDLE;
    box->stats.retired_blocks += status != IFL_OK;
    return true;
}

/* The oldest block of a lane, when all of it is finished. The power may have gone in its erase, and then it reads right or wrong by chance: if it isn't found
 * any more, it's garbage, and the block found instead isn't the one that is finished. */
static bool reclaim(struct outbox *box, struct outbox_lane *lane)
{
    struct block oldest, second;
    if (!record_finished(box, lane) || !outbox_block_find(box, lane, lane->oldest_serial - 1, &oldest) ||
        !outbox_block_find(box, lane, lane->oldest_serial, &second)) {
        return false;
    }
    if (oldest.serial != lane->oldest_serial) {
        box->sweep = 0;
    } else if (!erase_begin(box, &oldest)) {
        return false;
    }
    if (lane->read_at / box->stats.block_size == oldest.index) {
        lane->read_at = 0;
    }
    lane->oldest_serial = second.serial; /* serials are counted over all lanes */
    lane->block_count--;
    lane->reclaim_n = 0;
    return true;
}

/* No block of a lane, and none that was taken for one when it was read before. */
static bool is_garbage(struct outbox *box, uint32_t index, struct block *block)
{
    for (const struct outbox_lane *lane = box->lanes; lane < box->lanes + IFL_LANE_COUNT; lane++) {
        if (lane->newest_serial != 0 && lane->newest == index) {
            return false;
        }
    }
    enum block_state state = outbox_block_load(box, index, block);
    bool left = state == BLOCK_USED && block->progress.lane < IFL_LANE_COUNT &&
                block->serial < box->lanes[block->progress.lane].oldest_serial;
    return (state == BLOCK_DIRTY || left) && box->fault == IFL_OK;
}

/* All but this one: the power went in a header of it, or in its erase, so perhaps it reads free one time and not the other, and mount may have counted it. */
static void count_free(struct outbox *box, uint32_t garbage)
{
    struct block block;
    uint32_t count = 0;
    for (uint32_t i = 0; i < box->stats.block_count; i++) {
        count += i != garbage && outbox_block_load(box, i, &block) == BLOCK_FREE;
    }
    box->stats.free_blocks = box->fault == IFL_OK ? count : box->stats.free_blocks;
}

/* Every block is looked at once after mount: garbage gets one erase. It isn't counted twice, before and after. */
static bool sweep(struct outbox *box)
{
    struct block block;
    if (box->sweep >= box->stats.block_count) {
        return false;
    }
    bool garbage = is_garbage(box, box->sweep, &block);
    if (garbage && !outbox_is_cached(box)) {
        count_free(box, box->sweep);
    }
    bool done = box->fault == IFL_OK && (!garbage || erase_begin(box, &block));
    box->sweep += done;
    return done;
}

bool outbox_erase_step(struct outbox *box, bool start)
{
    if (box->erase_state == OUTBOX_ERASE_RUNNING) {
        return erase_poll(box);
    }
    if (box->erase_state == OUTBOX_ERASE_PREPARE) {
        return prepare(box);
    }
    if (!start || box->put.lane != NULL) {
        return false;
    }
    for (size_t i = 0; i < IFL_LANE_COUNT; i++) {
        if (reclaim(box, &box->lanes[i])) {
            return true;
        }
    }
    return !outbox_is_stuck(box) && sweep(box);
}
