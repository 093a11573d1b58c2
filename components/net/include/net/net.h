/* net.h: one outgoing byte stream to host:port, directly or through an HTTP CONNECT proxy (RFC 9110 section 9.3.6). Non-blocking. */
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

/* Where the proxy is; host "" = none. */
struct net_proxy {
    char host[IFL_HOST_SIZE];
    uint16_t port;
    char credentials[128]; /* "user:password" or ""; a secret */
};
/* "http://[user:password@]host:port", "host:port", or "" for none. CONFIG_VALUE: anything else; *proxy is untouched. */
enum ifl_status net_proxy_parse(struct bytes text, struct net_proxy *proxy);

enum net_state {
    NET_CLOSED,
    NET_CONNECTING, /* resolving and connecting */
    NET_TUNNEL,     /* CONNECT sent, waiting for the proxy's answer */
    NET_OPEN,
    NET_FAILED, /* `status` says why */
};

struct net {
    enum net_state state;
    enum ifl_status status;              /* why it failed */
    uint64_t sent_count, received_count; /* bytes since net_open, the proxy's included */
    /* private to net.c */
    int link;
    ifl_ms deadline;
    const struct net_proxy *proxy;
    struct http_response answer;
    uint8_t head[640]; /* CONNECT request; wiped when sent */
    uint16_t head_len, head_sent;
    char host[IFL_HOST_SIZE];
    uint16_t port;
    uint8_t early[256]; /* bytes behind the proxy's answer */
    uint16_t early_len, early_pos;
};

void net_init(struct net *net);
/* `host` is copied; `proxy` (NULL or host "" = none) must stay. `connect_timeout_ms` covers resolving, connecting and the proxy. The state tells the
 * rest. Errors as net_link_open(); the state is NET_FAILED then. */
enum ifl_status net_open(struct net *net, const char *host, uint16_t port, const struct net_proxy *proxy,
                         uint64_t connect_timeout_ms, ifl_ms now);
/* Do what can be done now. */
ifl_ms net_step(struct net *net, ifl_ms now);
/* As net_link_send/receive. AGAIN while not open. */
enum ifl_status net_send(struct net *net, struct bytes data, size_t *sent);
enum ifl_status net_receive(struct net *net, void *buf, size_t size, size_t *got);
/* Any state; wipes what was buffered. */
void net_close(struct net *net);

#endif
