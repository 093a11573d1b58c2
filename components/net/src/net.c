/*                 no proxy
 *             ┌───────────────────────────────┐
 * CLOSED ─► CONNECTING ─► TUNNEL ─► OPEN ◄────┘
 *               │           │  2xx: what follows the header block belongs to the tunnel
 *               └───────────┴─► FAILED (status)          any state ─► net_close() ─► CLOSED */
#include "net/net.h"

#include <string.h>

#include "base/text.h"
#include "net/link.h"

_Static_assert(NET_REQUEST_SIZE <= UINT16_MAX, "positions in the buffer are 16 bits");

void net_init(struct net *net)
{
    memset(net, 0, sizeof *net);
    net->state = NET_CLOSED;
    net->link = NET_LINK_NONE;
}

static enum ifl_status fail(struct net *net, enum ifl_status status)
{
    net_link_close(net->link);
    net->link = NET_LINK_NONE;
    bytes_wipe(net->buf, sizeof net->buf);
    net->buf_len = net->buf_pos = 0;
    net->state = NET_FAILED;
    net->status = status;
    return status;
}

/* What a host may consist of: with this, no name can add a line to the CONNECT request. */
static bool is_host_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr(".-_:%", c) != NULL);
}

/* Copies without the brackets of an IPv6 address. */
static bool copy_host(char *to, const char *host)
{
    size_t len = strlen(host);
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    }
    if (len == 0 || len >= IFL_HOST_SIZE) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_host_char(host[i])) {
            return false;
        }
    }
    memmove(to, host, len); /* it may be the one of before */
    to[len] = '\0';
    return true;
}

enum ifl_status net_open(struct net *net, const char *host, uint16_t port, const struct net_proxy *proxy,
                         uint64_t connect_timeout_ms, ifl_ms now)
{
    net_close(net);
    net->status = IFL_OK;
    net->sent_count = net->received_count = 0;
    net->deadline = ifl_ms_after(now, connect_timeout_ms);
    net->proxy = proxy != NULL && proxy->host[0] != '\0' ? proxy : NULL;
    net->port = port;
    if (!copy_host(net->host, host)) {
        return fail(net, IFL_INVALID);
    }
    enum ifl_status status = net->proxy != NULL ? net_link_open(net->proxy->host, net->proxy->port, &net->link)
                                                : net_link_open(net->host, port, &net->link);
    if (status != IFL_OK) {
        return fail(net, status);
    }
    net->state = NET_CONNECTING;
    return IFL_OK;
}

static void text_authority(struct text *out, const struct net *net)
{
    bool bare_ipv6 = strchr(net->host, ':') != NULL;
    text_str(out, bare_ipv6 ? "[" : "");
    text_str(out, net->host);
    text_str(out, bare_ipv6 ? "]:" : ":");
    text_u64(out, net->port);
}

/* RFC 9110 section 9.3.6; the credentials as in RFC 7617. */
static enum ifl_status start_tunnel(struct net *net)
{
    struct text out;
    text_init(&out, (char *)net->buf, sizeof net->buf);
    text_str(&out, "CONNECT ");
    text_authority(&out, net);
    text_str(&out, " HTTP/1.1\r\nHost: ");
    text_authority(&out, net);
    if (net->proxy->credentials[0] != '\0') {
        text_str(&out, "\r\nProxy-Authorization: Basic ");
        text_base64(&out, bytes_of_string(net->proxy->credentials));
    }
    text_str(&out, "\r\n\r\n");
    if (out.cut) {
        return fail(net, IFL_TOO_LARGE);
    }
    net->buf_len = (uint16_t)out.len;
    net->buf_pos = 0;
    net->requested = false;
    /* The answer to CONNECT has no body, whatever its headers say: as for HEAD. */
    http_response_init(&net->answer, &(struct http_response_events){0}, true);
    net->state = NET_TUNNEL;
    return IFL_OK;
}

static enum ifl_status send_request(struct net *net)
{
    while (net->buf_pos < net->buf_len) {
        size_t sent = 0;
        struct bytes rest = bytes_of(net->buf + net->buf_pos, (size_t)(net->buf_len - net->buf_pos));
        enum ifl_status status = net_link_send(net->link, rest, &sent);
        if (status != IFL_OK) {
            return status == IFL_AGAIN ? IFL_AGAIN : fail(net, IFL_PROXY_BAD);
        }
        net->buf_pos = (uint16_t)(net->buf_pos + sent);
        net->sent_count += sent;
    }
    bytes_wipe(net->buf, sizeof net->buf); /* it may have held credentials */
    net->buf_len = net->buf_pos = 0;
    net->requested = true;
    return IFL_OK;
}

