/* Who gets which block, what happens when there is none, and how the flash wears. */
#include "world.h"

#include <string.h>

void setUp(void)
{
    world_start(1, 12, 2, false);
}

void tearDown(void)
{
    world_end();
}

/* Put until the store refuses; the number of messages that went in. */
static uint32_t fill(const char *route, uint32_t from, uint32_t size, enum ifl_status *status)
{
    struct outbox_id id;
    uint32_t count = 0;
    while (count < 5000 && (*status = put(route, from + count, size, &id)) == IFL_OK) {
        count++;
    }
    return count;
}

static void erases_between(uint32_t *least, uint32_t *most)
{
    *least = UINT32_MAX;
    *most = 0;
    for (uint32_t i = 0; i < world.medium.sector_count; i++) {
        *least = world.medium.erases[i] < *least ? world.medium.erases[i] : *least;
        *most = world.medium.erases[i] > *most ? world.medium.erases[i] : *most;
    }
}

static void a_lane_that_moves_wears_all_blocks_alike(void)
{
    mount();
    for (uint32_t i = 1; i <= 6000; i++) {
        const char *route = i % 3 == 0 ? "b" : "a";
        must_put(route, i, 100 + i % 300);
        deliver(route, i, 100 + i % 300);
        if (i % 5 == 0) {
            settle();
        }
        if (i % 700 == 0) {
            restart();
        }
    }
    uint32_t least, most;
    erases_between(&least, &most);
    TEST_ASSERT_TRUE(least >= 20);
    TEST_ASSERT_TRUE(most - least <= 2);
    TEST_ASSERT_TRUE(stats().erase_count_max >= most);
    TEST_ASSERT_EQUAL(0, stats().retired_blocks);
}

static void a_held_lane_keeps_only_its_own_blocks_while_others_go_on(void)
{
    static const uint32_t granularities[] = {1, 256};
    for (size_t g = 0; g < 2; g++) {
        world_start(granularities[g], 12, 3, false);
        mount();
        for (uint32_t i = 1; i <= 20; i++) {
            must_put("a", i, 200);
        }
        uint32_t held = lane_stats("a").blocks;
        for (uint32_t i = 1; i <= 1500; i++) {
            must_put("b", i, 500);
            deliver("b", i, 500);
            must_put("c", i, 50);
            deliver("c", i, 50);
            if (i % 300 == 0) {
                restart();
            }
        }
        TEST_ASSERT_EQUAL(held, lane_stats("a").blocks);
        TEST_ASSERT_TRUE(lane_stats("b").blocks <= 3);
        TEST_ASSERT_EQUAL_UINT64(20, queued("a"));
        uint32_t least, most;
        erases_between(&least, &most);
        TEST_ASSERT_TRUE(most >= 20); /* many times round, past the held blocks */
        for (uint32_t i = 1; i <= 20; i++) {
            deliver("a", i, 200);
        }
    }
}

static void a_full_store_refuses_and_keeps_everything(void)
{
    static const uint32_t granularities[] = {1, 256};
    for (size_t g = 0; g < 2; g++) {
        world_start(granularities[g], 8, 2, false);
        mount();
        enum ifl_status status;
        uint32_t count = fill("a", 1, 300, &status);
        TEST_ASSERT_EQUAL(IFL_STORE_FULL, status);
        TEST_ASSERT_TRUE(count >= 20);
        uint64_t before = world.medium.operations;
        struct outbox_id id;
        TEST_ASSERT_EQUAL(IFL_STORE_FULL, put("a", 9999, 300, &id));
        TEST_ASSERT_EQUAL_UINT64(before, world.medium.operations);
        TEST_ASSERT_EQUAL_UINT64(count, queued("a"));
        restart();
        for (uint32_t i = 1; i <= count; i++) {
            deliver("a", i, 300);
            settle();
        }
        TEST_ASSERT_EQUAL(IFL_OK, outbox_flush(&world.box));
        TEST_ASSERT_EQUAL_UINT64(0, lane_stats("a").given_up);
        settle();
        uint32_t again = fill("a", 10000, 300, &status); /* as much room, but for the block that is in use */
        TEST_ASSERT_TRUE(again + BLOCK_SIZE / 300 >= count);
        TEST_ASSERT_EQUAL(IFL_STORE_FULL, status);
    }
}

