/* Backoff, holds and probes over hours of virtual time: what the other side sees of us while it's in trouble. */
#include <string.h>

#include "unity.h"
#include "world.h"

#define MINUTE 60000u
#define HOUR 3600000u
#define DAY 86400000u
#define EMPTY "Content-Length: 0\r\n\r\n"
#define LINE(status) "HTTP/1.1 " status " x\r\n"

static const char *trouble;

static struct reply in_trouble(const struct request *request)
{
    (void)request;
    return (struct reply){trouble, IFL_AGAIN};
}

static struct reply trouble_on_route_0(const struct request *request)
{
    return (struct reply){request->route == 0 ? trouble : HTTP_200, IFL_AGAIN};
}

void setUp(void)
{
    world_start();
    trouble = LINE("503") EMPTY;
}

void tearDown(void) {}

/* With full jitter a wait is half its interval on average: 1 s, 2 s, ... 7 min, so about 10 tries in the first quarter of an hour, then about
 * 17 an hour. */
static void assert_bounded_by_backoff(size_t tries_in_a_day)
{
    TEST_ASSERT_TRUE(tries_in_a_day >= 206);
    TEST_ASSERT_TRUE(tries_in_a_day <= 500);
}

static void a_day_without_network_is_a_few_tries_and_one_event(void)
{
    world.open_default = IFL_NET_DNS;
    for (unsigned route = 0; route < WORLD_ROUTES; route++)
        for (unsigned i = 0; i < 50; i++)
            world_put(route, 100);
    world_run_for(DAY);
    assert_bounded_by_backoff(world.connection_count);
    TEST_ASSERT_EQUAL_UINT32(1, health_last_seq(&world.health));
    TEST_ASSERT_EQUAL(SENDER_ROUTE_BACKOFF, world_host().state);
    TEST_ASSERT_EQUAL(IFL_NET_DNS, world_host().status);
    TEST_ASSERT_EQUAL_UINT32(world.connection_count, world_host().attempts);
    world.open_default = IFL_OK;
    world_run_for(15 * MINUTE + 1000);
    for (unsigned route = 0; route < WORLD_ROUTES; route++) {
        TEST_ASSERT_EQUAL_UINT(50, world_done_count(route));
        for (unsigned i = 0; i < 50; i++)
            TEST_ASSERT_EQUAL_UINT64(i + 1, world_done_n(route, i));
    }
    TEST_ASSERT_EQUAL_UINT(50 * WORLD_ROUTES, world.request_count);
    TEST_ASSERT_EQUAL_UINT32(2, health_last_seq(&world.health)); /* and one that it's over */
    TEST_ASSERT_EQUAL(IFL_RECOVERED, health_event_at(&world.health, 2)->status);
}

static struct reply broken_off;

static struct reply breaks_off(const struct request *request)
{
    return request->route == 0 ? broken_off : (struct reply){HTTP_200, IFL_AGAIN};
}

static void a_refusal_that_breaks_off_holds_its_route_but_the_host_has_not_recovered(void)
{
    static const char *const refusals[] = {"HTTP/1.1 403 No\r\nContent-Length: 100\r\n\r\nNo",
                                           "HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nNo",
                                           "HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\n"};
    static const enum ifl_status causes[] = {IFL_ANSWER_ROLE, IFL_ANSWER_SERVER_ERROR, IFL_ANSWER_TEMPORARY};
    static const enum ifl_status ends[] = {IFL_AGAIN, IFL_CLOSED, IFL_NET_RESET};
    for (size_t i = 0; i < 9; i++) {
        world_start();
        world.settings.routes[0].timeout_ms = 10000;
        world_open(IFL_NET_REFUSED);
        broken_off = (struct reply){refusals[i % 3], ends[i / 3]};
        world.decide = breaks_off;
        world_put(0, 10);
        world_run_for(20000);
        TEST_ASSERT_EQUAL(causes[i % 3], world_route(0).status);
        TEST_ASSERT_EQUAL_UINT(0, world_events(IFL_RECOVERED));
        TEST_ASSERT_EQUAL(SENDER_ROUTE_BACKOFF, world_host().state);
        world_put(1, 10); /* it's tried all the same */
        world_run_for(15000);
        TEST_ASSERT_EQUAL_UINT(1, world_done_count(1));
        TEST_ASSERT_EQUAL_UINT(1, world_events(IFL_RECOVERED));
        TEST_ASSERT_EQUAL(SENDER_ROUTE_GOING, world_host().state);
        world.decide = NULL;
        world_run_for(HOUR);
        TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    }
}

