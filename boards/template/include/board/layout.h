/* layout.h: what lies where on a board's flash. A file of its own, without any register, because the tool that builds flash images (iflowctl node
 * image) needs it on the engineer's machine as the firmware does on the board. */
#ifndef BOARD_LAYOUT_H
#define BOARD_LAYOUT_H

#include <stdint.h>

#include "flash/flash.h"

/* A board's table has all of them, apart from each other, each a whole number of sectors. */
enum board_region {
    BOARD_FIRMWARE_A, /* reserved for an update over the network */
    BOARD_FIRMWARE_B,
    BOARD_IDENTITY_A,
    BOARD_IDENTITY_B,
    BOARD_TRUST_A,
    BOARD_TRUST_B,
    BOARD_SETTINGS,  /* iflow.json; two sectors */
    BOARD_STATE,     /* at least two sectors */
    BOARD_ENTROPY,   /* the seed, replaced before its use; two sectors */
    BOARD_NAMEPLATE, /* who this device is: MAC address and serial number */
    BOARD_TEXTS,     /* what goes wrong, in words; 32 KB */
    BOARD_OUTBOX,
    BOARD_REGION_COUNT
};

struct board_layout {
    const char *name; /* of the board */
    struct flash_geometry geometry;
    struct {
        uint32_t start, size;
    } region[BOARD_REGION_COUNT];
};

/* boards/<name>/layout.c */
extern const struct board_layout board_layout_smartfusion2_som;

#endif
