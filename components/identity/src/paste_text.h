/* paste_text.h: from whatever encoding to plain lines of UTF-8 in which only ASCII has a meaning. */
#ifndef IDENTITY_PASTE_TEXT_H
#define IDENTITY_PASTE_TEXT_H

#include "identity/paste.h"

/* What was mended; sentences in paste_tell(). */
enum paste_repair {
    PASTE_UTF16 = 1 << 0,
    PASTE_WINDOWS = 1 << 1,
    PASTE_INVISIBLE = 1 << 2,
    PASTE_ENTITIES = 1 << 3,
    PASTE_MAIL = 1 << 4,
    PASTE_QUOTES = 1 << 5,
    PASTE_PREFIXES = 1 << 6,
    PASTE_SYNTAX = 1 << 7,
    PASTE_NESTED = 1 << 8,
    PASTE_DASHES = 1 << 9,
    PASTE_ESCAPES = 1 << 10,
    PASTE_LINES = 1 << 11,
    PASTE_MARKERS = 1 << 12,
    PASTE_RUBBISH = 1 << 13,
    PASTE_DOUBLED = 1 << 14,
    PASTE_CUT_END = 1 << 15,
    PASTE_RTF = 1 << 16,
    PASTE_URL_ALPHABET = 1 << 17,
    PASTE_OTHER_COPY = 1 << 18,
    PASTE_REPAIR_COUNT = 19
};

/* Space for a while: from the end of the work space. NULL: there is none. */
uint8_t *paste_scratch(struct paste *paste, size_t size);

/* Rich Text Format, as Word and TextEdit save it: its text, in place. */
bool paste_is_rtf(struct bytes text);
void paste_undo_rtf(struct paste *paste, struct bytes *text);

bool paste_is_utf16(struct bytes input);
/* The text of `input`, in scratch space. False: no space. */
bool paste_plain(struct paste *paste, struct bytes input, struct bytes *text);
/* \n, \", \uXXXX and so on of a text that was made into a string literal, undone once, in scratch space. `quoted` bits of *text are left as they are. */
bool paste_unescape(struct paste *paste, struct bytes input, struct bytes *text);

#endif
