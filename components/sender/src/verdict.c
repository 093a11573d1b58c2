#include <string.h>

#include "parts.h"

#define REST_MS 5000 /* for the rest of a body that nobody needs */
#define REJECTED_LIMIT                                                                                                 \
    3 /* the message that would be the third rejected one in a row isn't dead-lettered: its route is held */

static enum ifl_action action_of(enum ifl_status status)
{
    return ifl_diag(status)->action;
}

/* ---- what people read ---- */

static void set_detail(struct sender *sender, const char *text)
{
    struct text out;
    text_init(&out, sender->detail, sizeof sender->detail);
    text_str(&out, text);
}

/* "HTTP 503 no_endpoints", "HTTP 500 MPL AGdT..." */
static void set_detail_of_answer(struct sender *sender)
{
    const struct catalogue_answer *answer = &sender->answer;
    struct text out;
    text_init(&out, sender->detail, sizeof sender->detail);
    text_str(&out, "HTTP ");
    text_u64(&out, answer->status);
    text_str(&out, answer->router_error[0] != '\0' ? " " : "");
    text_str(&out, answer->router_error);
    text_str(&out, answer->mpl_id[0] != '\0' ? " MPL " : "");
    text_str(&out, answer->mpl_id);
}

/* ---- outcomes of a message ---- */

static void accepted(struct sender *sender)
{
    struct sender_route *route = sender_route(sender);
    sender_count(sender, HEALTH_ACCEPTED);
    route->accepted_count++;
    route->rejected_count = 0;
    enum ifl_status status = outbox_done(sender->wiring.outbox, route->lane, sender->message.n);
    if (status == IFL_OK)
        wait_over(sender, &route->wait, IFL_ACCEPTED);
    else /* it will be sent again, under the same id; not at once */
        wait_retry(sender, &route->wait, status);
}

static void dead_letter(struct sender *sender, enum ifl_status reason)
{
    struct sender_wait *wait = &sender_route(sender)->wait;
    enum ifl_status status = outbox_dead_letter(sender->wiring.outbox, &sender->message, reason);
    if (status == IFL_FLASH_BUSY) {
        wait_retry(sender, wait, reason);
    } else if (status != IFL_OK) { /* no room among the dead letters: nothing is dropped, so it waits where it is */
        sender_event(sender, status, sender->route);
        wait_hold(sender, wait, reason);
    } else {
        sender_count(sender, HEALTH_DEAD_LETTERED);
        sender_event(sender, reason, sender->route);
        wait->state = SENDER_ROUTE_GOING; /* no other event */
        wait_over(sender, wait, reason);
    }
}

static void rejected(struct sender *sender, enum ifl_status status)
{
    struct sender_route *route = sender_route(sender);
    if (status == IFL_ANSWER_REJECTED && ++route->rejected_count >= REJECTED_LIMIT) {
        route->rejected_count = REJECTED_LIMIT - 1;
        wait_hold(sender, &route->wait, IFL_ANSWER_REJECTS_ALL);
        return;
    }
    dead_letter(sender, status);
}

/* A failing flow blocks its route, because a receiver that is down fails on every message; the route may say otherwise. */
static bool is_flow_failure_too_many(struct sender *sender, enum ifl_status status)
{
    uint32_t limit = sender_route_settings(sender)->dead_letter_after;
    return status == IFL_ANSWER_FLOW_FAILED && ++sender_route(sender)->flow_failures >= limit && limit > 0;
}

/* Act by the action of `status`. */
static void act(struct sender *sender, enum ifl_status status)
{
    struct sender_wait *route = &sender_route(sender)->wait;
    switch (action_of(status)) {
    case IFL_ACTION_DONE:
        accepted(sender);
        break;
    case IFL_ACTION_DEAD_LETTER:
        rejected(sender, status);
        break;
    case IFL_ACTION_RETRY_ROUTE:
        if (is_flow_failure_too_many(sender, status))
            dead_letter(sender, status);
        else
            wait_retry(sender, route, status);
        break;
    case IFL_ACTION_HOLD_ROUTE:
        wait_hold(sender, route, status);
        break;
    case IFL_ACTION_RETRY_HOST:
        wait_retry(sender, &sender->host, status);
        break;
    default: /* nothing that another message could change */
        wait_hold(sender, &sender->host, status);
        break;
    }
}

