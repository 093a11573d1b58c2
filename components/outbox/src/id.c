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

/* 16 lower-case digits. */
static bool parse_hex(struct bytes text, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = text.data[i] - (unsigned)'0';
        if (digit > 9) {
            digit = text.data[i] - (unsigned)'a' + 10;
            if (digit < 10 || digit > 15) {
                return false;
            }
        }
        *value = *value << 4 | digit;
    }
    return text.size == 16;
}

enum ifl_status outbox_id_parse(struct bytes text, struct outbox_id *id)
{
    uint64_t log, lane, n;
    struct bytes rest = bytes_tail(text, 17);
    size_t dash = bytes_find(rest, bytes_of("-", 1));
    if (!parse_hex(bytes_head(text, 16), &log) || text.size < 20 || text.data[16] != '-' ||
        !bytes_to_u64(bytes_head(rest, dash), &lane) || lane > UINT8_MAX ||
        !bytes_to_u64(bytes_tail(rest, dash + 1), &n) || n == 0 || (outbox_n)n != n) {
        return IFL_INVALID;
    }
    id->log = log;
    id->lane = (uint8_t)lane;
    id->n = (outbox_n)n;
    return IFL_OK;
}
