/* Lines of any kind: `url: https://...`, CLIENTID="...", a name on one line and its value on the next, a column of names beside one of values; and base64
 * that stands alone. The text is read as words, so that lost line breaks don't matter. */
#include "paste_find.h"
#include "paste_text.h"

#include <string.h>

#define WORTH_SIZE 24u    /* base64 characters from which on it's worth looking */
#define MATERIAL_SIZE 64u /* base64 that is shorter is no certificate */

/* ---- Names and values ------------------------------------------------------------------------------------------------------------ */

static bool is_letter(uint8_t c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

enum paste_name paste_name_of(struct bytes name)
{
    static const struct {
        const char *text;
        enum paste_name name;
    } names[] = {
        {"url", NAME_URL},
        {"clientid", NAME_CLIENTID},
        {"tokenurl", NAME_TOKENURL},
        {"clientsecret", NAME_SECRET},
        {"key", NAME_MATERIAL},
        {"certificate", NAME_MATERIAL},
        {"privatekey", NAME_MATERIAL},
    };
    char letters[16] = "";
    size_t len = 0;
    for (size_t i = 0; i < name.size && i < 64; i++) {
        if (!is_letter(name.data[i]))
            continue;
        if (len + 1 == sizeof letters)
            return NAME_NONE;
        letters[len++] = (char)(name.data[i] | 0x20);
    }
    for (size_t i = 0; name.size <= 64 && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(letters, names[i].text) == 0)
            return names[i].name;
    }
    return NAME_NONE;
}

static bool is_printable(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~' || text.data[i] == '"' || text.data[i] == '\\')
            return false;
    }
    return text.size > 0;
}

static bool has_form(enum paste_name name, struct bytes value)
{
    if (!is_printable(value))
        return false;
    if (name == NAME_CLIENTID)
        return bytes_find(value, bytes_of_string("!")) < value.size || bytes_starts_with(value, bytes_of_string("sb-"));
    return bytes_starts_with(value, bytes_of_string("https://")) ||
           bytes_starts_with(value, bytes_of_string("http://"));
}

bool paste_value(enum paste_name name, struct bytes raw, char out[IDENTITY_TEXT_SIZE])
{
    uint8_t plain[IDENTITY_TEXT_SIZE] = {0};
    uint8_t decoded[IDENTITY_TEXT_SIZE];
    size_t size = 0;
    for (size_t i = 0; i < raw.size; i++) {
        if (raw.data[i] == ' ' || raw.data[i] == '\n' || raw.data[i] == '\\')
            continue; /* lines that were folded; and https\:// in Java's properties */
        if (size + 1 == sizeof plain)
            return false;
        plain[size++] = raw.data[i];
    }
    struct bytes value = bytes_of(plain, size);
    if (!has_form(name, value)) {
        size_t letters = 0;
        while (letters < size && paste_is_base64(plain[letters]))
            letters++;
        value = bytes_of(decoded, letters + 2 < size ? 0 : paste_base64(value, decoded, sizeof decoded - 1));
        while (value.size > 0 && (value.data[value.size - 1] == '\n' || value.data[value.size - 1] == '\r'))
            value.size--; /* `echo` without -n */
        if (!has_form(name, value))
            return false;
    }
    memcpy(out, value.data, value.size);
    out[value.size] = '\0';
    return true;
}

void paste_keep(struct paste *paste, enum paste_name name, const char *value, bool uaa)
{
    char *field = name == NAME_CLIENTID ? paste->clientid : name == NAME_TOKENURL ? paste->tokenurl : paste->url;
    if (name == NAME_URL && uaa)
        field = paste->auth_url;
    if (field[0] != '\0' && strcmp(field, value) != 0)
        paste_fail(paste, IFL_KEY_AMBIGUOUS,
                   name == NAME_CLIENTID   ? "two different values of `clientid`"
                   : name == NAME_TOKENURL ? "two different values of `tokenurl`"
                                           : "two different values of `url`");
    memcpy(field, value, strlen(value) + 1);
}