static enum ifl_status judge_answer(struct net *net)
{
    unsigned status = net->answer.status;
    if (status >= 200 && status < 300) {
        net->state = NET_OPEN;
        return IFL_OK;
    }
    if (status == 407) {
        return fail(net, IFL_PROXY_AUTH);
    }
    return fail(net, status >= 500 ? IFL_PROXY_BAD : IFL_PROXY_REFUSED);
}

/* Takes one piece of the proxy's answer. OK: it was complete, or there may be more; AGAIN: wait. */
static enum ifl_status receive_answer(struct net *net)
{
    size_t got = 0, used = 0;
    enum ifl_status status = net_link_receive(net->link, net->buf, sizeof net->buf, &got);
    if (status != IFL_OK) {
        return status == IFL_AGAIN ? IFL_AGAIN : fail(net, IFL_PROXY_BAD);
    }
    net->received_count += got;
    if (http_response_feed(&net->answer, bytes_of(net->buf, got), &used) != IFL_OK) {
        return fail(net, IFL_PROXY_BAD);
    }
    if (!net->answer.head_complete) {
        return IFL_OK;
    }
    net->buf_pos = (uint16_t)used;
    net->buf_len = (uint16_t)got;
    return judge_answer(net);
}

static enum ifl_status step_connecting(struct net *net)
{
    enum ifl_status status = net_link_state(net->link);
    if (status != IFL_OK) {
        return status == IFL_AGAIN ? IFL_AGAIN : fail(net, status);
    }
    if (net->proxy != NULL) {
        return start_tunnel(net);
    }
    net->state = NET_OPEN;
    return IFL_OK;
}

/* One move of the state machine; OK: another one may be possible. */
static enum ifl_status move(struct net *net)
{
    switch (net->state) {
    case NET_CONNECTING:
        return step_connecting(net);
    case NET_TUNNEL:
        return net->requested ? receive_answer(net) : send_request(net);
    case NET_CLOSED:
    case NET_OPEN:
    case NET_FAILED:
        break;
    }
    return IFL_AGAIN;
}

ifl_ms net_step(struct net *net, ifl_ms now)
{
    if (net->state == NET_CLOSED || net->state == NET_FAILED) {
        return IFL_NEVER;
    }
    ifl_ms wish = net_link_step(now);
    while (move(net) == IFL_OK) {
        /* bounded: connect, the request's and the answer's bytes (HTTP_HEAD_LIMIT) */
    }
    if (net->state == NET_OPEN) {
        return wish;
    }
    if (net->state == NET_FAILED) {
        return now;
    }
    if (now >= net->deadline) {
        fail(net, IFL_NET_TIMEOUT);
        return now;
    }
    return ifl_ms_min(wish, net->deadline);
}

/* AGAIN while it comes up; else why nothing can be sent or received. */
static enum ifl_status not_open(const struct net *net)
{
    switch (net->state) {
    case NET_CONNECTING:
    case NET_TUNNEL:
        return IFL_AGAIN;
    case NET_FAILED:
        return net->status;
    default:
        return IFL_CLOSED;
    }
}

enum ifl_status net_send(struct net *net, struct bytes data, size_t *sent)
{
    *sent = 0;
    if (net->state != NET_OPEN) {
        return not_open(net);
    }
    enum ifl_status status = net_link_send(net->link, data, sent);
    net->sent_count += *sent;
    return status;
}

enum ifl_status net_receive(struct net *net, void *buf, size_t size, size_t *got)
{
    *got = 0;
    if (net->state != NET_OPEN) {
        return not_open(net);
    }
    if (net->buf_pos < net->buf_len) { /* what came right behind the proxy's answer */
        struct bytes early = bytes_head(bytes_of(net->buf + net->buf_pos, (size_t)(net->buf_len - net->buf_pos)), size);
        memcpy(buf, early.data, early.size);
        net->buf_pos = (uint16_t)(net->buf_pos + early.size);
        *got = early.size;
        return early.size > 0 ? IFL_OK : IFL_AGAIN;
    }
    enum ifl_status status = net_link_receive(net->link, buf, size, got);
    net->received_count += *got;
    return status;
}

void net_close(struct net *net)
{
    if (net->state != NET_CLOSED) {
        net_link_close(net->link);
        bytes_wipe(net->buf, sizeof net->buf);
    }
    net->link = NET_LINK_NONE;
    net->buf_len = net->buf_pos = 0;
    net->requested = false;
    net->proxy = NULL;
    net->state = NET_CLOSED;
}
