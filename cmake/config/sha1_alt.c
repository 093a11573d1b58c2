/* sha1_alt.c: see sha1_alt.h. */
#include <mbedtls/platform_util.h>
#include <mbedtls/sha1.h>

#define REFUSED (-0x0072) /* MBEDTLS_ERR_PLATFORM_FEATURE_UNSUPPORTED */

void mbedtls_sha1_init(mbedtls_sha1_context *ctx)
{
    (void)ctx;
}

void mbedtls_sha1_free(mbedtls_sha1_context *ctx)
{
    (void)ctx;
}

void mbedtls_sha1_clone(mbedtls_sha1_context *dst, const mbedtls_sha1_context *src)
{
    (void)dst, (void)src;
}

int mbedtls_sha1_starts(mbedtls_sha1_context *ctx)
{
    (void)ctx;
    return REFUSED;
}

int mbedtls_sha1_update(mbedtls_sha1_context *ctx, const unsigned char *input, size_t ilen)
{
    (void)ctx, (void)input, (void)ilen;
    return REFUSED;
}

int mbedtls_sha1_finish(mbedtls_sha1_context *ctx, unsigned char output[20])
{
    (void)ctx, (void)output;
    return REFUSED;
}

int mbedtls_internal_sha1_process(mbedtls_sha1_context *ctx, const unsigned char data[64])
{
    (void)ctx, (void)data;
    return REFUSED;
}
