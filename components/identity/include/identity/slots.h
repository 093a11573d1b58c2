/* slots.h: two slots in flash, so that at every moment, whatever fails, a working identity is there.
 *
 * A new identity is written into the slot that isn't active, read back, and is then *pending*: it's tried at the next connection. Proven
 * (handshake and an authorised answer), it becomes active; refused (a certificate alert or a 401), the old one goes on. A power cut at any moment leaves the
 * old or the new one in force, never none. Stored bytes: SPEC.md. */
#ifndef IDENTITY_SLOTS_H
#define IDENTITY_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "base/time.h"
#include "flash/flash.h"
#include "identity/service_key.h"

enum identity_slot_state {
    IDENTITY_SLOT_EMPTY,
    IDENTITY_SLOT_PENDING, /* written and read back; not proven */
    IDENTITY_SLOT_ACTIVE,  /* proven; the one with the higher generation is in force */
    IDENTITY_SLOT_REFUSED, /* tried and refused */
    IDENTITY_SLOT_BAD,     /* damaged */
};

struct identity_slot {
    enum identity_slot_state state;
    uint32_t generation;
    uint8_t leaf_sha256[32];
    int64_t not_after;
    uint32_t size; /* of the record on flash */
};

struct identity_slots {
    struct flash_region region[2];
    struct identity_slot slot[2];
    int active;  /* 0, 1 or -1: the identity in force */
    int pending; /* 0, 1 or -1 */
    uint8_t phase;
    int erasing;
    uint32_t erase_at;
};

/* Look at both slots. Reads only. OK also if both are empty. STORE_NEWER, FLASH_*. The regions have the same size, >= one sector each. */
enum ifl_status identity_slots_mount(struct identity_slots *slots, struct flash_region a, struct flash_region b);
/* Make the inactive slot ready for a new identity: erases it, step by step. AGAIN until it's ready, then OK. */
enum ifl_status identity_slots_prepare(struct identity_slots *slots);
/* Write into the prepared slot, verify by reading back, mark as pending. OK: it is pending (or active at once if there was none: `trusted` = the caller
 * already knows that it works, or there is nothing to lose). TOO_LARGE, FLASH_*: the active one is untouched. */
enum ifl_status identity_slots_write(struct identity_slots *slots, const struct identity *identity, bool trusted);
/* The pending identity was proven / refused. Durable when OK; after an error the state is as before. NOT_FOUND: none is pending. */
enum ifl_status identity_slots_activate(struct identity_slots *slots);
enum ifl_status identity_slots_refuse(struct identity_slots *slots);
/* Back to the other slot, if that one holds a proven identity. NOT_FOUND. */
enum ifl_status identity_slots_rollback(struct identity_slots *slots);
/* Read the identity of a slot (0 or 1). Its spans point into flash where it's memory-mapped, else into `buf`. IDENTITY_NONE, TOO_LARGE,
 * STORE_CORRUPT, FLASH_*. Wipe `buf` when done. */
enum ifl_status identity_slots_load(struct identity_slots *slots, int slot, void *buf, size_t buf_size,
                                    struct identity *identity);

#endif
