/* Mbed TLS's long arithmetic is right, whatever cmake/config adds to it, and lets others have a turn. */
#include <bignum_pause.h>
#include <mbedtls/bignum.h>
#include <mbedtls/platform.h>

#include <stdlib.h>
#include <string.h>

#include "unity.h"

#define LIMBS_MAX 40
#define SIZE_MAX_BYTES (LIMBS_MAX * sizeof(mbedtls_mpi_uint))

static mbedtls_mpi a, b, c, d, e;
static unsigned pauses;
static uint32_t state;

void setUp(void)
{
    mbedtls_platform_set_calloc_free(calloc, free);
    mbedtls_mpi_init(&a);
    mbedtls_mpi_init(&b);
    mbedtls_mpi_init(&c);
    mbedtls_mpi_init(&d);
    mbedtls_mpi_init(&e);
    pauses = 0;
    state = 1;
}

void tearDown(void)
{
    bignum_pause_set(NULL);
    mbedtls_mpi_free(&a);
    mbedtls_mpi_free(&b);
    mbedtls_mpi_free(&c);
    mbedtls_mpi_free(&d);
    mbedtls_mpi_free(&e);
}

static void count(void)
{
    pauses++;
}

/* xorshift: the same numbers in each run. */
static uint8_t next_byte(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return (uint8_t)state;
}

/* Little-endian bytes; every third number is all ones, where each addition carries. */
static void fill(uint8_t *to, size_t size, unsigned kind)
{
    for (size_t i = 0; i < size; i++) {
        to[i] = kind % 3 == 0 ? 0xFF : next_byte();
    }
}

static void read_number(mbedtls_mpi *to, size_t size, unsigned kind)
{
    uint8_t bytes[SIZE_MAX_BYTES];
    fill(bytes, size, kind);
    TEST_ASSERT_EQUAL(0, mbedtls_mpi_read_binary_le(to, bytes, size));
}

/* As on paper, byte by byte. */
static void multiply(const uint8_t *x, size_t x_size, const uint8_t *y, size_t y_size, uint8_t *product)
{
    memset(product, 0, x_size + y_size);
    for (size_t i = 0; i < x_size; i++) {
        unsigned carry = 0;
        for (size_t j = 0; j < y_size; j++) {
            carry += (unsigned)x[i] * y[j] + product[i + j];
            product[i + j] = (uint8_t)carry;
            carry >>= 8;
        }
        product[i + y_size] = (uint8_t)carry;
    }
}

static void check_product(size_t x_limbs, size_t y_limbs, unsigned kind)
{
    uint8_t x[SIZE_MAX_BYTES], y[SIZE_MAX_BYTES], expected[2 * SIZE_MAX_BYTES], got[2 * SIZE_MAX_BYTES];
    const size_t x_size = x_limbs * sizeof(mbedtls_mpi_uint), y_size = y_limbs * sizeof(mbedtls_mpi_uint);
    fill(x, x_size, kind);
    fill(y, y_size, kind / 3);
    multiply(x, x_size, y, y_size, expected);
    TEST_ASSERT_EQUAL(0, mbedtls_mpi_read_binary_le(&a, x, x_size));
    TEST_ASSERT_EQUAL(0, mbedtls_mpi_read_binary_le(&b, y, y_size));
    TEST_ASSERT_EQUAL(0, mbedtls_mpi_mul_mpi(&c, &a, &b));
    TEST_ASSERT_EQUAL(0, mbedtls_mpi_write_binary_le(&c, got, x_size + y_size));
    TEST_ASSERT_EQUAL_HEX8_ARRAY(expected, got, x_size + y_size);
}

static void products_of_all_lengths_are_as_on_paper(void)
{
    for (size_t x = 1; x <= LIMBS_MAX; x++) {
        for (size_t y = 1; y <= x; y += y < 17 ? 1 : 7) {
            for (unsigned kind = 0; kind < 9; kind++) {
                check_product(x, y, kind);
            }
        }
    }
}

static void a_division_has_the_quotient_and_the_rest(void)
{
    for (size_t limbs = 1; limbs < LIMBS_MAX; limbs++) {
        read_number(&a, SIZE_MAX_BYTES, (unsigned)limbs);
        read_number(&b, limbs * sizeof(mbedtls_mpi_uint), 1);
        TEST_ASSERT_EQUAL(0, mbedtls_mpi_set_bit(&b, 0, 1));
        TEST_ASSERT_EQUAL(0, mbedtls_mpi_div_mpi(&c, &d, &a, &b));
        TEST_ASSERT_TRUE(mbedtls_mpi_cmp_mpi(&d, &b) < 0);
        TEST_ASSERT_EQUAL(0, mbedtls_mpi_mul_mpi(&e, &c, &b));
        TEST_ASSERT_EQUAL(0, mbedtls_mpi_add_mpi(&e, &e, &d));
        TEST_ASSERT_EQUAL(0, mbedtls_mpi_cmp_mpi(&e, &a));
    }
}

