/* memory.c: one record buffer for both directions, and the use of its free part.
 *
 *   in_buf |counter|header| record that was read, or message that is written |          spare           |
 *          0       8      13                                                live                        end
 *
 * A handshake is half duplex: while a message of ours is written, all of the server's have been read; and mbedTLS reads
 * no byte beyond the record that it works on. So out_buf, which mbedTLS would keep apart, lies in in_buf behind the
 * counter of received records. Once the handshake is over both directions are independent: out_buf gets memory of its own.
 *
 * mbedTLS's fields are private, but named in its header; their meaning is that of mbedTLS 3.6, a long-term branch. */
#include <mbedtls/platform.h>

#include "engine.h"

#define COUNTER_SIZE 8u
#define HEADER_SIZE 5u
#define IN_SIZE (COUNTER_SIZE + HEADER_SIZE + MBEDTLS_SSL_IN_CONTENT_LEN) /* mbedTLS has some more */
#define PROTECTION_SIZE 64u /* counter, header, initialisation vector and tag of a record: 8 + 5 + 8 + 16 bytes */
#define SPARE_MIN_SIZE 1024u
#define ALERT_SIZE 64u /* an alert may be written while the server's message is worked on */

#define FIELD(engine, name) ((engine)->ssl.MBEDTLS_PRIVATE(name))

_Static_assert(MBEDTLS_SSL_OUT_CONTENT_LEN + PROTECTION_SIZE <= MBEDTLS_SSL_IN_CONTENT_LEN, "out_buf lies in in_buf");
_Static_assert(IFL_TLS_RECORD_SIZE <= MBEDTLS_SSL_OUT_CONTENT_LEN, "mbedTLS would refuse it");

static void move_out_buffer(struct tls_engine *engine, unsigned char *to)
{
    unsigned char *from = FIELD(engine, out_buf);
    FIELD(engine, out_ctr) = to + (FIELD(engine, out_ctr) - from);
    FIELD(engine, out_hdr) = to + (FIELD(engine, out_hdr) - from);
    FIELD(engine, out_len) = to + (FIELD(engine, out_len) - from);
    FIELD(engine, out_iv) = to + (FIELD(engine, out_iv) - from);
    FIELD(engine, out_msg) = to + (FIELD(engine, out_msg) - from);
    FIELD(engine, out_buf) = to;
}

static bool is_shared(const struct tls_engine *engine)
{
    return FIELD(engine, out_buf) == FIELD(engine, in_buf) + COUNTER_SIZE;
}

/* After mbedtls_ssl_setup(). */
void memory_share_buffer(struct tls_engine *engine)
{
    unsigned char *own = FIELD(engine, out_buf);
    move_out_buffer(engine, FIELD(engine, in_buf) + COUNTER_SIZE);
    mbedtls_free(own);
}

/* When the handshake is over. NO_MEMORY. */
enum ifl_status memory_own_buffer(struct tls_engine *engine)
{
    unsigned char *own = mbedtls_calloc(1, IFL_TLS_RECORD_SIZE + PROTECTION_SIZE);
    if (own == NULL) {
        return IFL_NO_MEMORY;
    }
    if (FIELD(engine, out_left) > 0) { /* mbedTLS has flushed it */
        mbedtls_free(own);
        return IFL_TLS_INTERNAL;
    }
    move_out_buffer(engine, own);
    return IFL_OK;
}

/* Before mbedtls_ssl_free(), which believes that the buffer is its own and longer than it is. */
void memory_release_buffer(struct tls_engine *engine)
{
    if (!is_shared(engine)) {
        mbedtls_free(FIELD(engine, out_buf));
    }
    FIELD(engine, out_buf) = NULL;
}

