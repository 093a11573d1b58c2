#include <string.h>

#include "parts.h"

struct sender_jar *csrf_jar(struct sender *sender)
{
    for (size_t i = 0; i < IFL_CSRF_COUNT; i++)
        if (sender->jars[i].fetch_nr > 0 && sender->jars[i].route == sender->route)
            return &sender->jars[i];
    return NULL;
}

struct sender_jar *csrf_jar_new(struct sender *sender)
{
    csrf_jar_drop(sender);
    struct sender_jar *jar = &sender->jars[0];
    for (size_t i = 1; i < IFL_CSRF_COUNT; i++)
        if (sender->jars[i].fetch_nr < jar->fetch_nr)
            jar = &sender->jars[i];
    bytes_wipe(jar, sizeof *jar);
    jar->route = sender->route;
    jar->fetch_nr = ++sender->fetch_count;
    return jar;
}

void csrf_jar_drop(struct sender *sender)
{
    struct sender_jar *jar = csrf_jar(sender);
    if (jar != NULL)
        bytes_wipe(jar, sizeof *jar);
}

static size_t room(const struct sender_jar *jar)
{
    return sizeof jar->text - jar->token_len - jar->cookies_len;
}

/* The token stands before the cookies, whichever comes first. */
bool csrf_add_token(struct sender_jar *jar, struct bytes token)
{
    if (token.size == 0 || token.size > room(jar) || jar->token_len > 0)
        return false;
    memmove(jar->text + token.size, jar->text, jar->cookies_len);
    memcpy(jar->text, token.data, token.size);
    jar->token_len = (uint16_t)token.size;
    return true;
}

bool csrf_add_cookie(struct sender_jar *jar, struct bytes pair)
{
    if (pair.size == 0)
        return true;
    if (pair.size + 2 > room(jar))
        return false;
    char *at = jar->text + jar->token_len + jar->cookies_len;
    if (jar->cookies_len > 0) {
        memcpy(at, "; ", 2);
        at += 2;
        jar->cookies_len = (uint16_t)(jar->cookies_len + 2);
    }
    memcpy(at, pair.data, pair.size);
    jar->cookies_len = (uint16_t)(jar->cookies_len + pair.size);
    return true;
}

void csrf_set_needed(struct sender *sender, bool needed)
{
    struct sender_route *route = sender_route(sender);
    bool told = route->csrf_needed == needed || sender->wiring.csrf_needed == NULL;
    route->csrf_needed = needed;
    if (!told)
        sender->wiring.csrf_needed(sender->wiring.ctx, route->lane, needed);
}
