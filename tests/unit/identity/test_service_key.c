/* Intake of service keys: every form in which people have them, and every damage, each with its verdict. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unity.h"

void setUp(void)
{
    fixture_reset();
}

void tearDown(void) {}

static void accepts(const char *text)
{
    enum ifl_status status = fixture_read(text);
    TEST_ASSERT_EQUAL_STRING_MESSAGE("OK", ifl_name(status), fixture_report.detail);
    TEST_ASSERT_TRUE_MESSAGE(fixture_is_original(3), "not the original leaf, chain and key");
}

static void refuses(enum ifl_status expected, const char *text)
{
    enum ifl_status status = fixture_read(text);
    TEST_ASSERT_EQUAL_STRING_MESSAGE(ifl_name(expected), ifl_name(status), fixture_report.detail);
    TEST_ASSERT_EQUAL(0, fixture_identity.chain_count);
    TEST_ASSERT_EQUAL(0, fixture_identity.key.size);
    TEST_ASSERT_FALSE_MESSAGE(fixture_holds_key(fixture_buf, sizeof fixture_buf),
                              "key material was left in the buffer");
}

static bool repaired(const char *word)
{
    for (size_t i = 0; i < fixture_report.repair_count; i++) {
        if (strstr(fixture_report.repairs[i], word) != NULL)
            return true;
    }
    return false;
}

static bool warned(enum ifl_status status)
{
    for (size_t i = 0; i < fixture_report.warning_count; i++) {
        if (fixture_report.warnings[i] == status)
            return true;
    }
    return false;
}

static const char *oauth_of(const char *service_key)
{
    const char *inner = fixture_replace(service_key, "{\n  \"oauth\": {", "{");
    return fixture_replace(inner, "\n  }\n}\n", "\n}\n");
}

/* ---- Forms ---- */

static void a_service_key_as_the_cockpit_gives_it_is_taken(void)
{
    accepts(fixture_good());
    TEST_ASSERT_EQUAL(IDENTITY_CERTIFICATE, fixture_identity.kind);
    TEST_ASSERT_EQUAL_STRING("https://plant.it-cpi024-rt.cfapps.eu10.example", fixture_identity.url);
    TEST_ASSERT_EQUAL_STRING("sb-3f1c2a60-7d5e-4f0b-9c11-5a0d2e8b4c77!b48213|it-rt-plant!b117912",
                             fixture_identity.clientid);
    TEST_ASSERT_EQUAL_STRING("https://plant.authentication.cert.eu10.example/oauth/token", fixture_identity.tokenurl);
    TEST_ASSERT_EQUAL_STRING("C=DE, O=SAP SE, OU=SAP Cloud Platform Clients, OU=Canary, L=plant, CN=leaf",
                             fixture_identity.subject);
    TEST_ASSERT_EQUAL_STRING("C=DE, O=SAP SE, OU=SAP Cloud Platform Clients, OU=Canary, L=plant, CN=intermediate",
                             fixture_identity.issuer);
    TEST_ASSERT_EQUAL_STRING("RSA-2048", fixture_identity.key_type);
    TEST_ASSERT_EQUAL_INT64(365 * 86400, fixture_identity.not_after - fixture_identity.not_before);
    TEST_ASSERT_EQUAL(0, fixture_report.repair_count);
    TEST_ASSERT_EQUAL(0, fixture_report.warning_count);
    TEST_ASSERT_EQUAL(3, fixture_report.certificate_count);
}

static void the_output_of_the_cf_command_is_taken(void)
{
    const char *header = "Getting key K for service instance I as USER...\n\n";
    accepts(fixture_join(header, oauth_of(fixture_good()), ""));
    accepts(fixture_join(header, "{ \"credentials\": ", fixture_join(fixture_good(), "}", "\n")));
    accepts(fixture_join(header, "{ \"credentials\": ", fixture_join(oauth_of(fixture_good()), "}", "\n")));
}

static void the_fields_may_stand_under_uaa(void)
{
    accepts(fixture_replace(fixture_good(), "\"oauth\"", "\"uaa\""));
    TEST_ASSERT_EQUAL_STRING("https://plant.it-cpi024-rt.cfapps.eu10.example", fixture_identity.url);
}

static void the_url_under_uaa_gives_way_to_the_tenants(void)
{
    const char *uaa = fixture_replace(fixture_good(), "\"oauth\"", "\"uaa\"");
    accepts(fixture_replace(uaa, "{\n  \"uaa\"", "{ \"url\": \"https://tenant.example\", \"uaa\""));
    TEST_ASSERT_EQUAL_STRING("https://tenant.example", fixture_identity.url);
}

