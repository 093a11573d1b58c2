/* keys.h: which identity iflowd shows to the tenant.
 *
 * The service key named in the configuration is compared with what the slots hold: the fingerprint of its leaf, and its texts. A new one goes into
 * the slot that isn't in force and is *pending*: the room renewal tries it, and uses it when it's proven. Refused, the old one goes on, until iflowd
 * reads the file again (start, SIGHUP) and gives it another trial. The first identity ever is active at once: there is nothing to fall back to. */
#ifndef GATEWAY_KEYS_H
#define GATEWAY_KEYS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/random.h"
#include "base/text.h"
#include "identity/service_key.h"
#include "identity/slots.h"
#include "settings/settings.h"

/* The identity in use; its key lies in `buf`. Secret. */
struct keys {
    struct identity identity;
    int slot;            /* it comes from there; -1: there is none */
    uint32_t generation; /* changes with every change of the identity in use */
    uint8_t buf[IFL_IDENTITY_SIZE_MAX];
};

/* What the configuration's key file says, proven to be usable; kept only until keys_take_in(). Secret. */
struct key_file {
    struct identity identity;
    struct service_key_report report;
    uint8_t buf[IFL_IDENTITY_SIZE_MAX];
};

/* Read the file(s) that `settings` name, relative to `dir`. OK; FILE, TOO_LARGE, KEY_*: *detail says what exactly. IDENTITY_NONE: the
 * settings name no file. */
enum ifl_status key_file_read(struct key_file *file, const struct settings *settings, const char *dir,
                              struct arena *arena, const struct ifl_random *random, struct text *detail);
/* Forget it. */
void key_file_wipe(struct key_file *file);

/* Put it into a slot if neither slot in use has it. OK: nothing to do, or it's stored as pending or active. FLASH_*, TOO_LARGE: the
 * active one is untouched. */
enum ifl_status keys_take_in(struct identity_slots *slots, const struct key_file *file);

/* Erase the slot that isn't in force, and write into it (identity_slots_write()). */
enum ifl_status keys_store(struct identity_slots *slots, const struct key_file *file, bool trusted);

/* No identity by certificate is in use any more. */
void keys_unload(struct keys *keys);
/* Load the identity of this slot. STORE_CORRUPT, FLASH_*: *keys holds none. */
enum ifl_status keys_load(struct keys *keys, struct identity_slots *slots, int slot);

#endif
