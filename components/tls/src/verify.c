/* The server's chain: roots, dates, strength, and which of several objections is told to people. */
#include <mbedtls/platform.h>

#include "engine.h"

#define SAME_NAME_MAX 8 /* roots with the same subject that are tried */

/* SHA-2 (a root's signature on itself isn't looked at), RSA from 2048 bits, the NIST curves that are built in. SAP's
 * load balancers have nothing weaker. */
const mbedtls_x509_crt_profile verify_profile = {
    .allowed_mds = MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA256) | MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA384) |
                   MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA512),
    .allowed_pks = MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_RSA) | MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_RSASSA_PSS) |
                   MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECKEY) | MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECDSA),
    .allowed_curves = MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP256R1) | MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP384R1),
    .rsa_min_bitlen = 2048,
};

/* The last one in the list, unless it's the empty one that a list begins with: mbedTLS appends. */
static mbedtls_x509_crt *last_of(mbedtls_x509_crt *list)
{
    while (list->next != NULL) {
        list = list->next;
    }
    return list;
}

/* One more root into the list, which takes over the memory of its DER, so that there is no copy. A root that can't be
 * parsed is as good as not there; OK in both cases. */
static enum ifl_status add_root(mbedtls_x509_crt *list, uint8_t *der, size_t size, const struct tls_faults *faults)
{
    if (mbedtls_x509_crt_parse_der_nocopy(list, der, size) == 0) {
        last_of(list)->MBEDTLS_PRIVATE(own_buffer) = 1;
    } else {
        mbedtls_free(der);
    }
    return faults->no_memory ? IFL_NO_MEMORY : IFL_OK;
}

static enum ifl_status load_root(struct tls *tls, struct bytes subject, unsigned index, mbedtls_x509_crt *list)
{
    const struct tls_trust *trust = &tls->context->trust;
    size_t size = 0;
    enum ifl_status status = trust->find(trust->ctx, subject, index, NULL, 0, &size);
    if (status != IFL_TOO_LARGE) {
        return status;
    }
    uint8_t *der = mbedtls_calloc(1, size);
    if (der == NULL) {
        return IFL_NO_MEMORY;
    }
    status = trust->find(trust->ctx, subject, index, der, size, &size);
    if (status != IFL_OK) {
        mbedtls_free(der);
        return status;
    }
    return add_root(list, der, size, &tls->faults);
}

static enum ifl_status add_roots(struct tls *tls, struct bytes subject, mbedtls_x509_crt *list)
{
    enum ifl_status status = IFL_OK;
    for (unsigned i = 0; i < SAME_NAME_MAX && status == IFL_OK; i++) {
        status = load_root(tls, subject, i, list);
    }
    return status == IFL_END ? IFL_OK : status;
}

/* mbedTLS asks for certificates that might have signed `child`, and frees the list itself. */
int verify_find_roots(void *ctx, mbedtls_x509_crt const *child, mbedtls_x509_crt **candidates)
{
    struct tls *tls = ctx;
    *candidates = NULL;
    tls->engine->verifying = true;
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

/* Called for each certificate of the chain, the root first. mbedTLS has compared the dates with the clock's lower
 * bound; whether a certificate is valid *already* can only be said by a clock that is right. */
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
    if (tls->context->see_certificate != NULL) {
        tls->context->see_certificate(tls->context->see_ctx, bytes_of(certificate->raw.p, certificate->raw.len), depth);
    }
    return 0;
}

enum ifl_status verify_status(const struct tls *tls, int error)
{
    bool refused = error == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED || error == MBEDTLS_ERR_SSL_BAD_CERTIFICATE ||
                   error == MBEDTLS_ERR_X509_FATAL_ERROR;
    uint32_t flags = tls->engine->flags;
    if (!refused && flags == 0) {
        return IFL_OK;
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
