/* What a slot is follows from its marks alone (SPEC.md); RAM only remembers what mount has read and what was written since.
 *
 * A mark is written three times. If the power goes while one is programmed, it may read well now and badly at the next start, and the
 * state would go back by itself. At mount a state with fewer witnesses gets what it lacks, before anybody acts on it; so even if the
 * power goes there once more, one of the three is sound. */
#include "identity/slots.h"

#include <string.h>

#include "base/crc32c.h"
#include "slot_record.h"

#define MARK_SIZE 16u
#define MARK_COUNT 16u
#define MARK_VERSION 1u
#define WITNESSES 3u
#define MARK_TRIES 3u /* a granule that doesn't take its bits is passed over */
#define ANSWER_TRIES 2u
#define FIRM_READS 32 /* a bit that hovers is missed once in 2^32 */

enum mark_kind {
    MARK_PENDING = 'P',
    MARK_ACTIVE = 'A',
    MARK_REFUSED = 'R',
    MARK_WAITING = 'K', /* a key waits for its certificate */
};

_Static_assert(IFL_FLASH_PROG_SIZE_MAX >= MARK_SIZE, "a mark fits the buffer of one entry");

/* ---- Marks ------------------------------------------------------------------------------------------------------------------------ */

static uint32_t entry_size(uint32_t prog_size)
{
    return prog_size > MARK_SIZE ? prog_size : MARK_SIZE; /* powers of two */
}

static uint32_t record_at(uint32_t prog_size)
{
    return MARK_COUNT * entry_size(prog_size);
}

/* `rank` orders the active marks of both slots; the others carry the generation. */
static void make_mark(const struct identity_slot *slot, enum mark_kind kind, uint8_t mark[MARK_SIZE])
{
    mark[0] = 'I';
    mark[1] = 'M';
    mark[2] = MARK_VERSION;
    mark[3] = (uint8_t)kind;
    le32_put(mark + 4, kind == MARK_ACTIVE ? slot->rank : slot->generation);
    le32_put(mark + 8, slot->crc);
    le32_put(mark + 12, crc32c(0, mark, 12));
}

/* How many marks tell each state; of the active ones only those of the highest rank. */
struct mark_counts {
    unsigned pending, active, refused, waiting;
};

static bool is_mark_of(const struct identity_slot *slot, const uint8_t found[MARK_SIZE])
{
    return found[0] == 'I' && found[1] == 'M' && found[2] == MARK_VERSION &&
           le32_get(found + 12) == crc32c(0, found, 12) && le32_get(found + 8) == slot->crc;
}

static void count_mark(struct identity_slot *slot, const uint8_t found[MARK_SIZE], struct mark_counts *counts)
{
    uint32_t rank = le32_get(found + 4);
    if (!is_mark_of(slot, found))
        return;
    if (found[3] == MARK_ACTIVE && rank > slot->rank) {
        slot->rank = rank;
        counts->active = 0;
    }
    counts->active += found[3] == MARK_ACTIVE && rank == slot->rank;
    counts->pending += found[3] == MARK_PENDING;
    counts->refused += found[3] == MARK_REFUSED;
    counts->waiting += found[3] == MARK_WAITING;
}

/* Read all entries: what they say, and where the last one that isn't erased ends. */
static enum ifl_status read_marks(struct flash_region region, struct identity_slot *slot, struct mark_counts *counts)
{
    uint32_t step = entry_size(flash_prog_size(&region));
    *counts = (struct mark_counts){0};
    slot->mark_end = 0;
    slot->marks_settled = false;
    for (uint32_t i = 0; i < MARK_COUNT; i++) {
        uint8_t found[MARK_SIZE];
        bool blank;
        enum ifl_status status = flash_read(&region, i * step, found, sizeof found);
        if (status == IFL_OK)
            status = flash_is_blank(&region, i * step, step, &blank);
        if (status != IFL_OK)
            return status;
        if (!blank)
            slot->mark_end = (uint8_t)(i + 1);
        count_mark(slot, found, counts);
    }
    return IFL_OK;
}

/* The entry for the next mark. The first one after a mount leaves an entry free: that one may have been touched without showing it. */
static bool next_entry(struct identity_slot *slot, uint32_t *entry)
{
    *entry = slot->mark_end + (slot->marks_settled ? 0u : 1u);
    if (*entry >= MARK_COUNT)
        return false;
    slot->mark_end = (uint8_t)(*entry + 1);
    slot->marks_settled = true;
    return true;
}

