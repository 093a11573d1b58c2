/* A stream, directly and through a proxy, over a scripted link. */
#include <string.h>

#include <unity.h>

#include "net/link.h"
#include "net/net.h"

#define NOW 5000

/* The other side of the link. */
static struct {
    char opened_host[IFL_HOST_SIZE];
    uint16_t opened_port;
    bool open;
    unsigned opened, closed;
    enum ifl_status state; /* of connecting */
    char sent[2048];
    size_t sent_size, send_room; /* bytes taken in one call */
    bool send_again;             /* every second call takes nothing */
    enum ifl_status send_status;
    const char *incoming;
    size_t incoming_size, incoming_pos, piece;
    enum ifl_status end; /* when everything has been received */
    bool toggle;
} wire;

enum ifl_status net_link_open(const char *host, uint16_t port, int *link)
{
    strcpy(wire.opened_host, host);
    wire.opened_port = port;
    wire.open = true;
    wire.opened++;
    *link = 3;
    return IFL_OK;
}

enum ifl_status net_link_state(int link)
{
    TEST_ASSERT_EQUAL_INT(3, link);
    return wire.state;
}

enum ifl_status net_link_send(int link, struct bytes data, size_t *sent)
{
    TEST_ASSERT_EQUAL_INT(3, link);
    *sent = 0;
    wire.toggle = !wire.toggle;
    if (wire.send_status != IFL_OK || (wire.send_again && wire.toggle)) {
        return wire.send_status != IFL_OK ? wire.send_status : IFL_AGAIN;
    }
    *sent = data.size < wire.send_room ? data.size : wire.send_room;
    TEST_ASSERT_TRUE(wire.sent_size + *sent < sizeof wire.sent);
    memcpy(wire.sent + wire.sent_size, data.data, *sent);
    wire.sent_size += *sent;
    return IFL_OK;
}

enum ifl_status net_link_receive(int link, void *buf, size_t size, size_t *got)
{
    TEST_ASSERT_EQUAL_INT(3, link);
    size_t there = wire.incoming_size - wire.incoming_pos;
    *got = 0;
    if (there == 0) {
        return wire.end;
    }
    *got = there < size ? there : size;
    *got = *got < wire.piece ? *got : wire.piece;
    memcpy(buf, wire.incoming + wire.incoming_pos, *got);
    wire.incoming_pos += *got;
    return IFL_OK;
}

void net_link_close(int link)
{
    if (link != NET_LINK_NONE) {
        wire.open = false;
        wire.closed++;
    }
}

ifl_ms net_link_step(ifl_ms now)
{
    (void)now;
    return IFL_NEVER;
}

static struct net net;
static struct net_proxy proxy;

void setUp(void)
{
    memset(&wire, 0, sizeof wire);
    memset(&proxy, 0, sizeof proxy);
    wire.send_room = wire.piece = SIZE_MAX;
    wire.end = IFL_AGAIN;
    strcpy(proxy.host, "proxy");
    proxy.port = 3128;
    net_init(&net);
}

void tearDown(void)
{
    net_close(&net);
    TEST_ASSERT_FALSE_MESSAGE(wire.open, "a link is left open");
}

static void incoming(const char *text)
{
    wire.incoming = text;
    wire.incoming_size = strlen(text);
    wire.incoming_pos = 0;
}

static void open_through_proxy(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, net_open(&net, "tenant.example", 443, &proxy, 1000, NOW));
}

static bool buffer_is_clean(void)
{
    for (size_t i = 0; i < sizeof net.buf; i++) {
        if (net.buf[i] != 0) {
            return false;
        }
    }
    return true;
}

/* ---- Directly ---------------------------------------------------------------------------------------------------- */

static void without_a_proxy_the_host_is_connected_and_bytes_pass(void)
{
    char buf[8];
    size_t count = 0;
    wire.state = IFL_AGAIN;
    TEST_ASSERT_EQUAL(IFL_OK, net_open(&net, "tenant.example", 443, NULL, 1000, NOW));
    TEST_ASSERT_EQUAL_STRING("tenant.example", wire.opened_host);
    TEST_ASSERT_EQUAL_UINT16(443, wire.opened_port);
    TEST_ASSERT_EQUAL_UINT64(NOW + 1000, net_step(&net, NOW));
    TEST_ASSERT_EQUAL(NET_CONNECTING, net.state);
    TEST_ASSERT_EQUAL(IFL_AGAIN, net_send(&net, bytes_of_string("early"), &count));
    TEST_ASSERT_EQUAL(IFL_AGAIN, net_receive(&net, buf, sizeof buf, &count));
    wire.state = IFL_OK;
    TEST_ASSERT_EQUAL_UINT64(IFL_NEVER, net_step(&net, NOW));
    TEST_ASSERT_EQUAL(NET_OPEN, net.state);
    TEST_ASSERT_EQUAL(IFL_OK, net_send(&net, bytes_of_string("hello"), &count));
    incoming("answer");
    TEST_ASSERT_EQUAL(IFL_OK, net_receive(&net, buf, sizeof buf, &count));
    TEST_ASSERT_EQUAL_STRING_LEN("answer", buf, count);
    TEST_ASSERT_EQUAL_UINT64(5, net.sent_count);
    TEST_ASSERT_EQUAL_UINT64(6, net.received_count);
    wire.end = IFL_CLOSED;
    TEST_ASSERT_EQUAL(IFL_CLOSED, net_receive(&net, buf, sizeof buf, &count));
}

