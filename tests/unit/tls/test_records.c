/* Data above TLS: how it's packed into records, and that it arrives unchanged however the network treats it. */
#include <string.h>

#include <unity.h>

#include "fixture.h"

#define RECORD_OVERHEAD_1_2 29 /* header 5, explicit nonce 8, tag 16 */
#define RECORD_OVERHEAD_1_3 22 /* header 5, type 1, tag 16 */
#define BULK_SIZE 18000

static char bulk[BULK_SIZE];

void setUp(void)
{
    fixture_start();
    for (size_t i = 0; i < sizeof bulk; i++) {
        bulk[i] = (char)('a' + i * i % 23);
    }
}

void tearDown(void)
{
    fixture_stop();
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
static const size_t overheads[] = {RECORD_OVERHEAD_1_2, RECORD_OVERHEAD_1_3};
#define VERSION_COUNT 2

static void connect_with(int version)
{
    serve_rsa(version);
    TEST_ASSERT_EQUAL(IFL_OK, connect_now());
}

static void head_and_body_share_one_record(void)
{
    const struct bytes pieces[] = {bytes_of_string("POST / HTTP/1.1\r\n\r\n"), bytes_of_string(""),
                                   bytes_of_string("{}")};
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        connect_with(versions[v]);
        size_t before = peer.up, taken = 0;
        TEST_ASSERT_EQUAL(IFL_OK, tls_write_pieces(&client.tls, pieces, 3, &taken));
        TEST_ASSERT_EQUAL_UINT64(21, taken);
        TEST_ASSERT_EQUAL_UINT64(before + 21 + overheads[v], peer.up);
        TEST_ASSERT_EQUAL_STRING_LEN("POST / HTTP/1.1\r\n\r\n{}", peer.request, 21);
        TEST_ASSERT_TRUE(tls_write_done(&client.tls));
        tls_close(&client.tls);
    }
}

static void a_record_can_be_built_in_place(void)
{
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        connect_with(versions[v]);
        uint8_t *room = NULL;
        size_t size = 0;
        TEST_ASSERT_EQUAL(IFL_OK, tls_record_begin(&client.tls, &room, &size));
        TEST_ASSERT_GREATER_THAN_UINT64(4096, size);
        memcpy(room, "never sent", 10);
        TEST_ASSERT_EQUAL(IFL_OK, tls_record_begin(&client.tls, &room, &size));
        memset(room, 'x', size);
        size_t before = peer.up;
        TEST_ASSERT_EQUAL(IFL_OK, tls_record_send(&client.tls, size));
        TEST_ASSERT_EQUAL_UINT64(before + size + overheads[v], peer.up);
        TEST_ASSERT_EQUAL_UINT64(size, peer.request_size);
        TEST_ASSERT_EQUAL(IFL_INVALID, tls_record_send(&client.tls, 0));
        TEST_ASSERT_EQUAL(IFL_INVALID, tls_record_send(&client.tls, size + 1));
        TEST_ASSERT_EQUAL_UINT64(size, peer.request_size);
        tls_close(&client.tls);
    }
}

static void pieces_that_do_not_fit_one_record_are_taken_as_far_as_they_do(void)
{
    const struct bytes pieces[] = {bytes_of(bulk, 3000), bytes_of(bulk + 3000, 3000)};
    connect_with(TLS1_2_VERSION);
    size_t taken = 0;
    TEST_ASSERT_EQUAL(IFL_OK, tls_write_pieces(&client.tls, pieces, 2, &taken));
    TEST_ASSERT_GREATER_THAN_UINT64(3000, taken);
    TEST_ASSERT_LESS_THAN_UINT64(6000, taken);
    TEST_ASSERT_EQUAL(IFL_OK, write_all(bulk + taken, 6000 - taken));
    TEST_ASSERT_EQUAL_UINT64(6000, peer.request_size);
    TEST_ASSERT_EQUAL_MEMORY(bulk, peer.request, 6000);
}

/* However TCP takes and gives it: all of it, unchanged, once. */
static void there_and_back(size_t chunk, bool stubborn)
{
    static char answer[BULK_SIZE + 16];
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        serve_rsa(versions[v]);
        peer.chunk = chunk;
        peer.stubborn = stubborn;
        TEST_ASSERT_EQUAL(IFL_OK, connect_now());
        TEST_ASSERT_EQUAL(IFL_OK, write_all(bulk, sizeof bulk));
        TEST_ASSERT_EQUAL_UINT64(sizeof bulk, peer.request_size);
        TEST_ASSERT_EQUAL_MEMORY(bulk, peer.request, sizeof bulk);
        peer_send(bulk, sizeof bulk);
        peer_close_notify();
        size_t size = 0;
        enum ifl_status status = IFL_OK;
        for (size_t i = 0; i < 200000 && status != IFL_CLOSED && size < sizeof answer; i++) {
            size_t got = 0;
            status = tls_read(&client.tls, answer + size, i % 3 == 0 ? 1 : sizeof answer - size, &got);
            TEST_ASSERT_TRUE(status == IFL_OK || status == IFL_AGAIN || status == IFL_CLOSED);
            size += got;
        }
        TEST_ASSERT_EQUAL(IFL_CLOSED, status);
        TEST_ASSERT_EQUAL_UINT64(sizeof bulk, size);
        TEST_ASSERT_EQUAL_MEMORY(bulk, answer, sizeof bulk);
        tls_close(&client.tls);
    }
}

static void large_data_arrives_unchanged(void)
{
    there_and_back(PEER_NEVER, false);
}

static void data_arrives_one_byte_at_a_time(void)
{
    there_and_back(1, false);
}

static void data_arrives_through_a_network_that_takes_and_gives_every_second_time(void)
{
    there_and_back(100, true);
    there_and_back(1, true);
}

