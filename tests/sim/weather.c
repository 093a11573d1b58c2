/* weather.c: what happens to power, network, tenant, flows, clock and medium, and what an operator does. Each of them has calm and trouble in turn, for random
 * times; which kinds of trouble a run knows at all is its plan's. */
#include <string.h>

#include "sim.h"

struct front {
    uint64_t next_at;
    unsigned kind;  /* 0: fine */
    uint32_t kinds; /* that may come */
};

static struct front network, host, flows[SIM_ROUTES];
static bool csrf[SIM_ROUTES], loses_certificate;
static uint64_t fine_since[SIM_ROUTES];
static uint64_t cut_next, stop_next, on_at, clock_next, operator_next, medium_next, disk_next;
static unsigned worn_left, flips_left;
static bool power_off, sync_fails;
uint64_t weather_cuts;

enum network_weather weather_network(void)
{
    return (enum network_weather)network.kind;
}

enum host_weather weather_host(void)
{
    return (enum host_weather)host.kind;
}

enum flow_weather weather_flow(unsigned route)
{
    return (enum flow_weather)flows[route].kind;
}

bool weather_csrf(unsigned route)
{
    return csrf[route];
}

bool weather_loses_certificate(void)
{
    return loses_certificate;
}

uint64_t weather_fine_since(unsigned route)
{
    return fine_since[route];
}

static void look_at_routes(void)
{
    for (unsigned i = 0; i < SIM_ROUTES; i++) {
        bool fine = network.kind == 0 && host.kind == 0 && flows[i].kind == 0 && !power_off;
        if (!fine)
            fine_since[i] = UINT64_MAX;
        else if (fine_since[i] == UINT64_MAX)
            fine_since[i] = world.now;
    }
}

/* ---- fronts ---- */

static void front_start(struct front *front, uint32_t kinds)
{
    *front = (struct front){.kinds = kinds, .next_at = UINT64_MAX};
    if (kinds != 0)
        front->next_at = dice_span(DICE_WEATHER, MINUTE, world.plan.calm_ms + MINUTE);
}

static void front_change(struct front *front, unsigned number)
{
    if (front->kind != 0) {
        front->kind = 0;
        front->next_at = world.now + dice_span(DICE_WEATHER, MINUTE, world.plan.calm_ms + MINUTE);
    } else {
        do
            front->kind = (unsigned)dice_below(DICE_WEATHER, 32);
        while ((front->kinds >> front->kind & 1) == 0);
        front->next_at = world.now + dice_span(DICE_WEATHER, 5 * SECOND, world.plan.trouble_ms + MINUTE);
    }
    note(NOTE_WEATHER, number, front->kind);
}

static void flow_changes(unsigned route)
{
    front_change(&flows[route], 10 + route);
    if (dice_chance(DICE_WEATHER, 200))
        csrf[route] = !csrf[route];
    tenant_redeploy(route, csrf[route]);
    if (flows[route].kind == FLOW_CSRF_BROKEN)
        csrf[route] = true;
}

/* ---- power ---- */

static uint64_t cut_every_ms(void)
{
    static const unsigned parts[] = {1, 4, 20, 80};
    return world.plan.duration_ms / parts[world.plan.power];
}

/* Called before each operation of the medium: a sync may fail; and where the power goes, a tear is chosen that means something. */
static void before_operation(void *ctx, const struct flash_double *medium, const void *from)
{
    (void)ctx;
    (void)from;
    if (sync_fails && producers_wait_for_sync && medium->last_operation == FLASH_OP_SYNC) {
        sync_fails = false;
        world.medium.seed = dice_u64(DICE_POWER);
        world.medium.sync_fails_at = medium->operations;
        note_words("a sync fails");
    }
    if (medium->operations != medium->cut_at)
        return;
    do
        world.medium.tear = (enum flash_tear)dice_below(DICE_POWER, FLASH_TEAR_COUNT);
    while (!flash_double_tear_applies(medium, medium->last_operation, medium->tear));
}

static void arm(uint64_t within)
{
    flash_double_cut(&world.medium, world.medium.operations + dice_span(DICE_POWER, 1, within), FLASH_TEAR_NOTHING,
                     dice_u64(DICE_POWER));
}

void weather_power_went(void)
{
    power_off = true;
    weather_cuts++;
    on_at = world.now + dice_span(DICE_POWER, 10, dice_chance(DICE_POWER, 900) ? MINUTE : 2 * HOUR);
    note(NOTE_POWER_OFF, world.medium.tear, (int64_t)(on_at - world.now));
    agent_off();
    look_at_routes();
}

bool weather_power_is_off(void)
{
    return power_off;
}

