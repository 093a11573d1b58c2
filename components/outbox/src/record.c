/* record.c: bytes of a record, and walking from one to the next. */
#include "internal.h"

#include <string.h>

#define MARK 0xA5u
#define POLYNOMIAL 0x82F63B78u /* CRC-32C, reflected */

uint32_t outbox_padded(const struct outbox *box, uint32_t size)
{
    uint32_t granule = flash_prog_size(box->region);
    return (size + granule - 1) & ~(granule - 1);
}

/* A CRC is linear: what one wrong bit does to it depends on its distance from the end only. True: `syndrome` (computed ^ stored) is that
 * of one bit among the last `bits` ones (*from_end: 0 = the last), or of one bit in the stored check sum (*from_end = bits). */
bool outbox_single_bit(uint32_t syndrome, uint32_t bits, uint32_t *from_end)
{
    uint32_t effect = POLYNOMIAL;
    *from_end = bits;
    if ((syndrome & (syndrome - 1)) == 0) {
        return true;
    }
    for (uint32_t i = 0; i < bits; i++) {
        if (effect == syndrome) {
            *from_end = i;
            return true;
        }
        effect = effect >> 1 ^ (effect & 1 ? POLYNOMIAL : 0);
    }
    return false;
}

void outbox_record_encode(struct record *rec, uint32_t seed, uint8_t raw[RECORD_SIZE])
{
    raw[0] = MARK;
    raw[1] = rec->type;
    raw[2] = rec->flags;
    raw[3] = rec->quality;
    le32_put(raw + 4, rec->size);
    le64_put(raw + 8, rec->n);
    le64_put(raw + 16, rec->aux);
    le32_put(raw + 24, rec->behind);
    rec->crc = crc32c(seed, raw, RECORD_SIZE - 4);
    le32_put(raw + 28, rec->crc);
}

