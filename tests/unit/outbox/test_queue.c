/* First in, first out, each message under one id for life. (Every power cut in every operation: tests/powerloss.) */
#include "world.h"

#include <stdio.h>
#include <string.h>

void setUp(void)
{
    world_start(1, 12, 2, false);
    mount();
    settle();
}

void tearDown(void)
{
    world_end();
}

static void messages_come_in_order_and_whole_across_restarts(void)
{
    static const uint32_t granularities[] = {1, 8, 32, 256};
    for (size_t g = 0; g < sizeof granularities / sizeof granularities[0]; g++) {
        uint32_t put_count = 0, got_count = 0;
        world_start(granularities[g], 12, 2, false);
        mount();
        for (int round = 0; round < 12; round++) {
            for (int i = 0; i < 8; i++, put_count++) {
                must_put("a", put_count + 1, 1 + put_count * 37 % 500);
            }
            for (int i = 0; i < (round < 6 ? 6 : 10); i++, got_count++) {
                deliver("a", got_count + 1, 1 + got_count * 37 % 500);
            }
            restart();
            TEST_ASSERT_EQUAL(put_count - got_count, queued("a"));
        }
        TEST_ASSERT_EQUAL(put_count, got_count);
    }
}

static void a_queue_is_listed_from_first_to_next_without_being_changed(void)
{
    struct outbox_message message;
    for (uint32_t i = 1; i <= 40; i++) {
        must_put("a", i, 200);
        must_put("b", 100 + i, 10);
    }
    for (int round = 0; round < 2; round++) {
        uint32_t i = 1;
        for (bool any = first("a", &message); any; any = next(&message), i++) {
            TEST_ASSERT_EQUAL_UINT64(i, message.n);
            TEST_ASSERT_EQUAL(1000 + i, message.time.unix_s);
            TEST_ASSERT_EQUAL(2, message.time.quality);
            must_hold(&message, i, 200);
        }
        TEST_ASSERT_EQUAL(41, i);
        TEST_ASSERT_EQUAL_UINT64(40, queued("a"));
        restart();
    }
}

static void numbers_have_no_gaps_and_ids_never_change(void)
{
    struct outbox_id id;
    struct outbox_message message;
    char text_buf[OUTBOX_ID_TEXT_SIZE];
    uint64_t log = stats().log_id;
    for (uint32_t i = 1; i <= 30; i++) {
        TEST_ASSERT_EQUAL(IFL_OK, put("b", i, 120, &id));
        TEST_ASSERT_EQUAL_UINT64(i, id.n);
        TEST_ASSERT_EQUAL(lane("b"), id.lane);
        TEST_ASSERT_EQUAL_UINT64(log, id.log);
        if (i % 5 == 0) {
            restart();
        }
        TEST_ASSERT_TRUE(first("b", &message));
        TEST_ASSERT_EQUAL_UINT64(1, message.id.n);
        TEST_ASSERT_EQUAL_UINT64(log, message.id.log);
    }
    struct text out;
    text_init(&out, text_buf, sizeof text_buf);
    outbox_id_text(&id, &out);
    char expected[OUTBOX_ID_TEXT_SIZE];
    snprintf(expected, sizeof expected, "%016llx-%u-30", (unsigned long long)log, lane("b"));
    TEST_ASSERT_EQUAL_STRING(expected, text_buf);
}

static void a_drained_lane_goes_on_counting_after_a_restart(void)
{
    struct outbox_id id;
    for (uint32_t i = 1; i <= 100; i++) {
        must_put("a", i, 300);
        deliver("a", i, 300);
    }
    restart();
    struct outbox_message message;
    TEST_ASSERT_FALSE(first("a", &message));
    TEST_ASSERT_EQUAL(IFL_OK, put("a", 101, 300, &id));
    TEST_ASSERT_EQUAL_UINT64(101, id.n);
}

static void the_time_of_a_message_comes_back_to_its_limits(void)
{
    static const struct outbox_time times[] = {
        {0, 0, 0}, {(INT64_C(1) << 40) - 1, 4, 0xFFFFFF}, {253402300799, 3, 1}, {1, 1, 0x800000}};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct outbox_id id;
        struct outbox_message message;
        TEST_ASSERT_EQUAL(IFL_OK, outbox_put(&world.box, lane("a"), bytes_of_string("x"), times[i], &id));
        restart();
        TEST_ASSERT_TRUE(first("a", &message));
        TEST_ASSERT_EQUAL_INT64(times[i].unix_s, message.time.unix_s);
        TEST_ASSERT_EQUAL_UINT32(times[i].uptime_min, message.time.uptime_min);
        TEST_ASSERT_EQUAL_UINT8(times[i].quality, message.time.quality);
        TEST_ASSERT_EQUAL(IFL_OK, outbox_done(&world.box, lane("a"), message.n));
    }
}

