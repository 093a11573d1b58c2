/* The states are drawn in renewal.h. `pending` and `active` of the slots say what is to be decided, so a power cut needs no memory of its own here. */
#include "renewal/renewal.h"

#include <string.h>

#include "catalogue/catalogue.h"
#include "exchange.h"

#define CONNECT_MS 30000
#define BUSY_MS 5    /* while the flash is erasing */
#define PAUSE_MS 200 /* while the sender is in the middle of a request */

static int in_force(const struct renewal *renewal)
{
    const struct identity_slots *slots = renewal->wiring.slots;
    return slots->active >= 0 ? slots->active : slots->pending;
}

static void tell(struct renewal *renewal, enum ifl_status status, const char *detail, ifl_ms now)
{
    health_event(renewal->wiring.health, now, status, HEALTH_ROUTE_NONE, detail);
}

static enum ifl_status use(struct renewal *renewal, int slot)
{
    const enum ifl_status status = slot < 0 ? IFL_IDENTITY_NONE : renewal->wiring.use(renewal->wiring.ctx, slot);
    if (status != IFL_FLASH_BUSY) {
        renewal->used = status == IFL_OK ? slot : -1;
    }
    return status;
}

/* ---- the end of a trial ---- */

static void close_connection(struct renewal *renewal)
{
    exchange_close(renewal);
    tls_close(renewal->wiring.tls);
    tls_forget_session(renewal->wiring.tls);
}

static bool pause(struct renewal *renewal, bool at_once)
{
    if (!renewal->paused && renewal->wiring.pause(renewal->wiring.ctx, at_once)) {
        renewal->paused = true;
        renewal->paused_with = renewal->used;
    }
    return renewal->paused;
}

static void resume(struct renewal *renewal, bool changed, ifl_ms now)
{
    renewal->state = RENEWAL_QUIET;
    if (renewal->paused) {
        renewal->paused = false;
        renewal->wiring.resume(renewal->wiring.ctx, changed, now);
    }
}

/* Deliveries go on with this slot. */
static void go_back_to(struct renewal *renewal, int slot)
{
    renewal->next = slot;
    renewal->state = RENEWAL_RETURN;
}

static void try_later(struct renewal *renewal, ifl_ms now)
{
    renewal->due = ifl_ms_after(now, backoff_probe_ms(&renewal->wait, &renewal->wiring.random, 0));
}

static void decide_nothing(struct renewal *renewal, enum ifl_status why, int slot, ifl_ms now)
{
    renewal->last = why;
    tell(renewal, why, "trial of the new identity", now);
    try_later(renewal, now);
    go_back_to(renewal, slot);
}

/* A bare end of the connection may be a refusal too, but it's no proof: the slow probe tries again. */
static bool refuses(enum ifl_status verdict)
{
    return verdict != IFL_TLS_CLIENT_DROPPED && catalogue_refuses_identity(verdict);
}

static void connect_with(struct renewal *renewal, int slot, ifl_ms now);

static void judge_pending(struct renewal *renewal, enum ifl_status verdict, ifl_ms now)
{
    const int old = renewal->wiring.slots->active;
    if (catalogue_proves_identity(verdict)) {
        renewal->state = RENEWAL_ACTIVATE;
    } else if (refuses(verdict) && old >= 0) {
        renewal->refused = verdict;
        connect_with(renewal, old, now);
    } else {
        decide_nothing(renewal, verdict, in_force(renewal), now);
    }
}

static void judge_control(struct renewal *renewal, enum ifl_status verdict, ifl_ms now)
{
    if (catalogue_proves_identity(verdict)) {
        renewal->state = RENEWAL_REFUSE;
    } else if (refuses(verdict)) { /* this address tells nothing, or nobody is let in: the next message decides */
        decide_nothing(renewal, renewal->refused, renewal->wiring.slots->pending, now);
    } else {
        decide_nothing(renewal, verdict, in_force(renewal), now);
    }
}

static void judge(struct renewal *renewal, enum ifl_status verdict, ifl_ms now)
{
    const bool is_control = renewal->refused != IFL_OK;
    close_connection(renewal);
    if (is_control) {
        judge_control(renewal, verdict, now);
    } else {
        judge_pending(renewal, verdict, now);
    }
}

