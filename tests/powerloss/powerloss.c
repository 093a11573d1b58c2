/* powerloss.c: sweep all stores over all cells.
 *
 *   powerloss                    the reduced sweep; IFL_TEST_FULL=1 in the environment: the full one
 *   powerloss --store NAME       only this store (outbox, state, identity)
 *   powerloss --full             the full one
 *   powerloss --cuts N           the full one with at least N cuts in each cell
 *   powerloss --cell PROG,SECTOR,flash|cached   only this geometry
 *   powerloss --from W           begin with workload W: other operations than in the ordinary run
 *   powerloss --quick            a few hundred cuts a cell, stop at the first failure (for planted bugs)
 *   powerloss --replay STORE,PROG,SECTOR,flash|cached,WORKLOAD,OPERATION,TEAR,SEED
 *
 * One worker process for each CPU (at most 8) takes cells from a common list; each cell that is done is told on stderr. The figures go to $IFL_FIGURES_DIR/powerloss.json. */
#include "stores.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOBS_MAX 128
#define WORKERS_MAX 8

static const struct sweep_store *const stores[] = {
#ifdef SWEEP_OUTBOX
    &store_outbox,
#endif
#ifdef SWEEP_IDENTITY
    &store_identity,
#endif
#ifdef SWEEP_STATE
    &store_state,
#endif
};

#define STORE_COUNT (sizeof stores / sizeof stores[0])

struct job {
    const struct sweep_store *store;
    struct sweep_cell cell;
};

/* Shared by the workers. */
struct board {
    atomic_uint next, done;
    _Atomic uint64_t cuts;
    atomic_bool stop; /* --quick: somebody has found a failure */
    struct sweep_result results[JOBS_MAX];
};

static struct job jobs[JOBS_MAX];
static size_t job_count;

/* `only`: text of the one cell that is asked for, or NULL. */
static void add_job(const struct sweep_store *store, struct sweep_cell cell, const char *only)
{
    char name[40];
    snprintf(name, sizeof name, "%u,%u,%s", (unsigned)cell.prog_size, (unsigned)cell.sector_size,
             cell.cached ? "cached" : "flash");
    if (only == NULL || strcmp(name, only) == 0) {
        jobs[job_count++] = (struct job){.store = store, .cell = cell};
    }
}

static void add_jobs(const char *store_name, const char *cell)
{
    static const uint32_t sectors[] = {2048, 65536, 4096, 16384};
    static const uint32_t granules[] = {1, 4, 8, 32, 256};
    for (size_t s = 0; s < STORE_COUNT; s++) {
        if (store_name != NULL && strcmp(store_name, stores[s]->name) != 0) {
            continue;
        }
        for (size_t i = 0; i < 4; i++) {
            add_job(stores[s], (struct sweep_cell){.prog_size = 1, .sector_size = sectors[i], .cached = true}, cell);
            for (size_t k = 0; k < 5; k++) {
                add_job(stores[s], (struct sweep_cell){.prog_size = granules[k], .sector_size = sectors[i]}, cell);
            }
        }
    }
}

/* ---- workers ---- */

static const struct sweep_plan reduced = {
    .cuts_per_cell = 600, .cuts_per_kind = 0, .workloads = 40, .seeds = 1, .rare_seeds = 1, .failures_max = 5};
/* So many cuts in a cell as its store wants. */
static const struct sweep_plan full = {
    .cuts_per_cell = 0, .cuts_per_kind = 100, .workloads = 400, .seeds = 1, .rare_seeds = 12, .failures_max = 5};

static void tell_progress(struct board *board, unsigned index)
{
    const struct sweep_cell *cell = &jobs[index].cell;
    unsigned done = atomic_fetch_add(&board->done, 1) + 1;
    uint64_t cuts = atomic_fetch_add(&board->cuts, board->results[index].cuts) + board->results[index].cuts;
    fprintf(stderr, "powerloss: %u of %u cells, %llu cuts; %s %u/%u%s done\n", done, (unsigned)job_count,
            (unsigned long long)cuts, jobs[index].store->name, (unsigned)cell->prog_size, (unsigned)cell->sector_size,
            cell->cached ? " cached" : "");
}

