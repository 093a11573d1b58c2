/* body.h: the form in which payloads become the body of a request.
 *
 *   raw          one payload as it is
 *   JSON array   [payload,payload,...]
 *   JSON lines   a payload and a line feed, and so on
 *   CloudEvent   {"specversion":"1.0",...,"data":payload}: CloudEvents 1.0, JSON event format, structured mode; data that isn't JSON goes as
 *                data_base64 (section 3.1.1 there). One payload only
 *
 * A body is what body_begin() writes, then each payload as body_encode() makes it, with body_between() between two of them, then body_end(). Its size is
 * known before: body_size(). Which payloads, when and to whom is not decided here. Pure functions: no memory of their own, nothing blocks. */
#ifndef BODY_BODY_H
#define BODY_BODY_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/text.h"
#include "settings/settings.h"

/* A form is a value of enum settings_body, or this one: an event whose data isn't JSON. It is stored with a batch (outbox.h), so a number keeps its
 * meaning for ever. */
enum { BODY_EVENT_ENCODED = SETTINGS_BODY_EVENT + 1 };

#define BODY_BEGIN_SIZE 512 /* all that stands before the first payload, and a zero */
#define BODY_ROOM_MIN 5     /* bytes of room for a piece, or for what stands between two payloads or at the end */

/* What an event says of its data. */
struct body_event {
    const char *id;     /* of the message */
    const char *source; /* the device; becomes a URI reference */
    int64_t unix_s;     /* when it was stored; 0 = not known, and not told */
};

/* The form that a route's new messages take. */
unsigned body_form(const struct settings_route *route);
/* Content-Type. Valid as long as the route is. */
const char *body_type(unsigned form, const struct settings_route *route);
/* All that stands before the first payload; `event` is needed for events only. */
void body_begin(unsigned form, const struct settings_route *route, const struct body_event *event, struct text *out);
const char *body_between(unsigned form);
const char *body_end(unsigned form);
/* Bytes of the whole: `begin_size` of body_begin(), and `count` payloads (>= 1) of `payload_size` in all. An event has one. */
uint32_t body_size(unsigned form, size_t begin_size, uint32_t count, uint32_t payload_size);

/* Payload bytes that can be read at once where a buffer has `room` (>= BODY_ROOM_MIN) bytes left. Each piece but the last is as long as that. */
size_t body_piece_size(unsigned form, size_t room);
/* Turn the piece `raw` into what the body says for it, at `at`; returns its size. It was read to the end of the room: what is written never reaches
 * what isn't read yet, and a piece that goes as it is lies at `at` already. */
size_t body_encode(unsigned form, uint8_t *at, size_t room, struct bytes raw);

#endif
