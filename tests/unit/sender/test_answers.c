/* What follows from an answer, from a broken one, and from none at all: never a lost message, never a second id, the action of the
 * catalogue. */
#include <string.h>

#include "unity.h"
#include "world.h"

#define MPL "SAP_MessageProcessingLogID: AGb-42\r\n"
#define PAGE "Content-Type: text/html;charset=utf-8\r\n"
#define EMPTY "Content-Length: 0\r\n\r\n"
#define LINE(status) "HTTP/1.1 " status " x\r\n"

void setUp(void)
{
    world_start();
}

void tearDown(void) {}

static void send_one(void)
{
    world_put(0, 10);
    world_put(1, 10);
    world.settings.routes[0].priority = 2;
    world_settle();
}

/* The state of route 0 and of the host after this answer to the first message of route 0. */
struct outcome {
    const char *answer;
    enum ifl_status end; /* of the connection, behind it */
    enum ifl_status status;
    enum ifl_action action;
};

static const struct outcome outcomes[] = {
    {LINE("401") PAGE "WWW-Authenticate: Basic realm=\"x\"\r\n" EMPTY, IFL_AGAIN, IFL_ANSWER_NO_CLIENT_CERT,
     IFL_ACTION_HOLD_IDENTITY},
    {LINE("401") "Content-Length: 44\r\n\r\nis not configured in a service key of a ....", IFL_AGAIN,
     IFL_ANSWER_KEY_UNKNOWN, IFL_ACTION_HOLD_IDENTITY},
    {LINE("401") "\r\nconfigured exactly once", IFL_CLOSED, IFL_ANSWER_KEY_TWICE, IFL_ACTION_HOLD_IDENTITY},
    {LINE("403") PAGE EMPTY, IFL_AGAIN, IFL_ANSWER_ROLE, IFL_ACTION_HOLD_ROUTE},
    {LINE("404") "X-Cf-RouterError: unknown_route\r\n" EMPTY, IFL_AGAIN, IFL_ANSWER_HOST_UNKNOWN, IFL_ACTION_HOLD_HOST},
    {LINE("404") PAGE EMPTY, IFL_AGAIN, IFL_ANSWER_NOT_DEPLOYED, IFL_ACTION_HOLD_ROUTE},
    {LINE("400") "X-Cf-RouterError: empty_host\r\n" EMPTY, IFL_AGAIN, IFL_ANSWER_NO_HOST, IFL_ACTION_HOLD_HOST},
    {LINE("400") "\r\nThe SSL certificate error", IFL_CLOSED, IFL_ANSWER_PROXY_CERT, IFL_ACTION_HOLD_IDENTITY},
    {LINE("405") EMPTY, IFL_AGAIN, IFL_ANSWER_METHOD, IFL_ACTION_HOLD_ROUTE},
    {LINE("408") EMPTY, IFL_AGAIN, IFL_ANSWER_TEMPORARY, IFL_ACTION_RETRY_ROUTE},
    {LINE("425") EMPTY, IFL_AGAIN, IFL_ANSWER_TEMPORARY, IFL_ACTION_RETRY_ROUTE},
    {LINE("429") EMPTY, IFL_AGAIN, IFL_ANSWER_BUSY, IFL_ACTION_RETRY_HOST},
    {LINE("502") "X-Cf-RouterError: endpoint_failure\r\n" EMPTY, IFL_AGAIN, IFL_ANSWER_NO_ENDPOINT,
     IFL_ACTION_RETRY_HOST},
    {LINE("503") EMPTY, IFL_AGAIN, IFL_ANSWER_TEMPORARY, IFL_ACTION_RETRY_ROUTE},
    {LINE("504") EMPTY, IFL_AGAIN, IFL_ANSWER_TEMPORARY, IFL_ACTION_RETRY_ROUTE},
    {LINE("431") EMPTY, IFL_AGAIN, IFL_ANSWER_HEADERS_TOO_LARGE, IFL_ACTION_HOLD_ROUTE},
    {LINE("500") MPL EMPTY, IFL_AGAIN, IFL_ANSWER_FLOW_FAILED, IFL_ACTION_RETRY_ROUTE},
    {LINE("500") PAGE EMPTY, IFL_AGAIN, IFL_ANSWER_TRIAL, IFL_ACTION_HOLD_IDENTITY},
    {LINE("200") PAGE EMPTY, IFL_AGAIN, IFL_ANSWER_LOGIN_PAGE, IFL_ACTION_HOLD_HOST},
    {LINE("302") "Location: https://x.authentication.eu10/\r\n" EMPTY, IFL_AGAIN, IFL_ANSWER_LOGIN_PAGE,
     IFL_ACTION_HOLD_HOST},
    {LINE("307") "Location: http://other/\r\n" EMPTY, IFL_AGAIN, IFL_ANSWER_REDIRECT, IFL_ACTION_HOLD_ROUTE},
    {LINE("418") EMPTY, IFL_AGAIN, IFL_ANSWER_CLIENT_ERROR, IFL_ACTION_HOLD_ROUTE},
    {LINE("503") "Content-Length: 500\r\n\r\ncut", IFL_NET_RESET, IFL_ANSWER_TEMPORARY, IFL_ACTION_RETRY_ROUTE},
    {LINE("503") "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", IFL_AGAIN, IFL_ANSWER_TEMPORARY, IFL_ACTION_RETRY_ROUTE},
    {"HTTP/1.0 503 Busy\r\n\r\nlater", IFL_CLOSED, IFL_ANSWER_TEMPORARY, IFL_ACTION_RETRY_ROUTE},
    /* answers that aren't answers */
    {"hello, this is not HTTP\r\n\r\n", IFL_CLOSED, IFL_HTTP_MALFORMED, IFL_ACTION_RETRY_HOST},
    {"HTTP/1.1 99 Low\r\n" EMPTY, IFL_CLOSED, IFL_HTTP_MALFORMED, IFL_ACTION_RETRY_HOST},
    {"HTTP/1.1 999 High\r\n" EMPTY, IFL_CLOSED, IFL_HTTP_MALFORMED, IFL_ACTION_RETRY_HOST},
    {"HTTP/2.0 200 OK\r\n" EMPTY, IFL_CLOSED, IFL_HTTP_VERSION, IFL_ACTION_HOLD_HOST},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", IFL_AGAIN, IFL_HTTP_MALFORMED, IFL_ACTION_RETRY_HOST},
    {LINE("200") "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", IFL_AGAIN, IFL_HTTP_MALFORMED,
     IFL_ACTION_RETRY_HOST},
    {LINE("200") "Content-Le", IFL_CLOSED, IFL_HTTP_CUT, IFL_ACTION_RETRY_HOST},
    {LINE("200") "Content-Le", IFL_NET_RESET, IFL_HTTP_CUT, IFL_ACTION_RETRY_HOST},
    {"", IFL_CLOSED, IFL_HTTP_CUT, IFL_ACTION_RETRY_HOST},
    {"", IFL_NET_RESET, IFL_HTTP_CUT, IFL_ACTION_RETRY_HOST},
    {"", IFL_TLS_RESET, IFL_HTTP_CUT, IFL_ACTION_RETRY_HOST},
    {"", IFL_NET_TIMEOUT, IFL_NET_TIMEOUT, IFL_ACTION_RETRY_HOST},
    {"", IFL_NO_MEMORY, IFL_NO_MEMORY, IFL_ACTION_RETRY_HOST},
    {"", IFL_TLS_PROTOCOL, IFL_TLS_PROTOCOL, IFL_ACTION_RETRY_HOST},
    {"", IFL_TLS_CLIENT_REFUSED, IFL_TLS_CLIENT_REFUSED, IFL_ACTION_HOLD_IDENTITY},
    {"", IFL_TLS_CLIENT_EXPIRED, IFL_TLS_CLIENT_EXPIRED, IFL_ACTION_HOLD_IDENTITY},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", IFL_AGAIN, IFL_HTTP_MALFORMED, IFL_ACTION_RETRY_HOST},
};