static void work(struct board *board, const struct sweep_plan *plan)
{
    for (;;) {
        unsigned index = atomic_fetch_add(&board->next, 1);
        if (index >= job_count || atomic_load(&board->stop)) {
            return;
        }
        struct sweep_plan its = *plan;
        its.cuts_per_cell = plan->cuts_per_cell != 0 ? plan->cuts_per_cell : jobs[index].store->cuts;
        sweep_cell(jobs[index].store, &jobs[index].cell, &its, &board->results[index]);
        tell_progress(board, index);
        if (plan->failures_max == 1 && board->results[index].failures > 0) {
            atomic_store(&board->stop, true);
        }
    }
}

/* False: a worker crashed. */
static bool run_workers(struct board *board, const struct sweep_plan *plan)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    long count = cpus < 1 ? 1 : cpus > WORKERS_MAX ? WORKERS_MAX : cpus;
    pid_t workers[WORKERS_MAX];
    bool good = true;
    fflush(stdout);
    for (long i = 0; i < count; i++) {
        workers[i] = fork();
        if (workers[i] == 0) {
            work(board, plan);
            fflush(stdout);
            _exit(0);
        }
        if (workers[i] < 0) {
            work(board, plan);
        }
    }
    for (long i = 0; i < count; i++) {
        int status = 0;
        bool ended = workers[i] < 0 ||
                     (waitpid(workers[i], &status, 0) == workers[i] && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        good = good && ended;
    }
    return good;
}

/* ---- results ---- */

struct summary {
    uint64_t cuts, depth2_cuts, failures, smallest_cell;
    uint64_t identity_cuts, identity_failures; /* of these */
};

static void sum_up(const struct board *board, struct summary *sum)
{
    sum->smallest_cell = UINT64_MAX;
    for (size_t job = 0; job < job_count; job++) {
        const struct sweep_result *result = &board->results[job];
        sum->cuts += result->cuts;
        sum->depth2_cuts += result->depth2_cuts;
        sum->failures += result->failures;
        if (strcmp(jobs[job].store->name, "identity") == 0) {
            sum->identity_cuts += result->cuts;
            sum->identity_failures += result->failures;
        }
        for (size_t kind = 0; kind < SWEEP_KIND_MAX; kind++) {
            for (size_t tear = 0; tear < FLASH_TEAR_COUNT; tear++) {
                uint64_t count = result->by_kind[kind][tear];
                sum->smallest_cell = count != 0 && count < sum->smallest_cell ? count : sum->smallest_cell;
            }
        }
    }
    sum->smallest_cell = sum->smallest_cell == UINT64_MAX ? 0 : sum->smallest_cell;
}

static uint64_t kind_count(const struct board *board, const struct sweep_store *store, size_t kind, size_t tear)
{
    uint64_t count = 0;
    for (size_t job = 0; job < job_count; job++) {
        count += jobs[job].store == store ? board->results[job].by_kind[kind][tear] : 0;
    }
    return count;
}

static void print_store(const struct board *board, const struct sweep_store *store)
{
    printf("%-24s", store->name);
    for (int tear = 0; tear < FLASH_TEAR_COUNT; tear++) {
        printf("%10s", flash_tear_name((enum flash_tear)tear));
    }
    for (size_t kind = 0; kind < store->kind_count; kind++) {
        printf("\n  %-22s", store->kinds[kind]);
        for (size_t tear = 0; tear < FLASH_TEAR_COUNT; tear++) {
            printf("%10llu", (unsigned long long)kind_count(board, store, kind, tear));
        }
    }
    putchar('\n');
}

static void print_cells(const struct board *board)
{
    for (size_t job = 0; job < job_count; job++) {
        const struct sweep_cell *cell = &jobs[job].cell;
        const struct sweep_result *result = &board->results[job];
        printf("%-10s granule %3u, sector %5u%s: %8llu cuts, %7llu of them twice, %llu failures\n",
               jobs[job].store->name, (unsigned)cell->prog_size, (unsigned)cell->sector_size,
               cell->cached ? ", cached" : "        ", (unsigned long long)result->cuts,
               (unsigned long long)result->depth2_cuts, (unsigned long long)result->failures);
    }
}

static bool write_figures(const struct summary *sum)
{
    const char *directory = getenv("IFL_FIGURES_DIR");
    char path[4096];
    if (directory == NULL) {
        return true;
    }
    snprintf(path, sizeof path, "%s/powerloss.json", directory);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        fprintf(stderr, "powerloss: can't write %s\n", path);
        return false;
    }
    fprintf(
        file,
        "{ \"powerloss.cuts\": %llu, \"powerloss.depth2_cuts\": %llu, \"powerloss.failures\": %llu, \"powerloss.smallest_cell\": %llu, "
        "\"identity.cuts\": %llu, \"identity.failures\": %llu }\n",
        (unsigned long long)sum->cuts, (unsigned long long)sum->depth2_cuts, (unsigned long long)sum->failures,
        (unsigned long long)sum->smallest_cell, (unsigned long long)sum->identity_cuts,
        (unsigned long long)sum->identity_failures);
    return fclose(file) == 0;
}