static void payloads_of_every_size_are_streamed_in_pieces_of_any_size(void)
{
    static uint8_t body[BLOCK_SIZE];
    struct outbox_time time = {0};
    uint32_t max = stats().payload_max;
    TEST_ASSERT_EQUAL(BLOCK_SIZE / 2 - 96, max);
    for (uint32_t size = 1; size <= max; size += size < 140 || size > max - 70 ? 1 : 97) {
        struct outbox_id id;
        enum ifl_status status;
        body_of(size, body, size);
        while ((status = outbox_put_begin(&world.box, lane("a"), size, time)) == IFL_FLASH_BUSY) {
            (void)outbox_step(&world.box, world.now++);
        }
        TEST_ASSERT_EQUAL(IFL_OK, status);
        for (uint32_t done = 0, piece = 0; done < size; done += piece) {
            piece = 1 + (size + done) % 130;
            piece = piece < size - done ? piece : size - done;
            TEST_ASSERT_EQUAL(IFL_OK, outbox_put_write(&world.box, bytes_of(body + done, piece)));
        }
        TEST_ASSERT_EQUAL(IFL_OK, outbox_put_commit(&world.box, &id));
        deliver("a", size, size);
    }
}

static void wrong_puts_are_refused_and_write_nothing(void)
{
    static uint8_t body[BLOCK_SIZE];
    struct outbox_id id;
    struct outbox_time time = {0};
    must_put("a", 1, 10);
    uint64_t before = world.medium.operations;
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_put_begin(&world.box, lane("a"), 0, time));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_put_begin(&world.box, OUTBOX_LANE_DEAD, 1, time));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_put_begin(&world.box, OUTBOX_LANE_NONE, 1, time));
    TEST_ASSERT_EQUAL(IFL_TOO_LARGE, outbox_put_begin(&world.box, lane("a"), stats().payload_max + 1, time));
    TEST_ASSERT_EQUAL(IFL_TOO_LARGE, outbox_put(&world.box, lane("a"), bytes_of(body, SIZE_MAX), time, &id));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_put_write(&world.box, bytes_of(body, 1)));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_put_commit(&world.box, &id));
    TEST_ASSERT_EQUAL_UINT64(before, world.medium.operations);
    TEST_ASSERT_EQUAL(IFL_OK, outbox_put_begin(&world.box, lane("a"), 5, time));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_put_begin(&world.box, lane("b"), 5, time));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_put_write(&world.box, bytes_of(body, 4)));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_put_write(&world.box, bytes_of(body, 2)));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_put_commit(&world.box, &id));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_put_write(&world.box, bytes_of(body, 1)));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_put_commit(&world.box, &id));
    TEST_ASSERT_EQUAL_UINT64(2, id.n);
}

static void an_abandoned_put_is_never_seen_and_its_number_goes_to_the_next(void)
{
    static uint8_t body[1000];
    uint32_t serial = 0;
    for (uint32_t written = 0; written <= sizeof body; written += 125) {
        struct outbox_id id;
        enum ifl_status status;
        while ((status = outbox_put_begin(&world.box, lane("a"), sizeof body, (struct outbox_time){0})) ==
               IFL_FLASH_BUSY) {
            (void)outbox_step(&world.box, world.now++);
        }
        TEST_ASSERT_EQUAL(IFL_OK, status);
        memset(body, 0xA5, sizeof body); /* looks like headers */
        TEST_ASSERT_EQUAL(IFL_OK, outbox_put_write(&world.box, bytes_of(body, written)));
        outbox_put_abandon(&world.box);
        TEST_ASSERT_EQUAL(IFL_OK, put("a", ++serial, 50, &id));
        TEST_ASSERT_EQUAL_UINT64(serial, id.n);
    }
    restart();
    for (uint32_t i = 1; i <= serial; i++) {
        deliver("a", i, 50);
    }
    struct outbox_message message;
    TEST_ASSERT_FALSE(first("a", &message));
}

