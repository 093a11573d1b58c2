/* How a text is checked: one loop over values, with one bit a level for "it's an object" instead of recursion.
 *
 *            ┌──────────── ',' (and the next name) ──────────┐
 *            ▼                                               │
 *   ─► [name ':'] VALUE ── scalar, or empty container ─► BEHIND A VALUE ── level 0 ─► done
 *            ▲      │                                        ▲   │
 *            └─ '{' '[' one level down              one level up '}' ']'                                          */
#include "base/json.h"

#include <string.h>

struct reader {
    struct bytes text;
    size_t at;
    enum json_strictness strictness;
    unsigned depth;
    uint32_t objects; /* bit n: the container at depth n + 1 is an object */
};

_Static_assert(JSON_DEPTH_MAX <= 32, "one bit a level");

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static int hex_value(uint8_t c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte at the reader's place, or -1 at the end. */
static int peek(const struct reader *reader)
{
    return reader->at < reader->text.size ? reader->text.data[reader->at] : -1;
}

static bool take(struct reader *reader, char c)
{
    if (peek(reader) != c)
        return false;
    reader->at++;
    return true;
}

static void skip_space(struct reader *reader)
{
    while (reader->at < reader->text.size && is_space(reader->text.data[reader->at]))
        reader->at++;
}

static bool read_escape(struct reader *reader)
{
    int c = peek(reader);
    if (c < 0 || strchr("\"\\/bfnrtu", c) == NULL || c == 0)
        return false;
    reader->at++;
    for (int i = 0; c == 'u' && i < 4; i++) {
        int digit = peek(reader);
        if (digit < 0 || hex_value((uint8_t)digit) < 0)
            return false;
        reader->at++;
    }
    return true;
}

static bool may_stand_in_string(const struct reader *reader, int c)
{
    if (c >= 0x20)
        return true;
    return reader->strictness == JSON_RAW_LINES && (c == '\n' || c == '\r' || c == '\t');
}

static bool read_string(struct reader *reader)
{
    if (!take(reader, '"'))
        return false;
    for (int c = peek(reader); c != '"'; c = peek(reader)) {
        if (!may_stand_in_string(reader, c))
            return false;
        reader->at++;
        if (c == '\\' && !read_escape(reader))
            return false;
    }
    reader->at++;
    return true;
}

static bool read_digits(struct reader *reader)
{
    if (!is_digit(peek(reader)))
        return false;
    while (is_digit(peek(reader)))
        reader->at++;
    return true;
}

static bool read_number(struct reader *reader)
{
    (void)take(reader, '-');
    if (!take(reader, '0') && !read_digits(reader))
        return false;
    if (take(reader, '.') && !read_digits(reader))
        return false;
    if (!take(reader, 'e') && !take(reader, 'E'))
        return true;
    if (!take(reader, '+'))
        (void)take(reader, '-');
    return read_digits(reader);
}

static bool read_word(struct reader *reader, const char *word)
{
    while (*word != '\0') {
        if (!take(reader, *word++))
            return false;
    }
    return true;
}

static bool read_scalar(struct reader *reader)
{
    switch (peek(reader)) {
    case '"':
        return read_string(reader);
    case 't':
        return read_word(reader, "true");
    case 'f':
        return read_word(reader, "false");
    case 'n':
        return read_word(reader, "null");
    default:
        return read_number(reader);
    }
}

static bool read_name(struct reader *reader)
{
    skip_space(reader);
    if (!read_string(reader))
        return false;
    skip_space(reader);
    return take(reader, ':');
}

static bool in_object(const struct reader *reader)
{
    return (reader->objects >> (reader->depth - 1) & 1) != 0;
}

/* Behind '{' or '['. *empty: it closed at once; else the reader stands before its first value. */
static bool open_container(struct reader *reader, bool object, bool *empty)
{
    if (reader->depth == JSON_DEPTH_MAX)
        return false;
    reader->at++;
    skip_space(reader);
    *empty = take(reader, object ? '}' : ']');
    if (*empty)
        return true;
    uint32_t bit = UINT32_C(1) << reader->depth++;
    reader->objects = object ? reader->objects | bit : reader->objects & ~bit;
    return !object || read_name(reader);
}

/* Behind a value: close what closes. *more: another value of the same container follows. */
static bool close_containers(struct reader *reader, bool *more)
{
    *more = false;
    while (reader->depth > 0) {
        skip_space(reader);
        *more = take(reader, ',');
        if (*more)
            return !in_object(reader) || read_name(reader);
        if (!take(reader, in_object(reader) ? '}' : ']'))
            return false;
        reader->depth--;
    }
    return true;
}

static bool read_value(struct reader *reader)
{
    for (;;) {
        skip_space(reader);
        int c = peek(reader);
        if (c == '{' || c == '[') {
            bool empty;
            if (!open_container(reader, c == '{', &empty))
                return false;
            if (!empty)
                continue;
        } else if (!read_scalar(reader)) {
            return false;
        }
        bool more;
        if (!close_containers(reader, &more))
            return false;
        if (!more)
            return true;
    }
}

static enum json_type type_of(uint8_t first)
{
    switch (first) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 'n':
        return JSON_NULL;
    case 't':
    case 'f':
        return JSON_BOOL;
    default:
        return JSON_NUMBER;
    }
}

