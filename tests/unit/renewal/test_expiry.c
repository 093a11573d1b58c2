#include "renewal/expiry.h"

#include <string.h>

#include "unity.h"

#define DAY_S INT64_C(86400)
#define END_S (1000 * DAY_S)

static struct expiry_watch watch;
static struct health health;
static struct identity identity;

void setUp(void)
{
    health_init(&health);
    expiry_watch_init(&watch);
    memset(&identity, 0, sizeof identity);
    identity.chain_not_after = identity.not_after = END_S;
    identity.leaf_sha256[0] = 1;
}

void tearDown(void) {}

/* An hour before the `days` full days are over. */
static void at(int64_t days)
{
    expiry_watch_step(&watch, identity.leaf_sha256, identity.chain_not_after, END_S - days * DAY_S - 3600, &health, 1);
}

static void each_threshold_is_told_once(void)
{
    for (int64_t days = 100; days > 60; days--) {
        at(days);
    }
    TEST_ASSERT_EQUAL_UINT32(0, health_last_seq(&health));
    for (int64_t days = 60; days >= 0; days--) {
        at(days);
        at(days);
    }
    TEST_ASSERT_EQUAL_UINT32(5, health_last_seq(&health)); /* 60, 30, 14, 7, 1 */
    TEST_ASSERT_EQUAL(IFL_KEY_EXPIRES_SOON, health_event_at(&health, 5)->status);
    TEST_ASSERT_EQUAL_STRING("1972-09-27T00:00:00Z, 1 day left", health_event_at(&health, 5)->detail);
    at(-1);
    at(-2);
    TEST_ASSERT_EQUAL_UINT32(6, health_last_seq(&health));
    TEST_ASSERT_EQUAL(IFL_KEY_EXPIRED, health_event_at(&health, 6)->status);
}

static void a_device_that_was_off_meanwhile_tells_the_newest_one_only(void)
{
    at(80);
    at(9);
    TEST_ASSERT_EQUAL_UINT32(1, health_last_seq(&health));
    TEST_ASSERT_EQUAL_STRING("1972-09-27T00:00:00Z, 9 days left", health_event_at(&health, 1)->detail);
}

static void another_certificate_has_alarms_of_its_own(void)
{
    at(5);
    identity.leaf_sha256[0] = 2;
    at(5);
    TEST_ASSERT_EQUAL_UINT32(2,
                             health_event_at(&health, health_last_seq(&health))->repeated + health_last_seq(&health));
    identity.chain_not_after = END_S + 300 * DAY_S;
    identity.leaf_sha256[0] = 3;
    at(5);
    TEST_ASSERT_EQUAL(EXPIRY_ALARM_NONE, watch.told);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(each_threshold_is_told_once);
    RUN_TEST(a_device_that_was_off_meanwhile_tells_the_newest_one_only);
    RUN_TEST(another_certificate_has_alarms_of_its_own);
    return UNITY_END();
}
