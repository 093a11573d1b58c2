/* A few small values outlive everything. (Every power cut in every operation: tests/powerloss.) */
#include "state/state.h"

#include "base/crc32c.h"
#include "flash_double.h"
#include "unity.h"

#include <string.h>

static struct flash_double medium;
static struct flash_region region;
static struct state state;
static struct flash_geometry geometry;

static void start(uint32_t prog_size, uint32_t sector_size, uint8_t erased)
{
    flash_double_free(&medium);
    geometry = (struct flash_geometry){
        .size = 2 * sector_size, .sector_size = sector_size, .prog_size = prog_size, .erased = erased};
    struct flash_double_options options = {.geometry = geometry, .erase_polls = 3};
    flash_double_init(&medium, &options);
    TEST_ASSERT_EQUAL(IFL_OK, flash_region(&medium.flash, 0, geometry.size, &region));
}

void setUp(void)
{
    start(8, 2048, 0xFF);
    TEST_ASSERT_EQUAL(IFL_OK, state_mount(&state, region));
}

void tearDown(void)
{
    TEST_ASSERT_EQUAL_STRING("", medium.violation);
    flash_double_free(&medium);
}

static void settle(void)
{
    ifl_ms now = 0;
    for (int i = 0; i < 1000 && now != IFL_NEVER; i++) {
        now = state_step(&state, now);
    }
    TEST_ASSERT_TRUE(now == IFL_NEVER);
}

static enum ifl_status put_u32(uint16_t key, uint32_t value)
{
    uint8_t raw[4];
    le32_put(raw, value);
    return state_put(&state, key, bytes_of(raw, 4));
}

static uint32_t get_u32(uint16_t key)
{
    uint8_t raw[4];
    size_t len;
    TEST_ASSERT_EQUAL(IFL_OK, state_get(&state, key, raw, sizeof raw, &len));
    TEST_ASSERT_EQUAL(4, len);
    return le32_get(raw);
}

static void a_fresh_store_takes_values_at_once(void)
{
    uint8_t raw[4];
    size_t len;
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, state_get(&state, 1, raw, 4, &len));
    TEST_ASSERT_EQUAL(IFL_OK, put_u32(1, 42));
    TEST_ASSERT_EQUAL(42, get_u32(1));
}

static void the_last_value_put_is_the_value_also_after_mounting_again(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, put_u32(1, 42));
    TEST_ASSERT_EQUAL(IFL_OK, put_u32(2, 7));
    TEST_ASSERT_EQUAL(IFL_OK, put_u32(1, 43));
    for (int i = 0; i < 3; i++) {
        TEST_ASSERT_EQUAL(43, get_u32(1));
        TEST_ASSERT_EQUAL(7, get_u32(2));
        TEST_ASSERT_EQUAL(IFL_OK, state_mount(&state, region));
    }
}

static void values_of_every_size_come_back_whole(void)
{
    start(1, 8192, 0xFF);
    TEST_ASSERT_EQUAL(IFL_OK, state_mount(&state, region));
    uint8_t value[STATE_VALUE_SIZE_MAX], back[STATE_VALUE_SIZE_MAX];
    for (uint16_t size = 0; size <= STATE_VALUE_SIZE_MAX; size++) {
        memset(value, size + 1, sizeof value);
        TEST_ASSERT_EQUAL(IFL_OK, state_put(&state, (uint16_t)(size + 1), bytes_of(value, size)));
    }
    for (uint16_t size = 0; size <= STATE_VALUE_SIZE_MAX; size++) {
        size_t len;
        memset(value, size + 1, sizeof value);
        TEST_ASSERT_EQUAL(IFL_OK, state_get(&state, (uint16_t)(size + 1), back, sizeof back, &len));
        TEST_ASSERT_EQUAL(size, len);
        TEST_ASSERT_TRUE(memcmp(value, back, size) == 0);
    }
}

static void a_value_that_is_the_same_costs_no_flash(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, put_u32(1, 42));
    uint64_t before = medium.operations;
    TEST_ASSERT_EQUAL(IFL_OK, put_u32(1, 42));
    TEST_ASSERT_EQUAL_UINT64(before, medium.operations);
}

