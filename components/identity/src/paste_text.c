/* Three passes, each one over the whole text: encoding ─► characters ─► lines. */
#include "paste_text.h"

#include <string.h>

#include "paste_find.h"

uint8_t *paste_scratch(struct paste *paste, size_t size)
{
    if (size > paste->top - paste->used)
        return NULL;
    paste->top -= size;
    return paste->buf + paste->top;
}

/* ---- Code points ---------------------------------------------------------------------------------------------------------------- */

struct out {
    uint8_t *at; /* NULL: only counts */
    size_t size;
};

static void put(struct out *out, uint8_t c)
{
    if (out->at != NULL)
        out->at[out->size] = c;
    out->size++;
}

static void put_utf8(struct out *out, uint32_t code)
{
    if (code < 0x80) {
        put(out, (uint8_t)code);
        return;
    }
    unsigned more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    put(out, (uint8_t)((0xF00u >> (more + 1) & 0xF0u) | code >> (6 * more)));
    while (more-- > 0)
        put(out, (uint8_t)(0x80 | (code >> (6 * more) & 0x3F)));
}

static bool is_continuation(uint8_t c)
{
    return (c & 0xC0) == 0x80;
}

/* The character at the start of `at`, or 0: it isn't UTF-8. */
static uint32_t utf8_next(struct bytes at, size_t *used)
{
    uint8_t c = at.data[0];
    size_t more = c < 0x80 ? 0 : c >= 0xC2 && c < 0xE0 ? 1 : c >= 0xE0 && c < 0xF0 ? 2 : c >= 0xF0 && c < 0xF5 ? 3 : 9;
    *used = 1;
    if (more == 0)
        return c;
    if (more == 9 || at.size <= more)
        return 0;
    uint32_t code = c & (0x3Fu >> more);
    for (size_t i = 1; i <= more; i++) {
        if (!is_continuation(at.data[i]))
            return 0;
        code = code << 6 | (at.data[i] & 0x3Fu);
    }
    *used = more + 1;
    return code;
}

/* 0x80 to 0x9F of Windows-1252. */
static const uint16_t windows[32] = {
    0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178,
};

/* The byte that Windows-1252 has for a character, or 0. */
static uint8_t windows_byte(uint32_t code)
{
    if (code >= 0xA0 && code <= 0xFF)
        return (uint8_t)code;
    for (unsigned i = 0; i < 32; i++) {
        if (windows[i] == code)
            return (uint8_t)(0x80 + i);
    }
    return 0;
}

/* ---- Encoding -------------------------------------------------------------------------------------------------------------------- */

enum encoding { ENCODING_8, ENCODING_16_LE, ENCODING_16_BE };

/* A byte order mark, or the zeros that ASCII has in UTF-16. */
static enum encoding encoding_of(struct bytes input)
{
    size_t zeros[2] = {0, 0};
    size_t look = input.size < 4096 ? input.size : 4096;
    if (input.size >= 2 && input.data[0] == 0xFF && input.data[1] == 0xFE)
        return ENCODING_16_LE;
    if (input.size >= 2 && input.data[0] == 0xFE && input.data[1] == 0xFF)
        return ENCODING_16_BE;
    for (size_t i = 0; i < look; i++)
        zeros[i % 2] += input.data[i] == 0;
    if (zeros[1] > look / 3 && zeros[0] < look / 16)
        return ENCODING_16_LE;
    return zeros[0] > look / 3 && zeros[1] < look / 16 ? ENCODING_16_BE : ENCODING_8;
}

bool paste_is_utf16(struct bytes input)
{
    return encoding_of(input) != ENCODING_8;
}

static void from_utf16(struct bytes input, bool big, struct out *out)
{
    uint32_t high = 0;
    for (size_t i = 0; i + 1 < input.size; i += 2) {
        uint32_t unit = (uint32_t)input.data[i + (big ? 0 : 1)] << 8 | input.data[i + (big ? 1 : 0)];
        if (unit >= 0xD800 && unit < 0xDC00) {
            high = unit;
        } else if (unit >= 0xDC00 && unit < 0xE000) {
            put_utf8(out, high == 0 ? '?' : 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00));
            high = 0;
        } else {
            put_utf8(out, unit);
        }
    }
}

