#include "report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void report_add(struct report *report, enum ifl_status status, const char *detail)
{
    if (report->count < REPORT_PROBLEM_MAX) {
        struct report_problem *problem = &report->problems[report->count++];
        problem->status = status;
        snprintf(problem->detail, sizeof problem->detail, "%s", detail);
    }
}

static bool is_warning(enum ifl_status status)
{
    return ifl_diag(status)->severity <= IFL_SEVERITY_WARNING;
}

bool report_is_good(const struct report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        if (!is_warning(report->problems[i].status)) {
            return false;
        }
    }
    return true;
}

/* ---- for people ---- */

static bool has_colours(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

void report_mark(enum mark mark)
{
    static const char *const signs[] = {"\xE2\x9C\x94", "!", "\xE2\x9C\x98", "\xE2\x80\x93"};
    static const char *const colours[] = {"\033[32m", "\033[33m", "\033[31m", "\033[2m"};
    const bool coloured = has_colours();
    printf("%s%s%s ", coloured ? colours[mark] : "", signs[mark], coloured ? "\033[0m" : "");
}

void report_line(const char *name, const char *value)
{
    if (value[0] != '\0') {
        printf("  %-12s %s\n", name, value);
    }
}

/* The cause with the detail before its full stop. */
static void cause_text(const struct report_problem *problem, struct text *out)
{
    const char *cause = ifl_cause(problem->status);
    size_t len = strlen(cause);
    if (problem->detail[0] != '\0' && len > 0 && cause[len - 1] == '.') {
        len--;
    }
    text_bytes(out, bytes_of(cause, len));
    if (problem->detail[0] != '\0') {
        text_str(out, " (");
        text_str(out, problem->detail);
        text_str(out, ").");
    }
}

void report_problems(const struct report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct report_problem *problem = &report->problems[i];
        char buf[1024];
        struct text cause;
        text_init(&cause, buf, sizeof buf);
        cause_text(problem, &cause);
        report_mark(is_warning(problem->status) ? MARK_NOTE : MARK_BAD);
        printf("E%d %s\n      %s\n", (int)problem->status, buf, ifl_remedy(problem->status));
    }
}

/* ---- for scripts ---- */

static void put_json_string(const char *value)
{
    char buf[4096];
    struct text out;
    text_init(&out, buf, sizeof buf);
    text_json(&out, bytes_of_string(value));
    fputs(buf, stdout);
}

void report_json_text(const char *name, const char *value)
{
    printf("\"%s\": ", name);
    if (value == NULL) {
        fputs("null", stdout);
    } else {
        put_json_string(value);
    }
}

void report_json_problems(const struct report *report)
{
    fputs("\"problems\": [", stdout);
    for (size_t i = 0; i < report->count; i++) {
        const enum ifl_status status = report->problems[i].status;
        char buf[1024];
        struct text cause;
        text_init(&cause, buf, sizeof buf);
        cause_text(&report->problems[i], &cause);
        printf("%s{\"code\": %d, ", i > 0 ? ", " : "", (int)status);
        report_json_text("name", ifl_name(status));
        fputs(", ", stdout);
        report_json_text("cause", buf);
        fputs(", ", stdout);
        report_json_text("remedy", ifl_remedy(status));
        fputs("}", stdout);
    }
    fputs("]", stdout);
}
