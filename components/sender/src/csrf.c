#include <string.h>

#include "parts.h"

struct sender_jar *csrf_jar(struct sender *sender, uint8_t route)
{
    for (size_t i = 0; i < IFL_CSRF_COUNT; i++)
        if (sender->jars[i].route == route)
            return &sender->jars[i];
    return NULL;
}

static void empty(struct sender_jar *jar, uint8_t route, uint32_t fetch_nr)
{
    bytes_wipe(jar, sizeof *jar);
    jar->route = route;
    jar->fetch_nr = fetch_nr;
}

struct sender_jar *csrf_jar_new(struct sender *sender, uint8_t route)
{
    struct sender_jar *jar = csrf_jar(sender, route);
    if (jar == NULL) {
        jar = &sender->jars[0];
        for (size_t i = 1; i < IFL_CSRF_COUNT; i++) /* a free one has the number 0 */
            if (sender->jars[i].fetch_nr < jar->fetch_nr)
                jar = &sender->jars[i];
    }
    empty(jar, route, ++sender->fetch_count);
    return jar;
}

void csrf_jar_drop(struct sender *sender, uint8_t route)
{
    struct sender_jar *jar = csrf_jar(sender, route);
    if (jar != NULL)
        empty(jar, HEALTH_ROUTE_NONE, 0);
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
    size_t gap = jar->cookies_len > 0 ? 2 : 0;
    if (pair.size > room(jar) || gap > room(jar) - pair.size)
        return false;
    char *at = jar->text + jar->token_len + jar->cookies_len;
    memcpy(at, "; ", gap);
    if (pair.size > 0)
        memcpy(at + gap, pair.data, pair.size);
    jar->cookies_len = (uint16_t)(jar->cookies_len + gap + pair.size);
    return true;
}

void csrf_set_needed(struct sender *sender, uint8_t route, bool needed)
{
    const struct sender_wiring *wiring = sender->wiring;
    struct sender_route *of = &sender->routes[route];
    if (of->csrf_needed == needed)
        return;
    of->csrf_needed = needed;
    if (wiring->csrf_needed != NULL)
        wiring->csrf_needed(wiring->ctx, of->lane, needed);
}