static void a_day_of_connections_that_die_is_bounded_however_they_die(void)
{
    static const enum ifl_status ends[] = {IFL_CLOSED,      IFL_NET_RESET,    IFL_TLS_RESET,
                                           IFL_NET_TIMEOUT, IFL_TLS_PROTOCOL, IFL_NO_MEMORY};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        world_start();
        world.after_handshake = ends[i];
        world_put(0, 10);
        world_run_for(DAY);
        assert_bounded_by_backoff(world.connection_count);
    }
}

static void a_day_of_answers_cut_short_is_bounded(void)
{
    static const char *const cut[] = {"", "HTTP/1.1 2", "nonsense\r\n"};
    for (size_t i = 0; i < 3; i++) {
        world_start();
        trouble = cut[i];
        world.decide = in_trouble;
        for (unsigned j = 0; j < WORLD_REQUESTS; j++)
            if (j < sizeof world.replies / sizeof *world.replies)
                world_reply(cut[i], IFL_CLOSED);
        world_put(0, 10);
        world_put(1, 10);
        world_run_for(DAY / 2);
        TEST_ASSERT_TRUE(world.request_count >= 103 && world.request_count <= 400);
        TEST_ASSERT_EQUAL_UINT(1, world_queued(0));
    }
}

static void a_failing_route_backs_off_alone(void)
{
    world.decide = trouble_on_route_0;
    world_put(0, 10);
    for (unsigned minute = 0; minute < 1440; minute++) {
        world_put(1, 10);
        world_put(2, 10);
        world_run_for(MINUTE);
    }
    TEST_ASSERT_EQUAL_UINT(1440, world_done_count(1));
    TEST_ASSERT_EQUAL_UINT(1440, world_done_count(2));
    assert_bounded_by_backoff(world_requests_of(0, "POST"));
    TEST_ASSERT_EQUAL(SENDER_ROUTE_GOING, world_host().state);
    TEST_ASSERT_EQUAL_UINT(1, world_events(IFL_ANSWER_TEMPORARY));
}

static void a_held_route_is_probed_slowly_with_the_same_message_and_others_go_on(void)
{
    static const char *const answers[] = {LINE("404") EMPTY, LINE("403") EMPTY, LINE("405") EMPTY, LINE("431") EMPTY,
                                          LINE("418") EMPTY};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        world_start();
        trouble = answers[i];
        world.decide = trouble_on_route_0;
        world.settings.routes[0].priority = 9;
        world_put(0, 10);
        world_put(0, 10);
        for (unsigned minute = 0; minute < 1440; minute++) {
            world_put(1, 10);
            world_run_for(MINUTE);
        }
        TEST_ASSERT_EQUAL_UINT(1440, world_done_count(1));
        TEST_ASSERT_TRUE(world_requests_of(0, "POST") >= 24 && world_requests_of(0, "POST") <= 40);
        ifl_ms before = 0;
        for (size_t j = 0; j < world.request_count; j++)
            if (world.requests[j].route == 0) {
                TEST_ASSERT_EQUAL_STRING("1122334455667788-1-1", world.requests[j].id);
                TEST_ASSERT_TRUE(world.requests[j].at - before >= 45000);
                before = world.requests[j].at;
            }
        TEST_ASSERT_EQUAL_UINT64(1, world.health.counters[HEALTH_HELD]);
        world.decide = NULL;
        world_run_for(HOUR);
        TEST_ASSERT_EQUAL_UINT(2, world_done_count(0));
        TEST_ASSERT_EQUAL(SENDER_ROUTE_GOING, world_route(0).state);
        TEST_ASSERT_EQUAL_UINT(1, world_events(IFL_ACCEPTED));
    }
}

