/* answer.h: pieces of an answer, for people and as JSON. */
#ifndef CONSOLE_ANSWER_H
#define CONSOLE_ANSWER_H

#include "console/console.h"

/* ---- for both ---- */
void answer_str(struct console *console, const char *s);
void answer_bytes(struct console *console, struct bytes raw);
void answer_u64(struct console *console, uint64_t value);
void answer_utc(struct console *console, int64_t unix_s);
void answer_id(struct console *console, const struct outbox_id *id);

/* ---- for people ---- */
/* `value` padded with spaces to `width` characters. */
void answer_column(struct console *console, const char *value, size_t width);
/* "E710 cause remedy" */
void answer_status(struct console *console, enum ifl_status status);
void answer_duration(struct console *console, uint64_t seconds);
/* "1 message", "2 messages" */
void answer_count(struct console *console, uint64_t count, const char *singular, const char *plural);

/* ---- JSON: `name` NULL inside an array. A comma is set where the piece before doesn't end with an opening bracket. ---- */
struct json {
    struct console *console;
    bool comma;
};
/* The beginning of every good answer: {"ok":true. console.c closes it. */
struct json json_begin(struct console *console);
void json_open(struct json *json, const char *name, char bracket);
void json_close(struct json *json, char bracket);
void json_string(struct json *json, const char *name, const char *value);
void json_bytes(struct json *json, const char *name, struct bytes raw);
void json_u64(struct json *json, const char *name, uint64_t value);
void json_i64(struct json *json, const char *name, int64_t value);
void json_bool(struct json *json, const char *name, bool value);
void json_null(struct json *json, const char *name);
void json_utc(struct json *json, const char *name, int64_t unix_s);
void json_id(struct json *json, const char *name, const struct outbox_id *id);
/* {code, name, action, cause, remedy}, or null for OK. */
void json_status(struct json *json, const char *name, enum ifl_status status);

#endif
