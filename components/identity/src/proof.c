/* Order of the proof: parse everything ─► the key is consistent ─► leaf = certificate of the key ─► leaf ◄─ signed by ─ issuer ◄─ ... ─► may be
 * used by clients ─► trial signature. Names only lead to a candidate; what counts is always a signature. */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS /* the signature of a certificate: mbedTLS verifies one only together with dates, which aren't judged here */
#include "proof.h"

#include <string.h>

#include <mbedtls/ecp.h>
#include <mbedtls/md.h>
#include <mbedtls/oid.h>
#include <mbedtls/rsa.h>
#include <mbedtls/sha256.h>

#include "base/time.h"
#include "crypto.h"

#define RSA_BITS_MIN 2048u
#define RSA_BITS_MAX 4096u

void proof_init(struct proof *proof)
{
    memset(proof, 0, sizeof *proof);
    for (size_t i = 0; i < IDENTITY_CHAIN_MAX; i++)
        mbedtls_x509_crt_init(&proof->certificates[i]);
    mbedtls_pk_init(&proof->key);
}

void proof_free(struct proof *proof)
{
    for (size_t i = 0; i < IDENTITY_CHAIN_MAX; i++)
        mbedtls_x509_crt_free(&proof->certificates[i]);
    mbedtls_pk_free(&proof->key);
}

static enum ifl_status name_certificate(enum ifl_status status, const struct proof *proof, size_t index,
                                        struct text *detail)
{
    text_str(detail, "certificate ");
    text_u64(detail, index + 1);
    text_str(detail, " of ");
    text_u64(detail, proof->certificate_count);
    return status;
}

/* ---- Parsing ------------------------------------------------------------------------------------------------------------------- */

/* -0x1234 of an X.509 error is made of a high part (module) and a low part (cause). */
static bool is_unsupported(int error)
{
    static const int high_parts[] = {
        MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG, MBEDTLS_ERR_X509_UNKNOWN_VERSION,   MBEDTLS_ERR_X509_FEATURE_UNAVAILABLE,
        MBEDTLS_ERR_PK_UNKNOWN_PK_ALG,    MBEDTLS_ERR_PK_UNKNOWN_NAMED_CURVE, MBEDTLS_ERR_PK_FEATURE_UNAVAILABLE,
    };
    for (size_t i = 0; i < sizeof high_parts / sizeof high_parts[0]; i++) {
        if ((-error & 0xFF80) == -high_parts[i])
            return true;
    }
    return false;
}

enum ifl_status proof_parse_certificates(struct proof *proof, const struct material *material, struct text *detail)
{
    proof->certificate_count = material->certificate_count;
    for (size_t i = 0; i < material->certificate_count; i++) {
        struct bytes der = material->certificates[i];
        mbedtls_x509_crt *certificate = &proof->certificates[i];
        int error = mbedtls_x509_crt_parse_der_nocopy(certificate, der.data, der.size);
        if (error != 0)
            return name_certificate(is_unsupported(error) ? IFL_KEY_UNSUPPORTED : IFL_KEY_CERTIFICATE_BAD, proof, i,
                                    detail);
        if (certificate->raw.len != der.size)
            return name_certificate(IFL_KEY_CERTIFICATE_BAD, proof, i, detail);
    }
    return IFL_OK;
}

/* RSA of a sensible size, or a curve that was built in. */
static bool is_supported(const mbedtls_pk_context *key)
{
    size_t bits = mbedtls_pk_get_bitlen(key);
    switch (mbedtls_pk_get_type(key)) {
    case MBEDTLS_PK_RSA:
        return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
    case MBEDTLS_PK_ECKEY:
    case MBEDTLS_PK_ECDSA:
        return bits == 256 || bits == 384;
    default:
        return false;
    }
}

static void tell_key_type(const mbedtls_pk_context *key, struct text *out)
{
    bool rsa = mbedtls_pk_get_type(key) == MBEDTLS_PK_RSA;
    text_str(out, rsa ? "RSA-" : "EC-P");
    text_u64(out, mbedtls_pk_get_bitlen(key));
}

/* What mbedtls_pk_check_pair() does, without its table: on a node that has these checks for nothing else. */
static bool is_pair(const mbedtls_pk_context *public_key, const mbedtls_pk_context *private_key)
{
    mbedtls_pk_type_t type = mbedtls_pk_get_type(private_key);
    if (mbedtls_pk_get_type(public_key) != type)
        return false;
    return type == MBEDTLS_PK_RSA
               ? mbedtls_rsa_check_pub_priv(mbedtls_pk_rsa(*public_key), mbedtls_pk_rsa(*private_key)) == 0
               : mbedtls_ecp_check_pub_priv(mbedtls_pk_ec(*public_key), mbedtls_pk_ec(*private_key), crypto_random,
                                            NULL) == 0;
}