/* The last thing that is done with an outcome: the program may change the identity in it. */
static void tell_identity(struct sender *sender, enum ifl_status status)
{
    bool proves = catalogue_proves_identity(status);
    if (sender->wiring.identity_verdict == NULL || (proves ? sender->proven : !catalogue_refuses_identity(status)))
        return;
    sender->proven = proves;
    sender->wiring.identity_verdict(sender->wiring.ctx, proves ? IFL_OK : status);
}

/* ---- no answer ---- */

/* With TLS 1.3 a refused client certificate shows only after our Finished (RFC 8446 section 4.4.2.4), some say it by a bare reset: twice in
 * a row on fresh handshakes, before any byte of an answer, it's that. */
static enum ifl_status see_refusal(struct sender *sender, enum ifl_status status)
{
    const struct tls_facts *facts = tls_facts(sender->wiring.tls);
    bool reset = status == IFL_NET_RESET || status == IFL_TLS_RESET;
    if (!reset || facts->version != 0x0304 || !facts->certificate_sent || facts->resumed ||
        facts->application_data_seen || sender->used)
        return status;
    return ++sender->refused_count >= 2 ? IFL_TLS_CLIENT_DROPPED : status;
}

/* The connection is of no use any more, and what might be resumed neither. */
static void drop_with_session(struct sender *sender)
{
    tls_forget_session(sender->wiring.tls);
    sender_disconnect(sender);
}

void verdict_host(struct sender *sender, enum ifl_status status)
{
    sender->at_least_ms = 0;
    set_detail(sender, sender->wiring.host);
    status = see_refusal(sender, status);
    bool tls = status >= IFL_TLS_PROTOCOL && status <= IFL_TLS_INTERNAL;
    if (tls || tls_facts(sender->wiring.tls)->resumed)
        drop_with_session(sender);
    else
        sender_disconnect(sender);
    act(sender, status);
    tell_identity(sender, status);
}

void verdict_no_answer(struct sender *sender, enum ifl_status status)
{
    bool ended = status == IFL_CLOSED || status == IFL_NET_RESET || status == IFL_TLS_RESET;
    if (!sender->fetching)
        sender_count(sender, HEALTH_RETRIED);
    if (ended && !sender->heard && sender->used && !sender->closed_once) {
        /* The other side closed the idle connection while the request was on its way: nobody's fault. */
        sender->closed_once = true;
        sender->next = sender->route;
        sender_disconnect(sender);
        return;
    }
    sender->at_least_ms = 0;
    set_detail(sender, ifl_diag(status)->name);
    status = see_refusal(sender, status);
    if (!sender->heard && tls_facts(sender->wiring.tls)->resumed)
        drop_with_session(sender);
    else
        sender_disconnect(sender);
    if (ended && status != IFL_TLS_CLIENT_DROPPED)
        status = IFL_HTTP_CUT;
    act(sender, status);
    /* The route waits as well, so that one message on which connections die can't keep the others from their turn. */
    if (action_of(status) == IFL_ACTION_RETRY_HOST)
        wait_retry(sender, &sender_route(sender)->wait, status);
    tell_identity(sender, status);
}

void verdict_unsendable(struct sender *sender, enum ifl_status status)
{
    struct sender_route *route = sender_route(sender);
    sender->at_least_ms = 0;
    set_detail(sender, "");
    if (status == IFL_STORE_CORRUPT) {
        status = outbox_give_up(sender->wiring.outbox, route->lane, sender->message.n, status);
        if (status == IFL_OK) {
            sender_count(sender, HEALTH_GIVEN_UP);
            sender_event(sender, IFL_STORE_CORRUPT, sender->route);
            return;
        }
    }
    if (action_of(status) == IFL_ACTION_HOLD_ROUTE)
        wait_hold(sender, &route->wait, status);
    else
        wait_retry(sender, &route->wait, status);
}

