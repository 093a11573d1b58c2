/* Spans, integers, text, time, check sums and the table of causes. */
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/profile.h"
#include "base/random.h"
#include "base/status.h"
#include "base/text.h"
#include "base/time.h"
#include "unity.h"

void setUp(void) {}
void tearDown(void) {}

static char buf[256];
static struct text out;

static struct text *fresh(void)
{
    text_init(&out, buf, sizeof buf);
    return &out;
}

static void every_cause_has_its_own_number_and_two_whole_sentences(void)
{
    for (unsigned i = 0; ifl_diag_at(i) != NULL; i++) {
        const struct ifl_diag *row = ifl_diag_at(i);
        const char *cause = ifl_cause(row->status), *remedy = ifl_remedy(row->status);
        TEST_ASSERT_EQUAL_PTR(row, ifl_diag(row->status)); /* a doubled number would find the first row */
        TEST_ASSERT_EQUAL_HEX8_MESSAGE('.', cause[strlen(cause) - 1], ifl_name(row->status));
        TEST_ASSERT_EQUAL_HEX8_MESSAGE('.', remedy[strlen(remedy) - 1], ifl_name(row->status));
    }
}

/* A node leaves out what only programs on Linux can meet, or reads texts from its flash image; programs on Linux leave out nothing. */
static bool is_left_out(enum ifl_status status)
{
#ifdef __linux__
    (void)status;
    return false;
#else
    return strstr(ifl_remedy(status), "docs/troubleshooting.md") != NULL;
#endif
}

static void every_text_reads_as_it_was_written(void)
{
    static const struct {
        enum ifl_status status;
        const char *name, *cause, *remedy;
    } written[] = {
#define IFL_DIAG(name, number, severity, action, cause, remedy) {IFL_##name, #name, cause, remedy},
#include "base/diag.def"
#undef IFL_DIAG
    };
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) {
        if (is_left_out(written[i].status))
            continue;
        TEST_ASSERT_EQUAL_STRING(written[i].name, ifl_name(written[i].status));
        TEST_ASSERT_EQUAL_STRING(written[i].cause, ifl_cause(written[i].status));
        TEST_ASSERT_EQUAL_STRING(written[i].remedy, ifl_remedy(written[i].status));
    }
}

static void words_read_as_they_were_written_or_are_missing(void)
{
    static const struct {
        enum ifl_words words;
        const char *text;
    } written[] = {
#define IFL_WORDS(name, number, text) {IFL_WORDS_##name, text},
#include "base/words.def"
#undef IFL_WORDS
    };
    for (unsigned i = 0; i < sizeof written / sizeof written[0]; i++) {
        char text[IFL_WORDS_SIZE];
        TEST_ASSERT_LESS_THAN(sizeof text, strlen(written[i].text));
        TEST_ASSERT_EQUAL(written[i].words, ifl_words_at(i));
        if (ifl_words(written[i].words, text, sizeof text))
            TEST_ASSERT_EQUAL_STRING(written[i].text, text);
        else
            TEST_ASSERT_TRUE(is_left_out(IFL_NET_DNS)); /* as the sentences */
    }
    TEST_ASSERT_EQUAL(0, ifl_words_at(sizeof written / sizeof written[0]));
}

static void what_comes_up_without_a_flash_image_is_told_everywhere(void)
{
    TEST_ASSERT_FALSE(is_left_out(IFL_NO_IMAGE));
    TEST_ASSERT_FALSE(is_left_out(IFL_FLASH_IO));
    TEST_ASSERT_FALSE(is_left_out(IFL_FLASH_UNKNOWN));
#ifndef __linux__
    TEST_ASSERT_TRUE(is_left_out(IFL_NO_DAEMON));
#endif
}

static bool read_one(void *ctx, unsigned number, enum ifl_text which, char *to, size_t size)
{
    (void)ctx;
    if (number != IFL_NET_DNS && number != IFL_WORDS_HELP_LOG) {
        return false;
    }
    TEST_ASSERT_GREATER_THAN(8, size);
    strcpy(to, which == IFL_TEXT_NAME ? "NAME" : which == IFL_TEXT_CAUSE ? "Cause." : "Remedy.");
    return true;
}

