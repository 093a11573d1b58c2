/* verbs.h: what the console can do. A verb that reports says the same facts to people and as JSON (answer.h). */
#ifndef CONSOLE_VERBS_H
#define CONSOLE_VERBS_H

#include "console/answer.h"
#include "console/console.h"

/* The words behind the verb; each verb takes what it knows and refuses the rest with USAGE. */
struct words {
    struct bytes rest; /* not yet taken */
};
/* The next word, empty at the end. */
struct bytes words_next(struct words *words);
/* There is one more word, or more. */
bool words_are_left(struct words *words);
bool word_is(struct bytes word, const char *name);

/* ---- answers that several verbs give ---- */

/* "valid until 2026-12-01T00:00:00Z, 3 days left", or ", expired". In JSON the leaf's end, and the seconds to the end of the chain. */
void answer_validity(struct console *console, const struct identity_slot *slot, int64_t unix_s);
/* The whole answer of a command that has nothing to tell but that it's done: `text` for people. OK. */
enum ifl_status answer_done(struct console *console, const char *text);

/* ---- verbs ---- */

typedef enum ifl_status (*verb_function)(struct console *console, struct words *words, ifl_ms now);

/* What a lock keeps closed. */
enum verb_access { ACCESS_CHANGES, ACCESS_CHANGES_WITH_WORD, ACCESS_READS };

struct console_verb {
    const char *name; /* one word; of `more` also two */
    verb_function function;
    enum ifl_words help;
    enum verb_access access;
};

/* ---- lock.c ---- */

/* There is no lock, or it's open; then it stays open for CONSOLE_OPEN_MS from now. */
bool console_is_open(const struct console *console, ifl_ms now);

enum ifl_status console_verb_status(struct console *console, struct words *words, ifl_ms now);
enum ifl_status console_verb_routes(struct console *console, struct words *words, ifl_ms now);
enum ifl_status console_verb_queue(struct console *console, struct words *words, ifl_ms now);
enum ifl_status console_verb_identity(struct console *console, struct words *words, ifl_ms now);
enum ifl_status console_verb_import(struct console *console, struct words *words, ifl_ms now);
enum ifl_status console_verb_send(struct console *console, struct words *words, ifl_ms now);
enum ifl_status console_verb_retry(struct console *console, struct words *words, ifl_ms now);
enum ifl_status console_verb_log(struct console *console, struct words *words, ifl_ms now);
enum ifl_status console_verb_settings(struct console *console, struct words *words, ifl_ms now);

/* ---- import.c ---- */

/* The intake's buffer is this console's until console_end(). CONSOLE_BUSY: somebody else has it; or what `begin` of the program says. */
enum ifl_status import_take_buffer(const struct console *console);
/* What is pasted, and what is done with it. */
struct console_paste {
    const char *what;      /* "the key": what is waited for */
    enum ifl_words prompt; /* to a person */
    bool leads_somewhere;  /* the word `new-tenant` makes sense */
    enum ifl_status (*take)(const struct console *console, struct bytes text, ifl_ms now);
    verb_function answer; /* what is written when it was taken */
};
/* What follows is pasted. CONSOLE_BUSY, USAGE, or what `begin` of the program says: nothing has changed. */
enum ifl_status import_begin(struct console *console, struct words *words, const struct console_paste *paste);
/* One more character of the pasted text. ENDED: it was the end of a line with nothing but a dot. */
enum import_step { IMPORT_GOES_ON, IMPORT_ENDED };
enum import_step import_character(struct console *console, char c);
/* The text is complete: take it in. Always wiped. */
enum ifl_status import_finish(struct console *console, ifl_ms now);

#endif