static void two_pem_files_are_taken_in_any_order(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, fixture_read_two(fixture_chain(), fixture_pem("leaf.key")));
    TEST_ASSERT_TRUE(fixture_is_original(3));
    TEST_ASSERT_EQUAL(IDENTITY_EXTERNAL, fixture_identity.kind);
    TEST_ASSERT_EQUAL(0, fixture_report.warning_count);
    TEST_ASSERT_EQUAL(IFL_OK, fixture_read_two(fixture_pem("leaf.key"), fixture_chain()));
    TEST_ASSERT_TRUE(fixture_is_original(3));
}

static void one_pem_file_with_everything_is_taken(void)
{
    accepts(fixture_join(fixture_pem("leaf.key"), fixture_chain(), ""));
}

static void explanations_between_pem_blocks_are_skipped(void)
{
    accepts(fixture_join("Bag Attributes\n    localKeyID: 01 02\nsubject=CN = leaf\n\n", fixture_pem("leaf.key"),
                         fixture_join("Here it ends, and the END of it: a chain\n", fixture_chain(), "good luck\n")));
}

static void a_key_of_type_external_certificate_is_taken_with_its_key_file(void)
{
    const char *external = fixture_service_key(fixture_chain(), NULL);
    TEST_ASSERT_EQUAL(IFL_OK, fixture_read_two(external, fixture_pem("leaf.key")));
    TEST_ASSERT_TRUE(fixture_is_original(3));
    TEST_ASSERT_EQUAL(IDENTITY_EXTERNAL, fixture_identity.kind);
    refuses(IFL_KEY_NO_PRIVATE_KEY, external);
    TEST_ASSERT_EQUAL(IDENTITY_EXTERNAL, fixture_identity.kind);
    TEST_ASSERT_EQUAL_STRING("RSA-2048", fixture_identity.key_type);
}

static void a_key_in_pkcs8_gives_the_same_identity(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, fixture_read_two(fixture_chain(), fixture_pem("leaf-pkcs8.key")));
    TEST_ASSERT_TRUE(fixture_is_original(3));
}

static void elliptic_curve_keys_are_taken_in_every_encoding(void)
{
    const char *chain =
        fixture_join(fixture_pem("ec-leaf.crt"), fixture_pem("ec-intermediate.crt"), fixture_pem("ec-root.crt"));
    TEST_ASSERT_EQUAL(IFL_OK, fixture_read(fixture_service_key(chain, fixture_pem("ec-leaf.key"))));
    TEST_ASSERT_EQUAL_STRING("EC-P256", fixture_identity.key_type);
    TEST_ASSERT_TRUE(bytes_equal(fixture_identity.key, fixture_file("ec-leaf.key.der")));
    TEST_ASSERT_EQUAL(IFL_OK, fixture_read_two(chain, fixture_pem("ec-leaf-pkcs8.key")));
    TEST_ASSERT_TRUE(bytes_equal(fixture_identity.key, fixture_file("ec-leaf.key.der")));
    TEST_ASSERT_EQUAL(IFL_OK, fixture_read_two(chain, fixture_join(fixture_pem("ec-parameters.pem"),
                                                                   fixture_pem("ec-leaf.key"), "")));
    const char *chain384 = fixture_join(fixture_pem("ec384-leaf.crt"), fixture_pem("ec-intermediate.crt"), "");
    TEST_ASSERT_EQUAL(IFL_OK, fixture_read_two(chain384, fixture_pem("ec384-leaf.key")));
    TEST_ASSERT_EQUAL_STRING("EC-P384", fixture_identity.key_type);
}

static void the_root_may_be_missing(void)
{
    const char *chain = fixture_join(fixture_pem("leaf.crt"), fixture_pem("intermediate.crt"), "");
    TEST_ASSERT_EQUAL(IFL_OK, fixture_read(fixture_service_key(chain, fixture_pem("leaf.key"))));
    TEST_ASSERT_TRUE(fixture_is_original(2));
}

/* ---- Repairs: the result is exactly the original ---- */

static void line_breaks_written_out_are_restored(void)
{
    const char *pem = fixture_join(fixture_escaped(fixture_chain()), fixture_escaped(fixture_pem("leaf.key")), "");
    accepts(pem);
    TEST_ASSERT_TRUE(repaired("\\n"));
    accepts(fixture_replace(fixture_good(), "\\n", "\\\\n"));
    TEST_ASSERT_TRUE(repaired("\\n"));
    accepts(fixture_replace(fixture_good(), "\\n", "\\r\\n"));
}

static void line_breaks_inside_of_json_strings_are_taken(void)
{
    accepts(fixture_replace(fixture_good(), "\\n", "\n"));
    TEST_ASSERT_TRUE(repaired("JSON strings"));
    accepts(fixture_replace(fixture_good(), "\\n", "\r\n"));
}

