#include "parts.h"

#define POLL_MS 5 /* while the flash is erasing */

void wait_init(const struct sender *sender, struct sender_wait *wait, uint8_t route)
{
    const struct settings *settings = sender->wiring.settings;
    wait->route = route;
    wait->retry.base_ms = settings->backoff_base_ms;
    wait->retry.cap_ms = settings->backoff_cap_ms;
    wait->probe.base_ms = settings->probe_first_ms;
    wait->probe.cap_ms = settings->probe_cap_ms;
}

bool sender_is_ahead(struct sender *sender, ifl_ms at)
{
    if (at <= sender->now)
        return false;
    sender->wish = ifl_ms_min(sender->wish, at);
    return true;
}

void sender_set_deadline(struct sender *sender, uint32_t after_ms)
{
    sender->deadline = sender->now + after_ms;
}

void sender_poll_flash(struct sender *sender)
{
    sender_is_ahead(sender, sender->now + POLL_MS);
}

void sender_event(struct sender *sender, enum ifl_status status, uint8_t route)
{
    health_event(sender->wiring.health, sender->now, status, route, sender->detail);
}

void sender_count(struct sender *sender, enum health_counter counter)
{
    health_count(sender->wiring.health, counter, 1);
}

void wait_begin(struct sender *sender, struct sender_wait *wait, enum ifl_status status, bool hold)
{
    const struct ifl_random *random = &sender->wiring.random;
    struct sender_view *view = &wait->view;
    bool held = view->state == SENDER_ROUTE_HELD;
    if (view->status != status || (hold && !held))
        sender_event(sender, status, wait->route);
    if (hold && !held)
        sender_count(sender, HEALTH_HELD);
    if (hold || !held)
        view->status = status;
    if (hold || held) {
        view->state = SENDER_ROUTE_HELD;
        view->until = sender->now + backoff_probe_ms(&wait->probe, random, sender->at_least_ms);
    } else {
        view->state = SENDER_ROUTE_BACKOFF;
        view->until = sender->now + backoff_next_ms(&wait->retry, random, sender->at_least_ms);
    }
}

void wait_over(struct sender *sender, struct sender_wait *wait, enum ifl_status why)
{
    if (wait->view.state != SENDER_ROUTE_GOING)
        sender_event(sender, why, wait->route);
    wait_skip(wait);
    wait->view.state = SENDER_ROUTE_GOING;
    wait->view.status = IFL_OK;
}

void wait_skip(struct sender_wait *wait)
{
    wait->view.until = 0;
    backoff_reset(&wait->retry);
    backoff_reset(&wait->probe);
}
