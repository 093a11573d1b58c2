/* one_message.h: `queue show|export|retry|drop ID`. */
#ifndef CONSOLE_ONE_MESSAGE_H
#define CONSOLE_ONE_MESSAGE_H

#include "verbs.h"

/* The words are one of the four and an id (a route may have such a name, too). */
bool is_about_one_message(struct words words);
enum ifl_status one_message(struct console *console, struct words *words, ifl_ms now);

/* ---- verb_queue.c ---- */

/* A line, or an object, about a message; never its payload. */
void tell_message(struct console *console, const struct outbox_message *message, uint32_t attempts);

#endif
