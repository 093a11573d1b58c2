/* plan.c: what follows from the seed before anything happens: the device, its configuration, and which troubles it will know. */
#include <stdio.h>
#include <string.h>

#include "sim.h"

struct medium_kind {
    uint32_t prog_size, sector_size, sector_count;
    uint8_t erased;
    bool cached;
};

static const struct medium_kind media[] = {
    {1, 4096, 24, 0xFF, false},  {1, 4096, 64, 0xFF, false},   {4, 4096, 32, 0xFF, false},
    {8, 2048, 64, 0xFF, false},  {16, 8192, 16, 0xFF, false},  {32, 16384, 14, 0xFF, false},
    {64, 4096, 40, 0x00, false}, {256, 4096, 48, 0xFF, false}, {256, 65536, 12, 0xFF, false},
    {1, 4096, 32, 0x00, true},   {1, 4096, 96, 0x00, true},
};

static uint64_t pick(uint64_t from, uint64_t to)
{
    return dice_between(DICE_PLAN, from, to);
}

static void plan_flash(struct plan *plan)
{
    const struct medium_kind *kind = &media[dice_below(DICE_PLAN, sizeof media / sizeof *media)];
    plan->flash.geometry = (struct flash_geometry){.size = kind->sector_size * kind->sector_count,
                                                   .sector_size = kind->sector_size,
                                                   .prog_size = kind->prog_size,
                                                   .erased = kind->erased};
    plan->flash.cached = kind->cached;
    plan->flash.erase_polls = kind->cached ? 0 : (uint32_t)dice_span(DICE_PLAN, 1, 40);
    plan->sync_failures = kind->cached && dice_chance(DICE_PLAN, 600);
    plan->worn_sectors = dice_chance(DICE_PLAN, 80) ? (unsigned)pick(1, 2) : 0;
    plan->flips = dice_chance(DICE_PLAN, 40) ? (unsigned)pick(1, 3) : 0;
}

/* A bit for each kind but "fine": some runs know one trouble only, some know many. */
static uint32_t swarm(unsigned count)
{
    uint32_t kinds = 0;
    unsigned per_mille = (unsigned)pick(0, 3) * 200;
    for (unsigned i = 1; i < count; i++)
        if (dice_chance(DICE_PLAN, per_mille))
            kinds |= UINT32_C(1) << i;
    return kinds;
}

static void plan_time(struct plan *plan)
{
    uint64_t kind = dice_below(DICE_PLAN, 100);
    if (kind < 70)
        plan->duration_ms = dice_span(DICE_PLAN, 2 * HOUR, 12 * HOUR);
    else if (kind < 94)
        plan->duration_ms = pick(DAY, 4 * DAY);
    else
        plan->duration_ms = pick(20 * DAY, 60 * DAY);
    plan->producer_count = pick(1, SIM_PRODUCERS);
    for (size_t i = 0; i < plan->producer_count; i++)
        plan->line_every_ms[i] = plan->duration_ms / dice_span(DICE_PLAN, 40, 500);
    plan->calm_ms = dice_span(DICE_PLAN, plan->duration_ms / 64, plan->duration_ms / 8);
    plan->trouble_ms = dice_span(DICE_PLAN, plan->duration_ms / 64, plan->duration_ms / 6);
    plan->drift_ppm = (int64_t)pick(0, 400) - 200;
}

static void plan_trouble(struct plan *plan)
{
    plan->network = swarm(NETWORK_COUNT);
    plan->host = swarm(HOST_COUNT);
    plan->flow = swarm(FLOW_COUNT);
    plan->power = (uint32_t)pick(0, 3); /* how eager */
    plan->lost_answers = dice_chance(DICE_PLAN, 500) ? (unsigned)dice_span(DICE_PLAN, 1, 150) : 0;
    plan->odd_answers = dice_chance(DICE_PLAN, 300) ? (unsigned)dice_span(DICE_PLAN, 1, 60) : 0;
    plan->clock_jumps = dice_chance(DICE_PLAN, 400);
    plan->stops = dice_chance(DICE_PLAN, 400);
    plan->operators = dice_chance(DICE_PLAN, 300);
    plan->full_disk = plan->flash.cached && dice_chance(DICE_DISK, 400);
    plan->tls13 = dice_chance(DICE_PLAN, 500);
    plan->resumes = dice_chance(DICE_PLAN, 600);
    plan->role_cache_ms = dice_chance(DICE_ACCESS, 600) ? dice_span(DICE_ACCESS, MINUTE, HOUR) : 0;
    plan->access = (enum plan_access)(dice_below(DICE_ACCESS, 5) % 3); /* two, two and one in five */
    plan->token_ms = dice_span(DICE_ACCESS, 5 * MINUTE, 12 * HOUR);
    for (size_t i = 0; i < plan->route_count; i++) {
        plan->csrf[i] = dice_chance(DICE_PLAN, 400);
        plan->picky[i] = dice_chance(DICE_PLAN, 250) ? (unsigned)pick(3, 40) : 0;
    }
}