static void texts_may_come_from_elsewhere(void)
{
    char before[IFL_TEXT_SIZE];
    strcpy(before, ifl_cause(IFL_NET_DOWN));
    ifl_texts_from(read_one, NULL);
    TEST_ASSERT_EQUAL_STRING("Cause.", ifl_cause(IFL_NET_DNS));
    TEST_ASSERT_EQUAL_STRING("Remedy.", ifl_remedy(IFL_NET_DNS));
    char words[IFL_WORDS_SIZE];
    TEST_ASSERT_TRUE(ifl_words(IFL_WORDS_HELP_LOG, words, sizeof words));
    TEST_ASSERT_EQUAL_STRING("Cause.", words);
    TEST_ASSERT_EQUAL_STRING("NAME", ifl_name(IFL_NET_DNS));
    TEST_ASSERT_EQUAL_STRING(before, ifl_cause(IFL_NET_DOWN));
    ifl_texts_from(NULL, NULL);
    TEST_ASSERT_TRUE(strcmp("Cause.", ifl_cause(IFL_NET_DNS)) != 0);
}

static void a_text_that_is_too_long_for_its_buffer_is_cut(void)
{
    char small[5] = "####";
    TEST_ASSERT_EQUAL_STRING("NO_I", ifl_text(IFL_NO_IMAGE, IFL_TEXT_NAME, small, sizeof small));
    TEST_ASSERT_EQUAL_STRING("", ifl_text(IFL_NO_IMAGE, IFL_TEXT_NAME, small, 1));
}

static void an_unknown_status_is_shown_as_a_defect(void)
{
    TEST_ASSERT_EQUAL(IFL_INVALID, ifl_diag((enum ifl_status)9999)->status);
}

static void every_action_has_a_name(void)
{
    for (int action = IFL_ACTION_NONE; action <= IFL_ACTION_STOP; action++)
        TEST_ASSERT_GREATER_THAN(3, strlen(ifl_action_name((enum ifl_action)action)));
    TEST_ASSERT_EQUAL_STRING("hold route", ifl_action_name(ifl_diag(IFL_ANSWER_NOT_DEPLOYED)->action));
    TEST_ASSERT_EQUAL_STRING("done", ifl_action_name(ifl_diag(IFL_ACCEPTED)->action));
}

/* A node brings its own division (boards/cortex_m/src/divide.c). */
static void what_64_bits_are_divided_into_multiplies_back(void)
{
    static const uint64_t edges[] = {1,          2,          3,          10,          1000,        86400,
                                     0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000, 0x100000001, 1700000000000,
                                     INT64_MAX,  UINT64_MAX};
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++)
        for (size_t k = 0; k < sizeof edges / sizeof edges[0]; k++) {
            volatile uint64_t number = edges[i], divisor = edges[k];
            uint64_t quotient = number / divisor, rest = number % divisor;
            TEST_ASSERT_LESS_THAN_UINT64(divisor, rest);
            TEST_ASSERT_EQUAL_UINT64(number, quotient * divisor + rest);
            TEST_ASSERT_LESS_OR_EQUAL_UINT64(number, quotient);
        }
    volatile int64_t negative = -1700000000001;
    TEST_ASSERT_EQUAL_INT64(-1700000000, negative / 1000);
    TEST_ASSERT_EQUAL_INT64(-1, negative % 1000);
    volatile uint64_t nothing = 0;
    TEST_ASSERT_EQUAL_UINT64(0, nothing / 0x100000000u);
}

static void crc32c_gives_the_value_of_the_standard_in_one_piece_and_in_two(void)
{
    TEST_ASSERT_EQUAL_HEX32(0xE3069283, crc32c(0, "123456789", 9));
    TEST_ASSERT_EQUAL_HEX32(0xE3069283, crc32c(crc32c(0, "1234", 4), "56789", 5));
    TEST_ASSERT_NOT_EQUAL(crc32c(0, "a", 1), crc32c(1, "a", 1));
}

static uint32_t crc32c_bit_by_bit(uint32_t crc, const uint8_t *data, size_t size)
{
    crc = ~crc;
    for (size_t i = 0; i < size * 8; i++) {
        crc ^= (uint32_t)(data[i / 8] >> i % 8 & 1);
        crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82F63B78u : 0);
    }
    return ~crc;
}

