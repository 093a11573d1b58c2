/* text.h: bounded text, written piece by piece into the caller's buffer. No printf, no locale, no allocation.
 *
 * The buffer always holds a zero-terminated string. What doesn't fit is left out and `cut` becomes true; it stays true. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

struct text {
    char *buf;
    size_t size; /* of buf, with the terminating zero; >= 1 */
    size_t len;  /* characters written */
    bool cut;    /* something didn't fit */
};

/* The same but for the case of ASCII letters, for header names and tokens: text_is(name, "Content-Length"). */
bool text_is(const char *text, const char *word);
/* The first place of `needle` in `hay`, whatever the case of ASCII letters; NULL: it isn't there. */
const char *text_find(const char *hay, const char *needle);
/* In a list of texts, each with its zero: the one behind `text`. */
const char *text_next(const char *text);
/* bytes_to_u64() of a text. */
bool text_to_u64(const char *text, uint64_t *value);

void text_init(struct text *out, char *buf, size_t size);
void text_char(struct text *out, char c);
void text_str(struct text *out, const char *s);
void text_bytes(struct text *out, struct bytes raw); /* as they are */
void text_u64(struct text *out, uint64_t value);
void text_i64(struct text *out, int64_t value);
/* Lower-case hexadecimal with at least `digits` digits (1..16). */
void text_hex_u64(struct text *out, uint64_t value, unsigned digits);
void text_hex(struct text *out, struct bytes raw);
void text_base64(struct text *out, struct bytes raw); /* with padding (RFC 4648 section 4) */
/* For a URL or a form: all but letters, digits and "-._" becomes %xx (RFC 3986 section 2.1). */
void text_url(struct text *out, const char *value);
/* `value` with `decimals` places: text_fixed(out, 12345, 3) writes 12.345. */
void text_fixed(struct text *out, uint64_t value, unsigned decimals);
/* 2026-11-23T19:05:00Z from seconds since 1970; years 1970..9999, later ones are clipped. */
void text_utc(struct text *out, int64_t unix_s);
/* 90061 -> "1 d 1 h 1 min 1 s"; 0 -> "0 s". */
void text_duration(struct text *out, uint64_t seconds);
/* A JSON string with its quotes; control characters and invalid UTF-8 are escaped (RFC 8259 section 7). */
void text_json(struct text *out, struct bytes raw);
/* For people: printable ASCII as it is, everything else as '.', at most `limit` bytes. */
void text_printable(struct text *out, struct bytes raw, size_t limit);
/* "E500 The host name can't be resolved. Check the DNS servers ..." */
void text_status(struct text *out, enum ifl_status status);

#endif
