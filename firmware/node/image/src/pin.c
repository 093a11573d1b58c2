/* pin.c: PBKDF2-HMAC-SHA-256, one block of it (RFC 8018 section 5.2; HMAC: RFC 2104). mbedTLS has both, but takes memory from the arena for it, which a
 * connection may have filled; its SHA-256 takes none. */
#include "image/pin.h"

#include <string.h>

#include <mbedtls/sha256.h>

#define BLOCK_SIZE 64u

_Static_assert(PIN_LEN_MAX <= BLOCK_SIZE, "a longer key of HMAC is hashed first");

struct hmac {
    mbedtls_sha256_context inner, outer; /* behind their pads */
};

static void pad(mbedtls_sha256_context *sha, struct bytes key, uint8_t with)
{
    uint8_t block[BLOCK_SIZE];
    memset(block, with, sizeof block);
    for (size_t i = 0; i < key.size; i++) {
        block[i] ^= key.data[i];
    }
    mbedtls_sha256_init(sha);
    (void)mbedtls_sha256_starts(sha, 0);
    (void)mbedtls_sha256_update(sha, block, sizeof block);
    bytes_wipe(block, sizeof block);
}

static void hmac(const struct hmac *hmac, const uint8_t *data, size_t size, uint8_t mac[PIN_HASH_SIZE])
{
    mbedtls_sha256_context sha = hmac->inner;
    (void)mbedtls_sha256_update(&sha, data, size);
    (void)mbedtls_sha256_finish(&sha, mac);
    sha = hmac->outer;
    (void)mbedtls_sha256_update(&sha, mac, PIN_HASH_SIZE);
    (void)mbedtls_sha256_finish(&sha, mac);
    bytes_wipe(&sha, sizeof sha);
}

static void derive(const struct pin *pin, struct bytes text, uint8_t hash[PIN_HASH_SIZE])
{
    struct hmac key;
    uint8_t first[PIN_SALT_SIZE + 4] = {0}, last[PIN_HASH_SIZE];
    pad(&key.inner, text, 0x36);
    pad(&key.outer, text, 0x5C);
    memcpy(first, pin->salt, PIN_SALT_SIZE);
    first[sizeof first - 1] = 1; /* the first block, and the only one */
    hmac(&key, first, sizeof first, last);
    memcpy(hash, last, sizeof last);
    for (uint32_t i = 1; i < pin->iterations; i++) {
        hmac(&key, last, sizeof last, last);
        for (size_t k = 0; k < PIN_HASH_SIZE; k++) {
            hash[k] ^= last[k];
        }
    }
    bytes_wipe(&key, sizeof key);
    bytes_wipe(last, sizeof last);
}

bool pin_is_possible(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~') {
            return false;
        }
    }
    return text.size >= PIN_LEN_MIN && text.size <= PIN_LEN_MAX;
}

void pin_make(struct pin *pin, struct bytes text)
{
    pin->iterations = PIN_ITERATIONS;
    derive(pin, text, pin->hash);
}

bool pin_matches(const struct pin *pin, struct bytes text)
{
    uint8_t hash[PIN_HASH_SIZE], differs = pin->iterations == 0;
    derive(pin, bytes_head(text, PIN_LEN_MAX), hash);
    for (size_t i = 0; i < sizeof hash; i++) {
        differs |= hash[i] ^ pin->hash[i];
    }
    bytes_wipe(hash, sizeof hash);
    return differs == 0 && text.size <= PIN_LEN_MAX;
}
