/* cache.c: what only a medium with a cache needs, whose programs are durable after a sync: a file. */
#include "internal.h"

#if IFL_FLASH_CACHE

/* A failure is kept for outbox_sync(): it speaks of messages that nobody was told are safe. */
enum ifl_status outbox_sync_medium(struct outbox *box)
{
    enum ifl_status status = flash_sync(&box->region);
    box->dirty = status == IFL_FLASH_BUSY;
    if (status == IFL_FLASH_BUSY) {
        return status;
    }
    for (struct outbox_lane *lane = box->lanes; lane < box->lanes + IFL_LANE_COUNT; lane++) {
        lane->sync_failed = lane->sync_failed || (status != IFL_OK && lane->unsynced);
        lane->unsynced = false;
        if (!lane->sync_failed) {
            lane->durable_n = lane->last_n;
        }
    }
    if (status != IFL_OK) {
        box->sync_status = status;
        box->no_space = true; /* for a while */
    }
    return status;
}

enum ifl_status outbox_sync_told(struct outbox *box, enum ifl_status status)
{
    if (status == IFL_OK) {
        status = box->sync_status;
    }
    if (status != IFL_FLASH_BUSY) {
        box->sync_status = IFL_OK;
    }
    return status;
}

/* Also while producers never let it be quiet. */
void outbox_retry_space(struct outbox *box, ifl_ms now)
{
    if (now >= box->space_retry_at) {
        box->no_space = false;
        box->space_retry_at = ifl_ms_after(now, SPACE_RETRY_MS);
    }
}

enum ifl_status outbox_write_block_again(struct outbox *box, struct outbox_lane *lane)
{
    uint8_t *piece = box->buffer;
    uint32_t at = outbox_block_start(box, lane->newest), size;
    struct block block;
    if (box->put.lane != NULL) {
        return IFL_FLASH_BUSY;
    }
    lane->closed = outbox_block_load(box, lane->newest, &block) != BLOCK_USED || block.serial != lane->newest_serial;
    enum ifl_status status = box->fault;
    lane->unsynced = true;
    for (; status == IFL_OK && !lane->closed && at < lane->write_at; at += size) {
        size = lane->write_at - at < IFL_FLASH_PROG_SIZE_MAX ? lane->write_at - at : IFL_FLASH_PROG_SIZE_MAX;
        outbox_load(box, at, piece, size);
        status = outbox_program(box, at, piece, size);
        lane->closed = outbox_is_worn(status);
    }
    lane->sync_failed = lane->closed || status != IFL_OK;
    return status;
}

#endif
