/* material.h: the certificates and the key as DER, in the order in which they were found, not proven yet. */
#ifndef IDENTITY_MATERIAL_H
#define IDENTITY_MATERIAL_H

#include "base/text.h"
#include "identity/service_key.h"

struct material {
    uint8_t *buf; /* the caller's; a secret as soon as there is a key */
    size_t size, used;
    struct bytes certificates[IDENTITY_CHAIN_MAX];
    size_t certificate_count;
    struct bytes key; /* size 0: none */
    unsigned repairs; /* bits of enum repair */
};

enum material_place {
    MATERIAL_FILE,              /* a PEM file: anything may be in it */
    MATERIAL_CERTIFICATE_FIELD, /* of a service key's JSON */
    MATERIAL_KEY_FIELD,
};

/* Decode every PEM block of `text`. What is there already is taken once. KEY_AMBIGUOUS: a second key; TOO_LARGE: more certificates or bytes than fit;
 * KEY_PEM, KEY_ENCRYPTED as pem_next(). */
enum ifl_status material_take(struct material *material, struct bytes text, enum material_place place,
                              struct text *detail);

#endif
