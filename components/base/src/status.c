#include "base/status.h"

#include <stddef.h>

static const struct ifl_diag rows[] = {
#define IFL_DIAG(name, number, severity, action, cause, remedy)                                                        \
    {IFL_##name, IFL_SEVERITY_##severity, IFL_ACTION_##action, #name, cause, remedy},
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
