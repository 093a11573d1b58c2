/* The text of a proxy setting, taken apart. */
#include <string.h>

#include "net/net.h"

/* Position of the last `c`, or text.size. */
static size_t find_last(struct bytes text, char c)
{
    for (size_t i = text.size; i > 0; i--) {
        if (text.data[i - 1] == (uint8_t)c) {
            return i - 1;
        }
    }
    return text.size;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (uint8_t)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "user:password" with %XX (RFC 3986 section 2.1) decoded. An encoded zero or control character is refused. */
static bool decode_credentials(struct bytes text, char *to, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < text.size; i++) {
        int c = text.data[i];
        if (c == '%') {
            if (text.size - i < 3 || hex_digit(text.data[i + 1]) < 0 || hex_digit(text.data[i + 2]) < 0) {
                return false;
            }
            c = hex_digit(text.data[i + 1]) * 16 + hex_digit(text.data[i + 2]);
            i += 2;
        }
        if (c < 0x20 || c == 0x7F || len + 1 >= size) {
            return false;
        }
        to[len++] = (char)c;
    }
    to[len] = '\0';
    return len > 0 && strchr(to, ':') != NULL;
}

static bool take_host(struct bytes text, char *to)
{
    if (text.size >= 2 && text.data[0] == '[' && text.data[text.size - 1] == ']') {
        text = bytes_head(bytes_tail(text, 1), text.size - 2);
    } else if (bytes_find(text, bytes_of_string(":")) < text.size) {
        return false; /* an IPv6 address without brackets: where does the port begin? */
    }
    if (text.size == 0 || text.size >= IFL_HOST_SIZE) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7F || strchr("/@?#[]", text.data[i]) != NULL) {
            return false;
        }
    }
    memcpy(to, text.data, text.size);
    to[text.size] = '\0';
    return true;
}

static bool take_authority(struct bytes text, struct net_proxy *proxy)
{
    size_t at = find_last(text, '@');
    if (at < text.size) {
        if (!decode_credentials(bytes_head(text, at), proxy->credentials, sizeof proxy->credentials)) {
            return false;
        }
        text = bytes_tail(text, at + 1);
    }
    size_t colon = find_last(text, ':');
    uint64_t port = 0;
    if (!bytes_to_u64(bytes_tail(text, colon + 1), &port) || port == 0 || port > UINT16_MAX) {
        return false;
    }
    proxy->port = (uint16_t)port;
    return take_host(bytes_head(text, colon), proxy->host);
}

enum ifl_status net_proxy_parse(struct bytes text, struct net_proxy *proxy)
{
    static const char scheme[] = "http://";
    struct net_proxy parsed = {.port = 0};
    if (text.size > 0) {
        if (bytes_equal_ignore_case(bytes_head(text, sizeof scheme - 1), bytes_of_string(scheme))) {
            text = bytes_tail(text, sizeof scheme - 1);
        }
        if (text.size > 0 && text.data[text.size - 1] == '/') {
            text = bytes_head(text, text.size - 1);
        }
        if (!take_authority(text, &parsed)) {
            bytes_wipe(&parsed, sizeof parsed);
            return IFL_CONFIG_VALUE;
        }
    }
    *proxy = parsed;
    bytes_wipe(&parsed, sizeof parsed);
    return IFL_OK;
}
