/* store_identity.c: the identity slots under the sweep. Oracle: from the first identity on there is always one in force that loads, byte for
 * byte: the one before the call that the power went in, or the one after it. (A mark that the power went in may be seen at the second start
 * only: both are proven identities, so the other possibility stays open until the next call that works.) The same for the pending one, and for
 * the one to roll back to, and the key that waits for its certificate, which an erase under way may have damaged. Certificates are random bytes here: slots
 * don't look into them. */
#include "stores.h"

#include "identity/slots.h"

#include <string.h>

#define STEP_COUNT 16
#define SERIAL_MAX 128 /* of one run */
#define CHAIN_SIZE_MAX 500
#define KEY_SIZE_MAX 130
#define PATIENCE 400

/* Serial numbers of identities; 0: none. */
struct situation {
    uint32_t active, pending, previous;
    uint32_t request; /* the key that waits for its certificate */
};

struct world {
    struct identity_slots slots;
    struct situation before, after; /* either may be found; the same where nothing is open */
    struct situation ghost;         /* what a mark that the power went in may still make of it */
    bool eroding;                   /* the slot that isn't in force is being erased: what it held may flicker */
    struct situation eroded;        /* what that was */
    uint32_t last_serial;
    uint32_t answered;           /* the request that got its certificate last */
    uint32_t key_of[SERIAL_MAX]; /* serial number of the request that an identity has its key of; 0: it has its own */
    uint64_t random;
};

enum kind { KIND_RECORD, KIND_MARK, KIND_ERASE, KIND_SYNC, KIND_COUNT };
static const char *const kinds[KIND_COUNT] = {"record", "mark", "erase", "sync"};

static uint64_t choice(struct world *world)
{
    return flash_double_random(&world->random);
}

static uint32_t slot_size(const struct sweep_cell *cell)
{
    /* A key and, after two cuts, the third attempt at its certificate behind it. */
    uint32_t needed = identity_slots_size(cell->prog_size, KEY_SIZE_MAX + 400) +
                      3 * identity_slots_size(cell->prog_size, CHAIN_SIZE_MAX + KEY_SIZE_MAX + 400);
    return (needed + cell->sector_size - 1) / cell->sector_size * cell->sector_size;
}

static uint32_t region_size(const struct sweep_cell *cell)
{
    return 2 * slot_size(cell);
}

static struct bytes random_bytes(uint64_t random, uint8_t *buf, size_t size_max)
{
    const size_t size = 1 + (size_t)(flash_double_random(&random) % size_max);
    for (size_t i = 0; i < size; i++) {
        buf[i] = (uint8_t)flash_double_random(&random);
    }
    return bytes_of(buf, size);
}

/* The identity, or the request, with this serial number; its bytes lie in `buf`. */
static void make_identity(const struct world *world, uint32_t serial, bool request,
                          uint8_t buf[CHAIN_SIZE_MAX + KEY_SIZE_MAX], struct identity *identity)
{
    const uint32_t key = world->key_of[serial % SERIAL_MAX] != 0 ? world->key_of[serial % SERIAL_MAX] : serial;
    memset(identity, 0, sizeof *identity);
    identity->kind = request ? IDENTITY_REQUEST : IDENTITY_CERTIFICATE;
    identity->key = random_bytes(((uint64_t)key << 32) + 1, buf + CHAIN_SIZE_MAX, KEY_SIZE_MAX);
    if (!request) {
        identity->chain_count = 1;
        identity->chain[0] = random_bytes((uint64_t)serial << 32, buf, CHAIN_SIZE_MAX);
    }
    memcpy(identity->url, "https://a.it-cpi001-rt.cfapps.eu10.hana.ondemand.com", 52);
    le32_put(identity->leaf_sha256, serial);
    identity->not_after = 2000000000 + (int64_t)serial;
}

/* The serial number of the identity in a slot, if every byte is right. 0: it isn't. */
static uint32_t serial_in(struct sweep_run *run, int slot, bool may_be_damaged)
{
    struct world *world = run->world;
    uint8_t buf[2048], expected_buf[CHAIN_SIZE_MAX + KEY_SIZE_MAX];
    struct identity found, expected;
    enum ifl_status status = identity_slots_load(&world->slots, slot, buf, sizeof buf, &found);
    if (status != IFL_OK) {
        if (!run->medium.off && !(may_be_damaged && status == IFL_STORE_CORRUPT)) {
            sweep_fail(run, "load answers %s", ifl_name(status));
        }
        return 0;
    }
    uint32_t serial = le32_get(found.leaf_sha256);
    make_identity(world, serial, slot == world->slots.request, expected_buf, &expected);
    if (serial == 0 || serial > world->last_serial || found.kind != expected.kind ||
        found.chain_count != expected.chain_count || !bytes_equal(found.chain[0], expected.chain[0]) ||
        !bytes_equal(found.key, expected.key) || strcmp(found.url, expected.url) != 0 ||
        found.not_after != expected.not_after) {
        sweep_fail(run, "the identity in slot %d is damaged", slot);
        return 0;
    }
    return serial;
}

