/* From mbedTLS's error numbers and TLS alerts to causes. */
#include <mbedtls/error.h>

#include "engine.h"

/* A refusal of a session that we offered proves nothing about a full handshake, which comes next. */
static enum ifl_status unless_resuming(const struct tls *tls, enum ifl_status status)
{
    return tls->offered ? IFL_TLS_PROTOCOL : status;
}

/* Alert numbers: RFC 8446 section 6, RFC 5246 section 7.2. */
static enum ifl_status status_of_alert(const struct tls *tls, uint8_t alert)
{
    /* With TLS 1.2 everything is judged when the handshake is over. With TLS 1.3 our certificate is judged only after
     * our Finished: until an answer has come. */
    if (tls->state == TLS_OPEN && (tls->facts.version == 0x0303 || tls->facts.application_data_seen)) {
        return IFL_TLS_PROTOCOL;
    }
    bool judged = tls->engine->answered;
    switch (alert) {
    case MBEDTLS_SSL_ALERT_MSG_UNRECOGNIZED_NAME:
        return IFL_TLS_HOST_REFUSED;
    case MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE:
        return judged ? IFL_TLS_CLIENT_REFUSED : IFL_TLS_HOST_REFUSED;
    case MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION:
    case MBEDTLS_SSL_ALERT_MSG_INAPROPRIATE_FALLBACK:
        return IFL_TLS_VERSION;
    case MBEDTLS_SSL_ALERT_MSG_CERT_EXPIRED:
        return judged ? IFL_TLS_CLIENT_EXPIRED : IFL_TLS_PROTOCOL;
    case MBEDTLS_SSL_ALERT_MSG_CERT_REQUIRED:
        return IFL_TLS_CLIENT_REFUSED;
    case MBEDTLS_SSL_ALERT_MSG_NO_CERT:
    case MBEDTLS_SSL_ALERT_MSG_BAD_CERT:
    case MBEDTLS_SSL_ALERT_MSG_UNSUPPORTED_CERT:
    case MBEDTLS_SSL_ALERT_MSG_CERT_REVOKED:
    case MBEDTLS_SSL_ALERT_MSG_CERT_UNKNOWN:
    case MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA:
    case MBEDTLS_SSL_ALERT_MSG_ACCESS_DENIED:
    case MBEDTLS_SSL_ALERT_MSG_DECRYPT_ERROR: /* our signature doesn't verify */
        return judged ? IFL_TLS_CLIENT_REFUSED : IFL_TLS_PROTOCOL;
    default:
        return IFL_TLS_PROTOCOL;
    }
}

static enum ifl_status status_of_wire(const struct tls *tls)
{
    enum ifl_status wire = tls->engine->wire_status;
    if (tls->state == TLS_HANDSHAKE && (wire == IFL_CLOSED || wire == IFL_NET_RESET)) {
        return IFL_TLS_RESET;
    }
    return wire;
}

static enum ifl_status status_of_error(int error)
{
    switch (error) {
    case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION:
    case MBEDTLS_ERR_SSL_BAD_CONFIG: /* the version that is wanted isn't built */
        return IFL_TLS_VERSION;
    case MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL: /* the only thing of ours that can be too large: the chain */
        return IFL_KEY_UNSUPPORTED;
    case MBEDTLS_ERR_SSL_INTERNAL_ERROR:
    case MBEDTLS_ERR_ERROR_CORRUPTION_DETECTED:
        return IFL_TLS_INTERNAL;
    default:
        return IFL_TLS_PROTOCOL;
    }
}

enum ifl_status fault_status(struct tls *tls, int error)
{
    struct tls_engine *engine = tls->engine;
    /* A cause of our own comes first: out of memory or of randomness, mbedTLS reports whatever it stumbled over. */
    if (tls->faults.no_entropy) {
        return IFL_NO_ENTROPY;
    }
    if (tls->faults.no_memory) {
        return IFL_NO_MEMORY;
    }
    if (engine->other_status != IFL_OK) {
        return engine->other_status;
    }
    if (error == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
        tls->facts.alert = engine->ssl.MBEDTLS_PRIVATE(in_msg)[1];
        return unless_resuming(tls, status_of_alert(tls, tls->facts.alert));
    }
    enum ifl_status verified = verify_status(tls, error);
    if (verified != IFL_OK) {
        return verified;
    }
    return engine->wire_status != IFL_OK ? status_of_wire(tls) : unless_resuming(tls, status_of_error(error));
}
