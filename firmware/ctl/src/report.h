/* report.h: how verbs that judge something tell it: at a glance for people, as one JSON object for scripts. */
#ifndef CTL_REPORT_H
#define CTL_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/status.h"
#include "base/text.h"

enum mark {
    MARK_GOOD, /* ✔ */
    MARK_NOTE, /* ! */
    MARK_BAD,  /* ✘ */
    MARK_NONE, /* – */
};

#define REPORT_PROBLEM_MAX 16
#define REPORT_DETAIL_SIZE 512

/* What was found wrong, in the order of finding. A warning doesn't make the thing unusable. */
struct report_problem {
    enum ifl_status status;
    char detail[REPORT_DETAIL_SIZE]; /* goes into the cause; may be "" */
};
struct report {
    size_t count;
    struct report_problem problems[REPORT_PROBLEM_MAX];
};

void report_add(struct report *report, enum ifl_status status, const char *detail);
/* None of the problems is more than a warning. */
bool report_is_good(const struct report *report);

/* "✔ " in green and so on: colours only on a terminal, and not where NO_COLOR is set (no-color.org). */
void report_mark(enum mark mark);
/* "  name        value" */
void report_line(const char *name, const char *value);
/* Each problem with code, cause and remedy. */
void report_problems(const struct report *report);

/* Pieces of a JSON object on stdout. NULL as a value writes null. */
void report_json_text(const char *name, const char *value);
/* "problems": [{"code", "name", "cause", "remedy"}, ...] */
void report_json_problems(const struct report *report);

#endif
