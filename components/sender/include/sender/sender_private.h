/* sender_private.h: what struct sender is made of. It stands here so that the caller can own the memory; only sender.c looks inside. */
#ifndef SENDER_SENDER_PRIVATE_H
#define SENDER_SENDER_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/profile.h"
#include "base/status.h"
#include "base/time.h"
#include "http/request.h"
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
    struct backoff retry;   /* failures in a row that are worth a soon retry */
    struct backoff probe;   /* slow probes of a hold in a row */
};

struct sender_route {
    struct sender_wait wait;
    uint64_t n;             /* the message that the next two are about */
    uint32_t attempts;      /* its requests so far */
    uint32_t flow_failures; /* its answers ANSWER_FLOW_FAILED */
    uint64_t accepted_count;
    uint8_t lane;
    uint8_t rejected_count; /* messages rejected in a row without a success */
    bool csrf_needed;
    bool token_fresh; /* the token was fetched for the request that comes next */
    char mpl_id[CATALOGUE_MPL_SIZE];
};

/* CSRF token and cookies of one route: "token\0name=value; name=value\0". A secret. */
struct sender_jar {
    uint8_t route; /* HEALTH_ROUTE_NONE: free */
    uint32_t used; /* higher = later; the lowest one is given up for another route */
    char text[IFL_COOKIES_SIZE];
};

struct sender {
    const struct sender_wiring *wiring;
    enum sender_state state;
    bool stopped;
    uint8_t route; /* whose message is under way, or was last */
    struct sender_wait host;
    struct sender_route routes[IFL_ROUTE_COUNT];
    struct sender_jar jars[IFL_CSRF_COUNT];
    uint32_t jar_clock;

    /* the connection */
    ifl_ms deadline;       /* of the present state */
    uint32_t answer_count; /* answers that came over it */
    uint64_t bytes_sent;   /* of tls_facts(), counted in health already */
    uint64_t bytes_received;
    uint8_t refused_count; /* fresh TLS 1.3 handshakes in a row that ended in a reset before any answer byte */
    bool fresh;            /* the next handshake must not resume */
    bool reuse_forgiven;   /* a reused connection that turned out dead was replaced without backoff; once */

    /* the request and its answer */
    struct outbox_message message;
    struct http_response response;
    struct catalogue_answer answer;
    uint32_t body_left; /* payload bytes that aren't in the request buffer yet */
    size_t request_len, request_pos;
    bool request_secret; /* the buffer holds a token or a password: wipe it */
    bool decided;        /* the answer has been acted upon; only its rest is read */
    bool token_too_large;
    uint32_t cookies_len; /* in the jar being filled */
    struct sender_jar *jar;
    int64_t date_unix_s; /* the answer's Date, 0 if none */
    char retry_after[32];
    uint8_t request[IFL_REQUEST_HEAD_SIZE];
};

#endif
