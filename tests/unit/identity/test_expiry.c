/* How long an identity is still good. */
#include "identity/service_key.h"

#include "unity.h"

#define DAY_S 86400

static const struct identity key = {.not_after = 2000 * DAY_S, .chain_not_after = 1000 * DAY_S};
static int64_t days;

void setUp(void)
{
    days = 4711;
}

void tearDown(void) {}

static void a_key_is_fine_until_sixty_days_are_left(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, identity_expiry(&key, 939 * DAY_S, &days));
    TEST_ASSERT_EQUAL(61, days);
    TEST_ASSERT_EQUAL(IFL_KEY_EXPIRES_SOON, identity_expiry(&key, 939 * DAY_S + 1, &days));
    TEST_ASSERT_EQUAL(60, days);
}

static void the_first_certificate_that_ends_counts_and_its_last_second_is_good(void)
{
    TEST_ASSERT_EQUAL(IFL_KEY_EXPIRES_SOON, identity_expiry(&key, 1000 * DAY_S, &days));
    TEST_ASSERT_EQUAL(0, days);
    TEST_ASSERT_EQUAL(IFL_KEY_EXPIRED, identity_expiry(&key, 1000 * DAY_S + 1, &days));
    TEST_ASSERT_EQUAL(-1, days);
    TEST_ASSERT_EQUAL(IFL_KEY_EXPIRED, identity_expiry(&key, 1001 * DAY_S + 1, &days));
    TEST_ASSERT_EQUAL(-2, days);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_key_is_fine_until_sixty_days_are_left);
    RUN_TEST(the_first_certificate_that_ends_counts_and_its_last_second_is_good);
    return UNITY_END();
}
