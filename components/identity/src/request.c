/* request.c: DER is written from its end to its front, as mbedTLS's writers do. */
#include "identity/request.h"

#include <string.h>

#include <mbedtls/asn1write.h>
#include <mbedtls/ecp.h>
#include <mbedtls/oid.h>
#include <mbedtls/sha256.h>

#include "crypto.h"
#include "key_der.h"
#include "request_key.h"

#define DER_SIZE 1024u /* RSA-2048: 294 bytes of key, 256 of signature, at most 110 of names and frames */
#define LINE_BYTES 48u /* 64 characters of base64 */
#define SEQUENCE (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE)
#define SET (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SET)

/* mbedTLS's hooks are bound here and let go; what was refused to it counts more than what it answers. */
static enum ifl_status let_go(enum ifl_status status)
{
    bool no_memory, no_entropy;
    crypto_unbind(&no_memory, &no_entropy);
    return no_memory ? IFL_NO_MEMORY : no_entropy ? IFL_NO_ENTROPY : status;
}

/* ---- a new key ---- */

static enum ifl_status store_key(const mbedtls_pk_context *key, uint8_t *buf, size_t size, struct identity *identity)
{
    const int len = key_der_write(key, bytes_of(NULL, 0), buf, size);
    if (len < 0)
        return IFL_TOO_LARGE;
    memmove(buf, buf + size - (size_t)len, (size_t)len); /* mbedTLS writes to the end */
    bytes_wipe(buf + len, size - (size_t)len);
    identity->key = bytes_of(buf, (size_t)len);
    return IFL_OK;
}

enum ifl_status request_make(mbedtls_pk_type_t kind, int (*generate)(mbedtls_pk_context *key), const char *key_type,
                             struct arena *arena, const struct ifl_random *random, void *buf, size_t size,
                             struct identity *identity)
{
    mbedtls_pk_context key;
    struct text type;
    memset(identity, 0, sizeof *identity);
    text_init(&type, identity->key_type, sizeof identity->key_type);
    crypto_bind(arena, random);
    mbedtls_pk_init(&key);
    enum ifl_status status = IFL_INVALID;
    if (mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(kind)) == 0 && generate(&key) == 0)
        status = store_key(&key, buf, size, identity);
    mbedtls_pk_free(&key);
    status = let_go(status);
    if (status != IFL_OK) {
        identity->key = bytes_of(NULL, 0);
        bytes_wipe(buf, size);
        return status;
    }
    identity->kind = IDENTITY_REQUEST;
    text_str(&type, key_type);
    return IFL_OK;
}

static int generate_ec(mbedtls_pk_context *key)
{
    return mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key), crypto_random, NULL);
}

enum ifl_status request_make_ec(struct arena *arena, const struct ifl_random *random, void *buf, size_t size,
                                struct identity *identity)
{
    return request_make(MBEDTLS_PK_ECKEY, generate_ec, "EC-P256", arena, random, buf, size, identity);
}

/* ---- PKCS#10 ---- */

/* Where DER is written; `failed` stays once something didn't fit. */
struct der_out {
    uint8_t *start, *at; /* what is written begins at `at` */
    bool failed;
};

static void take(struct der_out *out, int written)
{
    out->failed = out->failed || written < 0;
}

/* Everything between `at` and `end` becomes the content of one element. */
static void wrap(struct der_out *out, const uint8_t *end, int tag)
{
    if (out->failed)
        return;
    take(out, mbedtls_asn1_write_len(&out->at, out->start, (size_t)(end - out->at)));
    take(out, out->failed ? 0 : mbedtls_asn1_write_tag(&out->at, out->start, (unsigned char)tag));
}

/* Name ::= SEQUENCE { SET { SEQUENCE { commonName, UTF8String } } } (RFC 5280 section 4.1.2.4) */
static void put_name(struct der_out *out, const char *name)
{
    const uint8_t *end = out->at;
    size_t len = strlen(name);
    len = len < REQUEST_NAME_SIZE ? len : REQUEST_NAME_SIZE - 1;
    take(out, mbedtls_asn1_write_utf8_string(&out->at, out->start, name, len));
    take(out, mbedtls_asn1_write_oid(&out->at, out->start, MBEDTLS_OID_AT_CN, MBEDTLS_OID_SIZE(MBEDTLS_OID_AT_CN)));
    wrap(out, end, SEQUENCE);
    wrap(out, end, SET);
    wrap(out, end, SEQUENCE);
}

/* CertificationRequestInfo ::= SEQUENCE { version 0, subject, subjectPKInfo, [0] attributes } (RFC 2986 section 4.1) */
static void put_info(struct der_out *out, const mbedtls_pk_context *key, const char *name)
{
    const uint8_t *end = out->at;
    wrap(out, end, MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED);
    const int len = key_der_write_public(key, out->start, (size_t)(out->at - out->start));
    take(out, len);
    if (out->failed)
        return;
    out->at -= len; /* mbedTLS wrote it to the end of the room */
    put_name(out, name);
    take(out, out->failed ? 0 : mbedtls_asn1_write_int(&out->at, out->start, 0));
    wrap(out, end, SEQUENCE);
}

