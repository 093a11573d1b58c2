/* packed.c: see packed.h and SPEC.md. The first thing that isn't right is remembered, and nothing is taken from then on. */
#include "settings/packed.h"

#include <string.h>

#include "packed_fields.h"

struct source {
    struct bytes rest;
    enum ifl_status status;
};

static uint32_t number(struct source *from, uint32_t max)
{
    if (from->rest.size < 4)
        from->status = IFL_STORE_CORRUPT;
    if (from->status != IFL_OK)
        return 0;
    const uint32_t value = le32_get(from->rest.data);
    from->rest = bytes_tail(from->rest, 4);
    if (max != ANY && value > max)
        from->status = IFL_CONFIG_LIMIT;
    return from->status == IFL_OK ? value : 0;
}

/* Into `to`, which is all zero. */
static void text(struct source *from, char *to, size_t room)
{
    const size_t size = number(from, (uint32_t)room - 1);
    if (size > from->rest.size) {
        from->status = IFL_STORE_CORRUPT;
        return;
    }
    memcpy(to, from->rest.data, size);
    from->rest = bytes_tail(from->rest, size);
}

static void texts(struct source *from, void *base, const struct text_place *places, size_t count)
{
    for (; count > 0; places++, count--)
        text(from, (char *)base + places->offset, places->size);
}

/* Pairs of strings and an empty one behind them, all within `size` bytes, of which the last is zero. */
static bool is_pairs(const char *headers, size_t size)
{
    size_t at = 0;
    while (headers[at] != '\0') {
        at += strlen(headers + at) + 1;
        if (at < size)
            at += strlen(headers + at) + 1;
        if (at >= size)
            return false;
    }
    return true;
}

static void route(struct source *from, struct settings_route *to)
{
#define NUMBER(type, member, max) to->member = (type)number(from, max);
    ROUTE_NUMBERS(NUMBER)
    texts(from, to, route_texts, TEXT_COUNT(route_texts));
    text(from, to->headers, sizeof to->headers);
    if (!is_pairs(to->headers, sizeof to->headers))
        from->status = IFL_STORE_CORRUPT;
}

enum ifl_status settings_unpack(struct settings *to, struct bytes packed)
{
    struct source source = {.rest = packed}, *from = &source;
    memset(to, 0, sizeof *to);
    if (number(from, ANY) != SETTINGS_PACKED_FORMAT)
        return from->status != IFL_OK ? from->status : IFL_STORE_NEWER;
    DOCUMENT_NUMBERS(NUMBER)
    texts(from, to, document_texts, TEXT_COUNT(document_texts));
    for (size_t i = 0; from->status == IFL_OK && i < to->route_count; i++)
        route(from, &to->routes[i]);
    return from->status == IFL_OK && from->rest.size > 0 ? IFL_STORE_CORRUPT : from->status;
}
