/* notify.h: what iflowd tells systemd (sd_notify(3)); nothing happens where it wasn't started by systemd. */
#ifndef GATEWAY_NOTIFY_H
#define GATEWAY_NOTIFY_H

#include <stdbool.h>

#include "base/time.h"

void notify_ready(ifl_ms now);
/* SIGHUP: from now until notify_ready() the service counts as reloading. */
void notify_reloading(void);
void notify_stopping(void);
/* Is anybody listening? Else a status needn't be made. */
bool notify_wanted(void);
/* One line for `systemctl status`; told when it has changed, at most once a second. Returns when it wants to be called again. */
ifl_ms notify_status(const char *line, ifl_ms now);
/* Feed the watchdog if it's time. Returns when it wants to be called again. */
ifl_ms notify_step(ifl_ms now);

#endif
