/* state.c: see state.h for the promise and SPEC.md for the bytes.
 *
 * Upkeep of the half that isn't in use (or of both, when the region was all zeros):
 *
 *              erase started              last sector done: HEAD
 *   CLEANING ────────────────► ERASING ────────────────────────► READY
 *      ▲  ▲────────────────────── │ next sector                    │
 *      │                          └── erase or HEAD failed ► WORN  │
 *      └───────────── the halves have changed places ◄─────────────┘ */
#include "state/state.h"

#include "base/crc32c.h"

#include <string.h>

#define HEAD_SIZE 32u
#define HEAD_VERSION 1u
#define RECORD_MAGIC 0x53u
#define RECORD_HEAD_SIZE 16u
#define RECORD_SIZE_MAX (RECORD_HEAD_SIZE + STATE_VALUE_SIZE_MAX + 4u)
#define PROG_SIZE_MAX 256u
#define HALF_SIZE_MIN 1024u
#define NONE UINT32_MAX
#define FLAG_COPY 1u
#define LOOK_SIZE 512u  /* bytes, a multiple of every unit */
#define STEADY_READS 32 /* a bit that hovers is seen both ways, but for one time in 2^31 */
#define ATTEMPTS 3      /* places tried when a program doesn't read back */
#define STEP_PAUSE_MS 5

enum phase { READY, CLEANING, ERASING, WORN };

/* After power cuts that left no room to write the newest record again: NEWEST_RECORD isn't firm, until it's moved to the other half; then the OLD_HALF
 * may hold half-programmed records that win over it, until it's erased. Nothing is put meanwhile. */
enum doubt { NO_DOUBT, NEWEST_RECORD, OLD_HALF };

struct record {
    uint32_t at;
    uint32_t next; /* address behind it */
    uint16_t key;
    uint8_t flags;
    uint8_t size;
    uint32_t epoch;
    uint32_t prev;
    uint8_t value[STATE_VALUE_SIZE_MAX];
};

/* ---- arithmetic ---- */

static uint32_t unit_of(const struct state *state)
{
    uint32_t granule = flash_prog_size(&state->region);
    return granule < 8 ? 8 : granule;
}

static uint32_t padded(const struct state *state, uint32_t size)
{
    uint32_t unit = unit_of(state);
    return (size + unit - 1) / unit * unit;
}

static uint32_t record_space(const struct state *state, size_t value_size)
{
    return padded(state, RECORD_HEAD_SIZE + (uint32_t)value_size + 4);
}

/* Kept free by puts for the record that the next mount writes, and the gap before it. */
static uint32_t reserve_space(const struct state *state)
{
    return 2 * record_space(state, STATE_VALUE_SIZE_MAX);
}

static uint32_t other_half(const struct state *state)
{
    return state->active == 0 ? state->half_size : 0;
}

static uint32_t mark_of(const struct state *state, uint32_t half)
{
    return half + padded(state, HEAD_SIZE);
}

static uint32_t first_record(const struct state *state, uint32_t half)
{
    return mark_of(state, half) + unit_of(state);
}

static uint32_t half_of(const struct state *state, uint32_t at)
{
    return at < state->half_size ? 0 : state->half_size;
}

/* ---- records ---- */

static uint32_t record_crc(uint32_t at, const uint8_t *raw, size_t size)
{
    uint8_t address[4];
    le32_put(address, at);
    return crc32c(crc32c(0, address, sizeof address), raw, size);
}