static void wrong_arguments_change_nothing(void)
{
    uint8_t value[STATE_VALUE_SIZE_MAX + 1] = {1, 2, 3, 4, 5, 6, 7, 8};
    size_t len = 0;
    TEST_ASSERT_EQUAL(IFL_INVALID, state_put(&state, 0, bytes_of(value, 1)));
    TEST_ASSERT_EQUAL(IFL_TOO_LARGE, state_put(&state, 1, bytes_of(value, sizeof value)));
    TEST_ASSERT_EQUAL(IFL_OK, state_put(&state, 1, bytes_of(value, 8)));
    uint8_t small[4] = {9, 9, 9, 9};
    TEST_ASSERT_EQUAL(IFL_TOO_LARGE, state_get(&state, 1, small, sizeof small, &len));
    TEST_ASSERT_EQUAL(8, len);
    TEST_ASSERT_EQUAL_HEX8(9, small[0]);
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, state_get(&state, 0, small, sizeof small, &len));
}

static void thousands_of_puts_go_round_and_wear_both_halves_alike(void)
{
    settle();
    for (uint32_t i = 1; i <= 5000; i++) {
        TEST_ASSERT_EQUAL(IFL_OK, put_u32((uint16_t)(1 + i % 7), i));
        settle();
    }
    TEST_ASSERT_EQUAL(IFL_OK, state_mount(&state, region));
    for (uint32_t i = 4994; i <= 5000; i++) {
        TEST_ASSERT_EQUAL(i, get_u32((uint16_t)(1 + i % 7)));
    }
    TEST_ASSERT_TRUE(medium.erases[0] > 20);
    TEST_ASSERT_UINT32_WITHIN(1, medium.erases[0], medium.erases[1]);
}

static void a_put_during_an_erase_is_refused_and_works_afterwards(void)
{
    settle();
    uint32_t i = 0;
    while (!medium.erasing) {
        TEST_ASSERT_EQUAL(IFL_OK, put_u32(1, ++i));
        state_step(&state, 0);
    }
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, put_u32(1, i + 1));
    settle();
    TEST_ASSERT_EQUAL(i, get_u32(1));
    TEST_ASSERT_EQUAL(IFL_OK, put_u32(1, i + 1));
}

static void without_upkeep_a_full_half_says_busy_and_loses_nothing(void)
{
    enum ifl_status status = IFL_OK;
    uint32_t last = 0;
    for (uint32_t i = 1; status == IFL_OK; i++) {
        status = put_u32(1, i);
        last = status == IFL_OK ? i : last;
    }
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, status);
    TEST_ASSERT_EQUAL(last, get_u32(1));
    settle();
    TEST_ASSERT_EQUAL(IFL_OK, put_u32(1, 0xFFFF));
}

static void too_many_values_are_refused_and_the_others_go_on(void)
{
    settle();
    uint16_t key = 1;
    while (put_u32(key, key) == IFL_OK) {
        key++;
        settle();
    }
    TEST_ASSERT_EQUAL(IFL_STORE_FULL, put_u32(key, key));
    TEST_ASSERT_TRUE(key > 40);
    for (uint32_t i = 1000; i < 1200; i++) {
        TEST_ASSERT_EQUAL(IFL_OK, put_u32((uint16_t)(1 + i % 10), i));
        settle();
    }
    TEST_ASSERT_EQUAL((uint32_t)key - 1, get_u32((uint16_t)(key - 1)));
}

static void ninety_six_keys_fit_where_there_is_room(void)
{
    start(4, 8192, 0x00);
    TEST_ASSERT_EQUAL(IFL_OK, state_mount(&state, region));
    settle();
    for (uint32_t round = 0; round < 5; round++) {
        for (uint16_t key = 1; key <= STATE_KEY_COUNT_MAX; key++) {
            TEST_ASSERT_EQUAL(IFL_OK, put_u32(key, key + round));
            settle();
        }
    }
    for (uint16_t key = 1; key <= STATE_KEY_COUNT_MAX; key++) {
        TEST_ASSERT_EQUAL(key + 4, get_u32(key));
    }
}

