#include <string.h>

#include "parts.h"

struct sender_jar *csrf_jar_new(struct sender *sender)
{
    csrf_jar_drop(sender->route);
    struct sender_jar *jar = sender->jars;
    for (size_t i = 1; i < IFL_CSRF_COUNT; i++)
        if (sender->jars[i].fetch_nr < jar->fetch_nr)
            jar = &sender->jars[i];
    if (jar->route != NULL)
        csrf_jar_drop(jar->route);
    jar->route = sender->route;
    jar->fetch_nr = ++sender->fetch_count;
    sender->route->jar = jar;
    return jar;
}

void csrf_jar_drop(struct sender_route *route)
{
    if (route->jar != NULL)
        bytes_wipe(route->jar, sizeof *route->jar);
    route->jar = NULL;
}

const char *csrf_token(const struct sender_jar *jar)
{
    return jar->text + sizeof jar->text - 1 - jar->token_len;
}

/* The token stands at the end, the cookies at the front. */
static bool fits(const struct sender_jar *jar, size_t size)
{
    return size <= IFL_COOKIES_SIZE - (size_t)jar->token_len - jar->cookies_len;
}

bool csrf_add_token(struct sender_jar *jar, const char *token)
{
    size_t size = strlen(token);
    if (jar->token_len > 0 || !fits(jar, size))
        return false;
    jar->token_len = (uint16_t)size;
    memcpy(jar->text + sizeof jar->text - 1 - size, token, size);
    return true;
}

bool csrf_add_cookie(struct sender_jar *jar, struct bytes pair)
{
    if (pair.size == 0)
        return true;
    size_t at = jar->cookies_len > 0 ? jar->cookies_len + 2u : 0; /* "a=b; c=d" */
    if (!fits(jar, pair.size + 2))
        return false;
    if (at > 0)
        memcpy(jar->text + at - 2, "; ", 2);
    memcpy(jar->text + at, pair.data, pair.size);
    jar->cookies_len = (uint16_t)(at + pair.size);
    return true;
}

void csrf_set_needed(struct sender *sender, bool needed)
{
    struct sender_route *route = sender->route;
    bool told = route->csrf_needed == needed || sender->wiring.csrf_needed == NULL;
    route->csrf_needed = needed;
    if (!told)
        sender->wiring.csrf_needed(sender->wiring.ctx, route->lane, needed);
}
