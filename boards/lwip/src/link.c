/* link.c: net/link.h on lwIP's raw TCP.
 *
 *   FREE ──open──► RESOLVING ──address──► CONNECTING ──connected──► OPEN ──FIN of the peer──► ENDED
 *                      └───────────────────────┴──────── error ───────┴────────────────────────┴──► FAILED
 *   every state but FREE ──close──► FREE
 *
 * What has been received before an error or the peer's FIN is still handed out. lwIP frees the connection itself when it fails (tcp_err), so `tcp` is
 * NULL from then on. An answer of DNS may come after the link was closed and opened again: it carries the generation it was asked for. */
#include "net/link.h"

#include <string.h>

#include "links.h"
#include "lwip/dns.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"

#define LINK_COUNT 2
/* What every path carries (RFC 9293 section 3.7.1): lwIP can't find out what a path carries, and a tunnel on it would swallow larger ones. */
#define SENT_MSS 536

enum link_phase { LINK_FREE, LINK_RESOLVING, LINK_CONNECTING, LINK_OPEN, LINK_ENDED, LINK_FAILED };

struct link {
    enum link_phase phase;
    enum ifl_status failure;
    uint8_t generation;
    bool unsent;
    uint16_t port;
    struct tcp_pcb *tcp;
    struct pbuf *received; /* chain of what the reader hasn't taken */
};

static struct link links[LINK_COUNT];

static struct link *link_of(int number)
{
    return number >= 0 && number < LINK_COUNT && links[number].phase != LINK_FREE ? &links[number] : NULL;
}

static void fail(struct link *link, enum ifl_status failure)
{
    link->phase = LINK_FAILED;
    link->failure = failure;
}

/* lwIP's error of a connection (not of a call). ABRT: it gave up repeating. */
static enum ifl_status failure_of(err_t error, bool connecting)
{
    switch (error) {
    case ERR_RST:
        return connecting ? IFL_NET_REFUSED : IFL_NET_RESET;
    case ERR_ABRT:
        return IFL_NET_TIMEOUT;
    case ERR_RTE:
        return IFL_NET_UNREACHABLE;
    case ERR_MEM:
    case ERR_BUF:
        return IFL_NO_MEMORY;
    default:
        return connecting ? IFL_NET_REFUSED : IFL_NET_RESET;
    }
}

/* ---- Called by lwIP ---------------------------------------------------------------------------------------------------------- */

static void on_error(void *arg, err_t error)
{
    struct link *link = arg;
    bool connecting = link->phase == LINK_CONNECTING;
    link->tcp = NULL; /* it's gone already */
    fail(link, failure_of(error, connecting));
}

static err_t on_connected(void *arg, struct tcp_pcb *tcp, err_t error)
{
    struct link *link = arg;
    (void)error; /* always OK, says lwIP */
    tcp->mss = LWIP_MIN(tcp->mss, SENT_MSS);
    link->phase = LINK_OPEN;
    return ERR_OK;
}

static err_t on_received(void *arg, struct tcp_pcb *tcp, struct pbuf *data, err_t error)
{
    struct link *link = arg;
    (void)tcp, (void)error;
    if (data == NULL) {
        link->phase = LINK_ENDED;
    } else if (link->received == NULL) {
        link->received = data;
    } else {
        pbuf_cat(link->received, data);
    }
    return ERR_OK;
}

/* ---- Opening ----------------------------------------------------------------------------------------------------------------- */

static void detach(struct tcp_pcb *tcp)
{
    tcp_arg(tcp, NULL);
    tcp_err(tcp, NULL);
    tcp_recv(tcp, NULL);
}

static void connect_to(struct link *link, const ip_addr_t *address)
{
    link->tcp = tcp_new();
    if (link->tcp == NULL) {
        fail(link, IFL_NO_MEMORY);
        return;
    }
    tcp_arg(link->tcp, link);
    tcp_err(link->tcp, on_error);
    tcp_recv(link->tcp, on_received);
    tcp_nagle_disable(link->tcp); /* TLS hands over whole records; waiting for more would only cost time */
    link->phase = LINK_CONNECTING;
    err_t error = tcp_connect(link->tcp, address, link->port, on_connected);
    if (error != ERR_OK) {
        detach(link->tcp);
        tcp_abort(link->tcp);
        link->tcp = NULL;
        fail(link, failure_of(error, true));
    }
}

static void *ticket_of(const struct link *link)
{
    return (void *)((uintptr_t)link->generation << 8 | (uintptr_t)(link - links));
}

static void on_resolved(const char *name, const ip_addr_t *address, void *ticket)
{
    (void)name;
    struct link *link = &links[(uintptr_t)ticket & 0xFFu];
    if (ticket != ticket_of(link) || link->phase != LINK_RESOLVING) {
        return;
    }
    if (address == NULL) {
        fail(link, IFL_NET_DNS);
    } else {
        connect_to(link, address);
    }
}

/* A connection that was closed here, and whose peer acknowledges nothing any more, keeps what it sent and its place for up to a quarter of an hour: lwIP
 * repeats. A new connection needs that memory. */
