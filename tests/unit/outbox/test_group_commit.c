/* A medium with a cache (a file): nothing counts before the sync. */
#include "world.h"

void setUp(void)
{
    world_start(1, 12, 2, true);
    mount();
    settle();
}

void tearDown(void)
{
    world_end();
}

static void nothing_is_shown_before_the_sync_and_everything_after_it(void)
{
    struct outbox_message message;
    for (uint32_t i = 1; i <= 5; i++) {
        must_put("a", i, 100);
        TEST_ASSERT_FALSE(first("a", &message));
    }
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_done(&world.box, lane("a"), 1));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
    for (uint32_t i = 1; i <= 5; i++) {
        deliver("a", i, 100);
    }
}

static void one_sync_is_enough_for_all_lanes(void)
{
    for (uint32_t i = 1; i <= 20; i++) {
        must_put(i % 2 ? "a" : "b", i, 50);
    }
    uint64_t before = world.medium.operations;
    TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
    TEST_ASSERT_EQUAL_UINT64(before + 1, world.medium.operations);
    TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box)); /* nothing to do */
    TEST_ASSERT_EQUAL_UINT64(before + 1, world.medium.operations);
}

static void messages_that_were_not_synced_are_whole_or_absent_after_a_crash_and_ids_stay_unique(void)
{
    for (int tear = 0; tear < FLASH_TEAR_ERASE; tear++) {
        for (uint64_t seed = 1; seed <= 20; seed++) {
            setUp();
            struct outbox_message message;
            struct outbox_id id;
            for (uint32_t i = 1; i <= 8; i++) {
                must_put("a", i, 200);
                if (i == 4) {
                    TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
                }
            }
            flash_double_power_off(&world.medium, (enum flash_tear)tear, seed);
            flash_double_power_on(&world.medium);
            mount();
            uint32_t left = 0;
            for (bool any = first("a", &message); any; any = next(&message)) {
                must_hold(&message, ++left, 200);
                TEST_ASSERT_EQUAL_UINT64(left, message.n);
            }
            TEST_ASSERT_TRUE(left >= 4);
            TEST_ASSERT_EQUAL(IFL_OK, put("a", left + 1, 77, &id));
            TEST_ASSERT_EQUAL_UINT64(left + 1, id.n);
            TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
            restart();
            for (uint32_t i = 1; i <= left; i++) {
                deliver("a", i, 200);
            }
            deliver("a", left + 1, 77);
            TEST_ASSERT_FALSE(first("a", &message));
            TEST_ASSERT_EQUAL(0, stats().lost_records);
        }
    }
}

static void a_sync_that_fails_takes_back_what_was_not_acknowledged_and_nothing_else(void)
{
    struct outbox_message message;
    struct outbox_id id;
    for (uint32_t i = 1; i <= 3; i++) {
        must_put("a", i, 100);
    }
    TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
    must_put("a", 4, 100);
    must_put("a", 5, 100);
    world.medium.sync_fails_at = world.medium.operations + 1;
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, outbox_sync(&world.box));
    uint32_t shown = 0;
    for (bool any = first("a", &message); any; any = next(&message)) {
        must_hold(&message, ++shown, 100);
    }
    TEST_ASSERT_EQUAL(3, shown);
    TEST_ASSERT_EQUAL(IFL_OK, put("a", 6, 100, &id));
    TEST_ASSERT_EQUAL_UINT64(6, id.n); /* 4 and 5 are never another payload's */
    TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
    flash_double_power_off(&world.medium, FLASH_TEAR_NOTHING, 1);
    flash_double_power_on(&world.medium);
    mount();
    shown = 0;
    bool found = false;
    for (bool any = first("a", &message); any; any = next(&message)) {
        must_hold(&message, (uint32_t)message.n, 100);
        shown++;
        found = message.n == 6;
    }
    TEST_ASSERT_TRUE(found && shown >= 4);
}

