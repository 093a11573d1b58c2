/* A service key of type ClientId/Secret: what is in it, what isn't, and the header that comes out. */
#include "identity/secret.h"

#include <string.h>

#include "unity.h"

static struct service_secret secret;
static char detail_buf[160];
static struct text detail;

void setUp(void)
{
    memset(&secret, 0x55, sizeof secret);
    text_init(&detail, detail_buf, sizeof detail_buf);
}

void tearDown(void) {}

static enum ifl_status read_text(const char *text)
{
    setUp();
    return service_secret_read(bytes_of_string(text), &secret, &detail);
}

static void assert_wiped(void)
{
    static const struct service_secret nothing;
    TEST_ASSERT_EQUAL_MEMORY(&nothing, &secret, sizeof secret);
    TEST_ASSERT_NULL(strstr(detail_buf, "hush"));
}

static void the_key_is_read_in_each_form_in_which_people_have_it(void)
{
    static const char *const forms[] = {
        "{\"oauth\":{\"clientid\":\"sb-1!b2|it-rt-x!b3\",\"clientsecret\":\"hush$=\",\"url\":\"https://t.example/\","
        "\"tokenurl\":\"https://a.example/oauth/token\"}}",
        "Getting key k for service instance i as u...\n\n{\"credentials\":{\"oauth\":{\"clientid\":\"sb-1!b2|it-rt-x!b3\","
        "\"clientsecret\":\"hush$=\",\"url\":\"https://t.example\",\"tokenurl\":\"https://a.example/oauth/token\"}}}",
        "{\"clientid\":\"sb-1!b2|it-rt-x!b3\",\"clientsecret\":\"hush$=\",\"url\":\"https://t.example\","
        "\"tokenurl\":\"https://a.example/oauth/token\",\"certificate\":\"whatever\"}",
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        TEST_ASSERT_EQUAL_MESSAGE(IFL_OK, read_text(forms[i]), forms[i]);
        TEST_ASSERT_EQUAL_STRING("sb-1!b2|it-rt-x!b3", secret.clientid);
        TEST_ASSERT_EQUAL_STRING("hush$=", secret.secret);
        TEST_ASSERT_EQUAL_STRING("https://t.example", secret.url);
        TEST_ASSERT_EQUAL_STRING("https://a.example/oauth/token", secret.tokenurl);
    }
}

static void the_url_of_an_authentication_host_is_told_and_not_taken(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, read_text("{\"clientid\":\"sb-app!t1\",\"clientsecret\":\"hush\","
                                        "\"url\":\"https://t.authentication.eu10.hana.ondemand.com\"}"));
    TEST_ASSERT_EQUAL_STRING("", secret.url);
    TEST_ASSERT_NOT_NULL(strstr(secret.url_fault, "another service"));
    TEST_ASSERT_EQUAL(IFL_OK, read_text("{\"clientid\":\"sb-1!b2|it-rt-x!b3\",\"clientsecret\":\"hush\","
                                        "\"url\":\"https://t.authentication.eu10.hana.ondemand.com/\"}"));
    TEST_ASSERT_EQUAL_STRING("", secret.url);
    TEST_ASSERT_NOT_NULL(strstr(secret.url_fault, "not the runtime"));
    TEST_ASSERT_EQUAL(IFL_OK,
                      read_text("{\"clientid\":\"a\",\"clientsecret\":\"hush\",\"url\":\"https://t.example\"}"));
    TEST_ASSERT_NULL(secret.url_fault);
}

static void what_has_no_secret_is_refused(void)
{
    static const char *const bad[] = {"",
                                      "hush",
                                      "-----BEGIN CERTIFICATE-----\n",
                                      "{}",
                                      "{\"clientid\":\"a\"}",
                                      "{\"clientsecret\":\"hush\"}",
                                      "{\"clientid\":\"\",\"clientsecret\":\"hush\"}",
                                      "{\"clientid\":\"a\",\"clientsecret\":7}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        TEST_ASSERT_EQUAL_MESSAGE(IFL_KEY_NO_SECRET, read_text(bad[i]), bad[i]);
        assert_wiped();
    }
}

static void what_is_odd_is_refused_without_telling_the_secret(void)
{
    TEST_ASSERT_EQUAL(IFL_KEY_JSON, read_text("{\"clientid\":\"a\",\"clientsecret\":\"hush\""));
    assert_wiped();
    TEST_ASSERT_EQUAL(
        IFL_KEY_AMBIGUOUS,
        read_text("{\"clientid\":\"a\",\"clientsecret\":\"hush\",\"oauth\":{\"clientsecret\":\"hush2\"}}"));
    assert_wiped();
    TEST_ASSERT_EQUAL(IFL_KEY_JSON, read_text("{\"clientid\":\"a\",\"clientsecret\":\"hush\\n\"}"));
    assert_wiped();
    TEST_ASSERT_EQUAL(IFL_KEY_PLAN_API, read_text("{\"clientid\":\"sb-1!b2|it!b3\",\"clientsecret\":\"hush\"}"));
    assert_wiped();
    char longer[IDENTITY_TEXT_SIZE + 64] = "{\"clientid\":\"a\",\"clientsecret\":\"hush";
    size_t len = strlen(longer);
    memset(longer + len, 'x', IDENTITY_TEXT_SIZE);
    strcpy(longer + len + IDENTITY_TEXT_SIZE, "\"}");
    TEST_ASSERT_EQUAL(IFL_TOO_LARGE, read_text(longer));
    assert_wiped();
}

static void the_header_is_that_of_the_rfc(void)
{
    char buf[SECRET_BASIC_SIZE];
    struct text out;
    text_init(&out, buf, sizeof buf);
    TEST_ASSERT_EQUAL(IFL_OK, secret_basic("Aladdin", "open sesame", &out)); /* RFC 7617 section 2 */
    TEST_ASSERT_EQUAL_STRING("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", buf);
}

static void a_header_that_does_not_fit_is_none(void)
{
    char large[IDENTITY_TEXT_SIZE];
    char buf[SECRET_BASIC_SIZE];
    struct text out;
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    text_init(&out, buf, sizeof buf);
    TEST_ASSERT_EQUAL(IFL_OK, secret_basic(large, large, &out));
    text_init(&out, buf, 40);
    TEST_ASSERT_EQUAL(IFL_TOO_LARGE, secret_basic("Aladdin", "open sesame, twice", &out));
    TEST_ASSERT_EQUAL_STRING("", buf);
    TEST_ASSERT_FALSE(out.cut);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(the_key_is_read_in_each_form_in_which_people_have_it);
    RUN_TEST(the_url_of_an_authentication_host_is_told_and_not_taken);
    RUN_TEST(what_has_no_secret_is_refused);
    RUN_TEST(what_is_odd_is_refused_without_telling_the_secret);
    RUN_TEST(the_header_is_that_of_the_rfc);
    RUN_TEST(a_header_that_does_not_fit_is_none);
    return UNITY_END();
}
