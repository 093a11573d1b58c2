/* sweep.c: see sweep.h. */
#include "sweep.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_OPERATIONS_MAX 4096 /* flash operations of one step */
#define RECOVERIES_MAX 4         /* power cuts in one run */

/* A point of a workload from which cuts are tried: what flash and RAM held before a step. */
struct snapshot {
    struct flash_double medium;
    void *world;
};

struct operation {
    enum flash_operation operation;
    size_t kind;
};

struct sweep {
    struct sweep_run run;
    const struct sweep_plan *plan;
    struct sweep_result *result;
    struct snapshot before, after;
    uint64_t first; /* number of the operation that operations[0] is */
    size_t count;   /* operations of this step */
    struct operation operations[STEP_OPERATIONS_MAX];
};

/* ---- telling ---- */

void sweep_fail(struct sweep_run *run, const char *format, ...)
{
    va_list list;
    if (run->failed) {
        return;
    }
    run->failed = true;
    va_start(list, format);
    vsnprintf(run->failure, sizeof run->failure, format, list);
    va_end(list);
    sweep_tell(run, "FAILURE: %s", run->failure);
}

void sweep_tell(const struct sweep_run *run, const char *format, ...)
{
    va_list list;
    if (!run->verbose) {
        return;
    }
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    putchar('\n');
}

static void report(const struct sweep *sweep, uint64_t operation, enum flash_tear tear, uint64_t seed)
{
    const struct sweep_run *run = &sweep->run;
    printf("FAILED: %s  replay: powerloss --replay %s,%u,%u,%s,%llu,%llu,%s,%llu\n", run->failure, run->store->name,
           (unsigned)run->cell->prog_size, (unsigned)run->cell->sector_size, run->cell->cached ? "cached" : "flash",
           (unsigned long long)run->workload, (unsigned long long)operation, flash_tear_name(tear),
           (unsigned long long)seed);
    fflush(stdout);
}

/* ---- snapshots ---- */

static void *allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (memory == NULL) {
        fputs("powerloss: out of memory\n", stderr);
        abort();
    }
    return memory;
}

static void take(struct snapshot *snapshot, const struct sweep_run *run)
{
    flash_double_copy(&snapshot->medium, &run->medium);
    memcpy(snapshot->world, run->world, run->store->world_size);
}

static void restore(struct sweep_run *run, const struct snapshot *snapshot)
{
    flash_double_copy(&run->medium, &snapshot->medium);
    memcpy(run->world, snapshot->world, run->store->world_size);
    run->failed = false;
}

static struct flash_double_options options_of(const struct sweep_store *store, const struct sweep_cell *cell)
{
    return (struct flash_double_options){.geometry = {.size = store->region_size(cell),
                                                      .sector_size = cell->sector_size,
                                                      .prog_size = cell->prog_size,
                                                      .erased = cell->cached ? 0x00 : 0xFF},
                                         .erase_polls = cell->cached ? 0 : 2,
                                         .cached = cell->cached};
}

static void run_init(struct sweep_run *run, const struct sweep_store *store, const struct sweep_cell *cell)
{
    struct flash_double_options options = options_of(store, cell);
    *run = (struct sweep_run){.store = store, .cell = cell};
    flash_double_init(&run->medium, &options);
    flash_region(&run->medium.flash, 0, options.geometry.size, &run->region);
    run->world = allocate(store->world_size);
}

static void run_free(struct sweep_run *run)
{
    flash_double_free(&run->medium);
    free(run->world);
}

static void run_start(struct sweep_run *run, uint64_t workload)
{
    run->workload = workload;
    run->failed = false;
    flash_double_reset(&run->medium);
    memset(run->world, 0, run->store->world_size);
    run->store->start(run);
}

/* ---- one cut ---- */

static uint64_t mix(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    uint64_t state = a * 0x9E3779B97F4A7C15u ^ b * 0xC2B2AE3D27D4EB4Fu ^ c * 0x165667B19E3779F9u ^ d;
    return flash_double_random(&state);
}

/* The power may go once more, soon after it came back. */
static void arm_second_cut(struct sweep_run *run, uint64_t chance)
{
    static const enum flash_tear flash_tears[] = {FLASH_TEAR_NOTHING, FLASH_TEAR_ALL,  FLASH_TEAR_PREFIX,
                                                  FLASH_TEAR_WORDS,   FLASH_TEAR_BITS, FLASH_TEAR_UNSTABLE};
    size_t count = run->cell->cached ? 5 : 6;
    uint64_t operation = run->medium.operations + 1 + (chance >> 16) % 6;
    flash_double_cut(&run->medium, operation, flash_tears[(chance >> 32) % count], chance);
}

