/* sim.c: runs of the simulator.
 *
 * usage: sim FIRST COUNT [STEP]           that many seeds from FIRST on; a line for each that fails, the sums on the last line
 *        sim --twice FIRST COUNT [STEP]   each seed two times: the traces must be the same
 *        sim --until-failure FIRST COUNT  stops at the first one that fails
 *        sim --story SEED                 one run, told step by step
 *
 * Exit: 0 all held, 1 a promise was broken, 2 wrong usage. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define AT_ONCE_MAX 3000 /* rounds in which neither time passes nor a byte moves; more is a busy loop */

static struct {
    uint64_t seeds, failures, virtual_ms, notes, steps, cuts, boots, requests, opens, lines, accepted, duplicates, dead,
        gave_up, batches;
} sums;

#define IDLE_ROUNDS_AN_HOUR 20000 /* without any event; for each event some more */

static uint64_t at_once, moved;
static struct {
    uint64_t until, events, happened, idle_rounds;
} hour;

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t event_count(void)
{
    return rate_request_count + rate_open_count + oracle_token_count() + weather_cuts + agent_boots;
}

/* Who polls instead of waiting for what comes next does many rounds in which nothing happens. */
static void watch_rounds(void)
{
    uint64_t happened = event_count() + world.note_count + world.medium.operations + link_moved();
    hour.idle_rounds += happened == hour.happened;
    hour.happened = happened;
    if (world.now < hour.until)
        return;
    if (hour.idle_rounds > IDLE_ROUNDS_AN_HOUR + 50 * (event_count() - hour.events))
        broken("the loop polls: %llu rounds in an hour in which nothing happens", (unsigned long long)hour.idle_rounds);
    hour.until = world.now + HOUR;
    hour.events = event_count();
    hour.idle_rounds = 0;
}

/* One round, and on to the next moment at which anything happens. */
static void run_round(uint64_t end)
{
    uint64_t wish = UINT64_MAX;
    sums.steps++;
    if (agent_is_on()) {
        wish = earlier(agent_step(), producers_next());
        if (!world.medium.off)
            oracle_step();
        if (!world.medium.off)
            wear_step();
        if (world.medium.off)
            weather_power_went();
    }
    uint64_t next = earlier(earlier(agent_is_on() ? wish : UINT64_MAX, link_next()), earlier(weather_next(), end));
    at_once = next <= world.now && link_moved() == moved ? at_once + 1 : 0;
    moved = link_moved();
    watch_rounds();
    if (at_once > AT_ONCE_MAX)
        broken("a busy loop: %d rounds in which nothing happens", AT_ONCE_MAX);
    if (next > world.now)
        world.now = next;
    link_run();
    weather_run();
    if (world.medium.off && agent_is_on())
        weather_power_went();
    if (world.medium.violations > 0)
        broken("flash rule broken: %s", world.medium.violation);
}

static void run_until(uint64_t end)
{
    while (world.now < end && !world.broken)
        run_round(end);
}

static void drain(uint64_t end)
{
    run_until(world.now + 5 * MINUTE);
    while (world.now < end && !world.broken && (!agent_is_on() || oracle_queued() > 0))
        run_until(world.now + MINUTE);
}

/* A backlog may go out four times as fast as it was stored, with pauses of five minutes at most (settings.h, max_rate). */
static uint64_t patience_ms(void)
{
    const struct settings *settings = &world.plan.settings;
    uint64_t pauses_ms = 6 * MINUTE * (agent_is_on() ? oracle_queued() : oracle_token_count());
    return 2 * (settings->probe_cap_ms + settings->backoff_cap_ms + HOUR) + HOUR + world.plan.role_cache_ms +
           earlier(pauses_ms, world.now / 2);
}

/* A store that was full, torn and emptied takes messages as on its first day. Those whose sync had failed are shown only now, and go out first. */
static bool takes_messages(void)
{
    uint64_t first = producers_last_lines();
    run_until(world.now + 10 * MINUTE);
    for (uint64_t token = first; token < oracle_token_count(); token++)
        if (!oracle_is_acknowledged(token))
            return false;
    return true;
}

/* A sync that fails closes the newest block of each lane that was written: where no block is free at that moment, nothing finished can be recorded, and so
 * nothing becomes free, until the next start. */
static void write_once_more(void)
{
    bool takes = takes_messages();
    if (!takes && world.plan.sync_failures && !world.broken) {
        weather_restart();
        run_until(world.now + 10 * MINUTE);
        drain(world.now + patience_ms());
        takes = takes_messages();
    }
    if (!takes)
        broken("the store is empty, but doesn't take a message any more");
    if (!world.broken && oracle_queued() > 0)
        drain(world.now + patience_ms());
}

