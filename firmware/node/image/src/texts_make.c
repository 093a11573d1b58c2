/* texts_make.c: the other side of texts.c: no firmware has it. */
#include <string.h>

#include "base/bytes.h"
#include "image/texts.h"

#define COUNT_SIZE 4u
#define ENTRY_SIZE 12u

static size_t put_text(uint8_t *to, size_t at, const char *text)
{
    memcpy(to + at, text, strlen(text));
    return at + strlen(text);
}

void texts_make(uint8_t body[TEXTS_SIZE_MAX], size_t *size)
{
    unsigned count = 0;
    while (ifl_diag_at(count) != NULL) {
        count++;
    }
    memset(body, 0, TEXTS_SIZE_MAX);
    le32_put(body, count);
    size_t at = COUNT_SIZE + (count + 1u) * ENTRY_SIZE;
    for (unsigned i = 0; i < count; i++) {
        uint8_t *entry = body + COUNT_SIZE + i * ENTRY_SIZE;
        const enum ifl_status status = ifl_diag_at(i)->status;
        le16_put(entry, (uint16_t)status);
        le32_put(entry + 8, (uint32_t)at);
        le16_put(entry + 2, (uint16_t)strlen(ifl_cause(status)));
        le16_put(entry + 4, (uint16_t)strlen(ifl_remedy(status)));
        le16_put(entry + 6, (uint16_t)strlen(ifl_name(status)));
        at = put_text(body, at, ifl_cause(status));
        at = put_text(body, at, ifl_remedy(status));
        at = put_text(body, at, ifl_name(status));
    }
    le16_put(body + COUNT_SIZE + count * ENTRY_SIZE, UINT16_MAX);
    *size = at;
}
