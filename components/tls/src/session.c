/* The session for the next connection: bytes in struct tls, so that between connections the arena is empty and not
 * cut in pieces. */
#include <stddef.h>
#include <string.h>

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

/* What is kept is mbedTLS's struct as it is, without what a connection has for itself and without pointers: its ticket stands behind it, its host name is that
 * of struct tls. (mbedtls_ssl_session_save() and _load() make bytes for another machine of it; that's 1 KB of code.) */
#ifdef MBEDTLS_SSL_PROTO_TLS1_3
#define KEPT_SIZE offsetof(mbedtls_ssl_session, MBEDTLS_PRIVATE(app_secrets))
#else
#define KEPT_SIZE sizeof(mbedtls_ssl_session)
#endif

_Static_assert(KEPT_SIZE <= IFL_TLS_SESSION_SIZE, "a session of TLS 1.2 is kept");

void session_offer(struct tls *tls)
{
    tls->offered = false;
    if (!still_good(tls)) {
        tls_forget_session(tls);
        return;
    }
    mbedtls_ssl_session session;
    mbedtls_ssl_session_init(&session);
    memcpy(&session, tls->session.bytes, KEPT_SIZE);
    session.MBEDTLS_PRIVATE(peer_cert) = NULL;
    session.MBEDTLS_PRIVATE(ticket) = tls->session.size > KEPT_SIZE ? tls->session.bytes + KEPT_SIZE : NULL;
#ifdef MBEDTLS_SSL_PROTO_TLS1_3
    session.MBEDTLS_PRIVATE(hostname) = tls->session.version == 0x0304 ? tls->host : NULL;
#endif
    tls->offered = mbedtls_ssl_set_session(&tls->engine->ssl, &session) == 0; /* copies it all */
    bytes_wipe(&session, sizeof session);
    if (!tls->offered) {
        tls_forget_session(tls);
    }
}

void session_keep(struct tls *tls)
{
    const mbedtls_ssl_session *session = tls->engine->ssl.MBEDTLS_PRIVATE(session);
    size_t ticket_size = session->MBEDTLS_PRIVATE(ticket) != NULL ? session->MBEDTLS_PRIVATE(ticket_len) : 0;
    tls_forget_session(tls);
    if (ticket_size > sizeof tls->session.bytes - KEPT_SIZE) {
        return; /* too large to keep: the next connection makes a full handshake */
    }
    memcpy(tls->session.bytes, session, KEPT_SIZE);
    if (ticket_size > 0) {
        memcpy(tls->session.bytes + KEPT_SIZE, session->MBEDTLS_PRIVATE(ticket), ticket_size);
    }
    tls->session.size = (uint16_t)(KEPT_SIZE + ticket_size);
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
