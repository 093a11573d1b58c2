/* PEM blocks: never more than fits, and each call takes something away until it's over. */
#include "fuzz.h"

#include "identity/pem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t der[1024];
    if (size < 1)
        return 0;
    struct pem_text text = {.rest = bytes_of(data + 1, size - 1), .json = (data[0] & 1) != 0};
    for (;;) {
        enum pem_kind kind;
        size_t der_size = 0;
        size_t before = text.rest.size;
        enum ifl_status status = pem_next(&text, &kind, der, sizeof der, &der_size);
        if (status != IFL_OK)
            return 0;
        promise(der_size > 0 && der_size <= sizeof der && text.rest.size < before);
        promise(kind == PEM_CERTIFICATE || kind == PEM_PRIVATE_KEY);
    }
}
