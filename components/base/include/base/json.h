/* json.h: read JSON (RFC 8259) where it lies. Nothing is copied or allocated, no number becomes a floating point number.
 *
 * json_read() checks a whole value; after that a value is just its bytes in the text, so its place (and line) is known without any
 * bookkeeping, and walking it can't fail. Objects and arrays are walked with json_each(). The text must stay alive and unchanged. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

#define JSON_DEPTH_MAX 32 /* objects and arrays in each other; deeper texts are refused */

enum json_type {
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

/* A value of a text that json_read() has accepted; never made by hand. */
struct json {
    enum json_type type;
    struct bytes raw; /* from its first byte to its last one, quotes or brackets included */
};

enum json_strictness {
    JSON_STRICT,
    JSON_RAW_LINES, /* line breaks and tabs may stand unescaped in strings, as editors and mail programs leave them */
};

/* Check the value at the start of `text`, white space before and behind it allowed. True: *value is it, *at counts the bytes up to what
 * follows (text.size: nothing). False: it isn't JSON; *at is the place of the first byte that can't be right. Time: linear. */
bool json_read(struct bytes text, enum json_strictness strictness, struct json *value, size_t *at);

/* Walk the members of an object or the items of an array in the order of the text. Doubled names are not noticed here. */
struct json_each {
    struct bytes rest;
};
struct json_each json_each(struct json container);
bool json_next_member(struct json_each *each, struct json *name, struct json *value);
bool json_next_item(struct json_each *each, struct json *value);

/* Decode a string into buf, zero-terminated, UTF-8. INVALID: not a string, a zero byte or half a surrogate pair in it; TOO_LARGE: more than
 * size - 1 bytes. buf is "" then. */
enum ifl_status json_text(struct json string, char *buf, size_t size);
/* The decoded string is exactly `text` (at most 63 bytes). */
bool json_is(struct json string, const char *text);
/* A number without sign, fraction and exponent that fits. False: anything else; *value is untouched. */
bool json_u64(struct json number, uint64_t *value);

/* The line of the byte at `at` in `text`, from 1. */
unsigned json_line(struct bytes text, size_t at);

#endif