/* ---- a trial ---- */

static void connect_with(struct renewal *renewal, int slot, ifl_ms now)
{
    const struct renewal_wiring *wiring = &renewal->wiring;
    renewal->tried = slot;
    renewal->state = RENEWAL_CONNECT;
    enum ifl_status status = use(renewal, slot);
    if (status == IFL_FLASH_BUSY) {
        return; /* step_connect() comes back */
    }
    if (status == IFL_OK) {
        status =
            tls_open(wiring->tls, wiring->host, *wiring->port, wiring->address, wiring->proxy, true, CONNECT_MS, now);
    } else if (slot == wiring->slots->pending && renewal->refused == IFL_OK) {
        tell(renewal, status, "the new identity can't be used", now);
        renewal->refused = status;
        renewal->state = RENEWAL_REFUSE;
        return;
    }
    if (status != IFL_OK) {
        judge(renewal, status, now);
    }
}

static void begin_trial(struct renewal *renewal, ifl_ms now)
{
    renewal->refused = IFL_OK;
    connect_with(renewal, renewal->wiring.slots->pending, now);
}

static ifl_ms step_quiet(struct renewal *renewal, ifl_ms now)
{
    if (renewal->wiring.slots->pending < 0) {
        return IFL_NEVER;
    }
    if (now < renewal->due) {
        return renewal->due;
    }
    if (!pause(renewal, false)) {
        return ifl_ms_after(now, PAUSE_MS);
    }
    begin_trial(renewal, now);
    return now;
}

static ifl_ms step_connect(struct renewal *renewal, ifl_ms now)
{
    struct tls *tls = renewal->wiring.tls;
    if (tls_state(tls) == TLS_IDLE) { /* its identity couldn't be loaded yet */
        connect_with(renewal, renewal->tried, now);
        return ifl_ms_after(now, BUSY_MS);
    }
    const ifl_ms wish = tls_step(tls, now);
    if (tls_state(tls) == TLS_FAILED) {
        judge(renewal, tls_status(tls), now);
        return now;
    }
    if (tls_state(tls) != TLS_OPEN) {
        return wish;
    }
    const enum ifl_status status = exchange_open(renewal);
    renewal->state = RENEWAL_ASK;
    if (status != IFL_OK) {
        judge(renewal, status, now);
    }
    return now;
}

static ifl_ms step_ask(struct renewal *renewal, ifl_ms now)
{
    const ifl_ms wish = tls_step(renewal->wiring.tls, now);
    const enum ifl_status status = exchange_step(renewal, now);
    if (status == IFL_AGAIN) {
        return ifl_ms_min(wish, renewal->deadline);
    }
    judge(renewal, status, now);
    return now;
}

/* ---- marks ---- */

static ifl_ms step_activate(struct renewal *renewal, ifl_ms now)
{
    const enum ifl_status status = identity_slots_activate(renewal->wiring.slots);
    if (status == IFL_FLASH_BUSY) {
        return ifl_ms_after(now, BUSY_MS);
    }
    if (status != IFL_OK) {
        decide_nothing(renewal, status, in_force(renewal), now);
        return now;
    }
    tell(renewal, IFL_IDENTITY_PROVEN, "", now);
    renewal->last = IFL_OK;
    renewal->in_force_refused = false;
    renewal->due = IFL_NEVER;
    resume(renewal, true, now);
    return now;
}

static ifl_ms step_refuse(struct renewal *renewal, ifl_ms now)
{
    const enum ifl_status status = identity_slots_refuse(renewal->wiring.slots);
    if (status == IFL_FLASH_BUSY) {
        return ifl_ms_after(now, BUSY_MS);
    }
    if (status != IFL_OK && status != IFL_STORE_CORRUPT && status != IFL_NOT_FOUND) {
        decide_nothing(renewal, status, in_force(renewal), now);
        return now;
    }
    tell(renewal, renewal->refused, "the new identity", now);
    tell(renewal, IFL_IDENTITY_REFUSED, "", now);
    renewal->last = renewal->refused;
    renewal->due = IFL_NEVER;
    go_back_to(renewal, in_force(renewal));
    return now;
}