enum ifl_status proof_parse_key(struct proof *proof, const struct material *material, struct text *detail)
{
    int error = mbedtls_pk_parse_key(&proof->key, material->key.data, material->key.size, NULL, 0, crypto_random, NULL);
    if (error != 0)
        return is_unsupported(error) ? IFL_KEY_UNSUPPORTED : IFL_KEY_PRIVATE_KEY_BAD;
    bool too_long =
        mbedtls_pk_get_type(&proof->key) == MBEDTLS_PK_RSA && mbedtls_pk_get_bitlen(&proof->key) > IFL_RSA_BITS_MAX;
    if (too_long || !is_supported(&proof->key)) {
        tell_key_type(&proof->key, detail);
        return IFL_KEY_UNSUPPORTED;
    }
    /* A key compared with itself: that its parts fit each other. */
    if (!is_pair(&proof->key, &proof->key))
        return IFL_KEY_PRIVATE_KEY_BAD;
    proof->has_key = true;
    return IFL_OK;
}

/* ---- The chain ----------------------------------------------------------------------------------------------------------------- */

static bool same(mbedtls_x509_buf a, mbedtls_x509_buf b)
{
    return a.len == b.len && a.len > 0 && memcmp(a.p, b.p, a.len) == 0;
}

static bool is_self_issued(const mbedtls_x509_crt *certificate)
{
    return same(certificate->subject_raw, certificate->issuer_raw);
}

/* RFC 5280 section 6.1: what a chain verifier asks, without the dates. */
static bool is_signed_by(const mbedtls_x509_crt *certificate, mbedtls_x509_crt *issuer)
{
    unsigned char hash[MBEDTLS_MD_MAX_SIZE];
    const mbedtls_md_info_t *md = mbedtls_md_info_from_type(certificate->sig_md);
    if (!mbedtls_x509_crt_get_ca_istrue(issuer) ||
        mbedtls_x509_crt_check_key_usage(issuer, MBEDTLS_X509_KU_KEY_CERT_SIGN) != 0)
        return false;
    if (md == NULL || mbedtls_md(md, certificate->tbs.p, certificate->tbs.len, hash) != 0)
        return false;
    return mbedtls_pk_verify_ext(certificate->sig_pk, certificate->sig_opts, &issuer->pk, certificate->sig_md, hash,
                                 mbedtls_md_get_size(md), certificate->sig.p, certificate->sig.len) == 0;
}

static bool in_chain(const struct proof *proof, size_t index)
{
    for (size_t i = 0; i < proof->chain_count; i++) {
        if (proof->chain[i] == index)
            return true;
    }
    return false;
}

static enum ifl_status find_leaf(struct proof *proof, struct text *detail)
{
    for (size_t i = 0; i < proof->certificate_count; i++) {
        if (!is_pair(&proof->certificates[i].pk, &proof->key))
            continue;
        if (proof->chain_count > 0) {
            text_str(detail, "two certificates for the same key");
            return IFL_KEY_AMBIGUOUS;
        }
        proof->chain[proof->chain_count++] = i;
    }
    return proof->chain_count == 1 ? IFL_OK : IFL_KEY_MISMATCH;
}

/* SHA-1 can be forged; a root's signature on itself proves nothing either way. */
static bool is_signed_strongly(const mbedtls_x509_crt *certificate)
{
    return certificate->sig_md == MBEDTLS_MD_SHA256 || certificate->sig_md == MBEDTLS_MD_SHA384 ||
           certificate->sig_md == MBEDTLS_MD_SHA512;
}

/* Append the issuer of the chain's last certificate. END: it isn't there. KEY_CHAIN: it's there by name, but its signature isn't. */
static enum ifl_status append_issuer(struct proof *proof, struct text *detail)
{
    size_t last = proof->chain[proof->chain_count - 1];
    const mbedtls_x509_crt *certificate = &proof->certificates[last];
    bool named = false;
    if (!is_signed_strongly(certificate))
        return name_certificate(IFL_KEY_UNSUPPORTED, proof, last, detail);
    for (size_t i = 0; i < proof->certificate_count; i++) {
        if (in_chain(proof, i) || !same(certificate->issuer_raw, proof->certificates[i].subject_raw))
            continue;
        named = true;
        if (!is_supported(&proof->certificates[i].pk)) /* first: a signature of any size is any amount of work */
            return name_certificate(IFL_KEY_UNSUPPORTED, proof, i, detail);
        if (!is_signed_by(certificate, &proof->certificates[i]))
            continue;
        proof->chain[proof->chain_count++] = i;
        return IFL_OK;
    }
    return named ? name_certificate(IFL_KEY_CHAIN, proof, last, detail) : IFL_END;
}

