/* Reads that fail, at every place of every call: it's told or mended, and costs nothing. */
#include <string.h>

#include "world.h"

#define MESSAGES 6
#define READS_MAX 4000

static struct flash_driver driver;
static const struct flash_driver *sound;
static uint64_t fails_at, fails_until, read_count;

void setUp(void) {}

void tearDown(void)
{
    world_end();
}

static enum ifl_status read_or_fail(void *ctx, uint32_t at, void *to, size_t size)
{
    read_count++;
    bool fails = fails_at > 0 && read_count >= fails_at && read_count < fails_until;
    return fails ? IFL_FLASH_IO : sound->read(ctx, at, to, size);
}

static void calm(void)
{
    fails_at = 0;
}

static void arm(uint64_t at, uint64_t reads)
{
    fails_at = at;
    fails_until = at + reads;
    read_count = 0;
}

/* Two lanes and a dead letter. */
static void begin(bool cached)
{
    struct outbox_message message;
    world_start(1, 8, 2, cached);
    sound = world.medium.flash.driver;
    driver = *sound;
    driver.read = read_or_fail;
    world.medium.flash.driver = &driver;
    calm();
    mount();
    settle();
    for (uint32_t i = 1; i <= MESSAGES; i++)
        must_put("a", i, 20 + i);
    must_put("b", 100, 30);
    must_put("b", 101, 31);
    TEST_ASSERT_EQUAL(IFL_OK, outbox_sync(&world.box));
    TEST_ASSERT_TRUE(first("b", &message));
    TEST_ASSERT_EQUAL(IFL_OK, outbox_dead_letter(&world.box, &message, IFL_ANSWER_REJECTED));
    settle();
}

/* ---- one call ---- */

static enum ifl_status mounts(void)
{
    return try_mount();
}

static enum ifl_status puts_one(void)
{
    struct outbox_id id;
    enum ifl_status status = put("a", MESSAGES + 1, 20 + MESSAGES + 1, &id);
    return status == IFL_OK ? outbox_sync(&world.box) : status;
}

static enum ifl_status looks(void)
{
    static uint8_t body[64];
    struct outbox_message message;
    size_t got;
    enum ifl_status status = outbox_first(&world.box, lane("a"), &message);
    if (status == IFL_OK)
        status = read_all(&message, body, sizeof body, &got);
    return status == IFL_OK ? outbox_next(&world.box, &message) : status;
}

static enum ifl_status finishes(void)
{
    enum ifl_status status = outbox_done(&world.box, lane("a"), 1);
    return status == IFL_OK ? outbox_flush(&world.box) : status;
}

static enum ifl_status gives_up(void)
{
    return outbox_give_up(&world.box, lane("a"), 1, IFL_ANSWER_REJECTED);
}

static enum ifl_status buries(void)
{
    struct outbox_message message;
    enum ifl_status status = outbox_first(&world.box, lane("b"), &message);
    return status == IFL_OK ? outbox_dead_letter(&world.box, &message, IFL_ANSWER_REJECTED) : status;
}

static enum ifl_status requeues(void)
{
    struct outbox_message dead;
    enum ifl_status status = outbox_first(&world.box, OUTBOX_LANE_DEAD, &dead);
    return status == IFL_OK ? outbox_requeue(&world.box, &dead, lane("b")) : status;
}

static enum ifl_status forgets(void)
{
    struct outbox_message dead;
    enum ifl_status status = outbox_first(&world.box, OUTBOX_LANE_DEAD, &dead);
    return status == IFL_OK ? outbox_bury(&world.box, &dead) : status;
}

static enum ifl_status batches(void)
{
    return outbox_batch_begin(&world.box, lane("a"), 3, 1);
}

/* ---- what still holds ---- */

static uint32_t count_lane(const char *route, uint32_t serial, uint32_t size_over)
{
    struct outbox_message message;
    uint32_t count = 0;
    for (bool any = first(route, &message); any; any = next(&message), count++) {
        while (message.size != size_over + serial)
            serial++;
        must_hold(&message, serial, message.size);
    }
    return count;
}

/* Each message at most once where it was finished on purpose, else once; in their order. */
static void must_be_whole(uint32_t least_of_a)
{
    uint32_t a = count_lane("a", 1, 20);
    TEST_ASSERT_TRUE(a >= least_of_a && a <= MESSAGES + 1);
    TEST_ASSERT_EQUAL_UINT32(0, stats().corrupt_records);
    TEST_ASSERT_EQUAL_UINT32(0, stats().lost_records);
}

struct call {
    const char *name;
    enum ifl_status (*run)(void);
    uint32_t finished; /* messages of the lane a, when it worked */
};

static const struct call calls[] = {
    {"mount", mounts, 0},         {"put", puts_one, 0},     {"first, read, next", looks, 0},
    {"done, flush", finishes, 1}, {"give up", gives_up, 1}, {"dead letter", buries, 0},
    {"requeue", requeues, 0},     {"bury", forgets, 0},     {"batch", batches, 0}};

static void reads_fail_in(const struct call *call, uint64_t reads, bool cached)
{
    for (uint64_t at = 1; at < READS_MAX; at++) {
        begin(cached);
        arm(at, reads);
        enum ifl_status status = call->run();
        bool hit = read_count >= at;
        calm();
        if (!hit) {
            TEST_ASSERT_EQUAL_MESSAGE(IFL_OK, status, call->name);
            return;
        }
        TEST_ASSERT_TRUE_MESSAGE(status == IFL_OK || status == IFL_FLASH_IO || status == IFL_FLASH_VERIFY ||
                                     status == IFL_STORE_FULL,
                                 call->name);
        mount();
        must_be_whole(MESSAGES - call->finished);
        must_put("a", MESSAGES + 2, 20 + MESSAGES + 2);
    }
    TEST_FAIL_MESSAGE("it never ended");
}

static void every_call_meets(uint64_t reads)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        for (int cached = 0; cached < 2; cached++)
            reads_fail_in(&calls[i], reads, cached != 0);
}

static void a_read_that_fails_once_is_told_or_mended_and_costs_nothing(void)
{
    every_call_meets(1);
}

static void reads_that_fail_from_some_moment_on_end_every_call_and_cost_nothing(void)
{
    every_call_meets(UINT32_MAX);
}

static void a_blank_medium_that_can_t_be_read_is_not_formatted(void)
{
    for (uint64_t at = 1; at < 400; at += 7) {
        world_start(1, 8, 2, false);
        sound = world.medium.flash.driver;
        driver = *sound;
        driver.read = read_or_fail;
        world.medium.flash.driver = &driver;
        arm(at, UINT32_MAX);
        TEST_ASSERT_EQUAL(IFL_FLASH_IO, try_mount());
        TEST_ASSERT_EQUAL_UINT64(0, world.medium.operations);
        calm();
        mount();
    }
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_read_that_fails_once_is_told_or_mended_and_costs_nothing);
    RUN_TEST(reads_that_fail_from_some_moment_on_end_every_call_and_cost_nothing);
    RUN_TEST(a_blank_medium_that_can_t_be_read_is_not_formatted);
    return UNITY_END();
}
