#include "notify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

static uint64_t watchdog_ms; /* half of systemd's limit; 0: there is none */
static ifl_ms next_feed, next_status;
static char last_status[160];

void notify_ready(ifl_ms now)
{
    uint64_t limit_us = 0;
    if (sd_watchdog_enabled(0, &limit_us) > 0) {
        watchdog_ms = limit_us / 2000;
        next_feed = now;
    }
    (void)sd_notify(0, "READY=1");
}

void notify_reloading(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000);
}

void notify_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1");
}

bool notify_wanted(void)
{
    return getenv("NOTIFY_SOCKET") != NULL;
}

ifl_ms notify_status(const char *line, ifl_ms now)
{
    if (strcmp(line, last_status) == 0) {
        return IFL_NEVER;
    }
    if (now < next_status) {
        return next_status;
    }
    snprintf(last_status, sizeof last_status, "%s", line);
    (void)sd_notifyf(0, "STATUS=%s", line);
    next_status = now + 1000;
    return IFL_NEVER;
}

ifl_ms notify_step(ifl_ms now)
{
    if (watchdog_ms == 0) {
        return IFL_NEVER;
    }
    if (now >= next_feed) {
        (void)sd_notify(0, "WATCHDOG=1");
        next_feed = now + watchdog_ms;
    }
    return next_feed;
}
