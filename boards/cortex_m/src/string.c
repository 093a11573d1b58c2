/* string.c: the C library's functions on strings, small instead of fast: newlib's are unrolled and take 2 KB, and a node's strings are short.
 *
 * In place of the library's, because the linker sees this file first. It isn't part of link-time optimisation: the compiler may put in a call to
 * one of these when that is over. */
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
