/* net/link.h with sockets and c-ares.
 *
 * FREE ─► RESOLVING ─► CONNECTING ─► CONNECTED            net_link_close() from any state ─► FREE
 *              │        │  ▲  │
 *              │        └──┘  │ next address: refused, unreachable, or no answer for a while
 *              └──────────────┴─► FAILED (status)
 *
 * A resolver channel lives as long as one lookup, so that a changed resolv.conf or hosts file counts at once. */
#include "net/link.h"

#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/profile.h"
#include "linux/loop.h"
#include "linux/peer.h"
#include "net_link_sockets.h"

#define LINK_COUNT 4
#define ADDRESS_COUNT 8          /* tried at most, in the order of RFC 6724 */
#define ADDRESS_PATIENCE_MS 4000 /* for an address that doesn't answer while others are left */
#define LOOKUP_TIMEOUT_MS 2500   /* for one question to one name server */
#define LOOKUP_TRIES 3
#define UNACKNOWLEDGED_MS 30000 /* sent data that isn't acknowledged for so long ends the connection */

_Static_assert(SOCKETS_POLL_MAX >= LINK_COUNT * (ARES_GETSOCK_MAXNUM + 1), "room for every socket");

enum state { FREE, RESOLVING, CONNECTING, CONNECTED, FAILED };

struct address {
    struct sockaddr_storage storage;
    socklen_t size;
};

struct link {
    enum state state;
    enum ifl_status status; /* of FAILED, and of the addresses tried so far */
    int fd;
    uint16_t port;
    ares_channel channel; /* in RESOLVING */
    int lookup;           /* ARES_*; -1 while it runs */
    struct address address[ADDRESS_COUNT];
    size_t address_count, address_next;
    ifl_ms patience_ends; /* of the address that is being tried */
    bool wants_read, wants_write;
};

static struct link links[LINK_COUNT];

/* See peer.h. */
static struct {
    int number;
    size_t size;
    uint8_t bytes[NET_LINK_FIRST_SIZE];
} first = {.number = NET_LINK_NONE};

static struct link *link_at(int number)
{
    bool known = number >= 0 && number < LINK_COUNT && links[number].state != FREE;
    return known ? &links[number] : NULL;
}

static enum ifl_status status_of_errno(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return IFL_NET_REFUSED;
    case ETIMEDOUT:
        return IFL_NET_TIMEOUT;
    case ENETDOWN:
        return IFL_NET_DOWN;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EACCES: /* a local firewall */
    case EPERM:
        return IFL_NET_UNREACHABLE;
    case ENOMEM:
    case ENOBUFS:
    case EMFILE:
    case ENFILE:
        return IFL_NO_MEMORY;
    default:
        return IFL_NET_RESET;
    }
}

static void close_socket(struct link *link)
{
    if (link->fd >= 0) {
        close(link->fd);
        link->fd = -1;
    }
}

static void fail(struct link *link, enum ifl_status status)
{
    close_socket(link);
    link->state = FAILED;
    link->status = status;
}

/* ---- What comes first ------------------------------------------------------------------------------------------- */

static void note_first(int number, struct bytes came)
{
    if (number == first.number && came.size > 0) {
        const struct bytes kept = bytes_head(came, sizeof first.bytes - first.size);
        memcpy(first.bytes + first.size, kept.data, kept.size);
        first.size += kept.size;
    }
}

/* Nobody will take it any more. */
static void note_untaken(int number, const struct link *link)
{
    uint8_t buf[NET_LINK_FIRST_SIZE];
    if (number == first.number && first.size < sizeof first.bytes && link->state == CONNECTED) {
        const ssize_t got = recv(link->fd, buf, sizeof buf, MSG_PEEK);
        note_first(number, bytes_of(buf, got > 0 ? (size_t)got : 0));
    }
}

struct bytes net_link_first(void)
{
    return bytes_of(first.bytes, first.size);
}

/* ---- Connecting -------------------------------------------------------------------------------------------------- */

/* "No route" to one family of addresses says less than what another one met. */
static void note(struct link *link, enum ifl_status status)
{
    if (link->status == IFL_OK || status != IFL_NET_UNREACHABLE) {
        link->status = status;
    }
}

