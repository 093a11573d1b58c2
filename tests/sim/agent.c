/* agent.c: the rooms wired as iflowd and the node wire them: producers, sender, outbox; step everything, then the earliest wish. */
#include <stdio.h>
#include <string.h>

#include "ingest/ingest.h"
#include "sim.h"

#define BUILD_UNIX_S 1750000000
#define CANARY 0x5C
#define CANARY_SIZE 256
#define TRIES 100000

/* All RAM of the agent. Nothing may be written before or behind it, and there is nothing else. */
static struct {
    uint8_t before[CANARY_SIZE];
    struct agent agent;
    uint8_t behind[CANARY_SIZE];
} ram;

static struct ingest_wiring ingest_wiring;
static bool on;
static uint64_t booted_at;                   /* true time */
static ifl_ms first_ms;                      /* the agent's time then */
static bool csrf_remembered[IFL_LANE_COUNT]; /* what the state room keeps */
static uint64_t uptime_s;                    /* as the state room keeps it */
uint64_t agent_boots;

struct agent *agent(void)
{
    return &ram.agent;
}

bool agent_is_on(void)
{
    return on;
}

/* ---- time ---- */

ifl_ms agent_now(void)
{
    int64_t passed = (int64_t)(world.now - booted_at);
    return first_ms + (ifl_ms)(passed + passed * world.plan.drift_ppm / 1000000);
}

/* The first true moment at which the agent's clock shows `wish`. */
static uint64_t true_time(ifl_ms wish)
{
    if (wish == IFL_NEVER)
        return UINT64_MAX;
    if (wish <= agent_now())
        return world.now;
    int64_t wait = (int64_t)(wish - first_ms);
    uint64_t at = booted_at + (uint64_t)(wait - wait * world.plan.drift_ppm / 1000000);
    uint64_t now = world.now;
    world.now = at > now ? at - 1 : now;
    while (agent_now() < wish)
        world.now++;
    at = world.now;
    world.now = now;
    return at;
}

/* ---- what the rooms call ---- */

static enum ifl_status fill(void *ctx, void *buf, size_t size)
{
    (void)ctx;
    uint8_t *at = buf;
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)dice_u64(DICE_AGENT);
    return IFL_OK;
}

static void on_csrf_needed(void *ctx, uint8_t lane, bool needed)
{
    (void)ctx;
    csrf_remembered[lane] = needed;
}

/* ---- an access token, as the room `token` would fetch it ---- */

static struct {
    bool there, fetching, refused_once;
    ifl_ms until; /* it's used; or it will have been fetched */
    char value[32];
} access;

bool agent_renews_token(void)
{
    return world.plan.access == ACCESS_TOKEN && !access.refused_once;
}

static enum ifl_status authorize(void *ctx, ifl_ms now, const char **authorization)
{
    (void)ctx;
    *authorization = access.value;
    if (access.there && now < access.until)
        return IFL_OK;
    access.there = false;
    if (!access.fetching) {
        access.fetching = true;
        access.until = now + (ifl_ms)dice_span(DICE_ACCESS, 20, 5000);
    }
    if (now < access.until)
        return IFL_AGAIN;
    access.fetching = false;
    if (!world.calm && dice_chance(DICE_ACCESS, 100))
        return IFL_NET_TIMEOUT;
    snprintf(access.value, sizeof access.value, "Bearer %016llx", (unsigned long long)tenant_new_token());
    access.until = now + (ifl_ms)(world.plan.token_ms - MINUTE);
    access.there = true;
    return IFL_OK;
}

static bool on_token_refused(void *ctx)
{
    (void)ctx;
    bool again = !access.refused_once;
    access.there = access.fetching = false;
    access.refused_once = true;
    return again;
}

static void on_identity_verdict(void *ctx, enum ifl_status verdict)
{
    (void)ctx;
    if (verdict == IFL_OK)
        access.refused_once = false;
}

static void on_event(void *ctx, const struct health_event *event)
{
    (void)ctx;
    note(NOTE_EVENT, (uint64_t)event->status, event->route == HEALTH_ROUTE_NONE ? -1 : event->route);
}

/* ---- start ---- */

static enum ifl_status mount(const struct settings *settings)
{
    struct outbox_lane_config lanes[IFL_ROUTE_COUNT];
    for (size_t i = 0; i < settings->route_count; i++)
        lanes[i] = (struct outbox_lane_config){.route = settings->routes[i].name,
                                               .priority = settings->routes[i].priority,
                                               .min_blocks = 1,
                                               .full = settings->routes[i].full == SETTINGS_FULL_GIVE_UP_OLDEST
                                                           ? OUTBOX_GIVE_UP_OLDEST
                                                           : OUTBOX_REFUSE_NEW};
    struct outbox_config config = {.device_tag = 7,
                                   .payload_max = settings->payload_max,
                                   .lanes = lanes,
                                   .lane_count = settings->route_count,
                                   .random = {.fill = fill}};
    struct flash_region region = {.flash = &world.medium.flash, .size = world.medium.flash.geometry.size};
    enum ifl_status status = IFL_FLASH_BUSY;
    unsigned failures = 0; /* a sync may fail in it: "mount again when that is over" */
    for (int i = 0;
         i < TRIES && (status == IFL_FLASH_BUSY || (status == IFL_FLASH_IO && failures < 3)) && !world.medium.off;
         i++) {
        failures += status == IFL_FLASH_IO;
        status = outbox_mount(&ram.agent.outbox, region, &config);
        if (status == IFL_FLASH_BUSY)
            (void)flash_poll(&region);
    }
    return status;
}

