/* oracle.c: the promise, checked after every step.
 *
 *   acknowledged   is delivered, still queued, a dead letter, or given up and counted
 *   order          first acceptances of a route come in the order of its numbers
 *   id             one for a payload, one payload for an id, for life; numbers have no gaps
 *   cursor         passes only what the server has accepted, what lies among the dead letters, or what is counted as given up
 *   batches        the messages of a request lie one behind the other, as stored; whoever was tried in a batch, or alone, goes in the same request under the same id
 *                  until that one is accepted, or rejected, or one of its messages is finished in another way; none is larger than the settings say, and one
 *                  that isn't full has waited
 *   repetition     only where the agent couldn't know the answer, or lost its memory
 *   age            nothing is given up before it has reached the limit of its route, nor sent long after
 *   progress       a route whose way is free isn't stuck
 */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define LANES (SIM_ROUTES + 2)

struct entry {
    uint64_t token;           /* + 1; 0: not known */
    uint64_t told_at;         /* the agent knows that it was accepted; 0: it doesn't */
    uint64_t alias;           /* a re-queued message lies here: its n in the same lane */
    uint64_t acknowledged_at; /* true time */
    uint64_t acknowledged_up; /* seconds that the agent had been up in all */
    uint64_t acknowledged_boot;
    uint32_t accepted;
    bool acknowledged, gave_up, dead, buried;
    bool passed;                                /* the cursor was behind it once */
    bool rejected;                              /* its last request */
    bool unrecorded;                            /* the store was full then: no place to record how it was tried */
    uint64_t tried_first, tried_last, tried_at; /* its last request; 0: none */
};

struct lane {
    struct entry *entries;
    size_t room;
    uint64_t last_acknowledged, last_accepted, cursor, floor;
    uint64_t gave_up_count;
    uint64_t progress_at;
    unsigned maybe_requeued; /* the power went while a dead letter was put back here */
    bool known, empty;
    unsigned route;
};

struct token {
    uint32_t route, size;
    uint64_t n; /* 0: not known */
    bool acknowledged;
};

static struct lane lanes[LANES];
static struct token *tokens;
static size_t token_count, token_room;
static uint64_t log_id;
static struct outbox_message requeuing;
static bool is_requeuing;
static uint64_t full_at; /* the store had no place for a record: what can't be given up is sent */
uint64_t oracle_accepted_count, oracle_duplicate_count, oracle_dead_count, oracle_gave_up_count, oracle_batch_count;

/* ---- memory ---- */

static void *grow(void *old, size_t old_count, size_t new_count, size_t size)
{
    char *bigger = realloc(old, new_count * size);
    if (bigger == NULL)
        abort();
    memset(bigger + old_count * size, 0, (new_count - old_count) * size);
    return bigger;
}

static struct entry *entry(uint8_t lane, uint64_t n)
{
    static struct entry nothing;
    if (lane >= LANES || n == 0 || n > 10000000) {
        broken("the id %u-%llu is impossible", lane, (unsigned long long)n);
        memset(&nothing, 0, sizeof nothing);
        return &nothing;
    }
    struct lane *l = &lanes[lane];
    if (n >= l->room) {
        size_t room = (size_t)n * 2 + 64;
        l->entries = grow(l->entries, l->room, room, sizeof *l->entries);
        l->room = room;
    }
    return &l->entries[n];
}

void oracle_start(void)
{
    oracle_free();
    oracle_accepted_count = oracle_duplicate_count = oracle_dead_count = oracle_gave_up_count = oracle_batch_count = 0;
}

void oracle_free(void)
{
    for (size_t i = 0; i < LANES; i++)
        free(lanes[i].entries);
    free(tokens);
    memset(lanes, 0, sizeof lanes);
    tokens = NULL;
    token_count = token_room = 0;
    log_id = 0;
    is_requeuing = false;
    full_at = 0;
}

/* ---- payloads ---- */

uint64_t oracle_token(unsigned route, uint32_t size)
{
    if (token_count == token_room) {
        tokens = grow(tokens, token_room, token_room * 2 + 256, sizeof *tokens);
        token_room = token_room * 2 + 256;
    }
    tokens[token_count] = (struct token){.route = route, .size = size};
    return token_count++;
}

