/* The forms of a body: exact bytes, and a size that is right before the first of them. */
#include <string.h>

#include "body/body.h"
#include "unity.h"

static struct settings_route route;
static const struct body_event event = {.id = "ab-1-2", .source = "gw 1", .unix_s = 1700000000};
static char body[2048];
static struct text out;

void setUp(void)
{
    memset(&route, 0, sizeof route);
    strcpy(route.name, "r0");
    strcpy(route.content_type, "application/json");
}

void tearDown(void) {}

/* A payload through a buffer of `room` bytes. */
static void put_payload(unsigned form, const char *payload, size_t room)
{
    uint8_t buf[64];
    size_t size = strlen(payload);
    for (size_t pos = 0, taken; pos < size; pos += taken) {
        size_t piece = body_piece_size(form, room);
        TEST_ASSERT_TRUE(piece > 0 && piece <= room);
        taken = size - pos < piece ? size - pos : piece;
        memcpy(buf + room - piece, payload + pos, taken);
        text_bytes(&out, bytes_of(buf, body_encode(form, buf, room, bytes_of(buf + room - piece, taken))));
    }
}

/* The whole body; checks the size that was told before. */
static const char *make(unsigned form, const char *const *payloads, uint32_t count, size_t room)
{
    uint32_t payload_size = 0;
    for (uint32_t i = 0; i < count; i++)
        payload_size += (uint32_t)strlen(payloads[i]);
    text_init(&out, body, sizeof body);
    body_begin(form, &route, &event, &out);
    uint32_t size = body_size(form, out.len, count, payload_size);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            text_str(&out, body_between(form));
        put_payload(form, payloads[i], room);
    }
    text_str(&out, body_end(form));
    TEST_ASSERT_EQUAL_UINT32(out.len, size);
    return body;
}

static void payloads_stand_in_their_frame(void)
{
    static const char *const payloads[] = {"{\"a\":1}", "2", "[3]"};
    TEST_ASSERT_EQUAL_STRING("{\"a\":1}", make(SETTINGS_BODY_RAW, payloads, 1, 64));
    TEST_ASSERT_EQUAL_STRING("[{\"a\":1}]", make(SETTINGS_BODY_ARRAY, payloads, 1, 64));
    TEST_ASSERT_EQUAL_STRING("[{\"a\":1},2,[3]]", make(SETTINGS_BODY_ARRAY, payloads, 3, 64));
    TEST_ASSERT_EQUAL_STRING("{\"a\":1}\n2\n[3]\n", make(SETTINGS_BODY_LINES, payloads, 3, 64));
}

static void an_event_says_what_its_data_is(void)
{
    static const char *const json[] = {"{\"t\":1}"}, *const text[] = {"fooba"};
    TEST_ASSERT_EQUAL_STRING(
        "{\"specversion\":\"1.0\",\"id\":\"ab-1-2\",\"source\":\"gw%201\",\"type\":\"r0\","
        "\"time\":\"2023-11-14T22:13:20Z\",\"datacontenttype\":\"application/json\",\"data\":{\"t\":1}}",
        make(body_form(&(struct settings_route){.body = SETTINGS_BODY_EVENT, .content_type = "application/json"}), json,
             1, 64));
    strcpy(route.content_type, "text/plain");
    TEST_ASSERT_EQUAL_STRING(
        "{\"specversion\":\"1.0\",\"id\":\"ab-1-2\",\"source\":\"gw%201\",\"type\":\"r0\","
        "\"time\":\"2023-11-14T22:13:20Z\",\"datacontenttype\":\"text/plain\",\"data_base64\":\"Zm9vYmE=\"}",
        make(BODY_EVENT_ENCODED, text, 1, 64));
}

static void a_time_that_is_not_known_is_not_told(void)
{
    const struct body_event old = {.id = "i", .source = "s"};
    text_init(&out, body, sizeof body);
    body_begin(SETTINGS_BODY_EVENT, &route, &old, &out);
    TEST_ASSERT_EQUAL_STRING(
        "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"r0\",\"datacontenttype\":\"application/json\",\"data\":",
        body);
}

static void the_form_of_an_event_follows_from_its_type(void)
{
    TEST_ASSERT_EQUAL_UINT(SETTINGS_BODY_RAW, body_form(&route));
    route.body = SETTINGS_BODY_LINES;
    TEST_ASSERT_EQUAL_UINT(SETTINGS_BODY_LINES, body_form(&route));
    route.body = SETTINGS_BODY_EVENT;
    TEST_ASSERT_EQUAL_UINT(SETTINGS_BODY_EVENT, body_form(&route));
    strcpy(route.content_type, "application/vnd.plant+JSON");
    TEST_ASSERT_EQUAL_UINT(SETTINGS_BODY_EVENT, body_form(&route));
    strcpy(route.content_type, "text/csv");
    TEST_ASSERT_EQUAL_UINT(BODY_EVENT_ENCODED, body_form(&route));
}

static void only_an_event_has_a_type_of_its_own(void)
{
    for (unsigned form = SETTINGS_BODY_RAW; form < SETTINGS_BODY_EVENT; form++)
        TEST_ASSERT_EQUAL_STRING("application/json", body_type(form, &route));
    TEST_ASSERT_EQUAL_STRING("application/cloudevents+json", body_type(SETTINGS_BODY_EVENT, &route));
    TEST_ASSERT_EQUAL_STRING("application/cloudevents+json", body_type(BODY_EVENT_ENCODED, &route));
}

/* Whatever room the buffer has, what is written is the same. */
static void a_body_does_not_depend_on_its_pieces(void)
{
    char payload[60], whole[sizeof body];
    for (size_t size = 1; size < sizeof payload; size++) {
        memset(payload, 'x', size);
        payload[size - 1] = 'y';
        payload[size] = '\0';
        for (unsigned form = SETTINGS_BODY_RAW; form <= BODY_EVENT_ENCODED; form++) {
            const char *one = payload;
            strcpy(whole, make(form, &one, 1, 64));
            for (size_t room = BODY_ROOM_MIN; room < 64; room++)
                TEST_ASSERT_EQUAL_STRING(whole, make(form, &one, 1, room));
        }
    }
}

static void what_stands_between_and_behind_fits_into_the_least_room(void)
{
    for (unsigned form = SETTINGS_BODY_RAW; form <= BODY_EVENT_ENCODED; form++) {
        TEST_ASSERT_TRUE(strlen(body_between(form)) <= BODY_ROOM_MIN);
        TEST_ASSERT_TRUE(strlen(body_end(form)) <= BODY_ROOM_MIN);
    }
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(payloads_stand_in_their_frame);
    RUN_TEST(an_event_says_what_its_data_is);
    RUN_TEST(a_time_that_is_not_known_is_not_told);
    RUN_TEST(the_form_of_an_event_follows_from_its_type);
    RUN_TEST(only_an_event_has_a_type_of_its_own);
    RUN_TEST(a_body_does_not_depend_on_its_pieces);
    RUN_TEST(what_stands_between_and_behind_fits_into_the_least_room);
    return UNITY_END();
}
