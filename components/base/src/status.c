#include "base/status.h"

#include <stdint.h>

#include "diag_texts.inc" /* CODES: cmake/pack-texts.py */

_Static_assert(TEXT_LEN_MAX < IFL_TEXT_SIZE, "a buffer holds every text");

static const struct ifl_diag rows[] = {
#define IFL_DIAG(name, number, severity, action, cause, remedy)                                                        \
    {IFL_##name, IFL_SEVERITY_##severity, IFL_ACTION_##action},
#include "base/diag.def"
#undef IFL_DIAG
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

const struct ifl_diag *ifl_diag_at(unsigned index)
{
    return index < ROW_COUNT ? &rows[index] : NULL;
}

const struct ifl_diag *ifl_diag(enum ifl_status status)
{
    const struct ifl_diag *unknown = &rows[0];
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (rows[i].status == status)
            return &rows[i];
        if (rows[i].status == IFL_INVALID)
            unknown = &rows[i];
    }
    return unknown;
}

static unsigned code_at(size_t index)
{
    const uint8_t *at = CODES + index * 10 / 8;
    return ((unsigned)(at[0] | at[1] << 8) >> index * 10 % 8) & 0x3FF;
}

static const uint16_t told[] = {TOLD};

/* Whose texts are told: the place in `told`, or the one behind it. */
static size_t told_as(unsigned number)
{
    size_t place = 0;
    while (place < sizeof told / sizeof told[0] && told[place] != number)
        place++;
    return place;
}

/* Where the text number `number` begins, behind all pairs and the texts before it. */
static size_t text_at(size_t number)
{
    size_t at = (size_t)2 * PAIR_COUNT;
    while (number > 0)
        number -= code_at(at++) == 0;
    return at;
}

static bool (*read_elsewhere)(void *ctx, unsigned number, enum ifl_text which, char *buf, size_t size);
static void *elsewhere;

void ifl_texts_from(bool (*read)(void *ctx, unsigned number, enum ifl_text which, char *buf, size_t size), void *ctx)
{
    read_elsewhere = read;
    elsewhere = ctx;
}

/* Behind one code stands a tree of pairs: the left part is read at once, the right ones wait. */
static bool text_of(unsigned number, enum ifl_text which, char *buf, size_t size)
{
    if (read_elsewhere != NULL && read_elsewhere(elsewhere, number, which, buf, size))
        return true;
    const size_t place = told_as(number);
    size_t at = text_at(place * 3 + which), waiting_count = 0, len = 0;
    uint16_t waiting[PAIR_DEPTH];
    for (unsigned code = code_at(at++); code != 0;
         code = waiting_count > 0 ? waiting[--waiting_count] : code_at(at++)) {
        while (code >= FIRST_PAIR) {
            size_t pair = (size_t)2 * (code - FIRST_PAIR);
            waiting[waiting_count++] = (uint16_t)code_at(pair + 1);
            code = code_at(pair);
        }
        if (len + 1 < size)
            buf[len++] = (char)(code == LINE_END ? '\n' : ' ' + (int)code - 1);
    }
    buf[len] = '\0';
    return place < sizeof told / sizeof told[0];
}

const char *ifl_text(enum ifl_status status, enum ifl_text which, char *buf, size_t size)
{
    (void)text_of(ifl_diag(status)->status, which, buf, size);
    return buf;
}

bool ifl_words(enum ifl_words words, char *buf, size_t size)
{
    return text_of(words, IFL_TEXT_CAUSE, buf, size);
}

unsigned ifl_words_at(unsigned index)
{
    static const uint16_t numbers[] = {
#define IFL_WORDS(name, number, text) (number),
#include "base/words.def"
#undef IFL_WORDS
        0};
    return numbers[index];
}

const char *ifl_action_name(enum ifl_action action)
{
    switch (action) {
    case IFL_ACTION_DONE:
        return "done";
    case IFL_ACTION_RETRY_HOST:
        return "retry host";
    case IFL_ACTION_RETRY_ROUTE:
        return "retry route";
    case IFL_ACTION_HOLD_ROUTE:
        return "hold route";
    case IFL_ACTION_HOLD_HOST:
        return "hold host";
    case IFL_ACTION_HOLD_IDENTITY:
        return "hold identity";
    case IFL_ACTION_DEAD_LETTER:
        return "dead-letter";
    case IFL_ACTION_CSRF:
        return "fetch token";
    case IFL_ACTION_STOP:
        return "stop";
    case IFL_ACTION_NONE:
    default:
        return "none";
    }
}
