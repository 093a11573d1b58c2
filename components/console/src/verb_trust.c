/* verb_trust.c: `trust`: which roots the tenant's server must chain to; `trust install`, `trust rollback`. */
#include "answer.h"
#include "verbs.h"

static void show_json(struct console *console, const struct console_roots *roots, size_t count)
{
    struct members json = members_begin(console);
    member_open(&json, "bundles", '[');
    for (size_t i = 0; i < count; i++) {
        member_open(&json, NULL, '{');
        member_string(&json, "state", roots[i].state);
        member_string(&json, "source", roots[i].source);
        member_u64(&json, "roots", roots[i].count);
        if (roots[i].since != NULL) {
            member_string(&json, "since", roots[i].since);
        }
        member_close(&json, '}');
    }
    member_close(&json, ']');
}

static enum ifl_status show(struct console *console)
{
    const struct console_trust *trust = console->wiring->trust;
    struct console_roots roots[CONSOLE_ROOTS_MAX];
    const size_t count = trust->list(trust->ctx, roots);
    if (console->json) {
        show_json(console, roots, count);
        return IFL_OK;
    }
    for (size_t i = 0; i < count; i++) {
        answer_column(console, roots[i].state, 10);
        answer_count(console, roots[i].count, "root", "roots");
        answer_str(console, ", ");
        answer_str(console, roots[i].source);
        if (roots[i].since != NULL) {
            answer_str(console, ", since ");
            answer_str(console, roots[i].since);
        }
        answer_str(console, "\n");
    }
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
    if (bytes_equal(word, bytes_of_string("install"))) {
        return import_begin(console, words, &ROOTS);
    }
    if (bytes_equal(word, bytes_of_string("rollback")) && words_next(words).size == 0) {
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
