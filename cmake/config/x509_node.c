/* x509_node.c: which algorithm a certificate is signed with, on a node: in the place of mbedtls_x509_get_sig_alg() for x509_crt.c (cmake/dependencies.cmake).
 *
 * RSASSA-PSS has parameters, and Mbed TLS reads whatever they can be, in 0.6 KB. A public CA may use three sets of them, in one encoding (CA/Browser Forum,
 * Baseline Requirements section 7.1.3.2.1; what OpenSSL writes as well): a hash, MGF1 with the same hash, a salt as long as the hash. Others are refused. */
#include <common.h>

#include <mbedtls/oid.h>
#include <mbedtls/platform.h>
#include <mbedtls/x509.h>

int x509_node_get_sig_alg(const mbedtls_x509_buf *oid, const mbedtls_x509_buf *params, mbedtls_md_type_t *md,
                          mbedtls_pk_type_t *pk, void **options);

#define HASH_AT 14u      /* the last number of its OID: 1, 2, 3 for SHA-256, SHA-384, SHA-512 (RFC 8017 appendix B.1) */
#define MGF_HASH_AT 44u  /* the same */
#define SALT_SIZE_AT 51u /* bytes */

/* What is in the sequence of parameters (RFC 4055 section 3.1), for SHA-256. */
static const uint8_t sha256_form[] = {
    0xA0, 0x0F, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xA1,
    0x1C, 0x30, 0x1A, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x08, 0x30, 0x0D, 0x06, 0x09,
    0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xA2, 0x03, 0x02, 0x01, 0x20,
};

static int read_pss(const mbedtls_x509_buf *params, mbedtls_md_type_t *md, void **options)
{
    if (params->tag != (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) || params->len != sizeof sha256_form)
        return MBEDTLS_ERR_X509_INVALID_ALG;
    unsigned hash = params->p[HASH_AT];
    for (size_t i = 0; i < sizeof sha256_form; i++) {
        unsigned wanted = i == HASH_AT || i == MGF_HASH_AT ? hash : i == SALT_SIZE_AT ? 16 + 16 * hash : sha256_form[i];
        if (params->p[i] != wanted)
            return MBEDTLS_ERR_X509_INVALID_ALG;
    }
    if (hash < 1 || hash > 3)
        return MBEDTLS_ERR_X509_INVALID_ALG;
    mbedtls_pk_rsassa_pss_options *pss = mbedtls_calloc(1, sizeof *pss);
    if (pss == NULL)
        return MBEDTLS_ERR_X509_ALLOC_FAILED;
    *md = pss->mgf1_hash_id = (mbedtls_md_type_t)(MBEDTLS_MD_SHA256 - 1 + (int)hash);
    pss->expected_salt_len = (int)(16 + 16 * hash);
    *options = pss;
    return 0;
}

_Static_assert(MBEDTLS_MD_SHA384 == MBEDTLS_MD_SHA256 + 1 && MBEDTLS_MD_SHA512 == MBEDTLS_MD_SHA256 + 2,
               "in this order");

int x509_node_get_sig_alg(const mbedtls_x509_buf *oid, const mbedtls_x509_buf *params, mbedtls_md_type_t *md,
                          mbedtls_pk_type_t *pk, void **options)
{
    if (mbedtls_oid_get_sig_alg(oid, md, pk) != 0)
        return MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG;
    if (*pk == MBEDTLS_PK_RSASSA_PSS)
        return read_pss(params, md, options);
    /* No parameters, or NULL. */
    return (params->tag != MBEDTLS_ASN1_NULL && params->tag != 0) || params->len != 0 ? MBEDTLS_ERR_X509_INVALID_ALG
                                                                                      : 0;
}
