/* verb_log.c: `log`: the last events, oldest first. */
#include "answer.h"
#include "verbs.h"

#define LOG_DEFAULT 20u

/* Events carry monotonic time; people want the time of day, counted back from now. */
static int64_t wall_time(const struct console *console, ifl_ms at, ifl_ms now)
{
    const ifl_ms ago_ms = now > at ? now - at : 0;
    return clock_read(console->wiring->clock, now).unix_s - (int64_t)(ago_ms / 1000);
}

static const char *route_name(const struct console *console, uint8_t route)
{
    return route < console->wiring->settings->route_count ? console->wiring->settings->routes[route].name : "";
}

static void event_text(struct console *console, const struct health_event *event, ifl_ms now)
{
    const char *route = route_name(console, event->route);
    answer_utc(console, wall_time(console, event->at, now));
    answer_str(console, "  ");
    if (route[0] != '\0') {
        answer_str(console, route);
        answer_str(console, ": ");
    }
    answer_status(console, event->status);
    if (event->detail[0] != '\0') {
        answer_str(console, " (");
        answer_str(console, event->detail);
        answer_str(console, ")");
    }
    if (event->repeated > 0) {
        answer_str(console, ", ");
        answer_count(console, event->repeated, "more time", "more times");
    }
    answer_str(console, "\n");
}

static void event_json(struct members *json, const struct health_event *event, ifl_ms now)
{
    member_open(json, NULL, '{');
    member_u64(json, "seq", event->seq);
    member_utc(json, "time", wall_time(json->console, event->at, now));
    member_string(json, "route", route_name(json->console, event->route));
    member_status(json, "status", event->status);
    member_string(json, "detail", event->detail);
    member_u64(json, "repeated", event->repeated);
    member_close(json, '}');
}

enum ifl_status console_verb_log(struct console *console, struct words *words, ifl_ms now)
{
    uint64_t count = LOG_DEFAULT;
    const struct bytes word = words_next(words);
    if ((word.size > 0 && !bytes_to_u64(word, &count)) || words_next(words).size > 0) {
        return IFL_USAGE;
    }
    struct members json = {.console = console};
    if (console->json) {
        json = members_begin(console);
        member_open(&json, "events", '[');
    }
    const uint64_t first = health_first_seq(console->wiring->health);
    const uint64_t last = health_last_seq(console->wiring->health);
    for (uint64_t seq = last >= first + count ? last - count + 1 : first; seq != 0 && seq <= last && count > 0; seq++) {
        const struct health_event *event = health_event_at(console->wiring->health, (uint32_t)seq);
        if (event != NULL && console->json) {
            event_json(&json, event, now);
        } else if (event != NULL) {
            event_text(console, event, now);
        }
    }
    if (console->json) {
        member_close(&json, ']');
    }
    return IFL_OK;
}
