/* verb_status.c: `status` and `routes`. */
#include <string.h>

#include "answer.h"
#include "verbs.h"

static const char *host_word(enum sender_state state)
{
    switch (state) {
    case SENDER_IDLE:
        return "idle";
    case SENDER_CONNECT:
        return "connecting";
    case SENDER_READY:
        return "connected";
    case SENDER_CSRF:
        return "fetching a CSRF token";
    case SENDER_POST:
        return "sending";
    case SENDER_ANSWER:
        return "waiting for the answer";
    }
    return "";
}

static const char *route_word(enum sender_route_state state)
{
    switch (state) {
    case SENDER_ROUTE_GOING:
        return "going";
    case SENDER_ROUTE_BACKOFF:
        return "backing off";
    case SENDER_ROUTE_HELD:
        return "held";
    }
    return "";
}

static uint64_t seconds_until(ifl_ms until, ifl_ms now)
{
    return until > now ? (until - now + 999) / 1000 : 0;
}

/* "backing off, next try in 3 s: E503 …" */
static void view_text(struct console *console, const struct sender_view *view, ifl_ms now)
{
    answer_str(console, route_word(view->state));
    if (view->state == SENDER_ROUTE_GOING) {
        return;
    }
    if (view->until != IFL_NEVER) {
        answer_str(console, ", next try in ");
        answer_duration(console, seconds_until(view->until, now));
    }
    if (view->status != IFL_OK) {
        answer_str(console, ": ");
        answer_status(console, view->status);
    }
}

static void view_json(struct members *json, const struct sender_view *view, ifl_ms now)
{
    member_string(json, "state", route_word(view->state));
    member_status(json, "status", view->status);
    if (view->state == SENDER_ROUTE_GOING || view->until == IFL_NEVER) {
        member_null(json, "next_try_s");
    } else {
        member_u64(json, "next_try_s", seconds_until(view->until, now));
    }
    member_u64(json, "attempts", view->attempts);
    member_u64(json, "accepted", view->accepted_count);
    member_string(json, "mpl_id", view->mpl_id);
}

static void route_facts(struct console *console, size_t route, struct sender_view *view,
                        struct outbox_lane_stats *stats)
{
    memset(view, 0, sizeof *view);
    memset(stats, 0, sizeof *stats);
    (void)sender_route_view(console->wiring->sender, route,
                            view); /* a route that isn't known there yet is simply going */
    const uint8_t lane = outbox_lane_of(console->wiring->outbox, console->wiring->settings->routes[route].name);
    if (lane != OUTBOX_LANE_NONE) {
        (void)outbox_lane_stats(console->wiring->outbox, lane, stats);
    }
}

/* ---- routes ---- */

static void route_text(struct console *console, size_t route, ifl_ms now)
{
    const struct settings_route *settings = &console->wiring->settings->routes[route];
    struct sender_view view;
    struct outbox_lane_stats stats;
    route_facts(console, route, &view, &stats);
    answer_column(console, settings->name, 16);
    answer_str(console, " ");
    answer_str(console, settings->path);
    answer_str(console, "\n  ");
    view_text(console, &view, now);
    answer_str(console, "\n  ");
    answer_u64(console, stats.queued);
    answer_str(console, " queued, ");
    answer_u64(console, view.accepted_count);
    answer_str(console, " accepted since the start, ");
    answer_u64(console, stats.given_up);
    answer_str(console, " given up\n");
    if (view.mpl_id[0] != '\0') {
        answer_str(console, "  last MPL id ");
        answer_str(console, view.mpl_id);
        answer_str(console, "\n");
    }
}

static void route_json(struct members *json, size_t route, ifl_ms now)
{
    const struct settings_route *settings = &json->console->wiring->settings->routes[route];
    struct sender_view view;
    struct outbox_lane_stats stats;
    route_facts(json->console, route, &view, &stats);
    member_open(json, NULL, '{');
    member_string(json, "name", settings->name);
    member_string(json, "path", settings->path);
    view_json(json, &view, now);
    member_u64(json, "queued", stats.queued);
    member_u64(json, "given_up", stats.given_up);
    member_u64(json, "last_n", stats.last_n);
    member_close(json, '}');
}

static void routes_json(struct members *json, ifl_ms now)
{
    member_open(json, "routes", '[');
    for (size_t route = 0; route < json->console->wiring->settings->route_count; route++) {
        route_json(json, route, now);
    }
    member_close(json, ']');
}

