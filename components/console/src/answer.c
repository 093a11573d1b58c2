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

void answer_status(struct console *console, enum ifl_status status)
{
    const struct ifl_diag *diag = ifl_diag(status);
    answer_str(console, "E");
    answer_u64(console, (uint64_t)status);
    answer_str(console, " ");
    answer_str(console, diag->cause);
    answer_str(console, " ");
    answer_str(console, diag->remedy);
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

/* ---- JSON ---- */

static void json_name(struct json *json, const char *name)
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

struct json json_begin(struct console *console)
{
    struct json json = {.console = console};
    json_open(&json, NULL, '{');
    json_bool(&json, "ok", true);
    return json;
}

void json_open(struct json *json, const char *name, char bracket)
{
    json_name(json, name);
    answer_bytes(json->console, bytes_of(&bracket, 1));
    json->comma = false;
}

void json_close(struct json *json, char bracket)
{
    answer_bytes(json->console, bytes_of(&bracket, 1));
    json->comma = true;
}

/* A string of any length through a small buffer: one UTF-8 character is at most 4 bytes, so pieces are cut between
 * characters and each piece is quoted without its quotes. */
void json_bytes(struct json *json, const char *name, struct bytes raw)
{
    enum { PIECE = 8 };
    json_name(json, name);
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

void json_string(struct json *json, const char *name, const char *value)
{
    json_bytes(json, name, bytes_of_string(value));
}

void json_u64(struct json *json, const char *name, uint64_t value)
{
    json_name(json, name);
    answer_u64(json->console, value);
}

void json_i64(struct json *json, const char *name, int64_t value)
{
    char buf[SCRATCH_SIZE];
    struct text text;
    text_init(&text, buf, sizeof buf);
    text_i64(&text, value);
    json_name(json, name);
    answer_text(json->console, &text);
}

void json_bool(struct json *json, const char *name, bool value)
{
    json_name(json, name);
    answer_str(json->console, value ? "true" : "false");
}

void json_null(struct json *json, const char *name)
{
    json_name(json, name);
    answer_str(json->console, "null");
}

void json_utc(struct json *json, const char *name, int64_t unix_s)
{
    json_name(json, name);
    answer_str(json->console, "\"");
    answer_utc(json->console, unix_s);
    answer_str(json->console, "\"");
}

void json_id(struct json *json, const char *name, const struct outbox_id *id)
{
    json_name(json, name);
    answer_str(json->console, "\"");
    answer_id(json->console, id);
    answer_str(json->console, "\"");
}

void json_status(struct json *json, const char *name, enum ifl_status status)
{
    if (status == IFL_OK) {
        json_null(json, name);
        return;
    }
    const struct ifl_diag *diag = ifl_diag(status);
    json_open(json, name, '{');
    json_u64(json, "code", (uint64_t)status);
    json_string(json, "name", diag->name);
    json_string(json, "action", ifl_action_name(diag->action));
    json_string(json, "cause", diag->cause);
    json_string(json, "remedy", diag->remedy);
    json_close(json, '}');
}