static void foreign_bytes_arent_touched(void)
{
    start(8, 2048, 0xFF);
    flash_double_poke(&medium, 700, "something of somebody else", 26);
    TEST_ASSERT_EQUAL(IFL_STORE_FOREIGN, state_mount(&state, region));
    TEST_ASSERT_EQUAL_UINT64(0, medium.operations);
}

static void a_newer_format_isnt_touched(void)
{
    uint8_t head[32];
    memcpy(head, medium.bytes, sizeof head);
    head[8] = 2;
    le32_put(head + 28, crc32c(0, head, 28));
    flash_double_poke(&medium, 0, head, sizeof head);
    uint64_t before = medium.operations;
    TEST_ASSERT_EQUAL(IFL_STORE_NEWER, state_mount(&state, region));
    TEST_ASSERT_EQUAL_UINT64(before, medium.operations);
}

static void a_store_made_for_another_geometry_is_refused(void)
{
    struct flash other = medium.flash;
    other.geometry.prog_size = 16;
    struct flash_region view;
    TEST_ASSERT_EQUAL(IFL_OK, flash_region(&other, 0, geometry.size, &view));
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, state_mount(&state, view));
    TEST_ASSERT_EQUAL(IFL_OK, flash_region(&medium.flash, 0, 2048, &view));
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, state_mount(&state, view));
}

static void a_region_of_zeros_becomes_a_store_after_an_erase(void)
{
    memset(medium.bytes, 0, geometry.size);
    TEST_ASSERT_EQUAL(IFL_OK, state_mount(&state, region));
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, put_u32(1, 1));
    settle();
    TEST_ASSERT_EQUAL(IFL_OK, put_u32(1, 1));
    TEST_ASSERT_EQUAL(IFL_OK, state_mount(&state, region));
    TEST_ASSERT_EQUAL(1, get_u32(1));
}

static void every_single_flipped_bit_costs_at_most_the_value_it_is_in(void)
{
    for (uint32_t i = 1; i <= 6; i++) {
        TEST_ASSERT_EQUAL(IFL_OK, put_u32((uint16_t)i, 100 + i));
    }
    static uint8_t image[4096];
    memcpy(image, medium.bytes, sizeof image);
    for (uint32_t at = 0; at < 512; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            memcpy(medium.bytes, image, sizeof image);
            flash_double_flip(&medium, at, bit);
            TEST_ASSERT_EQUAL(IFL_OK, state_mount(&state, region));
            unsigned lost = 0;
            for (uint16_t key = 1; key <= 6; key++) {
                uint8_t raw[4];
                size_t len;
                enum ifl_status status = state_get(&state, key, raw, sizeof raw, &len);
                TEST_ASSERT_TRUE(status == IFL_NOT_FOUND || (status == IFL_OK && le32_get(raw) == 100u + key));
                lost += status != IFL_OK;
            }
            TEST_ASSERT_TRUE(lost <= 1);
        }
    }
}

static void a_worn_place_is_left_out(void)
{
    settle();
    flash_double_wear_out(&medium, 0, FLASH_WEAR_STUCK_BITS);
    TEST_ASSERT_EQUAL(IFL_FLASH_VERIFY, put_u32(1, 1));
    flash_double_wear_out(&medium, 0, FLASH_WEAR_NONE);
    TEST_ASSERT_EQUAL(IFL_OK, put_u32(1, 2));
    TEST_ASSERT_EQUAL(2, get_u32(1));
}

static void when_the_other_half_cant_be_erased_the_values_stay(void)
{
    flash_double_wear_out(&medium, 2048, FLASH_WEAR_ERASE_FAILS);
    TEST_ASSERT_EQUAL(IFL_OK, put_u32(1, 0));
    medium.bytes[2100] = 0;
    settle();
    enum ifl_status status = IFL_OK;
    uint32_t last = 0;
    for (uint32_t i = 1; status == IFL_OK; i++) {
        status = put_u32(1, i);
        last = status == IFL_OK ? i : last;
    }
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, status);
    TEST_ASSERT_EQUAL(last, get_u32(1));
    TEST_ASSERT_EQUAL(IFL_OK, state_mount(&state, region));
    TEST_ASSERT_EQUAL(last, get_u32(1));
}

