/* status.h: one enum for every outcome, and what to tell people about it.
 *
 * All values, their numbers and texts stand in diag.def. Zero is success; everything else says exactly one cause. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

enum ifl_status {
#define IFL_DIAG(name, number, severity, action, cause, remedy) IFL_##name = (number),
#include "base/diag.def"
#undef IFL_DIAG
};

enum ifl_severity { IFL_SEVERITY_INFO, IFL_SEVERITY_WARNING, IFL_SEVERITY_ERROR, IFL_SEVERITY_DEFECT };

enum ifl_action {
    IFL_ACTION_NONE,
    IFL_ACTION_DONE,
    IFL_ACTION_RETRY_HOST,
    IFL_ACTION_RETRY_ROUTE,
    IFL_ACTION_HOLD_ROUTE,
    IFL_ACTION_HOLD_HOST,
    IFL_ACTION_HOLD_IDENTITY,
    IFL_ACTION_DEAD_LETTER,
    IFL_ACTION_CSRF,
    IFL_ACTION_STOP,
};

struct ifl_diag {
    enum ifl_status status;
    enum ifl_severity severity;
    enum ifl_action action;
    const char *name;   /* "NET_DNS" */
    const char *cause;  /* a sentence */
    const char *remedy; /* a sentence */
};

/* The row of `status`. Never NULL: a value that isn't in diag.def gives the row of IFL_INVALID. */
const struct ifl_diag *ifl_diag(enum ifl_status status);

/* Iterate over all rows (for manuals and tests): NULL behind the last one. */
const struct ifl_diag *ifl_diag_at(unsigned index);

/* "retry host", "hold route", ... for people. */
const char *ifl_action_name(enum ifl_action action);

#endif
