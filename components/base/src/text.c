#include "base/text.h"

#include <string.h>

#include "base/time.h"

static const char hex_digits[] = "0123456789abcdef";

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* How many characters of `word` stand at the front of `text`. */
static size_t same(const char *text, const char *word)
{
    size_t count = 0;
    while (word[count] != '\0' && lower(text[count]) == lower(word[count]))
        count++;
    return count;
}

bool text_is(const char *text, const char *word)
{
    size_t count = same(text, word);
    return text[count] == word[count];
}

const char *text_find(const char *hay, const char *needle)
{
    while (needle[same(hay, needle)] != '\0')
        if (*hay++ == '\0')
            return NULL;
    return hay;
}

const char *text_next(const char *text)
{
    return text + strlen(text) + 1;
}

bool text_to_u64(const char *text, uint64_t *value)
{
    return bytes_to_u64(bytes_of_string(text), value);
}

void text_init(struct text *out, char *buf, size_t size)
{
    *out = (struct text){.buf = buf, .size = size};
    buf[0] = '\0';
}

void text_bytes(struct text *out, struct bytes raw)
{
    size_t room = out->size - 1 - out->len;
    if (raw.size > room)
        out->cut = true;
    size_t count = raw.size < room ? raw.size : room;
    if (count > 0)
        memcpy(out->buf + out->len, raw.data, count);
    out->len += count;
    out->buf[out->len] = '\0';
}

void text_char(struct text *out, char c)
{
    text_bytes(out, bytes_of(&c, 1));
}

void text_str(struct text *out, const char *s)
{
    text_bytes(out, bytes_of_string(s));
}

/* Decimal digits of `value` into the end of `digits`, at least `least` of them; returns the first. */
static const char *decimal(uint64_t value, unsigned least, char digits[24])
{
    char *at = digits + 23;
    *at = '\0';
    for (unsigned count = 0; value > 0 || count < least; count++) {
        *--at = (char)('0' + value % 10);
        value /= 10;
    }
    return at;
}

static void text_padded(struct text *out, uint64_t value, unsigned least)
{
    char digits[24];
    text_str(out, decimal(value, least, digits));
}

void text_u64(struct text *out, uint64_t value)
{
    text_padded(out, value, 1);
}

void text_i64(struct text *out, int64_t value)
{
    if (value < 0)
        text_char(out, '-');
    text_u64(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void text_hex_u64(struct text *out, uint64_t value, unsigned digits)
{
    unsigned count = 16;
    while (count > 1 && count > digits && value >> (4 * (count - 1)) == 0)
        count--;
    while (count-- > 0)
        text_char(out, hex_digits[value >> (4 * count) & 15]);
}

void text_hex(struct text *out, struct bytes raw)
{
    for (size_t i = 0; i < raw.size; i++)
        text_hex_u64(out, raw.data[i], 2);
}

static char base64_digit(unsigned value)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return alphabet[value & 63u];
}

void text_base64(struct text *out, struct bytes raw)
{
    for (size_t i = 0; i < raw.size; i += 3) {
        size_t there = raw.size - i;
        unsigned a = raw.data[i];
        unsigned b = there > 1 ? raw.data[i + 1] : 0;
        unsigned c = there > 2 ? raw.data[i + 2] : 0;
        text_char(out, base64_digit(a >> 2));
        text_char(out, base64_digit(a << 4 | b >> 4));
        text_char(out, there > 1 ? base64_digit(b << 2 | c >> 6) : '=');
        text_char(out, there > 2 ? base64_digit(c) : '=');
    }
}

void text_url(struct text *out, const char *value)
{
    for (; *value != '\0'; value++) {
        unsigned c = (uint8_t)*value;
        if ((c | 0x20) - 'a' < 26 || c - '0' < 10 || c == '-' || c == '.' || c == '_') {
            text_char(out, *value);
        } else {
            text_char(out, '%');
            text_hex_u64(out, c, 2);
        }
    }
}

void text_fixed(struct text *out, uint64_t value, unsigned decimals)
{
    uint64_t unit = 1;
    for (unsigned i = 0; i < decimals && i < 18; i++)
        unit *= 10;
    text_u64(out, value / unit);
    if (unit > 1) {
        text_char(out, '.');
        text_padded(out, value % unit, decimals < 18 ? decimals : 18);
    }
}

void text_utc(struct text *out, int64_t unix_s)
{
    const int64_t last = 253402300799; /* 9999-12-31T23:59:59Z */
    struct ifl_civil civil;
    ifl_civil_from_unix(unix_s < 0 ? 0 : unix_s > last ? last : unix_s, &civil);
    text_padded(out, (uint64_t)civil.year, 4);
    text_char(out, '-');
    text_padded(out, civil.month, 2);
    text_char(out, '-');
    text_padded(out, civil.day, 2);
    text_char(out, 'T');
    text_padded(out, civil.hour, 2);
    text_char(out, ':');
    text_padded(out, civil.minute, 2);
    text_char(out, ':');
    text_padded(out, civil.second, 2);
    text_char(out, 'Z');
}

void text_duration(struct text *out, uint64_t seconds)
{
    static const struct {
        uint32_t size_s;
        const char *name;
    } units[] = {{86400, " d"}, {3600, " h"}, {60, " min"}, {1, " s"}};
    bool any = false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        uint64_t count = seconds / units[i].size_s;
        seconds %= units[i].size_s;
        if (count == 0 && (any || units[i].size_s > 1))
            continue;
        if (any)
            text_char(out, ' ');
        text_u64(out, count);
        text_str(out, units[i].name);
        any = true;
    }
}

