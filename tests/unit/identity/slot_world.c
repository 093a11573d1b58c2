#include "slot_world.h"

#include <stdio.h>
#include <string.h>

#include "unity.h"

void slot_world_init(struct slot_world *world, const struct slot_geometry *geometry)
{
    uint32_t size = geometry->sector_size * geometry->sector_count;
    struct flash_double_options options = {
        .geometry = {.size = 2 * size,
                     .sector_size = geometry->sector_size,
                     .prog_size = geometry->prog_size,
                     .erased = geometry->erased},
        .erase_polls = 2,
        .cached = geometry->cached,
    };
    memset(world, 0, sizeof *world);
    flash_double_init(&world->medium, &options);
    TEST_ASSERT_EQUAL(IFL_OK, flash_region(&world->medium.flash, 0, size, &world->a));
    TEST_ASSERT_EQUAL(IFL_OK, flash_region(&world->medium.flash, size, size, &world->b));
}

void slot_world_free(struct slot_world *world)
{
    flash_double_free(&world->medium);
}

enum ifl_status slot_world_mount(struct slot_world *world)
{
    return identity_slots_mount(&world->slots, world->a, world->b);
}

static void fill(uint8_t *at, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)flash_double_random(&seed);
}

const struct identity *slot_world_identity(unsigned number)
{
    static uint8_t der[4][64];
    static struct identity identity;
    memset(&identity, 0, sizeof identity);
    identity.kind = number % 2 == 0 ? IDENTITY_EXTERNAL : IDENTITY_CERTIFICATE;
    identity.chain_count = 1 + number % 3;
    for (size_t i = 0; i < 4; i++)
        fill(der[i], sizeof der[i], number * 10 + i);
    for (size_t i = 0; i < identity.chain_count; i++)
        identity.chain[i] = bytes_of(der[i], 40 + number % 20);
    if (number >= SLOT_WORLD_REQUEST) {
        identity.kind = IDENTITY_REQUEST;
        identity.chain_count = 0;
    }
    identity.key = bytes_of(der[3], 30 + number % 30);
    fill(identity.leaf_sha256, sizeof identity.leaf_sha256, number);
    identity.not_before = 1000 + (int64_t)number;
    identity.not_after = 2000 + (int64_t)number;
    identity.chain_not_after = 1500 - (int64_t)number;
    (void)snprintf(identity.subject, sizeof identity.subject, "CN=identity %u", number);
    (void)snprintf(identity.url, sizeof identity.url, "https://tenant-%u.example", number);
    (void)snprintf(identity.key_type, sizeof identity.key_type, "RSA-2048");
    return &identity;
}

static bool same_spans(const struct identity *a, const struct identity *b)
{
    for (size_t i = 0; i < a->chain_count && i < b->chain_count; i++) {
        if (!bytes_equal(a->chain[i], b->chain[i]))
            return false;
    }
    return a->chain_count == b->chain_count && bytes_equal(a->key, b->key);
}

static bool same(const struct identity *a, const struct identity *b)
{
    return same_spans(a, b) && a->kind == b->kind && a->not_before == b->not_before && a->not_after == b->not_after &&
           a->chain_not_after == b->chain_not_after && memcmp(a->leaf_sha256, b->leaf_sha256, 32) == 0 &&
           strcmp(a->url, b->url) == 0 && strcmp(a->subject, b->subject) == 0 &&
           strcmp(a->clientid, b->clientid) == 0 && strcmp(a->key_type, b->key_type) == 0;
}

unsigned slot_world_number(struct slot_world *world, int slot)
{
    struct identity identity;
    world->medium.flash.map = world->mapped ? world->medium.bytes : NULL;
    enum ifl_status status = identity_slots_load(&world->slots, slot, world->buf, sizeof world->buf, &identity);
    world->medium.flash.map = NULL;
    if (status != IFL_OK || identity.not_before <= 1000)
        return 0;
    unsigned number = (unsigned)(identity.not_before - 1000);
    return same(&identity, slot_world_identity(number)) ? number : 0;
}

enum ifl_status slot_world_prepare(struct slot_world *world)
{
    enum ifl_status status = IFL_AGAIN;
    for (unsigned steps = 0; status == IFL_AGAIN && steps < 10000; steps++)
        status = identity_slots_prepare(&world->slots);
    return status;
}

enum ifl_status slot_world_install(struct slot_world *world, unsigned number, bool trusted)
{
    enum ifl_status status = slot_world_prepare(world);
    return status == IFL_OK ? identity_slots_write(&world->slots, slot_world_identity(number), trusted) : status;
}