/* What isn't UTF-8 is Windows-1252. */
static void from_bytes(struct paste *paste, struct bytes input, struct out *out)
{
    for (size_t at = 0, used; at < input.size; at += used) {
        uint32_t code = utf8_next(bytes_tail(input, at), &used);
        if (code == 0 && input.data[at] != 0) {
            code = input.data[at] < 0xA0 ? windows[input.data[at] & 0x1F] : input.data[at];
            paste->repairs |= PASTE_WINDOWS;
        }
        put_utf8(out, code);
    }
}

static bool decode(struct paste *paste, struct bytes input, struct bytes *text)
{
    enum encoding encoding = encoding_of(input);
    struct out out = {NULL, 0};
    for (unsigned pass = 0; pass < 2; pass++) {
        if (pass == 1 && (out.at = paste_scratch(paste, out.size)) == NULL)
            return false;
        out.size = 0;
        if (encoding == ENCODING_8)
            from_bytes(paste, input, &out);
        else
            from_utf16(input, encoding == ENCODING_16_BE, &out);
    }
    if (encoding != ENCODING_8)
        paste->repairs |= PASTE_UTF16;
    *text = bytes_of(out.at, out.size);
    return true;
}

/* ---- Characters ------------------------------------------------------------------------------------------------------------------ */

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool contains(struct bytes text, const char *word)
{
    return bytes_find(text, bytes_of_string(word)) < text.size;
}

static uint32_t named_entity(struct bytes name)
{
    static const struct {
        char name[8];
        uint32_t code;
    } entities[] = {
        {"quot", '"'},     {"amp", '&'},      {"lt", '<'},       {"gt", '>'},       {"nbsp", ' '},
        {"apos", '\''},    {"ndash", 0x2013}, {"mdash", 0x2014}, {"ldquo", 0x201C}, {"rdquo", 0x201D},
        {"bdquo", 0x201E}, {"lsquo", 0x2018}, {"rsquo", 0x2019}, {"shy", 0xAD},     {"dash", '-'},
        {"hyphen", '-'},   {"minus", '-'},    {"NewLine", '\n'}, {"Tab", ' '},      {"lbrace", '{'},
        {"lcub", '{'},     {"rbrace", '}'},   {"rcub", '}'},     {"colon", ':'},    {"comma", ','},
        {"sol", '/'},      {"plus", '+'},     {"equals", '='},   {"excl", '!'},     {"vert", '|'},
        {"ensp", ' '},     {"emsp", ' '},     {"thinsp", ' '},   {"zwj", 0x200D},   {"zwnj", 0x200D},
        {"bsol", '\\'},
    };
    for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++) {
        if (name.size <= sizeof entities[0].name &&
            strncmp(entities[i].name, (const char *)name.data, name.size) == 0 &&
            (name.size == sizeof entities[0].name || entities[i].name[name.size] == '\0'))
            return entities[i].code;
    }
    return 0;
}

static uint32_t numbered_entity(struct bytes digits)
{
    bool hex = digits.size > 0 && (digits.data[0] | 0x20) == 'x';
    uint32_t code = 0;
    for (size_t i = hex ? 1 : 0; i < digits.size; i++) {
        int value = hex_value(digits.data[i]);
        if (value < 0 || (!hex && value > 9))
            return 0;
        code = code * (hex ? 16 : 10) + (uint32_t)value;
    }
    return code < 0x110000 ? code : 0;
}

/* "&quot;" and "&#34;" at the start of `at`, also written as "&amp;quot;". 0: none. */
static uint32_t entity(struct bytes at, size_t *used)
{
    size_t from = 1;
    while (bytes_starts_with(bytes_tail(at, from), bytes_of_string("amp;")))
        from += 4;
    struct bytes name = bytes_head(bytes_tail(at, from), 10);
    size_t len = bytes_find(name, bytes_of_string(";"));
    uint32_t code = 0;
    if (len < name.size && len > 1)
        code = name.data[0] == '#' ? numbered_entity(bytes_head(bytes_tail(name, 1), len - 1))
                                   : named_entity(bytes_head(name, len));
    *used = from + len + 1;
    if (code == 0 && from > 1) {
        *used = from;
        code = '&';
    }
    return code;
}

