/*
 *            a message may go           open              a message may go
 *     IDLE ──────────────────► CONNECT ──────► READY ─────────────────────┬─► POST ─► ANSWER
 *      ▲ ▲                        │             │ ▲  no token, but needed  │      sent    │
 *      │ │        it failed       │     idle or │ │                        └─► CSRF ──────┤
 *      │ └────────────────────────┘      closed │ │                                       │
 *      │ ◄──────────────────────────────────────┘ └──── answer read, connection kept ─────┤
 *      └──────── no answer, or a connection that can't be kept ◄──────────────────────────┘
 *
 * A message may go when neither its host nor its route waits: the highest priority first, in turn among equals, and last who got no
 * answer. Who waits after which outcome: verdict.c by the actions of diag.def. CSRF is POST and ANSWER of the HEAD for a token (`fetching`); the same message comes next.
 * The outbox moves on when the header block of a 2xx is complete; the rest of the body (up to 4 KB) is read only to keep the connection.
 * Each outcome of POST but a success leaves the message where it is, under the same id. */
#include "sender/sender.h"

#include <string.h>

#include "parts.h"

#define CONNECT_MS 30000 /* resolve, connect, proxy and handshake */
#define RATE_PAUSE_MS (5 * 60 * 1000)

enum ifl_status sender_init(struct sender *sender, const struct sender_wiring *wiring, ifl_ms now)
{
    const struct settings *settings = wiring->settings;
    if (settings->route_count > IFL_ROUTE_COUNT)
        return IFL_INVALID;
    memset(sender, 0, sizeof *sender);
    sender->wiring = *wiring;
    sender->routes_end = sender->routes + settings->route_count;
    sender->next = sender->routes;
    uint8_t index = 0;
    for (struct sender_route *route = sender->routes; route != sender->routes_end; route++) {
        route->settings = &settings->routes[index];
        route->lane = outbox_lane_of(wiring->outbox, route->settings->name);
        if (route->lane == OUTBOX_LANE_NONE)
            return IFL_INVALID;
        wait_init(sender, &route->wait, index++);
    }
    wait_init(sender, &sender->host, HEALTH_ROUTE_NONE);
    sender->host.view.until = now + ifl_random_below(&wiring->random, (uint64_t)settings->boot_jitter_ms + 1);
    return IFL_OK;
}

void sender_csrf_remembered(struct sender *sender, uint8_t lane)
{
    for (struct sender_route *route = sender->routes; route != sender->routes_end; route++)
        if (route->lane == lane)
            route->csrf_needed = true;
}

/* ---- time ---- */

/* Before the deadline, and the sender wakes up at it. */
static bool has_time(struct sender *sender)
{
    return sender_is_ahead(sender, sender->deadline);
}

/* ---- the connection ---- */

static void count_bytes(struct sender *sender)
{
    const struct tls_facts *facts = tls_facts(sender->wiring.tls);
    struct health *health = sender->wiring.health;
    uint32_t sent = (uint32_t)facts->bytes_sent, received = (uint32_t)facts->bytes_received;
    health_count(health, HEALTH_BYTES_SENT, sent - sender->bytes_sent);
    health_count(health, HEALTH_BYTES_RECEIVED, received - sender->bytes_received);
    sender->bytes_sent = sent;
    sender->bytes_received = received;
}

/* What a request leaves behind: bytes to count, a secret in a buffer, a jar that wasn't filled. */
static void clean_up(struct sender *sender)
{
    count_bytes(sender);
    post_wipe(sender);
    if (sender->jar != NULL)
        csrf_jar_drop(sender->route);
    sender->jar = NULL;
}

void sender_disconnect(struct sender *sender)
{
    if (sender->state == SENDER_IDLE)
        return;
    clean_up(sender);
    tls_close(sender->wiring.tls);
    sender->state = SENDER_IDLE;
    sender->used = false;
    sender->proven = false;
}

static void connect(struct sender *sender)
{
    const struct sender_wiring *wiring = &sender->wiring;
    sender->state = SENDER_CONNECT;
    sender->host.view.attempts++;
    (void)tls_open(wiring->tls, wiring->host, wiring->port, wiring->settings->resolve, wiring->proxy, sender->fresh,
                   CONNECT_MS, sender->now); /* step_connect() sees what became of it */
    sender->bytes_sent = 0;
    sender->bytes_received = 0;
    sender->heard = false;
}

