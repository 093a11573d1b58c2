/* system_clock.h: the operating system's time of day as a source for the room clock. */
#ifndef LINUX_SYSTEM_CLOCK_H
#define LINUX_SYSTEM_CLOCK_H

#include "clock/clock.h"

/* Tell `clock` what time the system believes it is; cheap enough for every step. Quality CLOCK_RTC where the kernel
 * says that the time is synchronised (adjtimex(2)) or was set from a hardware clock at boot (/sys/class/rtc); else
 * CLOCK_STORED: machines without a battery start with the time of their last shutdown. */
void system_clock_tell(struct clock *clock, ifl_ms now);

#endif
