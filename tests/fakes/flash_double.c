/* flash_double.c: see flash_double.h.
 *
 *            erase_start            poll (polls_left = 0)
 *   IDLE ───────────────► ERASING ───────────────────────► IDLE
 *     │ cut_at reached       │ power_off
 *     └──────► OFF ◄─────────┘      OFF ── power_on ──► IDLE */
#include "flash_double.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_SIZE 4
#define BLOCK_SIZE 512 /* bytes that a disk writes at once */

struct flash_double_pending {
    enum flash_operation operation;
    uint32_t at;
    size_t size;
    uint8_t *data; /* NULL: an erase */
};

const char *flash_tear_name(enum flash_tear tear)
{
    static const char *const names[FLASH_TEAR_COUNT] = {"nothing", "all",   "prefix",  "words",
                                                        "bits",    "erase", "unstable"};
    return tear < FLASH_TEAR_COUNT ? names[tear] : "?";
}

const char *flash_operation_name(enum flash_operation operation)
{
    static const char *const names[] = {"none", "program", "erase", "sync"};
    return names[operation];
}

uint64_t flash_double_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        fputs("flash_double: out of memory\n", stderr);
        abort();
    }
    return memory;
}

static uint32_t sector_of(const struct flash_double *medium, uint32_t at)
{
    return at / medium->options.geometry.sector_size;
}

/* ---- changing bytes ---- */

/* What programming `data` over `old` gives on this medium: bits only move away from the erased value. */
static uint8_t programmed(const struct flash_double *medium, uint8_t old, uint8_t data)
{
    return medium->options.geometry.erased == 0 ? (uint8_t)(old | data) : (uint8_t)(old & data);
}

/* What byte i of an operation is meant to become; data == NULL: an erase. */
static uint8_t target_of(const struct flash_double *medium, uint8_t old, const uint8_t *data, size_t i)
{
    return data != NULL ? programmed(medium, old, data[i]) : medium->options.geometry.erased;
}

/* The sector isn't any more what it was at the last copy. */
static void touch(struct flash_double *medium, uint32_t at, size_t size)
{
    static uint64_t last_version; /* of all media: two sectors with the same version have the same contents */
    for (uint32_t sector = sector_of(medium, at); sector <= sector_of(medium, at + (uint32_t)size - 1); sector++) {
        medium->version[sector] = ++last_version;
    }
}

static void finish_program(struct flash_double *medium, uint32_t at, const uint8_t *data, size_t size)
{
    touch(medium, at, size);
    bool shaky =
        medium->has_unstable[sector_of(medium, at)] || medium->has_unstable[sector_of(medium, at + (uint32_t)size - 1)];
    for (size_t i = 0; i < size; i++) {
        uint8_t old = medium->bytes[at + i];
        uint8_t now = programmed(medium, old, data[i]);
        medium->bytes[at + i] = now;
        if (shaky) { /* a bit that is properly programmed is stable again; one that should stay erased isn't */
            medium->unstable[at + i] &= (uint8_t) ~(data[i] ^ medium->options.geometry.erased);
        }
    }
}

static void finish_erase(struct flash_double *medium, uint32_t at)
{
    uint32_t size = medium->options.geometry.sector_size;
    touch(medium, at, size);
    memset(medium->bytes + at, medium->options.geometry.erased, size);
    if (medium->has_unstable[sector_of(medium, at)]) {
        memset(medium->unstable + at, 0, size);
        medium->has_unstable[sector_of(medium, at)] = false;
    }
    medium->erases[sector_of(medium, at)]++;
}

/* ---- tearing one operation of a medium without a cache ---- */

/* A mask with few, half or most bits set: `density` 0..3. */
static uint8_t random_mask(uint64_t *random, unsigned density)
{
    uint64_t r = flash_double_random(random);
    uint8_t a = (uint8_t)r, b = (uint8_t)(r >> 8), c = (uint8_t)(r >> 16);
    switch (density) {
    case 0:
        return a & b & c;
    case 1:
        return a & b;
    case 2:
        return a;
    default:
        return a | b;
    }
}

