/* spi_nor.c: see spi_nor.h. Commands and status bits are those of JESD216 and of the parts' datasheets. */
#include "spi_nor/spi_nor.h"

#include <string.h>

#define WRITE_ENABLE 0x06u
#define WRITE_DISABLE 0x04u
#define READ_STATUS 0x05u
#define CLEAR_STATUS 0x30u
#define READ_ID 0x9Fu
#define READ 0x03u
#define PAGE_PROGRAM 0x02u
#define SECTOR_ERASE 0xD8u

#define STATUS_BUSY 0x01u
#define STATUS_WRITE_ENABLED 0x02u
#define STATUS_PROTECTED 0x1Cu
#define STATUS_FAILED 0x60u /* an erase (bit 5) or a program (bit 6); it stays busy until they are cleared */

#define OPEN_LIMIT_MS 5000u /* longer than any part's longest sector erase */

/* Times: the datasheets' maximum, and half as much again. */
static const struct spi_nor_part parts[] = {
    {.name = "S25FL128P",
     .id = {0x01, 0x20, 0x18, 0x03, 0x01},
     .size = 16u << 20,
     .sector_size = 64u << 10,
     .page_size = 256,
     .erase_limit_ms = 4500,
     .program_limit_ms = 5},
    /* Its 4 KB parameter sectors at one end must lie in a region that is never erased through this driver. */
    {.name = "S25FL128S",
     .id = {0x01, 0x20, 0x18, 0x4D, 0x01},
     .has_error_bits = true,
     .size = 16u << 20,
     .sector_size = 64u << 10,
     .page_size = 256,
     .erase_limit_ms = 1000,
     .program_limit_ms = 5},
};

/* ---- Commands ---------------------------------------------------------------------------------------------------------------- */

static void command(struct spi_nor *nor, uint8_t code)
{
    nor->bus.transfer(nor->bus.ctx, &code, 1, NULL, NULL, 0);
}

static void command_at(struct spi_nor *nor, uint8_t code, uint32_t at, const uint8_t *out, uint8_t *in, size_t size)
{
    const uint8_t head[4] = {code, (uint8_t)(at >> 16), (uint8_t)(at >> 8), (uint8_t)at};
    nor->bus.transfer(nor->bus.ctx, head, sizeof head, out, in, size);
}

static uint8_t read_status(struct spi_nor *nor)
{
    static const uint8_t code = READ_STATUS;
    uint8_t status = 0;
    nor->bus.transfer(nor->bus.ctx, &code, 1, NULL, &status, 1);
    return status;
}

void spi_nor_read_id(struct spi_nor *nor, uint8_t id[SPI_NOR_ID_SIZE])
{
    static const uint8_t code = READ_ID;
    memset(id, 0, SPI_NOR_ID_SIZE);
    nor->bus.transfer(nor->bus.ctx, &code, 1, NULL, id, SPI_NOR_ID_SIZE);
}

static ifl_ms now(struct spi_nor *nor)
{
    return nor->bus.now(nor->bus.ctx);
}

/* ---- Programming and erasing ------------------------------------------------------------------------------------------------- */

static enum ifl_status enable_writing(struct spi_nor *nor)
{
    command(nor, WRITE_ENABLE);
    return read_status(nor) & STATUS_WRITE_ENABLED ? IFL_OK : IFL_FLASH_IO;
}

/* FLASH_BUSY, or how the operation under way ended. */
static enum ifl_status outcome(struct spi_nor *nor)
{
    uint8_t status = read_status(nor);
    bool failed = nor->part->has_error_bits && (status & STATUS_FAILED) != 0;
    if ((status & STATUS_BUSY) != 0 && !failed && now(nor) <= nor->limit) {
        return IFL_FLASH_BUSY;
    }
    if (failed) {
        command(nor, CLEAR_STATUS); /* until then the chip stays busy */
    }
    bool hangs = (status & STATUS_BUSY) != 0 && !failed;
    if (!hangs) {
        command(nor, WRITE_DISABLE);
    }
    return failed || hangs ? IFL_FLASH_IO : IFL_OK;
}

/* An erase is under way. That it has ended is seen by whoever asks first, and how it ended is kept for the next poll: who waits for the chip needn't be who
 * began the erase. */
static bool is_erasing(struct spi_nor *nor)
{
    if (nor->erasing) {
        const enum ifl_status status = outcome(nor);
        nor->erasing = status == IFL_FLASH_BUSY;
        nor->ended = nor->erasing ? IFL_OK : status;
    }
    return nor->erasing;
}

