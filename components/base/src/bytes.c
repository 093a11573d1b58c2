#include "base/bytes.h"

#include <string.h>

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool bytes_equal_ignore_case(struct bytes a, struct bytes b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

bool bytes_starts_with(struct bytes whole, struct bytes head)
{
    return whole.size >= head.size && bytes_equal(bytes_head(whole, head.size), head);
}

size_t bytes_find(struct bytes hay, struct bytes needle)
{
    if (needle.size == 0)
        return 0;
    for (size_t at = 0; needle.size <= hay.size - at; at++)
        if (hay.data[at] == needle.data[0] && bytes_equal(bytes_of(hay.data + at, needle.size), needle))
            return at;
    return hay.size;
}

struct bytes bytes_head(struct bytes span, size_t size)
{
    return (struct bytes){span.data, size < span.size ? size : span.size};
}

struct bytes bytes_tail(struct bytes span, size_t skip)
{
    if (skip == 0)
        return span; /* keeps NULL + 0 legal */
    if (skip > span.size)
        skip = span.size;
    return (struct bytes){span.data == NULL ? NULL : span.data + skip, span.size - skip};
}

bool bytes_to_u64(struct bytes text, uint64_t *value)
{
    uint64_t sum = 0;
    if (text.size == 0)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned)(text.data[i] - '0');
        if (digit > 9 || sum > (UINT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

uint16_t le16_get(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

uint32_t le32_get(const uint8_t *at)
{
    return (uint32_t)le16_get(at) | (uint32_t)le16_get(at + 2) << 16;
}

uint64_t le64_get(const uint8_t *at)
{
    return (uint64_t)le32_get(at) | (uint64_t)le32_get(at + 4) << 32;
}

void le16_put(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

void le32_put(uint8_t *at, uint32_t value)
{
    le16_put(at, (uint16_t)value);
    le16_put(at + 2, (uint16_t)(value >> 16));
}

void le64_put(uint8_t *at, uint64_t value)
{
    le32_put(at, (uint32_t)value);
    le32_put(at + 4, (uint32_t)(value >> 32));
}

void bytes_wipe(void *at, size_t size)
{
    if (size > 0) {
        memset(at, 0, size);
        __asm__ volatile("" : : "r"(at) : "memory"); /* somebody may look at it: so it isn't left out */
    }
}