void paste_keep_loose(struct paste *paste, const struct paste_texts *texts)
{
    if (paste->loose_count == PASTE_LOOSE_COUNT)
        paste_fail(paste, IFL_KEY_AMBIGUOUS, "many clients");
    else
        paste->loose[paste->loose_count++] = *texts;
}

/* ---- Words ------------------------------------------------------------------------------------------------------------------------ */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\n';
}

/* The next word of `text` behind *at, without quotes and the like around it; false: there is none. */
static bool next_word(struct bytes text, size_t *at, struct bytes *word)
{
    static const char around[] = "\"'`,;()[]{}<>*";
    while (*at < text.size && is_blank(text.data[*at]))
        (*at)++;
    size_t from = *at;
    while (*at < text.size && !is_blank(text.data[*at]))
        (*at)++;
    size_t to = *at;
    if (from == to)
        return false;
    while (from < to && strchr(around, text.data[from]) != NULL)
        from++;
    while (from < to && strchr(around, text.data[to - 1]) != NULL)
        to--;
    *word = bytes_tail(bytes_head(text, to), from);
    return true;
}

static bool is_base64_word(struct bytes word)
{
    size_t size = word.size;
    for (unsigned i = 0; i < 2 && size > 0 && word.data[size - 1] == '='; i++)
        size--;
    for (size_t i = 0; i < size; i++) {
        if (!paste_is_base64(word.data[i]))
            return false;
    }
    return size > 0;
}

/* Words of base64 that follow each other, from the one at `from` on. */
static struct bytes base64_run(struct bytes text, size_t from, size_t behind)
{
    struct bytes word;
    bool more = text.data[behind - 1] != '=';
    for (size_t at = behind; more && next_word(text, &at, &word);) {
        if (!is_base64_word(word) || paste_name_of(word) != NAME_NONE)
            break;
        behind = (size_t)(word.data - text.data) + word.size;
        more = text.data[behind - 1] != '=';
    }
    return bytes_tail(bytes_head(text, behind), from);
}

/* What base64 holds: DER, or a text of its own. */
static bool take_base64(struct paste *paste, struct bytes run, unsigned depth)
{
    size_t mark = paste->top;
    if (paste_add_base64(paste, run)) {
        paste->repairs |= PASTE_MARKERS;
        return true;
    }
    uint8_t *text = paste_scratch(paste, run.size);
    size_t size = text == NULL ? 0 : paste_base64(run, text, run.size);
    struct bytes inner = bytes_of(text, size);
    bool wide = size > WORTH_SIZE &&
                (text[0] == 0 || text[1] == 0 || (text[0] ^ text[1]) == 1); /* UTF-16: its mark is FF FE or FE FF */
    wide = wide && paste_plain(paste, inner, &inner);
    bool is_text = size > 0 && (wide || (memchr(text, 0, size) == NULL && (text[0] < 0x7F || text[0] == 0xEF)));
    if (is_text)
        paste_find_text(paste, inner, depth + 1);
    paste->top = mark;
    return is_text;
}

struct words {
    struct paste *paste;
    struct bytes text;
    size_t at;
    unsigned depth;
    enum paste_name name; /* waits for its value */
    struct bytes last;    /* the word before: "Client" before "ID" */
};

static void offer_value(struct words *words, struct bytes word)
{
    char value[IDENTITY_TEXT_SIZE];
    bool tag = bytes_starts_with(word, bytes_of_string("!!")); /* YAML: !!binary */
    if (words->name == NAME_NONE || words->name == NAME_MATERIAL || tag)
        return;
    if (word.size >= WORTH_SIZE && is_base64_word(word)) { /* perhaps on several lines */
        size_t from = (size_t)(word.data - words->text.data);
        struct bytes run = base64_run(words->text, from, from + word.size);
        if (run.size < sizeof value * 2 && paste_value(words->name, run, value)) {
            word = run;
            words->at = from + run.size;
        }
    }
    words->paste->secret = words->paste->secret || words->name == NAME_SECRET;
    if (words->name != NAME_SECRET && paste_value(words->name, word, value)) {
        paste_keep(words->paste, words->name, value, false);
        words->name = NAME_NONE;
    } else if (word.size > 2) {
        words->name = NAME_NONE; /* | and >- stand between a name and its value in YAML */
    }
}

