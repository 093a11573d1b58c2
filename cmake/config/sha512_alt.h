/* sha512_alt.h: SHA-384 and SHA-512 of a node for Mbed TLS (MBEDTLS_SHA512_ALT): sha2.h. */
#ifndef IFL_SHA512_ALT_H
#define IFL_SHA512_ALT_H

#include "sha2.h"

typedef struct sha2_large mbedtls_sha512_context;

#endif