static void a_full_store_records_each_cursor_and_drains(void)
{
    world_start(1, 8, 1, false);
    mount();
    enum ifl_status status = IFL_OK;
    uint32_t count = fill("a", 1, 10, &status);
    TEST_ASSERT_EQUAL(IFL_STORE_FULL, status);
    for (uint32_t i = 1; i <= count; i++) {
        deliver("a", i, 10);
        settle(); /* erased blocks come back */
        TEST_ASSERT_EQUAL(IFL_OK, outbox_flush(&world.box));
        if (i % 50 == 0) {
            mount();
        }
        TEST_ASSERT_EQUAL_UINT64(count - i, queued("a"));
    }
}

/* Each start takes a place in every lane, until none has room for a record; `clean` of them happen without a cut. */
static void use_up_the_places(uint32_t clean, uint32_t messages)
{
    static const char *const names[] = {"a", "b", "c"};
    world_start(256, 7, 3, false);
    mount();
    settle();
    for (size_t i = 0; i < 3 * messages; i++) {
        must_put(names[i % 3], (uint32_t)i / 3 + 1, 20);
    }
    for (uint32_t serial = 1; serial <= messages; serial++) {
        if (serial > clean) {
            mount();
        }
        for (size_t i = 0; i < 3; i++) {
            deliver(names[i], serial, 20);
        }
        TEST_ASSERT_EQUAL(IFL_OK, outbox_flush(&world.box));
    }
    mount();
    settle();
    for (size_t i = 0; i < 3; i++) {
        must_put(names[i], 100, 1000);
    }
}

static void many_starts_do_not_fill_a_store_that_is_drained(void)
{
    for (uint32_t messages = 1; messages <= 8; messages++) {
        for (uint32_t clean = 0; clean <= messages; clean++) {
            use_up_the_places(clean, messages);
        }
    }
}

static void a_lane_that_is_drained_goes_on_though_another_has_filled_the_store(void)
{
    enum ifl_status status;
    mount();
    must_put("a", 1, 100);
    deliver("a", 1, 100);
    TEST_ASSERT_TRUE(fill("b", 100000, 300, &status) > 50);
    TEST_ASSERT_EQUAL(IFL_STORE_FULL, status);
    for (uint32_t i = 2; i <= 300; i++) {
        must_put("a", i, 100);
        deliver("a", i, 100);
    }
    TEST_ASSERT_TRUE(stats().free_blocks >= 1);
}

/* The power went in header 2 of the last block, or in its erase: it reads free one time, and not the other. */
static void a_block_that_hovers_is_not_counted_as_two(void)
{
    static const uint32_t granularities[] = {1, 256};
    uint32_t erases = 0;
    for (size_t g = 0; g < 2; g++) {
        world_start(granularities[g], 12, 2, false);
        mount();
        must_put("a", 1, 100);
        settle();
        for (uint32_t i = 0; i < 100; i++) {
            uint32_t at = 11 * BLOCK_SIZE + (granularities[g] > 32 ? granularities[g] : 32) + i % 16;
            uint8_t byte = world.medium.bytes[at];
            flash_double_poke(&world.medium, at, &byte, 1);
            world.medium.unstable[at] = 1;
            world.medium.has_unstable[at / world.medium.options.geometry.sector_size] = true;
            mount();
            settle();
            erases += world.medium.unstable[at] == 0;
            TEST_ASSERT_TRUE(stats().free_blocks + lane_stats("a").blocks <= 12);
        }
    }
    TEST_ASSERT_TRUE(erases >= 50);
}

static void a_full_lane_leaves_the_share_of_others(void)
{
    world_start(1, 12, 2, false);
    world.lanes[1].min_blocks = 3;
    mount();
    enum ifl_status status;
    (void)fill("a", 1, 300, &status);
    TEST_ASSERT_EQUAL(IFL_STORE_FULL, status);
    uint32_t count = fill("b", 1, 300, &status);
    TEST_ASSERT_EQUAL(IFL_STORE_FULL, status);
    TEST_ASSERT_TRUE(lane_stats("b").blocks >= 3);
    TEST_ASSERT_TRUE(count >= 3 * 9);
    struct outbox_message message;
    TEST_ASSERT_TRUE(first("a", &message)); /* dead letters have a share too */
    TEST_ASSERT_EQUAL(IFL_OK, outbox_dead_letter(&world.box, &message, IFL_ANSWER_REJECTED));
}