static void a_held_identity_is_probed_with_one_message_and_a_full_handshake(void)
{
    world.resumes = true;
    trouble = LINE("401") EMPTY;
    world.decide = in_trouble;
    for (unsigned route = 0; route < WORLD_ROUTES; route++)
        for (unsigned i = 0; i < 20; i++)
            world_put(route, 10);
    world_run_for(DAY);
    TEST_ASSERT_TRUE(world.request_count >= 24 && world.request_count <= 40);
    TEST_ASSERT_EQUAL_UINT(world.request_count, world.connection_count);
    TEST_ASSERT_EQUAL_UINT64(0, world.health.counters[HEALTH_HANDSHAKES_RESUMED]);
    TEST_ASSERT_EQUAL_UINT(1, health_last_seq(&world.health));
    world.decide = NULL;
    world_run_for(HOUR);
    for (unsigned route = 0; route < WORLD_ROUTES; route++)
        TEST_ASSERT_EQUAL_UINT(20, world_done_count(route));
}

static void a_host_that_cannot_be_trusted_is_probed_slowly(void)
{
    static const enum ifl_status causes[] = {
        IFL_TLS_UNTRUSTED,      IFL_TLS_NAME,    IFL_TLS_EXPIRED,      IFL_TLS_NOT_YET_VALID,
        IFL_TLS_WEAK,           IFL_TLS_VERSION, IFL_TLS_HOST_REFUSED, IFL_TLS_CLIENT_REFUSED,
        IFL_TLS_CLIENT_EXPIRED, IFL_PROXY_AUTH,  IFL_PROXY_REFUSED,    IFL_IDENTITY_NONE,
        IFL_NO_ENTROPY,         IFL_INVALID};
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
        world_start();
        world.open_default = causes[i];
        world_put(0, 10);
        world_run_for(DAY);
        TEST_ASSERT_TRUE(world.connection_count >= 24 && world.connection_count <= 40);
        TEST_ASSERT_EQUAL(SENDER_ROUTE_HELD, world_host().state);
        TEST_ASSERT_EQUAL(causes[i], world_host().status);
        TEST_ASSERT_EQUAL_UINT(0, world.request_count);
    }
}

static void a_network_failure_does_not_hide_why_the_host_is_held(void)
{
    world_open(IFL_TLS_NAME);
    world.open_default = IFL_NET_DNS;
    world_put(0, 10);
    world_run_for(DAY);
    TEST_ASSERT_EQUAL(SENDER_ROUTE_HELD, world_host().state);
    TEST_ASSERT_EQUAL(IFL_TLS_NAME, world_host().status);
    TEST_ASSERT_TRUE(world.connection_count <= 40);
    TEST_ASSERT_EQUAL_UINT(1, world_events(IFL_NET_DNS));
    world.open_default = IFL_OK;
    world_run_for(HOUR);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
}

static void any_answer_of_the_runtime_ends_the_hold_of_the_host(void)
{
    world_reply(LINE("404") "X-Cf-RouterError: unknown_route\r\n" EMPTY, IFL_AGAIN);
    world_reply(LINE("404") EMPTY, IFL_AGAIN);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL(SENDER_ROUTE_HELD, world_host().state);
    world_put(1, 10);
    world_run_for(MINUTE + 1000);
    TEST_ASSERT_EQUAL(SENDER_ROUTE_GOING, world_host().state);
    TEST_ASSERT_EQUAL_UINT(1, world_route(0).state == SENDER_ROUTE_HELD || world_route(1).state == SENDER_ROUTE_HELD);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0) + world_done_count(1));
}

static void one_message_on_which_connections_die_does_not_starve_the_others(void)
{
    world.settings.routes[0].priority = 9;
    world_put(0, 10);
    for (unsigned i = 0; i < 60; i++)
        world_reply("", IFL_NET_RESET);
    world.reply_count = 0; /* only route 0 dies, see below */
    trouble = "";
    world.decide = trouble_on_route_0;
    world.settings.routes[0].timeout_ms = 1000;
    for (unsigned minute = 0; minute < 240; minute++) {
        world_put(1, 10);
        world_run_for(MINUTE);
    }
    TEST_ASSERT_TRUE(world_done_count(1) >= 239);
    TEST_ASSERT_TRUE(world_requests_of(0, "POST") < 110);
    TEST_ASSERT_EQUAL_UINT(1, world_queued(0));
}

/* ---- Retry-After ---- */

static uint64_t wait_after(const char *answer)
{
    world_start();
    world_reply(answer, IFL_AGAIN);
    world_put(0, 10);
    world_settle();
    world_run_for(2 * HOUR);
    TEST_ASSERT_EQUAL_UINT(2, world.request_count);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    return world.requests[1].at - world.requests[0].at;
}

