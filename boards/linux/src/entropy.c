#include "linux/entropy.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static enum ifl_status fill(void *unused, void *buf, size_t size)
{
    (void)unused;
    uint8_t *out = buf;
    for (size_t done = 0; done < size;) {
        ssize_t got = getrandom(out + done, size - done, GRND_NONBLOCK);
        if (got > 0) {
            done += (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            memset(buf, 0, size);
            return IFL_NO_ENTROPY;
        }
    }
    return IFL_OK;
}

struct ifl_random entropy_random(void)
{
    return (struct ifl_random){fill, NULL};
}
