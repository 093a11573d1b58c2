/* Several messages in one request: how many, when, and that what was tried once is repeated as the same. */
#include <stdio.h>
#include <string.h>

#include "unity.h"
#include "world.h"

#define MINUTE 60000u
#define EMPTY "Content-Length: 0\r\n\r\n"
#define LINE(status) "HTTP/1.1 " status " x\r\n"
#define REJECTED LINE("400") "SAP_MessageProcessingLogID: M\r\n" EMPTY

static struct settings_route *route;

void setUp(void)
{
    world_start();
    route = &world.settings.routes[0];
    route->body = SETTINGS_BODY_ARRAY;
    route->batch_count = 10;
    world_restart();
}

void tearDown(void) {}

static void put_texts(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char text[24];
        snprintf(text, sizeof text, "{\"i\":%u}", i);
        world_put_text(0, text);
    }
}

static void assert_last(const char *id, const char *body)
{
    const struct request *request = world_last_request();
    TEST_ASSERT_EQUAL_STRING(id, world_field(request, "SAP_ApplicationID"));
    TEST_ASSERT_EQUAL_UINT(strlen(body), request->body_size);
    TEST_ASSERT_EQUAL_MEMORY(body, request->body, strlen(body));
}

static void what_is_queued_goes_out_as_one_array(void)
{
    put_texts(3);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world.request_count);
    assert_last("1122334455667788-1-1..3", "[{\"i\":0},{\"i\":1},{\"i\":2}]");
    TEST_ASSERT_EQUAL_UINT(3, world_done_count(0));
    TEST_ASSERT_EQUAL_UINT64(3, world_route(0).accepted_count);
    TEST_ASSERT_EQUAL_UINT64(3, world.health.counters[HEALTH_ACCEPTED]);
}

static void while_a_batch_forms_its_own_messages_do_not_count_for_the_rate(void)
{
    route->max_rate = 60;
    route->batch_delay_ms = 2000;
    put_texts(1);
    world_run_for(2100);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    put_texts(9);
    world_run_for(4000); /* a second for the one before, two for the batch */
    TEST_ASSERT_EQUAL_UINT(10, world_done_count(0));
    TEST_ASSERT_EQUAL_UINT(2, world.request_count);
    put_texts(1);
    world_run_for(4000); /* nine seconds for the nine */
    TEST_ASSERT_EQUAL_UINT(2, world.request_count);
    world_run_for(8000);
    TEST_ASSERT_EQUAL_UINT(11, world_done_count(0));
}

static void or_as_lines(void)
{
    route->body = SETTINGS_BODY_LINES;
    put_texts(2);
    world_settle();
    assert_last("1122334455667788-1-1..2", "{\"i\":0}\n{\"i\":1}\n");
}

static void one_message_alone_is_an_array_too_under_its_own_id(void)
{
    put_texts(1);
    world_settle();
    assert_last("1122334455667788-1-1", "[{\"i\":0}]");
}

static void no_batch_has_more_messages_than_allowed(void)
{
    put_texts(25);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(3, world.request_count);
    assert_last("1122334455667788-1-21..25", "[{\"i\":20},{\"i\":21},{\"i\":22},{\"i\":23},{\"i\":24}]");
    TEST_ASSERT_EQUAL_UINT(25, world_done_count(0));
}

static void no_batch_is_larger_than_allowed_but_a_large_message_goes_alone(void)
{
    route->batch_size = 100;
    for (unsigned i = 0; i < 5; i++)
        world_put(0, 40);
    world_put(0, 500);
    world_put(0, 40);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(5, world.request_count); /* 2 + 2 + 1, the large one, the last one */
    for (size_t i = 0; i < world.request_count; i++)
        TEST_ASSERT_TRUE(world.requests[i].body_size <= 100 || world.requests[i].body_size == 502);
    TEST_ASSERT_EQUAL_UINT(7, world_done_count(0));
}

