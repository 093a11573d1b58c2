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

/* An entry and its texts, which go to `at`; where the next ones go. */
static size_t put_entry(uint8_t *body, unsigned index, unsigned number, const char *const texts[3], size_t at)
{
    uint8_t *entry = body + COUNT_SIZE + index * ENTRY_SIZE;
    le16_put(entry, (uint16_t)number);
    le32_put(entry + 8, (uint32_t)at);
    for (size_t i = 0; i < 3; i++) {
        le16_put(entry + 2 + 2 * i, (uint16_t)strlen(texts[i]));
        at = put_text(body, at, texts[i]);
    }
    return at;
}

void texts_make(uint8_t body[TEXTS_SIZE_MAX], size_t *size)
{
    unsigned causes = 0, words = 0;
    while (ifl_diag_at(causes) != NULL) {
        causes++;
    }
    while (ifl_words_at(words) != 0) {
        words++;
    }
    memset(body, 0, TEXTS_SIZE_MAX);
    le32_put(body, causes + words);
    size_t at = COUNT_SIZE + (causes + words + 1u) * ENTRY_SIZE;
    for (unsigned i = 0; i < causes; i++) {
        const enum ifl_status status = ifl_diag_at(i)->status;
        at = put_entry(body, i, status, (const char *const[]){ifl_cause(status), ifl_remedy(status), ifl_name(status)},
                       at);
    }
    for (unsigned i = 0; i < words; i++) {
        char text[IFL_WORDS_SIZE];
        (void)ifl_words((enum ifl_words)ifl_words_at(i), text, sizeof text);
        at = put_entry(body, causes + i, ifl_words_at(i), (const char *const[]){text, "", ""}, at);
    }
    le16_put(body + COUNT_SIZE + (causes + words) * ENTRY_SIZE, UINT16_MAX);
    *size = at;
}