static void crc32c_is_right_for_each_length_and_wherever_the_bytes_lie(void)
{
    uint8_t data[48];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 37 + 5);
    for (size_t at = 0; at < 5; at++) {
        for (size_t size = 0; size <= 40; size++)
            TEST_ASSERT_EQUAL_HEX32(crc32c_bit_by_bit(7, data + at, size), crc32c(7, data + at, size));
    }
}

static void little_endian_integers_come_back_from_any_address(void)
{
    uint8_t raw[17] = {0};
    for (int at = 0; at < 4; at++) {
        le64_put(raw + at, 0x0123456789ABCDEFu);
        TEST_ASSERT_EQUAL_HEX8(0xEF, raw[at]);
        TEST_ASSERT_EQUAL_HEX64(0x0123456789ABCDEFu, le64_get(raw + at));
        TEST_ASSERT_EQUAL_HEX32(0x89ABCDEFu, le32_get(raw + at));
        TEST_ASSERT_EQUAL_HEX16(0xCDEF, le16_get(raw + at));
    }
}

static void a_span_is_found_compared_and_cut(void)
{
    struct bytes hay = bytes_of_string("Retry-After");
    TEST_ASSERT_EQUAL_UINT64(6, bytes_find(hay, bytes_of_string("After")));
    TEST_ASSERT_EQUAL_UINT64(hay.size, bytes_find(hay, bytes_of_string("Before")));
    TEST_ASSERT_EQUAL_UINT64(hay.size, bytes_find(hay, bytes_of_string("Retry-After-All")));
    TEST_ASSERT_EQUAL_UINT64(0, bytes_find(hay, bytes_of(NULL, 0)));
    TEST_ASSERT_TRUE(bytes_equal_ignore_case(hay, bytes_of_string("RETRY-aFTER")));
    TEST_ASSERT_FALSE(bytes_equal(hay, bytes_of_string("RETRY-aFTER")));
    TEST_ASSERT_TRUE(bytes_starts_with(hay, bytes_of_string("Retry")));
    TEST_ASSERT_EQUAL_UINT64(11, bytes_head(hay, 99).size);
    TEST_ASSERT_EQUAL_UINT64(0, bytes_tail(hay, 99).size);
    TEST_ASSERT_TRUE(bytes_equal(bytes_of(NULL, 0), bytes_tail(bytes_of(NULL, 0), 0)));
}

static void a_word_is_found_whatever_its_case(void)
{
    const char *hay = "Retry-After";
    TEST_ASSERT_TRUE(text_is(hay, "RETRY-aFTER"));
    TEST_ASSERT_TRUE(text_is("", ""));
    TEST_ASSERT_FALSE(text_is(hay, "RETRY-aFTE"));
    TEST_ASSERT_FALSE(text_is(hay, "Retry-After:"));
    TEST_ASSERT_FALSE(text_is(hay, ""));
    TEST_ASSERT_FALSE(text_is("a[", "a{"));
    TEST_ASSERT_EQUAL_PTR(hay + 6, text_find(hay, "aFTER"));
    TEST_ASSERT_EQUAL_PTR(hay, text_find(hay, ""));
    TEST_ASSERT_EQUAL_PTR(hay + 10, text_find(hay + 5, "R"));
    TEST_ASSERT_NULL(text_find(hay, "afterx"));
    TEST_ASSERT_NULL(text_find(hay, "Retry-After-All"));
    TEST_ASSERT_NULL(text_find("", "x"));
}

static void only_plain_decimal_numbers_up_to_64_bits_are_taken(void)
{
    uint64_t value = 7;
    TEST_ASSERT_TRUE(bytes_to_u64(bytes_of_string("18446744073709551615"), &value));
    TEST_ASSERT_EQUAL_UINT64(UINT64_MAX, value);
    static const char *const bad[] = {
        "", "18446744073709551616", "99999999999999999999", "-1", "+1", " 1", "1 ", "0x1", "1.0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        value = 7;
        TEST_ASSERT_FALSE_MESSAGE(bytes_to_u64(bytes_of_string(bad[i]), &value), bad[i]);
        TEST_ASSERT_EQUAL_UINT64(7, value);
    }
}

