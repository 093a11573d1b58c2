#include "token.h"

#include <string.h>

bool http_is_token_char(char c)
{
    unsigned letter = ((uint8_t)c | 0x20u) - 'a';
    return letter < 26 || http_is_digit(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

size_t http_token_size(const char *text)
{
    size_t size = 0;
    while (http_is_token_char(text[size]))
        size++;
    return size;
}
