/* flash.c: what every medium would otherwise check by itself, and two helpers that every store needs. */
#include "flash/flash.h"

#include <string.h>

#define PIECE_SIZE 64 /* bytes of stack for reading back and for blank checks */

static size_t piece_size(size_t rest)
{
    return rest < PIECE_SIZE ? rest : PIECE_SIZE;
}

/* size and at are compared so that no sum can wrap. */
static bool within(const struct flash_region *region, uint32_t at, size_t size)
{
    return at <= region->size && size <= region->size - at;
}

static bool aligned(uint32_t value, uint32_t unit)
{
    return value % unit == 0;
}

enum ifl_status flash_region(const struct flash *flash, uint32_t start, uint32_t size, struct flash_region *region)
{
    const struct flash_geometry *geometry = &flash->geometry;
    if (!aligned(start, geometry->sector_size) || !aligned(size, geometry->sector_size) || size == 0) {
        return IFL_FLASH_GEOMETRY;
    }
    if (start > geometry->size || size > geometry->size - start) {
        return IFL_FLASH_GEOMETRY;
    }
    *region = (struct flash_region){.flash = flash, .start = start, .size = size};
    return IFL_OK;
}

enum ifl_status flash_read(const struct flash_region *region, uint32_t at, void *to, size_t size)
{
    if (!within(region, at, size)) {
        return IFL_FLASH_GEOMETRY;
    }
    if (size == 0) {
        return IFL_OK;
    }
    return region->flash->driver->read(region->flash->ctx, region->start + at, to, size);
}

enum ifl_status flash_program(const struct flash_region *region, uint32_t at, const void *from, size_t size)
{
    uint32_t granule = flash_prog_size(region);
    if (!within(region, at, size) || !aligned(at, granule) || size % granule != 0) {
        return IFL_FLASH_GEOMETRY;
    }
    if (size == 0) {
        return IFL_OK;
    }
    return region->flash->driver->program(region->flash->ctx, region->start + at, from, size);
}

static enum ifl_status verify(const struct flash_region *region, uint32_t at, const uint8_t *expected, size_t size)
{
    uint8_t piece[PIECE_SIZE];
    enum ifl_status status = IFL_OK;
    for (size_t done = 0; done < size && status == IFL_OK;) {
        size_t len = piece_size(size - done);
        status = flash_read(region, at + (uint32_t)done, piece, len);
        if (status == IFL_OK && memcmp(piece, expected + done, len) != 0) {
            status = IFL_FLASH_VERIFY;
        }
        done += len;
    }
    bytes_wipe(piece, sizeof piece); /* what was compared may be a private key */
    return status;
}

enum ifl_status flash_program_verified(const struct flash_region *region, uint32_t at, const void *from, size_t size)
{
    enum ifl_status status = flash_program(region, at, from, size);
    return status == IFL_OK ? verify(region, at, from, size) : status;
}

enum ifl_status flash_erase_start(const struct flash_region *region, uint32_t at)
{
    if (at >= region->size || !aligned(at, flash_sector_size(region))) {
        return IFL_FLASH_GEOMETRY;
    }
    return region->flash->driver->erase_start(region->flash->ctx, region->start + at);
}

enum ifl_status flash_poll(const struct flash_region *region)
{
    return region->flash->driver->poll(region->flash->ctx);
}

enum ifl_status flash_sync(const struct flash_region *region)
{
    const struct flash *flash = region->flash;
    return flash->driver->sync != NULL ? flash->driver->sync(flash->ctx) : IFL_OK;
}

static bool all_bytes(const uint8_t *data, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] != value) {
            return false;
        }
    }
    return true;
}

enum ifl_status flash_is_blank(const struct flash_region *region, uint32_t at, size_t size, bool *blank)
{
    uint8_t piece[PIECE_SIZE];
    if (!within(region, at, size)) {
        return IFL_FLASH_GEOMETRY;
    }
    if (region->flash->driver->is_blank != NULL) {
        return region->flash->driver->is_blank(region->flash->ctx, region->start + at, size, blank);
    }
    for (size_t done = 0; done < size;) {
        size_t len = piece_size(size - done);
        enum ifl_status status = flash_read(region, at + (uint32_t)done, piece, len);
        if (status != IFL_OK) {
            return status;
        }
        if (!all_bytes(piece, len, flash_erased_value(region))) {
            *blank = false;
            return IFL_OK;
        }
        done += len;
    }
    *blank = true;
    return IFL_OK;
}

const uint8_t *flash_map(const struct flash_region *region, uint32_t at, size_t size)
{
    if (region->flash->map == NULL || !within(region, at, size)) {
        return NULL;
    }
    return region->flash->map + region->start + at;
}
