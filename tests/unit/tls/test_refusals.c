/* Alerts, resets, ends and garbage: each is told as what it is. */
#include <stdlib.h>
#include <string.h>

#include <unity.h>

#include "fixture.h"
#include "tls/certificate.h"

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

struct alert_case {
    uint8_t alert;
    enum ifl_status expected;
};

static void an_alert_to_the_first_message_is_about_host_and_version(void)
{
    static const struct alert_case cases[] = {
        {112, IFL_TLS_HOST_REFUSED}, {40, IFL_TLS_HOST_REFUSED}, {70, IFL_TLS_VERSION},
        {86, IFL_TLS_VERSION},       {48, IFL_TLS_PROTOCOL},     {42, IFL_TLS_PROTOCOL},
        {45, IFL_TLS_PROTOCOL},      {80, IFL_TLS_PROTOCOL},     {71, IFL_TLS_PROTOCOL},
    };
    serve_rsa(0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        peer_reset();
        peer.alert_at = PEER_MOMENT_HELLO;
        peer.alert = cases[i].alert;
        TEST_ASSERT_EQUAL(cases[i].expected, connect_now());
        TEST_ASSERT_EQUAL_UINT8(cases[i].alert, tls_facts(&client.tls)->alert);
        TEST_ASSERT_FALSE(tls_facts(&client.tls)->certificate_sent);
        tls_close(&client.tls);
    }
}

static void with_tls_1_2_an_alert_after_our_certificate_is_about_the_certificate(void)
{
    static const struct alert_case cases[] = {
        {40, IFL_TLS_CLIENT_REFUSED}, {41, IFL_TLS_CLIENT_REFUSED},  {42, IFL_TLS_CLIENT_REFUSED},
        {43, IFL_TLS_CLIENT_REFUSED}, {44, IFL_TLS_CLIENT_REFUSED},  {45, IFL_TLS_CLIENT_EXPIRED},
        {46, IFL_TLS_CLIENT_REFUSED}, {48, IFL_TLS_CLIENT_REFUSED},  {49, IFL_TLS_CLIENT_REFUSED},
        {51, IFL_TLS_CLIENT_REFUSED}, {116, IFL_TLS_CLIENT_REFUSED}, {80, IFL_TLS_PROTOCOL},
        {112, IFL_TLS_HOST_REFUSED},
    };
    serve_rsa(TLS1_2_VERSION);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        peer_reset();
        peer.alert_at = PEER_MOMENT_CLIENT_CERTIFICATE;
        peer.alert = cases[i].alert;
        TEST_ASSERT_EQUAL(cases[i].expected, connect_now());
        TEST_ASSERT_EQUAL_UINT8(cases[i].alert, tls_facts(&client.tls)->alert);
        TEST_ASSERT_TRUE(tls_facts(&client.tls)->certificate_sent);
        tls_close(&client.tls);
    }
}

/* TLS 1.3 tells after the client believes to be open, so the next reading ends. */
static enum ifl_status connect_and_read(void)
{
    uint8_t buf[64];
    size_t got = 0;
    enum ifl_status status = connect_now();
    return status == IFL_OK ? tls_read(&client.tls, buf, sizeof buf, &got) : status;
}

static void a_server_that_refuses_our_certificate_is_understood_in_both_versions(void)
{
    static const struct {
        int verdict;
        uint8_t alert;
        enum ifl_status expected;
    } cases[] = {
        {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, 48, IFL_TLS_CLIENT_REFUSED},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 48, IFL_TLS_CLIENT_REFUSED},
        {X509_V_ERR_CERT_REJECTED, 42, IFL_TLS_CLIENT_REFUSED},
        {X509_V_ERR_INVALID_PURPOSE, 43, IFL_TLS_CLIENT_REFUSED},
        {X509_V_ERR_CERT_REVOKED, 44, IFL_TLS_CLIENT_REFUSED},
        {X509_V_ERR_CERT_HAS_EXPIRED, 45, IFL_TLS_CLIENT_EXPIRED},
        {X509_V_ERR_SUBJECT_ISSUER_MISMATCH, 46, IFL_TLS_CLIENT_REFUSED},
        {X509_V_ERR_APPLICATION_VERIFICATION, 40, IFL_TLS_CLIENT_REFUSED},
    };
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        serve_rsa(versions[v]);
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            peer_reset();
            peer.client_verdict = cases[i].verdict;
            TEST_ASSERT_EQUAL(cases[i].expected, connect_and_read());
            TEST_ASSERT_EQUAL_UINT8(cases[i].alert, tls_facts(&client.tls)->alert);
            TEST_ASSERT_TRUE(tls_facts(&client.tls)->certificate_sent);
            TEST_ASSERT_FALSE(tls_facts(&client.tls)->application_data_seen);
            tls_close(&client.tls);
        }
    }
}

