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
/* The whole answer of a command that has nothing to tell but that it's done: `text` for people. OK. */
enum ifl_status answer_done(struct console *console, const char *text);

/* ---- for people ---- */
/* `value` padded with spaces to `width` characters. */
void answer_column(struct console *console, const char *value, size_t width);
/* "E710 cause remedy" */
void answer_status(struct console *console, enum ifl_status status);
void answer_duration(struct console *console, uint64_t seconds);
/* "valid until 2026-12-01T00:00:00Z, 3 days left", or ", expired" */
void answer_validity(struct console *console, int64_t end_s, int64_t unix_s);
/* "1 message", "2 messages" */
void answer_count(struct console *console, uint64_t count, const char *singular, const char *plural);

/* ---- JSON, as members of objects and arrays: `name` NULL inside an array. A comma is set where the piece before doesn't end with an opening bracket. ---- */
struct members {
    struct console *console;
    bool comma;
};
/* The beginning of every good answer: {"ok":true. console.c closes it. */
struct members members_begin(struct console *console);
void member_open(struct members *json, const char *name, char bracket);
void member_close(struct members *json, char bracket);
void member_string(struct members *json, const char *name, const char *value);
void member_bytes(struct members *json, const char *name, struct bytes raw);
void member_u64(struct members *json, const char *name, uint64_t value);
void member_i64(struct members *json, const char *name, int64_t value);
void member_bool(struct members *json, const char *name, bool value);
void member_null(struct members *json, const char *name);
void member_utc(struct members *json, const char *name, int64_t unix_s);
void member_id(struct members *json, const char *name, const struct outbox_id *id);
/* {code, name, action, cause, remedy}, or null for OK. */
void member_status(struct members *json, const char *name, enum ifl_status status);

#endif
