/* flash_double.h: flash in RAM that knows all the rules of real flash, and loses power on demand.
 *
 * Rules: a program of a granule that isn't blank is recorded as a violation (violation[] says what and where; the test fails on it).
 * Alignment and range as in flash.h. Reading, programming and erasing while an erase is under way is answered with FLASH_BUSY.
 *
 * Power: operations that change the medium (program, erase start, sync) are counted from 1. `cut_at` = k lets the power go in operation k:
 * its effect is torn in the way `tear` says, with `seed` choosing the details; it and everything after it, reads included, answers FLASH_IO
 * until flash_double_power_on(). The same cut with the same seed always leaves the same bytes.
 *
 * Cache (`cached`): programs and erases become durable at sync; until then a cut keeps a part of them only (a file on Linux).
 *
 * Not thread-safe; one struct a thread. Memory comes from malloc: flash_double_free() gives it back. */
#ifndef FLASH_DOUBLE_H
#define FLASH_DOUBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flash/flash.h"

enum flash_tear {
    FLASH_TEAR_NOTHING, /* the operation had no effect */
    FLASH_TEAR_ALL,     /* it was finished; only nobody was told */
    FLASH_TEAR_PREFIX,  /* the first bytes are done; cached: the first of the unsynced operations */
    FLASH_TEAR_WORDS, /* every 4-byte word independently old or new; cached: every unsynced 512-byte block, each as of some moment */
    FLASH_TEAR_BITS, /* program: a random subset of the bits that change; cached: a random subset of the unsynced operations */
    FLASH_TEAR_ERASE,    /* erase: every bit that changes independently old or new. Erases only, not cached */
    FLASH_TEAR_UNSTABLE, /* some of the bits that change read differently each time until the next erase. Not cached */
    FLASH_TEAR_COUNT
};

const char *flash_tear_name(enum flash_tear tear);

enum flash_operation { FLASH_OP_NONE, FLASH_OP_PROGRAM, FLASH_OP_ERASE, FLASH_OP_SYNC };

const char *flash_operation_name(enum flash_operation operation);

enum flash_wear {
    FLASH_WEAR_NONE,
    FLASH_WEAR_PROGRAM_FAILS, /* program answers FLASH_IO and leaves half of the bits */
    FLASH_WEAR_STUCK_BITS,    /* program answers OK, some bits stay as they were */
    FLASH_WEAR_ERASE_FAILS,   /* erase ends with FLASH_IO and leaves some bits */
};

struct flash_double_options {
    struct flash_geometry geometry;
    uint32_t erase_polls; /* so many polls answer FLASH_BUSY after an erase was started */
    bool cached;
};

struct flash_double_pending; /* an operation that isn't durable yet */

struct flash_double {
    struct flash flash; /* what the rooms get */
    struct flash_double_options options;

    /* What the next cut is to be. */
    uint64_t cut_at; /* operation number; 0 = none */
    enum flash_tear tear;
    uint64_t seed;
    uint64_t
        sync_fails_at; /* the sync with this operation number answers FLASH_IO; 0 = none. A part of what it covers is never written */
    bool syncs_fail; /* so does every sync, as long as it's set */
    uint64_t
        full_from; /* programs from this operation number on answer STORE_FULL and do nothing (a file system that is full); 0 = none */

    /* What happened. */
    uint64_t operations; /* since init */
    enum flash_operation last_operation;
    uint32_t last_at;
    size_t last_size;
    bool off;
    uint64_t violations;
    char violation[160]; /* the first one, in words */
    uint64_t busy_refusals;

    /* Called before each operation takes effect; NULL = off. */
    void (*watch)(void *ctx, const struct flash_double *medium, const void *from);
    void *watch_ctx;

    /* The medium. Tests may look at `bytes`, and copy it; change it with flash_double_poke() or _flip(). Whoever changes `unstable` does so between two copies
     * of it by flash_double_copy() together with a poke. */
    uint8_t *bytes;     /* what reads see */
    uint8_t *unstable;  /* bits that read at random */
    uint8_t *durable;   /* cached: what survives; else NULL */
    uint32_t *erases;   /* finished erases of each sector */
    uint8_t *wear;      /* enum flash_wear of each sector */
    bool *has_unstable; /* of each sector */
    uint64_t *version;  /* of each sector: what flash_double_copy() needn't copy, because it's the same there already */
    bool lost_some;     /* cached: a sync has failed since the power came */
    bool *stale;        /* of each sector; cached: it may hold what isn't durable */
    uint32_t sector_count;
    uint64_t noise; /* state of the generator behind unstable reads */
    bool erasing;
    uint32_t erase_at;
    uint32_t polls_left;
    enum ifl_status erase_status;
    struct flash_double_pending *pending; /* cached: unsynced operations in order */
    size_t pending_count, pending_room;
};

/* A blank medium. Aborts without memory (it's a test). `medium` must not move afterwards. */
void flash_double_init(struct flash_double *medium, const struct flash_double_options *options);
void flash_double_free(struct flash_double *medium);
/* As new from the factory: blank, no wear, no operations counted, nothing armed. */
void flash_double_reset(struct flash_double *medium);

/* Arm a cut in operation number `operation` (absolute). */
void flash_double_cut(struct flash_double *medium, uint64_t operation, enum flash_tear tear, uint64_t seed);
/* Whether `tear` means something for such an operation on this medium. */
bool flash_double_tear_applies(const struct flash_double *medium, enum flash_operation operation, enum flash_tear tear);
/* Cut now, between two operations: an erase under way is torn, a cache loses what it loses. */
void flash_double_power_off(struct flash_double *medium, enum flash_tear tear, uint64_t seed);
void flash_double_power_on(struct flash_double *medium);

void flash_double_wear_out(struct flash_double *medium, uint32_t at, enum flash_wear wear);
void flash_double_flip(struct flash_double *medium, uint32_t at, unsigned bit);
/* Put bytes there, past all rules (foreign contents, older formats). */
void flash_double_poke(struct flash_double *medium, uint32_t at, const void *from, size_t size);

/* A copy of everything that a power cycle keeps, and of the counters: to try many cuts from one point. The copy is the size of the medium and more;
 * both must have been initialised with the same options. */
void flash_double_copy(struct flash_double *to, const struct flash_double *from);

/* A small generator for tests: the same seed, the same numbers (splitmix64). */
uint64_t flash_double_random(uint64_t *state);

#endif