static void mark_unstable(struct flash_double *medium, uint32_t at, size_t size)
{
    medium->has_unstable[sector_of(medium, at)] = true;
    medium->has_unstable[sector_of(medium, at + (uint32_t)size - 1)] = true;
}

static void tear_bits(struct flash_double *medium, uint32_t at, const uint8_t *data, size_t size, bool unstable,
                      uint64_t *random)
{
    touch(medium, at, size);
    unsigned density = (unsigned)(flash_double_random(random) % 4);
    bool preprogrammed = data == NULL && flash_double_random(random) % 4 == 0; /* some NOR does so before an erase */
    for (size_t i = 0; i < size; i++) {
        uint8_t old = medium->bytes[at + i];
        if (preprogrammed) {
            old ^= (uint8_t) ~(old ^ medium->options.geometry.erased) & random_mask(random, density);
        }
        uint8_t change = (uint8_t)(old ^ target_of(medium, old, data, i));
        medium->bytes[at + i] = (uint8_t)(old ^ (change & random_mask(random, density)));
        if (unstable) {
            medium->unstable[at + i] |= change & random_mask(random, density);
        }
    }
    if (unstable) {
        mark_unstable(medium, at, size);
    }
}

/* Nearly finished or hardly begun: all or nothing is done, but for one to three bits that are neither. The meanest tear, because what it leaves
 * reads valid (or blank) once and damaged the next time. */
static void tear_few_bits(struct flash_double *medium, uint32_t at, const uint8_t *data, size_t size, uint64_t *random)
{
    bool nearly_done = flash_double_random(random) % 2 == 0;
    unsigned count = 1 + (unsigned)(flash_double_random(random) % 3);
    for (unsigned tries = 0; tries < 64 && count > 0; tries++) {
        uint64_t r = flash_double_random(random);
        size_t i = (size_t)((r >> 8) % size);
        uint8_t bit = (uint8_t)(1u << (r % 8));
        uint8_t old = medium->bytes[at + i];
        if (((old ^ target_of(medium, old, data, i)) & bit) != 0 && (medium->unstable[at + i] & bit) == 0) {
            medium->unstable[at + i] |= bit;
            count--;
        }
    }
    for (size_t i = 0; i < size && nearly_done; i++) {
        medium->bytes[at + i] = target_of(medium, medium->bytes[at + i], data, i);
    }
    mark_unstable(medium, at, size);
}

static void tear_unstable(struct flash_double *medium, uint32_t at, const uint8_t *data, size_t size, uint64_t *random)
{
    if (flash_double_random(random) % 4 == 0) {
        tear_bits(medium, at, data, size, true, random);
    } else {
        tear_few_bits(medium, at, data, size, random);
    }
}

static void tear_words(struct flash_double *medium, uint32_t at, const uint8_t *data, size_t size, uint64_t *random)
{
    bool keep = false;
    for (size_t i = 0; i < size; i++) {
        if (i == 0 || (at + i) % WORD_SIZE == 0) {
            keep = flash_double_random(random) % 2 == 0;
        }
        uint8_t old = medium->bytes[at + i];
        medium->bytes[at + i] = keep ? old : target_of(medium, old, data, i);
    }
}

static void tear_prefix(struct flash_double *medium, uint32_t at, const uint8_t *data, size_t size, uint64_t *random)
{
    size_t done = (size_t)(flash_double_random(random) % size);
    for (size_t i = 0; i < done; i++) {
        medium->bytes[at + i] = target_of(medium, medium->bytes[at + i], data, i);
    }
}

