/*
 *            a message may go           open              a message may go
 *     IDLE ──────────────────► CONNECT ──────► READY ─────────────────────┬─► POST ─► ANSWER
 *      ▲ ▲                        │             │ ▲  no token, but needed  │      sent    │
 *      │ │        it failed       │     idle or │ │                        └─► CSRF ──────┤
 *      │ └────────────────────────┘      closed │ │                                       │
 *      │ ◄──────────────────────────────────────┘ └──── answer read, connection kept ─────┤
 *      └──────── no answer, or a connection that can't be kept ◄──────────────────────────┘
 *
 * A message may go when neither its host nor its route waits: the highest priority first, in turn among equals. Who waits after which
 * outcome: verdict.c by the actions of diag.def. CSRF is POST and ANSWER of the HEAD for a token (`fetching`); the same message comes next.
 * The outbox moves on when the header block of a 2xx is complete; the rest of the body (up to 4 KB) is read only to keep the connection.
 * Each outcome of POST but a success leaves the message where it is, under the same id. */
#include "sender/sender.h"

#include <string.h>

#include "parts.h"

#define CONNECT_MS 30000 /* resolve, connect, proxy and handshake */
#define POLL_MS 5        /* while the flash is erasing */
#define REST_SIZE 4096   /* bytes of a body that are read to keep a connection */

enum ifl_status sender_init(struct sender *sender, const struct sender_wiring *wiring, ifl_ms now)
{
    const struct settings *settings = wiring->settings;
    if (settings->route_count > IFL_ROUTE_COUNT)
        return IFL_INVALID;
    memset(sender, 0, sizeof *sender);
    sender->wiring = wiring;
    for (size_t i = 0; i < settings->route_count; i++) {
        sender->routes[i].lane = outbox_lane_of(wiring->outbox, settings->routes[i].name);
        if (sender->routes[i].lane == OUTBOX_LANE_NONE)
            return IFL_INVALID;
        wait_init(sender, &sender->routes[i].wait);
    }
    for (size_t i = 0; i < IFL_CSRF_COUNT; i++)
        sender->jars[i].route = HEALTH_ROUTE_NONE;
    wait_init(sender, &sender->host);
    sender->host.until = ifl_ms_after(now, ifl_random_below(&wiring->random, (uint64_t)settings->boot_jitter_ms + 1));
    return IFL_OK;
}

void sender_csrf_remembered(struct sender *sender, uint8_t lane)
{
    for (size_t i = 0; i < sender->wiring->settings->route_count; i++)
        if (sender->routes[i].lane == lane)
            sender->routes[i].csrf_needed = true;
}

/* ---- the connection ---- */

static void count_bytes(struct sender *sender)
{
    const struct tls_facts *facts = tls_facts(sender->wiring->tls);
    struct health *health = sender->wiring->health;
    health_count(health, HEALTH_BYTES_SENT, facts->bytes_sent - sender->bytes_sent);
    health_count(health, HEALTH_BYTES_RECEIVED, facts->bytes_received - sender->bytes_received);
    sender->bytes_sent = facts->bytes_sent;
    sender->bytes_received = facts->bytes_received;
}

/* What a request leaves behind: a secret in a buffer, a jar that wasn't filled. */
static void clean_up(struct sender *sender)
{
    post_wipe(sender);
    if (sender->jar != NULL)
        csrf_jar_drop(sender, sender->route);
    sender->jar = NULL;
}

void sender_disconnect(struct sender *sender)
{
    if (sender->state != SENDER_IDLE) {
        count_bytes(sender);
        tls_close(sender->wiring->tls);
    }
    clean_up(sender);
    sender->state = SENDER_IDLE;
    sender->answer_count = 0;
    sender->proven = false;
}

