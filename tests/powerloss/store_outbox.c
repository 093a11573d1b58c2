/* store_outbox.c: the outbox under the sweep, with producers, a receiver that remembers, and the oracle between them.
 *
 * What must hold, whatever the power does:
 *  - an acknowledged message (put and sync answered OK) is delivered, or queued, or a dead letter, or given up on purpose;
 *  - what is shown has the payload that was put, byte for byte; a put that the power went in is shown whole or not at all, and not any more once its
 *    number has another owner; what was shown once stays;
 *  - a lane shows its messages in the order of the puts; numbers have no gaps, and the next one is the last one + 1;
 *  - an id names one payload for ever, a payload has one id for ever; the receiver may see a message twice, under the same id;
 *  - what was finished and flushed never comes back; what was given up is counted;
 *  - messages that were sent as a batch are sent again as the same batch only, and a batch that wasn't begun never appears;
 *  - when everything is delivered, there is room again.
 *
 * Where a message may be is kept as a set: a call that the power went in leaves both possibilities, and what the next mount shows decides. */
#include "stores.h"

#include "outbox/outbox.h"

#include <string.h>

#define ROUTE_COUNT 3
#define LANE_COUNT (ROUTE_COUNT + 1)
#define MESSAGE_MAX 1500
#define STEP_COUNT 36
#define DEAD 0  /* index of the dead letters; routes are 1.. */
#define ALPHA 1 /* refuses new messages when the store is full */
#define BETA 2  /* gives up its oldest */
#define GAMMA 3 /* held: nothing is delivered before the end */
#define STREAM_PIECE 100
#define PATIENCE 400     /* steps of upkeep before "busy" counts as for ever */
#define RECORD_MARK 0xA5 /* first byte of a record's header */
#define DEAD_REASON IFL_ANSWER_REJECTED
#define GIVEUP_REASON IFL_STORE_EXPIRED

enum where { NO, MAYBE, YES };

struct message {
    struct outbox_id id;
    uint32_t size;
    uint32_t order;      /* among the messages of its lane: later puts are larger */
    uint32_t dead_order; /* among the dead letters */
    uint64_t would_be_n; /* its number, if the put that the power went in was finished after all */
    uint8_t route;
    uint8_t in_lane, in_dead; /* enum where */
    bool must;                /* acknowledged and not finished: must be somewhere */
    bool bound;               /* its id is known to somebody outside: acknowledged, or shown */
    bool delivered;           /* the receiver has it */
    bool done;                /* finished since the last mount: must not be shown before the next */
    bool moving;  /* the power went while it became a dead letter: it may still turn out so at a later start */
    bool waived;  /* the power went while it was given up: the same */
    bool tombed;  /* the power went while it left the dead letters, or there was no room to record that: the same */
    bool dropped; /* ... and it was to be dropped */
    bool doubled; /* ... and it's in its lane already: may be sent twice, under its id */
    bool pending; /* put, and not synced yet: not shown, and in a cache not durable */
};

enum doing {
    DOING_MOUNT,
    DOING_PUT,
    DOING_FLUSH,
    DOING_GIVE_UP,
    DOING_DEAD,
    DOING_REQUEUE,
    DOING_BURY,
    DOING_STEP,
    DOING_SYNC,
    DOING_TRY
};

struct world {
    struct outbox box;
    struct message messages[MESSAGE_MAX + 1]; /* by serial number, from 1 */
    uint32_t count;
    uint32_t last_order;
    uint16_t serial_of[LANE_COUNT][MESSAGE_MAX + 2]; /* of a bound id */
    uint64_t last_n[LANE_COUNT];                     /* as the producer knows it */
    uint64_t durable_n[LANE_COUNT];                  /* the same, without what a cut may take back */
    uint64_t given_up[LANE_COUNT];                   /* at least so many must be counted */
    struct outbox_batch batch;                       /* of alpha */
    uint8_t in_batch; /* enum where: its messages were sent as this batch, and not all flushed */
    uint64_t log_id;
    uint64_t random;
    ifl_ms now;
    enum doing doing;
};

static const char *const routes[LANE_COUNT] = {"dead-letters", "alpha", "beta", "gamma"};

static const char *const kinds[] = {"format",  "block header", "data", "cursor", "give-up", "resume", "dead letter",
                                    "requeue", "tomb",         "try",  "erase",  "sync",    "other"};
enum kind {
    KIND_FORMAT,
    KIND_HEADER,
    KIND_DATA,
    KIND_CURSOR,
    KIND_GIVEUP,
    KIND_RESUME,
    KIND_DEAD,
    KIND_REQUEUE,
    KIND_TOMB,
    KIND_TRY,
    KIND_ERASE,
    KIND_SYNC,
    KIND_OTHER,
    KIND_COUNT
};
_Static_assert(sizeof kinds / sizeof kinds[0] == KIND_COUNT && KIND_COUNT <= SWEEP_KIND_MAX, "a name for each kind");

/* ---- small helpers ---- */

/* At least 32 granules: with fewer, the records of a few power cuts in a row fill a block. */
static uint32_t block_size(const struct sweep_cell *cell)
{
    uint32_t size = cell->sector_size;
    while (size < 4096 || size < 32 * cell->prog_size) {
        size += cell->sector_size;
    }
    return size;
}

static uint32_t region_size(const struct sweep_cell *cell)
{
    return 8 * block_size(cell);
}

static uint64_t choice(struct world *world)
{
    return flash_double_random(&world->random);
}

static uint8_t lane_of(const struct world *world, unsigned route)
{
    return route == DEAD ? OUTBOX_LANE_DEAD : outbox_lane_of(&world->box, routes[route]);
}

static enum ifl_status fill_random(void *ctx, void *buf, size_t size)
{
    struct world *world = ctx;
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)buf)[i] = (uint8_t)choice(world);
    }
    return IFL_OK;
}