static void a_put_that_the_medium_failed_in_is_no_longer_open(void)
{
    uint8_t body[100];
    struct outbox_id id;
    body_of(1, body, sizeof body);
    for (int at_commit = 0; at_commit < 2; at_commit++) {
        world_start(1, 8, 1, false);
        mount();
        settle();
        TEST_ASSERT_EQUAL(IFL_OK, outbox_put_begin(&world.box, lane("a"), sizeof body, (struct outbox_time){0}));
        if (at_commit) {
            TEST_ASSERT_EQUAL(IFL_OK, outbox_put_write(&world.box, bytes_of(body, sizeof body)));
        }
        world.medium.off = true; /* no reading either, for a moment */
        TEST_ASSERT_EQUAL(IFL_FLASH_IO, at_commit ? outbox_put_commit(&world.box, &id)
                                                  : outbox_put_write(&world.box, bytes_of(body, sizeof body)));
        world.medium.off = false;
        must_put("a", 2, 100);
        deliver("a", 2, 100);
        world_end();
    }
    world_start(1, 8, 1, false);
}

static void a_cursor_that_was_not_written_means_the_same_messages_under_the_same_ids(void)
{
    world_start(256, 12, 1, false);
    mount();
    settle();
    struct outbox_message before, after;
    for (uint32_t i = 1; i <= 6; i++) {
        must_put("a", i, 100);
    }
    TEST_ASSERT_TRUE(first("a", &before));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_done(&world.box, lane("a"), 3)); /* in RAM only */
    mount();
    TEST_ASSERT_TRUE(first("a", &after));
    TEST_ASSERT_EQUAL_UINT64(1, after.id.n);
    TEST_ASSERT_EQUAL_UINT64(before.id.log, after.id.log);
    must_hold(&after, 1, 100);
}

static void what_is_finished_and_flushed_never_comes_back(void)
{
    for (uint32_t i = 1; i <= 60; i++) {
        must_put("a", i, 200);
    }
    for (uint32_t i = 1; i <= 60; i++) {
        deliver("a", i, 200);
        TEST_ASSERT_EQUAL(IFL_OK, outbox_flush(&world.box));
        mount();
        TEST_ASSERT_EQUAL_UINT64(60 - i, queued("a"));
        settle();
    }
}

static void done_for_numbers_that_were_never_given_is_refused(void)
{
    must_put("a", 1, 10);
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_done(&world.box, lane("a"), 2));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_done(&world.box, OUTBOX_LANE_NONE, 1));
    TEST_ASSERT_EQUAL_UINT64(1, queued("a"));
}

static void a_dead_letter_keeps_its_id_time_and_reason(void)
{
    struct outbox_message message, dead;
    for (uint32_t i = 1; i <= 3; i++) {
        must_put("a", i, 100 * i);
    }
    TEST_ASSERT_TRUE(first("a", &message));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_dead_letter(&world.box, &message, IFL_ANSWER_REJECTED));
    deliver("a", 2, 200);
    for (int round = 0; round < 3; round++) {
        TEST_ASSERT_TRUE(first("dead-letters", &dead));
        TEST_ASSERT_TRUE(dead.id.log == message.id.log && dead.id.lane == lane("a") && dead.id.n == 1);
        TEST_ASSERT_EQUAL(IFL_ANSWER_REJECTED, dead.reason);
        TEST_ASSERT_EQUAL(1001, dead.time.unix_s);
        must_hold(&dead, 1, 100);
        TEST_ASSERT_EQUAL_UINT64(1, queued("dead-letters"));
        TEST_ASSERT_EQUAL_UINT64(1, queued("a"));
        restart();
    }
    deliver("a", 3, 300);
}

static void only_the_first_message_of_a_lane_becomes_a_dead_letter(void)
{
    struct outbox_message message, second;
    must_put("a", 1, 10);
    must_put("a", 2, 10);
    TEST_ASSERT_TRUE(first("a", &message));
    second = message;
    TEST_ASSERT_TRUE(next(&second));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_dead_letter(&world.box, &second, IFL_ANSWER_REJECTED));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_dead_letter(&world.box, &message, IFL_ANSWER_REJECTED));
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, outbox_dead_letter(&world.box, &message, IFL_ANSWER_REJECTED));
    TEST_ASSERT_EQUAL_UINT64(1, queued("dead-letters"));
}

static void a_dead_letter_is_queued_again_under_its_old_id(void)
{
    struct outbox_message message, dead;
    must_put("a", 1, 100);
    must_put("a", 2, 100);
    TEST_ASSERT_TRUE(first("a", &message));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_dead_letter(&world.box, &message, IFL_ANSWER_REJECTED));
    TEST_ASSERT_TRUE(first("dead-letters", &dead));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_requeue(&world.box, &dead, lane("a")));
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, outbox_requeue(&world.box, &dead, lane("a")));
    restart();
    TEST_ASSERT_FALSE(first("dead-letters", &dead));
    deliver("a", 2, 100);
    TEST_ASSERT_TRUE(first("a", &message));
    TEST_ASSERT_EQUAL_UINT64(1, message.id.n);
    TEST_ASSERT_EQUAL_UINT64(3, message.n);
    TEST_ASSERT_EQUAL(0, message.reason);
    must_hold(&message, 1, 100);
}

