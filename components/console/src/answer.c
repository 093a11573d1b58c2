#include "console/answer.h"

#include <stdarg.h>
#include <string.h>

#include "base/text.h"
#include "outbox/outbox.h"

#define SCRATCH_SIZE 72u /* the longest number, time, id, duration or check sum, with quotes */
#define SHA256_SIZE 32u

enum { COLUMN = 16, NARROW_COLUMN = 10 };

static void answer_bytes(struct answer *out, struct bytes raw)
{
    if (raw.size > 0) {
        out->write(out->ctx, raw);
    }
}

void answer_str(struct answer *out, const char *s)
{
    answer_bytes(out, bytes_of_string(s));
}

void answer_open(struct answer *out, bool ok)
{
    if (out->json && out->last == ANSWER_NOTHING_YET) {
        answer_str(out, ok ? "{\"ok\":true" : "{\"ok\":false");
        out->last = ANSWER_VALUE;
    }
}

/* What comes before a member or an element, and its name. */
static void begin_member(struct answer *out, struct bytes name)
{
    answer_open(out, true);
    answer_str(out, out->last == ANSWER_VALUE ? "," : "");
    out->last = ANSWER_VALUE;
    if (name.size > 0) {
        answer_str(out, "\"");
        answer_bytes(out, name);
        answer_str(out, "\":");
    }
}

/* ---- values ---- */

/* A string of any length through a small buffer: one UTF-8 character is at most 4 bytes, so pieces are cut between
 * characters and each piece is quoted without its quotes. */
static void json_string(struct answer *out, struct bytes raw)
{
    enum { PIECE = 8 };
    answer_str(out, "\"");
    while (raw.size > 0) {
        size_t size = raw.size < PIECE ? raw.size : PIECE;
        while (size < raw.size && size > PIECE - 4 && (raw.data[size] & 0xC0u) == 0x80u) {
            size--; /* a continuation byte follows: begin the next piece earlier */
        }
        char buf[SCRATCH_SIZE];
        struct text text;
        text_init(&text, buf, sizeof buf);
        text_json(&text, bytes_head(raw, size));
        answer_bytes(out, bytes_of(text.buf + 1, text.len - 2));
        raw = bytes_tail(raw, size);
    }
    answer_str(out, "\"");
}

static void string(struct answer *out, const char *value)
{
    if (out->json) {
        json_string(out, bytes_of_string(value));
    } else {
        answer_str(out, value);
    }
}

static void column(struct answer *out, const char *value, size_t width)
{
    answer_str(out, value);
    for (size_t at = strlen(value); at < width; at++) {
        answer_str(out, " ");
    }
}

static void name(struct answer *out, const char *value)
{
    if (out->json) {
        begin_member(out, bytes_of_string(value));
        out->last = ANSWER_NAMED;
        return;
    }
    for (; *value != '\0'; value++) {
        answer_bytes(out, bytes_of(*value == '_' ? " " : value, 1));
    }
}

static void diag(struct answer *out, const char *form, enum ifl_status status, enum ifl_text which)
{
    char buf[IFL_TEXT_SIZE];
    answer_form(out, form, ifl_text(status, which, buf, sizeof buf));
}

static void status(struct answer *out, enum ifl_status value)
{
    if (out->json && value == IFL_OK) {
        answer_str(out, "null");
        return;
    }
    out->last = ANSWER_NAMED;
    answer_form(out, "E%u|%{code%u", (uint32_t)value);
    diag(out, "|name%s", value, IFL_TEXT_NAME);
    answer_form(out, "|action%s", ifl_action_name(ifl_diag(value)->action));
    diag(out, " %s|cause%s", value, IFL_TEXT_CAUSE);
    diag(out, " %s|remedy%s", value, IFL_TEXT_REMEDY);
    answer_form(out, "|%}");
}

static void bracket(struct answer *out, char c)
{
    answer_bytes(out, bytes_of(&c, 1));
    out->last = c == '{' || c == '[' ? ANSWER_BRACKET_OPEN : ANSWER_VALUE;
}

/* ---- forms ---- */

struct form {
    struct answer *out;
    uint64_t number; /* the last one */
    va_list values;
};

/* What is short. */
static void scratch(struct form *form, char kind)
{
    char buf[SCRATCH_SIZE];
    struct text text;
    const bool quoted = form->out->json && (kind == 't' || kind == 'i' || kind == 'h');
    text_init(&text, buf, sizeof buf);
    text_str(&text, quoted ? "\"" : "");
    switch (kind) {
    case 'u':
        form->number = va_arg(form->values, uint32_t);
        text_u64(&text, form->number);
        break;
    case 'U':
        form->number = va_arg(form->values, uint64_t);
        text_u64(&text, form->number);
        break;
    case 'I':
        text_i64(&text, va_arg(form->values, int64_t));
        break;
    case 'x':
        text_hex_u64(&text, va_arg(form->values, uint32_t), 8);
        break;
    case '+':
        text_str(&text, form->number == 1 ? "" : "s");
        break;
    case 'd':
        text_duration(&text, va_arg(form->values, uint64_t));
        break;
    case 't':
        text_utc(&text, va_arg(form->values, int64_t));
        break;
    case 'b':
        text_str(&text, va_arg(form->values, int) != 0 ? "true" : "false");
        break;
    case 'i':
        outbox_id_text(va_arg(form->values, const struct outbox_id *), &text);
        break;
    case 'h':
        text_hex(&text, bytes_of(va_arg(form->values, const uint8_t *), SHA256_SIZE));
        break;
    default:
        text_str(&text, "null");
        break;
    }
    text_str(&text, quoted ? "\"" : "");
    answer_str(form->out, buf);
}

static void value(struct form *form, char kind)
{
    struct answer *out = form->out;
    switch (kind) {
    case 's':
        string(out, va_arg(form->values, const char *));
        break;
    case 'm':
        name(out, va_arg(form->values, const char *));
        break;
    case 'c':
    case 'l':
        column(out, va_arg(form->values, const char *), kind == 'c' ? COLUMN : NARROW_COLUMN);
        break;
    case 'e':
        status(out, (enum ifl_status)va_arg(form->values, unsigned));
        break;
    case '-':
        (void)va_arg(form->values, const char *);
        break;
    case '{':
    case '[':
    case ']':
    case '}':
        bracket(out, kind);
        break;
    default:
        scratch(form, kind);
        break;
    }
}

void answer_form(struct answer *out, const char *text, ...)
{
    struct form form = {.out = out};
    va_start(form.values, text);
    while (out->json && *text != '\0' && *text++ != '|') {
    }
    while (*text != '\0' && *text != '|') {
        text += out->json && *text == ' ' ? 1 : 0;
        const struct bytes words = bytes_of(text, strcspn(text, "%|"));
        text += words.size;
        const char kind = *text == '%' ? text[1] : '\0';
        if (!out->json) {
            answer_bytes(out, words);
        } else if (strchr("m]}-", kind) == NULL) {
            begin_member(out, words);
        }
        if (kind != '\0') {
            value(&form, kind);
            text += 2;
        }
    }
    va_end(form.values);
}