static void a_full_disk_refuses_the_new_value_and_keeps_the_old(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, put_u32(1, 1));
    medium.full_from = medium.operations + 1;
    TEST_ASSERT_EQUAL(IFL_STORE_FULL, put_u32(1, 2));
    TEST_ASSERT_EQUAL(1, get_u32(1));
    medium.full_from = 0;
    TEST_ASSERT_EQUAL(IFL_OK, put_u32(1, 2));
}

/* The power went in a record of the other half, and one bit of it hovers; its epoch is higher than that of every record that mounts write. */
static void a_record_with_a_hovering_bit_is_void_at_every_mount(void)
{
    uint8_t raw[32], address[4];
    uint32_t at = 2048 + 32 + 8;
    TEST_ASSERT_EQUAL(IFL_OK, put_u32(1, 7));
    settle();
    memcpy(raw, medium.bytes + state.last, 24);
    le32_put(raw + 8, state.epoch + 100);
    le32_put(raw + 12, UINT32_MAX);
    le32_put(raw + 16, 9);
    le32_put(address, at);
    le32_put(raw + 20, crc32c(crc32c(0, address, 4), raw, 20));
    flash_double_poke(&medium, at, raw, 24);
    medium.unstable[at + 16] = 1;
    medium.has_unstable[1] = true;
    for (int i = 0; i < 12; i++) {
        TEST_ASSERT_EQUAL(IFL_OK, state_mount(&state, region));
        TEST_ASSERT_EQUAL(7, get_u32(1));
    }
}

static void random_bytes_never_crash_the_mount(void)
{
    uint64_t random = 1;
    for (int round = 0; round < 300; round++) {
        flash_double_reset(&medium);
        for (uint32_t at = 0; at < geometry.size; at++) {
            medium.bytes[at] = (uint8_t)flash_double_random(&random);
        }
        if (round % 2 == 0) {
            memcpy(medium.bytes, "IFLSTATE\x01\x00\x08", 11);
            le32_put(medium.bytes + 12, 2048);
            le32_put(medium.bytes + 28, crc32c(0, medium.bytes, 28));
        }
        TEST_ASSERT_TRUE(state_mount(&state, region) != IFL_INVALID);
    }
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_fresh_store_takes_values_at_once);
    RUN_TEST(the_last_value_put_is_the_value_also_after_mounting_again);
    RUN_TEST(values_of_every_size_come_back_whole);
    RUN_TEST(a_value_that_is_the_same_costs_no_flash);
    RUN_TEST(wrong_arguments_change_nothing);
    RUN_TEST(thousands_of_puts_go_round_and_wear_both_halves_alike);
    RUN_TEST(a_put_during_an_erase_is_refused_and_works_afterwards);
    RUN_TEST(without_upkeep_a_full_half_says_busy_and_loses_nothing);
    RUN_TEST(too_many_values_are_refused_and_the_others_go_on);
    RUN_TEST(ninety_six_keys_fit_where_there_is_room);
    RUN_TEST(foreign_bytes_arent_touched);
    RUN_TEST(a_newer_format_isnt_touched);
    RUN_TEST(a_store_made_for_another_geometry_is_refused);
    RUN_TEST(a_region_of_zeros_becomes_a_store_after_an_erase);
    RUN_TEST(every_single_flipped_bit_costs_at_most_the_value_it_is_in);
    RUN_TEST(a_worn_place_is_left_out);
    RUN_TEST(when_the_other_half_cant_be_erased_the_values_stay);
    RUN_TEST(a_full_disk_refuses_the_new_value_and_keeps_the_old);
    RUN_TEST(a_record_with_a_hovering_bit_is_void_at_every_mount);
    RUN_TEST(random_bytes_never_crash_the_mount);
    return UNITY_END();
}
