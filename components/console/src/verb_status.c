/* verb_status.c: `status` and `routes`. */
#include <string.h>

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
static void tell_view(struct console *console, const struct sender_view *view, ifl_ms now)
{
    const uint64_t next_s = seconds_until(view->until, now);
    const bool waits = view->state != SENDER_ROUTE_GOING;
    answer_form(&console->out, "%s|state%s status%e", route_word(view->state), view->status);
    if (waits && view->until != IFL_NEVER) {
        answer_form(&console->out, console->out.json ? "|next_try_s%U" : ", next try in %d", next_s);
    } else {
        answer_form(&console->out, "|next_try_s%n");
    }
    if (waits && view->status != IFL_OK) {
        answer_form(&console->out, ": %e", view->status);
    }
    answer_form(&console->out, "|attempts%u accepted%U mpl_id%s", view->attempts, view->accepted_count, view->mpl_id);
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

static void tell_route(struct console *console, size_t route, ifl_ms now)
{
    const struct settings_route *settings = &console->wiring->settings->routes[route];
    struct sender_view view;
    struct outbox_lane_stats stats;
    route_facts(console, route, &view, &stats);
    answer_form(&console->out, "%c %s\n  |%{name%s path%s", settings->name, settings->path);
    tell_view(console, &view, now);
    answer_form(&console->out, "\n  %U queued, %U accepted since the start, %U given up\n", (uint64_t)stats.queued,
                view.accepted_count, stats.given_up);
    if (view.mpl_id[0] != '\0') {
        answer_form(&console->out, "  last MPL id %s\n", view.mpl_id);
    }
    answer_form(&console->out, "|queued%U given_up%U last_n%U%}", (uint64_t)stats.queued, stats.given_up,
                (uint64_t)stats.last_n);
}

enum ifl_status console_verb_routes(struct console *console, struct words *words, ifl_ms now)
{
    if (words_are_left(words)) {
        return IFL_USAGE;
    }
    answer_form(&console->out, "|routes%[");
    for (size_t route = 0; route < console->wiring->settings->route_count; route++) {
        tell_route(console, route, now);
    }
    answer_form(&console->out, "|%]");
    return IFL_OK;
}

/* ---- status ---- */

static void tell_device(struct console *console, ifl_ms now)
{
    const struct console_wiring *wiring = console->wiring;
    const struct clock_reading reading = clock_read(wiring->clock, now);
    answer_form(&console->out, "device    %-%s, %s\n|version%s device%s", wiring->version, wiring->settings->device,
                wiring->version);
    answer_form(&console->out, "time      %t, known from: %s\n|time%t time_quality%s", reading.unix_s,
                clock_quality_name(reading.quality));
}

static void tell_host(struct console *console, ifl_ms now)
{
    const struct sender *sender = console->wiring->sender;
    struct sender_view view;
    memset(&view, 0, sizeof view);
    sender_host_view(sender, &view);
    answer_form(&console->out, "host      %s: %s|host%{name%s connection%s", console->wiring->host,
                host_word(sender_state(sender)));
    if (console->out.json || view.state != SENDER_ROUTE_GOING) {
        answer_form(&console->out, ", ");
        tell_view(console, &view, now);
    }
    answer_form(&console->out, "\n|%}");
}

static void tell_identity(struct console *console, ifl_ms now)
{
    const struct identity_slots *slots = console->wiring->slots;
    const int number = slots->active >= 0 ? slots->active : slots->pending;
    const bool pending = slots->pending >= 0;
    if (number < 0) {
        answer_form(&console->out, "identity  none\n|identity%n");
        return;
    }
    const struct identity_slot *slot = &slots->slot[number];
    answer_form(&console->out, "identity  |identity%{generation%u", slot->generation);
    if (console->out.json || slots->active >= 0) {
        answer_validity(console, slot, clock_read(console->wiring->clock, now).unix_s);
    }
    answer_form(&console->out, pending ? ", a new one waits to be proven\n|pending%b%}" : "\n|pending%b%}", pending);
}

static void tell_outbox(struct console *console)
{
    struct outbox_stats stats;
    struct outbox_lane_stats dead;
    outbox_stats(console->wiring->outbox, &stats);
    memset(&dead, 0, sizeof dead);
    (void)outbox_lane_stats(console->wiring->outbox, OUTBOX_LANE_DEAD, &dead);
    answer_form(&console->out, "outbox    %u of %u blocks of %u KB are free", stats.free_blocks, stats.block_count,
                stats.block_size / 1024);
    if (stats.corrupt_records + stats.lost_records + stats.retired_blocks > 0) {
        answer_form(&console->out, "; %u damaged record%+, %u lost by the medium, %u worn block%+",
                    stats.corrupt_records, stats.lost_records, stats.retired_blocks);
    }
    answer_form(&console->out, "\n|outbox%{block_size%u block_count%u free_blocks%u retired_blocks%u payload_max%u",
                stats.block_size, stats.block_count, stats.free_blocks, stats.retired_blocks, stats.payload_max);
    answer_form(&console->out, "|corrupt_records%u lost_records%u dead_letters%U%}", stats.corrupt_records,
                stats.lost_records, (uint64_t)dead.queued);
}

/* The counters in the lines that people get, each ended by HEALTH_COUNTER_COUNT. */
static void counter_lines(struct console *console)
{
    static const uint8_t COUNTERS[] = {HEALTH_STORED,
                                       HEALTH_ACCEPTED,
                                       HEALTH_REFUSED,
                                       HEALTH_DEAD_LETTERED,
                                       HEALTH_GIVEN_UP,
                                       HEALTH_COUNTER_COUNT,
                                       HEALTH_POSTED,
                                       HEALTH_RETRIED,
                                       HEALTH_HELD,
                                       HEALTH_CSRF_FETCHED,
                                       HEALTH_COUNTER_COUNT,
                                       HEALTH_CONNECTS,
                                       HEALTH_HANDSHAKES_FULL,
                                       HEALTH_HANDSHAKES_RESUMED,
                                       HEALTH_BYTES_SENT,
                                       HEALTH_BYTES_RECEIVED,
                                       HEALTH_COUNTER_COUNT};
    static const char *const LABELS[] = {"messages  %U %m", "requests  %U %m", "wire      %U %m"};
    const uint8_t *counter = COUNTERS;
    for (size_t line = 0; line < sizeof LABELS / sizeof LABELS[0]; line++) {
        const char *form = LABELS[line];
        for (; *counter != HEALTH_COUNTER_COUNT; counter++) {
            answer_form(&console->out, form, console->wiring->health->counters[*counter],
                        health_counter_name((enum health_counter) * counter));
            form = ", %U %m";
        }
        counter++;
        answer_form(&console->out, "\n");
    }
}

static void tell_counters(struct console *console)
{
    if (!console->out.json) {
        counter_lines(console);
        return;
    }
    answer_form(&console->out, "|counters%{");
    for (unsigned counter = 0; counter < HEALTH_COUNTER_COUNT; counter++) {
        answer_form(&console->out, "|%m%U", health_counter_name((enum health_counter)counter),
                    console->wiring->health->counters[counter]);
    }
    answer_form(&console->out, "|%}");
}

static void tell_memory(struct console *console)
{
    const struct console_wiring *wiring = console->wiring;
    if (wiring->arena != NULL) {
        answer_form(&console->out,
                    "memory    %u of %u bytes of the arena were needed at most\n|arena_peak%u arena_size%u",
                    (uint32_t)wiring->arena->peak, (uint32_t)wiring->arena->size);
    }
    if (wiring->stack_used != NULL && wiring->stack_size != NULL) {
        answer_form(&console->out, "|stack_peak%u stack_size%u", (uint32_t)wiring->stack_used(),
                    (uint32_t)wiring->stack_size());
    }
}

static void route_line(struct console *console, size_t route, ifl_ms now)
{
    struct sender_view view;
    struct outbox_lane_stats stats;
    route_facts(console, route, &view, &stats);
    answer_form(&console->out, route == 0 ? "routes    %c %U queued, " : "          %c %U queued, ",
                console->wiring->settings->routes[route].name, (uint64_t)stats.queued);
    tell_view(console, &view, now);
    answer_form(&console->out, "\n");
}

enum ifl_status console_verb_status(struct console *console, struct words *words, ifl_ms now)
{
    if (words_are_left(words)) {
        return IFL_USAGE;
    }
    tell_device(console, now);
    tell_host(console, now);
    tell_identity(console, now);
    tell_outbox(console);
    tell_counters(console);
    tell_memory(console);
    if (console->out.json) {
        return console_verb_routes(console, words, now);
    }
    for (size_t route = 0; route < console->wiring->settings->route_count; route++) {
        route_line(console, route, now);
    }
    return IFL_OK;
}
