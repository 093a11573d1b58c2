/* inputs ─► plain text ─► JSON, PEM, words ─► certificates, keys, texts ─► one clean service key ─► service_key_read() */
#include "identity/paste.h"

#include <string.h>

#include "paste_find.h"
#include "paste_text.h"

#define COPY_TRIES_MAX 64 /* of chains: 3 CAs of which each is there twice */
#define ROOTS_MAX                                                                                                      \
    256 /* JSON texts behind each other: a Secret in YAML has an empty one for each of its managedFields */

void paste_fail(struct paste *paste, enum ifl_status status, const char *detail)
{
    if (paste->status != IFL_OK)
        return;
    paste->status = status;
    text_str(&paste->detail, detail);
}

/* ---- Finding ---------------------------------------------------------------------------------------------------------------------- */

/* A text inside of a text: {\"oauth\": ..., or {""oauth"": ... out of a spreadsheet. */
static bool is_escaped_json(struct bytes text, size_t brace)
{
    size_t at = brace + 1;
    while (at < text.size && (text.data[at] == ' ' || text.data[at] == '\n'))
        at++;
    while (at + 2 < text.size && text.data[at] == '\\' && memchr("nrt", text.data[at + 1], 3) != NULL) {
        at += 2;
        while (at < text.size && text.data[at] == ' ')
            at++;
    }
    return at + 1 < text.size && text.data[at] == '\\' && memchr("\"'\\", text.data[at + 1], 3) != NULL;
}

static bool is_doubled_json(struct bytes text, size_t brace)
{
    size_t at = brace + 1;
    while (at < text.size && (text.data[at] == ' ' || text.data[at] == '\n'))
        at++;
    return bytes_starts_with(bytes_tail(text, at), bytes_of_string("\"\"")) && at + 2 < text.size &&
           text.data[at + 2] != ':' && text.data[at + 2] != ',';
}

static bool undouble(struct paste *paste, struct bytes input, struct bytes *text)
{
    uint8_t *to = paste_scratch(paste, input.size);
    size_t size = 0;
    if (to == NULL)
        return false;
    for (size_t i = 0; i < input.size; i++) {
        to[size++] = input.data[i];
        if (input.data[i] == '"' && i + 1 < input.size && input.data[i + 1] == '"')
            i++;
    }
    *text = bytes_of(to, size);
    return true;
}

static void find_json(struct paste *paste, struct bytes text, size_t at, unsigned depth)
{
    struct bytes inner;
    bool escaped = text.data[at] == '{' && is_escaped_json(text, at);
    if (escaped || (text.data[at] == '{' && is_doubled_json(text, at))) {
        struct bytes tail = bytes_tail(text, at);
        paste->repairs |= PASTE_NESTED;
        if (escaped ? paste_unescape(paste, tail, &inner) : undouble(paste, tail, &inner))
            paste_find_text(paste, inner, depth + 1);
        else
            paste_fail(paste, IFL_TOO_LARGE, "");
        return;
    }
    paste_find_words(paste, bytes_head(text, at), depth);
    for (unsigned roots = 0; paste->status == IFL_OK; roots++) {
        if (roots == ROOTS_MAX) {
            paste_fail(paste, IFL_KEY_AMBIGUOUS, "many JSON texts, one behind the other");
            return;
        }
        at += paste_find_json(paste, bytes_tail(text, at), depth);
        struct bytes rest = bytes_tail(text, at);
        size_t next;
        if (!paste_json_starts(rest, &next)) {
            paste_find_pem(paste, rest, depth);
            return;
        }
        paste_find_words(paste, bytes_head(rest, next), depth);
        at += next;
    }
}

void paste_find_text(struct paste *paste, struct bytes text, unsigned depth)
{
    enum paste_kind kind;
    size_t at;
    size_t mark = paste->top;
    if (depth > PASTE_DEPTH_MAX || text.size == 0 || paste->status != IFL_OK)
        return;
    if (paste_der_kind(text, &kind))
        (void)paste_add(paste, kind, text);
    else if (paste_json_starts(text, &at))
        find_json(paste, text, at, depth);
    else
        paste_find_pem(paste, text, depth);
    paste->top = mark;
}

