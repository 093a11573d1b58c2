/* token.h: character classes that request, response and values share (RFC 9110 section 5.6.2). */
#ifndef HTTP_TOKEN_H
#define HTTP_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool http_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Whitespace around values. */
static inline bool http_is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* tchar: what names of fields, methods and cookies are made of. */
bool http_is_token_char(char c);

/* How many of them stand at the front. */
size_t http_token_size(const char *text);

/* A byte that no field line may hold; tab is whitespace there. */
static inline bool http_is_control(uint8_t c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

#endif
