/* arena.h: an allocator inside one fixed buffer, for the libraries that insist on calloc and free (mbedTLS, cJSON).
 *
 * First fit with merging of free neighbours; 8 bytes of overhead a block on 32-bit machines. Deterministic: the same calls give the
 * same layout. The peak is measured, so that the reserved size can be proven. Not re-entrant. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena {
    uint8_t *buf;
    size_t size;         /* bytes usable, a multiple of the alignment */
    size_t used;         /* bytes in use now, overhead included */
    size_t peak;         /* highest `used` since arena_init or arena_peak_reset */
    size_t extent;       /* highest byte ever touched: what the buffer must at least have (fragmentation included) */
    uint32_t failures;   /* allocations refused for lack of room */
    uint8_t owner;       /* whom the blocks allocated from now on belong to; 0: nobody in particular */
    uint32_t fail_after; /* tests: the allocation with this number (1 = the next) and all later ones fail; 0 = off */
};

/* The caller keeps `buf` alive. It is aligned here; a few bytes at its ends may stay unused. */
void arena_init(struct arena *arena, void *buf, size_t size);
/* Zeroed memory for count * size bytes, aligned for any type; NULL: no room, or count * size overflows; nothing has changed then. */
void *arena_calloc(struct arena *arena, size_t count, size_t size);
/* The block is wiped (it may have held a key) and free again. NULL is allowed. A pointer that isn't from here, or was freed already, is
 * ignored and counted as a failure. */
void arena_free(struct arena *arena, void *block);
/* Free every block that was allocated under this owner (not 0): what a library left behind when it ran out of memory half-way. Returns how many there
 * were. */
unsigned arena_free_owned(struct arena *arena, uint8_t owner);
void arena_peak_reset(struct arena *arena);
/* True when every block has been freed: tests use it to find leaks. */
bool arena_empty(const struct arena *arena);

#endif
