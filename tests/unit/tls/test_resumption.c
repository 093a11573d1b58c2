/* Sessions: kept in RAM, offered only to whom they belong, dropped when in doubt. */
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
#define VERSION_COUNT 2

/* A connection with one exchange, then closed: TLS 1.3's tickets have been read. */
static void visit(const char *host)
{
    char answer[64];
    size_t size = 0;
    TEST_ASSERT_EQUAL(IFL_OK, connect_to(host));
    peer.reply = "ok";
    TEST_ASSERT_EQUAL(IFL_OK, exchange(answer, sizeof answer, &size));
    TEST_ASSERT_EQUAL_UINT64(2, size);
    tls_close(&client.tls);
    TEST_ASSERT_TRUE_MESSAGE(arena_empty(&client.arena), "between connections the arena is empty");
}

static void visit_full(const char *host)
{
    visit(host);
    TEST_ASSERT_FALSE(tls_facts(&client.tls)->resumed);
}

static void visit_resumed(const char *host)
{
    visit(host);
    TEST_ASSERT_TRUE(tls_facts(&client.tls)->resumed);
}

static void the_second_connection_is_resumed(void)
{
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        serve_rsa(versions[v]);
        visit_full(PKI_HOST);
        TEST_ASSERT_TRUE(tls_has_session(&client.tls));
        visit_resumed(PKI_HOST);
        const struct tls_facts *facts = tls_facts(&client.tls);
        TEST_ASSERT_TRUE(facts->server_verified);
        TEST_ASSERT_FALSE(facts->certificate_sent);
        TEST_ASSERT_EQUAL_INT64(PKI_NOW + 365 * (int64_t)PKI_DAY, facts->server_not_after);
        TEST_ASSERT_EQUAL_HEX16(versions[v], facts->version);
        visit_resumed(PKI_HOST);
    }
}

static void a_resumed_tls_1_2_handshake_takes_less_than_500_bytes_upwards(void)
{
    serve_rsa(TLS1_2_VERSION);
    visit_full(PKI_HOST);
    TEST_ASSERT_EQUAL(IFL_OK, connect_now());
    TEST_ASSERT_TRUE(tls_facts(&client.tls)->resumed);
    TEST_ASSERT_LESS_THAN_UINT64(500, tls_facts(&client.tls)->bytes_sent);
}

static void tls_1_2_takes_no_tickets_even_from_a_server_that_has_them(void)
{
    const struct pki_certificate *chain[] = {&pki.server_rsa, &pki.issuer_rsa};
    peer_start(&(struct peer_options){.version = TLS1_2_VERSION, .chain = chain, .chain_count = 2, .tickets = true});
    visit_full(PKI_HOST);
    visit_resumed(PKI_HOST);
    TEST_ASSERT_LESS_THAN_UINT64(700, tls_facts(&client.tls)->bytes_sent);
}

static void fresh_means_a_full_handshake(void)
{
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        serve_rsa(versions[v]);
        visit_full(PKI_HOST);
        TEST_ASSERT_EQUAL(IFL_OK, tls_open(&client.tls, PKI_HOST, FIXTURE_PORT, NULL, NULL, true, 30000, client.now));
        settle();
        TEST_ASSERT_EQUAL(TLS_OPEN, tls_state(&client.tls));
        TEST_ASSERT_FALSE(tls_facts(&client.tls)->resumed);
        tls_close(&client.tls);
    }
}

static void a_session_is_void_for_another_identity(void)
{
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        serve_rsa(versions[v]);
        visit_full(PKI_HOST);
        client.context.identity_generation++;
        visit_full(PKI_HOST);
        visit_resumed(PKI_HOST);
    }
}

static void a_session_is_void_for_another_host_or_port(void)
{
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        serve_rsa(versions[v]);
        visit_full(PKI_HOST);
        TEST_ASSERT_EQUAL(IFL_OK, tls_open(&client.tls, PKI_HOST, 8443, NULL, NULL, false, 30000, client.now));
        settle();
        TEST_ASSERT_FALSE(tls_facts(&client.tls)->resumed);
        tls_close(&client.tls);
        TEST_ASSERT_EQUAL(IFL_TLS_NAME, connect_to("other.example.com"));
        visit_full(PKI_HOST);
    }
}

static void a_forgotten_session_is_not_offered(void)
{
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        serve_rsa(versions[v]);
        visit_full(PKI_HOST);
        tls_forget_session(&client.tls);
        TEST_ASSERT_FALSE(tls_has_session(&client.tls));
        visit_full(PKI_HOST);
    }
}

static void a_server_that_does_not_know_the_session_gets_a_full_handshake(void)
{
    const struct pki_certificate *chain[] = {&pki.server_rsa, &pki.issuer_rsa};
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        serve_rsa(versions[v]);
        visit_full(PKI_HOST);
        peer_start(&(struct peer_options){.version = versions[v],
                                          .chain = chain,
                                          .chain_count = 2,
                                          .client_root = &pki.root_rsa,
                                          .client_required = true});
        visit_full(PKI_HOST);
        TEST_ASSERT_TRUE(tls_facts(&client.tls)->certificate_sent);
        visit_resumed(PKI_HOST);
    }
}

