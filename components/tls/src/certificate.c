#include "tls/certificate.h"

#include <mbedtls/asn1.h>

/* The rest of a DER sequence that is being read. */
struct der {
    unsigned char *at;
    const unsigned char *end;
};

/* Steps over one element with this tag; *whole, if wanted, is the element with its tag and length. */
static bool skip(struct der *der, int tag, struct bytes *whole)
{
    unsigned char *start = der->at;
    size_t len = 0;
    if (mbedtls_asn1_get_tag(&der->at, der->end, &len, tag) != 0) {
        return false;
    }
    der->at += len;
    if (whole != NULL) {
        *whole = bytes_of(start, (size_t)(der->at - start));
    }
    return true;
}

static bool enter(struct der *der)
{
    size_t len = 0;
    if (mbedtls_asn1_get_tag(&der->at, der->end, &len, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) != 0) {
        return false;
    }
    der->end = der->at + len;
    return true;
}

enum ifl_status tls_certificate_names(struct bytes der, struct bytes *issuer, struct bytes *subject)
{
    const int sequence = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE;
    const int version = MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED;
    struct bytes issuer_name = {0}, subject_name = {0};
    if (der.size == 0) {
        return IFL_INVALID;
    }
    /* mbedTLS's readers take a pointer to writable bytes, but only read. */
    struct der in = {(unsigned char *)(uintptr_t)der.data, der.data + der.size};
    if (!enter(&in) || !enter(&in)) { /* Certificate, TBSCertificate */
        return IFL_INVALID;
    }
    skip(&in, version, NULL); /* not there in version 1 */
    if (!skip(&in, MBEDTLS_ASN1_INTEGER, NULL) || !skip(&in, sequence, NULL) || !skip(&in, sequence, &issuer_name) ||
        !skip(&in, sequence, NULL) || !skip(&in, sequence, &subject_name)) {
        return IFL_INVALID;
    }
    if (issuer != NULL) {
        *issuer = issuer_name;
    }
    if (subject != NULL) {
        *subject = subject_name;
    }
    return IFL_OK;
}

bool tls_certificate_is_self_issued(struct bytes der)
{
    struct bytes issuer, subject;
    return tls_certificate_names(der, &issuer, &subject) == IFL_OK && bytes_equal(issuer, subject);
}