static enum ifl_status program_entry(struct flash_region region, uint32_t entry, const uint8_t mark[MARK_SIZE])
{
    uint8_t padded[IFL_FLASH_PROG_SIZE_MAX];
    uint32_t step = entry_size(flash_prog_size(&region));
    memset(padded, flash_erased_value(&region), sizeof padded);
    memcpy(padded, mark, MARK_SIZE);
    enum ifl_status status = flash_program_verified(&region, entry * step, padded, step);
    return status == IFL_OK ? flash_sync(&region) : status;
}

static enum ifl_status put_mark_once(struct identity_slots *slots, int index, enum mark_kind kind)
{
    uint8_t mark[MARK_SIZE];
    enum ifl_status status = IFL_FLASH_VERIFY;
    make_mark(&slots->slot[index], kind, mark);
    for (unsigned tries = 0; tries < MARK_TRIES && status == IFL_FLASH_VERIFY; tries++) {
        uint32_t entry;
        if (!next_entry(&slots->slot[index], &entry))
            return IFL_STORE_FULL;
        status = program_entry(slots->region[index], entry, mark);
    }
    return status;
}

static enum ifl_status put_mark(struct identity_slots *slots, int index, enum mark_kind kind)
{
    enum ifl_status status = flash_poll(&slots->region[index]);
    if (status == IFL_FLASH_BUSY)
        return status;
    status = put_mark_once(slots, index, kind);
    /* The first one is durable: the state has changed, whatever becomes of the others. */
    for (unsigned i = 1; i < WITNESSES && status == IFL_OK; i++)
        (void)put_mark_once(slots, index, kind);
    return status;
}

/* One more than every generation and rank that either slot tells of. */
static uint32_t next_number(const struct identity_slots *slots)
{
    uint32_t highest = 0;
    for (int i = 0; i < 2; i++) {
        highest = slots->slot[i].generation > highest ? slots->slot[i].generation : highest;
        highest = slots->slot[i].rank > highest ? slots->slot[i].rank : highest;
    }
    return highest + 1;
}

/* An erase that the power went in may have left bits that read differently each time. The record then reads well once and badly the next time: it
 * must not come into force. */
static enum ifl_status check_firm(struct identity_slots *slots, int index)
{
    struct identity_slot *slot = &slots->slot[index];
    enum ifl_status status = IFL_OK;
    for (unsigned i = 0; i < FIRM_READS && status == IFL_OK; i++) {
        struct record_header header;
        uint32_t crc;
        status = record_check(slots->region[index], slot->record_at, &header, &crc);
        if (status == IFL_NOT_FOUND || (status == IFL_OK && crc != slot->crc))
            status = IFL_STORE_CORRUPT;
    }
    if (status == IFL_STORE_CORRUPT) {
        slot->state = IDENTITY_SLOT_BAD;
        slots->pending = slots->pending == index ? -1 : slots->pending;
    }
    return status;
}

/* Put the slot in force: its rank becomes the highest. */
static enum ifl_status put_in_force(struct identity_slots *slots, int index)
{
    uint32_t before = slots->slot[index].rank;
    enum ifl_status status =
        flash_poll(&slots->region[index]) == IFL_FLASH_BUSY ? IFL_FLASH_BUSY : check_firm(slots, index);
    if (status != IFL_OK)
        return status;
    slots->slot[index].rank = next_number(slots);
    status = put_mark(slots, index, MARK_ACTIVE);
    if (status != IFL_OK) {
        slots->slot[index].rank = before;
        return status;
    }
    slots->slot[index].state = IDENTITY_SLOT_ACTIVE;
    slots->active = index;
    int other = slots->pending; /* an older one that waits is out of the game, as it is after a start */
    if (other >= 0 && slots->slot[other].generation < slots->slot[index].generation)
        slots->pending = -1;
    return IFL_OK;
}

/* ---- Mounting --------------------------------------------------------------------------------------------------------------------- */

