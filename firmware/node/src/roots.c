/* roots.c: the bundles of roots, and which of them counts. */
#include "roots.h"

#include <limits.h>
#include <string.h>

#include "board/board.h"
#include "node.h"
#include "tls/certificate.h"

#define NONE 255u
#define A_ON_FLASH 1u /* what the store of states calls bundle A */

static bool is_there(unsigned bundle)
{
    return bundle < ROOTS_BUNDLES && node_roots.store[bundle].count > 0;
}

static enum ifl_status region_of(unsigned bundle, struct flash_region *region)
{
    return board_flash_region(bundle == 0 ? BOARD_TRUST_A : BOARD_TRUST_B, region);
}

static void count(unsigned in_force, unsigned on_trial, unsigned before)
{
    node_roots.in_force = (uint8_t)in_force;
    node_roots.on_trial = (uint8_t)on_trial;
    node_roots.before = (uint8_t)before;
    node_roots.seen = false;
}

static unsigned read_bundle(uint8_t value)
{
    const unsigned bundle = (unsigned)value - A_ON_FLASH;
    return is_there(bundle) ? bundle : NONE;
}

/* Where nothing was ever installed: the one that came with the image. */
static unsigned newest(void)
{
    const struct trust_store *store = node_roots.store;
    return is_there(1) && (!is_there(0) || store[1].bundle.generation > store[0].bundle.generation) ? 1 : 0;
}

enum ifl_status roots_open(void)
{
    uint8_t value[3] = {0};
    size_t len = 0;
    enum ifl_status status[ROOTS_BUNDLES];
    for (unsigned i = 0; i < ROOTS_BUNDLES; i++) {
        struct flash_region region;
        status[i] = region_of(i, &region);
        status[i] = status[i] == IFL_OK ? trust_store_open(&node_roots.store[i], region) : status[i];
    }
    if (!is_there(0) && !is_there(1)) {
        return status[0] != IFL_OK ? status[0] : IFL_NOT_FOUND;
    }
    if (state_get(&node_state, STATE_TRUST, value, sizeof value, &len) != IFL_OK || len != sizeof value) {
        memset(value, 0, sizeof value);
    }
    count(read_bundle(value[0]), read_bundle(value[1]), read_bundle(value[2]));
    if (node_roots.in_force == NONE) {
        count(node_roots.before != NONE ? node_roots.before : newest(), NONE, NONE);
    }
    return IFL_OK;
}

static enum ifl_status keep(unsigned in_force, unsigned on_trial, unsigned before)
{
    const uint8_t value[3] = {(uint8_t)(in_force + A_ON_FLASH), (uint8_t)(on_trial + A_ON_FLASH),
                              (uint8_t)(before + A_ON_FLASH)};
    const enum ifl_status status = state_put(&node_state, STATE_TRUST, bytes_of(value, sizeof value));
    if (status == IFL_OK) {
        count(in_force, on_trial, before);
    }
    return status;
}

/* ---- for TLS ---- */

/* Those on trial and those in force, each certificate once: twice would be more than the arena has room for. */
static enum ifl_status find(void *ctx, struct bytes subject, unsigned index, void *buf, size_t buf_size, size_t *size)
{
    const struct roots *roots = &node_roots;
    const struct trust_store *trial = roots->on_trial == NONE ? NULL : &roots->store[roots->on_trial];
    const struct trust_store *store = trial != NULL ? trial : &roots->store[roots->in_force];
    (void)ctx;
    for (unsigned i = 0;; i++) {
        struct trust_root root;
        const enum ifl_status status = trust_store_find(store, subject, i, &root);
        if (status == IFL_END && store == trial) {
            store = &roots->store[roots->in_force];
            i = UINT_MAX;
        } else if (status != IFL_OK) {
            return status;
        } else if (store != trial && trial != NULL && trust_store_holds(trial, subject, store, root)) {
            continue;
        } else if (index-- == 0) {
            return trust_store_read(store, root, buf, buf_size, size);
        }
    }
}

struct tls_trust roots_trust(void)
{
    return (struct tls_trust){.find = find};
}

/* The chain begins with its root. */
void roots_see(void *ctx, struct bytes der, int depth)
{
    struct roots *roots = &node_roots;
    struct bytes subject;
    (void)ctx;
    if (!roots->in_chain && roots->on_trial != NONE && tls_certificate_names(der, NULL, &subject) == IFL_OK) {
        roots->seen = true;
        roots->seen_new = trust_store_holds_der(&roots->store[roots->on_trial], subject, der);
    }
    roots->in_chain = depth > 0;
}

void roots_judge(ifl_ms now)
{
    const struct tls_facts *facts = tls_facts(&node_tls);
    struct roots *roots = &node_roots;
    if (roots->on_trial == NONE || !roots->seen || !facts->server_verified || facts->resumed) {
        return;
    }
    const bool proven = roots->seen_new;
    const enum ifl_status status =
        proven ? keep(roots->on_trial, NONE, roots->in_force) : keep(roots->in_force, NONE, roots->before);
    if (status != IFL_FLASH_BUSY) { /* then soon; where it can't be written, the next handshake decides */
        roots->seen = false;
        health_event(&node_health, now,
                     status != IFL_OK ? status
                     : proven         ? IFL_TRUST_PROVEN
                                      : IFL_TRUST_REFUSED,
                     HEALTH_ROUTE_NONE, "trust");
    }
}

/* ---- for people ---- */

/* Saved sessions say nothing about roots. */
static enum ifl_status changed(enum ifl_status status)
{
    if (status == IFL_OK) {
        node_interrupt_sender();
        node.tls_context.identity_generation++;
    }
    return status;
}

static enum ifl_status keep_patiently(unsigned in_force, unsigned on_trial, unsigned before)
{
    enum ifl_status status;
    const ifl_ms until = ifl_ms_after(board_now(), FLASH_PATIENCE_MS);
    while ((status = keep(in_force, on_trial, before)) == IFL_FLASH_BUSY && board_now() < until) {
        device_wait_for_flash();
    }
    return status;
}

enum ifl_status roots_install(struct bytes bundle)
{
    const struct roots *roots = &node_roots;
    const unsigned target = roots->in_force == 0 ? 1 : 0;
    const uint32_t generation = roots->store[roots->in_force].bundle.generation + 1;
    struct flash_region region;
    enum ifl_status status = region_of(target, &region);
    /* From now on what lies there doesn't count. */
    status = status == IFL_OK ? keep_patiently(roots->in_force, NONE, roots->before == target ? NONE : roots->before)
                              : status;
    node_roots.store[target].count = status == IFL_OK ? 0 : node_roots.store[target].count;
    status = status == IFL_OK ? device_erase(region, (uint32_t)bundle.size + TRUST_STORE_ENTRY_SIZE) : status;
    status = status == IFL_OK ? stored_write(region, STORED_TRUST, 1, 0, generation, bundle) : status;
    status = status == IFL_OK ? trust_store_open(&node_roots.store[target], region) : status;
    return changed(status == IFL_OK ? keep_patiently(roots->in_force, target, roots->before) : status);
}

enum ifl_status roots_rollback(void)
{
    const struct roots *roots = &node_roots;
    if (roots->on_trial != NONE) {
        return changed(keep_patiently(roots->in_force, NONE, roots->before));
    }
    return roots->before == NONE ? IFL_NOT_FOUND : changed(keep_patiently(roots->before, NONE, roots->in_force));
}
