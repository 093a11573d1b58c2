/* own.c: the own certificates and the private key, in memory only for the message that needs them. */
#include <string.h>

#include <mbedtls/platform.h>

#include "engine.h"
#include "platform.h"
#include "tls/certificate.h"

static enum ifl_status read_identity(const struct identity *identity, unsigned part, void *buf, size_t buf_size,
                                     size_t *size)
{
    if (part != TLS_OWN_KEY && part >= identity->chain_count) {
        return IFL_END;
    }
    struct bytes der = part == TLS_OWN_KEY ? identity->key : identity->chain[part];
    *size = der.size;
    if (der.size > buf_size) {
        return IFL_TOO_LARGE;
    }
    if (der.size > 0) {
        memcpy(buf, der.data, der.size);
    }
    return IFL_OK;
}

static enum ifl_status read_part(const struct tls_context *context, unsigned part, void *buf, size_t buf_size,
                                 size_t *size)
{
    *size = 0;
    if (context->own.read != NULL) {
        return context->own.read(context->own.ctx, part, buf, buf_size, size);
    }
    return context->identity != NULL ? read_identity(context->identity, part, buf, buf_size, size) : IFL_END;
}

/* Bytes of a part; 0: there is none. */
static enum ifl_status size_of_part(const struct tls_context *context, unsigned part, size_t *size)
{
    enum ifl_status status = read_part(context, part, NULL, 0, size);
    if (status == IFL_END) {
        *size = 0;
    }
    return status == IFL_TOO_LARGE || status == IFL_END ? IFL_OK : status;
}

bool own_exists(const struct tls *tls)
{
    const struct tls_context *context = tls->context;
    return context->own.read != NULL ||
           (context->identity != NULL && context->identity->chain_count > 0 && context->identity->key.size > 0);
}

static int failed(struct tls *tls, enum ifl_status status)
{
    tls->engine->other_status = status;
    return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

/* Room for all certificates but the first, whose struct is in the engine, and for the DER of all. */
static enum ifl_status measure_chain(const struct tls_context *context, size_t *count, size_t *size)
{
    size_t one = 0;
    *count = *size = 0;
    for (enum ifl_status status = IFL_OK; *count < IDENTITY_CHAIN_MAX; (*count)++) {
        status = size_of_part(context, (unsigned)*count, &one);
        if (status != IFL_OK || one == 0) {
            return status;
        }
        *size += one;
    }
    return IFL_OK;
}

/* mbedTLS only copies the DER of its own certificates into the message, so they aren't parsed. A self-signed root at the
 * end doesn't go out. */
static enum ifl_status read_chain(struct tls *tls, mbedtls_x509_crt *rest, uint8_t *der, size_t count, size_t size)
{
    mbedtls_x509_crt *last = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t one = 0;
        enum ifl_status status = read_part(tls->context, (unsigned)i, der, size, &one);
        if (status != IFL_OK) {
            return status;
        }
        if (i > 0 && i + 1 == count && tls_certificate_is_self_issued(bytes_of(der, one))) {
            break;
        }
        mbedtls_x509_crt *certificate = last == NULL ? &tls->engine->leaf : &rest[i - 1];
        mbedtls_x509_crt_init(certificate);
        certificate->raw.p = der;
        certificate->raw.len = one;
        if (last != NULL) {
            last->next = certificate;
        }
        last = certificate;
        der += one;
        size -= one;
    }
    return IFL_OK;
}

int own_load_chain(struct tls *tls)
{
    size_t count = 0, size = 0;
    enum ifl_status status = measure_chain(tls->context, &count, &size);
    if (status != IFL_OK || count == 0) {
        return status == IFL_OK ? 0 : failed(tls, status);
    }
    mbedtls_x509_crt *rest = mbedtls_calloc(1, (count - 1) * sizeof *rest + size);
    if (rest == NULL) {
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    }
    tls->engine->own = rest;
    status = read_chain(tls, rest, (uint8_t *)(rest + (count - 1)), count, size);
    return status == IFL_OK ? 0 : failed(tls, status);
}

void own_free_chain(struct tls *tls)
{
    mbedtls_x509_crt_init(&tls->engine->leaf);
    mbedtls_free(tls->engine->own);
    tls->engine->own = NULL;
}

int own_load_key(struct tls *tls)
{
    size_t size = 0;
    enum ifl_status status = size_of_part(tls->context, TLS_OWN_KEY, &size);
    uint8_t *der = status == IFL_OK && size > 0 ? mbedtls_calloc(1, size) : NULL;
    if (status != IFL_OK || size == 0) {
        return failed(tls, status != IFL_OK ? status : IFL_KEY_PRIVATE_KEY_BAD);
    }
    if (der == NULL) {
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    }
    status = read_part(tls->context, TLS_OWN_KEY, der, size, &size);
    int error = status != IFL_OK ? failed(tls, status) : 0;
    if (error == 0) {
        error = mbedtls_pk_parse_key(&tls->engine->key, der, size, NULL, 0, platform_random, NULL);
        if (error != 0) {
            (void)failed(tls, IFL_KEY_PRIVATE_KEY_BAD);
        }
    }
    mbedtls_free(der); /* wiped by the arena */
    return error;
}

void own_free_key(struct tls *tls)
{
    mbedtls_pk_free(&tls->engine->key); /* wiped by the arena */
    mbedtls_pk_init(&tls->engine->key);
}