uint32_t oracle_token_size(uint64_t token)
{
    return tokens[token].size;
}

unsigned oracle_token_route(uint64_t token)
{
    return tokens[token].route;
}

uint64_t oracle_token_count(void)
{
    return token_count;
}

bool oracle_is_acknowledged(uint64_t token)
{
    return tokens[token].acknowledged;
}

/* ---- ids ---- */

static void bind(uint64_t token, const struct outbox_id *id)
{
    struct entry *e = entry(id->lane, id->n);
    if (log_id == 0)
        log_id = id->log;
    if (id->log != log_id)
        broken("a new log id without a reason");
    if (e->token != 0 && e->token != token + 1)
        broken("the id %u-%llu names two payloads", id->lane, (unsigned long long)id->n);
    if (tokens[token].n != 0 && tokens[token].n != id->n)
        broken("token %llu has two ids: %llu and %llu", (unsigned long long)token, (unsigned long long)tokens[token].n,
               (unsigned long long)id->n);
    if (lanes[id->lane].known && lanes[id->lane].route != tokens[token].route)
        broken("token %llu lies in the lane of another route", (unsigned long long)token);
    e->token = token + 1;
    tokens[token].n = id->n;
}

void oracle_acknowledged(uint64_t token, const struct outbox_id *id)
{
    struct entry *e = entry(id->lane, id->n);
    note(NOTE_ACKED, token, (int64_t)id->n);
    if (e->acknowledged)
        broken("the id %u-%llu is acknowledged twice", id->lane, (unsigned long long)id->n);
    bind(token, id);
    if (id->n <= lanes[id->lane].last_acknowledged)
        broken("n %llu is acknowledged after n %llu", (unsigned long long)id->n,
               (unsigned long long)lanes[id->lane].last_acknowledged);
    lanes[id->lane].last_acknowledged = id->n;
    e->acknowledged = tokens[token].acknowledged = true;
    e->acknowledged_at = world.now;
    e->acknowledged_up = clock_uptime_s(&agent()->clock, agent_now());
    e->acknowledged_boot = agent_boots;
}

static void arrived(const struct request *request, uint64_t n, uint64_t token)
{
    struct outbox_id id = {.log = request->id.log, .lane = request->id.lane, .n = (outbox_n)n};
    if (tokens[token].route != request->route)
        broken("token %llu goes to the wrong flow", (unsigned long long)token);
    bind(token, &id);
}

bool oracle_requested(const struct request *request, const uint8_t *body, size_t size)
{
    if (!body_read(request, body, size, arrived)) {
        broken("%s of route %u arrives with a body that nobody wrote", request->id_text, request->route);
        return false;
    }
    return entry(request->id.lane, request->id.n)->accepted > 0;
}

static bool was_requeued(uint8_t lane, uint64_t n)
{
    return entry(lane, n)->dead || entry(lane, n)->gave_up || entry(lane, n)->passed || entry(lane, n)->alias != 0;
}

static void check_order(uint8_t lane, uint64_t accepted_n)
{
    struct lane *l = &lanes[lane];
    if (accepted_n < l->last_accepted && !was_requeued(lane, accepted_n))
        broken("n %llu is accepted after n %llu", (unsigned long long)accepted_n, (unsigned long long)l->last_accepted);
    for (uint64_t n = l->last_accepted + 1; n < accepted_n; n++)
        if (entry(lane, n)->accepted == 0 && !was_requeued(lane, n))
            broken("n %llu overtakes n %llu", (unsigned long long)accepted_n, (unsigned long long)n);
    if (accepted_n > l->last_accepted)
        l->last_accepted = accepted_n;
}

/* ---- ages ---- */

static uint64_t max_age_s(const struct lane *l)
{
    return world.plan.settings.routes[l->route].max_age_min * UINT64_C(60);
}

static bool is_sound(void)
{
    return world.plan.worn_sectors + world.plan.flips == 0 && !world.plan.sync_failures;
}

