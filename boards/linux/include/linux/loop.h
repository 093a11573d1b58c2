/* loop.h: monotonic time, and waiting for the earliest wish or an event. */
#ifndef LINUX_LOOP_H
#define LINUX_LOOP_H

#include <poll.h>
#include <stddef.h>

#include "base/time.h"

#define LOOP_EXTRA_MAX 256 /* file descriptors of the program's own in one call */

/* Milliseconds since the machine started, time asleep included (CLOCK_BOOTTIME), so that a suspended gateway notices
 * that time has passed. */
ifl_ms loop_now(void);

/* Sleep until `until`, or until one of the program's own descriptors (`extra`, as for poll(2); count may be 0) or one
 * of the network's has an event, or a signal was handled. `revents` of the extra ones is filled. What the network's
 * descriptors are waited for follows from what the rooms last met: readability where a receive found nothing
 * or may have left something, writability where a send wasn't taken. An event that nobody fetches is told once. */
void loop_wait(struct pollfd *extra, size_t count, ifl_ms until);

#endif