static void retry_after_is_a_lower_bound_in_both_forms(void)
{
    static const char *const two_minutes[] = {
        LINE("503") "Retry-After: 120\r\n" EMPTY,
        LINE("429") "retry-after:120\r\n" EMPTY,
        LINE("503") "Retry-After: Wed, 01 Jan 2025 00:02:00 GMT\r\nDate: Wed, 01 Jan 2025 00:00:00 GMT\r\n" EMPTY,
        LINE("429") "Date: Wed, 01 Jan 2025 00:00:00 GMT\r\nRetry-After: Wednesday, 01-Jan-25 00:02:00 GMT\r\n" EMPTY,
    };
    for (size_t i = 0; i < sizeof two_minutes / sizeof *two_minutes; i++) {
        uint64_t wait_ms = wait_after(two_minutes[i]);
        TEST_ASSERT_TRUE_MESSAGE(wait_ms >= 120000 && wait_ms <= 121000, two_minutes[i]);
    }
}

static void retry_after_is_capped_at_an_hour(void)
{
    static const char *const far[] = {
        LINE("503") "Retry-After: 7200\r\n" EMPTY,
        LINE("429") "Retry-After: 9999999999999999999\r\n" EMPTY,
        LINE("503") "Retry-After: Fri, 01 Jan 2100 00:00:00 GMT\r\n" EMPTY,
    };
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        uint64_t wait_ms = wait_after(far[i]);
        TEST_ASSERT_TRUE_MESSAGE(wait_ms >= HOUR && wait_ms <= HOUR + 1000, far[i]);
    }
}

static void retry_after_that_says_nothing_is_plain_backoff(void)
{
    static const char *const nothing[] = {
        LINE("503") "Retry-After: soon\r\n" EMPTY,
        LINE("503") "Retry-After: -5\r\n" EMPTY,
        LINE("503") "Retry-After:\r\n" EMPTY,
        LINE("503") "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n" EMPTY,
        LINE("503") "Retry-After: a value that is much longer than any date could be\r\n" EMPTY,
    };
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        TEST_ASSERT_TRUE_MESSAGE(wait_after(nothing[i]) <= 1000, nothing[i]);
}

static void a_hold_honours_retry_after_too(void)
{
    uint64_t wait_ms = wait_after(LINE("404") "Retry-After: 1800\r\n" EMPTY);
    TEST_ASSERT_TRUE(wait_ms >= 1800000 && wait_ms <= 1800001);
}

/* ---- what ends a wait ---- */