/* Not inlined: it would be twice. */
static __attribute__((noinline)) enum ifl_status look_at_damage(struct flash_region region, struct identity_slot *slot)
{
    bool blank;
    uint32_t looked_at = record_at(flash_prog_size(&region)) + RECORD_HEADER_SIZE;
    enum ifl_status status = flash_is_blank(&region, 0, looked_at < region.size ? looked_at : region.size, &blank);
    slot->state = blank ? IDENTITY_SLOT_EMPTY : IDENTITY_SLOT_BAD;
    return status;
}

static enum identity_slot_state state_of(const struct mark_counts *counts)
{
    if (counts->refused > 0)
        return IDENTITY_SLOT_REFUSED;
    if (counts->active > 0)
        return IDENTITY_SLOT_ACTIVE;
    if (counts->pending > 0)
        return IDENTITY_SLOT_PENDING;
    return counts->waiting > 0 ? IDENTITY_SLOT_REQUEST : IDENTITY_SLOT_BAD;
}

static unsigned witnesses(enum identity_slot_state state, const struct mark_counts *counts, enum mark_kind *kind)
{
    switch (state) {
    case IDENTITY_SLOT_REFUSED:
        *kind = MARK_REFUSED;
        return counts->refused;
    case IDENTITY_SLOT_ACTIVE:
        *kind = MARK_ACTIVE;
        return counts->active;
    case IDENTITY_SLOT_PENDING:
        *kind = MARK_PENDING;
        return counts->pending;
    case IDENTITY_SLOT_REQUEST:
        *kind = MARK_WAITING;
        return counts->waiting;
    default:
        return WITNESSES;
    }
}

/* A state with fewer witnesses gets what it lacks. It may fail: the state is what it is, and the next mount tries again. */
static void settle(struct identity_slots *slots, int index, const struct mark_counts *counts)
{
    enum mark_kind kind = MARK_PENDING;
    unsigned count = witnesses(slots->slot[index].state, counts, &kind);
    for (enum ifl_status status = IFL_OK; count < WITNESSES && status == IFL_OK; count++)
        status = put_mark_once(slots, index, kind);
}

/* The record at this place, and what the marks say about it. As record_check(). */
static enum ifl_status read_record(struct flash_region region, uint32_t at, struct identity_slot *slot,
                                   struct mark_counts *counts)
{
    struct record_header header;
    *slot = (struct identity_slot){.state = IDENTITY_SLOT_BAD, .record_at = at};
    *counts = (struct mark_counts){0};
    enum ifl_status status = record_check(region, at, &header, &slot->crc);
    if (status != IFL_OK)
        return status;
    slot->generation = header.generation;
    slot->not_after = header.not_after;
    slot->chain_not_after = header.chain_not_after;
    slot->size = header.size;
    memcpy(slot->leaf_sha256, header.leaf_sha256, sizeof slot->leaf_sha256);
    status = read_marks(region, slot, counts);
    slot->state = state_of(counts);
    return status;
}

/* The first place behind a slot's record where another one may begin. */
static uint32_t behind_record(struct flash_region region, const struct identity_slot *slot)
{
    uint32_t step = entry_size(flash_prog_size(&region)), end = slot->record_at + slot->size;
    return (end + step - 1) / step * step;
}

/* The chain for the key in this slot stands somewhere behind it; of several the last one that marks tell of. */
static enum ifl_status find_answer(struct flash_region region, struct identity_slot *slot, struct mark_counts *counts)
{
    uint32_t step = entry_size(flash_prog_size(&region));
    for (uint32_t at = behind_record(region, slot); at < region.size; at += step) {
        struct identity_slot found;
        struct mark_counts told;
        enum ifl_status status = read_record(region, at, &found, &told);
        if (status == IFL_OK && found.state != IDENTITY_SLOT_BAD) {
            *slot = found;
            *counts = told;
        } else if (status != IFL_OK && status != IFL_NOT_FOUND && status != IFL_STORE_CORRUPT) {
            return status;
        }
    }
    return IFL_OK;
}

/* Not inlined: it would be twice. */
static __attribute__((noinline)) enum ifl_status look_at(struct identity_slots *slots, int index,
                                                         struct mark_counts *counts)
{
    struct flash_region region = slots->region[index];
    struct identity_slot *slot = &slots->slot[index];
    enum ifl_status status = read_record(region, record_at(flash_prog_size(&region)), slot, counts);
    if (status == IFL_NOT_FOUND || status == IFL_STORE_CORRUPT)
        return look_at_damage(region, slot);
    return status == IFL_OK && slot->state == IDENTITY_SLOT_REQUEST ? find_answer(region, slot, counts) : status;
}

