/* sender_private.h: what struct sender is made of. It stands here so that the caller can own the memory; only this room looks inside. */
#ifndef SENDER_SENDER_PRIVATE_H
#define SENDER_SENDER_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/profile.h"
#include "base/status.h"
#include "base/time.h"
#include "http/response.h"
#include "outbox/outbox.h"
#include "sender/backoff.h"
#include "sender/catalogue.h"
#include "sender/sender.h"

/* Why and until when the host, or one route, waits. */
struct sender_wait {
    enum sender_route_state state;
    enum ifl_status status; /* OK while it's going */
    ifl_ms until;           /* nothing is tried before */
    struct backoff retry;   /* failures in a row that a soon retry may mend */
    struct backoff probe;   /* slow probes of a hold in a row */
};

struct sender_route {
    struct sender_wait wait;
    uint64_t accepted_count;
    uint64_t n;             /* the message that the next two are about */
    uint32_t attempts;      /* its requests so far */
    uint32_t flow_failures; /* its answers ANSWER_FLOW_FAILED */
    uint8_t lane;
    uint8_t rejected_count; /* messages rejected in a row without a success between */
    bool csrf_needed;
    bool token_fresh; /* a token was asked for on behalf of the request that comes next */
    char mpl_id[CATALOGUE_MPL_SIZE];
};

/* CSRF token and, behind it, the cookies ("a=b; c=d") of one route. A secret. */
struct sender_jar {
    uint8_t route;     /* HEALTH_ROUTE_NONE: free */
    uint32_t fetch_nr; /* the oldest one makes room for another route */
    uint16_t token_len, cookies_len;
    char text[IFL_COOKIES_SIZE];
};

struct sender {
    const struct sender_wiring *wiring;
    enum sender_state state;
    bool stopped;
    struct sender_wait host;
    struct sender_route routes[IFL_ROUTE_COUNT];
    uint8_t next; /* the route whose turn it is among equals */
    struct sender_jar jars[IFL_CSRF_COUNT];
    uint32_t fetch_count;

    /* the connection */
    ifl_ms deadline;       /* of the present state */
    uint32_t answer_count; /* answers that came over it */
    uint64_t bytes_sent;   /* of tls_facts(): counted in health already */
    uint64_t bytes_received;
    uint8_t refused_count; /* fresh TLS 1.3 handshakes in a row that ended in a reset before any answer byte */
    bool fresh;            /* the next handshake must not resume */
    bool
        closed_once; /* a kept connection turned out dead and was replaced without backoff; not again before an answer */
    bool proven;     /* the program knows already that the identity works on this connection */

    /* the request */
    uint8_t route;
    bool fetching;       /* it's the HEAD for a token */
    bool request_secret; /* a token, a cookie or a password is in the buffer */
    struct outbox_message message;
    uint32_t body_left; /* payload bytes that aren't in the buffer yet */
    size_t request_len, request_pos;
    uint8_t request[IFL_REQUEST_HEAD_SIZE];

    /* its answer */
    bool heard;                  /* at least one byte of it came */
    bool early;                  /* it came, or the connection broke, before the request was out */
    enum ifl_status write_error; /* OK, or why the request couldn't be sent on */
    bool decided;                /* it has been acted upon; only its rest is read */
    bool token_too_large;
    struct sender_jar *jar; /* being filled, or NULL */
    int64_t date_unix_s;    /* its Date, 0 = none */
    char retry_after[40];   /* its Retry-After, "" = none */
    struct http_response response;
    struct catalogue_answer answer;
};

#endif
