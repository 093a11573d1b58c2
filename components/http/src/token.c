#include "token.h"

bool http_is_token_char(uint8_t c)
{
    unsigned letter = (c | 0x20u) - 'a';
    return letter < 26 || http_is_digit(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
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

void http_trim(struct bytes *span)
{
    while (span->size > 0 && is_space(span->data[0]))
        http_skip(span, 1);
    while (span->size > 0 && is_space(span->data[span->size - 1]))
        span->size--;
}
