#include "doors.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "linux/unix_socket.h"

/* A write to a pipe of at most so many bytes doesn't block once poll() has said that it's writable (pipe(7)). Standard output
 * can't be made non-blocking: other processes may share it. */
#define WRITE_SIZE PIPE_BUF

#define ACCEPT_PAUSE_MS 1000u

enum { STDIN_PRODUCER = 0 };

/* ---- bytes out ---- */

static void outflow_compact(struct outflow *flow, char *buf)
{
    if (flow->start > 0) {
        memmove(buf, buf + flow->start, flow->len);
        flow->start = 0;
    }
}

/* Write what goes out now. False: the other side is gone. */
static bool outflow_write(struct outflow *flow, const char *buf, int fd, bool is_socket)
{
    while (flow->len > 0) {
        struct pollfd ready = {.fd = fd, .events = POLLOUT};
        if (!is_socket && poll(&ready, 1, 0) != 1) {
            return true;
        }
        const size_t size = flow->len < WRITE_SIZE ? flow->len : WRITE_SIZE;
        const ssize_t written = write(fd, buf + flow->start, size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return errno == EAGAIN || errno == EWOULDBLOCK;
        }
        flow->start += (size_t)written;
        flow->len -= (size_t)written;
    }
    return true;
}

/* ---- who comes in ---- */

/* The next one at a listening socket, or -1. Where the system has no descriptor left, that one stays at the door and poll() would tell
 * it for ever: so nobody is asked for a while. */
static int accept_one(struct doors *doors, int listener, ifl_ms now)
{
    if (doors->accept_at > now) {
        return -1;
    }
    doors->accept_at = 0;
    const int fd = unix_socket_accept(listener);
    if (fd >= 0) {
        doors->accept_failed = false;
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        if (!doors->accept_failed) {
            health_event(doors->ingest->health, now, IFL_NO_DESCRIPTORS, HEALTH_ROUTE_NONE, strerror(errno));
        }
        doors->accept_failed = true;
        doors->accept_at = ifl_ms_after(now, ACCEPT_PAUSE_MS);
    }
    return fd;
}

/* ---- producers ---- */

static struct producer *free_producer(struct doors *doors)
{
    for (size_t i = STDIN_PRODUCER + 1; i < DOORS_PRODUCER_COUNT; i++) {
        if (!doors->producers[i].used) {
            return &doors->producers[i];
        }
    }
    return NULL;
}

static void producer_open(struct doors *doors, struct producer *producer, int in, int out)
{
    producer->used = true;
    producer->in = in;
    producer->out = out;
    producer->ended = producer->cut = false;
    producer->input_start = producer->input_len = 0;
    producer->outflow = (struct outflow){0};
    ingest_init(&producer->ingest, doors->ingest, producer->line, sizeof producer->line);
}

static void producer_close(struct doors *doors, struct producer *producer)
{
    if (producer == &doors->producers[STDIN_PRODUCER]) {
        doors->stdin_ended = true;
    } else {
        close(producer->in);
    }
    producer->used = false;
}

/* The answers fit nowhere: the other side has gone. What was stored stays stored. */
static void producer_break(struct doors *doors, struct producer *producer, ifl_ms now)
{
    if (producer == &doors->producers[STDIN_PRODUCER]) {
        doors->output_gone = true;
        health_event(doors->ingest->health, now, IFL_OUTPUT_GONE, HEALTH_ROUTE_NONE, NULL);
    }
    producer->ended = producer->cut = true;
    producer->input_len = 0;
    producer->outflow.len = 0;
    producer->ingest.pending_count = producer->ingest.settled_count = 0;
}

static void producer_read(struct producer *producer, bool is_socket)
{
    struct pollfd ready = {.fd = producer->in, .events = POLLIN};
    if (producer->ended || producer->input_len > 0 || (!is_socket && poll(&ready, 1, 0) != 1)) {
        return;
    }
    const ssize_t got = read(producer->in, producer->input, sizeof producer->input);
    if (got > 0) {
        producer->input_start = 0;
        producer->input_len = (size_t)got;
    } else if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        producer->ended = true;
    }
}

