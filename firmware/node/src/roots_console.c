/* roots_console.c: the console's `trust`. The pasted text lies in the arena of TLS, and the bundle that is made of it beside it. */
#include "identity/pem.h"
#include "node.h"

#define ROOTS_MAX 16u

static size_t list(void *ctx, struct console_roots out[CONSOLE_ROOTS_MAX])
{
    const struct roots *roots = &node_roots;
    const struct {
        unsigned bundle;
        const char *state;
    } all[] = {{roots->in_force, "in force"}, {roots->on_trial, "on trial"}, {roots->before, "before"}};
    size_t count = 0;
    (void)ctx;
    for (size_t i = 0; i < CONSOLE_ROOTS_MAX; i++) {
        if (all[i].bundle < ROOTS_BUNDLES) {
            out[count++] = (struct console_roots){all[i].state, all[i].bundle == 0 ? "bundle A" : "bundle B",
                                                  roots->store[all[i].bundle].count, NULL};
        }
    }
    return count;
}

/* A bundle of all certificates of a text; its index has room for ROOTS_MAX. */
static enum ifl_status make_bundle(struct bytes pem, uint8_t *bundle, size_t room, size_t *used)
{
    struct pem_text text = {.rest = pem};
    size_t count = 0;
    enum ifl_status status = IFL_OK;
    for (*used = trust_store_index_size(ROOTS_MAX); status == IFL_OK; count++) {
        enum pem_kind kind;
        size_t size = 0;
        status = pem_next(&text, &kind, bundle + *used, room - *used, &size);
        if (status == IFL_OK) {
            status = kind != PEM_CERTIFICATE ? IFL_TRUST_BAD
                     : count == ROOTS_MAX
                         ? IFL_TOO_LARGE
                         : trust_store_index(bundle, count, (uint32_t)*used, bytes_of(bundle + *used, size));
        }
        *used += size;
    }
    count--; /* the last turn found none */
    trust_store_index_start(bundle, count);
    return status == IFL_END && count > 0 ? IFL_OK : status == IFL_TOO_LARGE ? IFL_TOO_LARGE : IFL_TRUST_BAD;
}

static enum ifl_status install(void *ctx, struct bytes pem, ifl_ms now)
{
    const size_t room = trust_store_index_size(ROOTS_MAX) + pem.size;
    uint8_t *bundle = arena_calloc(&node.arena, 1, room);
    size_t used = 0;
    (void)ctx, (void)now;
    if (bundle == NULL) {
        return IFL_NO_MEMORY;
    }
    enum ifl_status status = make_bundle(pem, bundle, room, &used);
    status = status == IFL_OK ? roots_install(bytes_of(bundle, used)) : status;
    arena_free(&node.arena, bundle);
    return status;
}

static enum ifl_status rollback(void *ctx, ifl_ms now)
{
    (void)ctx, (void)now;
    return roots_rollback();
}

const struct console_trust roots_trust_verb = {.list = list, .install = install, .rollback = rollback};
