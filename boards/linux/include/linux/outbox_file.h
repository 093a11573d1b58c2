/* outbox_file.h: how a gateway's outbox is cut into sectors, from its size alone: the geometry of a store can't change while it holds messages. iflowd
 * opens the file by it, `iflowctl config check` computes with it. */
#ifndef LINUX_OUTBOX_FILE_H
#define LINUX_OUTBOX_FILE_H

#include "flash/flash.h"

/* About 128 blocks of 4 KB to 1 MB: room for every lane, and a held route wastes little. The size is rounded down to whole sectors. */
static inline struct flash_geometry outbox_file_geometry(uint32_t size)
{
    const uint32_t sector_size_max = UINT32_C(1) << 20;
    uint32_t sector_size = 4096;
    while (sector_size < sector_size_max && sector_size < size / 128) {
        sector_size *= 2;
    }
    return (struct flash_geometry){
        .size = size - size % sector_size, .sector_size = sector_size, .prog_size = 1, .erased = 0x00};
}

#endif
