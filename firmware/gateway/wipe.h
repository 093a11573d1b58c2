/* wipe.h: decommissioning: what iflowd has in its state directory is overwritten with zeros and removed.
 *
 *   `wipe everything` ─► the mark `wiped` is on the disk ─► iflowd stops ─► identity, roots, messages, small values are overwritten, and removed
 *                                                            └── a power cut or an error: the next start does it, before anything else is read
 *
 * The mark stays: with it in the directory iflowd doesn't start, so that nobody commissions a gateway again by a restart. Whoever wants to removes it.
 *
 * Only files that iflowd makes are touched: identity.flash, trust-*, outbox.flash, state.flash. Not the configuration, nor the key file that it names: they may belong to
 * somebody else, and stand where iflowd can't write. Holes are left alone where the file system knows them, else the whole file is overwritten. That is
 * what a program can do: what a disk's wear levelling, a copy-on-write file system, a snapshot or a backup still has is out of its reach; there the key is
 * to be deleted at the tenant, too. */
#ifndef GATEWAY_WIPE_H
#define GATEWAY_WIPE_H

#include <stdbool.h>

#include "base/status.h"
#include "base/text.h"

/* OK: from now on it's certain, whatever the power does, that everything goes. FILE: *detail says why; nothing is ordered. */
enum ifl_status wipe_order(const char *dir, struct text *detail);
bool wipe_is_ordered(const char *dir);
/* Once the files are closed. OK: nothing is left but the mark. FILE: *detail says which file is still there; the others are gone, the next call tries again. */
enum ifl_status wipe_carry_out(const char *dir, struct text *detail);

#endif
