/* repairs.h: what was mended on the way, one bit each. All of it is safe, because the identity is proven afterwards: check sums don't
 * exist in PEM, but the signatures over the certificates and the trial signature of the key do the same and more. */
#ifndef IDENTITY_REPAIRS_H
#define IDENTITY_REPAIRS_H

#include "identity/service_key.h"

enum repair {
    REPAIR_BYTE_ORDER_MARK = 1 << 0,
    REPAIR_RAW_LINES = 1 << 1,  /* line breaks inside of JSON strings */
    REPAIR_ESCAPES = 1 << 2,    /* \n written out where a line break belongs */
    REPAIR_LOST_LINES = 1 << 3, /* PEM on one line */
    REPAIR_DASHES = 1 << 4,     /* not five of them around BEGIN and END, or typographic ones */
    REPAIR_ODD_SPACES = 1 << 5, /* no-break and zero-width spaces inside of PEM */
    REPAIR_TRAILER = 1 << 6,    /* text behind the JSON */
    REPAIR_SWAPPED = 1 << 7,    /* certificate in the field of the key, or the other way round */
    REPAIR_DOUBLED = 1 << 8,    /* a certificate or the key twice */
    REPAIR_ORDER = 1 << 9,      /* certificates not in the order leaf to root */
    REPAIR_COUNT = 10
};

/* Write the sentences for the bits in `repairs` into the report; as many as it holds. */
void repairs_tell(unsigned repairs, struct service_key_report *report);

#endif
