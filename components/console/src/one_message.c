#include "one_message.h"

#include "base/text.h"
#include "console/message_id.h"

#define SEARCH_MAX 10000u /* messages of a lane that are looked at for an id */
#define PIECE_SIZE 48u    /* of a payload, a multiple of 3: base64 without padding in between */

typedef enum ifl_status (*deed)(struct console *console, struct outbox_message *message, ifl_ms now);

/* ---- finding ---- */

static bool is_same(const struct outbox_id *a, const struct outbox_id *b)
{
    return a->log == b->log && a->lane == b->lane && a->n == b->n;
}

static enum ifl_status find_in(struct outbox *outbox, uint8_t lane, const struct outbox_id *id,
                               struct outbox_message *message)
{
    enum ifl_status status = outbox_first(outbox, lane, message);
    for (unsigned i = 0; status == IFL_OK && !is_same(&message->id, id); i++) {
        status = i < SEARCH_MAX ? outbox_next(outbox, message) : IFL_END;
    }
    return status == IFL_END ? IFL_NOT_FOUND : status;
}

/* Among the dead letters first: they are few, and what people ask for. A message lies in its own lane or there. */
static enum ifl_status find(struct outbox *outbox, const struct outbox_id *id, struct outbox_message *message)
{
    enum ifl_status status = find_in(outbox, OUTBOX_LANE_DEAD, id, message);
    if (status == IFL_NOT_FOUND && id->lane != OUTBOX_LANE_DEAD && id->lane < outbox_lane_count(outbox)) {
        status = find_in(outbox, id->lane, id, message);
    }
    return status;
}

/* ---- deeds ---- */

static void payload_base64(struct console *console, struct outbox_message *message, enum ifl_status *status)
{
    uint8_t piece[PIECE_SIZE];
    size_t len = 0;
    do {
        size_t got = 0;
        *status = outbox_read(console->wiring->outbox, message, piece + len, sizeof piece - len, &got);
        len += *status == IFL_OK ? got : 0;
        if (len == sizeof piece || ((*status != IFL_OK || got == 0) && len > 0)) {
            char buf[PIECE_SIZE / 3 * 4 + 1];
            struct text text;
            text_init(&text, buf, sizeof buf);
            text_base64(&text, bytes_of(piece, len));
            answer_str(&console->out, buf);
            len = 0;
        }
        if (got == 0) {
            break;
        }
    } while (*status == IFL_OK);
}

static enum ifl_status show(struct console *console, struct outbox_message *message, ifl_ms now)
{
    (void)now;
    answer_form(&console->out, "%s\n|route%s messages%[", outbox_lane_route(console->wiring->outbox, message->lane));
    tell_message(console, message, 0);
    answer_form(&console->out, "|%]");
    return IFL_OK;
}

/* The payload as base64: it may be anything. It's read to its end before the answer begins, so that an answer is always whole. */
static enum ifl_status export_payload(struct console *console, struct outbox_message *message, ifl_ms now)
{
    struct outbox_message ahead = *message;
    uint8_t piece[PIECE_SIZE];
    size_t got = 1;
    enum ifl_status status = IFL_OK;
    (void)now;
    while (status == IFL_OK && got > 0) {
        status = outbox_read(console->wiring->outbox, &ahead, piece, sizeof piece, &got);
    }
    if (status != IFL_OK) {
        return status;
    }
    answer_form(&console->out, "|id%i", &message->id);
    answer_str(&console->out, console->out.json ? ",\"payload\":\"" : "");
    payload_base64(console, message, &status);
    answer_str(&console->out, console->out.json ? "\"" : "\n");
    answer_form(&console->out, "|complete%b", status == IFL_OK);
    return IFL_OK;
}

/* A dead letter goes to the end of its route again, under its id. */
static enum ifl_status retry(struct console *console, struct outbox_message *message, ifl_ms now)
{
    struct outbox *outbox = console->wiring->outbox;
    (void)now;
    if (message->lane != OUTBOX_LANE_DEAD) {
        return IFL_QUEUE_WAITS;
    }
    if (message->id.lane == OUTBOX_LANE_DEAD || message->id.lane >= outbox_lane_count(outbox)) {
        return IFL_NOT_FOUND; /* its route is gone */
    }
    enum ifl_status status = outbox_requeue(outbox, message, message->id.lane);
    status = status == IFL_OK ? outbox_sync(outbox) : status;
    return status == IFL_OK ? answer_done(console, "Queued again.\n") : status;
}

/* A dead letter is gone for good. */
static enum ifl_status drop(struct console *console, struct outbox_message *message, ifl_ms now)
{
    struct outbox *outbox = console->wiring->outbox;
    (void)now;
    if (message->lane != OUTBOX_LANE_DEAD) {
        return IFL_QUEUE_WAITS;
    }
    enum ifl_status status = outbox_bury(outbox, message);
    status = status == IFL_OK ? outbox_sync(outbox) : status;
    return status == IFL_OK ? answer_done(console, "Dropped.\n") : status;
}

/* ---- words ---- */

static const struct {
    const char *word;
    deed does;
} DEEDS[] = {{"show", show}, {"export", export_payload}, {"retry", retry}, {"drop", drop}};

/* The deed, and the id behind it; NULL: it's something else. */
static deed read_words(struct words *words, struct outbox_id *id)
{
    const struct bytes word = words_next(words);
    for (size_t i = 0; i < sizeof DEEDS / sizeof DEEDS[0]; i++) {
        if (word_is(word, DEEDS[i].word) && console_id_parse(words_next(words), id) == IFL_OK) {
            return DEEDS[i].does;
        }
    }
    return NULL;
}

bool is_about_one_message(struct words words)
{
    struct outbox_id id;
    return read_words(&words, &id) != NULL;
}

enum ifl_status one_message(struct console *console, struct words *words, ifl_ms now)
{
    struct outbox_id id;
    struct outbox_message message;
    const deed does = read_words(words, &id);
    if (does == NULL || words_are_left(words)) {
        return IFL_USAGE;
    }
    if (does != show && !console_is_open(console, now)) {
        return IFL_CONSOLE_LOCKED;
    }
    const enum ifl_status status = find(console->wiring->outbox, &id, &message);
    return status == IFL_OK ? does(console, &message, now) : status;
}