static void tear_operation(struct flash_double *medium, uint32_t at, const uint8_t *data, size_t size,
                           enum flash_tear tear, uint64_t seed)
{
    uint64_t random = seed;
    touch(medium, at, size);
    switch (tear) {
    case FLASH_TEAR_NOTHING:
    case FLASH_TEAR_COUNT:
        break;
    case FLASH_TEAR_ALL:
        if (data != NULL) {
            finish_program(medium, at, data, size);
        } else {
            finish_erase(medium, at);
        }
        break;
    case FLASH_TEAR_PREFIX:
        tear_prefix(medium, at, data, size, &random);
        break;
    case FLASH_TEAR_WORDS:
        tear_words(medium, at, data, size, &random);
        break;
    case FLASH_TEAR_BITS:
    case FLASH_TEAR_ERASE:
        tear_bits(medium, at, data, size, false, &random);
        break;
    case FLASH_TEAR_UNSTABLE:
        tear_unstable(medium, at, data, size, &random);
        break;
    }
}

/* ---- the cache ---- */

static void pending_add(struct flash_double *medium, enum flash_operation operation, uint32_t at, const uint8_t *data,
                        size_t size)
{
    if (medium->pending_count == medium->pending_room) {
        size_t room = medium->pending_room * 2 + 16;
        struct flash_double_pending *bigger = allocate(room, sizeof *bigger);
        if (medium->pending_count > 0) {
            memcpy(bigger, medium->pending, medium->pending_count * sizeof *bigger);
        }
        free(medium->pending);
        medium->pending = bigger;
        medium->pending_room = room;
    }
    struct flash_double_pending *last = &medium->pending[medium->pending_count++];
    *last = (struct flash_double_pending){.operation = operation, .at = at, .size = size};
    for (uint32_t sector = sector_of(medium, at); sector <= sector_of(medium, at + (uint32_t)size - 1); sector++) {
        medium->stale[sector] = true;
    }
    if (data != NULL) {
        last->data = allocate(1, size);
        memcpy(last->data, data, size);
    }
}

static void pending_clear(struct flash_double *medium)
{
    for (size_t i = 0; i < medium->pending_count; i++) {
        free(medium->pending[i].data);
    }
    medium->pending_count = 0;
}

/* Bytes [from, to) of an operation reach the medium. */
static void write_back(struct flash_double *medium, const struct flash_double_pending *operation, size_t from,
                       size_t to)
{
    if (from < to) {
        touch(medium, operation->at + (uint32_t)from, to - from);
    }
    if (operation->data == NULL) {
        memset(medium->durable + operation->at + from, medium->options.geometry.erased, to - from);
    } else {
        memcpy(medium->durable + operation->at + from, operation->data + from, to - from);
    }
}

/* Every 512-byte block shows the state of some moment: the first operations only, how many is the block's own chance. */
static void write_back_blocks(struct flash_double *medium, size_t index, uint64_t seed)
{
    const struct flash_double_pending *operation = &medium->pending[index];
    for (size_t from = 0; from < operation->size;) {
        uint32_t block = (uint32_t)(operation->at + from) / BLOCK_SIZE;
        size_t to = (size_t)(block + 1) * BLOCK_SIZE - operation->at;
        to = to < operation->size ? to : operation->size;
        uint64_t state = seed ^ ((uint64_t)block << 20);
        uint64_t moment = flash_double_random(&state);
        bool coin = (moment >> 40) % 2 == 0; /* half of the blocks: all or nothing */
        size_t count =
            coin ? (size_t)(moment % 2) * medium->pending_count : (size_t)(moment % (medium->pending_count + 1));
        if (index < count) {
            write_back(medium, operation, from, to);
        }
        from = to;
    }
}

/* What of the unsynced operations survives. */
static void write_back_some(struct flash_double *medium, enum flash_tear tear, uint64_t seed)
{
    uint64_t random = seed;
    size_t prefix = medium->pending_count == 0 ? 0 : (size_t)(flash_double_random(&random) % medium->pending_count);
    for (size_t i = 0; i < medium->pending_count; i++) {
        bool whole = tear == FLASH_TEAR_ALL || (tear == FLASH_TEAR_PREFIX && i < prefix) ||
                     (tear == FLASH_TEAR_BITS && flash_double_random(&random) % 2 == 0);
        if (whole) {
            write_back(medium, &medium->pending[i], 0, medium->pending[i].size);
        } else if (tear == FLASH_TEAR_WORDS) {
            write_back_blocks(medium, i, seed);
        }
    }
    pending_clear(medium);
}

