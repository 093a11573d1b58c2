#include "image/nameplate.h"

#include <string.h>

#include "image/stored.h"

#define BODY_SIZE (6u + NAMEPLATE_SERIAL_SIZE)
#define PIN_SIZE (4u + PIN_SALT_SIZE + PIN_HASH_SIZE) /* behind it, if there is a PIN */

enum ifl_status nameplate_read(struct flash_region region, struct nameplate *plate)
{
    struct stored document;
    uint8_t body[BODY_SIZE];
    enum ifl_status status = stored_find(region, STORED_NAMEPLATE, 1, &document);
    status = status == IFL_OK ? stored_read(&document, 0, body, sizeof body) : status;
    if (status == IFL_OK) {
        memcpy(plate->mac, body, sizeof plate->mac);
        memcpy(plate->serial, body + sizeof plate->mac, sizeof plate->serial);
    }
    return status;
}

enum ifl_status nameplate_pin(struct flash_region region, struct pin *pin)
{
    struct stored document;
    uint8_t body[PIN_SIZE];
    enum ifl_status status = stored_find(region, STORED_NAMEPLATE, 1, &document);
    if (status == IFL_OK && document.size == BODY_SIZE) {
        return IFL_NOT_FOUND;
    }
    status = status == IFL_OK ? stored_read(&document, BODY_SIZE, body, sizeof body) : status;
    if (status == IFL_OK) {
        pin->iterations = le32_get(body);
        memcpy(pin->salt, body + 4, sizeof pin->salt);
        memcpy(pin->hash, body + 4 + sizeof pin->salt, sizeof pin->hash);
    }
    return status;
}

enum ifl_status nameplate_write(struct flash_region region, const struct nameplate *plate, const struct pin *pin)
{
    uint8_t body[BODY_SIZE + PIN_SIZE];
    memcpy(body, plate->mac, sizeof plate->mac);
    memcpy(body + sizeof plate->mac, plate->serial, sizeof plate->serial);
    if (pin != NULL) {
        uint8_t *at = body + BODY_SIZE;
        le32_put(at, pin->iterations);
        memcpy(at + 4, pin->salt, sizeof pin->salt);
        memcpy(at + 4 + sizeof pin->salt, pin->hash, sizeof pin->hash);
    }
    return stored_write(region, STORED_NAMEPLATE, 1, 0, 1,
                        bytes_of(body, pin != NULL ? sizeof body : (size_t)BODY_SIZE));
}
