#include "base/random.h"

uint64_t ifl_random_below(const struct ifl_random *random, uint64_t bound)
{
    const uint64_t cut = UINT64_MAX - UINT64_MAX % bound; /* values from here on would favour small results */
    for (int tries = 0; tries < 64; tries++) {
        uint64_t value = 0;
        if (random->fill(random->ctx, &value, sizeof value) != IFL_OK)
            break;
        if (value < cut)
            return value % bound;
    }
    return bound - 1;
}
