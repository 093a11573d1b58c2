/* left_out.c: what a node leaves out of Mbed TLS, where there is no switch for it. Each of these is the other name of a function in one file of
 * Mbed TLS only (cmake/dependencies.cmake), whose callers there a node never comes to; it answers as for a feature that isn't built. Nothing that checks
 * a signature, a certificate or a key is among them. */
#include <mbedtls/rsa.h>

#define REFUSED (-0x0072) /* MBEDTLS_ERR_PLATFORM_FEATURE_UNSUPPORTED */

/* RSA encrypts nothing in TLS with forward secrecy: it signs. pk_wrap.c keeps both in its table. */
int ifl_left_out_rsa_encrypt(mbedtls_rsa_context *ctx, int (*f_rng)(void *, unsigned char *, size_t), void *p_rng,
                             size_t ilen, const unsigned char *input, unsigned char *output)
{
    (void)ctx, (void)f_rng, (void)p_rng, (void)ilen, (void)input, (void)output;
    return REFUSED;
}

int ifl_left_out_rsa_decrypt(mbedtls_rsa_context *ctx, int (*f_rng)(void *, unsigned char *, size_t), void *p_rng,
                             size_t *olen, const unsigned char *input, unsigned char *output, size_t output_max_len)
{
    (void)ctx, (void)f_rng, (void)p_rng, (void)olen, (void)input, (void)output, (void)output_max_len;
    return REFUSED;
}

/* A private key in PKCS#1 or PKCS#8 has its primes (RFC 8017 appendix A.1.2); one without them is refused. */
int ifl_left_out_rsa_primes(const mbedtls_mpi *n, const mbedtls_mpi *e, const mbedtls_mpi *d, mbedtls_mpi *p,
                            mbedtls_mpi *q)
{
    (void)n, (void)e, (void)d, (void)p, (void)q;
    return REFUSED;
}
