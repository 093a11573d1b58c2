#include "image/nameplate.h"

#include <string.h>

#include "image/stored.h"

#define BODY_SIZE (6u + NAMEPLATE_SERIAL_SIZE)

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

enum ifl_status nameplate_write(struct flash_region region, const struct nameplate *plate)
{
    uint8_t body[BODY_SIZE];
    memcpy(body, plate->mac, sizeof plate->mac);
    memcpy(body + sizeof plate->mac, plate->serial, sizeof plate->serial);
    return stored_write(region, STORED_NAMEPLATE, 1, 0, 1, bytes_of(body, sizeof body));
}