/* Only by its age: the store is sound and refuses the new when it's full. */
static bool gives_up_by_age_only(const struct lane *l)
{
    return world.plan.settings.routes[l->route].full == SETTINGS_FULL_REFUSE && max_age_s(l) > 0 && is_sound();
}

/* The device can't have been up longer than time has passed. A message is a little older than its acknowledgement. */
static void check_not_too_young(const struct lane *l, const struct entry *e)
{
    uint64_t at_most_s = (world.now - e->acknowledged_at) / SECOND;
    if (e->acknowledged && gives_up_by_age_only(l) && at_most_s + at_most_s / 100 + 600 < max_age_s(l))
        broken("route %u gave up a message of %llu s, its limit is %llu", l->route, (unsigned long long)at_most_s,
               (unsigned long long)max_age_s(l));
}

static void check_not_too_old(const struct lane *l, const struct entry *e)
{
    uint64_t up_s = clock_uptime_s(&agent()->clock, agent_now());
    uint64_t age_s = up_s > e->acknowledged_up ? up_s - e->acknowledged_up : 0;
    bool batches = world.plan.settings.routes[l->route].batch_count > 1; /* what was tried once in one doesn't age */
    if (e->acknowledged && !batches && max_age_s(l) > 0 && is_sound() && world.now > full_at + 30 * MINUTE &&
        !e->dead && e->alias == 0 && age_s > max_age_s(l) + 1200)
        broken("route %u sends a message of %llu s, its limit is %llu", l->route, (unsigned long long)age_s,
               (unsigned long long)max_age_s(l));
}

static void accepted(uint8_t lane, uint64_t n, uint64_t sent_at)
{
    struct entry *e = entry(lane, n);
    if (e->accepted++ == 0) {
        check_order(lane, n);
        check_not_too_old(&lanes[lane], e);
        oracle_accepted_count++;
        return;
    }
    oracle_duplicate_count++;
    if (e->told_at != 0 && sent_at > e->told_at && !e->dead)
        broken("n %llu is sent again, though the agent knew that it was accepted", (unsigned long long)n);
}

void oracle_accepted(const struct request *request)
{
    for (uint64_t n = request->id.n; n <= request->last_n; n++)
        accepted(request->id.lane, n, request->sent_at);
    oracle_batch_count += request->last_n > request->id.n;
}

void oracle_told(const struct request *request)
{
    for (uint64_t n = request->id.n; n <= request->last_n; n++)
        if (world.plan.worn_sectors + world.plan.flips == 0)
            entry(request->id.lane, n)->told_at = world.now;
}

/* ---- batches ---- */

/* Where its lane is, as far as the agent knows. */
static uint64_t cursor_of(uint8_t lane, uint64_t *last_n)
{
    struct outbox_lane_stats stats;
    *last_n = UINT64_MAX;
    if (!agent_is_on() || world.medium.off || outbox_lane_stats(&agent()->outbox, lane, &stats) != IFL_OK)
        return lanes[lane].cursor;
    *last_n = stats.last_n;
    return stats.last_n - stats.queued;
}

/* Or was a moment ago. */
static bool is_full(void)
{
    return full_at > 0 && world.now <= full_at + MINUTE;
}

/* The request in which n was tried before is over: it may go in another one. */
static bool is_settled(uint8_t lane, const struct entry *e)
{
    uint64_t last_n;
    return e->rejected || e->unrecorded || e->dead || cursor_of(lane, &last_n) >= e->tried_first || !is_sound();
}

static void check_size(const struct request *request)
{
    const struct settings_route *route = &world.plan.settings.routes[request->route];
    uint64_t count = request->last_n - request->id.n + 1, size = 1 + count;
    for (uint64_t n = request->id.n; n <= request->last_n; n++) {
        uint64_t token = entry(request->id.lane, n)->token;
        size += token > 0 ? tokens[token - 1].size : 0;
    }
    if (count > route->batch_count || (count > 1 && size > route->batch_size + 1))
        broken("%s: %llu messages, %llu bytes; the settings allow %u and %u", request->id_text,
               (unsigned long long)count, (unsigned long long)size, (unsigned)route->batch_count,
               (unsigned)route->batch_size);
}