static void a_server_that_insists_on_a_certificate_refuses_us_without_one(void)
{
    use_no_identity();
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        serve_rsa(versions[v]);
        TEST_ASSERT_EQUAL(IFL_TLS_CLIENT_REFUSED, connect_and_read());
        TEST_ASSERT_TRUE(tls_facts(&client.tls)->certificate_requested);
        TEST_ASSERT_FALSE(tls_facts(&client.tls)->certificate_sent);
        tls_close(&client.tls);
    }
}

/* What an observer was told of the server's chain. */
static int seen_depths[8];
static size_t seen_count;
static bool seen_issuers_match;

static void see(void *ctx, struct bytes der, int depth)
{
    static struct bytes child_issuer; /* of the certificate seen before: that one is above */
    struct bytes issuer, subject;
    (void)ctx;
    TEST_ASSERT_EQUAL(IFL_OK, tls_certificate_names(der, &issuer, &subject));
    seen_issuers_match = seen_count == 0 || (seen_issuers_match && bytes_equal(issuer, child_issuer));
    child_issuer = subject;
    if (seen_count < 8) {
        seen_depths[seen_count++] = depth;
    }
}

static void an_observer_is_told_the_servers_chain_root_first(void)
{
    client.context.see_certificate = see;
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        seen_count = 0;
        serve_rsa(versions[v]);
        TEST_ASSERT_EQUAL(IFL_OK, connect_now());
        TEST_ASSERT_EQUAL_UINT(3, seen_count);
        TEST_ASSERT_EQUAL_INT(2, seen_depths[0]);
        TEST_ASSERT_EQUAL_INT(0, seen_depths[2]);
        TEST_ASSERT_TRUE(seen_issuers_match);
        tls_close(&client.tls);
    }
    client.trusted_count = 0;
    seen_count = 0;
    serve_rsa(TLS1_3_VERSION);
    TEST_ASSERT_EQUAL(IFL_TLS_UNTRUSTED, connect_now());
    TEST_ASSERT_EQUAL_UINT(2, seen_count); /* as far as the chain could be built */
}

static void a_bare_reset_after_our_finished_leaves_the_facts_to_judge_it(void)
{
    static const enum ifl_status ends[] = {IFL_NET_RESET, IFL_CLOSED};
    for (size_t i = 0; i < 2; i++) {
        serve_rsa(TLS1_3_VERSION);
        peer.drop_after_handshake = true;
        peer.cut_status = ends[i];
        TEST_ASSERT_EQUAL(IFL_OK, connect_now());
        char answer[16];
        size_t size = 0;
        TEST_ASSERT_EQUAL(ends[i], exchange(answer, sizeof answer, &size));
        const struct tls_facts *facts = tls_facts(&client.tls);
        TEST_ASSERT_TRUE(facts->certificate_sent);
        TEST_ASSERT_FALSE(facts->resumed);
        TEST_ASSERT_FALSE(facts->application_data_seen);
        TEST_ASSERT_EQUAL_UINT8(0, facts->alert);
        tls_close(&client.tls);
    }
}

static void the_alert_is_found_even_when_sending_fails_first(void)
{
    serve_rsa(TLS1_3_VERSION);
    peer.client_verdict = X509_V_ERR_CERT_REJECTED;
    TEST_ASSERT_EQUAL(IFL_OK, connect_now());
    peer.deaf = true;
    TEST_ASSERT_EQUAL(IFL_TLS_CLIENT_REFUSED, write_all("x", 1));
    TEST_ASSERT_EQUAL(TLS_FAILED, tls_state(&client.tls));
}

