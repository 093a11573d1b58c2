/* The power goes in every flash operation of an identity's life, torn in every way: the identity in force is always the one before or the
 * one after, it never goes back at a later start, and a new one can be installed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slot_world.h"
#include "unity.h"

static const struct slot_geometry geometries[] = {
    {.prog_size = 1, .sector_size = 2048, .sector_count = 1, .erased = 0x00},
    {.prog_size = 1, .sector_size = 4096, .sector_count = 1, .erased = 0x00, .cached = true},
    {.prog_size = 1, .sector_size = 2048, .sector_count = 1, .erased = 0xFF},
    {.prog_size = 8, .sector_size = 2048, .sector_count = 1, .erased = 0xFF},
    {.prog_size = 64, .sector_size = 2048, .sector_count = 2, .erased = 0xFF},
    {.prog_size = 256, .sector_size = 4096, .sector_count = 2, .erased = 0xFF},
};

enum step { INSTALL_TRUSTED, INSTALL, ACTIVATE, REFUSE, ROLLBACK, RESTART, REQUEST, ANSWER };

static const enum step workload[] = {INSTALL_TRUSTED, INSTALL,  ACTIVATE, INSTALL, REFUSE,  INSTALL,  INSTALL,
                                     RESTART,         ACTIVATE, ROLLBACK, INSTALL, RESTART, REFUSE,   INSTALL,
                                     ACTIVATE,        ROLLBACK, REQUEST,  RESTART, ANSWER,  ACTIVATE, REQUEST,
                                     ANSWER,          RESTART,  REFUSE,   REQUEST, INSTALL};
#define STEP_COUNT (sizeof workload / sizeof workload[0])

/* What must be in the slots: numbers of identities, 0 = none. */
struct model {
    unsigned active, other, pending; /* other: proven, not in force */
    unsigned request;                /* a key that waits for its certificate */
    unsigned next;
};

static struct slot_world world;
static char where[128];
static unsigned long cuts, failures;

void setUp(void) {}

void tearDown(void) {}

static struct model after(struct model model, enum step step)
{
    switch (step) {
    case INSTALL_TRUSTED:
    case INSTALL:
        model.pending = model.next++;
        model.other = model.request = 0;
        if (step == INSTALL)
            return model;
        model.active = model.pending;
        model.pending = 0;
        return model;
    case ACTIVATE:
        model.other = model.active;
        model.active = model.pending;
        model.pending = 0;
        return model;
    case REFUSE:
        model.pending = 0;
        return model;
    case REQUEST:
        model.request = SLOT_WORLD_REQUEST + model.next++;
        model.other = model.pending = 0;
        return model;
    case ANSWER:
        model.pending = model.next++;
        model.request = 0;
        return model;
    case ROLLBACK: {
        unsigned active = model.other;
        model.other = model.active;
        model.active = active;
        return model;
    }
    default:
        return model;
    }
}

static enum ifl_status run(enum step step, unsigned next)
{
    switch (step) {
    case INSTALL_TRUSTED:
        return slot_world_install(&world, next, true);
    case INSTALL:
        return slot_world_install(&world, next, false);
    case ACTIVATE:
        return identity_slots_activate(&world.slots);
    case REFUSE:
        return identity_slots_refuse(&world.slots);
    case ROLLBACK:
        return identity_slots_rollback(&world.slots);
    case REQUEST:
        return slot_world_install(&world, SLOT_WORLD_REQUEST + next, false);
    case ANSWER:
        return identity_slots_answer(&world.slots, slot_world_identity(next));
    default:
        return slot_world_mount(&world);
    }
}

static bool check(bool holds, const char *what)
{
    if (!holds) {
        failures++;
        if (failures < 10)
            (void)printf("%s: %s\n", where, what);
    }
    return holds;
}

static unsigned active_now(void)
{
    return world.slots.active < 0 ? 0 : slot_world_number(&world, world.slots.active);
}

static bool is_one_of(unsigned number, unsigned a, unsigned b)
{
    return number == a || number == b || number == 0;
}

/* Start again after the cut; a second cut may hit what mount writes. */
static bool restart(uint64_t seed, enum flash_tear tear)
{
    flash_double_power_on(&world.medium);
    if (seed % 3 == 0) {
        flash_double_cut(&world.medium, world.medium.operations + 1 + seed % 2, tear, seed * 31);
        (void)slot_world_mount(&world);
        flash_double_power_on(&world.medium);
        flash_double_cut(&world.medium, 0, FLASH_TEAR_ALL, 0);
    }
    return check(slot_world_mount(&world) == IFL_OK, "mount fails after the cut");
}

