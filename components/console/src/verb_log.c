/* verb_log.c: `log`: the last events, oldest first. */
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

static void tell_event(struct console *console, const struct health_event *event, ifl_ms now)
{
    const char *route = route_name(console, event->route);
    const int64_t unix_s = wall_time(console, event->at, now);
    if (console->out.json) {
        answer_form(&console->out, "|%{seq%u time%t route%s status%e", event->seq, unix_s, route, event->status);
        answer_form(&console->out, "|detail%s repeated%u%}", event->detail, event->repeated);
        return;
    }
    answer_form(&console->out, route[0] != '\0' ? "%t  %s: %e" : "%t  %-%e", unix_s, route, event->status);
    if (event->detail[0] != '\0') {
        answer_form(&console->out, " (%s)", event->detail);
    }
    if (event->repeated > 0) {
        answer_form(&console->out, ", %u more time%+", event->repeated);
    }
    answer_form(&console->out, "\n");
}

enum ifl_status console_verb_log(struct console *console, struct words *words, ifl_ms now)
{
    uint64_t count = LOG_DEFAULT;
    const struct bytes word = words_next(words);
    if ((word.size > 0 && !bytes_to_u64(word, &count)) || words_are_left(words)) {
        return IFL_USAGE;
    }
    answer_form(&console->out, "|events%[");
    const struct health *health = console->wiring->health;
    const uint32_t last = health_last_seq(health);
    for (uint32_t seq = health_first_seq(health); seq != 0 && seq <= last; seq++) {
        const struct health_event *event = health_event_at(health, seq);
        if (event != NULL && last - seq < count) {
            tell_event(console, event, now);
        }
    }
    answer_form(&console->out, "|%]");
    return IFL_OK;
}
