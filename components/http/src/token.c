#include "token.h"

/* A bit a character: letters, digits, !#$%&'*+-.^_`|~ */
static const uint32_t token_chars[] = {0, 0x03FF6CFA, 0xC7FFFFFE, 0x57FFFFFF};

bool http_is_token_char(char c)
{
    unsigned code = (uint8_t)c;
    return code < 128 && (token_chars[code / 32] >> code % 32 & 1) != 0;
}

size_t http_token_size(const char *text)
{
    size_t size = 0;
    while (http_is_token_char(text[size]))
        size++;
    return size;
}
