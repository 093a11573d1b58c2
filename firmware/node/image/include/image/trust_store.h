/* trust_store.h: the trust bundle of a node: DER roots behind an index, loaded one at a time when a chain needs one. Bytes: SPEC.md. */
#ifndef IMAGE_TRUST_STORE_H
#define IMAGE_TRUST_STORE_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/status.h"
#include "image/stored.h"
#include "tls/tls.h"

#define TRUST_STORE_ROOT_SIZE_MAX 2048u /* bytes of one root as DER; the largest public ones have 1,500 */
#define TRUST_STORE_ENTRY_SIZE 16u

struct trust_store {
    struct stored bundle;
    uint32_t count;
};

/* The bundle of a region. NOT_FOUND, STORE_*, FLASH_*: as stored_find(); then it has no roots. */
enum ifl_status trust_store_open(struct trust_store *store, struct flash_region region);
/* A root of it. */
struct trust_root {
    uint32_t at, size; /* of its DER, in the bundle */
};
/* Root number `index` of those whose subject seems to be this one: by a check sum; who uses it compares. END: there are fewer. FLASH_*. */
enum ifl_status trust_store_find(const struct trust_store *store, struct bytes subject, unsigned index,
                                 struct trust_root *root);
/* As tls_trust.find() hands it out: TOO_LARGE with *size, if it's larger than buf_size. STORE_CORRUPT: no root is so large. */
enum ifl_status trust_store_read(const struct trust_store *store, struct trust_root root, void *buf, size_t buf_size,
                                 size_t *size);
/* One of the roots with this subject is this certificate, which another bundle has, or which lies in memory. Reads in small pieces. */
bool trust_store_holds(const struct trust_store *store, struct bytes subject, const struct trust_store *other,
                       struct trust_root root);
bool trust_store_holds_der(const struct trust_store *store, struct bytes subject, struct bytes der);

/* ---- making one ---- */

/* Size of a bundle's index of `count` roots; the certificates follow in the same order. */
size_t trust_store_index_size(size_t count);
/* Fill in the index entry with this number for a root that stands at `at` in the bundle. INVALID: no certificate. TOO_LARGE. */
enum ifl_status trust_store_index(uint8_t *bundle, size_t number, uint32_t at, struct bytes der);
void trust_store_index_start(uint8_t *bundle, size_t count);

#endif
