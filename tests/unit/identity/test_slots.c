/* Two slots: which identity is in force, on every geometry, with a worn or damaged medium. */
#include <stdio.h>
#include <string.h>

#include "slot_world.h"
#include "unity.h"

static const struct slot_geometry geometries[] = {
    {.prog_size = 1, .sector_size = 65536, .sector_count = 1, .erased = 0x00}, /* a punched file */
    {.prog_size = 1, .sector_size = 4096, .sector_count = 2, .erased = 0xFF},
    {.prog_size = 2, .sector_size = 2048, .sector_count = 4, .erased = 0xFF},
    {.prog_size = 8, .sector_size = 2048, .sector_count = 1, .erased = 0xFF}, /* STM32 with ECC flash */
    {.prog_size = 32, .sector_size = 8192, .sector_count = 1, .erased = 0xFF},
    {.prog_size = 256, .sector_size = 4096, .sector_count = 3, .erased = 0xFF}, /* SPI NOR */
};
#define GEOMETRY_COUNT (sizeof geometries / sizeof geometries[0])

static struct slot_world world;

void setUp(void)
{
    slot_world_init(&world, &geometries[1]);
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_mount(&world));
}

void tearDown(void)
{
    TEST_ASSERT_EQUAL_STRING("", world.medium.violation);
    slot_world_free(&world);
}

static void use(size_t geometry)
{
    slot_world_free(&world);
    slot_world_init(&world, &geometries[geometry]);
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_mount(&world));
}

static void in_force(unsigned active, unsigned pending)
{
    for (int mounted = 0; mounted < 2; mounted++) {
        TEST_ASSERT_EQUAL(active, slot_world_number(&world, world.slots.active));
        TEST_ASSERT_EQUAL(pending, slot_world_number(&world, world.slots.pending));
        TEST_ASSERT_EQUAL(IFL_OK, slot_world_mount(&world));
    }
}

static void on_every_geometry(void (*sentence)(void))
{
    for (size_t i = 0; i < GEOMETRY_COUNT; i++) {
        use(i);
        sentence();
        TEST_ASSERT_EQUAL_STRING("", world.medium.violation);
    }
}

static void life(void)
{
    in_force(0, 0);
    TEST_ASSERT_EQUAL(IDENTITY_SLOT_EMPTY, world.slots.slot[0].state);
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 1, true));
    in_force(1, 0);
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 2, false));
    in_force(1, 2);
    TEST_ASSERT_EQUAL(IFL_OK, identity_slots_activate(&world.slots));
    in_force(2, 0);
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 3, false));
    TEST_ASSERT_EQUAL(IFL_OK, identity_slots_refuse(&world.slots));
    in_force(2, 0);
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 4, false));
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 5, false));
    in_force(2, 5);
    TEST_ASSERT_EQUAL(IFL_OK, identity_slots_activate(&world.slots));
    TEST_ASSERT_EQUAL(IFL_OK, identity_slots_rollback(&world.slots));
    in_force(2, 0);
    TEST_ASSERT_EQUAL(IFL_OK, identity_slots_rollback(&world.slots));
    in_force(5, 0);
}

static void the_life_of_an_identity_is_the_same_on_every_geometry(void)
{
    on_every_geometry(life);
}

static void a_memory_mapped_medium_is_used_in_place(void)
{
    struct identity identity;
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 1, true));
    world.mapped = true;
    TEST_ASSERT_EQUAL(1, slot_world_number(&world, 0));
    world.medium.flash.map = world.medium.bytes;
    TEST_ASSERT_EQUAL(IFL_OK, identity_slots_load(&world.slots, 0, NULL, 0, &identity));
    TEST_ASSERT_TRUE(identity.key.data > world.medium.bytes && identity.key.data < world.medium.bytes + world.a.size);
    world.medium.flash.map = NULL;
}

static void a_buffer_that_is_too_small_holds_nothing(void)
{
    struct identity identity;
    uint8_t buf[100];
    memset(buf, 7, sizeof buf);
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 1, true));
    TEST_ASSERT_EQUAL(IFL_TOO_LARGE, identity_slots_load(&world.slots, 0, buf, sizeof buf, &identity));
    TEST_ASSERT_EACH_EQUAL_UINT8(0, buf, sizeof buf);
    TEST_ASSERT_EQUAL(0, identity.chain_count);
}

