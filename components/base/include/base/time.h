/* time.h: how rooms speak of time. Monotonic milliseconds drive every timer; wall time is only ever shown, compared with
 * certificates and stored with messages. */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds since start, never jumping, 64 bit. A step function takes `now` and returns the moment at which it wants to be
 * called again: `now` or earlier = at once, IFL_NEVER = only after an event. */
typedef uint64_t ifl_ms;

#define IFL_NEVER UINT64_MAX

static inline ifl_ms ifl_ms_min(ifl_ms a, ifl_ms b)
{
    return a < b ? a : b;
}

/* now + delta without wrapping: the end of time is IFL_NEVER. */
ifl_ms ifl_ms_after(ifl_ms now, uint64_t delta_ms);

/* Calendar arithmetic (proleptic Gregorian, UTC), a million years to either side of 1970. */
struct ifl_civil {
    int year;
    unsigned month, day, hour, minute, second; /* month and day count from 1 */
};
int64_t ifl_unix_from_civil(const struct ifl_civil *civil);
void ifl_civil_from_unix(int64_t unix_s, struct ifl_civil *civil);

/* A date as HTTP writes it, in its three forms (RFC 9110 section 5.6.7); the day of the week isn't checked, separators and leading
 * zeros are taken as they come, a year of two digits is one of 1970..2069, years before 1900 are refused. False: it's none;
 * *unix_s is untouched. */
bool ifl_unix_from_http_date(const char *text, int64_t *unix_s);

#endif
