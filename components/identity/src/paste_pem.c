/* PEM as it looks after a bad journey. Markers cut the text into blocks; what lies between blocks goes to paste_find_words().
 *
 *   BEGIN x ... END x    a block                        BEGIN x ... BEGIN y, or the end    END is missing: the length in the DER says where it ends
 *   END y ... END x      BEGIN is missing: the length in the DER says where it starts
 *
 * Whatever way a block was read, its base64 must be exactly one SEQUENCE. */
#include "paste_find.h"
#include "paste_text.h"

#include <string.h>

enum label { LABEL_NONE, LABEL_MATERIAL, LABEL_IGNORED };

struct marker {
    bool begin;
    enum label label;
    size_t from, behind; /* with its dashes */
    size_t dashes;       /* the fewer of both sides */
};

/* ---- Markers --------------------------------------------------------------------------------------------------------------------- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '_';
}

/* The word at the start of `at`, perhaps cut by the end of a terminal's line. Its size in the text, or 0. */
static size_t match_word(struct bytes at, const char *word)
{
    size_t size = 0;
    for (const char *letter = word; *letter != '\0'; letter++) {
        size_t skip = size;
        if (letter > word && skip < at.size && at.data[skip] == '\n') {
            while (skip < at.size && skip - size < 40 && is_blank(at.data[skip]))
                skip++;
        }
        if (skip >= at.size || (at.data[skip] & 0xDF) != (uint8_t)*letter)
            return 0;
        size = skip + 1;
    }
    return size;
}

static size_t blanks(struct bytes text, size_t at)
{
    size_t from = at;
    while (at < text.size && at - from < 40 && is_blank(text.data[at]))
        at++;
    return at;
}

/* Words of a label, with any blanks between them. The place behind, or 0. */
static size_t match_label(struct bytes text, size_t at, const char *const words[3])
{
    for (unsigned i = 0; i < 3 && words[i] != NULL; i++) {
        at = blanks(text, at);
        size_t size = match_word(bytes_tail(text, at), words[i]);
        if (size == 0)
            return 0;
        at += size;
    }
    return at;
}

static enum label read_label(struct bytes text, size_t at, size_t *behind)
{
    static const struct {
        const char *words[3];
        enum label label;
    } labels[] = {
        {{"CERTIFICATE", "REQUEST"}, LABEL_IGNORED},
        {{"CERTIFICATE"}, LABEL_MATERIAL},
        {{"TRUSTED", "CERTIFICATE"}, LABEL_NONE},
        {{"PRIVATE", "KEY"}, LABEL_MATERIAL},
        {{"RSA", "PRIVATE", "KEY"}, LABEL_MATERIAL},
        {{"EC", "PRIVATE", "KEY"}, LABEL_MATERIAL},
        {{"ENCRYPTED", "PRIVATE", "KEY"}, LABEL_MATERIAL},
        {{"PKCS", NULL, NULL}, LABEL_NONE},
        {{"EC", "PARAMETERS"}, LABEL_IGNORED},
        {{"PUBLIC", "KEY"}, LABEL_IGNORED},
        {{"RSA", "PUBLIC", "KEY"}, LABEL_IGNORED},
    };
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        *behind = match_label(text, at, labels[i].words);
        if (*behind > 0)
            return labels[i].label;
    }
    static const char *const x509[3] = {"CERTIFICATE"};
    if (bytes_starts_with(bytes_tail(text, blanks(text, at)), bytes_of_string("X509")))
        *behind = match_label(text, blanks(text, at) + 4, x509);
    return *behind > 0 ? LABEL_MATERIAL : LABEL_NONE;
}

static size_t dashes_behind(struct bytes text, size_t *at)
{
    size_t from = *at;
    while (from < text.size && text.data[from] == ' ')
        from++;
    size_t to = from;
    while (to < text.size && text.data[to] == '-')
        to++;
    if (to > from)
        *at = to;
    return to - from;
}

static size_t dashes_before(struct bytes text, size_t floor, size_t *at)
{
    size_t to = *at;
    while (to > floor && text.data[to - 1] == ' ')
        to--;
    size_t from = to;
    while (from > floor && text.data[from - 1] == '-')
        from--;
    if (to > from)
        *at = from;
    return to - from;
}

