/* A scripted tenant, two slots on a medium that loses power, and deliveries: whatever happens, the right one of the two identities is in use. Time is
 * virtual; the functions of tls.h that the room calls are defined here in place of the real ones. */
#include "renewal/renewal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slot_world.h"
#include "unity.h"

#define SECOND UINT64_C(1000)
#define HOUR (3600 * SECOND)
#define OLD 1u
#define NEW 2u
#define DELIVERY_MS (20 * SECOND)

/* How the tenant meets somebody who shows an identity. */
enum meets {
    ACCEPTS,
    REFUSES_401,
    REFUSES_ALERT,
    ANSWERS_503,
    RESETS,     /* after our Finished */
    IS_AWAY,    /* no TCP */
    IS_SILENT,  /* after the request */
    SHOWS_LOGIN /* another host: a page */
};

struct phase {
    uint64_t from_ms; /* since the start of the scenario */
    enum meets old, new;
    bool unknown_is_401; /* the probe's address answers 401 to everybody */
};

struct scenario {
    const char *name;
    struct phase phases[4];
    unsigned phase_count;
    uint64_t length_ms;
    bool no_old;      /* the new one is the only one */
    unsigned in_use;  /* at the end */
    bool new_refused; /* its slot at the end */
    bool new_active;
};

static struct {
    struct slot_world slots;
    struct renewal renewal;
    struct arena arena;
    struct health health;
    ifl_ms now, start, next_delivery;
    const struct scenario *scenario;
    unsigned shown; /* number of the identity that a connection shows now */
    bool paused, started;
    unsigned
        wrong_while_right_worked; /* deliveries refused although the other identity was accepted for over an hour */
    ifl_ms other_works_since;
    uint64_t accepted, refused, trials;
    uint64_t seed;
    /* the connection */
    enum tls_state state;
    enum ifl_status status;
    struct tls_facts facts;
    bool asked;
    const char *answer;
    size_t answer_pos;
} world;

static struct tls connection; /* only its address is used */
static uint16_t port = 443;
static _Alignas(16) uint8_t arena_bytes[65536];
static unsigned scenario_count, wrong_count;

/* ---- the tenant ---- */

static const struct phase *phase_now(void)
{
    const struct scenario *scenario = world.scenario;
    const struct phase *phase = &scenario->phases[0];
    for (unsigned i = 0; i < scenario->phase_count; i++) {
        if (world.now - world.start >= scenario->phases[i].from_ms) {
            phase = &scenario->phases[i];
        }
    }
    return phase;
}

static enum meets meeting(unsigned number)
{
    return number == OLD ? phase_now()->old : phase_now()->new;
}

static const char *answer_of(enum meets meets, bool probe)
{
    switch (meets) {
    case ACCEPTS:
        if (!probe) {
            return "HTTP/1.1 200 OK\r\n\r\n";
        }
        return phase_now()->unknown_is_401
                   ? "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"SAP\"\r\n\r\n"
                   : "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n";
    case REFUSES_401:
        return "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/xml\r\n\r\n";
    case ANSWERS_503:
        return "HTTP/1.1 503 Service Unavailable\r\nX-Cf-RouterError: no_endpoints\r\n\r\n";
    case SHOWS_LOGIN:
        return "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n";
    default:
        return "";
    }
}

/* ---- tls.h ---- */

enum ifl_status tls_open(struct tls *tls, const char *host, uint16_t to_port, const char *address,
                         const struct net_proxy *proxy, bool fresh, uint32_t timeout_ms, ifl_ms now)
{
    (void)tls, (void)host, (void)to_port, (void)address, (void)proxy, (void)timeout_ms, (void)now;
    TEST_ASSERT_TRUE_MESSAGE(world.paused, "the connection is the sender's");
    TEST_ASSERT_TRUE_MESSAGE(fresh, "a resumed session proves nothing");
    TEST_ASSERT_EQUAL(TLS_IDLE, world.state);
    world.trials++;
    world.state = TLS_CONNECTING;
    world.asked = false;
    world.answer_pos = 0;
    return IFL_OK;
}

ifl_ms tls_step(struct tls *tls, ifl_ms now)
{
    (void)tls;
    const enum meets meets = meeting(world.shown);
    if (world.state == TLS_CONNECTING) {
        world.state = meets == IS_AWAY || meets == REFUSES_ALERT ? TLS_FAILED : TLS_OPEN;
        world.status = meets == IS_AWAY ? IFL_NET_REFUSED : IFL_TLS_CLIENT_REFUSED;
        return now;
    }
    return IFL_NEVER;
}