static void enter_ready(struct sender *sender)
{
    clean_up(sender);
    sender->state = SENDER_READY;
    sender_set_deadline(sender, sender->wiring.settings->idle_close_ms);
}

/* ---- which message ---- */

/* A batch that was tried already stays together: its outcome isn't known, and the receiver knows it by its id. */
static bool is_too_old(const struct sender *sender, const struct sender_route *route,
                       const struct outbox_message *message)
{
    const struct sender_wiring *wiring = &sender->wiring;
    uint32_t limit = route->settings->max_age_min;
    struct outbox_batch tried;
    return limit > 0 && clock_age_min(wiring->clock, message->time.uptime_min, sender->now) >= limit &&
           batch_has_own_id(route, message) && !outbox_batch_pending(wiring->outbox, route->lane, &tried);
}

/* The first message of a route. False: it has none, or none that can be read now. */
static bool first_of(struct sender *sender, struct sender_route *route, struct outbox_message *message)
{
    enum ifl_status status = outbox_first(sender->wiring.outbox, route->lane, message);
    if (status == IFL_OK && is_too_old(sender, route, message)) {
        status = verdict_give_up(sender, route, message->n, IFL_STORE_EXPIRED);
        if (status == IFL_OK) {
            sender->wish = sender->now; /* what comes behind it may be younger */
            return false;
        }
        if (status == IFL_STORE_FULL) /* no place to record it: it goes, and makes room */
            status = IFL_OK;
    }
    if (status == IFL_FLASH_BUSY) {
        sender_poll_flash(sender);
    } else if (status != IFL_OK && status != IFL_END) {
        sender->route = route;
        verdict_unsendable(sender, status);
        sender_is_ahead(sender, route->wait.view.until);
    }
    return status == IFL_OK;
}

/* A thousand devices with full queues would bury the tenant when it comes back: backoff spreads only their first messages. So a backlog goes out
 * at most four times as fast as it was stored, or by the rate of the settings. The time of a message may be wrong: no pause is longer than
 * RATE_PAUSE_MS; and where the clock was set in between, the two times say nothing about the pace. */
static bool is_too_fast(struct sender *sender, const struct sender_route *route, const struct outbox_message *message)
{
    int64_t apart_s = message->time.unix_s - route->finished_unix_s;
    uint32_t pause_ms = 250 * (apart_s < 0                     ? 0
                               : apart_s < RATE_PAUSE_MS / 250 ? (uint32_t)apart_s
                                                               : RATE_PAUSE_MS / 250);
    if (message->time.quality != route->finished_quality)
        pause_ms = 0;
    if (route->settings->max_rate > 0)
        pause_ms = 60000u * route->finished_count / route->settings->max_rate;
    return route->finished_at > 0 && sender_is_ahead(sender, route->finished_at + pause_ms);
}

/* False: without its authorization no request can go now. */
static bool is_authorized(struct sender *sender)
{
    struct sender_wiring *wiring = &sender->wiring;
    if (wiring->authorize == NULL)
        return true;
    enum ifl_status status = wiring->authorize(wiring->ctx, sender->now, &wiring->authorization);
    if (status != IFL_OK && status != IFL_AGAIN) {
        verdict_failure(sender, status);
        sender->wish = sender->host.view.until;
    }
    return status == IFL_OK;
}

/* 1 or more. A message on which connections die would take each try of the host for itself, were its priority the highest: first the others. */
static unsigned rank(const struct sender_route *route)
{
    return route->unlucky ? 1 : route->settings->priority + 2u;
}

/* True: `route` and `message` are what is sent next. False: nothing may go now; `wish` is when that may change by itself. */
static bool pick(struct sender *sender)
{
    if (sender_is_ahead(sender, sender->host.view.until))
        return false;
    struct sender_route *best = NULL;
    unsigned best_rank = 0;
    struct sender_route *route = sender->next;
    for (size_t left = sender->wiring.settings->route_count; left > 0; left--, route++) {
        struct outbox_message message;
        if (route == sender->routes_end)
            route = sender->routes;
        if (sender_is_ahead(sender, route->wait.view.until) || rank(route) <= best_rank ||
            !first_of(sender, route, &message) || is_too_fast(sender, route, &message) ||
            !batch_is_due(sender, route, &message))
            continue;
        best = route;
        best_rank = rank(route);
        sender->message = message;
    }
    if (best != NULL)
        sender->route = best;
    return best != NULL && is_authorized(sender);
}