/* One flipped bit is mended where a header must be; elsewhere that would only help noise to look like one. */
static bool record_decode(uint8_t raw[RECORD_SIZE], uint32_t seed, bool mend, struct record *rec)
{
    uint32_t bit;
    rec->crc = crc32c(seed, raw, RECORD_SIZE - 4);
    uint32_t syndrome = rec->crc ^ le32_get(raw + 28);
    if (syndrome != 0) {
        if (!mend || !outbox_single_bit(syndrome, 8 * (RECORD_SIZE - 4), &bit)) {
            return false;
        }
        if (bit < 8 * (RECORD_SIZE - 4)) {
            raw[RECORD_SIZE - 5 - bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
            rec->crc ^= syndrome;
        }
    }
    rec->type = raw[1];
    rec->flags = raw[2];
    rec->quality = raw[3];
    rec->size = le32_get(raw + 4);
    rec->n = le64_get(raw + 8);
    rec->aux = le64_get(raw + 16);
    rec->behind = le32_get(raw + 24);
    return raw[0] == MARK && rec->type >= RECORD_DATA && rec->type <= RECORD_TOMB;
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

static bool fits(const struct outbox *box, const struct record *rec, uint32_t room)
{
    return rec->type != RECORD_DATA || (rec->size <= room && outbox_record_extent(box, rec) <= room);
}

enum ifl_status outbox_body_check(const struct outbox *box, const struct record *rec, uint32_t *syndrome)
{
    uint8_t piece[PIECE_SIZE];
    uint32_t crc = rec->crc;
    uint32_t at = rec->at + RECORD_SIZE;
    uint32_t end = outbox_record_body(rec) + rec->size;
    while (at < end) {
        uint32_t size = end - at < PIECE_SIZE ? end - at : PIECE_SIZE;
        enum ifl_status status = flash_read(box->region, at, piece, size);
        if (status != IFL_OK) {
            return status;
        }
        crc = crc32c(crc, piece, size);
        at += size;
    }
    enum ifl_status status = flash_read(box->region, at, piece, BODY_CRC_SIZE);
    if (status != IFL_OK) {
        return status;
    }
    *syndrome = crc ^ le32_get(piece);
    return *syndrome == 0 ? IFL_OK : IFL_STORE_CORRUPT;
}

/* ---- walking ---- */

void outbox_walk_start(const struct outbox *box, struct walk *walk, const struct block *block, uint32_t from)
{
    const struct outbox_lane *lane = &box->lanes[block->lane];
    walk->at = from != 0 ? from : outbox_block_records(box, block->index);
    walk->limit = outbox_block_start(box, block->index + 1u);
    walk->stop = block->serial == lane->newest_serial ? lane->write_at : walk->limit;
    walk->seed = block->crc;
    walk->boundary = true;
}

/* How far the next place is where a header may begin. */
static uint32_t next_candidate(const struct outbox *box, const uint8_t raw[RECORD_SIZE])
{
    uint32_t granule = flash_prog_size(box->region);
    uint32_t skip = granule;
    while (skip < RECORD_SIZE && raw[skip] != MARK) {
        skip += granule;
    }
    return skip;
}

enum ifl_status outbox_walk_next(const struct outbox *box, struct walk *walk)
{
    uint8_t raw[RECORD_SIZE];
    struct record *rec = &walk->rec;
    while (walk->at < walk->stop && walk->limit - walk->at >= RECORD_SIZE) {
        enum ifl_status status = flash_read(box->region, walk->at, raw, sizeof raw);
        if (status != IFL_OK) {
            return status;
        }
        rec->at = walk->at;
        if (!record_decode(raw, walk->seed, walk->boundary, rec) || !fits(box, rec, walk->limit - walk->at)) {
            walk->boundary = false;
            walk->at += next_candidate(box, raw);
            continue;
        }
        status = rec->type == RECORD_DATA ? outbox_body_check(box, rec, &walk->syndrome) : IFL_OK;
        walk->whole = walk->boundary = status == IFL_OK;
        /* Behind a body that isn't whole the next record may begin anywhere: the power went while it was written. */
        walk->at += walk->whole ? outbox_record_extent(box, rec) : outbox_padded(box, RECORD_SIZE);
        return status == IFL_STORE_CORRUPT ? IFL_OK : status;
    }
    return IFL_END;
}

enum ifl_status outbox_record_at(const struct outbox *box, uint32_t at, struct block *block, struct record *rec)
{
    uint8_t raw[RECORD_SIZE];
    enum block_state state;
    enum ifl_status status = outbox_block_load(box, at / box->block_size, block, &state);
    if (status != IFL_OK) {
        return status;
    }
    status = flash_read(box->region, at, raw, sizeof raw);
    if (status != IFL_OK) {
        return status;
    }
    rec->at = at;
    bool there = state == BLOCK_USED && record_decode(raw, block->crc, true, rec) &&
                 fits(box, rec, outbox_block_start(box, block->index + 1u) - at);
    return there ? IFL_OK : IFL_STORE_CORRUPT;
}

enum ifl_status outbox_record_steady(const struct outbox *box, uint32_t at)
{
    uint8_t raw[RECORD_SIZE], first[RECORD_SIZE];
    enum ifl_status status = flash_read(box->region, at, first, sizeof first);
    for (int i = 0; i < WEAK_READS && status == IFL_OK && !outbox_is_cached(box); i++) {
        struct block block;
        struct record rec;
        uint32_t syndrome;
        status = outbox_record_at(box, at, &block, &rec);
        if (status == IFL_OK && rec.type == RECORD_DATA) {
            status = outbox_body_check(box, &rec, &syndrome);
        }
        if (status == IFL_OK) {
            status = flash_read(box->region, at, raw, sizeof raw);
        }
        if (status == IFL_OK && memcmp(raw, first, sizeof raw) != 0) {
            status = IFL_STORE_CORRUPT;
        }
    }
    return status;
}

/* ---- where a moved message comes from ---- */

void outbox_origin_encode(const struct origin *origin, uint8_t raw[ORIGIN_SIZE])
{
    le64_put(raw, origin->id.log);
    le64_put(raw + 8, origin->id.n);
    le64_put(raw + 16, origin->from_n);
    raw[24] = origin->id.lane;
    raw[25] = origin->from_lane;
    le16_put(raw + 26, origin->reason);
}

enum ifl_status outbox_origin_read(const struct outbox *box, const struct record *rec, struct origin *origin)
{
    uint8_t raw[ORIGIN_SIZE];
    enum ifl_status status = flash_read(box->region, rec->at + RECORD_SIZE, raw, sizeof raw);
    if (status == IFL_OK) {
        origin->id = (struct outbox_id){.log = le64_get(raw), .lane = raw[24], .n = le64_get(raw + 8)};
        origin->from_n = le64_get(raw + 16);
        origin->from_lane = raw[25];
        origin->reason = le16_get(raw + 26);
    }
    return status;
}
