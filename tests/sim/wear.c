/* wear.c: erases are spread over all blocks (components/outbox/SPEC.md, "A lane takes a block"): the search goes on in address order behind the last block taken,
 * so a block that's free all the while is taken before another one is taken a second time. What a lane holds rests, as it must.
 *
 * Seen from outside, in the bytes of the headers, whenever a block was taken. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define BLOCKS 128
#define HEADER1_SIZE 32
#define HEADER2_SIZE 112
#define SERIAL_AT 20

static struct {
    uint32_t serial; /* of its last life */
    uint32_t
        free_since; /* serial of the last block that had been taken when it was seen free first; 0: it isn't free */
    uint32_t erases;
} blocks[BLOCKS];
static uint32_t last_serial;

void wear_start(void)
{
    memset(blocks, 0, sizeof blocks);
    last_serial = 0;
}

static bool is_blank(const uint8_t *at, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (at[i] != world.medium.options.geometry.erased)
            return false;
    return true;
}

static uint32_t u32_at(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint32_t padded(uint32_t size)
{
    uint32_t granule = world.medium.options.geometry.prog_size;
    return (size + granule - 1) / granule * granule;
}

/* The first copy, or the second one where the first never reached the medium. */
static const uint8_t *header2_of(const struct outbox *box, uint32_t index)
{
    const uint8_t *first = world.medium.bytes + index * box->stats.block_size + padded(HEADER1_SIZE);
    return is_blank(first, HEADER2_SIZE) ? first + padded(HEADER2_SIZE) : first;
}

static uint32_t erases_of(const struct outbox *box, uint32_t index)
{
    return world.medium.erases[index * box->stats.block_size / world.medium.options.geometry.sector_size];
}

/* A block that was taken while the power went, or since the last sync, is free again: that time doesn't count. */
void wear_mounted(void)
{
    const struct outbox *box = &agent()->outbox;
    for (uint32_t i = 0; i < box->stats.block_count && i < BLOCKS; i++) {
        bool lost = blocks[i].free_since == 0 && erases_of(box, i) == blocks[i].erases &&
                    is_blank(header2_of(box, i), HEADER2_SIZE);
        if (lost || blocks[i].serial > box->last_serial)
            blocks[i].serial = 0;
        if (blocks[i].free_since > box->last_serial)
            blocks[i].free_since = box->last_serial + 1;
    }
    last_serial = last_serial < box->last_serial ? last_serial : box->last_serial;
}

/* What it is now; true: a lane has taken it since the last look. */
static bool look_at(const struct outbox *box, uint32_t index, uint32_t *serial)
{
    const uint8_t *header1 = world.medium.bytes + index * box->stats.block_size, *header2 = header2_of(box, index);
    uint32_t erases = erases_of(box, index);
    bool blank = is_blank(header1, HEADER1_SIZE);
    bool free = !blank && is_blank(header2, HEADER2_SIZE);
    if (!free)
        blocks[index].free_since = 0;
    else if (blocks[index].free_since == 0 || erases != blocks[index].erases)
        blocks[index].free_since = box->last_serial;
    blocks[index].erases = erases;
    *serial = free || blank ? 0 : u32_at(header2 + SERIAL_AT);
    return *serial > last_serial && *serial <= box->last_serial;
}

static void check_taken(const struct outbox *box, uint32_t index, uint32_t serial)
{
    for (uint32_t i = 0; i < box->stats.block_count && blocks[index].serial > 0; i++)
        if (blocks[i].free_since > 0 && blocks[i].free_since <= blocks[index].serial)
            broken("block %u is taken again, but block %u, free since before the last time, isn't", (unsigned)index,
                   (unsigned)i);
    blocks[index].serial = serial;
}

void wear_step(void)
{
    const struct outbox *box = &agent()->outbox;
    uint32_t serials[BLOCKS] = {0};
    bool taken[BLOCKS] = {false};
    if (box->last_serial == last_serial || box->stats.block_count > BLOCKS ||
        world.plan.worn_sectors + world.plan.flips > 0)
        return;
    for (uint32_t index = 0; index < box->stats.block_count; index++)
        taken[index] = look_at(box, index, &serials[index]);
    for (uint32_t index = 0; index < box->stats.block_count && !world.broken; index++)
        if (taken[index])
            check_taken(box, index, serials[index]);
    last_serial = box->last_serial;
}