/* ---- the states. True: something was done, and there may be more; false: `wish` says when. ---- */

static bool step_idle(struct sender *sender)
{
    bool may_go = pick(sender);
    if (may_go)
        connect(sender);
    return may_go;
}

static bool step_connect(struct sender *sender)
{
    struct tls *tls = sender->wiring.tls;
    enum tls_state state = tls_state(tls);
    if (state != TLS_FAILED && state != TLS_OPEN)
        return false; /* tls_step() knows when */
    if (tls_facts(tls)->bytes_sent > 0)
        sender_count(sender, HEALTH_CONNECTS);
    if (state == TLS_FAILED) {
        verdict_failure(sender, tls_status(tls));
    } else {
        sender_count(sender, tls_facts(tls)->resumed ? HEALTH_HANDSHAKES_RESUMED : HEALTH_HANDSHAKES_FULL);
        sender->fresh = false;
        enter_ready(sender);
    }
    return true;
}

/* post_begin() failed: its route waits. */
static void refuse_request(struct sender *sender, enum ifl_status status)
{
    if (status == IFL_TOO_LARGE)
        status = sender->route->jar != NULL ? IFL_ANSWER_CSRF_TOO_LARGE : IFL_ANSWER_HEADERS_TOO_LARGE;
    csrf_jar_drop(sender->route);
    post_wipe(sender);
    verdict_unsendable(sender, status);
}

/* The request for the message that pick() has found. False: not yet. */
static bool begin_request(struct sender *sender)
{
    struct sender_route *route = sender->route;
    if (!batch_begin(sender))
        return false;
    if (route->n != sender->message.n) {
        route->n = sender->message.n;
        route->wait.view.attempts = 0;
        route->flow_failures = 0;
    }
    sender->next = route + 1;
    sender->fetching = route->csrf_needed && !route->token_fresh && route->jar == NULL;
    enum ifl_status status = post_begin(sender);
    if (status != IFL_OK) {
        refuse_request(sender, status);
        return true;
    }
    answer_begin(sender);
    sender->state = SENDER_POST;
    sender_set_deadline(sender, route->settings->timeout_ms);
    if (!sender->fetching) {
        sender_count(sender, HEALTH_POSTED);
        route->wait.view.attempts++;
    }
    return true;
}

/* An open connection on which nothing is asked: whatever comes ends it. */
static bool step_ready(struct sender *sender)
{
    uint8_t unasked[16];
    size_t got = 0;
    enum ifl_status status = tls_read(sender->wiring.tls, unasked, sizeof unasked, &got);
    if (status == IFL_AGAIN) {
        if (pick(sender))
            return begin_request(sender);
        if (has_time(sender))
            return false;
        sender_disconnect(sender);
    } else if (sender->used) {
        sender_disconnect(sender);
    } else {
        verdict_failure(sender, status == IFL_OK ? IFL_HTTP_MALFORMED : status);
    }
    return true;
}

/* The connection or the answer broke, or time is up. What was complete before still counts. */
static void end_answer(struct sender *sender, enum ifl_status status)
{
    if (!sender->decided && sender->response.head_complete)
        verdict_answer(sender);
    else if (!sender->decided)
        verdict_failure(sender, sender->write_error != IFL_OK ? sender->write_error : status);
    sender_disconnect(sender);
}

/* Read once. False: nothing came, and there is still time. */
static bool take_answer(struct sender *sender)
{
    enum ifl_status status = answer_read(sender);
    if (status == IFL_AGAIN) {
        if (has_time(sender))
            return false;
        status = IFL_HTTP_TIMEOUT;
    }
    if (status != IFL_OK)
        end_answer(sender, status);
    else if (!sender->decided && answer_is_decidable(sender))
        verdict_answer(sender);
    return true;
}

static bool step_answer(struct sender *sender)
{
    const struct http_response *response = &sender->response;
    if (!take_answer(sender))
        return false;
    if (sender->state == SENDER_IDLE || !sender->decided)
        return true;
    if (response->complete && response->keep_alive && !sender->early)
        enter_ready(sender);
    else if (response->complete || response->body_size > REST_SIZE || sender->early)
        sender_disconnect(sender);
    return true;
}