enum ifl_status console_verb_routes(struct console *console, struct words *words, ifl_ms now)
{
    if (words_next(words).size > 0) {
        return IFL_USAGE;
    }
    if (console->json) {
        struct members json = members_begin(console);
        routes_json(&json, now);
        return IFL_OK;
    }
    for (size_t route = 0; route < console->wiring->settings->route_count; route++) {
        route_text(console, route, now);
    }
    return IFL_OK;
}

/* ---- status, for people ---- */

static void label(struct console *console, const char *name)
{
    answer_column(console, name, 10);
}

static void device_line(struct console *console, ifl_ms now)
{
    const struct clock_reading reading = clock_read(console->wiring->clock, now);
    label(console, "device");
    answer_str(console, console->wiring->settings->device);
    answer_str(console, ", ");
    answer_str(console, console->wiring->version);
    answer_str(console, "\n");
    label(console, "time");
    answer_utc(console, reading.unix_s);
    answer_str(console, ", known from: ");
    answer_str(console, clock_quality_name(reading.quality));
    answer_str(console, "\n");
}

static void host_line(struct console *console, ifl_ms now)
{
    struct sender_view view;
    memset(&view, 0, sizeof view);
    sender_host_view(console->wiring->sender, &view);
    label(console, "host");
    answer_str(console, console->wiring->host);
    answer_str(console, ": ");
    answer_str(console, host_word(sender_state(console->wiring->sender)));
    if (view.state != SENDER_ROUTE_GOING) {
        answer_str(console, ", ");
        view_text(console, &view, now);
    }
    answer_str(console, "\n");
}

static void identity_line(struct console *console, ifl_ms now)
{
    const struct identity_slots *slots = console->wiring->slots;
    label(console, "identity");
    if (slots->active < 0 && slots->pending < 0) {
        answer_str(console, "none\n");
        return;
    }
    if (slots->active >= 0) {
        answer_validity(console, slots->slot[slots->active].chain_not_after,
                        clock_read(console->wiring->clock, now).unix_s);
    }
    answer_str(console, slots->pending >= 0 ? ", a new one waits to be proven\n" : "\n");
}

static void outbox_lines(struct console *console)
{
    struct outbox_stats stats;
    outbox_stats(console->wiring->outbox, &stats);
    label(console, "outbox");
    answer_u64(console, stats.free_blocks);
    answer_str(console, " of ");
    answer_u64(console, stats.block_count);
    answer_str(console, " blocks of ");
    answer_u64(console, stats.block_size / 1024);
    answer_str(console, " KB are free");
    if (stats.corrupt_records + stats.lost_records + stats.retired_blocks > 0) {
        answer_str(console, "; ");
        answer_count(console, stats.corrupt_records, "damaged record, ", "damaged records, ");
        answer_u64(console, stats.lost_records);
        answer_str(console, " lost by the medium, ");
        answer_count(console, stats.retired_blocks, "worn block", "worn blocks");
    }
    answer_str(console, "\n");
}

static void counter_list(struct console *console, const char *name, const enum health_counter *counters, size_t count)
{
    label(console, name);
    for (size_t i = 0; i < count; i++) {
        answer_str(console, i == 0 ? "" : ", ");
        answer_u64(console, console->wiring->health->counters[counters[i]]);
        answer_str(console, " ");
        for (const char *c = health_counter_name(counters[i]); *c != '\0'; c++) {
            answer_bytes(console, *c == '_' ? bytes_of(" ", 1) : bytes_of(c, 1));
        }
    }
    answer_str(console, "\n");
}

static void counter_lines(struct console *console)
{
    static const enum health_counter MESSAGES[] = {HEALTH_STORED, HEALTH_ACCEPTED, HEALTH_REFUSED, HEALTH_DEAD_LETTERED,
                                                   HEALTH_GIVEN_UP};
    static const enum health_counter REQUESTS[] = {HEALTH_POSTED, HEALTH_RETRIED, HEALTH_HELD, HEALTH_CSRF_FETCHED};
    static const enum health_counter WIRE[] = {HEALTH_CONNECTS, HEALTH_HANDSHAKES_FULL, HEALTH_HANDSHAKES_RESUMED,
                                               HEALTH_BYTES_SENT, HEALTH_BYTES_RECEIVED};
    counter_list(console, "messages", MESSAGES, sizeof MESSAGES / sizeof MESSAGES[0]);
    counter_list(console, "requests", REQUESTS, sizeof REQUESTS / sizeof REQUESTS[0]);
    counter_list(console, "wire", WIRE, sizeof WIRE / sizeof WIRE[0]);
}

