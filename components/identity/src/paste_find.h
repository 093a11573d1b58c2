/* paste_find.h: where in a text certificates, key and names are. */
#ifndef IDENTITY_PASTE_FIND_H
#define IDENTITY_PASTE_FIND_H

#include "identity/paste.h"

#define PASTE_DEPTH_MAX 5 /* texts in texts: a Secret with a service key in base64, with PEM in a string, ... */

/* The first thing that can't be read decides. */
void paste_fail(struct paste *paste, enum ifl_status status, const char *detail);

/* Anything: JSON, PEM, lines. */
void paste_find_text(struct paste *paste, struct bytes text, unsigned depth);

/* PEM blocks, and words around them. */
void paste_find_pem(struct paste *paste, struct bytes text, unsigned depth);
/* A text without PEM markers: names with values, and base64 without markers. */
void paste_find_words(struct paste *paste, struct bytes text, unsigned depth);

/* Does an object begin before any PEM block? *at: where. */
bool paste_json_starts(struct bytes text, size_t *at);
/* The object at the start of `text`; the bytes that belong to it. */
size_t paste_find_json(struct paste *paste, struct bytes text, unsigned depth);

/* The place of the first PEM marker at or behind `from`, or text.size. */
size_t paste_pem_marker(struct bytes text, size_t from);

enum paste_name { NAME_NONE, NAME_URL, NAME_CLIENTID, NAME_TOKENURL, NAME_SECRET, NAME_MATERIAL };
/* `url`, `Client ID`, "token_url" and so on. */
enum paste_name paste_name_of(struct bytes name);
/* Write the value for a name, perhaps in base64, without white space. False: it can't be one. */
bool paste_value(enum paste_name name, struct bytes raw, char out[IDENTITY_TEXT_SIZE]);
/* Keep a value; another one than before is ambiguous. `uaa`: it stood under `uaa`. */
void paste_keep(struct paste *paste, enum paste_name name, const char *value, bool uaa);
/* The same for all of an object without a certificate or a key. They count unless the certificate's object turns out to have another `clientid`. */
void paste_keep_loose(struct paste *paste, const struct paste_texts *texts);

/* Where a refusal can't say what is wrong: what the input looks like, and what makes a service key of it. */
void paste_hint(const struct bytes *inputs, size_t count, struct service_key_report *report);

bool paste_is_base64(uint8_t c);
/* The base64 characters of `text`, all others left out, decoded into `out`. Strict about groups and padding (which may be missing). The size, or 0. */
size_t paste_base64(struct bytes text, uint8_t *out, size_t room);
/* Bytes of the DER SEQUENCE that begins with these base64 characters (6 at least), or 0: none begins. */
size_t paste_der_size(struct bytes base64);
/* Exactly one SEQUENCE, with the structure of something that belongs to an identity. */
bool paste_der_kind(struct bytes der, enum paste_kind *kind);
/* The same CA twice, signed at another time or by another one: same name and key. */
bool paste_is_copy(struct bytes a, struct bytes b);
/* Without the white space that an editor or a mail program put behind it. */
struct bytes paste_der_trimmed(struct bytes input);
/* Decode all of `text`; add it if it's exactly one SEQUENCE. */
bool paste_add_base64(struct paste *paste, struct bytes text);

#endif