/* OK; STORE_CORRUPT: there is no valid record at `at`; FLASH_*. */
static enum ifl_status record_read(const struct state *state, uint32_t at, struct record *record)
{
    uint8_t raw[RECORD_SIZE_MAX];
    uint32_t half_end = half_of(state, at) + state->half_size;
    if (half_end - at < RECORD_HEAD_SIZE + 4) {
        return IFL_STORE_CORRUPT;
    }
    enum ifl_status status = flash_read(&state->region, at, raw, RECORD_HEAD_SIZE);
    if (status != IFL_OK) {
        return status;
    }
    uint8_t size = raw[4];
    if (raw[0] != RECORD_MAGIC || size > STATE_VALUE_SIZE_MAX || record_space(state, size) > half_end - at) {
        return IFL_STORE_CORRUPT;
    }
    status = flash_read(&state->region, at + RECORD_HEAD_SIZE, raw + RECORD_HEAD_SIZE, size + 4u);
    if (status != IFL_OK) {
        return status;
    }
    if (le32_get(raw + RECORD_HEAD_SIZE + size) != record_crc(at, raw, RECORD_HEAD_SIZE + size)) {
        return IFL_STORE_CORRUPT;
    }
    *record = (struct record){.at = at,
                              .next = at + record_space(state, size),
                              .flags = raw[1],
                              .key = le16_get(raw + 2),
                              .size = size,
                              .epoch = le32_get(raw + 8),
                              .prev = le32_get(raw + 12)};
    memcpy(record->value, raw + RECORD_HEAD_SIZE, size);
    return IFL_OK;
}

static enum ifl_status record_write(const struct state *state, const struct record *record)
{
    uint8_t raw[(RECORD_SIZE_MAX > PROG_SIZE_MAX ? RECORD_SIZE_MAX : PROG_SIZE_MAX) + 8];
    uint32_t used = RECORD_HEAD_SIZE + record->size;
    memset(raw, flash_erased_value(&state->region), sizeof raw);
    memset(raw, 0, RECORD_HEAD_SIZE);
    raw[0] = RECORD_MAGIC;
    raw[1] = record->flags;
    le16_put(raw + 2, record->key);
    raw[4] = record->size;
    le32_put(raw + 8, record->epoch);
    le32_put(raw + 12, record->prev);
    memcpy(raw + RECORD_HEAD_SIZE, record->value, record->size);
    le32_put(raw + used, record_crc(record->at, raw, used));
    return flash_program_verified(&state->region, record->at, raw, record_space(state, record->size));
}

/* The next valid record of the half at or behind *at, below `limit`; *at moves behind it. END: none. */
static enum ifl_status record_scan(const struct state *state, uint32_t *at, uint32_t limit, struct record *record)
{
    while (*at < limit) {
        enum ifl_status status = record_read(state, *at, record);
        if (status == IFL_OK) {
            *at = record->next;
            return IFL_OK;
        }
        if (status != IFL_STORE_CORRUPT) {
            return status;
        }
        *at += unit_of(state);
    }
    return IFL_END;
}

/* The nearest valid record of the half in use below `limit`. END: none. */
static enum ifl_status record_below(const struct state *state, uint32_t limit, struct record *found)
{
    struct record record;
    bool any = false;
    uint32_t at = first_record(state, state->active);
    enum ifl_status status;
    while ((status = record_scan(state, &at, limit, &record)) == IFL_OK) {
        *found = record;
        any = true;
    }
    return status == IFL_END && any ? IFL_OK : status;
}

/* One step down the chain: from *record, or from the newest when `at` is its address. END: the chain is at its end. */
static enum ifl_status chain_read(struct state *state, uint32_t at, uint32_t above, struct record *record)
{
    if (at == NONE) {
        return IFL_END;
    }
    bool possible = at >= first_record(state, state->active) && at < above && at % unit_of(state) == 0;
    enum ifl_status status = possible ? record_read(state, at, record) : IFL_STORE_CORRUPT;
    if (status == IFL_STORE_CORRUPT) {
        state->corrupt_count++;
        status = record_below(state, possible ? at : above, record);
    }
    return status;
}

static enum ifl_status newest(struct state *state, struct record *record)
{
    return chain_read(state, state->last, state->active + state->half_size, record);
}

static enum ifl_status older(struct state *state, struct record *record)
{
    return chain_read(state, record->prev, record->at, record);
}