static struct situation look(struct sweep_run *run)
{
    struct world *world = run->world;
    const struct identity_slots *slots = &world->slots;
    struct situation seen = {0};
    if (slots->active >= 0) {
        seen.active = serial_in(run, slots->active, false);
        int other = 1 - slots->active;
        seen.previous = slots->slot[other].state == IDENTITY_SLOT_ACTIVE ? serial_in(run, other, world->eroding) : 0;
    }
    if (slots->pending >= 0) {
        seen.pending = serial_in(run, slots->pending, world->eroding);
    }
    if (slots->request >= 0) {
        seen.request = serial_in(run, slots->request, world->eroding);
    }
    return seen;
}

static bool is_possible(const struct world *world, uint32_t seen, uint32_t expected, uint32_t eroded)
{
    return seen == expected || (world->eroding && (seen == 0 || seen == eroded));
}

/* Where a certificate is erased and the key in front of it isn't yet, that key waits again. */
static bool is_possible_request(const struct world *world, uint32_t seen, uint32_t expected)
{
    return is_possible(world, seen, expected, world->eroded.request) || (world->eroding && seen == world->answered);
}

/* Before the first identity is in force, any pending one is as good as another. */
static bool fits(const struct world *world, const struct situation *seen, const struct situation *possible)
{
    bool first = seen->active == 0 && possible->active == 0;
    return seen->active == possible->active &&
           (first || is_possible(world, seen->pending, possible->pending, world->eroded.pending)) &&
           is_possible_request(world, seen->request, possible->request) &&
           (seen->previous == 0 || is_possible(world, seen->previous, possible->previous, world->eroded.previous));
}

static void check(struct sweep_run *run)
{
    struct world *world = run->world;
    struct situation seen = look(run);
    if (sweep_is_over(run)) {
        return;
    }
    sweep_tell(run, "    in force %u, pending %u, previous %u, request %u", (unsigned)seen.active,
               (unsigned)seen.pending, (unsigned)seen.previous, (unsigned)seen.request);
    bool old = fits(world, &seen, &world->before), new = fits(world, &seen, &world->after);
    if (!old && !new && !fits(world, &seen, &world->ghost)) {
        const struct situation *a = &world->before, *b = &world->after;
        sweep_fail(run,
                   "in force is %u, pending %u, previous %u, request %u; expected %u, %u, %u, %u or %u, %u, %u, %u",
                   (unsigned)seen.active, (unsigned)seen.pending, (unsigned)seen.previous, (unsigned)seen.request,
                   (unsigned)a->active, (unsigned)a->pending, (unsigned)a->previous, (unsigned)a->request,
                   (unsigned)b->active, (unsigned)b->pending, (unsigned)b->previous, (unsigned)b->request);
    }
    world->ghost = old ? (new ? world->ghost : world->after) : world->before;
    world->before = world->after = seen;
}