static void a_batch_waits_for_more_but_not_longer_than_its_delay(void)
{
    route->batch_delay_ms = 5000;
    put_texts(2);
    world_run_for(4900);
    TEST_ASSERT_EQUAL_UINT(0, world.request_count);
    put_texts(1);
    world_run_for(200);
    TEST_ASSERT_EQUAL_UINT(1, world.request_count);
    TEST_ASSERT_EQUAL_UINT(3, world_done_count(0));
}

static void a_full_batch_does_not_wait(void)
{
    route->batch_delay_ms = 3600000;
    put_texts(12);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(10, world_done_count(0));
    world_run_for(3600000 + 1000);
    TEST_ASSERT_EQUAL_UINT(12, world_done_count(0));
}

static void what_was_tried_once_is_repeated_as_the_same_batch(void)
{
    world_reply(LINE("503") EMPTY, IFL_AGAIN);
    world_reply("", IFL_CLOSED);
    put_texts(2);
    world_settle();
    put_texts(5);
    TEST_ASSERT_EQUAL_UINT64(2, world_recorded(0));
    world_run_for(MINUTE);
    TEST_ASSERT_EQUAL_UINT(4, world.request_count);
    for (size_t i = 0; i < 3; i++) {
        TEST_ASSERT_EQUAL_STRING("1122334455667788-1-1..2", world_field(&world.requests[i], "SAP_ApplicationID"));
        TEST_ASSERT_EQUAL_MEMORY("[{\"i\":0},{\"i\":1}]", world.requests[i].body, 17);
    }
    TEST_ASSERT_EQUAL_UINT(7, world_done_count(0));
}

static void also_after_a_restart_with_other_settings(void)
{
    world_reply("", IFL_CLOSED);
    put_texts(2);
    world_settle();
    route->batch_count = 1;
    route->body = SETTINGS_BODY_RAW;
    put_texts(1);
    world_restart();
    world_run_for(MINUTE);
    TEST_ASSERT_EQUAL_STRING("1122334455667788-1-1..2", world_field(&world.requests[1], "SAP_ApplicationID"));
    TEST_ASSERT_EQUAL_MEMORY("[{\"i\":0},{\"i\":1}]", world.requests[1].body, 17);
    assert_last("1122334455667788-1-3", "{\"i\":0}");
}

static void what_was_tried_once_is_finished_whatever_its_age(void)
{
    route->max_age_min = 1;
    world_reply("", IFL_CLOSED);
    put_texts(2);
    world_settle();
    world.open_default = IFL_NET_DNS;
    world_run_for(60 * MINUTE);
    put_texts(1);
    world_run_for(60 * MINUTE);
    world.open_default = IFL_OK;
    world_run_for(60 * MINUTE);
    TEST_ASSERT_EQUAL_STRING("1122334455667788-1-1..2", world_field(&world.requests[1], "SAP_ApplicationID"));
    TEST_ASSERT_EQUAL_UINT(1, world.gave_up_count); /* the one behind it */
    TEST_ASSERT_EQUAL_UINT(2, world.request_count);
}

static void of_a_rejected_batch_only_the_rejected_message_is_dead_lettered(void)
{
    world_reply(REJECTED, IFL_AGAIN);
    world_reply(HTTP_200, IFL_AGAIN);
    world_reply(REJECTED, IFL_AGAIN);
    put_texts(4);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(5, world.request_count);
    TEST_ASSERT_EQUAL_STRING("1122334455667788-1-2", world_field(&world.requests[2], "SAP_ApplicationID"));
    TEST_ASSERT_EQUAL_UINT(1, world.dead_count);
    TEST_ASSERT_EQUAL_UINT(3, world_done_count(0));
    put_texts(2); /* and batches go on */
    world_settle();
    TEST_ASSERT_EQUAL_UINT(6, world.request_count);
}

