/* verb_node_console.c: `iflowctl node console`: a node's console on a serial port, or on the Unix socket or pseudo-terminal that QEMU gives.
 *
 * Without a command lines go from the terminal to the node (the terminal edits them) and everything that it says comes back, until Ctrl-D. With one the
 * answer is printed and the exit status says whether it's an error; what the node logs meanwhile isn't shown. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/status.h"
#include "linux/unix_socket.h"
#include "unlock.h"
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
#define LINE_SIZE 16384u
#define QUIET_MS 100      /* nothing came for so long: what was said before is over */
#define LINE_PAUSE_US 200 /* between pieces: the node's ring of received bytes holds 512 */
#define PIECE_SIZE 64u

struct talk {
    const char *port, *pin_file;
    bool json, interactive, mute; /* an answer that is good isn't shown */
    int timeout_ms;
    int fd;
    char command[COMMAND_SIZE];
    size_t line_len;
    char line[LINE_SIZE]; /* of the answer, without its end */
};

static int wrong(const char *what, const char *word)
{
    fprintf(stderr, "iflowctl node console: %s%s\n%s", what, word, USAGE);
    return 2;
}

static int report(const struct talk *talk, enum ifl_status status, const char *detail)
{
    if (talk->json) {
        printf("{\"ok\":false,\"error\":{\"code\":%d,\"name\":\"%s\",\"cause\":\"%s\",\"remedy\":\"%s\"}}\n",
               (int)status, ifl_name(status), ifl_cause(status), ifl_remedy(status));
    } else {
        fprintf(stderr, "iflowctl: E%d %s %s (%s: %s)\n", (int)status, ifl_cause(status), ifl_remedy(status),
                talk->port, detail);
    }
    return 1;
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
        talk->json = talk->json || strcmp(argv[i], "--json") == 0;
    }
    bool fits = true, any = false;
    if (talk->json) {
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
            talk->timeout_ms = (int)seconds * 1000;
        } else if (strcmp(argv[i], "--pin-file") == 0) {
            talk->pin_file = i + 1 < argc ? argv[++i] : NULL;
            if (talk->pin_file == NULL) {
                return wrong("nothing follows ", "--pin-file");
            }
        } else if (talk->port == NULL) {
            if (argv[i][0] == '-') {
                return wrong("unknown word: ", argv[i]);
            }
            talk->port = argv[i];
        } else {
            any = true;
            fits = fits && add_word(talk, argv[i]);
        }
    }
    if (talk->port == NULL || !fits || (talk->json && !any)) {
        return wrong(talk->port == NULL ? "it needs a port"
                     : !fits            ? "the command is too long, or has a line end in it"
                                        : "--json needs a command",
                     "");
    }
    talk->interactive = !any;
    return -1;
}

/* ---- the port ---- */

static bool make_raw(int fd)
{
    struct termios settings;
    if (tcgetattr(fd, &settings) != 0) {
        return false;
    }
    cfmakeraw(&settings);
    settings.c_cflag |= CLOCAL | CREAD;
    settings.c_cflag &= ~(tcflag_t)(CRTSCTS | CSTOPB);
    return cfsetspeed(&settings, B115200) == 0 && tcsetattr(fd, TCSANOW, &settings) == 0;
}

