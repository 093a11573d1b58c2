/* texts.c: see texts.h and SPEC.md. */
#include "image/texts.h"

#include "base/bytes.h"

#define COUNT_SIZE 4u
#define ENTRY_SIZE 12u

static bool read_text(void *ctx, unsigned number, enum ifl_text which, char *buf, size_t size)
{
    const struct stored *document = &((const struct texts *)ctx)->document;
    uint8_t entry[ENTRY_SIZE];
    uint32_t at = COUNT_SIZE;
    do { /* the entries end with one that has the number of no cause */
        if (stored_read(document, at, entry, sizeof entry) != IFL_OK || le16_get(entry) == UINT16_MAX) {
            return false;
        }
        at += ENTRY_SIZE;
    } while (le16_get(entry) != (uint16_t)number);
    /* The cause, then the remedy, then the name, which images of before lack. */
    const unsigned length_at = which == IFL_TEXT_NAME ? 6 : 2 * which;
    size_t len = le16_get(entry + length_at);
    uint32_t text_at = le32_get(entry + 8);
    for (unsigned i = 2; i < length_at; i += 2) {
        text_at += le16_get(entry + i);
    }
    if (len == 0) {
        return false;
    }
    len = len < size ? len : size - 1;
    buf[len] = '\0';
    return stored_read(document, text_at, buf, len) == IFL_OK;
}

enum ifl_status texts_use(struct texts *texts, struct flash_region region)
{
    const enum ifl_status status = stored_find(region, STORED_TEXTS, 1, &texts->document);
    if (status == IFL_OK) {
        ifl_texts_from(read_text, texts);
    }
    return status;
}
