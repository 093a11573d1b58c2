/* console.c: lines to commands. What the commands say stands in verb_*.c. */
#include "console/console.h"

#include <string.h>

#include "verbs.h"

static enum ifl_status console_verb_help(struct console *console, struct words *words, ifl_ms now);

static const struct console_verb VERBS[] = {
    {"status", console_verb_status, IFL_WORDS_HELP_STATUS, ACCESS_READS},
    {"routes", console_verb_routes, IFL_WORDS_HELP_ROUTES, ACCESS_READS},
    {"queue", console_verb_queue, IFL_WORDS_HELP_QUEUE, ACCESS_READS}, /* one_message.c looks at the lock itself */
    {"identity", console_verb_identity, IFL_WORDS_HELP_IDENTITY, ACCESS_CHANGES_WITH_WORD},
    {"import", console_verb_import, IFL_WORDS_HELP_IMPORT, ACCESS_CHANGES},
    {"send", console_verb_send, IFL_WORDS_HELP_SEND, ACCESS_CHANGES},
    {"retry", console_verb_retry, IFL_WORDS_HELP_RETRY, ACCESS_CHANGES},
    {"log", console_verb_log, IFL_WORDS_HELP_LOG, ACCESS_READS},
    {"settings", console_verb_settings, IFL_WORDS_HELP_SETTINGS, ACCESS_READS},
    {"help", console_verb_help, IFL_WORDS_HELP_HELP, ACCESS_READS},
};
enum { VERB_COUNT = sizeof VERBS / sizeof VERBS[0] };

void console_init(struct console *console, const struct console_wiring *wiring,
                  void (*write)(void *ctx, struct bytes piece), void *ctx)
{
    memset(console, 0, sizeof *console);
    console->wiring = wiring;
    console->out.write = write;
    console->out.ctx = ctx;
}

struct bytes words_next(struct words *words)
{
    while (words->rest.size > 0 && words->rest.data[0] == ' ') {
        words->rest = bytes_tail(words->rest, 1);
    }
    const struct bytes word = bytes_head(words->rest, bytes_find(words->rest, bytes_of_string(" ")));
    words->rest = bytes_tail(words->rest, word.size);
    return word;
}

bool words_are_left(struct words *words)
{
    return words_next(words).size > 0;
}

bool word_is(struct bytes word, const char *name)
{
    return bytes_equal(word, bytes_of_string(name));
}

/* Not what this program refuses anyway: without an intake there is neither `import` nor `identity rollback`. */
static bool is_offered(const struct console *console, const struct console_verb *verb)
{
    return verb->function != console_verb_import || console->wiring->intake != NULL;
}

static const struct console_verb *more_verb(const struct console *console, size_t i)
{
    const struct console_verb *const *more = console->wiring->more;
    return more == NULL ? NULL : more[i];
}

static void help_line(struct console *console, const struct console_verb *verb)
{
    char words[IFL_WORDS_SIZE];
    if (is_offered(console, verb)) {
        const bool told = !console->out.json && ifl_words(verb->help, words, sizeof words);
        answer_form(&console->out, "%s\n|%s", told ? words : verb->name);
    }
}

static enum ifl_status console_verb_help(struct console *console, struct words *words, ifl_ms now)
{
    (void)words;
    (void)now;
    answer_form(&console->out, "|commands%[");
    for (size_t i = 0; i < VERB_COUNT; i++) {
        help_line(console, &VERBS[i]);
    }
    for (size_t i = 0; more_verb(console, i) != NULL; i++) {
        help_line(console, more_verb(console, i));
    }
    answer_form(&console->out, "|%]");
    return IFL_OK;
}

/* The words of the verb's name stand at the front of `line`: *rest is what follows them. */
static bool begins_with(struct bytes line, const char *name, struct words *rest)
{
    struct words words = {line}, of_name = {bytes_of_string(name)};
    for (struct bytes word = words_next(&of_name); word.size > 0; word = words_next(&of_name)) {
        if (!bytes_equal(words_next(&words), word)) {
            return false;
        }
    }
    *rest = words;
    return true;
}