static void start_sender(struct agent *a)
{
    struct sender_wiring wiring = {.settings = &a->settings,
                                   .outbox = &a->outbox,
                                   .tls = &a->tls,
                                   .clock = &a->clock,
                                   .health = &a->health,
                                   .random = {.fill = fill},
                                   .host = SIM_HOST,
                                   .port = 443,
                                   .proxy = &a->proxy,
                                   .user_agent = "iflow-agent/sim",
                                   .csrf_needed = on_csrf_needed,
                                   .identity_verdict = on_identity_verdict};
    memset(&access, 0, sizeof access);
    if (world.plan.access == ACCESS_BASIC)
        wiring.authorization = AGENT_BASIC;
    if (world.plan.access == ACCESS_TOKEN) {
        wiring.authorize = authorize;
        wiring.token_refused = on_token_refused;
    }
    if (sender_init(&a->sender, &wiring, agent_now()) != IFL_OK)
        broken("the sender doesn't start");
    for (uint8_t lane = 1; lane < IFL_LANE_COUNT; lane++)
        if (csrf_remembered[lane])
            sender_csrf_remembered(&a->sender, lane);
}

void agent_start(void)
{
    on = false;
    agent_boots = 0;
    memset(csrf_remembered, 0, sizeof csrf_remembered);
    uptime_s = 0;
}

bool agent_boot(void)
{
    struct agent *a = &ram.agent;
    memset(&ram, CANARY, sizeof ram);
    flash_double_power_on(&world.medium);
    booted_at = world.now;
    first_ms = dice_below(DICE_AGENT, 3000);
    agent_boots++;
    note(NOTE_BOOT, agent_boots, world.plan.drift_ppm);
    a->settings = world.plan.settings;
    memset(&a->proxy, 0, sizeof a->proxy);
    if (world.plan.proxy)
        (void)net_proxy_parse(bytes_of_string("user:secret@" SIM_PROXY ":3128"), &a->proxy);
    clock_init(&a->clock, BUILD_UNIX_S, agent_now());
    clock_uptime_tell(&a->clock, uptime_s);
    health_init(&a->health);
    a->health.listener = on_event;
    tls_init(&a->tls, &a->tls_context);
    enum ifl_status status = mount(&a->settings);
    if (world.medium.off)
        return false;
    struct outbox_stats stats;
    outbox_stats(&a->outbox, &stats);
    note(NOTE_MOUNTED, (uint64_t)status, stats.free_blocks);
    if (status != IFL_OK) {
        broken("the outbox can't be mounted: E%d %s", (int)status, ifl_name(status));
        return true;
    }
    ingest_wiring = (struct ingest_wiring){
        .settings = &a->settings, .outbox = &a->outbox, .clock = &a->clock, .health = &a->health};
    on = true;
    rate_reset();
    oracle_mounted();
    wear_mounted();
    start_sender(a);
    producers_power_on(&ingest_wiring);
    return true;
}

void agent_off(void)
{
    on = false;
    producers_power_off();
    oracle_powered_off();
    link_power_off();
}

bool agent_stop(void)
{
    enum ifl_status status = IFL_FLASH_BUSY;
    for (int i = 0; i < TRIES && status == IFL_FLASH_BUSY; i++) {
        status = outbox_flush(&ram.agent.outbox);
        if (status == IFL_FLASH_BUSY)
            (void)outbox_step(&ram.agent.outbox, agent_now() + (ifl_ms)i);
    }
    if (!world.medium.off)
        sender_stop(&ram.agent.sender);
    note(NOTE_STOP, (uint64_t)status, 0);
    return status == IFL_OK;
}

/* ---- the loop ---- */

static void check_ram(void)
{
    static uint8_t right[CANARY_SIZE];
    memset(right, CANARY, right[0] == CANARY ? 0 : sizeof right);
    if (memcmp(ram.before, right, sizeof right) != 0 || memcmp(ram.behind, right, sizeof right) != 0)
        broken("something was written outside of the agent's memory");
}

/* As the programs do: once an hour. */
static void save_uptime(const struct agent *a, ifl_ms now)
{
    uint64_t up_s = clock_uptime_s(&a->clock, now);
    if (up_s >= uptime_s + 3600)
        uptime_s = up_s;
}

uint64_t agent_step(void)
{
    struct agent *a = &ram.agent;
    ifl_ms now = agent_now();
    save_uptime(a, now);
    ifl_ms wish = producers_step(&a->outbox, now);
    if (!world.medium.off)
        wish = ifl_ms_min(wish, sender_step(&a->sender, now));
    if (access.fetching && access.until > now)
        wish = ifl_ms_min(wish, access.until);
    if (!world.medium.off)
        wish = ifl_ms_min(wish, outbox_step(&a->outbox, now));
    check_ram();
    return true_time(wish);
}
