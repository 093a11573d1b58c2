/* layout.c: the 16 MB NOR of the SmartFusion2 SoM; README.md shows it as a table.
 *
 * Some of the possible chips have 4 KB sectors in the first or the last 64 KB, where an erase command does something else: the first lie in firmware A,
 * which is reserved, the last in the spare megabyte at the end. */
#include "board/layout.h"

#define KB 1024u
#define MB (1024u * KB)

const struct board_layout board_layout_smartfusion2_som = {
    .name = "smartfusion2_som",
    .geometry = {.size = 16 * MB, .sector_size = 64 * KB, .prog_size = 16, .erased = 0xFF},
    .region =
        {
            [BOARD_FIRMWARE_A] = {0x000000, 256 * KB},
            [BOARD_FIRMWARE_B] = {0x040000, 256 * KB},
            [BOARD_IDENTITY_A] = {0x080000, 64 * KB},
            [BOARD_IDENTITY_B] = {0x090000, 64 * KB},
            [BOARD_TRUST_A] = {0x0A0000, 256 * KB},
            [BOARD_TRUST_B] = {0x0E0000, 256 * KB},
            [BOARD_SETTINGS] = {0x120000, 128 * KB},
            [BOARD_STATE] = {0x140000, 128 * KB},
            [BOARD_ENTROPY] = {0x160000, 128 * KB},
            [BOARD_NAMEPLATE] = {0x180000, 64 * KB},
            [BOARD_TEXTS] = {0x190000, 64 * KB},
            [BOARD_OUTBOX] = {0x200000, 13 * MB},
        },
};
