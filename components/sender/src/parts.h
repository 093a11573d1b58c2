/* parts.h: what the files of this room share.
 *
 *   backoff.c    how long
 *   wait.c       who waits, why, until when
 *   csrf.c       tokens and cookies of the routes
 *   batch.c      which messages a request carries
 *   post.c       the bytes of a request
 *   catalogue.c  what an answer means
 *   answer.c     an answer while it streams by
 *   verdict.c    what follows from it
 *   sender.c     the state machine
 *
 * What nearly all of them need stands in struct sender: `now`, and for the next wait `at_least_ms` and `detail`. */
#ifndef SENDER_PARTS_H
#define SENDER_PARTS_H

#include "sender/sender.h"

#define REST_SIZE 4096 /* bytes of a body that are read: for the verdict, and to keep the connection */

/* ---- wait.c ---- */

/* `wait` is all zero. */
void wait_init(const struct sender *sender, struct sender_wait *wait, uint8_t route);
/* The host or a route waits: soon again, or held with slow probes; not shorter than `at_least_ms`. What is held stays held until a success or an
 * answer that shows it's mended; a failure of another kind only moves the next probe. An event with `detail` where the cause is new. */
void wait_begin(struct sender *sender, struct sender_wait *wait, enum ifl_status status, bool hold);
/* It goes again; the event `why` if it didn't before. */
void wait_over(struct sender *sender, struct sender_wait *wait, enum ifl_status why);
/* Try at once, with fresh counts; state and cause stay until the outcome is known. */
void wait_skip(struct sender_wait *wait);
/* True: that moment is still to come, and the sender wants to be called then at the latest. */
bool sender_is_ahead(struct sender *sender, ifl_ms at);
/* Of the present state. */
void sender_set_deadline(struct sender *sender, uint32_t after_ms);
/* The flash is erasing: soon again. */
void sender_poll_flash(struct sender *sender);
void sender_event(struct sender *sender, enum ifl_status status, uint8_t route);
void sender_count(struct sender *sender, enum health_counter counter);

/* ---- csrf.c ---- */

/* An empty jar for the present route: its old one, a free one, or the oldest one. */
struct sender_jar *csrf_jar_new(struct sender *sender);
void csrf_jar_drop(struct sender_route *route);
const char *csrf_token(const struct sender_jar *jar);
/* False: it doesn't fit, or there is one already. */
bool csrf_add_token(struct sender_jar *jar, const char *token);
bool csrf_add_cookie(struct sender_jar *jar, struct bytes pair);
/* The flow of the present route wants a token, or none any more. */
void csrf_set_needed(struct sender *sender, bool needed);

/* ---- batch.c ---- */

static inline outbox_n batch_last_n(const struct sender_batch *batch)
{
    return batch->first_n + batch->count - 1;
}
/* False: it was put back from the dead letters and has the id of its first life. It goes alone, and doesn't age. */
bool batch_has_own_id(const struct sender_route *route, const struct outbox_message *message);
/* Settle which messages go with `first`, the first one of its lane. False: more may come, or flash is busy; `wish` says when that's over. */
bool batch_is_due(struct sender *sender, struct sender_route *route, const struct outbox_message *first);
/* The request is about to begin: a batch is recorded, so that a repetition is the same one, also after a restart; and so is a message of a batch that was split,
 * which might else go in a new batch under another id. False: not now, `wish` says when. */
bool batch_begin(struct sender *sender);
/* The messages of the present route up to this number go one by one. */
void batch_split(struct sender *sender, outbox_n last_n);

/* ---- post.c ---- */

/* The head of the POST, or of the HEAD that fetches a token, into the request buffer. TOO_LARGE, INVALID: as in http/request.h. */
enum ifl_status post_begin(struct sender *sender);
/* Fill the buffer up with the payload. OK: it's full, or the payload is all in. FLASH_BUSY: call again. STORE_CORRUPT: the payload is damaged and
 * its last piece was kept back. INVALID: it has another size than announced. Else the medium failed. */
enum ifl_status post_fill(struct sender *sender);
/* Wipe what held a secret: the request's buffer, the line buffer of the answer to a HEAD. */
void post_wipe(struct sender *sender);

/* ---- answer.c ---- */

void answer_begin(struct sender *sender);
/* Read what is there. OK: something was taken. AGAIN: nothing there. Else the connection or the answer is broken. */
enum ifl_status answer_read(struct sender *sender);
/* All is there that is read of an answer before a verdict. */
bool answer_is_decidable(const struct sender *sender);
/* Milliseconds that Retry-After asks for; 0 = none. */
uint32_t answer_retry_after_ms(const struct sender *sender);

/* ---- verdict.c ---- */

/* The connection failed before a request was begun; or the request ended without an answer: what became of it isn't known, or it never went
 * out. */
void verdict_failure(struct sender *sender, enum ifl_status status);
/* The first message of the route, number `n`, is given up and told. As outbox_give_up(). */
enum ifl_status verdict_give_up(struct sender *sender, const struct sender_route *route, outbox_n n,
                                enum ifl_status reason);
/* The message can't be sent at all: its route waits, or gives it up where it's damaged. */
void verdict_unsendable(struct sender *sender, enum ifl_status status);
/* An answer. */
void verdict_answer(struct sender *sender);

/* ---- sender.c ---- */

/* Count its bytes, close it, wipe what was secret. */
void sender_disconnect(struct sender *sender);
/* A request is under way: its bytes go out, or its answer comes in. */
static inline bool sender_is_asking(const struct sender *sender)
{
    return sender->state >= SENDER_POST;
}

#endif
