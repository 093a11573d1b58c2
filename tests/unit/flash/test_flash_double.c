/* The RAM double must be as unforgiving as it says: a sweep is only worth what its double finds. */
#include "flash_double.h"

#include "unity.h"

#include <string.h>

#define SECTOR 2048u

static struct flash_double medium;
static struct flash_region region;
static uint8_t data[256];

static void start(uint32_t prog_size, uint8_t erased, bool cached)
{
    flash_double_free(&medium);
    struct flash_double_options options = {
        .geometry = {.size = 4 * SECTOR, .sector_size = SECTOR, .prog_size = prog_size, .erased = erased},
        .cached = cached};
    flash_double_init(&medium, &options);
    TEST_ASSERT_EQUAL(IFL_OK, flash_region(&medium.flash, 0, 4 * SECTOR, &region));
}

void setUp(void)
{
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 37 + 1);
    }
    start(1, 0xFF, false);
}

void tearDown(void)
{
    flash_double_free(&medium);
}

static void erase_now(uint32_t at)
{
    TEST_ASSERT_EQUAL(IFL_OK, flash_erase_start(&region, at));
    TEST_ASSERT_EQUAL(IFL_OK, flash_poll(&region));
}

static void program_torn(enum flash_tear tear, uint64_t seed)
{
    flash_double_reset(&medium);
    flash_double_cut(&medium, 1, tear, seed);
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, flash_program(&region, 0, data, sizeof data));
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, flash_read(&region, 0, data, 1));
    flash_double_power_on(&medium);
}

static void programming_twice_without_an_erase_is_a_violation(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 0, data, 16));
    TEST_ASSERT_EQUAL_UINT64(0, medium.violations);
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 15, data, 16));
    TEST_ASSERT_EQUAL_UINT64(1, medium.violations);
    erase_now(0);
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 0, data, 16));
    TEST_ASSERT_EQUAL_UINT64(1, medium.violations);
}

static void an_erase_blanks_its_sector_only_and_is_counted(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 0, data, sizeof data));
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, SECTOR, data, sizeof data));
    erase_now(0);
    bool blank;
    TEST_ASSERT_EQUAL(IFL_OK, flash_is_blank(&region, 0, SECTOR, &blank));
    TEST_ASSERT_TRUE(blank);
    TEST_ASSERT_EQUAL_MEMORY(data, medium.bytes + SECTOR, sizeof data);
    TEST_ASSERT_EQUAL_UINT32(1, medium.erases[0]);
    TEST_ASSERT_EQUAL_UINT32(0, medium.erases[1]);
}

static void power_comes_back_only_when_it_is_switched_on(void)
{
    flash_double_cut(&medium, 2, FLASH_TEAR_NOTHING, 1);
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 0, data, 16));
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, flash_program(&region, 16, data, 16));
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, flash_program(&region, 32, data, 16));
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, flash_erase_start(&region, 0));
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, flash_poll(&region));
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, flash_read(&region, 0, data, 1));
    flash_double_power_on(&medium);
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 16, data, 16));
    TEST_ASSERT_EQUAL_MEMORY(data, medium.bytes, 16);
    TEST_ASSERT_EQUAL_UINT64(0, medium.violations);
}

static void the_two_clean_tears_leave_nothing_or_everything(void)
{
    bool blank;
    program_torn(FLASH_TEAR_NOTHING, 1);
    TEST_ASSERT_EQUAL(IFL_OK, flash_is_blank(&region, 0, SECTOR, &blank));
    TEST_ASSERT_TRUE(blank);
    program_torn(FLASH_TEAR_ALL, 1);
    TEST_ASSERT_EQUAL_MEMORY(data, medium.bytes, sizeof data);
}

static void a_prefix_is_followed_by_old_bytes_only(void)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        program_torn(FLASH_TEAR_PREFIX, seed);
        size_t done = 0;
        while (done < sizeof data && medium.bytes[done] == data[done]) {
            done++;
        }
        for (size_t i = done; i < sizeof data; i++) {
            TEST_ASSERT_EQUAL_HEX8(0xFF, medium.bytes[i]);
        }
    }
}

