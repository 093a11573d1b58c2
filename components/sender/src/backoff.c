#include "sender/backoff.h"

void backoff_init(struct backoff *backoff, uint32_t base_ms, uint32_t cap_ms)
{
    *backoff = (struct backoff){.base_ms = base_ms, .cap_ms = cap_ms};
}

/* Uniform in the last `quarters` quarters of min(cap, base * 2^attempts), and one more attempt. */
static uint64_t draw_ms(struct backoff *backoff, const struct ifl_random *random, unsigned quarters)
{
    uint64_t interval = (uint64_t)backoff->base_ms << (backoff->attempts < 31 ? backoff->attempts : 31);
    if (interval > backoff->cap_ms)
        interval = backoff->cap_ms;
    if (backoff->attempts < UINT16_MAX)
        backoff->attempts++;
    uint64_t width = interval * quarters / 4;
    return interval - width + ifl_random_below(random, width + 1);
}

uint64_t backoff_next_ms(struct backoff *backoff, const struct ifl_random *random, uint64_t at_least_ms)
{
    return ifl_ms_after(at_least_ms, draw_ms(backoff, random, 4));
}

uint64_t backoff_probe_ms(struct backoff *backoff, const struct ifl_random *random, uint64_t at_least_ms)
{
    uint64_t wait_ms = draw_ms(backoff, random, 1);
    return wait_ms > at_least_ms ? wait_ms : at_least_ms;
}

void backoff_reset(struct backoff *backoff)
{
    backoff->attempts = 0;
}