/* Until its certificate is pending, the key waits; and a certificate that the power went in can be given again. */
static void check_request(const struct model *before, enum step step)
{
    unsigned request = world.slots.request < 0 ? 0 : slot_world_number(&world, world.slots.request);
    unsigned pending = world.slots.pending < 0 ? 0 : slot_world_number(&world, world.slots.pending);
    if (before->request == 0 || (step != ANSWER && step != RESTART))
        return;
    check(request == before->request || (step == ANSWER && pending == before->next), "the key that waits is lost");
    if (request == 0)
        return;
    check(identity_slots_answer(&world.slots, slot_world_identity(66)) == IFL_OK &&
              slot_world_number(&world, world.slots.pending) == 66,
          "the certificate can't be given again");
    check(slot_world_mount(&world) == IFL_OK && world.slots.pending >= 0 &&
              slot_world_number(&world, world.slots.pending) == 66,
          "the certificate is lost at the next start");
}

static void check_after_cut(struct model before, enum step step, uint64_t seed, enum flash_tear tear)
{
    struct model done = after(before, step);
    if (!restart(seed, tear))
        return;
    unsigned active = active_now();
    unsigned pending = world.slots.pending < 0 ? 0 : slot_world_number(&world, world.slots.pending);
    check(active == before.active || active == done.active, "the identity in force is neither the old nor the new one");
    check(world.slots.active >= 0 || before.active == 0, "no identity is in force");
    check(is_one_of(pending, before.pending, step == INSTALL ? before.next : done.pending),
          "another identity is pending");
    check_request(&before, step);
    for (int i = 0; i < 4; i++) {
        /* A mark with unstable bits may be read only at a later start; once it was read, it stays. */
        bool mounted = slot_world_mount(&world) == IFL_OK;
        unsigned later = active_now();
        check(mounted && (later == active || later == done.active),
              "the identity in force changes back at a later start");
        active = later;
    }
    check(slot_world_install(&world, 77, false) == IFL_OK && identity_slots_activate(&world.slots) == IFL_OK &&
              active_now() == 77,
          "no new identity can be installed");
    check(slot_world_mount(&world) == IFL_OK && active_now() == 77, "the new identity isn't in force");
    check(world.medium.violations == 0, world.medium.violation);
}

/* Run the workload until the power goes in operation `cut` (0: never). Returns the operations of the whole run. */
static uint64_t run_workload(uint64_t cut, enum flash_tear tear, uint64_t seed)
{
    struct model model = {.next = 1};
    flash_double_reset(&world.medium);
    flash_double_cut(&world.medium, cut, tear, seed);
    check(slot_world_mount(&world) == IFL_OK, "mount fails on a blank medium");
    for (size_t i = 0; i < STEP_COUNT; i++) {
        enum ifl_status status = run(workload[i], model.next);
        if (world.medium.off) {
            cuts++;
            check_after_cut(model, workload[i], seed, tear);
            return 0;
        }
        model = after(model, workload[i]);
        check(status == IFL_OK && active_now() == model.active &&
                  (world.slots.request < 0 ? 0 : slot_world_number(&world, world.slots.request)) == model.request,
              "a step without a cut fails");
    }
    check(world.medium.violations == 0, world.medium.violation);
    return world.medium.operations;
}

static unsigned seed_count(void)
{
    const char *full = getenv("IFL_TEST_FULL");
    return full != NULL && strcmp(full, "1") == 0 ? 24 : 2;
}

static void sweep(const struct slot_geometry *geometry)
{
    slot_world_init(&world, geometry);
    uint64_t operations = run_workload(0, FLASH_TEAR_NOTHING, 0);
    for (uint64_t cut = 1; cut <= operations; cut++) {
        for (int tear = 0; tear < FLASH_TEAR_COUNT; tear++) {
            unsigned seeds = tear <= FLASH_TEAR_ALL ? 3 : seed_count() * 3;
            for (unsigned seed = 0; seed < seeds; seed++) {
                (void)snprintf(where, sizeof where, "g %u, erased %02x%s, operation %u, %s, seed %u",
                               geometry->prog_size, geometry->erased, geometry->cached ? ", cached" : "", (unsigned)cut,
                               flash_tear_name((enum flash_tear)tear), seed);
                (void)run_workload(cut, (enum flash_tear)tear, seed);
            }
        }
    }
    slot_world_free(&world);
}

static void write_figures(void)
{
    char path[512];
    const char *dir = getenv("IFL_FIGURES_DIR");
    if (dir == NULL)
        return;
    (void)snprintf(path, sizeof path, "%s/identity_cuts.json", dir);
    FILE *file = fopen(path, "w");
    TEST_ASSERT_NOT_NULL(file);
    (void)fprintf(file, "{\"identity.cuts\": %lu, \"identity.failures\": %lu}\n", cuts, failures);
    (void)fclose(file);
}

static void no_power_cut_costs_the_identity_in_force(void)
{
    for (size_t i = 0; i < sizeof geometries / sizeof geometries[0]; i++)
        sweep(&geometries[i]);
    (void)printf("%lu power cuts, %lu failures\n", cuts, failures);
    write_figures();
    TEST_ASSERT_EQUAL(0, failures);
    TEST_ASSERT_GREATER_THAN(1000, cuts);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(no_power_cut_costs_the_identity_in_force);
    return UNITY_END();
}
