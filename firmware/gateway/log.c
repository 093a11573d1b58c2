#include "log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static bool with_priority; /* standard error is the journal's */

void log_init(void)
{
    with_priority = getenv("JOURNAL_STREAM") != NULL;
    setvbuf(stderr, NULL, _IOLBF, 0); /* a line is one write: it can't be torn by another process */
}

static int priority(enum ifl_severity severity)
{
    switch (severity) {
    case IFL_SEVERITY_INFO:
        return 6;
    case IFL_SEVERITY_WARNING:
        return 4;
    case IFL_SEVERITY_ERROR:
        return 3;
    case IFL_SEVERITY_DEFECT:
        return 2;
    }
    return 3;
}

static void begin(int level)
{
    if (with_priority) {
        fprintf(stderr, "<%d>", level);
    } else {
        fputs("iflowd: ", stderr);
    }
}

void log_info(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    begin(6);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

static void write_status(enum ifl_status status, const char *route, const char *detail)
{
    begin(priority(ifl_diag(status)->severity));
    fprintf(stderr, "%s%sE%d %s %s", route, route[0] != '\0' ? ": " : "", (int)status, ifl_cause(status),
            ifl_remedy(status));
    if (detail != NULL && detail[0] != '\0') {
        fprintf(stderr, " (%s)", detail);
    }
    fputc('\n', stderr);
}

void log_status(enum ifl_status status, const char *detail)
{
    write_status(status, "", detail);
}

void log_event(void *ctx, const struct health_event *event)
{
    const struct settings *settings = ctx;
    const bool known = event->route < settings->route_count;
    write_status(event->status, known ? settings->routes[event->route].name : "", event->detail);
}
