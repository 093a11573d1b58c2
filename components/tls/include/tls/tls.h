/* tls.h: one TLS connection as a client, on top of net: mutual TLS with mbedTLS, server verified against the trust
 * bundle, resumption.
 *
 * Promise: not one byte is sent above TLS before the server's chain, signature strength, name and dates are verified,
 * in a full handshake or in the one that made the resumed session. A session isn't resumed once the certificate of
 * its server has expired.
 *
 * Memory: everything that mbedTLS needs comes from the arena in struct tls_context, from tls_open() to tls_close().
 * What a handshake needs for a moment only doesn't add up:
 *   - both directions share one record buffer of 16 KB until the handshake is over: it's half duplex. Then sending gets
 *     one of its own, for records of IFL_TLS_RECORD_SIZE bytes;
 *   - when less than a sixteenth of the arena is left, the arithmetic of signatures moves into the part of that buffer
 *     that holds nothing (memory.c). So the peak stays below 15/16 unless that part is used up, too: with TLS 1.2 and a server that packs its
 *     messages into full records, up to 6 KB;
 *   - the own chain is read when it's sent, the private key when it signs, and both are wiped at once; the server's
 *     certificates are freed before that, a root when it has been tried.
 * tests/unit/tls and tests/qemu measure what is needed. The session for the next connection is kept outside of the
 * arena, in struct tls: RAM only, never stored; IFL_TLS_SESSION_SIZE bytes of it, a larger one isn't kept.
 *
 * Non-blocking and not re-entrant. The longest step is one RSA operation of a handshake (a signature, a
 * verification): tls_step() returns after each message, and after 64 reads of what isn't one. In its middle a program may do something else, but nothing with this
 * connection or its arena (cmake/config/bignum_pause.h).
 *
 * With TLS_AUTO, a server that is limited to TLS 1.2 and signs with PSS is connected to twice (mbedTLS knows PSS in
 * 1.3 only).
 *
 * What goes over the wire: TLS 1.2 (RFC 5246) is resumed by session id and not by ticket, because tickets of common
 * servers carry the client's certificate and cost 1.5 KB upwards each time; TLS 1.3 (RFC 8446) by ticket, because
 * there is nothing else. The client's chain goes out without a self-signed root at its end (RFC 5246 section 7.4.2:
 * the other side has it or can't use it). */
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

enum tls_version {
    TLS_AUTO, /* 1.2 or 1.3, the server chooses */
    TLS_1_2,
    TLS_1_3
};

/* Where roots come from. The room asks for a certificate that might have issued one with this issuer name (DER of the
 * Name) and loads one at a time. */
struct tls_trust {
    /* The `index`-th (from 0) root whose subject is, or by its check sum may be, `subject`. *size: bytes of its DER. OK:
     * they are in `buf`. TOO_LARGE: they don't fit `buf_size`, and `buf` (NULL where that is 0) is untouched. END: no
     * more. Anything else: the trust bundle can't be read, and the handshake ends with that status. */
    enum ifl_status (*find)(void *ctx, struct bytes subject, unsigned index, void *buf, size_t buf_size, size_t *size);
    void *ctx;
};

/* Where the own certificates and the private key come from, for who doesn't keep them in memory. */
struct tls_own {
    /* Certificate number `part` (0 = the leaf) or TLS_OWN_KEY, as DER; as tls_trust.find() else. END: there is none.
     * Anything else ends the handshake. The answers don't change between tls_open() and tls_close(). */
    enum ifl_status (*read)(void *ctx, unsigned part, void *buf, size_t buf_size, size_t *size);
    void *ctx;
};
#define TLS_OWN_KEY 255u

/* What all connections share; set up once. The caller keeps what it points to. */
struct tls_context {
    struct arena *arena;
    struct ifl_random random;
    struct clock *clock;
    struct tls_trust trust;
    enum tls_version version;
    /* Both NULL: no client certificate is sent. The bytes of `identity` must stay from tls_open() to tls_close(). */
    const struct identity *identity;
    struct tls_own own;           /* instead of it, if own.read isn't NULL */
    uint32_t identity_generation; /* a change makes saved sessions void */
    /* For a diagnosis: told each certificate of the server's chain in a full handshake, as far as the chain could be built, a root of the
     * bundle first (the largest `depth`), the leaf last (depth 0). `der` is valid during the call. May be NULL. */
    void (*see_certificate)(void *ctx, struct bytes der, int depth);
    void *see_ctx;
    /* Whether trust and own certificates can't be read at the moment (flash that is erasing): the handshake waits for it. NULL:
     * they always can. */
    bool (*storage_is_busy)(void *ctx);
    void *storage_ctx;
    /* private to the room */
    ifl_ms now;               /* of the last call that was told the time */
    uint8_t connection_count; /* initialised so far; numbers the owners in the arena */
};

enum tls_state { TLS_IDLE, TLS_CONNECTING, TLS_HANDSHAKE, TLS_OPEN, TLS_FAILED };

/* How far a connection came: for the verdict "client certificate refused" and for people. They stay after tls_close()
 * until the next tls_open(). */
struct tls_facts {
    bool server_verified;
    bool certificate_requested; /* the server asked for a client certificate */
    bool certificate_sent;      /* and got one: chain and signature are on their way */
    bool resumed;
    bool application_data_seen;          /* at least one byte of an answer came */
    uint8_t alert;                       /* TLS alert received, 0 if none (close_notify isn't counted) */
    uint16_t version;                    /* 0x0303, 0x0304; 0 before it's known */
    int64_t server_not_after;            /* of the server's leaf; 0 if not known */
    uint64_t bytes_sent, bytes_received; /* on the wire above TCP, the proxy's answer included */
};

