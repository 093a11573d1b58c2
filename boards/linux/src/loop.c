#include "linux/loop.h"

#include <string.h>
#include <time.h>

#include "net_link_sockets.h"

ifl_ms loop_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_BOOTTIME, &time);
    return (ifl_ms)time.tv_sec * 1000u + (ifl_ms)time.tv_nsec / 1000000u;
}

/* Rounded up to the next millisecond of the clock, or a wish would be granted just too early and asked for again. */
static struct timespec time_until(ifl_ms until)
{
    const uint64_t longest_ms = 24u * 3600u * 1000u;
    ifl_ms now = loop_now();
    uint64_t wait_ms = until > now ? until - now : 0;
    wait_ms = wait_ms < longest_ms ? wait_ms : longest_ms;
    return (struct timespec){.tv_sec = (time_t)(wait_ms / 1000u), .tv_nsec = (long)(wait_ms % 1000u) * 1000000};
}

void loop_wait(struct pollfd *extra, size_t count, ifl_ms until)
{
    struct pollfd set[LOOP_EXTRA_MAX + SOCKETS_POLL_MAX];
    count = count < LOOP_EXTRA_MAX ? count : LOOP_EXTRA_MAX;
    if (count > 0) {
        memcpy(set, extra, count * sizeof *set);
    }
    size_t sockets = sockets_poll(set + count);
    const struct timespec timeout = time_until(until);
    int events = ppoll(set, (nfds_t)(count + sockets), &timeout, NULL);
    for (size_t i = 0; i < count + sockets && events <= 0; i++) {
        set[i].revents = 0;
    }
    for (size_t i = 0; i < count; i++) {
        extra[i].revents = set[i].revents;
    }
    sockets_polled(set + count, sockets);
}
