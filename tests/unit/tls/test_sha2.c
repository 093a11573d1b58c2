/* The hashes of a node (cmake/config/sha2.c) against Mbed TLS's own. */
#include <string.h>

#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>
#include <unity.h>

#include "sha2.h"

#define SIZE_MAX_TESTED 700u

static uint8_t data[SIZE_MAX_TESTED];

void setUp(void)
{
    uint32_t state = 1;
    for (size_t i = 0; i < sizeof data; i++) {
        state = state * 1664525u + 1013904223u;
        data[i] = (uint8_t)(state >> 24);
    }
}

void tearDown(void) {}

static void expect(const uint8_t *of, size_t size, uint32_t hash_size, uint8_t hash[64])
{
    TEST_ASSERT_EQUAL(0, hash_size == SHA2_256 ? mbedtls_sha256(of, size, hash, 0)
                                               : mbedtls_sha512(of, size, hash, hash_size == SHA2_384));
}

/* `step` bytes at a time. */
static void check(size_t size, uint32_t hash_size, size_t step)
{
    uint8_t expected[64], hash[64 + 1];
    union {
        struct sha2_small small;
        struct sha2_large large;
    } context;
    struct sha2 *sha2 = hash_size == SHA2_256 ? &context.small.sha2 : &context.large.sha2;
    hash[hash_size] = 0xA5;
    sha2_start(sha2, hash_size);
    for (size_t at = 0; at < size; at += step)
        sha2_update(sha2, data + at, size - at < step ? size - at : step);
    sha2_finish(sha2, hash);
    expect(data, size, hash_size, expected);
    TEST_ASSERT_EQUAL_HEX8_ARRAY(expected, hash, hash_size);
    TEST_ASSERT_EQUAL_HEX8(0xA5, hash[hash_size]);
}

static void a_message_of_any_size_has_the_hash_that_others_find(void)
{
    for (size_t size = 0; size <= SIZE_MAX_TESTED; size++) {
        check(size, SHA2_256, SIZE_MAX_TESTED);
        check(size, SHA2_384, SIZE_MAX_TESTED);
        check(size, SHA2_512, SIZE_MAX_TESTED);
    }
}

static void it_may_come_in_pieces_of_any_size(void)
{
    for (size_t step = 1; step <= 300; step++) {
        check(SIZE_MAX_TESTED - step, SHA2_256, step);
        check(SIZE_MAX_TESTED - step, SHA2_384, step);
        check(SIZE_MAX_TESTED - step, SHA2_512, step);
    }
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_message_of_any_size_has_the_hash_that_others_find);
    RUN_TEST(it_may_come_in_pieces_of_any_size);
    return UNITY_END();
}
