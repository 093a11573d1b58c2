/* The PSA of a node (cmake/config/psa_node.c) against Mbed TLS's own: the same answers, and keys that fit each other. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/platform.h>
#include <psa/crypto.h>
#include <unity.h>

#include "psa_node_names.h"

#define HASH_COUNT 2
#define RUNS 200

static const psa_algorithm_t hashes[HASH_COUNT] = {PSA_ALG_SHA_256, PSA_ALG_SHA_384};
static const size_t curves[] = {256, 384};
static bool no_memory, no_random;

static uint8_t byte(void)
{
    static uint64_t state = 0x9E3779B97F4A7C15u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint8_t)(state >> 32);
}

static void fill(uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = byte();
}

psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *unused, uint8_t *out, size_t size,
                                             size_t *got)
{
    (void)unused;
    fill(out, size);
    *got = no_random ? 0 : size;
    return no_random ? PSA_ERROR_INSUFFICIENT_ENTROPY : PSA_SUCCESS;
}

static void *take_memory(size_t count, size_t size)
{
    return no_memory ? NULL : calloc(count, size);
}

void setUp(void)
{
    no_memory = no_random = false;
    mbedtls_platform_set_calloc_free(take_memory, free);
    TEST_ASSERT_EQUAL(PSA_SUCCESS, psa_crypto_init());
    TEST_ASSERT_EQUAL(PSA_SUCCESS, node_psa_crypto_init());
}

void tearDown(void)
{
    mbedtls_psa_crypto_free();
}

static void a_hash_is_the_same(void)
{
    for (size_t run = 0; run < RUNS; run++) {
        uint8_t input[256], expected[64], got[64];
        size_t size = byte(), expected_size, got_size;
        psa_algorithm_t hash = hashes[run % HASH_COUNT];
        fill(input, size);
        TEST_ASSERT_EQUAL(PSA_SUCCESS, psa_hash_compute(hash, input, size, expected, sizeof expected, &expected_size));
        TEST_ASSERT_EQUAL(PSA_SUCCESS, node_psa_hash_compute(hash, input, size, got, sizeof got, &got_size));
        TEST_ASSERT_EQUAL(expected_size, got_size);
        TEST_ASSERT_EQUAL_MEMORY(expected, got, got_size);
        TEST_ASSERT_EQUAL(PSA_ERROR_BUFFER_TOO_SMALL,
                          node_psa_hash_compute(hash, input, size, got, got_size - 1, &got_size));
    }
}

static psa_key_attributes_t hmac_key(psa_algorithm_t hash)
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_type(&attributes, PSA_KEY_TYPE_HMAC);
    psa_set_key_algorithm(&attributes, PSA_ALG_HMAC(hash));
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_SIGN_MESSAGE);
    return attributes;
}

static void an_hmac_is_the_same(void)
{
    for (size_t run = 0; run < RUNS; run++) {
        uint8_t secret[48], input[256], expected[64], got[64];
        size_t size = byte(), expected_size, got_size, secret_size = run % HASH_COUNT == 0 ? 32 : 48;
        psa_algorithm_t alg = PSA_ALG_HMAC(hashes[run % HASH_COUNT]);
        psa_key_attributes_t attributes = hmac_key(hashes[run % HASH_COUNT]);
        mbedtls_svc_key_id_t theirs, ours;
        fill(input, size);
        fill(secret, secret_size);
        TEST_ASSERT_EQUAL(PSA_SUCCESS, psa_import_key(&attributes, secret, secret_size, &theirs));
        TEST_ASSERT_EQUAL(PSA_SUCCESS, node_psa_import_key(&attributes, secret, secret_size, &ours));
        TEST_ASSERT_EQUAL(PSA_SUCCESS,
                          psa_mac_compute(theirs, alg, input, size, expected, sizeof expected, &expected_size));
        TEST_ASSERT_EQUAL(PSA_SUCCESS, node_psa_mac_compute(ours, alg, input, size, got, sizeof got, &got_size));
        TEST_ASSERT_EQUAL(expected_size, got_size);
        TEST_ASSERT_EQUAL_MEMORY(expected, got, got_size);
        TEST_ASSERT_EQUAL(PSA_SUCCESS, psa_destroy_key(theirs));
        TEST_ASSERT_EQUAL(PSA_SUCCESS, node_psa_destroy_key(ours));
    }
}

static psa_status_t extract(psa_algorithm_t hash, const uint8_t *salt, size_t salt_size, const uint8_t *secret,
                            size_t secret_size, uint8_t *out, size_t out_size, bool ours)
{
    psa_key_derivation_operation_t operation = PSA_KEY_DERIVATION_OPERATION_INIT;
    psa_algorithm_t alg = PSA_ALG_HKDF_EXTRACT(hash);
    psa_status_t status =
        ours ? node_psa_key_derivation_setup(&operation, alg) : psa_key_derivation_setup(&operation, alg);
    if (status == PSA_SUCCESS)
        status = (ours ? node_psa_key_derivation_input_bytes
                       : psa_key_derivation_input_bytes)(&operation, PSA_KEY_DERIVATION_INPUT_SALT, salt, salt_size);
    if (status == PSA_SUCCESS)
        status = (ours ? node_psa_key_derivation_input_bytes : psa_key_derivation_input_bytes)(
            &operation, PSA_KEY_DERIVATION_INPUT_SECRET, secret, secret_size);
    if (status == PSA_SUCCESS)
        status =
            (ours ? node_psa_key_derivation_output_bytes : psa_key_derivation_output_bytes)(&operation, out, out_size);
    (ours ? node_psa_key_derivation_abort : psa_key_derivation_abort)(&operation);
    return status;
}

static psa_status_t expand(psa_algorithm_t hash, const uint8_t *secret, size_t secret_size, const uint8_t *info,
                           size_t info_size, uint8_t *out, size_t out_size, bool ours)
{
    psa_key_derivation_operation_t operation = PSA_KEY_DERIVATION_OPERATION_INIT;
    psa_algorithm_t alg = PSA_ALG_HKDF_EXPAND(hash);
    psa_status_t status =
        ours ? node_psa_key_derivation_setup(&operation, alg) : psa_key_derivation_setup(&operation, alg);
    if (status == PSA_SUCCESS)
        status = (ours ? node_psa_key_derivation_input_bytes : psa_key_derivation_input_bytes)(
            &operation, PSA_KEY_DERIVATION_INPUT_SECRET, secret, secret_size);
    if (status == PSA_SUCCESS)
        status = (ours ? node_psa_key_derivation_input_bytes
                       : psa_key_derivation_input_bytes)(&operation, PSA_KEY_DERIVATION_INPUT_INFO, info, info_size);
    if (status == PSA_SUCCESS)
        status =
            (ours ? node_psa_key_derivation_output_bytes : psa_key_derivation_output_bytes)(&operation, out, out_size);
    (ours ? node_psa_key_derivation_abort : psa_key_derivation_abort)(&operation);
    return status;
}

static void what_is_derived_is_the_same(void)
{
    for (size_t run = 0; run < RUNS; run++) {
        uint8_t salt[48], secret[48], info[100], expected[256], got[256];
        psa_algorithm_t hash = hashes[run % HASH_COUNT];
        size_t size = run % HASH_COUNT == 0 ? 32 : 48, salt_size = run % 5 == 0 ? 0 : byte() % (size + 1),
               out_size = 1 + byte() % 200u;
        fill(salt, sizeof salt);
        fill(secret, sizeof secret);
        fill(info, sizeof info);
        TEST_ASSERT_EQUAL(PSA_SUCCESS, extract(hash, salt, salt_size, secret, size, expected, size, false));
        TEST_ASSERT_EQUAL(PSA_SUCCESS, extract(hash, salt, salt_size, secret, size, got, size, true));
        TEST_ASSERT_EQUAL_MEMORY(expected, got, size);
        TEST_ASSERT_EQUAL(PSA_SUCCESS, expand(hash, secret, size, info, run % sizeof info, expected, out_size, false));
        TEST_ASSERT_EQUAL(PSA_SUCCESS, expand(hash, secret, size, info, run % sizeof info, got, out_size, true));
        TEST_ASSERT_EQUAL_MEMORY(expected, got, out_size);
    }
}

static void what_cant_be_derived_is_refused(void)
{
    uint8_t bytes[64] = {0}, out[64];
    psa_key_derivation_operation_t operation = PSA_KEY_DERIVATION_OPERATION_INIT;
    TEST_ASSERT_EQUAL(PSA_ERROR_NOT_SUPPORTED,
                      node_psa_key_derivation_setup(&operation, PSA_ALG_HKDF(PSA_ALG_SHA_256)));
    TEST_ASSERT_EQUAL(PSA_ERROR_NOT_SUPPORTED,
                      node_psa_key_derivation_setup(&operation, PSA_ALG_HKDF_EXPAND(PSA_ALG_MD5)));
    TEST_ASSERT_EQUAL(PSA_ERROR_INVALID_ARGUMENT, extract(PSA_ALG_SHA_256, bytes, 33, bytes, 32, out, 32, true));
    TEST_ASSERT_EQUAL(PSA_ERROR_INVALID_ARGUMENT, expand(PSA_ALG_SHA_256, bytes, 33, bytes, 1, out, 32, true));
    TEST_ASSERT_EQUAL(PSA_ERROR_INSUFFICIENT_DATA, extract(PSA_ALG_SHA_256, bytes, 32, bytes, 32, out, 33, true));
    TEST_ASSERT_EQUAL(PSA_SUCCESS, node_psa_key_derivation_setup(&operation, PSA_ALG_HKDF_EXPAND(PSA_ALG_SHA_256)));
    TEST_ASSERT_EQUAL(PSA_ERROR_BAD_STATE,
                      node_psa_key_derivation_setup(&operation, PSA_ALG_HKDF_EXPAND(PSA_ALG_SHA_256)));
    TEST_ASSERT_EQUAL(PSA_SUCCESS, node_psa_key_derivation_abort(&operation));
}

static psa_key_attributes_t curve_key(size_t bits)
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1));
    psa_set_key_bits(&attributes, bits);
    psa_set_key_algorithm(&attributes, PSA_ALG_ECDH);
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_DERIVE);
    return attributes;
}

static void both_sides_of_a_key_exchange_come_to_the_same_secret(void)
{
    for (size_t run = 0; run < 12; run++) {
        size_t bits = curves[run % 2], theirs_size, ours_size, expected_size, got_size;
        psa_key_attributes_t attributes = curve_key(bits), read = PSA_KEY_ATTRIBUTES_INIT;
        uint8_t their_key[97], our_key[97], expected[48], got[48];
        mbedtls_svc_key_id_t theirs, ours;
        TEST_ASSERT_EQUAL(PSA_SUCCESS, psa_generate_key(&attributes, &theirs));
        TEST_ASSERT_EQUAL(PSA_SUCCESS, node_psa_generate_key(&attributes, &ours));
        TEST_ASSERT_EQUAL(PSA_SUCCESS, psa_export_public_key(theirs, their_key, sizeof their_key, &theirs_size));
        TEST_ASSERT_EQUAL(PSA_SUCCESS, node_psa_export_public_key(ours, our_key, sizeof our_key, &ours_size));
        TEST_ASSERT_EQUAL(theirs_size, ours_size);
        TEST_ASSERT_EQUAL(PSA_SUCCESS, psa_raw_key_agreement(PSA_ALG_ECDH, theirs, our_key, ours_size, expected,
                                                             sizeof expected, &expected_size));
        TEST_ASSERT_EQUAL(PSA_SUCCESS, node_psa_raw_key_agreement(PSA_ALG_ECDH, ours, their_key, theirs_size, got,
                                                                  sizeof got, &got_size));
        TEST_ASSERT_EQUAL(expected_size, got_size);
        TEST_ASSERT_EQUAL_MEMORY(expected, got, got_size);
        TEST_ASSERT_EQUAL(PSA_SUCCESS, node_psa_get_key_attributes(ours, &read));
        TEST_ASSERT_EQUAL(bits, psa_get_key_bits(&read));
        TEST_ASSERT_EQUAL(PSA_SUCCESS, psa_destroy_key(theirs));
        TEST_ASSERT_EQUAL(PSA_SUCCESS, node_psa_destroy_key(ours));
    }
}

static void a_point_that_isnt_on_the_curve_is_refused(void)
{
    for (size_t i = 0; i < 2; i++) {
        psa_key_attributes_t attributes = curve_key(curves[i]);
        uint8_t key[97], out[48];
        size_t size, out_size;
        mbedtls_svc_key_id_t ours;
        TEST_ASSERT_EQUAL(PSA_SUCCESS, node_psa_generate_key(&attributes, &ours));
        TEST_ASSERT_EQUAL(PSA_SUCCESS, node_psa_export_public_key(ours, key, sizeof key, &size));
        key[size - 1] ^= 1;
        TEST_ASSERT_EQUAL(PSA_ERROR_INVALID_ARGUMENT,
                          node_psa_raw_key_agreement(PSA_ALG_ECDH, ours, key, size, out, sizeof out, &out_size));
        key[size - 1] ^= 1;
        TEST_ASSERT_EQUAL(PSA_ERROR_INVALID_ARGUMENT,
                          node_psa_raw_key_agreement(PSA_ALG_ECDH, ours, key, size - 1, out, sizeof out, &out_size));
        uint8_t zero = 0; /* the point at infinity */
        TEST_ASSERT_NOT_EQUAL(PSA_SUCCESS,
                              node_psa_raw_key_agreement(PSA_ALG_ECDH, ours, &zero, 1, out, sizeof out, &out_size));
        TEST_ASSERT_EQUAL(PSA_SUCCESS, node_psa_destroy_key(ours));
    }
}

