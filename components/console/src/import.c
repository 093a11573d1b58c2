/* import.c: a service key or PEM pasted as it is, ended by a line with a dot. Lines may be of any length: JSON has its certificates in one. */
#include "verbs.h"

static void forget(struct console_intake *intake)
{
    bytes_wipe(intake->buf, intake->size); /* what was too long lies behind `len`, too */
    intake->len = 0;
    intake->owner = NULL;
    if (intake->end != NULL) {
        intake->end(intake->ctx);
    }
}

bool console_is_secret(const struct console *console)
{
    const struct console_intake *intake = console->wiring->intake;
    return intake != NULL && intake->owner == console;
}

void console_end(struct console *console)
{
    if (console_is_secret(console)) {
        forget(console->wiring->intake);
    }
}

enum ifl_status import_take_buffer(const struct console *console)
{
    struct console_intake *intake = console->wiring->intake;
    if (intake->owner != NULL) {
        return IFL_CONSOLE_BUSY;
    }
    const enum ifl_status status = intake->begin == NULL ? IFL_OK : intake->begin(intake->ctx);
    if (status == IFL_OK) {
        intake->owner = console;
    }
    return status;
}

enum ifl_status import_begin(struct console *console, struct words *words, const struct console_paste *paste)
{
    struct console_intake *intake = console->wiring->intake;
    const struct bytes word = words_next(words);
    const bool new_tenant = paste->leads_somewhere && word_is(word, "new-tenant");
    if (intake == NULL || (word.size > 0 && !new_tenant) || words_are_left(words)) {
        return IFL_USAGE;
    }
    const enum ifl_status status = import_take_buffer(console);
    if (status != IFL_OK) {
        return status;
    }
    intake->len = 0;
    intake->cut = false;
    intake->new_tenant = new_tenant;
    intake->paste = paste;
    if (intake->ready != NULL) {
        intake->ready(intake->ctx, paste->what);
    }
    if (!console->out.json) {
        char prompt[IFL_WORDS_SIZE];
        (void)ifl_words(paste->prompt, prompt, sizeof prompt);
        answer_str(&console->out, prompt);
        answer_str(&console->out, "\n");
    }
    return IFL_OK;
}

static enum ifl_status take_key(const struct console *console, struct bytes text, ifl_ms now)
{
    const struct console_intake *intake = console->wiring->intake;
    return intake->take(intake->ctx, text, intake->new_tenant, now);
}

enum ifl_status console_verb_import(struct console *console, struct words *words, ifl_ms now)
{
    static const struct console_paste KEY = {"the key", IFL_WORDS_PASTE_KEY, true, take_key, console_verb_identity};
    (void)now;
    return import_begin(console, words, &KEY);
}

/* The last line of what was pasted is a dot alone: *len is what stands before it. */
static bool is_end(const struct console_intake *intake, size_t *len)
{
    *len = intake->len;
    *len -= *len > 0 && intake->buf[*len - 1] == '\r' ? 1 : 0;
    if (*len == 0 || intake->buf[--*len] != '.') {
        return false;
    }
    return *len == 0 || intake->buf[*len - 1] == '\n' || intake->buf[*len - 1] == '\r';
}

enum import_step import_character(struct console *console, char c)
{
    struct console_intake *intake = console->wiring->intake;
    size_t len = 0;
    if (c == '\n' && is_end(intake, &len)) {
        intake->len = len;
        return IMPORT_ENDED;
    }
    if (intake->len == intake->size) {
        /* Too long; but its end must still be found: the last characters stay. */
        intake->cut = true;
        intake->len = intake->size / 2;
    }
    intake->buf[intake->len++] = (uint8_t)c;
    return IMPORT_GOES_ON;
}

enum ifl_status import_finish(struct console *console, ifl_ms now)
{
    struct console_intake *intake = console->wiring->intake;
    enum ifl_status status = IFL_TOO_LARGE;
    if (!intake->cut) {
        status = intake->paste->take(console, bytes_of(intake->buf, intake->len), now);
    }
    forget(intake);
    return status;
}
