/* JSON, and what looks like it: with other quotes, without some commas, names without quotes, comments, a brace too few at the end. Structure counts for
 * little here: a value is found by its name, certificates and keys by what they are. The one thing that isn't forgiven is a text that ends inside of a
 * string: more may be missing. */
#include "paste_find.h"
#include "paste_text.h"

#include <string.h>

#define DEPTH_MAX 32
#define WORTH_SIZE 24u

/* An object, or an array, which has no texts. Its texts count only if it's one of a service key: by its place, or because more of a key is in it. */
struct frame {
    struct bytes name; /* of the object in its parent */
    bool service_key;
    bool material; /* a certificate or a key is in it, or in an object inside of it */
    bool uaa;
    struct paste_texts texts;
};

struct scan {
    struct paste *paste;
    struct bytes text;
    size_t at;
    unsigned depth; /* of texts in texts */
    unsigned level;
    struct bytes name; /* of the member whose value comes; size 0: none */
    size_t limit;      /* behind the array that is joined */
    struct frame frames[DEPTH_MAX];
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\n';
}

static size_t skip_blanks(struct bytes text, size_t at)
{
    while (at < text.size && is_blank(text.data[at]))
        at++;
    return at;
}

static bool is_quote(uint8_t c)
{
    return c == '"' || c == '\'' || c == '`';
}

/* The place behind the closing quote; 0: it's missing. */
static size_t string_end(struct bytes text, size_t at)
{
    uint8_t quote = text.data[at];
    for (at++; at < text.size && text.data[at] != quote; at++)
        at += text.data[at] == '\\';
    return at < text.size ? at + 1 : 0;
}

static bool names_something(struct bytes text, size_t behind)
{
    size_t at = skip_blanks(text, behind);
    return at < text.size && (text.data[at] == ':' || text.data[at] == '=');
}

/* A quoted name of a service key's member, without a brace before it: somebody copied the inside only. */
static size_t first_name(struct bytes text, size_t to)
{
    static const char *const names[] = {"certificate\"", "certificate'", "clientid\"", "clientid'",
                                        "oauth\"",       "oauth'",       "key\"",      "key'"};
    size_t first = to;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t at = bytes_find(bytes_head(text, first), bytes_of_string(names[i]));
        if (at < first && at > 0 && is_quote(text.data[at - 1]) && names_something(text, at + strlen(names[i])))
            first = at - 1;
    }
    return first;
}

/* Without any it's what Java prints of a map, and the like. */
static bool has_quotes(struct bytes text)
{
    return text.size > 0 && (memchr(text.data, '"', text.size) != NULL || memchr(text.data, '\'', text.size) != NULL ||
                             memchr(text.data, '`', text.size) != NULL);
}

bool paste_json_starts(struct bytes text, size_t *at)
{
    size_t marker = paste_pem_marker(text, 0);
    size_t brace = bytes_find(bytes_head(text, marker), bytes_of_string("{"));
    *at = first_name(text, brace);
    return *at < marker && has_quotes(text);
}

/* ---- Objects ---------------------------------------------------------------------------------------------------------------------- */

static bool is_name(struct bytes name, const char *text)
{
    return bytes_equal(name, bytes_of_string(text));
}

static bool is_container(struct bytes name)
{
    return name.size == 0 || is_name(name, "oauth") || is_name(name, "credentials") || is_name(name, "uaa") ||
           is_name(name, "data") || is_name(name, "stringData");
}

static struct frame *top(struct scan *scan)
{
    return &scan->frames[scan->level];
}

static void open_object(struct scan *scan)
{
    if (scan->level + 1 == DEPTH_MAX) {
        paste_fail(scan->paste, IFL_KEY_JSON, "too many braces in each other");
        return;
    }
    bool known = top(scan)->service_key && is_container(scan->name);
    bool uaa = is_name(scan->name, "uaa");
    scan->level++;
    *top(scan) = (struct frame){.name = scan->name, .service_key = known, .uaa = uaa};
    scan->name = bytes_of(NULL, 0);
}