enum tls_state tls_state(const struct tls *tls)
{
    (void)tls;
    return world.state;
}

enum ifl_status tls_status(const struct tls *tls)
{
    (void)tls;
    return world.status;
}

enum ifl_status tls_write(struct tls *tls, struct bytes data, size_t *taken)
{
    (void)tls;
    TEST_ASSERT_TRUE(bytes_starts_with(data, bytes_of_string("HEAD /http/nothing HTTP/1.1\r\n")));
    *taken = data.size;
    world.asked = true;
    world.answer = answer_of(meeting(world.shown), true);
    return IFL_OK;
}

enum ifl_status tls_read(struct tls *tls, void *buf, size_t size, size_t *got)
{
    (void)tls;
    TEST_ASSERT_TRUE(world.asked);
    const size_t left = strlen(world.answer) - world.answer_pos;
    *got = left < size ? left : size;
    if (*got > 0) {
        memcpy(buf, world.answer + world.answer_pos, *got);
        world.answer_pos += *got;
        return IFL_OK;
    }
    return meeting(world.shown) == RESETS ? IFL_NET_RESET : IFL_AGAIN;
}

void tls_close(struct tls *tls)
{
    (void)tls;
    world.state = TLS_IDLE;
}

void tls_forget_session(struct tls *tls)
{
    (void)tls;
}

/* ---- the program ---- */

static bool pause_sender(void *ctx, bool at_once)
{
    (void)ctx, (void)at_once;
    world.paused = true;
    return true;
}

static enum ifl_status use_slot(void *ctx, int slot)
{
    (void)ctx;
    TEST_ASSERT_TRUE_MESSAGE(world.paused || !world.started, "the identity changes under the sender's feet");
    if (world.slots.medium.erasing) {
        return IFL_FLASH_BUSY;
    }
    const unsigned number = slot_world_number(&world.slots, slot);
    world.shown = number;
    return number == 0 ? IFL_STORE_CORRUPT : IFL_OK;
}

static void resume_sender(void *ctx, bool changed, ifl_ms now)
{
    (void)ctx;
    TEST_ASSERT_TRUE(world.paused);
    world.paused = false;
    if (changed) {
        world.next_delivery = now;
    }
}

static enum ifl_status fill(void *ctx, void *to, size_t size)
{
    (void)ctx;
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)to)[i] = (uint8_t)flash_double_random(&world.seed);
    }
    return IFL_OK;
}

static bool works(unsigned number)
{
    return meeting(number) == ACCEPTS;
}

/* A message goes out with the identity in use; what it meets is learned. */
static void deliver(void)
{
    const unsigned other = world.shown == OLD ? NEW : OLD;
    world.next_delivery = world.now + DELIVERY_MS;
    switch (meeting(world.shown)) {
    case ACCEPTS:
        world.accepted++;
        renewal_learn(&world.renewal, IFL_OK);
        break;
    case REFUSES_401:
        world.refused++;
        renewal_learn(&world.renewal, IFL_ANSWER_KEY_UNKNOWN);
        break;
    case REFUSES_ALERT:
        world.refused++;
        renewal_learn(&world.renewal, IFL_TLS_CLIENT_REFUSED);
        break;
    default:
        break;
    }
    const bool other_is_there = other == NEW ? world.slots.slots.pending >= 0 || world.scenario->new_active : true;
    if (works(world.shown) || !works(other) || !other_is_there) {
        world.other_works_since = world.now;
    } else if (world.now - world.other_works_since > HOUR + 2 * DELIVERY_MS) {
        world.wrong_while_right_worked++;
    }
}

static void start_program(void)
{
    const struct renewal_wiring wiring = {.slots = &world.slots.slots,
                                          .tls = &connection,
                                          .arena = &world.arena,
                                          .health = &world.health,
                                          .random = {.fill = fill},
                                          .host = "tenant.example",
                                          .port = &port,
                                          .probe_path = "/http/nothing",
                                          .first_ms = 60000,
                                          .cap_ms = 3600000,
                                          .pause = pause_sender,
                                          .use = use_slot,
                                          .resume = resume_sender};
    world.state = TLS_IDLE;
    world.paused = world.started = false;
    arena_init(&world.arena, arena_bytes, sizeof arena_bytes);
    health_init(&world.health);
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_mount(&world.slots));
    TEST_ASSERT_EQUAL(IFL_OK, renewal_start(&world.renewal, &wiring, 0, world.now));
    world.started = true;
    world.next_delivery = world.now;
}

