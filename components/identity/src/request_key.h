/* request_key.h: what the kinds of keys have in common when one is made. */
#ifndef IDENTITY_REQUEST_KEY_H
#define IDENTITY_REQUEST_KEY_H

#include <mbedtls/pk.h>

#include "identity/request.h"

/* Set up `kind` and let `generate` make the key; as request_make_ec(). */
enum ifl_status request_make(mbedtls_pk_type_t kind, int (*generate)(mbedtls_pk_context *key), const char *key_type,
                             struct arena *arena, const struct ifl_random *random, void *buf, size_t size,
                             struct identity *identity);

#endif
