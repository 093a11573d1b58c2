/* tls.h: one TLS connection as a client, on top of net: mutual TLS with mbedTLS, server verified against the trust bundle, resumption.
 *
 * Nothing is sent above TLS before the server's chain, name and dates are verified. All memory of mbedTLS comes from the arena in struct tls_context. Non-blocking: the
 * longest step is the client's signature in a handshake. */
#ifndef TLS_TLS_H
#define TLS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/random.h"
#include "base/status.h"
#include "base/time.h"
#include "clock/clock.h"
#include "identity/service_key.h"
#include "net/net.h"

enum tls_version { TLS_AUTO, TLS_1_2, TLS_1_3 };

/* Where roots come from. The room asks for a certificate that might have issued one with this issuer name (DER of the Name) and loads one at a time. */
struct tls_trust {
    /* The `index`-th (from 0) root whose subject equals `subject`. OK: *der is valid until the next call. END: no more. */
    enum ifl_status (*find)(void *ctx, struct bytes subject, unsigned index, struct bytes *der);
    void *ctx;
};

/* What all connections share; set up once. The caller keeps what it points to. */
struct tls_context {
    struct arena *arena;
    struct ifl_random random;
    struct clock *clock;
    struct tls_trust trust;
    enum tls_version version;
    const struct identity *identity; /* NULL: no client certificate is sent */
    uint32_t identity_generation;    /* a change makes saved sessions void */
};

enum tls_state { TLS_IDLE, TLS_CONNECTING, TLS_HANDSHAKE, TLS_OPEN, TLS_CLOSING, TLS_FAILED };

/* How far a connection came: for the verdict "client certificate refused" and for people. */
struct tls_facts {
    bool server_verified;
    bool certificate_requested; /* the server asked for a client certificate */
    bool certificate_sent;
    bool resumed;
    bool application_data_seen;          /* at least one byte of an answer came */
    uint8_t alert;                       /* TLS alert received, 0 if none (close_notify isn't counted) */
    uint16_t version;                    /* 0x0303, 0x0304; 0 before it's known */
    int64_t server_not_after;            /* of the server's leaf; 0 if not known */
    uint64_t bytes_sent, bytes_received; /* on the wire above TCP */
};

#include "tls/tls_private.h"

/* One per program: hands the arena, the time and the randomness to mbedTLS. NO_ENTROPY, NO_MEMORY. */
enum ifl_status tls_setup(struct tls_context *context);
void tls_init(struct tls *tls, struct tls_context *context);
/* Connect to `address` (or `host` where NULL) and shake hands as `host`. A saved session of the same host, port and identity generation is offered unless `fresh`. */
enum ifl_status tls_open(struct tls *tls, const char *host, uint16_t port, const char *address,
                         const struct net_proxy *proxy, bool fresh, uint64_t timeout_ms, ifl_ms now);
/* Do what can be done now; see `state`. */
ifl_ms tls_step(struct tls *tls, ifl_ms now);
enum tls_state tls_state(const struct tls *tls);
/* Why it failed: NET_*, PROXY_*, TLS_*, KEY_EXPIRED isn't judged here, NO_MEMORY, NO_ENTROPY. */
enum ifl_status tls_status(const struct tls *tls);
const struct tls_facts *tls_facts(const struct tls *tls);
/* OK: *taken >= 1 bytes are on their way (call again with the rest); AGAIN; else the connection is dead. At most one record a call. */
enum ifl_status tls_write(struct tls *tls, struct bytes data, size_t *taken);
/* OK with *got >= 1; AGAIN; CLOSED (close_notify or an orderly end of TCP); else dead. Tickets of TLS 1.3 are taken on the way. */
enum ifl_status tls_read(struct tls *tls, void *buf, size_t size, size_t *got);
/* Send close_notify if possible, close, free everything of mbedTLS; the session stays for the next tls_open(). */
void tls_close(struct tls *tls);
/* Forget the saved session (a 401 on a resumed one, a new identity, a new trust bundle). */
void tls_forget_session(struct tls *tls);

#endif