/* The payload of a message: its serial number, then bytes that follow from it. */
static void payload_bytes(uint32_t serial, uint32_t from, uint8_t *buf, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint32_t at = from + (uint32_t)i;
        uint32_t value = at < 4 ? serial >> (8 * at) : (serial * 2654435761u + at * 40503u) >> 13;
        buf[i] = (uint8_t)value;
    }
}

/* One call that may be refused because the medium is erasing: with upkeep until it isn't. */
static void upkeep(struct sweep_run *run)
{
    struct world *world = run->world;
    enum doing before = world->doing;
    world->doing = DOING_STEP;
    outbox_step(&world->box, world->now++);
    world->doing = before;
}

#define PATIENTLY(run, status, call)                                                                                   \
    do {                                                                                                               \
        (status) = (call);                                                                                             \
        for (unsigned tries = 0; tries < PATIENCE && (status) == IFL_FLASH_BUSY && !sweep_is_over(run); tries++) {     \
            upkeep(run);                                                                                               \
            (status) = (call);                                                                                         \
        }                                                                                                              \
    } while (0)

/* True: the call worked (also if the power went in it: OK is a promise then too). The power may have gone instead; any other outcome
 * breaks the promise. */
static bool expect_ok(struct sweep_run *run, enum ifl_status status, const char *call)
{
    if (status != IFL_OK && !run->medium.off) {
        sweep_fail(run, "%s answers %s", call, ifl_name(status));
    }
    return status == IFL_OK;
}

static void settle(struct sweep_run *run, unsigned steps)
{
    struct world *world = run->world;
    ifl_ms next = 0;
    for (unsigned i = 0; i < steps && next != IFL_NEVER && !sweep_is_over(run); i++) {
        world->doing = DOING_STEP;
        next = outbox_step(&world->box, world->now);
        world->now = next == IFL_NEVER || next <= world->now ? world->now + 1 : next;
    }
}

/* ---- ids ---- */

static void number_is_durable(struct world *world, unsigned route, uint64_t n)
{
    world->durable_n[route] = n > world->durable_n[route] ? n : world->durable_n[route];
    world->last_n[route] = n > world->last_n[route] ? n : world->last_n[route];
}

/* Somebody outside learns that `id` names the payload `serial`. */
static void bind(struct sweep_run *run, uint32_t serial, const struct outbox_id *id)
{
    struct world *world = run->world;
    struct message *message = &world->messages[serial];
    unsigned route = message->route;
    if (world->log_id == 0) {
        world->log_id = id->log;
    }
    if (id->log != world->log_id || id->lane != lane_of(world, route) || id->n == 0 || id->n > MESSAGE_MAX) {
        sweep_fail(run, "payload %u has the strange id %llx-%u-%llu", (unsigned)serial, (unsigned long long)id->log,
                   id->lane, (unsigned long long)id->n);
    } else if (message->bound && message->id.n != id->n) {
        sweep_fail(run, "payload %u has two ids: %s-%llu and -%llu", (unsigned)serial, routes[route],
                   (unsigned long long)message->id.n, (unsigned long long)id->n);
    } else if (world->serial_of[route][id->n] != 0 && world->serial_of[route][id->n] != serial) {
        sweep_fail(run, "the id %s-%llu names two payloads: %u and %u", routes[route], (unsigned long long)id->n,
                   (unsigned)world->serial_of[route][id->n], (unsigned)serial);
    } else {
        message->id = *id;
        message->bound = true;
        world->serial_of[route][id->n] = (uint16_t)serial;
        number_is_durable(world, route, id->n);
    }
}

/* ---- reading ---- */

/* Read the payload in pieces and find out which one it is. 0: the power went, or it's wrong. */
static uint32_t read_serial(struct sweep_run *run, struct outbox_message *message)
{
    struct world *world = run->world;
    uint8_t buf[256], expected[256];
    uint32_t serial = 0, at = 0;
    size_t piece = sizeof buf / (1 + message->n % 3), got = 0;
    outbox_rewind(message);
    do {
        enum ifl_status status;
        PATIENTLY(run, status, outbox_read(&world->box, message, buf, piece, &got));
        if (!expect_ok(run, status, "read")) {
            return 0;
        }
        if (at == 0 && got >= 4) {
            serial = le32_get(buf);
        }
        payload_bytes(serial, at, expected, got);
        if (got > piece || memcmp(buf, expected, got) != 0 || (got > 0 && (serial == 0 || serial > world->count))) {
            sweep_fail(run, "the payload of %s-%llu is damaged",
                       message->lane < LANE_COUNT ? routes[message->lane] : "?", (unsigned long long)message->n);
            return 0;
        }
        at += (uint32_t)got;
    } while (got > 0);
    if (serial == 0 || at != message->size || at != world->messages[serial].size) {
        sweep_fail(run, "the payload of %s-%llu is cut short", message->lane < LANE_COUNT ? routes[message->lane] : "?",
                   (unsigned long long)message->n);
        return 0;
    }
    return serial;
}

static bool read_first(struct sweep_run *run, unsigned route, struct outbox_message *message)
{
    struct world *world = run->world;
    enum ifl_status status;
    PATIENTLY(run, status, outbox_first(&world->box, lane_of(world, route), message));
    return status != IFL_END && expect_ok(run, status, "first");
}

static bool read_next(struct sweep_run *run, struct outbox_message *message)
{
    struct world *world = run->world;
    enum ifl_status status;
    PATIENTLY(run, status, outbox_next(&world->box, message));
    return status != IFL_END && expect_ok(run, status, "next");
}

/* ---- what a mount shows ---- */

struct listing {
    uint8_t lane_seen[MESSAGE_MAX + 1];
    uint8_t dead_seen[MESSAGE_MAX + 1];
};

