/* flash_memory.h: flash in memory, as good as new, for who makes an image of a chip or wants a store for as long as a program lives. Everything is done at once and nothing
 * is torn: the double that tests of power cuts need is tests/fakes/flash_double.h. */
#ifndef LINUX_FLASH_MEMORY_H
#define LINUX_FLASH_MEMORY_H

#include "flash/flash.h"

struct flash_memory {
    struct flash flash;
    uint8_t *bytes; /* geometry.size of them, the caller's */
};

/* `bytes` stay as they are: erased ones, or what a chip holds. The struct stays where it is. */
void flash_memory_init(struct flash_memory *memory, struct flash_geometry geometry, void *bytes);

#endif