static void memory_line(struct console *console)
{
    const struct arena *arena = console->wiring->arena;
    if (arena == NULL) {
        return;
    }
    label(console, "memory");
    answer_u64(console, arena->peak);
    answer_str(console, " of ");
    answer_u64(console, arena->size);
    answer_str(console, " bytes of the arena were needed at most\n");
}

static void status_text(struct console *console, ifl_ms now)
{
    device_line(console, now);
    host_line(console, now);
    identity_line(console, now);
    outbox_lines(console);
    counter_lines(console);
    memory_line(console);
    for (size_t route = 0; route < console->wiring->settings->route_count; route++) {
        struct sender_view view;
        struct outbox_lane_stats stats;
        route_facts(console, route, &view, &stats);
        label(console, route == 0 ? "routes" : "");
        answer_column(console, console->wiring->settings->routes[route].name, 16);
        answer_str(console, " ");
        answer_u64(console, stats.queued);
        answer_str(console, " queued, ");
        view_text(console, &view, now);
        answer_str(console, "\n");
    }
}

/* ---- status, JSON ---- */

static void host_json(struct members *json, ifl_ms now)
{
    struct sender_view view;
    memset(&view, 0, sizeof view);
    sender_host_view(json->console->wiring->sender, &view);
    member_open(json, "host", '{');
    member_string(json, "name", json->console->wiring->host);
    member_string(json, "connection", host_word(sender_state(json->console->wiring->sender)));
    view_json(json, &view, now);
    member_close(json, '}');
}

static void identity_json(struct members *json, ifl_ms now)
{
    const struct identity_slots *slots = json->console->wiring->slots;
    const int number = slots->active >= 0 ? slots->active : slots->pending;
    if (number < 0) {
        member_null(json, "identity");
        return;
    }
    const struct identity_slot *slot = &slots->slot[number];
    member_open(json, "identity", '{');
    member_u64(json, "generation", slot->generation);
    member_utc(json, "not_after", slot->not_after);
    member_i64(json, "seconds_left", slot->chain_not_after - clock_read(json->console->wiring->clock, now).unix_s);
    member_bool(json, "pending", slots->pending >= 0);
    member_close(json, '}');
}

static void outbox_json(struct members *json)
{
    struct outbox_stats stats;
    struct outbox_lane_stats dead;
    outbox_stats(json->console->wiring->outbox, &stats);
    memset(&dead, 0, sizeof dead);
    (void)outbox_lane_stats(json->console->wiring->outbox, OUTBOX_LANE_DEAD, &dead);
    member_open(json, "outbox", '{');
    member_u64(json, "block_size", stats.block_size);
    member_u64(json, "block_count", stats.block_count);
    member_u64(json, "free_blocks", stats.free_blocks);
    member_u64(json, "retired_blocks", stats.retired_blocks);
    member_u64(json, "payload_max", stats.payload_max);
    member_u64(json, "corrupt_records", stats.corrupt_records);
    member_u64(json, "lost_records", stats.lost_records);
    member_u64(json, "dead_letters", dead.queued);
    member_close(json, '}');
}

static void counters_json(struct members *json)
{
    member_open(json, "counters", '{');
    for (unsigned counter = 0; counter < HEALTH_COUNTER_COUNT; counter++) {
        member_u64(json, health_counter_name((enum health_counter)counter),
                   json->console->wiring->health->counters[counter]);
    }
    member_close(json, '}');
}

static void status_json(struct console *console, ifl_ms now)
{
    struct members json = members_begin(console);
    const struct clock_reading reading = clock_read(console->wiring->clock, now);
    member_string(&json, "version", console->wiring->version);
    member_string(&json, "device", console->wiring->settings->device);
    member_utc(&json, "time", reading.unix_s);
    member_string(&json, "time_quality", clock_quality_name(reading.quality));
    host_json(&json, now);
    identity_json(&json, now);
    outbox_json(&json);
    counters_json(&json);
    if (console->wiring->arena != NULL) {
        member_u64(&json, "arena_peak", console->wiring->arena->peak);
        member_u64(&json, "arena_size", console->wiring->arena->size);
    }
    if (console->wiring->stack_used != NULL && console->wiring->stack_size != NULL) {
        member_u64(&json, "stack_peak", console->wiring->stack_used());
        member_u64(&json, "stack_size", console->wiring->stack_size());
    }
    routes_json(&json, now);
}

enum ifl_status console_verb_status(struct console *console, struct words *words, ifl_ms now)
{
    if (words_next(words).size > 0) {
        return IFL_USAGE;
    }
    if (console->json) {
        status_json(console, now);
    } else {
        status_text(console, now);
    }
    return IFL_OK;
}
