/* trust_store.c: see trust_store.h and SPEC.md. */
#include "image/trust_store.h"

#include <string.h>

#include "base/crc32c.h"
#include "tls/certificate.h"

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

enum ifl_status trust_store_open(struct trust_store *store, struct flash_region a, struct flash_region b)
{
    struct stored other;
    uint8_t count[4];
    enum ifl_status status = stored_find(a, STORED_TRUST, 1, &store->bundle);
    enum ifl_status status_b = stored_find(b, STORED_TRUST, 1, &other);
    if (status_b == IFL_OK && (status != IFL_OK || other.generation > store->bundle.generation)) {
        store->bundle = other;
        status = IFL_OK;
    }
    store->count = 0;
    status = status == IFL_OK ? stored_read(&store->bundle, 0, count, sizeof count) : status;
    if (status == IFL_OK) {
        store->count = le32_get(count);
    }
    return status;
}

/* By the check sum alone: whether the subject is the same is compared where the certificate is used. */
static enum ifl_status find(void *ctx, struct bytes subject, unsigned index, void *buf, size_t buf_size, size_t *size)
{
    const struct trust_store *store = ctx;
    uint8_t entry[TRUST_STORE_ENTRY_SIZE];
    uint32_t hint = crc32c(0, subject.data, subject.size);
    unsigned seen = 0;
    for (uint32_t i = 0; i < store->count; i++) {
        enum ifl_status status = stored_read(&store->bundle, (uint32_t)trust_store_index_size(i), entry, sizeof entry);
        if (status != IFL_OK) {
            return status;
        }
        if (le32_get(entry) == hint && seen++ == index) {
            *size = le32_get(entry + 8);
            if (*size > TRUST_STORE_ROOT_SIZE_MAX) {
                return IFL_STORE_CORRUPT;
            }
            return *size > buf_size ? IFL_TOO_LARGE : stored_read(&store->bundle, le32_get(entry + 4), buf, *size);
        }
    }
    return IFL_END;
}

struct tls_trust trust_store_trust(struct trust_store *store)
{
    return (struct tls_trust){.find = find, .ctx = store};
}
