/* Calls that can't be served: which answer they get, and that nothing is written. */
#include <string.h>

#include "world.h"

#define NO_LANE (OUTBOX_LANE_NONE - 1)
#define MESSAGES 14
#define SIZE 900

void setUp(void) {}

void tearDown(void)
{
    world_end();
}

static void a_lane_that_is_not_there_is_refused_by_every_call(void)
{
    static const uint8_t lanes[] = {OUTBOX_LANE_NONE, NO_LANE, IFL_LANE_COUNT - 1};
    struct outbox_message message, ghost;
    struct outbox_lane_stats lane_stats_unused;
    struct outbox_id id;
    world_start(1, 8, 2, false);
    mount();
    must_put("a", 1, 20);
    settle();
    TEST_ASSERT_TRUE(first("a", &message));
    uint64_t operations = world.medium.operations;
    for (size_t i = 0; i < sizeof lanes; i++) {
        uint8_t no = lanes[i];
        struct outbox_time time = {0};
        ghost = message;
        ghost.lane = no;
        TEST_ASSERT_EQUAL(IFL_INVALID, outbox_put_begin(&world.box, no, 10, time));
        TEST_ASSERT_EQUAL(IFL_INVALID, outbox_put(&world.box, no, bytes_of("x", 1), time, &id));
        TEST_ASSERT_EQUAL(IFL_END, outbox_first(&world.box, no, &ghost));
        TEST_ASSERT_TRUE(outbox_dead_letter(&world.box, &ghost, IFL_ANSWER_REJECTED) != IFL_OK);
        TEST_ASSERT_EQUAL(IFL_INVALID, outbox_give_up(&world.box, no, 1, IFL_ANSWER_REJECTED));
        TEST_ASSERT_EQUAL(IFL_INVALID, outbox_requeue(&world.box, &message, no));
        TEST_ASSERT_EQUAL(IFL_INVALID, outbox_done(&world.box, no, 1));
        TEST_ASSERT_EQUAL(IFL_INVALID, outbox_batch_begin(&world.box, no, 1, 0));
        TEST_ASSERT_EQUAL(IFL_NOT_FOUND, outbox_lane_stats(&world.box, no, &lane_stats_unused));
        TEST_ASSERT_EQUAL_STRING("", outbox_lane_route(&world.box, no));
        TEST_ASSERT_FALSE(outbox_lane_is_orphan(&world.box, no));
    }
    TEST_ASSERT_EQUAL_UINT64(operations, world.medium.operations);
    must_hold(&message, 1, 20);
}

static void what_is_no_dead_letter_is_not_queued_again_and_not_buried(void)
{
    struct outbox_message message, dead;
    world_start(1, 8, 2, false);
    mount();
    must_put("a", 1, 20);
    must_put("a", 2, 20);
    settle();
    TEST_ASSERT_TRUE(first("a", &message));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_requeue(&world.box, &message, lane("a")));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_dead_letter(&world.box, &message, IFL_ANSWER_REJECTED));
    settle();
    TEST_ASSERT_TRUE(first("dead-letters", &dead));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_requeue(&world.box, &dead, OUTBOX_LANE_DEAD));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_dead_letter(&world.box, &dead, IFL_ANSWER_REJECTED));
    struct outbox_message ghost = dead;
    ghost.n += 1;
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, outbox_bury(&world.box, &ghost));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_bury(&world.box, &dead));
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, outbox_bury(&world.box, &dead));
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, outbox_requeue(&world.box, &dead, lane("a")));
    TEST_ASSERT_FALSE(first("dead-letters", &dead));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_give_up(&world.box, lane("a"), 0, IFL_ANSWER_REJECTED)); /* long finished */
    deliver("a", 2, 20);
}

static void until_an_erase_is_under_way(void)
{
    for (uint32_t i = 1; i <= MESSAGES; i++)
        must_put("a", i, SIZE);
    settle();
    world.medium.options.erase_polls = UINT32_MAX;
    for (uint32_t i = 1; i < MESSAGES && !world.medium.erasing; i++) {
        deliver("a", i, SIZE);
        for (int steps = 0; steps < 20 && !world.medium.erasing; steps++)
            (void)outbox_step(&world.box, world.now++);
    }
    TEST_ASSERT_TRUE(world.medium.erasing);
}

