/* Headers and records whose check sums are right and whose contents can't be: by a newer version, by another device, by someone who tries. */
#include "world.h"

#include "base/crc32c.h"

#include <string.h>

#define HEADER1 32u
#define HEADER2 112u
#define RECORD 32u
#define ORIGIN 28u
#define SIZE 50u

static uint8_t raw[256];

void setUp(void)
{
    world_start(1, 8, 2, false);
}

void tearDown(void)
{
    world_end();
}

static uint32_t start_of(const char *route)
{
    return world.box.lanes[lane(route)].newest * BLOCK_SIZE;
}

static void fetch(uint32_t at, uint32_t size)
{
    memcpy(raw, world.medium.bytes + at, size);
}

static void store_header1(uint32_t at)
{
    le32_put(raw + HEADER1 - 4, crc32c(0, raw, HEADER1 - 4));
    flash_double_poke(&world.medium, at, raw, HEADER1);
}

/* Both copies. */
static void store_header2(uint32_t at)
{
    le32_put(raw + HEADER2 - 4, crc32c(0, raw, HEADER2 - 4));
    flash_double_poke(&world.medium, at, raw, HEADER2);
    flash_double_poke(&world.medium, at + HEADER2, raw, HEADER2);
}

/* `size` bytes from header to the check sum of the body. */
static void store_record(uint32_t at, uint32_t size, const char *route)
{
    uint32_t crc = crc32c(world.box.lanes[lane(route)].seed, raw, RECORD - 4);
    le32_put(raw + RECORD - 4, crc);
    le32_put(raw + size - 4, crc32c(crc, raw + RECORD, size - RECORD - 4));
    flash_double_poke(&world.medium, at, raw, size);
}

static void must_refuse(enum ifl_status status)
{
    uint64_t before = world.medium.operations;
    TEST_ASSERT_EQUAL(status, try_mount());
    TEST_ASSERT_EQUAL_UINT64(before, world.medium.operations);
}

static void one_message(void)
{
    mount();
    settle();
    must_put("a", 1, SIZE);
    settle();
}

static void one_block_of_a_newer_format_is_enough_to_refuse_and_touch_nothing(void)
{
    one_message();
    uint32_t at = BLOCK_SIZE;
    while (world.medium.bytes[at] == 0xFF || world.medium.bytes[at + HEADER1] != 0xFF) {
        at += BLOCK_SIZE; /* to a free one */
    }
    fetch(at, HEADER1);
    raw[4] = 2;
    store_header1(at);
    must_refuse(IFL_STORE_NEWER);
}

static void a_lane_number_that_is_too_high_is_refused_and_nothing_is_touched(void)
{
    one_message();
    uint32_t at = start_of("a") + HEADER1;
    fetch(at, HEADER2);
    raw[48 + offsetof(struct outbox_progress, lane)] = IFL_LANE_COUNT;
    store_header2(at);
    must_refuse(IFL_STORE_LANES);
}

static void a_block_size_or_a_place_that_can_t_be_is_refused_and_nothing_is_touched(void)
{
    static const uint32_t wrong[][2] = {{8, 2048}, {8, BLOCK_SIZE + 1000}, {12, 3}};
    uint8_t healthy[HEADER1];
    one_message();
    memcpy(healthy, world.medium.bytes, sizeof healthy);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        memcpy(raw, healthy, sizeof healthy);
        le32_put(raw + wrong[i][0], wrong[i][1]);
        store_header1(0);
        must_refuse(IFL_FLASH_GEOMETRY);
    }
    flash_double_poke(&world.medium, 0, healthy, sizeof healthy);
    mount();
    deliver("a", 1, SIZE);
}

static void a_configured_block_size_that_can_t_be_is_refused_and_nothing_is_touched(void)
{
    static const uint32_t wrong[] = {2048, BLOCK_SIZE + 1000};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        world.config.block_size = wrong[i];
        must_refuse(IFL_INVALID);
    }
}

/* Version, block size, the end of the route's name. */
static void a_block_that_contradicts_the_format_belongs_to_no_lane(void)
{
    static const uint8_t wrong[][2] = {{4, 0}, {9, 0x20}, {103, 'x'}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        world_start(1, 8, 2, false);
        one_message();
        uint32_t at = start_of("a") + HEADER1;
        fetch(at, HEADER2);
        raw[wrong[i][0]] = wrong[i][1];
        store_header2(at);
        mount();
        TEST_ASSERT_EQUAL_UINT64(0, queued("a"));
        settle();
        must_put("a", 2, SIZE);
        deliver("a", 2, SIZE);
    }
}

