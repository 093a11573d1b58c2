#include "base64.h"

static char digit(unsigned value)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return alphabet[value & 63u];
}

void net_base64(struct text *out, struct bytes raw)
{
    for (size_t i = 0; i < raw.size; i += 3) {
        size_t there = raw.size - i;
        unsigned a = raw.data[i];
        unsigned b = there > 1 ? raw.data[i + 1] : 0;
        unsigned c = there > 2 ? raw.data[i + 2] : 0;
        text_char(out, digit(a >> 2));
        text_char(out, digit(a << 4 | b >> 4));
        text_char(out, there > 1 ? digit(b << 2 | c >> 6) : '=');
        text_char(out, there > 2 ? digit(c) : '=');
    }
}
