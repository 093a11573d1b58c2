/* request_rsa.c: in a file of its own: a node that makes no RSA keys doesn't link the search for primes. */
#include <mbedtls/rsa.h>

#include "crypto.h"
#include "request_key.h"

#ifdef MBEDTLS_GENPRIME /* of the configuration of mbedTLS: it knows how to find primes */

#define RSA_BITS 2048
#define RSA_EXPONENT 65537

static int generate(mbedtls_pk_context *key)
{
    return mbedtls_rsa_gen_key(mbedtls_pk_rsa(*key), crypto_random, NULL, RSA_BITS, RSA_EXPONENT);
}

enum ifl_status request_make_rsa(struct arena *arena, const struct ifl_random *random, void *buf, size_t size,
                                 struct identity *identity)
{
    return request_make(MBEDTLS_PK_RSA, generate, "RSA-2048", arena, random, buf, size, identity);
}

#endif
