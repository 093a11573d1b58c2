/* shape_node.h: included in front of some files of Mbed TLS by the compiler (-include) on a node: what it can't see.
 *
 * aes.c and gcm.c are compiled for speed; what happens once a connection or once a record isn't to be. And what starts a hash, a dozen long numbers, isn't worth being there twice.
 * 1 KB. */
#ifndef SHAPE_NODE_H
#define SHAPE_NODE_H

#include <common.h>

#include <mbedtls/aes.h>
#include <mbedtls/gcm.h>
#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>

#define ONCE(function) __typeof__(function) function __attribute__((cold))
ONCE(mbedtls_aes_setkey_enc);
ONCE(mbedtls_gcm_setkey);
ONCE(mbedtls_gcm_starts);
ONCE(mbedtls_gcm_update_ad);
ONCE(mbedtls_gcm_finish);
#undef ONCE

#define APART(function) __typeof__(function) function __attribute__((noinline))
APART(mbedtls_sha256_starts);
APART(mbedtls_sha512_starts);
#undef APART

#endif
