/* fast_crc32c.c: the check sum of base/crc32c.h, eight bytes at a time. A sweep of power cuts spends most of its time in check sums, and the room's own
 * version is made small for microcontrollers; this one takes its place in programs that name it as a source. The crash replay runs with the real one. */
#include "base/crc32c.h"

#include <stdbool.h>
#include <string.h>

static uint32_t table[8][256];

static void make_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
        }
        table[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++) {
        for (int k = 1; k < 8; k++) {
            table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 0xFF];
        }
    }
}

static uint32_t by_table(uint32_t crc, const uint8_t *at, size_t size)
{
    for (; size >= 8; size -= 8, at += 8) {
        uint32_t low = crc ^ ((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24);
        crc = table[7][low & 0xFF] ^ table[6][low >> 8 & 0xFF] ^ table[5][low >> 16 & 0xFF] ^ table[4][low >> 24] ^
              table[3][at[4]] ^ table[2][at[5]] ^ table[1][at[6]] ^ table[0][at[7]];
    }
    for (; size > 0; size--, at++) {
        crc = crc >> 8 ^ table[0][(crc ^ *at) & 0xFF];
    }
    return crc;
}

#ifdef __x86_64__
static bool has_instruction(void)
{
    return __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *at, size_t size)
{
    uint64_t wide = crc;
    for (; size >= 8; size -= 8, at += 8) {
        uint64_t piece;
        memcpy(&piece, at, sizeof piece);
        wide = __builtin_ia32_crc32di(wide, piece);
    }
    for (; size > 0; size--, at++) {
        wide = __builtin_ia32_crc32qi((uint32_t)wide, *at);
    }
    return (uint32_t)wide;
}
#else
static bool has_instruction(void)
{
    return false;
}

static uint32_t by_instruction(uint32_t crc, const uint8_t *at, size_t size)
{
    return by_table(crc, at, size);
}
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t size)
{
    static bool instruction;
    if (table[0][1] == 0) {
        make_table();
        instruction = has_instruction();
    }
    return instruction ? ~by_instruction(~crc, data, size) : ~by_table(~crc, data, size);
}
