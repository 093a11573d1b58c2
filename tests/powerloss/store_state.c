/* store_state.c: the state room under the sweep. Oracle: each key has the value of its last put that answered OK, or, where the power went in
 * a put, that one or the one before; and whichever is read first after that stays. */
#include "stores.h"

#include "state/state.h"

#include <string.h>

#define KEY_COUNT 5
#define STEP_COUNT 40
#define NO_VALUE 0 /* serial 0: never put */

/* Values follow from serials; a key may be between two of them. */
struct expected {
    uint32_t serial;
    uint32_t other; /* possible too, after a cut; else the same */
};

struct world {
    struct state state;
    struct expected expected[KEY_COUNT + 1];
    uint32_t last_serial;
};

enum kind { KIND_FORMAT, KIND_RECORD, KIND_FIRM, KIND_MOVE, KIND_ERASE, KIND_HEAD, KIND_SYNC, KIND_COUNT };
static const char *const kinds[KIND_COUNT] = {"format", "record", "firm record", "move", "erase", "head", "sync"};

static uint64_t choice(const struct sweep_run *run, size_t step, uint64_t what)
{
    uint64_t state =
        run->workload * 1000003u + step * 31u + what + run->cell->prog_size * 65537u + run->cell->sector_size;
    return flash_double_random(&state);
}

static struct bytes value_of(uint32_t serial, uint8_t *buf)
{
    uint64_t random = serial;
    size_t size = (size_t)(flash_double_random(&random) % (STATE_VALUE_SIZE_MAX + 1));
    for (size_t i = 0; i < size; i++) {
        buf[i] = (uint8_t)flash_double_random(&random);
    }
    return bytes_of(buf, size);
}

static uint32_t region_size(const struct sweep_cell *cell)
{
    return cell->sector_size * (cell->sector_size < 4096 ? 4 : 2);
}

static void fill(struct sweep_run *run);

/* Half of the workloads begin on a blank medium, the others shortly before the first half is full. */
static void start(struct sweep_run *run)
{
    if (run->workload % 2 == 0) {
        fill(run);
    }
}

static size_t step_count(const struct sweep_run *run)
{
    (void)run;
    return STEP_COUNT;
}

/* True: what the store holds for `key` is the value with this serial. */
static bool holds(struct sweep_run *run, uint16_t key, uint32_t serial)
{
    struct world *world = run->world;
    uint8_t buf[STATE_VALUE_SIZE_MAX], raw[STATE_VALUE_SIZE_MAX];
    size_t len = 0;
    enum ifl_status status = state_get(&world->state, key, buf, sizeof buf, &len);
    for (unsigned i = 0; i < 200 && status == IFL_FLASH_BUSY && !run->medium.off; i++) {
        state_step(&world->state, i);
        status = state_get(&world->state, key, buf, sizeof buf, &len);
    }
    if (serial == NO_VALUE) {
        return status == IFL_NOT_FOUND;
    }
    return status == IFL_OK && bytes_equal(bytes_of(buf, len), value_of(serial, raw));
}

static void settle(struct sweep_run *run, unsigned steps)
{
    struct world *world = run->world;
    for (unsigned i = 0; i < steps && !run->medium.off; i++) {
        state_step(&world->state, i);
    }
}

static void settle_fully(struct sweep_run *run)
{
    struct world *world = run->world;
    for (unsigned i = 0; i < 1000 && !run->medium.off; i++) {
        if (state_step(&world->state, i) == IFL_NEVER) {
            return;
        }
    }
    if (!run->medium.off) {
        sweep_fail(run, "the upkeep never ends");
    }
}

static void put(struct sweep_run *run, uint16_t key)
{
    struct world *world = run->world;
    struct expected *expected = &world->expected[key];
    uint8_t buf[STATE_VALUE_SIZE_MAX];
    uint32_t serial = ++world->last_serial;
    enum ifl_status status = IFL_FLASH_BUSY;
    expected->other = serial;
    for (unsigned i = 0; i < 200 && status == IFL_FLASH_BUSY && !run->medium.off; i++) {
        status = state_put(&world->state, key, value_of(serial, buf));
        if (status == IFL_FLASH_BUSY) {
            settle(run, 1);
        }
    }
    sweep_tell(run, "    put key %u, value %u: %s", key, (unsigned)serial, ifl_name(status));
    if (run->medium.off) {
        if (status == IFL_OK) {
            sweep_fail(run, "a put answers OK although the power went in it");
        }
        return;
    }
    if (status == IFL_OK) {
        expected->serial = serial;
    } else if (status != IFL_STORE_FULL) {
        sweep_fail(run, "a put answers %s", ifl_name(status));
    }
    expected->other = expected->serial;
}

