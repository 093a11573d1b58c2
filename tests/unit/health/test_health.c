/* Counters and the ring of events. */
#include "health/health.h"

#include <string.h>

#include "unity.h"

static struct health health;
static unsigned heard;
static uint32_t heard_seq;

static void listen(void *ctx, const struct health_event *event)
{
    (void)ctx;
    heard++;
    heard_seq = event->seq;
}

void setUp(void)
{
    health_init(&health);
    health.listener = listen;
    heard = 0;
}

void tearDown(void) {}

static void a_new_health_has_no_events_and_zero_counters(void)
{
    TEST_ASSERT_EQUAL_UINT32(0, health_first_seq(&health));
    TEST_ASSERT_EQUAL_UINT32(0, health_last_seq(&health));
    TEST_ASSERT_NULL(health_event_at(&health, 0));
    TEST_ASSERT_NULL(health_event_at(&health, 1));
    for (unsigned i = 0; i < HEALTH_COUNTER_COUNT; i++)
        TEST_ASSERT_EQUAL_UINT64(0, health.counters[i]);
}

static void counters_add_up_and_an_unknown_counter_changes_nothing(void)
{
    health_count(&health, HEALTH_BYTES_SENT, 5000000000u);
    health_count(&health, HEALTH_BYTES_SENT, 7);
    health_count(&health, HEALTH_COUNTER_COUNT, 1);
    TEST_ASSERT_EQUAL_UINT64(5000000007u, health.counters[HEALTH_BYTES_SENT]);
    TEST_ASSERT_EQUAL_UINT32(0, health_last_seq(&health));
}

static void every_counter_has_a_name_of_its_own(void)
{
    for (unsigned i = 0; i < HEALTH_COUNTER_COUNT; i++) {
        TEST_ASSERT_NOT_EQUAL(0, strlen(health_counter_name((enum health_counter)i)));
        for (unsigned j = 0; j < i; j++)
            TEST_ASSERT_NOT_EQUAL(
                0, strcmp(health_counter_name((enum health_counter)i), health_counter_name((enum health_counter)j)));
    }
    TEST_ASSERT_EQUAL_STRING("", health_counter_name(HEALTH_COUNTER_COUNT));
}

static void an_event_can_be_read_back_by_its_number(void)
{
    health_event(&health, 77, IFL_NET_DNS, 3, "host.example");
    const struct health_event *event = health_event_at(&health, 1);
    TEST_ASSERT_NOT_NULL(event);
    TEST_ASSERT_EQUAL_UINT32(1, event->seq);
    TEST_ASSERT_EQUAL_UINT64(77, event->at);
    TEST_ASSERT_EQUAL(IFL_NET_DNS, event->status);
    TEST_ASSERT_EQUAL_UINT8(3, event->route);
    TEST_ASSERT_EQUAL_STRING("host.example", event->detail);
    TEST_ASSERT_EQUAL_UINT32(1, heard_seq);
}

static void the_same_event_again_is_counted_and_not_told_again(void)
{
    for (unsigned i = 0; i < 1000; i++)
        health_event(&health, i, IFL_NET_DNS, HEALTH_ROUTE_NONE, NULL);
    TEST_ASSERT_EQUAL_UINT32(1, health_last_seq(&health));
    TEST_ASSERT_EQUAL_UINT32(999, health_event_at(&health, 1)->repeated);
    TEST_ASSERT_EQUAL_UINT64(999, health_event_at(&health, 1)->at);
    TEST_ASSERT_EQUAL_UINT(1, heard);
}

static void another_status_route_or_detail_is_another_event(void)
{
    health_event(&health, 1, IFL_NET_DNS, 1, "a");
    health_event(&health, 2, IFL_NET_DNS, 1, "b");
    health_event(&health, 3, IFL_NET_DNS, 2, "b");
    health_event(&health, 4, IFL_NET_DOWN, 2, "b");
    TEST_ASSERT_EQUAL_UINT32(4, health_last_seq(&health));
    TEST_ASSERT_EQUAL_UINT(4, heard);
}

static void a_long_detail_is_cut_and_equals_itself(void)
{
    char longer[200];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    health_event(&health, 1, IFL_HTTP_CUT, 0, longer);
    health_event(&health, 2, IFL_HTTP_CUT, 0, longer);
    TEST_ASSERT_EQUAL_UINT32(1, health_last_seq(&health));
    TEST_ASSERT_EQUAL_UINT(HEALTH_DETAIL_SIZE - 1, strlen(health_event_at(&health, 1)->detail));
}

static void the_ring_keeps_the_newest_events(void)
{
    for (unsigned i = 1; i <= 3 * IFL_EVENT_COUNT + 5; i++)
        health_event(&health, i, IFL_OK, (uint8_t)(i % 2), NULL);
    uint32_t last = health_last_seq(&health);
    TEST_ASSERT_EQUAL_UINT32(3 * IFL_EVENT_COUNT + 5, last);
    TEST_ASSERT_EQUAL_UINT32(last - IFL_EVENT_COUNT + 1, health_first_seq(&health));
    TEST_ASSERT_NULL(health_event_at(&health, health_first_seq(&health) - 1));
    TEST_ASSERT_NULL(health_event_at(&health, last + 1));
    for (uint32_t seq = health_first_seq(&health); seq <= last; seq++)
        TEST_ASSERT_EQUAL_UINT32(seq, health_event_at(&health, seq)->seq);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_new_health_has_no_events_and_zero_counters);
    RUN_TEST(counters_add_up_and_an_unknown_counter_changes_nothing);
    RUN_TEST(every_counter_has_a_name_of_its_own);
    RUN_TEST(an_event_can_be_read_back_by_its_number);
    RUN_TEST(the_same_event_again_is_counted_and_not_told_again);
    RUN_TEST(another_status_route_or_detail_is_another_event);
    RUN_TEST(a_long_detail_is_cut_and_equals_itself);
    RUN_TEST(the_ring_keeps_the_newest_events);
    return UNITY_END();
}