static void find_input(struct paste *paste, struct bytes input)
{
    enum paste_kind kind;
    struct bytes text;
    size_t mark = paste->top;
    struct bytes der = paste_der_trimmed(input);
    if (paste_der_kind(der, &kind))
        (void)paste_add(paste, kind, der);
    else if (paste_plain(paste, input, &text))
        paste_find_text(paste, text, 0);
    else
        paste_fail(paste, IFL_TOO_LARGE, "");
    paste->top = mark;
}

static size_t count_kind(const struct paste *paste, enum paste_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < paste->blob_count; i++)
        count += paste->blobs[i].kind == kind;
    return count;
}

static bool has_texts(const struct paste *paste)
{
    return paste->url[0] != '\0' || paste->clientid[0] != '\0' || paste->tokenurl[0] != '\0';
}

/* Those of the certificate's client, and, where it isn't known, of any. */
static void settle_loose(struct paste *paste)
{
    for (size_t i = 0; i < paste->loose_count; i++) {
        const struct paste_texts *texts = &paste->loose[i];
        if (paste->clientid[0] != '\0' && strcmp(paste->clientid, texts->clientid) != 0)
            continue;
        paste_keep(paste, NAME_CLIENTID, texts->clientid, false);
        if (texts->url[0] != '\0')
            paste_keep(paste, NAME_URL, texts->url, false);
        if (texts->tokenurl[0] != '\0')
            paste_keep(paste, NAME_TOKENURL, texts->tokenurl, false);
    }
    paste->loose_count = 0;
}

/* Open what is under a passphrase; what comes out is added behind. */
static void unlock_all(struct paste *paste, const struct paste_unlock *unlock)
{
    for (size_t i = 0; i < paste->blob_count && paste->status == IFL_OK; i++) {
        struct paste_blob blob = paste->blobs[i];
        if (blob.kind != PASTE_ENCRYPTED_DER && blob.kind != PASTE_ENCRYPTED_PEM && blob.kind != PASTE_PKCS12)
            continue;
        enum ifl_status status = unlock == NULL ? IFL_KEY_ENCRYPTED : unlock->open(unlock->ctx, paste, blob);
        if (status != IFL_OK)
            paste_fail(paste, status, "");
    }
}

/* One way to look at the inputs. */
enum attempt {
    ATTEMPT_STRAIGHT, /* typographic quotes are quotes */
    ATTEMPT_AS_IS,    /* ... are letters like any other */
    ATTEMPT_COUNT
};

static void find_all(struct paste *paste, struct bytes work, const struct bytes *inputs, size_t count,
                     enum attempt attempt, const struct paste_unlock *unlock)
{
    memset(paste, 0, sizeof *paste);
    paste->buf = (uint8_t *)(uintptr_t)work.data;
    paste->size = paste->top = work.size;
    paste->straighten = attempt == ATTEMPT_STRAIGHT;
    text_init(&paste->detail, paste->detail_buf, sizeof paste->detail_buf);
    for (size_t i = 0; i < count && paste->status == IFL_OK; i++) {
        size_t keys = count_kind(paste, PASTE_KEY);
        bool texts = has_texts(paste);
        find_input(paste, inputs[i]);
        settle_loose(paste);
        paste->json_key = paste->json_key || (count_kind(paste, PASTE_KEY) > keys && has_texts(paste) && !texts);
    }
    unlock_all(paste, unlock);
    if (paste->url[0] == '\0')
        memcpy(paste->url, paste->auth_url, sizeof paste->url);
}

/* ---- Writing ---------------------------------------------------------------------------------------------------------------------- */

struct writer {
    uint8_t *at;
    size_t room, size;
    bool cut;
};

static void write_bytes(struct writer *out, const void *data, size_t size)
{
    out->cut = out->cut || size > out->room - out->size;
    if (!out->cut) {
        memcpy(out->at + out->size, data, size);
        out->size += size;
    }
}