static enum ifl_status program_within_page(struct spi_nor *nor, uint32_t at, const uint8_t *from, size_t size)
{
    enum ifl_status status = enable_writing(nor);
    if (status != IFL_OK) {
        return status;
    }
    command_at(nor, PAGE_PROGRAM, at, from, NULL, size);
    nor->limit = ifl_ms_after(now(nor), nor->part->program_limit_ms);
    do {
        status = outcome(nor);
    } while (status == IFL_FLASH_BUSY);
    return status;
}

static enum ifl_status do_program(void *ctx, uint32_t at, const void *from, size_t size)
{
    struct spi_nor *nor = ctx;
    const uint8_t *bytes = from;
    if (is_erasing(nor)) {
        return IFL_FLASH_BUSY;
    }
    while (size > 0) {
        size_t room = nor->part->page_size - at % nor->part->page_size;
        size_t len = size < room ? size : room;
        enum ifl_status status = program_within_page(nor, at, bytes, len);
        if (status != IFL_OK) {
            return status;
        }
        at += (uint32_t)len;
        bytes += len;
        size -= len;
    }
    return IFL_OK;
}

static enum ifl_status do_erase_start(void *ctx, uint32_t at)
{
    struct spi_nor *nor = ctx;
    if (is_erasing(nor)) {
        return IFL_FLASH_BUSY;
    }
    if (at % nor->part->sector_size != 0) {
        return IFL_FLASH_GEOMETRY; /* the chip would erase the sector around it */
    }
    if (nor->hold_erases) {
        return IFL_FLASH_BUSY;
    }
    enum ifl_status status = enable_writing(nor);
    if (status != IFL_OK) {
        return status;
    }
    command_at(nor, SECTOR_ERASE, at, NULL, NULL, 0);
    nor->limit = ifl_ms_after(now(nor), nor->part->erase_limit_ms);
    nor->erasing = true;
    nor->ended = IFL_OK;
    return IFL_OK;
}

static enum ifl_status do_poll(void *ctx)
{
    struct spi_nor *nor = ctx;
    if (is_erasing(nor)) {
        return IFL_FLASH_BUSY;
    }
    const enum ifl_status status = nor->ended;
    nor->ended = IFL_OK;
    return status;
}

static enum ifl_status do_read(void *ctx, uint32_t at, void *to, size_t size)
{
    struct spi_nor *nor = ctx;
    if (is_erasing(nor)) {
        return IFL_FLASH_BUSY;
    }
    command_at(nor, READ, at, NULL, to, size);
    return IFL_OK;
}

/* ---- Opening ----------------------------------------------------------------------------------------------------------------- */

static const struct flash_driver driver = {
    .read = do_read, .program = do_program, .erase_start = do_erase_start, .poll = do_poll, .sync = NULL};

static const struct spi_nor_part *find_part(const uint8_t id[SPI_NOR_ID_SIZE])
{
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (memcmp(parts[i].id, id, SPI_NOR_ID_SIZE) == 0) {
            return &parts[i];
        }
    }
    return NULL;
}

void spi_nor_init(struct spi_nor *nor, const struct spi_nor_bus *bus)
{
    *nor = (struct spi_nor){.bus = *bus};
}

/* A bus without a chip reads all ones or all zeros. All ones look busy, so the id is asked first; but a busy chip doesn't answer that. */
enum ifl_status spi_nor_open(struct spi_nor *nor)
{
    uint8_t id[SPI_NOR_ID_SIZE];
    if (!nor->opening) {
        nor->opening = true;
        nor->limit = ifl_ms_after(now(nor), OPEN_LIMIT_MS);
    }
    uint8_t status = read_status(nor);
    if (status != 0xFF && (status & STATUS_FAILED) != 0) { /* parts without these bits have zeros there */
        command(nor, CLEAR_STATUS);
    }
    if (status != 0xFF && (status & STATUS_BUSY) != 0) {
        nor->opening = now(nor) <= nor->limit;
        return nor->opening ? IFL_FLASH_BUSY : IFL_FLASH_IO;
    }
    nor->opening = false;
    spi_nor_read_id(nor, id);
    nor->part = find_part(id);
    if (nor->part == NULL) {
        return IFL_FLASH_UNKNOWN;
    }
    command(nor, WRITE_DISABLE);
    nor->flash.geometry = (struct flash_geometry){
        .size = nor->part->size, .sector_size = nor->part->sector_size, .prog_size = SPI_NOR_GRANULE, .erased = 0xFF};
    nor->flash.driver = &driver;
    nor->flash.ctx = nor;
    return (status & STATUS_PROTECTED) != 0 ? IFL_FLASH_PROTECTED : IFL_OK;
}
