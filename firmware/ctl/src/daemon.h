/* daemon.h: talking to a console: that of a running iflowd on its socket, or that of a node on a serial port (node_line.h). */
#ifndef CTL_DAEMON_H
#define CTL_DAEMON_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/status.h"

#define DAEMON_RUN_DIR "/run/iflow"

/* Send `text` (a command with its line end, and what belongs to it) and print the answer: good ones to standard output, errors to standard error, JSON
 * always to standard output. `json`: the command asks for JSON. Returns the program's exit status: 0, or 1 where iflowd says no, has found a problem or doesn't answer. */
int daemon_talk(const char *run_dir, bool json, struct bytes text);
/* The first bytes of an answer (of its first line): it was done, but a problem was found; then the exit status is 1, too. */
bool daemon_tells_problem(bool json, const char *answer, size_t size);
/* Which console is meant: `--run DIR` is that of the iflowd that runs there, `--port PORT` that of a node. */
struct console_at {
    const char *run_dir, *port; /* port NULL: iflowd */
    const char *pin_file;       /* of a node; NULL: none */
    int timeout_ms;             /* for an answer of a node */
};
#define CONSOLE_AT_DEFAULT ((struct console_at){.run_dir = DAEMON_RUN_DIR, .timeout_ms = 30000})
/* For the options --run DIR, --port PORT, --pin-file FILE and --timeout SECONDS of a command line: takes argv[*i] and its value, and moves *i to that. 1: taken; 0: it's
 * something else; -1: the value is missing or wrong. */
int console_at_option(struct console_at *at, int argc, char **argv, int *i);
/* As daemon_talk(), at either console: the first line of `text` is the command, what follows is pasted. What a node logs meanwhile goes to standard error. */
int console_talk(const struct console_at *at, bool json, struct bytes text);
/* The same for an error that was found here. Returns 1. */
int daemon_refuse(bool json, enum ifl_status status, const char *detail);

#endif
