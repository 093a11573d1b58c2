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

static bool hex_digit(uint8_t c, uint8_t *value)
{
    bool decimal = c >= '0' && c <= '9';
    *value = (uint8_t)(decimal ? c - '0' : c - 'a' + 10);
    return decimal || (c >= 'a' && c <= 'f');
}

enum ifl_status outbox_id_parse(struct bytes text, struct outbox_id *id)
{
    struct outbox_id parsed = {0};
    uint64_t lane;
    if (text.size < 20 || text.data[16] != '-') {
        return IFL_INVALID;
    }
    for (size_t i = 0; i < 16; i++) {
        uint8_t digit;
        if (!hex_digit(text.data[i], &digit)) {
            return IFL_INVALID;
        }
        parsed.log = parsed.log << 4 | digit;
    }
    struct bytes rest = bytes_tail(text, 17);
    size_t dash = bytes_find(rest, bytes_of("-", 1));
    if (!bytes_to_u64(bytes_head(rest, dash), &lane) || lane > UINT8_MAX ||
        !bytes_to_u64(bytes_tail(rest, dash + 1), &parsed.n) || parsed.n == 0) {
        return IFL_INVALID;
    }
    parsed.lane = (uint8_t)lane;
    *id = parsed;
    return IFL_OK;
}
