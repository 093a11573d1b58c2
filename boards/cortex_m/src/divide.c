/* divide.c: division of 64-bit numbers, small instead of fast: libgcc's takes 700 bytes. Most numbers here fit into 32 bits, which the processor divides itself.
 *
 * In place of libgcc's: what the compiler puts in for a division comes here. It isn't part of link-time
 * optimisation: the call is put in when that is over. */
#include <stddef.h>
#include <stdint.h>

uint64_t __udivmoddi4(uint64_t number, uint64_t divisor, uint64_t *rest);

static int leading_zeros(uint64_t value)
{
    uint32_t high = (uint32_t)(value >> 32);
    return high != 0 ? __builtin_clz(high) : 32 + __builtin_clz((uint32_t)value | 1);
}

uint64_t __udivmoddi4(uint64_t number, uint64_t divisor, uint64_t *rest)
{
    uint64_t quotient = 0;
    if ((number | divisor) >> 32 == 0) {
        uint32_t small = (uint32_t)number / (uint32_t)divisor;
        quotient = small;
        number = (uint32_t)number - small * (uint32_t)divisor;
    } else {
        for (int shift = leading_zeros(divisor) - leading_zeros(number); shift >= 0; shift--) {
            quotient <<= 1;
            if (number >= divisor << shift) {
                number -= divisor << shift;
                quotient |= 1;
            }
        }
    }
    if (rest != NULL)
        *rest = number;
    return quotient;
}