/* Message 2 of two, changed at `field` to `value`: is it still a message? */
static void change_record(uint32_t field, uint32_t value, bool counts)
{
    world_start(1, 8, 2, false);
    one_message();
    must_put("a", 2, SIZE);
    uint32_t size = RECORD + SIZE + 4;
    uint32_t at = world.medium.last_at + (uint32_t)world.medium.last_size - size;
    fetch(at, size);
    le32_put(raw + field, value == 0 ? BLOCK_SIZE - at % BLOCK_SIZE - 10 : value);
    store_record(at, size, "a");
    mount();
    TEST_ASSERT_EQUAL_UINT64(counts ? 2 : 1, queued("a"));
    deliver("a", 1, SIZE);
    if (counts) {
        deliver("a", 2, SIZE);
    }
    must_put("a", 3, SIZE);
    deliver("a", 3, SIZE);
}

static void a_record_that_can_t_be_is_no_message_and_those_around_it_stay(void)
{
    change_record(0, 0x0000015A, false); /* its mark */
    change_record(4, 0xFFFFFFF0,
                  false); /* its size: past the end of the address space, and just past that of the block */
    change_record(4, 0, false);
    change_record(24, 99, true); /* more messages before it than there are numbers */
}

static struct outbox_message dead_letter(void)
{
    struct outbox_message message;
    one_message();
    TEST_ASSERT_TRUE(first("a", &message));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_dead_letter(&world.box, &message, IFL_ANSWER_REJECTED));
    settle();
    TEST_ASSERT_TRUE(first("dead-letters", &message));
    fetch(message.at, RECORD + ORIGIN + SIZE + 4);
    return message;
}

/* With a new route, whose number must be none that a dead letter goes back to. */
static void dead_letter_must_stay(const struct outbox_message *dead, uint32_t size)
{
    struct outbox_message message;
    store_record(dead->at, RECORD + ORIGIN + SIZE + 4, "dead-letters");
    world.lanes[1].route = "new";
    mount();
    settle();
    TEST_ASSERT_TRUE(first("dead-letters", &message));
    TEST_ASSERT_EQUAL_UINT64(dead->n, message.n);
    TEST_ASSERT_EQUAL_UINT32(size, message.size);
    TEST_ASSERT_EQUAL(IFL_OK, outbox_requeue(&world.box, &message, lane("a")));
    TEST_ASSERT_TRUE(first("a", &message));
    TEST_ASSERT_EQUAL_UINT32(size, message.size);
}

static void a_dead_letter_from_a_lane_that_can_t_be_can_still_be_queued(void)
{
    struct outbox_message dead = dead_letter();
    raw[RECORD + 24] = raw[RECORD + 25] = 250;
    dead_letter_must_stay(&dead, SIZE);
}

static void a_dead_letter_from_nowhere_can_still_be_queued(void)
{
    struct outbox_message dead = dead_letter();
    raw[2] = 0;
    le32_put(raw + 4, SIZE + ORIGIN);
    dead_letter_must_stay(&dead, SIZE + ORIGIN);
}

static void a_region_whose_first_erase_the_power_went_in_is_formatted(void)
{
    static const uint8_t zeros[BLOCK_SIZE];
    for (uint32_t i = 0; i < 8; i++) {
        flash_double_poke(&world.medium, i * BLOCK_SIZE + (i == 0 ? 2048 : 0), zeros, i == 0 ? 2048 : BLOCK_SIZE);
    }
    mount();
    settle();
    must_put("a", 1, SIZE);
    restart();
    deliver("a", 1, SIZE);
    TEST_ASSERT_EQUAL(0, stats().retired_blocks);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(one_block_of_a_newer_format_is_enough_to_refuse_and_touch_nothing);
    RUN_TEST(a_lane_number_that_is_too_high_is_refused_and_nothing_is_touched);
    RUN_TEST(a_block_size_or_a_place_that_can_t_be_is_refused_and_nothing_is_touched);
    RUN_TEST(a_configured_block_size_that_can_t_be_is_refused_and_nothing_is_touched);
    RUN_TEST(a_block_that_contradicts_the_format_belongs_to_no_lane);
    RUN_TEST(a_record_that_can_t_be_is_no_message_and_those_around_it_stay);
    RUN_TEST(a_dead_letter_from_a_lane_that_can_t_be_can_still_be_queued);
    RUN_TEST(a_dead_letter_from_nowhere_can_still_be_queued);
    RUN_TEST(a_region_whose_first_erase_the_power_went_in_is_formatted);
    return UNITY_END();
}
