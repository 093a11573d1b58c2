/* Routes come and go, devices and formats change. */
#include "world.h"

#include "base/crc32c.h"

#include <string.h>

void setUp(void)
{
    world_start(1, 12, 2, false);
}

void tearDown(void)
{
    world_end();
}

static void routes_keep_their_lanes_in_whatever_order_they_are_configured(void)
{
    mount();
    must_put("a", 1, 100);
    must_put("b", 2, 100);
    uint8_t a = lane("a"), b = lane("b");
    world.lanes[0].route = "b";
    world.lanes[1].route = "a";
    restart();
    TEST_ASSERT_EQUAL(a, lane("a"));
    TEST_ASSERT_EQUAL(b, lane("b"));
    deliver("a", 1, 100);
    deliver("b", 2, 100);
}

static void a_route_that_left_the_configuration_stays_as_an_orphan_until_it_is_taken_up_again(void)
{
    struct outbox_id id;
    mount();
    for (uint32_t i = 1; i <= 15; i++) {
        must_put("b", i, 300);
    }
    world.config.lane_count = 1;
    for (int round = 0; round < 2; round++) {
        restart();
        TEST_ASSERT_TRUE(outbox_lane_is_orphan(&world.box, lane("b")));
        TEST_ASSERT_FALSE(outbox_lane_is_orphan(&world.box, lane("a")));
        TEST_ASSERT_EQUAL_UINT64(15, queued("b"));
    }
    for (uint32_t i = 1; i <= 300; i++) { /* others go round past it */
        must_put("a", i, 300);
        deliver("a", i, 300);
    }
    deliver("b", 1, 300); /* an orphan can still be sent */
    world.config.lane_count = 2;
    restart();
    TEST_ASSERT_FALSE(outbox_lane_is_orphan(&world.box, lane("b")));
    TEST_ASSERT_EQUAL(IFL_OK, put("b", 16, 300, &id));
    TEST_ASSERT_EQUAL_UINT64(16, id.n);
    for (uint32_t i = 2; i <= 16; i++) {
        deliver("b", i, 300);
    }
}

static void a_renamed_route_gets_a_lane_of_its_own_and_the_old_one_keeps_its_messages(void)
{
    mount();
    must_put("b", 1, 100);
    uint8_t old = lane("b");
    world.lanes[1].route = "new";
    restart();
    TEST_ASSERT_TRUE(lane("new") != old);
    must_put("new", 2, 100);
    restart();
    deliver("b", 1, 100);
    deliver("new", 2, 100);
}

static void a_new_route_doesn_t_take_the_number_that_a_dead_letter_goes_back_to(void)
{
    struct outbox_message message;
    mount();
    must_put("b", 1, 100);
    uint8_t old = lane("b");
    settle();
    TEST_ASSERT_TRUE(first("b", &message));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_dead_letter(&world.box, &message, IFL_ANSWER_REJECTED));
    world.lanes[1].route = "new";
    restart();
    TEST_ASSERT_TRUE(lane("a") != old && lane("new") != old);
}

/* All numbers were used by routes that are gone; each of them has a dead letter. */
static void a_number_with_dead_letters_isn_t_used_again(void)
{
    static char names[IFL_LANE_COUNT][8];
    struct outbox_message message;
    world_start(1, 2 * IFL_LANE_COUNT, 1, false);
    for (unsigned i = 1; i < IFL_LANE_COUNT; i++) {
        names[i][0] = (char)('a' + i / 26);
        names[i][1] = (char)('a' + i % 26);
        world.lanes[0].route = names[i];
        mount();
        must_put(names[i], i, 20);
        settle();
        TEST_ASSERT_TRUE(first(names[i], &message));
        TEST_ASSERT_EQUAL(IFL_OK, outbox_dead_letter(&world.box, &message, IFL_ANSWER_REJECTED));
        settle();
    }
    world.lanes[0].route = "new";
    TEST_ASSERT_EQUAL(IFL_STORE_LANES, try_mount());
    world.lanes[0].route = names[1];
    mount();
    TEST_ASSERT_TRUE(first("dead-letters", &message));
    uint8_t free_number = message.id.lane;
    TEST_ASSERT_TRUE(free_number == lane(names[1]));
    TEST_ASSERT_TRUE(next(&message)); /* the second route's */
    free_number = message.id.lane;
    TEST_ASSERT_EQUAL(IFL_OK, outbox_bury(&world.box, &message));
    settle();
    world.lanes[0].route = "new";
    mount();
    TEST_ASSERT_EQUAL(free_number, lane("new"));
}