static void keep(struct scan *scan, enum paste_name name, const char *value)
{
    if (value[0] != '\0')
        paste_keep(scan->paste, name, value, top(scan)->uaa);
}

static void keep_texts(struct scan *scan)
{
    const struct frame *frame = top(scan);
    const struct paste_texts *texts = &frame->texts;
    if (!frame->material && texts->clientid[0] != '\0') {
        paste_keep_loose(scan->paste, texts);
        return;
    }
    keep(scan, NAME_URL, texts->url);
    keep(scan, NAME_CLIENTID, texts->clientid);
    keep(scan, NAME_TOKENURL, texts->tokenurl);
}

static void close_object(struct scan *scan)
{
    const struct frame *frame = top(scan);
    if (frame->service_key)
        keep_texts(scan);
    if (scan->level > 0) {
        const bool material = frame->material;
        scan->level--;
        top(scan)->material = top(scan)->material || material;
    }
    scan->name = bytes_of(NULL, 0);
}

/* ---- Values ----------------------------------------------------------------------------------------------------------------------- */

static void take_text(struct scan *scan, enum paste_name name, struct bytes value)
{
    struct frame *frame = top(scan);
    char *field = name == NAME_URL        ? frame->texts.url
                  : name == NAME_CLIENTID ? frame->texts.clientid
                                          : frame->texts.tokenurl;
    char text[IDENTITY_TEXT_SIZE];
    if (!paste_value(name, value, text))
        return;
    if (field[0] != '\0' && strcmp(field, text) != 0) { /* twice in one object: ambiguous */
        paste_keep(scan->paste, name, field, false);
        paste_keep(scan->paste, name, text, false);
    }
    memcpy(field, text, strlen(text) + 1);
    frame->service_key = frame->service_key || name != NAME_URL;
}

static void take_value(struct scan *scan, struct bytes raw)
{
    enum paste_name name = paste_name_of(scan->name);
    size_t mark = scan->paste->top;
    struct bytes value;
    scan->name = bytes_of(NULL, 0);
    if (raw.size == 0)
        return;
    if (!paste_unescape(scan->paste, raw, &value)) {
        paste_fail(scan->paste, IFL_TOO_LARGE, "");
        return;
    }
    if (name == NAME_URL || name == NAME_CLIENTID || name == NAME_TOKENURL) {
        take_text(scan, name, value);
    } else if (name == NAME_SECRET) {
        scan->paste->secret = true;
    } else if (value.size >= WORTH_SIZE) {
        const size_t before = scan->paste->blob_count;
        const unsigned doubled = scan->paste->repairs & PASTE_DOUBLED;
        scan->paste->repairs &= ~(unsigned)PASTE_DOUBLED;
        top(scan)->service_key = top(scan)->service_key || name == NAME_MATERIAL;
        paste_find_text(scan->paste, value, scan->depth + 1);
        const bool found = scan->paste->blob_count > before || (scan->paste->repairs & PASTE_DOUBLED) != 0;
        top(scan)->material = top(scan)->material || found;
        scan->paste->repairs |= doubled;
    }
    scan->paste->top = mark;
}

static void take_string(struct scan *scan)
{
    size_t end = string_end(scan->text, scan->at);
    if (end == 0) {
        paste_fail(scan->paste, IFL_KEY_JSON, "it ends inside of a text");
        return;
    }
    struct bytes raw = bytes_tail(bytes_head(scan->text, end - 1), scan->at + 1);
    if (scan->text.data[scan->at] != '"')
        scan->paste->repairs |= PASTE_SYNTAX;
    scan->at = end;
    if (names_something(scan->text, end)) {
        scan->name = raw;
        size_t arrow = bytes_find(bytes_head(bytes_tail(scan->text, end), 40), bytes_of_string("=>"));
        if (skip_blanks(scan->text, end) == end + arrow) /* Ruby, PHP, Perl */
            scan->at = end + arrow + 2;
    } else {
        take_value(scan, raw);
    }
}

