/* by_nibble.c: CRC-32C for a microcontroller without a cache: four bytes at a time, four bits a step. A table of 64 bytes instead of 1 KB, and no more instructions
 * than by_byte.c, whose loop is paid for each byte. */
#include "base/crc32c.h"

/* Reflected polynomial 0x1EDC6F41. */
static const uint32_t table[16] = {
    0x00000000u, 0x105EC76Fu, 0x20BD8EDEu, 0x30E349B1u, 0x417B1DBCu, 0x5125DAD3u, 0x61C69362u, 0x7198540Du,
    0x82F63B78u, 0x92A8FC17u, 0xA24BB5A6u, 0xB21572C9u, 0xC38D26C4u, 0xD3D3E1ABu, 0xE330A81Au, 0xF36E6F75u,
};

/* A macro, because gcc -Os makes calls of an inline function that is used ten times. */
#define STEP crc = crc >> 4 ^ table[crc & 0xF];

static inline uint32_t le32(const uint8_t *at) /* one load where the CPU is little-endian */
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *byte = data;
    crc = ~crc;
    for (; size >= 4; size -= 4, byte += 4) {
        crc ^= le32(byte);
        STEP STEP STEP STEP STEP STEP STEP STEP
    }
    while (size-- > 0) {
        crc ^= *byte++;
        STEP STEP
    }
    return ~crc;
}