static void assert_outcome(const struct outcome *outcome)
{
    const char *name = outcome->answer;
    struct sender_view route = world_route(0), host = world_host();
    TEST_ASSERT_EQUAL_MESSAGE(outcome->action, ifl_diag(outcome->status)->action, name);
    TEST_ASSERT_EQUAL_UINT_MESSAGE(0, world_done_count(0), name);
    TEST_ASSERT_EQUAL_UINT_MESSAGE(1, world_queued(0), name);
    bool of_route = outcome->action == IFL_ACTION_RETRY_ROUTE || outcome->action == IFL_ACTION_HOLD_ROUTE;
    bool held = outcome->action != IFL_ACTION_RETRY_ROUTE && outcome->action != IFL_ACTION_RETRY_HOST;
    TEST_ASSERT_EQUAL_MESSAGE(outcome->status, of_route ? route.status : host.status, name);
    TEST_ASSERT_EQUAL_MESSAGE(held ? SENDER_ROUTE_HELD : SENDER_ROUTE_BACKOFF, of_route ? route.state : host.state,
                              name);
    TEST_ASSERT_EQUAL_UINT64_MESSAGE(held, world.health.counters[HEALTH_HELD], name);
    TEST_ASSERT_EQUAL_UINT_MESSAGE(1, world_events(outcome->status) > 0, name);
    /* A route that waits doesn't keep the others; a host that waits does. */
    if (of_route)
        TEST_ASSERT_EQUAL_UINT_MESSAGE(1, world_done_count(1), name);
    else if (host.until > world.now)
        TEST_ASSERT_EQUAL_UINT_MESSAGE(0, world_done_count(1), name);
}

