/* packed_make.c: the other side of packed.c: no firmware has it. */
#include <string.h>

#include "packed_fields.h"
#include "settings/packed.h"

static uint8_t *put_number(uint8_t *to, uint32_t value)
{
    le32_put(to, value);
    return to + 4;
}

#define NUMBER(type, member, max) to = put_number(to, (uint32_t)from->member);

static uint8_t *put_text(uint8_t *to, const char *text, size_t len)
{
    to = put_number(to, (uint32_t)len);
    memcpy(to, text, len);
    return to + len;
}

static uint8_t *put_texts(uint8_t *to, const void *base, const struct text_place *places, size_t count)
{
    for (; count > 0; places++, count--) {
        const char *text = (const char *)base + places->offset;
        to = put_text(to, text, strlen(text));
    }
    return to;
}

/* Pairs of strings, without the empty one at the end. */
static size_t headers_len(const char *headers)
{
    size_t len = 0;
    while (headers[len] != '\0') {
        len += strlen(headers + len) + 1;
        len += strlen(headers + len) + 1;
    }
    return len;
}

static uint8_t *put_route(uint8_t *to, const struct settings_route *from)
{
    ROUTE_NUMBERS(NUMBER)
    to = put_texts(to, from, route_texts, TEXT_COUNT(route_texts));
    return put_text(to, from->headers, headers_len(from->headers));
}

size_t settings_pack(const struct settings *from, uint8_t *out)
{
    uint8_t *to = put_number(out, SETTINGS_PACKED_FORMAT);
    DOCUMENT_NUMBERS(NUMBER)
    to = put_texts(to, from, document_texts, TEXT_COUNT(document_texts));
    for (size_t i = 0; i < from->route_count; i++)
        to = put_route(to, &from->routes[i]);
    return (size_t)(to - out);
}
