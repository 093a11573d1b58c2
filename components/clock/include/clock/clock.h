/* clock.h: wall time as a lower bound and a quality; monotonic time carries it on.
 *
 * A device without a battery starts in 1970 and must neither refuse every certificate nor trust every one. So the clock says: "it is at least
 * this late", and how it knows. The bound never moves back, except when a better source than all before says so. Timers never use it.
 *
 *   source     quality   moves the bound
 *   build      BUILD     at start; nothing ever moves it before the build
 *   flash      STORED    forward
 *   HTTP Date  HTTP      forward, and never past the certificate of the server that said it
 *   SNTP       SNTP      both ways (drift), but only against sources that aren't better
 *   RTC, OS    RTC       both ways
 *
 * Beside it counts how long the device has been up in all its starts: no source can make that jump, so ages are measured by it. A time that it's switched
 * off doesn't count.
 *
 * A struct of the caller, no memory and no I/O; nothing blocks or fails. */
#ifndef CLOCK_CLOCK_H
#define CLOCK_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "base/time.h"

enum clock_quality {
    CLOCK_BUILD = 0,  /* the program was built then */
    CLOCK_STORED = 1, /* last known time from flash */
    CLOCK_HTTP = 2,   /* Date header inside a verified connection */
    CLOCK_SNTP = 3,
    CLOCK_RTC = 4, /* battery-backed clock, or the operating system's synchronised one */
};

/* Seconds by which a worse source may differ without being a contradiction (Date has whole seconds, answers travel). */
#define CLOCK_TOLERANCE_S 60

struct clock {
    int64_t build_unix_s; /* no source is believed that says an earlier time */
    int64_t base_unix_s;  /* wall time at base_ms */
    ifl_ms base_ms;
    enum clock_quality quality;
    ifl_ms since_ms; /* when the quality was reached */
    ifl_ms start_ms;
    uint64_t uptime_before_s;
};

#define CLOCK_AGE_MAX_MIN UINT32_C(0x7FFFFF) /* 15.9 years: the largest age that can be told */

struct clock_reading {
    int64_t unix_s; /* it is at least this late */
    enum clock_quality quality;
    uint32_t uptime_min; /* minutes up in all, the lower 24 bits */
};

/* Start with the build time (seconds since 1970). */
void clock_init(struct clock *clock, int64_t build_unix_s, ifl_ms now);
/* A source says what time it is. True: taken.
 *
 *   better quality than now     taken as it is, also when it's earlier than the bound
 *   the same quality            SNTP and RTC: taken as it is; others: only if later than the bound
 *   worse quality               only if later than the bound by more than CLOCK_TOLERANCE_S; the quality falls to this source's, because
 *                               the time is now known from it and the better source was behind
 *   before the build, after 9999, or CLOCK_HTTP later than `ceiling_unix_s` (0 = none; the server leaf's notAfter): never
 *
 * With false nothing has changed. */
bool clock_set(struct clock *clock, int64_t unix_s, enum clock_quality quality, int64_t ceiling_unix_s, ifl_ms now);
/* The bound, carried on by the monotonic time. */
struct clock_reading clock_read(const struct clock *clock, ifl_ms now);
/* notAfter lies before the time that must have been reached. Valid with any quality. */
bool clock_is_past(const struct clock *clock, int64_t unix_s, ifl_ms now);
/* The moment is known to lie ahead: only with quality >= CLOCK_SNTP, since a low bound proves nothing. */
bool clock_is_ahead(const struct clock *clock, int64_t unix_s, ifl_ms now);
/* Seconds that the device has been up in all; after clock_init() those since then. Keep it in flash from time to time (state.h, STATE_UPTIME), and
 * tell it at the next start: what was lost in between makes ages smaller, never larger. */
uint64_t clock_uptime_s(const struct clock *clock, ifl_ms now);
void clock_uptime_tell(struct clock *clock, uint64_t before_s);
/* Minutes up since `uptime_min` of a reading, 0..CLOCK_AGE_MAX_MIN; 0 where that one seems to lie ahead. */
uint32_t clock_age_min(const struct clock *clock, uint32_t uptime_min, ifl_ms now);
const char *clock_quality_name(enum clock_quality quality); /* "build", "stored", "http", "sntp", "rtc" */

#endif