static struct json value_of(struct bytes text, size_t from, size_t to)
{
    return (struct json){.type = type_of(text.data[from]), .raw = bytes_of(text.data + from, to - from)};
}

bool json_read(struct bytes text, enum json_strictness strictness, struct json *value, size_t *at)
{
    struct reader reader = {.text = text, .strictness = strictness};
    skip_space(&reader);
    size_t from = reader.at;
    bool ok = read_value(&reader);
    if (ok) {
        *value = value_of(text, from, reader.at);
        skip_space(&reader);
    }
    *at = reader.at;
    return ok;
}

/* ---- Walking: the text was read before, so it's right ------------------------------------------------------------------------ */

/* Take the next value out of `rest`, with the white space, ',' and ':' before it. False: there is none. */
static bool next_value(struct bytes *rest, struct json *value)
{
    struct reader reader = {.text = *rest, .strictness = JSON_RAW_LINES};
    do
        skip_space(&reader);
    while (take(&reader, ',') || take(&reader, ':'));
    size_t from = reader.at;
    if (!read_value(&reader))
        return false;
    *value = value_of(*rest, from, reader.at);
    *rest = bytes_tail(*rest, reader.at);
    return true;
}

struct json_each json_each(struct json container)
{
    bool walks = (container.type == JSON_OBJECT || container.type == JSON_ARRAY) && container.raw.size >= 2;
    return (struct json_each){walks ? bytes_of(container.raw.data + 1, container.raw.size - 2) : bytes_of(NULL, 0)};
}

bool json_next_member(struct json_each *each, struct json *name, struct json *value)
{
    return next_value(&each->rest, name) && next_value(&each->rest, value);
}

bool json_next_item(struct json_each *each, struct json *value)
{
    return next_value(&each->rest, value);
}

/* ---- Strings and numbers --------------------------------------------------------------------------------------------------- */

static uint32_t hex4(const uint8_t *at)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value = value << 4 | (uint32_t)hex_value(at[i]);
    return value;
}

static char simple_escape(uint8_t c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return (char)c;
    }
}

/* The code point of \uXXXX at the start of `at` (behind the 'u'), a surrogate pair included; 0: not allowed. */
static uint32_t unicode_escape(struct bytes at, size_t *used)
{
    uint32_t code = hex4(at.data);
    *used = 4;
    if (code < 0xD800 || code > 0xDFFF)
        return code;
    if (code > 0xDBFF || at.size < 10 || at.data[4] != '\\' || at.data[5] != 'u')
        return 0;
    uint32_t low = hex4(at.data + 6);
    *used = 10;
    return low >= 0xDC00 && low <= 0xDFFF ? 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00) : 0;
}

static size_t utf8_put(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t count = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = count - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)((0xF00u >> count & 0xF0u) | code);
    return count;
}

/* Decode one character of `rest` (never empty). Its size in bytes, or 0: not allowed. */
static size_t next_character(struct bytes *rest, char out[4])
{
    uint8_t c = rest->data[0];
    size_t used = 1;
    size_t count = 1;
    out[0] = (char)c;
    if (c == '\\') {
        uint8_t escape = rest->data[1];
        used = 2;
        out[0] = simple_escape(escape);
        if (escape == 'u') {
            uint32_t code = unicode_escape(bytes_tail(*rest, 2), &used);
            used += 2;
            count = code == 0 ? 0 : utf8_put(code, out);
        }
    }
    *rest = bytes_tail(*rest, used);
    return c == 0 ? 0 : count;
}

static struct bytes between_quotes(struct json string)
{
    return bytes_of(string.raw.data + 1, string.raw.size - 2);
}

static enum ifl_status decode(struct bytes rest, char *buf, size_t size)
{
    size_t len = 0;
    while (rest.size > 0) {
        char piece[4];
        size_t count = next_character(&rest, piece);
        if (count == 0)
            return IFL_INVALID;
        if (count >= size - len)
            return IFL_TOO_LARGE;
        memcpy(buf + len, piece, count);
        len += count;
    }
    buf[len] = '\0';
    return IFL_OK;
}

enum ifl_status json_text(struct json string, char *buf, size_t size)
{
    enum ifl_status status = IFL_INVALID;
    if (string.type == JSON_STRING && string.raw.size >= 2)
        status = decode(between_quotes(string), buf, size);
    if (status != IFL_OK)
        buf[0] = '\0';
    return status;
}

bool json_is(struct json string, const char *text)
{
    char decoded[64];
    return json_text(string, decoded, sizeof decoded) == IFL_OK && strcmp(decoded, text) == 0;
}

bool json_u64(struct json number, uint64_t *value)
{
    return number.type == JSON_NUMBER && bytes_to_u64(number.raw, value);
}

unsigned json_line(struct bytes text, size_t at)
{
    unsigned line = 1;
    for (size_t i = 0; i < at && i < text.size; i++)
        line += text.data[i] == '\n';
    return line;
}