static void check_shown(struct sweep_run *run, unsigned route, uint32_t serial, const struct outbox_message *shown)
{
    struct world *world = run->world;
    struct message *message = &world->messages[serial];
    bool dead = route == DEAD;
    if ((dead ? message->in_dead : message->in_lane) == NO) {
        sweep_fail(run, "message %u (%s-%llu) has come back to %s", (unsigned)serial, routes[message->route],
                   (unsigned long long)shown->id.n, routes[route]);
    } else if (!dead && message->route != route) {
        sweep_fail(run, "message %u of %s is shown in %s", (unsigned)serial, routes[message->route], routes[route]);
    } else if (dead && shown->reason != DEAD_REASON) {
        sweep_fail(run, "dead letter %u has the reason %u", (unsigned)serial, shown->reason);
    }
    bind(run, serial, &shown->id);
}

/* All messages of a lane: known, whole, in order, without gaps. */
static void list_lane(struct sweep_run *run, unsigned route, struct listing *listing)
{
    struct world *world = run->world;
    struct outbox_message shown;
    uint64_t n = 0;
    uint32_t order = 0;
    for (bool any = read_first(run, route, &shown); any && !sweep_is_over(run); any = read_next(run, &shown)) {
        uint32_t serial = read_serial(run, &shown);
        if (serial == 0) {
            return;
        }
        struct message *message = &world->messages[serial];
        uint8_t *seen = route == DEAD ? &listing->dead_seen[serial] : &listing->lane_seen[serial];
        uint32_t its_order = route == DEAD ? message->dead_order : message->order;
        sweep_tell(run, "    %s shows n %llu: message %u, id n %llu", routes[route], (unsigned long long)shown.n,
                   (unsigned)serial, (unsigned long long)shown.id.n);
        check_shown(run, route, serial, &shown);
        if (*seen && !message->doubled) {
            sweep_fail(run, "message %u is shown twice in %s", (unsigned)serial, routes[route]);
        } else if (its_order <= order && !message->doubled) {
            sweep_fail(run, "message %u isn't in its place in %s", (unsigned)serial, routes[route]);
        } else if (n != 0 && (shown.n <= n || (route != DEAD && shown.n != n + 1))) {
            sweep_fail(run, "in %s %llu follows %llu", routes[route], (unsigned long long)shown.n,
                       (unsigned long long)n);
        }
        *seen = 1;
        order = its_order;
        n = shown.n;
    }
    number_is_durable(world, route, n);
}

/* A message that must be shown and isn't. */
static void check_missing(struct sweep_run *run, uint32_t serial, bool lane_seen, bool dead_seen,
                          uint32_t oldest_of_beta)
{
    struct world *world = run->world;
    struct message *message = &world->messages[serial];
    bool may_be_given_up = message->route == BETA && message->order < oldest_of_beta && message->in_dead != YES;
    if (message->in_dead == YES && !dead_seen) {
        sweep_fail(run, "dead letter %u (%s-%llu) is lost", (unsigned)serial, routes[message->route],
                   (unsigned long long)message->id.n);
    }
    if (lane_seen || dead_seen || (!message->must && message->in_lane != YES)) {
        return;
    }
    if (message->waived) {
        sweep_tell(run, "    message %u was given up after all", (unsigned)serial);
        message->must = false;
        message->in_lane = NO;
        world->given_up[message->route]++;
        return;
    }
    if (!may_be_given_up) {
        sweep_fail(run, "message %u (%s-%llu) is lost", (unsigned)serial, routes[message->route],
                   (unsigned long long)message->id.n);
        return;
    }
    sweep_tell(run, "    message %u of beta was given up", (unsigned)serial);
    message->must = false;
    message->in_lane = NO;
    world->given_up[BETA]++;
}

/* Decide what was open. */
static void settle_message(struct sweep_run *run, struct message *message, uint32_t serial, bool lane_seen,
                           bool dead_seen)
{
    const struct world *world = run->world;
    if (message->moving && lane_seen && dead_seen) {
        sweep_fail(run, "message %u is in its lane and among the dead letters", (unsigned)serial);
    }
    message->done = message->pending = false;
    message->must = message->must || (!message->delivered && !message->dropped && (lane_seen || dead_seen));
    if (!message->delivered ||
        message->in_lane == NO) { /* what was delivered may be shown again until its cursor is flushed */
        bool ghost =
            message->in_lane == MAYBE && !message->bound && world->durable_n[message->route] < message->would_be_n;
        message->in_lane = lane_seen ? (message->moving ? MAYBE : YES) : ghost ? MAYBE : NO;
    }
    bool flickers = message->tombed || (message->moving && lane_seen && !dead_seen);
    message->in_dead = flickers ? MAYBE : dead_seen ? YES : NO;
    message->moving = message->moving && !dead_seen;
}

static void check_counts(struct sweep_run *run)
{
    struct world *world = run->world;
    struct outbox_stats stats;
    outbox_stats(&world->box, &stats);
    if (stats.lost_records != 0 || stats.moved) {
        sweep_fail(run, "the statistics say %u lost, moved %d", (unsigned)stats.lost_records, stats.moved);
    }
    for (unsigned route = 1; route < LANE_COUNT && !run->failed; route++) {
        struct outbox_lane_stats lane;
        enum ifl_status status = outbox_lane_stats(&world->box, lane_of(world, route), &lane);
        if (status == IFL_OK && lane.given_up < world->given_up[route]) {
            sweep_fail(run, "%s: %llu were given up, %llu are counted", routes[route],
                       (unsigned long long)world->given_up[route], (unsigned long long)lane.given_up);
        }
    }
}

