/* What people may write as a proxy. */
#include <string.h>

#include <unity.h>

#include "net/link.h"
#include "net/net.h"

/* Nothing is connected here. */
enum ifl_status net_link_open(const char *host, uint16_t port, int *link)
{
    (void)host;
    (void)port;
    *link = NET_LINK_NONE;
    return IFL_NET_DOWN;
}
enum ifl_status net_link_state(int link)
{
    return link == NET_LINK_NONE ? IFL_INVALID : IFL_NET_DOWN;
}
enum ifl_status net_link_send(int link, struct bytes data, size_t *sent)
{
    (void)data;
    *sent = 0;
    return net_link_state(link);
}
enum ifl_status net_link_receive(int link, void *buf, size_t size, size_t *got)
{
    (void)buf;
    (void)size;
    *got = 0;
    return net_link_state(link);
}
void net_link_close(int link)
{
    (void)link;
}
ifl_ms net_link_step(ifl_ms now)
{
    (void)now;
    return IFL_NEVER;
}

static struct net_proxy proxy;

void setUp(void)
{
    memset(&proxy, 0xA5, sizeof proxy);
}
void tearDown(void) {}

static void read_as(const char *text, const char *host, uint16_t port, const char *credentials)
{
    TEST_ASSERT_EQUAL_MESSAGE(IFL_OK, net_proxy_parse(bytes_of_string(text), &proxy), text);
    TEST_ASSERT_EQUAL_STRING(host, proxy.host);
    TEST_ASSERT_EQUAL_UINT16(port, proxy.port);
    TEST_ASSERT_EQUAL_STRING(credentials, proxy.credentials);
}

static void host_and_port_are_read_with_and_without_scheme(void)
{
    read_as("http://proxy.plant.example:3128", "proxy.plant.example", 3128, "");
    read_as("HTTP://proxy:8080/", "proxy", 8080, "");
    read_as("proxy:1", "proxy", 1, "");
    read_as("10.1.2.3:65535", "10.1.2.3", 65535, "");
}

static void an_empty_text_means_no_proxy(void)
{
    read_as("", "", 0, "");
}

static void an_ipv6_address_stands_in_brackets(void)
{
    read_as("http://[fd00::1]:3128", "fd00::1", 3128, "");
    read_as("http://u:p@[::1]:3128", "::1", 3128, "u:p");
}

static void user_and_password_may_be_percent_encoded(void)
{
    read_as("http://user:secret@proxy:3128", "proxy", 3128, "user:secret");
    read_as("http://plant%5Cuser:p%40ss%3aw%25rd@proxy:3128", "proxy", 3128, "plant\\user:p@ss:w%rd");
    read_as("http://user:a@b@proxy:3128", "proxy", 3128, "user:a@b");
    read_as("http://user:@proxy:3128", "proxy", 3128, "user:");
}

static void anything_else_is_refused_and_changes_nothing(void)
{
    static const char *const texts[] = {
        "proxy",
        "proxy:",
        "proxy:0",
        "proxy:65536",
        "proxy:80x",
        "proxy:-1",
        ":3128",
        "http://",
        "http://:3128",
        "https://proxy:3128",
        "socks5://proxy:1080",
        "fd00::1:3128",
        "http://proxy:3128/path",
        "http://pro xy:3128",
        "http://proxy\r\nX: y:3128",
        "http://@proxy:3128",
        "http://user@proxy:3128",
        "http://user:%0d%0a@proxy:3128",
        "http://user:%00@proxy:3128",
        "http://user:%zz@proxy:3128",
        "http://user:%4@proxy:3128",
        "http://[]:3128",
    };
    struct net_proxy before = proxy;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        TEST_ASSERT_EQUAL_MESSAGE(IFL_CONFIG_VALUE, net_proxy_parse(bytes_of_string(texts[i]), &proxy), texts[i]);
        TEST_ASSERT_EQUAL_MEMORY(&before, &proxy, sizeof proxy);
    }
}

static void what_is_too_long_is_refused(void)
{
    char text[700];
    memset(text, 'h', sizeof text);
    memcpy(text + 254, ":3128", 6);
    TEST_ASSERT_EQUAL(IFL_CONFIG_VALUE, net_proxy_parse(bytes_of_string(text), &proxy));
    memcpy(text + 253, ":3128", 6);
    TEST_ASSERT_EQUAL(IFL_OK, net_proxy_parse(bytes_of_string(text), &proxy));
    memset(text, 'u', sizeof text);
    memcpy(text, "u:", 2);
    memcpy(text + 128, "@proxy:3128", 12);
    TEST_ASSERT_EQUAL(IFL_CONFIG_VALUE, net_proxy_parse(bytes_of_string(text), &proxy));
    memcpy(text + 127, "@proxy:3128", 12);
    TEST_ASSERT_EQUAL(IFL_OK, net_proxy_parse(bytes_of_string(text), &proxy));
}

static void a_link_that_can_not_be_opened_is_told_at_once(void)
{
    static struct net net;
    net_init(&net);
    TEST_ASSERT_EQUAL(IFL_NET_DOWN, net_open(&net, "host", 443, NULL, 1000, 0));
    TEST_ASSERT_EQUAL(NET_FAILED, net.state);
    TEST_ASSERT_EQUAL(IFL_NET_DOWN, net.status);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(host_and_port_are_read_with_and_without_scheme);
    RUN_TEST(an_empty_text_means_no_proxy);
    RUN_TEST(an_ipv6_address_stands_in_brackets);
    RUN_TEST(user_and_password_may_be_percent_encoded);
    RUN_TEST(anything_else_is_refused_and_changes_nothing);
    RUN_TEST(what_is_too_long_is_refused);
    RUN_TEST(a_link_that_can_not_be_opened_is_told_at_once);
    return UNITY_END();
}