/* Lines into the outbox. True: some were used up. */
static bool producer_feed(struct producer *producer, ifl_ms now)
{
    bool progress = false;
    while (producer->input_len > 0) {
        size_t used = 0;
        const struct bytes input = bytes_of(producer->input + producer->input_start, producer->input_len);
        const enum ifl_status status = ingest_feed(&producer->ingest, input, now, &used);
        producer->input_start += used;
        producer->input_len -= used;
        progress = progress || used > 0;
        if (used == 0 || status == IFL_AGAIN) {
            break;
        }
    }
    if (producer->ended && !producer->cut && producer->input_len == 0 && !ingest_is_full(&producer->ingest)) {
        ingest_end(&producer->ingest, now);
        producer->cut = true;
        progress = true;
    }
    return progress;
}

static bool has_unsettled(const struct producer *producer)
{
    return producer->ingest.settled_count < producer->ingest.pending_count;
}

static void producer_answer(struct doors *doors, struct producer *producer, enum ifl_status sync, ifl_ms now)
{
    const bool is_socket = producer != &doors->producers[STDIN_PRODUCER];
    outflow_compact(&producer->outflow, producer->answers);
    struct text out;
    text_init(&out, producer->answers + producer->outflow.len, sizeof producer->answers - producer->outflow.len);
    (void)ingest_acknowledge(&producer->ingest, sync, &out);
    producer->outflow.len += out.len;
    if (!outflow_write(&producer->outflow, producer->answers, producer->out, is_socket)) {
        producer_break(doors, producer, now);
    }
}

static bool producer_is_done(const struct producer *producer)
{
    return producer->cut && producer->input_len == 0 && producer->ingest.pending_count == 0 &&
           producer->outflow.len == 0;
}

static void accept_producers(struct doors *doors, ifl_ms now)
{
    struct producer *producer = free_producer(doors);
    while (producer != NULL) {
        const int fd = accept_one(doors, doors->ingest_fd, now);
        if (fd < 0) {
            return;
        }
        producer_open(doors, producer, fd, fd);
        producer = free_producer(doors);
    }
}

/* One round of all producers: one sync. */
static ifl_ms step_producers(struct doors *doors, struct outbox *outbox, ifl_ms now, enum ifl_status *sync)
{
    bool more = false, unsettled = false;
    for (size_t i = 0; i < DOORS_PRODUCER_COUNT; i++) {
        struct producer *producer = &doors->producers[i];
        if (producer->used) {
            producer_read(producer, i != STDIN_PRODUCER);
            more = producer_feed(producer, now) || more;
            unsettled = has_unsettled(producer) || unsettled;
        }
    }
    *sync = unsettled ? outbox_sync(outbox) : IFL_OK;
    for (size_t i = 0; i < DOORS_PRODUCER_COUNT; i++) {
        struct producer *producer = &doors->producers[i];
        if (!producer->used) {
            continue;
        }
        producer_answer(doors, producer, *sync, now);
        if (producer_is_done(producer)) {
            producer_close(doors, producer);
        }
    }
    return more ? now : IFL_NEVER;
}

/* ---- consoles ---- */

static void console_write(void *ctx, struct bytes piece)
{
    struct console_door *door = ctx;
    const size_t end = door->outflow.start + door->outflow.len;
    if (door->overflow || piece.size > sizeof door->page - end) {
        door->overflow = true;
        return;
    }
    memcpy(door->page + end, piece.data, piece.size);
    door->outflow.len += piece.size;
}

