/* daemon.h: talking to a running iflowd, on its console's socket. */
#ifndef CTL_DAEMON_H
#define CTL_DAEMON_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/status.h"

#define DAEMON_RUN_DIR "/run/iflow"

/* Send `text` (a command with its line end, and what belongs to it) and print the answer: good ones to standard output, errors to standard error, JSON
 * always to standard output. `json`: the command asks for JSON. Returns the program's exit status: 0, or 1 where iflowd says no or doesn't answer. */
int daemon_talk(const char *run_dir, bool json, struct bytes text);
/* The same for an error that was found here. Returns 1. */
int daemon_refuse(bool json, enum ifl_status status, const char *detail);

#endif
