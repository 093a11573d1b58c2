/* record.c: bytes of a record, and walking from one to the next. */
#include "internal.h"

#include <string.h>

#define MARK 0xA5u
#define POLYNOMIAL 0x82F63B78u              /* CRC-32C, reflected */
#define HEADER_BITS (8 * (RECORD_SIZE - 4)) /* of a record, without its check sum */

/* ---- reading the medium ---- */

uint32_t outbox_padded(const struct outbox *box, uint32_t size)
{
    uint32_t granule = flash_prog_size(&box->region);
    return (size + granule - 1) & ~(granule - 1);
}

bool outbox_load(struct outbox *box, uint32_t at, void *to, uint32_t size)
{
    enum ifl_status fault = box->fault;
    if (fault == IFL_OK) {
        fault = flash_read(&box->region, at, to, size);
        box->fault = fault;
    }
    if (fault != IFL_OK) {
        memset(to, 0, size);
    }
    return fault == IFL_OK;
}

enum ifl_status outbox_enter(struct outbox *box)
{
    uint8_t byte;
    box->fault = IFL_OK;
    outbox_load(box, 0, &byte, sizeof byte);
    return box->fault;
}

bool outbox_is_blank(struct outbox *box, uint32_t at, uint32_t end)
{
    bool blank = false;
    if (box->fault == IFL_OK) {
        box->fault = flash_is_blank(&box->region, at, end - at, &blank);
    }
    return blank;
}

struct outbox_lane *outbox_lane_at(const struct outbox *box, uint8_t lane)
{
    return lane < IFL_LANE_COUNT && box->lanes[lane].progress.route[0] != '\0' ? (struct outbox_lane *)&box->lanes[lane]
                                                                               : NULL;
}

struct outbox_lane *outbox_lane_used(struct outbox *box, uint8_t lane)
{
    box->active = true;
    return outbox_lane_at(box, lane);
}

/* ---- one record ---- */

void outbox_record_seal(struct record *rec, uint32_t seed)
{
    rec->mark = MARK;
    rec->crc = crc32c(seed, rec, RECORD_SIZE - 4);
}

/* A CRC is linear: what one wrong bit does to it depends on its distance from the end only. `syndrome` is computed ^ stored. False: more than one
 * bit is wrong. */
static bool mend_bit(struct record *rec, uint32_t syndrome)
{
    uint32_t effect = POLYNOMIAL;
    if ((syndrome & (syndrome - 1)) == 0) { /* in the check sum itself */
        rec->crc ^= syndrome;
        return true;
    }
    for (uint32_t bit = HEADER_BITS; bit-- > 0;) {
        if (effect == syndrome) {
            ((uint8_t *)rec)[bit / 8] ^= (uint8_t)(1u << bit % 8);
            return true;
        }
        effect = effect >> 1 ^ (effect & 1 ? POLYNOMIAL : 0);
    }
    return false;
}

static uint32_t head_size(const struct record *rec)
{
    return RECORD_SIZE + (rec->flags & RECORD_ORIGIN ? ORIGIN_SIZE : 0);
}

uint32_t outbox_record_body(const struct record *rec)
{
    return rec->at + head_size(rec);
}

uint32_t outbox_record_extent(const struct outbox *box, const struct record *rec)
{
    return outbox_padded(box, rec->type == RECORD_DATA ? head_size(rec) + rec->size + BODY_CRC_SIZE : RECORD_SIZE);
}

/* The record that begins at `at`, its body unchecked. One flipped bit is mended where a header must be; elsewhere that would only help noise to look like one. */
static bool record_load(struct outbox *box, uint32_t at, uint32_t seed, bool mend, struct record *rec)
{
    uint32_t room = box->stats.block_size - at % box->stats.block_size;
    outbox_load(box, at, rec, RECORD_SIZE);
    rec->at = at;
    uint32_t syndrome = crc32c(seed, rec, RECORD_SIZE - 4) ^ rec->crc;
    if (syndrome != 0 && (!mend || !mend_bit(rec, syndrome))) {
        return false;
    }
    return rec->mark == MARK &&
           (rec->type != RECORD_DATA || (rec->size <= room && outbox_record_extent(box, rec) <= room));
}