/* A batch that has room goes only when its first message has waited long enough. Over a restart it may be one that was begun before, but never came here. */
static void check_patience(const struct request *request)
{
    const struct settings_route *route = &world.plan.settings.routes[request->route];
    const struct entry *first = entry(request->id.lane, request->id.n);
    uint64_t last_n;
    (void)cursor_of(request->id.lane, &last_n);
    uint64_t waits_until = first->acknowledged_at + route->batch_delay_ms - route->batch_delay_ms / 1000;
    bool full = request->last_n - request->id.n + 1 >= route->batch_count || last_n > request->last_n;
    if (first->acknowledged && first->acknowledged_boot == agent_boots && !full && request->sent_at + 50 < waits_until)
        broken("%s isn't full, but goes %llu ms too early", request->id_text,
               (unsigned long long)(waits_until - request->sent_at));
}

void oracle_tried(const struct request *request)
{
    uint8_t lane = request->id.lane;
    bool fresh = true;
    (void)entry(lane, request->last_n + 1); /* none of them moves from here on */
    for (uint64_t n = request->id.n; n <= request->last_n && !world.broken; n++) {
        struct entry *e = entry(lane, n);
        bool same = e->tried_first == request->id.n && e->tried_last == request->last_n;
        fresh = fresh && e->tried_at == 0 && !e->dead;
        if (request->sent_at < e->tried_at)
            return; /* it was on its way for long */
        if (e->tried_at != 0 && !same && !is_settled(lane, e))
            broken("n %llu was tried as %llu..%llu, and goes as %s now", (unsigned long long)n,
                   (unsigned long long)e->tried_first, (unsigned long long)e->tried_last, request->id_text);
        e->rejected = e->rejected && same;
        e->tried_first = request->id.n;
        e->tried_last = request->last_n;
        e->tried_at = request->sent_at;
        e->unrecorded = is_full();
    }
    check_size(request);
    if (fresh && !is_full())
        check_patience(request);
}

void oracle_rejected(const struct request *request)
{
    for (uint64_t n = request->id.n; n <= request->last_n; n++)
        entry(request->id.lane, n)->rejected = true;
}

/* ---- what lies in flash ---- */

static bool is_dead_letter(uint8_t lane, uint64_t n, bool *busy)
{
    struct outbox_message message;
    struct outbox *box = &agent()->outbox;
    enum ifl_status status = outbox_first(box, OUTBOX_LANE_DEAD, &message);
    while (status == IFL_OK) {
        if (message.id.lane == lane && message.id.n == n)
            return true;
        status = outbox_next(box, &message);
    }
    *busy = status != IFL_END;
    return false;
}

static bool pass(uint8_t lane, uint64_t n, uint64_t given_up)
{
    struct lane *l = &lanes[lane];
    struct entry *e = entry(lane, n);
    uint64_t id_n = e->alias != 0 ? e->alias : n;
    struct entry *message = entry(lane, id_n);
    e = entry(lane, n);
    bool busy = false;
    if (message->accepted > 0 || message->buried || e->gave_up) {
        e->passed = true;
        return true;
    }
    if (is_dead_letter(lane, id_n, &busy)) {
        oracle_dead_count += !message->dead;
        message->dead = e->passed = true;
        note(NOTE_DEAD, lane, (int64_t)id_n);
        rate_buried(l->route);
        return true;
    }
    if (busy)
        return false;
    e->passed = true;
    if (e->token == 0 && l->maybe_requeued > 0) {
        l->maybe_requeued--;
        return true;
    }
    e->gave_up = true;
    check_not_too_young(l, message);
    oracle_gave_up_count++;
    note(NOTE_GAVE_UP, lane, (int64_t)n);
    if (++l->gave_up_count > given_up)
        broken("lane %u: n %llu is finished, but nobody accepted it", lane, (unsigned long long)n);
    return true;
}

/* Messages whose sync failed were never acknowledged; they are shown only when the lane has a new block (outbox.h, outbox_sync()). */
static uint64_t waiting(const struct lane *l, const struct outbox_lane_stats *stats)
{
    bool acknowledged = l->last_acknowledged > stats->last_n - stats->queued;
    return world.plan.sync_failures && !acknowledged ? 0 : stats->queued;
}