static void what_went_alone_from_a_rejected_batch_goes_alone_again(void)
{
    world_reply(REJECTED, IFL_AGAIN);
    world_reply("", IFL_CLOSED); /* it may have been accepted */
    world_reply("", IFL_CLOSED);
    put_texts(3);
    world_settle();
    assert_last("1122334455667788-1-1", "[{\"i\":0}]");
    world_restart();
    world_run_for(MINUTE);
    TEST_ASSERT_EQUAL_STRING("1122334455667788-1-1", world_field(&world.requests[3], "SAP_ApplicationID"));
    TEST_ASSERT_EQUAL_UINT(3, world_done_count(0));
}

static void also_behind_one_that_was_rejected(void)
{
    world_reply(REJECTED, IFL_AGAIN);
    world_reply(REJECTED, IFL_AGAIN);
    world_reply("", IFL_CLOSED);
    world_reply("", IFL_CLOSED);
    put_texts(3);
    world_settle();
    assert_last("1122334455667788-1-2", "[{\"i\":1}]");
    world_restart();
    world_run_for(MINUTE);
    TEST_ASSERT_EQUAL_STRING("1122334455667788-1-2", world_field(&world.requests[4], "SAP_ApplicationID"));
    TEST_ASSERT_EQUAL_UINT(2, world_done_count(0));
}

static void a_batch_that_is_too_large_for_the_flow_is_split(void)
{
    world_reply(LINE("413") EMPTY, IFL_AGAIN);
    put_texts(3);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(4, world.request_count);
    TEST_ASSERT_EQUAL_UINT(0, world.dead_count);
    TEST_ASSERT_EQUAL_UINT(3, world_done_count(0));
}

static void a_damaged_message_in_a_batch_is_given_up_alone(void)
{
    put_texts(3);
    world_corrupt(0, 2);
    world_run_for(MINUTE);
    TEST_ASSERT_EQUAL_UINT(1, world.gave_up_count);
    TEST_ASSERT_EQUAL_UINT(2, world_done_count(0));
}

static void a_message_that_is_missing_ends_a_batch_and_makes_a_recorded_one_void(void)
{
    world.gap_n = 3;
    put_texts(2);
    world_put_text(0, "lost");
    put_texts(1);
    world_settle();
    TEST_ASSERT_EQUAL_STRING("1122334455667788-1-1..2", world_field(&world.requests[0], "SAP_ApplicationID"));
}

static void a_store_that_cannot_record_a_batch_still_drains(void)
{
    world.batch_status = IFL_STORE_FULL;
    put_texts(3);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(3, world.request_count);
    TEST_ASSERT_EQUAL_UINT(3, world_done_count(0));
}

static void a_flash_that_is_erasing_is_waited_for(void)
{
    world.batch_status = IFL_FLASH_BUSY;
    put_texts(3);
    world_run_for(1000);
    TEST_ASSERT_EQUAL_UINT(0, world.request_count);
    world.batch_status = IFL_OK;
    world_run_for(100);
    TEST_ASSERT_EQUAL_UINT(3, world_done_count(0));
}

static void nothing_is_recorded_before_there_is_a_connection(void)
{
    world.open_default = IFL_NET_REFUSED;
    put_texts(2);
    world_run_for(MINUTE);
    TEST_ASSERT_EQUAL_UINT(0, world.batch_count);
}

static void large_batches_go_out_piece_by_piece_and_whole(void)
{
    route->batch_count = 100;
    world.write_size = 100;
    for (unsigned i = 0; i < 100; i++)
        world_put(0, 997);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world.request_count);
    TEST_ASSERT_EQUAL_UINT(99700 + 101, world_last_request()->body_size);
    TEST_ASSERT_EQUAL_UINT(100, world_done_count(0));
}

static void what_was_put_back_from_the_dead_letters_ends_the_batch_before_it(void)
{
    world.moved_n = 3;
    put_texts(4);
    world_settle();
    TEST_ASSERT_EQUAL_STRING("1122334455667788-1-1..2", world_field(&world.requests[0], "SAP_ApplicationID"));
    TEST_ASSERT_EQUAL_UINT(4, world_done_count(0));
}

