/* Memory: what a handshake needs, and what happens when there is too little of it, at every single allocation. */
#include <stdlib.h>
#include <string.h>

#include <psa/crypto.h>
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

static enum ifl_status visit(void)
{
    char answer[64];
    size_t size = 0;
    enum ifl_status status = connect_now();
    if (status == IFL_OK) {
        peer.reply = "ok";
        status = exchange(answer, sizeof answer, &size);
    }
    if (status == IFL_OK && size != 2) {
        status = IFL_AGAIN;
    }
    return status;
}

static uint32_t psa_keys(void)
{
    mbedtls_psa_stats_t stats;
    mbedtls_psa_get_stats(&stats);
    return (uint32_t)stats.MBEDTLS_PRIVATE(volatile_slots);
}

/* In the ordinary run the first hundred allocations and then every 37th (a prime: not always the same one of a loop),
 * in the full run each. */
static uint32_t next_allocation(uint32_t n)
{
    const char *full = getenv("IFL_TEST_FULL");
    return n < 100 || (full != NULL && strcmp(full, "1") == 0) ? n + 1 : n + 37;
}

/* Lets the nth allocation of a connection and all later ones fail, for every n, until a connection needs no nth. */
static void every_allocation_fails(bool resumed)
{
    uint32_t n = 1;
    for (bool reached = true; reached; n = next_allocation(n)) {
        if (resumed && !tls_has_session(&client.tls)) {
            TEST_ASSERT_EQUAL(IFL_OK, visit());
            tls_close(&client.tls);
            client.tls.no_tickets = false;
        }
        if (!resumed) {
            tls_forget_session(&client.tls);
        }
        uint32_t failures = client.arena.failures;
        client.arena.fail_after = n;
        enum ifl_status status = visit();
        reached = client.arena.failures != failures;
        client.arena.fail_after = 0;
        TEST_ASSERT_EQUAL(reached ? IFL_NO_MEMORY : IFL_OK, status);
        TEST_ASSERT_TRUE(tls_state(&client.tls) == (reached ? TLS_FAILED : TLS_OPEN));
        tls_close(&client.tls);
        TEST_ASSERT_TRUE(arena_empty(&client.arena));
        TEST_ASSERT_EQUAL_UINT32(0, psa_keys());
        if (n % 50 == 0) {
            TEST_ASSERT_EQUAL(IFL_OK, visit());
            tls_close(&client.tls);
        }
        client.tls.no_tickets = false;
    }
    TEST_ASSERT_EQUAL(IFL_OK, visit());
    tls_close(&client.tls);
}

static void when_any_allocation_of_a_full_handshake_fails_it_is_told_and_the_next_try_works(void)
{
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        serve_rsa(versions[v]);
        every_allocation_fails(false);
    }
}

static void when_any_allocation_of_a_resumed_handshake_fails_it_is_told_and_the_next_try_works(void)
{
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        serve_rsa(versions[v]);
        every_allocation_fails(true);
    }
}

static void an_arena_that_is_too_small_is_never_taken_for_a_bad_certificate(void)
{
    static uint8_t small[FIXTURE_ARENA_SIZE];
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        for (size_t size = 1024; size < sizeof small; size += 2048) {
            serve_rsa(versions[v]);
            arena_init(&client.arena, small, size);
            enum ifl_status status = visit();
            TEST_ASSERT_TRUE(status == IFL_NO_MEMORY || status == IFL_OK);
            tls_close(&client.tls);
            TEST_ASSERT_TRUE(arena_empty(&client.arena));
        }
    }
}

static void tickets_that_do_not_fit_the_arena_are_done_without(void)
{
    static uint8_t small[FIXTURE_ARENA_SIZE];
    const struct pki_certificate *chain[] = {&pki.server_ec, &pki.issuer_ec};
    use_ec_identity();
    peer_start(&(struct peer_options){.version = TLS1_3_VERSION,
                                      .chain = chain,
                                      .chain_count = 2,
                                      .client_root = &pki.root_ec,
                                      .session_size = 14000});
    /* The smallest arena that a handshake fits into. */
    enum ifl_status status = IFL_NO_MEMORY;
    for (size_t size = 16384; status == IFL_NO_MEMORY && size < sizeof small; size += 256) {
        arena_init(&client.arena, small, size);
        status = connect_now();
        tls_close(&client.tls);
    }
    TEST_ASSERT_EQUAL(IFL_OK, status);
    TEST_ASSERT_EQUAL(IFL_NO_MEMORY, visit());
    tls_close(&client.tls);
    TEST_ASSERT_EQUAL(IFL_OK, visit());
}

