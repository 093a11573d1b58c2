/* packed.h: settings in the form in which a node's flash image has them: what iflow.json says, read, checked and filled up with defaults by who makes
 * the image. A node reads them without the words of iflow.json, and without the sentences that say what is allowed: 7 KB less of its flash. Bytes: SPEC.md.
 *
 * What they mean has been checked by settings_parse() with the node's own profile; whoever stores them guards them with a check sum. Here only that is
 * checked on which memory depends: that each text fits its place and each number its type. */
#ifndef SETTINGS_PACKED_H
#define SETTINGS_PACKED_H

#include "settings/settings.h"

#define SETTINGS_PACKED_FORMAT 1

/* Bytes that they take at most. */
#define SETTINGS_PACKED_SIZE_MAX (2u * sizeof(struct settings))

/* OK: *settings is complete. STORE_NEWER: another format. CONFIG_LIMIT: made for a profile that holds more. STORE_CORRUPT: anything else that isn't
 * what settings_pack() writes. After an error *settings is undefined. */
enum ifl_status settings_unpack(struct settings *settings, struct bytes packed);

/* The other side, which no firmware has; names of files are left out. `out` has room for SETTINGS_PACKED_SIZE_MAX bytes; how many were written. */
size_t settings_pack(const struct settings *settings, uint8_t *out);

#endif
