/* replay.c: crashes of a gateway. The outbox lies in a real file (boards/linux/flash_file.h); every pwrite, fdatasync and punched hole is
 * recorded in order. Behind each of them the machine "crashes": the image that a disk could then hold is built (all of it, nothing
 * unsynced, a prefix, any mixture of 512-byte blocks, any subset of the writes), the outbox recovers from it, and the same oracle as in the
 * sweep looks whether anything that was acknowledged is missing. A kill -9 would prove nothing: the page cache survives it.
 *
 *   replay               IFL_TEST_FULL=1 in the environment: more workloads. Figures: $IFL_FIGURES_DIR/powerloss_replay.json
 *   replay WORKLOAD      one workload only */
#include "stores.h"

#include "linux/flash_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CRASHES_PER_EVENT 6
#define FAILURES_MAX 5

static const struct sweep_cell cells[] = {
    {.prog_size = 1, .sector_size = 4096, .cached = true},
    {.prog_size = 1, .sector_size = 65536, .cached = true},
    {.prog_size = 8, .sector_size = 16384, .cached = true},
};

struct replay {
    struct sweep_run live;      /* the daemon, on the file */
    struct sweep_run crashed;   /* a machine that was switched on again */
    struct flash_double shadow; /* what the kernel was told, in order */
    struct flash_region shadow_region;
    uint64_t seed;
    uint64_t crashes, failures;
};

static void crash(struct replay *replay, enum flash_tear tear, uint64_t seed)
{
    struct sweep_run *run = &replay->crashed;
    flash_double_copy(&run->medium, &replay->shadow);
    memcpy(run->world, replay->live.world, run->store->world_size);
    run->workload = replay->live.workload;
    run->failed = false;
    flash_double_power_off(&run->medium, tear, seed);
    flash_double_power_on(&run->medium);
    run->store->recover(run);
    if (!run->failed && seed % 4 == 0) {
        run->store->finish(run);
    }
    replay->crashes++;
    if (run->medium.violations > 0) {
        sweep_fail(run, "%s", run->medium.violation);
    }
    if (run->failed) {
        replay->failures++;
        printf("FAILED: %s (sector %u, workload %llu, behind event %llu, %s, seed %llu)\n", run->failure,
               (unsigned)run->cell->sector_size, (unsigned long long)run->workload,
               (unsigned long long)replay->shadow.operations, flash_tear_name(tear), (unsigned long long)seed);
    }
}

static void crash_in_all_ways(struct replay *replay)
{
    static const enum flash_tear tears[CRASHES_PER_EVENT] = {FLASH_TEAR_NOTHING, FLASH_TEAR_ALL,   FLASH_TEAR_PREFIX,
                                                             FLASH_TEAR_WORDS,   FLASH_TEAR_WORDS, FLASH_TEAR_BITS};
    for (size_t i = 0; i < CRASHES_PER_EVENT && replay->failures < FAILURES_MAX; i++) {
        crash(replay, tears[i], flash_double_random(&replay->seed));
    }
}

static void on_event(void *ctx, const struct flash_file_event *event)
{
    struct replay *replay = ctx;
    if (event->kind == FLASH_FILE_WRITE) {
        flash_program(&replay->shadow_region, event->at, event->data, event->size);
    } else if (event->kind == FLASH_FILE_ERASE) {
        flash_erase_start(&replay->shadow_region, event->at);
    }
    crash_in_all_ways(replay); /* a sync: before it has had its effect */
    if (event->kind == FLASH_FILE_SYNC) {
        flash_sync(&replay->shadow_region);
    }
}

/* ---- one workload ---- */

static void run_init(struct sweep_run *run, const struct sweep_cell *cell, const struct flash_geometry *geometry)
{
    struct flash_double_options options = {.geometry = *geometry, .cached = true};
    *run = (struct sweep_run){.store = &store_outbox, .cell = cell};
    flash_double_init(&run->medium, &options);
    flash_region(&run->medium.flash, 0, geometry->size, &run->region);
    run->world = calloc(1, store_outbox.world_size);
    if (run->world == NULL) {
        abort();
    }
}

static void run_free(struct sweep_run *run)
{
    flash_double_free(&run->medium);
    free(run->world);
}