static void connect(struct sender *sender, ifl_ms now)
{
    const struct sender_wiring *wiring = sender->wiring;
    const char *address = wiring->settings->resolve;
    sender->state = SENDER_CONNECT;
    sender->bytes_sent = 0;
    sender->bytes_received = 0;
    enum ifl_status status = tls_open(wiring->tls, wiring->host, wiring->port, address[0] == '\0' ? NULL : address,
                                      wiring->proxy, sender->fresh, CONNECT_MS, now);
    if (status != IFL_OK && status != IFL_AGAIN)
        verdict_host(sender, status, now);
}

static void enter_ready(struct sender *sender, ifl_ms now)
{
    clean_up(sender);
    count_bytes(sender);
    sender->state = SENDER_READY;
    sender->deadline = ifl_ms_after(now, sender->wiring->settings->idle_close_ms);
}

/* ---- which message ---- */

/* The first message of a route. False: it has none, or none that can be read now; *wish is lowered to when that may change. */
static bool first_of(struct sender *sender, uint8_t route, struct outbox_message *message, ifl_ms now, ifl_ms *wish)
{
    struct sender_route *of = &sender->routes[route];
    enum ifl_status status = outbox_first(sender->wiring->outbox, of->lane, message);
    if (status == IFL_OK)
        return true;
    if (status == IFL_FLASH_BUSY) {
        *wish = ifl_ms_min(*wish, ifl_ms_after(now, POLL_MS));
    } else if (status != IFL_END) {
        wait_retry(sender, route, status, 0, "", now);
        *wish = ifl_ms_min(*wish, of->wait.until);
    }
    return false;
}

/* True: `route` and `message` are what is sent next. False: nothing may go; *wish is when that may change by itself. */
static bool pick(struct sender *sender, ifl_ms now, ifl_ms *wish)
{
    const struct settings *settings = sender->wiring->settings;
    *wish = IFL_NEVER;
    if (sender->host.until > now) {
        *wish = sender->host.until;
        return false;
    }
    bool found = false;
    for (size_t i = 0; i < settings->route_count; i++) {
        uint8_t route = (uint8_t)((sender->next + i) % settings->route_count);
        struct outbox_message message;
        ifl_ms until = sender->routes[route].wait.until;
        if (until > now) {
            *wish = ifl_ms_min(*wish, until);
        } else if (!found || settings->routes[route].priority > settings->routes[sender->route].priority) {
            if (first_of(sender, route, &message, now, wish)) {
                found = true;
                sender->route = route;
                sender->message = message;
            }
        }
    }
    return found;
}

/* ---- the states ---- */

static ifl_ms step_idle(struct sender *sender, ifl_ms now)
{
    ifl_ms wish = now;
    if (!pick(sender, now, &wish))
        return wish;
    connect(sender, now);
    return now;
}

static ifl_ms step_connect(struct sender *sender, ifl_ms now)
{
    struct tls *tls = sender->wiring->tls;
    struct health *health = sender->wiring->health;
    enum tls_state state = tls_state(tls);
    if (state == TLS_FAILED) {
        health_count(health, HEALTH_CONNECTS, tls_facts(tls)->bytes_sent > 0);
        verdict_host(sender, tls_status(tls), now);
        return now;
    }
    if (state != TLS_OPEN)
        return IFL_NEVER; /* tls_step() knows when */
    health_count(health, HEALTH_CONNECTS, 1);
    health_count(health, tls_facts(tls)->resumed ? HEALTH_HANDSHAKES_RESUMED : HEALTH_HANDSHAKES_FULL, 1);
    sender->fresh = false;
    enter_ready(sender, now);
    return now;
}