static void drop_silent(void)
{
    struct tcp_pcb *next;
    for (struct tcp_pcb *tcp = tcp_active_pcbs; tcp != NULL; tcp = next) {
        next = tcp->next;
        if (tcp->callback_arg == NULL && (tcp->nrtx > 0 || tcp->persist_probe > 0)) {
            tcp_abort(tcp);
        }
    }
}

static struct link *find_free(void)
{
    for (size_t i = 0; i < LINK_COUNT; i++) {
        if (links[i].phase == LINK_FREE) {
            return &links[i];
        }
    }
    return NULL;
}

enum ifl_status net_link_open(const char *host, uint16_t port, int *number)
{
    ip_addr_t address;
    enum ifl_status network = ip_network();
    if (network != IFL_OK) {
        return network;
    }
    drop_silent();
    struct link *link = find_free();
    if (link == NULL) {
        return IFL_NO_MEMORY;
    }
    *link = (struct link){.phase = LINK_RESOLVING, .generation = (uint8_t)(link->generation + 1u), .port = port};
    switch (dns_gethostbyname(host, &address, on_resolved, ticket_of(link))) {
    case ERR_OK: /* an address, or a name asked before */
        connect_to(link, &address);
        break;
    case ERR_INPROGRESS:
        break;
    case ERR_MEM: /* the only place for a name is taken by another one */
        fail(link, IFL_NO_MEMORY);
        break;
    default: /* no server, or no name */
        fail(link, IFL_NET_DNS);
        break;
    }
    *number = (int)(link - links);
    return IFL_OK;
}

enum ifl_status net_link_state(int number)
{
    const struct link *link = link_of(number);
    if (link == NULL) {
        return IFL_INVALID;
    }
    switch (link->phase) {
    case LINK_FREE:
    case LINK_RESOLVING:
    case LINK_CONNECTING:
        return IFL_AGAIN;
    case LINK_OPEN:
    case LINK_ENDED: /* it was connected; what came is still there to be read */
        return IFL_OK;
    case LINK_FAILED:
        break;
    }
    return link->failure;
}

/* ---- Moving bytes ------------------------------------------------------------------------------------------------------------ */

static err_t hand_over(struct link *link, struct bytes data, size_t *sent)
{
    size_t room = tcp_sndbuf(link->tcp);
    size_t size = data.size < room ? data.size : room;
    err_t error = ERR_MEM;
    while (size > 0) {
        error = tcp_write(link->tcp, data.data, (u16_t)size, TCP_WRITE_FLAG_COPY);
        if (error != ERR_MEM) {
            break;
        }
        size /= 2; /* the heap or the queue is nearly full */
    }
    *sent = error == ERR_OK ? size : 0;
    return error;
}

enum ifl_status net_link_send(int number, struct bytes data, size_t *sent)
{
    struct link *link = link_of(number);
    *sent = 0;
    if (link == NULL) {
        return IFL_INVALID;
    }
    if (link->phase == LINK_FAILED) {
        return link->failure;
    }
    if (link->tcp == NULL || (link->phase != LINK_OPEN && link->phase != LINK_ENDED)) {
        return IFL_AGAIN;
    }
    err_t error = hand_over(link, data, sent);
    if (error != ERR_OK && error != ERR_MEM) {
        return IFL_NET_RESET;
    }
    link->unsent = link->unsent || *sent > 0;
    if (*sent < data.size) {
        links_push(); /* somebody wants more than fits: no reason to wait for the next step */
    }
    return *sent > 0 || data.size == 0 ? IFL_OK : IFL_AGAIN;
}

void links_push(void)
{
    for (size_t i = 0; i < LINK_COUNT; i++) {
        if (links[i].unsent && links[i].tcp != NULL) {
            links[i].unsent = false;
            (void)tcp_output(links[i].tcp); /* what doesn't go now goes with lwIP's own timer */
        }
    }
}

/* Copy from the chain and free what has been read. */
static size_t take(struct link *link, uint8_t *to, size_t size)
{
    size_t got = 0;
    while (got < size && link->received != NULL) {
        size_t len = link->received->len < size - got ? link->received->len : size - got;
        memcpy(to + got, link->received->payload, len);
        got += len;
        link->received = pbuf_free_header(link->received, (u16_t)len);
    }
    return got;
}

enum ifl_status net_link_receive(int number, void *buf, size_t size, size_t *got)
{
    struct link *link = link_of(number);
    *got = 0;
    if (link == NULL) {
        return IFL_INVALID;
    }
    *got = take(link, buf, size < TCP_WND ? size : TCP_WND);
    if (*got > 0) {
        if (link->tcp != NULL) {
            tcp_recved(link->tcp, (u16_t)*got); /* the peer may send more */
        }
        return IFL_OK;
    }
    if (link->phase == LINK_ENDED) {
        return IFL_CLOSED;
    }
    return link->phase == LINK_FAILED ? link->failure : IFL_AGAIN;
}

void net_link_close(int number)
{
    struct link *link = link_of(number);
    if (link == NULL) {
        return;
    }
    if (link->received != NULL) {
        (void)pbuf_free(link->received);
        link->received = NULL;
    }
    if (link->tcp != NULL) {
        detach(link->tcp);
        if (tcp_close(link->tcp) != ERR_OK) { /* sends what is left, then FIN; no memory for that: RST */
            tcp_abort(link->tcp);
        }
        link->tcp = NULL;
    }
    link->phase = LINK_FREE;
}