static void go_on(struct sweep_run *run, size_t step, bool rest_of_workload)
{
    size_t count = run->store->step_count(run);
    for (size_t i = step + 1; rest_of_workload && i < count && !sweep_is_over(run); i++) {
        run->store->step(run, i);
    }
    if (!sweep_is_over(run)) {
        run->store->finish(run);
    }
}

static void check_rules(struct sweep_run *run)
{
    if (run->medium.violations > 0) {
        sweep_fail(run, "%s", run->medium.violation);
    }
}

/* Behind a cut in step `step`. True: the power went again. */
static bool after_cut(struct sweep_run *run, size_t step, uint64_t chance)
{
    bool rest_of_workload = chance % 8 == 0, again = false;
    for (int recovery = 0; recovery < RECOVERIES_MAX && !run->failed; recovery++) {
        flash_double_power_on(&run->medium);
        if (recovery == 0 && (chance >> 8) % 4 == 0) {
            arm_second_cut(run, chance);
        }
        sweep_tell(run, "-- power on");
        run->store->recover(run);
        for (unsigned i = 0; (chance >> 12) % 4 == 0 && i < 3 && !sweep_is_over(run); i++) {
            sweep_tell(run, "-- restart");
            run->store->recover(run);
        }
        if (!sweep_is_over(run)) {
            go_on(run, step, rest_of_workload);
        }
        check_rules(run);
        if (!run->medium.off) {
            return again;
        }
        sweep_tell(run, "-- the power goes again, in operation %llu (%s)", (unsigned long long)run->medium.operations,
                   flash_operation_name(run->medium.last_operation));
        again = true;
    }
    if (!run->failed) {
        sweep_fail(run, "it doesn't come to an end");
    }
    return again;
}

/* Runs step `step` up to the cut in `operation`, and all that follows. True: the power went twice. */
static bool try_cut(struct sweep_run *run, size_t step, uint64_t operation, enum flash_tear tear, uint64_t seed)
{
    uint64_t chance = mix(run->workload, operation, (uint64_t)tear, seed);
    flash_double_cut(&run->medium, operation, tear, chance);
    run->store->step(run, step);
    if (!run->medium.off) {
        sweep_fail(run, "the workload doesn't repeat itself: operation %llu didn't come",
                   (unsigned long long)operation);
        return false;
    }
    sweep_tell(run, "-- the power goes in operation %llu (%s at 0x%x, %zu bytes; %s)", (unsigned long long)operation,
               flash_operation_name(run->medium.last_operation), (unsigned)run->medium.last_at, run->medium.last_size,
               flash_tear_name(tear));
    return after_cut(run, step, chance);
}

/* ---- all cuts ---- */

static void note_operation(void *ctx, const struct flash_double *medium, const void *from)
{
    struct sweep *sweep = ctx;
    struct sweep_run *run = &sweep->run;
    size_t kind = run->store->kind(run, medium->last_operation, medium->last_at, from, medium->last_size);
    if (sweep->count == STEP_OPERATIONS_MAX) {
        sweep_fail(run, "a step has too many operations");
        return;
    }
    sweep->operations[sweep->count++] = (struct operation){.operation = medium->last_operation, .kind = kind};
}

/* The body of a large message is many operations of one kind: of its middle a random share is cut, of everything else all. */
static bool is_left_out(const struct sweep *sweep, size_t index)
{
    size_t count = sweep->count, margin = 16;
    if (count <= 4 * margin || index < margin || index >= count - margin ||
        sweep->operations[index].kind != sweep->operations[index - 1].kind) {
        return false;
    }
    return mix(sweep->run.workload, sweep->first + index, 0, 0) % (count / margin) != 0;
}

static void cut_operation(struct sweep *sweep, size_t step, size_t index)
{
    const struct operation *operation = &sweep->operations[index];
    uint64_t number = sweep->first + index;
    for (int tear = 0; tear < FLASH_TEAR_COUNT; tear++) {
        if (!flash_double_tear_applies(&sweep->run.medium, operation->operation, (enum flash_tear)tear)) {
            continue;
        }
        bool rare = sweep->result->by_kind[operation->kind][tear] < sweep->plan->cuts_per_kind;
        uint64_t seeds = rare ? sweep->plan->rare_seeds : sweep->plan->seeds;
        for (uint64_t seed = 0; seed < seeds; seed++) {
            restore(&sweep->run, &sweep->before);
            bool twice = try_cut(&sweep->run, step, number, (enum flash_tear)tear, seed);
            sweep->result->cuts++;
            sweep->result->depth2_cuts += twice;
            sweep->result->by_kind[operation->kind][tear]++;
            if (sweep->run.failed) {
                sweep->result->failures++;
                report(sweep, number, (enum flash_tear)tear, seed);
            }
        }
    }
}

