/* slots.h: two slots in flash, so that at every moment, whatever fails, a working identity is there.
 *
 * A new identity is written into the slot that isn't in force, read back, and is then *pending*: it's tried at the next connection. Proven (handshake and
 * an authorised answer), it becomes active; refused (a certificate alert or a 401), the old one goes on. A power cut at any moment leaves the old or the
 * new one in force, never none. Stored bytes: SPEC.md.
 *
 *   EMPTY ─ write ─► PENDING ─ activate ─► ACTIVE ◄─ rollback (in force again)
 *                       └───── refuse ───► REFUSED         every slot but the one in force ─ prepare ─► EMPTY
 *
 * A key made on the device (request.h) waits in the slot that isn't in force, as a record without certificates. Its chain is written behind it,
 * so that the key is there until its certificate is, whatever the power does:
 *
 *   EMPTY ─ write (IDENTITY_REQUEST) ─► REQUEST ─ answer ─► PENDING
 *
 * It waits until something newer, an identity or another key, was written into the other slot (where none is in force yet).
 *
 * The caller owns the struct; the room needs 600 bytes of stack (twice that for write) and no other memory. Only prepare() takes long, and it's stepped.
 * Nothing is ever half done when a call returns: FLASH_BUSY means that an erase (perhaps another room's) is under way and nothing was changed. */
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
    IDENTITY_SLOT_ACTIVE,  /* proven; of two the one with the higher rank is in force */
    IDENTITY_SLOT_REFUSED, /* tried and refused */
    IDENTITY_SLOT_BAD,     /* damaged, or never finished */
    IDENTITY_SLOT_REQUEST, /* a key that waits for its certificate */
};

struct identity_slot {
    enum identity_slot_state state;
    uint32_t generation; /* of the record: rises with each new one */
    uint32_t rank;       /* when it was put in force, counted on from the generations; 0: never */
    uint8_t leaf_sha256[32];
    int64_t not_after;       /* the leaf's end, seconds since 1970 */
    int64_t chain_not_after; /* the earliest end of leaf and intermediates */
    uint32_t record_at;      /* where the record begins */
    uint32_t size;           /* of the record on flash, bytes */
    uint32_t crc;            /* of the record */
    uint8_t mark_end;        /* entry behind the last mark that is there */
    bool marks_settled;      /* that entry is known to be untouched */
};

enum identity_slots_phase {
    IDENTITY_SLOTS_IDLE,
    IDENTITY_SLOTS_ERASING,
    IDENTITY_SLOTS_PREPARED,
};

struct identity_slots {
    struct flash_region region[2];
    struct identity_slot slot[2];
    int active;  /* 0, 1 or -1: the identity in force */
    int pending; /* 0, 1 or -1 */
    int request; /* 0, 1 or -1: a key waits there for its certificate */
    enum identity_slots_phase phase;
    int erasing;       /* the slot that is erased or prepared */
    uint32_t erase_at; /* from here on it is erased */
};

/* Look at both slots, and finish a mark that a power cut has left half done. OK also if both are empty. The regions have the same size, >= one sector each, and hold
 * identity_slots_size() bytes for the largest record. STORE_NEWER: a slot has a later format; nothing was touched. FLASH_*: it can't be read (FLASH_BUSY: try
 * again). After an error the struct can't be used. */
enum ifl_status identity_slots_mount(struct identity_slots *slots, struct flash_region a, struct flash_region b);
/* Bytes that a region needs for a record with `content_size` bytes of certificates, key and texts. */
uint32_t identity_slots_size(uint32_t prog_size, uint32_t content_size);
/* Make the slot that isn't in force ready for a new identity: erases it, step by step. AGAIN until it's ready, then OK (also when it's ready already). What was
 * in it, also a pending identity or a key that waits for its certificate, is gone from the first step on. FLASH_*: it isn't ready; the identity in force is untouched. */
enum ifl_status identity_slots_prepare(struct identity_slots *slots);
/* Write into the prepared slot, read it back, mark it as pending, or as active where `trusted` (the caller knows that it works, or there is nothing to lose).
 * OK: it's durable. INVALID: no slot is prepared. TOO_LARGE, FLASH_*: prepare again; the identity in force is untouched. */
enum ifl_status identity_slots_write(struct identity_slots *slots, const struct identity *identity, bool trusted);
/* The certificates for the key that waits: written behind it, read back, marked as pending. `identity` has that key too (request_answer() sees to it).
 * OK: it's durable. NOT_FOUND: no key waits. TOO_LARGE, STORE_FULL: no room behind it (many power cuts): make another key. FLASH_*: the key still
 * waits, try again. The identity in force is untouched in every case. */
enum ifl_status identity_slots_answer(struct identity_slots *slots, const struct identity *identity);
/* The pending identity was proven / refused. Durable when OK. NOT_FOUND: none is pending. STORE_CORRUPT: its record doesn't read the same each time (the power
 * went while it was erased); it's given up, the one in force goes on. STORE_FULL: no room for another mark (many power cuts); prepare and
 * write it again. FLASH_*: nothing has changed here; what the flash holds shows the next mount. */
enum ifl_status identity_slots_activate(struct identity_slots *slots);
enum ifl_status identity_slots_refuse(struct identity_slots *slots);
/* Back to the other slot, if that one holds a proven identity; rolling back again returns to this one. NOT_FOUND: there is none. Else as
 * identity_slots_refuse(). */
enum ifl_status identity_slots_rollback(struct identity_slots *slots);
/* There is one to go back to. */
bool identity_slots_has_before(const struct identity_slots *slots);
/* Read the identity of a slot (0 or 1), in whatever state. Its spans point into flash where it's memory-mapped (valid until that slot is prepared), else into `buf`.
 * IDENTITY_NONE: the slot is empty. STORE_CORRUPT. TOO_LARGE: `buf` is too small (IFL_IDENTITY_SIZE_MAX is enough). FLASH_*. After an error *identity is zeroed and
 * `buf` wiped. Wipe `buf` when done. */
enum ifl_status identity_slots_load(struct identity_slots *slots, int slot, void *buf, size_t buf_size,
                                    struct identity *identity);
/* One part of it alone, for who has no room for all: certificate number `part` (0: the leaf), IDENTITY_PART_KEY (DER), or IDENTITY_PART_URL (without a zero), into
 * `buf`, after the whole record was read and checked. *size: its bytes. TOO_LARGE: more than `buf_size`; nothing was read but the sizes (`buf` may be NULL where that is 0). END: there is no such
 * part. Else as identity_slots_load(); `buf` is wiped then. */
#define IDENTITY_PART_KEY 255u
#define IDENTITY_PART_URL 254u
enum ifl_status identity_slots_part(struct identity_slots *slots, int slot, unsigned part, void *buf, size_t buf_size,
                                    size_t *size);

#endif
