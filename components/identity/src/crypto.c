#include "crypto.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/platform.h>

static struct arena *bound;
static const struct ifl_random *source;
static uint32_t failures_before;
static bool entropy_missing;

static void *take(size_t count, size_t size)
{
    return arena_calloc(bound, count, size);
}

static void give(void *block)
{
    arena_free(bound, block);
}

static void *refuse(size_t count, size_t size)
{
    (void)count;
    (void)size;
    return NULL;
}

static void ignore(void *block)
{
    (void)block;
}

void crypto_bind(struct arena *arena, const struct ifl_random *random)
{
    bound = arena;
    source = random;
    failures_before = arena->failures;
    entropy_missing = false;
    mbedtls_platform_set_calloc_free(take, give);
}

void crypto_unbind(bool *no_memory, bool *no_entropy)
{
    *no_memory = bound->failures != failures_before;
    *no_entropy = entropy_missing;
    mbedtls_platform_set_calloc_free(refuse, ignore);
    bound = NULL;
    source = NULL;
}

int crypto_random(void *unused, unsigned char *out, size_t size)
{
    (void)unused;
    if (source->fill(source->ctx, out, size) == IFL_OK)
        return 0;
    entropy_missing = true;
    return MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
}
