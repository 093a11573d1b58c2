/* id.c: the id of a message as text. */
#include "internal.h"

void outbox_id_text(const struct outbox_id *id, struct text *out)
{
    text_hex_u64(out, id->log, 16);
    text_char(out, '-');
    text_u64(out, id->lane);
    text_char(out, '-');
    text_u64(out, id->n);
}
