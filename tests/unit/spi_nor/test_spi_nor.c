/* What the driver of serial NOR flash keeps to, on a chip that forgives nothing. */
#include "spi_nor/spi_nor.h"

#include "strict_chip.h"
#include "unity.h"

#include <string.h>

static struct strict_chip chip;
static struct spi_nor nor;
static struct flash_region all;
static uint8_t data[1024];

void setUp(void)
{
    strict_chip_init(&chip);
    spi_nor_init(&nor, &chip.bus);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7 + 1);
    }
}

void tearDown(void)
{
    TEST_ASSERT_EQUAL_STRING("", chip.violation);
    strict_chip_free(&chip);
}

static void open_it(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, spi_nor_open(&nor));
    TEST_ASSERT_EQUAL(IFL_OK, flash_region(&nor.flash, 0, CHIP_SIZE, &all));
}

static void become_the_part_with_error_bits(void)
{
    chip.id[3] = 0x4D;
}

static enum ifl_status wait_for_erase(void)
{
    enum ifl_status status;
    while ((status = flash_poll(&all)) == IFL_FLASH_BUSY) {
    }
    return status;
}

static void a_known_chip_is_opened_with_its_geometry(void)
{
    open_it();
    TEST_ASSERT_EQUAL_UINT32(16u << 20, nor.flash.geometry.size);
    TEST_ASSERT_EQUAL_UINT32(65536, nor.flash.geometry.sector_size);
    TEST_ASSERT_EQUAL_UINT32(16, nor.flash.geometry.prog_size);
    TEST_ASSERT_EQUAL_HEX8(0xFF, nor.flash.geometry.erased);
}

static void an_unknown_chip_is_refused(void)
{
    chip.id[2] = 0x17;
    TEST_ASSERT_EQUAL(IFL_FLASH_UNKNOWN, spi_nor_open(&nor));
    uint8_t id[SPI_NOR_ID_SIZE];
    spi_nor_read_id(&nor, id);
    TEST_ASSERT_EQUAL_HEX8(0x17, id[2]);
}

static void an_empty_bus_is_refused_at_once(void)
{
    chip.absent = true;
    TEST_ASSERT_EQUAL(IFL_FLASH_UNKNOWN, spi_nor_open(&nor));
}

static void a_write_protected_chip_is_told_apart(void)
{
    chip.protection = 0x1C;
    TEST_ASSERT_EQUAL(IFL_FLASH_PROTECTED, spi_nor_open(&nor));
}

static void a_chip_that_was_erasing_when_the_cpu_was_reset_is_waited_for(void)
{
    strict_chip_begin_work(&chip, 2);
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, spi_nor_open(&nor));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, spi_nor_open(&nor));
    open_it();
}

static void a_chip_that_never_gets_ready_is_given_up_when_opened(void)
{
    chip.stuck = true;
    strict_chip_begin_work(&chip, 0);
    enum ifl_status status;
    unsigned calls = 0;
    while ((status = spi_nor_open(&nor)) == IFL_FLASH_BUSY && calls < 100000) {
        calls++;
    }
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, status);
}

/* Such a part stays busy until its error bits are cleared, and a reset of the CPU isn't one of the chip. */
static void an_operation_that_failed_before_the_cpu_was_reset_is_cleared_when_opened(void)
{
    become_the_part_with_error_bits();
    open_it();
    chip.fails = true;
    TEST_ASSERT_EQUAL(IFL_OK, flash_erase_start(&all, 0));
    spi_nor_init(&nor, &chip.bus);
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, spi_nor_open(&nor));
    open_it();
    TEST_ASSERT_EQUAL(IFL_OK, flash_program_verified(&all, 256, data, 16));
}

static void what_is_programmed_is_read_back_across_pages(void)
{
    uint8_t back[sizeof data];
    chip.busy_polls = 2;
    open_it();
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&all, 0x120F0, data, sizeof data));
    TEST_ASSERT_EQUAL(IFL_OK, flash_read(&all, 0x120F0, back, sizeof back));
    TEST_ASSERT_EQUAL_MEMORY(data, back, sizeof data);
    TEST_ASSERT_EQUAL_UINT(5, chip.programs); /* 16 + 3 * 256 + 240 bytes */
    TEST_ASSERT_FALSE(chip.write_enabled);
}

static void every_start_within_a_page_and_every_length_stays_within_pages(void)
{
    open_it();
    uint32_t at = 0;
    for (uint32_t start = 0; start < 256; start += 16) {
        for (size_t size = 16; size <= 768; size += 16) {
            TEST_ASSERT_EQUAL(IFL_OK, flash_program(&all, at + start, data, size));
            at += 1024;
        }
    }
}

static void an_erase_takes_its_time_and_everything_else_waits(void)
{
    uint8_t byte;
    open_it();
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&all, 0x20000, data, 16));
    chip.busy_polls = 6;
    TEST_ASSERT_EQUAL(IFL_OK, flash_erase_start(&all, 0x20000));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, flash_read(&all, 0, &byte, 1));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, flash_program(&all, 0x30000, data, 16));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, flash_erase_start(&all, 0x30000));
    for (int i = 0; i < 3; i++) {
        TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, flash_poll(&all));
    }
    TEST_ASSERT_EQUAL(IFL_OK, flash_poll(&all));
    TEST_ASSERT_EQUAL(IFL_OK, flash_read(&all, 0x20000, &byte, 1));
    TEST_ASSERT_EQUAL_HEX8(0xFF, byte);
    TEST_ASSERT_EQUAL_UINT(1, chip.erases);
    TEST_ASSERT_FALSE(chip.write_enabled);
}

