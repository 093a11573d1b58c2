#include "parts.h"

void wait_init(const struct sender *sender, struct sender_wait *wait)
{
    const struct settings *settings = sender->wiring->settings;
    *wait = (struct sender_wait){.state = SENDER_ROUTE_GOING, .status = IFL_OK};
    backoff_init(&wait->retry, settings->backoff_base_ms, settings->backoff_cap_ms);
    backoff_init(&wait->probe, settings->probe_first_ms, settings->probe_cap_ms);
}

static struct sender_wait *wait_of(struct sender *sender, uint8_t route)
{
    return route == HEALTH_ROUTE_NONE ? &sender->host : &sender->routes[route].wait;
}

void wait_hold(struct sender *sender, uint8_t route, enum ifl_status status, uint64_t at_least_ms, const char *detail,
               ifl_ms now)
{
    struct sender_wait *wait = wait_of(sender, route);
    bool held = wait->state == SENDER_ROUTE_HELD;
    wait->until = ifl_ms_after(now, backoff_probe_ms(&wait->probe, &sender->wiring->random, at_least_ms));
    if (!held)
        health_count(sender->wiring->health, HEALTH_HELD, 1);
    if (!held || wait->status != status)
        health_event(sender->wiring->health, now, status, route, detail);
    wait->state = SENDER_ROUTE_HELD;
    wait->status = status;
}

void wait_retry(struct sender *sender, uint8_t route, enum ifl_status status, uint64_t at_least_ms, const char *detail,
                ifl_ms now)
{
    struct sender_wait *wait = wait_of(sender, route);
    if (wait->status != status)
        health_event(sender->wiring->health, now, status, route, detail);
    if (wait->state == SENDER_ROUTE_HELD) {
        wait_hold(sender, route, wait->status, at_least_ms, detail, now);
        return;
    }
    wait->until = ifl_ms_after(now, backoff_next_ms(&wait->retry, &sender->wiring->random, at_least_ms));
    wait->state = SENDER_ROUTE_BACKOFF;
    wait->status = status;
}

void wait_over(struct sender *sender, uint8_t route, enum ifl_status why, const char *detail, ifl_ms now)
{
    struct sender_wait *wait = wait_of(sender, route);
    if (wait->state != SENDER_ROUTE_GOING)
        health_event(sender->wiring->health, now, why, route, detail);
    wait_skip(wait);
    wait->state = SENDER_ROUTE_GOING;
    wait->status = IFL_OK;
}

void wait_skip(struct sender_wait *wait)
{
    wait->until = 0;
    backoff_reset(&wait->retry);
    backoff_reset(&wait->probe);
}