/* `name`, `name:`, `name=value`. True: the word is used up. */
static bool take_name(struct words *words, struct bytes word)
{
    size_t len = 0;
    while (len < word.size && word.data[len] != ':' && word.data[len] != '=')
        len++;
    enum paste_name name = NAME_NONE;
    if (words->last.size > 0 && words->last.size < 8)
        name = paste_name_of(bytes_of(words->last.data, (size_t)(word.data - words->last.data) + len));
    if (name == NAME_NONE)
        name = paste_name_of(bytes_head(word, len));
    if (name == NAME_NONE)
        return false;
    words->name = name;
    struct bytes value = bytes_tail(word, len + 1);
    while (value.size > 0 && strchr("\"'`>$", value.data[0]) != NULL)
        value = bytes_tail(value, 1);
    if (value.size > 0 && is_base64_word(value) && value.size >= WORTH_SIZE)
        words->at = (size_t)(value.data - words->text.data); /* again, as a word of its own */
    else if (value.size > 2)
        offer_value(words, value);
    return true;
}

/* A certificate or key whose base64 needs no padding doesn't show where it ends: its first bytes do. */
static struct bytes first_sequence(struct bytes run)
{
    const size_t size = paste_der_size(run);
    size_t left = size / 3 * 4;
    if (size == 0 || size % 3 != 0)
        return run;
    for (size_t i = 0; i < run.size; i++) {
        left -= paste_is_base64(run.data[i]);
        if (left == 0)
            return bytes_head(run, i + 1);
    }
    return run;
}

/* A long piece of base64 that nobody can read would be left out: that's a refusal. */
static void take_run(struct words *words, struct bytes word)
{
    size_t from = (size_t)(word.data - words->text.data);
    struct bytes run = first_sequence(base64_run(words->text, from, from + word.size));
    words->at = from + run.size;
    if (take_base64(words->paste, run, words->depth))
        return;
    bool material = run.size >= MATERIAL_SIZE && (bytes_starts_with(run, bytes_of_string("MI")) ||
                                                  bytes_starts_with(run, bytes_of_string("LS0tLS")));
    if (material)
        paste_fail(words->paste, IFL_KEY_PEM, "base64 that looks like a certificate or a key doesn't decode");
}

/* Base64 behind a name that nobody knows (SERVICE_KEY_B64=...), or in a data: address. */
static struct bytes without_front(struct bytes word)
{
    size_t front = word.size;
    while (front > 0 && memchr(":,", word.data[front - 1], 2) == NULL &&
           !(word.data[front - 1] == '=' && front + 2 < word.size))
        front--;
    struct bytes rest = bytes_tail(word, front);
    return front > 0 && rest.size >= MATERIAL_SIZE && is_base64_word(rest) ? rest : word;
}

void paste_find_words(struct paste *paste, struct bytes text, unsigned depth)
{
    struct words words = {.paste = paste, .text = text, .depth = depth};
    struct bytes word;
    while (paste->status == IFL_OK && next_word(text, &words.at, &word)) {
        struct bytes before = words.last;
        words.last = word;
        if (word.size == 0)
            continue;
        words.last = before;
        bool name = take_name(&words, word);
        words.last = word;
        if (name)
            continue;
        if (words.name != NAME_NONE && words.name != NAME_MATERIAL) {
            bool waits = true;
            offer_value(&words, word);
            waits = words.name != NAME_NONE;
            if (waits || word.size < MATERIAL_SIZE)
                continue;
        }
        word = without_front(word);
        if (word.size >= WORTH_SIZE && is_base64_word(word))
            take_run(&words, word);
    }
}
