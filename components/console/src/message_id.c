#include "console/message_id.h"

#define HEX_DIGITS 16u

static bool parse_hex(const uint8_t *digits, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < HEX_DIGITS; i++) {
        unsigned digit = digits[i] - (unsigned)'0';
        if (digit > 9) {
            digit = digits[i] - (unsigned)'a' + 10;
            if (digit < 10 || digit > 15) {
                return false;
            }
        }
        *value = *value << 4 | digit;
    }
    return true;
}

enum ifl_status console_id_parse(struct bytes text, struct outbox_id *id)
{
    uint64_t log, lane, n;
    size_t begin = HEX_DIGITS + 1, end = begin;
    while (end < text.size && text.data[end] != '-') {
        end++;
    }
    if (end >= text.size || text.data[HEX_DIGITS] != '-' || !parse_hex(text.data, &log) ||
        !bytes_to_u64(bytes_of(text.data + begin, end - begin), &lane) || lane > UINT8_MAX ||
        !bytes_to_u64(bytes_of(text.data + end + 1, text.size - end - 1), &n) || n == 0 || (outbox_n)n != n) {
        return IFL_INVALID;
    }
    id->log = log;
    id->lane = (uint8_t)lane;
    id->n = (outbox_n)n;
    return IFL_OK;
}