static bool body_is_whole(struct outbox *box, const struct record *rec)
{
    uint8_t piece[PIECE_SIZE];
    uint32_t stored, crc = rec->crc, size;
    uint32_t end = outbox_record_body(rec) + rec->size;
    if (rec->type != RECORD_DATA) {
        return true;
    }
    for (uint32_t at = rec->at + RECORD_SIZE; at < end; at += size) {
        size = end - at < PIECE_SIZE ? end - at : PIECE_SIZE;
        outbox_load(box, at, piece, size);
        crc = crc32c(crc, piece, size);
    }
    return outbox_load(box, end, &stored, sizeof stored) && crc == stored;
}

bool outbox_record_steady(struct outbox *box, const struct record *rec)
{
    uint8_t raw[RECORD_SIZE], first[RECORD_SIZE];
    outbox_load(box, rec->at, first, sizeof first);
    for (int i = 0; i < WEAK_READS && !outbox_is_cached(box); i++) {
        outbox_load(box, rec->at, raw, sizeof raw);
        if (memcmp(raw, first, sizeof raw) != 0 || !body_is_whole(box, rec)) {
            return false;
        }
    }
    return box->fault == IFL_OK;
}

/* ---- walking ---- */

void outbox_walk_block(const struct outbox *box, struct walk *walk)
{
    const struct outbox_lane *lane = walk->lane;
    uint32_t limit = outbox_block_start(box, walk->block.index + 1) - RECORD_SIZE + 1;
    walk->at = outbox_block_records(box, walk->block.index);
    walk->stop = walk->block.serial == lane->newest_serial && lane->write_at < limit ? lane->write_at : limit;
    walk->boundary = true;
}

bool outbox_walk_from(struct outbox *box, struct outbox_lane *lane, uint32_t at, struct walk *walk)
{
    walk->lane = lane;
    walk->buried = 0;
    walk->damaged = false;
    bool found = at == 0 ? outbox_block_find(box, lane, lane->oldest_serial - 1, &walk->block)
                         : outbox_block_load(box, at / box->stats.block_size, &walk->block) == BLOCK_USED;
    if (!found || walk->block.progress.lane != lane->progress.lane) {
        return false;
    }
    outbox_walk_block(box, walk);
    walk->at = at != 0 ? at : walk->at;
    return true;
}

/* How far the next place is where a header may begin. */
static uint32_t next_candidate(const struct outbox *box, const struct record *rec)
{
    const uint8_t *raw = (const uint8_t *)rec;
    uint32_t granule = flash_prog_size(&box->region);
    uint32_t skip = granule;
    while (skip < RECORD_SIZE && raw[skip] != MARK) {
        skip += granule;
    }
    return skip;
}

bool outbox_walk_next(struct outbox *box, struct walk *walk)
{
    struct record *rec = &walk->rec;
    do {
        while (walk->at < walk->stop && box->fault == IFL_OK) {
            if (record_load(box, walk->at, walk->block.crc, walk->boundary, rec)) {
                walk->boundary = walk->whole = body_is_whole(box, rec);
                walk->damaged |= !walk->whole;
                /* Behind a body that isn't whole the next record may begin anywhere: the power went while it was written. */
                walk->at += walk->whole ? outbox_record_extent(box, rec) : box->record_size;
                return box->fault == IFL_OK;
            }
            walk->boundary = false;
            walk->at += next_candidate(box, rec);
        }
        if (!outbox_block_find(box, walk->lane, walk->block.serial, &walk->block)) {
            return false;
        }
        outbox_walk_block(box, walk);
    } while (box->fault == IFL_OK);
    return false;
}