static void check_progress(struct lane *l, const struct outbox_lane_stats *stats, bool moved)
{
    const struct settings *settings = &world.plan.settings;
    uint64_t limit = settings->probe_cap_ms + settings->backoff_cap_ms + HOUR + 20 * MINUTE;
    uint64_t since = weather_fine_since(l->route);
    bool was_empty = l->empty;
    l->empty = waiting(l, stats) == 0;
    /* Where the store is full, what a picky flow rejects can't become a dead letter: it waits, until the flow takes it. */
    bool picky = world.plan.picky[l->route] > 0 && !world.calm;
    if (moved || l->empty || was_empty || picky || since == UINT64_MAX) {
        l->progress_at = world.now;
        return;
    }
    if (l->progress_at < since)
        l->progress_at = since;
    if (l->progress_at < tenant_refuses_until(l->route))
        l->progress_at = tenant_refuses_until(l->route);
    if (l->progress_at < tenant_odd_at)
        l->progress_at = tenant_odd_at;
    if (world.now > l->progress_at + limit)
        broken("route %u stands still for %llu s though everything works", l->route,
               (unsigned long long)((world.now - l->progress_at) / SECOND));
}

/* A flipped bit in the last record, which no record behind it calls durable: it can't be told from one that was torn, and its number is given again. */
static void forget_last(struct lane *l, uint64_t last_n)
{
    for (uint64_t n = last_n + 1; n <= l->last_acknowledged; n++) {
        if (l->entries[n].token > 0)
            tokens[l->entries[n].token - 1].n = 0;
        memset(&l->entries[n], 0, sizeof l->entries[n]);
    }
    l->last_acknowledged = last_n;
    l->last_accepted = l->last_accepted < last_n ? l->last_accepted : last_n;
}

static void step_lane(uint8_t lane)
{
    struct lane *l = &lanes[lane];
    struct outbox_lane_stats stats;
    if (!l->known || outbox_lane_stats(&agent()->outbox, lane, &stats) != IFL_OK)
        return;
    uint64_t cursor = stats.last_n - stats.queued;
    uint64_t before = l->cursor;
    if (stats.last_n < l->last_acknowledged && l->last_acknowledged - stats.last_n <= world.plan.flips)
        forget_last(l, stats.last_n);
    if (stats.last_n < l->last_acknowledged)
        broken("lane %u: n %llu was acknowledged, but the lane ends with n %llu", lane,
               (unsigned long long)l->last_acknowledged, (unsigned long long)stats.last_n);
    if (cursor < l->cursor)
        broken("lane %u: the cursor moves back", lane);
    while (l->cursor < cursor && !world.broken && pass(lane, l->cursor + 1, stats.given_up))
        l->cursor++;
    if (l->cursor > before)
        note(NOTE_FINISHED, lane, (int64_t)l->cursor);
    check_progress(l, &stats, l->cursor > before);
}

void oracle_step(void)
{
    if (!world.medium.off && (agent()->outbox.stats.free_blocks < 2 || world.medium.full_from != 0))
        full_at = world.now;
    for (uint8_t lane = 1; lane < LANES && !world.medium.off; lane++)
        step_lane(lane);
}

/* ---- power ---- */

static void lane_mounted(uint8_t lane, uint64_t cursor)
{
    struct lane *l = &lanes[lane];
    if (cursor < l->floor && world.plan.flips == 0)
        broken("lane %u: n %llu comes back after a flush that promised otherwise", lane, (unsigned long long)l->floor);
    for (uint64_t n = cursor + 1; n <= l->cursor; n++) {
        struct entry *e = entry(lane, n);
        l->gave_up_count -= e->gave_up;
        oracle_gave_up_count -= e->gave_up;
        e->gave_up = false;
    }
    if (cursor < l->cursor)
        l->cursor = cursor;
    l->progress_at = world.now;
}