/* The program's own verbs first: their names are longer. */
static const struct console_verb *find_verb(const struct console *console, struct words *words)
{
    for (size_t i = 0; more_verb(console, i) != NULL; i++) {
        if (begins_with(words->rest, more_verb(console, i)->name, words)) {
            return more_verb(console, i);
        }
    }
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (begins_with(words->rest, VERBS[i].name, words)) {
            return &VERBS[i];
        }
    }
    return NULL;
}

static void finish_answer(struct console *console)
{
    answer_open(&console->out, true);
    answer_str(&console->out, console->out.json ? "}\n" : "\n");
    console->out.last = ANSWER_NOTHING_YET;
}

/* A verb that fails has written nothing yet, so the error is the whole answer. */
void console_refuse(struct console *console, enum ifl_status status)
{
    answer_open(&console->out, false);
    answer_form(&console->out, "%e\n|error%e", status);
    finish_answer(console);
}

void answer_validity(struct console *console, const struct identity_slot *slot, int64_t unix_s)
{
    const int64_t left_s = slot->chain_not_after - unix_s;
    if (console->out.json) {
        answer_form(&console->out, "|not_after%t seconds_left%I", slot->not_after, left_s);
    } else if (left_s < 0) {
        answer_form(&console->out, "valid until %t, expired", slot->chain_not_after);
    } else {
        answer_form(&console->out, "valid until %t, %U day%+ left", slot->chain_not_after, (uint64_t)left_s / 86400);
    }
}

enum ifl_status answer_done(struct console *console, const char *text)
{
    answer_form(&console->out, text);
    return IFL_OK;
}

static bool needs_lock_open(const struct console_verb *verb, struct words words)
{
    return verb->access == ACCESS_CHANGES || (verb->access == ACCESS_CHANGES_WITH_WORD && words_are_left(&words));
}

static enum ifl_status carry_out(struct console *console, struct words words, ifl_ms now)
{
    const struct console_verb *verb = find_verb(console, &words);
    if (verb == NULL) {
        return IFL_USAGE;
    }
    if (needs_lock_open(verb, words) && !console_is_open(console, now)) {
        return IFL_CONSOLE_LOCKED;
    }
    return verb->function(console, &words, now);
}

static void finish_line(struct console *console, ifl_ms now)
{
    const bool cut = console->line_len > sizeof console->line;
    const struct bytes used = bytes_of(console->line, cut ? sizeof console->line : console->line_len);
    struct bytes line = used;
    console->line_len = 0;
    if (line.size > 0 && line.data[line.size - 1] == '\r') {
        line.size--;
    }
    if (line.size == 0 && !cut) {
        return;
    }
    struct words words = {line};
    console->out.json = begins_with(line, "json", &words);
    const enum ifl_status status = cut ? IFL_TOO_LARGE : carry_out(console, words, now);
    bytes_wipe(console->line, used.size); /* it may have held a PIN */
    if (status != IFL_OK) {
        console_refuse(console, status);
    } else if (!console_is_secret(console)) { /* else the answer comes when all is pasted */
        finish_answer(console);
    }
}

static void finish_import(struct console *console, ifl_ms now)
{
    struct words nothing = {{0}};
    const struct console_paste *paste = console->wiring->intake->paste;
    const enum ifl_status status = import_finish(console, now);
    if (status == IFL_OK) {
        (void)paste->answer(console, &nothing, now);
        finish_answer(console);
    } else {
        console_refuse(console, status);
    }
}

void console_feed(struct console *console, struct bytes input, ifl_ms now)
{
    for (size_t i = 0; i < input.size; i++) {
        if (console_is_secret(console)) {
            if (import_character(console, (char)input.data[i]) == IMPORT_ENDED) {
                finish_import(console, now);
            }
        } else if (input.data[i] == '\n') {
            finish_line(console, now);
        } else if (console->line_len < sizeof console->line) {
            console->line[console->line_len++] = (char)input.data[i];
        } else {
            console->line_len = sizeof console->line + 1;
        }
    }
}