static void lost_line_breaks_are_restored(void)
{
    accepts(fixture_replace(fixture_good(), "\\n", " "));
    TEST_ASSERT_TRUE(repaired("lost line breaks"));
    accepts(fixture_replace(fixture_good(), "\\n", ""));
}

static void other_line_ends_and_a_byte_order_mark_are_taken(void)
{
    const char *windows = fixture_replace(fixture_join(fixture_chain(), fixture_pem("leaf.key"), ""), "\n", "\r\n");
    accepts(windows);
    accepts(fixture_join("\xEF\xBB\xBF", windows, ""));
    TEST_ASSERT_TRUE(repaired("byte order mark"));
    accepts(fixture_join("\xEF\xBB\xBF", fixture_good(), ""));
    accepts(fixture_replace(windows, "\r\n", "\r"));
}

static void json_may_escape_what_it_likes(void)
{
    accepts(fixture_replace(fixture_good(), "/", "\\/"));
    accepts(fixture_replace(fixture_good(), "+", "\\u002b"));
    accepts(fixture_replace(fixture_good(), "\\n", "\\u000a"));
    TEST_ASSERT_EQUAL(0, fixture_report.repair_count);
}

static void other_dashes_are_mended(void)
{
    accepts(fixture_replace(fixture_good(), "-----BEGIN", "----BEGIN"));
    TEST_ASSERT_TRUE(repaired("dashes"));
    accepts(fixture_replace(fixture_good(), "-----", "------"));
    accepts(fixture_replace(fixture_good(), "-----", "\xE2\x80\x94\xE2\x80\x93\xE2\x80\x93"));
    accepts(fixture_replace(fixture_good(), "-----", "\xE2\x80\x94"));
    accepts(fixture_replace(fixture_good(), "-----BEGIN CERTIFICATE-----", "BEGIN CERTIFICATE"));
    TEST_ASSERT_TRUE(repaired("dashes"));
}

static void indented_pem_without_a_last_line_end_is_taken(void)
{
    const char *pem = fixture_join(fixture_pem("leaf.key"), fixture_chain(), "");
    const char *indented = fixture_replace(pem, "\n", "\n    ");
    struct bytes input = bytes_of(indented, strlen(indented) - strlen("\n    "));
    TEST_ASSERT_EQUAL(IFL_OK, fixture_read_bytes(&input, 1));
    TEST_ASSERT_TRUE(fixture_is_original(3));
}

static void invisible_spaces_are_skipped(void)
{
    accepts(fixture_replace(fixture_good(), "\\n", "\xC2\xA0\\n\xE2\x80\x8B"));
    TEST_ASSERT_TRUE(repaired("Invisible"));
}

static void certificates_in_another_order_are_put_in_order(void)
{
    const char *chain = fixture_join(fixture_pem("root.crt"), fixture_pem("leaf.crt"), fixture_pem("intermediate.crt"));
    accepts(fixture_service_key(chain, fixture_pem("leaf.key")));
    TEST_ASSERT_TRUE(repaired("in order"));
}

static void what_is_there_twice_is_taken_once(void)
{
    const char *twice = fixture_join(fixture_chain(), fixture_chain(), fixture_chain());
    accepts(fixture_service_key(twice, fixture_join(fixture_pem("leaf.key"), fixture_pem("leaf.key"), "")));
    TEST_ASSERT_TRUE(repaired("twice"));
    TEST_ASSERT_EQUAL(IFL_OK, fixture_read_two(fixture_good(), fixture_chain()));
    TEST_ASSERT_TRUE(fixture_is_original(3));
}

static void swapped_fields_are_noticed(void)
{
    accepts(fixture_service_key(fixture_pem("leaf.key"), fixture_chain()));
    TEST_ASSERT_TRUE(repaired("each other"));
}

static void a_prompt_behind_the_json_is_ignored(void)
{
    accepts(fixture_join(fixture_good(), "user@host:~$ \n", ""));
    TEST_ASSERT_TRUE(repaired("behind the JSON"));
}

/* ---- Refusals ---- */

