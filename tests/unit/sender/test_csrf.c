/* The dance for a CSRF token: one HEAD, the token and its cookies on each POST, once more when it's stale, and never in circles. */
#include <string.h>

#include "unity.h"
#include "world.h"

#define REQUIRED "HTTP/1.1 403 Forbidden\r\nX-CSRF-Token: Required\r\nContent-Length: 0\r\n\r\n"

static char valid[64];                      /* the token that the flow accepts now */
static char fetched[HTTP_LINE_SIZE + 6000]; /* the answer to HEAD */
static bool protection;

static void set_token(const char *token)
{
    strcpy(valid, token);
    strcpy(fetched, "HTTP/1.1 200 OK\r\nSet-Cookie: JSESSIONID=A1; Path=/http; Secure; HttpOnly\r\nX-CSRF-Token: ");
    strcat(fetched, token);
    strcat(fetched, "\r\nSet-Cookie: __VCAP_ID__=b2; Path=/; SameSite=None\r\nContent-Length: 0\r\n\r\n");
}

static struct reply flow(const struct request *request)
{
    if (memcmp(request->head, "HEAD", 4) == 0)
        return (struct reply){protection ? fetched : HTTP_200, IFL_AGAIN};
    bool good = strcmp(world_field(request, "X-CSRF-Token"), valid) == 0;
    return (struct reply){!protection || good ? HTTP_200 : REQUIRED, IFL_AGAIN};
}

void setUp(void)
{
    world_start();
    protection = true;
    set_token("T0k3n==");
    world.decide = flow;
}

void tearDown(void) {}

static bool in_memory(const void *at, size_t size, const char *secret)
{
    size_t len = strlen(secret);
    for (size_t i = 0; i + len <= size; i++)
        if (memcmp((const char *)at + i, secret, len) == 0)
            return true;
    return false;
}

static void a_403_required_is_followed_by_one_head_and_the_same_message(void)
{
    world_put(0, 100);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(3, world.request_count);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_EQUAL_INT(0, memcmp(world.requests[1].head, "HEAD /http/r0 HTTP/1.1\r\n", 24));
    TEST_ASSERT_EQUAL_STRING("Fetch", world_field(&world.requests[1], "X-CSRF-Token"));
    TEST_ASSERT_EQUAL_STRING("", world_field(&world.requests[1], "Content-Length"));
    TEST_ASSERT_EQUAL_STRING("T0k3n==", world_field(&world.requests[2], "X-CSRF-Token"));
    TEST_ASSERT_EQUAL_STRING("JSESSIONID=A1; __VCAP_ID__=b2", world_field(&world.requests[2], "Cookie"));
    TEST_ASSERT_EQUAL_STRING(world.requests[0].id, world.requests[2].id);
    TEST_ASSERT_TRUE(world.requests[2].body_is_right);
    TEST_ASSERT_EQUAL_UINT(1, world.connection_count);
    TEST_ASSERT_EQUAL_UINT64(1, world.health.counters[HEALTH_CSRF_FETCHED]);
    TEST_ASSERT_EQUAL_UINT(1, world.csrf_needed_calls);
    TEST_ASSERT_TRUE(world.csrf_needed);
    TEST_ASSERT_EQUAL_UINT(0, health_last_seq(&world.health));
}

static void the_token_serves_until_it_is_stale(void)
{
    for (unsigned i = 0; i < 20; i++)
        world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world_requests_of(0, "HEAD"));
    TEST_ASSERT_EQUAL_UINT(21, world_requests_of(0, "POST"));
    world_run_for(60000); /* over a new connection too */
    set_token("another");
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(21, world_done_count(0));
    TEST_ASSERT_EQUAL_UINT(2, world_requests_of(0, "HEAD"));
    TEST_ASSERT_EQUAL_STRING("another", world_field(world_last_request(), "X-CSRF-Token"));
}

static void a_second_403_in_spite_of_a_fresh_token_makes_the_route_wait(void)
{
    strcpy(valid, "never");
    world_put(0, 10);
    world_put(1, 10);
    world_settle();
    TEST_ASSERT_EQUAL(IFL_ANSWER_CSRF_AGAIN, world_route(0).status);
    TEST_ASSERT_EQUAL_UINT(2, world_requests_of(0, "POST"));
    TEST_ASSERT_EQUAL_UINT(1, world_requests_of(0, "HEAD"));
    world_run_for(86400000);
    TEST_ASSERT_TRUE(world_requests_of(0, "POST") < 500);
    TEST_ASSERT_TRUE(world_requests_of(0, "HEAD") < 500);
    set_token("at last");
    world_run_for(900000 + 1000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(1));
}