/* What became of the batch: the same one, or none when it may have ended. */
static void check_batch(struct sweep_run *run)
{
    struct world *world = run->world;
    struct outbox_batch shown;
    struct outbox_lane_stats lane;
    bool pending = outbox_batch_pending(&world->box, lane_of(world, ALPHA), &shown);
    if (outbox_lane_stats(&world->box, lane_of(world, ALPHA), &lane) != IFL_OK) {
        return;
    }
    if (pending && (world->in_batch == NO || shown.first_n != world->batch.first_n ||
                    shown.last_n != world->batch.last_n || shown.format != world->batch.format)) {
        sweep_fail(run, "a batch %llu..%llu appears", (unsigned long long)shown.first_n,
                   (unsigned long long)shown.last_n);
    } else if (!pending && world->in_batch == YES && lane.queued > 0 && lane.first_n <= world->batch.last_n) {
        sweep_fail(run, "the batch %llu..%llu is forgotten", (unsigned long long)world->batch.first_n,
                   (unsigned long long)world->batch.last_n);
    }
    world->in_batch = pending ? YES : NO;
}

static void check_all(struct sweep_run *run)
{
    struct world *world = run->world;
    struct listing listing;
    memset(&listing, 0, sizeof listing);
    memcpy(world->last_n, world->durable_n,
           sizeof world->last_n); /* the numbers of lost unacknowledged puts are used again */
    for (unsigned route = 0; route < LANE_COUNT && !sweep_is_over(run); route++) {
        list_lane(run, route, &listing);
    }
    uint32_t oldest_of_beta = UINT32_MAX;
    for (uint32_t serial = 1; serial <= world->count; serial++) {
        const struct message *message = &world->messages[serial];
        if (message->route == BETA && listing.lane_seen[serial] && message->order < oldest_of_beta) {
            oldest_of_beta = message->order;
        }
    }
    for (uint32_t serial = 1; serial <= world->count && !sweep_is_over(run); serial++) {
        struct message *message = &world->messages[serial];
        bool lane_seen = listing.lane_seen[serial], dead_seen = listing.dead_seen[serial];
        check_missing(run, serial, lane_seen, dead_seen, oldest_of_beta);
        settle_message(run, message, serial, lane_seen, dead_seen);
    }
    if (!sweep_is_over(run)) {
        check_counts(run);
        check_batch(run);
    }
}

static void mount(struct sweep_run *run)
{
    struct world *world = run->world;
    static const struct outbox_lane_config lanes[ROUTE_COUNT] = {
        {.route = "alpha", .priority = 2, .full = OUTBOX_REFUSE_NEW, .min_blocks = 1},
        {.route = "beta", .priority = 0, .full = OUTBOX_GIVE_UP_OLDEST, .min_blocks = 1},
        {.route = "gamma", .priority = 1, .full = OUTBOX_REFUSE_NEW, .min_blocks = 1},
    };
    struct outbox_config config = {.block_size = block_size(run->cell),
                                   .device_tag = 77,
                                   .payload_max = UINT32_MAX,
                                   .lanes = lanes,
                                   .lane_count = ROUTE_COUNT,
                                   .random = {.fill = fill_random, .ctx = world}};
    enum ifl_status status = IFL_FLASH_BUSY;
    world->doing = DOING_MOUNT;
    for (unsigned i = 0; i < PATIENCE && status == IFL_FLASH_BUSY && !run->medium.off; i++) {
        status = outbox_mount(&world->box, run->region, &config);
        if (status == IFL_FLASH_BUSY) {
            flash_poll(&run->region);
        }
    }
    sweep_tell(run, "    mount: %s", ifl_name(status));
    expect_ok(run, status, "mount");
}

static void recover(struct sweep_run *run)
{
    mount(run);
    if (!sweep_is_over(run)) {
        check_all(run);
    }
}

/* ---- durability: what was promised counts from the sync on ---- */

static bool sync_now(struct sweep_run *run)
{
    struct world *world = run->world;
    enum ifl_status status;
    world->doing = DOING_SYNC;
    PATIENTLY(run, status, outbox_sync(&world->box));
    return expect_ok(run, status, "sync");
}

/* ---- steps of the workload ---- */

static enum ifl_status put_stream(struct sweep_run *run, uint8_t lane, uint32_t serial, uint32_t size, uint32_t stop_at,
                                  struct outbox_id *id)
{
    struct world *world = run->world;
    struct outbox_time time = {.unix_s = 1700000000 + serial, .quality = 1, .uptime_min = serial};
    uint8_t buf[STREAM_PIECE];
    enum ifl_status status;
    PATIENTLY(run, status, outbox_put_begin(&world->box, lane, size, time));
    for (uint32_t at = 0; status == IFL_OK && at < stop_at;) {
        uint32_t piece = stop_at - at < sizeof buf ? stop_at - at : (uint32_t)sizeof buf;
        payload_bytes(serial, at, buf, piece);
        PATIENTLY(run, status, outbox_put_write(&world->box, bytes_of(buf, piece)));
        at += piece;
    }
    if (status == IFL_OK && stop_at < size) {
        outbox_put_abandon(&world->box);
    } else if (status == IFL_OK) {
        PATIENTLY(run, status, outbox_put_commit(&world->box, id));
    }
    return status;
}

static enum ifl_status put_whole(struct sweep_run *run, uint8_t lane, uint32_t serial, uint32_t size,
                                 struct outbox_id *id)
{
    uint8_t payload[65536];
    struct world *world = run->world;
    struct outbox_time time = {.unix_s = 1700000000 + serial, .quality = 1, .uptime_min = serial};
    enum ifl_status status;
    payload_bytes(serial, 0, payload, size);
    PATIENTLY(run, status, outbox_put(&world->box, lane, bytes_of(payload, size), time, id));
    return status;
}

/* A put may have given up the oldest of beta: see which. */
static void notice_given_up(struct sweep_run *run)
{
    struct world *world = run->world;
    struct outbox_lane_stats lane;
    if (outbox_lane_stats(&world->box, lane_of(world, BETA), &lane) != IFL_OK ||
        lane.given_up <= world->given_up[BETA]) {
        return;
    }
    struct outbox_message shown;
    uint32_t oldest = UINT32_MAX;
    if (read_first(run, BETA, &shown)) {
        oldest = world->messages[read_serial(run, &shown)].order;
    }
    for (uint32_t serial = 1; serial <= world->count && !sweep_is_over(run); serial++) {
        struct message *message = &world->messages[serial];
        bool shown_before = message->in_lane != NO && message->in_dead != YES && message->must &&
                            !message->pending; /* before its sync it isn't shown */
        if (message->route == BETA && shown_before && message->order < oldest) {
            sweep_tell(run, "    message %u of beta is given up", (unsigned)serial);
            message->in_lane = run->cell->cached ? MAYBE : NO;
            message->must = false;
            world->given_up[BETA]++;
        }
    }
}