static void a_server_without_resumption_is_served_with_full_handshakes(void)
{
    const struct pki_certificate *chain[] = {&pki.server_rsa, &pki.issuer_rsa};
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        peer_start(
            &(struct peer_options){.version = versions[v], .chain = chain, .chain_count = 2, .no_resumption = true});
        tls_forget_session(&client.tls);
        visit_full(PKI_HOST);
        TEST_ASSERT_FALSE(tls_has_session(&client.tls));
        visit_full(PKI_HOST);
    }
}

static void a_session_ends_when_the_certificate_of_its_server_expires(void)
{
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        fixture_stop();
        fixture_start();
        serve_rsa(versions[v]);
        visit_full(PKI_HOST);
        clock_set(&client.clock, PKI_NOW + 366 * (int64_t)PKI_DAY, CLOCK_RTC, 0, client.now);
        TEST_ASSERT_EQUAL(IFL_TLS_EXPIRED, connect_now());
        TEST_ASSERT_FALSE(tls_facts(&client.tls)->server_verified);
    }
}

static void a_ticket_that_is_too_old_is_not_offered(void)
{
    serve_rsa(TLS1_3_VERSION);
    visit_full(PKI_HOST);
    client.now += 8 * (ifl_ms)PKI_DAY * 1000;
    visit_full(PKI_HOST);
}

static void a_session_is_not_offered_when_its_version_is_not_allowed_any_more(void)
{
    serve_rsa(0);
    visit_full(PKI_HOST);
    client.context.version = TLS_1_2;
    visit_full(PKI_HOST);
    client.context.version = TLS_1_3;
    visit_full(PKI_HOST);
}

static void a_server_that_changed_its_version_is_reached_at_the_second_try(void)
{
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        const struct pki_certificate *chain[] = {&pki.server_rsa, &pki.issuer_rsa};
        serve_rsa(versions[v]);
        visit_full(PKI_HOST);
        peer_start(&(struct peer_options){.version = versions[1 - v], .chain = chain, .chain_count = 2});
        TEST_ASSERT_EQUAL(IFL_TLS_PROTOCOL, connect_now()); /* a retry, not a hold */
        TEST_ASSERT_FALSE(tls_has_session(&client.tls));
        visit_full(PKI_HOST);
    }
}

static void a_resumption_that_breaks_off_is_not_tried_again(void)
{
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        serve_rsa(versions[v]);
        visit_full(PKI_HOST);
        peer.cut_down = 60;
        TEST_ASSERT_EQUAL(IFL_TLS_RESET, connect_now());
        TEST_ASSERT_FALSE(tls_has_session(&client.tls));
        peer.cut_down = PEER_NEVER;
        visit_full(PKI_HOST);
    }
}

static void a_ticket_as_large_as_that_of_nginx_is_kept_and_a_huge_one_is_not(void)
{
    static const struct {
        size_t padding;
        bool kept;
    } cases[] = {{0, true}, {800, true}, {4000, false}, {14000, false}};
    const struct pki_certificate *chain[] = {&pki.server_rsa, &pki.issuer_rsa};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        peer_start(&(struct peer_options){.version = TLS1_3_VERSION,
                                          .chain = chain,
                                          .chain_count = 2,
                                          .client_root = &pki.root_rsa,
                                          .client_required = true,
                                          .session_size = cases[i].padding});
        tls_forget_session(&client.tls);
        visit_full(PKI_HOST);
        TEST_ASSERT_EQUAL(cases[i].kept, tls_has_session(&client.tls));
        visit(PKI_HOST);
        TEST_ASSERT_EQUAL(cases[i].kept, tls_facts(&client.tls)->resumed);
    }
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(the_second_connection_is_resumed);
    RUN_TEST(a_resumed_tls_1_2_handshake_takes_less_than_500_bytes_upwards);
    RUN_TEST(tls_1_2_takes_no_tickets_even_from_a_server_that_has_them);
    RUN_TEST(fresh_means_a_full_handshake);
    RUN_TEST(a_session_is_void_for_another_identity);
    RUN_TEST(a_session_is_void_for_another_host_or_port);
    RUN_TEST(a_forgotten_session_is_not_offered);
    RUN_TEST(a_server_that_does_not_know_the_session_gets_a_full_handshake);
    RUN_TEST(a_server_without_resumption_is_served_with_full_handshakes);
    RUN_TEST(a_session_ends_when_the_certificate_of_its_server_expires);
    RUN_TEST(a_ticket_that_is_too_old_is_not_offered);
    RUN_TEST(a_session_is_not_offered_when_its_version_is_not_allowed_any_more);
    RUN_TEST(a_server_that_changed_its_version_is_reached_at_the_second_try);
    RUN_TEST(a_resumption_that_breaks_off_is_not_tried_again);
    RUN_TEST(a_ticket_as_large_as_that_of_nginx_is_kept_and_a_huge_one_is_not);
    fixture_free();
    return UNITY_END();
}