/* ---- power ---- */

/* What isn't durable isn't there any more: only sectors that an unsynced operation changed can differ. */
static void forget_unsynced(struct flash_double *medium, enum flash_tear tear, uint64_t seed)
{
    uint32_t size = medium->options.geometry.sector_size;
    write_back_some(medium, tear, seed);
    for (uint32_t sector = 0; sector < medium->sector_count; sector++) {
        if (medium->stale[sector]) {
            touch(medium, sector * size, size);
            memcpy(medium->bytes + (size_t)sector * size, medium->durable + (size_t)sector * size, size);
        }
        medium->stale[sector] = false;
    }
    medium->lost_some = false;
}

static void cut(struct flash_double *medium, enum flash_tear tear, uint64_t seed)
{
    medium->off = true;
    medium->erasing = false;
    medium->erase_status = IFL_OK;
    medium->noise = seed ^ 0x5EEDu;
    if (medium->options.cached) {
        forget_unsynced(medium, tear, seed);
    }
}

/* Count an operation. True: the power goes in it; the effect is torn here (data == NULL: an erase). */
static bool cut_in(struct flash_double *medium, enum flash_operation operation, uint32_t at, const uint8_t *data,
                   size_t size)
{
    medium->operations++;
    medium->last_operation = operation;
    medium->last_at = at;
    medium->last_size = size;
    if (medium->watch != NULL) {
        medium->watch(medium->watch_ctx, medium, data);
    }
    if (medium->cut_at == 0 || medium->operations != medium->cut_at) {
        return false;
    }
    if (medium->options.cached && operation != FLASH_OP_SYNC) {
        pending_add(medium, operation, at, data, size);
    } else if (operation != FLASH_OP_SYNC) {
        tear_operation(medium, at, data, size, medium->tear, medium->seed);
    }
    cut(medium, medium->tear, medium->seed);
    return true;
}

void flash_double_cut(struct flash_double *medium, uint64_t operation, enum flash_tear tear, uint64_t seed)
{
    medium->cut_at = operation;
    medium->tear = tear;
    medium->seed = seed;
}

void flash_double_power_off(struct flash_double *medium, enum flash_tear tear, uint64_t seed)
{
    if (medium->erasing && !medium->options.cached) {
        tear_operation(medium, medium->erase_at, NULL, medium->options.geometry.sector_size, tear, seed);
    }
    cut(medium, tear, seed);
}

void flash_double_power_on(struct flash_double *medium)
{
    medium->off = false;
    medium->cut_at = 0;
}

bool flash_double_tear_applies(const struct flash_double *medium, enum flash_operation operation, enum flash_tear tear)
{
    if (tear >= FLASH_TEAR_COUNT || operation == FLASH_OP_NONE) {
        return false;
    }
    if (medium->options.cached) {
        return tear != FLASH_TEAR_ERASE && tear != FLASH_TEAR_UNSTABLE;
    }
    return operation == FLASH_OP_ERASE ? tear != FLASH_TEAR_BITS : tear != FLASH_TEAR_ERASE;
}

/* ---- the driver ---- */

static bool any_unstable(const struct flash_double *medium, uint32_t at, size_t size)
{
    uint32_t last = sector_of(medium, at + (uint32_t)size - 1);
    for (uint32_t sector = sector_of(medium, at); sector <= last; sector++) {
        if (medium->has_unstable[sector]) {
            return true;
        }
    }
    return false;
}

static enum ifl_status double_read(void *ctx, uint32_t at, void *to, size_t size)
{
    struct flash_double *medium = ctx;
    uint8_t *out = to;
    if (medium->off) {
        return IFL_FLASH_IO;
    }
    if (medium->erasing) {
        medium->busy_refusals++;
        return IFL_FLASH_BUSY;
    }
    memcpy(out, medium->bytes + at, size);
    bool shaky = any_unstable(medium, at, size);
    for (size_t i = 0; shaky && i < size; i++) {
        if (medium->unstable[at + i] != 0) {
            out[i] ^= medium->unstable[at + i] & (uint8_t)flash_double_random(&medium->noise);
        }
    }
    return IFL_OK;
}