static void dead_letters_are_buried_in_any_order(void)
{
    struct outbox_message message, dead;
    for (uint32_t i = 1; i <= 5; i++) {
        must_put("a", i, 100);
        TEST_ASSERT_TRUE(first("a", &message));
        TEST_ASSERT_EQUAL(IFL_OK, outbox_dead_letter(&world.box, &message, IFL_ANSWER_REJECTED));
    }
    TEST_ASSERT_TRUE(first("dead-letters", &dead));
    TEST_ASSERT_TRUE(next(&dead));
    TEST_ASSERT_TRUE(next(&dead));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_bury(&world.box, &dead)); /* 3 */
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, outbox_bury(&world.box, &dead));
    TEST_ASSERT_TRUE(first("dead-letters", &dead));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_bury(&world.box, &dead)); /* 1 */
    restart();
    static const uint32_t left[] = {2, 4, 5};
    TEST_ASSERT_TRUE(first("dead-letters", &dead));
    for (size_t i = 0; i < 3; i++) {
        TEST_ASSERT_EQUAL_UINT64(left[i], dead.id.n);
        must_hold(&dead, left[i], 100);
        TEST_ASSERT_EQUAL(i < 2, next(&dead));
    }
}

static void messages_given_up_are_gone_counted_and_their_reason_is_known_after_a_restart(void)
{
    for (uint32_t i = 1; i <= 50; i++) {
        must_put("a", i, 150);
    }
    TEST_ASSERT_EQUAL(IFL_OK, outbox_give_up(&world.box, lane("a"), 48, IFL_STORE_EXPIRED));
    for (int round = 0; round < 3; round++) {
        TEST_ASSERT_EQUAL_UINT64(48, lane_stats("a").given_up);
        TEST_ASSERT_EQUAL(IFL_STORE_EXPIRED, lane_stats("a").last_reason);
        TEST_ASSERT_EQUAL_UINT64(49, lane_stats("a").first_n);
        restart();
    }
    deliver("a", 49, 150);
    deliver("a", 50, 150);
}

static void expect_batch(uint64_t first_n, uint64_t last_n, uint8_t format)
{
    struct outbox_batch batch;
    TEST_ASSERT_TRUE(outbox_batch_pending(&world.box, lane("a"), &batch));
    TEST_ASSERT_EQUAL_UINT64(first_n, batch.first_n);
    TEST_ASSERT_EQUAL_UINT64(last_n, batch.last_n);
    TEST_ASSERT_EQUAL(format, batch.format);
}

static bool is_batch(void)
{
    struct outbox_batch batch;
    return outbox_batch_pending(&world.box, lane("a"), &batch);
}

static void start_with_messages(uint32_t count)
{
    world_start(8, 8, 2, false);
    mount();
    settle();
    for (uint32_t i = 1; i <= count; i++) {
        must_put("a", i, 100);
    }
}

static void a_batch_is_the_same_batch_after_every_restart_until_it_is_done(void)
{
    start_with_messages(6);
    deliver("a", 1, 100); /* this cursor isn't on flash when the batch begins */
    TEST_ASSERT_FALSE(is_batch());
    TEST_ASSERT_EQUAL(IFL_OK, outbox_batch_begin(&world.box, lane("a"), 4, 7));
    expect_batch(2, 4, 7);
    for (uint32_t i = 1; i <= 60; i++) { /* power cuts, records behind RESUMEs, and new blocks */
        mount();
        expect_batch(2, 4, 7);
        must_put("a", 100 + i, 100);
        expect_batch(2, 4, 7);
    }
    TEST_ASSERT_TRUE(lane_stats("a").blocks > 1);
    TEST_ASSERT_EQUAL(IFL_OK, outbox_done(&world.box, lane("a"), 4));
    TEST_ASSERT_FALSE(is_batch());
    TEST_ASSERT_EQUAL(IFL_OK, outbox_flush(&world.box));
    mount();
    TEST_ASSERT_FALSE(is_batch());
    deliver("a", 5, 100);
}