static void an_inverse_times_its_number_is_one(void)
{
    for (size_t limbs = 2; limbs <= 16; limbs += 2) {
        read_number(&b, limbs * sizeof(mbedtls_mpi_uint), 1);
        TEST_ASSERT_EQUAL(0, mbedtls_mpi_set_bit(&b, 0, 1)); /* an odd modulus */
        do {
            read_number(&a, limbs * sizeof(mbedtls_mpi_uint) - 1, 1);
            TEST_ASSERT_EQUAL(0, mbedtls_mpi_gcd(&d, &a, &b));
        } while (mbedtls_mpi_cmp_int(&d, 1) != 0);
        TEST_ASSERT_EQUAL(0, mbedtls_mpi_inv_mod(&c, &a, &b));
        TEST_ASSERT_EQUAL(0, mbedtls_mpi_mul_mpi(&e, &a, &c));
        TEST_ASSERT_EQUAL(0, mbedtls_mpi_mod_mpi(&e, &e, &b));
        TEST_ASSERT_EQUAL(0, mbedtls_mpi_cmp_int(&e, 1));
    }
}

/* 2^521 - 1 is prime (Mersenne), so a number to the power of 2^521 - 2 is one: Fermat's little theorem. */
static void fermat_is_right(void)
{
    TEST_ASSERT_EQUAL(0, mbedtls_mpi_lset(&b, 1));
    TEST_ASSERT_EQUAL(0, mbedtls_mpi_shift_l(&b, 521));
    TEST_ASSERT_EQUAL(0, mbedtls_mpi_sub_int(&b, &b, 1));
    TEST_ASSERT_EQUAL(0, mbedtls_mpi_sub_int(&d, &b, 1));
    for (unsigned i = 1; i < 6; i += 2) {
        read_number(&a, 64, i);
        TEST_ASSERT_EQUAL(0, mbedtls_mpi_exp_mod(&c, &a, &d, &b, NULL));
        TEST_ASSERT_EQUAL(0, mbedtls_mpi_cmp_int(&c, 1));
        TEST_ASSERT_EQUAL(0, mbedtls_mpi_sub_int(&e, &d, 1)); /* and one less gives the inverse */
        TEST_ASSERT_EQUAL(0, mbedtls_mpi_exp_mod(&c, &a, &e, &b, NULL));
        TEST_ASSERT_EQUAL(0, mbedtls_mpi_inv_mod(&e, &a, &b));
        TEST_ASSERT_EQUAL(0, mbedtls_mpi_cmp_mpi(&c, &e));
    }
}

static void prepare_power(void)
{
    read_number(&b, 128, 1);
    TEST_ASSERT_EQUAL(0, mbedtls_mpi_set_bit(&b, 0, 1));
    TEST_ASSERT_EQUAL(0, mbedtls_mpi_set_bit(&b, 1023, 1));
    read_number(&a, 127, 1);
    read_number(&d, 128, 1);
}

static void a_long_power_pauses_often_and_stays_right(void)
{
    prepare_power();
    TEST_ASSERT_EQUAL(0, mbedtls_mpi_exp_mod(&c, &a, &d, &b, NULL));
    bignum_pause_set(count);
    TEST_ASSERT_EQUAL(0, mbedtls_mpi_exp_mod(&e, &a, &d, &b, NULL));
    TEST_ASSERT_EQUAL(0, mbedtls_mpi_cmp_mpi(&c, &e));
    TEST_ASSERT_GREATER_THAN_UINT(10, pauses);
}

static void a_long_inversion_pauses(void)
{
    prepare_power();
    TEST_ASSERT_EQUAL(0, mbedtls_mpi_lset(&d, 65537));
    bignum_pause_set(count);
    TEST_ASSERT_EQUAL(0, mbedtls_mpi_gcd(&c, &a, &b));
    TEST_ASSERT_GREATER_THAN_UINT(1, pauses);
}

static void long_divisions_pause(void)
{
    bignum_pause_set(count);
    read_number(&a, SIZE_MAX_BYTES, 1);
    read_number(&b, SIZE_MAX_BYTES / 2, 1);
    for (int i = 0; i < 50; i++) {
        TEST_ASSERT_EQUAL(0, mbedtls_mpi_mod_mpi(&c, &a, &b));
    }
    TEST_ASSERT_GREATER_THAN_UINT(1, pauses);
}

static void pause_within_a_pause(void)
{
    pauses++;
    bignum_pause_now();
}

static void who_has_a_turn_is_not_called_again_within_it(void)
{
    bignum_pause_set(pause_within_a_pause);
    bignum_pause_now();
    TEST_ASSERT_EQUAL_UINT(1, pauses);
    bignum_pause_now();
    TEST_ASSERT_EQUAL_UINT(2, pauses);
}

static void nobody_is_called_where_nobody_asked_for_it(void)
{
    bignum_pause_set(count);
    bignum_pause_set(NULL);
    bignum_pause_now();
    TEST_ASSERT_EQUAL_UINT(0, pauses);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(products_of_all_lengths_are_as_on_paper);
    RUN_TEST(a_division_has_the_quotient_and_the_rest);
    RUN_TEST(an_inverse_times_its_number_is_one);
    RUN_TEST(fermat_is_right);
    RUN_TEST(a_long_power_pauses_often_and_stays_right);
    RUN_TEST(a_long_inversion_pauses);
    RUN_TEST(long_divisions_pause);
    RUN_TEST(who_has_a_turn_is_not_called_again_within_it);
    RUN_TEST(nobody_is_called_where_nobody_asked_for_it);
    return UNITY_END();
}
