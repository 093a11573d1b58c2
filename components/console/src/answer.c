#include "answer.h"

#include <stdarg.h>
#include <string.h>

#include "base/text.h"

#define SCRATCH_SIZE 72u /* the longest number, time, id, duration or check sum, with quotes */
#define SHA256_SIZE 32u

enum { COLUMN = 16, NARROW_COLUMN = 10 };

static void answer_bytes(struct console *console, struct bytes raw)
{
    if (raw.size > 0) {
        console->write(console->ctx, raw);
    }
}

void answer_str(struct console *console, const char *s)
{
    answer_bytes(console, bytes_of_string(s));
}

void answer_open(struct console *console, bool ok)
{
    if (console->json && console->last == CONSOLE_NOTHING_YET) {
        answer_str(console, ok ? "{\"ok\":true" : "{\"ok\":false");
        console->last = CONSOLE_VALUE;
    }
}

/* What comes before a member or an element, and its name. */
static void begin_member(struct console *console, struct bytes name)
{
    answer_open(console, true);
    answer_str(console, console->last == CONSOLE_VALUE ? "," : "");
    console->last = CONSOLE_VALUE;
    if (name.size > 0) {
        answer_str(console, "\"");
        answer_bytes(console, name);
        answer_str(console, "\":");
    }
}

/* ---- values ---- */

/* A string of any length through a small buffer: one UTF-8 character is at most 4 bytes, so pieces are cut between
 * characters and each piece is quoted without its quotes. */
static void json_string(struct console *console, struct bytes raw)
{
    enum { PIECE = 8 };
    answer_str(console, "\"");
    while (raw.size > 0) {
        size_t size = raw.size < PIECE ? raw.size : PIECE;
        while (size < raw.size && size > PIECE - 4 && (raw.data[size] & 0xC0u) == 0x80u) {
            size--; /* a continuation byte follows: begin the next piece earlier */
        }
        char buf[SCRATCH_SIZE];
        struct text text;
        text_init(&text, buf, sizeof buf);
        text_json(&text, bytes_head(raw, size));
        answer_bytes(console, bytes_of(text.buf + 1, text.len - 2));
        raw = bytes_tail(raw, size);
    }
    answer_str(console, "\"");
}

static void string(struct console *console, const char *value)
{
    if (console->json) {
        json_string(console, bytes_of_string(value));
    } else {
        answer_str(console, value);
    }
}

static void column(struct console *console, const char *value, size_t width)
{
    answer_str(console, value);
    for (size_t at = strlen(value); at < width; at++) {
        answer_str(console, " ");
    }
}

static void name(struct console *console, const char *value)
{
    if (console->json) {
        begin_member(console, bytes_of_string(value));
        console->last = CONSOLE_NAMED;
        return;
    }
    for (; *value != '\0'; value++) {
        answer_bytes(console, bytes_of(*value == '_' ? " " : value, 1));
    }
}

static void diag(struct console *console, const char *form, enum ifl_status status, enum ifl_text which)
{
    char buf[IFL_TEXT_SIZE];
    answer(console, form, ifl_text(status, which, buf, sizeof buf));
}

static void status(struct console *console, enum ifl_status value)
{
    if (console->json && value == IFL_OK) {
        answer_str(console, "null");
        return;
    }
    console->last = CONSOLE_NAMED;
    answer(console, "E%u|%{code%u", (uint32_t)value);
    diag(console, "|name%s", value, IFL_TEXT_NAME);
    answer(console, "|action%s", ifl_action_name(ifl_diag(value)->action));
    diag(console, " %s|cause%s", value, IFL_TEXT_CAUSE);
    diag(console, " %s|remedy%s", value, IFL_TEXT_REMEDY);
    answer(console, "|%}");
}

static void bracket(struct console *console, char c)
{
    answer_bytes(console, bytes_of(&c, 1));
    console->last = c == '{' || c == '[' ? CONSOLE_BRACKET_OPEN : CONSOLE_VALUE;
}

/* ---- forms ---- */

struct form {
    struct console *console;
    uint64_t number; /* the last one */
    va_list values;
};

/* What is short. */
static void scratch(struct form *form, char kind)
{
    char buf[SCRATCH_SIZE];
    struct text text;
    const bool quoted = form->console->json && (kind == 't' || kind == 'i' || kind == 'h');
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
    answer_str(form->console, buf);
}

static void value(struct form *form, char kind)
{
    struct console *console = form->console;
    switch (kind) {
    case 's':
        string(console, va_arg(form->values, const char *));
        break;
    case 'm':
        name(console, va_arg(form->values, const char *));
        break;
    case 'c':
    case 'l':
        column(console, va_arg(form->values, const char *), kind == 'c' ? COLUMN : NARROW_COLUMN);
        break;
    case 'e':
        status(console, (enum ifl_status)va_arg(form->values, unsigned));
        break;
    case '-':
        (void)va_arg(form->values, const char *);
        break;
    case '{':
    case '[':
    case ']':
    case '}':
        bracket(console, kind);
        break;
    default:
        scratch(form, kind);
        break;
    }
}

void answer(struct console *console, const char *text, ...)
{
    struct form form = {.console = console};
    va_start(form.values, text);
    while (console->json && *text != '\0' && *text++ != '|') {
    }
    while (*text != '\0' && *text != '|') {
        text += console->json && *text == ' ' ? 1 : 0;
        const struct bytes words = bytes_of(text, strcspn(text, "%|"));
        text += words.size;
        const char kind = *text == '%' ? text[1] : '\0';
        if (!console->json) {
            answer_bytes(console, words);
        } else if (strchr("m]}-", kind) == NULL) {
            begin_member(console, words);
        }
        if (kind != '\0') {
            value(&form, kind);
            text += 2;
        }
    }
    va_end(form.values);
}

void answer_validity(struct console *console, const struct identity_slot *slot, int64_t unix_s)
{
    const int64_t left_s = slot->chain_not_after - unix_s;
    if (console->json) {
        answer(console, "|not_after%t seconds_left%I", slot->not_after, left_s);
    } else if (left_s < 0) {
        answer(console, "valid until %t, expired", slot->chain_not_after);
    } else {
        answer(console, "valid until %t, %U day%+ left", slot->chain_not_after, (uint64_t)left_s / 86400);
    }
}

enum ifl_status answer_done(struct console *console, const char *text)
{
    answer(console, text);
    return IFL_OK;
}