static int sweep_all(const char *store_name, const char *cell, const struct sweep_plan *plan)
{
    bool quick = plan->failures_max == 1;
    struct board *board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED) {
        perror("powerloss: mmap");
        return 2;
    }
    add_jobs(store_name, cell);
    bool good = run_workers(board, plan);
    struct summary sum = {0};
    sum_up(board, &sum);
    print_cells(board);
    for (size_t s = 0; s < STORE_COUNT; s++) {
        if (store_name == NULL || strcmp(store_name, stores[s]->name) == 0) {
            print_store(board, stores[s]);
        }
    }
    printf("%llu cuts (%llu with a second cut), %llu failures; smallest cell %llu\n", (unsigned long long)sum.cuts,
           (unsigned long long)sum.depth2_cuts, (unsigned long long)sum.failures,
           (unsigned long long)sum.smallest_cell);
    if (!good) {
        puts("FAILED: a worker crashed");
    }
    bool written = quick || write_figures(&sum);
    return good && written && sum.failures == 0 && sum.cuts > 0 ? 0 : 1;
}

/* ---- replay ---- */

static const struct sweep_store *store_named(const char *name)
{
    for (size_t s = 0; s < STORE_COUNT; s++) {
        if (strcmp(stores[s]->name, name) == 0) {
            return stores[s];
        }
    }
    return NULL;
}

static bool tear_named(const char *name, enum flash_tear *tear)
{
    for (int i = 0; i < FLASH_TEAR_COUNT; i++) {
        if (strcmp(flash_tear_name((enum flash_tear)i), name) == 0) {
            *tear = (enum flash_tear)i;
            return true;
        }
    }
    return false;
}

static int replay(const char *text)
{
    char store_name[32], mode[32], tear_name[32];
    unsigned prog, sector;
    unsigned long long workload, operation, seed;
    enum flash_tear tear;
    int fields = sscanf(text, "%31[^,],%u,%u,%31[^,],%llu,%llu,%31[^,],%llu", store_name, &prog, &sector, mode,
                        &workload, &operation, tear_name, &seed);
    if (fields != 8 || store_named(store_name) == NULL || !tear_named(tear_name, &tear)) {
        fputs(
            "powerloss: --replay wants STORE,PROG,SECTOR,flash|cached,WORKLOAD,OPERATION,TEAR,SEED as a failure prints it\n",
            stderr);
        return 2;
    }
    struct sweep_cell cell = {.prog_size = prog, .sector_size = sector, .cached = strcmp(mode, "cached") == 0};
    return sweep_replay(store_named(store_name), &cell, workload, operation, tear, seed) ? 0 : 1;
}

/* False: not a number. */
static bool number(const char *text, uint64_t *value)
{
    char *end;
    *value = strtoull(text, &end, 10);
    return end != text && *end == '\0';
}

int main(int argc, char **argv)
{
    const char *store_name = NULL, *cell = NULL, *wish = getenv("IFL_TEST_FULL");
    struct sweep_plan plan = wish != NULL && strcmp(wish, "1") == 0 ? full : reduced;
    uint64_t value;
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--replay") == 0) {
            return replay(next);
        } else if (strcmp(argv[i], "--store") == 0 && store_named(next) != NULL) {
            store_name = argv[++i];
        } else if (strcmp(argv[i], "--cell") == 0) {
            cell = next;
            i++;
        } else if (strcmp(argv[i], "--quick") == 0) {
            plan = reduced;
            plan.failures_max = 1;
        } else if (strcmp(argv[i], "--full") == 0) {
            plan = full;
        } else if (strcmp(argv[i], "--cuts") == 0 && number(next, &value)) {
            plan = full;
            plan.cuts_per_cell = value;
            i++;
        } else if (strcmp(argv[i], "--from") == 0 && number(next, &value)) {
            plan.first_workload = value;
            i++;
        } else {
            fputs(
                "usage: powerloss [--store outbox|identity|state] [--cell PROG,SECTOR,flash|cached] [--quick|--full|--cuts N] [--from W] "
                "| --replay ...\n",
                stderr);
            return 2;
        }
    }
    return sweep_all(store_name, cell, &plan);
}
