/* node_line.h: a node's console on a serial port, or on the Unix socket or pseudo-terminal that QEMU gives.
 *
 * The caller owns the struct; it holds no secret. Waits for the port and for answers, at most `timeout_ms` for each. */
#ifndef CTL_NODE_LINE_H
#define CTL_NODE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/status.h"

#define NODE_LINE_SIZE 16384u

struct node_line {
    const char *port;
    bool json; /* errors are reported as JSON, answers are expected as JSON */
    bool tell; /* what the node logs while it answers goes to standard error */
    int timeout_ms;
    int fd;
    /* private */
    bool first, error, problem, ready, lost, last_try, mute;
    size_t len;
    char text[NODE_LINE_SIZE]; /* the line at hand, without its end */
};

/* 115,200 baud 8N1 where it's a terminal. OK, or FILE: errno says why; nothing is open. */
enum ifl_status node_line_open(struct node_line *line);
/* In pieces, because the node may be busy with a signature meanwhile. False: errno says why. */
bool node_line_send(struct node_line *line, struct bytes text);
/* Bytes that came, 0: nothing within that time, -1: the port has gone. */
ssize_t node_line_receive(struct node_line *line, char *buf, size_t size, int wait_ms);
/* Print an error that was found here. Returns 1. */
int node_line_report(const struct node_line *line, enum ifl_status status, const char *detail);

/* Say `unlock` with the PIN that is the first line of this file. 0, or the program's exit status: the error has been printed. */
int node_line_unlock(struct node_line *line, const char *pin_file);
/* Send `command` (with its line end), and `pasted` (up to the line with a dot; empty: nothing) when the node says that it may come; print the answer: good
 * ones to standard output, errors to standard error, JSON always to standard output. Where the node says that characters were lost, it is pasted again, more
 * slowly. Returns the program's exit status: 0, or 1 where the node refuses or doesn't answer. */
int node_line_ask(struct node_line *line, struct bytes command, struct bytes pasted);

#endif