/* The request for the message that pick() has found. */
static void begin_request(struct sender *sender, ifl_ms now)
{
    struct sender_route *route = &sender->routes[sender->route];
    if (route->n != sender->message.n) {
        route->n = sender->message.n;
        route->attempts = 0;
        route->flow_failures = 0;
    }
    sender->next = (uint8_t)((sender->route + 1u) % sender->wiring->settings->route_count);
    sender->fetching = route->csrf_needed && !route->token_fresh && csrf_jar(sender, sender->route) == NULL;
    enum ifl_status status = post_begin(sender, sender->fetching);
    if (status != IFL_OK) {
        bool jar = csrf_jar(sender, sender->route) != NULL;
        csrf_jar_drop(sender, sender->route);
        if (status == IFL_TOO_LARGE)
            status = jar ? IFL_ANSWER_CSRF_TOO_LARGE : IFL_ANSWER_HEADERS_TOO_LARGE;
        post_wipe(sender);
        verdict_unsendable(sender, status, now);
        return;
    }
    answer_begin(sender);
    sender->state = SENDER_POST;
    sender->deadline = ifl_ms_after(now, sender_settings_of(sender, sender->route)->timeout_ms);
    if (!sender->fetching) {
        health_count(sender->wiring->health, HEALTH_POSTED, 1);
        route->attempts++;
    }
}

/* An open connection on which nothing is asked: whatever comes ends it. */
static ifl_ms step_ready(struct sender *sender, ifl_ms now)
{
    uint8_t unasked[32];
    size_t got = 0;
    enum ifl_status status = tls_read(sender->wiring->tls, unasked, sizeof unasked, &got);
    if (status != IFL_AGAIN && sender->answer_count == 0) {
        verdict_host(sender, status == IFL_OK ? IFL_HTTP_MALFORMED : status, now);
        return now;
    }
    ifl_ms wish = now;
    bool going = status == IFL_AGAIN && pick(sender, now, &wish);
    if (going) {
        begin_request(sender, now);
        return now;
    }
    if (status == IFL_AGAIN && now < sender->deadline)
        return ifl_ms_min(wish, sender->deadline);
    sender_disconnect(sender);
    return now;
}

/* The connection or the answer broke, or time is up. What was complete before still counts. */
static void end_answer(struct sender *sender, enum ifl_status status, ifl_ms now)
{
    if (!sender->decided && sender->response.head_complete) {
        sender->response.keep_alive = false;
        verdict_answer(sender, now);
    } else if (!sender->decided) {
        verdict_no_answer(sender, sender->write_error != IFL_OK ? sender->write_error : status, now);
    }
    sender_disconnect(sender);
}

/* Read once. True: something came. */
static bool take_answer(struct sender *sender, ifl_ms now)
{
    enum ifl_status status = answer_read(sender);
    if (status == IFL_AGAIN && now < sender->deadline)
        return false;
    if (status != IFL_OK) {
        end_answer(sender, status == IFL_AGAIN ? IFL_HTTP_TIMEOUT : status, now);
        return true;
    }
    if (!sender->decided && answer_is_decidable(sender))
        verdict_answer(sender, now);
    return true;
}

static ifl_ms step_answer(struct sender *sender, ifl_ms now)
{
    if (!take_answer(sender, now))
        return sender->deadline;
    if (sender->state == SENDER_IDLE || !sender->decided)
        return now;
    const struct http_response *response = &sender->response;
    if (response->complete && response->keep_alive && !sender->early)
        enter_ready(sender, now);
    else if (response->complete || response->body_size > REST_SIZE || sender->early)
        sender_disconnect(sender);
    return now;
}

/* The next record of the request. */
static ifl_ms write_request(struct sender *sender, ifl_ms now)
{
    size_t taken = 0;
    struct bytes rest = bytes_of(sender->request + sender->request_pos, sender->request_len - sender->request_pos);
    enum ifl_status status = tls_write(sender->wiring->tls, rest, &taken);
    if (status == IFL_OK) {
        sender->request_pos += taken;
        sender->deadline = ifl_ms_after(now, sender_settings_of(sender, sender->route)->timeout_ms);
        return now;
    }
    sender->early = true;
    if (status != IFL_AGAIN) {
        sender->write_error = status;
        return now;
    }
    bool something = take_answer(sender, now); /* some refuse before they have read it all */
    sender->early = sender->response.head_complete;
    return something ? now : sender->deadline;
}

