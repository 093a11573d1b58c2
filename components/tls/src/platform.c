#include "platform.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/platform.h>
#include <mbedtls/platform_time.h>
#include <mbedtls/platform_util.h>
#include <psa/crypto.h>

static struct tls_context *bound;
static struct tls_faults *noted;
static uint8_t memory_owner;
static struct arena *(*lender)(void *ctx);
static void *lender_ctx;
static struct arena *borrowed; /* what the lender gave last */

/* From here on the lender is asked first, so that a sixteenth of the arena stays for who can't be helped otherwise. */
static bool is_nearly_full(const struct arena *arena, size_t size)
{
    return arena->used + size > arena->size - arena->size / 16;
}

static void *borrow(size_t count, size_t size)
{
    if (bound->arena->fail_after != 0) {
        return NULL; /* a test that lets allocations fail means it */
    }
    borrowed = lender != NULL ? lender(lender_ctx) : NULL;
    return borrowed != NULL ? arena_calloc(borrowed, count, size) : NULL;
}

static void *calloc_owned(struct arena *arena, size_t count, size_t size)
{
    uint8_t before = arena->owner;
    arena->owner = memory_owner;
    void *block = arena_calloc(arena, count, size);
    arena->owner = before;
    return block;
}

static void *calloc_hook(size_t count, size_t size)
{
    struct arena *arena = bound->arena;
    bool tight = size > 0 && count <= arena->size / size && is_nearly_full(arena, count * size);
    void *block = tight ? borrow(count, size) : calloc_owned(arena, count, size);
    if (block == NULL) { /* the other way: also where the arena is in pieces */
        block = tight ? calloc_owned(arena, count, size) : borrow(count, size);
    }
    noted->no_memory = noted->no_memory || (block == NULL && count > 0 && size > 0);
    return block;
}

/* What is borrowed lies inside of a block of the arena, so it's looked for first. */
static void free_hook(void *block)
{
    bool is_borrowed = borrowed != NULL && borrowed->size > 0 && (uint8_t *)block >= borrowed->buf &&
                       (uint8_t *)block < borrowed->buf + borrowed->size;
    arena_free(is_borrowed ? borrowed : bound->arena, block);
}

static mbedtls_time_t time_hook(mbedtls_time_t *out)
{
    mbedtls_time_t unix_s = (mbedtls_time_t)clock_read(bound->clock, bound->now).unix_s;
    if (out != NULL) {
        *out = unix_s;
    }
    return unix_s;
}

void platform_bind(struct tls_context *context, struct tls_faults *faults, uint8_t owner)
{
    bound = context;
    noted = faults;
    memory_owner = owner;
    lender = NULL;
    mbedtls_platform_set_calloc_free(calloc_hook, free_hook);
    mbedtls_platform_set_time(time_hook);
}

void platform_borrow(struct arena *(*from)(void *ctx), void *ctx)
{
    lender = from;
    lender_ctx = ctx;
    borrowed = NULL; /* what an earlier lender gave is no memory of its own any more */
}

int platform_random(void *unused, unsigned char *out, size_t size)
{
    (void)unused;
    if (bound->random.fill(bound->random.ctx, out, size) != IFL_OK) {
        noted->no_entropy = true;
        return MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
    }
    return 0;
}

/* MBEDTLS_PLATFORM_MS_TIME_ALT: ages the tickets of TLS 1.3. */
mbedtls_ms_time_t mbedtls_ms_time(void)
{
    return bound == NULL ? 0 : (mbedtls_ms_time_t)(bound->now & INT64_MAX);
}

/* MBEDTLS_PLATFORM_GMTIME_R_ALT: for the dates of certificates. */
struct tm *mbedtls_platform_gmtime_r(const mbedtls_time_t *unix_s, struct tm *out)
{
    struct ifl_civil civil;
    ifl_civil_from_unix(*unix_s, &civil);
    *out = (struct tm){
        .tm_year = civil.year - 1900,
        .tm_mon = (int)civil.month - 1,
        .tm_mday = (int)civil.day,
        .tm_hour = (int)civil.hour,
        .tm_min = (int)civil.minute,
        .tm_sec = (int)civil.second,
    };
    return out;
}

/* MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG: TLS 1.3 makes its keys through PSA. */
psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *unused, uint8_t *out, size_t size,
                                             size_t *got)
{
    (void)unused;
    *got = 0;
    if (bound == NULL || platform_random(NULL, out, size) != 0) {
        return PSA_ERROR_INSUFFICIENT_ENTROPY;
    }
    *got = size;
    return PSA_SUCCESS;
}
