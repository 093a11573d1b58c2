/* Dates, Retry-After, tokens and cookies. */
#include "http/values.h"

#include <string.h>

#include "unity.h"

#define HOUR_S 3600u

void setUp(void) {}
void tearDown(void) {}

static int64_t date(const char *text)
{
    int64_t unix_s = -1;
    if (http_date(text, &unix_s) != IFL_OK)
        TEST_ASSERT_EQUAL_INT64(-1, unix_s);
    return unix_s;
}

static uint32_t wait_of(const char *text, int64_t now_s)
{
    uint32_t wait_s = 0xBADu;
    if (http_retry_after(text, now_s, HOUR_S, &wait_s) != IFL_OK)
        TEST_ASSERT_EQUAL_UINT32(0xBADu, wait_s);
    return wait_s;
}

static void the_three_forms_of_a_date_name_the_same_second(void)
{
    TEST_ASSERT_EQUAL_INT64(784111777, date("Sun, 06 Nov 1994 08:49:37 GMT"));
    TEST_ASSERT_EQUAL_INT64(784111777, date("Sunday, 06-Nov-94 08:49:37 GMT"));
    TEST_ASSERT_EQUAL_INT64(784111777, date("Sun Nov  6 08:49:37 1994"));
    TEST_ASSERT_EQUAL_INT64(784975777, date("Wed Nov 16 08:49:37 1994"));
    TEST_ASSERT_EQUAL_INT64(0, date("Thu, 01 Jan 1970 00:00:00 GMT"));
    TEST_ASSERT_EQUAL_INT64(4102444800, date("Fri, 01 Jan 2100 00:00:00 GMT"));
    TEST_ASSERT_EQUAL_INT64(1709208000, date("Thursday, 29-Feb-24 12:00:00 GMT"));
}

static void every_month_has_its_number(void)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char text[] = "Sun, 01 xxx 2023 00:00:00 GMT";
    int64_t before = 0;
    for (unsigned i = 0; i < 12; i++) {
        memcpy(text + 8, months[i], 3);
        int64_t now = date(text);
        TEST_ASSERT_TRUE(i == 0 || (now - before >= 28 * 86400 && now - before <= 31 * 86400));
        before = now;
    }
}

