/* How long an identity is still good. */
#include "identity/service_key.h"

#include "unity.h"

#define DAY_S 86400

#define END_S (1000 * DAY_S)

static int64_t days;

void setUp(void)
{
    days = 4711;
}

void tearDown(void) {}

static void a_key_is_fine_until_sixty_days_are_left(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, identity_expiry(END_S, 939 * DAY_S, &days));
    TEST_ASSERT_EQUAL(61, days);
    TEST_ASSERT_EQUAL(IFL_KEY_EXPIRES_SOON, identity_expiry(END_S, 939 * DAY_S + 1, &days));
    TEST_ASSERT_EQUAL(60, days);
}

static void the_last_second_is_good(void)
{
    TEST_ASSERT_EQUAL(IFL_KEY_EXPIRES_SOON, identity_expiry(END_S, 1000 * DAY_S, &days));
    TEST_ASSERT_EQUAL(0, days);
    TEST_ASSERT_EQUAL(IFL_KEY_EXPIRED, identity_expiry(END_S, 1000 * DAY_S + 1, &days));
    TEST_ASSERT_EQUAL(-1, days);
    TEST_ASSERT_EQUAL(IFL_KEY_EXPIRED, identity_expiry(END_S, 1001 * DAY_S + 1, &days));
    TEST_ASSERT_EQUAL(-2, days);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_key_is_fine_until_sixty_days_are_left);
    RUN_TEST(the_last_second_is_good);
    return UNITY_END();
}
