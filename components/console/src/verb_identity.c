/* verb_identity.c: `identity`: which certificates there are, from what the slots' headers say, never from a key; `identity rollback`. */
#include "answer.h"
#include "base/text.h"
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

static void fingerprint(const struct identity_slot *slot, char buf[2 * sizeof slot->leaf_sha256 + 1])
{
    struct text text;
    text_init(&text, buf, 2 * sizeof slot->leaf_sha256 + 1);
    text_hex(&text, bytes_of(slot->leaf_sha256, sizeof slot->leaf_sha256));
}

static void slot_text(struct console *console, int number, int64_t unix_s)
{
    const struct identity_slots *slots = console->wiring->slots;
    const struct identity_slot *slot = &slots->slot[number];
    answer_str(console, number == 0 ? "slot A  " : "slot B  ");
    answer_str(console, state_word(slot->state));
    answer_str(console, number == slots->active ? ", in force\n" : "\n");
    if (!has_certificate(slot)) {
        return;
    }
    char sha256[2 * sizeof slot->leaf_sha256 + 1];
    fingerprint(slot, sha256);
    answer_str(console, "  generation ");
    answer_u64(console, slot->generation);
    answer_str(console, ", leaf SHA-256 ");
    answer_str(console, sha256);
    answer_str(console, "\n  ");
    answer_validity(console, slot->chain_not_after, unix_s);
    answer_str(console, "\n");
}

static void slot_json(struct members *json, int number, int64_t unix_s)
{
    const struct identity_slots *slots = json->console->wiring->slots;
    const struct identity_slot *slot = &slots->slot[number];
    member_open(json, NULL, '{');
    member_string(json, "slot", number == 0 ? "A" : "B");
    member_string(json, "state", state_word(slot->state));
    member_bool(json, "in_force", number == slots->active);
    if (has_certificate(slot)) {
        char sha256[2 * sizeof slot->leaf_sha256 + 1];
        fingerprint(slot, sha256);
        member_u64(json, "generation", slot->generation);
        member_string(json, "leaf_sha256", sha256);
        member_utc(json, "not_after", slot->not_after);
        member_i64(json, "seconds_left", slot->chain_not_after - unix_s);
    }
    member_close(json, '}');
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
    if (bytes_equal(word, bytes_of_string("rollback")) && words_next(words).size == 0) {
        const enum ifl_status status = roll_back(console, &problem, now);
        if (status != IFL_OK) {
            return status;
        }
    } else if (word.size > 0) {
        return IFL_USAGE;
    }
    const int64_t unix_s = clock_read(console->wiring->clock, now).unix_s;
    if (!console->json) {
        if (problem != IFL_OK) {
            answer_str(console, "Done, but ");
            answer_status(console, problem);
            answer_str(console, "\n");
        }
        slot_text(console, 0, unix_s);
        slot_text(console, 1, unix_s);
        return IFL_OK;
    }
    struct members json = members_begin(console);
    member_open(&json, "slots", '[');
    slot_json(&json, 0, unix_s);
    slot_json(&json, 1, unix_s);
    member_close(&json, ']');
    if (problem != IFL_OK) {
        member_status(&json, "problem", problem);
    }
    return IFL_OK;
}
