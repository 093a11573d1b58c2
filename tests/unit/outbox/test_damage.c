/* Flipped bits, and bytes that were never ours: no crash, never a wrong payload. (Torn operations: tests/powerloss.) */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES 6

void setUp(void) {}

void tearDown(void)
{
    world_end();
}

/* A log with something of everything in it, as small as it gets. */
static void small_log(void)
{
    struct outbox_message message;
    world_start(1, 5, 2, false);
    mount();
    settle();
    for (uint32_t i = 1; i <= MESSAGES; i++) {
        must_put("a", i, 20 + i);
    }
    deliver("a", 1, 21);
    TEST_ASSERT_EQUAL(IFL_OK, outbox_flush(&world.box));
    must_put("b", 100, 30);
    must_put("b", 101, 30);
    TEST_ASSERT_TRUE(first("b", &message));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_dead_letter(&world.box, &message, IFL_ANSWER_REJECTED));
    settle();
    restart();
    must_put("a", MESSAGES + 1, 20 + MESSAGES + 1);
    settle();
}

/* Everything that can be read is what was put; how many messages there are. */
static uint32_t read_lane(const char *route, uint32_t first_serial, uint32_t last_serial)
{
    static uint8_t found[IFL_PAYLOAD_SIZE_MAX], expected[IFL_PAYLOAD_SIZE_MAX];
    struct outbox_message message;
    uint32_t count = 0, before = 0;
    if (outbox_lane_of(&world.box, route) == OUTBOX_LANE_NONE) {
        return 0;
    }
    for (bool any = first(route, &message); any; any = next(&message)) {
        size_t got;
        if (read_all(&message, found, sizeof found, &got) != IFL_OK) {
            continue;
        }
        uint32_t serial = got >= 2 ? le16_get(found) : 0;
        TEST_ASSERT_TRUE(serial >= first_serial && serial <= last_serial && serial > before);
        body_of(serial, expected, got);
        TEST_ASSERT_TRUE(got == message.size && memcmp(found, expected, got) == 0);
        before = serial;
        count++;
    }
    return count;
}

static uint32_t read_everything(void)
{
    return read_lane("a", 1, MESSAGES + 1) + read_lane("b", 100, 101) + read_lane("dead-letters", 100, 101);
}

/* For build/bench/figures.json. */
static void write_figure(uint32_t flips)
{
    const char *directory = getenv("IFL_FIGURES_DIR");
    char path[4096];
    if (directory == NULL) {
        return;
    }
    snprintf(path, sizeof path, "%s/outbox_bit_flips.json", directory);
    FILE *file = fopen(path, "w");
    TEST_ASSERT_NOT_NULL(file);
    fprintf(file, "{ \"powerloss.bit_flips\": %u }\n", (unsigned)flips);
    TEST_ASSERT_EQUAL(0, fclose(file));
}

static void each_single_flipped_bit_costs_at_most_one_record_and_never_shows_a_wrong_payload(void)
{
    small_log();
    struct flash_double healthy;
    flash_double_init(&healthy, &world.medium.options);
    flash_double_copy(&healthy, &world.medium);
    mount();
    const char *wish = getenv("IFL_TEST_FULL");
    bool full = wish != NULL && strcmp(wish, "1") == 0;
    uint32_t all = read_everything(), worst = all, flips = 0;
    TEST_ASSERT_EQUAL(MESSAGES + 2, all);
    for (uint32_t at = 0; at < world.region.size; at++) {
        bool blank = healthy.bytes[at] == 0xFF;
        for (unsigned bit = 0; bit < 8; bit++) {
            if (blank && !full && (at % 61 != 0 || bit != at / 61 % 8)) {
                continue; /* a sample of what is blank is enough for every day */
            }
            flash_double_copy(&world.medium, &healthy);
            flash_double_flip(&world.medium, at, bit);
            TEST_ASSERT_EQUAL(IFL_OK, try_mount());
            flips++;
            uint32_t count = read_everything();
            worst = count < worst ? count : worst;
            if (count + 1 < all) {
                char text[80];
                snprintf(text, sizeof text, "byte %u bit %u of block %u", (unsigned)(at % BLOCK_SIZE), bit,
                         (unsigned)(at / BLOCK_SIZE));
                TEST_FAIL_MESSAGE(text);
            }
        }
    }
    TEST_ASSERT_EQUAL(all - 1, worst);
    write_figure(flips);
    flash_double_free(&healthy);
}

