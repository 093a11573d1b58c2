/* bignum_div_pause.h: included in front of Mbed TLS's bignum.c by the compiler (-include): where a long division pauses (bignum_pause.h).
 *
 * Its loop multiplies the divisor by each limb of the quotient; that bignum.c does so by mbedtls_mpi_core_mla() is all that is known of it here. Around that
 * it moves and compares numbers twice as long: a limb of the quotient takes as long as three rows for each four limbs. */
#ifndef BIGNUM_DIV_PAUSE_H
#define BIGNUM_DIV_PAUSE_H

#include "bignum_pause.h"

#include <common.h>

#include <bignum_core.h>

static inline mbedtls_mpi_uint bignum_pause_at_a_digit(mbedtls_mpi_uint *d, size_t d_len, const mbedtls_mpi_uint *s,
                                                       size_t s_len, mbedtls_mpi_uint b)
{
    BIGNUM_PAUSE(3 * s_len);
    return mbedtls_mpi_core_mla(d, d_len, s, s_len, b);
}

#define mbedtls_mpi_core_mla(d, d_len, s, s_len, b) bignum_pause_at_a_digit(d, d_len, s, s_len, b)

#endif