static void every_word_is_old_or_new_on_its_own(void)
{
    size_t old = 0, new = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        program_torn(FLASH_TEAR_WORDS, seed);
        for (size_t i = 0; i < sizeof data; i += 4) {
            bool is_new = memcmp(medium.bytes + i, data + i, 4) == 0;
            TEST_ASSERT_TRUE(is_new || memcmp(medium.bytes + i, "\xFF\xFF\xFF\xFF", 4) == 0);
            *(is_new ? &new : &old) += 1;
        }
    }
    TEST_ASSERT_TRUE(old > 300 && new > 300);
}

static void half_cleared_bits_are_a_subset_of_those_to_be_cleared(void)
{
    size_t halves = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        program_torn(FLASH_TEAR_BITS, seed);
        for (size_t i = 0; i < sizeof data; i++) {
            TEST_ASSERT_EQUAL_HEX8(data[i], data[i] & medium.bytes[i]);
            halves += medium.bytes[i] != data[i] && medium.bytes[i] != 0xFF;
        }
    }
    TEST_ASSERT_TRUE(halves > 100);
}

static void unstable_bits_read_differently_each_time_until_they_are_erased(void)
{
    program_torn(FLASH_TEAR_UNSTABLE, 3);
    uint8_t first[256], second[256];
    TEST_ASSERT_EQUAL(IFL_OK, flash_read(&region, 0, first, sizeof first));
    TEST_ASSERT_EQUAL(IFL_OK, flash_read(&region, 0, second, sizeof second));
    TEST_ASSERT_NOT_EQUAL(0, memcmp(first, second, sizeof first));
    erase_now(0);
    bool blank;
    TEST_ASSERT_EQUAL(IFL_OK, flash_is_blank(&region, 0, SECTOR, &blank));
    TEST_ASSERT_TRUE(blank);
}

static void a_torn_erase_leaves_random_bits_in_its_sector_only(void)
{
    uint8_t zeros[SECTOR] = {0};
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 0, zeros, SECTOR));
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, SECTOR, zeros, SECTOR));
    flash_double_cut(&medium, 3, FLASH_TEAR_ERASE, 5);
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, flash_erase_start(&region, 0));
    flash_double_power_on(&medium);
    size_t set = 0;
    for (size_t i = 0; i < SECTOR; i++) {
        set += (size_t)__builtin_popcount(medium.bytes[i]);
    }
    TEST_ASSERT_TRUE(set > 0 && set < (size_t)SECTOR * 8);
    TEST_ASSERT_EQUAL_MEMORY(zeros, medium.bytes + SECTOR, SECTOR);
}

static void the_same_cut_with_the_same_seed_leaves_the_same_bytes(void)
{
    uint8_t first[256];
    for (int tear = 0; tear < FLASH_TEAR_COUNT; tear++) {
        program_torn((enum flash_tear)tear, 42);
        memcpy(first, medium.bytes, sizeof first);
        program_torn((enum flash_tear)tear, 42);
        TEST_ASSERT_EQUAL_MEMORY(first, medium.bytes, sizeof first);
    }
}

static void on_a_medium_that_erases_to_zero_programs_set_bits(void)
{
    start(1, 0x00, false);
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 0, data, 16));
    TEST_ASSERT_EQUAL_MEMORY(data, medium.bytes, 16);
    TEST_ASSERT_EQUAL_UINT64(0, medium.violations);
    program_torn(FLASH_TEAR_BITS, 7);
    for (size_t i = 0; i < sizeof data; i++) {
        TEST_ASSERT_EQUAL_HEX8(medium.bytes[i], medium.bytes[i] & data[i]);
    }
}