static bool marker_at(struct bytes text, size_t floor, size_t at, struct marker *marker)
{
    struct bytes rest = bytes_tail(text, at);
    size_t begin = match_word(rest, "BEGIN");
    size_t word = begin > 0 ? begin : match_word(rest, "END");
    if (word == 0)
        return false;
    *marker = (struct marker){.begin = begin > 0, .from = at};
    marker->label = read_label(text, at + word, &marker->behind);
    if (marker->label == LABEL_NONE)
        return false;
    size_t before = dashes_before(text, floor, &marker->from);
    size_t behind = dashes_behind(text, &marker->behind);
    marker->dashes = before < behind ? before : behind;
    /* Without any dashes the words stand alone on a line, or they belong to a sentence. */
    bool starts_line = at == floor || text.data[at - 1] == '\n';
    bool ends_line = marker->behind == text.size || text.data[marker->behind] == '\n';
    return before + behind > 0 || (starts_line && ends_line);
}

/* Behind `floor`; false: there is none. */
static bool next_marker(struct bytes text, size_t floor, struct marker *marker)
{
    for (size_t at = floor; at < text.size; at++) {
        uint8_t c = text.data[at] & 0xDF;
        if ((c == 'B' || c == 'E') && marker_at(text, floor, at, marker))
            return true;
    }
    return false;
}

size_t paste_pem_marker(struct bytes text, size_t from)
{
    struct marker marker;
    struct bytes rest = bytes_tail(text, from);
    return next_marker(rest, 0, &marker) ? from + marker.from : text.size;
}

/* ---- The inside of a block ------------------------------------------------------------------------------------------------------- */

/* How a block is read; one after the other until one gives a SEQUENCE. */
enum reading {
    READ_PLAIN,
    READ_LITERALS, /* lines are string literals, put together by a program: what is outside of the quotes doesn't count */
    READ_BACKTICKS,    /* `n is a line break (PowerShell) */
    READ_LOST_SLASHES, /* n is what was left of \n */
    READ_URL_ALPHABET, /* - and _ stand for + and / (RFC 4648 section 5) */
    READ_COUNT
};

/* Bytes of an escape at the start of `at` that stands for white space; 0: none. */
static size_t escape_size(struct bytes at, enum reading reading)
{
    size_t slashes = 0;
    if (at.data[0] == '^')
        return at.size > 1 && at.data[1] == 'M' ? 2 : 0;
    if (reading == READ_BACKTICKS && at.data[0] == '`')
        return at.size > 1 && memchr("nrt", at.data[1], 3) != NULL ? 2 : 0;
    while (slashes < at.size && at.data[slashes] == '\\')
        slashes++;
    if (slashes == 0 || slashes == at.size)
        return slashes;
    uint8_t c = at.data[slashes];
    if (memchr("nrt\n", c, 4) != NULL)
        return slashes + 1;
    if (c == 'u' || c == 'x')
        return slashes + (c == 'u' ? 5 : 3);
    return c == '0' ? slashes + 3 : slashes;
}

/* Base64 characters and spaces only. */
static struct bytes plain_body(struct paste *paste, struct bytes body, enum reading reading, unsigned *repairs)
{
    uint8_t *to = paste_scratch(paste, body.size);
    size_t size = 0;
    bool outside = false;
    if (to == NULL)
        return bytes_of(NULL, 0);
    for (size_t at = 0; at < body.size;) {
        uint8_t c = body.data[at];
        size_t escape = escape_size(bytes_tail(body, at), reading);
        if (escape > 0 && c != '\n') {
            *repairs |= PASTE_ESCAPES;
            at += escape;
            to[size++] = ' ';
            continue;
        }
        at++;
        if (reading == READ_URL_ALPHABET && (c == '-' || c == '_')) {
            *repairs |= PASTE_URL_ALPHABET;
            c = c == '-' ? '+' : '/';
        }
        outside = outside != (c == '"' || c == '\'');
        bool counts = (paste_is_base64(c) || c == '=') && !(reading == READ_LITERALS && outside);
        *repairs |= counts || is_blank(c) ? 0 : PASTE_RUBBISH;
        to[size++] = counts ? c : ' ';
    }
    return bytes_of(to, size);
}

/* `left`, then `width` characters, again and again. The size of what is between, in `to`; 0: it isn't so. */
static size_t drop_left(struct bytes plain, struct bytes left, size_t width, uint8_t *to)
{
    size_t size = 0;
    size_t count = 0;
    for (size_t i = 0; i < plain.size; i++) {
        uint8_t c = plain.data[i];
        if (c == ' ')
            continue;
        size_t place = count++ % (width + left.size);
        if (place >= left.size)
            to[size++] = c;
        else if (c != left.data[place])
            return 0;
    }
    bool ends = size > left.size && memcmp(to + size - left.size, left.data, left.size) == 0;
    return ends && (size - left.size) % 4 == 0 ? size - left.size : size; /* the last line is shorter */
}

