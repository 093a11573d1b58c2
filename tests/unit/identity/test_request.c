/* A key made on the device: its request is good for others, its chain is taken, and no other one. */
#define _POSIX_C_SOURCE 200809L /* mkdtemp */
#include "identity/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "unity.h"

#define ARENA_SIZE 65536

static uint8_t arena_bytes[ARENA_SIZE];
static struct arena arena;
static uint8_t key_buf[REQUEST_KEY_SIZE], answer_buf[32768];
static struct identity waiting, answered;
static struct service_key_report report;
static char pem_buf[REQUEST_PEM_SIZE], dir[64];
static struct text pem;

void setUp(void)
{
    fixture_reset();
    arena_init(&arena, arena_bytes, sizeof arena_bytes);
    text_init(&pem, pem_buf, sizeof pem_buf);
    strcpy(dir, "/tmp/iflow-request-XXXXXX");
    TEST_ASSERT_NOT_NULL(mkdtemp(dir));
}

void tearDown(void)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r '%s'", dir);
    TEST_ASSERT_EQUAL(0, system(command));
}

static void write_file(const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    TEST_ASSERT_NOT_NULL(file);
    TEST_ASSERT_TRUE(fputs(text, file) >= 0);
    TEST_ASSERT_EQUAL(0, fclose(file));
}

static const char *read_file(const char *name)
{
    static char text[32768];
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "r");
    TEST_ASSERT_NOT_NULL(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    return text;
}

/* What it says is in the file `out` afterwards. */
static void run(const char *command)
{
    char line[1024];
    (void)snprintf(line, sizeof line, "cd '%s' && ( %s ) >out 2>&1", dir, command);
    const int result = system(line);
    TEST_ASSERT_EQUAL_MESSAGE(0, result, read_file("out"));
}

static void make(bool rsa)
{
    TEST_ASSERT_EQUAL(
        IFL_OK, (rsa ? request_make_rsa : request_make_ec)(&arena, &fixture_random, key_buf, sizeof key_buf, &waiting));
    TEST_ASSERT_EQUAL(IFL_OK, request_write(&arena, &fixture_random, waiting.key, "gw-0042", &pem));
    TEST_ASSERT_TRUE(arena_empty(&arena));
    write_file("request.pem", pem_buf);
}

/* A CA for one day; its answer is leaf and root. */
static const char *sign(void)
{
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key "
        "-out ca.pem -days 2 -subj /CN=ca && "
        "echo extendedKeyUsage=clientAuth > ext && "
        "openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 "
        "-extfile ext -out leaf.pem && cat leaf.pem ca.pem > chain.pem");
    return read_file("chain.pem");
}

static enum ifl_status answer(const char *text)
{
    return request_answer(bytes_of_string(text), &waiting, &arena, &fixture_random, answer_buf, sizeof answer_buf,
                          &answered, &report);
}

static void check_request(bool rsa, const char *says)
{
    make(rsa);
    TEST_ASSERT_EQUAL_STRING(rsa ? "RSA-2048" : "EC-P256", waiting.key_type);
    TEST_ASSERT_EQUAL(IDENTITY_REQUEST, waiting.kind);
    run("openssl req -in request.pem -noout -verify -text");
    TEST_ASSERT_NOT_NULL(strstr(read_file("out"), "CN = gw-0042"));
    TEST_ASSERT_NOT_NULL(strstr(read_file("out"), says));
}

static void openssl_verifies_the_request_of_an_ec_key(void)
{
    check_request(false, "NIST CURVE: P-256");
}

static void openssl_verifies_the_request_of_an_rsa_key(void)
{
    check_request(true, "Public-Key: (2048 bit)");
}

static void the_chain_for_the_key_makes_an_identity(void)
{
    make(false);
    strcpy(waiting.url, "https://tenant.example");
    strcpy(waiting.tokenurl, "https://tokens.example/oauth/token");
    TEST_ASSERT_EQUAL_MESSAGE(IFL_OK, answer(sign()), report.detail);
    TEST_ASSERT_EQUAL(2, answered.chain_count);
    TEST_ASSERT_EQUAL_STRING("EC-P256", answered.key_type);
    TEST_ASSERT_EQUAL_STRING("https://tenant.example", answered.url);
    TEST_ASSERT_EQUAL_STRING("https://tokens.example/oauth/token", answered.tokenurl);
    TEST_ASSERT_TRUE(bytes_equal(waiting.key, answered.key));
    TEST_ASSERT_TRUE(arena_empty(&arena));
}

