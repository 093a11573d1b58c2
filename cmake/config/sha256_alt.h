/* sha256_alt.h: SHA-256 of a node for Mbed TLS (MBEDTLS_SHA256_ALT): sha2.h. */
#ifndef IFL_SHA256_ALT_H
#define IFL_SHA256_ALT_H

#include "sha2.h"

typedef struct sha2_small mbedtls_sha256_context;

#endif
