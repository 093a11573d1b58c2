/* verb_identity.c: `identity`: which certificates there are, from what the slots' headers say, never from a key; `identity rollback`. */
#include "verbs.h"

static const char *state_word(enum identity_slot_state state)
{
    switch (state) {
    case IDENTITY_SLOT_EMPTY:
        return "empty";
    case IDENTITY_SLOT_PENDING:
        return "pending";
    case IDENTITY_SLOT_ACTIVE:
        return "active";
    case IDENTITY_SLOT_REFUSED:
        return "refused";
    case IDENTITY_SLOT_BAD:
        return "damaged";
    case IDENTITY_SLOT_REQUEST:
        return "a key waits for its certificate";
    }
    return "";
}

static bool has_certificate(const struct identity_slot *slot)
{
    return slot->state != IDENTITY_SLOT_EMPTY && slot->state != IDENTITY_SLOT_BAD &&
           slot->state != IDENTITY_SLOT_REQUEST;
}

static void tell_slot(struct console *console, int number, int64_t unix_s)
{
    const struct identity_slots *slots = console->wiring->slots;
    const struct identity_slot *slot = &slots->slot[number];
    const bool in_force = number == slots->active;
    answer_form(&console->out, "slot %s  %s|%{slot%s state%s in_force%b", number == 0 ? "A" : "B",
                state_word(slot->state), in_force);
    answer_form(&console->out, in_force ? ", in force\n" : "\n");
    if (has_certificate(slot)) {
        answer_form(&console->out, "  generation %u, leaf SHA-256 %h\n  |generation%u leaf_sha256%h", slot->generation,
                    slot->leaf_sha256);
        answer_validity(console, slot, unix_s);
        answer_form(&console->out, "\n");
    }
    answer_form(&console->out, "|%}");
}

/* *problem: why nothing can be delivered with the identity that it's back at. */
static enum ifl_status roll_back(struct console *console, enum ifl_status *problem, ifl_ms now)
{
    const struct console_intake *intake = console->wiring->intake;
    const enum ifl_status status = intake == NULL ? IFL_USAGE : intake->rollback(intake->ctx, now);
    const bool is_done = status >= IFL_KEY_UNREADABLE && status < IFL_NET_DNS; /* KEY_* */
    *problem = is_done ? status : IFL_OK;
    return is_done ? IFL_OK : status;
}

enum ifl_status console_verb_identity(struct console *console, struct words *words, ifl_ms now)
{
    enum ifl_status problem = IFL_OK;
    const struct bytes word = words_next(words);
    if (word_is(word, "rollback") && !words_are_left(words)) {
        const enum ifl_status status = roll_back(console, &problem, now);
        if (status != IFL_OK) {
            return status;
        }
    } else if (word.size > 0) {
        return IFL_USAGE;
    }
    const int64_t unix_s = clock_read(console->wiring->clock, now).unix_s;
    if (problem != IFL_OK) {
        answer_form(&console->out, "Done, but %e\n", problem);
    }
    answer_form(&console->out, "|slots%[");
    tell_slot(console, 0, unix_s);
    tell_slot(console, 1, unix_s);
    answer_form(&console->out, "|%]");
    if (problem != IFL_OK) {
        answer_form(&console->out, "|problem%e", problem);
    }
    return IFL_OK;
}
