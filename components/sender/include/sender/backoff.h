/* backoff.h: how long to wait after a failure, so that a thousand devices never become an attack.
 *
 * Pure arithmetic on the caller's struct: nothing here blocks, fails or overflows. Without entropy the waits are the longest possible. */
#ifndef SENDER_BACKOFF_H
#define SENDER_BACKOFF_H

#include <stdint.h>

#include "base/random.h"
#include "base/time.h"

struct backoff {
    uint32_t base_ms, cap_ms;
    uint16_t attempts; /* failures in a row; stops counting at its end */
};

void backoff_init(struct backoff *backoff, uint32_t base_ms, uint32_t cap_ms);

/* A failure: the time to wait with full jitter, uniform in 0 .. min(cap, base * 2^attempts). `at_least_ms` (from Retry-After, capped by
 * the caller; 0 = none) comes on top: a thousand devices that were told the same moment must not come back at the same moment. */
uint64_t backoff_next_ms(struct backoff *backoff, const struct ifl_random *random, uint32_t at_least_ms);

/* The next slow probe of a hold: uniform in the last quarter of min(cap, base * 2^attempts), so that it is never much too early and never later
 * than the cap. A larger `at_least_ms` counts instead. */
uint64_t backoff_probe_ms(struct backoff *backoff, const struct ifl_random *random, uint32_t at_least_ms);

/* A success. */
void backoff_reset(struct backoff *backoff);

#endif
