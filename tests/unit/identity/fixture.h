/* fixture.h: what the identity tests share: files made by make_keys.sh, service keys composed of them, and one intake. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <stdbool.h>

#include "identity/service_key.h"

#define FIXTURE_ARENA_SIZE 65536

/* The result of the last intake. */
extern struct identity fixture_identity;
extern struct service_key_report fixture_report;
extern uint8_t fixture_buf[32768];
extern struct arena fixture_arena;
extern struct ifl_random fixture_random;
extern size_t fixture_buf_size; /* how much of the buffer the intake gets; reset by fixture_reset() */
extern size_t fixture_arena_size;
extern bool fixture_entropy; /* false: the source of randomness is dry */

void fixture_reset(void);

/* Contents of a file of make_keys.sh; kept for ever, zero-terminated. Aborts if it isn't there. */
struct bytes fixture_file(const char *name);
const char *fixture_pem(const char *name);
/* Texts put together; kept for ever. */
const char *fixture_join(const char *a, const char *b, const char *c);
/* `text` with every `from` replaced by `to`. */
const char *fixture_replace(const char *text, const char *from, const char *to);
/* The inside of a JSON string: line breaks as \n, quotes escaped. */
const char *fixture_escaped(const char *text);
/* {"oauth": {...}} as the cockpit gives it. `key` NULL: without that field. */
const char *fixture_service_key(const char *certificates, const char *key);
/* Certificates leaf, intermediate, root as one PEM text. */
const char *fixture_chain(void);
/* The good service key. */
const char *fixture_good(void);

/* Read 1..4 texts; fails the test if memory leaks out of the arena. */
enum ifl_status fixture_read(const char *text);
enum ifl_status fixture_read_two(const char *first, const char *second);
enum ifl_status fixture_read_bytes(const struct bytes *inputs, size_t count);
/* The same through paste_read(). */
enum ifl_status fixture_mend(const struct bytes *inputs, size_t count);
/* The last intake gave exactly the leaf, intermediate, root (if `count` is 3) and key of the good service key. */
bool fixture_is_original(size_t count);
/* Some part of the good private key (any 16 bytes of its primes) lies in these bytes. */
bool fixture_holds_key(const void *at, size_t size);

#endif
