#include "identity/pem.h"

#include <string.h>

#include "base64.h"
#include "repairs.h"

#define INVALID (-1) /* a character that has no place in a block */
#define DASH (-2)
#define SPACE (-3)

#define LABEL_SIZE_MAX 32u

/* ---- Characters: what people see as one, whatever it's written as ----------------------------------------------------------- */

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : INVALID;
}

/* \uXXXX behind the "\u": ASCII only. */
static int unicode_escape(struct bytes digits)
{
    int code = 0;
    if (digits.size < 4)
        return INVALID;
    for (size_t i = 0; i < 4; i++) {
        int value = hex_value(digits.data[i]);
        if (value == INVALID)
            return INVALID;
        code = code << 4 | value;
    }
    return code < 0x80 ? code : INVALID;
}

/* What stands behind one or two backslashes. Two are a JSON string that was escaped once too often. */
static int escaped(struct pem_text *text, struct bytes at, size_t *used)
{
    size_t slashes = at.size > 1 && at.data[1] == '\\' ? 2 : 1;
    struct bytes behind = bytes_tail(at, slashes);
    *used = slashes + 1;
    if (behind.size == 0)
        return INVALID;
    if (!text->json || slashes == 2)
        text->repairs |= REPAIR_ESCAPES;
    switch (behind.data[0]) {
    case 'n':
    case 'r':
        return '\n';
    case 't':
        return ' ';
    case '/':
        return '/';
    case 'u':
        *used += 4;
        return unicode_escape(bytes_tail(behind, 1));
    default:
        return INVALID;
    }
}

/* UTF-8 of typographic dashes and of spaces that nobody sees; 0: none of them. */
static int typographic(struct bytes at, size_t *used)
{
    static const struct {
        char utf8[4];
        int means;
    } characters[] = {
        {"\xE2\x80\x90", DASH},  {"\xE2\x80\x91", DASH},  {"\xE2\x80\x92", DASH}, {"\xE2\x80\x93", DASH},
        {"\xE2\x80\x94", DASH},  {"\xE2\x80\x95", DASH},  {"\xE2\x88\x92", DASH}, {"\xC2\xA0", SPACE},
        {"\xE2\x80\x8B", SPACE}, {"\xEF\xBB\xBF", SPACE},
    };
    for (size_t i = 0; i < sizeof characters / sizeof characters[0]; i++) {
        struct bytes utf8 = bytes_of_string(characters[i].utf8);
        if (bytes_starts_with(at, utf8)) {
            *used = utf8.size;
            return characters[i].means;
        }
    }
    return 0;
}

/* The character at `at` (never empty): ASCII with every white space as ' ' or '\n', DASH, or INVALID. */
static int character(struct pem_text *text, struct bytes at, size_t *used)
{
    uint8_t c = at.data[0];
    *used = 1;
    if (c == '\\')
        return escaped(text, at, used);
    if (c == '\n' || c == '\r')
        return '\n';
    if (c == ' ' || c == '\t')
        return ' ';
    if (c == '-')
        return DASH;
    int odd = c < 0x80 ? 0 : typographic(at, used);
    if (odd == SPACE) {
        text->repairs |= REPAIR_ODD_SPACES;
        return ' ';
    }
    if (odd == DASH) {
        text->repairs |= REPAIR_DASHES;
        return DASH;
    }
    return c > 0x20 && c < 0x7F ? c : INVALID;
}

/* ---- Markers: -----BEGIN LABEL----- ------------------------------------------------------------------------------------------ */

enum label {
    LABEL_CERTIFICATE,
    LABEL_PRIVATE_KEY,
    LABEL_ENCRYPTED,
    LABEL_IGNORED, /* comes along with keys and says nothing new */
    LABEL_UNKNOWN,
};

struct marker {
    size_t at; /* of the word BEGIN or END */
    bool begin;
    struct bytes label; /* as written */
    enum label kind;
    size_t behind; /* place of the first byte after it */
};