static void a_success_makes_the_next_failure_cheap_again(void)
{
    world.open_default = IFL_NET_REFUSED;
    world_put(0, 10);
    world_run_for(6 * HOUR);
    world.open_default = IFL_OK;
    world_run_for(15 * MINUTE + 1000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    world_run_for(MINUTE); /* idle: closed */
    world_open(IFL_NET_REFUSED);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_TRUE(world_host().until - world.now <= 1000);
}

/* ---- the rate of a backlog ---- */

static void put_apart(unsigned count, int64_t apart_s)
{
    world.stored_unix_s = 1800000000;
    for (unsigned i = 0; i < count; i++, world.stored_unix_s += apart_s)
        world_put(0, 10);
}

static void assert_spacing(uint64_t at_least_ms, uint64_t at_most_ms)
{
    for (size_t i = 1; i < world.request_count; i++) {
        uint64_t apart_ms = world.requests[i].at - world.requests[i - 1].at;
        TEST_ASSERT_TRUE(apart_ms >= at_least_ms && apart_ms <= at_most_ms);
    }
}

static void a_backlog_goes_out_four_times_as_fast_as_it_was_stored(void)
{
    put_apart(13, 300);
    world_run_for(12 * 75000 + 1000);
    TEST_ASSERT_EQUAL_UINT(13, world_done_count(0));
    assert_spacing(75000, 76000);
}

static void what_was_stored_in_one_second_goes_out_at_once(void)
{
    put_apart(100, 0);
    world_run_for(10000);
    TEST_ASSERT_EQUAL_UINT(100, world_done_count(0));
}

static void a_clock_that_was_set_between_two_messages_says_nothing_about_their_pace(void)
{
    put_apart(1, 0);
    world.stored_unix_s += 3 * 365 * 86400;
    world.stored_quality = CLOCK_SNTP;
    world_put(0, 10);
    world_run_for(1000);
    TEST_ASSERT_EQUAL_UINT(2, world_done_count(0));
}

static void no_pause_is_longer_than_five_minutes_whatever_the_clock_said(void)
{
    put_apart(3, 50 * 365 * 86400);
    world_run_for(11 * MINUTE);
    TEST_ASSERT_EQUAL_UINT(3, world_done_count(0));
    assert_spacing(5 * MINUTE, 5 * MINUTE + 1000);
    put_apart(2, -86400);
    world_run_for(6 * MINUTE);
    TEST_ASSERT_EQUAL_UINT(5, world_done_count(0));
}

static void a_route_may_have_a_rate_of_its_own(void)
{
    world.settings.routes[0].max_rate = 60;
    put_apart(10, 0);
    world_run_for(9 * 1000 + 500);
    TEST_ASSERT_EQUAL_UINT(10, world_done_count(0));
    assert_spacing(1000, 1100);
}

static void messages_that_come_one_by_one_never_wait_for_the_rate(void)
{
    world.stored_unix_s = 1800000000;
    for (unsigned i = 0; i < 20; i++, world.stored_unix_s += 60) {
        world_put(0, 10);
        world_run_for(1000);
        TEST_ASSERT_EQUAL_UINT(i + 1, world_done_count(0));
        world_run_for(59000);
    }
}

static void one_route_that_waits_for_its_rate_holds_no_other(void)
{
    put_apart(3, 300);
    for (unsigned i = 0; i < 10; i++)
        world_put(1, 10);
    world.settings.routes[1].max_rate = 60000;
    world_run_for(10000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_EQUAL_UINT(10, world_done_count(1));
}

static void retry_does_not_wait_for_the_rate(void)
{
    put_apart(3, 300);
    world_run_for(1000);
    sender_retry(&world.sender, 0, world.now);
    world_run_for(1000);
    TEST_ASSERT_EQUAL_UINT(2, world_done_count(0));
}

static void retry_tries_the_named_route_at_once(void)
{
    trouble = LINE("404") EMPTY;
    world.decide = in_trouble;
    world_put(0, 10);
    world_put(1, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(2, world.request_count);
    sender_retry(&world.sender, 1, world.now);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(3, world.request_count);
    TEST_ASSERT_EQUAL_INT(1, world_last_request()->route);
    TEST_ASSERT_EQUAL(SENDER_ROUTE_HELD, world_route(1).state);
    world.decide = NULL;
    sender_retry(&world.sender, HEALTH_ROUTE_NONE, world.now);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(1));
}

static void retry_tries_the_host_at_once(void)
{
    world_open(IFL_TLS_UNTRUSTED);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world.connection_count);
    sender_retry(&world.sender, 3, world.now);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
}

static struct reply silence_on_route_0(const struct request *request)
{
    return request->route == 0 ? (struct reply){"", IFL_AGAIN} : (struct reply){HTTP_200, IFL_AGAIN};
}

static void a_flow_that_never_answers_does_not_take_every_probe_of_a_held_host(void)
{
    world.settings.routes[0].priority = 5;
    world_restart();
    world_put(0, 100);
    world_put(1, 100);
    world.opens[world.open_count++] = IFL_TLS_UNTRUSTED; /* holds the host */
    world.decide = silence_on_route_0;
    world_run_for(3 * HOUR);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(1));
    TEST_ASSERT_EQUAL_UINT(0, world_done_count(0));
}

static void there_is_no_view_of_a_route_that_is_not_there(void)
{
    struct sender_view view;
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, sender_route_view(&world.sender, WORLD_ROUTES, &view));
}

