/* arena.c: blocks lie one behind the other, each with a header; sizes lead from one to the next, so the whole arena can be walked.
 *
 *   | size|used | payload ... | size|used | payload ... |            sizes are multiples of UNIT and include the header
 *
 * Free neighbours are merged when they are met on the way to a fitting block, so a free costs next to nothing. */
#include "base/arena.h"

#include <stdalign.h>
#include <string.h>

#include "base/bytes.h"

struct block {
    alignas(8) uint32_t size; /* bytes with the header */
    uint32_t used;            /* MARK_USED or MARK_FREE: a wrong pointer is noticed */
};

#define UNIT sizeof(struct block)
#define MARK_USED 0x55534500u /* the last byte is the owner */
#define MARK_FREE 0x46524545u

_Static_assert(sizeof(struct block) == 8, "a header is 8 bytes, so payloads are aligned to 8");

static struct block *block_at(const struct arena *arena, size_t at)
{
    return (struct block *)(void *)(arena->buf + at);
}

void arena_init(struct arena *arena, void *buf, size_t size)
{
    size_t skip = (size_t)(-(uintptr_t)buf & (UNIT - 1));
    size = size > skip ? size - skip : 0;
    size -= size % UNIT;
    if (size > UINT32_MAX)
        size = UINT32_MAX - UINT32_MAX % UNIT;
    *arena = (struct arena){.buf = (uint8_t *)buf + skip, .size = size};
    if (size > 0)
        *block_at(arena, 0) = (struct block){(uint32_t)size, MARK_FREE};
}

static bool is_used(const struct block *block)
{
    return (block->used & ~0xFFu) == MARK_USED;
}

static void merge_following(const struct arena *arena, size_t at)
{
    struct block *block = block_at(arena, at);
    while (at + block->size < arena->size) {
        const struct block *next = block_at(arena, at + block->size);
        if (next->used != MARK_FREE)
            return;
        block->size += next->size;
    }
}

static void split(const struct arena *arena, size_t at, size_t need)
{
    struct block *block = block_at(arena, at);
    if (block->size - need < 2 * UNIT)
        return;
    *block_at(arena, at + need) = (struct block){(uint32_t)(block->size - need), MARK_FREE};
    block->size = (uint32_t)need;
}

static bool find_free(const struct arena *arena, size_t need, size_t *found)
{
    for (size_t at = 0; at < arena->size; at += block_at(arena, at)->size) {
        if (block_at(arena, at)->used != MARK_FREE)
            continue;
        merge_following(arena, at);
        if (block_at(arena, at)->size >= need) {
            *found = at;
            return true;
        }
    }
    return false;
}

static bool told_to_fail(struct arena *arena)
{
    if (arena->fail_after == 0)
        return false;
    if (arena->fail_after == 1)
        return true;
    arena->fail_after--;
    return false;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
    size_t at;
    if (size != 0 && count > (SIZE_MAX - 2 * UNIT) / size) {
        arena->failures++;
        return NULL;
    }
    size_t need = (count * size + 2 * UNIT - 1) / UNIT * UNIT;
    if (told_to_fail(arena) || !find_free(arena, need, &at)) {
        arena->failures++;
        return NULL;
    }
    split(arena, at, need);
    struct block *block = block_at(arena, at);
    block->used = MARK_USED | arena->owner;
    arena->used += block->size;
    if (arena->used > arena->peak)
        arena->peak = arena->used;
    if (at + block->size > arena->extent)
        arena->extent = at + block->size;
    return memset(block + 1, 0, block->size - UNIT);
}

/* A wrong or doubled free must not corrupt the arena: a header keeps its mark also after it was merged away. */
static struct block *block_of(const struct arena *arena, const void *payload)
{
    uintptr_t first = (uintptr_t)arena->buf + UNIT, given = (uintptr_t)payload;
    if (given < first || given - first >= arena->size || (given & (UNIT - 1)) != 0)
        return NULL;
    struct block *block = block_at(arena, given - first);
    return is_used(block) ? block : NULL;
}

void arena_free(struct arena *arena, void *payload)
{
    if (payload == NULL)
        return;
    struct block *block = block_of(arena, payload);
    if (block == NULL) {
        arena->failures++;
        return;
    }
    bytes_wipe(payload, block->size - UNIT);
    block->used = MARK_FREE;
    arena->used -= block->size;
    merge_following(arena, (size_t)((uint8_t *)block - arena->buf));
}

unsigned arena_free_owned(struct arena *arena, uint8_t owner)
{
    unsigned count = 0;
    for (size_t at = 0; at < arena->size && owner != 0; at += block_at(arena, at)->size) {
        if (block_at(arena, at)->used == (MARK_USED | owner)) {
            arena_free(arena, block_at(arena, at) + 1);
            count++;
        }
    }
    return count;
}

void arena_peak_reset(struct arena *arena)
{
    arena->peak = arena->used;
    arena->extent = 0;
    for (size_t at = 0; at < arena->size; at += block_at(arena, at)->size)
        if (is_used(block_at(arena, at)))
            arena->extent = at + block_at(arena, at)->size;
}

bool arena_empty(const struct arena *arena)
{
    return arena->used == 0;
}
