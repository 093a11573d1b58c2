/* trust_store.c: see trust_store.h and SPEC.md. */
#include "image/trust_store.h"

#include <string.h>

#include "base/crc32c.h"
#include "tls/certificate.h"

#define PIECE_SIZE 64u /* bytes of stack, twice */
#define COUNT_SIZE 16u /* the number of roots, in a piece of its own */

size_t trust_store_index_size(size_t count)
{
    return COUNT_SIZE + count * TRUST_STORE_ENTRY_SIZE;
}

void trust_store_index_start(uint8_t *bundle, size_t count)
{
    memset(bundle, 0, COUNT_SIZE);
    le32_put(bundle, (uint32_t)count);
}

enum ifl_status trust_store_index(uint8_t *bundle, size_t number, uint32_t at, struct bytes der)
{
    struct bytes subject;
    uint8_t *entry = bundle + trust_store_index_size(number);
    if (der.size > TRUST_STORE_ROOT_SIZE_MAX) {
        return IFL_TOO_LARGE;
    }
    enum ifl_status status = tls_certificate_names(der, NULL, &subject);
    if (status != IFL_OK) {
        return status;
    }
    le32_put(entry, crc32c(0, subject.data, subject.size));
    le32_put(entry + 4, at);
    le32_put(entry + 8, (uint32_t)der.size);
    le32_put(entry + 12, 0);
    return IFL_OK;
}

enum ifl_status trust_store_open(struct trust_store *store, struct flash_region region)
{
    uint8_t count[4];
    enum ifl_status status = stored_find(region, STORED_TRUST, 1, &store->bundle);
    status = status == IFL_OK ? stored_read(&store->bundle, 0, count, sizeof count) : status;
    store->count = status == IFL_OK ? le32_get(count) : 0;
    return status;
}

enum ifl_status trust_store_find(const struct trust_store *store, struct bytes subject, unsigned index,
                                 struct trust_root *root)
{
    uint8_t entry[TRUST_STORE_ENTRY_SIZE];
    const uint32_t hint = crc32c(0, subject.data, subject.size);
    unsigned seen = 0;
    for (uint32_t i = 0; i < store->count; i++) {
        enum ifl_status status = stored_read(&store->bundle, (uint32_t)trust_store_index_size(i), entry, sizeof entry);
        if (status != IFL_OK) {
            return status;
        }
        if (le32_get(entry) == hint && seen++ == index) {
            *root = (struct trust_root){.at = le32_get(entry + 4), .size = le32_get(entry + 8)};
            return IFL_OK;
        }
    }
    return IFL_END;
}

enum ifl_status trust_store_read(const struct trust_store *store, struct trust_root root, void *buf, size_t buf_size,
                                 size_t *size)
{
    *size = root.size;
    if (root.size > TRUST_STORE_ROOT_SIZE_MAX) {
        return IFL_STORE_CORRUPT;
    }
    return root.size > buf_size ? IFL_TOO_LARGE : stored_read(&store->bundle, root.at, buf, root.size);
}

/* `der`: in memory; NULL: it's `other_root` of `other`. */
static bool is_same(const struct trust_store *store, struct trust_root root, const struct trust_store *other,
                    struct trust_root other_root, const uint8_t *der)
{
    uint8_t piece[2][PIECE_SIZE];
    if (root.size != other_root.size) {
        return false;
    }
    for (uint32_t done = 0; done < root.size; done += PIECE_SIZE) {
        const uint32_t size = root.size - done < PIECE_SIZE ? root.size - done : PIECE_SIZE;
        if (stored_read(&store->bundle, root.at + done, piece[0], size) != IFL_OK ||
            (der == NULL && stored_read(&other->bundle, other_root.at + done, piece[1], size) != IFL_OK) ||
            memcmp(piece[0], der == NULL ? piece[1] : der + done, size) != 0) {
            return false;
        }
    }
    return true;
}

static bool holds(const struct trust_store *store, struct bytes subject, const struct trust_store *other,
                  struct trust_root other_root, const uint8_t *der)
{
    struct trust_root root;
    for (unsigned i = 0; trust_store_find(store, subject, i, &root) == IFL_OK; i++) {
        if (is_same(store, root, other, other_root, der)) {
            return true;
        }
    }
    return false;
}

bool trust_store_holds(const struct trust_store *store, struct bytes subject, const struct trust_store *other,
                       struct trust_root root)
{
    return holds(store, subject, other, root, NULL);
}

bool trust_store_holds_der(const struct trust_store *store, struct bytes subject, struct bytes der)
{
    return holds(store, subject, NULL, (struct trust_root){.size = (uint32_t)der.size}, der.data);
}
