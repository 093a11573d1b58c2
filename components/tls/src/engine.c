#include "engine.h"

#include <mbedtls/platform.h>

#include "platform.h"

/* PKCS#1 before PSS: offered both versions, a server that is limited to TLS 1.2 takes the first one it knows, and
 * mbedTLS verifies PSS only in 1.3. For servers that insist on their own order see start_over() in tls.c. */
static const uint16_t signature_algorithms[] = {
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA512,
    MBEDTLS_TLS1_3_SIG_NONE,
};

static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
                                  MBEDTLS_SSL_IANA_TLS_GROUP_NONE};

/* When sending has become impossible, mbedTLS isn't told: it could neither read what came before, an alert or an
 * answer, nor put its buffer in order. What it sends from then on is dropped, and `write_status` says so. */
static int wire_send(void *ctx, const unsigned char *data, size_t size)
{
    struct tls *tls = ctx;
    size_t sent = 0;
    enum ifl_status status = tls->engine->write_status;
    if (status == IFL_OK) {
        status = net_send(&tls->net, bytes_of(data, size), &sent);
    }
    if (status == IFL_OK && sent > 0) {
        return (int)sent;
    }
    if (status == IFL_OK || status == IFL_AGAIN) {
        tls->engine->blocked = true;
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    }
    tls->engine->write_status = status;
    return (int)size;
}

/* mbedTLS skips what means nothing, warnings above all, for as long as there is more of it: whoever sends it fast enough would keep
 * us here. So a call reads so often at most, and goes on with the next one. */
#define READS_MAX 64

static int wire_receive(void *ctx, unsigned char *buf, size_t size)
{
    struct tls *tls = ctx;
    size_t got = 0;
    if (tls->engine->reads == READS_MAX) {
        tls->engine->unread = tls->engine->blocked = true;
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    tls->engine->reads++;
    if (!memory_take_back(tls->engine)) {
        tls->faults.no_memory = true; /* something longer-lived than a signature was lent room in the record buffer */
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    }
    enum ifl_status status = net_receive(&tls->net, buf, size, &got);
    if (status == IFL_OK) {
        return (int)got;
    }
    if (status == IFL_AGAIN) {
        tls->engine->blocked = true;
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    tls->engine->wire_status = status;
    return 0; /* end of file */
}

/* A build may leave one version out; then `auto` is the other one, and a setting that wants it is refused when a connection is opened. */
#if defined(MBEDTLS_SSL_PROTO_TLS1_2) && defined(MBEDTLS_SSL_PROTO_TLS1_3)
#define VERSION_AUTO TLS_AUTO
#elif defined(MBEDTLS_SSL_PROTO_TLS1_2)
#define VERSION_AUTO TLS_1_2
#else
#define VERSION_AUTO TLS_1_3
#endif

static void choose_versions(mbedtls_ssl_config *conf, enum tls_version version)
{
    if (version == TLS_AUTO)
        version = VERSION_AUTO;
    mbedtls_ssl_conf_min_tls_version(conf,
                                     version == TLS_1_3 ? MBEDTLS_SSL_VERSION_TLS1_3 : MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_max_tls_version(conf,
                                     version == TLS_1_2 ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3);
}

static int configure(struct tls *tls)
{
    mbedtls_ssl_config *conf = &tls->engine->conf;
    int error = mbedtls_ssl_config_defaults(conf, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                            MBEDTLS_SSL_PRESET_DEFAULT);
    if (error != 0) {
        return error;
    }
    choose_versions(conf, tls->only_1_2 ? TLS_1_2 : tls->context->version);
    mbedtls_ssl_conf_rng(conf, platform_random, NULL);
    mbedtls_ssl_conf_authmode(conf, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_cert_profile(conf, &verify_profile);
    mbedtls_ssl_conf_ca_cb(conf, verify_find_roots, tls);
    mbedtls_ssl_conf_verify(conf, verify_certificate, tls);
    mbedtls_ssl_conf_sig_algs(conf, signature_algorithms);
    mbedtls_ssl_conf_groups(conf, groups);
    mbedtls_ssl_conf_session_tickets(conf, MBEDTLS_SSL_SESSION_TICKETS_DISABLED); /* TLS 1.2: by session id */
#ifdef MBEDTLS_SSL_PROTO_TLS1_3
    mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
        conf, tls->no_tickets ? MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_DISABLED
                              : MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
#endif
    return 0;
}

static int prepare(struct tls *tls)
{
    struct tls_engine *engine = tls->engine;
    int error = configure(tls);
    if (error == 0 && own_exists(tls)) {
        error = mbedtls_ssl_conf_own_cert(&engine->conf, &engine->leaf, &engine->key);
    }
    if (error == 0) {
        error = mbedtls_ssl_setup(&engine->ssl, &engine->conf);
    }
    if (error == 0) {
        memory_share_buffer(engine);
        error = mbedtls_ssl_set_hostname(&engine->ssl, tls->host);
    }
    mbedtls_ssl_set_bio(&engine->ssl, tls, wire_send, wire_receive, NULL);
    return error;
}

enum ifl_status engine_open(struct tls *tls)
{
    struct tls_engine *engine = mbedtls_calloc(1, sizeof *engine);
    if (engine == NULL) {
        return IFL_NO_MEMORY;
    }
    mbedtls_ssl_config_init(&engine->conf);
    mbedtls_ssl_init(&engine->ssl);
    mbedtls_pk_init(&engine->key);
    mbedtls_x509_crt_init(&engine->leaf);
    tls->engine = engine;
    int error = prepare(tls);
    if (error != 0) {
        enum ifl_status status = fault_status(tls, error);
        engine_close(tls);
        return status == IFL_TLS_PROTOCOL ? IFL_TLS_INTERNAL : status; /* no other side has been heard yet */
    }
    session_offer(tls);
    return IFL_OK;
}

void engine_close(struct tls *tls)
{
    struct tls_engine *engine = tls->engine;
    if (engine == NULL) {
        return;
    }
    own_free_chain(tls);
    own_free_key(tls);
    memory_release_buffer(engine);
    mbedtls_ssl_free(&engine->ssl);
    mbedtls_ssl_config_free(&engine->conf);
    platform_borrow(NULL, NULL);
    mbedtls_free(engine);
    tls->engine = NULL;
    /* mbedTLS 3.6 forgets some blocks when it runs out of memory in the key schedule of TLS 1.3. */
    arena_free_owned(tls->context->arena, tls->owner);
}