static int add(char *json, size_t size, int at, const char *format, ...) __attribute__((format(printf, 4, 5)));

#include <stdarg.h>
static int add(char *json, size_t size, int at, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(json + at, size - (size_t)at, format, arguments);
    va_end(arguments);
    return at + written;
}

/* What a request of a route carries. */
static int add_body(char *json, size_t size, int at, const struct plan *plan)
{
    static const char *const words[] = {"raw", "json_array", "json_lines", "cloudevent"};
    uint64_t kind = dice_below(DICE_BATCH, 100);
    uint64_t body = dice_below(DICE_BATCH, 4);
    if (dice_chance(DICE_BATCH, 300))
        at = add(json, size, at, ",\"content_type\":\"text/plain\"");
    if (kind < 50)
        return kind < 40 ? at : add(json, size, at, ",\"body\":\"%s\"", words[body]);
    uint64_t most = dice_span(DICE_BATCH, 200, 2 * plan->payload_max);
    return add(json, size, at, ",\"body\":\"%s\",\"batch\":{\"max_count\":%u,\"max_size\":%u,\"max_delay_ms\":%u}",
               words[body % 3], (unsigned)dice_span(DICE_BATCH, 2, 40),
               (unsigned)(most < IFL_PAYLOAD_SIZE_MAX ? most : IFL_PAYLOAD_SIZE_MAX),
               dice_chance(DICE_BATCH, 600) ? (unsigned)dice_span(DICE_BATCH, 100, 1200000) : 0);
}

/* Through the real parser, so that keys which come later have the defaults that everybody has. */
static void plan_settings(struct plan *plan)
{
    char json[4096];
    int at = 0;
    uint64_t cap_ms = dice_span(DICE_PLAN, 8 * SECOND, 900 * SECOND);
    uint64_t first_ms = pick(20, 60) * SECOND;
    plan->payload_max = (uint32_t)dice_span(DICE_PLAN, 200, IFL_PAYLOAD_SIZE_MAX);
    plan->route_count = pick(1, SIM_ROUTES);
    plan->proxy = dice_chance(DICE_PLAN, 100);
    at = add(json, sizeof json, at, "{\"device\":\"sim\",\"url\":\"https://" SIM_HOST "\",");
    at = add(json, sizeof json, at, "\"outbox\":{\"payload_max\":%u},", (unsigned)plan->payload_max);
    at = add(json, sizeof json, at, "\"backoff\":{\"base_ms\":1000,\"cap_ms\":%u,\"boot_jitter_ms\":%u},",
             (unsigned)cap_ms, (unsigned)pick(0, 20000));
    at = add(json, sizeof json, at, "\"probe\":{\"first_ms\":%u,\"cap_ms\":%u},", (unsigned)first_ms,
             (unsigned)(cap_ms * 2 > first_ms ? cap_ms * 2 : first_ms));
    at = add(json, sizeof json, at, "\"idle_close_ms\":%u,\"routes\":{", (unsigned)pick(1000, 50000));
    for (size_t i = 0; i < plan->route_count; i++) {
        at = add(json, sizeof json, at,
                 "%s\"r%u\":{\"path\":\"/http/r%u\",\"priority\":%u,\"full\":\"%s\",\"timeout_ms\":%u,\"max_rate\":%u,"
                 "\"max_age_min\":%u,\"on_flow_error\":{\"dead_letter_after\":%u}",
                 i > 0 ? "," : "", (unsigned)i, (unsigned)i, (unsigned)pick(0, 3),
                 dice_chance(DICE_PLAN, 300) ? "give_up_oldest" : "refuse", (unsigned)pick(2000, 60000),
                 dice_chance(DICE_PLAN, 600) ? (unsigned)dice_span(DICE_PLAN, 6, 600) : 0,
                 dice_chance(DICE_AGE, 150) ? (unsigned)dice_between(DICE_AGE, 30, 3000) : 0,
                 dice_chance(DICE_PLAN, 200) ? (unsigned)pick(1, 4) : 0);
        at = add_body(json, sizeof json, at, plan);
        at = add(json, sizeof json, at, "}");
    }
    at = add(json, sizeof json, at, "}}");
    struct settings_error error;
    if (settings_parse(&plan->settings, bytes_of(json, (size_t)at), &error) != IFL_OK)
        broken("the simulator's own settings are refused: %s, %s: %s", error.key, error.allowed, json);
}

void plan_make(struct plan *plan)
{
    memset(plan, 0, sizeof *plan);
    plan_flash(plan);
    plan_settings(plan);
    plan_time(plan);
    plan_trouble(plan);
}