static uint32_t payload_limit(const struct world *world)
{
    struct outbox_stats stats;
    outbox_stats(&world->box, &stats);
    return stats.payload_max;
}

/* STORE_FULL is a fair answer; everything is as before then. */
static bool put(struct sweep_run *run, unsigned route, uint32_t size, bool stream)
{
    struct world *world = run->world;
    struct outbox_id id = {0};
    if (world->count == MESSAGE_MAX) {
        return false;
    }
    uint32_t limit = payload_limit(world), serial = ++world->count;
    struct message *message = &world->messages[serial];
    size = size < 4 ? 4 : size > limit ? limit : size;
    *message = (struct message){.size = size,
                                .route = (uint8_t)route,
                                .order = ++world->last_order,
                                .would_be_n = world->last_n[route] + 1,
                                .in_lane = MAYBE};
    world->doing = DOING_PUT;
    enum ifl_status status = stream ? put_stream(run, lane_of(world, route), serial, size, size, &id)
                                    : put_whole(run, lane_of(world, route), serial, size, &id);
    sweep_tell(run, "    put %u bytes into %s as message %u: %s, n %llu", (unsigned)size, routes[route],
               (unsigned)serial, ifl_name(status), (unsigned long long)id.n);
    if (run->medium.off && status != IFL_OK) {
        return false;
    }
    if (!run->medium.off) {
        notice_given_up(run);
    }
    if (status == IFL_STORE_FULL) {
        message->in_lane = NO;
        return false;
    }
    if (!expect_ok(run, status, "put")) {
        return false;
    }
    if (id.n != world->last_n[route] + 1) {
        sweep_fail(run, "%s: number %llu follows %llu", routes[route], (unsigned long long)id.n,
                   (unsigned long long)world->last_n[route]);
        return false;
    }
    message->id = id;
    message->pending = run->cell->cached;
    world->last_n[route] = id.n;
    if (!run->cell->cached) { /* a medium without a cache: it's durable, and acknowledged */
        message->in_lane = YES;
        message->must = true;
        bind(run, serial, &id);
    }
    return true;
}

static void all_is_durable(struct sweep_run *run, uint32_t serial)
{
    struct world *world = run->world;
    struct message *message = &world->messages[serial];
    if (message->pending && message->in_lane == MAYBE && !message->delivered) {
        message->in_lane = YES;
        message->must = true;
        bind(run, serial, &message->id);
    }
    message->pending = false;
}

/* The producer learns: all that was put is durable. */
static void acknowledge(struct sweep_run *run)
{
    struct world *world = run->world;
    if (!sync_now(run)) {
        return;
    }
    for (uint32_t serial = 1; serial <= world->count && !run->failed; serial++) {
        all_is_durable(run, serial);
    }
}

static void abandon(struct sweep_run *run, unsigned route, uint32_t size)
{
    struct world *world = run->world;
    struct outbox_id id;
    uint32_t limit = payload_limit(world);
    size = size < 8 ? 8 : size > limit ? limit : size;
    world->doing = DOING_PUT;
    enum ifl_status status = put_stream(run, lane_of(world, route), 0, size, size / 2, &id);
    sweep_tell(run, "    abandon a put of %u bytes into %s: %s", (unsigned)size, routes[route], ifl_name(status));
    if (!run->medium.off && status != IFL_STORE_FULL) {
        expect_ok(run, status, "an abandoned put");
    }
    if (!run->medium.off) {
        notice_given_up(run);
    }
}

/* The message that is first in a lane is the oldest that must be there, and not one that was finished since the mount. */
static uint32_t check_first(struct sweep_run *run, unsigned route, struct outbox_message *shown)
{
    struct world *world = run->world;
    uint32_t serial = read_serial(run, shown);
    if (serial == 0) {
        return 0;
    }
    if (route == BETA) {
        notice_given_up(run);
    }
    struct message *message = &world->messages[serial];
    check_shown(run, route, serial, shown);
    if (message->done && !message->doubled) {
        sweep_fail(run, "message %u is finished and shown again", (unsigned)serial);
    }
    for (uint32_t other = 1; other <= world->count && !run->failed; other++) {
        struct message *earlier = &world->messages[other];
        if (route != DEAD && earlier->route == route && earlier->in_lane == YES && earlier->must &&
            earlier->order < message->order) {
            sweep_fail(run, "message %u is shown before %u", (unsigned)serial, (unsigned)other);
        }
    }
    return run->failed ? 0 : serial;
}

static void taken(struct message *message) /* 2xx */
{
    message->delivered = true;
    message->done = true;
    message->must = false;
    message->in_lane = MAYBE;
}

/* The receiver takes all messages of the batch. */
static bool deliver_batch(struct sweep_run *run, const struct outbox_batch *batch)
{
    struct world *world = run->world;
    struct outbox_message shown;
    bool any = read_first(run, ALPHA, &shown);
    for (uint64_t n = batch->first_n; n <= batch->last_n && !sweep_is_over(run); n++) {
        uint32_t serial = any && shown.n == n ? read_serial(run, &shown) : 0;
        if (serial == 0) {
            if (!sweep_is_over(run)) {
                sweep_fail(run, "message %llu of a batch is missing", (unsigned long long)n);
            }
            return false;
        }
        taken(&world->messages[serial]);
        any = n < batch->last_n && read_next(run, &shown);
    }
    world->doing = DOING_FLUSH;
    enum ifl_status status;
    PATIENTLY(run, status, outbox_done(&world->box, lane_of(world, ALPHA), batch->last_n));
    sweep_tell(run, "    deliver the batch %llu..%llu: %s", (unsigned long long)batch->first_n,
               (unsigned long long)batch->last_n, ifl_name(status));
    return expect_ok(run, status, "done");
}

