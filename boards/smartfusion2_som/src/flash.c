/* flash.c: the 16 MB SPI NOR at SPI0.
 *
 * The SPI controller keeps chip select low for as many frames as are announced, at most 65,535. The bus runs at 71 MHz / 4 = 17.75 MHz, below
 * the 25 MHz that every part allows for the plain read command. */
#include "board/layout.h"
#include "som.h"
#include "spi_nor/spi_nor.h"

#define SPI_CONTROL (SOM_SPI0 + 0x00u)
#define SPI_FRAME_SIZE (SOM_SPI0 + 0x04u)
#define SPI_STATUS (SOM_SPI0 + 0x08u)
#define SPI_RECEIVED (SOM_SPI0 + 0x10u)
#define SPI_TO_SEND (SOM_SPI0 + 0x14u)
#define SPI_CLOCK (SOM_SPI0 + 0x18u)
#define SPI_SELECT (SOM_SPI0 + 0x1Cu)

#define CONTROL_ENABLE (1u << 0)
#define CONTROL_MASTER (1u << 1)
#define CONTROL_COUNT_SHIFT 8u
#define CONTROL_HOLD_SELECT (1u << 26)  /* between the frames of one count */
#define CONTROL_CLOCK_LINEAR (1u << 28) /* bus clock / (2 * (SPI_CLOCK + 1)) */
#define CONTROL_BIG_FIFO (1u << 29)
#define CONTROL_RESET (1u << 31)
#define CONTROL_IDLE (CONTROL_HOLD_SELECT | CONTROL_CLOCK_LINEAR | CONTROL_BIG_FIFO | CONTROL_MASTER)
#define STATUS_NOTHING_RECEIVED (1u << 6)
#define FRAME_COUNT_MAX 65535u
#define COMMAND_SIZE_MAX 4u
#define GROUP 8u
#define ADDRESSED_SIZE 4u /* bytes of a command with an address */

_Static_assert(SOM_BUS_HZ / 4u <= 25000000u, "the plain read command is too fast");

static void start_spi(void)
{
    som_release(SOFT_RESET_SPI0);
    io_write(SPI_CONTROL, CONTROL_RESET);
    io_write(SPI_CONTROL, CONTROL_MASTER);
    io_write(SPI_FRAME_SIZE, 8);
    io_write(SPI_CLOCK, 1);
    io_write(SPI_SELECT, 1);
}

__attribute__((always_inline)) static inline uint8_t received(void)
{
    while (io_read(SPI_STATUS) & STATUS_NOTHING_RECEIVED) { /* ends: the controller is the master of the clock */
    }
    return (uint8_t)io_read(SPI_RECEIVED);
}

static uint8_t exchange(uint8_t byte)
{
    io_write(SPI_TO_SEND, byte);
    return received();
}

/* In groups and without calls: the FIFOs hold 32 frames, and each byte of a message is read several times. */
static void send_bytes(const uint8_t *from, size_t size)
{
    for (; size >= GROUP; size -= GROUP, from += GROUP) {
        io_write(SPI_TO_SEND, from[0]);
        io_write(SPI_TO_SEND, from[1]);
        io_write(SPI_TO_SEND, from[2]);
        io_write(SPI_TO_SEND, from[3]);
        io_write(SPI_TO_SEND, from[4]);
        io_write(SPI_TO_SEND, from[5]);
        io_write(SPI_TO_SEND, from[6]);
        io_write(SPI_TO_SEND, from[7]);
        (void)received();
        (void)received();
        (void)received();
        (void)received();
        (void)received();
        (void)received();
        (void)received();
        (void)received();
    }
    for (; size > 0; size--) {
        (void)exchange(*from++);
    }
}

static void receive_bytes(uint8_t *to, size_t size)
{
    for (; size >= GROUP; size -= GROUP, to += GROUP) {
        io_write(SPI_TO_SEND, 0xFF);
        io_write(SPI_TO_SEND, 0xFF);
        io_write(SPI_TO_SEND, 0xFF);
        io_write(SPI_TO_SEND, 0xFF);
        io_write(SPI_TO_SEND, 0xFF);
        io_write(SPI_TO_SEND, 0xFF);
        io_write(SPI_TO_SEND, 0xFF);
        io_write(SPI_TO_SEND, 0xFF);
        to[0] = received();
        to[1] = received();
        to[2] = received();
        to[3] = received();
        to[4] = received();
        to[5] = received();
        to[6] = received();
        to[7] = received();
    }
    for (; size > 0; size--) {
        *to++ = exchange(0xFF);
    }
}

static void transfer_once(const uint8_t *head, size_t head_size, const uint8_t *out, uint8_t *in, size_t size)
{
    io_write(SPI_CONTROL, CONTROL_IDLE);
    io_write(SPI_CONTROL, CONTROL_IDLE | (uint32_t)(head_size + size) << CONTROL_COUNT_SHIFT | CONTROL_ENABLE);
    send_bytes(head, head_size);
    if (in != NULL) {
        receive_bytes(in, size);
    } else if (out != NULL) {
        send_bytes(out, size);
    }
    io_write(SPI_CONTROL, CONTROL_IDLE);
}

/* A read that is longer than the controller can count goes in pieces; nothing else is that long. */
static void transfer(void *ctx, const uint8_t *head, size_t head_size, const uint8_t *out, uint8_t *in, size_t size)
{
    (void)ctx;
    uint8_t next[ADDRESSED_SIZE];
    while (in != NULL && head_size == ADDRESSED_SIZE && size > FRAME_COUNT_MAX - COMMAND_SIZE_MAX) {
        const size_t piece = FRAME_COUNT_MAX - COMMAND_SIZE_MAX;
        transfer_once(head, head_size, NULL, in, piece);
        uint32_t at = (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
        at += (uint32_t)piece;
        next[0] = head[0];
        next[1] = (uint8_t)(at >> 16);
        next[2] = (uint8_t)(at >> 8);
        next[3] = (uint8_t)at;
        head = next;
        in += piece;
        size -= piece;
    }
    transfer_once(head, head_size, out, in, size);
}

static ifl_ms now(void *ctx)
{
    (void)ctx;
    return board_now();
}

static struct spi_nor nor;
static bool started, opened;
static const struct spi_nor_bus bus = {.transfer = transfer, .now = now};

enum ifl_status board_flash_open(const struct flash **flash)
{
    if (!started) {
        start_spi();
        spi_nor_init(&nor, &bus);
        started = true;
    }
    if (!opened) {
        enum ifl_status status = spi_nor_open(&nor);
        if (status != IFL_OK) {
            return status;
        }
        opened = true;
    }
    *flash = &nor.flash;
    return IFL_OK;
}

void board_flash_hold_erases(bool hold)
{
    nor.hold_erases = hold;
}

/* ---- Regions --------------------------------------------------------------------------------------------------------------- */

enum ifl_status board_flash_region(enum board_region name, struct flash_region *region)
{
    const struct flash *flash;
    enum ifl_status status = board_flash_open(&flash);
    if (status != IFL_OK) {
        return status;
    }
    return flash_region(flash, board_layout_smartfusion2_som.region[name].start,
                        board_layout_smartfusion2_som.region[name].size, region);
}