static enum label label_kind(struct bytes label)
{
    static const struct {
        const char *text;
        enum label kind;
    } labels[] = {
        {"CERTIFICATE", LABEL_CERTIFICATE},     {"X509 CERTIFICATE", LABEL_CERTIFICATE},
        {"RSA PRIVATE KEY", LABEL_PRIVATE_KEY}, {"EC PRIVATE KEY", LABEL_PRIVATE_KEY},
        {"PRIVATE KEY", LABEL_PRIVATE_KEY},     {"ENCRYPTED PRIVATE KEY", LABEL_ENCRYPTED},
        {"EC PARAMETERS", LABEL_IGNORED},       {"PUBLIC KEY", LABEL_IGNORED},
        {"CERTIFICATE REQUEST", LABEL_IGNORED},
    };
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        if (bytes_equal(label, bytes_of_string(labels[i].text)))
            return labels[i].kind;
    }
    return LABEL_UNKNOWN;
}

static bool is_label_character(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ';
}

/* At most LABEL_SIZE_MAX characters: a longer one is unknown anyway, and a text full of BEGINs is still read in one pass. */
static struct bytes label_of(struct bytes text)
{
    size_t size = 0;
    while (size < text.size && size < LABEL_SIZE_MAX && is_label_character(text.data[size]))
        size++;
    return bytes_head(text, size);
}

/* Bytes of dashes at the start of `at`; *count: how many dashes that are. */
static size_t skip_dashes(struct pem_text *text, struct bytes at, size_t *count)
{
    size_t skipped = 0;
    size_t used;
    *count = 0;
    while (skipped < at.size && (at.data[skipped] == '-' || at.data[skipped] >= 0xE2) &&
           character(text, bytes_tail(at, skipped), &used) == DASH) {
        skipped += used;
        (*count)++;
    }
    return skipped;
}

/* Place of the first "BEGIN " or "END " at or behind `from`, or text.size. */
static size_t find_word(struct bytes text, size_t from, bool *begin)
{
    for (size_t at = from; at < text.size; at++) {
        struct bytes rest = bytes_tail(text, at);
        *begin = bytes_starts_with(rest, bytes_of_string("BEGIN "));
        if (*begin || bytes_starts_with(rest, bytes_of_string("END ")))
            return at;
    }
    return text.size;
}

/* The next "BEGIN " or "END " in text->rest that is a marker: it has a known label, or dashes around it. False: none. */
static bool find_marker(struct pem_text *text, size_t from, struct marker *marker)
{
    struct bytes all = text->rest;
    bool begin;
    for (size_t at = find_word(all, from, &begin); at < all.size; at = find_word(all, at + 1, &begin)) {
        size_t label_at = at + (begin ? 6 : 4);
        struct bytes label = label_of(bytes_tail(all, label_at));
        size_t dashes;
        size_t behind = label_at + label.size;
        behind += skip_dashes(text, bytes_tail(all, behind), &dashes);
        while (label.size > 0 && label.data[label.size - 1] == ' ')
            label.size--;
        *marker = (struct marker){at, begin, label, label_kind(label), behind};
        bool dash_before = at > 0 && (all.data[at - 1] == '-' || all.data[at - 1] >= 0x80);
        if (marker->kind == LABEL_UNKNOWN && !(dash_before && dashes > 0))
            continue;
        if (dashes != 5)
            text->repairs |= REPAIR_DASHES;
        return true;
    }
    return false;
}

/* ---- Base64 (RFC 4648 section 4), strictly ------------------------------------------------------------------------------------ */

struct base64 {
    uint8_t *buf;
    size_t room, size;
    uint32_t bits;
    unsigned count;   /* characters of this group of four */
    unsigned padding; /* '=' seen */
};

/* A full group of four gives 3 bytes, less one for each '='; the bits that are left over must be zero. */
static enum ifl_status base64_group(struct base64 *base64)
{
    size_t bytes = 3 - base64->padding;
    uint32_t unused = (UINT32_C(1) << (8 * base64->padding)) - 1;
    if ((base64->bits & unused) != 0)
        return IFL_KEY_PEM;
    if (bytes > base64->room - base64->size)
        return IFL_TOO_LARGE;
    for (size_t i = 0; i < bytes; i++)
        base64->buf[base64->size++] = (uint8_t)(base64->bits >> (16 - 8 * i));
    base64->bits = 0;
    base64->count = 0;
    return IFL_OK;
}

