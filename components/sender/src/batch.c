#include "body/body.h"
#include "parts.h"

bool batch_has_own_id(const struct sender_route *route, const struct outbox_message *message)
{
    return message->id.n == message->n && message->id.lane == route->lane;
}

/* How many messages the batch that begins with `first` has at most. */
static uint32_t limit_of(const struct sender *sender, const struct sender_route *route,
                         const struct outbox_message *first)
{
    struct outbox_batch tried;
    if (first->n <= route->alone_n || !batch_has_own_id(route, first))
        return 1;
    if (outbox_batch_pending(sender->wiring.outbox, route->lane, &tried))
        return (uint32_t)(tried.last_n - first->n) + 1;
    return route->settings->batch_count;
}

/* The message that was seen last belongs to the batch, or ends it. */
static void take_or_end(struct sender_route *route, const struct outbox_message *first)
{
    struct sender_batch *batch = &route->batch;
    const struct outbox_message *next = &route->seen;
    uint32_t room = route->settings->batch_size - batch->count; /* for separators */
    batch->full = next->n != batch->first_n + batch->count || !batch_has_own_id(route, next) ||
                  next->id.log != first->id.log || batch->size + next->size >= room;
    if (!batch->full) {
        batch->count++;
        batch->size += next->size;
    }
}

bool batch_is_due(struct sender *sender, struct sender_route *route, const struct outbox_message *first)
{
    struct sender_batch *batch = &route->batch;
    uint32_t limit = limit_of(sender, route, first);
    if (batch->first_n != first->n || batch->count > limit) {
        route->seen = *first;
        batch->first_n = first->n;
        batch->stored_unix_s = first->time.unix_s;
        batch->stored_quality = first->time.quality;
        batch->since = sender->now;
        batch->size = first->size;
        batch->count = 1;
        batch->full = false;
    }
    while (batch->count < limit && !batch->full) {
        enum ifl_status status = outbox_next(sender->wiring.outbox, &route->seen);
        if (status == IFL_FLASH_BUSY) {
            sender_poll_flash(sender);
            return false;
        }
        if (status != IFL_OK)
            return !sender_is_ahead(sender, batch->since + route->settings->batch_delay_ms);
        take_or_end(route, first);
    }
    return true;
}

bool batch_begin(struct sender *sender)
{
    struct sender_route *route = sender->route;
    struct sender_batch *batch = &route->batch;
    struct outbox *outbox = sender->wiring.outbox;
    struct outbox_batch tried;
    outbox_n last_n = batch_last_n(batch);
    bool alone = batch->first_n <= route->alone_n;
    bool pending = outbox_batch_pending(outbox, route->lane, &tried);
    batch->format = tried.format;
    if (pending && last_n == tried.last_n && tried.format <= SETTINGS_BODY_LINES)
        return true;
    batch->format = (uint8_t)body_form(route->settings);
    if (!pending && !alone && route->settings->batch_count <= 1)
        return true;
    enum ifl_status status = IFL_STORE_CORRUPT; /* it can't be the same batch any more */
    if (!pending || alone)
        status = outbox_batch_begin(outbox, route->lane, last_n, batch->format);
    if (status == IFL_FLASH_BUSY)
        sender_poll_flash(sender);
    else if (alone) /* where that can't be recorded, it goes all the same */
        status = IFL_OK;
    else if (status != IFL_OK)
        batch_split(sender, pending ? tried.last_n : last_n);
    return status == IFL_OK;
}

void batch_split(struct sender *sender, outbox_n last_n)
{
    sender->route->alone_n = last_n;
    sender->wish = sender->now;
}
