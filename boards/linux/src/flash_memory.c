#include "linux/flash_memory.h"

#include <string.h>

static enum ifl_status memory_read(void *ctx, uint32_t at, void *to, size_t size)
{
    const struct flash_memory *memory = ctx;
    memcpy(to, memory->bytes + at, size);
    return IFL_OK;
}

/* Bits go one way only until they are erased. */
static enum ifl_status memory_program(void *ctx, uint32_t at, const void *from, size_t size)
{
    struct flash_memory *memory = ctx;
    const uint8_t *bytes = from;
    const bool sets = memory->flash.geometry.erased == 0;
    for (size_t i = 0; i < size; i++) {
        const uint8_t before = memory->bytes[at + i];
        memory->bytes[at + i] = sets ? before | bytes[i] : before & bytes[i];
    }
    return IFL_OK;
}

static enum ifl_status memory_erase(void *ctx, uint32_t at)
{
    struct flash_memory *memory = ctx;
    memset(memory->bytes + at, memory->flash.geometry.erased, memory->flash.geometry.sector_size);
    return IFL_OK;
}

static enum ifl_status memory_poll(void *ctx)
{
    (void)ctx;
    return IFL_OK;
}

void flash_memory_init(struct flash_memory *memory, struct flash_geometry geometry, void *bytes)
{
    static const struct flash_driver driver = {
        .read = memory_read, .program = memory_program, .erase_start = memory_erase, .poll = memory_poll};
    *memory = (struct flash_memory){.flash = {.geometry = geometry, .driver = &driver, .ctx = memory}, .bytes = bytes};
}
