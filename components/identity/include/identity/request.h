/* request.h: a key pair made on the device, and the request for its certificate (PKCS#10, RFC 2986).
 *
 * Promise: the private key never leaves the device. It goes into the slot that isn't in force (slots.h), only the request comes out, and the chain that
 * a CA gives back is taken only if it belongs to that key. The identity in force isn't touched before the new one is proven.
 *
 *   request_make_*() ─► identity_slots_write() ─► request_write() ··· CA ··· request_answer() ─► identity_slots_answer()
 *
 * mbedTLS allocates from the given arena during the call only; the arena is as full as before. The calls block: an EC key takes one multiplication on
 * the curve, an RSA key seconds. Not re-entrant. All of them: NO_MEMORY: the arena is too small; NO_ENTROPY: no randomness. */
#ifndef IDENTITY_REQUEST_H
#define IDENTITY_REQUEST_H

#include "identity/service_key.h"

#define REQUEST_KEY_SIZE 1216 /* bytes of DER of a private key: RSA-2048 */
#define REQUEST_NAME_SIZE 65  /* characters of a common name incl. the zero (RFC 5280 appendix A.1: ub-common-name) */
#define REQUEST_PEM_SIZE 1280 /* characters of a request incl. the zero */

/* A new key on P-256 (SEC1) / with RSA-2048 (PKCS#1). *identity is zeroed but for kind (IDENTITY_REQUEST), key_type and key, which lies in `buf` (REQUEST_KEY_SIZE
 * is enough; wipe it when done). TOO_LARGE: `buf` is too small. After an error `buf` is wiped. */
enum ifl_status request_make_ec(struct arena *arena, const struct ifl_random *random, void *buf, size_t size,
                                struct identity *identity);
enum ifl_status request_make_rsa(struct arena *arena, const struct ifl_random *random, void *buf, size_t size,
                                 struct identity *identity);

/* The request for a key, as PEM with line ends (REQUEST_PEM_SIZE is enough). The subject is CN=`name`, cut after 64 characters; the signature is made with
 * SHA-256. KEY_PRIVATE_KEY_BAD: the key doesn't parse; TOO_LARGE. After an error *out is empty. */
enum ifl_status request_write(struct arena *arena, const struct ifl_random *random, struct bytes key, const char *name,
                              struct text *out);

/* The identity of the key that waits (`waiting`, from identity_slots_load()) and the chain in `text`: PEM, or the service key of type "External Certificate"
 * around it. As service_key_read(), with KEY_MISMATCH where the leaf is for another key and KEY_AMBIGUOUS where a private key is in the text. Where the text names
 * no url, clientid or tokenurl, those of the time of the request stay. */
enum ifl_status request_answer(struct bytes text, const struct identity *waiting, struct arena *arena,
                               const struct ifl_random *random, void *buf, size_t buf_size, struct identity *identity,
                               struct service_key_report *report);
/* The same, as service_key_read_once(): taken(ctx) is called when `text` isn't looked at any more. `waiting` and its key stay. */
enum ifl_status request_answer_once(struct bytes text, const struct identity *waiting, void (*taken)(void *ctx),
                                    void *ctx, struct arena *arena, const struct ifl_random *random, void *buf,
                                    size_t buf_size, struct identity *identity, struct service_key_report *report);

#endif