static void a_sync_that_failed_unseen_is_told_at_the_next_one(void)
{
    must_put("a", 1, 100);
    world.medium.sync_fails_at = world.medium.operations + 1;
    world.now += 10000;
    for (int i = 0; i < 5; i++) { /* an idle phase syncs by itself */
        (void)outbox_step(&world.box, world.now += 1000);
    }
    TEST_ASSERT_TRUE(world.medium.operations >= world.medium.sync_fails_at);
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, outbox_sync(&world.box));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
}

static void a_lane_whose_sync_failed_works_on(void)
{
    for (uint32_t i = 1; i <= 200; i++) {
        must_put("a", i, 200);
        if (i % 10 == 0) {
            world.medium.sync_fails_at = i % 50 == 0 ? world.medium.operations + 1 : 0;
            (void)outbox_sync(&world.box);
        }
        if (i == 100) {
            struct outbox_message message;
            settle();
            while (first("a", &message)) {
                must_hold(&message, (uint32_t)message.n, 200);
                TEST_ASSERT_EQUAL(IFL_OK, outbox_done(&world.box, message.lane, message.n));
                settle();
            }
        }
    }
    settle();
    struct outbox_message message;
    for (bool any = first("a", &message); any; any = next(&message)) {
        must_hold(&message, (uint32_t)message.n, 200);
    }
    TEST_ASSERT_EQUAL_UINT64(200, lane_stats("a").last_n);
}

/* Acknowledged messages: deliver them in their order, whatever else is between. */
static uint32_t deliver_all(const char *route)
{
    struct outbox_message message;
    uint32_t count = 0;
    for (; first(route, &message); count++) {
        must_hold(&message, (uint32_t)message.n, 300);
        TEST_ASSERT_EQUAL(IFL_OK, outbox_done(&world.box, message.lane, message.n));
        (void)outbox_step(&world.box, world.now += 700);
    }
    return count;
}

static uint32_t fill(const char *route)
{
    struct outbox_id id;
    uint32_t count = 0;
    while (put(route, count + 1, 300, &id) == IFL_OK) {
        count++;
    }
    TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
    return count;
}

static void a_full_store_goes_on_when_a_medium_whose_syncs_failed_works_again(void)
{
    struct outbox_id id;
    uint32_t count = fill("a"), delivered = 0;
    for (int round = 0; round < 200; round++) { /* now and then one works */
        struct outbox_message message;
        world.medium.syncs_fail = round % 50 != 49;
        if (first("a", &message)) {
            must_hold(&message, ++delivered, 300);
            TEST_ASSERT_EQUAL(IFL_OK, outbox_done(&world.box, message.lane, message.n));
        }
        (void)put("b", 1, 300, &id); /* isn't acknowledged */
        (void)outbox_sync(&world.box);
        for (int i = 0; i < 5; i++) {
            (void)outbox_step(&world.box, world.now += 700);
        }
    }
    world.medium.syncs_fail = false;
    settle();
    TEST_ASSERT_EQUAL(count, delivered + deliver_all("a"));
    settle();
    TEST_ASSERT_EQUAL(0, stats().retired_blocks);
    for (uint32_t i = count + 1; i <= count + 10; i++) {
        TEST_ASSERT_EQUAL(IFL_OK, put("a", i, 300, &id));
        TEST_ASSERT_EQUAL_UINT64(i, id.n);
    }
    TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
    flash_double_power_off(&world.medium, FLASH_TEAR_NOTHING, 1);
    flash_double_power_on(&world.medium);
    mount();
    TEST_ASSERT_EQUAL(10, deliver_all("a"));
    TEST_ASSERT_EQUAL(0, stats().lost_records + stats().corrupt_records);
}