static void accept_consoles(struct doors *doors, ifl_ms now)
{
    for (size_t i = 0; i < DOORS_CONSOLE_COUNT; i++) {
        struct console_door *door = &doors->consoles[i];
        if (door->used) {
            continue;
        }
        const int fd = accept_one(doors, doors->console_fd, now);
        if (fd < 0) {
            return;
        }
        door->used = true;
        door->fd = fd;
        door->ended = door->overflow = false;
        door->paste_limit = 0;
        door->input_start = door->input_len = 0;
        door->outflow = (struct outflow){0};
        console_init(&door->console, doors->console, console_write, door);
    }
}

static void console_read(struct console_door *door, ifl_ms now)
{
    if (door->ended || door->input_len > 0) {
        return;
    }
    const ssize_t got = read(door->fd, door->input, sizeof door->input);
    door->ended = got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
    door->input_start = 0;
    door->input_len = got > 0 ? (size_t)got : 0;
    door->pasted = got > 0 ? now : door->pasted;
}

/* The next command has the whole page to itself; an answer longer than that is taken back. */
static void console_line(struct console_door *door, ifl_ms now)
{
    const struct bytes input = bytes_of(door->input + door->input_start, door->input_len);
    const struct bytes line = bytes_head(input, bytes_find(input, bytes_of_string("\n")) + 1);
    door->outflow.start = 0;
    console_feed(&door->console, line, now);
    if (console_is_secret(&door->console)) {
        bytes_wipe(door->input + door->input_start, line.size);
    }
    if (door->overflow) {
        door->overflow = false;
        door->outflow.len = 0;
        console_refuse(&door->console, IFL_TOO_LARGE);
    }
    door->input_start += line.size;
    door->input_len -= line.size;
}

/* What is left in the input may be a piece of a pasted key. */
static void console_close(struct console_door *door)
{
    console_end(&door->console);
    close(door->fd);
    bytes_wipe(door->input, sizeof door->input);
    door->used = false;
}

/* When to look at it again: a paste that is under way may have to be given up then. */
static ifl_ms bound_paste(struct doors *doors, struct console_door *door, ifl_ms now)
{
    if (!console_is_secret(&door->console)) {
        door->paste_limit = 0;
        return IFL_NEVER;
    }
    if (door->paste_limit == 0) {
        door->paste_limit = ifl_ms_after(now, CONSOLE_PASTE_MAX_MS);
    }
    const ifl_ms limit = ifl_ms_min(ifl_ms_after(door->pasted, CONSOLE_PASTE_QUIET_MS), door->paste_limit);
    if (now < limit) {
        return limit;
    }
    console_end(&door->console);
    console_refuse(&door->console, IFL_PASTE_GIVEN_UP);
    health_event(doors->ingest->health, now, IFL_PASTE_GIVEN_UP, HEALTH_ROUTE_NONE, "console");
    door->input_len = 0;
    door->ended = true;
    return now;
}

/* When to come again; `now`: there is more to do at once. */
static ifl_ms console_step(struct doors *doors, struct console_door *door, ifl_ms now)
{
    if (door->outflow.len == 0) { /* an unread answer first */
        console_read(door, now);
        console_line(door, now);
    }
    const ifl_ms limit = bound_paste(doors, door, now);
    if (!outflow_write(&door->outflow, door->page, door->fd, true)) {
        door->outflow.len = door->input_len = 0;
        door->ended = true;
    }
    if (door->ended && door->outflow.len == 0 && door->input_len == 0) {
        console_close(door);
    }
    return door->used && door->outflow.len == 0 && door->input_len > 0 ? now : limit;
}

/* ---- both ---- */