/* PKCS#1 v1.5 padding comes out of the signature under the certificate's own key: a root, whatever its name says now. */
static bool is_signed_by_own_key(const mbedtls_x509_crt *certificate)
{
    static const unsigned char padding[] = {0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    unsigned char plain[MBEDTLS_MPI_MAX_SIZE];
    if (mbedtls_pk_get_type(&certificate->pk) != MBEDTLS_PK_RSA ||
        mbedtls_pk_get_len(&certificate->pk) != certificate->sig.len)
        return false;
    return mbedtls_rsa_public(mbedtls_pk_rsa(certificate->pk), certificate->sig.p, plain) == 0 &&
           memcmp(plain, padding, sizeof padding) == 0;
}

/* The last certificate of a chain without a root can't be proven: nobody here has signed it. It's believed where it plainly isn't a
 * root whose name was damaged: it's signed by another key, and behind a first intermediate it also says so (RFC 5280 section 4.2.1.1). */
static bool names_another_issuer(const struct proof *proof, const mbedtls_x509_crt *top)
{
    mbedtls_x509_buf issuer_key = top->authority_key_id.keyIdentifier;
    if (is_signed_by_own_key(top))
        return false;
    return proof->chain_count == 2 || (issuer_key.len > 0 && !same(issuer_key, top->subject_key_id));
}

/* All certificates have a place, and the end is a root that signed itself, or an intermediate whose root the load balancer knows. */
static enum ifl_status check_complete(struct proof *proof, struct text *detail)
{
    size_t last = proof->chain[proof->chain_count - 1];
    mbedtls_x509_crt *top = &proof->certificates[last];
    bool root = is_self_issued(top);
    if (root && !is_supported(&top->pk))
        return name_certificate(IFL_KEY_UNSUPPORTED, proof, last, detail);
    if (root && !is_signed_by(top, top))
        return name_certificate(proof->chain_count == 1 ? IFL_KEY_CHAIN : IFL_KEY_CERTIFICATE_BAD, proof, last, detail);
    if (!root && (proof->chain_count == 1 || proof->chain_count < proof->certificate_count ||
                  !names_another_issuer(proof, top))) {
        text_str(detail, "the issuer of ");
        return name_certificate(IFL_KEY_CHAIN_INCOMPLETE, proof, last, detail);
    }
    for (size_t i = 0; i < proof->certificate_count; i++) {
        if (!in_chain(proof, i)) {
            enum ifl_status status = name_certificate(IFL_KEY_CHAIN, proof, i, detail);
            text_str(detail, " doesn't belong to it");
            return status;
        }
    }
    if (proof->chain_count == 1) {
        text_str(detail, "the certificate is signed by itself only");
        return IFL_KEY_CHAIN;
    }
    return IFL_OK;
}

enum ifl_status proof_build_chain(struct proof *proof, struct text *detail)
{
    enum ifl_status status = find_leaf(proof, detail);
    while (status == IFL_OK && !is_self_issued(&proof->certificates[proof->chain[proof->chain_count - 1]]))
        status = append_issuer(proof, detail);
    return status == IFL_OK || status == IFL_END ? check_complete(proof, detail) : status;
}

/* ---- Use ------------------------------------------------------------------------------------------------------------------------ */

static bool is_for_clients(const mbedtls_x509_crt *leaf)
{
    return mbedtls_x509_crt_has_ext_type(leaf, MBEDTLS_X509_EXT_EXTENDED_KEY_USAGE) &&
           mbedtls_x509_crt_check_extended_key_usage(leaf, MBEDTLS_OID_CLIENT_AUTH,
                                                     MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH)) == 0 &&
           mbedtls_x509_crt_check_key_usage(leaf, MBEDTLS_X509_KU_DIGITAL_SIGNATURE) == 0;
}

static bool trial_signature(struct proof *proof, mbedtls_x509_crt *leaf)
{
    static const unsigned char hash[32] = "iflow-agent: a trial signature"; /* in place of a SHA-256 value */
    unsigned char signature[MBEDTLS_PK_SIGNATURE_MAX_SIZE];
    size_t size;
    if (mbedtls_pk_sign(&proof->key, MBEDTLS_MD_SHA256, hash, sizeof hash, signature, sizeof signature, &size,
                        crypto_random, NULL) != 0)
        return false;
    return mbedtls_pk_verify(&leaf->pk, MBEDTLS_MD_SHA256, hash, sizeof hash, signature, size) == 0;
}