static size_t peak_of_connection(int version, unsigned ca_names, bool packed)
{
    const struct pki_certificate *chain[] = {&pki.server_rsa, &pki.issuer_rsa, &pki.root_rsa};
    peer_start(&(struct peer_options){.version = version,
                                      .chain = chain,
                                      .chain_count = 3,
                                      .client_root = &pki.root_rsa,
                                      .client_required = true,
                                      .ca_name_count = ca_names});
    peer.packed = packed;
    tls_forget_session(&client.tls);
    arena_peak_reset(&client.arena);
    TEST_ASSERT_EQUAL(IFL_OK, visit());
    tls_close(&client.tls);
    return client.arena.peak;
}

static enum ifl_status read_part(void *ctx, unsigned part, void *buf, size_t buf_size, size_t *size)
{
    unsigned *reads = ctx;
    if (part != TLS_OWN_KEY && part >= client.identity.chain_count) {
        return IFL_END;
    }
    struct bytes der = part == TLS_OWN_KEY ? client.identity.key : client.identity.chain[part];
    *size = der.size;
    if (der.size > buf_size) {
        return IFL_TOO_LARGE;
    }
    memcpy(buf, der.data, der.size);
    (*reads)++;
    return IFL_OK;
}

static void own_certificates_and_key_are_read_once_each_when_they_are_needed(void)
{
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        unsigned reads = 0;
        serve_rsa(versions[v]);
        client.context.identity = NULL;
        client.context.own = (struct tls_own){.read = read_part, .ctx = &reads};
        TEST_ASSERT_EQUAL(IFL_OK, visit());
        TEST_ASSERT_TRUE(tls_facts(&client.tls)->certificate_sent);
        TEST_ASSERT_EQUAL_UINT(client.identity.chain_count + 1, reads);
        tls_close(&client.tls);
    }
}

static enum ifl_status read_nothing(void *ctx, unsigned part, void *buf, size_t buf_size, size_t *size)
{
    (void)ctx, (void)part, (void)buf, (void)buf_size, (void)size;
    return IFL_STORE_CORRUPT;
}

static void own_certificates_that_cannot_be_read_end_the_handshake_with_that_reason(void)
{
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        serve_rsa(versions[v]);
        client.context.own = (struct tls_own){.read = read_nothing};
        TEST_ASSERT_EQUAL(IFL_STORE_CORRUPT, connect_now());
        TEST_ASSERT_FALSE(tls_facts(&client.tls)->certificate_sent);
    }
}

static bool is_busy(void *ctx)
{
    const bool *busy = ctx;
    return *busy;
}

static void a_handshake_waits_for_storage_that_is_busy(void)
{
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        bool busy = true;
        serve_rsa(versions[v]);
        client.context.storage_is_busy = is_busy;
        client.context.storage_ctx = &busy;
        TEST_ASSERT_EQUAL(IFL_AGAIN, connect_now());
        TEST_ASSERT_EQUAL(TLS_HANDSHAKE, tls_state(&client.tls));
        TEST_ASSERT_LESS_THAN_UINT64(1000, tls_step(&client.tls, client.now) - client.now);
        busy = false;
        settle();
        TEST_ASSERT_EQUAL(TLS_OPEN, tls_state(&client.tls));
        tls_close(&client.tls);
    }
}

/* With pointers of 64 bits. What is borrowed from the record buffer keeps a sixteenth of the arena free. */
#define TIGHT_ARENA_SIZE (34u * 1024u)

static void in_a_small_arena_signatures_find_room_in_the_record_buffer(void)
{
    static uint8_t small[TIGHT_ARENA_SIZE];
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        arena_init(&client.arena, small, sizeof small);
        TEST_ASSERT_LESS_THAN_UINT64(sizeof small - sizeof small / 16 + 1, peak_of_connection(versions[v], 83, false));
        TEST_ASSERT_TRUE(arena_empty(&client.arena));
    }
}

