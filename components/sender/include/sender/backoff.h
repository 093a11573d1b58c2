/* backoff.h: how long to wait after a failure, so that a thousand devices never become an attack.
 *
 * Full jitter over the whole interval: uniform in 0 .. min(cap, base * 2^attempt). No arithmetic here can overflow. */
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
/* A failure: the time to wait, at least `at_least_ms` (from Retry-After, capped by the caller). */
uint64_t backoff_next_ms(struct backoff *backoff, const struct ifl_random *random, uint64_t at_least_ms);
/* A success. */
void backoff_reset(struct backoff *backoff);

#endif