/* NOT_FOUND, FLASH_*. */
static enum ifl_status find(struct state *state, uint16_t key, struct record *record)
{
    enum ifl_status status = newest(state, record);
    while (status == IFL_OK && record->key != key) {
        status = older(state, record);
    }
    return status == IFL_END ? IFL_NOT_FOUND : status;
}

/* ---- writing ---- */

/* Append to the half in use, behind state->end; a place that doesn't read back is left out. Durable when OK. */
static enum ifl_status append(struct state *state, struct record *record, uint32_t limit)
{
    enum ifl_status status = IFL_STORE_FULL;
    uint32_t space = record_space(state, record->size);
    for (int attempt = 0; attempt < ATTEMPTS && limit - state->end >= space; attempt++) {
        record->at = state->end;
        status = record_write(state, record);
        if (status != IFL_OK && status != IFL_FLASH_VERIFY && status != IFL_FLASH_IO) {
            return status; /* nothing was written */
        }
        state->end += space;
        if (status == IFL_OK) {
            status = flash_sync(&state->region);
            break;
        }
    }
    if (status == IFL_OK) {
        state->last = record->at;
        state->epoch = record->epoch;
    }
    return status;
}

static void clean_half(struct state *state, uint32_t half)
{
    state->phase = CLEANING;
    state->erase_at = half;
}

/* Copies in the other half: how far, the newest of them, and which keys are there already. */
struct copying {
    uint32_t end;
    uint32_t last;
    size_t key_count;
    uint16_t keys[STATE_KEY_COUNT_MAX + 1];
};

static bool is_copied(const struct copying *copying, uint16_t key)
{
    for (size_t i = 0; i < copying->key_count; i++) {
        if (copying->keys[i] == key) {
            return true;
        }
    }
    return false;
}

static enum ifl_status copy_one(struct state *state, struct copying *copying, struct record *record, uint32_t limit)
{
    uint32_t space = record_space(state, record->size);
    if (copying->key_count > STATE_KEY_COUNT_MAX || limit - copying->end < space) {
        return IFL_STORE_FULL;
    }
    struct record copy = *record;
    copy.at = copying->end;
    copy.prev = copying->last;
    copy.flags = FLAG_COPY;
    copying->keys[copying->key_count++] = copy.key;
    copying->last = copy.at;
    copying->end += space;
    return record_write(state, &copy);
}

/* Every live value but that of `except`. */
static enum ifl_status copy_live(struct state *state, struct copying *copying, uint16_t except, uint32_t limit)
{
    struct record record;
    copying->keys[copying->key_count++] = except;
    enum ifl_status status = newest(state, &record);
    while (status == IFL_OK) {
        if (record.key != 0 && !is_copied(copying, record.key)) {
            status = copy_one(state, copying, &record, limit);
        }
        status = status == IFL_OK ? older(state, &record) : status;
    }
    return status == IFL_END ? flash_sync(&state->region) : status;
}

/* Bytes that the live values take, without that of `except`. */
static enum ifl_status live_space(struct state *state, uint16_t except, uint32_t *space)
{
    struct record record;
    struct copying seen = {.keys = {except}, .key_count = 1};
    *space = 0;
    enum ifl_status status = newest(state, &record);
    while (status == IFL_OK) {
        if (record.key != 0 && !is_copied(&seen, record.key)) {
            if (seen.key_count > STATE_KEY_COUNT_MAX) {
                return IFL_STORE_FULL;
            }
            seen.keys[seen.key_count++] = record.key;
            *space += record_space(state, record.size);
        }
        status = older(state, &record);
    }
    return status == IFL_END ? IFL_OK : status;
}

/* STORE_FULL: the live values with this one don't fit a half. */
static enum ifl_status check_space(struct state *state, uint16_t key, size_t value_size)
{
    uint32_t space, room = state->half_size - first_record(state, 0) - reserve_space(state);
    enum ifl_status status = live_space(state, key, &space);
    if (status != IFL_OK) {
        return status;
    }
    return space + record_space(state, value_size) <= room ? IFL_OK : IFL_STORE_FULL;
}

