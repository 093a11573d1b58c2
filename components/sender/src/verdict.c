#include <string.h>

#include "parts.h"

#define HOST HEALTH_ROUTE_NONE
#define REST_MS 5000 /* for the rest of a body that nobody needs */
#define REJECTED_LIMIT                                                                                                 \
    3 /* the message that would be the third rejected one in a row isn't dead-lettered: its route is held */

/* ---- what people read ---- */

static void detail_of_answer(const struct sender *sender, char buf[HEALTH_DETAIL_SIZE])
{
    struct text out;
    text_init(&out, buf, HEALTH_DETAIL_SIZE);
    text_str(&out, "HTTP ");
    text_u64(&out, sender->answer.status);
    if (sender->answer.router_error[0] != '\0') {
        text_char(&out, ' ');
        text_str(&out, sender->answer.router_error);
    }
    if (sender->answer.mpl_id[0] != '\0') {
        text_str(&out, " MPL ");
        text_str(&out, sender->answer.mpl_id);
    }
}

/* ---- outcomes of a message ---- */

static void accepted(struct sender *sender, const char *detail, ifl_ms now)
{
    const struct sender_wiring *wiring = sender->wiring;
    struct sender_route *route = &sender->routes[sender->route];
    health_count(wiring->health, HEALTH_ACCEPTED, 1);
    route->accepted_count++;
    route->rejected_count = 0;
    enum ifl_status status = outbox_done(wiring->outbox, route->lane, sender->message.n);
    if (status == IFL_OK)
        wait_over(sender, sender->route, IFL_ACCEPTED, detail, now);
    else /* it will be sent again, under the same id; not at once */
        wait_retry(sender, sender->route, status, 0, detail, now);
}

static void dead_letter(struct sender *sender, enum ifl_status reason, const char *detail, ifl_ms now)
{
    const struct sender_wiring *wiring = sender->wiring;
    enum ifl_status status = outbox_dead_letter(wiring->outbox, &sender->message, reason);
    if (status == IFL_FLASH_BUSY) {
        wait_retry(sender, sender->route, reason, 0, detail, now);
        return;
    }
    if (status != IFL_OK) { /* no room among the dead letters: nothing is dropped, so it waits where it is */
        health_event(wiring->health, now, status, sender->route, "dead letters");
        wait_hold(sender, sender->route, reason, 0, detail, now);
        return;
    }
    health_count(wiring->health, HEALTH_DEAD_LETTERED, 1);
    health_event(wiring->health, now, reason, sender->route, detail);
    struct sender_wait *wait = &sender->routes[sender->route].wait;
    wait->state = SENDER_ROUTE_GOING;
    wait->status = IFL_OK;
    wait_skip(wait);
}

static void rejected(struct sender *sender, enum ifl_status status, const char *detail, ifl_ms now)
{
    struct sender_route *route = &sender->routes[sender->route];
    if (status == IFL_ANSWER_REJECTED) {
        if (route->rejected_count + 1 >= REJECTED_LIMIT) {
            wait_hold(sender, sender->route, IFL_ANSWER_REJECTS_ALL, 0, detail, now);
            return;
        }
        route->rejected_count++;
    }
    dead_letter(sender, status, detail, now);
}

/* A flow that fails blocks its route, because a receiver that is down fails on every message; the route may say otherwise. */
static void flow_failed(struct sender *sender, uint64_t at_least_ms, const char *detail, ifl_ms now)
{
    struct sender_route *route = &sender->routes[sender->route];
    uint32_t limit = sender_settings_of(sender, sender->route)->dead_letter_after;
    if (route->flow_failures < UINT32_MAX)
        route->flow_failures++;
    if (limit > 0 && route->flow_failures >= limit)
        dead_letter(sender, IFL_ANSWER_FLOW_FAILED, detail, now);
    else
        wait_retry(sender, sender->route, IFL_ANSWER_FLOW_FAILED, at_least_ms, detail, now);
}

/* Act by the action of `status`. */
static void act(struct sender *sender, enum ifl_status status, uint64_t at_least_ms, const char *detail, ifl_ms now)
{
    switch (ifl_diag(status)->action) {
    case IFL_ACTION_DONE:
        accepted(sender, detail, now);
        break;
    case IFL_ACTION_DEAD_LETTER:
        rejected(sender, status, detail, now);
        break;
    case IFL_ACTION_RETRY_ROUTE:
        if (status == IFL_ANSWER_FLOW_FAILED)
            flow_failed(sender, at_least_ms, detail, now);
        else
            wait_retry(sender, sender->route, status, at_least_ms, detail, now);
        break;
    case IFL_ACTION_HOLD_ROUTE:
        wait_hold(sender, sender->route, status, at_least_ms, detail, now);
        break;
    case IFL_ACTION_RETRY_HOST:
        wait_retry(sender, HOST, status, at_least_ms, detail, now);
        break;
    default: /* nothing that another message could change */
        wait_hold(sender, HOST, status, at_least_ms, detail, now);
        break;
    }
}

