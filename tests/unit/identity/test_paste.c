/* What is mended only on hosts. The whole corpus of forms and damages is in tests/integration/key_corpus.py; here stands what it can't see from outside. */
#include "fixture.h"

#include <string.h>

#include "identity/paste.h"
#include "unity.h"

void setUp(void)
{
    fixture_reset();
}

void tearDown(void) {}

static enum ifl_status mend(const char *text)
{
    struct bytes input = bytes_of_string(text);
    return fixture_mend(&input, 1);
}

static void what_the_core_takes_is_taken_without_any_mending(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, mend(fixture_good()));
    TEST_ASSERT_TRUE(fixture_is_original(3));
    TEST_ASSERT_EQUAL(0, fixture_report.repair_count);
}

static void what_is_mended_is_told(void)
{
    const char *text = fixture_replace(fixture_good(), "\"", "\xE2\x80\x9D");
    TEST_ASSERT_EQUAL(IFL_OK, mend(text));
    TEST_ASSERT_TRUE(fixture_is_original(3));
    TEST_ASSERT_EQUAL_STRING("Typographic quotes were made straight.", fixture_report.repairs[0]);
    TEST_ASSERT_EQUAL_STRING("https://plant.it-cpi024-rt.cfapps.eu10.example", fixture_identity.url);
}

static void a_clear_refusal_stays(void)
{
    const char *other = fixture_join(fixture_chain(), fixture_pem("other.key"), "");
    TEST_ASSERT_EQUAL(IFL_KEY_MISMATCH, mend(other));
    TEST_ASSERT_EQUAL(0, fixture_identity.chain_count);
}

static void a_refusal_says_what_the_input_looks_like(void)
{
    static const struct {
        const char *text, *says;
    } looks[] = {
        {"\xFE\xED\xFE\xED-a-keystore", "keytool"},
        {"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk=\n-----END OPENSSH PRIVATE KEY-----\n", "ssh-keygen"},
        {"-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n", "PGP"},
        {"-----BEGIN CERTIFICATE REQUEST-----\nMIIC\n-----END CERTIFICATE REQUEST-----\n", "a certificate request"},
        {"Getting key k for service instance i as u...\n\nFAILED\nNo service key k found\n", "FAILED"},
        {"service_key = <sensitive>\n", "terraform output"},
        {"PK\x03\x04", "ZIP"},
        {" \n\t\n", "it's empty"},
    };
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        TEST_ASSERT_NOT_EQUAL(IFL_OK, mend(looks[i].text));
        TEST_ASSERT_NOT_NULL_MESSAGE(strstr(fixture_report.detail, looks[i].says), looks[i].says);
    }
}

static void a_text_that_ends_inside_of_a_string_is_refused_however_much_is_there(void)
{
    const char *good = fixture_good();
    const char *url = strstr(good, "\"url\"");
    TEST_ASSERT_NOT_NULL(url);
    for (size_t more = 8; more < 40; more++) {
        struct bytes cut = bytes_of(good, (size_t)(url - good) + more);
        TEST_ASSERT_EQUAL(IFL_KEY_JSON, fixture_mend(&cut, 1));
    }
}

static void two_values_of_a_text_are_refused_wherever_they_stand(void)
{
    const char *twice = fixture_join(
        "{'a': {'clientid': 'sb-1!b1', 'url': 'https://a.example'}, 'credentials': {'clientid': 'sb-1!b1', "
        "'url': 'https://b.example', 'certificate': '",
        fixture_chain(), "'}}");
    TEST_ASSERT_EQUAL(IFL_KEY_AMBIGUOUS, mend(fixture_join(twice, fixture_pem("leaf.key"), "")));
}

static void base64_that_looks_like_a_key_and_is_none_is_never_left_out(void)
{
    const char *half = fixture_replace(fixture_pem("leaf.key"), "-----BEGIN RSA PRIVATE KEY-----\n", "");
    TEST_ASSERT_EQUAL(IFL_OK, mend(fixture_join(fixture_chain(), half, "")));
    TEST_ASSERT_TRUE(fixture_is_original(3));
    const char *rest = "\nMIIEowIBAAKCAQEAtheRestOfThisKeyIsGone0123456789abcdefghijklmnopqrstuvw\n";
    TEST_ASSERT_EQUAL(IFL_KEY_PEM, mend(fixture_join(fixture_chain(), half, rest)));
}

/* Its root was damaged so that it isn't a certificate any more; without a root nothing would prove the intermediate, which is damaged as well. */
static void what_isnt_a_certificate_any_more_is_never_left_out(void)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *good = fixture_service_key(fixture_chain(), fixture_pem("leaf.key"));
    const char *root = strstr(strstr(strstr(good, "BEGIN C") + 1, "BEGIN C") + 1, "BEGIN C");
    char *text = (char *)(uintptr_t)fixture_join("\xE2\x80\x8B", good, "");
    size_t end = (size_t)(strstr(root, "END C") - good);
    for (size_t at = (size_t)(root - good) + 24; at < end; at += 7) {
        const char *digit = strchr(digits, good[at]);
        if (digit == NULL)
            continue;
        text[at + 3] = digits[(digit - digits) ^ 2];
        enum ifl_status status = mend(text);
        TEST_ASSERT_TRUE(status != IFL_OK || fixture_is_original(3));
        text[at + 3] = good[at];
    }
}