static void a_damaged_body_is_never_handed_out_whole(void)
{
    static uint8_t found[1000];
    struct outbox_message message;
    world_start(1, 8, 1, false);
    mount();
    settle();
    must_put("a", 1, 600);
    must_put("a", 2, 600);
    uint32_t end = world.medium.last_at + (uint32_t)world.medium.last_size;
    TEST_ASSERT_TRUE(first("a", &message));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_done(&world.box, message.lane, 1));
    TEST_ASSERT_TRUE(first("a", &message));
    for (uint32_t back = 1; back <= 604; back += 67) { /* check sum, and everywhere in the body */
        for (size_t piece = 1; piece <= sizeof found; piece = piece * 3 + 1) {
            size_t got = 0, total = 0;
            enum ifl_status status;
            flash_double_flip(&world.medium, end - back, 3);
            outbox_rewind(&message);
            do {
                status = outbox_read(&world.box, &message, found, piece, &got);
                total += got;
            } while (status == IFL_OK && got > 0);
            TEST_ASSERT_EQUAL(IFL_STORE_CORRUPT, status);
            TEST_ASSERT_TRUE(total < 600);
            flash_double_flip(&world.medium, end - back, 3);
        }
    }
    must_hold(&message, 2, 600);
}

static void a_damaged_message_is_skipped_counted_and_recorded(void)
{
    struct outbox_message message;
    world_start(1, 8, 1, false);
    mount();
    settle();
    for (uint32_t i = 1; i <= 3; i++) {
        must_put("a", i, 100);
    }
    uint32_t end = world.medium.last_at + (uint32_t)world.medium.last_size;
    flash_double_flip(&world.medium, end - 136 - 50, 2); /* in the body of the second one */
    mount();
    deliver("a", 1, 100);
    TEST_ASSERT_TRUE(first("a", &message));
    TEST_ASSERT_EQUAL_UINT64(3, message.n);
    must_hold(&message, 3, 100);
    TEST_ASSERT_EQUAL(1, stats().corrupt_records);
    TEST_ASSERT_EQUAL_UINT64(1, lane_stats("a").given_up);
    TEST_ASSERT_EQUAL(IFL_STORE_CORRUPT, lane_stats("a").last_reason);
    restart();
    TEST_ASSERT_EQUAL_UINT64(1, lane_stats("a").given_up);
    deliver("a", 3, 100);
}

/* Whatever the bytes are: an answer, and if it's OK, everything can be called. */
static void use_it_all(void)
{
    static uint8_t found[IFL_PAYLOAD_SIZE_MAX];
    struct outbox_message message;
    struct outbox_id id;
    if (try_mount() != IFL_OK) {
        return;
    }
    for (size_t i = 0; i < outbox_lane_count(&world.box); i++) {
        struct outbox_lane_stats its;
        int count = 0;
        for (enum ifl_status status = outbox_first(&world.box, (uint8_t)i, &message); status == IFL_OK && count < 50;
             status = outbox_next(&world.box, &message), count++) {
            size_t got;
            (void)read_all(&message, found, sizeof found, &got);
        }
        (void)outbox_lane_stats(&world.box, (uint8_t)i, &its);
        (void)outbox_lane_route(&world.box, (uint8_t)i);
    }
    (void)stats();
    if (outbox_lane_of(&world.box, "a") != OUTBOX_LANE_NONE) {
        (void)put("a", 1, 100, &id);
    }
    for (int i = 0; i < 100; i++) {
        (void)outbox_step(&world.box, world.now += 100);
    }
    (void)outbox_flush(&world.box);
}

static void random_contents_are_refused_and_not_touched(void)
{
    uint64_t seed = 1;
    for (int round = 0; round < 40; round++) {
        world_start(1u << (round % 4), 5, 1, false);
        for (uint32_t at = 0; at < world.region.size; at++) {
            uint8_t byte = (uint8_t)flash_double_random(&seed);
            flash_double_poke(&world.medium, at, &byte, 1);
        }
        TEST_ASSERT_EQUAL(IFL_STORE_FOREIGN, try_mount());
        TEST_ASSERT_EQUAL_UINT64(0, world.medium.operations);
    }
}