static void a_new_log_id_ends_the_batch_before_it(void)
{
    world.new_log_n = 3;
    put_texts(4);
    world_settle();
    TEST_ASSERT_EQUAL_STRING("1122334455667788-1-1..2", world_field(&world.requests[0], "SAP_ApplicationID"));
}

static void messages_that_cannot_be_looked_for_now_are_waited_for(void)
{
    world.next_busy_count = 3;
    put_texts(3);
    world_run_for(1000);
    TEST_ASSERT_EQUAL_UINT(1, world.request_count);
    assert_last("1122334455667788-1-1..3", "[{\"i\":0},{\"i\":1},{\"i\":2}]");
}

static void a_recorded_batch_that_cannot_be_made_again_goes_message_by_message(void)
{
    static const struct {
        outbox_n last_n;
        uint8_t format;
    } recorded[] = {{2, 99}, {5, SETTINGS_BODY_ARRAY}}; /* of a later program; messages of it are gone */
    for (size_t i = 0; i < 2; i++) {
        setUp();
        put_texts(3);
        world_record(0, recorded[i].last_n, recorded[i].format);
        world_run_for(MINUTE);
        TEST_ASSERT_EQUAL_STRING("1122334455667788-1-1", world_field(&world.requests[0], "SAP_ApplicationID"));
        TEST_ASSERT_EQUAL_UINT(3, world_done_count(0));
    }
}

static void a_message_that_goes_bad_between_two_tries_ends_the_batch(void)
{
    world_reply(LINE("503") EMPTY, IFL_AGAIN);
    put_texts(3);
    world_settle();
    TEST_ASSERT_EQUAL_UINT64(3, world_recorded(0));
    world.gap_n = 2;
    world_run_for(MINUTE);
    TEST_ASSERT_TRUE(world.request_count >= 2);
    TEST_ASSERT_EQUAL_STRING("1122334455667788-1-1", world_field(&world.requests[1], "SAP_ApplicationID"));
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(what_is_queued_goes_out_as_one_array);
    RUN_TEST(while_a_batch_forms_its_own_messages_do_not_count_for_the_rate);
    RUN_TEST(or_as_lines);
    RUN_TEST(one_message_alone_is_an_array_too_under_its_own_id);
    RUN_TEST(no_batch_has_more_messages_than_allowed);
    RUN_TEST(no_batch_is_larger_than_allowed_but_a_large_message_goes_alone);
    RUN_TEST(a_batch_waits_for_more_but_not_longer_than_its_delay);
    RUN_TEST(a_full_batch_does_not_wait);
    RUN_TEST(what_was_tried_once_is_repeated_as_the_same_batch);
    RUN_TEST(also_after_a_restart_with_other_settings);
    RUN_TEST(what_was_tried_once_is_finished_whatever_its_age);
    RUN_TEST(of_a_rejected_batch_only_the_rejected_message_is_dead_lettered);
    RUN_TEST(what_went_alone_from_a_rejected_batch_goes_alone_again);
    RUN_TEST(also_behind_one_that_was_rejected);
    RUN_TEST(a_batch_that_is_too_large_for_the_flow_is_split);
    RUN_TEST(a_damaged_message_in_a_batch_is_given_up_alone);
    RUN_TEST(a_message_that_is_missing_ends_a_batch_and_makes_a_recorded_one_void);
    RUN_TEST(a_store_that_cannot_record_a_batch_still_drains);
    RUN_TEST(a_flash_that_is_erasing_is_waited_for);
    RUN_TEST(nothing_is_recorded_before_there_is_a_connection);
    RUN_TEST(large_batches_go_out_piece_by_piece_and_whole);
    RUN_TEST(what_was_put_back_from_the_dead_letters_ends_the_batch_before_it);
    RUN_TEST(a_new_log_id_ends_the_batch_before_it);
    RUN_TEST(messages_that_cannot_be_looked_for_now_are_waited_for);
    RUN_TEST(a_recorded_batch_that_cannot_be_made_again_goes_message_by_message);
    RUN_TEST(a_message_that_goes_bad_between_two_tries_ends_the_batch);
    return UNITY_END();
}