/* What reading says, in one look: blank checks are what a sweep does most. */
static enum ifl_status double_is_blank(void *ctx, uint32_t at, size_t size, bool *blank)
{
    const struct flash_double *medium = ctx;
    const uint8_t erased = medium->options.geometry.erased;
    *blank = true;
    for (uint8_t piece[64]; size > 0 && (medium->off || medium->erasing || any_unstable(medium, at, size));) {
        size_t len = size < sizeof piece ? size : sizeof piece;
        enum ifl_status status = double_read(ctx, at, piece, len);
        for (size_t i = 0; i < len && status == IFL_OK; i++) {
            *blank = *blank && piece[i] == erased;
        }
        if (status != IFL_OK || !*blank) {
            return status;
        }
        at += (uint32_t)len;
        size -= len;
    }
    const uint8_t *first = medium->bytes + at;
    *blank = size == 0 || (*first == erased && memcmp(first, first + 1, size - 1) == 0);
    return IFL_OK;
}

static void violation(struct flash_double *medium, const char *what, uint32_t at)
{
    if (medium->violations++ == 0) {
        snprintf(medium->violation, sizeof medium->violation, "operation %llu: %s at 0x%x",
                 (unsigned long long)medium->operations, what, (unsigned)at);
    }
}

/* Unstable bits may have read as blank, so they don't count. A cache takes what it holds already once more. */
static void check_blank(struct flash_double *medium, uint32_t at, const uint8_t *data, size_t size)
{
    if (medium->options.cached && memcmp(medium->bytes + at, data, size) == 0) {
        return;
    }
    for (size_t i = 0; i < size; i++) {
        if (((medium->bytes[at + i] ^ medium->options.geometry.erased) & (uint8_t)~medium->unstable[at + i]) != 0) {
            violation(medium, "a granule that isn't blank is programmed", at + (uint32_t)i);
            return;
        }
    }
}

static void wear_program(struct flash_double *medium, uint32_t at, const uint8_t *data, size_t size)
{
    uint64_t random = at + 1u;
    tear_bits(medium, at, data, size, false, &random);
}

static enum ifl_status double_program(void *ctx, uint32_t at, const void *from, size_t size)
{
    struct flash_double *medium = ctx;
    if (medium->off) {
        return IFL_FLASH_IO;
    }
    if (medium->erasing) {
        medium->busy_refusals++;
        return IFL_FLASH_BUSY;
    }
    if (medium->full_from != 0 && medium->operations + 1 >= medium->full_from) {
        return IFL_STORE_FULL;
    }
    if (cut_in(medium, FLASH_OP_PROGRAM, at, from, size)) {
        return IFL_FLASH_IO;
    }
    check_blank(medium, at, from, size);
    enum flash_wear wear = medium->wear[sector_of(medium, at)];
    if (wear == FLASH_WEAR_PROGRAM_FAILS || wear == FLASH_WEAR_STUCK_BITS) {
        wear_program(medium, at, from, size);
        return wear == FLASH_WEAR_PROGRAM_FAILS ? IFL_FLASH_IO : IFL_OK;
    }
    finish_program(medium, at, from, size);
    if (medium->options.cached) {
        pending_add(medium, FLASH_OP_PROGRAM, at, from, size);
    }
    return IFL_OK;
}

static void complete_erase(struct flash_double *medium)
{
    uint32_t at = medium->erase_at;
    medium->erasing = false;
    if (medium->wear[sector_of(medium, at)] == FLASH_WEAR_ERASE_FAILS) {
        uint64_t random = at + 1u;
        tear_bits(medium, at, NULL, medium->options.geometry.sector_size, false, &random);
        medium->erase_status = IFL_FLASH_IO;
        return;
    }
    finish_erase(medium, at);
}

