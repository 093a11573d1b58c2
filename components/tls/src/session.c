/* The session for the next connection: bytes in struct tls, so that between connections the arena is empty and not
 * cut in pieces. */
#include <mbedtls/ssl.h>

#include "engine.h"

static bool version_is_allowed(enum tls_version allowed, uint16_t version)
{
    return allowed == TLS_AUTO || (allowed == TLS_1_2 && version == 0x0303) ||
           (allowed == TLS_1_3 && version == 0x0304);
}

/* Host and port are those of struct tls: tls_open() forgets the session when they change. */
static bool still_good(const struct tls *tls)
{
    const struct tls_context *context = tls->context;
    return tls->session.size > 0 && tls->session.generation == context->identity_generation &&
           version_is_allowed(context->version, tls->session.version) &&
           !clock_is_past(context->clock, tls->session.server_not_after, context->now);
}

void session_offer(struct tls *tls)
{
    tls->offered = false;
    if (!still_good(tls)) {
        tls_forget_session(tls);
        return;
    }
    mbedtls_ssl_session session;
    mbedtls_ssl_session_init(&session);
    int error = mbedtls_ssl_session_load(&session, tls->session.bytes, tls->session.size);
    if (error == 0) {
        error = mbedtls_ssl_set_session(&tls->engine->ssl, &session);
    }
    mbedtls_ssl_session_free(&session);
    if (error != 0) {
        tls_forget_session(tls);
        return;
    }
    tls->offered = true;
}

void session_keep(struct tls *tls)
{
    const mbedtls_ssl_session *session = tls->engine->ssl.MBEDTLS_PRIVATE(session);
    size_t size = 0;
    tls_forget_session(tls);
    if (mbedtls_ssl_session_save(session, tls->session.bytes, sizeof tls->session.bytes, &size) != 0 ||
        size > UINT16_MAX) {
        tls_forget_session(tls); /* too large to keep: the next connection makes a full handshake */
        return;
    }
    tls->session.size = (uint16_t)size;
    tls->session.version = tls->facts.version;
    tls->session.generation = tls->context->identity_generation;
    tls->session.server_not_after = tls->facts.server_not_after;
}

void tls_forget_session(struct tls *tls)
{
    bytes_wipe(&tls->session, sizeof tls->session);
}

bool tls_has_session(const struct tls *tls)
{
    return tls->session.size > 0;
}