/* From now on this half isn't fresh any more, whatever becomes of the next program. */
static enum ifl_status mark_write(const struct state *state, uint32_t half)
{
    uint8_t raw[PROG_SIZE_MAX];
    memset(raw, (uint8_t)~flash_erased_value(&state->region), sizeof raw);
    return flash_program_verified(&state->region, mark_of(state, half), raw, unit_of(state));
}

/* Move to the other half, which is READY, with `record` as the newest. After an error the old half goes on. */
static enum ifl_status move(struct state *state, struct record *record)
{
    uint32_t half = other_half(state);
    struct copying copying = {.end = first_record(state, half), .last = NONE};
    enum ifl_status status = check_space(state, record->key, record->size);
    if (status != IFL_OK) {
        return status;
    }
    status = mark_write(state, half);
    if (status == IFL_OK) {
        status = copy_live(state, &copying, record->key, half + state->half_size - reserve_space(state));
    }
    if (status != IFL_OK) {
        clean_half(state, half);
        return status;
    }
    struct state moved = *state;
    moved.active = half;
    moved.end = copying.end;
    record->prev = copying.last;
    record->epoch = state->epoch + 1;
    status = append(&moved, record, half + state->half_size);
    if (status != IFL_OK) {
        clean_half(state, half);
        state->epoch += 2; /* what may be there must never win: the next record of this half has a higher epoch */
        return status;
    }
    clean_half(&moved, state->active);
    *state = moved;
    return IFL_OK;
}

static enum ifl_status head_write(const struct state *state, uint32_t half)
{
    uint8_t raw[PROG_SIZE_MAX];
    memset(raw, flash_erased_value(&state->region), sizeof raw);
    memset(raw, 0, HEAD_SIZE);
    memcpy(raw, "IFLSTATE", 8);
    le16_put(raw + 8, HEAD_VERSION);
    le16_put(raw + 10, (uint16_t)flash_prog_size(&state->region));
    le32_put(raw + 12, state->half_size);
    le32_put(raw + 28, crc32c(0, raw, 28));
    enum ifl_status status = flash_program_verified(&state->region, half, raw, padded(state, HEAD_SIZE));
    return status == IFL_OK ? flash_sync(&state->region) : status;
}

/* ---- mount ---- */

enum head { HEAD_NONE, HEAD_OURS, HEAD_NEWER, HEAD_OTHER_GEOMETRY };

static enum ifl_status head_read(const struct state *state, uint32_t half, enum head *head)
{
    uint8_t raw[HEAD_SIZE];
    enum ifl_status status = flash_read(&state->region, half, raw, sizeof raw);
    if (status != IFL_OK) {
        return status;
    }
    *head = HEAD_OURS;
    if (memcmp(raw, "IFLSTATE", 8) != 0 || le32_get(raw + 28) != crc32c(0, raw, 28)) {
        *head = HEAD_NONE;
    } else if (le16_get(raw + 8) != HEAD_VERSION) {
        *head = HEAD_NEWER;
    } else if (le16_get(raw + 10) != flash_prog_size(&state->region) || le32_get(raw + 12) != state->half_size) {
        *head = HEAD_OTHER_GEOMETRY;
    }
    return IFL_OK;
}

/* *end: address behind the last step of `step` bytes of the span that isn't blank, or `from`. */
static enum ifl_status find_end_by(const struct state *state, uint32_t from, uint32_t to, uint32_t step, uint32_t *end)
{
    for (*end = to; *end > from;) {
        uint32_t size = *end - from < step ? *end - from : step;
        bool blank;
        enum ifl_status status = flash_is_blank(&state->region, *end - size, size, &blank);
        if (status != IFL_OK || !blank) {
            return status;
        }
        *end -= size;
    }
    return IFL_OK;
}