static void no_id_comes_twice_when_lane_numbers_are_used_again(void)
{
    static char names[2 * IFL_LANE_COUNT][8];
    world_start(1, 2 * IFL_LANE_COUNT, 1, false);
    mount();
    uint64_t last[256] = {0};
    for (unsigned i = 0; i < 2 * IFL_LANE_COUNT; i++) {
        struct outbox_id id;
        names[i][0] = 'r';
        names[i][1] = (char)('a' + i / 26);
        names[i][2] = (char)('a' + i % 26);
        world.lanes[0].route = names[i];
        restart();
        TEST_ASSERT_EQUAL(IFL_OK, put(names[i], i, 20, &id));
        TEST_ASSERT_TRUE(id.n > last[id.lane]);
        last[id.lane] = id.n;
        deliver(names[i], i, 20);
    }
}

static void too_few_blocks_for_the_routes_are_refused_and_nothing_is_touched(void)
{
    world_start(1, 5, 4, false); /* needs 4 + dead letters + 2 */
    TEST_ASSERT_EQUAL(IFL_STORE_LANES, try_mount());
    TEST_ASSERT_EQUAL_UINT64(0, world.medium.operations);
    world.config.lane_count = 2; /* 2 + 1 + 2: just enough */
    mount();
    settle();
    must_put("a", 1, 10);
    settle();
    uint64_t before = world.medium.operations;
    world.lanes[1].min_blocks = 2;
    TEST_ASSERT_EQUAL(IFL_STORE_LANES, try_mount());
    TEST_ASSERT_EQUAL_UINT64(before, world.medium.operations);
    world.lanes[1].min_blocks = 1;
    mount();
    deliver("a", 1, 10);
}

static void wrong_route_names_are_refused(void)
{
    static const char *const wrong[] = {"", "dead-letters", "a-name-of-32-characters-is-too-lo"};
    for (size_t i = 0; i < 3; i++) {
        world.lanes[0].route = wrong[i];
        TEST_ASSERT_EQUAL(IFL_INVALID, try_mount());
        TEST_ASSERT_EQUAL_UINT64(0, world.medium.operations);
    }
}

static void erased_and_opposite_contents_are_formatted(void)
{
    static const uint8_t values[] = {0x00, 0xFF};
    for (size_t v = 0; v < 2; v++) {
        for (int cached = 0; cached < 2; cached++) {
            world_start(8, 8, 1, cached != 0);
            for (uint32_t at = 0; at < world.region.size; at++) {
                flash_double_poke(&world.medium, at, &values[v], 1);
            }
            mount();
            settle();
            must_put("a", 1, 100);
            TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
            restart();
            deliver("a", 1, 100);
            TEST_ASSERT_EQUAL(0, stats().retired_blocks);
        }
    }
}

/* Also when it was the header after a first erase. */
static void a_first_header_that_the_power_went_in_is_formatted_again(void)
{
    uint8_t header[32];
    for (unsigned kept = 1; kept < sizeof header; kept++) {
        for (unsigned block = 0; block < 8; block += 7) {
            world_start(1, 8, 1, false);
            mount();
            settle();
            memcpy(header, world.medium.bytes + block * BLOCK_SIZE, sizeof header);
            world_start(1, 8, 1, false);
            flash_double_poke(&world.medium, block * BLOCK_SIZE, header, kept);
            mount();
            settle();
            must_put("a", 1, 100);
        }
    }
}

