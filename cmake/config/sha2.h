/* sha2.h: SHA-256, SHA-384 and SHA-512 (FIPS 180-4) for a node: one code for all three where they are alike, and one table.
 *
 * Mbed TLS has SHA-256 and SHA-512 apart, 3.2 KB, and 0.7 KB of stack for SHA-512; this is 1.5 KB shorter and takes 0.3 KB of stack. sha256_alt.h and
 * sha512_alt.h put it in the place of those. */
#ifndef SHA2_H
#define SHA2_H

#include <stddef.h>
#include <stdint.h>

#define SHA2_256 32u /* an algorithm is known by the bytes of its hash */
#define SHA2_384 48u
#define SHA2_512 64u

/* In front of both contexts. */
struct sha2 {
    uint32_t size;      /* bytes so far; less than 512 MB can be hashed */
    uint32_t hash_size; /* SHA2_* */
};

struct sha2_small { /* SHA-256 */
    struct sha2 sha2;
    uint32_t state[8];
    uint8_t block[64];
};

struct sha2_large { /* the others */
    struct sha2 sha2;
    uint64_t state[8];
    uint8_t block[128];
};

/* `sha2` is the front of the context that fits `hash_size`. */
void sha2_start(struct sha2 *sha2, uint32_t hash_size);
void sha2_update(struct sha2 *sha2, const uint8_t *data, size_t size);
/* Writes the hash. The context is used up. */
void sha2_finish(struct sha2 *sha2, uint8_t *hash);

#endif
