/* state.h: a few small values that must survive a power cut: boot count, last known time, the "needs CSRF" bits, device tag.
 *
 * Promise: a put is atomic. After a power cut at any moment the old or the new value is read, never anything else, and whichever is read
 * first is read from then on. What state_put() has answered OK to is never lost to a power cut.
 *
 * A log of key-value records in one half of the region; when it's full, the live values are copied to the other half, which was erased ahead
 * of need by state_step(). Stored bytes and the reasons: SPEC.md. The caller owns the struct; < 600 bytes of stack; nothing blocks for an erase. */
#ifndef STATE_STATE_H
#define STATE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "base/time.h"
#include "flash/flash.h"

#define STATE_VALUE_SIZE_MAX 64 /* bytes */
#define STATE_KEY_COUNT_MAX 96  /* distinct keys */

/* Keys; never renumbered. 0 isn't a key. */
enum state_key {
    STATE_BOOT_COUNT = 1, /* u32 */
    STATE_TIME_FLOOR = 2, /* i64 seconds since 1970, u8 quality */
    STATE_DEVICE_TAG = 3, /* u64 */
    STATE_IDENTITY = 4,   /* reserved for the identity room */
    STATE_UPTIME = 5,     /* u64 seconds in all */
    STATE_KEY_FILE = 6,   /* 32 bytes: leaf of the configuration's key file that a person has overruled */
    STATE_TRUST =
        7, /* u8 bundle in force, u8 on trial, u8 before: 0 the configured one, 1, 2, … an installed one, 255 none; on a gateway i64 since when on trial */
    STATE_WIPE = 8,        /* u8, 1 = the device is to be decommissioned */
    STATE_CSRF_FIRST = 16, /* + lane number: u8, 1 = this route's flow wants a CSRF token */
};

/* Private to the room, but for corrupt_count; it stands here so that the caller can own the memory. */
struct state {
    struct flash_region region;
    uint32_t half_size;     /* bytes of one half */
    uint32_t active;        /* address of the half in use */
    uint32_t end;           /* address behind what is written in it; 0: that half must be erased first */
    uint32_t last;          /* address of the newest record; all ones: none */
    uint32_t epoch;         /* of the newest record */
    uint8_t phase;          /* of the upkeep, see state.c */
    uint32_t erase_at;      /* sector that is erased next or now */
    uint8_t doubt;          /* what a power cut has left open, see state.c */
    uint32_t corrupt_count; /* damaged records seen since mount */
};

/* Find or make the store. A blank region becomes a store at once; one that is all zeros or all ones otherwise must be erased first: puts answer
 * FLASH_BUSY until state_step() has done it. Writes one record, so that what was read stays. Needs >= 2 sectors, a half >= 1 KB.
 * OK; STORE_FOREIGN, STORE_NEWER: nothing was touched; FLASH_GEOMETRY: too small, or made for another program granularity or size (nothing touched);
 * FLASH_BUSY: another room's erase is under way, mount again later; FLASH_*. After an error the struct can't be used. */
enum ifl_status state_mount(struct state *state, struct flash_region region);
/* OK: *len bytes in buf. NOT_FOUND. TOO_LARGE: it needs *len bytes; buf is untouched. FLASH_BUSY: an erase is under way on this medium, or, in rare cases
 * after a power cut, must come first (the store was full and its newest value is doubtful); try again after state_step(). FLASH_IO. */
enum ifl_status state_get(struct state *state, uint16_t key, void *buf, size_t size, size_t *len);
/* OK: durable (flash_sync included). Nothing is written if the value is the same already. INVALID: key 0. TOO_LARGE: longer than STATE_VALUE_SIZE_MAX. STORE_FULL: too
 * many keys or values for this region, or the disk is full. FLASH_BUSY: an erase is under way, try again after state_step(). After all these the
 * old value is in force. FLASH_IO, FLASH_VERIFY: the medium failed; after the next mount it's the old or the new value. */
enum ifl_status state_put(struct state *state, uint16_t key, struct bytes value);
/* Starts and polls erases, one sector at a time; never waits. Returns when it wants to be called again. */
ifl_ms state_step(struct state *state, ifl_ms now);

#endif