static void each_answer_has_the_outcome_of_its_action(void)
{
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
        world_start();
        world_reply(outcomes[i].answer, outcomes[i].end);
        send_one();
        assert_outcome(&outcomes[i]);
    }
}

static void after_each_answer_the_same_message_comes_again_under_the_same_id(void)
{
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
        world_start();
        world_reply(outcomes[i].answer, outcomes[i].end);
        send_one();
        world_run_for(120000);
        TEST_ASSERT_EQUAL_UINT_MESSAGE(1, world_done_count(0), outcomes[i].answer);
        TEST_ASSERT_EQUAL_UINT_MESSAGE(1, world_done_count(1), outcomes[i].answer);
        TEST_ASSERT_EQUAL_UINT_MESSAGE(2, world_requests_of(0, "POST"), outcomes[i].answer);
        for (size_t j = 0; j < world.request_count; j++)
            TEST_ASSERT_TRUE(world.requests[j].route != 0 || strcmp(world.requests[j].id, "1122334455667788-1-1") == 0);
        TEST_ASSERT_EQUAL(SENDER_ROUTE_GOING, world_route(0).state);
        TEST_ASSERT_EQUAL(SENDER_ROUTE_GOING, world_host().state);
        TEST_ASSERT_EQUAL(IFL_OK, world_route(0).status);
        TEST_ASSERT_EQUAL_UINT64(1, world.health.counters[HEALTH_RETRIED]);
    }
}

static void a_2xx_counts_as_soon_as_its_head_is_complete(void)
{
    static const struct reply replies[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello", IFL_CLOSED},
        {"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello", IFL_NET_RESET},
        {"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello", IFL_AGAIN},
        {"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", IFL_AGAIN},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nhello", IFL_CLOSED},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense", IFL_AGAIN},
        {"HTTP/1.0 200 OK\r\n\r\nfine", IFL_CLOSED},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n" EMPTY, IFL_AGAIN},
        {"HTTP/1.1 204 Fine\r\n\r\n", IFL_AGAIN},
        {"HTTP/1.1 200 OK\r\n" PAGE MPL EMPTY, IFL_AGAIN},
    };
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        world_start();
        world_reply(replies[i].text, replies[i].end);
        world_put(0, 10);
        world_settle();
        TEST_ASSERT_EQUAL_UINT_MESSAGE(1, world_done_count(0), replies[i].text);
        world_put(0, 10);
        world_run_for(6000); /* the rest of a body isn't waited for longer than 5 s */
        TEST_ASSERT_EQUAL_UINT_MESSAGE(2, world_done_count(0), replies[i].text);
        TEST_ASSERT_EQUAL_UINT(2, world.request_count);
        TEST_ASSERT_EQUAL_UINT(0, health_last_seq(&world.health));
    }
}

static void a_body_that_never_ends_is_cut_off_after_4_kilobytes(void)
{
    static char answer[200000];
    memset(answer, 'x', sizeof answer - 1);
    static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
    memcpy(answer, head, sizeof head - 1);
    world_reply(answer, IFL_AGAIN);
    world_put(0, 10);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(2, world_done_count(0));
    TEST_ASSERT_EQUAL_UINT(2, world.connection_count);
    TEST_ASSERT_TRUE(world.health.counters[HEALTH_BYTES_RECEIVED] < 5000);
}