static void syncs_that_fail_cost_no_block(void)
{
    struct outbox_id id;
    struct outbox_message message;
    must_put("a", 1, 300);
    TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
    TEST_ASSERT_TRUE(first("a", &message));
    uint32_t free_blocks = stats().free_blocks;
    world.medium.syncs_fail = true;
    for (int i = 0; i < 30; i++) {
        TEST_ASSERT_EQUAL(IFL_OK, outbox_done(&world.box, message.lane, message.n));
        TEST_ASSERT_TRUE(outbox_flush(&world.box) != IFL_OK || i > 0);
        (void)outbox_step(&world.box, world.now += 5000);
    }
    TEST_ASSERT_EQUAL(free_blocks, stats().free_blocks);
    world.medium.syncs_fail = false;
    settle();
    TEST_ASSERT_EQUAL(IFL_OK, put("a", 2, 300, &id));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
    TEST_ASSERT_EQUAL(free_blocks, stats().free_blocks);
    flash_double_power_off(&world.medium, FLASH_TEAR_NOTHING, 1);
    flash_double_power_on(&world.medium);
    mount();
    deliver("a", 2, 300);
}

static void a_block_that_wears_out_after_a_failed_sync_is_left(void)
{
    struct outbox_message message;
    must_put("a", 1, 300);
    TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
    must_put("a", 2, 300);
    world.medium.syncs_fail = true;
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, outbox_sync(&world.box));
    uint32_t newest = world.box.lanes[lane("a")].newest;
    for (uint32_t at = 0; at < BLOCK_SIZE; at += 2048) {
        flash_double_wear_out(&world.medium, newest * BLOCK_SIZE + at, FLASH_WEAR_PROGRAM_FAILS);
    }
    world.medium.syncs_fail = false;
    for (int i = 0; i < 5; i++) {
        (void)outbox_step(&world.box, world.now += 5000);
    }
    settle();
    TEST_ASSERT_TRUE(world.box.lanes[lane("a")].newest != newest);
    deliver("a", 1, 300);
    must_put("a", 3, 300);
    TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
    uint32_t left = 0;
    for (bool any = first("a", &message); any; any = next(&message)) {
        must_hold(&message, (uint32_t)message.n, 300);
        left++;
    }
    TEST_ASSERT_TRUE(left >= 1); /* number 2 wasn't acknowledged: a part of it may have reached the medium */
}

static void a_message_that_was_begun_when_a_sync_failed_is_begun_again(void)
{
    uint8_t body[300];
    struct outbox_id id;
    struct outbox_message message;
    must_put("a", 1, 300);
    must_put("b", 1, 300);
    TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
    for (uint32_t i = 2; i <= 6; i++) {
        must_put("b", i, 300);
    }
    body_of(2, body, sizeof body);
    TEST_ASSERT_EQUAL(IFL_OK, outbox_put_begin(&world.box, lane("a"), sizeof body, (struct outbox_time){0}));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_put_write(&world.box, bytes_of(body, 299)));
    world.medium.syncs_fail = true;
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, outbox_sync(&world.box));
    world.medium.syncs_fail = false;
    (void)outbox_step(&world.box, world.now += 5000);
    TEST_ASSERT_TRUE(first("b", &message));
    TEST_ASSERT_FALSE(next(&message)); /* while a put is open nothing is written once more */
    enum ifl_status status = outbox_put_write(&world.box, bytes_of(body + 299, 1));
    status = status == IFL_OK ? outbox_put_commit(&world.box, &id) : status;
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, status);
    TEST_ASSERT_EQUAL(IFL_OK, put("a", 2, 300, &id));
    settle();
    TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
    flash_double_power_off(&world.medium, FLASH_TEAR_NOTHING, 1);
    flash_double_power_on(&world.medium);
    mount();
    for (uint32_t i = 1; i <= 2; i++) {
        deliver("a", i, 300);
    }
    for (uint32_t i = 1; i <= 6; i++) {
        deliver("b", i, 300); /* from 2 on they were written once more */
    }
}

static uint32_t erase_count(void)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < world.medium.sector_count; i++) {
        sum += world.medium.erases[i];
    }
    return sum;
}