static bool is_about_host(enum ifl_status status)
{
    enum ifl_action action = ifl_diag(status)->action;
    return action == IFL_ACTION_RETRY_HOST || action == IFL_ACTION_HOLD_HOST || action == IFL_ACTION_HOLD_IDENTITY;
}

/* The last thing that is done with an outcome: the program may change the identity in it. */
static void tell_identity(struct sender *sender, enum ifl_status status)
{
    const struct sender_wiring *wiring = sender->wiring;
    bool proves = catalogue_proves_identity(status);
    if (wiring->identity_verdict == NULL || (!proves && !catalogue_refuses_identity(status)))
        return;
    if (proves && sender->proven)
        return;
    sender->proven = proves;
    wiring->identity_verdict(wiring->ctx, proves ? IFL_OK : status);
}

/* ---- no answer ---- */

static bool is_end_of_connection(enum ifl_status status)
{
    return status == IFL_CLOSED || status == IFL_NET_RESET || status == IFL_TLS_RESET;
}

/* With TLS 1.3 a refused client certificate shows only after our Finished (RFC 8446 section 4.4.2.4), some say it by a bare reset: twice in
 * a row on fresh handshakes, before any byte of an answer, it's that. */
static enum ifl_status see_refusal(struct sender *sender, enum ifl_status status)
{
    const struct tls_facts *facts = tls_facts(sender->wiring->tls);
    bool reset = status == IFL_NET_RESET || status == IFL_TLS_RESET;
    if (!reset || facts->version != 0x0304 || !facts->certificate_sent || facts->resumed ||
        facts->application_data_seen || sender->answer_count > 0)
        return status;
    return ++sender->refused_count >= 2 ? IFL_TLS_CLIENT_DROPPED : status;
}

void verdict_host(struct sender *sender, enum ifl_status status, ifl_ms now)
{
    status = see_refusal(sender, status);
    bool tls = status >= IFL_TLS_PROTOCOL && status <= IFL_TLS_INTERNAL;
    if (tls || tls_facts(sender->wiring->tls)->resumed) /* nothing of it is worth resuming */
        tls_forget_session(sender->wiring->tls);
    sender_disconnect(sender);
    act(sender, status, 0, sender->wiring->host, now);
    tell_identity(sender, status);
}

void verdict_no_answer(struct sender *sender, enum ifl_status status, ifl_ms now)
{
    bool ended = is_end_of_connection(status);
    health_count(sender->wiring->health, HEALTH_RETRIED, !sender->fetching);
    if (ended && !sender->heard && sender->answer_count > 0 && !sender->closed_once) {
        /* The other side closed the idle connection while the request was on its way: nobody's fault. */
        sender->closed_once = true;
        sender->next = sender->route;
        sender_disconnect(sender);
        return;
    }
    const char *detail = ifl_diag(status)->name;
    status = see_refusal(sender, status);
    if (!sender->heard && tls_facts(sender->wiring->tls)->resumed)
        tls_forget_session(sender->wiring->tls);
    sender_disconnect(sender);
    if (ended && status != IFL_TLS_CLIENT_DROPPED)
        status = IFL_HTTP_CUT;
    act(sender, status, 0, detail, now);
    /* The route waits as well, so that one message on which connections die can't keep the others from their turn. */
    if (ifl_diag(status)->action == IFL_ACTION_RETRY_HOST)
        wait_retry(sender, sender->route, status, 0, detail, now);
    tell_identity(sender, status);
}

void verdict_unsendable(struct sender *sender, enum ifl_status status, ifl_ms now)
{
    const struct sender_wiring *wiring = sender->wiring;
    if (status == IFL_STORE_CORRUPT) {
        status = outbox_give_up(wiring->outbox, sender->routes[sender->route].lane, sender->message.n, status);
        if (status == IFL_OK) {
            health_count(wiring->health, HEALTH_GIVEN_UP, 1);
            health_event(wiring->health, now, IFL_STORE_CORRUPT, sender->route, "given up");
            return;
        }
    }
    if (ifl_diag(status)->action == IFL_ACTION_HOLD_ROUTE)
        wait_hold(sender, sender->route, status, 0, "", now);
    else
        wait_retry(sender, sender->route, status, 0, "", now);
}