/* An HTML tag at the start of `at`: its size, or 0. */
static size_t tag_size(struct bytes at)
{
    struct bytes near = bytes_head(at, 400);
    size_t end = bytes_find(near, bytes_of_string(">"));
    uint8_t c = near.size > 1 ? near.data[1] : 0;
    bool starts = c == '/' || c == '!' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    return starts && end < near.size ? end + 1 : 0;
}

/* Does a tag end a line? Those that only colour a text don't. */
static bool breaks_line(struct bytes tag)
{
    size_t from = tag.data[1] == '/' ? 2 : 1;
    struct bytes name = bytes_tail(tag, from);
    static const char *const inside[] = {"span", "b>", "i>",     "em>", "code", "font",
                                         "a ",   "a>", "strong", "wbr", "u>",   "mark"};
    for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++) {
        if (bytes_equal_ignore_case(bytes_head(name, strlen(inside[i])), bytes_of_string(inside[i])))
            return false;
    }
    return true;
}

/* A control sequence of a terminal (ECMA-48) at the start of `at`. */
static size_t control_size(struct bytes at)
{
    size_t size = 2;
    if (at.size < 2)
        return at.size;
    if (at.data[1] == ']') {
        while (size < at.size && size < 256 && at.data[size] != 7 && at.data[size] != 0x1B)
            size++;
        return size + (size < at.size && at.data[size] == 7);
    }
    if (at.data[1] != '[')
        return 1;
    while (size < at.size && size < 32 && at.data[size] < 0x40)
        size++;
    return size < at.size ? size + 1 : size;
}

enum { DROPPED = -1 };

/* ASCII for what looks like it, DROPPED for what nobody sees, else the character itself. */
static int32_t plain_character(struct paste *paste, uint32_t code)
{
    bool space =
        code == 0xA0 || (code >= 0x2000 && code <= 0x200A) || code == 0x202F || code == 0x205F || code == 0x3000;
    bool nothing = (code >= 0x200B && code <= 0x200F) || (code >= 0x202A && code <= 0x202E) ||
                   (code >= 0x2060 && code <= 0x206F) || code == 0xAD || code == 0xFEFF || code == 0x180E ||
                   (code >= 0xFE00 && code <= 0xFE0F);
    if (space || nothing) {
        paste->repairs |= code == 0xFEFF ? 0 : PASTE_INVISIBLE;
        return space ? ' ' : DROPPED;
    }
    if (code == 0x2028 || code == 0x2029 || code == 0x85)
        return '\n';
    if ((code >= 0x2010 && code <= 0x2015) || code == 0x2212 || code == 0xFE58 || code == 0xFE63) {
        paste->repairs |= PASTE_DASHES;
        return '-';
    }
    if (code >= 0xFF01 && code <= 0xFF5E)
        return (int32_t)(code - 0xFEE0);
    if (code == 0x2502 || code == 0x2503)
        return '|';
    if (!paste->straighten)
        return (int32_t)code;
    if ((code >= 0x201C && code <= 0x201F) || code == 0xAB || code == 0xBB || code == 0x2033) {
        paste->repairs |= PASTE_QUOTES;
        return '"';
    }
    if ((code >= 0x2018 && code <= 0x201B) || code == 0xB4 || code == 0x2032) {
        paste->repairs |= PASTE_QUOTES;
        return '\'';
    }
    return (int32_t)code;
}