/* *end: address behind the last unit of the span that isn't blank, or `from`. */
static enum ifl_status find_end(const struct state *state, uint32_t from, uint32_t to, uint32_t *end)
{
    enum ifl_status status = find_end_by(state, from, to, LOOK_SIZE, end);
    return status == IFL_OK ? find_end_by(state, from, *end, unit_of(state), end) : status;
}

/* The newest record of both halves, below the limit in each, into state->last, epoch and active. END: none. */
static enum ifl_status find_newest(struct state *state, const uint32_t limit[2], struct record *found)
{
    struct record record;
    state->last = NONE;
    state->epoch = 0;
    for (uint32_t half = 0; half <= state->half_size; half += state->half_size) {
        uint32_t at = first_record(state, half), end;
        enum ifl_status status = find_end(state, at, limit[half != 0], &end);
        while (status == IFL_OK && (status = record_scan(state, &at, end, &record)) == IFL_OK) {
            if ((record.flags & FLAG_COPY) == 0 && (state->last == NONE || record.epoch >= state->epoch)) {
                *found = record;
                state->last = record.at;
                state->epoch = record.epoch;
                state->active = half;
            }
        }
        if (status != IFL_END) {
            return status;
        }
    }
    return state->last == NONE ? IFL_END : IFL_OK;
}

/* OK: it reads right each time. STORE_CORRUPT: bits of it hover. */
static enum ifl_status record_steady(const struct state *state, uint32_t at)
{
    struct record record;
    enum ifl_status status = IFL_OK;
    for (int i = 0; i < STEADY_READS && status == IFL_OK; i++) {
        status = record_read(state, at, &record);
    }
    return status;
}

/* As find_newest(), but what the power went in and doesn't read right each time is passed over: at this mount and at every other. */
static enum ifl_status find_firm(struct state *state, struct record *found)
{
    uint32_t limit[2] = {state->half_size, 2 * state->half_size};
    enum ifl_status status;
    do {
        status = find_newest(state, limit, found);
        if (status == IFL_OK) {
            status = record_steady(state, state->last);
            limit[state->active != 0] = state->last;
        }
    } while (status == IFL_STORE_CORRUPT);
    return status;
}

/* *uniform: the whole region has one value, all zeros or all ones. */
static enum ifl_status is_uniform(const struct state *state, bool *uniform)
{
    uint8_t piece[32];
    uint8_t first = 0;
    *uniform = false;
    for (uint32_t at = 0; at < 2 * state->half_size; at += (uint32_t)sizeof piece) {
        enum ifl_status status = flash_read(&state->region, at, piece, sizeof piece);
        if (status != IFL_OK) {
            return status;
        }
        first = at == 0 ? piece[0] : first;
        for (size_t i = 0; i < sizeof piece; i++) {
            if (piece[i] != first || (first != 0x00 && first != 0xFF)) {
                return IFL_OK;
            }
        }
    }
    *uniform = true;
    return IFL_OK;
}

/* *fresh: blank; *begun: blank but for a HEAD that the power went in. */
static enum ifl_status is_fresh(const struct state *state, uint32_t half, bool *fresh, bool *begun)
{
    uint32_t end;
    enum ifl_status status = find_end(state, half, half + state->half_size, &end);
    *fresh = end == half;
    *begun = end <= mark_of(state, half);
    return status;
}

/* There is neither a record nor a HEAD: make a store, if nothing is lost by that. An erase is the last resort, because a torn one leaves bytes
 * that look like somebody else's. */
static enum ifl_status format(struct state *state)
{
    bool fresh[2], begun[2], uniform;
    enum ifl_status status = is_fresh(state, 0, &fresh[0], &begun[0]);
    if (status == IFL_OK) {
        status = is_fresh(state, state->half_size, &fresh[1], &begun[1]);
    }
    if (status == IFL_OK) {
        status = is_uniform(state, &uniform);
    }
    if (status != IFL_OK) {
        return status;
    }
    if (!uniform && !(begun[0] && begun[1])) {
        return IFL_STORE_FOREIGN;
    }
    bool usable = begun[0] && begun[1] && (fresh[0] || fresh[1]);
    state->active = usable && !fresh[0] ? state->half_size : 0;
    if (!usable) {
        clean_half(state, 0);
        return IFL_OK;
    }
    status = head_write(state, state->active);
    state->end = first_record(state, state->active);
    clean_half(state, other_half(state));
    return status;
}

