/* net.h: one outgoing byte stream to host:port, directly or through an HTTP CONNECT proxy (RFC 9110 section 9.3.6).
 *
 * Non-blocking: no function waits. The caller owns struct net and gives the time; the board's links (link.h) do the
 * rest. Proxy credentials are copied only into the CONNECT request and wiped as soon as it's sent. */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/profile.h"
#include "base/status.h"
#include "base/time.h"
#include "http/response.h"

#define NET_CREDENTIALS_SIZE 128 /* "user:password" incl. the zero */
/* The longest CONNECT request: the host twice, two ports, credentials as base64, the fixed words. */
#define NET_REQUEST_SIZE (2 * IFL_HOST_SIZE + (NET_CREDENTIALS_SIZE + 2) / 3 * 4 + 96)

/* Where the proxy is; host "" = none. */
struct net_proxy {
    char host[IFL_HOST_SIZE];
    uint16_t port;
    char credentials[NET_CREDENTIALS_SIZE]; /* "user:password" or ""; a secret */
};
/* "http://[user:password@]host:port", "[user:password@]host:port", or "" for none; a '/' at the end is allowed, an
 * IPv6 address stands in [brackets]. User and password may be percent-encoded (RFC 3986 section 2.1). CONFIG_VALUE:
 * anything else, or too long; *proxy is untouched. */
enum ifl_status net_proxy_parse(struct bytes text, struct net_proxy *proxy);

enum net_state {
    NET_CLOSED,
    NET_CONNECTING, /* resolving and connecting */
    NET_TUNNEL,     /* CONNECT is sent, the proxy's answer is awaited */
    NET_OPEN,
    NET_FAILED, /* `status` says why */
};

struct net {
    enum net_state state;
    enum ifl_status status; /* why it failed; OK else */
    /* private to net.c */
    bool requested; /* the whole request is sent */
    uint16_t port;
    uint16_t buf_len,
        buf_pos; /* in NET_TUNNEL: what of the request is sent; in NET_OPEN: what came behind the proxy's answer */
    int link;
    const struct net_proxy *proxy; /* NULL: direct */
    ifl_ms deadline;
    uint64_t sent_count, received_count; /* public: bytes since net_open, the proxy's included */
    struct http_response answer;
    char host[IFL_HOST_SIZE];
    uint8_t buf[NET_REQUEST_SIZE]; /* first the CONNECT request, then what comes in reply */
};

void net_init(struct net *net);
/* `host` is copied: a name, or an IPv4 or IPv6 address, the latter with or without brackets; `proxy` (NULL or host ""
 * = none) must stay. `connect_timeout_ms` covers resolving, connecting and the proxy. What was open before is closed.
 * OK: it's under way. Errors as net_link_open(); the state is NET_FAILED then. */
enum ifl_status net_open(struct net *net, const char *host, uint16_t port, const struct net_proxy *proxy,
                         uint64_t connect_timeout_ms, ifl_ms now);
/* Do what can be done now; the state tells the rest. `status` after NET_FAILED: as net_link_state(); NET_TIMEOUT: the
 * time is over; PROXY_AUTH: 407; PROXY_REFUSED: any other refusal; PROXY_BAD: 5xx, no HTTP, or the connection ended
 * before an answer. */
ifl_ms net_step(struct net *net, ifl_ms now);
/* As net_link_send() and net_link_receive(). AGAIN while it isn't open yet; the reason where it has failed; CLOSED
 * when it's closed. */
enum ifl_status net_send(struct net *net, struct bytes data, size_t *sent);
enum ifl_status net_receive(struct net *net, void *buf, size_t size, size_t *got);
/* Any state; wipes what was buffered. */
void net_close(struct net *net);

#endif