/* "nMII...n...n", or with what else is left of line breaks that were written. */
static bool drop_lost_slashes(struct bytes *plain, uint8_t *to)
{
    static const char *const left[] = {"n", "rn", "/n", "/r/n"};
    for (size_t i = 0; i < 2 * (sizeof left / sizeof left[0]); i++) {
        size_t size = drop_left(*plain, bytes_of_string(left[i / 2]), i % 2 == 0 ? 64 : 76, to);
        if (size > 0) {
            *plain = bytes_of(to, size);
            return true;
        }
    }
    return false;
}

static bool read_body(struct paste *paste, struct bytes body, enum reading reading)
{
    unsigned repairs = 0;
    size_t mark = paste->top;
    struct bytes plain = plain_body(paste, body, reading, &repairs);
    bool right = plain.data != NULL;
    if (right && reading == READ_LOST_SLASHES) {
        uint8_t *to = paste_scratch(paste, plain.size + 1);
        right = to != NULL && drop_lost_slashes(&plain, to);
        repairs |= PASTE_ESCAPES;
    }
    right = right && paste_add_base64(paste, plain);
    if (right && reading == READ_PLAIN && memchr(body.data, '\n', body.size) == NULL && (repairs & PASTE_ESCAPES) == 0)
        repairs |= PASTE_LINES;
    paste->repairs |= right ? repairs : 0;
    paste->top = mark;
    return right;
}

/* ---- Encrypted keys of the old kind (RFC 1421 section 4.6.1) ------------------------------------------------------------------- */

static bool is_upper_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

/* "AES-128-CBC,3F17..." behind "DEK-Info:". */
static struct bytes dek_info(struct bytes body)
{
    struct bytes word = bytes_of_string("DEK-Info:");
    struct bytes rest = bytes_tail(body, bytes_find(body, word) + word.size);
    rest = bytes_tail(rest, blanks(rest, 0));
    size_t size = bytes_find(bytes_head(rest, 40), bytes_of_string(",")) + 1;
    while (size < rest.size && size < 80 && is_upper_hex(rest.data[size]))
        size++;
    return bytes_head(rest, size);
}

static bool put(struct paste *paste, struct bytes piece)
{
    if (piece.size > paste->top - paste->used)
        return false;
    memcpy(paste->buf + paste->used, piece.data, piece.size);
    paste->used += piece.size;
    return true;
}

static bool put_lines(struct paste *paste, struct bytes base64)
{
    size_t count = 0;
    bool fits = true;
    for (size_t i = 0; i < base64.size && fits; i++) {
        if (!paste_is_base64(base64.data[i]) && base64.data[i] != '=')
            continue;
        fits = put(paste, bytes_head(bytes_tail(base64, i), 1));
        if (++count % 64 == 0)
            fits = fits && put(paste, bytes_of_string("\n"));
    }
    return fits && (count % 64 == 0 || put(paste, bytes_of_string("\n")));
}

/* Keep the block as PEM: only the library that decrypts it reads its headers. */
static bool keep_encrypted(struct paste *paste, struct bytes body)
{
    unsigned repairs = 0;
    size_t mark = paste->top;
    size_t from = paste->used;
    struct bytes info = dek_info(body);
    struct bytes behind = bytes_tail(body, (size_t)(info.data - body.data) + info.size);
    struct bytes plain = plain_body(paste, behind, READ_PLAIN, &repairs);
    bool fits = paste->blob_count < PASTE_BLOB_COUNT &&
                put(paste, bytes_of_string("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: ")) &&
                put(paste, info) && put(paste, bytes_of_string("\n\n")) && put_lines(paste, plain) &&
                put(paste, bytes_of_string("-----END RSA PRIVATE KEY-----\n"));
    paste->top = mark;
    struct bytes text = bytes_of(paste->buf + from, paste->used - from);
    if (fits)
        paste->blobs[paste->blob_count++] = (struct paste_blob){PASTE_ENCRYPTED_PEM, text};
    return fits;
}

/* ---- Blocks ---------------------------------------------------------------------------------------------------------------------- */

static void take_block(struct paste *paste, struct bytes body)
{
    if (bytes_find(body, bytes_of_string("DEK-Info:")) < body.size) {
        if (!keep_encrypted(paste, body))
            paste_fail(paste, IFL_TOO_LARGE, "");
        return;
    }
    for (int reading = 0; reading < READ_COUNT; reading++) {
        if (read_body(paste, body, (enum reading)reading))
            return;
    }
    paste_fail(paste, IFL_KEY_PEM, "a block between BEGIN and END doesn't decode");
}