/* Write the newest record once more (SPEC.md, mount), or an empty one where there is none yet. */
static enum ifl_status make_firm(struct state *state, struct record *record)
{
    uint32_t half_end = state->active + state->half_size, end;
    enum ifl_status status = find_end(state, first_record(state, state->active), half_end, &end);
    if (status != IFL_OK) {
        return status;
    }
    uint32_t gap = record_space(state, STATE_VALUE_SIZE_MAX);
    state->end = half_end - end > gap ? end + gap : half_end;
    record->epoch = state->epoch + 2;
    record->flags = 0;
    if (half_end - state->end >= record_space(state, record->size)) {
        return append(state, record, half_end);
    }
    state->doubt = NEWEST_RECORD;
    if (state->phase != READY) {
        return IFL_OK;
    }
    status = move(state, record);
    state->doubt = OLD_HALF;
    return status;
}

/* What the other half is good for. */
static enum ifl_status judge_other(struct state *state, enum head head)
{
    uint32_t half = other_half(state), end;
    enum ifl_status status = find_end(state, mark_of(state, half), half + state->half_size, &end);
    state->phase = READY;
    if (head != HEAD_OURS || end != mark_of(state, half)) {
        clean_half(state, half);
    }
    return status;
}

static enum ifl_status mount(struct state *state)
{
    enum head head[2];
    struct record record = {.prev = NONE};
    enum ifl_status status = head_read(state, 0, &head[0]);
    if (status == IFL_OK) {
        status = head_read(state, state->half_size, &head[1]);
    }
    if (status != IFL_OK) {
        return status;
    }
    for (int i = 0; i < 2; i++) {
        if (head[i] == HEAD_NEWER || head[i] == HEAD_OTHER_GEOMETRY) {
            return head[i] == HEAD_NEWER ? IFL_STORE_NEWER : IFL_FLASH_GEOMETRY;
        }
    }
    status = find_firm(state, &record);
    if (status == IFL_END) {
        if (head[0] == HEAD_NONE && head[1] == HEAD_NONE) {
            return format(state);
        }
        state->active = head[0] == HEAD_OURS ? 0 : state->half_size;
        status = IFL_OK;
    }
    if (status == IFL_OK) {
        status = judge_other(state, head[state->active == 0 ? 1 : 0]);
    }
    return status == IFL_OK ? make_firm(state, &record) : status;
}

enum ifl_status state_mount(struct state *state, struct flash_region region)
{
    uint32_t sector = flash_sector_size(&region);
    *state = (struct state){.region = region, .half_size = region.size / sector / 2 * sector, .last = NONE};
    if (state->half_size < HALF_SIZE_MIN || flash_prog_size(&region) > PROG_SIZE_MAX) {
        return IFL_FLASH_GEOMETRY;
    }
    return mount(state);
}

/* ---- the rest of the interface ---- */

enum ifl_status state_get(struct state *state, uint16_t key, void *buf, size_t size, size_t *len)
{
    struct record record;
    if (state->doubt == NEWEST_RECORD) {
        return state->phase == WORN ? IFL_FLASH_IO : IFL_FLASH_BUSY; /* what is read now might not be read tomorrow */
    }
    enum ifl_status status = key == 0 ? IFL_NOT_FOUND : find(state, key, &record);
    if (status != IFL_OK) {
        return status;
    }
    *len = record.size;
    if (record.size > size) {
        return IFL_TOO_LARGE;
    }
    memcpy(buf, record.value, record.size);
    return IFL_OK;
}