static void a_proxy_without_a_host_is_none(void)
{
    proxy.host[0] = '\0';
    open_through_proxy();
    TEST_ASSERT_EQUAL_STRING("tenant.example", wire.opened_host);
}

static void the_reason_why_connecting_failed_is_kept(void)
{
    static const enum ifl_status reasons[] = {IFL_NET_DNS,     IFL_NET_REFUSED, IFL_NET_UNREACHABLE,
                                              IFL_NET_TIMEOUT, IFL_NET_RESET,   IFL_NET_DOWN};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        size_t count = 0;
        wire.state = reasons[i];
        TEST_ASSERT_EQUAL(IFL_OK, net_open(&net, "tenant.example", 443, i % 2 == 0 ? NULL : &proxy, 1000, NOW));
        net_step(&net, NOW);
        TEST_ASSERT_EQUAL(NET_FAILED, net.state);
        TEST_ASSERT_EQUAL(reasons[i], net.status);
        TEST_ASSERT_EQUAL(reasons[i], net_send(&net, bytes_of_string("x"), &count));
        TEST_ASSERT_FALSE(wire.open);
    }
}

static void the_time_limit_covers_connecting_and_the_proxy(void)
{
    wire.state = IFL_AGAIN;
    open_through_proxy();
    net_step(&net, NOW + 600);
    wire.state = IFL_OK;
    TEST_ASSERT_EQUAL_UINT64(NOW + 1000, net_step(&net, NOW + 999));
    TEST_ASSERT_EQUAL(NET_TUNNEL, net.state);
    net_step(&net, NOW + 1000);
    TEST_ASSERT_EQUAL(NET_FAILED, net.state);
    TEST_ASSERT_EQUAL(IFL_NET_TIMEOUT, net.status);
}

static void an_open_stream_has_no_time_limit(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, net_open(&net, "tenant.example", 443, NULL, 1000, NOW));
    net_step(&net, NOW);
    net_step(&net, NOW + 100000);
    TEST_ASSERT_EQUAL(NET_OPEN, net.state);
}

static void a_host_that_could_change_the_request_is_refused(void)
{
    static const char *const hosts[] = {"", "a b", "a\r\nX: y", "a/b", "a@b", "[]", "\x7F", "h\xC3\xB6st"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        TEST_ASSERT_EQUAL_MESSAGE(IFL_INVALID, net_open(&net, hosts[i], 443, &proxy, 1000, NOW), hosts[i]);
        TEST_ASSERT_EQUAL(NET_FAILED, net.state);
    }
    char host[300];
    memset(host, 'h', sizeof host);
    host[254] = '\0';
    TEST_ASSERT_EQUAL(IFL_INVALID, net_open(&net, host, 443, NULL, 1000, NOW));
    host[253] = '\0';
    TEST_ASSERT_EQUAL(IFL_OK, net_open(&net, host, 443, NULL, 1000, NOW));
}

static void a_closed_stream_neither_sends_nor_receives(void)
{
    char buf[4];
    size_t count = 0;
    TEST_ASSERT_EQUAL(IFL_CLOSED, net_send(&net, bytes_of_string("x"), &count));
    TEST_ASSERT_EQUAL(IFL_CLOSED, net_receive(&net, buf, sizeof buf, &count));
    TEST_ASSERT_EQUAL_UINT64(IFL_NEVER, net_step(&net, NOW));
}

/* ---- Through a proxy --------------------------------------------------------------------------------------------- */

