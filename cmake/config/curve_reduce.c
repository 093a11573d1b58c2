/* curve_reduce.c: see curve_reduce.h.
 *
 *   p256 = 2^256 - 2^224 + 2^192 + 2^96 - 1      2^256 = 2^224 - 2^192 - 2^96 + 1    word 8 is worth words 7 - 6 - 3 + 0
 *   p384 = 2^384 - 2^128 - 2^96 + 2^32 - 1       2^384 = 2^128 + 2^96 - 2^32 + 1     word 12 is worth words 4 + 3 - 1 + 0
 *
 * From the top each word is put there, into sums of 64 bits: the rules of FIPS 186-4 appendix D.2 come out, whose sums have nine words at most. What the sums
 * carry out of the top is between -5 and 6. It's put down once more, together with one prime, so that no more than that can come out, and nothing negative. */
#include "curve_reduce.h"

#include <stddef.h>

const struct curve_prime curve_p256 = {8, {1, -2, -5, 8}};
const struct curve_prime curve_p384 = {12, {8, 9, -11, 12}};

/* Put `value` in the place of word `at`. */
static void put_down(int64_t *sums, size_t at, int64_t value, const struct curve_prime *prime)
{
    for (size_t i = 0; i < sizeof prime->terms; i++) {
        int term = prime->terms[i];
        if (term < 0)
            sums[at - (size_t)-term] -= value;
        else
            sums[at - (size_t)term] += value;
    }
}

/* Words of 32 bits again; returns what comes out of the last one. */
static int64_t carry(int64_t *sums, size_t words)
{
    int64_t over = 0;
    for (size_t i = 0; i < words; i++) {
        over += sums[i];
        sums[i] = over & 0xFFFFFFFF;
        over >>= 32; /* of a negative number as well: gcc and clang keep the sign */
    }
    return over;
}

void curve_reduce(uint32_t *number, const struct curve_prime *prime)
{
    int64_t sums[2 * CURVE_WORDS_MAX];
    size_t words = prime->words;
    for (size_t i = 0; i < 2 * words; i++)
        sums[i] = number[i];
    for (size_t i = 2 * words; i-- > words;)
        put_down(sums, i, sums[i], prime);
    /* One prime more is one more at the top, and one less to put down. */
    put_down(sums, words, carry(sums, words) - 1, prime);
    sums[words] = carry(sums, words) + 1;
    for (size_t i = 0; i < 2 * words; i++)
        number[i] = i <= words ? (uint32_t)sums[i] : 0;
}