static int open_socket(const struct address *address)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    int on = 1;
    unsigned unacknowledged = UNACKNOWLEDGED_MS;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* a request is one write: nothing to wait for */
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged, sizeof unacknowledged);
    return fd;
}

/* True: it's connected or on its way. False: this address is no good. */
static bool try_address(struct link *link, const struct address *address)
{
    link->fd = open_socket(address);
    if (link->fd < 0) {
        note(link, status_of_errno(errno));
        return false;
    }
    if (connect(link->fd, (const struct sockaddr *)&address->storage, address->size) == 0 || errno == EINPROGRESS) {
        return true;
    }
    note(link, status_of_errno(errno));
    close_socket(link);
    return false;
}

static void connect_next(struct link *link, ifl_ms now)
{
    close_socket(link);
    while (link->address_next < link->address_count) {
        if (try_address(link, &link->address[link->address_next++])) {
            bool last = link->address_next == link->address_count;
            link->patience_ends = last ? IFL_NEVER : ifl_ms_after(now, ADDRESS_PATIENCE_MS);
            link->state = CONNECTING;
            return;
        }
    }
    fail(link, link->status != IFL_OK ? link->status : IFL_NET_DNS);
}

static ifl_ms step_connecting(struct link *link, ifl_ms now)
{
    struct pollfd ready = {.fd = link->fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) <= 0) {
        if (now >= link->patience_ends) {
            note(link, IFL_NET_TIMEOUT);
            connect_next(link, now);
        }
        return link->patience_ends;
    }
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        error = errno;
    }
    if (error != 0) {
        note(link, status_of_errno(error));
        connect_next(link, now);
        return now;
    }
    link->state = CONNECTED;
    link->status = IFL_OK;
    return IFL_NEVER;
}

/* ---- Resolving --------------------------------------------------------------------------------------------------- */

static void set_port(struct address *address, uint16_t port)
{
    if (address->storage.ss_family == AF_INET6) {
        ((struct sockaddr_in6 *)&address->storage)->sin6_port = htons(port);
    } else {
        ((struct sockaddr_in *)&address->storage)->sin_port = htons(port);
    }
}

static void add_address(struct link *link, const void *from, size_t size)
{
    if (link->address_count < ADDRESS_COUNT && size <= sizeof link->address[0].storage) {
        struct address *address = &link->address[link->address_count++];
        memset(address, 0, sizeof *address);
        memcpy(&address->storage, from, size);
        address->size = (socklen_t)size;
        set_port(address, link->port);
    }
}

/* An address instead of a name: nothing to resolve. */
static bool add_literal(struct link *link, const char *host)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, host, &ipv4.sin_addr) == 1) {
        add_address(link, &ipv4, sizeof ipv4);
    } else if (inet_pton(AF_INET6, host, &ipv6.sin6_addr) == 1) {
        add_address(link, &ipv6, sizeof ipv6);
    }
    return link->address_count > 0;
}

static void on_resolved(void *ctx, int result, int timeouts, struct ares_addrinfo *info)
{
    (void)timeouts;
    struct link *link = ctx;
    link->lookup = result;
    for (const struct ares_addrinfo_node *node = info != NULL ? info->nodes : NULL; node != NULL;
         node = node->ai_next) {
        add_address(link, node->ai_addr, (size_t)node->ai_addrlen);
    }
    if (info != NULL) {
        ares_freeaddrinfo(info);
    }
}

static void forget_lookup(struct link *link)
{
    if (link->channel != NULL) {
        ares_destroy(link->channel); /* calls on_resolved() if the lookup still runs */
        link->channel = NULL;
    }
}

static enum ifl_status start_lookup(struct link *link, const char *host)
{
    struct ares_options options = {.timeout = LOOKUP_TIMEOUT_MS, .tries = LOOKUP_TRIES};
    const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    if (ares_init_options(&link->channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) != ARES_SUCCESS) {
        link->channel = NULL;
        return IFL_NO_MEMORY;
    }
    link->lookup = -1;
    link->state = RESOLVING;
    ares_getaddrinfo(link->channel, host, NULL, &hints, on_resolved, link);
    return IFL_OK;
}