/* The strings of an array up to its end: lines of one text, as notebooks and programs write them. False: something else is in it. */
static bool join_strings(struct scan *scan, size_t *behind, uint8_t *to, size_t *size)
{
    struct bytes text = bytes_head(scan->text, scan->limit);
    size_t at = skip_blanks(text, scan->at + 1);
    while (at < text.size && is_quote(text.data[at])) {
        size_t end = string_end(text, at);
        if (end == 0)
            return false;
        memcpy(to + *size, text.data + at + 1, end - at - 2);
        *size += end - at - 2;
        to[(*size)++] = '\n';
        at = skip_blanks(text, end);
        at = at < text.size && text.data[at] == ',' ? skip_blanks(text, at + 1) : at;
    }
    *behind = at + 1;
    return at < text.size && text.data[at] == ']' && *size > 0;
}

static bool take_lines(struct scan *scan)
{
    size_t mark = scan->paste->top;
    size_t size = 0;
    size_t behind;
    uint8_t *to = NULL;
    size_t first = skip_blanks(scan->text, scan->at + 1);
    if (first < scan->text.size && is_quote(scan->text.data[first])) {
        size_t end =
            bytes_find(bytes_tail(scan->text, scan->at), bytes_of_string("]")); /* in PEM and base64 there is none */
        to = paste_scratch(scan->paste, end);
        scan->limit = scan->at + end + 1;
    }
    bool joined = to != NULL && join_strings(scan, &behind, to, &size);
    if (joined) {
        take_value(scan, bytes_of(to, size));
        scan->at = behind;
    }
    scan->paste->top = mark;
    return joined;
}

/* A name or value without quotes. */
static void take_bare(struct scan *scan)
{
    size_t from = scan->at;
    while (scan->at < scan->text.size && !is_blank(scan->text.data[scan->at]) &&
           strchr(",:={}[]\"'`", scan->text.data[scan->at]) == NULL)
        scan->at++;
    while (scan->at < scan->text.size && scan->text.data[scan->at] == '=' && scan->at > from + WORTH_SIZE)
        scan->at++; /* the padding of base64 */
    struct bytes word = bytes_tail(bytes_head(scan->text, scan->at), from);
    if (word.size == 0)
        scan->at++;
    else if (names_something(scan->text, scan->at))
        scan->name = word;
    else
        take_value(scan, word);
}

static bool skip_comment(struct scan *scan)
{
    struct bytes rest = bytes_tail(scan->text, scan->at);
    bool block = bytes_starts_with(rest, bytes_of_string("/*"));
    if (!block && rest.data[0] != '#' && !bytes_starts_with(rest, bytes_of_string("//")))
        return false;
    scan->at += bytes_find(rest, bytes_of_string(block ? "*/" : "\n"));
    return true;
}

size_t paste_find_json(struct paste *paste, struct bytes text, unsigned depth)
{
    struct scan scan = {.paste = paste, .text = text, .depth = depth};
    scan.frames[0].service_key = true;
    bool braces = text.data[0] == '{';
    while (scan.at < text.size && paste->status == IFL_OK) {
        uint8_t c = text.data[scan.at];
        if (is_quote(c)) {
            take_string(&scan);
        } else if (c == '[' && take_lines(&scan)) {
            continue;
        } else if (c == '{' || c == '[') {
            open_object(&scan);
            scan.at++;
        } else if (c == '}' || c == ']') {
            close_object(&scan);
            scan.at++;
            if (scan.level == 0 && braces)
                return scan.at;
        } else if (!skip_comment(&scan)) {
            take_bare(&scan);
        }
    }
    if (scan.name.size > 0)
        paste_fail(paste, IFL_KEY_JSON, "it ends behind a name");
    paste->repairs |= braces ? PASTE_CUT_END : PASTE_SYNTAX;
    while (scan.level > 0)
        close_object(&scan);
    close_object(&scan);
    return text.size;
}
