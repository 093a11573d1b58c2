/* shape_node.h: included in front of Mbed TLS's aes.c and gcm.c by the compiler (-include) on a node: what it can't see.
 *
 * aes.c and gcm.c are compiled for speed; what happens once a connection isn't to be. 0.4 KB. */
#ifndef SHAPE_NODE_H
#define SHAPE_NODE_H

#include <common.h>

#include <mbedtls/aes.h>
#include <mbedtls/gcm.h>

#define ONCE(function) __typeof__(function) function __attribute__((cold))
ONCE(mbedtls_aes_setkey_enc);
ONCE(mbedtls_gcm_setkey);
#undef ONCE

#endif