static void recover(struct sweep_run *run)
{
    struct world *world = run->world;
    struct flash_region a, b;
    uint32_t size = slot_size(run->cell);
    flash_region(&run->medium.flash, 0, size, &a);
    flash_region(&run->medium.flash, size, size, &b);
    enum ifl_status status = identity_slots_mount(&world->slots, a, b);
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

/* The call is over: OK = `after` holds, else `before`; after a cut, one of them. */
static bool conclude(struct sweep_run *run, enum ifl_status status, const char *call)
{
    struct world *world = run->world;
    sweep_tell(run, "    %s: %s", call, ifl_name(status));
    if (status == IFL_OK) {
        world->before = world->ghost = world->after;
        world->eroding = false;
    } else if (!run->medium.off) {
        world->after = world->before;
        bool flickers = world->eroding && status == IFL_STORE_CORRUPT;
        if (status != IFL_NOT_FOUND && status != IFL_STORE_FULL && !flickers) {
            sweep_fail(run, "%s answers %s", call, ifl_name(status));
        }
    }
    if (!sweep_is_over(run)) {
        check(run);
    }
    return status == IFL_OK && !sweep_is_over(run);
}

static bool prepare(struct sweep_run *run)
{
    struct world *world = run->world;
    enum ifl_status status = IFL_AGAIN;
    const struct situation *before = &world->before;
    world->after.pending = before->active != 0 ? 0 : before->pending; /* without one in force the pending one is kept */
    world->after.request = before->active != 0 || before->pending != 0 ? 0 : before->request; /* or else the key */
    world->after.previous = 0;
    if (!world->eroding) {
        world->eroded = world->before;
    }
    world->eroding = true;
    for (unsigned i = 0; i < PATIENCE && status == IFL_AGAIN && !run->medium.off; i++) {
        status = identity_slots_prepare(&world->slots);
    }
    return conclude(run, status, "prepare");
}

static void write(struct sweep_run *run, bool trusted)
{
    struct world *world = run->world;
    uint8_t buf[CHAIN_SIZE_MAX + KEY_SIZE_MAX];
    struct identity identity;
    make_identity(world, ++world->last_serial, false, buf, &identity);
    if (trusted) {
        world->after.pending = 0; /* an older one is out of the game */
        world->after.previous = world->before.active;
        world->after.active = world->last_serial;
    } else {
        world->after.pending = world->last_serial;
    }
    world->after.request = 0; /* one in the other slot is passed over */
    conclude(run, identity_slots_write(&world->slots, &identity, trusted), trusted ? "write, trusted" : "write");
}

static void write_pending(struct sweep_run *run)
{
    write(run, false);
}

static void request(struct sweep_run *run)
{
    struct world *world = run->world;
    uint8_t buf[CHAIN_SIZE_MAX + KEY_SIZE_MAX];
    struct identity identity;
    make_identity(world, ++world->last_serial, true, buf, &identity);
    world->after.request = world->last_serial;
    conclude(run, identity_slots_write(&world->slots, &identity, false), "request");
}

/* The certificate for the key that waits; without one the call says so. */
static void answer(struct sweep_run *run)
{
    struct world *world = run->world;
    uint8_t buf[CHAIN_SIZE_MAX + KEY_SIZE_MAX];
    struct identity identity;
    const uint32_t serial = ++world->last_serial;
    world->key_of[serial % SERIAL_MAX] = world->before.request;
    make_identity(world, serial, false, buf, &identity);
    if (world->before.request != 0) {
        world->answered = world->before.request;
        world->after.request = 0;
        world->after.pending = serial;
    }
    const enum ifl_status status = identity_slots_answer(&world->slots, &identity);
    /* Behind a key that an erase left, no room may be left: slots.h says so. */
    conclude(run, status == IFL_TOO_LARGE ? IFL_STORE_FULL : status, "answer");
}

static void activate(struct sweep_run *run)
{
    struct world *world = run->world;
    if (world->before.pending != 0) {
        world->after.active = world->before.pending;
        world->after.pending = 0;
        world->after.previous = world->before.active;
    }
    conclude(run, identity_slots_activate(&world->slots), "activate");
}

static void refuse(struct sweep_run *run)
{
    struct world *world = run->world;
    world->after.pending = 0;
    conclude(run, identity_slots_refuse(&world->slots), "refuse");
}

static void rollback(struct sweep_run *run)
{
    struct world *world = run->world;
    if (world->before.previous != 0) {
        world->after.active = world->before.previous;
        world->after.previous = world->before.active;
    }
    conclude(run, identity_slots_rollback(&world->slots), "rollback");
}

/* Every cell has workloads of its own. */
static uint64_t seed_of(const struct sweep_run *run)
{
    return run->workload * 7919 + run->cell->prog_size * 65537 + run->cell->sector_size + run->cell->cached;
}

static void start(struct sweep_run *run)
{
    (void)run;
}

static size_t step_count(const struct sweep_run *run)
{
    (void)run;
    return STEP_COUNT;
}

static void step(struct sweep_run *run, size_t index)
{
    struct world *world = run->world;
    world->random = seed_of(run) + index * 104729;
    uint64_t what = choice(world) % 22;
    if (index == 0) {
        recover(run);
    } else if (what < 6 || index == 1) {
        bool trusted = index == 1 || choice(world) % 4 == 0;
        if (prepare(run)) {
            write(run, trusted);
        }
    } else if (what < 10) {
        activate(run);
    } else if (what < 12) {
        refuse(run);
    } else if (what < 14) {
        rollback(run);
    } else if (what < 18) {
        answer(run);
    } else if (what < 20) {
        if (prepare(run)) {
            request(run);
        }
        if (!sweep_is_over(run) && choice(world) % 2 == 0) {
            answer(run);
        }
    } else if (!run->medium.erasing) {
        recover(run); /* a start without a cut */
    }
}

/* A new identity can always be brought in, and a key be made. */
static void finish(struct sweep_run *run)
{
    struct world *world = run->world;
    for (int round = 0; round < 3 && !sweep_is_over(run); round++) {
        if (prepare(run)) {
            (round == 1 ? request : write_pending)(run);
        }
        if (round == 1 && !sweep_is_over(run)) {
            answer(run);
        }
        if (!sweep_is_over(run)) {
            activate(run);
        }
        if (!sweep_is_over(run) && world->before.active != world->last_serial) {
            sweep_fail(run, "the new identity %u isn't in force", (unsigned)world->last_serial);
        }
    }
    if (!sweep_is_over(run)) {
        recover(run);
    }
}

static size_t kind(const struct sweep_run *run, enum flash_operation operation, uint32_t at, const void *from,
                   size_t size)
{
    uint32_t granule = run->cell->prog_size;
    (void)from;
    (void)size;
    if (operation != FLASH_OP_PROGRAM) {
        return operation == FLASH_OP_ERASE ? KIND_ERASE : KIND_SYNC;
    }
    return at % slot_size(run->cell) < 16 * (granule < 16 ? 16 : granule) ? KIND_MARK : KIND_RECORD;
}

const struct sweep_store store_identity = {.name = "identity",
                                           .cuts = 12000,
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