/* '=' fills the third or fourth place of the last group, and nothing comes behind it. */
static bool base64_takes(const struct base64 *base64, int c)
{
    if (c == '=')
        return base64->count >= 2;
    return base64_value(c) >= 0 && base64->padding == 0;
}

static enum ifl_status base64_put(struct base64 *base64, int c)
{
    if (!base64_takes(base64, c))
        return IFL_KEY_PEM;
    base64->padding += c == '=';
    base64->bits = base64->bits << 6 | (c == '=' ? 0 : (uint32_t)base64_value(c));
    return ++base64->count == 4 ? base64_group(base64) : IFL_OK;
}

/* ---- Blocks ------------------------------------------------------------------------------------------------------------------- */

/* Bytes of dashes that end at the end of `text`, and how many they are. */
static size_t dashes_before(struct pem_text *text, struct bytes span, size_t *count)
{
    size_t begin = span.size;
    size_t used;
    *count = 0;
    while (begin > 0) {
        size_t step = span.data[begin - 1] == '-' ? 1 : 3;
        if (step > begin || character(text, bytes_tail(span, begin - step), &used) != DASH || used != step)
            break;
        begin -= step;
        (*count)++;
    }
    return span.size - begin;
}

static enum ifl_status decode_body(struct pem_text *text, struct bytes body, struct base64 *base64)
{
    bool lines = false;
    size_t count = 0;
    for (size_t at = 0, used; at < body.size; at += used) {
        int c = character(text, bytes_tail(body, at), &used);
        lines = lines || c == '\n';
        if (c == ' ' || c == '\n')
            continue;
        enum ifl_status status = c < 0 ? IFL_KEY_PEM : base64_put(base64, c);
        if (status != IFL_OK)
            return status;
        count++;
    }
    if (!lines && count > 80)
        text->repairs |= REPAIR_LOST_LINES;
    return base64->count == 0 && base64->size > 0 ? IFL_OK : IFL_KEY_PEM;
}

/* PEM may carry headers (RFC 1421); the only one in use says that the key is encrypted. */
static bool is_encrypted(struct bytes body)
{
    struct bytes word = bytes_of_string("ENCRYPTED");
    return bytes_find(body, word) < body.size;
}

static enum ifl_status read_block(struct pem_text *text, const struct marker *begin, struct base64 *base64)
{
    struct marker end;
    if (!find_marker(text, begin->behind, &end) || end.begin || !bytes_equal(end.label, begin->label))
        return IFL_KEY_PEM;
    struct bytes body = bytes_tail(bytes_head(text->rest, end.at), begin->behind);
    size_t dashes;
    body.size -= dashes_before(text, body, &dashes);
    if (dashes != 5)
        text->repairs |= REPAIR_DASHES;
    if (begin->kind == LABEL_ENCRYPTED || (begin->kind == LABEL_PRIVATE_KEY && is_encrypted(body)))
        return IFL_KEY_ENCRYPTED;
    enum ifl_status status = dashes == 0 ? IFL_KEY_PEM : decode_body(text, body, base64);
    text->rest = bytes_tail(text->rest, end.behind);
    return status;
}

enum ifl_status pem_next(struct pem_text *text, enum pem_kind *kind, uint8_t *buf, size_t room, size_t *size)
{
    struct marker begin;
    for (;;) {
        struct base64 base64 = {.buf = buf, .room = room};
        if (!find_marker(text, 0, &begin))
            return IFL_END;
        if (!begin.begin || begin.kind == LABEL_UNKNOWN)
            return IFL_KEY_PEM;
        size_t dashes;
        (void)dashes_before(text, bytes_head(text->rest, begin.at), &dashes);
        if (dashes != 5)
            text->repairs |= REPAIR_DASHES;
        enum ifl_status status = read_block(text, &begin, &base64);
        if (status != IFL_OK)
            return status;
        if (begin.kind == LABEL_IGNORED)
            continue;
        *kind = begin.kind == LABEL_CERTIFICATE ? PEM_CERTIFICATE : PEM_PRIVATE_KEY;
        *size = base64.size;
        return IFL_OK;
    }
}
