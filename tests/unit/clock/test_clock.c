/* The clock: a lower bound and a quality. Times are seconds since 1970; BUILD is 2026-11-01. */
#include "clock/clock.h"

#include "unity.h"

#define BUILD INT64_C(1793491200)
#define LATER (BUILD + 86400)
#define FUTURE (BUILD + 400 * 86400)

static struct clock wall;

void setUp(void)
{
    clock_init(&wall, BUILD, 1000);
}

void tearDown(void) {}

static int64_t at(ifl_ms now)
{
    return clock_read(&wall, now).unix_s;
}

static void it_starts_at_the_build_with_the_lowest_quality(void)
{
    TEST_ASSERT_EQUAL_INT64(BUILD, at(1000));
    TEST_ASSERT_EQUAL(CLOCK_BUILD, clock_read(&wall, 1000).quality);
}

static void monotonic_time_carries_it_on(void)
{
    TEST_ASSERT_EQUAL_INT64(BUILD + 1, at(2000));
    TEST_ASSERT_EQUAL_INT64(BUILD + 1, at(2999));
    TEST_ASSERT_EQUAL_INT64(BUILD + 90 * 86400, at(1000 + UINT64_C(90) * 86400 * 1000));
}

static void a_moment_before_the_start_reads_as_the_start(void)
{
    TEST_ASSERT_EQUAL_INT64(BUILD, at(0));
}

static void the_end_of_monotonic_time_doesnt_wrap_the_wall_time(void)
{
    TEST_ASSERT_EQUAL_INT64(INT64_C(253402300799), at(UINT64_MAX));
}

static void the_time_in_flash_moves_it_forward_only(void)
{
    TEST_ASSERT_TRUE(clock_set(&wall, LATER, CLOCK_STORED, 0, 2000));
    TEST_ASSERT_EQUAL_INT64(LATER, at(2000));
    TEST_ASSERT_FALSE(clock_set(&wall, LATER - 10, CLOCK_STORED, 0, 2000));
    TEST_ASSERT_EQUAL_INT64(LATER, at(2000));
}

static void no_source_is_believed_that_is_earlier_than_the_build(void)
{
    for (int quality = CLOCK_BUILD; quality <= CLOCK_RTC; quality++) {
        TEST_ASSERT_FALSE(clock_set(&wall, 0, (enum clock_quality)quality, 0, 1000));
        TEST_ASSERT_FALSE(clock_set(&wall, BUILD - 1, (enum clock_quality)quality, 0, 1000));
    }
    TEST_ASSERT_EQUAL(CLOCK_BUILD, wall.quality);
}

static void a_year_with_five_digits_is_not_believed(void)
{
    TEST_ASSERT_FALSE(clock_set(&wall, INT64_C(253402300800), CLOCK_RTC, 0, 1000));
    TEST_ASSERT_FALSE(clock_set(&wall, INT64_MAX, CLOCK_SNTP, 0, 1000));
}

static void a_better_source_moves_it_back(void)
{
    clock_set(&wall, FUTURE, CLOCK_HTTP, 0, 1000);
    TEST_ASSERT_TRUE(clock_set(&wall, LATER, CLOCK_SNTP, 0, 1000));
    TEST_ASSERT_EQUAL_INT64(LATER, at(1000));
    TEST_ASSERT_EQUAL(CLOCK_SNTP, wall.quality);
}

static void sntp_corrects_its_own_drift_both_ways(void)
{
    clock_set(&wall, LATER, CLOCK_SNTP, 0, 1000);
    TEST_ASSERT_TRUE(clock_set(&wall, LATER - 2, CLOCK_SNTP, 0, 1000));
    TEST_ASSERT_EQUAL_INT64(LATER - 2, at(1000));
    TEST_ASSERT_TRUE(clock_set(&wall, LATER + 2, CLOCK_SNTP, 0, 1000));
    TEST_ASSERT_EQUAL_INT64(LATER + 2, at(1000));
}