/* UTF-8 that was taken for Windows-1252 and written as UTF-8 again. */
static uint32_t twice_encoded(struct bytes text, size_t at, size_t *used)
{
    uint8_t raw[4] = {0};
    size_t count = 0;
    size_t behind = at;
    while (count < 4 && behind < text.size) {
        size_t step;
        uint32_t code = utf8_next(bytes_tail(text, behind), &step);
        raw[count] = windows_byte(code == 0 ? ' ' : code);
        if (raw[count] == 0 || (count > 0 && !is_continuation(raw[count])))
            break;
        behind += step;
        size_t whole;
        uint32_t meant = utf8_next(bytes_of(raw, ++count), &whole);
        if (meant != 0 && whole == count && count > 1) {
            *used = behind - at;
            return meant;
        }
    }
    return 0;
}

static uint32_t read_character(struct paste *paste, struct bytes text, size_t at, size_t *used)
{
    struct bytes rest = bytes_tail(text, at);
    uint32_t code = utf8_next(rest, used);
    if (code == '&') {
        uint32_t meant = entity(rest, used);
        if (meant == 0) {
            *used = 1;
            return code;
        }
        paste->repairs |= PASTE_ENTITIES;
        return meant;
    }
    if (code >= 0xC2 && code <= 0xF4) {
        size_t more = *used;
        uint32_t meant = twice_encoded(text, at, &more);
        if (meant != 0) {
            paste->repairs |= PASTE_WINDOWS;
            *used = more;
            return meant;
        }
    }
    return code;
}

/* 0: nothing special stands at `at`; else the bytes to skip. */
static size_t skip_markup(struct paste *paste, struct bytes at, bool html, struct out *out)
{
    if (at.data[0] == 0x1B) {
        paste->repairs |= PASTE_INVISIBLE;
        return control_size(at);
    }
    size_t size = html && at.data[0] == '<' ? tag_size(at) : 0;
    if (size > 0) {
        struct bytes name = bytes_head(bytes_tail(at, 1), size - 2);
        paste->repairs |= PASTE_ENTITIES;
        if (breaks_line(bytes_head(at, size)))
            put(out, '\n');
        bool names = paste_name_of(name) != NAME_NONE && name.data[0] != '/'; /* XML: <url> */
        for (size_t i = 0; names && i <= name.size; i++)
            put(out, i < name.size ? name.data[i] : ':');
    }
    return size;
}

/* Never longer than before. */
static bool simplify(struct paste *paste, struct bytes *text)
{
    bool html = contains(*text, "</") || contains(*text, "<br");
    struct out out = {paste_scratch(paste, text->size + 1), 0}; /* and a last line break */
    if (out.at == NULL)
        return false;
    for (size_t at = 0, used; at < text->size; at += used) {
        used = skip_markup(paste, bytes_tail(*text, at), html, &out);
        if (used > 0)
            continue;
        int32_t code = plain_character(paste, read_character(paste, *text, at, &used));
        if (code == '\r' || code == '\f' || code == '\v')
            code = '\n';
        else if (code == '\t')
            code = ' ';
        if (code >= 0x20 || code == '\n')
            put_utf8(&out, (uint32_t)code);
        else if (code >= 0)
            paste->repairs |= PASTE_INVISIBLE;
    }
    *text = bytes_of(out.at, out.size);
    return true;
}

/* ---- Mail and addresses --------------------------------------------------------------------------------------------------------- */

/* Quoted-printable (RFC 2045 section 6.7): "=3D" for "=", and lines cut at 76 characters that end in "=". Base64 ends so, too, but in lines of any length. */
static bool is_quoted_printable(struct bytes text)
{
    size_t cut = 0;
    size_t line = 0;
    for (size_t i = 0; i + 1 < text.size; i++, line++) {
        bool ends = text.data[i + 1] == '\n';
        cut += ends && text.data[i] == '=' && line >= 72 && line <= 75 && text.data[i - 1] != '=';
        if (ends)
            line = (size_t)-2;
    }
    return contains(text, "=3D") || cut >= 3;
}

