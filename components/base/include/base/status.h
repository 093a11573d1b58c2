/* status.h: one enum for every outcome, and what to tell people about it.
 *
 * All values, their numbers and texts stand in diag.def. Zero is success; everything else says exactly one cause. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include <stdbool.h>
#include <stddef.h>

enum ifl_status {
#define IFL_DIAG(name, number, severity, action, cause, remedy) IFL_##name = (number),
#include "base/diag.def"
#undef IFL_DIAG
};

enum ifl_severity { IFL_SEVERITY_INFO, IFL_SEVERITY_WARNING, IFL_SEVERITY_ERROR, IFL_SEVERITY_DEFECT };

enum ifl_action {
    IFL_ACTION_NONE,
    IFL_ACTION_DONE,
    IFL_ACTION_RETRY_HOST,
    IFL_ACTION_RETRY_ROUTE,
    IFL_ACTION_HOLD_ROUTE,
    IFL_ACTION_HOLD_HOST,
    IFL_ACTION_HOLD_IDENTITY,
    IFL_ACTION_DEAD_LETTER,
    IFL_ACTION_CSRF,
    IFL_ACTION_STOP,
};

struct ifl_diag {
    enum ifl_status status;
    enum ifl_severity severity;
    enum ifl_action action;
};

/* The row of `status`. Never NULL: a value that isn't in diag.def gives the row of IFL_INVALID. */
const struct ifl_diag *ifl_diag(enum ifl_status status);

/* Iterate over all rows (for manuals and tests): NULL behind the last one. */
const struct ifl_diag *ifl_diag_at(unsigned index);

/* The texts are stored packed, at two fifths of their size; they are read out into a buffer. */
enum ifl_text { IFL_TEXT_NAME, IFL_TEXT_CAUSE, IFL_TEXT_REMEDY };

#define IFL_TEXT_SIZE 320 /* bytes of the longest text incl. the zero, and of a buffer for any of them */

/* One text of `status`, of an unknown one that of IFL_INVALID, into `buf`, which is returned. A text that is longer than `size` - 1 is cut there. */
const char *ifl_text(enum ifl_status status, enum ifl_text which, char *buf, size_t size);

/* Other sentences of programs that are packed with those (words.def). */
enum ifl_words {
#define IFL_WORDS(name, number, text) IFL_WORDS_##name = (number),
#include "base/words.def"
#undef IFL_WORDS
};

#define IFL_WORDS_SIZE 200 /* bytes of the longest of them incl. the zero */

/* One of them into `buf`, cut to `size` - 1 bytes. False: this program lacks them, and they can't be read; in `buf` stands a sentence that says so. */
bool ifl_words(enum ifl_words words, char *buf, size_t size);
/* Their numbers, from 0 on; 0 behind the last one. */
unsigned ifl_words_at(unsigned index);

/* For a program that lacks the texts of most causes: where it reads them. False: they can't be read there now; then those that the program has are told: the name is
 * "UNTOLD", and the sentences say where to look the number up. `number` is that of a cause or of words, whose text is the cause. At the start, and by one caller; NULL: from nowhere. */
void ifl_texts_from(bool (*read)(void *ctx, unsigned number, enum ifl_text which, char *buf, size_t size), void *ctx);

/* The same in a buffer of its own, which lives until the end of the block: "NET_DNS", and the two sentences. */
#define ifl_name(status) ifl_text((status), IFL_TEXT_NAME, (char[40]){0}, 40)
#define ifl_cause(status) ifl_text((status), IFL_TEXT_CAUSE, (char[IFL_TEXT_SIZE]){0}, IFL_TEXT_SIZE)
#define ifl_remedy(status) ifl_text((status), IFL_TEXT_REMEDY, (char[IFL_TEXT_SIZE]){0}, IFL_TEXT_SIZE)

/* "retry host", "hold route", ... for people. */
const char *ifl_action_name(enum ifl_action action);

#endif