/* Whoever began it may be busy with something else, or be waiting for this very read. */
static void an_erase_ends_by_itself_and_its_result_waits_for_a_poll(void)
{
    uint8_t byte;
    become_the_part_with_error_bits();
    open_it();
    for (int fails = 0; fails < 2; fails++) {
        chip.busy_polls = 2;
        chip.fails = fails == 1;
        TEST_ASSERT_EQUAL(IFL_OK, flash_erase_start(&all, 0x40000));
        int reads = 0;
        while (flash_read(&all, 0, &byte, 1) == IFL_FLASH_BUSY) {
            TEST_ASSERT_LESS_THAN(10, ++reads);
        }
        chip.fails = false;
        TEST_ASSERT_EQUAL(IFL_OK, flash_program(&all, 0x80000u + 16u * (uint32_t)fails, data, 16));
        TEST_ASSERT_EQUAL(fails == 1 ? IFL_FLASH_IO : IFL_OK, flash_poll(&all));
        TEST_ASSERT_EQUAL(IFL_OK, flash_poll(&all));
    }
    chip.fails = true; /* not told yet, and a new erase begins: its own result counts */
    TEST_ASSERT_EQUAL(IFL_OK, flash_erase_start(&all, 0x40000));
    while (flash_read(&all, 0, &byte, 1) == IFL_FLASH_BUSY) {
    }
    chip.fails = false;
    TEST_ASSERT_EQUAL(IFL_OK, flash_erase_start(&all, 0x40000));
    TEST_ASSERT_EQUAL(IFL_OK, wait_for_erase());
}

static void no_erase_begins_while_erases_are_held(void)
{
    open_it();
    nor.hold_erases = true;
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, flash_erase_start(&all, 0x20000));
    TEST_ASSERT_EQUAL(IFL_OK, flash_poll(&all));
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&all, 0x30000, data, 16));
    TEST_ASSERT_EQUAL_UINT(0, chip.erases);
    nor.hold_erases = false;
    TEST_ASSERT_EQUAL(IFL_OK, flash_erase_start(&all, 0x20000));
    while (flash_poll(&all) == IFL_FLASH_BUSY) {
    }
    TEST_ASSERT_EQUAL_UINT(1, chip.erases);
}

static void an_unaligned_erase_never_reaches_the_chip(void)
{
    open_it();
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, nor.flash.driver->erase_start(nor.flash.ctx, 0x20100));
    TEST_ASSERT_EQUAL_UINT(0, chip.erases);
}

static void an_erase_that_never_ends_is_given_up_and_told_once(void)
{
    open_it();
    chip.stuck = true;
    TEST_ASSERT_EQUAL(IFL_OK, flash_erase_start(&all, 0));
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, wait_for_erase());
    TEST_ASSERT_EQUAL(IFL_OK, flash_poll(&all));
}

static void a_program_that_never_ends_is_given_up(void)
{
    open_it();
    chip.stuck = true;
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, flash_program(&all, 0, data, 16));
}

static void a_chip_that_refuses_write_enable_is_noticed_before_anything_is_sent(void)
{
    open_it();
    chip.ignores_enable = true;
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, flash_program(&all, 0, data, 16));
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, flash_erase_start(&all, 0));
    TEST_ASSERT_EQUAL_UINT(0, chip.programs + chip.erases);
}

static void error_bits_end_the_operation_and_are_cleared(void)
{
    become_the_part_with_error_bits();
    open_it();
    chip.fails = true;
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, flash_program(&all, 0, data, 16));
    chip.fails = true;
    TEST_ASSERT_EQUAL(IFL_OK, flash_erase_start(&all, 0));
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, wait_for_erase());
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&all, 0, data, 16));
    TEST_ASSERT_EQUAL(IFL_OK, flash_program_verified(&all, 256, data, 16));
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_known_chip_is_opened_with_its_geometry);
    RUN_TEST(an_unknown_chip_is_refused);
    RUN_TEST(an_empty_bus_is_refused_at_once);
    RUN_TEST(a_write_protected_chip_is_told_apart);
    RUN_TEST(a_chip_that_was_erasing_when_the_cpu_was_reset_is_waited_for);
    RUN_TEST(a_chip_that_never_gets_ready_is_given_up_when_opened);
    RUN_TEST(an_operation_that_failed_before_the_cpu_was_reset_is_cleared_when_opened);
    RUN_TEST(what_is_programmed_is_read_back_across_pages);
    RUN_TEST(every_start_within_a_page_and_every_length_stays_within_pages);
    RUN_TEST(an_erase_takes_its_time_and_everything_else_waits);
    RUN_TEST(an_erase_ends_by_itself_and_its_result_waits_for_a_poll);
    RUN_TEST(no_erase_begins_while_erases_are_held);
    RUN_TEST(an_unaligned_erase_never_reaches_the_chip);
    RUN_TEST(an_erase_that_never_ends_is_given_up_and_told_once);
    RUN_TEST(a_program_that_never_ends_is_given_up);
    RUN_TEST(a_chip_that_refuses_write_enable_is_noticed_before_anything_is_sent);
    RUN_TEST(error_bits_end_the_operation_and_are_cleared);
    return UNITY_END();
}
