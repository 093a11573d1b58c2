/* peer.h: the other side of a TLS test: OpenSSL as a server in memory, behind the functions of net/link.h. No
 * sockets, no time, no threads: every byte is under control.
 *
 * A byte that the client sends is given to the server at once; what the server answers waits until the client takes it. */
#ifndef TEST_TLS_PEER_H
#define TEST_TLS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "base/status.h"
#include "pki.h"

#define PEER_NEVER SIZE_MAX

enum peer_moment { PEER_MOMENT_NEVER, PEER_MOMENT_HELLO, PEER_MOMENT_CLIENT_CERTIFICATE };

struct peer {
    /* What a test sets, after peer_start() and before the connection. */
    size_t chunk;               /* bytes that go through in one call */
    bool stubborn;              /* every second call of send and receive answers AGAIN */
    size_t cut_down, cut_up;    /* bytes of the server and of the client after which the connection ends */
    enum ifl_status cut_status; /* how: CLOSED or NET_RESET */
    bool silent;                /* the server never answers */
    bool deaf;                  /* sending fails with NET_RESET; what came before can still be received */
    const uint8_t *script;      /* these bytes instead of a TLS server's */
    size_t script_size;
    const uint8_t *flood; /* behind all else, these bytes again and again, as fast as they are taken */
    size_t flood_size;
    enum peer_moment alert_at; /* an unencrypted alert instead of the server's answer */
    uint8_t alert;
    int client_verdict;        /* X509_V_ERR_* for the client's certificate; X509_V_OK */
    const char *reply;         /* application data, sent as soon as a request has come; NULL: none */
    bool reply_then_close;     /* close_notify behind it */
    bool drop_after_handshake; /* reset instead of an answer to the first application data */
    uint8_t flip;              /* XORed into the byte of the server at `flip_at` */
    size_t flip_at;
    bool packed; /* messages of the handshake that aren't encrypted share records, 16 KB in each */

    /* What a test reads. */
    unsigned connections, handshakes, resumptions;
    size_t up, down; /* bytes of this connection */
    size_t up_record_count;
    char request[20000];
    size_t request_size;
    char sni[256];
    int client_chain_count; /* certificates that the client sent */

    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in, *out; /* of the server */
    bool open, ended, counted, flip_flop;
    size_t scripted;
    uint8_t queue[262144]; /* what the server has sent and the client hasn't taken */
    size_t queue_start, queue_end;
};

extern struct peer peer;

struct peer_options {
    int version;                                /* TLS1_2_VERSION, TLS1_3_VERSION, 0: both */
    const struct pki_certificate *const *chain; /* leaf first */
    size_t chain_count;
    const struct pki_certificate *client_root; /* NULL: no client certificate is asked for */
    bool client_required;
    unsigned ca_name_count; /* long names in the CertificateRequest */
    bool tickets;           /* session tickets (always with TLS 1.3) instead of session ids */
    bool own_preference;    /* the server's order of ciphers and signatures counts */
    bool no_resumption;
    size_t session_size; /* TLS 1.3: application data that makes tickets this much larger */
};
void peer_start(const struct peer_options *options);
/* Keeps the server's settings, forgets what a test has set. */
void peer_reset(void);
void peer_stop(void);
/* Let the server send application data, close, or ask for new keys now. */
void peer_send(const void *data, size_t size);
void peer_close_notify(void);
void peer_key_update(void);
void peer_renegotiate(void);

#endif
