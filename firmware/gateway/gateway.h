/* gateway.h: iflowd: all rooms wired together, and the loop that steps them. */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "options.h"

/* Run until SIGTERM or SIGINT, or until everything is delivered where the options say so. Returns the program's exit status. What happened
 * stands in the log. Call it once. */
int gateway_run(const struct options *options);

#endif