static void nothing_and_other_files_are_no_service_key(void)
{
    refuses(IFL_KEY_UNREADABLE, "");
    refuses(IFL_KEY_UNREADABLE, "hello");
    refuses(IFL_KEY_UNREADABLE, "ssh-rsa AAAA user@host");
    refuses(IFL_KEY_JSON, "{");
    refuses(IFL_KEY_JSON, "{ \"oauth\": { \"certificate\": \"x }");
    struct bytes utf16 = bytes_of("\xFF\xFE{\0}\0", 6);
    TEST_ASSERT_EQUAL(IFL_KEY_UNREADABLE, fixture_read_bytes(&utf16, 1));
    TEST_ASSERT_NOT_NULL(strstr(fixture_report.detail, "UTF-16"));
    struct bytes binary = bytes_of("{\0}", 3);
    TEST_ASSERT_EQUAL(IFL_KEY_UNREADABLE, fixture_read_bytes(&binary, 1));
    struct bytes none = bytes_of(NULL, 0);
    TEST_ASSERT_EQUAL(IFL_KEY_UNREADABLE, fixture_read_bytes(&none, 1));
    TEST_ASSERT_EQUAL(IFL_INVALID, fixture_read_bytes(&none, 0));
}

static void a_key_that_is_cut_off_anywhere_is_refused(void)
{
    const char *good = fixture_good();
    size_t size = strlen(good);
    for (size_t cut = 0; cut < size - 3; cut += 97) {
        struct bytes input = bytes_of(good, cut);
        TEST_ASSERT_NOT_EQUAL(IFL_OK, fixture_read_bytes(&input, 1));
    }
}

static void a_pem_file_that_is_cut_off_anywhere_is_refused(void)
{
    const char *pem = fixture_join(fixture_chain(), fixture_pem("leaf.key"), "");
    size_t end = strlen(pem) - strlen("-----\n"); /* the dashes behind the last END may be missing */
    for (size_t cut = 0; cut < end; cut += 61) {
        struct bytes input = bytes_of(pem, cut);
        TEST_ASSERT_NOT_EQUAL(IFL_OK, fixture_read_bytes(&input, 1));
    }
}

static void json_without_the_fields_has_no_certificate(void)
{
    refuses(IFL_KEY_NO_CERTIFICATE, "{}");
    refuses(IFL_KEY_NO_CERTIFICATE, "{ \"oauth\": { \"certificate\": null, \"key\": \"\" } }");
    refuses(IFL_KEY_NO_CERTIFICATE, "{ \"oauth\": { \"certificate\": [\"x\"] } }");
    refuses(IFL_KEY_NO_CERTIFICATE, fixture_service_key("", fixture_pem("leaf.key")));
    refuses(IFL_KEY_NO_CERTIFICATE, fixture_pem("leaf.key"));
}

static void a_certificate_file_alone_has_no_private_key(void)
{
    refuses(IFL_KEY_NO_PRIVATE_KEY, fixture_chain());
    TEST_ASSERT_EQUAL(3, fixture_report.certificate_count);
    TEST_ASSERT_NOT_NULL(strstr(fixture_identity.subject, "CN=leaf"));
}

static void the_key_of_another_certificate_is_a_mismatch(void)
{
    refuses(IFL_KEY_MISMATCH, fixture_service_key(fixture_chain(), fixture_pem("other.key")));
    refuses(IFL_KEY_MISMATCH, fixture_service_key(fixture_chain(), fixture_pem("ec-leaf.key")));
}

static void a_missing_intermediate_is_named_as_that(void)
{
    refuses(IFL_KEY_CHAIN_INCOMPLETE, fixture_service_key(fixture_pem("leaf.crt"), fixture_pem("leaf.key")));
    TEST_ASSERT_EQUAL_STRING("the issuer of certificate 1 of 1", fixture_report.detail);
    const char *gap = fixture_join(fixture_pem("leaf.crt"), fixture_pem("root.crt"), "");
    refuses(IFL_KEY_CHAIN_INCOMPLETE, fixture_service_key(gap, fixture_pem("leaf.key")));
}

static void a_certificate_that_doesnt_belong_to_the_chain_is_refused(void)
{
    const char *stranger = fixture_join(fixture_chain(), fixture_pem("ec-root.crt"), "");
    refuses(IFL_KEY_CHAIN, fixture_service_key(stranger, fixture_pem("leaf.key")));
    TEST_ASSERT_EQUAL_STRING("certificate 4 of 4 doesn't belong to it", fixture_report.detail);
}

static void an_issuer_by_name_only_is_refused(void)
{
    const char *chain = fixture_join(fixture_pem("leaf.crt"), fixture_pem("impostor.crt"), fixture_pem("root.crt"));
    refuses(IFL_KEY_CHAIN, fixture_service_key(chain, fixture_pem("leaf.key")));
}

static void an_issuer_that_isnt_a_ca_is_refused(void)
{
    const char *chain =
        fixture_join(fixture_pem("leaf.crt"), fixture_pem("intermediate-not-ca.crt"), fixture_pem("root.crt"));
    refuses(IFL_KEY_CHAIN, fixture_service_key(chain, fixture_pem("leaf.key")));
    const char *under_leaf = fixture_join(fixture_pem("leaf-under-leaf.crt"), fixture_chain(), "");
    refuses(IFL_KEY_CHAIN, fixture_service_key(under_leaf, fixture_pem("other.key")));
}