static void an_empty_slot_holds_no_identity(void)
{
    struct identity identity;
    TEST_ASSERT_EQUAL(IFL_IDENTITY_NONE, identity_slots_load(&world.slots, 0, world.buf, sizeof world.buf, &identity));
    TEST_ASSERT_EQUAL(IFL_IDENTITY_NONE, identity_slots_load(&world.slots, -1, world.buf, sizeof world.buf, &identity));
    TEST_ASSERT_EQUAL(IFL_IDENTITY_NONE, identity_slots_load(&world.slots, 2, world.buf, sizeof world.buf, &identity));
}

static void nothing_pending_can_be_judged(void)
{
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, identity_slots_activate(&world.slots));
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, identity_slots_refuse(&world.slots));
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, identity_slots_rollback(&world.slots));
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 1, true));
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, identity_slots_rollback(&world.slots));
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 2, false));
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, identity_slots_rollback(&world.slots));
    TEST_ASSERT_EQUAL(IFL_OK, identity_slots_refuse(&world.slots));
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, identity_slots_rollback(&world.slots));
}

static void only_a_prepared_slot_is_written(void)
{
    TEST_ASSERT_EQUAL(IFL_INVALID, identity_slots_write(&world.slots, slot_world_identity(1), true));
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_prepare(&world));
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_prepare(&world));
    TEST_ASSERT_EQUAL(IFL_OK, identity_slots_write(&world.slots, slot_world_identity(1), true));
    TEST_ASSERT_EQUAL(IFL_INVALID, identity_slots_write(&world.slots, slot_world_identity(2), true));
}

static void the_only_identity_is_never_erased_even_while_it_is_pending(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 1, false));
    in_force(0, 1);
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 2, false));
    TEST_ASSERT_EQUAL(1, slot_world_number(&world, 0));
    in_force(0, 2);
}

static unsigned waits(void)
{
    return world.slots.request < 0 ? 0 : slot_world_number(&world, world.slots.request);
}

static void the_newest_key_waits(void)
{
    for (unsigned i = 0; i < 3; i++) { /* without an identity in force both slots may hold one */
        const unsigned number = SLOT_WORLD_REQUEST + i;
        TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, number, false));
        TEST_ASSERT_EQUAL_UINT(number, waits());
        TEST_ASSERT_EQUAL(IFL_OK, slot_world_mount(&world));
        TEST_ASSERT_EQUAL_UINT(number, waits());
    }
}

static void the_newest_key_of_two_waits_on_every_geometry(void)
{
    on_every_geometry(the_newest_key_waits);
}

static void a_key_is_passed_over_once_something_newer_is_there(void)
{
    use(0);
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, SLOT_WORLD_REQUEST, false));
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, SLOT_WORLD_REQUEST + 1, false));
    TEST_ASSERT_EQUAL(IFL_OK, identity_slots_answer(&world.slots, slot_world_identity(1)));
    TEST_ASSERT_EQUAL_UINT(0, waits());
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_mount(&world));
    TEST_ASSERT_EQUAL_UINT(0, waits());
    in_force(0, 1);
}

static void an_erase_under_way_lets_nothing_be_written(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 1, true));
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 2, false));
    world.medium.options.erase_polls = 3;
    TEST_ASSERT_EQUAL(IFL_OK, flash_erase_start(&world.a, 4096)); /* as if it were another room's */
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, identity_slots_activate(&world.slots));
    while (flash_poll(&world.a) == IFL_FLASH_BUSY)
        continue;
    in_force(1, 2);
    TEST_ASSERT_EQUAL(IFL_OK, identity_slots_activate(&world.slots));
}

static void an_identity_that_doesnt_fit_is_too_large_and_the_old_one_stays(void)
{
    static uint8_t big[9000];
    struct identity identity = *slot_world_identity(2);
    identity.chain[0] = bytes_of(big, sizeof big);
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 1, true));
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_prepare(&world));
    TEST_ASSERT_EQUAL(IFL_TOO_LARGE, identity_slots_write(&world.slots, &identity, false));
    in_force(1, 0);
}

static void an_identity_as_large_as_the_slot_fits_to_the_last_byte(void)
{
    static uint8_t big[9000];
    struct identity identity = {.chain_count = 1, .key = bytes_of(big, 100)};
    uint32_t overhead = identity_slots_size(1, 0) - 1;
    identity.chain[0] = bytes_of(big, world.a.size - overhead - 100);
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_prepare(&world));
    TEST_ASSERT_EQUAL(IFL_OK, identity_slots_write(&world.slots, &identity, true));
    identity.chain[0].size++;
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_prepare(&world));
    TEST_ASSERT_EQUAL(IFL_TOO_LARGE, identity_slots_write(&world.slots, &identity, true));
}

