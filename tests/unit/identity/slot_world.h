/* slot_world.h: a medium with two slots, and identities that are only numbers in disguise. */
#ifndef SLOT_WORLD_H
#define SLOT_WORLD_H

#include "flash_double.h"
#include "identity/slots.h"

struct slot_geometry {
    uint32_t prog_size, sector_size, sector_count; /* of one slot */
    uint8_t erased;
    bool cached; /* a file: only a sync makes durable */
};

struct slot_world {
    struct flash_double medium;
    struct flash_region a, b;
    struct identity_slots slots;
    uint8_t buf[IFL_IDENTITY_SIZE_MAX];
    bool mapped; /* the medium can be read as memory */
};

/* Identities from this number on are keys that wait for their certificate. */
#define SLOT_WORLD_REQUEST 500u

void slot_world_init(struct slot_world *world, const struct slot_geometry *geometry);
void slot_world_free(struct slot_world *world);
enum ifl_status slot_world_mount(struct slot_world *world);
/* The identity with this number (1..): different bytes, sizes and texts for each. Valid until the next call. */
const struct identity *slot_world_identity(unsigned number);
/* Which identity a slot holds; 0: none, or it can't be read, or it isn't byte by byte what was written. */
unsigned slot_world_number(struct slot_world *world, int slot);
/* Prepare until it's ready or fails. */
enum ifl_status slot_world_prepare(struct slot_world *world);
/* Prepare and write. */
enum ifl_status slot_world_install(struct slot_world *world, unsigned number, bool trusted);

#endif