enum ifl_status proof_use(struct proof *proof, struct text *detail)
{
    mbedtls_x509_crt *leaf = &proof->certificates[proof->chain[0]];
    if (!is_for_clients(leaf))
        return name_certificate(IFL_KEY_NOT_CLIENT_AUTH, proof, proof->chain[0], detail);
    if (!trial_signature(proof, leaf)) {
        text_str(detail, "a trial signature doesn't verify");
        return IFL_KEY_PRIVATE_KEY_BAD;
    }
    return IFL_OK;
}

/* ---- What is told --------------------------------------------------------------------------------------------------------------- */

static int64_t unix_time(const mbedtls_x509_time *time)
{
    struct ifl_civil civil = {
        .year = time->year,
        .month = (unsigned)time->mon,
        .day = (unsigned)time->day,
        .hour = (unsigned)time->hour,
        .minute = (unsigned)time->min,
        .second = (unsigned)time->sec,
    };
    return ifl_unix_from_civil(&civil);
}

/* mbedTLS writes RFC 1779's form and escapes what isn't printable; cut to what fits. */
/* A value with the escapes of RFC 4514 section 2.4. */
static void tell_value(const mbedtls_x509_buf *value, struct text *out)
{
    for (size_t i = 0; i < value->len; i++) {
        const uint8_t c = value->p[i];
        const bool edge = (c == ' ' && (i == 0 || i + 1 == value->len)) || (c == '#' && i == 0);
        if (edge || (c != 0 && strchr(",=+<>;\"\\", c) != NULL)) {
            text_char(out, '\\');
            text_char(out, (char)c);
        } else if (c >= ' ' && c <= '~') {
            text_char(out, (char)c);
        } else {
            text_char(out, '\\');
            text_hex_u64(out, c, 2);
        }
    }
}

/* "C=DE, O=SAP SE, CN=..."; by us, because mbedTLS would bring along printf. */
static void tell_name(const mbedtls_x509_name *name, char out[IDENTITY_TEXT_SIZE])
{
    struct text text;
    const char *separator = "";
    text_init(&text, out, IDENTITY_TEXT_SIZE);
    for (; name != NULL; name = name->next) {
        const char *type = "?";
        if (name->oid.p == NULL)
            continue;
        text_str(&text, separator);
        (void)mbedtls_oid_get_attr_short_name(&name->oid, &type);
        text_str(&text, type);
        text_char(&text, '=');
        tell_value(&name->val, &text);
        separator = name->next_merged ? " + " : ", ";
    }
}

/* The leaf if it's known; else the first certificate that isn't a CA's, else the first. */
static size_t likely_leaf(const struct proof *proof)
{
    if (proof->chain_count > 0)
        return proof->chain[0];
    for (size_t i = 0; i < proof->certificate_count; i++) {
        if (!mbedtls_x509_crt_get_ca_istrue(&proof->certificates[i]))
            return i;
    }
    return 0;
}

/* The day from which the chain doesn't verify any more. The root's end doesn't count: servers trust their own copy. */
static int64_t chain_end(const struct proof *proof, int64_t leaf_end)
{
    int64_t end = leaf_end;
    for (size_t i = 1; i < proof->chain_count; i++) {
        const mbedtls_x509_crt *certificate = &proof->certificates[proof->chain[i]];
        int64_t own = unix_time(&certificate->valid_to);
        if (!is_self_issued(certificate) && own < end)
            end = own;
    }
    return end;
}

void proof_describe(const struct proof *proof, struct identity *identity)
{
    struct text out;
    if (proof->certificate_count == 0)
        return;
    const mbedtls_x509_crt *leaf = &proof->certificates[likely_leaf(proof)];
    if (leaf->raw.p == NULL) /* it couldn't be parsed */
        return;
    (void)mbedtls_sha256(leaf->raw.p, leaf->raw.len, identity->leaf_sha256, 0);
    identity->not_before = unix_time(&leaf->valid_from);
    identity->not_after = unix_time(&leaf->valid_to);
    identity->chain_not_after = chain_end(proof, identity->not_after);
    tell_name(&leaf->subject, identity->subject);
    tell_name(&leaf->issuer, identity->issuer);
    text_init(&out, identity->key_type, sizeof identity->key_type);
    tell_key_type(&leaf->pk, &out);
}
