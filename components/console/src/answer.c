#include "answer.h"

#include <string.h>

#include "base/text.h"

#define SCRATCH_SIZE 64u /* the longest number, time, id or duration */

void answer_bytes(struct console *console, struct bytes raw)
{
    if (raw.size > 0) {
        console->write(console->ctx, raw);
    }
}

void answer_str(struct console *console, const char *s)
{
    answer_bytes(console, bytes_of_string(s));
}

static void answer_text(struct console *console, const struct text *text)
{
    answer_bytes(console, bytes_of(text->buf, text->len));
}

void answer_u64(struct console *console, uint64_t value)
{
    char buf[SCRATCH_SIZE];
    struct text text;
    text_init(&text, buf, sizeof buf);
    text_u64(&text, value);
    answer_text(console, &text);
}

void answer_utc(struct console *console, int64_t unix_s)
{
    char buf[SCRATCH_SIZE];
    struct text text;
    text_init(&text, buf, sizeof buf);
    text_utc(&text, unix_s);
    answer_text(console, &text);
}

void answer_id(struct console *console, const struct outbox_id *id)
{
    char buf[SCRATCH_SIZE];
    struct text text;
    text_init(&text, buf, sizeof buf);
    outbox_id_text(id, &text);
    answer_text(console, &text);
}

void answer_column(struct console *console, const char *value, size_t width)
{
    answer_str(console, value);
    for (size_t at = strlen(value); at < width; at++) {
        answer_str(console, " ");
    }
}

static void answer_diag(struct console *console, enum ifl_status status, enum ifl_text which)
{
    char buf[IFL_TEXT_SIZE];
    answer_str(console, ifl_text(status, which, buf, sizeof buf));
}

void answer_status(struct console *console, enum ifl_status status)
{
    answer_str(console, "E");
    answer_u64(console, (uint64_t)status);
    answer_str(console, " ");
    answer_diag(console, status, IFL_TEXT_CAUSE);
    answer_str(console, " ");
    answer_diag(console, status, IFL_TEXT_REMEDY);
}

void answer_duration(struct console *console, uint64_t seconds)
{
    char buf[SCRATCH_SIZE];
    struct text text;
    text_init(&text, buf, sizeof buf);
    text_duration(&text, seconds);
    answer_text(console, &text);
}

void answer_count(struct console *console, uint64_t count, const char *singular, const char *plural)
{
    answer_u64(console, count);
    answer_str(console, " ");
    answer_str(console, count == 1 ? singular : plural);
}

void answer_validity(struct console *console, int64_t end_s, int64_t unix_s)
{
    answer_str(console, "valid until ");
    answer_utc(console, end_s);
    if (end_s < unix_s) {
        answer_str(console, ", expired");
    } else {
        answer_str(console, ", ");
        answer_count(console, (uint64_t)(end_s - unix_s) / 86400, "day left", "days left");
    }
}

/* ---- JSON ---- */

static void member_name(struct members *json, const char *name)
{
    if (json->comma) {
        answer_str(json->console, ",");
    }
    json->comma = true;
    if (name != NULL) {
        answer_str(json->console, "\"");
        answer_str(json->console, name);
        answer_str(json->console, "\":");
    }
}

struct members members_begin(struct console *console)
{
    struct members json = {.console = console};
    member_open(&json, NULL, '{');
    member_bool(&json, "ok", true);
    return json;
}

enum ifl_status answer_done(struct console *console, const char *text)
{
    if (console->json) {
        (void)members_begin(console);
    } else {
        answer_str(console, text);
    }
    return IFL_OK;
}

void member_open(struct members *json, const char *name, char bracket)
{
    member_name(json, name);
    answer_bytes(json->console, bytes_of(&bracket, 1));
    json->comma = false;
}

void member_close(struct members *json, char bracket)
{
    answer_bytes(json->console, bytes_of(&bracket, 1));
    json->comma = true;
}

/* A string of any length through a small buffer: one UTF-8 character is at most 4 bytes, so pieces are cut between
 * characters and each piece is quoted without its quotes. */
void member_bytes(struct members *json, const char *name, struct bytes raw)
{
    enum { PIECE = 8 };
    member_name(json, name);
    answer_str(json->console, "\"");
    while (raw.size > 0) {
        size_t size = raw.size < PIECE ? raw.size : PIECE;
        while (size < raw.size && size > PIECE - 4 && (raw.data[size] & 0xC0u) == 0x80u) {
            size--; /* a continuation byte follows: begin the next piece earlier */
        }
        char buf[SCRATCH_SIZE];
        struct text text;
        text_init(&text, buf, sizeof buf);
        text_json(&text, bytes_head(raw, size));
        answer_bytes(json->console, bytes_of(text.buf + 1, text.len - 2));
        raw = bytes_tail(raw, size);
    }
    answer_str(json->console, "\"");
}

void member_string(struct members *json, const char *name, const char *value)
{
    member_bytes(json, name, bytes_of_string(value));
}

void member_u64(struct members *json, const char *name, uint64_t value)
{
    member_name(json, name);
    answer_u64(json->console, value);
}

void member_i64(struct members *json, const char *name, int64_t value)
{
    char buf[SCRATCH_SIZE];
    struct text text;
    text_init(&text, buf, sizeof buf);
    text_i64(&text, value);
    member_name(json, name);
    answer_text(json->console, &text);
}

void member_bool(struct members *json, const char *name, bool value)
{
    member_name(json, name);
    answer_str(json->console, value ? "true" : "false");
}

void member_null(struct members *json, const char *name)
{
    member_name(json, name);
    answer_str(json->console, "null");
}

void member_utc(struct members *json, const char *name, int64_t unix_s)
{
    member_name(json, name);
    answer_str(json->console, "\"");
    answer_utc(json->console, unix_s);
    answer_str(json->console, "\"");
}

void member_id(struct members *json, const char *name, const struct outbox_id *id)
{
    member_name(json, name);
    answer_str(json->console, "\"");
    answer_id(json->console, id);
    answer_str(json->console, "\"");
}

static void member_diag(struct members *json, const char *name, enum ifl_status status, enum ifl_text which)
{
    char buf[IFL_TEXT_SIZE];
    member_string(json, name, ifl_text(status, which, buf, sizeof buf));
}

void member_status(struct members *json, const char *name, enum ifl_status status)
{
    if (status == IFL_OK) {
        member_null(json, name);
        return;
    }
    member_open(json, name, '{');
    member_u64(json, "code", (uint64_t)status);
    member_diag(json, "name", status, IFL_TEXT_NAME);
    member_string(json, "action", ifl_action_name(ifl_diag(status)->action));
    member_diag(json, "cause", status, IFL_TEXT_CAUSE);
    member_diag(json, "remedy", status, IFL_TEXT_REMEDY);
    member_close(json, '}');
}
