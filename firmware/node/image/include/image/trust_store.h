/* trust_store.h: the trust bundle of a node: DER roots behind an index, loaded one at a time when a chain needs one. Bytes: SPEC.md. */
#ifndef IMAGE_TRUST_STORE_H
#define IMAGE_TRUST_STORE_H

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

/* The newer one of the two regions that is whole. NOT_FOUND, STORE_*, FLASH_*: as stored_find(). */
enum ifl_status trust_store_open(struct trust_store *store, struct flash_region a, struct flash_region b);
/* For struct tls_context; the store must stay where it is. */
struct tls_trust trust_store_trust(struct trust_store *store);

/* ---- making one ---- */

/* Size of a bundle's index of `count` roots; the certificates follow in the same order. */
size_t trust_store_index_size(size_t count);
/* Fill in the index entry with this number for a root that stands at `at` in the bundle. INVALID: no certificate. TOO_LARGE. */
enum ifl_status trust_store_index(uint8_t *bundle, size_t number, uint32_t at, struct bytes der);
void trust_store_index_start(uint8_t *bundle, size_t count);

#endif
