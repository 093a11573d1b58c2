/* string.c: the C library's functions on strings and memory, small instead of fast: newlib's are unrolled and take 2.4 KB, and a node's strings are short. memcpy() is
 * newlib's.
 *
 * In place of the library's, because the linker sees this file first. It isn't part of link-time optimisation: the compiler may put in a call to
 * one of these when that is over. */
#include <stdint.h>
#include <string.h>

size_t strlen(const char *text)
{
    const char *end = text;
    while (*end != '\0')
        end++;
    return (size_t)(end - text);
}

size_t strnlen(const char *text, size_t max)
{
    size_t length = 0;
    while (length < max && text[length] != '\0')
        length++;
    return length;
}

int strncmp(const char *a, const char *b, size_t max)
{
    for (; max > 0; a++, b++, max--)
        if (*a != *b || *a == '\0')
            return (unsigned char)*a - (unsigned char)*b;
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, (size_t)-1);
}

char *strchr(const char *text, int wanted)
{
    for (; *text != (char)wanted; text++)
        if (*text == '\0')
            return NULL;
    return (char *)text;
}

char *strrchr(const char *text, int wanted)
{
    const char *found = NULL;
    do {
        if (*text == (char)wanted)
            found = text;
    } while (*text++ != '\0');
    return (char *)found;
}

char *strstr(const char *text, const char *wanted)
{
    size_t length = strlen(wanted);
    for (; strncmp(text, wanted, length) != 0; text++)
        if (*text == '\0')
            return NULL;
    return (char *)text;
}

void *memchr(const void *at, int wanted, size_t size)
{
    for (const unsigned char *byte = at; size > 0; byte++, size--)
        if (*byte == (unsigned char)wanted)
            return (void *)byte;
    return NULL;
}

/* A word at any address. */
static uint32_t word_at(const uint8_t *at)
{
    uint32_t word;
    __builtin_memcpy(&word, at, sizeof word);
    return word;
}

static void put_word(uint8_t *at, uint32_t word)
{
    __builtin_memcpy(at, &word, sizeof word);
}

/* From the end where the front would be overwritten before it's read. */
void *memmove(void *to, const void *from, size_t size)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    if (out <= in) {
        for (size_t i = 0; i < size; i++)
            out[i] = in[i];
        return to;
    }
    for (; size >= 4; size -= 4)
        put_word(out + size - 4, word_at(in + size - 4));
    while (size-- > 0)
        out[size] = in[size];
    return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const uint8_t *one = a, *other = b;
    for (; size >= 4 && word_at(one) == word_at(other); size -= 4) {
        one += 4;
        other += 4;
    }
    for (; size > 0; size--, one++, other++)
        if (*one != *other)
            return *one - *other;
    return 0;
}

void *memset(void *to, int value, size_t size)
{
    uint8_t *out = to;
    uint32_t word = (uint8_t)value * 0x01010101u;
    for (; size >= 8; size -= 8) {
        put_word(out, word);
        put_word(out + 4, word);
        out += 8;
    }
    while (size-- > 0)
        *out++ = (uint8_t)value;
    return to;
}