static void an_early_answer_can_be_read_when_sending_fails(void)
{
    char buf[16];
    size_t got = 0;
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        serve_rsa(versions[v]);
        TEST_ASSERT_EQUAL(IFL_OK, connect_now());
        peer_send("413", 3);
        peer_close_notify();
        peer.deaf = true;
        TEST_ASSERT_EQUAL(IFL_NET_RESET, write_all("x", 1));
        TEST_ASSERT_EQUAL(IFL_NET_RESET, write_all("x", 1));
        TEST_ASSERT_EQUAL(IFL_OK, tls_read(&client.tls, buf, sizeof buf, &got));
        TEST_ASSERT_EQUAL_STRING_LEN("413", buf, got);
        TEST_ASSERT_EQUAL(IFL_CLOSED, tls_read(&client.tls, buf, sizeof buf, &got));
        TEST_ASSERT_EQUAL(IFL_CLOSED, tls_read(&client.tls, buf, sizeof buf, &got));
        tls_close(&client.tls);
    }
}

static void what_is_not_tls_is_told_as_such(void)
{
    static const uint8_t zeros[64];
    static const uint8_t empty_handshake[] = {22, 3, 3, 0, 0, 22, 3, 3, 0, 0};
    static const uint8_t data_first[] = {23, 3, 3, 0, 5, 'h', 'e', 'l', 'l', 'o'};
    static const uint8_t oversized[] = {22, 3, 3, 0xFF, 0xFF, 2, 0, 0, 0};
    static const struct {
        const void *bytes;
        size_t size;
    } scripts[] = {
        {"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", 47},
        {"SSH-2.0-OpenSSH_9.2\r\n", 21},
        {zeros, sizeof zeros},
        {empty_handshake, sizeof empty_handshake},
        {data_first, sizeof data_first},
        {oversized, sizeof oversized},
    };
    serve_rsa(0);
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        peer_reset();
        peer.script = scripts[i].bytes;
        peer.script_size = scripts[i].size;
        TEST_ASSERT_EQUAL(IFL_TLS_PROTOCOL, connect_now());
        tls_close(&client.tls);
        TEST_ASSERT_TRUE(arena_empty(&client.arena));
    }
}

/* Warnings that mean nothing are skipped in one go. Whoever sends them hasn't proved to be the server, and the program has other things to do. */
static void a_flood_of_warnings_is_taken_in_portions_until_the_time_is_over(void)
{
    static const uint8_t warning[] = {21, 3, 3, 0, 2, 1, 90};
    serve_rsa(0);
    peer.silent = true;
    peer.flood = warning;
    peer.flood_size = sizeof warning;
    peer.cut_down = 1u << 20;
    TEST_ASSERT_EQUAL(IFL_OK, tls_open(&client.tls, PKI_HOST, FIXTURE_PORT, "", NULL, true, 30000, client.now));
    for (int i = 0; i < 100; i++) {
        const size_t before = peer.down;
        TEST_ASSERT_EQUAL_UINT64(client.now, tls_step(&client.tls, client.now));
        TEST_ASSERT_LESS_THAN_UINT64(before + 8192, peer.down);
    }
    TEST_ASSERT_GREATER_THAN_UINT64(8192, peer.down);
    client.now += 30000;
    tls_step(&client.tls, client.now);
    TEST_ASSERT_EQUAL(IFL_NET_TIMEOUT, tls_status(&client.tls));
}

/* ---- The connection ends after every byte ------------------------------------------------------------------------ */

/* In the ordinary run every seventh position, in the full one all. */
static size_t stride(void)
{
    const char *full = getenv("IFL_TEST_FULL");
    return full != NULL && strcmp(full, "1") == 0 ? 1 : 7;
}

