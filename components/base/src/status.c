#include "base/status.h"

#include <stdint.h>

#include "diag_texts.inc" /* PAIRS, TEXTS, STARTS */

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

/* Behind one code of TEXTS stands a tree of pairs: the left part is read at once, the right ones wait. */
const char *ifl_text(enum ifl_status status, enum ifl_text which, char *buf, size_t size)
{
    const uint8_t *at = TEXTS + STARTS[ifl_diag(status) - rows];
    for (unsigned skip = which; skip > 0; at++)
        skip -= *at == 0;
    uint8_t waiting[PAIR_DEPTH];
    size_t waiting_count = 0, len = 0;
    for (uint8_t code = *at++; code != 0; code = waiting_count > 0 ? waiting[--waiting_count] : *at++) {
        for (uint8_t pair = (uint8_t)(code - 0x80); pair < PAIR_COUNT; pair = (uint8_t)(code - 0x80)) {
            waiting[waiting_count++] = PAIRS[pair][1];
            code = PAIRS[pair][0];
        }
        if (len + 1 < size)
            buf[len++] = (char)code;
    }
    buf[len] = '\0';
    return buf;
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
