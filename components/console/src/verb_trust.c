/* verb_trust.c: `trust`: which roots the tenant's server must chain to; `trust install`, `trust rollback`. */
#include "verbs.h"

static enum ifl_status show(struct console *console)
{
    const struct console_trust *trust = console->wiring->trust;
    struct console_roots roots[CONSOLE_ROOTS_MAX];
    const size_t count = trust->list(trust->ctx, roots);
    answer_form(&console->out, "|bundles%[");
    for (size_t i = 0; i < count; i++) {
        answer_form(&console->out, "%l%-%u root%+, %s|%{state%s source%s roots%u", roots[i].state, roots[i].source,
                    (uint32_t)roots[i].count, roots[i].source);
        if (roots[i].since != NULL) {
            answer_form(&console->out, ", since %s|since%s", roots[i].since);
        }
        answer_form(&console->out, "\n|%}");
    }
    answer_form(&console->out, "|%]");
    return IFL_OK;
}

static enum ifl_status take_roots(const struct console *console, struct bytes text, ifl_ms now)
{
    const struct console_trust *trust = console->wiring->trust;
    return trust->install(trust->ctx, text, now);
}

static enum ifl_status verb_trust(struct console *console, struct words *words, ifl_ms now)
{
    static const struct console_paste ROOTS = {"the roots", IFL_WORDS_PASTE_ROOTS, false, take_roots, verb_trust};
    const struct console_trust *trust = console->wiring->trust;
    const struct bytes word = words_next(words);
    if (word_is(word, "install")) {
        return import_begin(console, words, &ROOTS);
    }
    if (word_is(word, "rollback") && !words_are_left(words)) {
        const enum ifl_status status = trust->rollback(trust->ctx, now);
        if (status != IFL_OK) {
            return status;
        }
    } else if (word.size > 0) {
        return IFL_USAGE;
    }
    return show(console);
}

const struct console_verb CONSOLE_TRUST = {"trust", verb_trust, IFL_WORDS_HELP_TRUST, ACCESS_CHANGES_WITH_WORD};