static void numbers_are_written_as_people_expect(void)
{
    text_u64(fresh(), UINT64_MAX);
    TEST_ASSERT_EQUAL_STRING("18446744073709551615", buf);
    text_u64(fresh(), 0);
    TEST_ASSERT_EQUAL_STRING("0", buf);
    text_i64(fresh(), INT64_MIN);
    TEST_ASSERT_EQUAL_STRING("-9223372036854775808", buf);
    text_hex_u64(fresh(), 0xA0, 4);
    TEST_ASSERT_EQUAL_STRING("00a0", buf);
    text_hex_u64(fresh(), UINT64_MAX, 1);
    TEST_ASSERT_EQUAL_STRING("ffffffffffffffff", buf);
    text_fixed(fresh(), 12045, 3);
    TEST_ASSERT_EQUAL_STRING("12.045", buf);
    text_fixed(fresh(), 5, 0);
    TEST_ASSERT_EQUAL_STRING("5", buf);
    text_url(fresh(), "aZ09-._ /~|\xc3");
    TEST_ASSERT_EQUAL_STRING("aZ09-._%20%2f%7e%7c%c3", buf);
    text_base64(fresh(), bytes_of("", 0));
    TEST_ASSERT_EQUAL_STRING("", buf);
    text_base64(fresh(), bytes_of("f", 1)); /* RFC 4648 section 10 */
    TEST_ASSERT_EQUAL_STRING("Zg==", buf);
    text_base64(fresh(), bytes_of("fo", 2));
    TEST_ASSERT_EQUAL_STRING("Zm8=", buf);
    text_base64(fresh(), bytes_of("\xFB\xFF\xBF"
                                  "bar",
                                  6));
    TEST_ASSERT_EQUAL_STRING("+/+/YmFy", buf);
    text_hex(fresh(), bytes_of("\x00\xFF", 2));
    TEST_ASSERT_EQUAL_STRING("00ff", buf);
}

static void what_does_not_fit_is_cut_and_the_text_stays_terminated(void)
{
    char small[6];
    struct text t;
    text_init(&t, small, sizeof small);
    text_str(&t, "abc");
    TEST_ASSERT_FALSE(t.cut);
    text_str(&t, "defgh");
    TEST_ASSERT_TRUE(t.cut);
    TEST_ASSERT_EQUAL_STRING("abcde", small);
    text_char(&t, 'x');
    TEST_ASSERT_EQUAL_STRING("abcde", small);
}

static void json_text_is_escaped_and_invalid_utf8_never_gets_through(void)
{
    text_json(fresh(), bytes_of("a\"\\\n\x01\xC3\xBC", 7));
    TEST_ASSERT_EQUAL_STRING("\"a\\\"\\\\\\n\\u0001\xC3\xBC\"", buf);
    text_json(fresh(), bytes_of("\xC0\x80\xED\xA0\x80\xF4\x90\x80\x80\xC3", 10));
    TEST_ASSERT_EQUAL_STRING("\"\\u00c0\\u0080\\u00ed\\u00a0\\u0080\\u00f4\\u0090\\u0080\\u0080\\u00c3\"", buf);
    text_printable(fresh(), bytes_of("a\x1b[0mb\n", 7), 6);
    TEST_ASSERT_EQUAL_STRING("a.[0mb", buf);
}