static ifl_ms step_post(struct sender *sender, ifl_ms now)
{
    if (sender->request_pos == sender->request_len)
        sender->request_pos = sender->request_len = 0;
    if (sender->request_pos == 0) { /* later the bytes must stay as they were handed to tls_write() */
        enum ifl_status status = post_fill(sender);
        if (status == IFL_FLASH_BUSY && now < sender->deadline)
            return ifl_ms_after(now, POLL_MS);
        if (status != IFL_OK) {
            sender_disconnect(sender); /* cut off, so that the receiver can't take it for a message */
            verdict_unsendable(sender, status, now);
            return now;
        }
    }
    ifl_ms wish = write_request(sender, now);
    bool sent = sender->request_pos == sender->request_len && sender->body_left == 0;
    if (sender->state == SENDER_POST && (sent || sender->early))
        sender->state = SENDER_ANSWER;
    return wish;
}

ifl_ms sender_step(struct sender *sender, ifl_ms now)
{
    if (sender->stopped)
        return IFL_NEVER;
    if (sender->state == SENDER_IDLE)
        return step_idle(sender, now);
    ifl_ms wish = tls_step(sender->wiring->tls, now);
    switch (sender->state) {
    case SENDER_CONNECT:
        return ifl_ms_min(wish, step_connect(sender, now));
    case SENDER_READY:
        return ifl_ms_min(wish, step_ready(sender, now));
    case SENDER_POST:
        return ifl_ms_min(wish, step_post(sender, now));
    default:
        return ifl_ms_min(wish, step_answer(sender, now));
    }
}

/* ---- what others ask for ---- */

static void retry_route(struct sender_route *route)
{
    wait_skip(&route->wait);
    route->rejected_count = 0;
}

void sender_retry(struct sender *sender, uint8_t route, ifl_ms now)
{
    (void)now; /* whatever it is, it's time */
    wait_skip(&sender->host);
    for (uint8_t i = 0; i < sender->wiring->settings->route_count; i++)
        if (route == i || route == HEALTH_ROUTE_NONE)
            retry_route(&sender->routes[i]);
}

enum sender_state sender_state(const struct sender *sender)
{
    bool asking = sender->state == SENDER_POST || sender->state == SENDER_ANSWER;
    return asking && sender->fetching ? SENDER_CSRF : sender->state;
}

static void view_wait(const struct sender_wait *wait, struct sender_view *view)
{
    memset(view, 0, sizeof *view);
    view->state = wait->state;
    view->status = wait->status;
    view->until = wait->until;
}

void sender_host_view(const struct sender *sender, struct sender_view *view)
{
    view_wait(&sender->host, view);
    view->attempts = (uint32_t)sender->host.retry.attempts + sender->host.probe.attempts;
    for (size_t i = 0; i < sender->wiring->settings->route_count; i++)
        view->accepted_count += sender->routes[i].accepted_count;
}

enum ifl_status sender_route_view(const struct sender *sender, size_t route, struct sender_view *view)
{
    if (route >= sender->wiring->settings->route_count)
        return IFL_NOT_FOUND;
    const struct sender_route *of = &sender->routes[route];
    view_wait(&of->wait, view);
    view->attempts = of->attempts;
    view->accepted_count = of->accepted_count;
    memcpy(view->mpl_id, of->mpl_id, sizeof view->mpl_id);
    return IFL_OK;
}

void sender_identity_changed(struct sender *sender, ifl_ms now)
{
    sender_disconnect(sender);
    tls_forget_session(sender->wiring->tls);
    sender->refused_count = 0;
    sender_retry(sender, HEALTH_ROUTE_NONE, now);
}

void sender_stop(struct sender *sender)
{
    sender_disconnect(sender);
    bytes_wipe(sender->jars, sizeof sender->jars);
    sender->stopped = true;
}
