#include "settings/settings.h"

#include <string.h>

#include "checks.h"

/* "host", "host:port", "[address]" or "[address]:port" into both; `port` is empty where none is given. */
static bool split_authority(struct bytes authority, struct bytes *host, struct bytes *port)
{
    bool bracket = bytes_starts_with(authority, bytes_of_string("["));
    size_t end = bytes_find(authority, bytes_of_string(bracket ? "]" : ":"));
    if (bracket && end == authority.size)
        return false;
    *host = bracket ? bytes_tail(bytes_head(authority, end), 1) : bytes_head(authority, end);
    struct bytes rest = bytes_tail(authority, bracket ? end + 1 : end);
    *port = bytes_tail(rest, 1);
    return rest.size == 0 || (rest.data[0] == ':' && rest.size > 1);
}

/* An address stands in brackets if and only if it's an IPv6 one. */
static bool is_host(const char *host, bool bracket)
{
    bool ipv6 = strchr(host, ':') != NULL;
    return host[0] != '\0' && bracket == ipv6 && (ipv6 ? check_address(host) : check_host(host));
}

enum ifl_status settings_url_split(struct bytes url, char host[IFL_HOST_SIZE], uint16_t *port)
{
    struct bytes scheme = bytes_of_string("https://");
    if (!bytes_equal_ignore_case(bytes_head(url, scheme.size), scheme))
        return IFL_CONFIG_NOT_HTTPS;
    struct bytes authority = bytes_tail(url, scheme.size);
    if (authority.size > 0 && authority.data[authority.size - 1] == '/')
        authority.size--;
    if (authority.size == 0)
        return IFL_CONFIG_VALUE;
    struct bytes name;
    struct bytes digits;
    uint64_t number = 443;
    char copy[IFL_HOST_SIZE];
    if (!split_authority(authority, &name, &digits) || name.size >= sizeof copy ||
        memchr(name.data, 0, name.size) != NULL)
        return IFL_CONFIG_VALUE;
    if (digits.size > 0 && (!bytes_to_u64(digits, &number) || number == 0 || number > 65535))
        return IFL_CONFIG_VALUE;
    memcpy(copy, name.data, name.size);
    copy[name.size] = '\0';
    if (!is_host(copy, authority.data[0] == '['))
        return IFL_CONFIG_VALUE;
    memcpy(host, copy, name.size + 1);
    *port = (uint16_t)number;
    return IFL_OK;
}