static void a_body_of_a_few_kilobytes_is_read_to_keep_the_connection(void)
{
    static char answer[5000];
    strcpy(answer, "HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n");
    size_t head = strlen(answer);
    memset(answer + head, 'x', 4000);
    world_reply(answer, IFL_AGAIN);
    world_put(0, 10);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(2, world_done_count(0));
    TEST_ASSERT_EQUAL_UINT(1, world.connection_count);
}

static void an_error_page_is_judged_by_its_first_bytes(void)
{
    static char answer[5000]; /* no more of it is read */
    strcpy(answer, "HTTP/1.1 401 No\r\nContent-Length: 90000\r\n\r\n<e>is not configured in a service key of</e>");
    size_t head = strlen(answer);
    memset(answer + head, ' ', sizeof answer - head - 1);
    world_reply(answer, IFL_AGAIN);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL(IFL_ANSWER_KEY_UNKNOWN, world_host().status);
}

static void silence_ends_at_the_timeout_of_the_route(void)
{
    static const char *const parts[] = {"", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 100 Continue\r\n\r\n"};
    for (size_t i = 0; i < 3; i++) {
        world_start();
        world.settings.routes[0].timeout_ms = 7000;
        world_reply(parts[i], IFL_AGAIN);
        world_put(0, 10);
        world_run_for(6999);
        TEST_ASSERT_EQUAL(SENDER_ANSWER, sender_state(&world.sender));
        world_run_for(1);
        TEST_ASSERT_EQUAL(IFL_HTTP_TIMEOUT, world_host().status);
        TEST_ASSERT_EQUAL_UINT(1, world.close_count);
        world_run_for(2500);
        TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    }
}

static void an_error_without_its_body_is_judged_at_the_timeout(void)
{
    world_reply(LINE("503") "Content-Length: 100\r\n\r\nslow", IFL_AGAIN);
    world_put(0, 10);
    world_run_for(60000);
    TEST_ASSERT_EQUAL(IFL_ANSWER_TEMPORARY, world_route(0).status);
}

static void a_window_that_stays_closed_ends_at_the_timeout(void)
{
    world.write_size = 100;
    world.stall_after = 200;
    world_put(0, 3000);
    world_run_for(59999);
    TEST_ASSERT_EQUAL(SENDER_POST, sender_state(&world.sender));
    world_run_for(1);
    TEST_ASSERT_EQUAL(IFL_HTTP_TIMEOUT, world_host().status);
    TEST_ASSERT_EQUAL_UINT(1, world_queued(0));
}

static void a_refusal_that_comes_before_the_request_is_out_counts(void)
{
    world.write_size = 100;
    world.stall_after = 1000;
    world.stalled = (struct reply){LINE("413") MPL EMPTY, IFL_CLOSED};
    world_put(0, 3000);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world.dead_count);
    TEST_ASSERT_EQUAL(IFL_ANSWER_BODY_TOO_LARGE, world.last_reason);
    TEST_ASSERT_EQUAL_UINT(1, world.close_count); /* the rest of the request isn't owed to anybody */
}

static void after_an_early_refusal_the_connection_is_closed_at_once(void)
{
    world.write_size = 100;
    world.stall_after = 1000;
    world.stalled = (struct reply){LINE("413") MPL EMPTY, IFL_AGAIN};
    world_put(0, 3000);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world.dead_count);
    TEST_ASSERT_EQUAL(SENDER_IDLE, sender_state(&world.sender));
}

static void a_refusal_in_the_way_of_a_broken_request_counts(void)
{
    world.write_size = 100;
    world.break_after = 1000;
    world.write_end = IFL_NET_RESET;
    world.stalled = (struct reply){LINE("413") MPL EMPTY, IFL_CLOSED};
    world_put(0, 3000);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world.dead_count);
}