static void put_signature(struct der_out *out, mbedtls_pk_context *key, const uint8_t *info, size_t info_size)
{
    uint8_t hash[32], signature[256];
    size_t size = 0;
    const bool rsa = mbedtls_pk_get_type(key) == MBEDTLS_PK_RSA;
    const char *oid = rsa ? MBEDTLS_OID_PKCS1_SHA256 : MBEDTLS_OID_ECDSA_SHA256;
    take(out, mbedtls_sha256(info, info_size, hash, 0) == 0 ? 0 : -1);
    take(out, mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, hash, sizeof hash, signature, sizeof signature, &size,
                              crypto_random, NULL) == 0
                  ? 0
                  : -1);
    if (out->failed)
        return;
    take(out, mbedtls_asn1_write_bitstring(&out->at, out->start, signature, size * 8));
    const uint8_t *end = out->at;
    if (rsa)
        take(out, mbedtls_asn1_write_null(&out->at, out->start));
    take(out, mbedtls_asn1_write_oid(&out->at, out->start, oid, strlen(oid)));
    wrap(out, end, SEQUENCE);
}

/* *request lies in `der`. */
static enum ifl_status write_der(mbedtls_pk_context *key, const char *name, uint8_t *der, struct bytes *request)
{
    struct der_out out = {.start = der, .at = der + DER_SIZE};
    put_info(&out, key, name);
    if (out.failed)
        return IFL_TOO_LARGE;
    /* What is signed goes to the front, so that the signature can be written behind it, to the end. */
    const size_t info_size = (size_t)(der + DER_SIZE - out.at);
    memmove(der, out.at, info_size);
    out = (struct der_out){.start = der + info_size, .at = der + DER_SIZE};
    put_signature(&out, key, der, info_size);
    if (out.failed)
        return IFL_TOO_LARGE;
    out.at -= info_size;
    memmove(out.at, der, info_size);
    out.start = der;
    wrap(&out, der + DER_SIZE, SEQUENCE);
    *request = bytes_of(out.at, (size_t)(der + DER_SIZE - out.at));
    return out.failed ? IFL_TOO_LARGE : IFL_OK;
}

/* ---- PEM ---- */

static void put_pem(struct text *out, const char *label, struct bytes der)
{
    text_str(out, "-----BEGIN ");
    text_str(out, label);
    text_str(out, "-----\n");
    for (; der.size > 0; der = bytes_tail(der, LINE_BYTES)) {
        text_base64(out, bytes_head(der, LINE_BYTES));
        text_char(out, '\n');
    }
    text_str(out, "-----END ");
    text_str(out, label);
    text_str(out, "-----\n");
}

static enum ifl_status write_request(struct bytes key, const char *name, uint8_t *der, struct text *out)
{
    mbedtls_pk_context parsed;
    struct bytes request;
    mbedtls_pk_init(&parsed);
    enum ifl_status status = IFL_KEY_PRIVATE_KEY_BAD;
    if (mbedtls_pk_parse_key(&parsed, key.data, key.size, NULL, 0, crypto_random, NULL) == 0)
        status = write_der(&parsed, name, der, &request);
    mbedtls_pk_free(&parsed);
    if (status == IFL_OK)
        put_pem(out, "CERTIFICATE REQUEST", request);
    return status;
}

enum ifl_status request_write(struct arena *arena, const struct ifl_random *random, struct bytes key, const char *name,
                              struct text *out)
{
    uint8_t *der = arena_calloc(arena, 1, DER_SIZE);
    text_init(out, out->buf, out->size);
    if (der == NULL)
        return IFL_NO_MEMORY;
    crypto_bind(arena, random);
    enum ifl_status status = let_go(write_request(key, name, der, out));
    arena_free(arena, der);
    status = status == IFL_OK && out->cut ? IFL_TOO_LARGE : status;
    if (status != IFL_OK)
        text_init(out, out->buf, out->size);
    return status;
}

/* ---- the answer ---- */

static void keep(char to[IDENTITY_TEXT_SIZE], const char *from)
{
    if (to[0] == '\0')
        memcpy(to, from, IDENTITY_TEXT_SIZE);
}

enum ifl_status request_answer_once(struct bytes text, const struct identity *waiting, void (*taken)(void *ctx),
                                    void *ctx, struct arena *arena, const struct ifl_random *random, void *buf,
                                    size_t buf_size, struct identity *identity, struct service_key_report *report)
{
    const size_t size = waiting->key.size / 2 * 3 + 128; /* base64, line ends and the two lines around it */
    struct text pem;
    char *pem_buf = arena_calloc(arena, 1, size);
    memset(identity, 0, sizeof *identity);
    memset(report, 0, sizeof *report);
    if (pem_buf == NULL)
        return report->status = IFL_NO_MEMORY;
    text_init(&pem, pem_buf, size);
    put_pem(&pem, strncmp(waiting->key_type, "RSA", 3) == 0 ? "RSA PRIVATE KEY" : "EC PRIVATE KEY", waiting->key);
    const struct bytes inputs[2] = {text, bytes_of(pem_buf, pem.len)};
    const enum ifl_status status =
        service_key_read_once(inputs, 2, taken, ctx, arena, random, buf, buf_size, identity, report);
    arena_free(arena, pem_buf); /* wiped by it */
    if (status == IFL_OK) {
        if (identity->url[0] == '\0')
            memcpy(identity->url, waiting->url, sizeof identity->url);
        keep(identity->clientid, waiting->clientid);
        keep(identity->tokenurl, waiting->tokenurl);
    }
    return status;
}

enum ifl_status request_answer(struct bytes text, const struct identity *waiting, struct arena *arena,
                               const struct ifl_random *random, void *buf, size_t buf_size, struct identity *identity,
                               struct service_key_report *report)
{
    return request_answer_once(text, waiting, NULL, NULL, arena, random, buf, buf_size, identity, report);
}
