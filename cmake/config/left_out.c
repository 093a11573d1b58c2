/* left_out.c: what a node leaves out of Mbed TLS, where there is no switch for it. Each of these but one is the other name of a function in one file of
 * Mbed TLS only (cmake/dependencies.cmake), whose callers there a node never comes to; it answers as for a feature that isn't built. Nothing that checks
 * a signature, a certificate or a key is among them. */
#include <mbedtls/asn1.h>
#include <mbedtls/ecp.h>
#include <mbedtls/oid.h>
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

/* Whether two keys are a pair is asked by the room identity, of the functions themselves (proof.c); where it doesn't take keys, nobody asks. */
int ifl_left_out_rsa_pair(const mbedtls_rsa_context *pub, const mbedtls_rsa_context *prv)
{
    (void)pub, (void)prv;
    return REFUSED;
}

int ifl_left_out_ec_pair(const mbedtls_ecp_keypair *pub, const mbedtls_ecp_keypair *prv,
                         int (*f_rng)(void *, unsigned char *, size_t), void *p_rng)
{
    (void)pub, (void)prv, (void)f_rng, (void)p_rng;
    return REFUSED;
}

/* In the place of the one in oid.c, which gets another name: the attributes of X.520 that names in certificates have (RFC 4519 section 2); that one knows twenty,
 * with a table of 0.5 KB. */
int mbedtls_oid_get_attr_short_name(const mbedtls_asn1_buf *oid, const char **short_name)
{
    static const struct {
        unsigned char number; /* behind 2.5.4 */
        char name[3];
    } names[] = {{3, "CN"}, {6, "C"}, {7, "L"}, {8, "ST"}, {10, "O"}, {11, "OU"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (oid->len == 3 && oid->p[0] == 0x55 && oid->p[1] == 4 && oid->p[2] == names[i].number) {
            *short_name = names[i].name;
            return 0;
        }
    }
    return REFUSED;
}

/* The public key of a certificate request: a node makes keys on P-256 only. */
int ifl_left_out_rsa_write_public(const mbedtls_rsa_context *rsa, unsigned char *start, unsigned char **p)
{
    (void)rsa, (void)start, (void)p;
    return REFUSED;
}

/* D, and what the Chinese remainder theorem needs, stand in every private key in PKCS#1 (RFC 8017 appendix A.1.2), none of them zero, or it doesn't parse. */
int ifl_left_out_rsa_private_exponent(const mbedtls_mpi *p, const mbedtls_mpi *q, const mbedtls_mpi *e, mbedtls_mpi *d)
{
    (void)p, (void)q, (void)e, (void)d;
    return REFUSED;
}

int ifl_left_out_rsa_crt(const mbedtls_mpi *p, const mbedtls_mpi *q, const mbedtls_mpi *d, mbedtls_mpi *dp,
                         mbedtls_mpi *dq, mbedtls_mpi *qp)
{
    (void)p, (void)q, (void)d, (void)dp, (void)dq, (void)qp;
    return REFUSED;
}

/* A private key in PKCS#1 or PKCS#8 has its primes (RFC 8017 appendix A.1.2); one without them is refused. */
int ifl_left_out_rsa_primes(const mbedtls_mpi *n, const mbedtls_mpi *e, const mbedtls_mpi *d, mbedtls_mpi *p,
                            mbedtls_mpi *q)
{
    (void)n, (void)e, (void)d, (void)p, (void)q;
    return REFUSED;
}
