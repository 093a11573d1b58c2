/* verb_daemon.c: `iflowctl status`, `routes`, `queue list|show|export|retry|drop`, `identity show|rollback|csr`, `trust show|install|rollback`, `log` (also `logs`) and `retry`:
 * questions to a running iflowd, on its console's socket, or to a node, on its serial port. What the answers say is decided there (components/console). */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "base/text.h"
#include "daemon.h"
#include "linux/unix_socket.h"
#include "node_line.h"
#include "pasted.h"
#include "report.h"
#include "verbs.h"

#define COMMAND_SIZE 256

struct question {
    struct console_at at;
    bool json;
    char command[COMMAND_SIZE]; /* the console's command, with its line end */
};

static int usage(const char *why)
{
    fprintf(stderr, "iflowctl: %s. `iflowctl --help` lists what there is.\n", why);
    return 2;
}

/* ---- the command line ---- */

static bool add_word(struct question *question, const char *word)
{
    const size_t used = strlen(question->command), len = strlen(word);
    if (strpbrk(word, " \r\n") != NULL || len == 0 || used + len + 2 >= sizeof question->command) {
        return false;
    }
    if (used > 0) {
        strcat(question->command, " ");
    }
    strcat(question->command, word);
    return true;
}

/* 0, or the exit status. `verb` is what the console calls it (one or more words); words of the line follow as they are. */
static int parse(struct question *question, const char *verb, int argc, char **argv)
{
    *question = (struct question){.at = CONSOLE_AT_DEFAULT};
    bool fits = true;
    for (int i = 1; i < argc; i++) { /* "json" goes in front of everything, so it's looked for first */
        question->json = question->json || strcmp(argv[i], "--json") == 0;
    }
    fits = (!question->json || add_word(question, "json"));
    strcat(question->command, question->json ? " " : "");
    strcat(question->command, verb);
    for (int i = 1; i < argc && fits; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            continue;
        }
        const int taken = console_at_option(&question->at, argc, argv, &i);
        if (taken < 0) {
            return usage(
                "--run wants a directory, --port a serial port, --pin-file a file, --timeout 1 to 3600 seconds");
        }
        if (taken == 0 && argv[i][0] == '-') {
            return usage("that option isn't known here");
        }
        fits = taken == 1 || add_word(question, argv[i]);
    }
    if (!fits) {
        return usage("a word is empty, too long or has a space in it");
    }
    strcat(question->command, "\n");
    return 0;
}

/* ---- question and answer ---- */

int daemon_refuse(bool json, enum ifl_status status, const char *detail)
{
    if (json) {
        printf("{\"ok\":false,\"error\":{\"code\":%d,", (int)status);
        report_json_text("name", ifl_name(status));
        fputs(",", stdout);
        report_json_text("cause", ifl_cause(status));
        fputs(",", stdout);
        report_json_text("remedy", ifl_remedy(status));
        fputs(",", stdout);
        report_json_text("detail", detail);
        puts("}}");
    } else {
        fprintf(stderr, "iflowctl: E%d %s %s (%s)\n", (int)status, ifl_cause(status), ifl_remedy(status), detail);
    }
    return 1;
}

static bool send_all(int fd, struct bytes text)
{
    while (text.size > 0) {
        const ssize_t written = write(fd, text.data, text.size);
        if (written < 0 && errno != EINTR) { /* EAGAIN too: the time is over */
            return false;
        }
        if (written > 0) {
            text = bytes_tail(text, (size_t)written);
        }
    }
    return true;
}

/* The end of an answer: the line end of JSON, the empty line of a text. */
struct answer_end {
    bool json;
    bool line_empty; /* so far */
    bool seen;
};

/* How many of `size` bytes belong to what people see. */
static size_t scan(struct answer_end *end, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != '\n') {
            end->line_empty = false;
            continue;
        }
        if (end->json || end->line_empty) {
            end->seen = true;
            return end->json ? i + 1 : i;
        }
        end->line_empty = true;
    }
    return size;
}

/* An error of the console begins with "E<number> "; no other answer does. */
static bool is_error(bool json, const char *answer, size_t size)
{
    static const char GOOD[] = "{\"ok\":true";
    if (json) {
        return size < sizeof GOOD - 1 || memcmp(answer, GOOD, sizeof GOOD - 1) != 0;
    }
    size_t at = 1;
    while (at < size && answer[at] >= '0' && answer[at] <= '9') {
        at++;
    }
    return at > 1 && at < size && answer[0] == 'E' && answer[at] == ' ';
}

bool daemon_tells_problem(bool json, const char *answer, size_t size)
{
    const struct bytes text = bytes_of(answer, size);
    return json ? bytes_find(text, bytes_of_string(",\"problem\":{\"code\":")) <
                      size /* in a string the quotes have a \ in front */
                : bytes_starts_with(text, bytes_of_string("Done, but E"));
}

static int ask(int fd, bool json, struct bytes text)
{
    char buf[65536];
    struct answer_end end = {.json = json, .line_empty = true};
    bool first = true, error = false, problem = false;
    if (!send_all(fd, text)) {
        return daemon_refuse(json, IFL_NO_DAEMON, strerror(errno));
    }
    while (!end.seen) {
        const ssize_t got = read(fd, buf, sizeof buf);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return daemon_refuse(json, IFL_NO_DAEMON,
                                 "it doesn't answer: others hold all places of its console, or it hangs");
        }
        if (got <= 0) {
            return daemon_refuse(json, IFL_NO_DAEMON, "it ended in the middle of the answer");
        }
        const size_t shown = scan(&end, buf, (size_t)got);
        if (first) {
            error = is_error(json, buf, (size_t)got);
            problem = daemon_tells_problem(json, buf, shown);
        }
        first = false;
        fwrite(buf, 1, shown, error && !json ? stderr : stdout);
    }
    return error || problem ? 1 : 0;
}