/* The server has sent more than belongs here: behind the message that ends its part, in the same record. */
bool memory_is_unread(const struct tls_engine *engine)
{
    return FIELD(engine, in_msglen) > FIELD(engine, in_hslen) && FIELD(engine, in_hslen) > 0;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Messages whose work is signatures or a key exchange: what is large of what they allocate is freed before the next one. */
static bool may_lend(const struct tls_engine *engine)
{
    switch (FIELD(engine, state)) {
    case MBEDTLS_SSL_SERVER_CERTIFICATE:
        return engine->verifying;
    case MBEDTLS_SSL_CLIENT_HELLO:
    case MBEDTLS_SSL_SERVER_KEY_EXCHANGE:
    case MBEDTLS_SSL_CLIENT_KEY_EXCHANGE:
    case MBEDTLS_SSL_CERTIFICATE_VERIFY:
    case MBEDTLS_SSL_CLIENT_CERTIFICATE_VERIFY:
    case MBEDTLS_SSL_CLIENT_CERTIFICATE:
        return true;
    default:
        return false;
    }
}

/* A message that we write; in TLS 1.3 CERTIFICATE_VERIFY is the server's, and then this only costs room. */
static bool is_ours(int state)
{
    return state == MBEDTLS_SSL_CLIENT_HELLO || state == MBEDTLS_SSL_CLIENT_CERTIFICATE ||
           state == MBEDTLS_SSL_CLIENT_KEY_EXCHANGE || state == MBEDTLS_SSL_CERTIFICATE_VERIFY ||
           state == MBEDTLS_SSL_CLIENT_CERTIFICATE_VERIFY;
}

/* TLS 1.2 hashes a message when it's read, and a chain is copied when it's parsed: while it's verified the message itself
 * isn't needed. With TLS 1.3 it still is. */
static size_t end_of_dead_message(const struct tls_engine *engine)
{
    bool dead = engine->verifying && FIELD(engine, tls_version) == MBEDTLS_SSL_VERSION_TLS1_2;
    size_t end = (size_t)(FIELD(engine, in_msg) - FIELD(engine, in_buf)) + FIELD(engine, in_hslen);
    return dead && end > ALERT_SIZE && end <= IN_SIZE ? end : ALERT_SIZE;
}

/* Behind what is in use; or the message itself, where a server packs so many into one record that it is larger. */
static void lend(struct tls_engine *engine)
{
    unsigned char *buf = FIELD(engine, in_buf);
    size_t read = (size_t)(FIELD(engine, in_msg) - buf) + FIELD(engine, in_msglen);
    size_t reading = (size_t)(FIELD(engine, in_hdr) - buf) + FIELD(engine, in_left);
    size_t writing = is_ours(FIELD(engine, state)) ? COUNTER_SIZE + MBEDTLS_SSL_OUT_CONTENT_LEN : ALERT_SIZE;
    size_t live = larger(larger(read, reading), writing + PROTECTION_SIZE);
    size_t tail = live < IN_SIZE ? IN_SIZE - live : 0;
    size_t dead = end_of_dead_message(engine) - ALERT_SIZE;
    if (larger(tail, dead) >= SPARE_MIN_SIZE) {
        arena_init(&engine->spare, buf + (dead > tail ? ALERT_SIZE : live), larger(tail, dead));
    }
}

/* For platform_borrow(). NULL: not now. */
struct arena *memory_spare(void *ctx)
{
    struct tls *tls = ctx;
    struct tls_engine *engine = tls->engine;
    if (tls->state != TLS_HANDSHAKE || engine == NULL || !may_lend(engine)) {
        return NULL;
    }
    if (engine->spare.size == 0) {
        lend(engine);
    }
    return engine->spare.size > 0 ? &engine->spare : NULL;
}

/* Nothing is read or written before this is true: then nothing that was lent is in use any more. */
bool memory_take_back(struct tls_engine *engine)
{
    if (engine->spare.size > 0 && !arena_empty(&engine->spare)) {
        return false;
    }
    engine->spare = (struct arena){0};
    return true;
}

static mbedtls_x509_crt **chain_of(struct tls_engine *engine)
{
    static mbedtls_x509_crt *none;
    mbedtls_ssl_session *session = FIELD(engine, session_negotiate);
    none = NULL;
    return session != NULL ? &session->MBEDTLS_PRIVATE(peer_cert) : &none;
}

static void free_chain(mbedtls_x509_crt **chain)
{
    if (*chain != NULL) {
        mbedtls_x509_crt_free(*chain);
        mbedtls_free(*chain);
        *chain = NULL;
    }
}

void memory_keep_leaf(struct tls_engine *engine)
{
    mbedtls_x509_crt *leaf = *chain_of(engine);
    if (leaf != NULL) {
        free_chain(&leaf->next);
    }
}

void memory_free_certificates(struct tls_engine *engine)
{
    free_chain(chain_of(engine));
}

/* What mbedTLS remembers in the public keys of the server's chain to verify a second time with them: 1 KB each, possibly
 * lent, and no second time comes. */
void memory_trim_certificates(struct tls_engine *engine)
{
    mbedtls_x509_crt *certificate = *chain_of(engine);
    for (; certificate != NULL; certificate = certificate->next) {
        if (mbedtls_pk_get_type(&certificate->pk) == MBEDTLS_PK_RSA) {
            mbedtls_mpi_free(&mbedtls_pk_rsa(certificate->pk)->MBEDTLS_PRIVATE(RN));
        }
    }
}
