#include "repairs.h"

_Static_assert(IFL_WORDS_REPAIR_ORDER - IFL_WORDS_REPAIR_BYTE_ORDER_MARK == REPAIR_COUNT - 1, "a sentence each");

void repairs_tell(unsigned repairs, struct service_key_report *report)
{
    for (unsigned i = 0; i < REPAIR_COUNT && report->repair_count < SERVICE_KEY_NOTE_COUNT; i++) {
        if ((repairs >> i & 1) == 0)
            continue;
        (void)ifl_words((enum ifl_words)(IFL_WORDS_REPAIR_BYTE_ORDER_MARK + i), report->repairs[report->repair_count],
                        sizeof report->repairs[0]);
        report->repair_count++;
    }
}