int daemon_talk(const char *run_dir, bool json, struct bytes text)
{
    char path[UNIX_SOCKET_PATH_SIZE];
    int fd = -1;
    enum ifl_status status = unix_socket_path(path, run_dir, "console.sock");
    status = status == IFL_OK ? unix_socket_connect(path, &fd) : IFL_NO_DAEMON;
    if (status != IFL_OK) {
        return daemon_refuse(json, status, run_dir);
    }
    const int result = ask(fd, json, text);
    close(fd);
    return result;
}

int console_at_option(struct console_at *at, int argc, char **argv, int *i)
{
    const char *word = argv[*i];
    const char **value = strcmp(word, "--run") == 0        ? &at->run_dir
                         : strcmp(word, "--port") == 0     ? &at->port
                         : strcmp(word, "--pin-file") == 0 ? &at->pin_file
                                                           : NULL;
    if (value == NULL && strcmp(word, "--timeout") != 0) {
        return 0;
    }
    if (++*i >= argc) {
        return -1;
    }
    if (value != NULL) {
        *value = argv[*i];
        return 1;
    }
    char *end = NULL;
    const long seconds = strtol(argv[*i], &end, 10);
    at->timeout_ms = (int)(seconds * 1000);
    return seconds < 1 || seconds > 3600 || *end != '\0' ? -1 : 1;
}

static int ask_node(const struct console_at *at, bool json, struct bytes text)
{
    static struct node_line line;
    line = (struct node_line){.port = at->port, .json = json, .tell = true, .timeout_ms = at->timeout_ms, .fd = -1};
    if (node_line_open(&line) != IFL_OK) {
        return node_line_report(&line, IFL_FILE, strerror(errno));
    }
    const size_t command = bytes_find(text, bytes_of_string("\n")) + 1;
    int result = at->pin_file != NULL ? node_line_unlock(&line, at->pin_file) : 0;
    if (result == 0) {
        result = node_line_ask(&line, bytes_head(text, command), bytes_tail(text, command));
    }
    close(line.fd);
    return result;
}

int console_talk(const struct console_at *at, bool json, struct bytes text)
{
    return at->port == NULL ? daemon_talk(at->run_dir, json, text) : ask_node(at, json, text);
}

static int run(const char *verb, int argc, char **argv)
{
    struct question question;
    const int wrong = parse(&question, verb, argc, argv);
    return wrong != 0 ? wrong : console_talk(&question.at, question.json, bytes_of_string(question.command));
}

int verb_status(int argc, char **argv)
{
    return run("status", argc, argv);
}

int verb_routes(int argc, char **argv)
{
    return run("routes", argc, argv);
}

int verb_queue_list(int argc, char **argv)
{
    return run("queue", argc, argv);
}

int verb_identity_show(int argc, char **argv)
{
    return run("identity", argc, argv);
}

int verb_log(int argc, char **argv)
{
    return run("log", argc, argv);
}

int verb_retry(int argc, char **argv)
{
    return run("retry", argc, argv);
}

int verb_identity_rollback(int argc, char **argv)
{
    return run("identity rollback", argc, argv);
}

/* `--yes`: a new key, whatever its slot holds. That is what the console's word for its kind says. */
int verb_identity_csr(int argc, char **argv)
{
    static char ec[] = "ec";
    bool kind = false;
    int yes = 0;
    for (int i = 1; i < argc; i++) {
        kind = kind || strcmp(argv[i], "ec") == 0 || strcmp(argv[i], "rsa") == 0;
        yes = strcmp(argv[i], "--yes") == 0 ? i : yes;
    }
    if (yes > 0 && kind) {
        memmove(argv + yes, argv + yes + 1, (size_t)(argc - yes) * sizeof *argv); /* and the NULL at the end */
        argc--;
    } else if (yes > 0) {
        argv[yes] = ec;
    }
    return run("identity csr", argc, argv);
}

int verb_wipe(int argc, char **argv)
{
    return run("wipe", argc, argv);
}

int verb_trust_show(int argc, char **argv)
{
    return run("trust", argc, argv);
}

int verb_trust_rollback(int argc, char **argv)
{
    return run("trust rollback", argc, argv);
}

int verb_trust_install(int argc, char **argv)
{
    static const char text[] =
        "usage: iflowctl trust install FILE... [--run DIR | --port PORT] [--json]\n\n"
        "Gives the roots in these files (PEM, or DER) to the running iflowd (up to 128 KB) or node. They are tried at once with a handshake, and in force when the\n"
        "tenant's chain ends at one of them; else those of before go on.\n";
    return pasted_certificates("trust install", text, 0, argc, argv);
}

int verb_queue_show(int argc, char **argv)
{
    return run("queue show", argc, argv);
}

int verb_queue_retry(int argc, char **argv)
{
    return run("queue retry", argc, argv);
}

int verb_queue_drop(int argc, char **argv)
{
    return run("queue drop", argc, argv);
}

int verb_queue_export(int argc, char **argv)
{
    return run("queue export", argc, argv);
}