static void a_remembered_need_fetches_before_the_first_post(void)
{
    sender_csrf_remembered(&world.sender, 1);
    sender_csrf_remembered(&world.sender, 200);
    world_put(0, 10);
    world_put(1, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world_requests_of(0, "HEAD"));
    TEST_ASSERT_EQUAL_UINT(1, world_requests_of(0, "POST"));
    TEST_ASSERT_EQUAL_UINT(2, world_requests_of(1, "POST")); /* that one had to learn it */
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
}

static void protection_that_was_switched_off_is_forgotten(void)
{
    protection = false;
    sender_csrf_remembered(&world.sender, 1);
    for (unsigned i = 0; i < 5; i++)
        world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world_requests_of(0, "HEAD"));
    TEST_ASSERT_EQUAL_UINT(5, world_requests_of(0, "POST"));
    TEST_ASSERT_EQUAL_UINT(1, world.csrf_needed_calls);
    TEST_ASSERT_FALSE(world.csrf_needed);
}

static void a_flow_that_wants_a_token_and_gives_none_makes_its_route_wait(void)
{
    strcpy(fetched, HTTP_200);
    world_put(0, 10);
    world_run_for(3600000);
    TEST_ASSERT_EQUAL(IFL_ANSWER_CSRF_NONE, world_route(0).status);
    TEST_ASSERT_TRUE(world.request_count < 60);
    TEST_ASSERT_EQUAL_UINT(1, world_queued(0));
}

static void more_routes_than_jars_fetch_again_and_all_deliver(void)
{
    for (unsigned i = 0; i < 10; i++)
        for (unsigned route = 0; route < WORLD_ROUTES; route++)
            world_put(route, 10);
    world_settle();
    for (unsigned route = 0; route < WORLD_ROUTES; route++)
        TEST_ASSERT_EQUAL_UINT(10, world_done_count(route));
    TEST_ASSERT_TRUE(world.request_count <= 3 * 10 * WORLD_ROUTES);
}

