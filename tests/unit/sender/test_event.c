/* CloudEvents 1.0 in structured mode: exact bodies, and every size of a payload. */
#include <stdio.h>
#include <string.h>

#include "unity.h"
#include "world.h"

static struct settings_route *route;

void setUp(void)
{
    world_start();
    route = &world.settings.routes[0];
    route->body = SETTINGS_BODY_EVENT;
    strcpy(world.settings.device, "gw 1/a");
    world.stored_unix_s = 1700000000;
    world_restart();
}

void tearDown(void) {}

static void assert_last(const char *body)
{
    const struct request *request = world_last_request();
    TEST_ASSERT_EQUAL_STRING("application/cloudevents+json", world_field(request, "Content-Type"));
    TEST_ASSERT_EQUAL_UINT(strlen(body), request->body_size);
    TEST_ASSERT_EQUAL_MEMORY(body, request->body, strlen(body));
}

static void json_stays_json(void)
{
    world_put_text(0, "{\"t\":21.5}");
    world_settle();
    assert_last("{\"specversion\":\"1.0\",\"id\":\"1122334455667788-1-1\",\"source\":\"gw%201%2fa\",\"type\":\"r0\","
                "\"time\":\"2023-11-14T22:13:20Z\",\"datacontenttype\":\"application/json\",\"data\":{\"t\":21.5}}");
    TEST_ASSERT_EQUAL_STRING("1122334455667788-1-1", world_last_request()->id);
}

static void everything_else_is_encoded(void)
{
    world.stored_unix_s = 0;
    strcpy(route->content_type, "text/plain; x=\"y\"");
    world_put_text(0, "fooba");
    world_settle();
    assert_last("{\"specversion\":\"1.0\",\"id\":\"1122334455667788-1-1\",\"source\":\"gw%201%2fa\",\"type\":\"r0\","
                "\"datacontenttype\":\"text/plain; x=\\\"y\\\"\",\"data_base64\":\"Zm9vYmE=\"}");
}

/* The stand-in for the other side counts the body by Content-Length, so a wrong size shows as a request that never ends. */
static void every_size_of_a_payload_is_announced_right(void)
{
    strcpy(route->content_type, "application/octet-stream");
    for (uint32_t size = 1; size < 3000; size += size < 1100 ? 1 : 97) {
        world_put(0, size);
        world_settle();
        const struct request *request = world_last_request();
        TEST_ASSERT_EQUAL_UINT(0, (request->body_size - strlen("\"}") - (size + 2) / 3 * 4) / 400);
    }
    TEST_ASSERT_EQUAL_UINT(0, world_queued(0));
}

static void an_event_that_fills_the_buffer_is_split_over_records(void)
{
    world_put(0, 5000);
    world.write_size = 7;
    world_settle();
    TEST_ASSERT_EQUAL_UINT(0, world_queued(0));
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(json_stays_json);
    RUN_TEST(everything_else_is_encoded);
    RUN_TEST(every_size_of_a_payload_is_announced_right);
    RUN_TEST(an_event_that_fills_the_buffer_is_split_over_records);
    return UNITY_END();
}