enum ifl_status state_put(struct state *state, uint16_t key, struct bytes value)
{
    struct record record;
    if (key == 0) {
        return IFL_INVALID;
    }
    if (value.size > STATE_VALUE_SIZE_MAX) {
        return IFL_TOO_LARGE;
    }
    enum ifl_status status = find(state, key, &record);
    if (status != IFL_OK && status != IFL_NOT_FOUND) {
        return status;
    }
    if (status == IFL_OK && record.size == value.size && memcmp(record.value, value.data, value.size) == 0) {
        return IFL_OK;
    }
    if (status == IFL_NOT_FOUND || value.size > record.size) { /* else it fits, as the old one did */
        status = check_space(state, key, value.size);
        if (status != IFL_OK) {
            return status;
        }
    }
    if (state->end == 0 || state->doubt != NO_DOUBT) {
        return state->phase == WORN ? IFL_FLASH_IO : IFL_FLASH_BUSY;
    }
    record = (struct record){.key = key, .size = (uint8_t)value.size, .epoch = state->epoch, .prev = state->last};
    if (value.size > 0) {
        memcpy(record.value, value.data, value.size);
    }
    uint32_t limit = state->active + state->half_size - reserve_space(state);
    if (state->end <= limit && limit - state->end >= record_space(state, record.size)) {
        return append(state, &record, limit);
    }
    if (state->phase == READY) {
        return move(state, &record);
    }
    return state->phase == WORN ? IFL_FLASH_IO : IFL_FLASH_BUSY;
}

/* All sectors of a half are erased: HEAD proves it. */
static void finish_cleaning(struct state *state, uint32_t half)
{
    uint32_t end;
    enum ifl_status status = find_end(state, half, half + state->half_size, &end);
    if (status == IFL_FLASH_BUSY) {
        return; /* another room erases: later */
    }
    if (status == IFL_OK) {
        status = end == half ? head_write(state, half) : IFL_FLASH_VERIFY;
    }
    if (status != IFL_OK) {
        state->phase = WORN;
    } else if (half == state->active) { /* the region wasn't blank at the first format: now the other half */
        state->end = first_record(state, half);
        clean_half(state, other_half(state));
    } else {
        state->phase = READY;
        state->doubt = state->doubt == OLD_HALF ? NO_DOUBT : state->doubt;
    }
}

static void erase_next(struct state *state)
{
    uint32_t half = state->end == 0 ? state->active : other_half(state);
    if (state->erase_at == half + state->half_size) {
        finish_cleaning(state, half);
        return;
    }
    enum ifl_status status = flash_erase_start(&state->region, state->erase_at);
    if (status == IFL_OK) {
        state->phase = ERASING;
    } else if (status != IFL_FLASH_BUSY) {
        state->phase = WORN;
    }
}

static void poll_erase(struct state *state)
{
    enum ifl_status status = flash_poll(&state->region);
    if (status == IFL_OK) {
        state->erase_at += flash_sector_size(&state->region);
        state->phase = CLEANING;
    } else if (status != IFL_FLASH_BUSY) {
        state->phase = WORN;
    }
}

static void make_firm_later(struct state *state)
{
    struct record record;
    enum ifl_status status = newest(state, &record);
    if (status == IFL_OK) {
        status = move(state, &record);
    }
    if (status == IFL_OK) {
        state->doubt = OLD_HALF;
    } else if (status != IFL_FLASH_BUSY && state->phase == READY) {
        state->phase = WORN;
    }
}

ifl_ms state_step(struct state *state, ifl_ms now)
{
    if (state->phase == CLEANING) {
        erase_next(state);
    } else if (state->phase == ERASING) {
        poll_erase(state);
    } else if (state->phase == READY && state->doubt == NEWEST_RECORD) {
        make_firm_later(state);
    }
    bool idle = state->phase == WORN || (state->phase == READY && state->doubt == NO_DOUBT);
    return idle ? IFL_NEVER : ifl_ms_after(now, STEP_PAUSE_MS);
}