static void a_worn_slot_leaves_the_identity_in_force(void)
{
    for (int wear = FLASH_WEAR_PROGRAM_FAILS; wear <= FLASH_WEAR_ERASE_FAILS; wear++) {
        use(1);
        TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 1, true));
        TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 2, false));
        flash_double_wear_out(&world.medium, world.b.start, (enum flash_wear)wear);
        enum ifl_status status = slot_world_install(&world, 3, false);
        TEST_ASSERT_TRUE(status == IFL_FLASH_IO || status == IFL_FLASH_VERIFY);
        in_force(1, 0);
    }
}

static void every_flipped_bit_is_noticed(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 1, true));
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 2, false));
    TEST_ASSERT_EQUAL(IFL_OK, identity_slots_activate(&world.slots));
    uint32_t record = world.b.start + 16 * 16;
    uint32_t end = record + world.slots.slot[1].size;
    for (uint32_t at = record; at < end; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            flash_double_flip(&world.medium, at, bit);
            enum ifl_status status = slot_world_mount(&world);
            /* A later version number is answered as that; else the slot is damaged and the older one works. */
            if (status == IFL_OK)
                TEST_ASSERT_EQUAL(1, slot_world_number(&world, world.slots.active));
            else
                TEST_ASSERT_EQUAL(IFL_STORE_NEWER, status);
            flash_double_flip(&world.medium, at, bit);
        }
    }
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_mount(&world));
    in_force(2, 0);
}

static void a_flipped_bit_in_a_mark_changes_nothing(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 1, true));
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 2, false));
    TEST_ASSERT_EQUAL(IFL_OK, identity_slots_activate(&world.slots));
    struct flash_double saved;
    flash_double_init(&saved, &world.medium.options);
    flash_double_copy(&saved, &world.medium);
    for (uint32_t at = 0; at < 16 * 16; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            flash_double_flip(&world.medium, world.b.start + at, bit);
            in_force(2, 0);
            flash_double_copy(&world.medium, &saved);
        }
    }
    flash_double_free(&saved);
}

static void a_later_format_is_left_alone(void)
{
    static const uint8_t later[16] = {'I', 'F', 'I', 'D', 2, 0, 200, 0, 9, 0, 0, 0, 0xB6, 0x34, 0x00, 0x00};
    uint8_t header[16];
    memcpy(header, later, sizeof header);
    /* The check sum over the first twelve bytes is the same in every version. */
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < 12; i++) {
        crc ^= header[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0x82F63B78u & (0u - (crc & 1)));
    }
    le32_put(header + 12, ~crc);
    flash_double_poke(&world.medium, 16 * 16, header, sizeof header);
    uint64_t operations = world.medium.operations;
    TEST_ASSERT_EQUAL(IFL_STORE_NEWER, slot_world_mount(&world));
    TEST_ASSERT_EQUAL_UINT64(operations, world.medium.operations);
}

static void random_bytes_are_a_damaged_slot_and_can_be_replaced(void)
{
    uint64_t seed = 1;
    for (int round = 0; round < 200; round++) {
        uint8_t noise[1024];
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (uint8_t)flash_double_random(&seed);
        if (round % 2 == 0)
            memcpy(noise + 16 * 16, "IFID\1\0\160\0", 8);
        flash_double_reset(&world.medium);
        flash_double_poke(&world.medium, 0, noise, sizeof noise);
        TEST_ASSERT_EQUAL(IFL_OK, slot_world_mount(&world));
        TEST_ASSERT_EQUAL(IDENTITY_SLOT_BAD, world.slots.slot[0].state);
        TEST_ASSERT_EQUAL(-1, world.slots.active);
    }
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 1, true));
    in_force(1, 0);
}

static void regions_that_are_too_small_or_differ_are_refused(void)
{
    struct identity_slots slots;
    struct flash_region small = world.b;
    small.size = 4096;
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, identity_slots_mount(&slots, world.a, small));
    use(5);
    struct flash_region a = world.a;
    struct flash_region b = world.b;
    a.size = b.size = 4096; /* sixteen entries of 256 bytes, and no room for a record */
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, identity_slots_mount(&slots, a, b));
}

static void many_rollbacks_end_with_no_room_and_not_with_a_broken_slot(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 1, true));
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 2, true));
    unsigned expected = 2;
    enum ifl_status status = IFL_OK;
    for (int i = 0; i < 40 && status == IFL_OK; i++) {
        status = identity_slots_rollback(&world.slots);
        expected = status == IFL_OK ? 3 - expected : expected;
        in_force(expected, 0);
    }
    TEST_ASSERT_EQUAL(IFL_STORE_FULL, status);
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 3, true));
    in_force(3, 0);
}