static ifl_ms step_return(struct renewal *renewal, ifl_ms now)
{
    if (!pause(renewal, true)) {
        return ifl_ms_after(now, BUSY_MS);
    }
    const enum ifl_status status = use(renewal, renewal->next);
    if (status == IFL_FLASH_BUSY) {
        return ifl_ms_after(now, BUSY_MS);
    }
    if (status != IFL_OK && renewal->next != in_force(renewal)) {
        go_back_to(renewal, in_force(renewal));
        return now;
    }
    if (status != IFL_OK) {
        tell(renewal, status, "identity", now);
    }
    /* After a trial that decided nothing the sender goes on as if nothing had been. */
    resume(renewal, renewal->used != renewal->paused_with, now);
    return now;
}

/* ---- for the program ---- */

static enum ifl_status choose(struct renewal *renewal)
{
    const struct identity_slots *slots = renewal->wiring.slots;
    enum ifl_status status = use(renewal, in_force(renewal));
    if (status != IFL_OK && status != IFL_FLASH_BUSY && slots->active >= 0 && slots->pending >= 0) {
        status = use(renewal, slots->pending);
    }
    return status;
}

enum ifl_status renewal_start(struct renewal *renewal, const struct renewal_wiring *wiring, uint32_t jitter_ms,
                              ifl_ms now)
{
    memset(renewal, 0, sizeof *renewal);
    renewal->wiring = *wiring;
    renewal->used = renewal->tried = renewal->next = -1;
    backoff_init(&renewal->wait, wiring->first_ms, wiring->cap_ms);
    renewal->due = ifl_ms_after(now, ifl_random_below(&wiring->random, (uint64_t)jitter_ms + 1));
    return choose(renewal);
}

ifl_ms renewal_step(struct renewal *renewal, ifl_ms now)
{
    switch (renewal->state) {
    case RENEWAL_CONNECT:
        return step_connect(renewal, now);
    case RENEWAL_ASK:
        return step_ask(renewal, now);
    case RENEWAL_ACTIVATE:
        return step_activate(renewal, now);
    case RENEWAL_REFUSE:
        return step_refuse(renewal, now);
    case RENEWAL_RETURN:
        return step_return(renewal, now);
    default:
        return step_quiet(renewal, now);
    }
}

void renewal_learn(struct renewal *renewal, enum ifl_status verdict)
{
    const struct identity_slots *slots = renewal->wiring.slots;
    if (renewal->state != RENEWAL_QUIET || slots->pending < 0) {
        return;
    }
    if (renewal->used == slots->pending) { /* the message decides */
        if (verdict == IFL_OK) {
            renewal->state = RENEWAL_ACTIVATE;
        } else if (slots->active >= 0) {
            go_back_to(renewal, slots->active);
        }
        return;
    }
    if (verdict != IFL_OK && !renewal->in_force_refused) {
        renewal->due = 0; /* the pending one may be what works */
    }
    renewal->in_force_refused = verdict != IFL_OK;
}

void renewal_stop(struct renewal *renewal)
{
    if (renewal->state == RENEWAL_CONNECT || renewal->state == RENEWAL_ASK) {
        close_connection(renewal);
    }
    renewal->state = RENEWAL_QUIET;
    renewal->refused = IFL_OK;
    renewal->due = IFL_NEVER;
    renewal->paused = false;
}

enum ifl_status renewal_slots_changed(struct renewal *renewal, ifl_ms now)
{
    const bool was_busy = renewal->paused;
    renewal_stop(renewal);
    renewal->paused = was_busy;
    (void)pause(renewal, true);
    renewal->in_force_refused = false;
    backoff_reset(&renewal->wait);
    renewal->due = now;
    const enum ifl_status status = choose(renewal);
    if (status == IFL_FLASH_BUSY) { /* step_return() comes back; the sender waits */
        renewal->paused_with = -1;
        go_back_to(renewal, in_force(renewal));
        return IFL_OK;
    }
    resume(renewal, true, now);
    return status;
}