/* The end of each run: everything works, and then nothing may be left. */
static void run_calm(void)
{
    uint64_t end = world.now + patience_ms();
    world.calm = true;
    weather_calm();
    note(NOTE_CALM, agent_is_on() ? oracle_queued() : 0, (int64_t)world.plan.route_count);
    drain(end);
    if (!world.broken && oracle_queued() == 0)
        write_once_more();
    for (int i = 0; i < 100 && agent_is_on() && flash_poll(&agent()->outbox.region) == IFL_FLASH_BUSY; i++)
        run_until(world.now + SECOND);
    if (!world.broken)
        oracle_finish();
}

static void begin(uint64_t seed, bool story)
{
    memset(&world, 0, sizeof world);
    world.seed = seed;
    world.story = story;
    weather_cuts = rate_request_count = rate_open_count = 0;
    dice_start(seed);
    plan_make(&world.plan);
    flash_double_init(&world.medium, &world.plan.flash);
    oracle_start();
    rate_start();
    wear_start();
    at_once = moved = 0;
    memset(&hour, 0, sizeof hour);
    agent_start();
    link_start();
    tenant_start();
    producers_start();
    weather_start();
}

static void add_up(void)
{
    sums.seeds++;
    sums.failures += world.broken;
    sums.virtual_ms += world.now;
    sums.notes += world.note_count;
    sums.cuts += weather_cuts;
    sums.boots += agent_boots;
    sums.requests += rate_request_count;
    sums.opens += rate_open_count;
    sums.lines += oracle_token_count();
    sums.accepted += oracle_accepted_count;
    sums.duplicates += oracle_duplicate_count;
    sums.dead += oracle_dead_count;
    sums.gave_up += oracle_gave_up_count;
    sums.batches += oracle_batch_count;
}

/* Returns the hash of the run's trace. */
static uint64_t run(uint64_t seed, bool story)
{
    begin(seed, story);
    run_until(world.plan.duration_ms);
    if (!world.broken)
        run_calm();
    agent_off();
    add_up();
    oracle_free();
    flash_double_free(&world.medium);
    if (world.broken)
        printf("FAILED: seed %llu: %s\n", (unsigned long long)seed, world.what);
    return world.hash;
}

static void print_sums(void)
{
    printf("SUMS: seeds=%llu failures=%llu virtual_ms=%llu notes=%llu steps=%llu cuts=%llu boots=%llu requests=%llu "
           "connections=%llu lines=%llu accepted=%llu duplicates=%llu dead_letters=%llu given_up=%llu "
           "batches=%llu\n",
           (unsigned long long)sums.seeds, (unsigned long long)sums.failures, (unsigned long long)sums.virtual_ms,
           (unsigned long long)sums.notes, (unsigned long long)sums.steps, (unsigned long long)sums.cuts,
           (unsigned long long)sums.boots, (unsigned long long)sums.requests, (unsigned long long)sums.opens,
           (unsigned long long)sums.lines, (unsigned long long)sums.accepted, (unsigned long long)sums.duplicates,
           (unsigned long long)sums.dead, (unsigned long long)sums.gave_up, (unsigned long long)sums.batches);
}

static void run_seed(uint64_t seed, bool twice)
{
    uint64_t hash = run(seed, false);
    if (twice && run(seed, false) != hash) {
        printf("FAILED: seed %llu: two runs differ\n", (unsigned long long)seed);
        sums.failures++;
    }
}

static int tell(uint64_t seed)
{
    uint64_t hash = run(seed, true);
    printf("trace hash %016llx, %llu events\n", (unsigned long long)hash, (unsigned long long)world.note_count);
    return world.broken;
}

int main(int argc, char **argv)
{
    uint64_t numbers[3] = {0, 0, 1}; /* first, count, step */
    bool twice = argc > 1 && strcmp(argv[1], "--twice") == 0;
    bool stop = argc > 1 && strcmp(argv[1], "--until-failure") == 0;
    bool story = argc == 3 && strcmp(argv[1], "--story") == 0;
    int given = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = twice || stop || story ? 2 : 1; i < argc && given < 3; i++)
        numbers[given++] = strtoull(argv[i], NULL, 10);
    if (story)
        return tell(numbers[0]);
    if (given < 2 || numbers[2] == 0) {
        fputs("usage: sim [--twice | --until-failure] FIRST COUNT [STEP] | --story SEED\n", stderr);
        return 2;
    }
    for (uint64_t i = 0; i < numbers[1] && !(stop && sums.failures > 0); i++)
        run_seed(numbers[0] + i * numbers[2], twice);
    print_sums();
    return sums.failures > 0;
}