static void a_leaf_that_signed_itself_is_refused(void)
{
    refuses(IFL_KEY_CHAIN, fixture_service_key(fixture_pem("selfsigned.crt"), fixture_pem("selfsigned.key")));
}

static void a_leaf_right_below_the_root_is_a_chain(void)
{
    const char *chain = fixture_join(fixture_pem("leaf-under-root.crt"), fixture_pem("root.crt"), "");
    TEST_ASSERT_EQUAL(IFL_OK, fixture_read(fixture_service_key(chain, fixture_pem("leaf.key"))));
    TEST_ASSERT_EQUAL(2, fixture_identity.chain_count);
}

static const char *with_leaf(const char *leaf, const char *key)
{
    const char *chain = fixture_join(fixture_pem(leaf), fixture_pem("intermediate.crt"), fixture_pem("root.crt"));
    return fixture_service_key(chain, fixture_pem(key));
}

static void a_certificate_that_isnt_for_clients_is_refused(void)
{
    refuses(IFL_KEY_NOT_CLIENT_AUTH, with_leaf("leaf-server.crt", "leaf.key"));
    refuses(IFL_KEY_NOT_CLIENT_AUTH, with_leaf("leaf-no-eku.crt", "leaf.key"));
}

static void keys_and_signatures_that_arent_supported_are_named_as_that(void)
{
    refuses(IFL_KEY_UNSUPPORTED, with_leaf("leaf-weak.crt", "weak.key"));
    refuses(IFL_KEY_UNSUPPORTED, with_leaf("leaf-sha1.crt", "leaf.key"));
    refuses(IFL_KEY_UNSUPPORTED, with_leaf("leaf-ec521.crt", "ec521.key"));
    refuses(IFL_KEY_UNSUPPORTED, with_leaf("leaf-k1.crt", "ec-k1.key"));
    refuses(IFL_KEY_UNSUPPORTED, with_leaf("leaf-ed25519.crt", "ed25519.key"));
}

static void rsa_3072_is_supported(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, fixture_read(with_leaf("leaf-3072.crt", "rsa3072.key")));
    TEST_ASSERT_EQUAL_STRING("RSA-3072", fixture_identity.key_type);
}

static void an_encrypted_key_is_named_as_that(void)
{
    TEST_ASSERT_EQUAL(IFL_KEY_ENCRYPTED, fixture_read_two(fixture_chain(), fixture_pem("leaf-encrypted.key")));
    TEST_ASSERT_EQUAL(IFL_KEY_ENCRYPTED, fixture_read_two(fixture_chain(), fixture_pem("leaf-encrypted-pkcs8.key")));
    refuses(IFL_KEY_ENCRYPTED, fixture_service_key(fixture_chain(), fixture_pem("leaf-encrypted.key")));
}

static void a_key_of_plan_api_is_named_as_that_whatever_else_is_wrong(void)
{
    refuses(IFL_KEY_PLAN_API, fixture_replace(fixture_good(), "|it-rt-plant!b", "|it!b"));
    TEST_ASSERT_EQUAL(IDENTITY_API, fixture_identity.kind);
    refuses(
        IFL_KEY_PLAN_API,
        "{ \"oauth\": { \"clientid\": \"sb-1!b2|it!b3\", \"clientsecret\": \"s\", \"certificate\": \"-----BEGIN CERTIFICATE-----\" } }");
}

static void a_key_with_only_a_secret_is_named_as_that(void)
{
    refuses(
        IFL_KEY_SECRET,
        "{ \"oauth\": { \"clientid\": \"sb-1!b2|it-rt-x!b3\", \"clientsecret\": \"s3cr3t\", \"url\": \"https://x\" } }");
    TEST_ASSERT_EQUAL(IDENTITY_SECRET, fixture_identity.kind);
    TEST_ASSERT_EQUAL_STRING("https://x", fixture_identity.url);
}

static void two_candidates_are_a_question_and_not_a_guess(void)
{
    const char *two_keys = fixture_join(fixture_pem("leaf.key"), fixture_pem("other.key"), "");
    refuses(IFL_KEY_AMBIGUOUS, fixture_service_key(fixture_chain(), two_keys));
    const char *two_leaves = fixture_join(fixture_pem("leaf-again.crt"), fixture_chain(), "");
    refuses(IFL_KEY_AMBIGUOUS, fixture_service_key(two_leaves, fixture_pem("leaf.key")));
    TEST_ASSERT_EQUAL(IFL_KEY_AMBIGUOUS, fixture_read_two(fixture_good(), fixture_good()));
    TEST_ASSERT_EQUAL(IFL_KEY_AMBIGUOUS, fixture_read_two(fixture_good(), fixture_pem("other.key")));
    refuses(IFL_KEY_AMBIGUOUS, fixture_join(fixture_good(), fixture_good(), ""));
    const char *two_urls =
        fixture_replace(fixture_good(), "{\n  \"oauth\"", "{ \"url\": \"https://elsewhere\",\n  \"oauth\"");
    refuses(IFL_KEY_AMBIGUOUS, two_urls);
    const char *field = fixture_replace(fixture_good(), "\"key\":", "\"key\": \"-----BEGIN\", \"key\":");
    refuses(IFL_KEY_AMBIGUOUS, field);
}