static enum ifl_status double_erase_start(void *ctx, uint32_t at)
{
    struct flash_double *medium = ctx;
    if (medium->off) {
        return IFL_FLASH_IO;
    }
    if (medium->erasing) {
        medium->busy_refusals++;
        return IFL_FLASH_BUSY;
    }
    if (cut_in(medium, FLASH_OP_ERASE, at, NULL, medium->options.geometry.sector_size)) {
        return IFL_FLASH_IO;
    }
    medium->erasing = true;
    medium->erase_at = at;
    medium->polls_left = medium->options.erase_polls;
    if (medium->options.cached) {
        pending_add(medium, FLASH_OP_ERASE, at, NULL, medium->options.geometry.sector_size);
    }
    if (medium->polls_left == 0) {
        complete_erase(medium);
    }
    return IFL_OK;
}

static enum ifl_status double_poll(void *ctx)
{
    struct flash_double *medium = ctx;
    if (medium->off) {
        return IFL_FLASH_IO;
    }
    if (medium->erasing) {
        if (medium->polls_left > 0) {
            medium->polls_left--;
            return IFL_FLASH_BUSY;
        }
        complete_erase(medium);
    }
    enum ifl_status status = medium->erase_status;
    medium->erase_status = IFL_OK;
    return status;
}

static enum ifl_status double_sync(void *ctx)
{
    struct flash_double *medium = ctx;
    if (medium->off) {
        return IFL_FLASH_IO;
    }
    if (cut_in(medium, FLASH_OP_SYNC, 0, NULL, 0)) {
        return IFL_FLASH_IO;
    }
    bool fails = medium->syncs_fail || (medium->sync_fails_at != 0 && medium->operations == medium->sync_fails_at);
    /* After a failure the cache believes that it's clean: what wasn't written is never written, though it still reads well. */
    write_back_some(medium, fails ? FLASH_TEAR_WORDS : FLASH_TEAR_ALL, medium->seed);
    medium->lost_some = medium->lost_some || fails;
    if (medium->sync_fails_at == 0 && !medium->lost_some) {
        memset(medium->stale, 0, medium->sector_count * sizeof *medium->stale);
    }
    return fails ? IFL_FLASH_IO : IFL_OK;
}

/* Without a cache every program is durable, and there is no sync: stores tell by that what kind of medium they are on. */
static const struct flash_driver plain_driver = {
    .read = double_read,
    .program = double_program,
    .erase_start = double_erase_start,
    .poll = double_poll,
    .is_blank = double_is_blank,
};

static const struct flash_driver cached_driver = {
    .read = double_read,
    .program = double_program,
    .erase_start = double_erase_start,
    .poll = double_poll,
    .is_blank = double_is_blank,
    .sync = double_sync,
};

/* ---- life ---- */

void flash_double_init(struct flash_double *medium, const struct flash_double_options *options)
{
    const struct flash_geometry *geometry = &options->geometry;
    *medium = (struct flash_double){.options = *options};
    const struct flash_driver *driver = options->cached ? &cached_driver : &plain_driver;
    medium->flash = (struct flash){.geometry = *geometry, .driver = driver, .ctx = medium};
    medium->sector_count = geometry->size / geometry->sector_size;
    medium->bytes = allocate(geometry->size, 1);
    medium->unstable = allocate(geometry->size, 1);
    medium->durable = options->cached ? allocate(geometry->size, 1) : NULL;
    medium->erases = allocate(medium->sector_count, sizeof *medium->erases);
    medium->wear = allocate(medium->sector_count, sizeof *medium->wear);
    medium->version = allocate(medium->sector_count, sizeof *medium->version);
    medium->stale = allocate(medium->sector_count, sizeof *medium->stale);
    medium->has_unstable = allocate(medium->sector_count, sizeof *medium->has_unstable);
    flash_double_reset(medium);
}

void flash_double_free(struct flash_double *medium)
{
    pending_clear(medium);
    free(medium->pending);
    free(medium->bytes);
    free(medium->unstable);
    free(medium->durable);
    free(medium->erases);
    free(medium->wear);
    free(medium->version);
    free(medium->stale);
    free(medium->has_unstable);
    *medium = (struct flash_double){0};
}

