/* nameplate.h: who this device is, and who may change it, written once with its first flash image. Bytes: SPEC.md. */
#ifndef IMAGE_NAMEPLATE_H
#define IMAGE_NAMEPLATE_H

#include <stdint.h>

#include "base/status.h"
#include "flash/flash.h"
#include "image/pin.h"

#define NAMEPLATE_SERIAL_SIZE 16u

struct nameplate {
    uint8_t mac[6];
    uint8_t serial
        [NAMEPLATE_SERIAL_SIZE]; /* random, made with the image: tells devices apart where the chip has no number */
};

/* NOT_FOUND, STORE_*, FLASH_*: as stored_find(). */
enum ifl_status nameplate_read(struct flash_region region, struct nameplate *plate);
/* NOT_FOUND: everybody may. STORE_*, FLASH_*: as stored_find(). */
enum ifl_status nameplate_pin(struct flash_region region, struct pin *pin);
/* Into a region that is erased. pin: NULL, or one that is made. */
enum ifl_status nameplate_write(struct flash_region region, const struct nameplate *plate, const struct pin *pin);

#endif
