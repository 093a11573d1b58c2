/* random.h: where random bytes come from. A board gives one; the simulator gives one that follows from its seed. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct ifl_random {
    /* Fill `size` bytes with unpredictable ones. OK, or IFL_NO_ENTROPY with the buffer zeroed. Doesn't block. */
    enum ifl_status (*fill)(void *ctx, void *buf, size_t size);
    void *ctx;
};

/* Uniform in 0..bound-1 without modulo bias (bound >= 1). Without entropy: bound - 1, so that a waiting time stays safe. */
uint64_t ifl_random_below(const struct ifl_random *random, uint64_t bound);

#endif