void oracle_mounted(void)
{
    for (unsigned route = 0; route < world.plan.route_count; route++) {
        struct outbox_lane_stats stats;
        uint8_t lane = outbox_lane_of(&agent()->outbox, world.plan.settings.routes[route].name);
        if (lane >= LANES || outbox_lane_stats(&agent()->outbox, lane, &stats) != IFL_OK) {
            broken("route %u has no lane", route);
            return;
        }
        if (lanes[lane].known && lanes[lane].route != route)
            broken("lane %u changes its route", lane);
        lanes[lane].known = true;
        lanes[lane].route = route;
        lane_mounted(lane, stats.last_n - stats.queued);
    }
}

void oracle_powered_off(void)
{
    for (size_t lane = 0; lane < LANES; lane++)
        for (size_t n = 0; n < lanes[lane].room; n++)
            lanes[lane].entries[n].told_at = 0;
    if (is_requeuing)
        lanes[requeuing.id.lane].maybe_requeued++;
    is_requeuing = false;
}

void oracle_flushed(void)
{
    for (uint8_t lane = 1; lane < LANES; lane++) {
        struct outbox_lane_stats stats;
        if (lanes[lane].known && outbox_lane_stats(&agent()->outbox, lane, &stats) == IFL_OK)
            lanes[lane].floor = stats.last_n - stats.queued;
    }
}

/* ---- the operator ---- */

void oracle_requeue_begins(const struct outbox_message *dead)
{
    requeuing = *dead;
    is_requeuing = true;
}

void oracle_requeued(const struct outbox_message *dead, enum ifl_status status)
{
    struct outbox_lane_stats stats;
    if (world.medium.off)
        return; /* oracle_powered_off() comes */
    is_requeuing = false;
    lanes[dead->id.lane].maybe_requeued += status == IFL_FLASH_IO || status == IFL_FLASH_VERIFY;
    if (status != IFL_OK || outbox_lane_stats(&agent()->outbox, dead->id.lane, &stats) != IFL_OK)
        return;
    entry(dead->id.lane, stats.last_n)->alias = dead->id.n;
}

void oracle_bury(const struct outbox_message *dead)
{
    entry(dead->id.lane, dead->id.n)->buried = true;
}

/* ---- the end ---- */

uint64_t oracle_queued(void)
{
    uint64_t count = 0;
    for (uint8_t lane = 1; lane < LANES; lane++) {
        struct outbox_lane_stats stats;
        if (lanes[lane].known && outbox_lane_stats(&agent()->outbox, lane, &stats) == IFL_OK)
            count += waiting(&lanes[lane], &stats);
    }
    return count;
}

static unsigned flips_to_explain;

static void finish_lane(uint8_t lane)
{
    struct lane *l = &lanes[lane];
    struct outbox_lane_stats stats;
    bool busy = false;
    if (!l->known || outbox_lane_stats(&agent()->outbox, lane, &stats) != IFL_OK)
        return;
    for (uint64_t n = 1; n < l->room; n++) /* a re-queued message shares the fate of its new place */
        if (l->entries[n].alias != 0 && l->entries[n].gave_up)
            entry(lane, l->entries[n].alias)->gave_up = true;
    for (uint64_t n = 1; n <= l->last_acknowledged && n < l->room; n++) {
        const struct entry *e = &l->entries[n];
        if (!e->acknowledged || e->accepted > 0 || e->gave_up || e->buried || is_dead_letter(lane, n, &busy) || busy)
            continue;
        if (e->dead && flips_to_explain > 0) /* a flipped bit costs one record, also among the dead letters */
            flips_to_explain--;
        else
            broken("n %llu of route %u was acknowledged and is nowhere", (unsigned long long)n, l->route);
    }
    bool refuses = world.plan.settings.routes[l->route].full == SETTINGS_FULL_REFUSE;
    bool sound = world.plan.worn_sectors + world.plan.flips == 0 && !world.plan.sync_failures;
    if (refuses && sound && max_age_s(l) == 0 && stats.given_up > 0)
        broken("route %u never gives up, but gave up %llu", l->route, (unsigned long long)stats.given_up);
}

void oracle_finish(void)
{
    if (oracle_queued() > 0)
        broken("%llu messages still wait though everything works", (unsigned long long)oracle_queued());
    flips_to_explain = world.plan.flips;
    for (uint8_t lane = 1; lane < LANES; lane++)
        finish_lane(lane);
}