/* Length of the valid UTF-8 sequence at the start of `raw`, 0 if it isn't one (RFC 3629 section 4). */
static size_t utf8_length(struct bytes raw)
{
    const uint8_t *b = raw.data;
    size_t length = b[0] < 0x80                   ? 1
                    : b[0] >= 0xC2 && b[0] < 0xE0 ? 2
                    : b[0] >= 0xE0 && b[0] < 0xF0 ? 3
                    : b[0] >= 0xF0 && b[0] < 0xF5 ? 4
                                                  : 0;
    if (length == 0 || length > raw.size)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((b[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (b[0] == 0xE0 && b[1] < 0xA0) || (b[0] == 0xF0 && b[1] < 0x90);
    bool surrogate = b[0] == 0xED && b[1] >= 0xA0;
    bool beyond = b[0] == 0xF4 && b[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : length;
}

static void json_escape(struct text *out, uint8_t c)
{
    static const char shorts[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    for (size_t i = 0; shorts[i] != '\0'; i += 2) {
        if ((uint8_t)shorts[i] == c) {
            text_char(out, '\\');
            text_char(out, shorts[i + 1]);
            return;
        }
    }
    text_str(out, "\\u00");
    text_hex_u64(out, c, 2);
}

void text_json(struct text *out, struct bytes raw)
{
    text_char(out, '"');
    while (raw.size > 0) {
        uint8_t c = raw.data[0];
        size_t length = utf8_length(raw);
        if (length == 0 || c < 0x20 || c == 0x7F || c == '"' || c == '\\') {
            json_escape(out, c);
            length = 1;
        } else {
            text_bytes(out, bytes_head(raw, length));
        }
        raw = bytes_tail(raw, length);
    }
    text_char(out, '"');
}

void text_printable(struct text *out, struct bytes raw, size_t limit)
{
    for (size_t i = 0; i < raw.size && i < limit; i++)
        text_char(out, raw.data[i] >= 0x20 && raw.data[i] < 0x7F ? (char)raw.data[i] : '.');
}

void text_status(struct text *out, enum ifl_status status)
{
    text_char(out, 'E');
    text_u64(out, (uint64_t)status);
    text_char(out, ' ');
    text_str(out, ifl_cause(status));
    text_char(out, ' ');
    text_str(out, ifl_remedy(status));
}