static void a_second_leaf_beside_the_chain_is_refused(void)
{
    const char *chain = fixture_join(fixture_chain(), fixture_pem("other-leaf.crt"), "");
    refuses(IFL_KEY_CHAIN, fixture_service_key(chain, fixture_pem("leaf.key")));
}

static void more_certificates_than_a_chain_has_are_too_many(void)
{
    const char *many = fixture_join(
        fixture_chain(),
        fixture_join(fixture_pem("ec-root.crt"), fixture_pem("ec-intermediate.crt"), fixture_pem("ec-leaf.crt")),
        fixture_pem("other-leaf.crt"));
    refuses(IFL_TOO_LARGE, fixture_service_key(many, fixture_pem("leaf.key")));
}

static void every_marker_must_belong_to_a_block(void)
{
    const char *good = fixture_join(fixture_chain(), fixture_pem("leaf.key"), "");
    refuses(IFL_KEY_PEM, fixture_join("-----END CERTIFICATE-----\n", good, ""));
    refuses(IFL_KEY_PEM, fixture_join(good, "-----BEGIN CERTIFICATE-----\n", ""));
    refuses(IFL_KEY_PEM, fixture_join(good, "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", ""));
    refuses(IFL_KEY_PEM, fixture_replace(good, "END RSA", "END EC"));
    refuses(IFL_KEY_PEM, fixture_replace(good, "-----BEGIN CERTIFICATE-----\n", "")); /* "NO_START_LINE" */
    refuses(IFL_KEY_PEM, fixture_replace(good, "-----END CERTIFICATE-----\n", ""));
    refuses(IFL_KEY_PEM, fixture_join(good, "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n", ""));
    refuses(IFL_KEY_PEM, fixture_replace(good, "-----BEGIN CERTIFICATE-----\n", "BEGIN CERTIFICATE "));
}

static void the_request_beside_its_certificate_says_nothing_new(void)
{
    static const char REQUEST[] = "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n";
    TEST_ASSERT_EQUAL(IFL_OK, fixture_read(fixture_join(REQUEST, fixture_chain(), fixture_pem("leaf.key"))));
    refuses(IFL_KEY_NO_CERTIFICATE, fixture_join(REQUEST, fixture_pem("leaf.key"), ""));
    refuses(IFL_KEY_PEM,
            fixture_replace(fixture_join(fixture_chain(), fixture_pem("leaf.key"), REQUEST), "MAA=\n", "MAA\n"));
}

static void base64_is_read_strictly(void)
{
    static const char *const bad[] = {
        "MAA", "MA=A", "MAB=", "M===", "=", "MAA=MAA=", "MAA==", "M!AA", "MAAB-MAAB", "M\\u00e4AA", "M\\xAA"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *block = fixture_join("-----BEGIN CERTIFICATE-----\n", bad[i], "\n-----END CERTIFICATE-----\n");
        TEST_ASSERT_EQUAL_MESSAGE(IFL_KEY_PEM, fixture_read(block), bad[i]);
    }
}

static void a_certificate_or_key_with_bytes_too_many_or_too_few_is_bad(void)
{
    static const char *const der[] = {"MAA=", "MAAA", "MQAA", "MIEAAA==", "MIIAAA==", "MIAA", "////"};
    for (size_t i = 0; i < sizeof der / sizeof der[0]; i++) {
        const char *block = fixture_join("-----BEGIN CERTIFICATE-----\n", der[i], "\n-----END CERTIFICATE-----\n");
        TEST_ASSERT_EQUAL_MESSAGE(IFL_KEY_CERTIFICATE_BAD,
                                  fixture_read(fixture_join(block, fixture_pem("leaf.key"), "")), der[i]);
        block = fixture_join("-----BEGIN PRIVATE KEY-----\n", der[i], "\n-----END PRIVATE KEY-----\n");
        TEST_ASSERT_EQUAL_MESSAGE(IFL_KEY_PRIVATE_KEY_BAD, fixture_read(fixture_join(block, fixture_chain(), "")),
                                  der[i]);
    }
}