static void dates_are_right_from_1970_to_9999(void)
{
    static const struct {
        int64_t unix_s;
        const char *text;
    } known[] = {{0, "1970-01-01T00:00:00Z"},          {951782400, "2000-02-29T00:00:00Z"},
                 {4107542399, "2100-02-28T23:59:59Z"}, {4107542400, "2100-03-01T00:00:00Z"},
                 {1795460700, "2026-11-23T19:05:00Z"}, {253402300799, "9999-12-31T23:59:59Z"},
                 {INT64_MAX, "9999-12-31T23:59:59Z"},  {-5, "1970-01-01T00:00:00Z"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        text_utc(fresh(), known[i].unix_s);
        TEST_ASSERT_EQUAL_STRING(known[i].text, buf);
    }
}

static void calendar_and_seconds_are_inverse(void)
{
    for (int64_t s = -86400LL * 800; s < 86400LL * 366 * 140; s += 86400 * 3 + 4567) {
        struct ifl_civil civil;
        ifl_civil_from_unix(s, &civil);
        TEST_ASSERT_EQUAL_INT64(s, ifl_unix_from_civil(&civil));
    }
}

static void a_duration_reads_in_days_hours_minutes_seconds(void)
{
    text_duration(fresh(), 90061);
    TEST_ASSERT_EQUAL_STRING("1 d 1 h 1 min 1 s", buf);
    text_duration(fresh(), 0);
    TEST_ASSERT_EQUAL_STRING("0 s", buf);
    text_duration(fresh(), 3600);
    TEST_ASSERT_EQUAL_STRING("1 h", buf);
}

static void the_end_of_time_is_never_passed(void)
{
    TEST_ASSERT_EQUAL_UINT64(IFL_NEVER, ifl_ms_after(IFL_NEVER - 5, 6));
    TEST_ASSERT_EQUAL_UINT64(11, ifl_ms_after(5, 6));
    TEST_ASSERT_EQUAL_UINT64(5, ifl_ms_min(5, 6));
}

static void a_status_shows_number_cause_and_remedy(void)
{
    text_status(fresh(), IFL_NO_IMAGE);
    TEST_ASSERT_EQUAL_STRING(
        "E814 The flash holds no image of this node: it is new, or it was wiped. Write it an image "
        "(`iflowctl node image`).",
        buf);
}

static enum ifl_status counting(void *ctx, void *to, size_t size)
{
    uint64_t *state = ctx;
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    uint64_t value = *state ^ *state >> 29;
    memset(to, 0, size);
    memcpy(to, &value, size < sizeof value ? size : sizeof value);
    return IFL_OK;
}

static enum ifl_status dry(void *ctx, void *to, size_t size)
{
    (void)ctx;
    memset(to, 0, size);
    return IFL_NO_ENTROPY;
}

static void random_numbers_are_spread_evenly_and_without_entropy_the_longest_wait_is_taken(void)
{
    uint64_t seed = 1, count[10] = {0};
    struct ifl_random random = {counting, &seed};
    for (int i = 0; i < 10000; i++)
        count[ifl_random_below(&random, 10)]++;
    for (int i = 0; i < 10; i++)
        TEST_ASSERT_UINT64_WITHIN(150, 1000, count[i]);
    TEST_ASSERT_EQUAL_UINT64(0, ifl_random_below(&random, 1));
    struct ifl_random none = {dry, NULL};
    TEST_ASSERT_EQUAL_UINT64(99, ifl_random_below(&none, 100));
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(every_cause_has_its_own_number_and_two_whole_sentences);
    RUN_TEST(every_text_reads_as_it_was_written);
    RUN_TEST(words_read_as_they_were_written_or_are_missing);
    RUN_TEST(what_comes_up_without_a_flash_image_is_told_everywhere);
    RUN_TEST(texts_may_come_from_elsewhere);
    RUN_TEST(a_text_that_is_too_long_for_its_buffer_is_cut);
    RUN_TEST(an_unknown_status_is_shown_as_a_defect);
    RUN_TEST(every_action_has_a_name);
    RUN_TEST(what_64_bits_are_divided_into_multiplies_back);
    RUN_TEST(crc32c_gives_the_value_of_the_standard_in_one_piece_and_in_two);
    RUN_TEST(crc32c_is_right_for_each_length_and_wherever_the_bytes_lie);
    RUN_TEST(little_endian_integers_come_back_from_any_address);
    RUN_TEST(a_span_is_found_compared_and_cut);
    RUN_TEST(a_word_is_found_whatever_its_case);
    RUN_TEST(only_plain_decimal_numbers_up_to_64_bits_are_taken);
    RUN_TEST(numbers_are_written_as_people_expect);
    RUN_TEST(what_does_not_fit_is_cut_and_the_text_stays_terminated);
    RUN_TEST(json_text_is_escaped_and_invalid_utf8_never_gets_through);
    RUN_TEST(dates_are_right_from_1970_to_9999);
    RUN_TEST(calendar_and_seconds_are_inverse);
    RUN_TEST(a_duration_reads_in_days_hours_minutes_seconds);
    RUN_TEST(the_end_of_time_is_never_passed);
    RUN_TEST(a_status_shows_number_cause_and_remedy);
    RUN_TEST(random_numbers_are_spread_evenly_and_without_entropy_the_longest_wait_is_taken);
    return UNITY_END();
}