/* ---- an answer ---- */

/* Some proxies lose the certificate on resumption: one full handshake before a 401 counts. */
static void try_full_handshake(struct sender *sender)
{
    health_count(sender->wiring->health, HEALTH_RETRIED, 1);
    tls_forget_session(sender->wiring->tls);
    sender->fresh = true;
    sender->next = sender->route;
    sender_disconnect(sender);
}

/* 403 Required: a token is fetched and the message repeated at once; a second time with a fresh token the route waits. */
static enum ifl_status csrf_required(struct sender *sender)
{
    bool again = sender->routes[sender->route].token_fresh;
    csrf_jar_drop(sender, sender->route);
    csrf_set_needed(sender, sender->route, true);
    sender->next = sender->route;
    return again ? IFL_ANSWER_CSRF_AGAIN : IFL_ANSWER_CSRF;
}

/* The answer to HEAD. OK: post now, with a token or because none is needed any more. */
static enum ifl_status token_fetched(struct sender *sender, enum ifl_status status)
{
    struct sender_route *route = &sender->routes[sender->route];
    bool has_token = sender->jar->token_len > 0 && !sender->token_too_large;
    sender->jar = NULL;
    if (has_token) {
        health_count(sender->wiring->health, HEALTH_CSRF_FETCHED, 1);
    } else {
        csrf_jar_drop(sender, sender->route);
        if (sender->token_too_large)
            return IFL_ANSWER_CSRF_TOO_LARGE;
        if (status == IFL_ANSWER_CSRF)
            return IFL_ANSWER_CSRF_AGAIN;
        if (ifl_diag(status)->action == IFL_ACTION_DEAD_LETTER || status == IFL_ANSWER_FLOW_FAILED)
            return IFL_ANSWER_CLIENT_ERROR; /* it can't be about the payload */
        if (status != IFL_ACCEPTED)
            return status;
        csrf_set_needed(sender, sender->route, false);
    }
    route->token_fresh = true;
    sender->next = sender->route;
    return IFL_OK;
}

static void notice(struct sender *sender, ifl_ms now)
{
    struct sender_route *route = &sender->routes[sender->route];
    if (sender->answer.mpl_id[0] != '\0')
        memcpy(route->mpl_id, sender->answer.mpl_id, sizeof route->mpl_id);
    if (sender->date_unix_s > 0)
        clock_set(sender->wiring->clock, sender->date_unix_s, CLOCK_HTTP,
                  tls_facts(sender->wiring->tls)->server_not_after, now);
}

void verdict_answer(struct sender *sender, ifl_ms now)
{
    sender->answer.status = sender->response.status;
    enum ifl_status status = catalogue_classify(&sender->answer);
    if (sender->early && status == IFL_ACCEPTED) { /* it can't be about a request that isn't there yet */
        verdict_no_answer(sender, IFL_HTTP_MALFORMED, now);
        return;
    }
    sender->decided = true;
    sender->deadline = ifl_ms_after(now, REST_MS);
    sender->answer_count++;
    if (sender->answer.status == 401 && tls_facts(sender->wiring->tls)->resumed) {
        try_full_handshake(sender);
        return;
    }
    notice(sender, now);
    char detail[HEALTH_DETAIL_SIZE];
    detail_of_answer(sender, detail);
    enum ifl_status verdict = status;
    if (sender->fetching)
        verdict = token_fetched(sender, status);
    else if (status == IFL_ANSWER_CSRF)
        verdict = csrf_required(sender);
    if (!sender->fetching || verdict != IFL_OK)
        sender->routes[sender->route].token_fresh = false;
    if (!is_about_host(verdict))
        wait_over(sender, HOST, IFL_OK, sender->wiring->host, now);
    if (verdict != IFL_OK && verdict != IFL_ANSWER_CSRF)
        act(sender, verdict, answer_retry_after_ms(sender, now), detail, now);
    if (ifl_diag(verdict)->action != IFL_ACTION_DONE && !sender->fetching)
        health_count(sender->wiring->health, HEALTH_RETRIED, 1);
    if (ifl_diag(verdict)->action == IFL_ACTION_HOLD_IDENTITY)
        tls_forget_session(sender->wiring->tls);
    if (ifl_diag(verdict)->action == IFL_ACTION_HOLD_IDENTITY || ifl_diag(verdict)->action == IFL_ACTION_HOLD_HOST)
        sender_disconnect(sender);
    tell_identity(sender, status);
}
