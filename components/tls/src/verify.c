/* The server's chain: roots, dates, strength, and which of several objections is told to people. */
#include <mbedtls/oid.h>
#include <mbedtls/platform.h>

#include "engine.h"
#include "tls/certificate.h"

#define SAME_NAME_MAX 8 /* roots with the same subject that are tried */

/* SHA-2, RSA from 2048 bits, the NIST curves that are built in. SAP's load balancers have nothing weaker. */
const mbedtls_x509_crt_profile verify_profile = {
    .allowed_mds = MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA256) | MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA384) |
                   MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA512),
    .allowed_pks = MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_RSA) | MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_RSASSA_PSS) |
                   MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECKEY) | MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECDSA),
    .allowed_curves = MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP256R1) | MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP384R1),
    .rsa_min_bitlen = 2048,
};

/* One more root into the list. A root that can't be parsed is as good as not there; OK in both cases. */
static enum ifl_status add_root(mbedtls_x509_crt *list, struct bytes der, const struct tls_faults *faults)
{
    mbedtls_x509_crt_parse_der(list, der.data, der.size);
    return faults->no_memory ? IFL_NO_MEMORY : IFL_OK;
}

static enum ifl_status add_roots(struct tls *tls, struct bytes subject, mbedtls_x509_crt *list)
{
    const struct tls_trust *trust = &tls->context->trust;
    enum ifl_status status = IFL_OK;
    for (unsigned i = 0; i < SAME_NAME_MAX && status == IFL_OK; i++) {
        struct bytes der = {0};
        status = trust->find(trust->ctx, subject, i, &der);
        if (status == IFL_OK) {
            status = add_root(list, der, &tls->faults);
        }
    }
    return status == IFL_END ? IFL_OK : status;
}

/* mbedTLS asks for certificates that might have signed `child`, and frees the list itself. */
int verify_find_roots(void *ctx, mbedtls_x509_crt const *child, mbedtls_x509_crt **candidates)
{
    struct tls *tls = ctx;
    *candidates = NULL;
    mbedtls_x509_crt *list = mbedtls_calloc(1, sizeof *list);
    if (list == NULL) {
        return MBEDTLS_ERR_X509_ALLOC_FAILED;
    }
    mbedtls_x509_crt_init(list);
    enum ifl_status status = add_roots(tls, bytes_of(child->issuer_raw.p, child->issuer_raw.len), list);
    if (status == IFL_OK && list->version != 0) {
        *candidates = list;
        return 0;
    }
    mbedtls_x509_crt_free(list);
    mbedtls_free(list);
    tls->engine->other_status = status;
    return status == IFL_OK ? 0 : MBEDTLS_ERR_X509_FATAL_ERROR;
}

static int64_t unix_of(const mbedtls_x509_time *time)
{
    struct ifl_civil civil = {time->year,           (unsigned)time->mon, (unsigned)time->day,
                              (unsigned)time->hour, (unsigned)time->min, (unsigned)time->sec};
    return ifl_unix_from_civil(&civil);
}

/* Called for each certificate of the chain, the root first. mbedTLS has compared the dates with the clock's lower bound; whether a certificate
 * is valid *already* can only be said by a clock that is right. */
int verify_certificate(void *ctx, mbedtls_x509_crt *certificate, int depth, uint32_t *flags)
{
    struct tls *tls = ctx;
    if ((*flags & MBEDTLS_X509_BADCERT_FUTURE) != 0 &&
        !clock_is_ahead(tls->context->clock, unix_of(&certificate->valid_from), tls->context->now)) {
        *flags &= ~(uint32_t)MBEDTLS_X509_BADCERT_FUTURE;
    }
    if (depth == 0) {
        tls->facts.server_not_after = unix_of(&certificate->valid_to);
        tls->engine->verified = true;
    }
    tls->engine->flags |= *flags;
    return 0;
}

/* Whether this certificate has a signature that mbedTLS doesn't know at all (SHA-1, MD5), as it's built here. A self-signed root is left out: its
 * signature proves nothing. */
static bool has_unknown_signature(struct bytes der)
{
    mbedtls_x509_crt certificate;
    mbedtls_x509_crt_init(&certificate);
    int error = mbedtls_x509_crt_parse_der_nocopy(&certificate, der.data, der.size);
    mbedtls_x509_crt_free(&certificate);
    return error == MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG + MBEDTLS_ERR_OID_NOT_FOUND &&
           !tls_certificate_is_self_issued(der);
}

static size_t be24(const uint8_t *at)
{
    return (size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2];
}

/* mbedTLS leaves out certificates with a signature that it doesn't know, and then misses an issuer, or takes the second one for the leaf. So the
 * Certificate message (RFC 5246 section 7.4.2, RFC 8446 section 4.4.2), which still lies in the input buffer, is looked at again. */
static bool chain_has_unknown_signature(const struct tls *tls)
{
    const mbedtls_ssl_context *ssl = &tls->engine->ssl;
    struct bytes message = bytes_of(ssl->MBEDTLS_PRIVATE(in_msg), ssl->MBEDTLS_PRIVATE(in_hslen));
    bool tls13 = mbedtls_ssl_get_version_number(ssl) == MBEDTLS_SSL_VERSION_TLS1_3;
    const size_t head = tls13 ? 8 : 7; /* type, length, context (always empty here), length of the list */
    if (message.size <= head || message.data[0] != MBEDTLS_SSL_HS_CERTIFICATE) {
        return false;
    }
    message = bytes_tail(message, head);
    while (message.size > 3) {
        size_t size = be24(message.data);
        if (size > message.size - 3) {
            return false;
        }
        if (has_unknown_signature(bytes_of(message.data + 3, size))) {
            return true;
        }
        message = bytes_tail(message, 3 + size);
        if (tls13 && message.size >= 2) { /* extensions */
            message = bytes_tail(message, 2 + ((size_t)message.data[0] << 8 | message.data[1]));
        }
    }
    return false;
}

enum ifl_status verify_status(const struct tls *tls, int error)
{
    bool refused = error == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED || error == MBEDTLS_ERR_SSL_BAD_CERTIFICATE ||
                   error == MBEDTLS_ERR_X509_FATAL_ERROR;
    uint32_t flags = tls->engine->flags;
    if (!refused && flags == 0) {
        return IFL_OK;
    }
    if (chain_has_unknown_signature(tls)) {
        return IFL_TLS_WEAK;
    }
    if ((flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0) {
        return IFL_TLS_UNTRUSTED;
    }
    if ((flags & (MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK | MBEDTLS_X509_BADCERT_BAD_KEY)) != 0) {
        return IFL_TLS_WEAK;
    }
    if ((flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) != 0) {
        return IFL_TLS_NAME;
    }
    if ((flags & MBEDTLS_X509_BADCERT_EXPIRED) != 0) {
        return IFL_TLS_EXPIRED;
    }
    if ((flags & MBEDTLS_X509_BADCERT_FUTURE) != 0) {
        return IFL_TLS_NOT_YET_VALID;
    }
    return IFL_TLS_UNTRUSTED; /* not meant for servers (key usage), chain too long */
}