/* One turn of the loop. False: the scenario is over. */
static bool turn(void)
{
    const ifl_ms end = world.start + world.scenario->length_ms;
    const ifl_ms wish = renewal_step(&world.renewal, world.now);
    (void)flash_poll(&world.slots.a);
    ifl_ms next = ifl_ms_min(wish, end);
    if (!world.paused) {
        if (world.now >= world.next_delivery) {
            deliver();
        }
        next = ifl_ms_min(next, world.next_delivery);
    }
    if (renewal_is_busy(&world.renewal) != world.paused) {
        TEST_FAIL_MESSAGE("the sender is paused and nobody knows, or the other way round");
    }
    world.now = next > world.now ? next : world.now + (wish <= world.now ? 0 : 1);
    return world.now < end;
}

static void prepare(const struct scenario *scenario)
{
    static const struct slot_geometry geometry = {
        .prog_size = 8, .sector_size = 2048, .sector_count = 1, .erased = 0xFF};
    memset(&world, 0, sizeof world);
    world.scenario = scenario;
    world.seed = 7;
    world.now = world.start = 1000000;
    world.other_works_since = world.now;
    slot_world_init(&world.slots, &geometry);
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_mount(&world.slots));
    if (!scenario->no_old) {
        TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world.slots, OLD, true));
    }
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world.slots, NEW, false));
}

static bool slot_of_new_is(enum identity_slot_state state)
{
    for (int i = 0; i < 2; i++) {
        if (slot_world_number(&world.slots, i) == NEW) {
            return world.slots.slots.slot[i].state == state;
        }
    }
    return false;
}

static bool is_right(void)
{
    const struct scenario *scenario = world.scenario;
    return world.shown == scenario->in_use && world.wrong_while_right_worked == 0 &&
           slot_of_new_is(IDENTITY_SLOT_REFUSED) == scenario->new_refused &&
           slot_of_new_is(IDENTITY_SLOT_ACTIVE) == scenario->new_active && arena_empty(&world.arena);
}

static void check(const char *how, uint64_t detail)
{
    scenario_count++;
    if (!is_right()) {
        wrong_count++;
        printf("WRONG: %s, %s %llu: in use %u, wrong deliveries %u, new refused %d active %d\n", world.scenario->name,
               how, (unsigned long long)detail, world.shown, world.wrong_while_right_worked,
               slot_of_new_is(IDENTITY_SLOT_REFUSED), slot_of_new_is(IDENTITY_SLOT_ACTIVE));
    }
}

/* Runs to the end; the power goes before turn `stop` (0: never). Returns the number of turns. */
static uint64_t run(const struct scenario *scenario, uint64_t stop)
{
    uint64_t turns = 1;
    prepare(scenario);
    start_program();
    while (turn()) {
        if (++turns == stop) {
            start_program();
        }
    }
    return turns;
}

/* The power goes in the middle of the `operation`-th change of the flash after the start. */
static bool run_with_cut(const struct scenario *scenario, uint64_t operation, enum flash_tear tear)
{
    prepare(scenario);
    start_program();
    flash_double_cut(&world.slots.medium, world.slots.medium.operations + operation, tear,
                     operation * 13 + (uint64_t)tear);
    bool cut = false;
    for (bool going = true; going;) {
        going = turn();
        if (world.slots.medium.off) {
            flash_double_power_on(&world.slots.medium);
            flash_double_cut(&world.slots.medium, 0, FLASH_TEAR_ALL, 0);
            start_program();
            cut = true;
        }
    }
    return cut;
}

/* ---- scenarios ---- */