static void while_an_erase_is_under_way_calls_say_so_and_cost_nothing(void)
{
    struct outbox_message message, behind;
    struct outbox_time time = {0};
    struct outbox_id id;
    static uint8_t buf[16];
    size_t got = 0;
    world_start(1, 8, 2, false);
    mount();
    must_put("b", 1, 30);
    must_put("b", 2, 30);
    settle();
    TEST_ASSERT_TRUE(first("b", &message));
    until_an_erase_is_under_way();
    behind = message;
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, outbox_put_begin(&world.box, lane("b"), 10, time));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, outbox_put(&world.box, lane("b"), bytes_of("x", 1), time, &id));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, outbox_first(&world.box, lane("b"), &behind));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, outbox_next(&world.box, &behind));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, outbox_read(&world.box, &behind, buf, sizeof buf, &got));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, outbox_dead_letter(&world.box, &message, IFL_ANSWER_REJECTED));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, outbox_give_up(&world.box, lane("b"), 1, IFL_ANSWER_REJECTED));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, outbox_batch_begin(&world.box, lane("b"), 2, 1));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, outbox_flush(&world.box));
    world.medium.polls_left = 1;
    world.medium.options.erase_polls = 2;
    settle();
    deliver("b", 1, 30);
    deliver("b", 2, 30);
    restart();
    TEST_ASSERT_EQUAL_UINT64(0, queued("b"));
}

static void a_put_is_open_alone(void)
{
    struct outbox_time time = {0};
    struct outbox_id id;
    world_start(1, 8, 2, false);
    mount();
    settle();
    TEST_ASSERT_EQUAL(IFL_OK, outbox_put_begin(&world.box, lane("a"), 2, time));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_put_begin(&world.box, lane("b"), 2, time));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_put(&world.box, lane("b"), bytes_of("x", 1), time, &id));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_put_commit(&world.box, &id));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_put_write(&world.box, bytes_of("xy", 2)));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_put_write(&world.box, bytes_of("z", 1)));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_put_commit(&world.box, &id));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_put_commit(&world.box, &id));
    TEST_ASSERT_EQUAL_UINT64(1, queued("a"));
}

static void while_a_put_is_open_its_lane_writes_nothing_else_and_no_block_is_erased(void)
{
    struct outbox_message message;
    struct outbox_time time = {0};
    struct outbox_id id;
    world_start(1, 8, 2, false);
    mount();
    settle();
    must_put("a", 1, 20);
    must_put("b", 2, 20);
    TEST_ASSERT_TRUE(first("a", &message));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_put_begin(&world.box, lane("a"), 2, time));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, outbox_give_up(&world.box, lane("a"), 1, IFL_ANSWER_REJECTED));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, outbox_dead_letter(&world.box, &message, IFL_ANSWER_REJECTED));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_give_up(&world.box, lane("b"), 1, IFL_ANSWER_REJECTED));
    for (int i = 0; i < 10; i++) {
        (void)outbox_step(&world.box, world.now += 1000);
        TEST_ASSERT_FALSE(world.medium.erasing);
    }
    TEST_ASSERT_EQUAL(IFL_OK, outbox_put_write(&world.box, bytes_of("xy", 2)));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_put_commit(&world.box, &id));
    deliver("a", 1, 20);
    TEST_ASSERT_EQUAL_UINT64(1, queued("a"));
    TEST_ASSERT_EQUAL_UINT64(1, lane_stats("b").given_up);
}

static void what_is_finished_is_read_no_more_and_finished_but_once(void)
{
    struct outbox_message message, ghost;
    static uint8_t buf[16];
    size_t got = 1;
    world_start(1, 8, 2, false);
    mount();
    must_put("a", 1, 20);
    must_put("a", 2, 20);
    TEST_ASSERT_TRUE(first("a", &message));
    ghost = message;
    ghost.lane = NO_LANE;
    TEST_ASSERT_EQUAL(IFL_END, outbox_next(&world.box, &ghost));
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, outbox_read(&world.box, &ghost, buf, sizeof buf, &got));
    TEST_ASSERT_EQUAL(0, got);
    TEST_ASSERT_EQUAL(IFL_OK, outbox_done(&world.box, lane("a"), 1));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_done(&world.box, lane("a"), 1));
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, outbox_read(&world.box, &message, buf, sizeof buf, &got));
    TEST_ASSERT_EQUAL_UINT64(1, queued("a"));
    deliver("a", 2, 20);
}

static void a_flush_whose_sync_fails_says_so(void)
{
    world_start(1, 8, 2, true);
    mount();
    settle();
    must_put("a", 1, 20);
    world.medium.sync_fails_at = world.medium.operations + 1;
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, outbox_flush(&world.box));
    world.medium.sync_fails_at = 0;
    TEST_ASSERT_EQUAL(IFL_OK, outbox_flush(&world.box));
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_lane_that_is_not_there_is_refused_by_every_call);
    RUN_TEST(what_is_no_dead_letter_is_not_queued_again_and_not_buried);
    RUN_TEST(while_an_erase_is_under_way_calls_say_so_and_cost_nothing);
    RUN_TEST(a_put_is_open_alone);
    RUN_TEST(while_a_put_is_open_its_lane_writes_nothing_else_and_no_block_is_erased);
    RUN_TEST(what_is_finished_is_read_no_more_and_finished_but_once);
    RUN_TEST(a_flush_whose_sync_fails_says_so);
    return UNITY_END();
}
