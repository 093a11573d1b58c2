/* verb_node_console.c: `iflowctl node console`: a node's console on a serial port, or on the Unix socket or pseudo-terminal that QEMU gives.
 *
 * Without a command lines go from the terminal to the node (the terminal edits them) and everything that it says comes back, until Ctrl-D. With one the
 * answer is printed and the exit status says whether it's an error; what the node logs meanwhile isn't shown. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "node_line.h"
#include "verbs.h"

static const char USAGE[] =
    "usage: iflowctl node console PORT [COMMAND...] [--pin-file FILE] [--json] [--timeout SECONDS]\n\n"
    "Talks to a node at 115,200 baud 8N1. Without COMMAND: lines from the terminal, until Ctrl-D; `help` lists the commands.\n\n"
    "  PORT                a serial port (/dev/ttyUSB0), a pseudo-terminal, or a Unix socket (QEMU)\n"
    "  COMMAND...          one command of the node's console: its answer is printed\n"
    "  --pin-file FILE     its first line is the PIN of the node's image: say `unlock` first\n"
    "  --json              ask for JSON\n"
    "  --timeout SECONDS   how long an answer may take (10)\n\n"
    "Exit status: 0 fine, 1 the node refused or doesn't answer, 2 wrong usage.\n";

#define COMMAND_SIZE 1024u

struct talk {
    bool interactive;
    const char *pin_file;
    char command[COMMAND_SIZE];
    struct node_line line;
};

static int wrong(const char *what, const char *word)
{
    fprintf(stderr, "iflowctl node console: %s%s\n%s", what, word, USAGE);
    return 2;
}

/* ---- the command line ---- */

static bool add_word(struct talk *talk, const char *word)
{
    const size_t used = strlen(talk->command);
    if (strpbrk(word, "\r\n") != NULL || used + strlen(word) + 3 >= sizeof talk->command) {
        return false;
    }
    if (used > 0) {
        strcat(talk->command, " ");
    }
    strcat(talk->command, word);
    return true;
}

/* -1: go on; else the exit status. */
static int read_options(struct talk *talk, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) { /* "json" goes in front, so it's looked for first */
        talk->line.json = talk->line.json || strcmp(argv[i], "--json") == 0;
    }
    bool fits = true, any = false;
    if (talk->line.json) {
        fits = add_word(talk, "json");
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(USAGE, stdout);
            return 0;
        }
        if (strcmp(argv[i], "--json") == 0) {
            continue;
        }
        if (strcmp(argv[i], "--timeout") == 0) {
            char *end = NULL;
            const long seconds = i + 1 < argc ? strtol(argv[++i], &end, 10) : 0;
            if (seconds < 1 || seconds > 3600 || *end != '\0') {
                return wrong("--timeout wants 1 to 3600 seconds", "");
            }
            talk->line.timeout_ms = (int)seconds * 1000;
        } else if (strcmp(argv[i], "--pin-file") == 0) {
            talk->pin_file = i + 1 < argc ? argv[++i] : NULL;
            if (talk->pin_file == NULL) {
                return wrong("nothing follows ", "--pin-file");
            }
        } else if (talk->line.port == NULL) {
            if (argv[i][0] == '-') {
                return wrong("unknown word: ", argv[i]);
            }
            talk->line.port = argv[i];
        } else {
            any = true;
            fits = fits && add_word(talk, argv[i]);
        }
    }
    if (talk->line.port == NULL || !fits || (talk->line.json && !any)) {
        return wrong(talk->line.port == NULL ? "it needs a port"
                     : !fits                 ? "the command is too long, or has a line end in it"
                                             : "--json needs a command",
                     "");
    }
    talk->interactive = !any;
    return -1;
}

/* ---- a conversation ---- */

/* A script that has said everything waits for as many answers as it sent lines: a text ends with an empty line, JSON with its own. */
struct count {
    size_t sent, answered;
    bool line_begun, line_json;
};

static void count_sent(struct count *count, const char *buf, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        count->sent += buf[i] == '\n' && i > 0 && buf[i - 1] != '\n';
    }
}

static void count_answers(struct count *count, char c)
{
    if (c == '\n') {
        count->answered += !count->line_begun || count->line_json;
    } else if (!count->line_begun) {
        count->line_json = c == '{';
    }
    count->line_begun = c != '\n';
}

/* False: the node has gone. */
static bool show(struct talk *talk, struct count *count)
{
    char buf[4096];
    const ssize_t got = node_line_receive(&talk->line, buf, sizeof buf, 0);
    for (ssize_t i = 0; i < got; i++) {
        if (buf[i] != '\r') {
            putchar(buf[i]);
            count_answers(count, buf[i]);
        }
    }
    fflush(stdout);
    return got >= 0;
}

static int converse(struct talk *talk)
{
    char buf[4096];
    struct pollfd wait[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = talk->line.fd, .events = POLLIN}};
    if (isatty(STDIN_FILENO)) {
        fputs("Connected. `help` lists the commands, Ctrl-D ends.\n", stderr);
    }
    struct count count = {0};
    for (int quiet_ms = -1;;) {
        if (quiet_ms >= 0 && count.answered >= count.sent) {
            return 0;
        }
        const int ready = poll(wait, 2, quiet_ms);
        if (ready == 0) {
            return count.answered > 0 ? 0 : node_line_report(&talk->line, IFL_NODE_SILENT, "no answer");
        }
        if (ready < 0 && errno != EINTR) {
            return node_line_report(&talk->line, IFL_NODE_SILENT, strerror(errno));
        }
        if (ready > 0 && wait[1].revents != 0 && !show(talk, &count)) {
            return node_line_report(&talk->line, IFL_NODE_SILENT, "the port has gone");
        }
        if (ready > 0 && wait[0].revents != 0) {
            const ssize_t got = read(STDIN_FILENO, buf, sizeof buf);
            if (got > 0 && !node_line_send(&talk->line, bytes_of(buf, (size_t)got))) {
                return node_line_report(&talk->line, IFL_NODE_SILENT, strerror(errno));
            }
            count_sent(&count, buf, got > 0 ? (size_t)got : 0);
            if (got <= 0 && isatty(STDIN_FILENO)) {
                return 0;
            }
            if (got <= 0) {
                wait[0].fd = -1;
                quiet_ms = talk->line.timeout_ms;
            }
        }
    }
}

int verb_node_console(int argc, char **argv)
{
    static struct talk talk;
    talk = (struct talk){.line = {.timeout_ms = 10000, .fd = -1}};
    const int code = read_options(&talk, argc, argv);
    if (code >= 0) {
        return code;
    }
    if (node_line_open(&talk.line) != IFL_OK) {
        return node_line_report(&talk.line, IFL_FILE, strerror(errno));
    }
    strcat(talk.command, "\n");
    int result = talk.pin_file != NULL ? node_line_unlock(&talk.line, talk.pin_file) : 0;
    if (result == 0) {
        result = talk.interactive ? converse(&talk)
                                  : node_line_ask(&talk.line, bytes_of_string(talk.command), bytes_of(NULL, 0));
    }
    close(talk.line.fd);
    return result;
}
