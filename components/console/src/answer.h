/* answer.h: pieces of an answer, for people and as JSON. */
#ifndef CONSOLE_ANSWER_H
#define CONSOLE_ANSWER_H

#include "console/console.h"

/* A piece of the answer. `form` has what a person reads, then '|', then the same as JSON; without a '|' it says nothing in JSON. Each of the two forms takes
 * the values behind it in their order:
 *
 *   %s   const char *               a string
 *   %m   const char *               a member's name: what follows is its value; to a person the words in it
 *   %c   const char *               a string in a column of 16 characters; %l: of 10
 *   %u   uint32_t                   a number; %U: uint64_t, %I: int64_t
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
 * none; a space sets it off, and the commas come by themselves: "%{name%s size%u%}" is {"name":"x","size":1}. The first piece begins the answer with
 * {"ok":true, and console.c closes it. */
void answer(struct console *console, const char *form, ...);
/* Characters as they are, in both forms. */
void answer_str(struct console *console, const char *s);
/* In JSON, {"ok":true or false, unless the answer has begun. */
void answer_open(struct console *console, bool ok);
/* "valid until 2026-12-01T00:00:00Z, 3 days left", or ", expired". In JSON the leaf's end, and the seconds to the end of the chain. */
void answer_validity(struct console *console, const struct identity_slot *slot, int64_t unix_s);
/* The whole answer of a command that has nothing to tell but that it's done: `text` for people. OK. */
enum ifl_status answer_done(struct console *console, const char *text);

#endif