static int in_force(const struct identity_slots *slots)
{
    int found = -1;
    for (int i = 0; i < 2; i++) {
        if (slots->slot[i].state == IDENTITY_SLOT_ACTIVE &&
            (found < 0 || slots->slot[i].rank > slots->slot[found].rank))
            found = i;
    }
    return found;
}

/* One that is older than the identity in force was passed over: it isn't tried any more. */
static int on_trial(const struct identity_slots *slots)
{
    int found = -1;
    for (int i = 0; i < 2; i++) {
        bool stale = slots->active >= 0 && slots->slot[i].generation < slots->slot[slots->active].generation;
        if (slots->slot[i].state == IDENTITY_SLOT_PENDING && !stale &&
            (found < 0 || slots->slot[i].generation > slots->slot[found].generation))
            found = i;
    }
    return found;
}

/* The same for a key: something newer that was finished in the other slot passes it over. */
static int key_that_waits(const struct identity_slots *slots)
{
    for (int i = 0; i < 2; i++) {
        const struct identity_slot *slot = &slots->slot[i], *other = &slots->slot[1 - i];
        bool stale = other->state != IDENTITY_SLOT_EMPTY && other->state != IDENTITY_SLOT_BAD &&
                     other->generation > slot->generation;
        if (slot->state == IDENTITY_SLOT_REQUEST && !stale)
            return i;
    }
    return -1;
}

static bool is_usable(struct flash_region region)
{
    uint32_t prog_size = flash_prog_size(&region);
    return prog_size <= IFL_FLASH_PROG_SIZE_MAX && region.size > record_at(prog_size) + RECORD_HEADER_SIZE;
}

enum ifl_status identity_slots_mount(struct identity_slots *slots, struct flash_region a, struct flash_region b)
{
    struct mark_counts counts[2];
    *slots = (struct identity_slots){.region = {a, b}, .active = -1, .pending = -1, .request = -1};
    if (a.size != b.size || !is_usable(a) || !is_usable(b))
        return IFL_FLASH_GEOMETRY;
    for (int i = 0; i < 2; i++) {
        enum ifl_status status = look_at(slots, i, &counts[i]);
        if (status != IFL_OK)
            return status;
    }
    for (int i = 0; i < 2; i++)
        settle(slots, i, &counts[i]);
    slots->active = in_force(slots);
    slots->pending = on_trial(slots);
    slots->request = key_that_waits(slots);
    return IFL_OK;
}

uint32_t identity_slots_size(uint32_t prog_size, uint32_t content_size)
{
    return record_at(prog_size) + RECORD_HEADER_SIZE + content_size + 4 + prog_size;
}

/* ---- A new identity --------------------------------------------------------------------------------------------------------------- */

/* Never the slot in force; without one, never the only identity that could be it. */
static int slot_to_erase(const struct identity_slots *slots)
{
    int keep = slots->active >= 0 ? slots->active : slots->pending >= 0 ? slots->pending : slots->request;
    return keep < 0 ? 0 : 1 - keep;
}

static void begin_erasing(struct identity_slots *slots)
{
    slots->erasing = slot_to_erase(slots);
    slots->erase_at = slots->region[slots->erasing].size;
    slots->phase = IDENTITY_SLOTS_ERASING;
    slots->slot[slots->erasing] = (struct identity_slot){.state = IDENTITY_SLOT_EMPTY};
    if (slots->pending == slots->erasing)
        slots->pending = -1;
    if (slots->request == slots->erasing)
        slots->request = -1;
}

static enum ifl_status check_erased(struct identity_slots *slots)
{
    bool blank;
    struct flash_region region = slots->region[slots->erasing];
    enum ifl_status status = flash_is_blank(&region, 0, region.size, &blank);
    if (status == IFL_OK && !blank)
        status = IFL_FLASH_VERIFY;
    return status == IFL_OK ? flash_sync(&region) : status;
}

