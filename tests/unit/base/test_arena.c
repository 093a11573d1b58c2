/* The allocator inside one buffer. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "unity.h"

static _Alignas(8) uint8_t memory[4096];
static struct arena arena;

void setUp(void)
{
    memset(memory, 0xA5, sizeof memory);
    arena_init(&arena, memory, sizeof memory);
}
void tearDown(void) {}

static void memory_is_zeroed_and_aligned_wherever_the_buffer_starts(void)
{
    for (size_t skew = 0; skew < 8; skew++) {
        arena_init(&arena, memory + skew, sizeof memory - skew);
        uint8_t *block = arena_calloc(&arena, 3, 7);
        TEST_ASSERT_NOT_NULL(block);
        TEST_ASSERT_EQUAL(0, (uintptr_t)block % 8);
        for (int i = 0; i < 21; i++)
            TEST_ASSERT_EQUAL(0, block[i]);
        arena_free(&arena, block);
    }
}

static void freed_memory_is_wiped(void)
{
    uint8_t *block = arena_calloc(&arena, 1, 32);
    memset(block, 'S', 32);
    arena_free(&arena, block);
    for (int i = 0; i < 32; i++)
        TEST_ASSERT_EQUAL(0, block[i]);
}

static void what_an_owner_left_behind_can_be_freed_at_once(void)
{
    uint8_t *mine = arena_calloc(&arena, 1, 40);
    arena.owner = 7;
    arena_calloc(&arena, 1, 24);
    uint8_t *freed = arena_calloc(&arena, 1, 100);
    arena_calloc(&arena, 1, 8);
    arena.owner = 8;
    uint8_t *other = arena_calloc(&arena, 1, 8);
    arena_free(&arena, freed);
    TEST_ASSERT_EQUAL(0, arena_free_owned(&arena, 0));
    TEST_ASSERT_EQUAL(2, arena_free_owned(&arena, 7));
    TEST_ASSERT_EQUAL(0, arena_free_owned(&arena, 7));
    arena_free(&arena, mine);
    TEST_ASSERT_FALSE(arena_empty(&arena));
    arena_free(&arena, other);
    TEST_ASSERT_TRUE(arena_empty(&arena));
    TEST_ASSERT_EQUAL(0, arena.failures);
}

static void a_refused_allocation_changes_nothing_and_is_counted(void)
{
    TEST_ASSERT_NULL(arena_calloc(&arena, 1, sizeof memory));
    TEST_ASSERT_NULL(arena_calloc(&arena, SIZE_MAX / 2, 4));
    TEST_ASSERT_NULL(arena_calloc(&arena, 1, SIZE_MAX));
    TEST_ASSERT_EQUAL(3, arena.failures);
    TEST_ASSERT_TRUE(arena_empty(&arena));
    TEST_ASSERT_NOT_NULL(arena_calloc(&arena, 1, sizeof memory - 8));
}

static void an_empty_buffer_gives_nothing(void)
{
    arena_init(&arena, memory, 0);
    TEST_ASSERT_NULL(arena_calloc(&arena, 1, 1));
    arena_init(&arena, memory + 1, 3);
    TEST_ASSERT_NULL(arena_calloc(&arena, 1, 1));
}

static void free_neighbours_grow_together_again(void)
{
    void *block[64];
    size_t count = 0;
    while (count < 64 && (block[count] = arena_calloc(&arena, 1, 100)) != NULL)
        count++;
    for (size_t i = 0; i < count; i += 2)
        arena_free(&arena, block[i]);
    TEST_ASSERT_NULL(arena_calloc(&arena, 1, 200));
    for (size_t i = 1; i < count; i += 2)
        arena_free(&arena, block[i]);
    TEST_ASSERT_TRUE(arena_empty(&arena));
    TEST_ASSERT_NOT_NULL(arena_calloc(&arena, 1, sizeof memory - 8));
}

static void a_doubled_or_foreign_free_is_counted_and_harmless(void)
{
    uint8_t *block = arena_calloc(&arena, 1, 64);
    arena_free(&arena, block);
    arena_free(&arena, block);
    arena_free(&arena, memory + 5);
    arena_free(&arena, &arena);
    arena_free(&arena, NULL);
    TEST_ASSERT_EQUAL(3, arena.failures);
    TEST_ASSERT_TRUE(arena_empty(&arena));
}

static void the_peak_is_the_highest_use(void)
{
    void *a = arena_calloc(&arena, 1, 1000), *b = arena_calloc(&arena, 1, 1000);
    arena_free(&arena, a);
    arena_free(&arena, b);
    TEST_ASSERT_EQUAL(2016, arena.peak);
    TEST_ASSERT_EQUAL(2016, arena.extent);
    arena_peak_reset(&arena);
    TEST_ASSERT_EQUAL(0, arena.peak);
    TEST_ASSERT_EQUAL(0, arena.extent);
}

static void tests_can_make_any_allocation_fail(void)
{
    arena.fail_after = 2;
    TEST_ASSERT_NOT_NULL(arena_calloc(&arena, 1, 1));
    TEST_ASSERT_NULL(arena_calloc(&arena, 1, 1));
    TEST_ASSERT_NULL(arena_calloc(&arena, 1, 1));
    arena.fail_after = 0;
    TEST_ASSERT_NOT_NULL(arena_calloc(&arena, 1, 1));
}

static void any_order_of_calls_keeps_blocks_apart(void)
{
    struct {
        uint8_t *at;
        size_t size;
        uint8_t fill;
    } live[24] = {0};
    uint32_t seed = 1;
    for (int step = 0; step < 20000; step++) {
        seed = seed * 1664525u + 1013904223u;
        size_t slot = (seed >> 8) % 24;
        for (size_t i = 0; i < live[slot].size; i++)
            TEST_ASSERT_EQUAL(live[slot].fill, live[slot].at[i]);
        arena_free(&arena, live[slot].at);
        live[slot].size = (seed >> 16) % 300;
        live[slot].fill = (uint8_t)step;
        live[slot].at = arena_calloc(&arena, 1, live[slot].size);
        if (live[slot].at == NULL)
            live[slot].size = 0;
        else
            memset(live[slot].at, live[slot].fill, live[slot].size);
    }
    for (size_t i = 0; i < 24; i++)
        arena_free(&arena, live[i].at);
    TEST_ASSERT_TRUE(arena_empty(&arena));
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(memory_is_zeroed_and_aligned_wherever_the_buffer_starts);
    RUN_TEST(freed_memory_is_wiped);
    RUN_TEST(a_refused_allocation_changes_nothing_and_is_counted);
    RUN_TEST(an_empty_buffer_gives_nothing);
    RUN_TEST(free_neighbours_grow_together_again);
    RUN_TEST(a_doubled_or_foreign_free_is_counted_and_harmless);
    RUN_TEST(the_peak_is_the_highest_use);
    RUN_TEST(what_an_owner_left_behind_can_be_freed_at_once);
    RUN_TEST(tests_can_make_any_allocation_fail);
    RUN_TEST(any_order_of_calls_keeps_blocks_apart);
    return UNITY_END();
}
