/* pki.h: certificates made by OpenSSL when a test starts. Times are those of the test's clock, not of the machine's. */
#ifndef TEST_TLS_PKI_H
#define TEST_TLS_PKI_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "base/bytes.h"

#define PKI_NOW 1800000000 /* 2027-01-15T08:00:00Z */
#define PKI_DAY 86400
#define PKI_HOST "tenant.it-cpi001-rt.cfapps.eu10.hana.ondemand.com"

enum pki_key { PKI_RSA_1024, PKI_RSA_2048, PKI_RSA_4096, PKI_P256, PKI_P384, PKI_KEY_COUNT };
/* One key of a kind and number (0..3), made when it's first asked for. */
EVP_PKEY *pki_key(enum pki_key kind, unsigned number);

struct pki_certificate {
    X509 *x509;
    EVP_PKEY *key;
    uint8_t der[4096];
    size_t der_size;
};

struct pki_request {
    const char *name;                     /* common name */
    const char *host;                     /* DNS name in subjectAltName, or NULL */
    EVP_PKEY *key;                        /* of the subject */
    const struct pki_certificate *issuer; /* NULL: self-signed */
    const char *digest;                   /* NULL: SHA256 */
    int64_t not_before, not_after;        /* 0: a day before PKI_NOW, a year after it */
    bool ca;
    const char *usage; /* extended key usage, or NULL */
};

void pki_issue(struct pki_certificate *certificate, const struct pki_request *request);
void pki_free(struct pki_certificate *certificate);
struct bytes pki_der(const struct pki_certificate *certificate);
/* PKCS#1 or SEC1, as in a service key. Bytes in `buf`. */
struct bytes pki_key_der(EVP_PKEY *key, uint8_t *buf, size_t size);
void pki_free_keys(void);

#endif