static void foreign_contents_are_refused_and_not_touched(void)
{
    static const uint8_t foreign[] = "something else entirely";
    static const uint32_t places[] = {0, 100, 5 * BLOCK_SIZE, 8 * BLOCK_SIZE - sizeof foreign};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        world_start(1, 8, 1, false);
        flash_double_poke(&world.medium, places[i], foreign, sizeof foreign);
        TEST_ASSERT_EQUAL(IFL_STORE_FOREIGN, try_mount());
        TEST_ASSERT_EQUAL_UINT64(0, world.medium.operations);
    }
}

static void a_newer_format_is_refused_and_not_touched(void)
{
    uint8_t header[32];
    mount();
    settle();
    must_put("a", 1, 100);
    settle();
    memcpy(header, world.medium.bytes, sizeof header);
    header[4] = 2;
    le32_put(header + 28, crc32c(0, header, 28));
    flash_double_poke(&world.medium, 0, header, sizeof header);
    uint64_t before = world.medium.operations;
    TEST_ASSERT_EQUAL(IFL_STORE_NEWER, try_mount());
    TEST_ASSERT_EQUAL_UINT64(before, world.medium.operations);
}

static void another_geometry_is_refused_and_not_touched(void)
{
    mount();
    settle();
    must_put("a", 1, 100);
    settle();
    uint64_t before = world.medium.operations;
    world.medium.flash.geometry.prog_size = 16;
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, try_mount());
    TEST_ASSERT_EQUAL_UINT64(before, world.medium.operations);
    world.medium.flash.geometry.prog_size = 1;
}

static void the_block_size_is_that_of_the_format_whatever_is_configured_later(void)
{
    mount();
    must_put("a", 1, 100);
    settle();
    world.config.block_size = 2 * BLOCK_SIZE;
    restart();
    TEST_ASSERT_EQUAL(BLOCK_SIZE, stats().block_size);
    deliver("a", 1, 100);
}

static void another_device_gets_a_new_log_id_and_still_delivers_under_the_old_ids(void)
{
    struct outbox_message message;
    struct outbox_id id;
    mount();
    must_put("a", 1, 100);
    uint64_t old = stats().log_id;
    world.config.device_tag = 8;
    restart();
    TEST_ASSERT_TRUE(stats().moved);
    TEST_ASSERT_TRUE(stats().log_id != old);
    TEST_ASSERT_EQUAL(IFL_OK, put("a", 2, 100, &id));
    TEST_ASSERT_EQUAL_UINT64(2, id.n);
    TEST_ASSERT_TRUE(id.log != old);
    uint64_t moved = id.log;
    restart();
    TEST_ASSERT_FALSE(stats().moved);
    TEST_ASSERT_EQUAL_UINT64(moved, stats().log_id);
    TEST_ASSERT_TRUE(first("a", &message));
    TEST_ASSERT_EQUAL_UINT64(old, message.id.log);
    deliver("a", 1, 100);
    TEST_ASSERT_TRUE(first("a", &message));
    TEST_ASSERT_EQUAL_UINT64(moved, message.id.log);
    deliver("a", 2, 100);
}

static enum ifl_status no_entropy(void *ctx, void *buf, size_t size)
{
    (void)ctx;
    memset(buf, 0, size);
    return IFL_NO_ENTROPY;
}

static void without_randomness_no_log_id_is_made(void)
{
    world.config.random.fill = no_entropy;
    TEST_ASSERT_EQUAL(IFL_NO_ENTROPY, try_mount());
    TEST_ASSERT_EQUAL_UINT64(0, world.medium.operations);
}

