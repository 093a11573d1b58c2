/* curve_reduce.h: what is left of a product modulo the prime of P-256 or P-384, for a node (cmake/config/curve_node.c). */
#ifndef CURVE_REDUCE_H
#define CURVE_REDUCE_H

#include <stdint.h>

#define CURVE_WORDS_MAX 12u /* P-384 */

/* A prime of FIPS 186-4 appendix D.1.2 by how many words 2^(32 * words) modulo it has, and what it is as a sum of words: a word of weight 1 there is worth
 * one each `terms` words below, or minus one where a term is negative. */
struct curve_prime {
    uint8_t words;
    int8_t terms[4];
};

extern const struct curve_prime curve_p256, curve_p384;

/* `number` has 2 * prime->words words, the lowest first. Afterwards it's congruent, not negative and less than 3 * 2^(32 * words): the rest is zero.
 * Its time and the places that it looks at don't depend on the number. */
void curve_reduce(uint32_t *number, const struct curve_prime *prime);

#endif