static void the_proxy_is_asked_for_a_tunnel_to_the_host(void)
{
    open_through_proxy();
    TEST_ASSERT_EQUAL_STRING("proxy", wire.opened_host);
    TEST_ASSERT_EQUAL_UINT16(3128, wire.opened_port);
    net_step(&net, NOW);
    TEST_ASSERT_EQUAL_STRING("CONNECT tenant.example:443 HTTP/1.1\r\nHost: tenant.example:443\r\n\r\n", wire.sent);
    incoming("HTTP/1.1 200 Connection established\r\n\r\n");
    net_step(&net, NOW);
    TEST_ASSERT_EQUAL(NET_OPEN, net.state);
}

static void an_ipv6_address_is_written_in_brackets(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, net_open(&net, "[fd00::5]", 8443, &proxy, 1000, NOW));
    net_step(&net, NOW);
    TEST_ASSERT_EQUAL_STRING("CONNECT [fd00::5]:8443 HTTP/1.1\r\nHost: [fd00::5]:8443\r\n\r\n", wire.sent);
    net_close(&net);
    TEST_ASSERT_EQUAL(IFL_OK, net_open(&net, "[fd00::5]", 8443, NULL, 1000, NOW));
    TEST_ASSERT_EQUAL_STRING("fd00::5", wire.opened_host);
}

