/* health.h: what an operator wants to know: counters, the last trouble of each route and of the host, and the last events.
 *
 * Every room that notices something calls health_event(); every surface (console, status, log, heartbeat) reads from here. Nothing here ever
 * holds a secret: details are short texts made by the caller from public things (a host, an MPL id, a status number). */
#ifndef HEALTH_HEALTH_H
#define HEALTH_HEALTH_H

#include <stddef.h>
#include <stdint.h>

#include "base/profile.h"
#include "base/status.h"
#include "base/time.h"

#define HEALTH_DETAIL_SIZE 64 /* characters incl. the zero; longer ones are cut */
#define HEALTH_ROUTE_NONE 0xFFu

enum health_counter {
    HEALTH_STORED,   /* messages acknowledged to producers */
    HEALTH_REFUSED,  /* messages not taken (full, too large, bad line) */
    HEALTH_POSTED,   /* requests sent */
    HEALTH_ACCEPTED, /* 2xx */
    HEALTH_RETRIED,  /* requests that ended in a retry */
    HEALTH_HELD,     /* times a route or the host was held */
    HEALTH_DEAD_LETTERED,
    HEALTH_GIVEN_UP,
    HEALTH_CONNECTS, /* TCP connections opened */
    HEALTH_HANDSHAKES_FULL,
    HEALTH_HANDSHAKES_RESUMED,
    HEALTH_BYTES_SENT, /* on the wire above TCP */
    HEALTH_BYTES_RECEIVED,
    HEALTH_CSRF_FETCHED,
    HEALTH_COUNTER_COUNT
};

struct health_event {
    uint32_t seq; /* counts from 1 */
    ifl_ms at;    /* when it came, or came again */
    enum ifl_status status;
    uint8_t route;     /* index in the settings, or HEALTH_ROUTE_NONE */
    uint32_t repeated; /* how often the same event came in a row beyond the first */
    char detail[HEALTH_DETAIL_SIZE];
};

struct health {
    uint64_t counters[HEALTH_COUNTER_COUNT];
    uint32_t next_seq;
    struct health_event events[IFL_EVENT_COUNT];                   /* a ring: seq % IFL_EVENT_COUNT */
    void (*listener)(void *ctx, const struct health_event *event); /* the log of the program; may be NULL */
    void *listener_ctx;
};

/* All zero, no listener: set that afterwards. The struct owns no memory elsewhere; nothing here fails or blocks. */
void health_init(struct health *health);
void health_count(struct health *health, enum health_counter counter, uint64_t by);
/* Record an event; the same status, route and detail as the newest one only raises `repeated` (and moves `at`), without a word to the
 * listener, so that a fault that comes a thousand times doesn't push everything else out of the ring. `detail` may be NULL. */
void health_event(struct health *health, ifl_ms now, enum ifl_status status, uint8_t route, const char *detail);
/* The event with number `seq`, or NULL if it has been overwritten or hasn't come yet. */
const struct health_event *health_event_at(const struct health *health, uint32_t seq);
uint32_t health_first_seq(const struct health *health); /* oldest one kept; 0 if none */
uint32_t health_last_seq(const struct health *health);  /* newest one; 0 if none */
/* "posted", "bytes_sent", ...: the key in status output and heartbeat; never renamed. "" for what isn't a counter. */
const char *health_counter_name(enum health_counter counter);

#endif
