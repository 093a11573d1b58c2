#include "linux/address.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

static bool is_address(const char *text)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

const char *address_of_option(const char *text)
{
    if (is_address(text)) {
        return text;
    }
    const char *colon = strchr(text, ':');
    colon = colon == NULL ? NULL : strchr(colon + 1, ':');
    return colon != NULL && is_address(colon + 1) ? colon + 1 : NULL;
}
