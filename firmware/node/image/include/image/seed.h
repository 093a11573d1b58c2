/* seed.h: randomness for a board that has no source of it: a secret seed in flash that is replaced before it's used.
 *
 * Promise: no two starts share a stream of random numbers, wherever the power goes. The stream of a start is made of the seed that was found, and given out only after its successor is on flash and read back. What one fill gave
 * out can't be computed from what is in RAM later. Without a valid seed there is no randomness: NO_ENTROPY, never a weak number. Bytes: SPEC.md.
 *
 * Uses SHA-512 and SHA-256 of mbedTLS (no allocation). 500 bytes of stack. Erasing a full sector is started here and waited for by calling again. */
#ifndef IMAGE_SEED_H
#define IMAGE_SEED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/random.h"
#include "base/status.h"
#include "flash/flash.h"

#define SEED_SIZE 64u

struct seed {
    bool ready;
    uint8_t key[32]; /* of the stream; replaced after each fill; a secret */
    uint64_t starts; /* how many seeds there were: counts the starts of this device */
};

/* Find the newest seed in the region (two sectors or more), store its successor, start the stream. `device` is mixed in: what tells devices apart (MAC address, serial
 * number). FLASH_BUSY: a sector is being erased, call again. OK. NO_ENTROPY: no valid seed. FLASH_*: its successor can't be stored, so it isn't used. */
enum ifl_status seed_start(struct seed *seed, struct flash_region region, struct bytes device);
/* The stream, for all rooms: `fill` of a struct ifl_random whose `ctx` is the seed. */
enum ifl_status seed_fill(void *seed, void *buf, size_t size);

/* Put a first seed into a region that is erased: 64 bytes of real randomness. FLASH_*. */
enum ifl_status seed_write_first(struct flash_region region, const uint8_t first[SEED_SIZE]);

#endif