static void what_is_no_date_is_refused(void)
{
    static const char *const bad[] = {
        "",
        "x",
        ", ",
        "soon",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 06 Nov 1994 08:49:37 GMTx",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nox 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 23:60:00 GMT",
        "Sun, 06 Nov 1994 23:00:61 GMT",
        "Sun, 06 Nov 1994T08:49:37 GMT",
        "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun Nov  6 08:49:37 1994 5",
        "Sun Nov  6 08:49:37",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 11994 08:49:37 GMT",
        "Sun, 06 Nov 1994 108:49:37 GMT",
        "Sun, 99999999999999999999 Nov 1994 08:49:37 GMT",
        "Sun Nov  6 08:49:37 94",
        "Sun, 06 1994 08:49:37 GMT",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        TEST_ASSERT_EQUAL_INT64_MESSAGE(-1, date(bad[i]), bad[i]);
}

static void separators_and_leading_zeros_are_taken_as_they_come(void)
{
    TEST_ASSERT_EQUAL_INT64(784111777, date("Sun, 6 Nov 94 08:49:37 GMT"));
    TEST_ASSERT_EQUAL_INT64(784111777, date("Sun, 06-Nov-1994 8:49:37 GMT"));
    TEST_ASSERT_EQUAL_INT64(784111777, date("Sun Nov 6 08:49:37 1994"));
}

static void every_prefix_of_a_date_is_refused(void)
{
    static const char *const good[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                       "Sun Nov  6 08:49:37 1994"};
    for (size_t i = 0; i < 3; i++)
        for (size_t size = 0; size < strlen(good[i]); size++) {
            char prefix[64] = "";
            int64_t unix_s = 5;
            memcpy(prefix, good[i], size);
            TEST_ASSERT_EQUAL(IFL_INVALID, http_date(prefix, &unix_s));
            TEST_ASSERT_EQUAL_INT64(5, unix_s);
        }
}

static void retry_after_takes_seconds_up_to_the_limit(void)
{
    TEST_ASSERT_EQUAL_UINT32(0, wait_of("0", 0));
    TEST_ASSERT_EQUAL_UINT32(120, wait_of("120", 0));
    TEST_ASSERT_EQUAL_UINT32(120, wait_of("0120", 0));
    TEST_ASSERT_EQUAL_UINT32(HOUR_S, wait_of("3600", 0));
    TEST_ASSERT_EQUAL_UINT32(HOUR_S, wait_of("7200", 0));
    TEST_ASSERT_EQUAL_UINT32(HOUR_S, wait_of("4294967297", 0));
    TEST_ASSERT_EQUAL_UINT32(HOUR_S, wait_of("18446744073709551615", 0));
}

static void retry_after_takes_a_date_up_to_the_limit(void)
{
    TEST_ASSERT_EQUAL_UINT32(37, wait_of("Sun, 06 Nov 1994 08:49:37 GMT", 784111740));
    TEST_ASSERT_EQUAL_UINT32(0, wait_of("Sun, 06 Nov 1994 08:49:37 GMT", 784111777));
    TEST_ASSERT_EQUAL_UINT32(0, wait_of("Sun, 06 Nov 1994 08:49:37 GMT", 1800000000));
    TEST_ASSERT_EQUAL_UINT32(HOUR_S, wait_of("Fri, 01 Jan 2100 00:00:00 GMT", 1800000000));
    TEST_ASSERT_EQUAL_UINT32(HOUR_S, wait_of("Fri, 31 Dec 9999 23:59:59 GMT", 0));
    TEST_ASSERT_EQUAL_UINT32(HOUR_S, wait_of("Fri, 31 Dec 9999 23:59:59 GMT", INT64_MIN));
    TEST_ASSERT_EQUAL_UINT32(0, wait_of("Fri, 31 Dec 9999 23:59:59 GMT", INT64_MAX));
}

static void retry_after_garbage_says_nothing(void)
{
    static const char *const bad[] = {
        "", "18446744073709551616", "-5", "+5", "1.5", "5s", "0x10", "5 ", " 5", "1e3", "soon", "1,2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        TEST_ASSERT_EQUAL_UINT32_MESSAGE(0xBADu, wait_of(bad[i], 0), bad[i]);
}

static void a_list_has_its_tokens_whatever_their_case_and_spaces(void)
{
    const char *list = "Keep-Alive ,\tclose,, x";
    TEST_ASSERT_TRUE(http_has_token(list, "close"));
    TEST_ASSERT_TRUE(http_has_token(list, "keep-alive"));
    TEST_ASSERT_TRUE(http_has_token(list, "X"));
    TEST_ASSERT_TRUE(http_has_token("not-close,close", "close"));
    TEST_ASSERT_FALSE(http_has_token(list, "clos"));
    TEST_ASSERT_FALSE(http_has_token(list, "keep"));
    TEST_ASSERT_FALSE(http_has_token("", "close"));
    TEST_ASSERT_FALSE(http_has_token("closed, not-close, close-d", "close"));
}

static void assert_cookie(const char *expected, const char *set_cookie)
{
    TEST_ASSERT_EQUAL_UINT(strlen(expected), http_cookie_size(set_cookie));
    TEST_ASSERT_EQUAL_MEMORY(expected, set_cookie, strlen(expected));
}

static void a_cookie_loses_its_attributes(void)
{
    static const char *const attributes[] = {"",
                                             "; Path=/",
                                             ";Path=/;Secure",
                                             "; HttpOnly; SameSite=None",
                                             "; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
                                             "; Max-Age",
                                             " ; x",
                                             "; Domain=.example.com"};
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        char text[128] = "JSESSIONID=A9\"b=c";
        strcat(text, attributes[i]);
        assert_cookie("JSESSIONID=A9\"b=c", text);
    }
    assert_cookie("a=", "a=; Path=/");
}

static void a_cookie_that_could_add_a_header_or_a_cookie_is_dropped(void)
{
    static const char *const bad[] = {"",         "=v",    "noequals", "a b=c",   "a=b c", "a=b\tc",
                                      "a=b\r\nX", "a=b,c", "a=\x80",   "a\x80=b", "; a=b", "a=\x7f"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        TEST_ASSERT_EQUAL_UINT_MESSAGE(0, http_cookie_size(bad[i]), bad[i]);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(the_three_forms_of_a_date_name_the_same_second);
    RUN_TEST(every_month_has_its_number);
    RUN_TEST(what_is_no_date_is_refused);
    RUN_TEST(separators_and_leading_zeros_are_taken_as_they_come);
    RUN_TEST(every_prefix_of_a_date_is_refused);
    RUN_TEST(retry_after_takes_seconds_up_to_the_limit);
    RUN_TEST(retry_after_takes_a_date_up_to_the_limit);
    RUN_TEST(retry_after_garbage_says_nothing);
    RUN_TEST(a_list_has_its_tokens_whatever_their_case_and_spaces);
    RUN_TEST(a_cookie_loses_its_attributes);
    RUN_TEST(a_cookie_that_could_add_a_header_or_a_cookie_is_dropped);
    return UNITY_END();
}