static void drop(void *ctx)
{
    char *text = ctx;
    TEST_ASSERT_TRUE(text[0] != '\0');
    memset(text, 0, strlen(text));
}

static void the_text_may_go_before_the_proof(void)
{
    static char text[8192];
    make(false);
    strcpy(text, sign());
    TEST_ASSERT_EQUAL_MESSAGE(IFL_OK,
                              request_answer_once(bytes_of_string(text), &waiting, drop, text, &arena, &fixture_random,
                                                  answer_buf, sizeof answer_buf, &answered, &report),
                              report.detail);
    TEST_ASSERT_EQUAL_STRING("", text);
    TEST_ASSERT_TRUE(bytes_equal(waiting.key, answered.key));
    TEST_ASSERT_TRUE(arena_empty(&arena));
}

static void a_chain_for_another_key_is_refused(void)
{
    make(false);
    const char *chain = sign();
    TEST_ASSERT_EQUAL(IFL_OK, request_make_ec(&arena, &fixture_random, key_buf, sizeof key_buf, &waiting));
    TEST_ASSERT_EQUAL(IFL_KEY_MISMATCH, answer(chain));
    TEST_ASSERT_EQUAL(0, answered.key.size);
}

static void a_private_key_in_the_answer_is_refused(void)
{
    make(false);
    (void)sign();
    run("cat chain.pem ca.key > both.pem");
    TEST_ASSERT_EQUAL(IFL_KEY_AMBIGUOUS, answer(read_file("both.pem")));
}

static void a_leaf_without_its_issuer_is_refused(void)
{
    make(false);
    (void)sign();
    TEST_ASSERT_EQUAL(IFL_KEY_CHAIN_INCOMPLETE, answer(read_file("leaf.pem")));
}

static void no_two_keys_are_the_same(void)
{
    uint8_t other[REQUEST_KEY_SIZE];
    struct identity second;
    make(false);
    TEST_ASSERT_EQUAL(IFL_OK, request_make_ec(&arena, &fixture_random, other, sizeof other, &second));
    TEST_ASSERT_FALSE(bytes_equal(waiting.key, second.key));
}

static void without_randomness_or_memory_there_is_no_key(void)
{
    static uint8_t few[512];
    struct arena small;
    fixture_entropy = false;
    TEST_ASSERT_EQUAL(IFL_NO_ENTROPY, request_make_ec(&arena, &fixture_random, key_buf, sizeof key_buf, &waiting));
    TEST_ASSERT_EQUAL(0, waiting.key.size);
    fixture_entropy = true;
    arena_init(&small, few, sizeof few);
    TEST_ASSERT_EQUAL(IFL_NO_MEMORY, request_make_ec(&small, &fixture_random, key_buf, sizeof key_buf, &waiting));
    TEST_ASSERT_EQUAL(0, key_buf[0]);
}

static void a_buffer_that_is_too_small_is_told(void)
{
    TEST_ASSERT_EQUAL(IFL_TOO_LARGE, request_make_ec(&arena, &fixture_random, key_buf, 40, &waiting));
    make(false);
    text_init(&pem, pem_buf, 100);
    TEST_ASSERT_EQUAL(IFL_TOO_LARGE, request_write(&arena, &fixture_random, waiting.key, "gw-0042", &pem));
    TEST_ASSERT_EQUAL_STRING("", pem_buf);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(openssl_verifies_the_request_of_an_ec_key);
    RUN_TEST(openssl_verifies_the_request_of_an_rsa_key);
    RUN_TEST(the_chain_for_the_key_makes_an_identity);
    RUN_TEST(the_text_may_go_before_the_proof);
    RUN_TEST(a_chain_for_another_key_is_refused);
    RUN_TEST(a_private_key_in_the_answer_is_refused);
    RUN_TEST(a_leaf_without_its_issuer_is_refused);
    RUN_TEST(no_two_keys_are_the_same);
    RUN_TEST(without_randomness_or_memory_there_is_no_key);
    RUN_TEST(a_buffer_that_is_too_small_is_told);
    return UNITY_END();
}
