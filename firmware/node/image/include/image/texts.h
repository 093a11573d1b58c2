/* texts.h: name, cause and remedy of everything that can go wrong, in words, in the flash image of a node, whose own memory is dear. Bytes: SPEC.md.
 *
 * They are found by number: an image that is older than the firmware lacks the newest, and tells those that it has in its own words. */
#ifndef IMAGE_TEXTS_H
#define IMAGE_TEXTS_H

#include <stdbool.h>

#include "image/stored.h"

struct texts {
    struct stored document;
};

/* OK: ifl_text() reads its sentences there from now on; `texts` must stay. NOT_FOUND, STORE_*, FLASH_*: as stored_find(), and nothing has changed. */
enum ifl_status texts_use(struct texts *texts, struct flash_region region);

#define TEXTS_SIZE_MAX 49152u
/* All texts of this program, as such a document; *size bytes of it. */
void texts_make(uint8_t body[TEXTS_SIZE_MAX], size_t *size);

#endif
