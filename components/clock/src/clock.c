#include "clock/clock.h"

#include <stddef.h>

#define UPTIME_MASK UINT32_C(0xFFFFFF)
#define LAST_UNIX_S INT64_C(253402300799) /* 9999-12-31T23:59:59Z: the last second with a four-digit year */

void clock_init(struct clock *clock, int64_t build_unix_s, ifl_ms now)
{
    clock->build_unix_s = build_unix_s;
    clock->base_unix_s = build_unix_s;
    clock->base_ms = now;
    clock->quality = CLOCK_BUILD;
    clock->since_ms = now;
    clock->start_ms = now;
    clock->uptime_before_s = 0;
}

/* Not inlined: see ifl_ms_after(). */
__attribute__((noinline)) uint64_t clock_uptime_s(const struct clock *clock, ifl_ms now)
{
    return clock->uptime_before_s + (now > clock->start_ms ? (now - clock->start_ms) / 1000 : 0);
}

void clock_uptime_tell(struct clock *clock, uint64_t before_s)
{
    clock->uptime_before_s = before_s;
}

static uint32_t uptime_min(const struct clock *clock, ifl_ms now)
{
    return (uint32_t)(clock_uptime_s(clock, now) / 60) & UPTIME_MASK;
}

uint32_t clock_age_min(const struct clock *clock, uint32_t then_min, ifl_ms now)
{
    const uint32_t age = (uptime_min(clock, now) - then_min) & UPTIME_MASK;
    return age <= CLOCK_AGE_MAX_MIN ? age : 0;
}

struct clock_reading clock_read(const struct clock *clock, ifl_ms now)
{
    ifl_ms elapsed_ms = now > clock->base_ms ? now - clock->base_ms : 0;
    /* 2^64 ms are 1.8e16 s: the sum can't wrap, because the base is at most LAST_UNIX_S. */
    int64_t unix_s = clock->base_unix_s + (int64_t)(elapsed_ms / 1000);
    return (struct clock_reading){
        .unix_s = unix_s < LAST_UNIX_S ? unix_s : LAST_UNIX_S,
        .quality = clock->quality,
        .uptime_min = uptime_min(clock, now),
    };
}

static bool is_credible(const struct clock *clock, int64_t unix_s, enum clock_quality quality, int64_t ceiling_unix_s)
{
    if (unix_s < clock->build_unix_s || unix_s > LAST_UNIX_S) {
        return false;
    }
    return quality != CLOCK_HTTP || ceiling_unix_s == 0 || unix_s <= ceiling_unix_s;
}

static bool is_taken(struct clock_reading present, int64_t unix_s, enum clock_quality quality)
{
    if (quality > present.quality) {
        return true;
    }
    if (quality < present.quality) {
        return unix_s - present.unix_s > CLOCK_TOLERANCE_S;
    }
    return quality >= CLOCK_SNTP || unix_s > present.unix_s;
}

bool clock_set(struct clock *clock, int64_t unix_s, enum clock_quality quality, int64_t ceiling_unix_s, ifl_ms now)
{
    if (!is_credible(clock, unix_s, quality, ceiling_unix_s) || !is_taken(clock_read(clock, now), unix_s, quality)) {
        return false;
    }
    clock->base_unix_s = unix_s;
    clock->base_ms = now;
    if (clock->quality != quality) {
        clock->quality = quality;
        clock->since_ms = now;
    }
    return true;
}

bool clock_is_past(const struct clock *clock, int64_t unix_s, ifl_ms now)
{
    return unix_s < clock_read(clock, now).unix_s;
}

bool clock_is_ahead(const struct clock *clock, int64_t unix_s, ifl_ms now)
{
    struct clock_reading reading = clock_read(clock, now);
    return reading.quality >= CLOCK_SNTP && unix_s > reading.unix_s;
}

/* Not inlined: see ifl_ms_after(). */
__attribute__((noinline)) const char *clock_quality_name(enum clock_quality quality)
{
    static const char *const names[] = {"build", "stored", "http", "sntp", "rtc"};
    size_t index = (size_t)quality;
    return index < sizeof names / sizeof names[0] ? names[index] : "unknown";
}
