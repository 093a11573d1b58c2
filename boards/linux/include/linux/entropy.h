/* entropy.h: random bytes from the kernel. */
#ifndef LINUX_ENTROPY_H
#define LINUX_ENTROPY_H

#include "base/random.h"

/* getrandom(2). NO_ENTROPY only while the machine starts and its pool isn't filled yet. */
struct ifl_random entropy_random(void);

#endif
