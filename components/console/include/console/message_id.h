/* message_id.h: the id of a message as a person types or pastes it, the other way of outbox_id_text(). */
#ifndef CONSOLE_MESSAGE_ID_H
#define CONSOLE_MESSAGE_ID_H

#include "outbox/outbox.h"

/* OK, or INVALID: not an id; *id is untouched. Needs no memory. */
enum ifl_status console_id_parse(struct bytes text, struct outbox_id *id);

#endif