/* ---- Texts ---- */

static void a_url_is_tidied_but_never_invented(void)
{
    accepts(fixture_replace(fixture_good(), "eu10.example\"", "eu10.example/\""));
    TEST_ASSERT_EQUAL_STRING("https://plant.it-cpi024-rt.cfapps.eu10.example", fixture_identity.url);
    accepts(fixture_replace(fixture_good(), "https://plant.it", "http://plant.it"));
    TEST_ASSERT_EQUAL_STRING("", fixture_identity.url);
    TEST_ASSERT_TRUE(warned(IFL_CONFIG_NOT_HTTPS));
    TEST_ASSERT_TRUE(warned(IFL_KEY_NO_URL));
    accepts(fixture_replace(fixture_good(), "\"url\"", "\"uri\""));
    TEST_ASSERT_TRUE(warned(IFL_KEY_NO_URL));
}

static void a_host_without_rt_is_warned_about(void)
{
    accepts(fixture_replace(fixture_good(), "-rt.cfapps", ".cfapps"));
    TEST_ASSERT_TRUE(warned(IFL_KEY_HOST_NO_RT));
    accepts(fixture_replace(fixture_good(), "plant.it-cpi024-rt.cfapps.eu10.example", "localhost:8443"));
    TEST_ASSERT_FALSE(warned(IFL_KEY_HOST_NO_RT));
}

static void controls_in_texts_dont_reach_a_terminal(void)
{
    accepts(fixture_replace(fixture_good(), "sb-3f1c", "\\u001b[31m"));
    TEST_ASSERT_EQUAL_STRING("", fixture_identity.clientid);
}

/* ---- Resources ---- */

static void every_failing_allocation_is_told_as_no_memory(void)
{
    unsigned failures = 0;
    for (uint32_t nth = 1; nth < 2000; nth += nth < 40 ? 1 : 37) {
        static uint8_t memory[FIXTURE_ARENA_SIZE];
        struct bytes input = bytes_of_string(fixture_good());
        struct arena arena;
        arena_init(&arena, memory, sizeof memory);
        arena.fail_after = nth;
        enum ifl_status status = service_key_read(&input, 1, &arena, &fixture_random, fixture_buf, fixture_buf_size,
                                                  &fixture_identity, &fixture_report);
        TEST_ASSERT_TRUE(arena_empty(&arena));
        if (status == IFL_OK)
            break;
        TEST_ASSERT_EQUAL_STRING("NO_MEMORY", ifl_name(status));
        TEST_ASSERT_FALSE(fixture_holds_key(fixture_buf, sizeof fixture_buf));
        TEST_ASSERT_FALSE(fixture_holds_key(memory, sizeof memory));
        failures++;
    }
    TEST_ASSERT_GREATER_THAN(40, failures);
}

static void without_randomness_nothing_is_judged(void)
{
    fixture_entropy = false;
    refuses(IFL_NO_ENTROPY, fixture_good());
}

static void a_buffer_that_is_too_small_is_told_as_that(void)
{
    for (size_t size = 0; size < 5150; size += 103) {
        fixture_buf_size = size;
        refuses(IFL_TOO_LARGE, fixture_good());
    }
}

static void no_key_material_is_left_in_the_arena(void)
{
    accepts(fixture_good());
    TEST_ASSERT_FALSE(fixture_holds_key(fixture_arena.buf, fixture_arena.size));
    TEST_ASSERT_TRUE(fixture_holds_key(fixture_buf, sizeof fixture_buf)); /* the check itself finds what is there */
}

static void write_figures(size_t peak)
{
    char path[512];
    const char *dir = getenv("IFL_FIGURES_DIR");
    if (dir == NULL)
        return;
    (void)snprintf(path, sizeof path, "%s/identity_arena.json", dir);
    FILE *file = fopen(path, "w");
    TEST_ASSERT_NOT_NULL(file);
    (void)fprintf(file, "{\"identity.arena_peak_bytes\": %zu}\n", peak);
    (void)fclose(file);
}

static void twenty_four_kilobytes_of_arena_are_enough(void)
{
    accepts(fixture_good());
    write_figures(fixture_arena.peak);
    fixture_arena_size = 24576;
    accepts(fixture_good());
}

