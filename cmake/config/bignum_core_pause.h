/* bignum_core_pause.h: included in front of Mbed TLS's bignum_core.c by the compiler (-include): where its arithmetic pauses, and a row of a
 * multiplication for Cortex-M3.
 *
 * bn_mul.h lets a port define MULADDC_X8_*: d[0..7] += s[0..7] * b with the carry c, inside of `while (steps_x8--)` of mbedtls_mpi_core_mla(). */
#ifndef BIGNUM_CORE_PAUSE_H
#define BIGNUM_CORE_PAUSE_H

#include "bignum_pause.h"

#include <common.h>

#include <bn_mul.h>
#include <constant_time_internal.h>

#undef MULADDC_X8_INIT
#undef MULADDC_X8_CORE
#undef MULADDC_X8_STOP

#if defined(__ARM_ARCH_7M__) &&                                                                                        \
    defined(__OPTIMIZE__) /* without, gcc wants a register for its frames, and all are in use here */

/* Four limbs, 16 instructions instead of Mbed TLS's 28 and its way over memory. The high half of each product waits in a register whose limb is done; umlal
 * and mov leave the carry of the chain of additions alone. No branch and no address depends on a number. */
#define MULADDC_FOUR                                                                                                   \
    "ldmia  %[s]!, {r4, r5, r6, r12}      \n\t"                                                                        \
    "ldmia  %[d], {r8, r9, r10, r11}      \n\t"                                                                        \
    "mov    %[h], #0                      \n\t"                                                                        \
    "umlal  r8, %[h], %[b], r4            \n\t"                                                                        \
    "adds   r8, r8, %[c]                  \n\t"                                                                        \
    "mov    r4, #0                        \n\t"                                                                        \
    "umlal  r9, r4, %[b], r5              \n\t"                                                                        \
    "adcs   r9, r9, %[h]                  \n\t"                                                                        \
    "mov    r5, #0                        \n\t"                                                                        \
    "umlal  r10, r5, %[b], r6             \n\t"                                                                        \
    "adcs   r10, r10, r4                  \n\t"                                                                        \
    "mov    r6, #0                        \n\t"                                                                        \
    "umlal  r11, r6, %[b], r12            \n\t"                                                                        \
    "adcs   r11, r11, r5                  \n\t"                                                                        \
    "adc    %[c], r6, #0                  \n\t"                                                                        \
    "stmia  %[d]!, {r8, r9, r10, r11}     \n\t"

/* The rest of the loop at once: `steps_x8` more after this one. */
#define MULADDC_X8_INIT                                                                                                \
    BIGNUM_PAUSE(4);                                                                                                   \
    {                                                                                                                  \
        mbedtls_mpi_uint high;                                                                                         \
        __asm__ volatile("1:                               \n\t"
#define MULADDC_X8_CORE                                                                                                \
    MULADDC_FOUR MULADDC_FOUR "subs   %[n], %[n], #1           \n\t"                                                   \
                              "bcs    1b                       \n\t"
#define MULADDC_X8_STOP                                                                                                \
                         : [s] "+r"(s), [d] "+r"(d), [c] "+r"(c), [n] "+r"(steps_x8), [h] "=&r"(high)                  \
                         : [b] "r"(b)                                                                                  \
                         : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "cc", "memory");                         \
    steps_x8 = 0;                                                                                                      \
    }

#else

/* Mbed TLS's own way, as bn_mul.h puts it together where a CPU has nothing special for eight limbs. */
#define MULADDC_X8_INIT                                                                                                \
    BIGNUM_PAUSE(4);                                                                                                   \
    MULADDC_X4_INIT
#define MULADDC_X8_CORE MULADDC_X4_CORE MULADDC_X4_CORE
#define MULADDC_X8_STOP MULADDC_X4_STOP

#endif

/* A comparison of two numbers asks for this at each limb, and the loop of mbedtls_mpi_core_gcd_modinv_odd() compares once a turn. For its other work a limb
 * stands for a quarter of a row. */
#define mbedtls_ct_bool_not(condition) bignum_pause_at_a_limb(condition)

static inline mbedtls_ct_condition_t bignum_pause_at_a_limb(mbedtls_ct_condition_t condition)
{
    BIGNUM_PAUSE(1);
    return (mbedtls_ct_bool_not)(condition);
}

#endif