static const struct scenario SCENARIOS[] = {
    {"the new one is accepted at once", {{0, ACCEPTS, ACCEPTS, false}}, 1, 4 * HOUR, .in_use = NEW, .new_active = true},
    {"401 for the new one", {{0, ACCEPTS, REFUSES_401, false}}, 1, 4 * HOUR, .in_use = OLD, .new_refused = true},
    {"a certificate alert for the new one",
     {{0, ACCEPTS, REFUSES_ALERT, false}},
     1,
     4 * HOUR,
     .in_use = OLD,
     .new_refused = true},
    {"503 for an hour, then accepted",
     {{0, ANSWERS_503, ANSWERS_503, false}, {HOUR, ACCEPTS, ACCEPTS, false}},
     2,
     6 * HOUR,
     .in_use = NEW,
     .new_active = true},
    {"503 for an hour for the new one, then 401",
     {{0, ACCEPTS, ANSWERS_503, false}, {HOUR, ACCEPTS, REFUSES_401, false}},
     2,
     6 * HOUR,
     .in_use = OLD,
     .new_refused = true},
    {"no network for a day",
     {{0, IS_AWAY, IS_AWAY, false}, {24 * HOUR, ACCEPTS, ACCEPTS, false}},
     2,
     30 * HOUR,
     .in_use = NEW,
     .new_active = true},
    {"no answer for an hour",
     {{0, IS_SILENT, IS_SILENT, false}, {HOUR, ACCEPTS, ACCEPTS, false}},
     2,
     6 * HOUR,
     .in_use = NEW,
     .new_active = true},
    {"bare resets prove nothing", {{0, ACCEPTS, RESETS, false}}, 1, 30 * HOUR, .in_use = OLD},
    {"resets for an hour, then accepted",
     {{0, ACCEPTS, RESETS, false}, {HOUR, ACCEPTS, ACCEPTS, false}},
     2,
     6 * HOUR,
     .in_use = NEW,
     .new_active = true},
    {"the new one leads to another host that isn't a runtime",
     {{0, ACCEPTS, SHOWS_LOGIN, false}},
     1,
     30 * HOUR,
     .in_use = OLD},
    {"the old one has expired", {{0, REFUSES_ALERT, ACCEPTS, false}}, 1, 4 * HOUR, .in_use = NEW, .new_active = true},
    {"the old one is deleted while the new one waits for the network",
     {{0, ACCEPTS, ANSWERS_503, false},
      {2 * HOUR, REFUSES_401, ANSWERS_503, false},
      {3 * HOUR, REFUSES_401, ACCEPTS, false}},
     3,
     8 * HOUR,
     .in_use = NEW,
     .new_active = true},
    {"everybody is refused for an hour, then both work",
     {{0, REFUSES_401, REFUSES_401, false}, {HOUR, ACCEPTS, ACCEPTS, false}},
     2,
     6 * HOUR,
     .in_use = NEW,
     .new_active = true},
    {"everybody is refused for an hour, then the old one works",
     {{0, REFUSES_401, REFUSES_401, false}, {HOUR, ACCEPTS, REFUSES_401, false}},
     2,
     8 * HOUR,
     .in_use = OLD,
     .new_refused = true},
    {"everybody is refused for an hour, then the new one works",
     {{0, REFUSES_ALERT, REFUSES_ALERT, false}, {HOUR, REFUSES_ALERT, ACCEPTS, false}},
     2,
     8 * HOUR,
     .in_use = NEW,
     .new_active = true},
    {"unknown addresses answer 401 to everybody, the new one works",
     {{0, ACCEPTS, ACCEPTS, true}},
     1,
     4 * HOUR,
     .in_use = NEW,
     .new_active = true},
    {"unknown addresses answer 401 to everybody, the new one is refused",
     {{0, ACCEPTS, REFUSES_401, true}},
     1,
     30 * HOUR,
     .in_use = OLD},
    {"the only one, accepted",
     {{0, ACCEPTS, ACCEPTS, false}},
     1,
     4 * HOUR,
     .no_old = true,
     .in_use = NEW,
     .new_active = true},
    {"the only one is refused for an hour",
     {{0, ACCEPTS, REFUSES_401, false}, {HOUR, ACCEPTS, ACCEPTS, false}},
     2,
     8 * HOUR,
     .no_old = true,
     .in_use = NEW,
     .new_active = true},
};

void setUp(void) {}

void tearDown(void)
{
    if (world.scenario != NULL) {
        slot_world_free(&world.slots);
        world.scenario = NULL;
    }
}

static void finish(void)
{
    slot_world_free(&world.slots);
    world.scenario = NULL;
}

static void in_every_scenario_the_right_one_is_in_use(void)
{
    for (size_t i = 0; i < sizeof SCENARIOS / sizeof SCENARIOS[0]; i++) {
        (void)run(&SCENARIOS[i], 0);
        check("undisturbed", 0);
        finish();
    }
    TEST_ASSERT_EQUAL_UINT(0, wrong_count);
}

static void and_so_it_is_when_the_power_goes_before_any_turn_of_the_loop(void)
{
    for (size_t i = 0; i < sizeof SCENARIOS / sizeof SCENARIOS[0]; i++) {
        uint64_t turns = run(&SCENARIOS[i], 0);
        finish();
        for (uint64_t stop = 2; stop <= turns && stop < 400; stop += stop < 60 ? 1 : 37) {
            (void)run(&SCENARIOS[i], stop);
            check("power off before turn", stop);
            finish();
        }
    }
    TEST_ASSERT_EQUAL_UINT(0, wrong_count);
}

