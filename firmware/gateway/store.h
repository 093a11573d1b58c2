/* store.h: the state directory of iflowd: messages, small values and identities, each in a file with the format of a node's flash.
 *
 *   outbox.flash    mode 0600, size as configured (sparse: only what is used takes room)
 *   state.flash     boot count, time, which flows want a CSRF token
 *   identity.flash  two slots
 *
 * The directory is 0700. The files are locked while they are open: one daemon a directory. */
#ifndef GATEWAY_STORE_H
#define GATEWAY_STORE_H

#include "base/random.h"
#include "base/status.h"
#include "base/text.h"
#include "identity/slots.h"
#include "linux/flash_file.h"
#include "outbox/outbox.h"
#include "settings/settings.h"
#include "state/state.h"

struct store {
    struct flash_file outbox_file, state_file, identity_file;
    uint32_t outbox_size; /* of the open file */
    struct outbox outbox;
    struct state state;
    struct identity_slots slots;
};

/* Open or make everything but the outbox's contents. *detail says which file. After an error call store_close(). */
enum ifl_status store_open(struct store *store, const char *dir, uint32_t outbox_size, struct text *detail);

/* Find or make the messages, with a lane for each route of the settings. Again after the routes have changed: call outbox_flush()
 * before. STORE_LANES: nothing was touched, the settings of before can be mounted again. */
enum ifl_status store_mount_outbox(struct store *store, const struct settings *settings, struct ifl_random random);

/* state_put() that waits for the medium (a file is never busy for long). */
enum ifl_status store_put(struct store *store, uint16_t key, struct bytes value);

void store_close(struct store *store);

#endif
