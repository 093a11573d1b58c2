/* pem.h: PEM blocks (RFC 7468) as they arrive after copying and pasting, to DER.
 *
 * Read with tolerance for what can't be mistaken: any white space anywhere, line breaks written as \n, other numbers and kinds of dashes,
 * explanations between the blocks. Never skips a block that it can't read: every BEGIN and every END with a known label must belong to a block that
 * was decoded, and base64 is read strictly. */
#ifndef IDENTITY_PEM_H
#define IDENTITY_PEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

enum pem_kind {
    PEM_CERTIFICATE,
    PEM_PRIVATE_KEY, /* PKCS#1, SEC1 or PKCS#8 */
};

struct pem_text {
    struct bytes rest; /* what wasn't read yet */
    bool json;         /* the inside of a JSON string: escapes are at home in it */
    unsigned repairs;  /* bits of enum repair */
};

/* The next block. OK: `*size` bytes of DER in buf. END: there is none. KEY_ENCRYPTED: a private key under a passphrase. KEY_PEM: damaged, or of a kind
 * that doesn't belong here. TOO_LARGE: more than `room` bytes. */
enum ifl_status pem_next(struct pem_text *text, enum pem_kind *kind, uint8_t *buf, size_t room, size_t *size);

#endif