static void and_when_it_goes_in_the_middle_of_writing_a_mark(void)
{
    for (size_t i = 0; i < sizeof SCENARIOS / sizeof SCENARIOS[0]; i++) {
        bool more = true;
        for (uint64_t operation = 1; more && operation < 20; operation++) {
            more = false;
            for (int tear = 0; tear < FLASH_TEAR_COUNT; tear++) {
                if (tear == FLASH_TEAR_ERASE) {
                    continue;
                }
                more = run_with_cut(&SCENARIOS[i], operation, (enum flash_tear)tear) || more;
                check(flash_tear_name((enum flash_tear)tear), operation);
                finish();
            }
        }
    }
    TEST_ASSERT_EQUAL_UINT(0, wrong_count);
}

static void a_postponed_trial_leaves_the_sender_as_it_was(void)
{
    static const struct scenario quiet = {"", {{0, ACCEPTS, ANSWERS_503, false}}, 1, 24 * HOUR, .in_use = OLD};
    (void)run(&quiet, 0);
    TEST_ASSERT_EQUAL_UINT(OLD, world.shown);
    TEST_ASSERT_GREATER_THAN(10, world.trials);
    TEST_ASSERT_LESS_THAN(40, world.trials); /* 1 min, 2 min, … then once an hour */
    TEST_ASSERT_GREATER_THAN(24 * 180 - 50, world.accepted);
    finish();
}

static void too_little_memory_only_postpones(void)
{
    static const struct scenario all_well = {"", {{0, ACCEPTS, ACCEPTS, false}}, 1, 10 * SECOND, .in_use = OLD};
    prepare(&all_well);
    start_program();
    world.arena.fail_after = 1;
    while (turn()) {
    }
    TEST_ASSERT_EQUAL_UINT(OLD, world.shown);
    TEST_ASSERT_TRUE(slot_of_new_is(IDENTITY_SLOT_PENDING));
    TEST_ASSERT_EQUAL(IFL_NO_MEMORY, world.renewal.last);
    finish();
}

static void a_change_while_the_flash_erases_keeps_the_sender_waiting(void)
{
    static const struct scenario all_well = {"", {{0, ACCEPTS, ACCEPTS, false}}, 1, 10 * SECOND, .in_use = NEW};
    prepare(&all_well);
    start_program();
    world.slots.medium.erasing = true;
    TEST_ASSERT_EQUAL(IFL_OK, renewal_slots_changed(&world.renewal, world.now));
    TEST_ASSERT_TRUE(world.paused); /* else it would go on with an identity that wasn't loaded */
    world.slots.medium.erasing = false;
    while (turn()) {
    }
    TEST_ASSERT_FALSE(world.paused);
    TEST_ASSERT_EQUAL_UINT(NEW, world.shown);
    finish();
}

static void without_an_identity_there_is_nothing_to_start_with(void)
{
    static const struct scenario none = {"", {{0, ACCEPTS, ACCEPTS, false}}, 1, SECOND, .in_use = 0};
    static const struct slot_geometry geometry = {
        .prog_size = 8, .sector_size = 2048, .sector_count = 1, .erased = 0xFF};
    memset(&world, 0, sizeof world);
    world.scenario = &none;
    slot_world_init(&world.slots, &geometry);
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_mount(&world.slots));
    const struct renewal_wiring wiring = {
        .slots = &world.slots.slots, .health = &world.health, .random = {.fill = fill}};
    TEST_ASSERT_EQUAL(IFL_IDENTITY_NONE, renewal_start(&world.renewal, &wiring, 0, 0));
    TEST_ASSERT_EQUAL(IFL_NEVER, renewal_step(&world.renewal, 1));
    finish();
}

static void write_figures(void)
{
    const char *dir = getenv("IFL_FIGURES_DIR");
    char path[512];
    printf("%u scenarios, %u wrong\n", scenario_count, wrong_count);
    if (dir == NULL || snprintf(path, sizeof path, "%s/renewal.json", dir) >= (int)sizeof path) {
        return;
    }
    FILE *file = fopen(path, "w");
    if (file != NULL) {
        fprintf(file, "{\"identity.scenarios\": %u, \"identity.scenarios_wrong\": %u}\n", scenario_count, wrong_count);
        fclose(file);
    }
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(in_every_scenario_the_right_one_is_in_use);
    RUN_TEST(and_so_it_is_when_the_power_goes_before_any_turn_of_the_loop);
    RUN_TEST(and_when_it_goes_in_the_middle_of_writing_a_mark);
    RUN_TEST(a_postponed_trial_leaves_the_sender_as_it_was);
    RUN_TEST(too_little_memory_only_postpones);
    RUN_TEST(a_change_while_the_flash_erases_keeps_the_sender_waiting);
    RUN_TEST(without_an_identity_there_is_nothing_to_start_with);
    write_figures();
    return UNITY_END();
}
