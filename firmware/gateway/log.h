/* log.h: one line an event on standard error. Under systemd each line carries its priority (sd-daemon(3)). Never a secret. */
#ifndef GATEWAY_LOG_H
#define GATEWAY_LOG_H

#include "base/status.h"
#include "health/health.h"
#include "settings/settings.h"

void log_init(void);
/* A sentence for people. */
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "E411 cause remedy (detail)". `detail` may be NULL. */
void log_status(enum ifl_status status, const char *detail);
/* The listener of the health room; `ctx` is the struct settings in force: for the name of the route. */
void log_event(void *ctx, const struct health_event *event);

#endif