static void credentials_are_sent_as_basic_and_wiped(void)
{
    /* RFC 7617 section 2: Aladdin:open sesame */
    static const struct {
        const char *plain, *encoded;
    } cases[] = {{"Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
                 {"user:pw", "dXNlcjpwdw=="},
                 {"u:p12", "dTpwMTI="},
                 {"ab:cd~", "YWI6Y2R+"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        strcpy(proxy.credentials, cases[i].plain);
        memset(wire.sent, 0, sizeof wire.sent);
        wire.sent_size = 0;
        open_through_proxy();
        net_step(&net, NOW);
        const char *line = strstr(wire.sent, "\r\nProxy-Authorization: Basic ");
        TEST_ASSERT_NOT_NULL(line);
        line += strlen("\r\nProxy-Authorization: Basic ");
        TEST_ASSERT_EQUAL_STRING_LEN(cases[i].encoded, line, strlen(cases[i].encoded));
        TEST_ASSERT_EQUAL_STRING("\r\n\r\n", line + strlen(cases[i].encoded));
        TEST_ASSERT_TRUE_MESSAGE(buffer_is_clean(), "credentials stay in the buffer");
    }
}

static void credentials_are_wiped_when_sending_them_fails(void)
{
    strcpy(proxy.credentials, "user:secret");
    open_through_proxy();
    wire.send_status = IFL_NET_RESET;
    net_step(&net, NOW);
    TEST_ASSERT_EQUAL(IFL_PROXY_BAD, net.status);
    TEST_ASSERT_TRUE(buffer_is_clean());
}

static void the_longest_request_fits(void)
{
    char host[IFL_HOST_SIZE];
    memset(host, 'h', sizeof host);
    host[sizeof host - 1] = '\0';
    memset(proxy.credentials, 'c', sizeof proxy.credentials - 1);
    TEST_ASSERT_EQUAL(IFL_OK, net_open(&net, host, 65535, &proxy, 1000, NOW));
    net_step(&net, NOW);
    TEST_ASSERT_EQUAL(NET_TUNNEL, net.state);
    TEST_ASSERT_EQUAL_STRING("\r\n\r\n", wire.sent + wire.sent_size - 4);
}

static void the_request_goes_out_byte_by_byte_if_need_be(void)
{
    wire.send_room = 1;
    wire.send_again = true;
    open_through_proxy();
    for (int i = 0; i < 200; i++) {
        net_step(&net, NOW);
    }
    TEST_ASSERT_EQUAL_STRING("CONNECT tenant.example:443 HTTP/1.1\r\nHost: tenant.example:443\r\n\r\n", wire.sent);
}

static void answer_leads_to(const char *answer, enum ifl_status expected)
{
    for (size_t piece = 1; piece < 40; piece += 13) {
        wire.piece = piece;
        open_through_proxy();
        incoming(answer);
        for (int i = 0; i < 3; i++) {
            net_step(&net, NOW);
        }
        TEST_ASSERT_EQUAL_MESSAGE(expected == IFL_OK ? NET_OPEN : NET_FAILED, net.state, answer);
        TEST_ASSERT_EQUAL_MESSAGE(expected, net.status, answer);
        net_close(&net);
    }
}

static void the_proxys_answer_is_understood(void)
{
    answer_leads_to("HTTP/1.0 200 OK\r\nProxy-agent: x\r\n\r\n", IFL_OK);
    answer_leads_to("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", IFL_OK); /* to be ignored, RFC 9110 section 9.3.6 */
    answer_leads_to("HTTP/1.1 204 \r\nTransfer-Encoding: chunked\r\n\r\n", IFL_OK);
    answer_leads_to("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\n\r\n",
                    IFL_PROXY_AUTH);
    answer_leads_to("HTTP/1.1 403 Forbidden\r\n\r\n", IFL_PROXY_REFUSED);
    answer_leads_to("HTTP/1.1 404 Not Found\r\n\r\n", IFL_PROXY_REFUSED);
    answer_leads_to("HTTP/1.1 302 Found\r\nLocation: http://login/\r\n\r\n", IFL_PROXY_REFUSED);
    answer_leads_to("HTTP/1.1 503 Service Unavailable\r\n\r\n", IFL_PROXY_BAD);
    answer_leads_to("SSH-2.0-OpenSSH_9.2\r\n\r\n", IFL_PROXY_BAD);
    answer_leads_to("\x15\x03\x01\x00\x02\x02\x16 garbage\r\n\r\n", IFL_PROXY_BAD);
}

static void a_proxy_that_closes_without_an_answer_is_bad(void)
{
    static const char *const beginnings[] = {"", "HTTP/1.1 200 OK\r\n"};
    static const enum ifl_status ends[] = {IFL_CLOSED, IFL_NET_RESET};
    for (size_t i = 0; i < 2; i++) {
        open_through_proxy();
        incoming(beginnings[i]);
        wire.end = ends[i];
        net_step(&net, NOW);
        TEST_ASSERT_EQUAL(IFL_PROXY_BAD, net.status);
        net_close(&net);
    }
}

static void what_follows_the_proxys_answer_belongs_to_the_tunnel(void)
{
    char buf[64];
    size_t got = 0, size = 0;
    open_through_proxy();
    incoming("HTTP/1.1 200 OK\r\n\r\nthe first bytes of the other side");
    net_step(&net, NOW);
    TEST_ASSERT_EQUAL(NET_OPEN, net.state);
    for (size_t step = 1; net_receive(&net, buf + size, step, &got) == IFL_OK; step = step % 5 + 1) {
        size += got;
    }
    TEST_ASSERT_EQUAL_STRING_LEN("the first bytes of the other side", buf, 33);
    TEST_ASSERT_EQUAL_UINT64(33, size);
    incoming(" and more");
    TEST_ASSERT_EQUAL(IFL_OK, net_receive(&net, buf, sizeof buf, &got));
    TEST_ASSERT_EQUAL_STRING_LEN(" and more", buf, got);
}

static void an_endless_header_of_the_proxy_ends(void)
{
    static char flood[100000];
    memset(flood, 'x', sizeof flood);
    memcpy(flood, "HTTP/1.1 200 OK\r\nX: ", 20);
    flood[sizeof flood - 1] = '\0';
    open_through_proxy();
    incoming(flood);
    net_step(&net, NOW);
    TEST_ASSERT_EQUAL(IFL_PROXY_BAD, net.status);
}

static void opening_again_closes_what_was_open(void)
{
    open_through_proxy();
    net_step(&net, NOW);
    TEST_ASSERT_EQUAL(IFL_OK, net_open(&net, "other.example", 443, NULL, 1000, NOW));
    TEST_ASSERT_EQUAL_UINT(2, wire.opened);
    TEST_ASSERT_EQUAL_UINT(1, wire.closed);
    TEST_ASSERT_EQUAL_UINT64(0, net.sent_count);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(without_a_proxy_the_host_is_connected_and_bytes_pass);
    RUN_TEST(a_proxy_without_a_host_is_none);
    RUN_TEST(the_reason_why_connecting_failed_is_kept);
    RUN_TEST(the_time_limit_covers_connecting_and_the_proxy);
    RUN_TEST(an_open_stream_has_no_time_limit);
    RUN_TEST(a_host_that_could_change_the_request_is_refused);
    RUN_TEST(a_closed_stream_neither_sends_nor_receives);
    RUN_TEST(the_proxy_is_asked_for_a_tunnel_to_the_host);
    RUN_TEST(an_ipv6_address_is_written_in_brackets);
    RUN_TEST(credentials_are_sent_as_basic_and_wiped);
    RUN_TEST(credentials_are_wiped_when_sending_them_fails);
    RUN_TEST(the_longest_request_fits);
    RUN_TEST(the_request_goes_out_byte_by_byte_if_need_be);
    RUN_TEST(the_proxys_answer_is_understood);
    RUN_TEST(a_proxy_that_closes_without_an_answer_is_bad);
    RUN_TEST(what_follows_the_proxys_answer_belongs_to_the_tunnel);
    RUN_TEST(an_endless_header_of_the_proxy_ends);
    RUN_TEST(opening_again_closes_what_was_open);
    return UNITY_END();
}