static void undo_hex(struct paste *paste, struct bytes *text, uint8_t mark, uint8_t plus)
{
    uint8_t *to = paste->buf + (text->data - paste->buf); /* in place: it only gets shorter */
    size_t size = 0;
    for (size_t at = 0; at < text->size; at++) {
        uint8_t c = text->data[at];
        int high = at + 2 < text->size ? hex_value(text->data[at + 1]) : -1;
        int low = at + 2 < text->size ? hex_value(text->data[at + 2]) : -1;
        if (c == mark && mark == '=' && at + 1 < text->size && text->data[at + 1] == '\n') {
            at++;
        } else if (c == mark && high >= 0 && low >= 0) {
            to[size++] = (uint8_t)(high << 4 | low);
            at += 2;
        } else {
            to[size++] = c == '+' && plus != 0 ? plus : c == '&' && mark == '%' ? '\n' : c;
        }
    }
    text->size = size;
    paste->repairs |= PASTE_MAIL;
}

static void undo_transport(struct paste *paste, struct bytes *text)
{
    bool form = contains(*text, "BEGIN+");
    for (unsigned i = 0; i < 2 && (contains(*text, "BEGIN%25") || contains(*text, "%257B") || contains(*text, "%250A"));
         i++)
        undo_hex(paste, text, '%', 0);
    if (contains(*text, "BEGIN%20") || contains(*text, "%0A") || contains(*text, "%7B") ||
        (form && contains(*text, "%2B")))
        undo_hex(paste, text, '%', form ? ' ' : 0);
    if (is_quoted_printable(*text))
        undo_hex(paste, text, '=', 0);
}

/* ---- Lines ----------------------------------------------------------------------------------------------------------------------- */

enum prefix {
    PREFIX_QUOTE,
    PREFIX_BAR,
    PREFIX_HASH,
    PREFIX_SLASHES,
    PREFIX_PLUS,
    PREFIX_STAR,
    PREFIX_NUMBER,
    PREFIX_COUNT
};

static size_t spaces(struct bytes line)
{
    size_t count = 0;
    while (count < line.size && line.data[count] == ' ')
        count++;
    return count;
}

/* "12: ", "12 ", "12| " and so on. */
static size_t number_size(struct bytes line)
{
    size_t size = spaces(line);
    size_t digits = size;
    while (size < line.size && line.data[size] >= '0' && line.data[size] <= '9')
        size++;
    if (size == digits || size - digits > 6 || size == line.size)
        return 0;
    return memchr(" :.)|", line.data[size], 5) != NULL ? size + 1 : 0;
}

/* Bytes of such a prefix in front of a line; 0: it has none. */
static size_t prefix_size(struct bytes line, enum prefix prefix)
{
    static const char marks[] = ">|#/+*";
    if (prefix == PREFIX_NUMBER)
        return number_size(line);
    size_t size = spaces(line);
    size_t from = size;
    size_t most = prefix == PREFIX_QUOTE || prefix == PREFIX_BAR ? line.size
                  : prefix == PREFIX_SLASHES                     ? 2
                                                                 : 1; /* / and + are base64 */
    while (size < line.size && size - from < most &&
           (line.data[size] == (uint8_t)marks[prefix] || (prefix == PREFIX_QUOTE && line.data[size] == ' ')))
        size++;
    bool enough = size - from >= (prefix == PREFIX_SLASHES ? 2u : 1u);
    return enough ? size : 0;
}

static struct bytes line_at(struct bytes text, size_t at)
{
    struct bytes rest = bytes_tail(text, at);
    const uint8_t *end = rest.size == 0 ? NULL : memchr(rest.data, '\n', rest.size);
    return end == NULL ? rest : bytes_head(rest, (size_t)(end - rest.data));
}

/* Nine of ten lines that aren't empty have it. */
static bool has_prefix(struct bytes text, enum prefix prefix)
{
    size_t lines = 0;
    size_t with = 0;
    for (size_t at = 0; at < text.size;) {
        struct bytes line = line_at(text, at);
        at += line.size + 1;
        if (spaces(line) == line.size)
            continue;
        lines++;
        with += prefix_size(line, prefix) > 0;
    }
    return lines >= 3 && with * 10 >= lines * 9;
}

static bool is_fence(struct bytes line)
{
    struct bytes behind = bytes_tail(line, spaces(line));
    return bytes_starts_with(behind, bytes_of_string("```")) || bytes_starts_with(behind, bytes_of_string("~~~"));
}

