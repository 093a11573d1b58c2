/* spi_nor.h: serial NOR flash behind struct flash of flash/flash.h, for every board that can move bytes over SPI.
 *
 * The chip is known by its JEDEC id; an unknown one is refused instead of guessed. What the driver keeps to, because chips differ in what they
 * forgive:
 *
 *  - write enable before each program and each erase, and a look whether the chip took it; write disable afterwards, so that a forgotten
 *    write enable would show on every chip;
 *  - a program never crosses a page (the chip would wrap round to the page's start);
 *  - whole, aligned sectors with D8h only;
 *  - nothing but "read status" while the chip works; that it ends is waited for with a time limit.
 *
 * An erase is asynchronous (up to 3 s), as flash.h says. A program waits for the chip, about 1 ms for a page, 5 ms at worst. Granule: 16 bytes.
 * The chips program single bytes as well, but an S25FL-S keeps its error correction only for 16-byte units that are programmed at once
 * (its datasheet, "Automatic ECC"). It costs a log of messages about 8 bytes a record. */
#ifndef SPI_NOR_SPI_NOR_H
#define SPI_NOR_SPI_NOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/time.h"
#include "flash/flash.h"

#define SPI_NOR_GRANULE 16u
#define SPI_NOR_ID_SIZE 5u

/* What the board gives. */
struct spi_nor_bus {
    /* One period of chip select: send `head`, then send `out` or receive into `in` (`size` bytes; at most one of both isn't NULL). */
    void (*transfer)(void *ctx, const uint8_t *head, size_t head_size, const uint8_t *out, uint8_t *in, size_t size);
    ifl_ms (*now)(void *ctx);
    void *ctx;
};

struct spi_nor_part {
    const char *name;
    uint8_t id[SPI_NOR_ID_SIZE]; /* manufacturer, type, capacity, and two bytes that tell the sector size */
    bool has_error_bits;         /* status bits 5 and 6: the last erase or program failed */
    uint32_t size, sector_size, page_size;
    uint32_t erase_limit_ms, program_limit_ms;
};

struct spi_nor {
    struct flash flash; /* what the rooms get, when it's open */
    struct spi_nor_bus bus;
    const struct spi_nor_part *part; /* NULL: not open */
    bool opening, erasing;
    bool hold_erases;      /* the caller's: while true, an erase doesn't begin (FLASH_BUSY) */
    enum ifl_status ended; /* how the last erase did, until a poll tells it */
    ifl_ms limit;          /* the operation under way must have ended by then */
};

/* The caller keeps *nor, which must not move. */
void spi_nor_init(struct spi_nor *nor, const struct spi_nor_bus *bus);

/* Find out what chip it is. A chip that was erasing when the CPU was reset goes on with it: FLASH_BUSY, call again. OK: nor->flash can be used.
 * FLASH_UNKNOWN: no chip, or none that is known; nor->flash must not be used. FLASH_PROTECTED: parts of it are write-protected (status register), reading
 * would do. FLASH_IO: it stays busy for longer than any chip needs. */
enum ifl_status spi_nor_open(struct spi_nor *nor);

/* The id that the chip gave, for the message about FLASH_UNKNOWN. */
void spi_nor_read_id(struct spi_nor *nor, uint8_t id[SPI_NOR_ID_SIZE]);

#endif