static void parts(void)
{
    uint8_t buf[4096];
    size_t size;
    TEST_ASSERT_EQUAL(IFL_IDENTITY_NONE, identity_slots_part(&world.slots, 0, 0, buf, sizeof buf, &size));
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 7, true));
    const struct identity *identity = slot_world_identity(7);
    for (unsigned i = 0; i <= identity->chain_count; i++) {
        bool is_key = i == identity->chain_count;
        struct bytes wanted = is_key ? identity->key : identity->chain[i];
        unsigned part = is_key ? IDENTITY_PART_KEY : i;
        int slot = world.slots.active;
        TEST_ASSERT_EQUAL(IFL_TOO_LARGE, identity_slots_part(&world.slots, slot, part, NULL, 0, &size));
        TEST_ASSERT_EQUAL_UINT64(wanted.size, size);
        TEST_ASSERT_EQUAL(IFL_OK, identity_slots_part(&world.slots, slot, part, buf, size, &size));
        TEST_ASSERT_TRUE(bytes_equal(wanted, bytes_of(buf, size)));
        TEST_ASSERT_EQUAL(IFL_TOO_LARGE, identity_slots_part(&world.slots, slot, part, buf, size - 1, &size));
    }
    TEST_ASSERT_EQUAL(IFL_OK,
                      identity_slots_part(&world.slots, world.slots.active, IDENTITY_PART_URL, buf, sizeof buf, &size));
    TEST_ASSERT_TRUE(bytes_equal(bytes_of_string(identity->url), bytes_of(buf, size)));
    unsigned behind = (unsigned)identity->chain_count;
    TEST_ASSERT_EQUAL(IFL_END, identity_slots_part(&world.slots, world.slots.active, behind, buf, sizeof buf, &size));
}

static void certificates_and_key_can_be_read_one_at_a_time(void)
{
    on_every_geometry(parts);
}

static void a_part_of_a_damaged_record_is_not_given(void)
{
    uint8_t buf[4096];
    size_t size = 0;
    TEST_ASSERT_EQUAL(IFL_OK, slot_world_install(&world, 7, true));
    TEST_ASSERT_EQUAL(IFL_TOO_LARGE, identity_slots_part(&world.slots, 0, 0, NULL, 0, &size));
    world.medium.bytes[world.slots.slot[0].size - 8] ^= 0x10; /* in the key, or near it */
    memset(buf, 0xA5, sizeof buf);
    TEST_ASSERT_EQUAL(IFL_STORE_CORRUPT, identity_slots_part(&world.slots, 0, 0, buf, size, &size));
    TEST_ASSERT_EQUAL_HEX8(0, buf[0]);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(certificates_and_key_can_be_read_one_at_a_time);
    RUN_TEST(a_part_of_a_damaged_record_is_not_given);
    RUN_TEST(the_life_of_an_identity_is_the_same_on_every_geometry);
    RUN_TEST(a_memory_mapped_medium_is_used_in_place);
    RUN_TEST(a_buffer_that_is_too_small_holds_nothing);
    RUN_TEST(an_empty_slot_holds_no_identity);
    RUN_TEST(nothing_pending_can_be_judged);
    RUN_TEST(only_a_prepared_slot_is_written);
    RUN_TEST(the_only_identity_is_never_erased_even_while_it_is_pending);
    RUN_TEST(the_newest_key_of_two_waits_on_every_geometry);
    RUN_TEST(a_key_is_passed_over_once_something_newer_is_there);
    RUN_TEST(an_erase_under_way_lets_nothing_be_written);
    RUN_TEST(an_identity_that_doesnt_fit_is_too_large_and_the_old_one_stays);
    RUN_TEST(an_identity_as_large_as_the_slot_fits_to_the_last_byte);
    RUN_TEST(a_worn_slot_leaves_the_identity_in_force);
    RUN_TEST(every_flipped_bit_is_noticed);
    RUN_TEST(a_flipped_bit_in_a_mark_changes_nothing);
    RUN_TEST(a_later_format_is_left_alone);
    RUN_TEST(random_bytes_are_a_damaged_slot_and_can_be_replaced);
    RUN_TEST(regions_that_are_too_small_or_differ_are_refused);
    RUN_TEST(many_rollbacks_end_with_no_room_and_not_with_a_broken_slot);
    return UNITY_END();
}
