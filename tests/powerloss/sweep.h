/* sweep.h: let the power go in every operation of a workload, in every way, and see whether the store keeps its promise.
 *
 * A *store* (outbox, state, identity slots) brings a workload, made from a seed, and an oracle that knows what must be there. The sweep runs each step
 * of the workload once, to see its flash operations; then once more for each operation, tear and seed, up to the cut; switches the power on;
 * lets the store recover; checks; goes on with the rest of the workload or to its end; checks again. In a share of the cuts the power goes
 * a second time during recovery.
 *
 * Everything follows from (store, cell, workload, operation, tear, seed): `powerloss --replay` with these runs one cut and tells what happens. */
#ifndef SWEEP_H
#define SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flash_double.h"

#define SWEEP_KIND_MAX 16

/* One combination of geometry. */
struct sweep_cell {
    uint32_t prog_size;
    uint32_t sector_size;
    bool cached; /* a file: erased value 0, nothing durable before a sync */
};

struct sweep_run {
    const struct sweep_store *store;
    const struct sweep_cell *cell;
    uint64_t workload; /* seed */
    struct flash_double medium;
    struct flash_region region;
    void *
        world; /* store->world_size bytes; copied with memcpy, so no pointers into itself but through stable addresses */
    bool failed;
    bool verbose; /* a replay: tell the story */
    char failure[240];
};

struct sweep_store {
    const char *name;
    uint64_t cuts; /* in each cell of a full sweep */
    size_t world_size;
    const char *const *kinds; /* names of what an operation may write: record types */
    size_t kind_count;
    uint32_t (*region_size)(const struct sweep_cell *cell); /* bytes of flash */
    /* A fresh world on a blank medium. It may fill the medium in advance: no cuts there. */
    void (*start)(struct sweep_run *run);
    size_t (*step_count)(const struct sweep_run *run);
    /* One step of the workload. The first one mounts. Returns early when the power has gone. */
    void (*step)(struct sweep_run *run, size_t index);
    /* The power is back: mount, compare with the oracle. Returns early when the power goes again. */
    void (*recover)(struct sweep_run *run);
    /* Bring everything to its end; compare with the oracle. */
    void (*finish)(struct sweep_run *run);
    /* What the operation that is about to happen writes (`from`: the bytes of a program, else NULL): an index into kinds. */
    size_t (*kind)(const struct sweep_run *run, enum flash_operation operation, uint32_t at, const void *from,
                   size_t size);
};

/* The promise is broken. The first failure of a run counts. */
void sweep_fail(struct sweep_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line of the story; only printed in a replay. */
void sweep_tell(const struct sweep_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline bool sweep_is_over(const struct sweep_run *run)
{
    return run->failed || run->medium.off;
}

/* How much is tried. */
struct sweep_plan {
    uint64_t cuts_per_cell;  /* go on with further workloads until so many */
    uint64_t cuts_per_kind;  /* ... and until each kind that occurs has so many for each tear */
    uint64_t first_workload; /* seed of the first one; 0 = 1 */
    unsigned workloads;      /* ... but not with more workloads than this */
    unsigned seeds;          /* cuts for each operation and tear */
    unsigned rare_seeds;     /* the same while that kind and tear have fewer than cuts_per_kind */
    uint64_t failures_max;   /* stop a cell after so many */
};

struct sweep_result {
    uint64_t cuts;
    uint64_t depth2_cuts; /* of these: the power went again during recovery */
    uint64_t failures;
    uint64_t by_kind[SWEEP_KIND_MAX][FLASH_TEAR_COUNT];
};

/* All cuts of one cell. Failures are printed to stdout, one line each with the replay command. */
void sweep_cell(const struct sweep_store *store, const struct sweep_cell *cell, const struct sweep_plan *plan,
                struct sweep_result *result);

/* Replay one cut and tell its story on stdout. False: the promise is broken (or there is no such cut). */
bool sweep_replay(const struct sweep_store *store, const struct sweep_cell *cell, uint64_t workload, uint64_t operation,
                  enum flash_tear tear, uint64_t seed);

#endif
