/* strict_chip.c: see strict_chip.h. */
#include "strict_chip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 256u
#define SECTOR 65536u

static void violate(struct strict_chip *chip, const char *what, unsigned value)
{
    if (chip->violations++ == 0) {
        snprintf(chip->violation, sizeof chip->violation, "%s (0x%X)", what, value);
    }
}

void strict_chip_begin_work(struct strict_chip *chip, uint32_t polls)
{
    chip->busy = true;
    chip->polls_left = polls;
}

static void begin(struct strict_chip *chip, uint8_t error_bit)
{
    if (!chip->write_enabled) {
        violate(chip, "program or erase without write enable", 0);
    }
    chip->write_enabled = false; /* a real chip takes it back by itself */
    strict_chip_begin_work(chip, chip->busy_polls);
    if (chip->fails) {
        chip->fails = false;
        chip->error_bits = error_bit;
    }
}

static void page_program(struct strict_chip *chip, uint32_t at, const uint8_t *out, size_t size)
{
    chip->programs++;
    begin(chip, 0x40);
    if (out == NULL || size == 0 || at % PAGE + size > PAGE) {
        violate(chip, "program over the end of a page, or empty", at);
        size = size > PAGE ? PAGE : size;
    }
    for (size_t i = 0; out != NULL && i < size && chip->error_bits == 0; i++) {
        uint32_t address = (at & ~(PAGE - 1)) | ((at + (uint32_t)i) & (PAGE - 1));
        if (chip->bytes[address] != 0xFF) {
            violate(chip, "program of what isn't blank", address);
        }
        chip->bytes[address] &= out[i];
    }
}

static void sector_erase(struct strict_chip *chip, uint32_t at)
{
    chip->erases++;
    begin(chip, 0x20);
    if (at % SECTOR != 0) {
        violate(chip, "erase that isn't aligned", at);
    }
    if (chip->error_bits == 0) {
        memset(chip->bytes + (at & ~(SECTOR - 1)), 0xFF, SECTOR);
    }
}

static uint8_t status(struct strict_chip *chip)
{
    if (chip->busy && !chip->stuck && chip->error_bits == 0 && chip->polls_left-- == 0) {
        chip->busy = false;
    }
    unsigned value =
        (chip->busy ? 0x01u : 0u) | (chip->write_enabled ? 0x02u : 0u) | chip->protection | chip->error_bits;
    return (uint8_t)value;
}

static void addressed(struct strict_chip *chip, const uint8_t *head, size_t head_size, const uint8_t *out, uint8_t *in,
                      size_t size)
{
    if (head_size != 4) {
        violate(chip, "a command without its address", head[0]);
        return;
    }
    uint32_t at = (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
    switch (head[0]) {
    case 0x03:
        memcpy(in, chip->bytes + at, size);
        break;
    case 0x02:
        page_program(chip, at, out, size);
        break;
    case 0xD8:
        sector_erase(chip, at);
        break;
    default:
        violate(chip, "unknown command", head[0]);
    }
}

static void transfer(void *ctx, const uint8_t *head, size_t head_size, const uint8_t *out, uint8_t *in, size_t size)
{
    struct strict_chip *chip = ctx;
    chip->now++;
    if (chip->absent) {
        if (in != NULL) {
            memset(in, 0xFF, size);
        }
        return;
    }
    if (chip->busy && head[0] != 0x05 && !(head[0] == 0x30 && chip->error_bits != 0)) {
        violate(chip, "a command while the chip works", head[0]);
        return;
    }
    switch (head[0]) {
    case 0x05:
        *in = status(chip);
        break;
    case 0x06:
        if (chip->write_enabled) {
            violate(chip, "write enable that was still set", 0);
        }
        chip->write_enabled = !chip->ignores_enable;
        break;
    case 0x04:
        chip->write_enabled = false;
        break;
    case 0x30:
        chip->error_bits = 0;
        chip->busy = false;
        break;
    case 0x9F:
        memcpy(in, chip->id, size);
        break;
    default:
        addressed(chip, head, head_size, out, in, size);
    }
}

static ifl_ms clock_now(void *ctx)
{
    struct strict_chip *chip = ctx;
    return chip->now++;
}

void strict_chip_init(struct strict_chip *chip)
{
    *chip = (struct strict_chip){.bus = {.transfer = transfer, .now = clock_now, .ctx = chip},
                                 .id = {0x01, 0x20, 0x18, 0x03, 0x01},
                                 .bytes = malloc(CHIP_SIZE)};
    if (chip->bytes == NULL) {
        abort();
    }
    memset(chip->bytes, 0xFF, CHIP_SIZE);
}

void strict_chip_free(struct strict_chip *chip)
{
    free(chip->bytes);
    chip->bytes = NULL;
}
