/* key_der.h: the one form in which a private key is stored: RSAPrivateKey (RFC 8017 appendix A.1.2), or ECPrivateKey with its curve and its
 * public key (RFC 5915 section 3), whatever form it was found in.
 *
 * Two files implement it, with the same bytes as their result: key_der/by_library.c by mbedTLS's writers; key_der/by_form.c for microcontrollers, where an RSA key is
 * cut out of what it was read from, and one on a curve is written into a form: 1.3 KB of code less. Nothing blocks. */
#ifndef IDENTITY_KEY_DER_H
#define IDENTITY_KEY_DER_H

#include <mbedtls/pk.h>

#include "base/bytes.h"

#define KEY_DER_EC_MAX 167 /* bytes of a key on P-384, the longest of the curves */

/* Write `key` to the end of `buf`, as mbedTLS's writers do; returns its size, or a negative number: there is no room, or `key` is of a kind that isn't
 * stored. `found`: the DER it was parsed from, PKCS#8 too; it may lie in `buf`, and is used for RSA only: by_library.c needs it not at all. */
int key_der_write(const mbedtls_pk_context *key, struct bytes found, uint8_t *buf, size_t size);

/* The same for SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7); by_form.c knows P-256 only. */
int key_der_write_public(const mbedtls_pk_context *key, uint8_t *buf, size_t size);

#endif
