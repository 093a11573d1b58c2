#include "sender/backoff.h"

void backoff_init(struct backoff *backoff, uint32_t base_ms, uint32_t cap_ms)
{
    *backoff = (struct backoff){.base_ms = base_ms, .cap_ms = cap_ms};
}

/* Uniform between the interval min(cap, base * 2^attempts) and what is left of it without its last 1 / 2^`shift`; and one more attempt. */
static uint32_t draw_ms(struct backoff *backoff, const struct ifl_random *random, unsigned shift)
{
    uint32_t interval = backoff->cap_ms;
    if (backoff->attempts < 31 && backoff->base_ms < interval >> backoff->attempts)
        interval = backoff->base_ms << backoff->attempts;
    if (backoff->attempts < UINT16_MAX)
        backoff->attempts++;
    uint32_t width = interval >> shift;
    return interval - width + (uint32_t)ifl_random_below(random, (uint64_t)width + 1);
}

uint64_t backoff_next_ms(struct backoff *backoff, const struct ifl_random *random, uint32_t at_least_ms)
{
    return (uint64_t)at_least_ms + draw_ms(backoff, random, 0);
}

uint64_t backoff_probe_ms(struct backoff *backoff, const struct ifl_random *random, uint32_t at_least_ms)
{
    uint32_t wait_ms = draw_ms(backoff, random, 2);
    return wait_ms > at_least_ms ? wait_ms : at_least_ms;
}

void backoff_reset(struct backoff *backoff)
{
    backoff->attempts = 0;
}