static void a_fetch_that_fails_is_an_outcome_of_its_route_and_never_of_the_message(void)
{
    static const struct {
        const char *answer;
        enum ifl_status status;
        bool of_host;
    } cases[] = {
        {"HTTP/1.1 401 No\r\nContent-Length: 9\r\n\r\n", IFL_ANSWER_UNAUTHORIZED, true},
        {"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", IFL_ANSWER_ROLE, false},
        {REQUIRED, IFL_ANSWER_CSRF_NONE, false},
        {"HTTP/1.1 404 No\r\n\r\n", IFL_ANSWER_NOT_DEPLOYED, false},
        {"HTTP/1.1 503 No\r\nContent-Length: 7\r\n\r\n", IFL_ANSWER_TEMPORARY, false},
        {"HTTP/1.1 413 No\r\n\r\n", IFL_ANSWER_CLIENT_ERROR, false},
        {"HTTP/1.1 400 No\r\nSAP_MessageProcessingLogID: x\r\n\r\n", IFL_ANSWER_CLIENT_ERROR, false},
        {"HTTP/1.1 500 No\r\nSAP_MessageProcessingLogID: x\r\n\r\n", IFL_ANSWER_CLIENT_ERROR, false},
        {"HTTP/1.1 302 No\r\nLocation: /login\r\n\r\n", IFL_ANSWER_LOGIN_PAGE, true},
        {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", IFL_ANSWER_LOGIN_PAGE, true},
        {"nonsense", IFL_HTTP_CUT, true},
        {"", IFL_HTTP_CUT, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        world_start();
        world.settings.routes[0].dead_letter_after = 1;
        world_restart();
        sender_csrf_remembered(&world.sender, 1);
        world.decide = flow;
        world_reply(cases[i].answer, IFL_CLOSED);
        world_put(0, 10);
        world_settle();
        struct sender_view view = cases[i].of_host ? world_host() : world_route(0);
        TEST_ASSERT_EQUAL_MESSAGE(cases[i].status, view.status, cases[i].answer);
        TEST_ASSERT_EQUAL_UINT(0, world.dead_count);
        TEST_ASSERT_EQUAL_UINT(1, world_queued(0));
        world_run_for(120000);
        TEST_ASSERT_EQUAL_UINT_MESSAGE(1, world_done_count(0), cases[i].answer);
    }
}

static void a_token_is_taken_whatever_the_status_of_its_answer(void)
{
    strcpy(fetched, "HTTP/1.1 405 No\r\nX-CSRF-Token: T0k3n==\r\nContent-Length: 0\r\n\r\n");
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
}

static void a_token_that_ends_the_connection_is_used_on_the_next(void)
{
    strcpy(fetched, "HTTP/1.1 200 OK\r\nX-CSRF-Token: T0k3n==\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_EQUAL_UINT(3, world.request_count);
    TEST_ASSERT_EQUAL_UINT(2, world.connection_count);
    TEST_ASSERT_EQUAL_STRING("", world_field(world_last_request(), "Cookie"));
}

static void assert_too_large(void)
{
    world_put(0, 10);
    world_put(1, 10);
    world_settle();
    TEST_ASSERT_EQUAL(IFL_ANSWER_CSRF_TOO_LARGE, world_route(0).status);
    TEST_ASSERT_EQUAL(SENDER_ROUTE_HELD, world_route(0).state);
    TEST_ASSERT_EQUAL_UINT(1, world_queued(0));
    protection = false;
    world_run_for(60000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(1));
}

static void tokens_and_cookies_that_are_too_large_are_dropped_with_a_clear_cause(void)
{
    static const char *const heads[] = {
        "X-CSRF-Token: ", "X-CSRF-Token: T\r\nSet-Cookie: a=", "Set-Cookie: a=b\r\nX-CSRF-Token: "};
    for (size_t i = 0; i < 6; i++) {
        setUp();
        strcpy(fetched, "HTTP/1.1 200 OK\r\n");
        strcat(fetched, heads[i % 3]);
        size_t len = strlen(fetched);
        size_t size = i < 3 ? IFL_COOKIES_SIZE + 1 : HTTP_LINE_SIZE + 100; /* or for a line */
        memset(fetched + len, 'c', size);
        strcpy(fetched + len + size, "\r\nContent-Length: 0\r\n\r\n");
        assert_too_large();
    }
}

static void a_token_as_large_as_the_jar_is_kept(void)
{
    static char token[IFL_COOKIES_SIZE + 1];
    memset(token, 't', sizeof token - 1);
    strcpy(fetched, "HTTP/1.1 200 OK\r\nX-CSRF-Token: ");
    strcat(fetched, token);
    strcat(fetched, "\r\nContent-Length: 0\r\n\r\n");
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_STRING(token, world_field(world_last_request(), "X-CSRF-Token"));
}

static void attributes_of_a_cookie_may_be_longer_than_a_line(void)
{
    static char attributes[HTTP_LINE_SIZE + 10];
    memset(attributes, 'p', sizeof attributes - 1);
    strcpy(fetched, "HTTP/1.1 200 OK\r\nX-CSRF-Token: T0k3n==\r\nSet-Cookie: a=b; Path=");
    strcat(fetched, attributes);
    strcat(fetched, "\r\nContent-Length: 0\r\n\r\n");
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_EQUAL_STRING("a=b", world_field(world_last_request(), "Cookie"));
}

static void a_token_that_leaves_no_room_for_the_request_is_dropped_with_a_clear_cause(void)
{
    static char own[IFL_REQUEST_HEAD_SIZE];
    memset(own, 'o', IFL_REQUEST_HEAD_SIZE - 300);
    world.wiring.authorization = own;
    world_restart();
    static char token[IFL_COOKIES_SIZE + 1];
    memset(token, 't', sizeof token - 1);
    set_token("");
    strcpy(fetched, "HTTP/1.1 200 OK\r\nX-CSRF-Token: ");
    strcat(fetched, token);
    strcat(fetched, "\r\nContent-Length: 0\r\n\r\n");
    strcpy(valid, "another");
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL(IFL_ANSWER_CSRF_TOO_LARGE, world_route(0).status);
    TEST_ASSERT_FALSE(in_memory(world.sender.jars, sizeof world.sender.jars, "tttt"));
}

static void a_stopped_fetch_leaves_no_half_filled_jar(void)
{
    world_reply(REQUIRED, IFL_AGAIN);
    world_reply("HTTP/1.1 200 OK\r\nSet-Cookie: half=filled\r\nX-CSRF", IFL_AGAIN);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL(SENDER_CSRF, sender_state(&world.sender));
    sender_identity_changed(&world.sender, world.now);
    TEST_ASSERT_FALSE(in_memory(&world.sender, sizeof world.sender, "half=filled"));
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
}

static void an_empty_token_is_none(void)
{
    strcpy(fetched, "HTTP/1.1 200 OK\r\nX-CSRF-Token: Fetch\r\nSet-Cookie: bad cookie\r\nContent-Length: 0\r\n\r\n");
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL(IFL_ANSWER_CSRF_NONE, world_route(0).status);
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nX-CSRF-Token:\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-CSRF-Token: \t \r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 403 No\r\nX-CSRF-Token:\r\nContent-Length: 0\r\n\r\n",
    };
    static const enum ifl_status causes[] = {IFL_ANSWER_CSRF_NONE, IFL_ANSWER_CSRF_NONE, IFL_ANSWER_ROLE};
    for (size_t i = 0; i < 3; i++) {
        setUp();
        strcpy(fetched, answers[i]);
        world_put(0, 10);
        world_settle();
        TEST_ASSERT_EQUAL(causes[i], world_route(0).status);
        TEST_ASSERT_TRUE(world_route(0).state != SENDER_ROUTE_GOING);
        TEST_ASSERT_EQUAL_UINT(1, world_queued(0));
        set_token("T0k3n==");
        world_run_for(3600000);
        TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    }
}

static void a_flow_that_lost_its_protection_may_say_so_by_an_empty_token(void)
{
    protection = false;
    world.decide = NULL;
    sender_csrf_remembered(&world.sender, 1);
    world_reply("HTTP/1.1 200 OK\r\nX-CSRF-Token:\r\nContent-Length: 0\r\n\r\n", IFL_AGAIN);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_FALSE(world.csrf_needed);
}

static void tokens_live_only_in_the_jar_and_not_after_stop(void)
{
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_TRUE(in_memory(world.sender.jars, sizeof world.sender.jars, "T0k3n=="));
    TEST_ASSERT_FALSE(in_memory(world.sender.request, sizeof world.sender.request, "T0k3n=="));
    TEST_ASSERT_FALSE(in_memory(world.sender.response.line, sizeof world.sender.response.line, "b2"));
    TEST_ASSERT_FALSE(in_memory(&world.health, sizeof world.health, "T0k3n=="));
    sender_stop(&world.sender);
    TEST_ASSERT_FALSE(in_memory(&world.sender, sizeof world.sender, "T0k3n=="));
}

static void the_second_token_of_an_answer_is_one_too_many(void)
{
    strcpy(fetched, "HTTP/1.1 200 OK\r\nX-CSRF-Token: T0k3n==\r\nX-CSRF-Token: other\r\nContent-Length: 0\r\n\r\n");
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL(SENDER_ROUTE_HELD, world_route(0).state);
    TEST_ASSERT_EQUAL_UINT(0, world_done_count(0));
}

static void required_is_no_token_and_cookies_of_other_answers_are_left_alone(void)
{
    strcpy(fetched, "HTTP/1.1 200 OK\r\nX-CSRF-Token: Required\r\nContent-Length: 0\r\n\r\n");
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL(IFL_ANSWER_CSRF_NONE, world_route(0).status);
    setUp();
    protection = false;
    world.decide = NULL;
    world_reply("HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n", IFL_AGAIN);
    world_put(0, 10);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(2, world_done_count(0));
    TEST_ASSERT_EQUAL_STRING("", world_field(world_last_request(), "Cookie"));
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_403_required_is_followed_by_one_head_and_the_same_message);
    RUN_TEST(the_token_serves_until_it_is_stale);
    RUN_TEST(a_second_403_in_spite_of_a_fresh_token_makes_the_route_wait);
    RUN_TEST(a_remembered_need_fetches_before_the_first_post);
    RUN_TEST(protection_that_was_switched_off_is_forgotten);
    RUN_TEST(a_flow_that_wants_a_token_and_gives_none_makes_its_route_wait);
    RUN_TEST(more_routes_than_jars_fetch_again_and_all_deliver);
    RUN_TEST(a_fetch_that_fails_is_an_outcome_of_its_route_and_never_of_the_message);
    RUN_TEST(a_token_is_taken_whatever_the_status_of_its_answer);
    RUN_TEST(a_token_that_ends_the_connection_is_used_on_the_next);
    RUN_TEST(tokens_and_cookies_that_are_too_large_are_dropped_with_a_clear_cause);
    RUN_TEST(a_token_as_large_as_the_jar_is_kept);
    RUN_TEST(attributes_of_a_cookie_may_be_longer_than_a_line);
    RUN_TEST(a_token_that_leaves_no_room_for_the_request_is_dropped_with_a_clear_cause);
    RUN_TEST(a_stopped_fetch_leaves_no_half_filled_jar);
    RUN_TEST(an_empty_token_is_none);
    RUN_TEST(a_flow_that_lost_its_protection_may_say_so_by_an_empty_token);
    RUN_TEST(tokens_live_only_in_the_jar_and_not_after_stop);
    RUN_TEST(the_second_token_of_an_answer_is_one_too_many);
    RUN_TEST(required_is_no_token_and_cookies_of_other_answers_are_left_alone);
    return UNITY_END();
}
