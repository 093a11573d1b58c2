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

static void add(struct text *out, const char *before, const char *what)
{
    if (what[0] == '\0')
        return;
    text_str(out, before);
    text_str(out, what);
}

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
    add(&out, " ", answer->router_error);
    add(&out, " MPL ", answer->mpl_id);
}

/* ---- outcomes of a message ---- */

/* The message can go at once: it's next. */
static void stay(struct sender *sender)
{
    sender->next = sender->route;
}

static void accepted(struct sender *sender)
{
    struct sender_route *route = sender->route;
    health_count(sender->wiring.health, HEALTH_ACCEPTED, route->batch.count);
    route->wait.view.accepted_count += route->batch.count;
    sender->host.view.accepted_count += route->batch.count;
    route->rejected_count = 0;
    route->finished_at = sender->now;
    route->finished_count = (uint16_t)route->batch.count;
    route->finished_unix_s = route->batch.stored_unix_s;
    route->finished_quality = route->batch.stored_quality;
    enum ifl_status status = outbox_done(sender->wiring.outbox, route->lane, batch_last_n(&route->batch));
    if (status == IFL_OK)
        wait_over(sender, &route->wait, IFL_ACCEPTED);
    else /* it will be sent again, under the same id; not at once */
        wait_begin(sender, &route->wait, status, false);
}

/* Of a batch it isn't known which message is at fault: they go one by one, at once. */
static void dead_letter(struct sender *sender, enum ifl_status reason)
{
    struct sender_wait *wait = &sender->route->wait;
    if (sender->route->batch.count > 1) {
        batch_split(sender, batch_last_n(&sender->route->batch));
        stay(sender);
        return;
    }
    enum ifl_status status = outbox_dead_letter(sender->wiring.outbox, &sender->message, reason);
    if (status == IFL_OK) {
        sender_count(sender, HEALTH_DEAD_LETTERED);
        sender_event(sender, reason, wait->route);
        wait->view.state = SENDER_ROUTE_GOING; /* no other event */
        wait_over(sender, wait, reason);
        return;
    }
    bool no_room = status != IFL_FLASH_BUSY; /* among the dead letters: nothing is dropped, so it waits where it is */
    if (no_room)
        sender_event(sender, status, wait->route);
    wait_begin(sender, wait, reason, no_room);
}

static void rejected(struct sender *sender, enum ifl_status status)
{
    struct sender_route *route = sender->route;
    if (status == IFL_ANSWER_REJECTED && route->batch.count == 1) {
        if (route->rejected_count == REJECTED_LIMIT - 1) {
            wait_begin(sender, &route->wait, IFL_ANSWER_REJECTS_ALL, true);
            return;
        }
        route->rejected_count++;
    }
    dead_letter(sender, status);
}

/* A failing flow blocks its route, because a receiver that is down fails on every message; the route may say otherwise. */
static bool is_flow_failure_too_many(struct sender *sender, enum ifl_status status)
{
    uint32_t limit = sender->route->settings->dead_letter_after;
    return status == IFL_ANSWER_FLOW_FAILED && ++sender->route->flow_failures >= limit && limit > 0;
}

