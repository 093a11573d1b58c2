/* Reading JSON where it lies: exactly RFC 8259, bounded, with the place of the first wrong byte. */
#include "base/json.h"

#include <string.h>

#include "unity.h"

static struct json value;
static size_t at;
static char text[64];

void setUp(void) {}

void tearDown(void) {}

static bool reads(const char *json)
{
    return json_read(bytes_of_string(json), JSON_STRICT, &value, &at) && at == strlen(json);
}

static void refused_at(size_t place, const char *json)
{
    TEST_ASSERT_FALSE_MESSAGE(json_read(bytes_of_string(json), JSON_STRICT, &value, &at), json);
    TEST_ASSERT_EQUAL_MESSAGE(place, at, json);
}

static void every_kind_of_value_is_read_with_its_type(void)
{
    static const struct {
        const char *json;
        enum json_type type;
    } values[] = {
        {"null", JSON_NULL},
        {" true ", JSON_BOOL},
        {"false", JSON_BOOL},
        {"0", JSON_NUMBER},
        {"-12", JSON_NUMBER},
        {"1.5e-3", JSON_NUMBER},
        {"10E+2", JSON_NUMBER},
        {"\"\"", JSON_STRING},
        {"\"\\u00e4\"", JSON_STRING},
        {"[]", JSON_ARRAY},
        {"[1, [2]]", JSON_ARRAY},
        {"{}", JSON_OBJECT},
        {"{\"a\":{\"b\":[]}}", JSON_OBJECT},
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        TEST_ASSERT_TRUE_MESSAGE(reads(values[i].json), values[i].json);
        TEST_ASSERT_EQUAL_MESSAGE(values[i].type, value.type, values[i].json);
    }
}

static void what_isnt_json_is_refused_at_its_first_wrong_byte(void)
{
    refused_at(0, "");
    refused_at(2, "  ");
    refused_at(3, "nul");
    refused_at(0, "'a'");
    refused_at(3, "[1,]");
    refused_at(2, "[1");
    refused_at(1, "[,1]");
    refused_at(2, "{ a: 1}");
    refused_at(7, "{\"a\":1,}");
    refused_at(8, "{\"a\": 1 \"b\": 2}");
    refused_at(5, "{\"a\" 1}");
    refused_at(1, "{1:2}");
    refused_at(2, "[1}");
    refused_at(2, "1.");
    refused_at(0, "+1");
    refused_at(1, "-");
    refused_at(2, "1e");
    refused_at(2, "[01]");
    refused_at(1, "\"");
    refused_at(2, "\"a");
    refused_at(2, "\"\\x\"");
    refused_at(5, "\"\\u00g0\"");
    refused_at(2, "\"a\nb\"");
}

static void what_follows_a_value_is_the_callers_business(void)
{
    TEST_ASSERT_TRUE(json_read(bytes_of_string("{} trailer"), JSON_STRICT, &value, &at));
    TEST_ASSERT_EQUAL(3, at);
}

static void line_breaks_in_strings_are_taken_only_on_request(void)
{
    struct bytes broken = bytes_of_string("\"a\r\n\tb\"");
    TEST_ASSERT_FALSE(json_read(broken, JSON_STRICT, &value, &at));
    TEST_ASSERT_TRUE(json_read(broken, JSON_RAW_LINES, &value, &at));
    TEST_ASSERT_EQUAL(IFL_OK, json_text(value, text, sizeof text));
    TEST_ASSERT_EQUAL_STRING("a\r\n\tb", text);
}