/* From the end to the start: the record goes before the marks, so no half of them speaks for it. */
static enum ifl_status erase_step(struct identity_slots *slots)
{
    struct flash_region region = slots->region[slots->erasing];
    enum ifl_status status = flash_poll(&region);
    if (status == IFL_OK && slots->erase_at > 0) {
        uint32_t at = slots->erase_at - flash_sector_size(&region);
        status = flash_erase_start(&region, at);
        if (status == IFL_OK) {
            slots->erase_at = at;
            return IFL_AGAIN;
        }
    }
    if (status == IFL_OK)
        status = check_erased(slots);
    return status == IFL_FLASH_BUSY ? IFL_AGAIN : status;
}

enum ifl_status identity_slots_prepare(struct identity_slots *slots)
{
    if (slots->phase == IDENTITY_SLOTS_PREPARED)
        return IFL_OK;
    if (slots->phase == IDENTITY_SLOTS_IDLE)
        begin_erasing(slots);
    enum ifl_status status = erase_step(slots);
    if (status != IFL_AGAIN)
        slots->phase = status == IFL_OK ? IDENTITY_SLOTS_PREPARED : IDENTITY_SLOTS_IDLE;
    return status;
}

static enum ifl_status write_record(struct identity_slots *slots, int index, uint32_t at,
                                    const struct identity *identity)
{
    struct flash_region region = slots->region[index];
    struct identity_slot *slot = &slots->slot[index];
    struct record_header header;
    uint32_t crc;
    uint32_t size = record_size(identity, flash_prog_size(&region));
    if (size == 0 || at > region.size || size > region.size - at)
        return IFL_TOO_LARGE;
    uint32_t generation = next_number(slots);
    enum ifl_status status = record_write(region, at, identity, generation, &slot->crc);
    if (status == IFL_OK)
        status = record_check(region, at, &header, &crc);
    if (status == IFL_NOT_FOUND || status == IFL_STORE_CORRUPT || (status == IFL_OK && crc != slot->crc))
        status = IFL_FLASH_VERIFY;
    slot->generation = generation;
    slot->not_after = identity->not_after;
    slot->chain_not_after = identity->chain_not_after;
    slot->record_at = at;
    slot->size = size;
    memcpy(slot->leaf_sha256, identity->leaf_sha256, sizeof slot->leaf_sha256);
    return status;
}

enum ifl_status identity_slots_write(struct identity_slots *slots, const struct identity *identity, bool trusted)
{
    int index = slots->erasing;
    if (slots->phase != IDENTITY_SLOTS_PREPARED)
        return IFL_INVALID;
    if (flash_poll(&slots->region[index]) == IFL_FLASH_BUSY)
        return IFL_FLASH_BUSY;
    slots->phase = IDENTITY_SLOTS_IDLE;
    slots->slot[index].state = IDENTITY_SLOT_BAD;
    slots->slot[index].marks_settled = true; /* just erased */
    enum ifl_status status = write_record(slots, index, record_at(flash_prog_size(&slots->region[index])), identity);
    bool waits = identity->kind == IDENTITY_REQUEST;
    if (status == IFL_OK && trusted && !waits) {
        status = put_in_force(slots, index);
    } else if (status == IFL_OK) {
        status = put_mark(slots, index, waits ? MARK_WAITING : MARK_PENDING);
        if (status == IFL_OK)
            slots->slot[index].state = waits ? IDENTITY_SLOT_REQUEST : IDENTITY_SLOT_PENDING;
        slots->pending = status == IFL_OK && !waits ? index : slots->pending;
    }
    slots->request = key_that_waits(slots);
    return status;
}

/* Bits in which the power went may hover: what shows once in so many readings isn't blank. */
static enum ifl_status is_firmly_blank(struct flash_region region, uint32_t at, uint32_t size, bool *blank)
{
    enum ifl_status status = IFL_OK;
    *blank = true;
    for (unsigned i = 0; i < FIRM_READS && *blank && status == IFL_OK; i++)
        status = flash_is_blank(&region, at, size, blank);
    return status;
}

/* Behind the key that waits and whatever an attempt before has left there. What the power went in may reach a piece further than it shows. */
static enum ifl_status find_room(struct flash_region region, uint32_t from, uint32_t *at)
{
    uint32_t step = entry_size(flash_prog_size(&region)), gap = step > RECORD_PIECE_SIZE ? step : RECORD_PIECE_SIZE;
    *at = from;
    for (uint32_t place = from; place < region.size; place += step) {
        bool blank;
        enum ifl_status status = is_firmly_blank(region, place, step, &blank);
        if (status != IFL_OK)
            return status;
        if (!blank)
            *at = place + step + gap;
    }
    return IFL_OK;
}