static void cut_now(void)
{
    enum flash_tear tear = FLASH_TEAR_NOTHING;
    enum flash_operation operation = world.medium.options.cached ? FLASH_OP_SYNC : FLASH_OP_ERASE;
    do
        tear = (enum flash_tear)dice_below(DICE_POWER, FLASH_TEAR_COUNT);
    while (!flash_double_tear_applies(&world.medium, operation, tear));
    world.medium.tear = tear;
    flash_double_power_off(&world.medium, tear, dice_u64(DICE_POWER));
}

static void power_comes(void)
{
    power_off = false;
    world.medium.full_from = 0;
    if (!world.calm && dice_chance(DICE_POWER, 350))
        arm(60); /* perhaps in the middle of the recovery */
    bool up = agent_boot();
    look_at_routes();
    if (!up || world.medium.off)
        weather_power_went();
}

static void power_changes(void)
{
    cut_next = world.now + 1 + dice_below(DICE_POWER, 2 * cut_every_ms());
    if (power_off)
        return;
    if (dice_chance(DICE_POWER, 600))
        arm(400);
    else
        cut_now();
}

/* ---- clock, medium, operator ---- */

static void clock_changes(void)
{
    static const int64_t odd[] = {0, 1, 4294967295, 4302967295, 253402300799, -1};
    int64_t unix_s = world_unix_s();
    enum clock_quality quality = dice_chance(DICE_WEATHER, 500) ? CLOCK_SNTP : CLOCK_RTC;
    if (dice_chance(DICE_WEATHER, 300))
        unix_s = odd[dice_below(DICE_WEATHER, sizeof odd / sizeof *odd)];
    else if (dice_chance(DICE_WEATHER, 300))
        unix_s += (int64_t)dice_below(DICE_WEATHER, 800 * 86400) - 400 * 86400;
    clock_next = world.now + dice_span(DICE_WEATHER, MINUTE, world.plan.duration_ms / 4);
    if (!agent_is_on())
        return;
    note(NOTE_CLOCK, quality, unix_s);
    (void)clock_set(&agent()->clock, unix_s, quality, 0, agent_now());
}

static bool is_programmed(uint32_t at)
{
    uint32_t granule = world.medium.options.geometry.prog_size;
    uint8_t blank = world.medium.options.geometry.erased;
    for (uint32_t i = at / granule * granule; i < at / granule * granule + granule; i++)
        if (world.medium.bytes[i] != blank)
            return true;
    return false;
}

static void medium_changes(void)
{
    medium_next = world.now + dice_below(DICE_WEATHER, world.plan.duration_ms / (world.plan.sync_failures ? 40 : 2));
    uint32_t size = world.medium.options.geometry.size;
    uint32_t at = (uint32_t)dice_below(DICE_WEATHER, size);
    if (world.plan.flash.cached && world.plan.sync_failures && dice_chance(DICE_WEATHER, 500)) {
        sync_fails = true;
    } else if (worn_left > 0) {
        worn_left--;
        flash_double_wear_out(&world.medium, at, (enum flash_wear)dice_between(DICE_WEATHER, 1, 3));
        note_words("the sector at 0x%x is worn out", (unsigned)at);
    } else if (flips_left > 0 &&
               is_programmed(at)) { /* nobody looks at blank granules again before they are programmed */
        flips_left--;
        flash_double_flip(&world.medium, at, (unsigned)dice_below(DICE_WEATHER, 8));
        note_words("a bit flips at 0x%x", (unsigned)at);
    }
}

/* No space in the file system; never over a start. */
static void disk_changes(void)
{
    bool full = world.medium.full_from == 0 && !power_off;
    world.medium.full_from = full ? world.medium.operations + 1 : 0;
    disk_next = world.now + (full ? dice_span(DICE_DISK, SECOND, world.plan.trouble_ms + MINUTE)
                                  : dice_span(DICE_DISK, MINUTE, world.plan.calm_ms + MINUTE));
    note_words(full ? "the file system is full" : "the file system has space");
}

static void treat_dead_letter(bool requeue)
{
    struct outbox *box = &agent()->outbox;
    struct outbox_message dead;
    if (outbox_first(box, OUTBOX_LANE_DEAD, &dead) != IFL_OK)
        return;
    if (requeue) {
        uint8_t lane = dead.id.lane;
        oracle_requeue_begins(&dead);
        oracle_requeued(&dead, outbox_requeue(box, &dead, lane));
    } else {
        oracle_bury(&dead);
        (void)outbox_bury(box, &dead);
    }
}

/* As soon as there is something to lose. */
static bool is_time_to_stop(void)
{
    return world.now >= stop_next && agent_is_on() && !world.medium.off &&
           sender_state(&agent()->sender) >= SENDER_POST;
}

