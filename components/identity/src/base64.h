/* base64.h: the alphabet of base64 (RFC 4648 section 4). */
#ifndef IDENTITY_BASE64_H
#define IDENTITY_BASE64_H

/* 0..63, or -1: it isn't in it. */
static inline int base64_value(int c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

#endif