/* A place that was touched and doesn't show it fails; the next attempt goes behind what that leaves. */
static enum ifl_status write_answer(struct identity_slots *slots, int index, const struct identity *identity)
{
    uint32_t from = behind_record(slots->region[index], &slots->slot[index]);
    enum ifl_status status = IFL_FLASH_VERIFY;
    for (unsigned tries = 0; tries < ANSWER_TRIES && status == IFL_FLASH_VERIFY; tries++) {
        uint32_t at;
        status = find_room(slots->region[index], from, &at);
        if (status == IFL_OK)
            status = write_record(slots, index, at, identity);
    }
    return status == IFL_OK ? put_mark(slots, index, MARK_PENDING) : status;
}

enum ifl_status identity_slots_answer(struct identity_slots *slots, const struct identity *identity)
{
    int index = slots->request;
    if (index < 0)
        return IFL_NOT_FOUND;
    if (flash_poll(&slots->region[index]) == IFL_FLASH_BUSY)
        return IFL_FLASH_BUSY;
    struct identity_slot *slot = &slots->slot[index], before = *slot;
    enum ifl_status status = write_answer(slots, index, identity);
    if (status != IFL_OK) { /* the key still waits */
        before.mark_end = slot->mark_end;
        before.marks_settled = slot->marks_settled;
        *slot = before;
        return status;
    }
    slot->state = IDENTITY_SLOT_PENDING;
    slots->request = -1;
    slots->pending = index;
    return IFL_OK;
}

/* ---- Judging it ------------------------------------------------------------------------------------------------------------------- */

enum ifl_status identity_slots_activate(struct identity_slots *slots)
{
    if (slots->pending < 0)
        return IFL_NOT_FOUND;
    enum ifl_status status = put_in_force(slots, slots->pending);
    if (status == IFL_OK)
        slots->pending = -1;
    return status;
}

enum ifl_status identity_slots_refuse(struct identity_slots *slots)
{
    if (slots->pending < 0)
        return IFL_NOT_FOUND;
    enum ifl_status status = put_mark(slots, slots->pending, MARK_REFUSED);
    if (status != IFL_OK)
        return status;
    slots->slot[slots->pending].state = IDENTITY_SLOT_REFUSED;
    slots->pending = -1;
    return IFL_OK;
}

enum ifl_status identity_slots_rollback(struct identity_slots *slots)
{
    return identity_slots_has_before(slots) ? put_in_force(slots, 1 - slots->active) : IFL_NOT_FOUND;
}

bool identity_slots_has_before(const struct identity_slots *slots)
{
    return slots->active >= 0 && slots->slot[1 - slots->active].state == IDENTITY_SLOT_ACTIVE;
}

/* ---- Using it --------------------------------------------------------------------------------------------------------------------- */

enum ifl_status identity_slots_load(struct identity_slots *slots, int slot, void *buf, size_t buf_size,
                                    struct identity *identity)
{
    memset(identity, 0, sizeof *identity);
    if (slot < 0 || slot > 1 || slots->slot[slot].state == IDENTITY_SLOT_EMPTY)
        return IFL_IDENTITY_NONE;
    enum ifl_status status = record_read(slots->region[slot], slots->slot[slot].record_at, buf, buf_size, identity);
    if (status != IFL_OK) {
        memset(identity, 0, sizeof *identity);
        bytes_wipe(buf, buf_size);
    }
    return status == IFL_NOT_FOUND ? IFL_STORE_CORRUPT : status;
}

enum ifl_status identity_slots_part(struct identity_slots *slots, int slot, unsigned part, void *buf, size_t buf_size,
                                    size_t *size)
{
    *size = 0;
    if (slot < 0 || slot > 1 || slots->slot[slot].state == IDENTITY_SLOT_EMPTY)
        return IFL_IDENTITY_NONE;
    enum ifl_status status = record_part(slots->region[slot], slots->slot[slot].record_at, part, buf, buf_size, size);
    if (status != IFL_OK && buf_size > 0)
        bytes_wipe(buf, buf_size);
    return status == IFL_NOT_FOUND ? IFL_STORE_CORRUPT : status;
}
