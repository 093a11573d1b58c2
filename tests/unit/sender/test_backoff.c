/* Waiting times: bounds, spread, no overflow. */
#include "sender/backoff.h"

#include "unity.h"

static uint64_t seed;
static enum ifl_status entropy;

static enum ifl_status fill(void *ctx, void *buf, size_t size)
{
    (void)ctx;
    uint8_t *at = buf;
    for (size_t i = 0; i < size; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        at[i] = entropy == IFL_OK ? (uint8_t)(seed >> 56) : 0;
    }
    return entropy;
}

static const struct ifl_random source = {.fill = fill};
static struct backoff backoff;

void setUp(void)
{
    seed = 7;
    entropy = IFL_OK;
    backoff_init(&backoff, 1000, 900000);
}

void tearDown(void) {}

static uint64_t interval(unsigned attempt)
{
    uint64_t ms = attempt < 20 ? 1000u << attempt : 900000;
    return ms < 900000 ? ms : 900000;
}

static void a_wait_lies_between_nothing_and_the_doubled_interval(void)
{
    for (unsigned round = 0; round < 300; round++) {
        backoff_reset(&backoff);
        for (unsigned attempt = 0; attempt < 14; attempt++)
            TEST_ASSERT_TRUE(backoff_next_ms(&backoff, &source, 0) <= interval(attempt));
    }
}

static void waits_spread_over_the_whole_interval(void)
{
    unsigned buckets[10] = {0};
    for (unsigned round = 0; round < 10000; round++) {
        backoff_reset(&backoff);
        for (unsigned i = 0; i < 3; i++)
            backoff_next_ms(&backoff, &source, 0);
        buckets[backoff_next_ms(&backoff, &source, 0) * 10 / 8001]++;
    }
    for (unsigned i = 0; i < 10; i++)
        TEST_ASSERT_TRUE(buckets[i] > 800 && buckets[i] < 1200);
}

static void retry_after_comes_before_the_jitter(void)
{
    for (unsigned round = 0; round < 300; round++) {
        backoff_reset(&backoff);
        uint64_t wait_ms = backoff_next_ms(&backoff, &source, 7000);
        TEST_ASSERT_TRUE(wait_ms >= 7000 && wait_ms <= 8000);
    }
    TEST_ASSERT_TRUE(backoff_next_ms(&backoff, &source, UINT32_MAX) >= UINT32_MAX);
}

static void a_million_failures_overflow_nothing(void)
{
    struct backoff huge;
    backoff_init(&huge, UINT32_MAX, UINT32_MAX);
    for (unsigned i = 0; i < 100000; i++) {
        TEST_ASSERT_TRUE(backoff_next_ms(&backoff, &source, 0) <= 900000);
        TEST_ASSERT_TRUE(backoff_next_ms(&huge, &source, 0) <= UINT32_MAX);
    }
    TEST_ASSERT_EQUAL_UINT16(UINT16_MAX, backoff.attempts);
    backoff_reset(&backoff);
    TEST_ASSERT_TRUE(backoff_next_ms(&backoff, &source, 0) <= 1000);
}

static void probes_double_up_to_their_cap_and_are_never_late(void)
{
    backoff_init(&backoff, 60000, 3600000);
    for (unsigned attempt = 0; attempt < 50; attempt++) {
        uint64_t full = attempt < 6 ? 60000u << attempt : 3600000;
        uint64_t wait_ms = backoff_probe_ms(&backoff, &source, 0);
        TEST_ASSERT_TRUE(wait_ms <= full && wait_ms >= full - full / 4);
    }
    TEST_ASSERT_EQUAL_UINT64(5000000, backoff_probe_ms(&backoff, &source, 5000000));
}

static void without_entropy_every_wait_is_the_longest(void)
{
    entropy = IFL_NO_ENTROPY;
    for (unsigned attempt = 0; attempt < 12; attempt++)
        TEST_ASSERT_EQUAL_UINT64(interval(attempt), backoff_next_ms(&backoff, &source, 0));
    backoff_init(&backoff, 60000, 3600000);
    TEST_ASSERT_EQUAL_UINT64(60000, backoff_probe_ms(&backoff, &source, 0));
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_wait_lies_between_nothing_and_the_doubled_interval);
    RUN_TEST(waits_spread_over_the_whole_interval);
    RUN_TEST(retry_after_comes_before_the_jitter);
    RUN_TEST(a_million_failures_overflow_nothing);
    RUN_TEST(probes_double_up_to_their_cap_and_are_never_late);
    RUN_TEST(without_entropy_every_wait_is_the_longest);
    return UNITY_END();
}