enum ifl_status doors_open(struct doors *doors, const char *run_dir, bool with_stdin,
                           const struct ingest_wiring *ingest, const struct console_wiring *console,
                           struct text *detail)
{
    doors->ingest = ingest;
    doors->console = console;
    doors->ingest_fd = doors->console_fd = -1;
    doors->stdin_ended = !with_stdin;
    if (with_stdin) {
        producer_open(doors, &doors->producers[STDIN_PRODUCER], STDIN_FILENO, STDOUT_FILENO);
    }
    enum ifl_status status = IFL_OK;
    if (mkdir(run_dir, 0700) == 0 ? chmod(run_dir, 0750) != 0 : errno != EEXIST) {
        text_str(detail, run_dir);
        text_str(detail, ": ");
        text_str(detail, strerror(errno));
        return IFL_FILE;
    }
    status = unix_socket_path(doors->ingest_path, run_dir, "ingest.sock");
    status = status == IFL_OK ? unix_socket_path(doors->console_path, run_dir, "console.sock") : status;
    status = status == IFL_OK ? unix_socket_listen(doors->ingest_path, 0660, &doors->ingest_fd) : status;
    status = status == IFL_OK ? unix_socket_listen(doors->console_path, 0660, &doors->console_fd) : status;
    if (status != IFL_OK) {
        text_str(detail, run_dir);
        text_str(detail, ": ");
        text_str(detail, status == IFL_LOCKED ? "its sockets are in use" : strerror(errno));
    }
    return status;
}

static size_t add(struct pollfd *set, size_t count, int fd, short events)
{
    set[count] = (struct pollfd){.fd = fd, .events = events};
    return count + 1;
}

size_t doors_poll(const struct doors *doors, struct pollfd *set)
{
    size_t count = 0;
    bool free_place = false;
    for (size_t i = 0; i < DOORS_PRODUCER_COUNT; i++) {
        const struct producer *producer = &doors->producers[i];
        free_place = free_place || (!producer->used && i != STDIN_PRODUCER);
        if (producer->used && !producer->ended && producer->input_len == 0) {
            count = add(set, count, producer->in, POLLIN);
        }
        if (producer->used && producer->outflow.len > 0) {
            count = add(set, count, producer->out, POLLOUT);
        }
    }
    if (free_place && doors->accept_at == 0) {
        count = add(set, count, doors->ingest_fd, POLLIN);
    }
    free_place = false;
    for (size_t i = 0; i < DOORS_CONSOLE_COUNT; i++) {
        const struct console_door *door = &doors->consoles[i];
        free_place = free_place || !door->used;
        if (door->used) {
            count = add(set, count, door->fd, door->outflow.len > 0 ? POLLOUT : POLLIN);
        }
    }
    return free_place && doors->accept_at == 0 ? add(set, count, doors->console_fd, POLLIN) : count;
}

ifl_ms doors_step(struct doors *doors, struct outbox *outbox, ifl_ms now, enum ifl_status *sync)
{
    accept_producers(doors, now);
    ifl_ms wish = step_producers(doors, outbox, now, sync);
    accept_consoles(doors, now);
    for (size_t i = 0; i < DOORS_CONSOLE_COUNT; i++) {
        if (doors->consoles[i].used) {
            wish = ifl_ms_min(wish, console_step(doors, &doors->consoles[i], now));
        }
    }
    return doors->accept_at == 0 ? wish : ifl_ms_min(wish, doors->accept_at);
}

bool doors_stdin_done(const struct doors *doors)
{
    return doors->stdin_ended;
}

static void close_socket(int *fd, const char *path)
{
    if (*fd >= 0) {
        close(*fd);
        unlink(path);
        *fd = -1;
    }
}

void doors_close(struct doors *doors)
{
    close_socket(&doors->ingest_fd, doors->ingest_path);
    close_socket(&doors->console_fd, doors->console_path);
    for (size_t i = 0; i < DOORS_PRODUCER_COUNT; i++) {
        if (doors->producers[i].used) {
            producer_close(doors, &doors->producers[i]);
        }
    }
    for (size_t i = 0; i < DOORS_CONSOLE_COUNT; i++) {
        if (doors->consoles[i].used) {
            console_close(&doors->consoles[i]);
        }
    }
}
