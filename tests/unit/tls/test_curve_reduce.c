/* The reduction of a node's curves (cmake/config/curve_reduce.c) against a division by the curve's prime. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/bignum.h>
#include <mbedtls/platform.h>
#include <unity.h>

#include "curve_reduce.h"

#define RUNS 2000

static const struct {
    const struct curve_prime *prime;
    const char *text;
} curves[] = {
    {&curve_p256, "FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF"},
    {&curve_p384, "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFF0000000000000000FFFFFFFF"},
};

#define EACH_CURVE(c) for (size_t c = 0; c < sizeof curves / sizeof curves[0]; c++)

void setUp(void)
{
    mbedtls_platform_set_calloc_free(calloc, free);
}

void tearDown(void) {}

static uint32_t draw(void)
{
    static uint64_t state = 0x9E3779B97F4A7C15u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

static void load(mbedtls_mpi *to, const uint32_t *words, size_t count)
{
    uint8_t bytes[4 * 2 * CURVE_WORDS_MAX];
    for (size_t i = 0; i < 4 * count; i++)
        bytes[i] = (uint8_t)(words[i / 4] >> 8 * (i % 4));
    TEST_ASSERT_EQUAL(0, mbedtls_mpi_read_binary_le(to, bytes, 4 * count));
}

static void check(size_t curve, const uint32_t *number)
{
    const struct curve_prime *prime = curves[curve].prime;
    uint32_t reduced[2 * CURVE_WORDS_MAX];
    mbedtls_mpi p, whole, left;
    mbedtls_mpi_init(&p);
    mbedtls_mpi_init(&whole);
    mbedtls_mpi_init(&left);
    TEST_ASSERT_EQUAL(0, mbedtls_mpi_read_string(&p, 16, curves[curve].text));
    load(&whole, number, 2u * prime->words);
    memcpy(reduced, number, sizeof reduced);
    curve_reduce(reduced, prime);
    load(&left, reduced, 2u * prime->words);
    TEST_ASSERT_LESS_OR_EQUAL_UINT32(2, reduced[prime->words]);
    TEST_ASSERT_LESS_OR_EQUAL(32u * prime->words + 2, mbedtls_mpi_bitlen(&left));
    TEST_ASSERT_EQUAL(0, mbedtls_mpi_mod_mpi(&left, &left, &p));
    TEST_ASSERT_EQUAL(0, mbedtls_mpi_mod_mpi(&whole, &whole, &p));
    TEST_ASSERT_EQUAL(0, mbedtls_mpi_cmp_mpi(&left, &whole));
    mbedtls_mpi_free(&p);
    mbedtls_mpi_free(&whole);
    mbedtls_mpi_free(&left);
}

static void any_number_is_reduced_to_a_congruent_one(void)
{
    uint32_t number[2 * CURVE_WORDS_MAX];
    EACH_CURVE(c)
    {
        for (unsigned run = 0; run < RUNS; run++) {
            for (size_t i = 0; i < 2 * CURVE_WORDS_MAX; i++)
                number[i] = draw();
            check(c, number);
        }
    }
}

/* Words that are zero or all ones in every mixture: what carries furthest, up and down. */
static void so_is_one_whose_words_are_the_least_or_the_greatest(void)
{
    uint32_t number[2 * CURVE_WORDS_MAX];
    EACH_CURVE(c)
    {
        for (unsigned run = 0; run < RUNS; run++) {
            uint32_t mixture = run == 0 ? 0 : run == 1 ? UINT32_MAX : draw();
            for (size_t i = 0; i < 2 * CURVE_WORDS_MAX; i++)
                number[i] = (mixture >> i & 1) != 0 ? UINT32_MAX : 0;
            check(c, number);
        }
    }
}

static void every_single_word_is_put_where_it_belongs(void)
{
    EACH_CURVE(c)
    {
        for (size_t i = 0; i < 2u * curves[c].prime->words; i++) {
            uint32_t number[2 * CURVE_WORDS_MAX] = {0};
            number[i] = 1;
            check(c, number);
            number[i] = UINT32_MAX;
            check(c, number);
        }
    }
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(any_number_is_reduced_to_a_congruent_one);
    RUN_TEST(so_is_one_whose_words_are_the_least_or_the_greatest);
    RUN_TEST(every_single_word_is_put_where_it_belongs);
    return UNITY_END();
}