static bool is_batch_pending(struct world *world, struct outbox_batch *batch)
{
    return outbox_batch_pending(&world->box, lane_of(world, ALPHA), batch);
}

/* The receiver takes the first message; only then it's finished. False: there was none, or the power went. */
static bool deliver(struct sweep_run *run, unsigned route)
{
    struct world *world = run->world;
    struct outbox_message shown;
    struct outbox_batch batch;
    if (route == ALPHA && is_batch_pending(world, &batch)) {
        return deliver_batch(run, &batch);
    }
    if (!read_first(run, route, &shown)) {
        return false;
    }
    uint32_t serial = check_first(run, route, &shown);
    if (serial == 0) {
        return false;
    }
    taken(&world->messages[serial]);
    world->doing = DOING_FLUSH;
    enum ifl_status status;
    PATIENTLY(run, status, outbox_done(&world->box, lane_of(world, route), shown.n));
    sweep_tell(run, "    deliver message %u of %s, n %llu: %s", (unsigned)serial, routes[route],
               (unsigned long long)shown.n, ifl_name(status));
    return expect_ok(run, status, "done");
}

/* `drained`: all lanes are delivered, so there must be room for their cursors. Else STORE_FULL is a fair answer where power cuts and many flushes have filled
 * the space for them; what was delivered may be shown again then. */
static bool flush(struct sweep_run *run, bool drained)
{
    struct world *world = run->world;
    enum ifl_status status;
    world->doing = DOING_FLUSH;
    PATIENTLY(run, status, outbox_flush(&world->box));
    for (int again = 0; again < 3 && status == IFL_STORE_FULL && !sweep_is_over(run); again++) {
        settle(run, PATIENCE); /* erased blocks come back */
        PATIENTLY(run, status, outbox_flush(&world->box));
    }
    sweep_tell(run, "    flush: %s", ifl_name(status));
    if (status == IFL_STORE_FULL && !drained && !run->medium.off) {
        return true;
    }
    if (!expect_ok(run, status, "flush")) {
        return false;
    }
    for (uint32_t serial = 1; serial <= world->count; serial++) {
        struct message *message = &world->messages[serial];
        if (message->delivered && message->done && message->in_lane == MAYBE) {
            message->in_lane = NO;
        }
        all_is_durable(run, serial); /* flush includes a sync */
    }
    struct outbox_batch batch;
    world->in_batch = is_batch_pending(world, &batch) ? YES : NO;
    return true;
}

/* Some messages are sent as one, and no answer comes. */
static void try_batch(struct sweep_run *run)
{
    struct world *world = run->world;
    struct outbox_message shown;
    if (world->in_batch != NO || !read_first(run, ALPHA, &shown)) {
        return;
    }
    outbox_n last_n = shown.n;
    for (unsigned count = 1 + (unsigned)(choice(world) % 4); count > 0 && read_next(run, &shown); count--) {
        last_n = shown.n;
    }
    if (sweep_is_over(run)) {
        return;
    }
    struct outbox_lane_stats lane;
    (void)outbox_lane_stats(&world->box, lane_of(world, ALPHA), &lane);
    world->batch =
        (struct outbox_batch){.first_n = lane.first_n, .last_n = last_n, .format = (uint8_t)(1 + last_n % 3)};
    world->in_batch = MAYBE;
    world->doing = DOING_TRY;
    enum ifl_status status;
    PATIENTLY(run, status, outbox_batch_begin(&world->box, lane_of(world, ALPHA), last_n, world->batch.format));
    sweep_tell(run, "    the batch %llu..%llu is begun: %s", (unsigned long long)lane.first_n,
               (unsigned long long)last_n, ifl_name(status));
    if (status == IFL_STORE_FULL && !run->medium.off) {
        world->in_batch = NO;
    } else if (expect_ok(run, status, "batch")) {
        world->in_batch = YES;
    }
}

static void give_up(struct sweep_run *run, unsigned route)
{
    struct world *world = run->world;
    struct outbox_message shown;
    if (route == ALPHA && world->in_batch != NO) {
        return;
    }
    if (!read_first(run, route, &shown)) {
        return;
    }
    uint32_t serial = check_first(run, route, &shown);
    if (serial == 0) {
        return;
    }
    struct message *message = &world->messages[serial];
    bool must_before = message->must, waived_before = message->waived;
    uint8_t in_lane_before = message->in_lane;
    message->must = false;
    message->in_lane = MAYBE;
    message->waived = true;
    world->doing = DOING_GIVE_UP;
    enum ifl_status status;
    PATIENTLY(run, status, outbox_give_up(&world->box, lane_of(world, route), shown.n, GIVEUP_REASON));
    sweep_tell(run, "    give up message %u of %s: %s", (unsigned)serial, routes[route], ifl_name(status));
    if (status == IFL_STORE_FULL && !run->medium.off) { /* no place to record it: nothing has changed */
        message->must = must_before;
        message->in_lane = in_lane_before;
        message->waived = waived_before;
        return;
    }
    if (expect_ok(run, status, "give up") && sync_now(run)) {
        message->in_lane = NO;
        world->given_up[route]++;
    }
}