static void a_full_lane_that_allows_it_gives_up_its_oldest_block_counted_and_recorded(void)
{
    world.lanes[0].full = OUTBOX_GIVE_UP_OLDEST;
    mount();
    for (uint32_t i = 1; i <= 1000; i++) {
        must_put("a", i, 300);
    }
    uint64_t given_up = lane_stats("a").given_up;
    TEST_ASSERT_TRUE(given_up > 0);
    restart();
    TEST_ASSERT_EQUAL_UINT64(given_up, lane_stats("a").given_up);
    TEST_ASSERT_EQUAL(IFL_STORE_GAVE_UP, lane_stats("a").last_reason);
    TEST_ASSERT_EQUAL_UINT64(1000 - given_up, queued("a"));
    for (uint32_t i = (uint32_t)given_up + 1; i <= 1000; i++) {
        deliver("a", i, 300);
    }
    TEST_ASSERT_EQUAL(0, stats().lost_records + stats().corrupt_records);
}

static void the_lane_with_the_lowest_priority_gives_up_first_and_never_for_a_lower_one(void)
{
    world_start(1, 12, 3, false);
    world.lanes[0] = (struct outbox_lane_config){.route = "a", .priority = 1, .full = OUTBOX_GIVE_UP_OLDEST};
    world.lanes[1] = (struct outbox_lane_config){.route = "b", .priority = 2, .full = OUTBOX_GIVE_UP_OLDEST};
    world.lanes[2] = (struct outbox_lane_config){.route = "c", .priority = 0};
    mount();
    enum ifl_status status;
    for (uint32_t i = 1; i <= 30; i++) {
        must_put("a", i, 300);
        must_put("b", i, 300);
    }
    TEST_ASSERT_EQUAL_UINT64(0, lane_stats("a").given_up);
    (void)fill("c", 1, 300, &status);
    TEST_ASSERT_EQUAL(IFL_STORE_FULL, status);
    TEST_ASSERT_EQUAL_UINT64(0, lane_stats("a").given_up + lane_stats("b").given_up);
    while (lane_stats("a").given_up == 0) {
        must_put("b", 1, 300);
    }
    TEST_ASSERT_EQUAL_UINT64(0, lane_stats("b").given_up);
    TEST_ASSERT_EQUAL_UINT64(0, lane_stats("c").given_up);
}

static void a_full_medium_costs_nothing_and_goes_on_when_there_is_space(void)
{
    world_start(1, 12, 2, true);
    mount();
    struct outbox_id id;
    for (uint32_t i = 1; i <= 8; i++) {
        must_put("a", i, 300);
    }
    TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
    world.medium.full_from = world.medium.operations + 1;
    for (uint32_t i = 0; i < 20; i++) {
        TEST_ASSERT_EQUAL(IFL_STORE_FULL, put("a", 99, 300, &id));
        (void)outbox_step(&world.box, world.now += 1000);
    }
    TEST_ASSERT_EQUAL(0, stats().retired_blocks);
    world.medium.full_from = 0;
    settle();
    for (uint32_t i = 9; i <= 200; i++) {
        must_put("a", i, 300);
        TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
        deliver("a", i - 8, 300);
    }
    restart();
    for (uint32_t i = 193; i <= 200; i++) {
        deliver("a", i, 300);
    }
    TEST_ASSERT_EQUAL_UINT64(200, lane_stats("a").last_n);
    TEST_ASSERT_EQUAL(0, stats().lost_records + stats().corrupt_records);
}

static void producers_that_never_pause_get_through_when_a_full_medium_has_space_again(void)
{
    world_start(1, 12, 2, true);
    mount();
    struct outbox_id id;
    world.medium.full_from = world.medium.operations + 1;
    for (uint32_t i = 0; i < 20; i++) {
        TEST_ASSERT_EQUAL(IFL_STORE_FULL, put("a", 1, 300, &id));
        (void)outbox_step(&world.box, world.now += 100);
    }
    world.medium.full_from = 0;
    uint32_t refused = 0;
    for (uint32_t stored = 0; stored < 60;) {
        enum ifl_status status = put("a", stored + 1, 300, &id);
        TEST_ASSERT_TRUE(status == IFL_OK || status == IFL_STORE_FULL);
        stored += status == IFL_OK;
        refused += status != IFL_OK;
        TEST_ASSERT_TRUE(refused < 30);
        (void)outbox_step(&world.box, world.now += 100);
    }
    TEST_ASSERT_EQUAL_UINT64(60, queued("a"));
}

