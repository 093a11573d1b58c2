/* flash.h: erase-before-write memory, described and not assumed: NOR flash of a board, a file on Linux, a RAM double in tests.
 *
 * Rules that every user keeps (and the RAM double enforces):
 *  - a granule (prog_size bytes, aligned) is programmed at most once between two erases of its sector (STM32 ECC flash);
 *  - programming is aligned to prog_size in address and size;
 *  - an erase is started, and then waited for by stepping: up to 2 s on hardware. While the medium is busy, read and program
 *    answer IFL_FLASH_BUSY and do nothing.
 * A power cut may leave any mixture of old and new in the granules of the program, or in the sector of the erase, that was under way;
 * nowhere else. On a medium with a cache (a file), everything since the last flash_sync() may be missing or torn. */
#ifndef FLASH_FLASH_H
#define FLASH_FLASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

struct flash_geometry {
    uint32_t size;        /* bytes, a multiple of sector_size */
    uint32_t sector_size; /* bytes, 2 KB .. 1 MB: what one erase clears */
    uint32_t prog_size;   /* bytes, a power of two, 1 .. 256: what can be programmed at once */
    uint8_t erased;       /* value of an erased byte: 0xFF (NOR) or 0x00 (a punched file) */
};

/* What a medium implements. Addresses count from 0 of the medium and are in range and aligned: flash.c checks before it calls. */
struct flash_driver {
    enum ifl_status (*read)(void *ctx, uint32_t at, void *to, size_t size);
    enum ifl_status (*program)(void *ctx, uint32_t at, const void *from, size_t size);
    enum ifl_status (*erase_start)(void *ctx, uint32_t at); /* one sector */
    enum ifl_status (*poll)(
        void *ctx); /* OK: idle and the last erase worked; FLASH_BUSY; FLASH_IO: the last erase failed (told once) */
    /* What was written is durable; NULL where every program is. A medium with it also takes a program of the bytes that stand there already: after a sync that
     * failed they are to be written once more. */
    enum ifl_status (*sync)(void *ctx);
    /* Every byte has the erased value; by looking at each. NULL: flash.c reads in small pieces, which is too slow where a read has a price. */
    enum ifl_status (*is_blank)(void *ctx, uint32_t at, size_t size, bool *blank);
};

struct flash {
    struct flash_geometry geometry;
    const struct flash_driver *driver;
    void *ctx;
    const uint8_t *map; /* the medium's bytes where it is memory-mapped, else NULL */
};

/* A part of a medium with addresses of its own from 0; a whole number of sectors. Copied freely; owns nothing. */
struct flash_region {
    const struct flash *flash;
    uint32_t start; /* bytes, sector-aligned */
    uint32_t size;  /* bytes, a multiple of the sector size */
};

/* OK, or FLASH_GEOMETRY: not aligned to sectors or beyond the medium; *region is untouched then. */
enum ifl_status flash_region(const struct flash *flash, uint32_t start, uint32_t size, struct flash_region *region);

static inline uint32_t flash_sector_size(const struct flash_region *region)
{
    return region->flash->geometry.sector_size;
}
static inline uint32_t flash_prog_size(const struct flash_region *region)
{
    return region->flash->geometry.prog_size;
}
static inline uint8_t flash_erased_value(const struct flash_region *region)
{
    return region->flash->geometry.erased;
}

/* Addresses are relative to the region. All: FLASH_GEOMETRY for an address or size beyond the region or not aligned (nothing done);
 * FLASH_BUSY: an erase is under way (nothing done); FLASH_IO: the medium failed (program: contents of those granules undefined). */
enum ifl_status flash_read(const struct flash_region *region, uint32_t at, void *to, size_t size);
enum ifl_status flash_program(const struct flash_region *region, uint32_t at, const void *from, size_t size);
/* Program, then read back and compare. FLASH_VERIFY: it reads back differently. Uses no buffer of its own beyond 64 bytes of stack. */
enum ifl_status flash_program_verified(const struct flash_region *region, uint32_t at, const void *from, size_t size);
/* Start to erase the sector that begins at `at`. Finished when flash_poll() stops to answer FLASH_BUSY. */
enum ifl_status flash_erase_start(const struct flash_region *region, uint32_t at);
enum ifl_status flash_poll(const struct flash_region *region);
/* Everything programmed and erased before is durable when this answers OK. FLASH_IO: unknown which part of it is, and a later sync doesn't see to it: what was
 * written since the one before must be programmed once more. */
enum ifl_status flash_sync(const struct flash_region *region);
/* *blank: every byte in the span has the erased value. */
enum ifl_status flash_is_blank(const struct flash_region *region, uint32_t at, size_t size, bool *blank);
/* A pointer to the bytes where the medium is memory-mapped, else NULL. Valid until the span is erased. */
const uint8_t *flash_map(const struct flash_region *region, uint32_t at, size_t size);

#endif
