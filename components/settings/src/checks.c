#include "checks.h"

#include <stddef.h>
#include <string.h>

#include "base/bytes.h"
#include "base/profile.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

bool check_printable(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || text[0] == ' ' || text[len - 1] == ' ')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text > 0x7E)
            return false;
    }
    return true;
}

bool check_user(const char *text)
{
    return check_printable(text) && strchr(text, ':') == NULL;
}

bool check_file(const char *text)
{
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            return false;
    }
    return true;
}

bool check_route_name(const char *text)
{
    if (is_one_of(*text, "_-") || *text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (!is_digit(*text) && !(*text >= 'a' && *text <= 'z') && !is_one_of(*text, "_-"))
            return false;
    }
    return true;
}

bool check_path(const char *text)
{
    if (*text != '/')
        return false;
    for (; *text != '\0'; text++) {
        bool escape = *text == '%' && is_hex(text[1]) && is_hex(text[2]);
        if (!escape && !is_alnum(*text) && !is_one_of(*text, "-._~!$&'()*+,;=:@/?"))
            return false;
    }
    return true;
}

bool check_token(const char *text)
{
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (!is_alnum(*text) && !is_one_of(*text, "!#$%&'*+-.^_`|~"))
            return false;
    }
    return true;
}

bool check_media_type(const char *text)
{
    const char *slash = strchr(text, '/');
    return check_printable(text) && slash != NULL && slash != text && is_alnum(slash[1]) && is_alnum(text[0]);
}

bool check_header_name(const char *text)
{
    /* The sender's own, and those that would change where the request ends. */
    static const char *const own[] = {
        "host",   "user-agent", "content-type", "content-length", "transfer-encoding", "connection",
        "cookie", "expect",     "te",           "trailer",        "upgrade",           "x-csrf-token",
    };
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (bytes_equal_ignore_case(bytes_of_string(text), bytes_of_string(own[i])))
            return false;
    }
    return check_token(text);
}

/* A decimal number of at most three digits up to `max`, without leading zeros; moves *text behind it. */
static bool take_small_number(const char **text, unsigned max)
{
    const char *at = *text;
    unsigned value = 0;
    while (is_digit(*at) && at - *text < 3)
        value = value * 10 + (unsigned)(*at++ - '0');
    bool ok = at > *text && value <= max && (**text != '0' || at - *text == 1);
    *text = at;
    return ok;
}

static bool take_ipv4(const char **text)
{
    for (int i = 0; i < 4; i++) {
        if (i > 0 && *(*text)++ != '.')
            return false;
        if (!take_small_number(text, 255))
            return false;
    }
    return true;
}

/* RFC 4291 section 2.2: eight groups of up to four digits, "::" once for a run of zeros. */
static bool take_ipv6(const char **text)
{
    const char *at = *text;
    unsigned groups = 0;
    bool gap = false;
    if (at[0] == ':' && at[1] != ':')
        return false;
    while (is_hex(*at) || *at == ':') {
        if (at[0] == ':' && at[1] == ':') {
            if (gap)
                return false;
            gap = true;
            at += 2;
            continue;
        }
        if (*at == ':' && !is_hex(*++at))
            return false;
        unsigned digits = 0;
        while (is_hex(*at) && digits < 5) {
            at++;
            digits++;
        }
        if (digits > 4 || ++groups > 8)
            return false;
    }
    *text = at;
    return gap ? groups < 8 : groups == 8;
}

static bool take_address(const char **text, unsigned *bits)
{
    bool ipv6 = strchr(*text, ':') != NULL;
    *bits = ipv6 ? 128 : 32;
    return ipv6 ? take_ipv6(text) : take_ipv4(text);
}

bool check_address(const char *text)
{
    unsigned bits;
    return take_address(&text, &bits) && *text == '\0';
}

bool check_address_source(const char *text)
{
    unsigned bits;
    if (strcmp(text, "dhcp") == 0)
        return true;
    if (!take_address(&text, &bits) || *text++ != '/')
        return false;
    return take_small_number(&text, bits) && *text == '\0';
}

bool check_host(const char *text)
{
    if (check_address(text))
        return true;
    if (!is_alnum(*text))
        return false;
    for (; *text != '\0'; text++) {
        if (!is_alnum(*text) && !is_one_of(*text, "-.") && *text != '_')
            return false;
        if (*text == '.' && text[1] == '.')
            return false;
    }
    return true;
}

bool check_server(const char *text)
{
    const char *colon = strchr(text, ':');
    char host[IFL_HOST_SIZE];
    uint64_t port;
    if (colon == NULL || strchr(colon + 1, ':') != NULL) {
        return check_host(text); /* two colons: an IPv6 address */
    }
    size_t len = (size_t)(colon - text);
    if (len >= sizeof host || !bytes_to_u64(bytes_of_string(colon + 1), &port) || port == 0 || port > 65535) {
        return false;
    }
    memcpy(host, text, len);
    host[len] = '\0';
    return check_host(host);
}

/* "[user:password@]host:port[/]" */
static bool ends_with_port(const char *text)
{
    const char *at = strrchr(text, '@');
    const char *host = at == NULL ? text : at + 1;
    const char *colon = strrchr(host, ':');
    if (colon == NULL || colon == host)
        return false;
    uint32_t port = 0;
    const char *digit = colon + 1;
    while (is_digit(*digit) && port <= UINT16_MAX)
        port = port * 10 + (uint32_t)(*digit++ - '0');
    return port > 0 && port <= UINT16_MAX && (*digit == '\0' || strcmp(digit, "/") == 0);
}

bool check_proxy(const char *text)
{
    if (*text == '\0')
        return true;
    const char *scheme = strstr(text, "://");
    bool http = scheme == NULL || strncmp(text, "http://", 7) == 0;
    return check_printable(text) && strchr(text, ' ') == NULL && http &&
           ends_with_port(scheme == NULL ? text : scheme + 3);
}