static void a_block_that_wears_out_is_left_and_its_messages_stay(void)
{
    static const enum flash_wear wears[] = {FLASH_WEAR_PROGRAM_FAILS, FLASH_WEAR_STUCK_BITS};
    for (size_t w = 0; w < 2; w++) {
        world_start(1, 12, 1, false);
        mount();
        settle();
        for (uint32_t i = 1; i <= 5; i++) {
            must_put("a", i, 300);
        }
        uint32_t worn = world.medium.last_at / BLOCK_SIZE;
        flash_double_wear_out(&world.medium, worn * BLOCK_SIZE, wears[w]);
        flash_double_wear_out(&world.medium, worn * BLOCK_SIZE + 2048, wears[w]);
        for (uint32_t i = 6; i <= 12; i++) {
            must_put("a", i, 300);
            TEST_ASSERT_TRUE(world.medium.last_at / BLOCK_SIZE != worn);
        }
        TEST_ASSERT_EQUAL_UINT64(12, queued("a"));
        restart();
        for (uint32_t i = 1; i <= 12; i++) {
            deliver("a", i, 300);
        }
        for (uint32_t i = 13; i <= 800; i++) { /* round and round */
            must_put("a", i, 300);
            deliver("a", i, 300);
        }
        TEST_ASSERT_EQUAL(1, stats().retired_blocks);
        TEST_ASSERT_EQUAL_UINT64(0, lane_stats("a").given_up);
    }
}

static void a_block_that_does_not_erase_any_more_is_retired(void)
{
    mount();
    flash_double_wear_out(&world.medium, 5 * BLOCK_SIZE, FLASH_WEAR_ERASE_FAILS);
    settle();
    for (uint32_t i = 1; i <= 800; i++) {
        must_put("a", i, 300);
        deliver("a", i, 300);
    }
    TEST_ASSERT_EQUAL(1, stats().retired_blocks);
    restart();
    struct outbox_message message;
    TEST_ASSERT_FALSE(first("a", &message));
    TEST_ASSERT_EQUAL_UINT64(800, lane_stats("a").last_n);
    TEST_ASSERT_EQUAL_UINT64(0, lane_stats("a").given_up);
}

static void a_store_on_dying_flash_refuses_and_keeps_what_it_has(void)
{
    mount();
    settle();
    for (uint32_t i = 1; i <= 10; i++) {
        must_put("a", i, 300);
    }
    for (uint32_t at = 0; at < world.region.size; at += 2048) {
        flash_double_wear_out(&world.medium, at, FLASH_WEAR_PROGRAM_FAILS);
    }
    struct outbox_id id;
    for (uint32_t i = 0; i < 20; i++) {
        TEST_ASSERT_TRUE(put("a", 99, 300, &id) != IFL_OK);
    }
    for (uint32_t i = 1; i <= 10; i++) {
        deliver("a", i, 300);
    }
    mount();
    for (uint32_t i = 1; i <= 10; i++) {
        deliver("a", i, 300);
    }
}

static void wear_out_block(uint32_t index, enum flash_wear wear)
{
    flash_double_wear_out(&world.medium, index * BLOCK_SIZE, wear);
    flash_double_wear_out(&world.medium, index * BLOCK_SIZE + BLOCK_SIZE / 2, wear);
}

/* But for the room of header 1. */
static bool is_blank_block(uint32_t index)
{
    const uint8_t *bytes = world.medium.bytes + index * BLOCK_SIZE;
    for (uint32_t i = 256; i < BLOCK_SIZE; i++) {
        if (bytes[i] != 0xFF) {
            return false;
        }
    }
    return true;
}