/* Runs the step without a cut and notes its operations. */
static void explore_step(struct sweep *sweep, size_t step)
{
    struct sweep_run *run = &sweep->run;
    sweep->count = 0;
    sweep->first = run->medium.operations + 1;
    run->medium.watch = note_operation;
    run->medium.watch_ctx = sweep;
    run->store->step(run, step);
    run->medium.watch = NULL;
    check_rules(run);
}

static bool enough_failures(const struct sweep *sweep)
{
    return sweep->result->failures >= sweep->plan->failures_max;
}

static void sweep_workload(struct sweep *sweep, uint64_t workload)
{
    struct sweep_run *run = &sweep->run;
    run_start(run, workload);
    size_t count = run->store->step_count(run);
    for (size_t step = 0; step < count && !enough_failures(sweep); step++) {
        take(&sweep->before, run);
        explore_step(sweep, step);
        if (run->failed) {
            sweep->result->failures++;
            report(sweep, 0, FLASH_TEAR_NOTHING, 0);
            return;
        }
        take(&sweep->after, run);
        for (size_t i = 0; i < sweep->count && !enough_failures(sweep); i++) {
            if (!is_left_out(sweep, i)) {
                cut_operation(sweep, step, i);
            }
        }
        restore(run, &sweep->after);
    }
    run->store->finish(run);
    check_rules(run);
    if (run->failed) {
        sweep->result->failures++;
        report(sweep, 0, FLASH_TEAR_NOTHING, 0);
    }
}

static bool is_enough(const struct sweep *sweep)
{
    const struct sweep_result *result = sweep->result;
    if (result->cuts < sweep->plan->cuts_per_cell) {
        return false;
    }
    for (size_t kind = 0; kind < SWEEP_KIND_MAX; kind++) {
        for (size_t tear = 0; tear < FLASH_TEAR_COUNT; tear++) {
            if (result->by_kind[kind][tear] != 0 && result->by_kind[kind][tear] < sweep->plan->cuts_per_kind) {
                return false;
            }
        }
    }
    return true;
}

void sweep_cell(const struct sweep_store *store, const struct sweep_cell *cell, const struct sweep_plan *plan,
                struct sweep_result *result)
{
    struct sweep *sweep = allocate(sizeof *sweep);
    struct flash_double_options options = options_of(store, cell);
    sweep->plan = plan;
    sweep->result = result;
    run_init(&sweep->run, store, cell);
    flash_double_init(&sweep->before.medium, &options);
    flash_double_init(&sweep->after.medium, &options);
    sweep->before.world = allocate(store->world_size);
    sweep->after.world = allocate(store->world_size);
    uint64_t first = plan->first_workload != 0 ? plan->first_workload : 1;
    for (unsigned i = 0; i < plan->workloads && !enough_failures(sweep); i++) {
        sweep_workload(sweep, first + i);
        if (is_enough(sweep)) {
            break;
        }
    }
    flash_double_free(&sweep->before.medium);
    flash_double_free(&sweep->after.medium);
    free(sweep->before.world);
    free(sweep->after.world);
    run_free(&sweep->run);
    free(sweep);
}

/* ---- replay ---- */

static void tell_operation(void *ctx, const struct flash_double *medium, const void *from)
{
    struct sweep_run *run = ctx;
    size_t kind = run->store->kind(run, medium->last_operation, medium->last_at, from, medium->last_size);
    sweep_tell(run, "      %llu: %s 0x%05x, %zu bytes (%s)", (unsigned long long)medium->operations,
               flash_operation_name(medium->last_operation), (unsigned)medium->last_at, medium->last_size,
               run->store->kinds[kind]);
}

bool sweep_replay(const struct sweep_store *store, const struct sweep_cell *cell, uint64_t workload, uint64_t operation,
                  enum flash_tear tear, uint64_t seed)
{
    struct sweep_run run;
    bool found = operation == 0; /* 0: no cut, the workload alone fails */
    run_init(&run, store, cell);
    run_start(&run, workload);
    run.verbose = true;
    run.medium.watch = tell_operation;
    run.medium.watch_ctx = &run;
    flash_double_cut(&run.medium, operation, tear, mix(workload, operation, (uint64_t)tear, seed));
    size_t count = store->step_count(&run);
    for (size_t step = 0; step < count && !run.failed; step++) {
        sweep_tell(&run, "step %zu", step);
        store->step(&run, step);
        check_rules(&run);
        if (run.medium.off) {
            found = true;
            sweep_tell(&run, "-- the power goes in operation %llu (%s)", (unsigned long long)operation,
                       flash_tear_name(tear));
            after_cut(&run, step, mix(workload, operation, (uint64_t)tear, seed));
            break;
        }
    }
    if (operation == 0 && !run.failed) {
        store->finish(&run);
        check_rules(&run);
    }
    if (!found) {
        sweep_fail(&run, "this workload has no operation %llu", (unsigned long long)operation);
    }
    bool good = !run.failed;
    run_free(&run);
    return good;
}