static void a_cache_keeps_what_was_synced_and_some_of_the_rest(void)
{
    start(1, 0x00, true);
    size_t kept = 0, lost = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        enum flash_tear tear = seed % 3 == 0 ? FLASH_TEAR_PREFIX : seed % 3 == 1 ? FLASH_TEAR_WORDS : FLASH_TEAR_BITS;
        flash_double_reset(&medium);
        TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 0, data, 16));
        TEST_ASSERT_EQUAL(IFL_OK, flash_sync(&region));
        TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 512, data, 16));
        TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 1024, data, 16));
        flash_double_power_off(&medium, tear, seed);
        flash_double_power_on(&medium);
        TEST_ASSERT_EQUAL_MEMORY(data, medium.bytes, 16);
        for (size_t at = 512; at <= 1024; at += 512) {
            *(memcmp(medium.bytes + at, data, 16) == 0 ? &kept : &lost) += 1;
        }
    }
    TEST_ASSERT_TRUE(kept > 10 && lost > 10);
}

static void after_a_failed_sync_the_cache_lies(void)
{
    start(1, 0x00, true);
    size_t lost = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        flash_double_reset(&medium);
        medium.seed = seed;
        medium.sync_fails_at = 2;
        TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 0, data, 16));
        TEST_ASSERT_EQUAL(IFL_FLASH_IO, flash_sync(&region));
        TEST_ASSERT_EQUAL_MEMORY(data, medium.bytes, 16);
        TEST_ASSERT_EQUAL(IFL_OK, flash_sync(&region));
        flash_double_power_off(&medium, FLASH_TEAR_ALL, 0);
        lost += memcmp(medium.bytes, data, 16) != 0;
    }
    TEST_ASSERT_TRUE(lost > 0);
}

static void a_full_file_system_takes_nothing_more(void)
{
    medium.full_from = 2;
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 0, data, 16));
    TEST_ASSERT_EQUAL(IFL_STORE_FULL, flash_program(&region, 16, data, 16));
    erase_now(0);
    TEST_ASSERT_EQUAL_HEX8(0xFF, medium.bytes[0]);
}

static void a_copy_goes_on_like_the_original(void)
{
    struct flash_double other;
    flash_double_init(&other, &medium.options);
    program_torn(FLASH_TEAR_UNSTABLE, 3);
    flash_double_copy(&other, &medium);
    uint8_t first[64], second[64];
    TEST_ASSERT_EQUAL(IFL_OK, flash_read(&region, 0, first, sizeof first));
    struct flash_region copied;
    TEST_ASSERT_EQUAL(IFL_OK, flash_region(&other.flash, 0, 4 * SECTOR, &copied));
    TEST_ASSERT_EQUAL(IFL_OK, flash_read(&copied, 0, second, sizeof second));
    TEST_ASSERT_EQUAL_MEMORY(first, second, sizeof first);
    flash_double_free(&other);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(programming_twice_without_an_erase_is_a_violation);
    RUN_TEST(an_erase_blanks_its_sector_only_and_is_counted);
    RUN_TEST(power_comes_back_only_when_it_is_switched_on);
    RUN_TEST(the_two_clean_tears_leave_nothing_or_everything);
    RUN_TEST(a_prefix_is_followed_by_old_bytes_only);
    RUN_TEST(every_word_is_old_or_new_on_its_own);
    RUN_TEST(half_cleared_bits_are_a_subset_of_those_to_be_cleared);
    RUN_TEST(unstable_bits_read_differently_each_time_until_they_are_erased);
    RUN_TEST(a_torn_erase_leaves_random_bits_in_its_sector_only);
    RUN_TEST(the_same_cut_with_the_same_seed_leaves_the_same_bytes);
    RUN_TEST(on_a_medium_that_erases_to_zero_programs_set_bits);
    RUN_TEST(a_cache_keeps_what_was_synced_and_some_of_the_rest);
    RUN_TEST(after_a_failed_sync_the_cache_lies);
    RUN_TEST(a_full_file_system_takes_nothing_more);
    RUN_TEST(a_copy_goes_on_like_the_original);
    return UNITY_END();
}
