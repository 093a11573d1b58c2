/* The two writers of a key's stored form give the same bytes: mbedTLS's, and the one for microcontrollers. */
#include <string.h>

#include "crypto.h"
#include "fixture.h"
#include "identity/pem.h"
#include "key_der.h"
#include "unity.h"

#define key_der_write by_form
#define key_der_write_public by_form_public
#include "key_der/by_form.c"
#undef key_der_write
#undef key_der_write_public

static mbedtls_pk_context key;
static uint8_t found[4096];
static size_t found_size;

void setUp(void)
{
    fixture_reset();
    crypto_bind(&fixture_arena, &fixture_random);
    mbedtls_pk_init(&key);
}

void tearDown(void)
{
    bool no_memory, no_entropy;
    mbedtls_pk_free(&key);
    crypto_unbind(&no_memory, &no_entropy);
    TEST_ASSERT_FALSE(no_memory || no_entropy);
}

static void read_key(const char *name)
{
    struct pem_text text = {.rest = bytes_of_string(fixture_pem(name))};
    enum pem_kind kind;
    TEST_ASSERT_EQUAL(IFL_OK, pem_next(&text, &kind, found, sizeof found, &found_size));
    TEST_ASSERT_EQUAL(PEM_PRIVATE_KEY, kind);
    mbedtls_pk_free(&key);
    TEST_ASSERT_EQUAL(0, mbedtls_pk_parse_key(&key, found, found_size, NULL, 0, crypto_random, NULL));
}

static const char *const names[] = {"leaf.key",    "leaf-pkcs8.key",    "rsa3072.key",
                                    "ec-leaf.key", "ec-leaf-pkcs8.key", "ec384-leaf.key"};

static void both_write_the_same(void)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint8_t expected[4096], got[4096];
        read_key(names[i]);
        int size = key_der_write(&key, bytes_of(NULL, 0), expected, sizeof expected);
        TEST_ASSERT_GREATER_THAN_MESSAGE(0, size, names[i]);
        TEST_ASSERT_EQUAL_MESSAGE(size, by_form(&key, bytes_of(found, found_size), got, sizeof got), names[i]);
        TEST_ASSERT_EQUAL_MEMORY_MESSAGE(expected + sizeof expected - size, got + sizeof got - size, size, names[i]);
    }
}

/* As service_key.c writes it: over what it was read from. */
static void a_key_is_written_over_itself(void)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint8_t expected[4096];
        read_key(names[i]);
        int size = key_der_write(&key, bytes_of(NULL, 0), expected, sizeof expected);
        if ((size_t)size > found_size)
            continue; /* curve or public key weren't in it */
        TEST_ASSERT_EQUAL_MESSAGE(size, by_form(&key, bytes_of(found, found_size), found, found_size), names[i]);
        TEST_ASSERT_EQUAL_MEMORY_MESSAGE(expected + sizeof expected - size, found + found_size - size, size, names[i]);
    }
}

/* Bytes behind an RSA key, inside its PEM block, stay behind. */
static void what_lies_behind_a_key_is_not_part_of_it(void)
{
    uint8_t got[4096];
    read_key("leaf.key");
    int size = by_form(&key, bytes_of(found, found_size), got, sizeof got);
    memset(found + found_size, 0x30, 8);
    TEST_ASSERT_EQUAL(size, by_form(&key, bytes_of(found, found_size + 8), got, sizeof got));
}

static void a_key_without_room_is_not_written(void)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint8_t got[4096];
        read_key(names[i]);
        int size = by_form(&key, bytes_of(found, found_size), got, sizeof got);
        memset(got, 0xA5, sizeof got);
        TEST_ASSERT_LESS_THAN(0, by_form(&key, bytes_of(found, found_size), got, (size_t)size - 1));
        TEST_ASSERT_EACH_EQUAL_HEX8(0xA5, got, sizeof got);
        TEST_ASSERT_EQUAL(size, by_form(&key, bytes_of(found, found_size), got, (size_t)size));
        TEST_ASSERT_EQUAL_HEX8(0xA5, got[size]);
    }
}

static void a_public_key_is_written_the_same(void)
{
    uint8_t expected[256], got[256];
    read_key("ec-leaf.key");
    int size = key_der_write_public(&key, expected, sizeof expected);
    TEST_ASSERT_EQUAL(size, by_form_public(&key, got, sizeof got));
    TEST_ASSERT_EQUAL_MEMORY(expected + sizeof expected - size, got + sizeof got - size, size);
    TEST_ASSERT_EQUAL(size, by_form_public(&key, got, (size_t)size));
    for (size_t room = 0; room < (size_t)size; room++)
        TEST_ASSERT_LESS_THAN(0, by_form_public(&key, got, room));
    read_key("ec384-leaf.key");
    TEST_ASSERT_LESS_THAN(0, by_form_public(&key, got, sizeof got));
    read_key("leaf.key");
    TEST_ASSERT_LESS_THAN(0, by_form_public(&key, got, sizeof got));
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(both_write_the_same);
    RUN_TEST(a_key_is_written_over_itself);
    RUN_TEST(what_lies_behind_a_key_is_not_part_of_it);
    RUN_TEST(a_key_without_room_is_not_written);
    RUN_TEST(a_public_key_is_written_the_same);
    return UNITY_END();
}