static void dead_letter(struct sweep_run *run, unsigned route)
{
    struct world *world = run->world;
    struct outbox_message shown;
    if (route == ALPHA && world->in_batch != NO) {
        return;
    }
    if (!read_first(run, route, &shown)) {
        return;
    }
    uint32_t serial = check_first(run, route, &shown);
    if (serial == 0 || world->messages[serial].delivered) {
        return;
    }
    struct message *message = &world->messages[serial];
    uint8_t in_dead_before = message->in_dead;
    message->in_lane = MAYBE;
    message->in_dead = MAYBE;
    message->moving = true;
    message->dead_order = ++world->last_order;
    world->doing = DOING_DEAD;
    enum ifl_status status;
    PATIENTLY(run, status, outbox_dead_letter(&world->box, &shown, DEAD_REASON));
    sweep_tell(run, "    message %u of %s becomes a dead letter: %s", (unsigned)serial, routes[route],
               ifl_name(status));
    if (run->medium.off) {
        return;
    }
    bool given_up = route == BETA && status == IFL_NOT_FOUND; /* just now, to make room for a dead letter */
    if (status == IFL_STORE_FULL || given_up) {
        message->in_lane = YES;
        message->in_dead = in_dead_before;
        message->moving = false;
        notice_given_up(run);
    } else if (expect_ok(run, status, "dead letter") && sync_now(run)) {
        message->in_lane = NO;
        message->in_dead = YES;
        message->moving = message->pending = false;
    }
}

/* The first or second dead letter. 0: there is none. */
static uint32_t find_dead(struct sweep_run *run, struct outbox_message *shown)
{
    struct world *world = run->world;
    if (!read_first(run, DEAD, shown)) {
        return 0;
    }
    if (choice(world) % 2 == 0 && !sweep_is_over(run)) {
        read_next(run, shown);
    }
    uint32_t serial = sweep_is_over(run) ? 0 : read_serial(run, shown);
    if (serial != 0) {
        check_shown(run, DEAD, serial, shown);
    }
    return run->failed ? 0 : serial;
}

static bool requeue(struct sweep_run *run)
{
    struct world *world = run->world;
    struct outbox_message shown;
    uint32_t serial = find_dead(run, &shown);
    if (serial == 0) {
        return false;
    }
    struct message *message = &world->messages[serial];
    if (message->in_lane ==
        YES) { /* the power went in an earlier try: it's back already, and would only be sent twice */
        return false;
    }
    message->in_lane = MAYBE;
    message->in_dead = MAYBE;
    message->order = ++world->last_order;
    bool tombed_before = message->tombed;
    message->tombed = true;
    world->doing = DOING_REQUEUE;
    enum ifl_status status;
    PATIENTLY(run, status, outbox_requeue(&world->box, &shown, lane_of(world, message->route)));
    sweep_tell(run, "    dead letter %u goes back to %s: %s", (unsigned)serial, routes[message->route],
               ifl_name(status));
    if (run->medium.off) {
        return false;
    }
    notice_given_up(run);
    if (status == IFL_NOT_FOUND && tombed_before) {
        message->in_lane = NO;
        return false;
    }
    if (status == IFL_STORE_FULL) { /* it may be back already, and only its end among the dead letters isn't recorded */
        struct outbox_lane_stats lane;
        message->in_dead = YES;
        message->doubled = true;
        if (outbox_lane_stats(&world->box, lane_of(world, message->route), &lane) == IFL_OK) {
            number_is_durable(world, message->route, lane.last_n);
        }
        return false;
    }
    if (!expect_ok(run, status, "requeue") || !sync_now(run)) {
        return false;
    }
    message->in_lane = YES;
    message->in_dead = NO;
    message->done = message->tombed = false;
    number_is_durable(world, message->route, world->last_n[message->route] + 1);
    return true;
}

/* `drained`: all lanes are delivered, so there must be room for it. */
static bool bury(struct sweep_run *run, bool drained)
{
    struct world *world = run->world;
    struct outbox_message shown;
    uint32_t serial = find_dead(run, &shown);
    if (serial == 0) {
        return false;
    }
    struct message *message = &world->messages[serial];
    bool tombed_before = message->tombed, must_before = message->must;
    message->must = message->in_lane == YES && !message->delivered;
    message->in_dead = MAYBE;
    message->tombed = message->dropped = true;
    world->doing = DOING_BURY;
    enum ifl_status status;
    PATIENTLY(run, status, outbox_bury(&world->box, &shown));
    for (int again = 0; again < 3 && status == IFL_STORE_FULL && !sweep_is_over(run); again++) {
        PATIENTLY(run, status, outbox_flush(&world->box)); /* what is finished frees its blocks */
        settle(run, PATIENCE);
        PATIENTLY(run, status, outbox_bury(&world->box, &shown));
    }
    sweep_tell(run, "    dead letter %u is buried: %s", (unsigned)serial, ifl_name(status));
    if (status == IFL_NOT_FOUND && tombed_before) {
        return false;
    }
    if (status == IFL_STORE_FULL && !drained && !run->medium.off) { /* nothing was done */
        message->must = must_before;
        message->in_dead = YES;
        message->tombed = tombed_before;
        message->dropped = false;
        return false;
    }
    if (expect_ok(run, status, "bury") && sync_now(run)) {
        message->in_dead = NO;
        message->tombed = false;
        return true;
    }
    return false;
}

static uint32_t random_size(struct world *world)
{
    uint64_t r = choice(world);
    switch (r % 10) {
    case 0:
        return (uint32_t)(4 + (r >> 8) % 2000);
    case 1:
    case 2:
    case 3:
        return (uint32_t)(4 + (r >> 8) % 400);
    default:
        return (uint32_t)(4 + (r >> 8) % 100);
    }
}

static unsigned random_route(struct world *world)
{
    uint64_t r = choice(world) % 10;
    return r < 5 ? ALPHA : r < 8 ? BETA : GAMMA;
}