static void a_date_header_never_moves_a_date_header_back(void)
{
    clock_set(&wall, LATER, CLOCK_HTTP, 0, 1000);
    TEST_ASSERT_FALSE(clock_set(&wall, LATER - 1, CLOCK_HTTP, 0, 1000));
    TEST_ASSERT_TRUE(clock_set(&wall, LATER + 1, CLOCK_HTTP, 0, 1000));
}

static void a_date_header_past_the_servers_certificate_is_not_believed(void)
{
    TEST_ASSERT_FALSE(clock_set(&wall, LATER + 1, CLOCK_HTTP, LATER, 1000));
    TEST_ASSERT_EQUAL_INT64(BUILD, at(1000));
    TEST_ASSERT_TRUE(clock_set(&wall, LATER, CLOCK_HTTP, LATER, 1000));
}

static void the_ceiling_is_for_date_headers_only(void)
{
    TEST_ASSERT_TRUE(clock_set(&wall, FUTURE, CLOCK_SNTP, LATER, 1000));
}

static void a_worse_source_never_moves_it_back(void)
{
    clock_set(&wall, LATER, CLOCK_SNTP, 0, 1000);
    TEST_ASSERT_FALSE(clock_set(&wall, BUILD, CLOCK_HTTP, 0, 1000));
    TEST_ASSERT_EQUAL_INT64(LATER, at(1000));
}

static void a_worse_source_that_nearly_agrees_changes_nothing(void)
{
    clock_set(&wall, LATER, CLOCK_SNTP, 0, 1000);
    TEST_ASSERT_FALSE(clock_set(&wall, LATER + CLOCK_TOLERANCE_S, CLOCK_HTTP, 0, 1000));
    TEST_ASSERT_EQUAL_INT64(LATER, at(1000));
    TEST_ASSERT_EQUAL(CLOCK_SNTP, wall.quality);
}

static void a_worse_source_that_is_later_moves_the_bound_and_lowers_the_quality(void)
{
    clock_set(&wall, LATER, CLOCK_RTC, 0, 1000);
    TEST_ASSERT_TRUE(clock_set(&wall, LATER + 86400, CLOCK_HTTP, 0, 2000));
    TEST_ASSERT_EQUAL_INT64(LATER + 86400, at(2000));
    TEST_ASSERT_EQUAL(CLOCK_HTTP, wall.quality);
}

static void the_moment_of_a_new_quality_is_kept(void)
{
    clock_set(&wall, LATER, CLOCK_SNTP, 0, 5000);
    clock_set(&wall, LATER + 60, CLOCK_SNTP, 0, 65000);
    TEST_ASSERT_EQUAL_UINT64(5000, wall.since_ms);
}

static void an_end_in_the_past_is_past_with_any_quality(void)
{
    TEST_ASSERT_TRUE(clock_is_past(&wall, BUILD - 1, 1000));
    TEST_ASSERT_FALSE(clock_is_past(&wall, BUILD, 1000));
    TEST_ASSERT_TRUE(clock_is_past(&wall, BUILD, 2000));
}

static void a_beginning_lies_ahead_only_for_a_clock_that_knows(void)
{
    clock_set(&wall, LATER, CLOCK_HTTP, 0, 1000);
    TEST_ASSERT_FALSE(clock_is_ahead(&wall, FUTURE, 1000));
    clock_set(&wall, LATER, CLOCK_SNTP, 0, 1000);
    TEST_ASSERT_TRUE(clock_is_ahead(&wall, FUTURE, 1000));
    TEST_ASSERT_FALSE(clock_is_ahead(&wall, LATER, 1000));
}

static void every_quality_has_a_name(void)
{
    TEST_ASSERT_EQUAL_STRING("build", clock_quality_name(CLOCK_BUILD));
    TEST_ASSERT_EQUAL_STRING("rtc", clock_quality_name(CLOCK_RTC));
    TEST_ASSERT_EQUAL_STRING("unknown", clock_quality_name((enum clock_quality)17));
}