static void write_text(struct writer *out, const char *text)
{
    write_bytes(out, text, strlen(text));
}

static void write_pem(struct writer *out, const char *label, struct bytes der, const char *line)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    write_text(out, "-----BEGIN ");
    write_text(out, label);
    write_text(out, "-----");
    for (size_t i = 0; i < der.size; i += 3) {
        size_t rest = der.size - i;
        uint32_t group = (uint32_t)der.data[i] << 16 | (rest > 1 ? (uint32_t)der.data[i + 1] << 8 : 0) |
                         (rest > 2 ? der.data[i + 2] : 0);
        char four[4] = {digits[group >> 18], digits[group >> 12 & 63], rest > 1 ? digits[group >> 6 & 63] : '=',
                        rest > 2 ? digits[group & 63] : '='};
        if (i % 48 == 0)
            write_text(out, line);
        write_bytes(out, four, sizeof four);
    }
    write_text(out, line);
    write_text(out, "-----END ");
    write_text(out, label);
    write_text(out, "-----");
    write_text(out, line);
}

static void write_kind(struct writer *out, const struct paste *paste, enum paste_kind kind, const char *line)
{
    for (size_t i = 0; i < paste->blob_count; i++) {
        if (paste->blobs[i].kind == kind && (paste->left_out >> i & 1) == 0)
            write_pem(out, kind == PASTE_KEY ? "PRIVATE KEY" : "CERTIFICATE", paste->blobs[i].bytes, line);
    }
}

static void write_field(struct writer *out, const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    write_text(out, "\"");
    write_text(out, name);
    write_text(out, "\": \"");
    write_text(out, value);
    write_text(out, "\", ");
}

/* {"oauth": {...}} with everything, or, where the key was a file of its own, without it, and the key behind. */
static size_t write_clean(struct paste *paste, struct bytes clean[2])
{
    struct writer out = {.at = paste->buf + paste->used, .room = paste->top - paste->used};
    bool json = has_texts(paste);
    if (json) {
        write_text(&out, "{\"oauth\": {");
        write_field(&out, "clientid", paste->clientid);
        write_field(&out, "url", paste->url);
        write_field(&out, "tokenurl", paste->tokenurl);
        if (paste->secret)
            write_field(&out, "clientsecret", "it isn't kept");
        write_text(&out, "\"certificate\": \"");
        write_kind(&out, paste, PASTE_CERTIFICATE, "\\n");
        write_text(&out, "\", \"key\": \"");
        if (paste->json_key)
            write_kind(&out, paste, PASTE_KEY, "\\n");
        write_text(&out, "\"}}");
    } else {
        write_kind(&out, paste, PASTE_CERTIFICATE, "\n");
    }
    size_t first = out.size;
    if (!json || !paste->json_key)
        write_kind(&out, paste, PASTE_KEY, "\n");
    clean[0] = bytes_of(out.at, json ? first : out.size);
    clean[1] = bytes_of(out.at + first, out.size - first);
    if (out.cut)
        paste_fail(paste, IFL_TOO_LARGE, "");
    return json && out.size > first ? 2 : 1;
}

/* ---- The way through -------------------------------------------------------------------------------------------------------------- */

static void tell_repairs(const struct paste *paste, struct service_key_report *report)
{
    static const char *const sentences[PASTE_REPAIR_COUNT] = {
        "UTF-16 was turned into UTF-8.",
        "Windows characters were turned into UTF-8.",
        "Invisible characters were dropped.",
        "HTML was turned into plain text.",
        "The encoding of a mail or an address was undone.",
        "Typographic quotes were made straight.",
        "What stood in front of each line was removed.",
        "The JSON was read although its syntax is wrong.",
        "A text that was put into another text was taken out of it.",
        "The dashes around BEGIN or END were mended.",
        "Line breaks written as \\n were restored.",
        "The lost line breaks of a PEM block were restored.",
        "BEGIN or END lines were mended, or a missing one was restored.",
        "Characters that don't belong into a PEM block were dropped.",
        "What was there twice was taken once.",
        "The JSON's last braces are missing; nothing else is.",
        "Rich text (RTF) was turned into plain text.",
        "Base64 for addresses (- and _) was turned into that of PEM.",
        "An older or cross-signed copy of a certificate was left out.",
    };
    for (unsigned i = 0; i < PASTE_REPAIR_COUNT && report->repair_count < SERVICE_KEY_NOTE_COUNT; i++) {
        struct text out;
        if ((paste->repairs >> i & 1) == 0)
            continue;
        text_init(&out, report->repairs[report->repair_count++], sizeof report->repairs[0]);
        text_str(&out, sentences[i]);
    }
}