/* ---- Figures ----------------------------------------------------------------------------------------------------- */

/* Then the record buffer is full while the chain is verified: only the message itself is left to be lent. */
static void a_server_that_packs_its_messages_into_full_records_costs_6_kilobytes_more(void)
{
    static uint8_t small[TIGHT_ARENA_SIZE + 6u * 1024u];
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        arena_init(&client.arena, small, sizeof small);
        (void)peak_of_connection(versions[v], 83, true);
        TEST_ASSERT_TRUE(tls_facts(&client.tls)->certificate_sent);
        TEST_ASSERT_TRUE(arena_empty(&client.arena));
    }
}

static void a_handshake_with_rsa_4096_cas_and_83_ca_names_fits_46_kilobytes(void)
{
    size_t peak = 0;
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        size_t one = peak_of_connection(versions[v], 83, false);
        figure(versions[v] == TLS1_2_VERSION ? "tls.arena_peak_1_2_bytes" : "tls.arena_peak_1_3_bytes", one);
        peak = one > peak ? one : peak;
    }
    figure("tls.arena_peak_bytes", peak);
    figure("tls.arena_extent_bytes", client.arena.extent);
    TEST_ASSERT_LESS_THAN_UINT64(46 * 1024, peak); /* with pointers of 64 bits */
}

static void an_open_connection_holds_less_than_31_kilobytes(void)
{
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        serve_rsa(versions[v]);
        TEST_ASSERT_EQUAL(IFL_OK, connect_now());
        figure(versions[v] == TLS1_2_VERSION ? "tls.arena_open_1_2_bytes" : "tls.arena_open_1_3_bytes",
               client.arena.used);
        TEST_ASSERT_LESS_THAN_UINT64(31 * 1024, client.arena.used);
        tls_close(&client.tls);
    }
}

static void the_bytes_of_a_handshake_are_measured(void)
{
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        bool tls12 = versions[v] == TLS1_2_VERSION;
        serve_rsa(versions[v]);
        TEST_ASSERT_EQUAL(IFL_OK, connect_now());
        figure(tls12 ? "tls.full_1_2_up_bytes" : "tls.full_1_3_up_bytes", tls_facts(&client.tls)->bytes_sent);
        tls_close(&client.tls);
        TEST_ASSERT_EQUAL(IFL_OK, visit());
        tls_close(&client.tls);
        TEST_ASSERT_EQUAL(IFL_OK, connect_now());
        TEST_ASSERT_TRUE(tls_facts(&client.tls)->resumed);
        figure(tls12 ? "tls.resumed_1_2_up_bytes" : "tls.resumed_1_3_up_bytes", tls_facts(&client.tls)->bytes_sent);
        tls_close(&client.tls);
    }
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(when_any_allocation_of_a_full_handshake_fails_it_is_told_and_the_next_try_works);
    RUN_TEST(when_any_allocation_of_a_resumed_handshake_fails_it_is_told_and_the_next_try_works);
    RUN_TEST(an_arena_that_is_too_small_is_never_taken_for_a_bad_certificate);
    RUN_TEST(tickets_that_do_not_fit_the_arena_are_done_without);
    RUN_TEST(own_certificates_and_key_are_read_once_each_when_they_are_needed);
    RUN_TEST(own_certificates_that_cannot_be_read_end_the_handshake_with_that_reason);
    RUN_TEST(a_handshake_waits_for_storage_that_is_busy);
    RUN_TEST(in_a_small_arena_signatures_find_room_in_the_record_buffer);
    RUN_TEST(a_server_that_packs_its_messages_into_full_records_costs_6_kilobytes_more);
    RUN_TEST(a_handshake_with_rsa_4096_cas_and_83_ca_names_fits_46_kilobytes);
    RUN_TEST(an_open_connection_holds_less_than_31_kilobytes);
    RUN_TEST(the_bytes_of_a_handshake_are_measured);
    fixture_free();
    return UNITY_END();
}