static void thirty_two_levels_are_read_and_thirty_three_refused(void)
{
    char deep[80] = {0};
    memset(deep, '[', JSON_DEPTH_MAX);
    memset(deep + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    TEST_ASSERT_TRUE(reads(deep));
    memset(deep, '[', JSON_DEPTH_MAX + 1);
    memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    refused_at(JSON_DEPTH_MAX, deep);
}

static void members_are_walked_in_order(void)
{
    struct json name;
    struct json member;
    TEST_ASSERT_TRUE(reads("{ \"a\" : [1, \"]\", {\"x\": \"}\"}] , \"b\":\"\\\"\", \"c\" :-7 }"));
    struct json_each each = json_each(value);
    TEST_ASSERT_TRUE(json_next_member(&each, &name, &member));
    TEST_ASSERT_TRUE(json_is(name, "a"));
    TEST_ASSERT_TRUE(bytes_equal(member.raw, bytes_of_string("[1, \"]\", {\"x\": \"}\"}]")));
    TEST_ASSERT_TRUE(json_next_member(&each, &name, &member));
    TEST_ASSERT_TRUE(json_is(member, "\""));
    TEST_ASSERT_TRUE(json_next_member(&each, &name, &member));
    TEST_ASSERT_TRUE(bytes_equal(member.raw, bytes_of_string("-7")));
    TEST_ASSERT_FALSE(json_next_member(&each, &name, &member));
}

static void items_are_walked_in_order(void)
{
    struct json item;
    TEST_ASSERT_TRUE(reads("[ true,null , [ ] ]"));
    struct json_each each = json_each(value);
    enum json_type types[] = {JSON_BOOL, JSON_NULL, JSON_ARRAY};
    for (size_t i = 0; i < 3; i++) {
        TEST_ASSERT_TRUE(json_next_item(&each, &item));
        TEST_ASSERT_EQUAL(types[i], item.type);
    }
    TEST_ASSERT_FALSE(json_next_item(&each, &item));
}

static void a_scalar_has_nothing_to_walk(void)
{
    struct json item;
    TEST_ASSERT_TRUE(reads("\"[1]\""));
    struct json_each each = json_each(value);
    TEST_ASSERT_FALSE(json_next_item(&each, &item));
}

static void escapes_are_decoded_to_utf8(void)
{
    TEST_ASSERT_TRUE(reads("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e4\\u20AC\\ud83d\\ude00\""));
    TEST_ASSERT_EQUAL(IFL_OK, json_text(value, text, sizeof text));
    TEST_ASSERT_EQUAL_STRING("\"\\/\b\f\n\r\tA\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", text);
}

static void half_a_surrogate_pair_and_a_zero_byte_are_no_text(void)
{
    static const char *const bad[] = {"\"\\ud83d\"", "\"\\ud83dx\"",       "\"\\ud83d\\n\"",
                                      "\"\\ude00\"", "\"\\ud83d\\u0041\"", "\"\\u0000\""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        TEST_ASSERT_TRUE(reads(bad[i]));
        TEST_ASSERT_EQUAL_MESSAGE(IFL_INVALID, json_text(value, text, sizeof text), bad[i]);
        TEST_ASSERT_EQUAL_STRING("", text);
    }
}

static void a_text_that_doesnt_fit_is_too_large_and_leaves_nothing(void)
{
    TEST_ASSERT_TRUE(reads("\"abcd\""));
    TEST_ASSERT_EQUAL(IFL_TOO_LARGE, json_text(value, text, 4));
    TEST_ASSERT_EQUAL_STRING("", text);
    TEST_ASSERT_EQUAL(IFL_OK, json_text(value, text, 5));
    TEST_ASSERT_EQUAL_STRING("abcd", text);
}

static void only_strings_have_a_text(void)
{
    TEST_ASSERT_TRUE(reads("12"));
    TEST_ASSERT_EQUAL(IFL_INVALID, json_text(value, text, sizeof text));
    TEST_ASSERT_FALSE(json_is(value, "12"));
}

static void whole_numbers_are_read_exactly_and_nothing_else_is_one(void)
{
    uint64_t number = 7;
    TEST_ASSERT_TRUE(reads("18446744073709551615"));
    TEST_ASSERT_TRUE(json_u64(value, &number));
    TEST_ASSERT_EQUAL_UINT64(UINT64_MAX, number);
    static const char *const others[] = {"18446744073709551616", "-1", "1.0", "1e3", "\"1\"", "true"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        TEST_ASSERT_TRUE(reads(others[i]));
        TEST_ASSERT_FALSE_MESSAGE(json_u64(value, &number), others[i]);
    }
    TEST_ASSERT_EQUAL_UINT64(UINT64_MAX, number);
}

static void lines_count_from_one(void)
{
    struct bytes lines = bytes_of_string("a\nb\r\nc");
    TEST_ASSERT_EQUAL(1, json_line(lines, 0));
    TEST_ASSERT_EQUAL(2, json_line(lines, 2));
    TEST_ASSERT_EQUAL(3, json_line(lines, 5));
    TEST_ASSERT_EQUAL(3, json_line(lines, 100));
}

/* A text that was accepted is walked without ever leaving it (the sanitizers watch), whatever was done to it before. */
static void walk(struct json container, unsigned depth)
{
    struct json_each each = json_each(container);
    struct json name;
    struct json item;
    while (container.type == JSON_OBJECT ? json_next_member(&each, &name, &item) : json_next_item(&each, &item)) {
        (void)json_text(item, text, sizeof text);
        if (depth < JSON_DEPTH_MAX)
            walk(item, depth + 1);
    }
}

static void no_edit_of_a_text_leads_outside_of_it(void)
{
    static const char good[] =
        "{\"a\": [1, \"x\\u00e4\\ud83d\\ude00\", {\"b\": -1.5e3}], \"c\\n\": {}, \"d\": null, \"e\": \"\\\\\"}";
    static const char pieces[] = "{}[]\",:\\u0e-tfn \n\x01\xff";
    char edited[sizeof good];
    for (size_t place = 0; place < sizeof good - 1; place++) {
        for (size_t piece = 0; piece < sizeof pieces - 1; piece++) {
            memcpy(edited, good, sizeof good);
            edited[place] = pieces[piece];
            if (json_read(bytes_of(edited, sizeof good - 1), JSON_STRICT, &value, &at))
                walk(value, 0);
        }
        (void)json_read(bytes_of(good, place), JSON_RAW_LINES, &value, &at);
    }
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(every_kind_of_value_is_read_with_its_type);
    RUN_TEST(what_isnt_json_is_refused_at_its_first_wrong_byte);
    RUN_TEST(what_follows_a_value_is_the_callers_business);
    RUN_TEST(line_breaks_in_strings_are_taken_only_on_request);
    RUN_TEST(thirty_two_levels_are_read_and_thirty_three_refused);
    RUN_TEST(members_are_walked_in_order);
    RUN_TEST(items_are_walked_in_order);
    RUN_TEST(a_scalar_has_nothing_to_walk);
    RUN_TEST(escapes_are_decoded_to_utf8);
    RUN_TEST(half_a_surrogate_pair_and_a_zero_byte_are_no_text);
    RUN_TEST(a_text_that_doesnt_fit_is_too_large_and_leaves_nothing);
    RUN_TEST(only_strings_have_a_text);
    RUN_TEST(whole_numbers_are_read_exactly_and_nothing_else_is_one);
    RUN_TEST(lines_count_from_one);
    RUN_TEST(no_edit_of_a_text_leads_outside_of_it);
    return UNITY_END();
}
