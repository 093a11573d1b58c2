#include "node_line.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "daemon.h"
#include "linux/unix_socket.h"
#include "unlock.h"

#define QUIET_MS 100        /* nothing came for so long: what was said before is over */
#define PIECE_SIZE 64u      /* the node's ring of received bytes holds 512 */
#define PIECE_PAUSE_US 200  /* between pieces */
#define PASTE_PAUSE_US 6000 /* the same while something is pasted: no faster than the line, where a socket would be */
#define PASTE_PAUSE_MAX_US 48000

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

enum ifl_status node_line_open(struct node_line *line)
{
    struct stat is;
    if (stat(line->port, &is) == 0 && S_ISSOCK(is.st_mode)) {
        return unix_socket_connect(line->port, &line->fd) == IFL_OK ? IFL_OK : IFL_FILE;
    }
    line->fd = open(line->port, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (line->fd >= 0 && !make_raw(line->fd)) {
        const int why = errno;
        close(line->fd);
        line->fd = -1;
        errno = why;
    }
    return line->fd >= 0 ? IFL_OK : IFL_FILE;
}

static bool send_slowly(struct node_line *line, struct bytes text, long pause_us)
{
    while (text.size > 0) {
        const struct bytes piece = bytes_head(text, PIECE_SIZE);
        const ssize_t written = write(line->fd, piece.data, piece.size);
        if (written > 0) {
            text = bytes_tail(text, (size_t)written);
            (void)nanosleep(&(struct timespec){.tv_nsec = pause_us * 1000}, NULL);
        } else if (errno == EAGAIN) {
            (void)poll(&(struct pollfd){.fd = line->fd, .events = POLLOUT}, 1, 1000);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

bool node_line_send(struct node_line *line, struct bytes text)
{
    return send_slowly(line, text, PIECE_PAUSE_US);
}

ssize_t node_line_receive(struct node_line *line, char *buf, size_t size, int wait_ms)
{
    struct pollfd wait = {.fd = line->fd, .events = POLLIN};
    const int ready = poll(&wait, 1, wait_ms);
    if (ready <= 0) {
        return ready == 0 || errno == EINTR ? 0 : -1;
    }
    const ssize_t got = read(line->fd, buf, size);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    return got > 0 ? got : -1;
}

int node_line_report(const struct node_line *line, enum ifl_status status, const char *detail)
{
    char buf[512];
    (void)snprintf(buf, sizeof buf, "%s: %s", line->port, detail);
    return daemon_refuse(line->json, status, buf);
}

/* ---- the answer ---- */

static long long now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

enum kind { KIND_LOG, KIND_READY, KIND_ANSWER, KIND_END };

static bool begins(const struct node_line *line, const char *with)
{
    return strncmp(line->text, with, strlen(with)) == 0;
}

static enum kind judge(const struct node_line *line)
{
    if (begins(line, "log: paste ")) {
        return KIND_READY;
    }
    if (begins(line, "log: ")) {
        return KIND_LOG;
    }
    if (line->json) {
        return line->text[0] == '{' ? KIND_ANSWER : KIND_LOG; /* something else was still under way */
    }
    if (line->ready && line->first && begins(line, "Paste the ")) { /* the prompt for a person */
        return KIND_LOG;
    }
    return line->len == 0 ? KIND_END : KIND_ANSWER;
}

static bool is_error(const struct node_line *line)
{
    if (line->json) {
        return !begins(line, "{\"ok\":true");
    }
    const size_t digits = strspn(line->text + (line->text[0] == 'E'), "0123456789");
    return line->text[0] == 'E' && digits > 0 && line->text[1 + digits] == ' '; /* a payload in base64 has no space */
}

static void take_log(struct node_line *line)
{
    line->lost = line->lost || begins(line, "log: characters were lost");
    if (line->tell && line->ready && begins(line, "log: ")) {
        fprintf(stderr, "%s\n", line->text);
    }
}

static void take_answer(struct node_line *line)
{
    line->error = line->first ? is_error(line) : line->error;
    line->problem = line->first ? daemon_tells_problem(line->json, line->text, line->len) : line->problem;
    line->first = false;
    if (line->error ? !line->lost || line->last_try : !line->mute) {
        fprintf(line->error && !line->json ? stderr : stdout, "%s\n", line->text);
    }
}

/* A character of what the node says. True: the answer is complete, or what is pasted may come. */
static bool take(struct node_line *line, char c)
{
    if (c != '\n') {
        if (c != '\r' && line->len < sizeof line->text - 1) {
            line->text[line->len++] = c;
        }
        return false;
    }
    line->text[line->len] = '\0';
    const enum kind kind = judge(line);
    line->len = 0;
    if (kind == KIND_ANSWER) {
        take_answer(line);
        return line->json;
    }
    if (kind == KIND_LOG) {
        take_log(line);
    }
    line->ready = line->ready || kind == KIND_READY;
    return kind == KIND_READY || (kind == KIND_END && !line->first);
}

enum end { END_ANSWERED, END_READY, END_SILENT };

static enum end read_answer(struct node_line *line, const char **why)
{
    char c;
    const long long end = now_ms() + line->timeout_ms;
    const bool was_ready = line->ready;
    while (now_ms() < end) {
        const ssize_t got = node_line_receive(line, &c, 1, (int)(end - now_ms()));
        if (got < 0) {
            *why = "the port has gone";
            return END_SILENT;
        }
        if (got > 0 && take(line, c)) {
            return line->ready && !was_ready ? END_READY : END_ANSWERED;
        }
    }
    *why = line->first ? "no answer" : "only a part of the answer";
    return END_SILENT;
}

/* A line end first: whatever somebody left half typed is over then, and so is its answer. */
static bool begin(struct node_line *line, struct bytes command)
{
    char ignored[4096];
    bool sent = node_line_send(line, bytes_of_string("\n"));
    while (sent && node_line_receive(line, ignored, sizeof ignored, QUIET_MS) > 0) {
    }
    line->first = true;
    line->error = line->problem = line->ready = line->lost = false;
    line->len = 0;
    return sent && node_line_send(line, command);
}

static enum end ask_once(struct node_line *line, struct bytes command, struct bytes pasted, long pause_us,
                         const char **why)
{
    if (!begin(line, command)) {
        *why = strerror(errno);
        return END_SILENT;
    }
    enum end end = read_answer(line, why);
    if (end == END_READY && !send_slowly(line, pasted, pause_us)) {
        *why = strerror(errno);
        return END_SILENT;
    }
    return end == END_READY ? read_answer(line, why) : end;
}

int node_line_ask(struct node_line *line, struct bytes command, struct bytes pasted)
{
    const char *why = "";
    for (long pause_us = PASTE_PAUSE_US;; pause_us *= 2) {
        line->last_try = pause_us >= PASTE_PAUSE_MAX_US;
        const enum end end = ask_once(line, command, pasted, pause_us, &why);
        if (end != END_ANSWERED) {
            return node_line_report(line, IFL_NODE_SILENT, why);
        }
        if (!line->error || !line->lost || line->last_try) {
            return line->error || line->problem ? 1 : 0;
        }
    }
}

int node_line_unlock(struct node_line *line, const char *pin_file)
{
    static struct passphrase pin; /* a secret */
    char buf[256], command[sizeof pin.text + 16];
    struct text detail;
    text_init(&detail, buf, sizeof buf);
    const enum ifl_status status = passphrase_read(&pin, pin_file, &detail);
    if (status != IFL_OK) {
        return node_line_report(line, status, buf);
    }
    (void)snprintf(command, sizeof command, "%sunlock %s\n", line->json ? "json " : "", pin.text);
    line->mute = true;
    const int result = node_line_ask(line, bytes_of_string(command), bytes_of(NULL, 0));
    line->mute = false;
    bytes_wipe(&pin, sizeof pin);
    bytes_wipe(command, sizeof command);
    return result;
}