static void nothing_is_erased_because_of_a_cursor_in_doubt(void)
{
    struct outbox_message message;
    for (uint32_t i = 1; i <= 30; i++) {
        must_put("a", i, 300);
    }
    TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
    settle();
    uint32_t erases = erase_count();
    world.medium.syncs_fail = true;
    for (uint32_t i = 1; i <= 20; i++) {
        TEST_ASSERT_TRUE(first("a", &message));
        TEST_ASSERT_EQUAL(IFL_OK, outbox_done(&world.box, message.lane, message.n));
        (void)outbox_step(&world.box, world.now += 700);
    }
    for (int i = 0; i < 10; i++) {
        (void)outbox_step(&world.box, world.now += 700);
    }
    TEST_ASSERT_EQUAL(erases, erase_count());
    world.medium.syncs_fail = false;
    settle();
    TEST_ASSERT_TRUE(erase_count() > erases);
}

static void dead_letters_that_cannot_be_made_durable_cost_no_block(void)
{
    struct outbox_message message;
    must_put("a", 1, 300);
    must_put("b", 1, 300);
    TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
    TEST_ASSERT_TRUE(first("a", &message));
    world.medium.syncs_fail = true;
    (void)outbox_dead_letter(&world.box, &message, IFL_ANSWER_CLIENT_ERROR);
    must_put("a", 2, 300);
    (void)outbox_sync(&world.box);
    uint32_t blocks = lane_stats("a").blocks;
    for (int i = 0; i < 10; i++) {
        TEST_ASSERT_TRUE(outbox_dead_letter(&world.box, &message, IFL_ANSWER_CLIENT_ERROR) != IFL_OK);
        must_put("a", 3, 20); /* so that the lane is in doubt again */
        (void)outbox_sync(&world.box);
    }
    TEST_ASSERT_EQUAL(blocks, lane_stats("a").blocks);
    TEST_ASSERT_EQUAL(IFL_OK, outbox_put_begin(&world.box, lane("b"), 300, (struct outbox_time){0}));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, outbox_dead_letter(&world.box, &message, IFL_ANSWER_CLIENT_ERROR));
    outbox_put_abandon(&world.box);
    world.medium.syncs_fail = false;
    settle();
    deliver("a", 1, 300);
    deliver("b", 1, 300);
}

static void a_batch_that_is_not_durable_is_none(void)
{
    struct outbox_batch batch;
    must_put("a", 1, 300);
    must_put("a", 2, 300);
    TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
    world.medium.syncs_fail = true;
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, outbox_batch_begin(&world.box, lane("a"), 2, 1));
    TEST_ASSERT_FALSE(outbox_batch_pending(&world.box, lane("a"), &batch));
    world.medium.syncs_fail = false;
    TEST_ASSERT_EQUAL(IFL_OK, outbox_batch_begin(&world.box, lane("a"), 2, 1));
    TEST_ASSERT_TRUE(outbox_batch_pending(&world.box, lane("a"), &batch));
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(nothing_is_shown_before_the_sync_and_everything_after_it);
    RUN_TEST(one_sync_is_enough_for_all_lanes);
    RUN_TEST(messages_that_were_not_synced_are_whole_or_absent_after_a_crash_and_ids_stay_unique);
    RUN_TEST(a_sync_that_fails_takes_back_what_was_not_acknowledged_and_nothing_else);
    RUN_TEST(a_sync_that_failed_unseen_is_told_at_the_next_one);
    RUN_TEST(a_lane_whose_sync_failed_works_on);
    RUN_TEST(a_full_store_goes_on_when_a_medium_whose_syncs_failed_works_again);
    RUN_TEST(syncs_that_fail_cost_no_block);
    RUN_TEST(a_block_that_wears_out_after_a_failed_sync_is_left);
    RUN_TEST(a_message_that_was_begun_when_a_sync_failed_is_begun_again);
    RUN_TEST(nothing_is_erased_because_of_a_cursor_in_doubt);
    RUN_TEST(dead_letters_that_cannot_be_made_durable_cost_no_block);
    RUN_TEST(a_batch_that_is_not_durable_is_none);
    return UNITY_END();
}