static void ends_after_each_byte(int version, size_t *limit)
{
    serve_ec(version);
    TEST_ASSERT_EQUAL(IFL_OK, connect_and_read() == IFL_AGAIN ? IFL_OK : IFL_INVALID);
    const size_t total = limit == &peer.cut_down ? peer.down : peer.up;
    tls_close(&client.tls);
    for (size_t at = 0; at < total; at += stride()) {
        tls_forget_session(&client.tls);
        peer_reset();
        *limit = at;
        peer.cut_status = at % 2 == 0 ? IFL_CLOSED : IFL_NET_RESET;
        enum ifl_status status = connect_and_read();
        if ((limit == &peer.cut_down ? peer.down : peer.up) < at) {
            TEST_ASSERT_EQUAL(IFL_AGAIN, status); /* this time its signatures were a few bytes shorter: no cut */
        } else if (tls_facts(&client.tls)->server_verified) { /* TLS 1.3: the rest are tickets */
            TEST_ASSERT_TRUE(status == peer.cut_status);
        } else {
            TEST_ASSERT_EQUAL_MESSAGE(IFL_TLS_RESET, status, "in the handshake");
        }
        TEST_ASSERT_EQUAL_UINT64(0, peer.request_size);
        tls_close(&client.tls);
        TEST_ASSERT_TRUE(arena_empty(&client.arena));
    }
    peer_reset();
    TEST_ASSERT_EQUAL(IFL_AGAIN, connect_and_read());
    tls_close(&client.tls);
}

static void the_connection_may_end_after_every_byte_of_the_server(void)
{
    use_ec_identity();
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        ends_after_each_byte(versions[v], &peer.cut_down);
    }
}

static void the_connection_may_end_after_every_byte_of_the_client(void)
{
    use_ec_identity();
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        ends_after_each_byte(versions[v], &peer.cut_up);
    }
}

/* ---- A byte is changed on the way -------------------------------------------------------------------------------- */

/* The record's version (RFC 8446 section 5.1: must be ignored) is the only thing that may change without a consequence. */
static bool is_record_version(const uint8_t *stream, size_t size, size_t at)
{
    for (size_t start = 0; start + 5 <= size;) {
        if (at >= start && at < start + 5) {
            return at == start + 1 || at == start + 2;
        }
        start += 5u + (size_t)(stream[start + 3] << 8 | stream[start + 4]);
    }
    return false;
}

static void no_handshake_succeeds_with_a_bit_changed(void)
{
    use_ec_identity();
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        serve_ec(versions[v]);
        TEST_ASSERT_EQUAL(IFL_OK, connect_now());
        const size_t total =
            peer.down; /* the signature's size varies by a few bytes: then the position is another one */
        tls_close(&client.tls);
        for (size_t at = 0; at < total; at += stride()) {
            tls_forget_session(&client.tls);
            peer_reset();
            peer.flip_at = at;
            peer.flip = (uint8_t)(1u << at % 8);
            enum ifl_status status = connect_now();
            if (status == IFL_OK && peer.down > at) {
                TEST_ASSERT_TRUE(is_record_version(peer.queue, peer.queue_end, at));
            }
            TEST_ASSERT_NOT_EQUAL(IFL_NO_MEMORY, status);
            TEST_ASSERT_NOT_EQUAL(IFL_TLS_INTERNAL, status);
            tls_close(&client.tls);
            TEST_ASSERT_TRUE(arena_empty(&client.arena));
        }
    }
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(an_alert_to_the_first_message_is_about_host_and_version);
    RUN_TEST(with_tls_1_2_an_alert_after_our_certificate_is_about_the_certificate);
    RUN_TEST(a_server_that_refuses_our_certificate_is_understood_in_both_versions);
    RUN_TEST(a_server_that_insists_on_a_certificate_refuses_us_without_one);
    RUN_TEST(an_observer_is_told_the_servers_chain_root_first);
    RUN_TEST(a_bare_reset_after_our_finished_leaves_the_facts_to_judge_it);
    RUN_TEST(the_alert_is_found_even_when_sending_fails_first);
    RUN_TEST(an_early_answer_can_be_read_when_sending_fails);
    RUN_TEST(what_is_not_tls_is_told_as_such);
    RUN_TEST(a_flood_of_warnings_is_taken_in_portions_until_the_time_is_over);
    RUN_TEST(the_connection_may_end_after_every_byte_of_the_server);
    RUN_TEST(the_connection_may_end_after_every_byte_of_the_client);
    RUN_TEST(no_handshake_succeeds_with_a_bit_changed);
    fixture_free();
    return UNITY_END();
}