/* Only crashes are looked for: bytes poked into blank places make the double complain about what is programmed over them. */
static void logs_with_random_bytes_in_them_never_crash(void)
{
    uint64_t seed = 2;
    small_log();
    struct flash_double healthy;
    flash_double_init(&healthy, &world.medium.options);
    flash_double_copy(&healthy, &world.medium);
    for (int round = 0; round < 400; round++) {
        flash_double_copy(&world.medium, &healthy);
        uint32_t count = 1 + (uint32_t)(flash_double_random(&seed) % 64);
        uint32_t block = (uint32_t)(flash_double_random(&seed) % 5) * BLOCK_SIZE;
        uint32_t span = round % 2 ? 1024 : BLOCK_SIZE;
        for (uint32_t i = 0; i < count; i++) {
            uint8_t byte = (uint8_t)flash_double_random(&seed);
            flash_double_poke(&world.medium, block + (uint32_t)(flash_double_random(&seed) % span), &byte, 1);
        }
        use_it_all();
    }
    flash_double_copy(&world.medium, &healthy);
    flash_double_free(&healthy);
}

static void blocks_that_changed_places_never_crash_and_show_nothing_wrong(void)
{
    small_log();
    struct flash_double healthy;
    flash_double_init(&healthy, &world.medium.options);
    flash_double_copy(&healthy, &world.medium);
    for (uint32_t from = 0; from < 5; from++) {
        for (uint32_t to = 0; to < 5; to++) {
            flash_double_copy(&world.medium, &healthy);
            flash_double_poke(&world.medium, to * BLOCK_SIZE, healthy.bytes + from * BLOCK_SIZE, BLOCK_SIZE);
            if (try_mount() == IFL_OK) {
                (void)read_everything();
            }
        }
    }
    flash_double_free(&healthy);
}

static void a_lane_whose_only_block_lost_its_headers_gives_nothing_up(void)
{
    struct outbox_message message;
    world_start(1, 8, 1, false);
    mount();
    settle();
    must_put("a", 1, 100);
    must_put("a", 2, 100);
    deliver("a", 1, 100);
    uint32_t at = world.medium.last_at / BLOCK_SIZE * BLOCK_SIZE + 32;
    flash_double_flip(&world.medium, at + 40, 0);
    flash_double_flip(&world.medium, at + 112 + 40, 0);
    TEST_ASSERT_EQUAL(IFL_STORE_CORRUPT, outbox_first(&world.box, lane("a"), &message));
    TEST_ASSERT_EQUAL_UINT64(0, lane_stats("a").given_up);
    flash_double_flip(&world.medium, at + 40, 0);
    deliver("a", 2, 100);
}

/* Its headers read right or wrong by chance: it was finished, the block behind it isn't. */
static void an_erase_that_the_power_went_in_never_takes_the_next_block_along(void)
{
    struct outbox_message message;
    world_start(1, 8, 1, false);
    mount();
    settle();
    for (uint32_t i = 1; i <= 9; i++) { /* three to a block */
        must_put("a", i, 1000);
    }
    for (uint32_t i = 1; i <= 3; i++) {
        deliver("a", i, 1000);
    }
    TEST_ASSERT_EQUAL(IFL_OK, outbox_flush(&world.box));
    TEST_ASSERT_EQUAL(3, lane_stats("a").blocks);
    uint32_t at = 0; /* of the block with message 1 */
    while (memcmp(world.medium.bytes + at + 32 + 72, "a\0\0\0", 4) != 0) {
        at += BLOCK_SIZE;
    }
    struct flash_double before;
    flash_double_init(&before, &world.medium.options);
    flash_double_copy(&before, &world.medium);
    for (int round = 0; round < 100; round++) {
        flash_double_copy(&world.medium, &before);
        flash_double_poke(&world.medium, at + 32, before.bytes + at + 32, 1); /* changed */
        world.medium.unstable[at + 32 + 10] = world.medium.unstable[at + 32 + 112 + 20] = 4;
        world.medium.has_unstable[at / 2048] = true;
        world.medium.noise = (uint64_t)round * 977;
        mount();
        settle();
        TEST_ASSERT_TRUE(first("a", &message));
        TEST_ASSERT_EQUAL_UINT64(4, message.n);
    }
    flash_double_free(&before);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(each_single_flipped_bit_costs_at_most_one_record_and_never_shows_a_wrong_payload);
    RUN_TEST(a_damaged_body_is_never_handed_out_whole);
    RUN_TEST(a_damaged_message_is_skipped_counted_and_recorded);
    RUN_TEST(random_contents_are_refused_and_not_touched);
    RUN_TEST(logs_with_random_bytes_in_them_never_crash);
    RUN_TEST(blocks_that_changed_places_never_crash_and_show_nothing_wrong);
    RUN_TEST(a_lane_whose_only_block_lost_its_headers_gives_nothing_up);
    RUN_TEST(an_erase_that_the_power_went_in_never_takes_the_next_block_along);
    return UNITY_END();
}
