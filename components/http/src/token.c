#include "token.h"

bool http_is_token_char(uint8_t c)
{
    uint8_t letter = c | 0x20;
    if ((letter >= 'a' && letter <= 'z') || http_is_digit(c))
        return true;
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

struct bytes http_trim(struct bytes span)
{
    while (span.size > 0 && is_space(span.data[0]))
        span = bytes_tail(span, 1);
    while (span.size > 0 && is_space(span.data[span.size - 1]))
        span.size--;
    return span;
}
