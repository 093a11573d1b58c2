/* An Authorization that changes: waited for, asked for before each request, replaced once when the tenant refuses it. */
#include <string.h>

#include "unity.h"
#include "world.h"

#define EMPTY "Content-Length: 0\r\n\r\n"
#define EXPIRED "HTTP/1.1 401 x\r\nWWW-Authenticate: Bearer error=\"invalid_token\"\r\n" EMPTY

static enum ifl_status answer; /* of authorize() */
static const char *value;
static bool another_one; /* answer of token_refused() */
static unsigned refused_count;

static enum ifl_status authorize(void *ctx, ifl_ms now, const char **authorization)
{
    (void)ctx;
    TEST_ASSERT_EQUAL_UINT64(world.now, now);
    *authorization = value;
    return answer;
}

static bool token_refused(void *ctx)
{
    (void)ctx;
    refused_count++;
    value = "Bearer two";
    return another_one;
}

void setUp(void)
{
    world_start();
    world.wiring.authorize = authorize;
    world.wiring.token_refused = token_refused;
    world_restart();
    answer = IFL_OK;
    value = "Bearer one";
    another_one = true;
    refused_count = 0;
}

void tearDown(void) {}

static void nothing_is_sent_until_it_is_there(void)
{
    answer = IFL_AGAIN;
    world_put(0, 10);
    world_run_for(100000);
    TEST_ASSERT_EQUAL_UINT(0, world.connection_count);
    TEST_ASSERT_EQUAL(SENDER_ROUTE_GOING, world_host().state);
    answer = IFL_OK;
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_EQUAL_STRING("Bearer one", world_field(world_last_request(), "Authorization"));
}

static void it_is_asked_for_before_each_request(void)
{
    world_put(0, 10);
    world_settle();
    value = "Bearer three";
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world.connection_count);
    TEST_ASSERT_EQUAL_STRING("Bearer three", world_field(world_last_request(), "Authorization"));
}

static void where_it_cannot_be_had_the_host_waits_and_says_why(void)
{
    answer = IFL_NET_DNS;
    world_put(0, 10);
    world_run_for(100);
    TEST_ASSERT_EQUAL(SENDER_ROUTE_BACKOFF, world_host().state);
    TEST_ASSERT_EQUAL(IFL_NET_DNS, world_host().status);
    TEST_ASSERT_EQUAL_UINT(0, world.request_count);
    answer = IFL_ANSWER_BAD_CREDENTIALS;
    world_run_for(3600000);
    TEST_ASSERT_EQUAL(SENDER_ROUTE_HELD, world_host().state);
    TEST_ASSERT_EQUAL(IFL_ANSWER_BAD_CREDENTIALS, world_host().status);
    answer = IFL_OK;
    world_run_for(3600000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_EQUAL(SENDER_ROUTE_GOING, world_host().state);
}

static void a_failure_on_a_kept_connection_is_no_busy_loop(void)
{
    world_put(0, 10);
    world_settle();
    answer = IFL_NET_TIMEOUT;
    world_put(0, 10);
    world_run_for(3600000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_EQUAL(IFL_NET_TIMEOUT, world_host().status);
}

static void a_refused_token_is_replaced_and_nothing_waits(void)
{
    world_reply(EXPIRED, IFL_AGAIN);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_EQUAL_UINT(2, world.request_count);
    TEST_ASSERT_EQUAL_UINT(1, world.connection_count);
    TEST_ASSERT_EQUAL_UINT64(world.requests[0].n, world.requests[1].n);
    TEST_ASSERT_EQUAL_STRING("Bearer two", world_field(world_last_request(), "Authorization"));
    TEST_ASSERT_EQUAL_UINT64(0, world.health.counters[HEALTH_HELD]);
    TEST_ASSERT_EQUAL_UINT(1, refused_count);
}

static void where_there_is_no_other_token_everything_is_held(void)
{
    another_one = false;
    world_reply(EXPIRED, IFL_AGAIN);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(0, world_done_count(0));
    TEST_ASSERT_EQUAL(SENDER_ROUTE_HELD, world_host().state);
    TEST_ASSERT_EQUAL(IFL_ANSWER_TOKEN, world_host().status);
}

static void a_fixed_value_that_is_refused_holds_everything(void)
{
    world.wiring.authorize = NULL;
    world.wiring.token_refused = NULL;
    world.wiring.authorization = "Bearer fixed";
    world_restart();
    world_reply(EXPIRED, IFL_AGAIN);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL(SENDER_ROUTE_HELD, world_host().state);
    TEST_ASSERT_EQUAL(IFL_ANSWER_TOKEN, world_host().status);
    TEST_ASSERT_EQUAL_UINT(0, refused_count);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(nothing_is_sent_until_it_is_there);
    RUN_TEST(it_is_asked_for_before_each_request);
    RUN_TEST(where_it_cannot_be_had_the_host_waits_and_says_why);
    RUN_TEST(a_failure_on_a_kept_connection_is_no_busy_loop);
    RUN_TEST(a_refused_token_is_replaced_and_nothing_waits);
    RUN_TEST(where_there_is_no_other_token_everything_is_held);
    RUN_TEST(a_fixed_value_that_is_refused_holds_everything);
    return UNITY_END();
}
