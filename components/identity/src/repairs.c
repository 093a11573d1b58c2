#include "repairs.h"

void repairs_tell(unsigned repairs, struct service_key_report *report)
{
    static const char *const sentences[REPAIR_COUNT] = {
        "A byte order mark at the start was skipped.", "Line breaks inside of JSON strings were accepted.",
        "Line breaks written as \\n were restored.",   "The lost line breaks of a PEM block were restored.",
        "The dashes around BEGIN or END were mended.", "Invisible characters inside of a PEM block were skipped.",
        "Text behind the JSON was ignored.",           "Certificate and key stood in each other's field.",
        "What was there twice was taken once.",        "The certificates were put in order: leaf first, root last.",
    };
    for (unsigned i = 0; i < REPAIR_COUNT && report->repair_count < SERVICE_KEY_NOTE_COUNT; i++) {
        struct text out;
        if ((repairs >> i & 1) == 0)
            continue;
        text_init(&out, report->repairs[report->repair_count], sizeof report->repairs[0]);
        text_str(&out, sentences[i]);
        report->repair_count++;
    }
}
