/* verb_queue.c: `queue`, `send`, `retry`: what people do with messages. */
#include <string.h>

#include "one_message.h"
#include "verbs.h"

#define LIST_DEFAULT 20u

/* What a `queue` command asked for. */
struct listing {
    struct bytes route; /* empty: all */
    uint64_t limit;     /* messages of one lane */
};

static bool is_listed(struct console *console, const struct listing *listing, uint8_t lane)
{
    const char *route = outbox_lane_route(console->wiring->outbox, lane);
    return route[0] != '\0' && (listing->route.size == 0 || bytes_equal(listing->route, bytes_of_string(route)));
}

/* Tries so far: only the first message of a lane has had any. */
static uint32_t attempts_of(struct console *console, uint8_t lane)
{
    const char *name = outbox_lane_route(console->wiring->outbox, lane);
    const size_t route = settings_route_index(console->wiring->settings, bytes_of_string(name));
    struct sender_view view;
    memset(&view, 0, sizeof view);
    (void)sender_route_view(console->wiring->sender, route, &view);
    return view.attempts;
}

void tell_message(struct console *console, const struct outbox_message *message, uint32_t attempts)
{
    const enum ifl_status reason = (enum ifl_status)message->reason;
    if (console->out.json) {
        answer_form(&console->out, "|%{id%i n%U size%u stored%t time_quality%s", &message->id, (uint64_t)message->n,
                    message->size, message->time.unix_s, clock_quality_name((enum clock_quality)message->time.quality));
        answer_form(&console->out, "|attempts%u reason%e%}", attempts, reason);
        return;
    }
    answer_form(&console->out, "  %i  %u byte%+, stored %t", &message->id, message->size, message->time.unix_s);
    if (attempts > 0) {
        answer_form(&console->out, ", %u attempt%+", attempts);
    }
    answer_form(&console->out, reason != IFL_OK ? ": %e\n" : "\n", reason);
}

/* The first `limit` messages of a lane. The flash may be busy or damaged: then the list ends early, and says so. */
static enum ifl_status list_messages(struct console *console, const struct listing *listing, uint8_t lane)
{
    struct outbox *outbox = console->wiring->outbox;
    struct outbox_message message;
    enum ifl_status status = outbox_first(outbox, lane, &message);
    for (uint64_t i = 0; status == IFL_OK && i < listing->limit; i++) {
        tell_message(console, &message, i == 0 && lane != OUTBOX_LANE_DEAD ? attempts_of(console, lane) : 0);
        status = outbox_next(outbox, &message);
    }
    return status;
}

static void tell_lane(struct console *console, const struct listing *listing, uint8_t lane)
{
    const struct outbox *outbox = console->wiring->outbox;
    const bool orphan = outbox_lane_is_orphan(outbox, lane);
    struct outbox_lane_stats stats;
    memset(&stats, 0, sizeof stats);
    (void)outbox_lane_stats(outbox, lane, &stats);
    answer_form(&console->out, "%c |%{route%s lane%u orphan%b queued%U", outbox_lane_route(outbox, lane), lane, orphan,
                (uint64_t)stats.queued);
    answer_form(&console->out, lane == OUTBOX_LANE_DEAD ? "%U message%+" : "%U message%+ queued",
                (uint64_t)stats.queued);
    answer_form(&console->out, orphan ? " (the route isn't configured any more)\n" : "\n");
    answer_form(&console->out, "|first_n%U last_n%U given_up%U messages%[", (uint64_t)stats.first_n,
                (uint64_t)stats.last_n, stats.given_up);
    const enum ifl_status status = list_messages(console, listing, lane);
    answer_form(&console->out, "|%] complete%b%}", status == IFL_END);
    if (status == IFL_OK) {
        answer_form(&console->out, "  ... and more: `queue ROUTE N` lists N of them\n");
    } else if (status != IFL_END) {
        answer_form(&console->out, "  %e\n", status);
    }
}

/* [ROUTE] [N] */
static bool parse_listing(struct words *words, struct listing *listing)
{
    struct bytes word = words_next(words);
    if (word.size > 0 && !bytes_to_u64(word, &listing->limit)) {
        listing->route = word;
        word = words_next(words);
        if (word.size > 0 && !bytes_to_u64(word, &listing->limit)) {
            return false;
        }
    }
    if (IFL_LIST_MAX > 0 && listing->limit > IFL_LIST_MAX) { /* everything else waits for the answer */
        listing->limit = IFL_LIST_MAX;
    }
    return !words_are_left(words);
}

enum ifl_status console_verb_queue(struct console *console, struct words *words, ifl_ms now)
{
    struct listing listing = {.limit = LIST_DEFAULT};
    bool any = false;
    if (is_about_one_message(*words)) {
        return one_message(console, words, now);
    }
    if (!parse_listing(words, &listing)) {
        return IFL_USAGE;
    }
    for (size_t lane = 0; lane < outbox_lane_count(console->wiring->outbox); lane++) {
        if (is_listed(console, &listing, (uint8_t)lane)) {
            answer_form(&console->out, any ? "" : "|queues%[");
            tell_lane(console, &listing, (uint8_t)lane);
            any = true;
        }
    }
    answer_form(&console->out, any ? "|%]" : "");
    return any ? IFL_OK : IFL_NOT_FOUND;
}

/* ---- send ---- */

static enum ifl_status store(struct console *console, struct bytes route, struct bytes payload, ifl_ms now,
                             struct outbox_id *id)
{
    const struct console_wiring *wiring = console->wiring;
    const size_t index = settings_route_index(wiring->settings, route);
    if (index == wiring->settings->route_count) {
        return IFL_NOT_FOUND;
    }
    const uint8_t lane = outbox_lane_of(wiring->outbox, wiring->settings->routes[index].name);
    const struct clock_reading reading = clock_read(wiring->clock, now);
    const struct outbox_time time = {
        .unix_s = reading.unix_s, .quality = (uint8_t)reading.quality, .uptime_min = reading.uptime_min};
    const enum ifl_status status =
        lane == OUTBOX_LANE_NONE ? IFL_NOT_FOUND : outbox_put(wiring->outbox, lane, payload, time, id);
    return status == IFL_OK ? outbox_sync(wiring->outbox) : status;
}

enum ifl_status console_verb_send(struct console *console, struct words *words, ifl_ms now)
{
    const struct bytes route = words_next(words);
    const struct bytes payload = bytes_tail(words->rest, 1); /* behind one space, as it is */
    if (route.size == 0 || payload.size == 0) {
        return IFL_USAGE;
    }
    struct outbox_id id;
    const enum ifl_status status = store(console, route, payload, now, &id);
    health_count(console->wiring->health, status == IFL_OK ? HEALTH_STORED : HEALTH_REFUSED, 1);
    if (status != IFL_OK) {
        return status;
    }
    answer_form(&console->out, "Stored as %i.\n|id%i", &id);
    return IFL_OK;
}

/* ---- retry ---- */

enum ifl_status console_verb_retry(struct console *console, struct words *words, ifl_ms now)
{
    const struct settings *settings = console->wiring->settings;
    const struct bytes name = words_next(words);
    if (words_are_left(words)) {
        return IFL_USAGE;
    }
    const size_t route = settings_route_index(settings, name);
    if (name.size > 0 && route == settings->route_count) {
        return IFL_NOT_FOUND;
    }
    sender_retry(console->wiring->sender, name.size == 0 ? HEALTH_ROUTE_NONE : (uint8_t)route, now);
    return answer_done(console, name.size == 0 ? "Trying all routes at once.\n" : "Trying this route at once.\n");
}