static void a_request_that_breaks_off_is_an_unknown_outcome(void)
{
    world.write_size = 100;
    world.break_after = 1000;
    world.write_end = IFL_NET_RESET;
    world.stalled = (struct reply){"", IFL_NET_RESET};
    world_put(0, 3000);
    world_settle();
    TEST_ASSERT_EQUAL(IFL_HTTP_CUT, world_host().status);
    TEST_ASSERT_EQUAL(IFL_HTTP_CUT, world_route(0).status);
    world.break_after = 0;
    world_run_for(3000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
}

static void a_success_before_the_request_is_out_is_none(void)
{
    world.write_size = 100;
    world.stall_after = 1000;
    world.stalled = (struct reply){HTTP_200, IFL_AGAIN};
    world_put(0, 3000);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(0, world_done_count(0));
    TEST_ASSERT_EQUAL(IFL_HTTP_MALFORMED, world_host().status);
}

static void an_interim_answer_does_not_stop_the_request(void)
{
    world.write_size = 100;
    world.stall_after = 1000;
    world.stalled = (struct reply){"HTTP/1.1 100 Continue\r\n\r\n", IFL_AGAIN};
    world_put(0, 3000);
    world_settle();
    TEST_ASSERT_EQUAL(SENDER_POST, sender_state(&world.sender));
    world.stall_after = 0;
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_TRUE(world.requests[0].body_is_right);
}

static void an_answer_to_nothing_is_not_taken_for_one(void)
{
    world.early = HTTP_200;
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(0, world.request_count);
    TEST_ASSERT_EQUAL_UINT(0, world_done_count(0));
    TEST_ASSERT_EQUAL(IFL_HTTP_MALFORMED, world_host().status);
    world.early = NULL;
    world_run_for(3000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
}

/* ---- rejected payloads ---- */

static struct reply reject(const struct request *request)
{
    (void)request;
    return (struct reply){LINE("400") MPL "Content-Length: 3\r\n\r\nbad", IFL_AGAIN};
}

static void a_rejected_message_is_dead_lettered_and_the_route_goes_on(void)
{
    world_reply(LINE("400") MPL EMPTY, IFL_AGAIN);
    world_put(0, 10);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world.dead_count);
    TEST_ASSERT_EQUAL(IFL_ANSWER_REJECTED, world.last_reason);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_EQUAL_UINT64(1, world.health.counters[HEALTH_DEAD_LETTERED]);
    const struct health_event *event = health_event_at(&world.health, 1);
    TEST_ASSERT_EQUAL(IFL_ANSWER_REJECTED, event->status);
    TEST_ASSERT_EQUAL_STRING("HTTP 400 MPL AGb-42", event->detail);
}

static void the_third_rejection_in_a_row_holds_the_route_and_keeps_the_message(void)
{
    world.decide = reject;
    for (unsigned i = 0; i < 10; i++)
        world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(2, world.dead_count);
    TEST_ASSERT_EQUAL_UINT(3, world.request_count);
    TEST_ASSERT_EQUAL_UINT(8, world_queued(0));
    TEST_ASSERT_EQUAL(SENDER_ROUTE_HELD, world_route(0).state);
    TEST_ASSERT_EQUAL(IFL_ANSWER_REJECTS_ALL, world_route(0).status);
    world_run_for(7200000);
    TEST_ASSERT_EQUAL_UINT(2, world.dead_count);
    world.decide = NULL;
    world_run_for(3600000);
    TEST_ASSERT_EQUAL_UINT(8, world_done_count(0));
}

static void a_success_between_rejections_starts_the_count_again(void)
{
    for (unsigned i = 0; i < 6; i++) {
        world_reply(LINE("415") MPL EMPTY, IFL_AGAIN);
        world_reply(LINE("400") MPL EMPTY, IFL_AGAIN);
        world_reply(HTTP_200, IFL_AGAIN);
    }
    for (unsigned i = 0; i < 18; i++)
        world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(12, world.dead_count);
    TEST_ASSERT_EQUAL_UINT(6, world_done_count(0));
}

static void retry_lets_two_more_rejected_messages_pass(void)
{
    world.decide = reject;
    for (unsigned i = 0; i < 10; i++)
        world_put(0, 10);
    world_settle();
    sender_retry(&world.sender, 0, world.now);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(4, world.dead_count);
    TEST_ASSERT_EQUAL(IFL_ANSWER_REJECTS_ALL, world_route(0).status);
}

static struct reply too_large(const struct request *request)
{
    return request->body_size > 500 ? (struct reply){LINE("413") MPL EMPTY, IFL_AGAIN}
                                    : (struct reply){HTTP_200, IFL_AGAIN};
}

static void messages_that_are_too_large_are_dead_lettered_each_for_itself(void)
{
    world.decide = too_large;
    for (unsigned i = 0; i < 8; i++)
        world_put(0, i % 2 == 0 || i > 4 ? 600 : 100);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(6, world.dead_count);
    TEST_ASSERT_EQUAL_UINT(2, world_done_count(0));
}

static void without_room_for_dead_letters_the_message_stays(void)
{
    world.decide = reject;
    world.dead_letter_status = IFL_STORE_FULL;
    world_put(0, 10);
    world_run_for(30000);
    TEST_ASSERT_EQUAL_UINT(1, world_queued(0));
    TEST_ASSERT_EQUAL_UINT(1, world.request_count);
    TEST_ASSERT_EQUAL(SENDER_ROUTE_HELD, world_route(0).state);
    TEST_ASSERT_EQUAL(IFL_ANSWER_REJECTED, world_route(0).status);
    TEST_ASSERT_EQUAL_UINT(1, world_events(IFL_STORE_FULL));
    world.dead_letter_status = IFL_FLASH_BUSY;
    sender_retry(&world.sender, 0, world.now);
    world_settle();
    world.dead_letter_status = IFL_OK;
    world_run_for(3600000);
    TEST_ASSERT_EQUAL_UINT(1, world.dead_count);
}

/* ---- a flow that fails ---- */

static struct reply fail_flow(const struct request *request)
{
    (void)request;
    return (struct reply){LINE("500") MPL EMPTY, IFL_AGAIN};
}

static void a_failing_flow_blocks_its_route_for_ever_by_default(void)
{
    world.decide = fail_flow;
    world_put(0, 10);
    world_put(0, 10);
    world_run_for(86400000);
    TEST_ASSERT_EQUAL_UINT(0, world.dead_count);
    TEST_ASSERT_EQUAL_UINT(2, world_queued(0));
    TEST_ASSERT_EQUAL_STRING("AGb-42", world_route(0).mpl_id);
    TEST_ASSERT_EQUAL_UINT32(world.request_count, world_route(0).attempts);
}

static void a_route_may_dead_letter_after_n_failures_of_its_flow(void)
{
    world.settings.routes[0].dead_letter_after = 4;
    world_restart();
    world.decide = fail_flow;
    world_put(0, 10);
    world_put(0, 10);
    world_put(1, 10);
    world_run_for(3600000);
    TEST_ASSERT_EQUAL_UINT(2, world.dead_count);
    TEST_ASSERT_EQUAL(IFL_ANSWER_FLOW_FAILED, world.last_reason);
    TEST_ASSERT_EQUAL_UINT(8, world_requests_of(0, "POST"));
    TEST_ASSERT_EQUAL_UINT(1, world_queued(1));
}

static void other_failures_do_not_count_against_the_message(void)
{
    world.settings.routes[0].dead_letter_after = 2;
    world_restart();
    world_reply(LINE("500") MPL EMPTY, IFL_AGAIN);
    for (unsigned i = 0; i < 6; i++)
        world_reply(LINE("503") EMPTY, IFL_AGAIN);
    world_put(0, 10);
    world_run_for(3600000);
    TEST_ASSERT_EQUAL_UINT(0, world.dead_count);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
}

/* ---- connections and identities ---- */

static void a_kept_connection_that_died_is_replaced_at_once_but_only_once(void)
{
    world_put(0, 10);
    world_settle();
    world_reply("", IFL_CLOSED);
    world_put(0, 10);
    world_settle(); /* no time passes */
    TEST_ASSERT_EQUAL_UINT(2, world_done_count(0));
    TEST_ASSERT_EQUAL_UINT(2, world.connection_count);
    TEST_ASSERT_EQUAL_UINT(0, health_last_seq(&world.health));
    TEST_ASSERT_EQUAL_STRING(world.requests[1].id, world.requests[2].id);
    world_reply("", IFL_NET_RESET);
    world_reply("", IFL_NET_RESET);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL(IFL_HTTP_CUT, world_host().status);
    world_run_for(3000);
    TEST_ASSERT_EQUAL_UINT(3, world_done_count(0));
}

static void a_401_on_a_resumed_session_counts_only_after_a_full_handshake(void)
{
    world.resumes = true;
    world_put(0, 10);
    world_run_for(60000); /* the connection is closed, the session stays */
    TEST_ASSERT_EQUAL(SENDER_IDLE, sender_state(&world.sender));
    world_reply(LINE("401") PAGE EMPTY, IFL_AGAIN);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(2, world_done_count(0));
    TEST_ASSERT_EQUAL_UINT(3, world.connection_count);
    TEST_ASSERT_TRUE(world.last_open_fresh);
    TEST_ASSERT_EQUAL_UINT64(1, world.health.counters[HEALTH_HANDSHAKES_RESUMED]);
    TEST_ASSERT_EQUAL_UINT64(2, world.health.counters[HEALTH_HANDSHAKES_FULL]);
    TEST_ASSERT_EQUAL(IFL_OK, world.last_verdict);
}

static void a_401_on_a_full_handshake_too_holds_the_identity(void)
{
    world.resumes = true;
    world_put(0, 10);
    world_run_for(60000);
    world_reply(LINE("401") PAGE EMPTY, IFL_AGAIN);
    world_reply(LINE("401") PAGE EMPTY, IFL_AGAIN);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(3, world.connection_count);
    TEST_ASSERT_EQUAL(SENDER_ROUTE_HELD, world_host().state);
    TEST_ASSERT_EQUAL(IFL_ANSWER_NO_CLIENT_CERT, world.last_verdict);
}

static void a_reset_after_our_finished_twice_on_tls_1_3_is_a_refused_certificate(void)
{
    world.tls13 = true;
    world_reply("", IFL_NET_RESET);
    world_reply("", IFL_NET_RESET);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL(IFL_HTTP_CUT, world_host().status);
    world_run_for(5000);
    TEST_ASSERT_EQUAL(IFL_TLS_CLIENT_DROPPED, world_host().status);
    TEST_ASSERT_EQUAL(SENDER_ROUTE_HELD, world_host().state);
    TEST_ASSERT_EQUAL(IFL_TLS_CLIENT_DROPPED, world.last_verdict);
    TEST_ASSERT_EQUAL_UINT(1, world_queued(0));
}

static void a_reset_before_the_request_is_the_same_on_tls_1_3(void)
{
    world.tls13 = true;
    world.after_handshake = IFL_NET_RESET;
    world_put(0, 10);
    world_run_for(5000);
    TEST_ASSERT_EQUAL(IFL_TLS_CLIENT_DROPPED, world_host().status);
    TEST_ASSERT_EQUAL_UINT(2, world.connection_count);
    TEST_ASSERT_EQUAL_UINT(0, world.request_count);
}

static void neither_tls_1_2_nor_an_answer_between_makes_it_a_refusal(void)
{
    world_reply("", IFL_NET_RESET);
    world_reply("", IFL_NET_RESET);
    world_put(0, 10);
    world_run_for(30000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));

    world_start();
    world.tls13 = true;
    world_reply("", IFL_NET_RESET);
    world_reply("HTTP/1.1 200", IFL_NET_RESET);
    world_reply("", IFL_NET_RESET);
    world_put(0, 10);
    world_run_for(30000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_EQUAL(IFL_OK, world.last_verdict);

    world_start();
    world.tls13 = true;
    world.sends_certificate = false;
    world_reply("", IFL_NET_RESET);
    world_reply("", IFL_NET_RESET);
    world_put(0, 10);
    world_run_for(30000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
}

static void a_resumed_connection_that_dies_without_an_answer_is_not_resumed_again(void)
{
    for (unsigned round = 0; round < 2; round++) {
        world_start();
        world.resumes = true;
        world_put(0, 10);
        world_run_for(60000);
        if (round == 0)
            world_reply("", IFL_NET_RESET);
        else
            world.after_handshake = IFL_NET_RESET;
        world_put(0, 10);
        world_settle();
        TEST_ASSERT_EQUAL_UINT(1, world.forget_count);
        world.after_handshake = IFL_AGAIN;
        world_run_for(3000);
        TEST_ASSERT_EQUAL_UINT64(1, world.health.counters[HEALTH_HANDSHAKES_RESUMED]);
        TEST_ASSERT_EQUAL_UINT(2, world_done_count(0));
    }
}

static void the_program_learns_once_a_connection_that_the_identity_works(void)
{
    for (unsigned i = 0; i < 5; i++)
        world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world.verdict_count);
    TEST_ASSERT_EQUAL(IFL_OK, world.last_verdict);
}

static void answers_that_anybody_gets_prove_nothing(void)
{
    static const char *const answers[] = {LINE("404") "X-Cf-RouterError: unknown_route\r\n" EMPTY,
                                          LINE("200") PAGE EMPTY, LINE("503") EMPTY, LINE("429") EMPTY,
                                          LINE("400") EMPTY};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        world_start();
        world_reply(answers[i], IFL_AGAIN);
        world_put(0, 10);
        world_settle();
        TEST_ASSERT_EQUAL_UINT_MESSAGE(0, world.verdict_count, answers[i]);
    }
}