static enum ifl_status open_port(struct talk *talk)
{
    struct stat is;
    if (stat(talk->port, &is) == 0 && S_ISSOCK(is.st_mode)) {
        return unix_socket_connect(talk->port, &talk->fd) == IFL_OK ? IFL_OK : IFL_FILE;
    }
    talk->fd = open(talk->port, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    return talk->fd >= 0 && make_raw(talk->fd) ? IFL_OK : IFL_FILE;
}

/* In pieces, because the node may be busy with a signature meanwhile. */
static bool send_all(struct talk *talk, const char *text, size_t size)
{
    while (size > 0) {
        const ssize_t written = write(talk->fd, text, size < PIECE_SIZE ? size : PIECE_SIZE);
        if (written > 0) {
            text += written;
            size -= (size_t)written;
            (void)nanosleep(&(struct timespec){.tv_nsec = LINE_PAUSE_US * 1000}, NULL);
        } else if (errno == EAGAIN) {
            (void)poll(&(struct pollfd){.fd = talk->fd, .events = POLLOUT}, 1, 1000);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* Bytes that came, 0: nothing within that time, -1: the port has gone. */
static ssize_t receive(struct talk *talk, char *buf, size_t size, int wait_ms)
{
    struct pollfd wait = {.fd = talk->fd, .events = POLLIN};
    const int ready = poll(&wait, 1, wait_ms);
    if (ready <= 0) {
        return ready == 0 || errno == EINTR ? 0 : -1;
    }
    const ssize_t got = read(talk->fd, buf, size);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    return got > 0 ? got : -1;
}

/* ---- one command ---- */

static long long now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

enum line { LINE_LOG, LINE_ANSWER, LINE_END };

static enum line judge_line(const struct talk *talk)
{
    if (strncmp(talk->line, "log: ", 5) == 0) {
        return LINE_LOG;
    }
    if (talk->json) {
        return talk->line[0] == '{' ? LINE_ANSWER : LINE_LOG; /* something else was still under way */
    }
    return talk->line_len == 0 ? LINE_END : LINE_ANSWER;
}

static bool is_error(const struct talk *talk)
{
    if (talk->json) {
        return strncmp(talk->line, "{\"ok\":true", 10) != 0;
    }
    const size_t digits = strspn(talk->line + (talk->line[0] == 'E'), "0123456789");
    return talk->line[0] == 'E' && digits > 0 && talk->line[1 + digits] == ' '; /* a payload in base64 has no space */
}

/* A character of the answer. True: the answer is complete. */
static bool take(struct talk *talk, char c, bool *first, bool *error)
{
    if (c != '\n') {
        if (c != '\r' && talk->line_len < sizeof talk->line - 1) {
            talk->line[talk->line_len++] = c;
        }
        return false;
    }
    talk->line[talk->line_len] = '\0';
    const enum line kind = judge_line(talk);
    talk->line_len = 0;
    if (kind != LINE_ANSWER) {
        return kind == LINE_END && !*first;
    }
    *error = *first ? is_error(talk) : *error;
    *first = false;
    if (!talk->mute || *error) {
        fprintf(*error && !talk->json ? stderr : stdout, "%s\n", talk->line);
    }
    return talk->json;
}

static int read_answer(struct talk *talk)
{
    char buf[4096];
    bool first = true, error = false;
    const long long end = now_ms() + talk->timeout_ms;
    while (now_ms() < end) {
        const ssize_t got = receive(talk, buf, sizeof buf, (int)(end - now_ms()));
        if (got < 0) {
            return report(talk, IFL_NODE_SILENT, "the port has gone");
        }
        for (ssize_t i = 0; i < got; i++) {
            if (take(talk, buf[i], &first, &error)) {
                return error ? 1 : 0;
            }
        }
    }
    return report(talk, IFL_NODE_SILENT, first ? "no answer" : "only a part of the answer");
}

static int ask(struct talk *talk, const char *command)
{
    if (!send_all(talk, command, strlen(command)) || !send_all(talk, "\n", 1)) {
        return report(talk, IFL_NODE_SILENT, strerror(errno));
    }
    return read_answer(talk);
}

/* A line end: whatever somebody left half typed is over then, and so is its answer. */
static void end_line(struct talk *talk)
{
    char ignored[4096];
    const bool sent = send_all(talk, "\n", 1);
    while (sent && receive(talk, ignored, sizeof ignored, QUIET_MS) > 0) {
    }
}

static int unlock(struct talk *talk)
{
    static struct passphrase pin; /* a secret */
    char buf[256], command[sizeof pin.text + 16];
    struct text detail;
    text_init(&detail, buf, sizeof buf);
    const enum ifl_status status = passphrase_read(&pin, talk->pin_file, &detail);
    if (status != IFL_OK) {
        return report(talk, status, buf);
    }
    snprintf(command, sizeof command, "%sunlock %s", talk->json ? "json " : "", pin.text);
    talk->mute = true;
    const int result = ask(talk, command);
    talk->mute = false;
    bytes_wipe(&pin, sizeof pin);
    bytes_wipe(command, sizeof command);
    return result;
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
    const ssize_t got = receive(talk, buf, sizeof buf, 0);
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
    struct pollfd wait[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = talk->fd, .events = POLLIN}};
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
            return count.answered > 0 ? 0 : report(talk, IFL_NODE_SILENT, "no answer");
        }
        if (ready < 0 && errno != EINTR) {
            return report(talk, IFL_NODE_SILENT, strerror(errno));
        }
        if (ready > 0 && wait[1].revents != 0 && !show(talk, &count)) {
            return report(talk, IFL_NODE_SILENT, "the port has gone");
        }
        if (ready > 0 && wait[0].revents != 0) {
            const ssize_t got = read(STDIN_FILENO, buf, sizeof buf);
            if (got > 0 && !send_all(talk, buf, (size_t)got)) {
                return report(talk, IFL_NODE_SILENT, strerror(errno));
            }
            count_sent(&count, buf, got > 0 ? (size_t)got : 0);
            if (got <= 0 && isatty(STDIN_FILENO)) {
                return 0;
            }
            if (got <= 0) {
                wait[0].fd = -1;
                quiet_ms = talk->timeout_ms;
            }
        }
    }
}

int verb_node_console(int argc, char **argv)
{
    static struct talk talk;
    talk = (struct talk){.timeout_ms = 10000, .fd = -1};
    const int code = read_options(&talk, argc, argv);
    if (code >= 0) {
        return code;
    }
    if (open_port(&talk) != IFL_OK) {
        const int error = errno;
        if (talk.fd >= 0) {
            close(talk.fd);
        }
        return report(&talk, IFL_FILE, strerror(error));
    }
    if (!talk.interactive || talk.pin_file != NULL) {
        end_line(&talk);
    }
    int result = talk.pin_file != NULL ? unlock(&talk) : 0;
    if (result == 0) {
        result = talk.interactive ? converse(&talk) : ask(&talk, talk.command);
    }
    close(talk.fd);
    return result;
}