/* What doesn't fit together; a search may find what was overlooked, or that two things are the same. It must end in a proof, else this stays. */
static bool is_unfitting(enum ifl_status status)
{
    return status == IFL_KEY_MISMATCH || status == IFL_KEY_CHAIN || status == IFL_KEY_CHAIN_INCOMPLETE ||
           status == IFL_KEY_AMBIGUOUS;
}

/* What service_key_read() says so clearly that looking again could only be a guess. */
static bool is_final(enum ifl_status status)
{
    switch (status) {
    case IFL_KEY_UNREADABLE:
    case IFL_KEY_JSON:
    case IFL_KEY_NO_CERTIFICATE:
    case IFL_KEY_NO_PRIVATE_KEY:
    case IFL_KEY_PEM:
    case IFL_KEY_CERTIFICATE_BAD:
    case IFL_KEY_PRIVATE_KEY_BAD:
    case IFL_KEY_ENCRYPTED:
        return false;
    default:
        return !is_unfitting(status);
    }
}

struct paste_target {
    struct arena *arena;
    const struct ifl_random *random;
    void *buf;
    size_t buf_size;
    struct identity *identity;
    struct service_key_report *report;
};

static enum ifl_status read_as(const struct paste_target *target, const struct bytes *inputs, size_t count)
{
    return service_key_read(inputs, count, target->arena, target->random, target->buf, target->buf_size,
                            target->identity, target->report);
}

/* Refuse for what the search found out. */
static enum ifl_status refuse(struct paste *paste, const struct paste_target *target)
{
    struct service_key_report *report = target->report;
    struct text detail;
    text_init(&detail, report->detail, sizeof report->detail);
    text_str(&detail, paste->detail_buf);
    report->status = paste->status;
    target->identity->chain_count = 0;
    target->identity->key = bytes_of(NULL, 0);
    bytes_wipe(target->buf, target->buf_size);
    return paste->status;
}

/* A text that isn't there, or has backslashes left in it. */
static bool is_poor(const char *text)
{
    return text[0] == '\0' || strchr(text, '\\') != NULL;
}

static bool lacks_texts(const struct identity *identity)
{
    return is_poor(identity->url) || is_poor(identity->clientid) || is_poor(identity->tokenurl);
}

static bool betters(const char *found, const char *text)
{
    return is_poor(text) && !is_poor(found);
}

static bool has_better_texts(const struct paste *paste, const struct identity *identity)
{
    return betters(paste->url, identity->url) || betters(paste->clientid, identity->clientid) ||
           betters(paste->tokenurl, identity->tokenurl);
}

/* Bits of the certificates that have a copy. */
static unsigned copies_of(const struct paste *paste)
{
    unsigned copies = 0;
    for (size_t i = 0; i < paste->blob_count; i++) {
        for (size_t k = 0; k < paste->blob_count; k++) {
            if (paste->blobs[i].kind == PASTE_CERTIFICATE && paste->blobs[k].kind == PASTE_CERTIFICATE &&
                paste_is_copy(paste->blobs[i].bytes, paste->blobs[k].bytes))
                copies |= 1u << i;
        }
    }
    return copies;
}

/* The certificates form no chain, but without some copies they may: which of them doesn't matter, each chain is proven; the one that lasts longest is
 * taken. KEY_CHAIN: there is none. */
