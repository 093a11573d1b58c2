/* What mbedTLS wants linked and the identity room never calls: time and PSA's randomness belong to the room tls. */
#include <mbedtls/platform_time.h>
#include <mbedtls/platform_util.h>
#include <psa/crypto.h>

mbedtls_ms_time_t mbedtls_ms_time(void)
{
    return 0;
}

struct tm *mbedtls_platform_gmtime_r(const mbedtls_time_t *unix_s, struct tm *out)
{
    (void)unix_s;
    (void)out;
    return NULL;
}

psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *context, uint8_t *out, size_t size,
                                             size_t *got)
{
    (void)context;
    (void)out;
    (void)size;
    *got = 0;
    return PSA_ERROR_INSUFFICIENT_ENTROPY;
}
