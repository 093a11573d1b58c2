/* pin.h: the PIN of a node's console, as its nameplate keeps it: not itself, but what PBKDF2 (RFC 8018 section 5.2) with HMAC-SHA-256 makes of it.
 *
 * It keeps people with a cable from changing things. Whoever can read the flash chip has the private key itself, and needs no PIN.
 *
 * No memory but the stack (500 bytes); blocks for PIN_ITERATIONS * 11,000 instructions of a Cortex-M3. */
#ifndef IMAGE_PIN_H
#define IMAGE_PIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define PIN_LEN_MIN 6u
#define PIN_LEN_MAX 64u
#define PIN_SALT_SIZE 16u
#define PIN_HASH_SIZE 32u
#define PIN_ITERATIONS 2000u

struct pin {
    uint32_t iterations; /* 0: there is no PIN */
    uint8_t salt[PIN_SALT_SIZE];
    uint8_t hash[PIN_HASH_SIZE];
};

/* One that can be typed behind `unlock`: PIN_LEN_MIN to PIN_LEN_MAX printable characters of ASCII, no space. */
bool pin_is_possible(struct bytes text);
/* Fill in iterations and hash for a PIN that is possible; the salt is random, and the caller's. */
void pin_make(struct pin *pin, struct bytes text);
/* Takes as long whether it's the right one or not. False where there is no PIN. */
bool pin_matches(const struct pin *pin, struct bytes text);

#endif