/* The next record of the request. */
static bool write_request(struct sender *sender)
{
    size_t taken = 0;
    struct bytes rest = bytes_of(sender->request + sender->request_pos, sender->request_len - sender->request_pos);
    enum ifl_status status = tls_write(sender->wiring.tls, rest, &taken);
    if (status == IFL_AGAIN) { /* some refuse before they have read it all */
        sender->early = true;
        bool taken_some = take_answer(sender);
        sender->early = sender->response.head_complete;
        return taken_some;
    }
    if (status == IFL_OK) {
        sender->request_pos += taken;
        sender_set_deadline(sender, sender->route->settings->timeout_ms);
    } else {
        sender->early = true;
        sender->write_error = status;
    }
    return true;
}

static bool step_post(struct sender *sender)
{
    if (sender->request_pos == sender->request_len)
        sender->request_pos = sender->request_len = 0;
    if (sender->request_pos == 0) { /* later the bytes must stay as they were handed to tls_write() */
        enum ifl_status status = post_fill(sender);
        if (status == IFL_FLASH_BUSY && has_time(sender)) {
            sender_poll_flash(sender);
            return false;
        }
        if (status != IFL_OK) {
            sender_disconnect(sender); /* cut off, so that the receiver can't take it for a message */
            verdict_unsendable(sender, status);
            return true;
        }
    }
    bool done = write_request(sender);
    bool sent = sender->request_pos == sender->request_len && sender->body_left == 0;
    if (sender->decided) /* nobody wants the rest of the request any more */
        sender_disconnect(sender);
    else if (sender->state == SENDER_POST && (sent || sender->early))
        sender->state = SENDER_ANSWER;
    return done;
}

static bool step(struct sender *sender)
{
    switch (sender->state) {
    case SENDER_IDLE:
        return step_idle(sender);
    case SENDER_CONNECT:
        return step_connect(sender);
    case SENDER_READY:
        return step_ready(sender);
    case SENDER_POST:
        return step_post(sender);
    default:
        return step_answer(sender);
    }
}

ifl_ms sender_step(struct sender *sender, ifl_ms now)
{
    sender->now = now;
    sender->wish = IFL_NEVER;
    if (sender->stopped)
        return IFL_NEVER;
    if (sender->state != SENDER_IDLE)
        sender->wish = tls_step(sender->wiring.tls, now);
    return step(sender) ? now : sender->wish;
}

/* ---- what others ask for ---- */

void sender_retry(struct sender *sender, uint8_t route, ifl_ms now)
{
    (void)now; /* whatever it is, it's time */
    wait_skip(&sender->host);
    for (struct sender_route *each = sender->routes; each != sender->routes_end; each++)
        if (route == each->wait.route || route == HEALTH_ROUTE_NONE) {
            wait_skip(&each->wait);
            each->rejected_count = 0;
            each->finished_at = 0;
        }
}

enum sender_state sender_state(const struct sender *sender)
{
    return sender_is_asking(sender) && sender->fetching ? SENDER_CSRF : sender->state;
}

void sender_host_view(const struct sender *sender, struct sender_view *view)
{
    *view = sender->host.view;
}

enum ifl_status sender_route_view(const struct sender *sender, size_t route, struct sender_view *view)
{
    if (route >= sender->wiring.settings->route_count)
        return IFL_NOT_FOUND;
    *view = sender->routes[route].wait.view;
    return IFL_OK;
}

void sender_identity_changed(struct sender *sender, ifl_ms now)
{
    sender_disconnect(sender);
    tls_forget_session(sender->wiring.tls);
    sender->refused_count = 0;
    sender_retry(sender, HEALTH_ROUTE_NONE, now);
}

bool sender_pause(struct sender *sender, bool at_once)
{
    if (!at_once && sender->state != SENDER_IDLE && !(sender->state == SENDER_READY && sender->used))
        return false;
    sender_disconnect(sender);
    return true;
}

void sender_stop(struct sender *sender)
{
    sender_disconnect(sender);
    bytes_wipe(sender->jars, sizeof sender->jars);
    sender->stopped = true;
}