static void an_error_on_an_open_connection_keeps_the_connection(void)
{
    world_reply(LINE("503") EMPTY, IFL_AGAIN);
    world_put(0, 10);
    world_run_for(3000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_EQUAL_UINT(1, world.connection_count);
}

/* A week of everything: failures of all kinds at random, and nothing is lost, doubled or out of order. */
static struct reply at_random(const struct request *request)
{
    static const struct reply replies[] = {
        {LINE("503") EMPTY, IFL_AGAIN},
        {LINE("503") "Retry-After: 30\r\n" EMPTY, IFL_CLOSED},
        {LINE("429") EMPTY, IFL_AGAIN},
        {LINE("404") EMPTY, IFL_AGAIN},
        {LINE("401") EMPTY, IFL_AGAIN},
        {"", IFL_CLOSED},
        {"", IFL_NET_RESET},
        {"", IFL_AGAIN},
        {"HTTP/1.1 200 OK\r\nConte", IFL_NET_RESET},
        {LINE("500") "SAP_MessageProcessingLogID: x\r\n" EMPTY, IFL_AGAIN},
        {LINE("403") "X-CSRF-Token: Required\r\n" EMPTY, IFL_AGAIN},
    };
    uint64_t dice = ifl_random_below(&world.wiring.random, 30);
    (void)request;
    return dice < sizeof replies / sizeof *replies ? replies[dice] : (struct reply){HTTP_200, IFL_AGAIN};
}

static void a_week_of_random_trouble_loses_nothing_and_keeps_the_order(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        world_start();
        world.seed = seed;
        world.decide = at_random;
        world.resumes = seed % 2 == 0;
        world.tls13 = seed % 3 == 0;
        world.idle_close_ms = 60000;
        for (unsigned i = 0; i < 100; i++) {
            world_put(i % 3, 1 + i);
            world_run_for(ifl_random_below(&world.wiring.random, 10 * MINUTE));
        }
        world.decide = NULL;
        world_run_for(3 * HOUR);
        for (unsigned route = 0; route < 3; route++) {
            TEST_ASSERT_EQUAL_UINT(0, world_queued(route));
            for (unsigned i = 0; i < world_done_count(route); i++)
                TEST_ASSERT_EQUAL_UINT64(i + 1, world_done_n(route, i));
        }
        TEST_ASSERT_EQUAL_UINT(100, world_done_count(0) + world_done_count(1) + world_done_count(2));
        for (size_t i = 0; i < world.request_count; i++)
            TEST_ASSERT_TRUE(world.requests[i].body_is_right || world.requests[i].body_size == 0);
    }
}

/* ---- the age limit ---- */

static void what_is_too_old_is_given_up_with_its_reason_and_the_rest_goes(void)
{
    world.settings.routes[0].max_age_min = 30;
    world.open_default = IFL_NET_DNS;
    for (unsigned i = 0; i < 5; i++) {
        world_put(0, 10);
        world_put(1, 10);
        world_run_for(10 * MINUTE);
    }
    world.open_default = IFL_OK;
    sender_retry(&world.sender, HEALTH_ROUTE_NONE, world.now);
    world_run_for(MINUTE);
    TEST_ASSERT_EQUAL_UINT(3, world.gave_up_count); /* of 50, 40 and 30 minutes */
    TEST_ASSERT_EQUAL(IFL_STORE_EXPIRED, world.last_reason);
    TEST_ASSERT_EQUAL_UINT64(3, world.health.counters[HEALTH_GIVEN_UP]);
    TEST_ASSERT_EQUAL_UINT(5, world_done_count(1));
    unsigned posted = 0;
    for (size_t i = 0; i < world.request_count; i++) {
        posted += world.requests[i].route == 0;
        TEST_ASSERT_TRUE(world.requests[i].route != 0 || world.requests[i].n > 3);
    }
    TEST_ASSERT_EQUAL_UINT(2, posted);
    unsigned events = 0;
    for (uint32_t seq = 1; seq <= health_last_seq(&world.health); seq++) {
        const struct health_event *event = health_event_at(&world.health, seq);
        events += event != NULL && event->status == IFL_STORE_EXPIRED && event->route == 0;
    }
    TEST_ASSERT_TRUE(events > 0);
}

static void no_clock_that_jumps_makes_a_message_too_old(void)
{
    world.settings.routes[0].max_age_min = 30;
    world.stored_unix_s = 1700000000;
    world_put(0, 10);
    TEST_ASSERT_TRUE(clock_set(&world.clock, 1700000000 + 3650 * 86400, CLOCK_RTC, 0, world.now));
    world_run_for(MINUTE);
    TEST_ASSERT_EQUAL_UINT(0, world.gave_up_count);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
}