/* Nothing can be recorded any more: the newest block is worn, and so is the free one. */
static void a_full_store_whose_last_places_are_worn_goes_on_when_all_is_delivered(void)
{
    static const enum flash_wear wears[] = {FLASH_WEAR_PROGRAM_FAILS, FLASH_WEAR_STUCK_BITS};
    static const uint32_t granularities[] = {1, 8, 256};
    for (size_t i = 0; i < 6; i++) {
        enum ifl_status status;
        struct outbox_id id;
        world_start(granularities[i / 2], 12, 1, false);
        mount();
        settle();
        uint32_t count = fill("a", 1, 300, &status);
        TEST_ASSERT_EQUAL(IFL_STORE_FULL, status);
        wear_out_block(world.box.lanes[lane("a")].newest, wears[i % 2]);
        for (uint32_t block = 0; block < 12; block++) {
            if (is_blank_block(block)) {
                wear_out_block(block, wears[i % 2]);
            }
        }
        for (uint32_t n = 1; n <= count; n++) {
            deliver("a", n, 300);
            (void)outbox_step(&world.box, world.now += 700);
        }
        settle();
        TEST_ASSERT_TRUE(stats().free_blocks >= 2);
        TEST_ASSERT_EQUAL(IFL_OK, put("a", count + 1, 300, &id));
        TEST_ASSERT_EQUAL_UINT64(count + 1, id.n);
        restart();
        deliver("a", count + 1, 300);
        TEST_ASSERT_EQUAL_UINT64(0, lane_stats("a").given_up);
        TEST_ASSERT_EQUAL(0, stats().lost_records);
    }
}

static void a_free_block_in_which_a_bit_has_flipped_is_erased_before_it_is_used(void)
{
    mount();
    settle();
    for (uint32_t block = 0; block < 12; block++) {
        if (is_blank_block(block)) {
            flash_double_flip(&world.medium, block * BLOCK_SIZE + 4000, 3);
        }
    }
    for (uint32_t i = 1; i <= 60; i++) {
        must_put("a", i, 300);
        deliver("a", i, 300);
    }
    TEST_ASSERT_EQUAL(0, stats().retired_blocks);
}

/* Also where that happens while a free block is taken. */
static void a_full_file_system_costs_no_free_block(void)
{
    struct outbox_id id;
    world_start(1, 12, 1, true);
    mount();
    settle();
    for (uint32_t i = 1; i <= 40; i++) {
        uint32_t free_blocks = stats().free_blocks;
        world.medium.full_from = world.medium.operations + 1;
        (void)outbox_put_begin(&world.box, lane("a"), 300, (struct outbox_time){0});
        outbox_put_abandon(&world.box);
        world.medium.full_from = 0;
        TEST_ASSERT_EQUAL(free_blocks, stats().free_blocks);
        TEST_ASSERT_EQUAL(IFL_OK, put("a", i, 300, &id));
    }
    TEST_ASSERT_EQUAL(0, stats().retired_blocks);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_lane_that_moves_wears_all_blocks_alike);
    RUN_TEST(a_held_lane_keeps_only_its_own_blocks_while_others_go_on);
    RUN_TEST(a_full_store_refuses_and_keeps_everything);
    RUN_TEST(a_full_store_records_each_cursor_and_drains);
    RUN_TEST(many_starts_do_not_fill_a_store_that_is_drained);
    RUN_TEST(a_lane_that_is_drained_goes_on_though_another_has_filled_the_store);
    RUN_TEST(a_block_that_hovers_is_not_counted_as_two);
    RUN_TEST(a_full_lane_leaves_the_share_of_others);
    RUN_TEST(a_full_lane_that_allows_it_gives_up_its_oldest_block_counted_and_recorded);
    RUN_TEST(the_lane_with_the_lowest_priority_gives_up_first_and_never_for_a_lower_one);
    RUN_TEST(a_full_medium_costs_nothing_and_goes_on_when_there_is_space);
    RUN_TEST(producers_that_never_pause_get_through_when_a_full_medium_has_space_again);
    RUN_TEST(a_block_that_wears_out_is_left_and_its_messages_stay);
    RUN_TEST(a_block_that_does_not_erase_any_more_is_retired);
    RUN_TEST(a_store_on_dying_flash_refuses_and_keeps_what_it_has);
    RUN_TEST(a_full_store_whose_last_places_are_worn_goes_on_when_all_is_delivered);
    RUN_TEST(a_free_block_in_which_a_bit_has_flipped_is_erased_before_it_is_used);
    RUN_TEST(a_full_file_system_costs_no_free_block);
    return UNITY_END();
}