static void random_step(struct sweep_run *run, uint32_t large)
{
    struct world *world = run->world;
    uint64_t what = choice(world) % 100;
    uint32_t size = large != 0 ? (uint32_t)(choice(world) % large) : random_size(world);
    unsigned route = random_route(world);
    if (what < 34) {
        put(run, route, size, choice(world) % 2 == 0);
        if (!sweep_is_over(run) && choice(world) % 3 != 0) {
            acknowledge(run);
        }
    } else if (what < 37) {
        abandon(run, route, size);
    } else if (what < 48) {
        deliver(run, ALPHA);
    } else if (what < 51) {
        try_batch(run);
    } else if (what < 57) {
        deliver(run, BETA);
    } else if (what < 63) {
        flush(run, false);
    } else if (what < 71) {
        settle(run, 1 + (unsigned)(choice(world) % 6));
    } else if (what < 75) {
        settle(run, PATIENCE);
    } else if (what < 80) {
        give_up(run, route);
    } else if (what < 88) {
        dead_letter(run, route);
    } else if (what < 92) {
        requeue(run);
    } else if (what < 96) {
        bury(run, false);
    } else if (!run->medium.erasing && !run->cell->cached) {
        recover(run); /* a start without a cut */
    }
}

/* Every cell has workloads of its own. */
static uint64_t seed_of(const struct sweep_run *run)
{
    return run->workload * 7919 + run->cell->prog_size * 65537 + run->cell->sector_size + run->cell->cached;
}

/* Even workloads begin somewhere in the life of the store: blocks half full, some used again and again. */
static void start(struct sweep_run *run)
{
    struct world *world = run->world;
    world->random = seed_of(run);
    if (run->workload % 2 != 0) {
        return;
    }
    recover(run);
    unsigned count = (unsigned)(choice(world) % 250);
    for (unsigned i = 0; i < count && !sweep_is_over(run) && world->count < MESSAGE_MAX / 2; i++) {
        random_step(run, choice(world) % 2 == 0 ? payload_limit(world) / 4 : 0);
    }
    for (unsigned route = ALPHA; route <= GAMMA && !sweep_is_over(run); route++) {
        put(run, route, 30, false); /* a mount looks long at the last record of each lane */
    }
    if (!sweep_is_over(run)) {
        acknowledge(run);
    }
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
    if (index == 0) {
        recover(run);
    } else {
        random_step(run, choice(world) % 24 == 0 ? 6000 : 0);
    }
}

/* ---- the end of the workload ---- */

static void deliver_all(struct sweep_run *run)
{
    for (unsigned route = ALPHA; route <= GAMMA && !sweep_is_over(run); route++) {
        for (unsigned i = 0; i < MESSAGE_MAX && !sweep_is_over(run) && deliver(run, route); i++) {
        }
    }
}

static void check_nothing_left(struct sweep_run *run)
{
    struct world *world = run->world;
    for (uint32_t serial = 1; serial <= world->count && !run->failed; serial++) {
        struct message *message = &world->messages[serial];
        if (message->must) {
            sweep_fail(run, "message %u (%s-%llu) was never delivered", (unsigned)serial, routes[message->route],
                       (unsigned long long)message->id.n);
        }
    }
}

static void put_again(struct sweep_run *run)
{
    for (unsigned route = ALPHA; route <= GAMMA && !sweep_is_over(run); route++) {
        if (!put(run, route, 50, false) && !sweep_is_over(run)) {
            sweep_fail(run, "everything is delivered and %s is still full", routes[route]);
        }
    }
    if (!sweep_is_over(run)) {
        acknowledge(run);
    }
}

static void finish(struct sweep_run *run)
{
    if (((struct world *)run->world)->count + 2 * ROUTE_COUNT > MESSAGE_MAX) {
        return;
    }
    acknowledge(run);
    if (!sweep_is_over(run)) {
        requeue(run);
    }
    deliver_all(run);
    while (!sweep_is_over(run) && bury(run, true)) {
    }
    if (!sweep_is_over(run)) {
        flush(run, true);
    }
    settle(run, PATIENCE);
    if (!sweep_is_over(run)) {
        check_nothing_left(run);
        put_again(run);
    }
    deliver_all(run);
    if (!sweep_is_over(run) && flush(run, true)) {
        recover(run);
    }
}

/* ---- what an operation writes ---- */

/* Record headers say it (SPEC.md); a piece of a body is told from the call that is under way. */
static size_t kind(const struct sweep_run *run, enum flash_operation operation, uint32_t at, const void *from,
                   size_t size)
{
    static const enum kind by_call[] = {
        [DOING_MOUNT] = KIND_RESUME,   [DOING_PUT] = KIND_DATA,   [DOING_FLUSH] = KIND_CURSOR,
        [DOING_GIVE_UP] = KIND_GIVEUP, [DOING_DEAD] = KIND_DEAD,  [DOING_REQUEUE] = KIND_REQUEUE,
        [DOING_BURY] = KIND_TOMB,      [DOING_STEP] = KIND_OTHER, [DOING_SYNC] = KIND_OTHER,
        [DOING_TRY] = KIND_TRY};
    static const enum kind by_type[] = {KIND_OTHER,  KIND_DATA, KIND_CURSOR, KIND_GIVEUP,
                                        KIND_RESUME, KIND_TRY,  KIND_TOMB};
    const struct world *world = run->world;
    const uint8_t *raw = from;
    if (operation != FLASH_OP_PROGRAM) {
        return operation == FLASH_OP_ERASE ? KIND_ERASE : KIND_SYNC;
    }
    if (at % block_size(run->cell) < 256 && size >= 12 && le16_get(raw + 6) == run->cell->prog_size &&
        le32_get(raw + 8) == block_size(run->cell)) {
        return world->doing == DOING_MOUNT ? KIND_FORMAT : KIND_HEADER;
    }
    bool header = size >= 32 && raw[0] == RECORD_MARK && raw[1] >= 1 && raw[1] <= 6;
    if (!header || (raw[1] == 1 && world->doing != DOING_STEP)) {
        return by_call[world->doing];
    }
    return by_type[raw[1]];
}

const struct sweep_store store_outbox = {.name = "outbox",
                                         .cuts = 22000,
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
