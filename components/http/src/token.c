#include "token.h"

#include "http/values.h"

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

bool http_is(struct bytes span, const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    for (size_t i = 0; i < span.size; i++, at++)
        if (*at == '\0' || lower(span.data[i]) != lower(*at))
            return false;
    return *at == '\0';
}

bool http_is_token_char(uint8_t c)
{
    uint8_t letter = c | 0x20;
    if ((letter >= 'a' && letter <= 'z') || http_is_digit(c))
        return true;
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

size_t http_token_size(struct bytes span)
{
    size_t size = 0;
    while (size < span.size && http_is_token_char(span.data[size]))
        size++;
    return size;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

struct bytes http_trim(struct bytes span)
{
    while (span.size > 0 && is_space(span.data[0]))
        span = http_span(span.data + 1, span.size - 1);
    while (span.size > 0 && is_space(span.data[span.size - 1]))
        span.size--;
    return span;
}