/* The trace must have told everything: the file and its shadow hold the same bytes. */
static void compare(struct replay *replay)
{
    static uint8_t piece[4096];
    for (uint32_t at = 0; at < replay->live.region.size; at += (uint32_t)sizeof piece) {
        if (flash_read(&replay->live.region, at, piece, sizeof piece) != IFL_OK ||
            memcmp(piece, replay->shadow.bytes + at, sizeof piece) != 0) {
            printf("FAILED: the file differs from what was recorded, at 0x%x\n", (unsigned)at);
            replay->failures++;
            return;
        }
    }
}

static void run_workload(struct replay *replay)
{
    struct sweep_run *live = &replay->live;
    live->store->start(live);
    size_t count = live->store->step_count(live);
    for (size_t step = 0; step < count && !live->failed && replay->failures < FAILURES_MAX; step++) {
        live->store->step(live, step);
    }
    if (!live->failed) {
        live->store->finish(live);
    }
    if (live->failed) {
        replay->failures++;
        printf("FAILED: %s (sector %u, workload %llu, without a crash)\n", live->failure,
               (unsigned)live->cell->sector_size, (unsigned long long)live->workload);
    }
    compare(replay);
}

/* False: the file can't be made. */
static bool replay_workload(const struct sweep_cell *cell, uint64_t workload, uint64_t *crashes, uint64_t *failures)
{
    static struct replay replay;
    static struct flash_file file;
    const char *directory = getenv("TMPDIR");
    char path[4096];
    struct flash_geometry geometry = {.size = store_outbox.region_size(cell),
                                      .sector_size = cell->sector_size,
                                      .prog_size = cell->prog_size,
                                      .erased = 0};
    struct flash_double_options options = {.geometry = geometry, .cached = true};
    snprintf(path, sizeof path, "%s/powerloss-replay-%ld.flash", directory != NULL ? directory : "/tmp",
             (long)getpid());
    unlink(path);
    enum ifl_status status = flash_file_open(&file, path, &geometry);
    if (status != IFL_OK) {
        printf("FAILED: %s: %s\n", path, ifl_cause(status));
        return false;
    }
    replay = (struct replay){.seed = workload * 31 + cell->sector_size};
    run_init(&replay.live, cell, &geometry);
    run_init(&replay.crashed, cell, &geometry);
    flash_double_init(&replay.shadow, &options);
    flash_region(&replay.shadow.flash, 0, geometry.size, &replay.shadow_region);
    flash_region(&file.flash, 0, geometry.size, &replay.live.region);
    replay.live.workload = workload;
    file.trace = on_event;
    file.trace_ctx = &replay;
    run_workload(&replay);
    *crashes += replay.crashes;
    *failures += replay.failures;
    flash_file_close(&file);
    unlink(path);
    run_free(&replay.live);
    run_free(&replay.crashed);
    flash_double_free(&replay.shadow);
    return true;
}

static bool write_figures(uint64_t crashes)
{
    const char *directory = getenv("IFL_FIGURES_DIR");
    char path[4096];
    if (directory == NULL) {
        return true;
    }
    snprintf(path, sizeof path, "%s/powerloss_replay.json", directory);
    FILE *out = fopen(path, "w");
    if (out == NULL) {
        perror(path);
        return false;
    }
    fprintf(out, "{ \"powerloss.replayed_crashes\": %llu }\n", (unsigned long long)crashes);
    return fclose(out) == 0;
}

int main(int argc, char **argv)
{
    const char *full = getenv("IFL_TEST_FULL");
    uint64_t crashes = 0, failures = 0, first = 1, last = full != NULL && strcmp(full, "1") == 0 ? 24 : 3;
    if (argc == 2) {
        first = last = strtoull(argv[1], NULL, 10);
    }
    for (uint64_t workload = first; workload <= last; workload++) {
        for (size_t i = 0; i < sizeof cells / sizeof cells[0] && failures < FAILURES_MAX; i++) {
            if (!replay_workload(&cells[i], workload, &crashes, &failures)) {
                return 1;
            }
        }
    }
    printf("%llu crashes of a gateway, %llu failures\n", (unsigned long long)crashes, (unsigned long long)failures);
    return write_figures(crashes) && failures == 0 && crashes > 0 ? 0 : 1;
}