/* A message that waits for an hour, and then for another one in which everything works. */
static void let_one_grow_old(void)
{
    world.settings.routes[0].max_age_min = 1;
    world.open_default = IFL_NET_DNS;
    world_put(0, 10);
    world_run_for(HOUR);
    world.open_default = IFL_OK;
    world_run_for(HOUR);
}

static void an_old_message_that_a_person_put_back_goes_all_the_same(void)
{
    world.other_lane = true;
    let_one_grow_old();
    TEST_ASSERT_EQUAL_UINT(0, world.gave_up_count);
    TEST_ASSERT_EQUAL_UINT(1, world.request_count);
}

static void where_there_is_no_place_to_record_it_an_old_message_goes_and_makes_room(void)
{
    world.give_up_status = IFL_STORE_FULL;
    let_one_grow_old();
    TEST_ASSERT_EQUAL_UINT(0, world.gave_up_count);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
}

static void where_it_cannot_be_given_up_now_the_route_waits(void)
{
    world.give_up_status = IFL_FLASH_IO;
    let_one_grow_old();
    TEST_ASSERT_EQUAL_UINT(0, world.gave_up_count);
    TEST_ASSERT_EQUAL_UINT(0, world.request_count);
    world.give_up_status = IFL_OK;
    world_run_for(HOUR);
    TEST_ASSERT_EQUAL_UINT(1, world.gave_up_count);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_day_without_network_is_a_few_tries_and_one_event);
    RUN_TEST(a_refusal_that_breaks_off_holds_its_route_but_the_host_has_not_recovered);
    RUN_TEST(a_day_of_connections_that_die_is_bounded_however_they_die);
    RUN_TEST(a_day_of_answers_cut_short_is_bounded);
    RUN_TEST(a_failing_route_backs_off_alone);
    RUN_TEST(a_held_route_is_probed_slowly_with_the_same_message_and_others_go_on);
    RUN_TEST(a_held_identity_is_probed_with_one_message_and_a_full_handshake);
    RUN_TEST(a_host_that_cannot_be_trusted_is_probed_slowly);
    RUN_TEST(a_network_failure_does_not_hide_why_the_host_is_held);
    RUN_TEST(any_answer_of_the_runtime_ends_the_hold_of_the_host);
    RUN_TEST(one_message_on_which_connections_die_does_not_starve_the_others);
    RUN_TEST(retry_after_is_a_lower_bound_in_both_forms);
    RUN_TEST(retry_after_is_capped_at_an_hour);
    RUN_TEST(retry_after_that_says_nothing_is_plain_backoff);
    RUN_TEST(a_hold_honours_retry_after_too);
    RUN_TEST(a_success_makes_the_next_failure_cheap_again);
    RUN_TEST(a_backlog_goes_out_four_times_as_fast_as_it_was_stored);
    RUN_TEST(a_clock_that_was_set_between_two_messages_says_nothing_about_their_pace);
    RUN_TEST(what_was_stored_in_one_second_goes_out_at_once);
    RUN_TEST(no_pause_is_longer_than_five_minutes_whatever_the_clock_said);
    RUN_TEST(a_route_may_have_a_rate_of_its_own);
    RUN_TEST(messages_that_come_one_by_one_never_wait_for_the_rate);
    RUN_TEST(one_route_that_waits_for_its_rate_holds_no_other);
    RUN_TEST(retry_does_not_wait_for_the_rate);
    RUN_TEST(retry_tries_the_named_route_at_once);
    RUN_TEST(retry_tries_the_host_at_once);
    RUN_TEST(a_flow_that_never_answers_does_not_take_every_probe_of_a_held_host);
    RUN_TEST(there_is_no_view_of_a_route_that_is_not_there);
    RUN_TEST(an_error_on_an_open_connection_keeps_the_connection);
    RUN_TEST(a_week_of_random_trouble_loses_nothing_and_keeps_the_order);
    RUN_TEST(what_is_too_old_is_given_up_with_its_reason_and_the_rest_goes);
    RUN_TEST(no_clock_that_jumps_makes_a_message_too_old);
    RUN_TEST(an_old_message_that_a_person_put_back_goes_all_the_same);
    RUN_TEST(where_there_is_no_place_to_record_it_an_old_message_goes_and_makes_room);
    RUN_TEST(where_it_cannot_be_given_up_now_the_route_waits);
    return UNITY_END();
}
