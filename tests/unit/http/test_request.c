/* Request heads: exact bytes, and nothing that gets in can add a header. */
#include "http/request.h"

#include <string.h>

#include "unity.h"

static uint8_t buf[1024];
static struct http_request request;
static struct bytes head;

static void begin(const char *path, const char *host, uint16_t port)
{
    http_request_begin(&request, buf, sizeof buf, "POST", path, host, port);
}

static void assert_head(const char *expected)
{
    TEST_ASSERT_EQUAL(IFL_OK, http_request_end(&request, &head));
    TEST_ASSERT_EQUAL_UINT(strlen(expected), head.size);
    TEST_ASSERT_EQUAL_MEMORY(expected, head.data, head.size);
}

void setUp(void)
{
    memset(buf, 0, sizeof buf);
}

void tearDown(void) {}

static void a_head_has_its_request_line_host_and_fields(void)
{
    begin("/http/plant", "tenant.example", 443);
    http_request_header(&request, "Content-Type", "application/json");
    http_request_header_u64(&request, "Content-Length", 0);
    http_request_header_u64(&request, "X-Big", UINT64_MAX);
    assert_head("POST /http/plant HTTP/1.1\r\nHost:tenant.example\r\nContent-Type:application/json\r\n"
                "Content-Length:0\r\nX-Big:18446744073709551615\r\n\r\n");
}

static void host_names_the_port_unless_it_is_443(void)
{
    begin("/", "a", 8443);
    assert_head("POST / HTTP/1.1\r\nHost:a:8443\r\n\r\n");
}

static void no_control_character_gets_into_a_value(void)
{
    for (unsigned c = 1; c < 256; c++) {
        char value[] = {'a', (char)c, 'b', '\0'};
        begin("/", "a", 443);
        http_request_header(&request, "X", value);
        bool bad = c < 0x20 || c == 0x7f;
        TEST_ASSERT_EQUAL(bad ? IFL_INVALID : IFL_OK, http_request_end(&request, &head));
    }
}

static void only_tokens_are_names(void)
{
    static const char *const bad[] = {"", "A B", "A:", "A\r\nB", "A\t", "\xc3\xa4", "A(", "\x7f"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        begin("/", "a", 443);
        http_request_header(&request, bad[i], "v");
        TEST_ASSERT_EQUAL(IFL_INVALID, http_request_end(&request, &head));
    }
    begin("/", "a", 443);
    http_request_header(&request, "!#$%&'*+-.^_`|~09azAZ", "v");
    TEST_ASSERT_EQUAL(IFL_OK, http_request_end(&request, &head));
}

static void paths_and_hosts_with_spaces_or_controls_are_refused(void)
{
    static const char *const bad[] = {"", "x", "/a b", "/a\r\nX: y", "/a\n", "/\x7f"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        begin(bad[i], "a", 443);
        TEST_ASSERT_EQUAL(IFL_INVALID, http_request_end(&request, &head));
    }
    static const char *const bad_hosts[] = {"", "a b", "a\r\nb"};
    for (size_t i = 0; i < sizeof bad_hosts / sizeof *bad_hosts; i++) {
        begin("/", bad_hosts[i], 443);
        TEST_ASSERT_EQUAL(IFL_INVALID, http_request_end(&request, &head));
    }
}

static void a_head_that_does_not_fit_is_refused_at_every_size(void)
{
    begin("/p", "host", 1);
    http_request_header(&request, "N", "value");
    TEST_ASSERT_EQUAL(IFL_OK, http_request_end(&request, &head));
    size_t needed = head.size + 1;
    for (size_t size = 1; size < needed; size++) {
        memset(buf, 0x5a, sizeof buf);
        http_request_begin(&request, buf, size, "POST", "/p", "host", 1);
        http_request_header(&request, "N", "value");
        TEST_ASSERT_EQUAL(IFL_TOO_LARGE, http_request_end(&request, &head));
        TEST_ASSERT_EQUAL_HEX8(0x5a, buf[size]);
    }
    http_request_begin(&request, buf, needed, "POST", "/p", "host", 1);
    http_request_header(&request, "N", "value");
    TEST_ASSERT_EQUAL(IFL_OK, http_request_end(&request, &head));
}

static void the_first_error_stays(void)
{
    http_request_begin(&request, buf, 20, "POST", "/\n", "host", 443);
    http_request_header(&request, "Much", "too long for twenty bytes");
    TEST_ASSERT_EQUAL(IFL_INVALID, http_request_end(&request, &head));
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_head_has_its_request_line_host_and_fields);
    RUN_TEST(host_names_the_port_unless_it_is_443);
    RUN_TEST(no_control_character_gets_into_a_value);
    RUN_TEST(only_tokens_are_names);
    RUN_TEST(paths_and_hosts_with_spaces_or_controls_are_refused);
    RUN_TEST(a_head_that_does_not_fit_is_refused_at_every_size);
    RUN_TEST(the_first_error_stays);
    return UNITY_END();
}