static void the_time_up_in_all_goes_on_where_it_was_told_to(void)
{
    struct clock up;
    clock_init(&up, BUILD, 5000);
    TEST_ASSERT_EQUAL_UINT64(0, clock_uptime_s(&up, 5000));
    TEST_ASSERT_EQUAL_UINT64(0, clock_uptime_s(&up, 0));
    TEST_ASSERT_EQUAL_UINT64(3600, clock_uptime_s(&up, 3605000));
    clock_uptime_tell(&up, 86400);
    TEST_ASSERT_EQUAL_UINT64(90000, clock_uptime_s(&up, 3605000));
    TEST_ASSERT_EQUAL_UINT32(1500, clock_read(&up, 3605000).uptime_min);
}

static void no_source_of_time_makes_anything_older(void)
{
    struct clock up;
    clock_init(&up, BUILD, 0);
    const uint32_t then_min = clock_read(&up, 0).uptime_min;
    TEST_ASSERT_TRUE(clock_set(&up, BUILD + 86400 * 3650, CLOCK_RTC, 0, 1000));
    TEST_ASSERT_EQUAL_UINT32(0, clock_age_min(&up, then_min, 59999));
    TEST_ASSERT_EQUAL_UINT32(1, clock_age_min(&up, then_min, 60000));
    TEST_ASSERT_TRUE(clock_set(&up, BUILD, CLOCK_RTC, 0, 61000));
    TEST_ASSERT_EQUAL_UINT32(10, clock_age_min(&up, then_min, 600000));
}

static void ages_survive_the_end_of_the_counter_and_what_a_power_cut_took(void)
{
    struct clock up;
    clock_init(&up, BUILD, 0);
    clock_uptime_tell(&up, UINT64_C(0xFFFFFF) * 60);
    TEST_ASSERT_EQUAL_UINT32(0xFFFFFF, clock_read(&up, 0).uptime_min);
    TEST_ASSERT_EQUAL_UINT32(2, clock_age_min(&up, 0xFFFFFF, 120000));
    TEST_ASSERT_EQUAL_UINT32(CLOCK_AGE_MAX_MIN, clock_age_min(&up, 0x800000, 0));
    clock_uptime_tell(&up, 600); /* the last 50 minutes weren't written */
    TEST_ASSERT_EQUAL_UINT32(0, clock_age_min(&up, 60, 0));
    TEST_ASSERT_EQUAL_UINT32(0, clock_age_min(&up, 60, 3000000));
    TEST_ASSERT_EQUAL_UINT32(1, clock_age_min(&up, 60, 3060000));
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(it_starts_at_the_build_with_the_lowest_quality);
    RUN_TEST(monotonic_time_carries_it_on);
    RUN_TEST(a_moment_before_the_start_reads_as_the_start);
    RUN_TEST(the_end_of_monotonic_time_doesnt_wrap_the_wall_time);
    RUN_TEST(the_time_in_flash_moves_it_forward_only);
    RUN_TEST(no_source_is_believed_that_is_earlier_than_the_build);
    RUN_TEST(a_year_with_five_digits_is_not_believed);
    RUN_TEST(a_better_source_moves_it_back);
    RUN_TEST(sntp_corrects_its_own_drift_both_ways);
    RUN_TEST(a_date_header_never_moves_a_date_header_back);
    RUN_TEST(a_date_header_past_the_servers_certificate_is_not_believed);
    RUN_TEST(the_ceiling_is_for_date_headers_only);
    RUN_TEST(a_worse_source_never_moves_it_back);
    RUN_TEST(a_worse_source_that_nearly_agrees_changes_nothing);
    RUN_TEST(a_worse_source_that_is_later_moves_the_bound_and_lowers_the_quality);
    RUN_TEST(the_moment_of_a_new_quality_is_kept);
    RUN_TEST(an_end_in_the_past_is_past_with_any_quality);
    RUN_TEST(a_beginning_lies_ahead_only_for_a_clock_that_knows);
    RUN_TEST(every_quality_has_a_name);
    RUN_TEST(the_time_up_in_all_goes_on_where_it_was_told_to);
    RUN_TEST(no_source_of_time_makes_anything_older);
    RUN_TEST(ages_survive_the_end_of_the_counter_and_what_a_power_cut_took);
    return UNITY_END();
}