static void a_new_identity_is_tried_at_once_even_from_within_the_verdict(void)
{
    world.change_identity_on_verdict = true;
    world_reply(LINE("401") PAGE EMPTY, IFL_AGAIN);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_EQUAL_UINT(2, world.connection_count);

    world_start();
    world.change_identity_on_verdict = true;
    world_open(IFL_TLS_CLIENT_REFUSED);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
}

static void a_changed_identity_drops_the_connection_and_ends_every_wait(void)
{
    world_reply(LINE("403") PAGE EMPTY, IFL_AGAIN);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL(SENDER_ROUTE_HELD, world_route(0).state);
    sender_identity_changed(&world.sender, world.now);
    TEST_ASSERT_EQUAL_UINT(1, world.close_count);
    TEST_ASSERT_TRUE(world.forget_count > 0);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
}

static void a_tls_failure_forgets_the_session(void)
{
    world_open(IFL_TLS_PROTOCOL);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world.forget_count);
    world_start();
    world_open(IFL_NET_REFUSED);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(0, world.forget_count);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(each_answer_has_the_outcome_of_its_action);
    RUN_TEST(after_each_answer_the_same_message_comes_again_under_the_same_id);
    RUN_TEST(a_2xx_counts_as_soon_as_its_head_is_complete);
    RUN_TEST(a_body_that_never_ends_is_cut_off_after_4_kilobytes);
    RUN_TEST(a_body_of_a_few_kilobytes_is_read_to_keep_the_connection);
    RUN_TEST(an_error_page_is_judged_by_its_first_bytes);
    RUN_TEST(silence_ends_at_the_timeout_of_the_route);
    RUN_TEST(an_error_without_its_body_is_judged_at_the_timeout);
    RUN_TEST(a_window_that_stays_closed_ends_at_the_timeout);
    RUN_TEST(a_refusal_that_comes_before_the_request_is_out_counts);
    RUN_TEST(after_an_early_refusal_the_connection_is_closed_at_once);
    RUN_TEST(a_resumed_connection_that_dies_without_an_answer_is_not_resumed_again);
    RUN_TEST(a_refusal_in_the_way_of_a_broken_request_counts);
    RUN_TEST(a_request_that_breaks_off_is_an_unknown_outcome);
    RUN_TEST(a_success_before_the_request_is_out_is_none);
    RUN_TEST(an_interim_answer_does_not_stop_the_request);
    RUN_TEST(an_answer_to_nothing_is_not_taken_for_one);
    RUN_TEST(a_rejected_message_is_dead_lettered_and_the_route_goes_on);
    RUN_TEST(the_third_rejection_in_a_row_holds_the_route_and_keeps_the_message);
    RUN_TEST(a_success_between_rejections_starts_the_count_again);
    RUN_TEST(retry_lets_two_more_rejected_messages_pass);
    RUN_TEST(messages_that_are_too_large_are_dead_lettered_each_for_itself);
    RUN_TEST(without_room_for_dead_letters_the_message_stays);
    RUN_TEST(a_failing_flow_blocks_its_route_for_ever_by_default);
    RUN_TEST(a_route_may_dead_letter_after_n_failures_of_its_flow);
    RUN_TEST(other_failures_do_not_count_against_the_message);
    RUN_TEST(a_kept_connection_that_died_is_replaced_at_once_but_only_once);
    RUN_TEST(a_401_on_a_resumed_session_counts_only_after_a_full_handshake);
    RUN_TEST(a_401_on_a_full_handshake_too_holds_the_identity);
    RUN_TEST(a_reset_after_our_finished_twice_on_tls_1_3_is_a_refused_certificate);
    RUN_TEST(a_reset_before_the_request_is_the_same_on_tls_1_3);
    RUN_TEST(neither_tls_1_2_nor_an_answer_between_makes_it_a_refusal);
    RUN_TEST(the_program_learns_once_a_connection_that_the_identity_works);
    RUN_TEST(answers_that_anybody_gets_prove_nothing);
    RUN_TEST(a_new_identity_is_tried_at_once_even_from_within_the_verdict);
    RUN_TEST(a_changed_identity_drops_the_connection_and_ends_every_wait);
    RUN_TEST(a_tls_failure_forgets_the_session);
    return UNITY_END();
}
