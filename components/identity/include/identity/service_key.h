/* service_key.h: from the text that people have (service key JSON as SAP gives it, cf output, PEM files) to an identity that is proven
 * to be usable, or a clear refusal.
 *
 * Accepted only if: every certificate parses; the private key parses and is consistent; a trial signature made with it verifies with the leaf; each certificate is
 * signed by the next one; the leaf may authenticate clients. Expiry isn't judged here (see not_after): an expired key is still an identity.
 * mbedTLS and cJSON allocate from the given arena only during the call. Never guesses: what is ambiguous is refused. */
#ifndef IDENTITY_SERVICE_KEY_H
#define IDENTITY_SERVICE_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/profile.h"
#include "base/random.h"
#include "base/status.h"
#include "base/text.h"

#define IDENTITY_CHAIN_MAX 6 /* certificates in a chain */
#define IDENTITY_TEXT_SIZE 256

enum identity_kind {
    IDENTITY_CERTIFICATE, /* service key of type Certificate: chain and key */
    IDENTITY_EXTERNAL,    /* chain and key from separate files, or a key of type External Certificate */
    IDENTITY_SECRET,      /* clientid and clientsecret only */
    IDENTITY_API,         /* plan api: can't call flows */
};

/* An identity. The spans point into the buffer given to service_key_read() or into flash; see there how long they live. */
struct identity {
    enum identity_kind kind;
    size_t chain_count;
    struct bytes chain[IDENTITY_CHAIN_MAX]; /* DER, leaf first */
    struct bytes key;                       /* DER (PKCS#1, SEC1 or PKCS#8); a secret */
    char url[IFL_HOST_SIZE + 16];
    char clientid[IDENTITY_TEXT_SIZE];
    char tokenurl[IDENTITY_TEXT_SIZE];
    uint8_t leaf_sha256[32];
    int64_t not_before, not_after;                                /* the leaf's, seconds since 1970 */
    char subject[IDENTITY_TEXT_SIZE], issuer[IDENTITY_TEXT_SIZE]; /* of the leaf, for people */
    char key_type[16];                                            /* "RSA-2048", "EC-P256", ... */
};

#define SERVICE_KEY_NOTE_COUNT 8
struct service_key_report {
    enum ifl_status status; /* as returned */
    char detail[160];       /* what exactly, without secrets: "certificate 2 of 3", "not after 2026-01-02" */
    size_t repair_count;    /* what was mended on the way, sentences for people */
    char repairs[SERVICE_KEY_NOTE_COUNT][96];
    size_t warning_count; /* usable all the same: KEY_HOST_NO_RT, KEY_EXPIRES_SOON, KEY_EXPIRED ... */
    enum ifl_status warnings[SERVICE_KEY_NOTE_COUNT];
};

/* Read one identity out of `inputs` (1..4 texts: the service key alone, or certificate and key files in any order). DER goes into `buf` (the spans of *identity point
 * there; wipe it when done; IFL_IDENTITY_SIZE_MAX is enough). OK; KEY_*: refused, *identity is zeroed, `buf` wiped; NO_MEMORY, TOO_LARGE. *report is always filled. */
enum ifl_status service_key_read(const struct bytes *inputs, size_t input_count, struct arena *arena,
                                 const struct ifl_random *random, void *buf, size_t buf_size, struct identity *identity,
                                 struct service_key_report *report);

#endif
