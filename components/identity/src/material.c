#include "material.h"

#include "identity/pem.h"
#include "repairs.h"

/* A certificate or key is one DER SEQUENCE that fills its block exactly (X.690 section 8.1.3): what was cut or has grown stops here. */
static bool is_one_sequence(struct bytes der)
{
    if (der.size < 4 || der.data[0] != 0x30)
        return false;
    if (der.data[1] == 0x82)
        return der.size == 4 + ((size_t)der.data[2] << 8 | der.data[3]) && der.data[2] != 0;
    if (der.data[1] == 0x81)
        return der.size == 3 + (size_t)der.data[2] && der.data[2] >= 0x80;
    return der.data[1] < 0x80 && der.size == 2 + (size_t)der.data[1];
}

static enum ifl_status add_certificate(struct material *material, struct bytes der, struct text *detail)
{
    for (size_t i = 0; i < material->certificate_count; i++) {
        if (bytes_equal(material->certificates[i], der)) {
            material->repairs |= REPAIR_DOUBLED;
            return IFL_OK;
        }
    }
    if (material->certificate_count == IDENTITY_CHAIN_MAX) {
        text_str(detail, "more than ");
        text_u64(detail, IDENTITY_CHAIN_MAX);
        text_str(detail, " certificates");
        return IFL_TOO_LARGE;
    }
    material->certificates[material->certificate_count++] = der;
    material->used += der.size;
    return IFL_OK;
}

static enum ifl_status add_key(struct material *material, struct bytes der, struct text *detail)
{
    if (material->key.size == 0) {
        material->key = der;
        material->used += der.size;
        return IFL_OK;
    }
    if (!bytes_equal(material->key, der)) {
        text_str(detail, "two different private keys");
        return IFL_KEY_AMBIGUOUS;
    }
    material->repairs |= REPAIR_DOUBLED;
    return IFL_OK;
}

static enum ifl_status add(struct material *material, enum pem_kind kind, enum material_place place, struct bytes der,
                           struct text *detail)
{
    bool certificate = kind == PEM_CERTIFICATE;
    if (!is_one_sequence(der)) {
        text_str(detail,
                 certificate ? "a certificate was cut off or damaged" : "the private key was cut off or damaged");
        return certificate ? IFL_KEY_CERTIFICATE_BAD : IFL_KEY_PRIVATE_KEY_BAD;
    }
    if (place == (certificate ? MATERIAL_KEY_FIELD : MATERIAL_CERTIFICATE_FIELD))
        material->repairs |= REPAIR_SWAPPED;
    return certificate ? add_certificate(material, der, detail) : add_key(material, der, detail);
}

enum ifl_status material_take(struct material *material, struct bytes text, enum material_place place,
                              struct text *detail)
{
    struct pem_text pem = {.rest = text, .json = place != MATERIAL_FILE};
    enum ifl_status status = IFL_OK;
    unsigned blocks = 0;
    while (status == IFL_OK) {
        enum pem_kind kind;
        size_t size;
        uint8_t *at = material->buf + material->used;
        status = pem_next(&pem, &kind, at, material->size - material->used, &size);
        if (status == IFL_OK)
            status = add(material, kind, place, bytes_of(at, size), detail);
        blocks += status == IFL_OK;
    }
    if (status == IFL_KEY_PEM) {
        text_str(detail, "PEM block ");
        text_u64(detail, blocks + 1);
        text_str(detail, place == MATERIAL_FILE                ? " of the file"
                         : place == MATERIAL_CERTIFICATE_FIELD ? " of `certificate`"
                                                               : " of `key`");
    }
    material->repairs |= blocks > 0 ? pem.repairs : 0;
    return status == IFL_END ? IFL_OK : status;
}