void flash_double_reset(struct flash_double *medium)
{
    uint32_t size = medium->options.geometry.size;
    touch(medium, 0, size);
    memset(medium->bytes, medium->options.geometry.erased, size);
    memset(medium->unstable, 0, size);
    if (medium->durable != NULL) {
        memset(medium->durable, medium->options.geometry.erased, size);
    }
    memset(medium->erases, 0, medium->sector_count * sizeof *medium->erases);
    memset(medium->stale, 0, medium->sector_count * sizeof *medium->stale);
    memset(medium->wear, FLASH_WEAR_NONE, medium->sector_count * sizeof *medium->wear);
    memset(medium->has_unstable, 0, medium->sector_count * sizeof *medium->has_unstable);
    pending_clear(medium);
    medium->cut_at = medium->sync_fails_at = medium->full_from = 0;
    medium->syncs_fail = medium->lost_some = false;
    medium->operations = medium->violations = medium->busy_refusals = 0;
    medium->violation[0] = '\0';
    medium->last_operation = FLASH_OP_NONE;
    medium->off = medium->erasing = false;
    medium->erase_status = IFL_OK;
    medium->noise = 0;
}

void flash_double_wear_out(struct flash_double *medium, uint32_t at, enum flash_wear wear)
{
    medium->wear[sector_of(medium, at)] = (uint8_t)wear;
}

void flash_double_poke(struct flash_double *medium, uint32_t at, const void *from, size_t size)
{
    touch(medium, at, size);
    memcpy(medium->bytes + at, from, size);
    if (medium->durable != NULL) {
        memcpy(medium->durable + at, from, size);
    }
}

void flash_double_flip(struct flash_double *medium, uint32_t at, unsigned bit)
{
    uint8_t flipped = medium->bytes[at] ^ (uint8_t)(1u << bit);
    flash_double_poke(medium, at, &flipped, 1);
}

static void copy_sector(struct flash_double *to, const struct flash_double *from, uint32_t sector)
{
    size_t size = from->options.geometry.sector_size, at = sector * size;
    memcpy(to->bytes + at, from->bytes + at, size);
    if (to->has_unstable[sector] || from->has_unstable[sector]) {
        memcpy(to->unstable + at, from->unstable + at, size);
    }
    to->has_unstable[sector] = from->has_unstable[sector];
    if (from->durable != NULL) {
        memcpy(to->durable + at, from->durable + at, size);
    }
    to->version[sector] = from->version[sector];
}

void flash_double_copy(struct flash_double *to, const struct flash_double *from)
{
    for (uint32_t sector = 0; sector < from->sector_count; sector++) {
        if (to->version[sector] != from->version[sector]) {
            copy_sector(to, from, sector);
        }
    }
    memcpy(to->erases, from->erases, from->sector_count * sizeof *from->erases);
    memcpy(to->wear, from->wear, from->sector_count * sizeof *from->wear);
    memcpy(to->stale, from->stale, from->sector_count * sizeof *from->stale);
    pending_clear(to);
    for (size_t i = 0; i < from->pending_count; i++) {
        const struct flash_double_pending *one = &from->pending[i];
        pending_add(to, one->operation, one->at, one->data, one->size);
    }
    to->cut_at = from->cut_at;
    to->tear = from->tear;
    to->seed = from->seed;
    to->sync_fails_at = from->sync_fails_at;
    to->syncs_fail = from->syncs_fail;
    to->lost_some = from->lost_some;
    to->full_from = from->full_from;
    to->operations = from->operations;
    to->last_operation = from->last_operation;
    to->off = from->off;
    to->violations = from->violations;
    memcpy(to->violation, from->violation, sizeof to->violation);
    to->noise = from->noise;
    to->erasing = from->erasing;
    to->erase_at = from->erase_at;
    to->polls_left = from->polls_left;
    to->erase_status = from->erase_status;
}
