/* torn_flash.c: a node whose power fails in the middle of a flash operation: the one with the number that lies in the module's DDR (QEMU's loader
 * puts it there before the start) is done in part, then the node says "torn!" and stands still until it's killed. For tests only. Linked with
 * --wrap=board_flash_region. */
#include <string.h>

#include "board/board.h"
#include "flash/flash.h"

#define ORDER ((volatile const uint32_t *)0xA1000000u) /* number of the operation, 0: none; then a seed */
#define SCRATCH ((uint8_t *)0xA1100000u)               /* one sector */
#define PAGE_SIZE 256u

static const struct flash *real;
static struct flash torn;
static uint32_t count, dice;

enum ifl_status __real_board_flash_region(enum board_region name, struct flash_region *region);
enum ifl_status __wrap_board_flash_region(enum board_region name, struct flash_region *region);

static uint8_t roll(void)
{
    dice = dice * 1664525u + 1013904223u;
    return (uint8_t)(dice >> 24);
}

static bool is_the_one(void)
{
    count++;
    dice = ORDER[1];
    return count == ORDER[0];
}

static _Noreturn void stand_still(void)
{
    static const char WORD[] = "torn!";
    for (size_t done = 0; done < sizeof WORD - 1;) {
        done += board_uart_write(0, WORD + done, sizeof WORD - 1 - done);
        board_wait(board_now() + 1);
    }
    for (;;) {
        board_wait(board_now() + 1000);
    }
}

/* What is on the chip when the power goes in the middle of programming: nothing, the first bytes, some of the bits, or all of it. Bits that stay
 * set need no work. */
static uint8_t partly(uint8_t wanted, size_t i, size_t size, uint8_t kind)
{
    switch (kind % 4) {
    case 0:
        return 0xFF;
    case 1:
        return i < size / 2 ? wanted : 0xFF;
    case 2:
        return wanted | roll();
    default:
        return wanted;
    }
}

static enum ifl_status program(void *ctx, uint32_t at, const void *from, size_t size)
{
    if (is_the_one()) {
        const uint8_t kind = roll();
        for (size_t i = 0; i < size; i++) {
            SCRATCH[i] = partly(((const uint8_t *)from)[i], i, size, kind);
        }
        (void)real->driver->program(ctx, at, SCRATCH, size);
        stand_still();
    }
    return real->driver->program(ctx, at, from, size);
}

/* Erasing sets bits; a part of them is set when it ends early. */
static void erase_partly(void *ctx, uint32_t at)
{
    const size_t size = real->geometry.sector_size;
    (void)real->driver->read(ctx, at, SCRATCH, size);
    (void)real->driver->erase_start(ctx, at);
    while (real->driver->poll(ctx) == IFL_FLASH_BUSY) {
        board_wait(board_now() + 1);
    }
    const size_t kept = size / 256 * roll();
    for (size_t i = 0; i < size; i++) {
        SCRATCH[i] = i < kept ? SCRATCH[i] : SCRATCH[i] | roll();
    }
    for (size_t i = 0; i < size; i += PAGE_SIZE) {
        (void)real->driver->program(ctx, at + (uint32_t)i, SCRATCH + i, PAGE_SIZE);
    }
}

static enum ifl_status erase_start(void *ctx, uint32_t at)
{
    if (is_the_one()) {
        erase_partly(ctx, at);
        stand_still();
    }
    return real->driver->erase_start(ctx, at);
}

enum ifl_status __wrap_board_flash_region(enum board_region name, struct flash_region *region)
{
    static struct flash_driver driver;
    enum ifl_status status = __real_board_flash_region(name, region);
    if (status == IFL_OK) {
        real = region->flash;
        driver = *real->driver;
        driver.program = program;
        driver.erase_start = erase_start;
        torn = *real;
        torn.driver = &driver;
        region->flash = &torn;
    }
    return status;
}
