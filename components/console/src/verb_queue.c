/* verb_queue.c: `queue`, `send`, `retry`: what people do with messages. */
#include <string.h>

#include "answer.h"
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

void message_text(struct console *console, const struct outbox_message *message, uint32_t attempts)
{
    answer_str(console, "  ");
    answer_id(console, &message->id);
    answer_str(console, "  ");
    answer_count(console, message->size, "byte", "bytes");
    answer_str(console, ", stored ");
    answer_utc(console, message->time.unix_s);
    if (attempts > 0) {
        answer_str(console, ", ");
        answer_count(console, attempts, "attempt", "attempts");
    }
    if (message->reason != 0) {
        answer_str(console, ": ");
        answer_status(console, (enum ifl_status)message->reason);
    }
    answer_str(console, "\n");
}

void message_json(struct members *json, const struct outbox_message *message, uint32_t attempts)
{
    member_open(json, NULL, '{');
    member_id(json, "id", &message->id);
    member_u64(json, "n", message->n);
    member_u64(json, "size", message->size);
    member_utc(json, "stored", message->time.unix_s);
    member_string(json, "time_quality", clock_quality_name((enum clock_quality)message->time.quality));
    member_u64(json, "attempts", attempts);
    member_status(json, "reason", (enum ifl_status)message->reason);
    member_close(json, '}');
}

/* The first `limit` messages of a lane. The flash may be busy or damaged: then the list ends early, and says so. */
static enum ifl_status list_messages(struct members *json, const struct listing *listing, uint8_t lane)
{
    struct outbox *outbox = json->console->wiring->outbox;
    struct outbox_message message;
    enum ifl_status status = outbox_first(outbox, lane, &message);
    for (uint64_t i = 0; status == IFL_OK && i < listing->limit; i++) {
        const uint32_t attempts = i == 0 && lane != OUTBOX_LANE_DEAD ? attempts_of(json->console, lane) : 0;
        if (json->console->json) {
            message_json(json, &message, attempts);
        } else {
            message_text(json->console, &message, attempts);
        }
        status = outbox_next(outbox, &message);
    }
    return status;
}

static void lane_text(struct members *json, const struct listing *listing, uint8_t lane)
{
    struct console *console = json->console;
    struct outbox_lane_stats stats;
    memset(&stats, 0, sizeof stats);
    (void)outbox_lane_stats(console->wiring->outbox, lane, &stats);
    answer_column(console, outbox_lane_route(console->wiring->outbox, lane), 16);
    answer_str(console, " ");
    answer_count(console, stats.queued, "message", "messages");
    answer_str(console, lane == OUTBOX_LANE_DEAD ? "" : " queued");
    if (outbox_lane_is_orphan(console->wiring->outbox, lane)) {
        answer_str(console, " (the route isn't configured any more)");
    }
    answer_str(console, "\n");
    const enum ifl_status status = list_messages(json, listing, lane);
    if (status == IFL_OK) {
        answer_str(console, "  ... and more: `queue ROUTE N` lists N of them\n");
    } else if (status != IFL_END) {
        answer_str(console, "  ");
        answer_status(console, status);
        answer_str(console, "\n");
    }
}

static void lane_json(struct members *json, const struct listing *listing, uint8_t lane)
{
    const struct outbox *outbox = json->console->wiring->outbox;
    struct outbox_lane_stats stats;
    memset(&stats, 0, sizeof stats);
    (void)outbox_lane_stats(outbox, lane, &stats);
    member_open(json, NULL, '{');
    member_string(json, "route", outbox_lane_route(outbox, lane));
    member_u64(json, "lane", lane);
    member_bool(json, "orphan", outbox_lane_is_orphan(outbox, lane));
    member_u64(json, "queued", stats.queued);
    member_u64(json, "first_n", stats.first_n);
    member_u64(json, "last_n", stats.last_n);
    member_u64(json, "given_up", stats.given_up);
    member_open(json, "messages", '[');
    const enum ifl_status status = list_messages(json, listing, lane);
    member_close(json, ']');
    member_bool(json, "complete", status == IFL_END);
    member_close(json, '}');
}

/* [ROUTE] [N] */
static enum ifl_status parse_listing(struct console *console, struct words *words, struct listing *listing)
{
    struct bytes word = words_next(words);
    if (word.size > 0 && !bytes_to_u64(word, &listing->limit)) {
        listing->route = word;
        word = words_next(words);
        if (word.size > 0 && !bytes_to_u64(word, &listing->limit)) {
            return IFL_USAGE;
        }
    }
    if (words_next(words).size > 0) {
        return IFL_USAGE;
    }
    for (size_t lane = 0; lane < outbox_lane_count(console->wiring->outbox); lane++) {
        if (is_listed(console, listing, (uint8_t)lane)) {
            return IFL_OK;
        }
    }
    return IFL_NOT_FOUND;
}

enum ifl_status console_verb_queue(struct console *console, struct words *words, ifl_ms now)
{
    struct listing listing = {.limit = LIST_DEFAULT};
    if (is_about_one_message(*words)) {
        return one_message(console, words, now);
    }
    const enum ifl_status status = parse_listing(console, words, &listing);
    if (status != IFL_OK) {
        return status;
    }
    struct members json = {.console = console};
    if (console->json) {
        json = members_begin(console);
        member_open(&json, "queues", '[');
    }
    for (size_t lane = 0; lane < outbox_lane_count(console->wiring->outbox); lane++) {
        if (!is_listed(console, &listing, (uint8_t)lane)) {
            continue;
        }
        if (console->json) {
            lane_json(&json, &listing, (uint8_t)lane);
        } else {
            lane_text(&json, &listing, (uint8_t)lane);
        }
    }
    if (console->json) {
        member_close(&json, ']');
    }
    return IFL_OK;
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
    if (console->json) {
        struct members json = members_begin(console);
        member_id(&json, "id", &id);
    } else {
        answer_str(console, "Stored as ");
        answer_id(console, &id);
        answer_str(console, ".\n");
    }
    return IFL_OK;
}

/* ---- retry ---- */

enum ifl_status console_verb_retry(struct console *console, struct words *words, ifl_ms now)
{
    const struct settings *settings = console->wiring->settings;
    const struct bytes name = words_next(words);
    if (words_next(words).size > 0) {
        return IFL_USAGE;
    }
    const size_t route = settings_route_index(settings, name);
    if (name.size > 0 && route == settings->route_count) {
        return IFL_NOT_FOUND;
    }
    sender_retry(console->wiring->sender, name.size == 0 ? HEALTH_ROUTE_NONE : (uint8_t)route, now);
    if (console->json) {
        (void)members_begin(console);
    } else {
        answer_str(console, name.size == 0 ? "Trying all routes at once.\n" : "Trying this route at once.\n");
    }
    return IFL_OK;
}
