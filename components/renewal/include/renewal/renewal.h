/* renewal.h: the trial of a new identity, and which of the two is in use.
 *
 * Promise: deliveries go out with an identity that is known to work as long as there is one. A new one (pending, identity/slots.h) is tried beside it:
 * handshake, then HEAD on an address that doesn't exist, where nothing can run. Only a TLS alert about the certificate or a 401 refuses it, and only if
 * the one in force is accepted at the same place; everything else (503, no network, a bare reset) decides nothing: deliveries go on with the one in
 * force, and the trial is repeated later. A power cut at any moment loses nothing but the trial under way.
 *
 *                due, or the one in force was refused
 *      QUIET ───────────────────────────────────────► TRIAL of the pending one
 *        ▲                                              │ proven ──────────────► activate ─► QUIET, it is in use
 *        │                                              │ refused ─► CONTROL: the same with the one in force
 *        │                                              │              │ proven ─────────► refuse ─► QUIET, the old one goes on
 *        │                                              │              │ refused too ────► QUIET, the pending one is in use: the next
 *        │ deliveries with the one in force, again      │              │                   message decides; and a new trial later
 *        └────────── after 1 min … 1 h ─────────────────┴──────────────┴ anything else
 *
 * Why the control: that HEAD on an unknown address tells a known certificate (404) from an unknown one (401) is inferred, not documented; and where
 * a tenant refuses everybody for an hour, a good new key must not be thrown away for it.
 *
 * The room uses the program's TLS connection while the sender has none, and about 2 KB of its arena while the request is under way. Nothing blocks; time is
 * an argument. Never a request on the address of a flow. */
#ifndef RENEWAL_RENEWAL_H
#define RENEWAL_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/random.h"
#include "base/status.h"
#include "base/time.h"
#include "health/health.h"
#include "identity/slots.h"
#include "net/net.h"
#include "sender/backoff.h"
#include "tls/tls.h"

/* What the room works with; the struct is copied, what it points to is the caller's. */
struct renewal_wiring {
    struct identity_slots *slots;
    struct tls *tls;
    struct arena *arena; /* that of the TLS context */
    struct health *health;
    struct ifl_random random;
    const char *host; /* where the identity in use leads to: `use` may change what these two point to */
    const uint16_t *port;
    const char *address;           /* instead of DNS; NULL or "" */
    const struct net_proxy *proxy; /* or NULL */
    const char *probe_path;        /* an address that doesn't exist */
    uint32_t first_ms, cap_ms;     /* between trials that decide nothing */
    /* The sender gives up its connection; not in the middle of a request, unless `at_once`. False: not now (never with `at_once`). It isn't stepped
     * until `resume`. */
    bool (*pause)(void *ctx, bool at_once);
    /* Make the identity of this slot the one that the next connection shows, and its host the one that is gone to. OK. FLASH_BUSY: again later. Anything
     * else: it can't be used. */
    enum ifl_status (*use)(void *ctx, int slot);
    /* The sender goes on. `changed`: with another identity or host than before the pause. */
    void (*resume)(void *ctx, bool changed, ifl_ms now);
    void *ctx;
};

enum renewal_state {
    RENEWAL_QUIET,
    RENEWAL_CONNECT,  /* to show the identity on trial, or the one in force as the control */
    RENEWAL_ASK,      /* the request is under way */
    RENEWAL_ACTIVATE, /* decided; the mark isn't in flash yet */
    RENEWAL_REFUSE,
    RENEWAL_RETURN, /* decided; the identity for deliveries isn't loaded yet */
};

struct renewal {
    struct renewal_wiring wiring;
    enum renewal_state state;
    int used;                          /* slot of the identity that deliveries go out with; -1: none */
    int tried;                         /* slot that is asked for */
    int next;                          /* slot to return to */
    int paused_with;                   /* slot that was used when the sender was paused */
    bool paused;                       /* the sender waits */
    bool in_force_refused;             /* by an answer to a message, not accepted since */
    enum ifl_status refused;           /* why the pending one was refused, while the control runs */
    enum ifl_status last;              /* why the last trial decided nothing; OK: there was none, or it did */
    ifl_ms due;                        /* the next trial */
    ifl_ms deadline;                   /* of the request */
    struct backoff wait;               /* between trials */
    struct renewal_exchange *exchange; /* in the arena */
};

/* Choose the identity for deliveries: the one in force, else a pending one. OK. IDENTITY_NONE: there is none yet. Else as `use`: neither can be used. A
 * pending one is tried after a random part of `jitter_ms`. FLASH_BUSY: an erase is under way, start again. */
enum ifl_status renewal_start(struct renewal *renewal, const struct renewal_wiring *wiring, uint32_t jitter_ms,
                              ifl_ms now);
/* Do what can be done now; call it again at the returned moment, after network events, and before each step of the sender. */
ifl_ms renewal_step(struct renewal *renewal, ifl_ms now);
/* The sender must not be stepped. */
static inline bool renewal_is_busy(const struct renewal *renewal)
{
    return renewal->paused;
}
/* What the sender learned about the identity in use: OK, or why it was refused. May be called in the middle of its step. */
void renewal_learn(struct renewal *renewal, enum ifl_status verdict);
/* Give up a trial under way: the connection is free, and the sender may be stopped. Only renewal_start() or renewal_slots_changed() starts it again. */
void renewal_stop(struct renewal *renewal);
/* The slots were written or rolled back by somebody else: choose anew, and try what is pending at once. A trial under way is given up. OK (also while the
 * flash is busy: the sender waits for it), or as renewal_start(). */
enum ifl_status renewal_slots_changed(struct renewal *renewal, ifl_ms now);

#endif
