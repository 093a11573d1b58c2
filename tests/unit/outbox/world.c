#include "world.h"

#include <string.h>

#define PATIENCE 2000

struct world world;

static enum ifl_status fill_random(void *ctx, void *buf, size_t size)
{
    uint64_t *state = ctx;
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)buf)[i] = (uint8_t)flash_double_random(state);
    }
    return IFL_OK;
}

void world_start(uint32_t prog_size, uint32_t blocks, size_t routes, bool cached)
{
    static const char *const names[ROUTES_MAX] = {"a", "b", "c", "d"};
    if (cached && !IFL_FLASH_CACHE) {
        TEST_IGNORE_MESSAGE("this build takes no medium with a cache");
    }
    world_end();
    memset(&world, 0, sizeof world);
    struct flash_geometry geometry = {
        .size = blocks * BLOCK_SIZE, .sector_size = 2048, .prog_size = prog_size, .erased = cached ? 0x00 : 0xFF};
    struct flash_double_options options = {.geometry = geometry, .erase_polls = 2, .cached = cached};
    flash_double_init(&world.medium, &options);
    world.has_medium = true;
    TEST_ASSERT_EQUAL(IFL_OK, flash_region(&world.medium.flash, 0, geometry.size, &world.region));
    for (size_t i = 0; i < ROUTES_MAX; i++) {
        world.lanes[i] = (struct outbox_lane_config){.route = names[i], .priority = 1, .min_blocks = 1};
    }
    world.random = 42;
    world.config = (struct outbox_config){.block_size = BLOCK_SIZE,
                                          .device_tag = 7,
                                          .lanes = world.lanes,
                                          .lane_count = routes,
                                          .random = {fill_random, &world.random}};
}

void world_end(void)
{
    if (world.has_medium) {
        world.has_medium = false;
        TEST_ASSERT_EQUAL_STRING("", world.medium.violation);
        flash_double_free(&world.medium);
    }
}

enum ifl_status try_mount(void)
{
    enum ifl_status status = outbox_mount(&world.box, world.region, &world.config);
    for (int i = 0; i < PATIENCE && status == IFL_FLASH_BUSY; i++) {
        (void)flash_poll(&world.region);
        status = outbox_mount(&world.box, world.region, &world.config);
    }
    return status;
}

void mount(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, try_mount());
}

void settle(void)
{
    ifl_ms wish = 0;
    for (int i = 0; i < PATIENCE && wish != IFL_NEVER; i++) {
        wish = outbox_step(&world.box, world.now);
        world.now = wish == IFL_NEVER || wish <= world.now ? world.now + 1 : wish;
    }
    TEST_ASSERT_TRUE(wish == IFL_NEVER);
}

void restart(void)
{
    settle();
    TEST_ASSERT_EQUAL(IFL_OK, outbox_flush(&world.box));
    mount();
}

static bool is_busy(enum ifl_status status, int *tries)
{
    if (status != IFL_FLASH_BUSY || ++*tries > PATIENCE) {
        return false;
    }
    (void)outbox_step(&world.box, world.now++);
    return true;
}

void body_of(uint32_t serial, uint8_t *buf, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        buf[i] = (uint8_t)(i < 2 ? serial >> (8 * i) : (serial * 2654435761u + (uint32_t)i * 40503u) >> 13);
    }
}

uint8_t lane(const char *route)
{
    uint8_t number = outbox_lane_of(&world.box, route);
    TEST_ASSERT_TRUE(number != OUTBOX_LANE_NONE);
    return number;
}

enum ifl_status put(const char *route, uint32_t serial, uint32_t size, struct outbox_id *id)
{
    static uint8_t body[IFL_PAYLOAD_SIZE_MAX + 1];
    enum ifl_status status;
    int tries = 0;
    body_of(serial, body, size);
    do {
        status = outbox_put(&world.box, lane(route), bytes_of(body, size),
                            (struct outbox_time){1000 + serial, 2, serial * 7}, id);
    } while (is_busy(status, &tries));
    return status;
}

void must_put(const char *route, uint32_t serial, uint32_t size)
{
    struct outbox_id id;
    TEST_ASSERT_EQUAL(IFL_OK, put(route, serial, size, &id));
}

bool first(const char *route, struct outbox_message *message)
{
    enum ifl_status status;
    int tries = 0;
    do {
        status = outbox_first(&world.box, lane(route), message);
    } while (is_busy(status, &tries));
    TEST_ASSERT_TRUE(status == IFL_OK || status == IFL_END);
    return status == IFL_OK;
}

bool next(struct outbox_message *message)
{
    enum ifl_status status;
    int tries = 0;
    do {
        status = outbox_next(&world.box, message);
    } while (is_busy(status, &tries));
    TEST_ASSERT_TRUE(status == IFL_OK || status == IFL_END);
    return status == IFL_OK;
}

enum ifl_status read_all(struct outbox_message *message, uint8_t *buf, size_t room, size_t *size)
{
    size_t got = 0;
    enum ifl_status status;
    int tries = 0;
    *size = 0;
    outbox_rewind(message);
    do {
        size_t piece = room - *size < 61 ? room - *size : 61;
        status = outbox_read(&world.box, message, buf + *size, piece, &got);
        *size += got;
    } while ((status == IFL_OK && got > 0) || is_busy(status, &tries));
    return status;
}

void must_hold(struct outbox_message *message, uint32_t serial, uint32_t size)
{
    static uint8_t expected[IFL_PAYLOAD_SIZE_MAX], found[IFL_PAYLOAD_SIZE_MAX];
    size_t got;
    TEST_ASSERT_EQUAL(size, message->size);
    TEST_ASSERT_EQUAL(IFL_OK, read_all(message, found, sizeof found, &got));
    TEST_ASSERT_EQUAL(size, got);
    body_of(serial, expected, size);
    TEST_ASSERT_TRUE(memcmp(expected, found, size) == 0);
}

void deliver(const char *route, uint32_t serial, uint32_t size)
{
    struct outbox_message message;
    TEST_ASSERT_TRUE(first(route, &message));
    must_hold(&message, serial, size);
    TEST_ASSERT_EQUAL(IFL_OK, outbox_done(&world.box, message.lane, message.n));
}

uint64_t queued(const char *route)
{
    return lane_stats(route).queued;
}

struct outbox_stats stats(void)
{
    struct outbox_stats all;
    outbox_stats(&world.box, &all);
    return all;
}

struct outbox_lane_stats lane_stats(const char *route)
{
    struct outbox_lane_stats its;
    TEST_ASSERT_EQUAL(IFL_OK, outbox_lane_stats(&world.box, lane(route), &its));
    return its;
}
