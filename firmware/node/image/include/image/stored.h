/* stored.h: one document in flash (settings, trust bundle, nameplate, texts), whole or not there, in one of several places of a region. Bytes: SPEC.md.
 *
 * A document is written into a place that isn't the one in use; its header comes last and makes it valid. After a power cut the document
 * of before is still there. Nothing blocks: whoever writes erases the place first. No memory of its own. */
#ifndef IMAGE_STORED_H
#define IMAGE_STORED_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "flash/flash.h"

enum stored_kind { STORED_TRUST = 2, STORED_NAMEPLATE = 3, STORED_TEXTS = 4, STORED_SETTINGS = 5 };

/* A document that was found, and is whole. */
struct stored {
    struct flash_region region;
    uint32_t at;         /* of its first byte */
    uint32_t size;       /* bytes */
    uint32_t generation; /* rises with each one written */
    uint32_t place;      /* number of its place */
};

/* The newest whole document among `places` equal parts of the region. NOT_FOUND: there is none. STORE_NEWER: there is one of a later format.
 * STORE_CORRUPT: there is one, and it's damaged, and none besides. FLASH_*. */
enum ifl_status stored_find(struct flash_region region, enum stored_kind kind, uint32_t places, struct stored *found);
/* Bytes of a found document. FLASH_GEOMETRY: beyond it. FLASH_*. */
enum ifl_status stored_read(const struct stored *document, uint32_t at, void *to, size_t size);
/* Into the place with this number, which is erased. TOO_LARGE: it doesn't fit. FLASH_*: it isn't there. */
enum ifl_status stored_write(struct flash_region region, enum stored_kind kind, uint32_t places, uint32_t place,
                             uint32_t generation, struct bytes body);

#endif
