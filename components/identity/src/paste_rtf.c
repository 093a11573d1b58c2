/* Rich Text Format: what Word and TextEdit make of a text that was pasted into them. Groups in braces, control words with a backslash; the text is
 * what is outside of both. Groups that describe the document (fonts, colours, ...) hold no text. */
#include "paste_find.h"
#include "paste_text.h"

#include <string.h>

bool paste_is_rtf(struct bytes text)
{
    return bytes_starts_with(text, bytes_of_string("{\\rtf"));
}

static bool is_letter(uint8_t c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* The letters of a control word at `at`, behind its backslash; *behind: with its number and the space that ends it. */
static struct bytes control_word(struct bytes text, size_t at, size_t *behind)
{
    size_t end = at;
    while (end < text.size && is_letter(text.data[end]))
        end++;
    *behind = end;
    while (*behind < text.size &&
           ((text.data[*behind] >= '0' && text.data[*behind] <= '9') || (*behind == end && text.data[end] == '-')))
        (*behind)++;
    *behind += *behind < text.size && text.data[*behind] == ' ';
    return bytes_tail(bytes_head(text, end), at);
}

static bool is_word(struct bytes word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal(word, bytes_of_string(words[i])))
            return true;
    }
    return false;
}

/* The text that a control word stands for; 0: none. */
static uint8_t meaning(struct bytes word)
{
    static const char *const breaks[] = {"par", "line", "sect", "page", "row"};
    static const char *const dashes[] = {"emdash", "endash"};
    static const char *const quotes[] = {"ldblquote", "rdblquote"};
    if (is_word(word, breaks, sizeof breaks / sizeof breaks[0]))
        return '\n';
    if (is_word(word, dashes, 2))
        return '-';
    return is_word(word, quotes, 2) ? '"' : bytes_equal(word, bytes_of_string("tab")) ? ' ' : 0;
}

static bool describes(struct bytes word)
{
    static const char *const groups[] = {"fonttbl", "colortbl", "stylesheet", "info", "header", "footer", "pict"};
    return is_word(word, groups, sizeof groups / sizeof groups[0]);
}

void paste_undo_rtf(struct paste *paste, struct bytes *text)
{
    uint8_t *to = paste->buf + (text->data - paste->buf); /* in place: it only gets shorter */
    size_t size = 0;
    size_t level = 0;
    size_t silent = 0; /* the level of the group that holds no text; 0: none */
    for (size_t at = 0; at < text->size;) {
        uint8_t c = text->data[at++];
        uint8_t put = 0;
        if (c == '{') {
            level++;
        } else if (c == '}') {
            silent = silent == level ? 0 : silent;
            level -= level > 0;
        } else if (c == '\\' && at < text->size && is_letter(text->data[at])) {
            struct bytes word = control_word(*text, at, &at);
            put = meaning(word);
            silent = silent == 0 && describes(word) ? level : silent;
        } else if (c == '\\' && at < text->size) {
            put = text->data[at++];
            silent = silent == 0 && put == '*' ? level : silent;
            put = put == '_' ? '-' : put == '~' ? ' ' : put == '*' ? 0 : put;
        } else if (c != '\n' && c != '\r') {
            put = c;
        }
        if (put != 0 && silent == 0)
            to[size++] = put;
    }
    text->size = size;
    paste->repairs |= PASTE_RTF;
}
