/* answer.h: what a program says, for people and as JSON: by forms, which have the words and the places of the values. */
#ifndef CONSOLE_ANSWER_H
#define CONSOLE_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

/* What the JSON of an answer ends with so far. */
enum answer_last { ANSWER_NOTHING_YET, ANSWER_BRACKET_OPEN, ANSWER_NAMED, ANSWER_VALUE };

struct answer {
    /* Where it goes: takes all of it (the caller buffers), in small pieces. */
    void (*write)(void *ctx, struct bytes piece);
    void *ctx;
    bool json; /* its form */
    uint8_t
        last; /* enum answer_last; for JSON that isn't the answer of a command, ANSWER_NAMED before its first bracket */
};

/* A piece of the answer. `form` has what a person reads, then '|', then the same as JSON; without a '|' it says nothing in JSON. Each of the two forms takes
 * the values behind it in their order:
 *
 *   %s   const char *               a string
 *   %m   const char *               a member's name: what follows is its value; to a person the words in it
 *   %c   const char *               a string in a column of 16 characters; %l: of 10
 *   %u   uint32_t                   a number; %U: uint64_t, %I: int64_t
 *   %x   uint32_t                   eight hexadecimal digits
 *   %+                              the "s" that makes a plural, unless the %u or %U before it was 1
 *   %d   uint64_t                   seconds, as a duration
 *   %t   int64_t                    a time, UTC
 *   %b   bool
 *   %i   const struct outbox_id *
 *   %h   const uint8_t *            a SHA-256
 *   %e   enum ifl_status            "E710 cause remedy"; in JSON {code, name, action, cause, remedy}, or null for OK
 *   %-   a pointer                  nothing
 *   %n                              null
 *   %{ %[ %] %}                     the brackets of JSON
 *
 * To a person the characters between come as they are. In JSON they are the name of the member whose value comes next, of an element of an array there is
 * none; a space sets it off, and the commas come by themselves: "%{name%s size%u%}" is {"name":"x","size":1}. The first piece begins the answer of a command
 * with {"ok":true, and console.c closes it. */
void answer_form(struct answer *out, const char *form, ...);
/* Characters as they are, in both forms. */
void answer_str(struct answer *out, const char *s);
/* In JSON, {"ok":true or false, unless the answer has begun. */
void answer_open(struct answer *out, bool ok);

#endif