/* `action` is that of `status`. */
static void act(struct sender *sender, enum ifl_status status, enum ifl_action action)
{
    struct sender_wait *route = &sender->route->wait;
    switch (action) {
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
            wait_begin(sender, route, status, false);
        break;
    case IFL_ACTION_HOLD_ROUTE:
        wait_begin(sender, route, status, true);
        break;
    default: /* soon again, or nothing that another message could change */
        wait_begin(sender, &sender->host, status, action != IFL_ACTION_RETRY_HOST);
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
static bool is_refusal(struct sender *sender)
{
    const struct tls_facts *facts = tls_facts(sender->wiring.tls);
    return facts->version == 0x0304 && facts->certificate_sent && !facts->resumed && !facts->application_data_seen &&
           !sender->used && ++sender->refused_count >= 2;
}

/* Might a session be the reason, it isn't used again. */
static void drop_with_session(struct sender *sender, bool forget)
{
    if (forget)
        tls_forget_session(sender->wiring.tls);
    sender_disconnect(sender);
}

void verdict_failure(struct sender *sender, enum ifl_status status)
{
    bool asked = sender_is_asking(sender);
    bool reset = status == IFL_NET_RESET || status == IFL_TLS_RESET;
    bool ended = asked && (reset || status == IFL_CLOSED);
    sender->at_least_ms = 0;
    if (asked) {
        if (!sender->fetching)
            sender_count(sender, HEALTH_RETRIED);
        ifl_text(status, IFL_TEXT_NAME, sender->detail, sizeof sender->detail);
    } else {
        set_detail(sender, sender->wiring.host);
    }
    if (ended && !sender->heard && sender->used && !sender->closed_once) {
        /* The other side closed the idle connection while the request was on its way: nobody's fault. */
        sender->closed_once = true;
        stay(sender);
        sender_disconnect(sender);
        return;
    }
    if (reset && is_refusal(sender))
        status = IFL_TLS_CLIENT_DROPPED;
    else if (ended)
        status = IFL_HTTP_CUT;
    bool of_tls = status >= IFL_TLS_PROTOCOL && status <= IFL_TLS_INTERNAL;
    drop_with_session(sender, !sender->heard && (of_tls || tls_facts(sender->wiring.tls)->resumed));
    enum ifl_action action = action_of(status);
    act(sender, status, action);
    /* The route waits as well, so that one message on which connections die can't keep the others from their turn. */
    if (asked && action == IFL_ACTION_RETRY_HOST) {
        sender->route->unlucky = true;
        wait_begin(sender, &sender->route->wait, status, false);
    }
    tell_identity(sender, status);
}

enum ifl_status verdict_give_up(struct sender *sender, const struct sender_route *route, outbox_n n,
                                enum ifl_status reason)
{
    enum ifl_status status = outbox_give_up(sender->wiring.outbox, route->lane, n, reason);
    if (status == IFL_OK) {
        sender->detail[0] = '\0';
        sender_count(sender, HEALTH_GIVEN_UP);
        sender_event(sender, reason, route->wait.route);
    }
    return status;
}

void verdict_unsendable(struct sender *sender, enum ifl_status status)
{
    struct sender_route *route = sender->route;
    sender->detail[0] = '\0';
    sender->at_least_ms = 0;
    if (status == IFL_STORE_CORRUPT && route->batch.count > 1) {
        batch_split(sender, batch_last_n(&route->batch));
        return;
    }
    if (status == IFL_STORE_CORRUPT) {
        status = verdict_give_up(sender, route, sender->message.n, status);
        if (status == IFL_OK)
            return;
    }
    wait_begin(sender, &route->wait, status, action_of(status) == IFL_ACTION_HOLD_ROUTE);
}

/* ---- an answer ---- */

/* 403 Required: a token is fetched and the message repeated at once; when that has just been done, with a token or without one, the route waits. */
static enum ifl_status csrf_required(struct sender *sender)
{
    enum ifl_status again = sender->route->jar != NULL ? IFL_ANSWER_CSRF_AGAIN : IFL_ANSWER_CSRF_NONE;
    csrf_jar_drop(sender->route);
    csrf_set_needed(sender, true);
    stay(sender);
    return sender->route->token_fresh ? again : IFL_ANSWER_CSRF;
}

/* The answer to HEAD. OK: post now, with a token or because none is needed any more. */
static enum ifl_status token_fetched(struct sender *sender, enum ifl_status status)
{
    bool has_token = sender->jar->token_len > 0 && !sender->token_too_large;
    sender->jar = NULL;
    stay(sender);
    if (has_token) {
        sender_count(sender, HEALTH_CSRF_FETCHED);
        return IFL_OK;
    }
    csrf_jar_drop(sender->route);
    if (sender->token_too_large)
        return IFL_ANSWER_CSRF_TOO_LARGE;
    if (status == IFL_ANSWER_CSRF)
        return IFL_ANSWER_CSRF_NONE;
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
        memcpy(sender->route->wait.view.mpl_id, sender->answer.mpl_id, sizeof sender->answer.mpl_id);
    if (sender->date_unix_s > 0)
        clock_set(sender->wiring.clock, sender->date_unix_s, CLOCK_HTTP,
                  tls_facts(sender->wiring.tls)->server_not_after, sender->now);
    sender->at_least_ms = answer_retry_after_ms(sender);
}

/* What the host, the route and the message get out of it. A refusal that breaks off shows that the flow refuses, but not that the host works again. */
static void settle(struct sender *sender, enum ifl_status verdict)
{
    enum ifl_action action = action_of(verdict);
    bool hold_host = action == IFL_ACTION_HOLD_HOST || action == IFL_ACTION_HOLD_IDENTITY;
    if (!hold_host && action != IFL_ACTION_RETRY_HOST && answer_is_decidable(sender)) {
        wait_over(sender, &sender->host, IFL_RECOVERED);
        sender->host.view.attempts = 0;
    }
    if (verdict != IFL_OK && action != IFL_ACTION_CSRF)
        act(sender, verdict, action);
    if (action != IFL_ACTION_DONE && !sender->fetching)
        sender_count(sender, HEALTH_RETRIED);
    if (hold_host)
        drop_with_session(sender, true);
}

/* A 401 that isn't the last word: the same request goes out once more, at once. */
static bool is_tried_again(struct sender *sender, enum ifl_status status)
{
    const struct sender_wiring *wiring = &sender->wiring;
    if (sender->answer.status == 401 && tls_facts(wiring->tls)->resumed) {
        /* Some proxies lose the certificate on resumption: one full handshake before it counts. */
        sender->fresh = true;
        drop_with_session(sender, true);
    } else if (status != IFL_ANSWER_TOKEN || wiring->token_refused == NULL || !wiring->token_refused(wiring->ctx)) {
        return false;
    }
    sender_count(sender, HEALTH_RETRIED);
    sender->proven = false; /* whether the new handshake or token is good is news */
    stay(sender);
    return true;
}

void verdict_answer(struct sender *sender)
{
    sender->answer.status = sender->response.status;
    enum ifl_status status = catalogue_classify(&sender->answer);
    if (sender->early && status == IFL_ACCEPTED) { /* it can't be about a request that isn't there yet */
        verdict_failure(sender, IFL_HTTP_MALFORMED);
        return;
    }
    sender->decided = true;
    sender->used = true;
    for (struct sender_route *route = sender->routes; route != sender->routes_end; route++)
        route->unlucky = false;
    sender_set_deadline(sender, REST_MS);
    if (is_tried_again(sender, status))
        return;
    notice(sender);
    enum ifl_status verdict = status;
    if (sender->fetching)
        verdict = token_fetched(sender, status);
    else if (status == IFL_ANSWER_CSRF)
        verdict = csrf_required(sender);
    sender->route->token_fresh = verdict == IFL_OK;
    settle(sender, verdict);
    tell_identity(sender, status);
}
