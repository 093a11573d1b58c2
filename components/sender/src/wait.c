#include "parts.h"

void wait_init(const struct sender *sender, struct sender_wait *wait, uint8_t route)
{
    const struct settings *settings = sender->wiring.settings;
    *wait = (struct sender_wait){.state = SENDER_ROUTE_GOING, .status = IFL_OK, .route = route};
    backoff_init(&wait->retry, settings->backoff_base_ms, settings->backoff_cap_ms);
    backoff_init(&wait->probe, settings->probe_first_ms, settings->probe_cap_ms);
}

bool sender_is_ahead(struct sender *sender, ifl_ms at)
{
    if (at <= sender->now)
        return false;
    sender->wish = ifl_ms_min(sender->wish, at);
    return true;
}

void sender_event(struct sender *sender, enum ifl_status status, uint8_t route)
{
    health_event(sender->wiring.health, sender->now, status, route, sender->detail);
}

void sender_count(struct sender *sender, enum health_counter counter)
{
    health_count(sender->wiring.health, counter, 1);
}

void wait_hold(struct sender *sender, struct sender_wait *wait, enum ifl_status status)
{
    uint64_t wait_ms = backoff_probe_ms(&wait->probe, &sender->wiring.random, sender->at_least_ms);
    wait->until = ifl_ms_after(sender->now, wait_ms);
    if (wait->state != SENDER_ROUTE_HELD)
        sender_count(sender, HEALTH_HELD);
    if (wait->state != SENDER_ROUTE_HELD || wait->status != status)
        sender_event(sender, status, wait->route);
    wait->state = SENDER_ROUTE_HELD;
    wait->status = status;
}

void wait_retry(struct sender *sender, struct sender_wait *wait, enum ifl_status status)
{
    if (wait->status != status)
        sender_event(sender, status, wait->route);
    if (wait->state == SENDER_ROUTE_HELD) {
        wait_hold(sender, wait, wait->status);
        return;
    }
    uint64_t wait_ms = backoff_next_ms(&wait->retry, &sender->wiring.random, sender->at_least_ms);
    wait->until = ifl_ms_after(sender->now, wait_ms);
    wait->state = SENDER_ROUTE_BACKOFF;
    wait->status = status;
}

void wait_over(struct sender *sender, struct sender_wait *wait, enum ifl_status why)
{
    if (wait->state != SENDER_ROUTE_GOING)
        sender_event(sender, why, wait->route);
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
