/* service_key.h: from the text that people have to an identity that is proven to be usable, or a clear refusal.
 *
 * What is taken, on every board (1..4 texts together make one identity, in any order):
 *   - the service key as JSON, as the cockpit and the cf command (v6 to v8) give it: the fields certificate, key, url, clientid and tokenurl at the root or
 *     under oauth, credentials or uaa, and these in each other; lines before the JSON are skipped;
 *   - PEM files with certificates and private key (PKCS#1, SEC1 or PKCS#8, not encrypted), together or apart, also beside a key of type
 *     "External Certificate", whose JSON has no private key.
 * Programs on Linux take much more (paste.h); a device takes just this: its flash is small, and what it gets has mostly been through such a program.
 *
 * What is mended, because a signature proves the result: line breaks written as \n or lost, CR LF, other dashes around BEGIN and END, a byte order mark, typographic
 * spaces, text around the blocks, certificates in another order or doubled, certificate and key in each other's field. report.repairs says so.
 *
 * Accepted only if: every BEGIN and END belongs to a block that decodes; every certificate parses; the private key parses and its parts fit each other; it
 * belongs to exactly one certificate, the leaf; each certificate is signed by the next one, which is a CA, and none is left over; at least the leaf's issuer
 * is there; a root at the end signed itself (without a root, the last certificate's own bytes stay unproven); the leaf has the extended key usage clientAuth; a trial signature made with the key verifies with the
 * leaf; RSA has 2048 to 4096 bits (the key itself at most IFL_RSA_BITS_MAX: what a profile's arena can sign with), EC is P-256 or P-384. Dates aren't judged: an expired key is still an identity (see not_after). Texts such as
 * url and clientid can't be proven: they are taken as they are, to be shown; of the url only https://host[:port]. What is ambiguous is refused, never guessed.
 *
 * mbedTLS allocates from the given arena during the call only: about 20 KB on a 64-bit host with RSA-2048 below RSA-4096 (tests/unit/identity measures it as
 * identity.arena_peak_bytes). Everything is freed and wiped before the return. The call blocks for the time of a few signatures. Not re-entrant. */
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
#define SERVICE_KEY_INPUT_MAX 4
#define SERVICE_KEY_NOTE_COUNT 8

enum identity_kind {
    IDENTITY_CERTIFICATE, /* service key of type Certificate: chain and key */
    IDENTITY_EXTERNAL,    /* chain and key from separate files, or a key of type External Certificate */
    IDENTITY_SECRET,      /* clientid and clientsecret only; refused with KEY_SECRET */
    IDENTITY_API,         /* plan api: can't call flows; refused with KEY_PLAN_API */
    IDENTITY_REQUEST,     /* a key made on the device that waits for its certificate (request.h); in slots only */
};

/* An identity. The spans point into the buffer given to service_key_read() or identity_slots_load(), or into flash; see there how long they live. */
struct identity {
    enum identity_kind kind;
    size_t chain_count;
    struct bytes chain[IDENTITY_CHAIN_MAX]; /* DER, leaf first */
    struct bytes key;             /* DER, PKCS#1 (RSA) or SEC1 (EC), written anew from the parsed key; a secret */
    char url[IFL_HOST_SIZE + 16]; /* https://host[:port], or "" */
    char clientid[IDENTITY_TEXT_SIZE];
    char tokenurl[IDENTITY_TEXT_SIZE];
    uint8_t leaf_sha256[32];       /* of the leaf's DER */
    int64_t not_before, not_after; /* the leaf's, seconds since 1970 */
    int64_t chain_not_after;       /* the earliest end of leaf and intermediates: from then on the chain is refused */
    char subject[IDENTITY_TEXT_SIZE], issuer[IDENTITY_TEXT_SIZE]; /* of the leaf, for people */
    char key_type[16];                                            /* "RSA-2048", "EC-P256", ... */
};

struct service_key_report {
    enum ifl_status status;   /* as returned */
    char detail[160];         /* what exactly, without secrets: "certificate 2 of 3"; may be "" */
    size_t certificate_count; /* different certificates that were found, also in a refused input */
    size_t repair_count;
    char repairs[SERVICE_KEY_NOTE_COUNT][96]; /* what was mended on the way, sentences for people */
    size_t
        warning_count; /* usable all the same: KEY_NO_URL (service keys only: PEM has none), KEY_HOST_NO_RT, CONFIG_NOT_HTTPS */
    enum ifl_status warnings[SERVICE_KEY_NOTE_COUNT];
};

/* Read one identity out of `inputs` (1..SERVICE_KEY_INPUT_MAX). OK: *identity is complete; chain and key lie in `buf` (IFL_IDENTITY_SIZE_MAX is enough; wipe it when done). KEY_*:
 * refused; chain_count and key.size are 0 and `buf` is wiped, but kind, texts and dates say what could be read, for a report. TOO_LARGE:
 * more certificates or bytes than fit; NO_MEMORY: the arena is too small; NO_ENTROPY: no randomness for the trial signature: nothing is known about
 * the input then. *report is always filled. The arena is as full as before. */
enum ifl_status service_key_read(const struct bytes *inputs, size_t input_count, struct arena *arena,
                                 const struct ifl_random *random, void *buf, size_t buf_size, struct identity *identity,
                                 struct service_key_report *report);

/* The same, for who has no room for texts and proof at once: taken(ctx) is called when certificates and key lie in `buf` and the inputs aren't looked at any
 * more, and before the arena is used; their memory may go then. Not called where the input is refused before. */
enum ifl_status service_key_read_once(const struct bytes *inputs, size_t input_count, void (*taken)(void *ctx),
                                      void *ctx, struct arena *arena, const struct ifl_random *random, void *buf,
                                      size_t buf_size, struct identity *identity, struct service_key_report *report);

/* How long a chain that ends at `end` (chain_not_after) is still good at `unix_s`: OK; KEY_EXPIRES_SOON: IDENTITY_SOON_DAYS or less; KEY_EXPIRED. *days_left: full days, negative
 * since it ended. A bound of the time is enough: it can only be too low. */
#define IDENTITY_SOON_DAYS 60
enum ifl_status identity_expiry(int64_t end, int64_t unix_s, int64_t *days_left);

#endif