static enum ifl_status mend_copies(struct paste *paste, const struct paste_target *target)
{
    struct bytes clean[2];
    const unsigned copies = copies_of(paste);
    unsigned best = 0;
    int64_t end = INT64_MIN;
    unsigned tries = 0;
    for (unsigned some = copies; some != 0 && tries < COPY_TRIES_MAX; some = (some - 1) & copies, tries++) {
        paste->left_out = some;
        size_t count = write_clean(paste, clean);
        if (paste->status == IFL_OK && read_as(target, clean, count) == IFL_OK &&
            target->identity->chain_not_after >= end) {
            end = target->identity->chain_not_after;
            best = some;
        }
    }
    paste->left_out = best;
    paste->repairs |= best == 0 ? 0 : PASTE_OTHER_COPY;
    return read_as(target, clean, write_clean(paste, clean));
}

/* One attempt. `first` is what service_key_read() says to the inputs as they are. END: this attempt has nothing better to say. */
static enum ifl_status mend(struct paste *paste, const struct paste_target *target, enum ifl_status first)
{
    struct bytes clean[2];
    if (paste->status != IFL_OK) {
        bool better = first == IFL_KEY_UNREADABLE || first == IFL_KEY_ENCRYPTED ||
                      (paste->status == IFL_KEY_AMBIGUOUS && (first == IFL_KEY_AMBIGUOUS || !is_unfitting(first)));
        return better && paste->blob_count + has_texts(paste) > 0 ? refuse(paste, target) : IFL_END;
    }
    bool material = count_kind(paste, PASTE_CERTIFICATE) + count_kind(paste, PASTE_KEY) > 0;
    if (!material && !(paste->secret && paste->clientid[0] != '\0'))
        return IFL_END;
    size_t count = write_clean(paste, clean);
    if (paste->status != IFL_OK)
        return refuse(paste, target);
    enum ifl_status status = read_as(target, clean, count);
    if (status == IFL_KEY_CHAIN)
        status = mend_copies(paste, target);
    if (status != IFL_OK && is_unfitting(first) && first != IFL_KEY_AMBIGUOUS)
        return IFL_END;
    if (first == IFL_KEY_JSON && paste->repairs == 0)
        paste->repairs = PASTE_SYNTAX;
    if (first == IFL_KEY_PEM && paste->repairs == 0)
        paste->repairs = PASTE_MARKERS;
    if (status == IFL_OK)
        tell_repairs(paste, target->report);
    return status;
}

static enum ifl_status read_any(const struct paste_target *target, const struct bytes *inputs, size_t input_count,
                                struct bytes work, const struct paste_unlock *unlock)
{
    struct paste paste;
    const enum ifl_status first = read_as(target, inputs, input_count);
    if (is_final(first) && !(first == IFL_OK && lacks_texts(target->identity)))
        return first;
    struct identity as_is = *target->identity;
    enum ifl_status status = IFL_END;
    for (int attempt = 0; attempt < ATTEMPT_COUNT && status != IFL_OK; attempt++) {
        find_all(&paste, work, inputs, input_count, (enum attempt)attempt, unlock);
        bool pointless = first == IFL_OK && (paste.status != IFL_OK || !has_better_texts(&paste, &as_is));
        status = pointless ? IFL_END : mend(&paste, target, first);
        if ((paste.repairs & PASTE_QUOTES) == 0 || (status != IFL_END && is_final(status)))
            break;
    }
    if (status == IFL_END || (first == IFL_OK && status != IFL_OK))
        status = read_as(target, inputs, input_count);
    paste_hint(inputs, input_count, target->report);
    bytes_wipe((void *)(uintptr_t)work.data, work.size);
    bytes_wipe(&paste, sizeof paste);
    return status;
}

enum ifl_status paste_read(const struct bytes *inputs, size_t input_count, struct bytes work,
                           const struct paste_unlock *unlock, struct arena *arena, const struct ifl_random *random,
                           void *buf, size_t buf_size, struct identity *identity, struct service_key_report *report)
{
    const struct paste_target target = {arena, random, buf, buf_size, identity, report};
    const enum ifl_status status = read_any(&target, inputs, input_count, work, unlock);
    if (status == IFL_OK)
        paste_check_url(identity, report);
    return status;
}
