/* trust.h: which roots iflowd trusts: those of the configuration, or a bundle that was installed while it ran (`iflowctl trust install`).
 *
 *   install ─► ON TRIAL ── a verified chain of the tenant ends at one of its roots ─► IN FORCE, the one of before is kept for `rollback`
 *                │    └─── it ends at a root that only the bundle in force has ─────► given up
 *                └─ anything else (no network, a chain that neither knows, 503): tried again, as a new identity is
 *
 * While a bundle is on trial, both are trusted: a chain that neither knows ends the handshake before a byte of HTTP goes out, as ever, and decides nothing.
 *
 * In the state directory: trust-1.pem to trust-4.pem, written beside and put in their place by one rename, and the value STATE_TRUST, which says which
 * ones count. There is a place more than there are bundles that count, so a new one never takes the place of one that does. STATE_TRUST is written
 * last: a failure or a power cut at any moment leaves what counted before, or the new one on trial, whole. An installed file that can't be read any
 * more is told, and the bundle of before counts again, at last the configured one. */
#ifndef GATEWAY_TRUST_H
#define GATEWAY_TRUST_H

#include "base/text.h"
#include "console/console.h"
#include "linux/trust_files.h"
#include "store.h"
#include "tls/tls.h"

#define TRUST_NONE 255u      /* no bundle */
#define TRUST_PLACE_COUNT 4u /* in force, on trial, before, and the next one */

struct trust {
    struct store *store;
    const char *dir;
    struct trust_files *configured;
    struct trust_files installed[TRUST_PLACE_COUNT];
    unsigned in_force, on_trial, before; /* as in STATE_TRUST */
    int64_t since_unix_s;                /* since when there is one on trial; 0: it isn't known */
    char since[32];                      /* the same for people */
    bool chain_begins;                   /* the next certificate that is seen is the top of a chain */
    bool seen, seen_new;                 /* a chain was; it ended at a root of the bundle on trial */
};

/* What was installed earlier. `store`, `dir` and `configured` are kept. What can't be read is logged. */
void trust_open(struct trust *trust, struct store *store, const char *dir, struct trust_files *configured);
/* For struct tls_context: the roots on trial before those in force. */
struct tls_trust trust_roots(struct trust *trust);
/* For struct tls_context of the connection to the tenant. */
void trust_see_certificate(void *trust, struct bytes der, int depth);
/* After a step of that connection: `verified` where the server's chain was found good in a full handshake. OK: nothing is decided; TRUST_PROVEN,
 * TRUST_REFUSED: durably. Anything else: of the state room; the next handshake decides. */
enum ifl_status trust_judge(struct trust *trust, bool verified);

/* `pem` goes on trial, in place of what was. `now_unix_s` is the best guess at wall time. TRUST_BAD, TOO_LARGE, FILE, STORE_*, FLASH_*: *detail says why, and all bundles count as
 * before; after FLASH_IO and FLASH_VERIFY the next start may find the new one on trial. */
enum ifl_status trust_install(struct trust *trust, struct bytes pem, int64_t now_unix_s, struct text *detail);
/* Gives up what is on trial, else the bundle of before is in force again. NOT_FOUND: neither is there. */
enum ifl_status trust_rollback(struct trust *trust);
/* For `trust` on the console. */
size_t trust_list(const struct trust *trust, struct console_roots roots[CONSOLE_ROOTS_MAX]);

#endif
