/* quick.c: what a hundred thousand edits would compute again and again. The linker puts these in the place of the real functions (--wrap), which they call for
 * what they haven't seen yet: the same results, in less than half of the time.
 *
 *   bytes_find()                  the C library's search instead of the room's small one
 *   mbedtls_mpi_exp_mod…()        X = A^E mod N depends on nothing but A, E and N: the first POWERS_MAX results are remembered
 *
 * The other tests of this room run with the real ones. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <mbedtls/bignum.h>

#include "base/bytes.h"

#define POWERS_MAX 64
#define NUMBER_SIZE 520 /* bytes: RSA-4096, and the 4 to 8 that blind an exponent */

size_t __wrap_bytes_find(struct bytes hay, struct bytes needle);

typedef int exp_mod(mbedtls_mpi *x, const mbedtls_mpi *a, const mbedtls_mpi *e, const mbedtls_mpi *n, mbedtls_mpi *rr);
exp_mod __real_mbedtls_mpi_exp_mod, __wrap_mbedtls_mpi_exp_mod;
exp_mod __real_mbedtls_mpi_exp_mod_unsafe, __wrap_mbedtls_mpi_exp_mod_unsafe;

size_t __wrap_bytes_find(struct bytes hay, struct bytes needle)
{
    if (needle.size == 0)
        return 0;
    const uint8_t *found = needle.size <= hay.size ? memmem(hay.data, hay.size, needle.data, needle.size) : NULL;
    return found != NULL ? (size_t)(found - hay.data) : hay.size;
}

/* Numbers as bytes, with zeros in front. */
struct power {
    uint8_t a[NUMBER_SIZE], e[NUMBER_SIZE], n[NUMBER_SIZE];
};

static struct power powers[POWERS_MAX];
static uint8_t results[POWERS_MAX][NUMBER_SIZE];
static size_t power_count;

/* False: it's too long or negative. */
static bool put(const mbedtls_mpi *number, uint8_t to[NUMBER_SIZE])
{
    return mbedtls_mpi_cmp_int(number, 0) >= 0 && mbedtls_mpi_write_binary(number, to, NUMBER_SIZE) == 0;
}

/* The place of a power that was computed before, or power_count. */
static size_t place_of(const struct power *power)
{
    size_t at = 0;
    while (at < power_count && memcmp(&powers[at], power, sizeof *power) != 0)
        at++;
    return at;
}

static int remembered(exp_mod *real, mbedtls_mpi *x, const mbedtls_mpi *a, const mbedtls_mpi *e, const mbedtls_mpi *n,
                      mbedtls_mpi *rr)
{
    struct power power;
    if (!put(a, power.a) || !put(e, power.e) || !put(n, power.n))
        return real(x, a, e, n, rr);
    size_t at = place_of(&power);
    if (at < power_count)
        return mbedtls_mpi_read_binary(x, results[at], NUMBER_SIZE);
    int error = real(x, a, e, n, rr);
    if (error == 0 && at < POWERS_MAX && put(x, results[at])) {
        powers[at] = power;
        power_count++;
    }
    return error;
}

int __wrap_mbedtls_mpi_exp_mod(mbedtls_mpi *x, const mbedtls_mpi *a, const mbedtls_mpi *e, const mbedtls_mpi *n,
                               mbedtls_mpi *rr)
{
    return remembered(__real_mbedtls_mpi_exp_mod, x, a, e, n, rr);
}

int __wrap_mbedtls_mpi_exp_mod_unsafe(mbedtls_mpi *x, const mbedtls_mpi *a, const mbedtls_mpi *e, const mbedtls_mpi *n,
                                      mbedtls_mpi *rr)
{
    return remembered(__real_mbedtls_mpi_exp_mod_unsafe, x, a, e, n, rr);
}