/* The last place in `plain` from which on its base64 is one SEQUENCE; plain.size: none. */
static size_t start_of_sequence(struct bytes plain)
{
    size_t behind = 0; /* base64 characters from here on */
    size_t padding = 0;
    for (size_t at = plain.size; at-- > 0;) {
        behind += paste_is_base64(plain.data[at]);
        padding += plain.data[at] == '=';
        bool starts = plain.data[at] == 'M' && (at == 0 || !paste_is_base64(plain.data[at - 1]));
        size_t size = starts ? paste_der_size(bytes_tail(plain, at)) : 0;
        if (size > 0 && (size * 4 + 2) / 3 == behind && padding <= 2)
            return at;
    }
    return plain.size;
}

/* The first SEQUENCE in `plain`, that ends where a word ends. */
static struct bytes first_sequence(struct bytes plain)
{
    size_t from = 0;
    while (from < plain.size && !paste_is_base64(plain.data[from]))
        from++;
    struct bytes rest = bytes_tail(plain, from);
    size_t needed = (paste_der_size(rest) * 4 + 2) / 3;
    size_t size = 0;
    for (size_t count = 0; size < rest.size && count < needed; size++)
        count += paste_is_base64(rest.data[size]);
    while (size < rest.size && rest.data[size] == '=')
        size++;
    bool ends = size == rest.size || rest.data[size] == ' ';
    return bytes_head(rest, ends ? size : 0);
}

static bool holds_nothing(struct bytes plain)
{
    size_t at = 0;
    while (at < plain.size && plain.data[at] == ' ')
        at++;
    return at == plain.size;
}

/* A block of which one marker is missing. A marker beside nothing was there twice. */
static void take_half(struct paste *paste, struct bytes body, bool begin, unsigned depth)
{
    unsigned repairs = 0;
    size_t mark = paste->top;
    struct bytes plain = plain_body(paste, body, READ_PLAIN, &repairs);
    struct bytes sequence = bytes_of(NULL, 0);
    if (plain.data != NULL)
        sequence = begin ? first_sequence(plain) : bytes_tail(plain, start_of_sequence(plain));
    bool right = sequence.size > 0 && paste_add_base64(paste, sequence);
    struct bytes rest = body;
    if (plain.data != NULL && holds_nothing(plain)) {
        paste->repairs |= PASTE_MARKERS;
    } else if (right) {
        size_t at = (size_t)(sequence.data - plain.data);
        rest = begin ? bytes_tail(body, at + sequence.size) : bytes_head(body, at);
        paste->repairs |= PASTE_MARKERS | repairs;
    } else {
        paste_fail(paste, IFL_KEY_PEM, begin ? "an END line is missing" : "a BEGIN line is missing");
    }
    /* With escapes in the body the places in it and in `plain` differ; then there is nothing to find in the rest. */
    if ((repairs & PASTE_ESCAPES) == 0)
        paste_find_words(paste, rest, depth);
    paste->top = mark;
}

static void tell_dashes(struct paste *paste, const struct marker *marker)
{
    if (marker->dashes != 5)
        paste->repairs |= PASTE_DASHES;
}

void paste_find_pem(struct paste *paste, struct bytes text, unsigned depth)
{
    struct marker marker;
    size_t at = 0;
    while (paste->status == IFL_OK && next_marker(text, at, &marker)) {
        struct marker end;
        struct bytes before = bytes_tail(bytes_head(text, marker.from), at);
        tell_dashes(paste, &marker);
        if (!marker.begin) {
            take_half(paste, before, false, depth);
            at = marker.behind;
            continue;
        }
        paste_find_words(paste, before, depth);
        bool more = next_marker(text, marker.behind, &end);
        size_t to = more ? end.from : text.size;
        struct bytes body = bytes_tail(bytes_head(text, to), marker.behind);
        at = to;
        if (more && !end.begin) {
            tell_dashes(paste, &end);
            at = end.behind;
            if (marker.label == LABEL_MATERIAL && paste->status == IFL_OK)
                take_block(paste, body);
        } else if (marker.label == LABEL_MATERIAL && paste->status == IFL_OK) {
            take_half(paste, body, true, depth);
        }
    }
    if (paste->status == IFL_OK)
        paste_find_words(paste, bytes_tail(text, at), depth);
}