/* The resolver's sockets as pollfd. */
static size_t lookup_sockets(const struct link *link, struct pollfd *set)
{
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    unsigned mask = (unsigned)ares_getsock(link->channel, sockets, ARES_GETSOCK_MAXNUM);
    size_t count = 0;
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
        bool reads = (mask >> i & 1u) != 0,
             writes = (mask >> (i + ARES_GETSOCK_MAXNUM) & 1u) != 0; /* ares_getsock(3) */
        int events = (reads ? POLLIN : 0) | (writes ? POLLOUT : 0);
        if (events != 0) {
            set[count++] = (struct pollfd){.fd = sockets[i], .events = (short)events};
        }
    }
    return count;
}

static void process_lookup(struct link *link)
{
    struct pollfd set[ARES_GETSOCK_MAXNUM];
    size_t count = lookup_sockets(link, set);
    if (poll(set, (nfds_t)count, 0) < 0) {
        return;
    }
    for (size_t i = 0; i < count && link->lookup == -1; i++) {
        bool broken = (set[i].revents & (POLLERR | POLLHUP)) != 0;
        bool in = broken || (set[i].revents & POLLIN) != 0;
        bool out = (set[i].revents & POLLOUT) != 0;
        if (in || out) {
            ares_process_fd(link->channel, in ? set[i].fd : ARES_SOCKET_BAD, out ? set[i].fd : ARES_SOCKET_BAD);
        }
    }
    if (link->lookup == -1) {
        ares_process_fd(link->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* its time limits */
    }
}

static ifl_ms step_resolving(struct link *link, ifl_ms now)
{
    if (link->lookup == -1) {
        process_lookup(link);
    }
    if (link->lookup == -1) {
        struct timeval wait = {0};
        bool limited = ares_timeout(link->channel, NULL, &wait) != NULL;
        uint64_t wait_ms = (uint64_t)wait.tv_sec * 1000u + ((uint64_t)wait.tv_usec + 999u) / 1000u;
        return limited ? ifl_ms_after(now, wait_ms) : IFL_NEVER;
    }
    forget_lookup(link);
    if (link->lookup == ARES_ENOMEM) {
        fail(link, IFL_NO_MEMORY);
    } else {
        connect_next(link, now); /* without any address: NET_DNS */
    }
    return now;
}

/* ---- net/link.h -------------------------------------------------------------------------------------------------- */

enum ifl_status net_link_open(const char *host, uint16_t port, int *number)
{
    *number = NET_LINK_NONE;
    size_t len = strlen(host);
    if (len == 0 || len >= IFL_HOST_SIZE) {
        return IFL_INVALID;
    }
    int free_link = 0;
    while (free_link < LINK_COUNT && links[free_link].state != FREE) {
        free_link++;
    }
    if (free_link == LINK_COUNT) {
        return IFL_NO_MEMORY;
    }
    struct link *link = &links[free_link];
    *link = (struct link){.fd = -1, .port = port, .patience_ends = IFL_NEVER};
    if (add_literal(link, host)) {
        connect_next(link, loop_now());
    } else {
        enum ifl_status status = start_lookup(link, host);
        if (status != IFL_OK) {
            return status;
        }
    }
    *number = first.number = free_link;
    first.size = 0;
    return IFL_OK;
}

enum ifl_status net_link_state(int number)
{
    const struct link *link = link_at(number);
    if (link == NULL) {
        return IFL_INVALID;
    }
    if (link->state == RESOLVING || link->state == CONNECTING) {
        return IFL_AGAIN;
    }
    return link->status;
}

/* Why bytes can't be moved now; OK if they can. */
static enum ifl_status not_connected(const struct link *link)
{
    if (link == NULL) {
        return IFL_INVALID;
    }
    if (link->state == FAILED) {
        return link->status;
    }
    return link->state == CONNECTED ? IFL_OK : IFL_AGAIN;
}

enum ifl_status net_link_send(int number, struct bytes data, size_t *sent)
{
    struct link *link = link_at(number);
    *sent = 0;
    enum ifl_status status = not_connected(link);
    if (status != IFL_OK || data.size == 0) {
        return status;
    }
    ssize_t done = send(link->fd, data.data, data.size, MSG_NOSIGNAL);
    link->wants_write = done < 0 ? errno == EAGAIN : (size_t)done < data.size;
    if (done < 0) {
        return errno == EAGAIN || errno == EINTR ? IFL_AGAIN : status_of_errno(errno);
    }
    *sent = (size_t)done;
    return done > 0 ? IFL_OK : IFL_AGAIN;
}

enum ifl_status net_link_receive(int number, void *buf, size_t size, size_t *got)
{
    struct link *link = link_at(number);
    *got = 0;
    enum ifl_status status = not_connected(link);
    if (status != IFL_OK) {
        return status;
    }
    if (size == 0) {
        return IFL_INVALID;
    }
    ssize_t done = recv(link->fd, buf, size, 0);
    link->wants_read = done < 0 ? errno == EAGAIN : done > 0; /* there may be more than was asked for */
    if (done < 0) {
        return errno == EAGAIN || errno == EINTR ? IFL_AGAIN : status_of_errno(errno);
    }
    *got = (size_t)done;
    note_first(number, bytes_of(buf, *got));
    return done > 0 ? IFL_OK : IFL_CLOSED;
}

void net_link_close(int number)
{
    struct link *link = link_at(number);
    if (link != NULL) {
        forget_lookup(link);
        note_untaken(number, link);
        close_socket(link);
        link->state = FREE;
    }
}

void net_link_peer(int number, struct text *out)
{
    const struct link *link = link_at(number);
    char buf[INET6_ADDRSTRLEN];
    if (link == NULL || link->address_next == 0) {
        return;
    }
    const struct sockaddr_storage *address = &link->address[link->address_next - 1].storage;
    const void *raw = address->ss_family == AF_INET6
                          ? (const void *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr
                          : (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;
    if (inet_ntop(address->ss_family, raw, buf, sizeof buf) != NULL) {
        text_str(out, buf);
    }
}

ifl_ms net_link_step(ifl_ms now)
{
    ifl_ms wish = IFL_NEVER;
    for (int i = 0; i < LINK_COUNT; i++) {
        if (links[i].state == RESOLVING) {
            wish = ifl_ms_min(wish, step_resolving(&links[i], now));
        }
        if (links[i].state == CONNECTING) {
            wish = ifl_ms_min(wish, step_connecting(&links[i], now));
        }
    }
    return wish;
}

/* ---- The loop ---------------------------------------------------------------------------------------------------- */

static size_t poll_link(const struct link *link, struct pollfd *set)
{
    int events = 0;
    switch (link->state) {
    case RESOLVING:
        return lookup_sockets(link, set);
    case CONNECTING:
        events = POLLOUT;
        break;
    case CONNECTED:
        events = (link->wants_read ? POLLIN : 0) | (link->wants_write ? POLLOUT : 0);
        break;
    default:
        break;
    }
    if (events == 0) {
        return 0; /* not even for a hang-up: nobody would fetch it, and poll() would tell it for ever */
    }
    set[0] = (struct pollfd){.fd = link->fd, .events = (short)events};
    return 1;
}

size_t sockets_poll(struct pollfd *set)
{
    size_t count = 0;
    for (size_t i = 0; i < LINK_COUNT; i++) {
        count += poll_link(&links[i], set + count);
    }
    return count;
}

static void note_events(struct link *link, const struct pollfd *event)
{
    if (link->state == CONNECTED && link->fd == event->fd) {
        bool broken = (event->revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
        link->wants_read = link->wants_read && !broken && (event->revents & POLLIN) == 0;
        link->wants_write = link->wants_write && !broken && (event->revents & POLLOUT) == 0;
    }
}

void sockets_polled(const struct pollfd *set, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < LINK_COUNT && set[i].revents != 0; k++) {
            note_events(&links[k], &set[i]);
        }
    }
}
