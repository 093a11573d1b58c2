/* sender.h: takes messages out of the outbox and posts them over mutual TLS until each one is accepted.
 *
 * One connection, one request at a time. A backlog isn't sent faster than four times the pace at which it was stored (settings, max_rate). Order is kept within a route; a route that is held doesn't hold the others. Nothing is dropped because of an answer:
 * each outcome follows catalogue.h. Never a second try below the outbox: a connection that dies after the request was sent is an unknown outcome, and
 * the message is sent again under the same id. The state machine is drawn in sender.c.
 *
 * A step begins with that of TLS, and looks at the outbox only behind it: a program that has a turn in the middle of a signature may put into the outbox. */
#ifndef SENDER_SENDER_H
#define SENDER_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/profile.h"
#include "base/random.h"
#include "base/status.h"
#include "base/time.h"
#include "clock/clock.h"
#include "health/health.h"
#include "outbox/outbox.h"
#include "settings/settings.h"
#include "tls/tls.h"

enum sender_state {
    SENDER_IDLE,    /* nothing to send, or everything waits; no connection */
    SENDER_CONNECT, /* resolve, connect, handshake (tls.h) */
    SENDER_READY,   /* an open connection, kept alive */
    SENDER_CSRF,    /* a token is being fetched */
    SENDER_POST,    /* the request goes out */
    SENDER_ANSWER,  /* the answer comes in */
};

enum sender_route_state { SENDER_ROUTE_GOING, SENDER_ROUTE_BACKOFF, SENDER_ROUTE_HELD };

/* What people see of a route or of the host. */
struct sender_view {
    enum sender_route_state state;
    enum ifl_status status;  /* why it waits: OK while it's going */
    uint32_t attempts;       /* requests of a route's present message; connections since the host answered last */
    ifl_ms until;            /* next try */
    uint64_t accepted_count; /* since the start */
    char mpl_id[48];         /* of the last answer of a route that had one: what SAP support asks for; "" */
};

/* What the sender works with. The struct is copied; what it points to is the caller's and stays until sender_stop(). */
struct sender_wiring {
    const struct settings *settings;
    struct outbox *outbox;
    struct tls *tls;
    struct clock *clock;
    struct health *health;
    struct ifl_random random;
    const char *host; /* from the url */
    uint16_t port;
    const struct net_proxy *proxy; /* or NULL */
    const char *user_agent;        /* "iflow-agent/0.1.0"; NULL = not told */
    const char *authorization;     /* value of a header: "Basic ..."; a secret. NULL: the certificate speaks alone */
    /* Where that value changes: asked for before each request. OK; AGAIN: it isn't there yet, call sender_step() when it is; else why it can't be had: the
     * host waits as after a failed connection. NULL: `authorization` stays. */
    enum ifl_status (*authorize)(void *ctx, ifl_ms now, const char **authorization);
    /* A 401 says that the token in it is no good. True: there will be another one, so nothing waits. NULL: there won't. */
    bool (*token_refused)(void *ctx);
    /* Told when an identity has been proven (an answer that only an authenticated client gets: status OK) or refused (a 401 on a full
     * handshake, or a certificate alert). It may call sender_identity_changed(). May be NULL. */
    void (*identity_verdict)(void *ctx, enum ifl_status verdict);
    /* A route's flow wants a CSRF token, or wants none any more: remember it over a restart. May be NULL. */
    void (*csrf_needed)(void *ctx, uint8_t lane, bool needed);
    void *ctx;
};

#include "sender/sender_private.h"

/* Waits a random time (boot jitter, settings) before the first connection. The outbox is mounted, its lanes are those of the settings.
 * OK. INVALID: a route has no lane, or there are more routes than this build can hold. */
enum ifl_status sender_init(struct sender *sender, const struct sender_wiring *wiring, ifl_ms now);
/* After sender_init(): this lane is remembered as one whose flow wants a CSRF token, so one is fetched before the first POST. If the flow
 * has lost its protection meanwhile, that HEAD has no token in its answer and is the last one. */
void sender_csrf_remembered(struct sender *sender, uint8_t lane);
/* Do what can be done now. Returns `now` when something was done and there may be more, else when it wants to be called again; call it also
 * after a network event and after a message was stored. Steps the connection; doesn't step the outbox. */
ifl_ms sender_step(struct sender *sender, ifl_ms now);
/* Try at once: the host and the route with this index, or all routes (HEALTH_ROUTE_NONE), whatever the rate. Counts of failures start afresh; why they waited stays
 * visible until the answer comes. */
void sender_retry(struct sender *sender, uint8_t route, ifl_ms now);
enum sender_state sender_state(const struct sender *sender);
void sender_host_view(const struct sender *sender, struct sender_view *view);
/* NOT_FOUND: there is no such route; *view is untouched. */
enum ifl_status sender_route_view(const struct sender *sender, size_t route, struct sender_view *view);
/* The identity or the trust has changed: drop the connection and the session, and try everything at once. What is in flight stays queued. */
void sender_identity_changed(struct sender *sender, ifl_ms now);
/* Lend the TLS connection to somebody else: drop it, unless a request is under way, or it was opened for one that comes next, and it isn't wanted `at_once` (a
 * message on its way is sent again then, under the same id). False: not now. It takes the connection back with its next step. */
bool sender_pause(struct sender *sender, bool at_once);
/* Finish nothing more; drop the connection, wipe tokens and cookies. What is in flight stays queued. Only sender_init() starts it again. */
void sender_stop(struct sender *sender);

#endif
