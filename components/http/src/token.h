/* token.h: character classes that request, response and values share (RFC 9110 section 5.6.2). */
#ifndef HTTP_TOKEN_H
#define HTTP_TOKEN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

static inline bool http_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* tchar: what names of fields, methods and cookies are made of. */
bool http_is_token_char(uint8_t c);

/* How many of them stand at the front. */
size_t http_token_size(struct bytes span);

/* A byte that no field line may hold; tab is whitespace there. */
static inline bool http_is_control(uint8_t c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

/* Take the spaces and tabs off the ends of `span`. */
void http_trim(struct bytes *span);

/* Take `size` bytes off its front; it has them. */
static inline void http_skip(struct bytes *span, size_t size)
{
    span->data += size;
    span->size -= size;
}

#endif