static void an_input_of_a_megabyte_is_judged_in_one_pass(void)
{
    char *text = malloc(1 << 20);
    TEST_ASSERT_NOT_NULL(text);
    memset(text, ' ', (1 << 20) - 1);
    text[(1 << 20) - 1] = '\0';
    for (size_t i = 0; i + 6 < 1 << 20; i += 4)
        memcpy(text + i, "END ", 4);
    TEST_ASSERT_EQUAL(IFL_KEY_UNREADABLE, fixture_read(text));
    for (size_t i = 0; i + 6 < 1 << 20; i += 6)
        memcpy(text + i, "BEGIN ", 6);
    TEST_ASSERT_EQUAL(IFL_KEY_UNREADABLE, fixture_read(text));
    memset(text, '[', (1 << 20) - 1);
    text[0] = '{';
    TEST_ASSERT_EQUAL(IFL_KEY_JSON, fixture_read(text));
    free(text);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_service_key_as_the_cockpit_gives_it_is_taken);
    RUN_TEST(the_output_of_the_cf_command_is_taken);
    RUN_TEST(the_fields_may_stand_under_uaa);
    RUN_TEST(the_url_under_uaa_gives_way_to_the_tenants);
    RUN_TEST(two_pem_files_are_taken_in_any_order);
    RUN_TEST(one_pem_file_with_everything_is_taken);
    RUN_TEST(explanations_between_pem_blocks_are_skipped);
    RUN_TEST(a_key_of_type_external_certificate_is_taken_with_its_key_file);
    RUN_TEST(a_key_in_pkcs8_gives_the_same_identity);
    RUN_TEST(elliptic_curve_keys_are_taken_in_every_encoding);
    RUN_TEST(the_root_may_be_missing);
    RUN_TEST(line_breaks_written_out_are_restored);
    RUN_TEST(line_breaks_inside_of_json_strings_are_taken);
    RUN_TEST(lost_line_breaks_are_restored);
    RUN_TEST(other_line_ends_and_a_byte_order_mark_are_taken);
    RUN_TEST(json_may_escape_what_it_likes);
    RUN_TEST(other_dashes_are_mended);
    RUN_TEST(indented_pem_without_a_last_line_end_is_taken);
    RUN_TEST(invisible_spaces_are_skipped);
    RUN_TEST(certificates_in_another_order_are_put_in_order);
    RUN_TEST(what_is_there_twice_is_taken_once);
    RUN_TEST(swapped_fields_are_noticed);
    RUN_TEST(a_prompt_behind_the_json_is_ignored);
    RUN_TEST(nothing_and_other_files_are_no_service_key);
    RUN_TEST(a_key_that_is_cut_off_anywhere_is_refused);
    RUN_TEST(a_pem_file_that_is_cut_off_anywhere_is_refused);
    RUN_TEST(json_without_the_fields_has_no_certificate);
    RUN_TEST(a_certificate_file_alone_has_no_private_key);
    RUN_TEST(the_key_of_another_certificate_is_a_mismatch);
    RUN_TEST(a_missing_intermediate_is_named_as_that);
    RUN_TEST(a_certificate_that_doesnt_belong_to_the_chain_is_refused);
    RUN_TEST(an_issuer_by_name_only_is_refused);
    RUN_TEST(an_issuer_that_isnt_a_ca_is_refused);
    RUN_TEST(a_leaf_that_signed_itself_is_refused);
    RUN_TEST(a_leaf_right_below_the_root_is_a_chain);
    RUN_TEST(a_certificate_that_isnt_for_clients_is_refused);
    RUN_TEST(keys_and_signatures_that_arent_supported_are_named_as_that);
    RUN_TEST(rsa_3072_is_supported);
    RUN_TEST(an_encrypted_key_is_named_as_that);
    RUN_TEST(a_key_of_plan_api_is_named_as_that_whatever_else_is_wrong);
    RUN_TEST(a_key_with_only_a_secret_is_named_as_that);
    RUN_TEST(two_candidates_are_a_question_and_not_a_guess);
    RUN_TEST(a_second_leaf_beside_the_chain_is_refused);
    RUN_TEST(more_certificates_than_a_chain_has_are_too_many);
    RUN_TEST(every_marker_must_belong_to_a_block);
    RUN_TEST(the_request_beside_its_certificate_says_nothing_new);
    RUN_TEST(base64_is_read_strictly);
    RUN_TEST(a_certificate_or_key_with_bytes_too_many_or_too_few_is_bad);
    RUN_TEST(a_url_is_tidied_but_never_invented);
    RUN_TEST(a_host_without_rt_is_warned_about);
    RUN_TEST(controls_in_texts_dont_reach_a_terminal);
    RUN_TEST(every_failing_allocation_is_told_as_no_memory);
    RUN_TEST(without_randomness_nothing_is_judged);
    RUN_TEST(a_buffer_that_is_too_small_is_told_as_that);
    RUN_TEST(no_key_material_is_left_in_the_arena);
    RUN_TEST(twenty_four_kilobytes_of_arena_are_enough);
    RUN_TEST(an_input_of_a_megabyte_is_judged_in_one_pass);
    return UNITY_END();
}
