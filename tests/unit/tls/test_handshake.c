/* Versions, certificates, names, dates, strength: who is talked to, and who isn't. */
#include <string.h>

#include <unity.h>

#include "fixture.h"

void setUp(void)
{
    fixture_start();
}

void tearDown(void)
{
    fixture_stop();
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
#define EACH_VERSION(v) for (size_t v##_i = 0, v = 0; v##_i < 2 && ((v = (size_t)versions[v##_i]), true); v##_i++)

static void a_message_goes_through(void)
{
    char answer[64];
    size_t size = 0;
    peer.reply = "HTTP/1.1 202 Accepted\r\n\r\n";
    TEST_ASSERT_EQUAL(IFL_OK, exchange(answer, sizeof answer, &size));
    TEST_ASSERT_EQUAL_STRING_LEN("HTTP/1.1 202 Accepted\r\n\r\n", answer, size);
    TEST_ASSERT_EQUAL_STRING_LEN("POST /http/plant HTTP/1.1", peer.request, 25);
}

static void with_tls_1_2_and_1_3_both_sides_prove_who_they_are(void)
{
    EACH_VERSION(version)
    {
        serve_rsa((int)version);
        TEST_ASSERT_EQUAL(IFL_OK, connect_now());
        const struct tls_facts *facts = tls_facts(&client.tls);
        TEST_ASSERT_EQUAL_HEX16(version, facts->version);
        TEST_ASSERT_TRUE(facts->server_verified);
        TEST_ASSERT_TRUE(facts->certificate_requested);
        TEST_ASSERT_TRUE(facts->certificate_sent);
        TEST_ASSERT_FALSE(facts->resumed);
        TEST_ASSERT_EQUAL_INT64(PKI_NOW + 365 * (int64_t)PKI_DAY, facts->server_not_after);
        a_message_goes_through();
        TEST_ASSERT_TRUE(facts->application_data_seen);
        TEST_ASSERT_EQUAL_UINT64(peer.up, facts->bytes_sent);
        TEST_ASSERT_EQUAL_UINT64(peer.down, facts->bytes_received);
        tls_close(&client.tls);
    }
}

static void a_p384_root_and_an_ec_identity_work_too(void)
{
    use_ec_identity();
    EACH_VERSION(version)
    {
        serve_ec((int)version);
        TEST_ASSERT_EQUAL(IFL_OK, connect_now());
        a_message_goes_through();
        tls_close(&client.tls);
    }
}

static void a_server_that_wants_another_group_gets_it(void)
{
    EACH_VERSION(version) /* with TLS 1.3 by a HelloRetryRequest */
    {
        serve_rsa((int)version);
        SSL_CTX_set1_groups_list(peer.ctx, "P-384");
        TEST_ASSERT_EQUAL(IFL_OK, connect_now());
        a_message_goes_through();
        tls_close(&client.tls);
        SSL_CTX_set1_groups_list(peer.ctx, "X25519");
        tls_forget_session(&client.tls);
        TEST_ASSERT_EQUAL(IFL_TLS_HOST_REFUSED, connect_now()); /* OpenSSL: handshake_failure */
    }
}

static void the_host_name_is_sent_for_the_load_balancer(void)
{
    EACH_VERSION(version)
    {
        serve_rsa((int)version);
        TEST_ASSERT_EQUAL(IFL_OK, connect_now());
        TEST_ASSERT_EQUAL_STRING(PKI_HOST, peer.sni);
        tls_close(&client.tls);
    }
}

static void leaf_and_intermediate_are_sent_and_the_root_is_not(void)
{
    EACH_VERSION(version)
    {
        serve_rsa((int)version);
        TEST_ASSERT_EQUAL(IFL_OK, connect_now());
        TEST_ASSERT_EQUAL_INT(2, peer.client_chain_count);
        tls_close(&client.tls);
    }
}

static void the_server_chooses_the_version_and_the_setting_limits_it(void)
{
    static const struct {
        enum tls_version setting;
        int server;
        enum ifl_status expected;
        uint16_t version;
    } cases[] = {
        {TLS_AUTO, 0, IFL_OK, 0x0304},
        {TLS_AUTO, TLS1_2_VERSION, IFL_OK, 0x0303},
        {TLS_1_2, 0, IFL_OK, 0x0303},
        {TLS_1_3, 0, IFL_OK, 0x0304},
        {TLS_1_3, TLS1_2_VERSION, IFL_TLS_VERSION, 0},
        {TLS_1_2, TLS1_3_VERSION, IFL_TLS_VERSION, 0},
        {TLS_AUTO, TLS1_1_VERSION, IFL_TLS_VERSION, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        client.context.version = cases[i].setting;
        serve_rsa(cases[i].server);
        TEST_ASSERT_EQUAL(cases[i].expected, connect_now());
        TEST_ASSERT_EQUAL_HEX16(cases[i].version, tls_facts(&client.tls)->version);
        tls_close(&client.tls);
    }
}

static void a_server_of_tls_1_2_that_prefers_pss_is_reached_by_starting_over(void)
{
    static const struct {
        enum tls_version setting;
        int server;
        unsigned connections;
    } cases[] = {{TLS_AUTO, TLS1_2_VERSION, 2}, {TLS_AUTO, 0, 1}, {TLS_1_2, 0, 1}, {TLS_1_3, 0, 1}};
    const struct pki_certificate *chain[] = {&pki.server_rsa, &pki.issuer_rsa};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        client.context.version = cases[i].setting;
        tls_forget_session(&client.tls);
        peer_start(&(struct peer_options){.version = cases[i].server,
                                          .chain = chain,
                                          .chain_count = 2,
                                          .client_root = &pki.root_rsa,
                                          .client_required = true,
                                          .own_preference = true});
        TEST_ASSERT_EQUAL(IFL_OK, connect_now());
        TEST_ASSERT_EQUAL_UINT(cases[i].connections, peer.connections);
        TEST_ASSERT_TRUE(tls_facts(&client.tls)->bytes_sent >= peer.up);
        a_message_goes_through();
        tls_close(&client.tls);
        TEST_ASSERT_EQUAL(IFL_OK, connect_now());
        TEST_ASSERT_TRUE(tls_facts(&client.tls)->resumed);
        TEST_ASSERT_EQUAL_UINT(cases[i].connections + 1, peer.connections);
        tls_close(&client.tls);
    }
}

static void a_server_that_asks_for_no_certificate_gets_none(void)
{
    const struct pki_certificate *chain[] = {&pki.server_rsa, &pki.issuer_rsa};
    EACH_VERSION(version)
    {
        tls_forget_session(&client.tls);
        peer_start(&(struct peer_options){.version = (int)version, .chain = chain, .chain_count = 2});
        TEST_ASSERT_EQUAL(IFL_OK, connect_now());
        TEST_ASSERT_FALSE(tls_facts(&client.tls)->certificate_requested);
        TEST_ASSERT_FALSE(tls_facts(&client.tls)->certificate_sent);
        a_message_goes_through();
        tls_close(&client.tls);
    }
}

static void without_an_identity_an_optional_request_is_answered_with_no_certificate(void)
{
    const struct pki_certificate *chain[] = {&pki.server_rsa, &pki.issuer_rsa};
    use_no_identity();
    EACH_VERSION(version)
    {
        tls_forget_session(&client.tls);
        peer_start(&(struct peer_options){
            .version = (int)version, .chain = chain, .chain_count = 2, .client_root = &pki.root_rsa});
        TEST_ASSERT_EQUAL(IFL_OK, connect_now());
        TEST_ASSERT_TRUE(tls_facts(&client.tls)->certificate_requested);
        TEST_ASSERT_FALSE(tls_facts(&client.tls)->certificate_sent);
        a_message_goes_through();
        tls_close(&client.tls);
    }
}

static void a_certificate_request_with_83_ca_names_is_taken(void)
{
    const struct pki_certificate *chain[] = {&pki.server_rsa, &pki.issuer_rsa};
    EACH_VERSION(version)
    {
        tls_forget_session(&client.tls);
        peer_start(&(struct peer_options){.version = (int)version,
                                          .chain = chain,
                                          .chain_count = 2,
                                          .client_root = &pki.root_rsa,
                                          .client_required = true,
                                          .ca_name_count = 83});
        TEST_ASSERT_EQUAL(IFL_OK, connect_now());
        TEST_ASSERT_GREATER_THAN_UINT64(12000, peer.down);
        tls_close(&client.tls);
    }
}

/* ---- Servers that must be refused -------------------------------------------------------------------------------- */

/* Connects over both versions to a server with this leaf (and chain); checks that it's refused for this reason and
 * that nothing was sent above TLS. */
static void refused(const struct pki_certificate *const *chain, size_t count, enum ifl_status expected)
{
    EACH_VERSION(version)
    {
        tls_forget_session(&client.tls);
        peer_start(&(struct peer_options){
            .version = (int)version, .chain = chain, .chain_count = count, .client_root = &pki.root_rsa});
        TEST_ASSERT_EQUAL(expected, connect_now());
        TEST_ASSERT_FALSE(tls_facts(&client.tls)->server_verified);
        TEST_ASSERT_FALSE(tls_facts(&client.tls)->certificate_sent);
        TEST_ASSERT_EQUAL_UINT64(0, peer.request_size);
        TEST_ASSERT_EQUAL_UINT(0, peer.handshakes);
        tls_close(&client.tls);
        TEST_ASSERT_TRUE(arena_empty(&client.arena));
    }
}

static void refused_leaf(struct pki_request request, enum ifl_status expected)
{
    struct pki_certificate leaf;
    const struct pki_certificate *chain[] = {&leaf, &pki.issuer_rsa};
    request.name = "leaf";
    request.host = request.host != NULL ? request.host : PKI_HOST;
    request.issuer = request.issuer != NULL ? request.issuer : &pki.issuer_rsa;
    request.key = request.key != NULL ? request.key : pki_key(PKI_RSA_2048, 0);
    request.usage = request.usage != NULL ? request.usage : "serverAuth";
    pki_issue(&leaf, &request);
    refused(chain, 2, expected);
    pki_free(&leaf);
}

static void a_certificate_for_another_name_is_refused(void)
{
    refused_leaf((struct pki_request){.host = "other.example.com"}, IFL_TLS_NAME);
}

static void an_expired_certificate_is_refused(void)
{
    refused_leaf((struct pki_request){.not_before = PKI_NOW - 10 * PKI_DAY, .not_after = PKI_NOW - 1}, IFL_TLS_EXPIRED);
}

static void an_expired_certificate_is_refused_even_by_a_clock_that_only_has_a_lower_bound(void)
{
    clock_init(&client.clock, PKI_NOW, client.now);
    refused_leaf((struct pki_request){.not_before = PKI_NOW - 10 * PKI_DAY, .not_after = PKI_NOW - 1}, IFL_TLS_EXPIRED);
}

static void a_certificate_that_is_not_valid_yet_is_refused_by_a_clock_that_is_right(void)
{
    clock_init(&client.clock, PKI_NOW - PKI_DAY, client.now);
    clock_set(&client.clock, PKI_NOW, CLOCK_SNTP, 0, client.now);
    refused_leaf((struct pki_request){.not_before = PKI_NOW + 1000}, IFL_TLS_NOT_YET_VALID);
}

static void a_certificate_from_the_future_is_taken_by_a_clock_that_only_has_a_lower_bound(void)
{
    clock_init(&client.clock, PKI_NOW - 30 * (int64_t)PKI_DAY, client.now);
    EACH_VERSION(version)
    {
        serve_rsa((int)version);
        TEST_ASSERT_EQUAL(IFL_OK, connect_now());
        tls_close(&client.tls);
    }
}

static void a_chain_to_a_root_that_is_not_trusted_is_refused(void)
{
    const struct pki_certificate *chain[] = {&pki.server_rsa, &pki.issuer_rsa};
    client.trusted[0] = &pki.root_ec;
    client.trusted_count = 1;
    refused(chain, 2, IFL_TLS_UNTRUSTED);
}

static void a_root_of_the_same_name_with_another_key_is_refused_and_the_right_one_behind_it_found(void)
{
    const struct pki_certificate *chain[] = {&pki.server_rsa, &pki.issuer_rsa};
    struct pki_certificate namesake;
    pki_issue(&namesake, &(struct pki_request){.name = "Root R", .key = pki_key(PKI_RSA_2048, 1), .ca = true});
    client.trusted[0] = &namesake;
    client.trusted_count = 1;
    refused(chain, 2, IFL_TLS_UNTRUSTED);
    client.trusted[client.trusted_count++] = &pki.root_rsa;
    serve_rsa(TLS1_2_VERSION);
    TEST_ASSERT_EQUAL(IFL_OK, connect_now());
    pki_free(&namesake);
}

static void a_self_signed_server_is_refused(void)
{
    struct pki_certificate leaf;
    const struct pki_certificate *chain[] = {&leaf};
    pki_issue(&leaf, &(struct pki_request){.name = "leaf", .host = PKI_HOST, .key = pki_key(PKI_RSA_2048, 0)});
    refused(chain, 1, IFL_TLS_UNTRUSTED);
    pki_free(&leaf);
}

static void a_chain_without_its_intermediate_is_refused(void)
{
    const struct pki_certificate *chain[] = {&pki.server_rsa};
    refused(chain, 1, IFL_TLS_UNTRUSTED);
}

static void an_issuer_that_is_no_ca_is_refused(void)
{
    refused_leaf((struct pki_request){.issuer = &pki.client_rsa}, IFL_TLS_UNTRUSTED);
}

static void a_certificate_for_clients_is_refused_as_a_server(void)
{
    refused_leaf((struct pki_request){.usage = "clientAuth"}, IFL_TLS_UNTRUSTED);
}

static void rsa_1024_is_refused_as_weak(void)
{
    refused_leaf((struct pki_request){.key = pki_key(PKI_RSA_1024, 0)}, IFL_TLS_WEAK);
}

static void sha_1_is_refused_as_weak_in_the_leaf(void)
{
    refused_leaf((struct pki_request){.digest = "SHA1"}, IFL_TLS_WEAK);
}

static void sha_1_is_refused_as_weak_in_an_intermediate(void)
{
    struct pki_certificate issuer, leaf;
    const struct pki_certificate *chain[] = {&leaf, &issuer};
    pki_issue(&issuer, &(struct pki_request){.name = "Issuer S",
                                             .issuer = &pki.root_rsa,
                                             .key = pki_key(PKI_RSA_2048, 1),
                                             .digest = "SHA1",
                                             .ca = true});
    pki_issue(&leaf, &(struct pki_request){
                         .name = "leaf", .host = PKI_HOST, .issuer = &issuer, .key = pki_key(PKI_RSA_2048, 0)});
    refused(chain, 2, IFL_TLS_WEAK);
    pki_free(&leaf);
    pki_free(&issuer);
}

static void a_weak_root_that_the_server_sends_along_does_not_hide_that_it_is_not_trusted(void)
{
    struct pki_certificate root, leaf;
    const struct pki_certificate *chain[] = {&leaf, &root};
    pki_issue(&root,
              &(struct pki_request){.name = "Old Root", .key = pki_key(PKI_RSA_2048, 1), .digest = "SHA1", .ca = true});
    pki_issue(&leaf, &(struct pki_request){
                         .name = "leaf", .host = PKI_HOST, .issuer = &root, .key = pki_key(PKI_RSA_2048, 0)});
    refused(chain, 2, IFL_TLS_UNTRUSTED);
    pki_free(&leaf);
    pki_free(&root);
}

/* A root and `length` intermediates below it, then the leaf. chain[0] is the leaf. */
static void make_long_chain(struct pki_certificate *certificates, size_t length)
{
    const struct pki_certificate *issuer = &pki.root_ec;
    for (size_t i = length; i > 0; i--) {
        char name[] = "Issuer 00";
        name[7] = (char)('0' + i / 10);
        name[8] = (char)('0' + i % 10);
        pki_issue(
            &certificates[i],
            &(struct pki_request){.name = name, .issuer = issuer, .key = pki_key(PKI_P256, (unsigned)i), .ca = true});
        issuer = &certificates[i];
    }
    pki_issue(&certificates[0],
              &(struct pki_request){.name = "leaf", .host = PKI_HOST, .issuer = issuer, .key = pki_key(PKI_P256, 0)});
}

static void chains_are_taken_three_deep_and_refused_ten_deep_or_out_of_order(void)
{
    struct pki_certificate certificates[11];
    const struct pki_certificate *chain[11];
    make_long_chain(certificates, 10);
    for (size_t i = 0; i < 11; i++) {
        chain[i] = &certificates[i];
    }
    refused(chain, 11, IFL_TLS_UNTRUSTED);
    for (size_t i = 0; i < 11; i++) {
        pki_free(&certificates[i]);
    }
    make_long_chain(certificates, 3);
    peer_start(&(struct peer_options){.chain = chain, .chain_count = 4});
    TEST_ASSERT_EQUAL(IFL_OK, connect_now());
    tls_forget_session(&client.tls);
    chain[1] = &certificates[3];
    chain[3] = &certificates[1];
    refused(chain, 4, IFL_TLS_UNTRUSTED);
    for (size_t i = 0; i < 4; i++) {
        pki_free(&certificates[i]);
    }
}

static void a_trust_bundle_that_can_not_be_read_is_told_as_such(void)
{
    const struct pki_certificate *chain[] = {&pki.server_rsa, &pki.issuer_rsa};
    client.trust_status = IFL_FILE;
    refused(chain, 2, IFL_FILE);
}

/* ---- Our own side ------------------------------------------------------------------------------------------------ */

static void a_damaged_own_key_is_told_as_such(void)
{
    uint8_t damaged[64] = {0x30, 0x3E, 0x02, 0x01};
    client.identity.key = bytes_of(damaged, sizeof damaged);
    EACH_VERSION(version)
    {
        serve_rsa((int)version);
        TEST_ASSERT_EQUAL(IFL_KEY_PRIVATE_KEY_BAD, connect_now());
    }
}

static void the_own_key_is_not_needed_where_nobody_asks(void)
{
    const struct pki_certificate *chain[] = {&pki.server_rsa, &pki.issuer_rsa};
    uint8_t damaged[64] = {0x30, 0x3E, 0x02, 0x01};
    client.identity.key = bytes_of(damaged, sizeof damaged);
    peer_start(&(struct peer_options){.chain = chain, .chain_count = 2});
    TEST_ASSERT_EQUAL(IFL_OK, connect_now());
}

static void without_randomness_there_is_no_handshake(void)
{
    EACH_VERSION(version)
    {
        serve_rsa((int)version);
        client.no_random = true;
        TEST_ASSERT_EQUAL(IFL_NO_ENTROPY, connect_now());
        TEST_ASSERT_EQUAL(IFL_NO_ENTROPY, tls_setup(&client.context));
        client.no_random = false;
        TEST_ASSERT_EQUAL(IFL_OK, connect_now());
        tls_close(&client.tls);
    }
}

static void an_unknown_host_name_of_absurd_length_is_refused(void)
{
    char host[400];
    memset(host, 'a', sizeof host);
    host[sizeof host - 1] = '\0';
    serve_rsa(0);
    TEST_ASSERT_EQUAL(IFL_INVALID, connect_to(host));
    TEST_ASSERT_EQUAL(IFL_INVALID, connect_to(""));
    TEST_ASSERT_EQUAL(TLS_FAILED, tls_state(&client.tls));
}

static void a_silent_server_ends_in_a_timeout(void)
{
    serve_rsa(0);
    peer.silent = true;
    TEST_ASSERT_EQUAL(IFL_AGAIN, connect_now());
    client.now += 29999;
    settle();
    TEST_ASSERT_EQUAL(TLS_HANDSHAKE, tls_state(&client.tls));
    client.now += 1;
    settle();
    TEST_ASSERT_EQUAL(TLS_FAILED, tls_state(&client.tls));
    TEST_ASSERT_EQUAL(IFL_NET_TIMEOUT, tls_status(&client.tls));
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(with_tls_1_2_and_1_3_both_sides_prove_who_they_are);
    RUN_TEST(a_p384_root_and_an_ec_identity_work_too);
    RUN_TEST(a_server_that_wants_another_group_gets_it);
    RUN_TEST(the_host_name_is_sent_for_the_load_balancer);
    RUN_TEST(leaf_and_intermediate_are_sent_and_the_root_is_not);
    RUN_TEST(the_server_chooses_the_version_and_the_setting_limits_it);
    RUN_TEST(a_server_of_tls_1_2_that_prefers_pss_is_reached_by_starting_over);
    RUN_TEST(a_server_that_asks_for_no_certificate_gets_none);
    RUN_TEST(without_an_identity_an_optional_request_is_answered_with_no_certificate);
    RUN_TEST(a_certificate_request_with_83_ca_names_is_taken);
    RUN_TEST(a_certificate_for_another_name_is_refused);
    RUN_TEST(an_expired_certificate_is_refused);
    RUN_TEST(an_expired_certificate_is_refused_even_by_a_clock_that_only_has_a_lower_bound);
    RUN_TEST(a_certificate_that_is_not_valid_yet_is_refused_by_a_clock_that_is_right);
    RUN_TEST(a_certificate_from_the_future_is_taken_by_a_clock_that_only_has_a_lower_bound);
    RUN_TEST(a_chain_to_a_root_that_is_not_trusted_is_refused);
    RUN_TEST(a_root_of_the_same_name_with_another_key_is_refused_and_the_right_one_behind_it_found);
    RUN_TEST(a_self_signed_server_is_refused);
    RUN_TEST(a_chain_without_its_intermediate_is_refused);
    RUN_TEST(an_issuer_that_is_no_ca_is_refused);
    RUN_TEST(a_certificate_for_clients_is_refused_as_a_server);
    RUN_TEST(rsa_1024_is_refused_as_weak);
    RUN_TEST(sha_1_is_refused_as_weak_in_the_leaf);
    RUN_TEST(sha_1_is_refused_as_weak_in_an_intermediate);
    RUN_TEST(a_weak_root_that_the_server_sends_along_does_not_hide_that_it_is_not_trusted);
    RUN_TEST(chains_are_taken_three_deep_and_refused_ten_deep_or_out_of_order);
    RUN_TEST(a_trust_bundle_that_can_not_be_read_is_told_as_such);
    RUN_TEST(a_damaged_own_key_is_told_as_such);
    RUN_TEST(the_own_key_is_not_needed_where_nobody_asks);
    RUN_TEST(without_randomness_there_is_no_handshake);
    RUN_TEST(an_unknown_host_name_of_absurd_length_is_refused);
    RUN_TEST(a_silent_server_ends_in_a_timeout);
    fixture_free();
    return UNITY_END();
}