static void a_batch_ends_when_its_first_message_does(void)
{
    struct outbox_message message;
    start_with_messages(6);
    TEST_ASSERT_EQUAL(IFL_OK, outbox_batch_begin(&world.box, lane("a"), 2, 1));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_give_up(&world.box, lane("a"), 1, IFL_STORE_EXPIRED));
    TEST_ASSERT_FALSE(is_batch());
    TEST_ASSERT_EQUAL(IFL_OK, outbox_batch_begin(&world.box, lane("a"), 4, 2));
    TEST_ASSERT_TRUE(first("a", &message));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_dead_letter(&world.box, &message, IFL_ANSWER_REJECTED));
    TEST_ASSERT_FALSE(is_batch());
    mount();
    TEST_ASSERT_FALSE(is_batch());
    TEST_ASSERT_EQUAL(IFL_OK, outbox_batch_begin(&world.box, lane("a"), 6, 3));
    expect_batch(3, 6, 3);
}

static void a_batch_holds_what_is_there_and_only_one_is_open(void)
{
    start_with_messages(3);
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_batch_begin(&world.box, lane("a"), 0, 1));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_batch_begin(&world.box, lane("a"), 4, 1));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_batch_begin(&world.box, OUTBOX_LANE_NONE, 1, 1));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_batch_begin(&world.box, lane("a"), 2, 1));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_batch_begin(&world.box, lane("a"), 3, 1));
    expect_batch(1, 2, 1);
}

static void a_shorter_batch_takes_the_place_of_one_that_was_tried(void)
{
    start_with_messages(4);
    TEST_ASSERT_EQUAL(IFL_OK, outbox_batch_begin(&world.box, lane("a"), 3, 1));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_batch_begin(&world.box, lane("a"), 3, 1));
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_batch_begin(&world.box, lane("a"), 4, 1));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_batch_begin(&world.box, lane("a"), 1, 2));
    expect_batch(1, 1, 2);
    mount();
    expect_batch(1, 1, 2);
    TEST_ASSERT_EQUAL(IFL_INVALID, outbox_batch_begin(&world.box, lane("a"), 0, 1));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_done(&world.box, lane("a"), 1));
    TEST_ASSERT_FALSE(is_batch());
}

static void a_clean_stop_is_known_as_one_whatever_lies_last(void)
{
    static const uint32_t granules[] = {1, 8, 32, 256};
    for (size_t g = 0; g < 4; g++) {
        for (uint32_t size = 1; size <= 70; size++) {
            world_start(granules[g], 8, 1, size % 2 != 0);
            mount();
            settle();
            must_put("a", 1, size);
            TEST_ASSERT_EQUAL(IFL_OK, outbox_flush(&world.box));
            mount();
            TEST_ASSERT_FALSE(stats().resumed);
            TEST_ASSERT_EQUAL_UINT64(1, queued("a"));
        }
    }
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(messages_come_in_order_and_whole_across_restarts);
    RUN_TEST(a_queue_is_listed_from_first_to_next_without_being_changed);
    RUN_TEST(numbers_have_no_gaps_and_ids_never_change);
    RUN_TEST(a_drained_lane_goes_on_counting_after_a_restart);
    RUN_TEST(the_time_of_a_message_comes_back_to_its_limits);
    RUN_TEST(payloads_of_every_size_are_streamed_in_pieces_of_any_size);
    RUN_TEST(wrong_puts_are_refused_and_write_nothing);
    RUN_TEST(an_abandoned_put_is_never_seen_and_its_number_goes_to_the_next);
    RUN_TEST(a_put_that_the_medium_failed_in_is_no_longer_open);
    RUN_TEST(a_cursor_that_was_not_written_means_the_same_messages_under_the_same_ids);
    RUN_TEST(what_is_finished_and_flushed_never_comes_back);
    RUN_TEST(done_for_numbers_that_were_never_given_is_refused);
    RUN_TEST(a_dead_letter_keeps_its_id_time_and_reason);
    RUN_TEST(only_the_first_message_of_a_lane_becomes_a_dead_letter);
    RUN_TEST(a_dead_letter_is_queued_again_under_its_old_id);
    RUN_TEST(dead_letters_are_buried_in_any_order);
    RUN_TEST(messages_given_up_are_gone_counted_and_their_reason_is_known_after_a_restart);
    RUN_TEST(a_batch_is_the_same_batch_after_every_restart_until_it_is_done);
    RUN_TEST(a_batch_ends_when_its_first_message_does);
    RUN_TEST(a_batch_holds_what_is_there_and_only_one_is_open);
    RUN_TEST(a_shorter_batch_takes_the_place_of_one_that_was_tried);
    RUN_TEST(a_clean_stop_is_known_as_one_whatever_lies_last);
    return UNITY_END();
}