#include "tls/tls_private.h"

/* One per program: makes the arena, the time and the randomness known to mbedTLS; repeating it is harmless. Other
 * rooms may give mbedTLS another allocator afterwards: each call here takes its own again. NO_ENTROPY, NO_MEMORY,
 * TLS_INTERNAL. */
enum ifl_status tls_setup(struct tls_context *context);
void tls_init(struct tls *tls, struct tls_context *context);

/* Connect to `address` (or `host` where NULL or "") and shake hands as `host`; both are copied. A saved session of the same
 * host, port and identity generation is offered unless `fresh`. `timeout_ms` is for everything until TLS_OPEN. What
 * was open before is closed. OK: it's under way; else as tls_status(), and the state is TLS_FAILED. */
enum ifl_status tls_open(struct tls *tls, const char *host, uint16_t port, const char *address,
                         const struct net_proxy *proxy, bool fresh, uint32_t timeout_ms, ifl_ms now);

/* Do what can be done now; see tls_state(). Also pushes out what tls_write() has taken. */
ifl_ms tls_step(struct tls *tls, ifl_ms now);
enum tls_state tls_state(const struct tls *tls);

/* Why it failed (OK before):
 *   NET_*, PROXY_*            before or below TLS; NET_TIMEOUT: `timeout_ms` is over
 *   TLS_RESET                 TCP ended in the handshake without an alert. After facts.certificate_sent it may mean
 *                             "client certificate refused": twice in a row on fresh handshakes counts as
 *                             TLS_CLIENT_DROPPED (the caller counts)
 *   TLS_UNTRUSTED, TLS_WEAK, TLS_NAME, TLS_EXPIRED, TLS_NOT_YET_VALID
 *                             the server's certificate, in this order of importance
 *   TLS_VERSION, TLS_HOST_REFUSED, TLS_PROTOCOL
 *                             the server doesn't want, or isn't one
 *   TLS_CLIENT_REFUSED, TLS_CLIENT_EXPIRED
 *                             an alert about our certificate; with TLS 1.3 it comes in tls_read()
 *   KEY_PRIVATE_KEY_BAD, KEY_UNSUPPORTED
 *                             the own key doesn't parse; the own chain is larger than a record can be
 *   others                    of tls_trust.find() and tls_own.read()
 *   NO_MEMORY                 the arena was too small, whatever mbedTLS made of it
 *   NO_ENTROPY, TLS_INTERNAL
 * After each of them everything of mbedTLS is freed, and a session that was offered is forgotten if no answer had
 * come: the next tls_open() makes a full handshake. Only that one's refusal counts: where a session was offered,
 * TLS_PROTOCOL stands for TLS_VERSION, TLS_HOST_REFUSED, TLS_CLIENT_*. */
enum ifl_status tls_status(const struct tls *tls);
const struct tls_facts *tls_facts(const struct tls *tls);

/* Send up to one record. OK: *taken >= 1 bytes are on their way, call again with the rest (`data` isn't needed any
 * more: what TCP doesn't take yet waits in the record); AGAIN: the record before is still on its way; else the
 * connection is dead: tls_status(). */
enum ifl_status tls_write(struct tls *tls, struct bytes data, size_t *taken);
/* The same for several spans at once, e.g. a request's head and its body: they go into one record as far as they fit,
 * which saves a record's overhead (29 bytes with TLS 1.2, 22 with TLS 1.3) and a packet. */
enum ifl_status tls_write_pieces(struct tls *tls, const struct bytes *pieces, size_t count, size_t *taken);
/* The same without a copy: build the plaintext in the record itself. AGAIN as above. OK: write up to *size bytes at
 * *room, then call tls_record_send() with what there is (1..*size), and nothing else of this connection in between;
 * or don't call it, then nothing is sent. */
enum ifl_status tls_record_begin(struct tls *tls, uint8_t **room, size_t *size);
enum ifl_status tls_record_send(struct tls *tls, size_t size);
/* True when nothing of what was written waits here: it's all with TCP. */
bool tls_write_done(const struct tls *tls);

/* OK with *got >= 1; AGAIN: nothing there, wait for the network (read until AGAIN: a record may hold more than
 * `size`); CLOSED: close_notify or an orderly end of TCP, the connection is only good for tls_close(); else dead:
 * tls_status(). Tickets of TLS 1.3 are taken on the way.
 *
 * With TLS 1.3 the server judges our certificate after we believe to be open. So before facts.application_data_seen:
 * TLS_CLIENT_REFUSED and TLS_CLIENT_EXPIRED come from an alert; NET_RESET and CLOSED say nothing about the reason:
 * where facts.certificate_sent, twice in a row on fresh connections counts as TLS_CLIENT_DROPPED (the caller counts). */
enum ifl_status tls_read(struct tls *tls, void *buf, size_t size, size_t *got);

/* Any state. Send close_notify if it goes out at once, close, free everything of mbedTLS; the session stays for the
 * next tls_open(). */
void tls_close(struct tls *tls);
/* Forget the saved session (a 401 on a resumed one, a new identity, a new trust bundle). */
void tls_forget_session(struct tls *tls);
/* A session is there to be offered. */
bool tls_has_session(const struct tls *tls);

#endif