/* ---- an answer ---- */

/* 403 Required: a token is fetched and the message repeated at once; a second time with a fresh token the route waits. */
static enum ifl_status csrf_required(struct sender *sender)
{
    csrf_jar_drop(sender);
    csrf_set_needed(sender, true);
    sender->next = sender->route;
    return sender_route(sender)->token_fresh ? IFL_ANSWER_CSRF_AGAIN : IFL_ANSWER_CSRF;
}

/* The answer to HEAD. OK: post now, with a token or because none is needed any more. */
static enum ifl_status token_fetched(struct sender *sender, enum ifl_status status)
{
    bool has_token = sender->jar->token_len > 0 && !sender->token_too_large;
    sender->jar = NULL;
    sender->next = sender->route;
    if (has_token) {
        sender_count(sender, HEALTH_CSRF_FETCHED);
        return IFL_OK;
    }
    csrf_jar_drop(sender);
    if (sender->token_too_large)
        return IFL_ANSWER_CSRF_TOO_LARGE;
    if (status == IFL_ANSWER_CSRF)
        return IFL_ANSWER_CSRF_AGAIN;
    if (action_of(status) == IFL_ACTION_DEAD_LETTER || status == IFL_ANSWER_FLOW_FAILED)
        return IFL_ANSWER_CLIENT_ERROR; /* it can't be about the payload */
    if (status != IFL_ACCEPTED)
        return status;
    csrf_set_needed(sender, false);
    return IFL_OK;
}

static void notice(struct sender *sender)
{
    set_detail_of_answer(sender);
    if (sender->answer.mpl_id[0] != '\0')
        memcpy(sender_route(sender)->mpl_id, sender->answer.mpl_id, sizeof sender->answer.mpl_id);
    if (sender->date_unix_s > 0)
        clock_set(sender->wiring.clock, sender->date_unix_s, CLOCK_HTTP,
                  tls_facts(sender->wiring.tls)->server_not_after, sender->now);
    sender->at_least_ms = answer_retry_after_ms(sender);
}

/* What the host, the route and the message get out of it. */
static void settle(struct sender *sender, enum ifl_status verdict)
{
    enum ifl_action action = action_of(verdict);
    bool of_host =
        action == IFL_ACTION_RETRY_HOST || action == IFL_ACTION_HOLD_HOST || action == IFL_ACTION_HOLD_IDENTITY;
    if (!of_host)
        wait_over(sender, &sender->host, IFL_RECOVERED);
    if (verdict != IFL_OK && action != IFL_ACTION_CSRF)
        act(sender, verdict);
    if (action != IFL_ACTION_DONE && !sender->fetching)
        sender_count(sender, HEALTH_RETRIED);
    if (of_host && action != IFL_ACTION_RETRY_HOST)
        drop_with_session(sender);
}

void verdict_answer(struct sender *sender)
{
    sender->answer.status = sender->response.status;
    enum ifl_status status = catalogue_classify(&sender->answer);
    if (sender->early && status == IFL_ACCEPTED) { /* it can't be about a request that isn't there yet */
        verdict_no_answer(sender, IFL_HTTP_MALFORMED);
        return;
    }
    sender->decided = true;
    sender->used = true;
    sender_set_deadline(sender, REST_MS);
    if (sender->answer.status == 401 && tls_facts(sender->wiring.tls)->resumed) {
        /* Some proxies lose the certificate on resumption: one full handshake before it counts. */
        sender_count(sender, HEALTH_RETRIED);
        sender->fresh = true;
        sender->next = sender->route;
        drop_with_session(sender);
        return;
    }
    notice(sender);
    enum ifl_status verdict = status;
    if (sender->fetching)
        verdict = token_fetched(sender, status);
    else if (status == IFL_ANSWER_CSRF)
        verdict = csrf_required(sender);
    sender_route(sender)->token_fresh = verdict == IFL_OK;
    settle(sender, verdict);
    tell_identity(sender, status);
}