static void what_tcp_does_not_take_waits_and_goes_out_by_stepping(void)
{
    connect_with(TLS1_2_VERSION);
    peer.chunk = 10;
    peer.stubborn = true;
    peer.flip_flop = false;
    size_t taken = 0;
    TEST_ASSERT_EQUAL(IFL_OK, tls_write(&client.tls, bytes_of(bulk, 1000), &taken));
    TEST_ASSERT_EQUAL_UINT64(1000, taken);
    TEST_ASSERT_FALSE(tls_write_done(&client.tls));
    TEST_ASSERT_EQUAL(IFL_AGAIN, tls_write(&client.tls, bytes_of(bulk, 1000), &taken));
    TEST_ASSERT_EQUAL_UINT64(0, taken);
    for (int i = 0; i < 1000 && !tls_write_done(&client.tls); i++) {
        tls_step(&client.tls, client.now);
    }
    TEST_ASSERT_TRUE(tls_write_done(&client.tls));
    TEST_ASSERT_EQUAL_UINT64(1000, peer.request_size);
    TEST_ASSERT_EQUAL_MEMORY(bulk, peer.request, 1000);
}

static void the_end_of_tcp_without_close_notify_is_an_end_too(void)
{
    char buf[8];
    size_t got = 0;
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        connect_with(versions[v]);
        TEST_ASSERT_EQUAL(IFL_AGAIN, tls_read(&client.tls, buf, sizeof buf, &got));
        peer.ended = true;
        TEST_ASSERT_EQUAL(IFL_CLOSED, tls_read(&client.tls, buf, sizeof buf, &got));
        TEST_ASSERT_EQUAL(IFL_CLOSED, write_all("x", 1));
        tls_close(&client.tls);
        TEST_ASSERT_EQUAL(IFL_CLOSED, tls_read(&client.tls, buf, sizeof buf, &got));
        TEST_ASSERT_EQUAL(TLS_IDLE, tls_state(&client.tls));
    }
}

static void we_say_goodbye_with_close_notify(void)
{
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        connect_with(versions[v]);
        size_t before = peer.up;
        tls_close(&client.tls);
        TEST_ASSERT_EQUAL_UINT64(before + 2 + overheads[v], peer.up);
    }
}

static void a_wish_to_renegotiate_is_declined_and_new_keys_of_tls_1_3_end_the_connection(void)
{
    char buf[8];
    size_t got = 0;
    connect_with(TLS1_2_VERSION);
    peer_renegotiate();
    enum ifl_status status = tls_read(&client.tls, buf, sizeof buf, &got);
    TEST_ASSERT_TRUE(status == IFL_AGAIN || status == IFL_TLS_PROTOCOL); /* OpenSSL takes the refusal badly */
    TEST_ASSERT_EQUAL_UINT(1, peer.handshakes);
    tls_close(&client.tls);
    connect_with(TLS1_3_VERSION);
    peer_key_update();
    TEST_ASSERT_EQUAL(IFL_TLS_PROTOCOL, tls_read(&client.tls, buf, sizeof buf, &got));
}

static void a_changed_record_ends_the_connection_without_its_data(void)
{
    char buf[64];
    size_t got = 0;
    for (size_t v = 0; v < VERSION_COUNT; v++) {
        connect_with(versions[v]);
        TEST_ASSERT_EQUAL(IFL_AGAIN, tls_read(&client.tls, buf, sizeof buf, &got)); /* the tickets are taken */
        peer.flip_at = peer.down + 20;
        peer.flip = 0x10;
        peer_send("202 Accepted", 12);
        TEST_ASSERT_EQUAL(IFL_TLS_PROTOCOL, tls_read(&client.tls, buf, sizeof buf, &got));
        TEST_ASSERT_EQUAL_UINT64(0, got);
        TEST_ASSERT_FALSE(tls_facts(&client.tls)->application_data_seen);
        tls_close(&client.tls);
    }
}

static void nothing_is_sent_or_received_before_the_connection_is_open(void)
{
    char buf[8];
    size_t count = 0;
    serve_rsa(0);
    TEST_ASSERT_EQUAL(IFL_CLOSED, tls_write(&client.tls, bytes_of_string("x"), &count));
    TEST_ASSERT_EQUAL(IFL_OK, tls_open(&client.tls, PKI_HOST, FIXTURE_PORT, NULL, NULL, false, 30000, client.now));
    TEST_ASSERT_EQUAL(IFL_AGAIN, tls_write(&client.tls, bytes_of_string("x"), &count));
    TEST_ASSERT_EQUAL(IFL_AGAIN, tls_read(&client.tls, buf, sizeof buf, &count));
    TEST_ASSERT_EQUAL_UINT64(0, peer.up);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(head_and_body_share_one_record);
    RUN_TEST(a_record_can_be_built_in_place);
    RUN_TEST(pieces_that_do_not_fit_one_record_are_taken_as_far_as_they_do);
    RUN_TEST(large_data_arrives_unchanged);
    RUN_TEST(data_arrives_one_byte_at_a_time);
    RUN_TEST(data_arrives_through_a_network_that_takes_and_gives_every_second_time);
    RUN_TEST(what_tcp_does_not_take_waits_and_goes_out_by_stepping);
    RUN_TEST(the_end_of_tcp_without_close_notify_is_an_end_too);
    RUN_TEST(we_say_goodbye_with_close_notify);
    RUN_TEST(a_wish_to_renegotiate_is_declined_and_new_keys_of_tls_1_3_end_the_connection);
    RUN_TEST(a_changed_record_ends_the_connection_without_its_data);
    RUN_TEST(nothing_is_sent_or_received_before_the_connection_is_open);
    fixture_free();
    return UNITY_END();
}