/* In place: it only gets shorter. */
static void strip_lines(struct paste *paste, struct bytes *text, int prefix)
{
    uint8_t *to = paste->buf + (text->data - paste->buf);
    size_t size = 0;
    for (size_t at = 0; at < text->size;) {
        struct bytes line = line_at(*text, at);
        at += line.size + 1;
        if (is_fence(line))
            continue;
        if (prefix >= 0)
            line = bytes_tail(line, prefix_size(line, (enum prefix)prefix));
        while (prefix == PREFIX_BAR && line.size > 0 && memchr(" |", line.data[line.size - 1], 2) != NULL)
            line.size--;
        memmove(to + size, line.data, line.size);
        size += line.size;
        to[size++] = '\n';
    }
    text->size = size;
    if (prefix >= 0)
        paste->repairs |= PASTE_PREFIXES;
}

static void strip_prefixes(struct paste *paste, struct bytes *text)
{
    strip_lines(paste, text, -1);
    for (int prefix = 0; prefix < PREFIX_COUNT; prefix++) {
        if (has_prefix(*text, (enum prefix)prefix))
            strip_lines(paste, text, prefix);
    }
}

bool paste_plain(struct paste *paste, struct bytes input, struct bytes *text)
{
    if (!decode(paste, input, text))
        return false;
    if (paste_is_rtf(*text))
        paste_undo_rtf(paste, text);
    if (!simplify(paste, text))
        return false;
    undo_transport(paste, text);
    if (text->size > 0)
        strip_prefixes(paste, text);
    return true;
}

/* ---- String literals -------------------------------------------------------------------------------------------------------------- */

static uint32_t hex_code(struct bytes digits, size_t count)
{
    uint32_t code = 0;
    if (digits.size < count)
        return 0;
    for (size_t i = 0; i < count; i++) {
        int value = hex_value(digits.data[i]);
        if (value < 0)
            return 0;
        code = code << 4 | (uint32_t)value;
    }
    return code;
}

/* What stands behind a backslash; the bytes of it. The end of a terminal's line may have come between them. */
static size_t unescape_one(struct bytes behind, struct out *out)
{
    size_t cut = 0; /* of the line: two line breaks where it was CR LF */
    while (cut + 1 < behind.size && cut < 2 && behind.data[cut] == '\n')
        cut++;
    if (cut > 0 && memchr("nrt\"\\/", behind.data[cut], 6) != NULL)
        return cut + unescape_one(bytes_tail(behind, cut), out);
    uint8_t c = behind.data[0];
    uint32_t code = c == 'u' ? hex_code(bytes_tail(behind, 1), 4) : c == 'x' ? hex_code(bytes_tail(behind, 1), 2) : 0;
    if (code != 0) {
        put_utf8(out, code < 0x80 ? code : ' ');
        return c == 'u' ? 5 : 3;
    }
    if (c == 'n' || c == 'r' || c == 't')
        put(out, c == 't' ? ' ' : '\n');
    else if (memchr("\"'`\\/", c, 5) != NULL)
        put(out, c);
    else if (c != '\n') {
        put(out, '\\');
        put(out, c);
    }
    return 1;
}

bool paste_unescape(struct paste *paste, struct bytes input, struct bytes *text)
{
    struct out out = {paste_scratch(paste, input.size), 0};
    if (out.at == NULL)
        return false;
    bool broken = false; /* a line break was written right before */
    for (size_t at = 0; at < input.size;) {
        bool goes_on = broken && bytes_starts_with(bytes_tail(input, at), bytes_of_string("\\\n"));
        broken = bytes_starts_with(bytes_tail(input, at), bytes_of_string("\\n"));
        if (goes_on) {
            at += 2; /* the string goes on in the next line (JSON5) */
        } else if (input.data[at] == '\\' && at + 1 < input.size) {
            at += 1 + unescape_one(bytes_tail(input, at + 1), &out);
        } else {
            put(&out, input.data[at++]);
        }
    }
    *text = bytes_of(out.at, out.size);
    return true;
}