static void check(struct sweep_run *run)
{
    struct world *world = run->world;
    for (uint16_t key = 1; key <= KEY_COUNT && !run->failed; key++) {
        struct expected *expected = &world->expected[key];
        bool holds_old = holds(run, key, expected->serial);
        if (run->medium.off) {
            return;
        }
        if (holds_old) {
            expected->other = expected->serial;
        } else if (holds(run, key, expected->other)) {
            sweep_tell(run, "    key %u has the new value %u", key, (unsigned)expected->other);
            expected->serial = expected->other;
        } else if (!run->medium.off) {
            sweep_fail(run, "key %u has neither value %u nor %u", key, (unsigned)expected->serial,
                       (unsigned)expected->other);
        }
    }
}

static void recover(struct sweep_run *run)
{
    struct world *world = run->world;
    enum ifl_status status = state_mount(&world->state, run->region);
    sweep_tell(run, "    mount: %s", ifl_name(status));
    if (run->medium.off) {
        return;
    }
    if (status != IFL_OK) {
        sweep_fail(run, "mount answers %s", ifl_name(status));
        return;
    }
    check(run);
}

static void fill(struct sweep_run *run)
{
    struct world *world = run->world;
    recover(run);
    settle_fully(run);
    while (world->state.active + world->state.half_size - world->state.end > 1024 && !run->failed) {
        put(run, (uint16_t)(1 + world->last_serial % KEY_COUNT));
    }
}

static void step(struct sweep_run *run, size_t index)
{
    uint64_t what = choice(run, index, 1) % 16;
    if (index == 0) {
        recover(run);
    } else if (what < 11) {
        put(run, (uint16_t)(1 + choice(run, index, 2) % KEY_COUNT));
    } else if (what < 13) {
        settle(run, (unsigned)(choice(run, index, 3) % 5));
    } else if (what < 14) {
        settle_fully(run);
    } else if (!run->medium.erasing) {
        recover(run); /* a start without a cut */
    }
}

/* Every key can still be put, more than once, and outlives another start. */
static void finish(struct sweep_run *run)
{
    for (int round = 0; round < 3 && !sweep_is_over(run); round++) {
        for (uint16_t key = 1; key <= KEY_COUNT && !sweep_is_over(run); key++) {
            put(run, key);
        }
        settle_fully(run);
        if (!sweep_is_over(run)) {
            check(run);
        }
    }
    if (!sweep_is_over(run)) {
        recover(run);
    }
}

static size_t kind(const struct sweep_run *run, enum flash_operation operation, uint32_t at, const void *from,
                   size_t size)
{
    const struct world *world = run->world;
    const uint8_t *bytes = from;
    uint32_t half = world->state.half_size;
    (void)size;
    if (operation != FLASH_OP_PROGRAM) {
        return operation == FLASH_OP_ERASE ? KIND_ERASE : KIND_SYNC;
    }
    if (at == 0 || at == half) {
        return run->medium.erases[0] == 0 && at == 0 ? KIND_FORMAT : KIND_HEAD;
    }
    bool other = (at < half) != (world->state.active == 0);
    if (other) {
        return KIND_MOVE;
    }
    return bytes[0] == 0x53 && le32_get(bytes + 8) != world->state.epoch ? KIND_FIRM : KIND_RECORD;
}

const struct sweep_store store_state = {.name = "state",
                                        .cuts = 10000,
                                        .world_size = sizeof(struct world),
                                        .kinds = kinds,
                                        .kind_count = KIND_COUNT,
                                        .region_size = region_size,
                                        .start = start,
                                        .step_count = step_count,
                                        .step = step,
                                        .recover = recover,
                                        .finish = finish,
                                        .kind = kind};
