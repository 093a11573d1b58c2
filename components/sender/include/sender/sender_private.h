/* sender_private.h: what struct sender is made of. It stands here so that the caller can own the memory; only this room looks inside. */
#ifndef SENDER_SENDER_PRIVATE_H
#define SENDER_SENDER_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/profile.h"
#include "base/status.h"
#include "base/time.h"
#include "catalogue/catalogue.h"
#include "http/response.h"
#include "outbox/outbox.h"
#include "sender/backoff.h"
#include "sender/sender.h"

/* Small members and those that are used most first, in all of these, but numbers of 64 bits, whose place costs nothing: that makes the code
 * smaller. */

/* Why and until when the host, or one route, waits. */
struct sender_wait {
    uint8_t route;           /* whose; HEALTH_ROUTE_NONE: the host */
    struct sender_view view; /* nothing is tried before view.until */
    struct backoff retry;    /* failures in a row that a soon retry may mend */
    struct backoff probe;    /* slow probes of a hold in a row */
};

/* What one request carries: one message, or several in a row. */
struct sender_batch {
    uint8_t format; /* body.h */
    bool full;      /* the message behind it doesn't belong to it */
    uint8_t stored_quality;
    uint32_t count, size; /* messages, and bytes of their payloads */
    outbox_n first_n;
    int64_t stored_unix_s; /* its first message */
    ifl_ms since;          /* when that one was seen */
};

struct sender_route {
    uint8_t lane;
    uint8_t finished_quality; /* of finished_unix_s */
    uint8_t rejected_count;   /* messages rejected in a row without a success between */
    bool unlucky;             /* its last request got no answer, and no other route's since */
    bool csrf_needed;
    bool token_fresh;          /* a token was asked for on behalf of the request that comes next */
    uint16_t finished_count;   /* messages in its last request that was accepted */
    struct sender_batch batch; /* of the next request, or of the one under way */
    const struct settings_route *settings;
    struct sender_jar *jar;     /* or NULL: no token is known */
    uint32_t flow_failures;     /* ANSWER_FLOW_FAILED on the message n */
    outbox_n n;                 /* the message that view.attempts and flow_failures are about */
    outbox_n alone_n;           /* up to here messages go one by one: their batch was rejected, or can't be recorded */
    ifl_ms finished_at;         /* its last message; 0: none yet, or nobody waits for the rate any more */
    int64_t finished_unix_s;    /* when that one, or the first one of its batch, was stored */
    struct outbox_message seen; /* the last one that batch.c has looked at */
    struct sender_wait wait;
};

/* The cookies ("a=b; c=d") of one route and, at the end, its CSRF token; a zero behind each. A secret. */
struct sender_jar {
    struct sender_route *route; /* whose; NULL: free */
    uint32_t fetch_nr;          /* 0: free; the oldest one makes room for another route */
    uint16_t token_len, cookies_len;
    char text[IFL_COOKIES_SIZE + 2];
};

struct sender {
    enum sender_state state;
    bool stopped;

    /* the connection */
    bool fresh; /* the next handshake must not resume */
    bool
        closed_once; /* a kept connection turned out dead and was replaced without backoff; not again before an answer */
    bool proven;     /* the program knows already that the identity works on this connection */
    uint8_t refused_count; /* fresh TLS 1.3 handshakes in a row that ended in a reset before any answer byte */
    bool used;             /* an answer came over it */

    /* the request and its answer */
    bool fetching;               /* it's the HEAD for a token */
    bool heard;                  /* at least one byte of the answer came */
    bool early;                  /* it came, or the connection broke, before the request was out */
    bool decided;                /* it has been acted upon; only its rest is read */
    bool token_too_large;        /* or its cookies */
    bool request_secret;         /* a token, a cookie or a password is in the buffer */
    enum ifl_status write_error; /* OK, or why the request couldn't be sent on */

    struct sender_route *routes_end; /* behind the last one */
    struct sender_route *route;      /* of the request under way, or of the last one */
    struct sender_route *next;       /* whose turn it is among equals; or routes_end */
    uint32_t at_least_ms;            /* what Retry-After asks for */
    uint32_t body_left;              /* payload bytes that aren't in the buffer yet */
    size_t request_len, request_pos;
    struct sender_jar *jar; /* being filled, or NULL */
    uint32_t bytes_sent;    /* of tls_facts(), modulo 2^32: counted in health already */
    uint32_t bytes_received;
    struct sender_wiring wiring;
    uint32_t fetch_count;
    ifl_ms now;          /* of the call under way */
    ifl_ms wish;         /* what sender_step() will answer */
    ifl_ms deadline;     /* of the present state */
    int64_t date_unix_s; /* the answer's Date, 0 = none */
    struct sender_wait host;
    struct outbox_message message;
    char detail[HEALTH_DETAIL_SIZE]; /* for the next event */
    struct sender_route routes[IFL_ROUTE_COUNT];
    struct catalogue_answer answer;
    struct http_response response;
    struct sender_jar jars[IFL_CSRF_COUNT];
    uint8_t request[IFL_REQUEST_HEAD_SIZE];
};

#endif
