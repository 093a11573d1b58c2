#include "pki.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#define NUMBER_MAX 4

static EVP_PKEY *keys[PKI_KEY_COUNT][NUMBER_MAX];

static EVP_PKEY *make_key(enum pki_key kind)
{
    switch (kind) {
    case PKI_RSA_1024:
        return EVP_RSA_gen(1024);
    case PKI_RSA_2048:
        return EVP_RSA_gen(2048);
    case PKI_RSA_4096:
        return EVP_RSA_gen(4096);
    case PKI_P256:
        return EVP_EC_gen("P-256");
    default:
        return EVP_EC_gen("P-384");
    }
}

EVP_PKEY *pki_key(enum pki_key kind, unsigned number)
{
    EVP_PKEY **slot = &keys[kind][number % NUMBER_MAX];
    if (*slot == NULL) {
        *slot = make_key(kind);
    }
    return *slot;
}

void pki_free_keys(void)
{
    for (size_t i = 0; i < PKI_KEY_COUNT * NUMBER_MAX; i++) {
        EVP_PKEY_free(keys[i / NUMBER_MAX][i % NUMBER_MAX]);
        keys[i / NUMBER_MAX][i % NUMBER_MAX] = NULL;
    }
}

static void add_extension(X509 *x509, const struct pki_certificate *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer != NULL ? issuer->x509 : x509, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (extension == NULL || X509_add_ext(x509, extension, -1) != 1) {
        abort();
    }
    X509_EXTENSION_free(extension);
}

static void set_name(X509 *x509, const char *name)
{
    X509_NAME *subject = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(subject, "C", MBSTRING_ASC, (const unsigned char *)"DE", -1, -1, 0);
    X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC, (const unsigned char *)"Example Plant", -1, -1, 0);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
}

static void add_extensions(X509 *x509, const struct pki_request *request)
{
    add_extension(x509, request->issuer, NID_basic_constraints, request->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add_extension(x509, request->issuer, NID_subject_key_identifier, "hash");
    if (request->host != NULL) {
        char names[300] = "DNS:";
        strncat(names, request->host, sizeof names - 5);
        add_extension(x509, request->issuer, NID_subject_alt_name, names);
    }
    if (request->usage != NULL) {
        add_extension(x509, request->issuer, NID_ext_key_usage, request->usage);
    }
}

void pki_issue(struct pki_certificate *certificate, const struct pki_request *request)
{
    static long serial = 1000;
    X509 *x509 = X509_new();
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++);
    ASN1_TIME_set(X509_getm_notBefore(x509), request->not_before != 0 ? request->not_before : PKI_NOW - PKI_DAY);
    ASN1_TIME_set(X509_getm_notAfter(x509), request->not_after != 0 ? request->not_after : PKI_NOW + 365 * PKI_DAY);
    set_name(x509, request->name);
    X509_set_issuer_name(x509, X509_get_subject_name(request->issuer != NULL ? request->issuer->x509 : x509));
    X509_set_pubkey(x509, request->key);
    add_extensions(x509, request);
    EVP_PKEY *signer = request->issuer != NULL ? request->issuer->key : request->key;
    const EVP_MD *digest = EVP_get_digestbyname(request->digest != NULL ? request->digest : "SHA256");
    if (X509_sign(x509, signer, digest) == 0) {
        abort();
    }
    certificate->x509 = x509;
    certificate->key = request->key;
    unsigned char *out = certificate->der;
    int size = i2d_X509(x509, NULL);
    if (size <= 0 || (size_t)size > sizeof certificate->der) {
        abort();
    }
    i2d_X509(x509, &out);
    certificate->der_size = (size_t)size;
}

void pki_free(struct pki_certificate *certificate)
{
    X509_free(certificate->x509);
    memset(certificate, 0, sizeof *certificate);
}

struct bytes pki_der(const struct pki_certificate *certificate)
{
    return bytes_of(certificate->der, certificate->der_size);
}

struct bytes pki_key_der(EVP_PKEY *key, uint8_t *buf, size_t size)
{
    int needed = i2d_PrivateKey(key, NULL);
    if (needed <= 0 || (size_t)needed > size) {
        abort();
    }
    unsigned char *out = buf;
    i2d_PrivateKey(key, &out);
    return bytes_of(buf, (size_t)needed);
}
