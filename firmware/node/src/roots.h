/* roots.h: which roots the tenant's server must chain to. Two bundles in flash: one is in force, new ones are tried beside it.
 *
 *   installed ──► ON TRIAL ──the server's chain ends at one of them──► IN FORCE   (those of before stay, for `trust rollback`)
 *                    └──────it ends at one of before──► given up
 *
 * While they are on trial, roots of both bundles count, so new roots never hold up a delivery. A power cut leaves the roots of before in force, alone or
 * with the new ones on trial. Which is which stands in the store of states (STATE_TRUST: 1 bundle A, 2 bundle B). */
#ifndef NODE_ROOTS_H
#define NODE_ROOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "console/console.h"
#include "image/trust_store.h"

#define ROOTS_BUNDLES 2u

struct roots {
    struct trust_store store[ROOTS_BUNDLES];
    uint8_t in_force, on_trial, before; /* 255: none */
    bool in_chain;                      /* its last certificate isn't told yet */
    bool seen, seen_new;                /* the root of a chain; it's one of those on trial */
};

/* At the start, when the store of states is up. NOT_FOUND, STORE_*, FLASH_*: there is no bundle. */
enum ifl_status roots_open(void);
struct tls_trust roots_trust(void);
/* As tls_context.see_certificate. */
void roots_see(void *ctx, struct bytes der, int depth);
/* Once a turn of the loop: what the last handshake has shown. */
void roots_judge(ifl_ms now);

/* ---- for the console (roots_console.c) ---- */

/* A bundle (trust_store.h) that is checked: on trial from now on, durably. Errors: the roots in force are untouched, those of before may be gone; after FLASH_IO
 * and FLASH_VERIFY the next start may find the new ones on trial. Blocks for an erase. */
enum ifl_status roots_install(struct bytes bundle);
/* NOT_FOUND: there is nothing to go back to. Others: nothing has changed, but after FLASH_IO and FLASH_VERIFY the next start may find it done. */
enum ifl_status roots_rollback(void);

/* `trust`, for a console that takes pasted text. */
extern const struct console_trust roots_trust_verb;

#endif
