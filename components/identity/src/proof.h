/* proof.h: certificates and key become an identity only by what mathematics can prove of them. */
#ifndef IDENTITY_PROOF_H
#define IDENTITY_PROOF_H

#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

#include "material.h"

/* Parsed certificates and key; large, so it lives in the arena. */
struct proof {
    mbedtls_x509_crt certificates[IDENTITY_CHAIN_MAX]; /* as in the material */
    size_t certificate_count;
    mbedtls_pk_context key;
    bool has_key;
    size_t chain[IDENTITY_CHAIN_MAX]; /* indices of certificates, leaf first */
    size_t chain_count;
};

void proof_init(struct proof *proof);
void proof_free(struct proof *proof);

/* All functions: crypto_bind() is in force. `detail` says which certificate is meant, counted from 1 as in the input. */

/* KEY_CERTIFICATE_BAD, KEY_UNSUPPORTED. */
enum ifl_status proof_parse_certificates(struct proof *proof, const struct material *material, struct text *detail);
/* KEY_PRIVATE_KEY_BAD: can't be parsed, or its parts contradict each other; KEY_UNSUPPORTED: kind or size. */
enum ifl_status proof_parse_key(struct proof *proof, const struct material *material, struct text *detail);
/* The certificate that the key belongs to, and from it each one's issuer by name and signature. KEY_MISMATCH, KEY_AMBIGUOUS, KEY_CHAIN, KEY_CHAIN_INCOMPLETE,
 * KEY_UNSUPPORTED. */
enum ifl_status proof_build_chain(struct proof *proof, struct text *detail);
/* The leaf may authenticate clients, and a signature made with the key is good under the leaf. KEY_NOT_CLIENT_AUTH, KEY_PRIVATE_KEY_BAD. */
enum ifl_status proof_use(struct proof *proof, struct text *detail);
/* Fill what is told about the leaf: names, dates, fingerprint, kind of key. Without a chain: about the certificate that is most likely it. */
void proof_describe(const struct proof *proof, struct identity *identity);

#endif
