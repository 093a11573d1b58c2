/* state.h: a few small values that must survive a power cut: boot count, last known time, the "needs CSRF" bits, device tag.
 *
 * A log of key-value records in two groups of sectors; when one is full, the live values are copied to the other. A put is atomic: after a power
 * cut at any moment the old or the new value is read, never anything else. Stored bytes: SPEC.md. */
#ifndef STATE_STATE_H
#define STATE_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "base/time.h"
#include "flash/flash.h"

#define STATE_VALUE_SIZE_MAX 64
#define STATE_KEY_COUNT_MAX 96 /* distinct keys; so that the live values always fit half of the region */

/* Keys; never renumbered. */
enum state_key {
    STATE_BOOT_COUNT = 1,  /* u32 */
    STATE_TIME_FLOOR = 2,  /* i64 seconds since 1970, u8 quality */
    STATE_DEVICE_TAG = 3,  /* u64 */
    STATE_IDENTITY = 4,    /* reserved for the identity room */
    STATE_UPTIME = 5,      /* u64 seconds in all */
    STATE_CSRF_FIRST = 16, /* + lane number: u8, 1 = this route's flow wants a CSRF token */
};

struct state {
    struct flash_region region;
    uint32_t half_size; /* bytes of one of the two groups */
    uint32_t active;    /* address of the group in use */
    uint32_t end;       /* address behind the last record */
    uint32_t generation;
    uint8_t phase; /* erase or copy under way */
    uint32_t erase_at;
    uint32_t corrupt_count; /* damaged records seen at mount */
};

/* Find or make the store. Needs >= 2 sectors. An erased region is made ready (starts erases: call state_step() until put works). STORE_FOREIGN, STORE_NEWER:
 * nothing touched. FLASH_*. */
enum ifl_status state_mount(struct state *state, struct flash_region region);
/* OK: *len bytes in buf. NOT_FOUND. TOO_LARGE: it needs *len bytes. FLASH_BUSY: try again after state_step(). */
enum ifl_status state_get(struct state *state, uint16_t key, void *buf, size_t size, size_t *len);
/* OK: durable (flash_sync included). Nothing is written if the value is the same already. FLASH_BUSY: an erase is under way, try again after
 * state_step(). FLASH_*: the old value is still there. */
enum ifl_status state_put(struct state *state, uint16_t key, struct bytes value);
ifl_ms state_step(struct state *state, ifl_ms now);

#endif