/* A put that is open is in nobody's way: cursors, batches and give-ups of other lanes are written, into new blocks too. Those of its own lane wait for its end. */
static void records_of_other_lanes_are_written_while_a_put_is_open(void)
{
    static const uint32_t granules[] = {1, 256};
    for (size_t g = 0; g < 2; g++) {
        world_start(granules[g], 12, 2, false);
        mount();
        settle();
        uint8_t body[600];
        struct outbox_id id;
        must_put("a", 1, 50);
        for (uint32_t i = 1; i <= 30; i++) {
            must_put("b", i, 300);
        }
        deliver("a", 1, 50);
        body_of(2, body, sizeof body);
        TEST_ASSERT_EQUAL(IFL_OK, outbox_put_begin(&world.box, lane("a"), sizeof body, (struct outbox_time){1, 2, 3}));
        TEST_ASSERT_EQUAL(IFL_OK, outbox_put_write(&world.box, bytes_of(body, 300)));
        uint32_t blocks = stats().free_blocks;
        for (uint32_t i = 1; i <= 25; i++) {
            deliver("b", i, 300);
            TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, outbox_flush(&world.box)); /* because of lane a */
            (void)outbox_step(&world.box, world.now += 1000);            /* erases nothing now */
        }
        TEST_ASSERT_EQUAL(IFL_OK, outbox_batch_begin(&world.box, lane("b"), 28, 1));
        TEST_ASSERT_EQUAL(IFL_OK, outbox_give_up(&world.box, lane("b"), 26, IFL_STORE_EXPIRED));
        TEST_ASSERT_TRUE(g == 0 || stats().free_blocks < blocks);
        TEST_ASSERT_EQUAL(IFL_OK, outbox_put_write(&world.box, bytes_of(body + 300, 300)));
        TEST_ASSERT_EQUAL(IFL_OK, outbox_put_commit(&world.box, &id));
        TEST_ASSERT_EQUAL_UINT64(2, id.n);
        mount(); /* as after a reset: nothing was flushed behind it */
        TEST_ASSERT_EQUAL_UINT64(1, lane_stats("b").given_up);
        for (uint32_t i = 27; i <= 30; i++) {
            deliver("b", i, 300);
        }
        struct outbox_message message;
        TEST_ASSERT_TRUE(first("a", &message));
        if (message.n == 1) { /* its cursor had to wait: the same message again, under the same number */
            deliver("a", 1, 50);
        }
        deliver("a", 2, sizeof body);
        TEST_ASSERT_EQUAL_UINT64(0, queued("a") + queued("b"));
        TEST_ASSERT_EQUAL(0, stats().lost_records + stats().corrupt_records);
    }
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(routes_keep_their_lanes_in_whatever_order_they_are_configured);
    RUN_TEST(a_route_that_left_the_configuration_stays_as_an_orphan_until_it_is_taken_up_again);
    RUN_TEST(a_renamed_route_gets_a_lane_of_its_own_and_the_old_one_keeps_its_messages);
    RUN_TEST(a_new_route_doesn_t_take_the_number_that_a_dead_letter_goes_back_to);
    RUN_TEST(a_number_with_dead_letters_isn_t_used_again);
    RUN_TEST(no_id_comes_twice_when_lane_numbers_are_used_again);
    RUN_TEST(too_few_blocks_for_the_routes_are_refused_and_nothing_is_touched);
    RUN_TEST(wrong_route_names_are_refused);
    RUN_TEST(erased_and_opposite_contents_are_formatted);
    RUN_TEST(a_first_header_that_the_power_went_in_is_formatted_again);
    RUN_TEST(foreign_contents_are_refused_and_not_touched);
    RUN_TEST(a_newer_format_is_refused_and_not_touched);
    RUN_TEST(another_geometry_is_refused_and_not_touched);
    RUN_TEST(the_block_size_is_that_of_the_format_whatever_is_configured_later);
    RUN_TEST(another_device_gets_a_new_log_id_and_still_delivers_under_the_old_ids);
    RUN_TEST(without_randomness_no_log_id_is_made);
    RUN_TEST(records_of_other_lanes_are_written_while_a_put_is_open);
    return UNITY_END();
}
