#include "health/health.h"

#include <string.h>

static const char *const counter_names[HEALTH_COUNTER_COUNT] = {
    [HEALTH_STORED] = "stored",
    [HEALTH_REFUSED] = "refused",
    [HEALTH_POSTED] = "posted",
    [HEALTH_ACCEPTED] = "accepted",
    [HEALTH_RETRIED] = "retried",
    [HEALTH_HELD] = "held",
    [HEALTH_DEAD_LETTERED] = "dead_lettered",
    [HEALTH_GIVEN_UP] = "given_up",
    [HEALTH_CONNECTS] = "connects",
    [HEALTH_HANDSHAKES_FULL] = "handshakes_full",
    [HEALTH_HANDSHAKES_RESUMED] = "handshakes_resumed",
    [HEALTH_BYTES_SENT] = "bytes_sent",
    [HEALTH_BYTES_RECEIVED] = "bytes_received",
    [HEALTH_CSRF_FETCHED] = "csrf_fetched",
};

void health_init(struct health *health)
{
    *health = (struct health){.next_seq = 1};
}

void health_count(struct health *health, enum health_counter counter, uint64_t by)
{
    if ((unsigned)counter < HEALTH_COUNTER_COUNT)
        health->counters[counter] += by;
}

static struct health_event *slot_of(struct health *health, uint32_t seq)
{
    return &health->events[seq % IFL_EVENT_COUNT];
}

/* As much of `detail` as an event keeps, so that a cut one still equals itself. */
static void copy_detail(char out[HEALTH_DETAIL_SIZE], const char *detail)
{
    size_t len = detail == NULL ? 0 : strlen(detail);
    if (len >= HEALTH_DETAIL_SIZE)
        len = HEALTH_DETAIL_SIZE - 1;
    memset(out, 0, HEALTH_DETAIL_SIZE);
    if (len > 0)
        memcpy(out, detail, len);
}

void health_event(struct health *health, ifl_ms now, enum ifl_status status, uint8_t route, const char *detail)
{
    struct health_event event = {.seq = health->next_seq, .at = now, .status = status, .route = route};
    copy_detail(event.detail, detail);

    struct health_event *newest = slot_of(health, health->next_seq - 1);
    if (health->next_seq > 1 && newest->status == status && newest->route == route &&
        memcmp(newest->detail, event.detail, sizeof event.detail) == 0) {
        if (newest->repeated < UINT32_MAX)
            newest->repeated++;
        newest->at = now;
        return;
    }
    newest = slot_of(health, event.seq);
    *newest = event;
    health->next_seq++;
    if (health->listener != NULL)
        health->listener(health->listener_ctx, newest);
}

uint32_t health_last_seq(const struct health *health)
{
    return health->next_seq - 1;
}

uint32_t health_first_seq(const struct health *health)
{
    uint32_t last = health_last_seq(health);
    return last <= IFL_EVENT_COUNT ? (last > 0 ? 1 : 0) : last - IFL_EVENT_COUNT + 1;
}

const struct health_event *health_event_at(const struct health *health, uint32_t seq)
{
    if (seq == 0 || seq < health_first_seq(health) || seq > health_last_seq(health))
        return NULL;
    return &health->events[seq % IFL_EVENT_COUNT];
}

const char *health_counter_name(enum health_counter counter)
{
    return (unsigned)counter < HEALTH_COUNTER_COUNT ? counter_names[counter] : "";
}