static void a_work_space_that_is_too_small_refuses(void)
{
    static uint8_t work[4096];
    struct bytes input = bytes_of_string(fixture_replace(fixture_good(), "\"", "'"));
    TEST_ASSERT_EQUAL(IFL_KEY_JSON,
                      paste_read(&input, 1, bytes_of(work, sizeof work), NULL, &fixture_arena, &fixture_random,
                                 fixture_buf, fixture_buf_size, &fixture_identity, &fixture_report));
}

static void without_a_way_to_unlock_an_encrypted_key_is_refused(void)
{
    TEST_ASSERT_EQUAL(IFL_KEY_ENCRYPTED, mend(fixture_join(fixture_chain(), fixture_pem("leaf-encrypted.key"), "")));
    TEST_ASSERT_EQUAL(IFL_KEY_ENCRYPTED,
                      mend(fixture_join(fixture_chain(), fixture_pem("leaf-encrypted-pkcs8.key"), "")));
}

#define RUNTIME "https://plant.it-cpi024-rt.cfapps.eu10.example"
#define CLIENT "|it-rt-plant!b"

static void assert_no_url(const char *text, const char *says, bool of_another_service)
{
    TEST_ASSERT_EQUAL(IFL_OK, mend(text));
    TEST_ASSERT_TRUE(fixture_is_original(3));
    TEST_ASSERT_EQUAL_STRING("", fixture_identity.url);
    TEST_ASSERT_EQUAL(1, fixture_report.warning_count);
    TEST_ASSERT_EQUAL(IFL_KEY_NO_URL, fixture_report.warnings[0]);
    TEST_ASSERT_NOT_NULL_MESSAGE(strstr(fixture_report.detail, says), fixture_report.detail);
    TEST_ASSERT_EQUAL(of_another_service, paste_is_of_another_service(&fixture_report));
}

static void the_key_of_another_service_is_told_as_that_and_its_url_isnt_taken(void)
{
    static const char *const urls[] = {"https://plant.authentication.eu10.hana.ondemand.com",
                                       "https://plant.authentication.cert.eu10.hana.ondemand.com",
                                       "https://plant.Authentication.eu10.HANA.ondemand.com:443/oauth"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        const char *text = fixture_replace(fixture_good(), RUNTIME, urls[i]);
        assert_no_url(text, "not the runtime", false); /* the client is Cloud Integration's: only the url is wrong */
        assert_no_url(fixture_replace(text, CLIENT, "!t"), "plan `integration-flow`", true);
    }
    char typographic[20000];
    strcpy(typographic, fixture_replace(fixture_good(), RUNTIME, urls[0]));
    assert_no_url(fixture_replace(fixture_replace(typographic, CLIENT, "!t"), "\"", "\xE2\x80\x9D"), "xsuaa", true);
}

static void a_url_is_doubted_only_where_its_certain(void)
{
    static const char *const urls[] = {RUNTIME, "https://authentication.eu10.hana.ondemand.com",
                                       "https://plant.authentication.eu10.example",
                                       "https://plant.it-cpi024-rt.cfapps.eu10.hana.ondemand.com",
                                       "https://plant.it-rt.example/.authentication.eu10.hana.ondemand.com"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        const char *text = fixture_replace(fixture_good(), RUNTIME, urls[i]);
        TEST_ASSERT_EQUAL(IFL_OK, mend(fixture_replace(text, CLIENT, "!t")));
        TEST_ASSERT_EQUAL_STRING_LEN(urls[i], fixture_identity.url, strcspn(urls[i] + 8, "/") + 8);
        TEST_ASSERT_EQUAL(0, fixture_report.warning_count);
        TEST_ASSERT_EQUAL_STRING("", fixture_report.detail);
        TEST_ASSERT_FALSE(paste_is_of_another_service(&fixture_report));
    }
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(the_key_of_another_service_is_told_as_that_and_its_url_isnt_taken);
    RUN_TEST(a_url_is_doubted_only_where_its_certain);
    RUN_TEST(what_the_core_takes_is_taken_without_any_mending);
    RUN_TEST(what_is_mended_is_told);
    RUN_TEST(a_clear_refusal_stays);
    RUN_TEST(a_refusal_says_what_the_input_looks_like);
    RUN_TEST(a_text_that_ends_inside_of_a_string_is_refused_however_much_is_there);
    RUN_TEST(two_values_of_a_text_are_refused_wherever_they_stand);
    RUN_TEST(base64_that_looks_like_a_key_and_is_none_is_never_left_out);
    RUN_TEST(what_isnt_a_certificate_any_more_is_never_left_out);
    RUN_TEST(a_work_space_that_is_too_small_refuses);
    RUN_TEST(without_a_way_to_unlock_an_encrypted_key_is_refused);
    return UNITY_END();
}