static void keys_are_few_and_gone_when_they_are_destroyed(void)
{
    psa_key_attributes_t attributes = hmac_key(PSA_ALG_SHA_256);
    mbedtls_svc_key_id_t ids[4];
    uint8_t secret[49] = {0}, out[97];
    size_t size;
    for (size_t i = 0; i < 3; i++)
        TEST_ASSERT_EQUAL(PSA_SUCCESS, node_psa_import_key(&attributes, secret, 32, &ids[i]));
    TEST_ASSERT_EQUAL(PSA_ERROR_INSUFFICIENT_MEMORY, node_psa_import_key(&attributes, secret, 32, &ids[3]));
    TEST_ASSERT_EQUAL(PSA_SUCCESS, node_psa_destroy_key(ids[3])); /* 0: no key */
    TEST_ASSERT_EQUAL(PSA_ERROR_INVALID_HANDLE, node_psa_export_public_key(ids[0], out, sizeof out, &size));
    for (size_t i = 0; i < 3; i++)
        TEST_ASSERT_EQUAL(PSA_SUCCESS, node_psa_destroy_key(ids[i]));
    TEST_ASSERT_EQUAL(PSA_ERROR_INVALID_HANDLE, node_psa_destroy_key(ids[0]));
    TEST_ASSERT_EQUAL(PSA_ERROR_INVALID_HANDLE, node_psa_get_key_attributes(ids[0], &attributes));
    attributes = hmac_key(PSA_ALG_SHA_256);
    TEST_ASSERT_EQUAL(PSA_ERROR_NOT_SUPPORTED, node_psa_import_key(&attributes, secret, 49, &ids[0]));
    attributes = curve_key(521);
    TEST_ASSERT_EQUAL(PSA_ERROR_NOT_SUPPORTED, node_psa_generate_key(&attributes, &ids[0]));
}

static void no_memory_and_no_randomness_are_told_apart(void)
{
    psa_key_attributes_t attributes = curve_key(256);
    mbedtls_svc_key_id_t id;
    no_random = true;
    TEST_ASSERT_EQUAL(PSA_ERROR_INSUFFICIENT_ENTROPY, node_psa_generate_key(&attributes, &id));
    TEST_ASSERT_EQUAL(0, id);
    no_random = false;
    no_memory = true;
    TEST_ASSERT_EQUAL(PSA_ERROR_INSUFFICIENT_MEMORY, node_psa_generate_key(&attributes, &id));
    TEST_ASSERT_EQUAL(0, id);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_hash_is_the_same);
    RUN_TEST(an_hmac_is_the_same);
    RUN_TEST(what_is_derived_is_the_same);
    RUN_TEST(what_cant_be_derived_is_refused);
    RUN_TEST(both_sides_of_a_key_exchange_come_to_the_same_secret);
    RUN_TEST(a_point_that_isnt_on_the_curve_is_refused);
    RUN_TEST(keys_are_few_and_gone_when_they_are_destroyed);
    RUN_TEST(no_memory_and_no_randomness_are_told_apart);
    return UNITY_END();
}
