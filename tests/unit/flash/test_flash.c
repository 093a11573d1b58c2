/* What every user of flash may rely on, whatever the medium. */
#include "flash/flash.h"

#include "flash_double.h"
#include "unity.h"

#include <string.h>

static struct flash_double medium;
static struct flash_region region;

void setUp(void)
{
    struct flash_double_options options = {
        .geometry = {.size = 16384, .sector_size = 4096, .prog_size = 8, .erased = 0xFF}, .erase_polls = 2};
    flash_double_init(&medium, &options);
    TEST_ASSERT_EQUAL(IFL_OK, flash_region(&medium.flash, 4096, 8192, &region));
}

void tearDown(void)
{
    flash_double_free(&medium);
}

static void a_region_must_lie_on_sectors_within_the_medium(void)
{
    struct flash_region out = {.start = 77};
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, flash_region(&medium.flash, 100, 4096, &out));
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, flash_region(&medium.flash, 0, 4097, &out));
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, flash_region(&medium.flash, 0, 0, &out));
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, flash_region(&medium.flash, 12288, 8192, &out));
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, flash_region(&medium.flash, 0xFFFFF000u, 0x2000u, &out));
    TEST_ASSERT_EQUAL_UINT32(77, out.start);
    TEST_ASSERT_EQUAL(IFL_OK, flash_region(&medium.flash, 0, 16384, &out));
}

static void addresses_count_from_the_start_of_the_region(void)
{
    uint8_t data[16];
    memset(data, 0x5A, sizeof data);
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 8, data, sizeof data));
    TEST_ASSERT_EQUAL_MEMORY(data, medium.bytes + 4096 + 8, sizeof data);
    uint8_t back[16];
    TEST_ASSERT_EQUAL(IFL_OK, flash_read(&region, 8, back, sizeof back));
    TEST_ASSERT_EQUAL_MEMORY(data, back, sizeof back);
}

static void nothing_beyond_a_region_is_touched(void)
{
    uint8_t data[16] = {0};
    bool blank;
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, flash_read(&region, 8192, data, 1));
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, flash_read(&region, 8, data, SIZE_MAX));
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, flash_program(&region, 8184, data, 16));
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, flash_program(&region, 0xFFFFFFF8u, data, 16));
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, flash_erase_start(&region, 8192));
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, flash_is_blank(&region, 8000, 200, &blank));
    TEST_ASSERT_NULL(flash_map(&region, 0, 1));
    TEST_ASSERT_EQUAL_UINT64(0, medium.operations);
}

static void what_isnt_aligned_is_refused(void)
{
    uint8_t data[16] = {0};
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, flash_program(&region, 4, data, 8));
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, flash_program(&region, 8, data, 12));
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, flash_erase_start(&region, 2048));
    TEST_ASSERT_EQUAL_UINT64(0, medium.operations);
}

static void an_empty_span_is_nothing_to_do(void)
{
    bool blank = false;
    TEST_ASSERT_EQUAL(IFL_OK, flash_read(&region, 0, NULL, 0));
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 0, NULL, 0));
    TEST_ASSERT_EQUAL(IFL_OK, flash_is_blank(&region, 8192, 0, &blank));
    TEST_ASSERT_TRUE(blank);
}

static void check_blank_checks(void)
{
    bool blank = false;
    TEST_ASSERT_EQUAL(IFL_OK, flash_is_blank(&region, 0, 8192, &blank));
    TEST_ASSERT_TRUE(blank);
    flash_double_flip(&medium, 4096 + 8191, 7);
    TEST_ASSERT_EQUAL(IFL_OK, flash_is_blank(&region, 0, 8191, &blank));
    TEST_ASSERT_TRUE(blank);
    TEST_ASSERT_EQUAL(IFL_OK, flash_is_blank(&region, 0, 8192, &blank));
    TEST_ASSERT_FALSE(blank);
    flash_double_flip(&medium, 4096 + 8191, 7);
}

static void a_blank_check_finds_a_single_bit_anywhere(void)
{
    check_blank_checks(); /* the medium's own */
    struct flash_driver reads_only = *medium.flash.driver;
    reads_only.is_blank = NULL;
    medium.flash.driver = &reads_only;
    check_blank_checks(); /* and by reading: most have none */
}

static void a_write_that_reads_back_differently_is_told(void)
{
    uint8_t data[200] = {0};
    TEST_ASSERT_EQUAL(IFL_OK, flash_program_verified(&region, 0, data, sizeof data));
    flash_double_wear_out(&medium, 8192, FLASH_WEAR_STUCK_BITS);
    TEST_ASSERT_EQUAL(IFL_FLASH_VERIFY, flash_program_verified(&region, 4096, data, sizeof data));
}

static void while_an_erase_is_under_way_everything_is_busy_and_nothing_happens(void)
{
    uint8_t data[8] = {0};
    bool blank;
    struct flash_driver reads_only = *medium.flash.driver;
    reads_only.is_blank = NULL;
    TEST_ASSERT_EQUAL(IFL_OK, flash_erase_start(&region, 0));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, flash_read(&region, 4096, data, 8));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, flash_program(&region, 4096, data, 8));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, flash_erase_start(&region, 4096));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, flash_is_blank(&region, 0, 8, &blank));
    medium.flash.driver = &reads_only;
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, flash_is_blank(&region, 0, 8, &blank));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, flash_poll(&region));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, flash_poll(&region));
    TEST_ASSERT_EQUAL(IFL_OK, flash_poll(&region));
    TEST_ASSERT_EQUAL(IFL_OK, flash_read(&region, 4096, data, 8));
    TEST_ASSERT_EQUAL_UINT64(1, medium.operations);
}

static void a_failed_erase_is_told_once(void)
{
    flash_double_wear_out(&medium, 4096, FLASH_WEAR_ERASE_FAILS);
    TEST_ASSERT_EQUAL(IFL_OK, flash_erase_start(&region, 0));
    while (medium.erasing && medium.polls_left > 0) {
        TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, flash_poll(&region));
    }
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, flash_poll(&region));
    TEST_ASSERT_EQUAL(IFL_OK, flash_poll(&region));
}

static void a_memory_mapped_medium_shows_its_bytes(void)
{
    struct flash mapped = medium.flash;
    mapped.map = medium.bytes;
    struct flash_region view;
    TEST_ASSERT_EQUAL(IFL_OK, flash_region(&mapped, 4096, 4096, &view));
    TEST_ASSERT_EQUAL_PTR(medium.bytes + 4096 + 10, flash_map(&view, 10, 100));
    TEST_ASSERT_NULL(flash_map(&view, 10, 4096));
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_region_must_lie_on_sectors_within_the_medium);
    RUN_TEST(addresses_count_from_the_start_of_the_region);
    RUN_TEST(nothing_beyond_a_region_is_touched);
    RUN_TEST(what_isnt_aligned_is_refused);
    RUN_TEST(an_empty_span_is_nothing_to_do);
    RUN_TEST(a_blank_check_finds_a_single_bit_anywhere);
    RUN_TEST(a_write_that_reads_back_differently_is_told);
    RUN_TEST(while_an_erase_is_under_way_everything_is_busy_and_nothing_happens);
    RUN_TEST(a_failed_erase_is_told_once);
    RUN_TEST(a_memory_mapped_medium_shows_its_bytes);
    return UNITY_END();
}