void weather_restart(void)
{
    stop_next = world.now + dice_below(DICE_POWER, world.plan.duration_ms / 10);
    if (agent_stop())
        oracle_flushed();
    if (world.medium.off)
        return;
    agent_off();
    on_at = world.now + dice_span(DICE_POWER, 10, MINUTE);
    power_off = true;
    flash_double_power_off(&world.medium, FLASH_TEAR_NOTHING, dice_u64(DICE_POWER));
}

static void operator_acts(void)
{
    unsigned kind = (unsigned)dice_below(DICE_WEATHER, 5);
    unsigned route = (unsigned)dice_below(DICE_WEATHER, world.plan.route_count);
    operator_next = world.now + dice_span(DICE_WEATHER, MINUTE, world.plan.duration_ms / 8);
    if (!agent_is_on() || world.medium.off)
        return;
    note(NOTE_OPERATOR, kind, route);
    switch (kind) {
    case 0:
        sender_retry(&agent()->sender, dice_chance(DICE_WEATHER, 500) ? (uint8_t)route : HEALTH_ROUTE_NONE,
                     agent_now());
        rate_reset();
        break;
    case 1:
        sender_identity_changed(&agent()->sender, agent_now());
        rate_reset();
        break;
    case 2:
    case 3:
        treat_dead_letter(kind == 2);
        break;
    default:
        tenant_forget_sessions();
        loses_certificate = dice_chance(DICE_WEATHER, 500);
        break;
    }
}

/* ---- all ---- */

void weather_start(void)
{
    const struct plan *plan = &world.plan;
    front_start(&network, plan->network);
    front_start(&host, plan->host);
    for (unsigned i = 0; i < SIM_ROUTES; i++) {
        front_start(&flows[i], i < plan->route_count ? plan->flow : 0);
        csrf[i] = plan->csrf[i];
        fine_since[i] = 0;
    }
    loses_certificate = false;
    worn_left = plan->worn_sectors;
    flips_left = plan->flips;
    cut_next = plan->power > 0 ? dice_below(DICE_POWER, cut_every_ms()) : UINT64_MAX;
    stop_next = plan->stops ? dice_below(DICE_POWER, plan->duration_ms / 5) : UINT64_MAX;
    clock_next = plan->clock_jumps ? dice_span(DICE_WEATHER, SECOND, DAY) : UINT64_MAX;
    operator_next = plan->operators ? dice_span(DICE_WEATHER, MINUTE, DAY) : UINT64_MAX;
    disk_next = plan->full_disk ? dice_span(DICE_DISK, MINUTE, DAY) : UINT64_MAX;
    sync_fails = false;
    medium_next = plan->sync_failures || worn_left + flips_left > 0 ? dice_below(DICE_WEATHER, plan->duration_ms / 2)
                                                                    : UINT64_MAX;
    world.medium.watch = before_operation;
    power_off = true;
    on_at = 0;
}

static bool is_due(uint64_t at)
{
    return world.now >= at && !world.broken;
}

void weather_run(void)
{
    if (power_off && is_due(on_at))
        power_comes();
    if (is_due(network.next_at))
        front_change(&network, 0);
    if (is_due(host.next_at))
        front_change(&host, 1);
    for (unsigned i = 0; i < world.plan.route_count; i++)
        if (is_due(flows[i].next_at))
            flow_changes(i);
    if (is_due(clock_next))
        clock_changes();
    if (is_due(medium_next))
        medium_changes();
    if (is_due(disk_next))
        disk_changes();
    if (is_due(cut_next))
        power_changes();
    if (is_due(operator_next))
        operator_acts();
    if (!world.calm && is_time_to_stop())
        weather_restart();
    look_at_routes();
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t weather_next(void)
{
    uint64_t next = power_off ? on_at : UINT64_MAX;
    next = earlier(next, earlier(network.next_at, host.next_at));
    for (unsigned i = 0; i < world.plan.route_count; i++)
        next = earlier(next, flows[i].next_at);
    next = earlier(next, earlier(clock_next, medium_next));
    return earlier(next, earlier(disk_next, earlier(cut_next, operator_next)));
}

void weather_calm(void)
{
    network.kind = host.kind = 0;
    network.next_at = host.next_at = UINT64_MAX;
    for (unsigned i = 0; i < SIM_ROUTES; i++) {
        flows[i].kind = 0;
        flows[i].next_at = UINT64_MAX;
    }
    loses_certificate = false;
    cut_next = clock_next = operator_next = medium_next = disk_next = UINT64_MAX;
    world.medium.cut_at = world.medium.full_from = 0;
    sync_fails = false;
    on_at = on_at < world.now ? on_at : world.now;
    look_at_routes();
}
