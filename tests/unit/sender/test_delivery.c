/* What goes out, in which order, over which connection. */
#include <string.h>

#include "unity.h"
#include "world.h"

#define CHUNKED_200 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"

void setUp(void)
{
    world_start();
}

void tearDown(void) {}

static void a_stored_message_is_posted_and_finished(void)
{
    world_put(0, 300);
    world_run_for(1000);
    TEST_ASSERT_EQUAL_UINT(1, world.request_count);
    TEST_ASSERT_EQUAL_UINT(0, world_queued(0));
    const struct request *request = world_last_request();
    TEST_ASSERT_EQUAL_STRING("1122334455667788-1-1", request->id);
    TEST_ASSERT_EQUAL_UINT(300, request->body_size);
    TEST_ASSERT_TRUE(request->body_is_right);
    TEST_ASSERT_EQUAL_STRING("application/json", world_field(request, "Content-Type"));
    TEST_ASSERT_EQUAL_STRING("300", world_field(request, "Content-Length"));
    TEST_ASSERT_EQUAL_STRING("gw-0042", world_field(request, "SAP_Sender"));
    TEST_ASSERT_EQUAL_STRING("tenant.it-cpi000-rt.cfapps.example", world_field(request, "Host"));
    TEST_ASSERT_EQUAL_STRING("iflow-agent/0.1.0", world_field(request, "User-Agent"));
    TEST_ASSERT_EQUAL_STRING("", world_field(request, "Authorization"));
    TEST_ASSERT_EQUAL_STRING("", world_field(request, "X-CSRF-Token"));
    TEST_ASSERT_EQUAL_UINT64(1, world.health.counters[HEALTH_POSTED]);
    TEST_ASSERT_EQUAL_UINT64(1, world.health.counters[HEALTH_ACCEPTED]);
    TEST_ASSERT_EQUAL_UINT64(1, world.health.counters[HEALTH_CONNECTS]);
    TEST_ASSERT_EQUAL_UINT64(0, world.health.counters[HEALTH_RETRIED]);
    TEST_ASSERT_EQUAL_STRING("MPL200", world_route(0).mpl_id);
    TEST_ASSERT_EQUAL_UINT64(1, world_route(0).accepted_count);
    TEST_ASSERT_EQUAL_UINT64(1, world_host().accepted_count);
    TEST_ASSERT_EQUAL_UINT(0, health_last_seq(&world.health)); /* all is well: nothing to tell */
}

static void nothing_to_send_opens_no_connection(void)
{
    world_run_for(86400000);
    TEST_ASSERT_EQUAL_UINT(0, world.connection_count);
    TEST_ASSERT_EQUAL(IFL_NEVER, sender_step(&world.sender, world.now));
    TEST_ASSERT_EQUAL(SENDER_IDLE, sender_state(&world.sender));
}

static void messages_of_a_route_keep_their_order_over_one_connection(void)
{
    for (unsigned i = 0; i < 100; i++)
        world_put(1, 1 + i * 7);
    world_run_for(1000);
    TEST_ASSERT_EQUAL_UINT(100, world_done_count(1));
    TEST_ASSERT_EQUAL_UINT(1, world.connection_count);
    for (unsigned i = 0; i < 100; i++) {
        TEST_ASSERT_EQUAL_UINT64(i + 1, world_done_n(1, i));
        TEST_ASSERT_TRUE(world.requests[i].body_is_right);
    }
}

static void only_the_first_request_of_a_connection_names_the_agent(void)
{
    world_put(0, 10);
    world_put(0, 10);
    world_run_for(1000);
    TEST_ASSERT_EQUAL_STRING("iflow-agent/0.1.0", world_field(&world.requests[0], "User-Agent"));
    TEST_ASSERT_EQUAL_STRING("", world_field(&world.requests[1], "User-Agent"));
}

static void head_and_body_of_a_small_message_go_out_in_one_record(void)
{
    world_put(0, 300);
    world_run_for(1000);
    const struct request *request = world_last_request();
    TEST_ASSERT_EQUAL_UINT(request->head_size + 300, request->first_record_size);
}

/* 60 characters of host, 21 of path; a TLS 1.2 record with AES-GCM adds 5 + 8 + 16 bytes. */
static void the_overhead_of_a_post_stays_below_250_bytes(void)
{
    static const char host[] = "tenant-000.it-cpi000-rt.cfapps.eu10-000.hana.ondemand.example";
    world.wiring.host = host + 1;
    world_restart();
    TEST_ASSERT_EQUAL_UINT(60, strlen(world.wiring.host));
    strcpy(world.settings.routes[0].path, "/http/plant/telemetry");
    TEST_ASSERT_EQUAL_UINT(21, strlen(world.settings.routes[0].path));
    world_put(0, 295);
    world_put(0, 295);
    world_run_for(1000);
    TEST_ASSERT_EQUAL_UINT(2, world.request_count);
    TEST_ASSERT_TRUE(world.requests[0].head_size + 29 <= 290);
    TEST_ASSERT_TRUE(world.requests[1].head_size + 29 <= 250);
}

static void large_messages_go_out_piece_by_piece_and_whole(void)
{
    static const uint32_t sizes[] = {1,    2,    700,  800,  IFL_REQUEST_HEAD_SIZE - 1,    IFL_REQUEST_HEAD_SIZE,
                                     4096, 5000, 8191, 8192, IFL_REQUEST_HEAD_SIZE * 2 + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        world_put(2, sizes[i] <= IFL_PAYLOAD_SIZE_MAX ? sizes[i] : IFL_PAYLOAD_SIZE_MAX);
    for (uint32_t size = 1; size <= 100; size++) /* across the edge of the buffer */
        world_put(3, IFL_REQUEST_HEAD_SIZE > 300 ? IFL_REQUEST_HEAD_SIZE - 300 + size : size);
    world_run_for(1000);
    TEST_ASSERT_EQUAL_UINT(sizeof sizes / sizeof *sizes, world_done_count(2));
    TEST_ASSERT_EQUAL_UINT(100, world_done_count(3));
    for (size_t i = 0; i < world.request_count; i++)
        TEST_ASSERT_TRUE(world.requests[i].body_is_right);
}

static void a_slow_network_changes_nothing(void)
{
    world.read_size = 1;
    world.write_size = 1;
    world_put(0, 3000);
    world_put(1, 1);
    world_reply(CHUNKED_200, IFL_AGAIN);
    world_reply(CHUNKED_200, IFL_AGAIN);
    world_run_for(1000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(1));
    TEST_ASSERT_EQUAL_UINT(1, world.connection_count);
    TEST_ASSERT_TRUE(world.requests[0].body_is_right && world.requests[1].body_is_right);
}

static void a_flash_that_is_erasing_is_waited_for(void)
{
    world.read_busy_count = 50;
    world.first_status = IFL_FLASH_BUSY;
    world_put(0, 3000);
    world_run_for(300);
    TEST_ASSERT_EQUAL_UINT(0, world.connection_count);
    world.first_status = IFL_OK;
    world_run_for(1000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_TRUE(world.requests[0].body_is_right);
    TEST_ASSERT_EQUAL_UINT(0, health_last_seq(&world.health));
}

static void a_flash_that_erases_for_ever_ends_the_request(void)
{
    world.read_busy_count = 1000000;
    world_put(0, 3000);
    world_run_for(61000);
    TEST_ASSERT_EQUAL_UINT(0, world.request_count);
    TEST_ASSERT_EQUAL(IFL_FLASH_BUSY, world_route(0).status);
    world.read_busy_count = 0;
    world_run_for(61000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
}

static void routes_of_one_priority_take_turns(void)
{
    for (unsigned i = 0; i < 10; i++)
        for (unsigned route = 0; route < WORLD_ROUTES; route++)
            world_put(route, 10);
    world_run_for(1000);
    TEST_ASSERT_EQUAL_UINT(10 * WORLD_ROUTES, world.request_count);
    for (size_t i = 0; i < world.request_count; i++)
        TEST_ASSERT_EQUAL_INT(i % WORLD_ROUTES, world.requests[i].route);
}

static void a_higher_priority_goes_first(void)
{
    world.settings.routes[2].priority = 5;
    world.settings.routes[3].priority = 9;
    for (unsigned route = 0; route < WORLD_ROUTES; route++)
        for (unsigned i = 0; i < 3; i++)
            world_put(route, 10);
    world_run_for(1000);
    static const int expected[] = {3, 3, 3, 2, 2, 2, 0, 1, 0, 1, 0, 1};
    TEST_ASSERT_EQUAL_UINT(12, world.request_count);
    for (size_t i = 0; i < 12; i++)
        TEST_ASSERT_EQUAL_INT(expected[i], world.requests[i].route);
}

static void an_urgent_message_overtakes_those_that_wait(void)
{
    world.settings.routes[1].priority = 9;
    for (unsigned i = 0; i < 5; i++)
        world_put(0, 10);
    while (world.request_count < 2)
        sender_step(&world.sender, world.now);
    world_put(1, 10);
    world_run_for(1000);
    TEST_ASSERT_EQUAL_INT(1, world.requests[2].route);
}

static void a_long_answer_is_not_read_to_its_end(void)
{
    static char answer[6000] = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
    memset(answer + strlen(answer), 'x', sizeof answer - 1 - strlen(answer));
    world_reply(answer, IFL_AGAIN);
    world_put(0, 10);
    world_run_for(1000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_EQUAL(SENDER_IDLE, sender_state(&world.sender));
}

static void an_idle_connection_is_kept_for_50_seconds_and_closed_by_us(void)
{
    world.idle_close_ms = 60000;
    for (unsigned i = 0; i < 5; i++) {
        world_put(0, 10);
        world_run_for(49000);
    }
    TEST_ASSERT_EQUAL_UINT(1, world.connection_count);
    TEST_ASSERT_EQUAL(SENDER_READY, sender_state(&world.sender));
    world_run_for(1100);
    TEST_ASSERT_EQUAL(SENDER_IDLE, sender_state(&world.sender));
    TEST_ASSERT_EQUAL_UINT(1, world.close_count);
    TEST_ASSERT_EQUAL(IFL_NEVER, sender_step(&world.sender, world.now));
    world_put(0, 10);
    world_run_for(1000);
    TEST_ASSERT_EQUAL_UINT(2, world.connection_count);
    TEST_ASSERT_EQUAL_UINT(6, world_done_count(0));
}

static void an_idle_connection_that_the_other_side_closes_is_let_go_without_a_word(void)
{
    world.idle_close_ms = 5000;
    world_put(0, 10);
    world_run_for(10000);
    TEST_ASSERT_EQUAL(SENDER_IDLE, sender_state(&world.sender));
    TEST_ASSERT_EQUAL_UINT(0, health_last_seq(&world.health));
    world_put(0, 10);
    world_run_for(100);
    TEST_ASSERT_EQUAL_UINT(2, world_done_count(0));
}

static void an_answer_that_ends_the_connection_is_followed_by_a_new_one(void)
{
    world_reply("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", IFL_AGAIN);
    world_reply("HTTP/1.1 200 OK\r\n\r\nuntil close", IFL_CLOSED);
    world_reply("HTTP/1.0 202 OK\r\nContent-Length: 0\r\n\r\n", IFL_AGAIN);
    for (unsigned i = 0; i < 4; i++)
        world_put(0, 10);
    world_run_for(100);
    TEST_ASSERT_EQUAL_UINT(4, world_done_count(0));
    TEST_ASSERT_EQUAL_UINT(4, world.connection_count);
    TEST_ASSERT_EQUAL_UINT(4, world.request_count);
}

static void what_follows_an_answer_unasked_ends_the_connection(void)
{
    world_reply(HTTP_200 HTTP_200, IFL_AGAIN);
    world_put(0, 10);
    world_put(0, 10);
    world_run_for(100);
    TEST_ASSERT_EQUAL_UINT(2, world_done_count(0));
    TEST_ASSERT_EQUAL_UINT(2, world.request_count); /* the second answer wasn't taken for the second message */
    TEST_ASSERT_EQUAL_UINT(2, world.connection_count);
}

static void static_headers_and_authorization_are_sent(void)
{
    memcpy(world.settings.routes[0].headers, "X-Plant\0North 1\0X-Line\0\0", 25);
    world.wiring.authorization = "Basic dXNlcjpzZWNyZXQ=";
    world_restart();
    world_put(0, 10);
    world_run_for(100);
    TEST_ASSERT_EQUAL_STRING("North 1", world_field(world_last_request(), "X-Plant"));
    TEST_ASSERT_EQUAL_STRING("Basic dXNlcjpzZWNyZXQ=", world_field(world_last_request(), "Authorization"));
    static const char secret[] = "dXNlcjpzZWNyZXQ=";
    for (size_t i = 0; i + sizeof secret - 1 <= sizeof world.sender.request; i++)
        TEST_ASSERT_NOT_EQUAL(0, memcmp(world.sender.request + i, secret, sizeof secret - 1));
}

static void headers_that_have_no_name_or_value_are_left_out(void)
{
    world.settings.device[0] = '\0';
    world.settings.id_header[0] = '\0';
    world.settings.routes[0].content_type[0] = '\0';
    world_put(0, 10);
    world_run_for(100);
    TEST_ASSERT_NULL(strstr(world_last_request()->head, "SAP_"));
    TEST_ASSERT_NULL(strstr(world_last_request()->head, "Content-Type"));
    TEST_ASSERT_EQUAL_UINT(0, world_queued(0));
}

static void a_head_that_cannot_be_written_makes_its_route_wait_alone(void)
{
    strcpy(world.settings.routes[1].path, "/a b");
    world_put(1, 10);
    world_put(2, 10);
    world_run_for(1000);
    TEST_ASSERT_EQUAL(IFL_INVALID, world_route(1).status);
    TEST_ASSERT_EQUAL(SENDER_ROUTE_BACKOFF, world_route(1).state);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(2));
    TEST_ASSERT_EQUAL_UINT(1, world_queued(1));
}

static void a_head_that_is_too_large_holds_its_route(void)
{
    static char token[IFL_REQUEST_HEAD_SIZE + 1];
    memset(token, 't', sizeof token - 1);
    world.wiring.authorization = token;
    world_restart();
    world_put(0, 10);
    world_run_for(1000);
    TEST_ASSERT_EQUAL_UINT(0, world.request_count);
    TEST_ASSERT_EQUAL(IFL_ANSWER_HEADERS_TOO_LARGE, world_route(0).status);
    TEST_ASSERT_EQUAL(SENDER_ROUTE_HELD, world_route(0).state);
    TEST_ASSERT_EQUAL_HEX8(0, world.sender.request[sizeof world.sender.request - 2]); /* wiped */
}

static void everything_optional_may_be_absent(void)
{
    world.wiring.user_agent = NULL;
    world.wiring.identity_verdict = NULL;
    world.wiring.csrf_needed = NULL;
    world_restart();
    world_reply("HTTP/1.1 403 No\r\nX-CSRF-Token: Required\r\nContent-Length: 0\r\n\r\n", IFL_AGAIN);
    world_reply("HTTP/1.1 200 OK\r\nX-CSRF-Token: t\r\nContent-Length: 0\r\n\r\n", IFL_AGAIN);
    world_put(0, 10);
    world_run_for(1000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_EQUAL_STRING("", world_field(&world.requests[0], "User-Agent"));
}

static void a_handshake_may_take_its_time(void)
{
    world.handshake_ms = 8000;
    world_put(0, 10);
    world_run_for(7000);
    TEST_ASSERT_EQUAL(SENDER_CONNECT, sender_state(&world.sender));
    world_run_for(1000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
}

static void a_connection_that_cannot_even_be_begun_backs_off(void)
{
    world.open_answer = IFL_NO_MEMORY;
    world_put(0, 10);
    world_run_for(3600000);
    TEST_ASSERT_EQUAL(IFL_NO_MEMORY, world_host().status);
    TEST_ASSERT_TRUE(world.connection_count < 40);
    world.open_answer = IFL_OK;
    world_run_for(900000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
}

static void an_outbox_that_hands_out_less_than_announced_is_a_defect_not_a_loss(void)
{
    world.read_nothing = true;
    world_put(0, 10);
    world_run_for(1000);
    TEST_ASSERT_EQUAL(IFL_INVALID, world_route(0).status);
    TEST_ASSERT_EQUAL_UINT(0, world.gave_up_count);
    world.read_nothing = false;
    world_run_for(3000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
}

static void a_damaged_message_that_cannot_be_given_up_waits(void)
{
    world.give_up_status = IFL_FLASH_IO;
    world_put(0, 10);
    world_corrupt(0, 1);
    world_run_for(1000);
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, world_route(0).status);
    TEST_ASSERT_TRUE(world.connection_count < 10);
    world.give_up_status = IFL_OK;
    world_run_for(900000);
    TEST_ASSERT_EQUAL_UINT(1, world.gave_up_count);
}

static void a_damaged_message_is_cut_off_and_given_up(void)
{
    world_put(0, 3000);
    world_put(0, 20);
    world_put(0, 30);
    world_corrupt(0, 1);
    world_corrupt(0, 2);
    world_run_for(1000);
    TEST_ASSERT_EQUAL_UINT(2, world.gave_up_count);
    TEST_ASSERT_EQUAL(IFL_STORE_CORRUPT, world.last_reason);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_EQUAL_UINT(1, world.request_count); /* neither of the damaged ones came through whole */
    TEST_ASSERT_EQUAL_UINT64(2, world.health.counters[HEALTH_GIVEN_UP]);
    TEST_ASSERT_TRUE(world_events(IFL_STORE_CORRUPT) > 0);
}

static void a_medium_that_fails_makes_its_route_wait_and_says_so(void)
{
    world.first_status = IFL_FLASH_IO;
    world_put(0, 10);
    world_run_for(3600000);
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, world_route(0).status);
    TEST_ASSERT_TRUE(world.first_calls < 60 * WORLD_ROUTES);
    TEST_ASSERT_TRUE(world_events(IFL_FLASH_IO) > 0);
    world.first_status = IFL_OK;
    world_run_for(900000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
}

static void a_success_that_cannot_be_noted_is_not_repeated_in_a_loop(void)
{
    world.done_status = IFL_FLASH_IO;
    world_put(0, 10);
    world_run_for(3600000);
    TEST_ASSERT_TRUE(world.request_count > 1 && world.request_count < 40);
    world.done_status = IFL_OK;
    world_run_for(900000);
    TEST_ASSERT_EQUAL_UINT(0, world_queued(0));
    for (size_t i = 0; i < world.request_count; i++)
        TEST_ASSERT_EQUAL_STRING("1122334455667788-1-1", world.requests[i].id);
}

static void the_first_connection_waits_for_the_boot_jitter(void)
{
    world.settings.boot_jitter_ms = 5000;
    ifl_ms earliest = IFL_NEVER, latest = 0;
    for (unsigned i = 0; i < 200; i++) {
        world_restart();
        ifl_ms wait = world_host().until - world.now;
        earliest = ifl_ms_min(earliest, wait);
        latest = wait > latest ? wait : latest;
    }
    TEST_ASSERT_TRUE(earliest < 200 && latest > 4800 && latest <= 5000);
    world_put(0, 10);
    world_run_until(world_host().until - 1);
    TEST_ASSERT_EQUAL_UINT(0, world.connection_count);
    world_run_for(1);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
}

static void the_connection_is_lent_unless_a_request_is_under_way(void)
{
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL(SENDER_READY, sender_state(&world.sender));
    TEST_ASSERT_TRUE(sender_pause(&world.sender, false)); /* kept alive only */
    TEST_ASSERT_EQUAL(SENDER_IDLE, sender_state(&world.sender));
    TEST_ASSERT_TRUE(sender_pause(&world.sender, false)); /* nothing is open */
    world_reply("", IFL_AGAIN);
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL(SENDER_ANSWER, sender_state(&world.sender));
    TEST_ASSERT_FALSE(sender_pause(&world.sender, false));
    TEST_ASSERT_EQUAL(SENDER_ANSWER, sender_state(&world.sender));
    TEST_ASSERT_TRUE(sender_pause(&world.sender, true));
    TEST_ASSERT_EQUAL(SENDER_IDLE, sender_state(&world.sender));
    TEST_ASSERT_EQUAL_UINT(1, world_queued(0));
    world_settle();
    TEST_ASSERT_EQUAL_UINT(2, world_done_count(0)); /* sent again, under the same id */
    TEST_ASSERT_EQUAL_STRING(world.requests[1].id, world.requests[2].id);
}

/* Else who asks for it before each step, as the trial of a new identity may, lets no message out. */
static void a_connection_that_was_opened_for_a_message_carries_it_first(void)
{
    world_put(0, 10);
    for (int i = 0; i < 1000 && sender_state(&world.sender) != SENDER_READY; i++) {
        ifl_ms wish = sender_step(&world.sender, world.now);
        world.now = wish > world.now && wish != IFL_NEVER ? wish : world.now + 1;
    }
    TEST_ASSERT_EQUAL(SENDER_READY, sender_state(&world.sender));
    TEST_ASSERT_FALSE(sender_pause(&world.sender, false));
    TEST_ASSERT_EQUAL(SENDER_READY, sender_state(&world.sender));
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
    TEST_ASSERT_TRUE(sender_pause(&world.sender, false));
}

static void stop_drops_the_connection_and_keeps_the_messages(void)
{
    world_put(0, 10);
    world.write_size = world.stall_after = 20;
    world_run_for(1000);
    TEST_ASSERT_EQUAL(SENDER_POST, sender_state(&world.sender));
    sender_stop(&world.sender);
    TEST_ASSERT_EQUAL(IFL_NEVER, sender_step(&world.sender, world.now));
    TEST_ASSERT_EQUAL_UINT(1, world.close_count);
    TEST_ASSERT_EQUAL_UINT(1, world_queued(0));
    sender_stop(&world.sender);
    TEST_ASSERT_EQUAL_UINT(1, world.close_count);
}

static void a_route_without_a_lane_or_too_many_routes_are_refused(void)
{
    strcpy(world.settings.routes[1].name, "unknown");
    TEST_ASSERT_EQUAL(IFL_INVALID, sender_init(&world.sender, &world.wiring, world.now));
    world.settings.route_count = IFL_ROUTE_COUNT + 1;
    TEST_ASSERT_EQUAL(IFL_INVALID, sender_init(&world.sender, &world.wiring, world.now));
}

static void the_date_of_an_answer_sets_the_clock_within_the_servers_certificate(void)
{
    world_reply("HTTP/1.1 200 OK\r\nDate: Wed, 01 Jan 2025 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n", IFL_AGAIN);
    world_put(0, 10);
    world_run_for(10);
    TEST_ASSERT_EQUAL_INT64(1735689600, clock_read(&world.clock, world.now).unix_s);
    TEST_ASSERT_EQUAL(CLOCK_HTTP, clock_read(&world.clock, world.now).quality);
    world_reply("HTTP/1.1 200 OK\r\nDate: Fri, 01 Jan 2100 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n", IFL_AGAIN);
    world_put(0, 10);
    world_run_for(10);
    TEST_ASSERT_TRUE(clock_read(&world.clock, world.now).unix_s <= 2000000000);
}

static void the_bytes_of_each_connection_are_counted_once(void)
{
    world_put(0, 100);
    world_run_for(1000);
    uint64_t sent = world.health.counters[HEALTH_BYTES_SENT];
    TEST_ASSERT_EQUAL_UINT64(100 + 29 + world.requests[0].head_size + 100, sent);
    world_run_for(60000);
    TEST_ASSERT_EQUAL_UINT64(sent, world.health.counters[HEALTH_BYTES_SENT]);
    TEST_ASSERT_EQUAL_UINT64(strlen(HTTP_200), world.health.counters[HEALTH_BYTES_RECEIVED]);
}

static void an_outbox_that_hands_out_more_than_announced_is_a_defect_not_a_loss(void)
{
    world.read_too_much = true;
    world_put(0, 10);
    world_run_for(1000);
    TEST_ASSERT_EQUAL(IFL_INVALID, world_route(0).status);
    TEST_ASSERT_EQUAL_UINT(0, world.request_count);
    world.read_too_much = false;
    world_run_for(3000);
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
}

static void an_address_instead_of_dns_changes_nothing_else(void)
{
    strcpy(world.settings.resolve, "192.0.2.1");
    world_put(0, 10);
    world_settle();
    TEST_ASSERT_EQUAL_UINT(1, world_done_count(0));
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_stored_message_is_posted_and_finished);
    RUN_TEST(nothing_to_send_opens_no_connection);
    RUN_TEST(messages_of_a_route_keep_their_order_over_one_connection);
    RUN_TEST(only_the_first_request_of_a_connection_names_the_agent);
    RUN_TEST(head_and_body_of_a_small_message_go_out_in_one_record);
    RUN_TEST(the_overhead_of_a_post_stays_below_250_bytes);
    RUN_TEST(large_messages_go_out_piece_by_piece_and_whole);
    RUN_TEST(a_slow_network_changes_nothing);
    RUN_TEST(a_flash_that_is_erasing_is_waited_for);
    RUN_TEST(a_flash_that_erases_for_ever_ends_the_request);
    RUN_TEST(routes_of_one_priority_take_turns);
    RUN_TEST(a_higher_priority_goes_first);
    RUN_TEST(an_urgent_message_overtakes_those_that_wait);
    RUN_TEST(a_long_answer_is_not_read_to_its_end);
    RUN_TEST(an_idle_connection_is_kept_for_50_seconds_and_closed_by_us);
    RUN_TEST(an_idle_connection_that_the_other_side_closes_is_let_go_without_a_word);
    RUN_TEST(an_answer_that_ends_the_connection_is_followed_by_a_new_one);
    RUN_TEST(what_follows_an_answer_unasked_ends_the_connection);
    RUN_TEST(static_headers_and_authorization_are_sent);
    RUN_TEST(headers_that_have_no_name_or_value_are_left_out);
    RUN_TEST(a_head_that_cannot_be_written_makes_its_route_wait_alone);
    RUN_TEST(a_head_that_is_too_large_holds_its_route);
    RUN_TEST(everything_optional_may_be_absent);
    RUN_TEST(a_handshake_may_take_its_time);
    RUN_TEST(a_connection_that_cannot_even_be_begun_backs_off);
    RUN_TEST(an_outbox_that_hands_out_less_than_announced_is_a_defect_not_a_loss);
    RUN_TEST(a_damaged_message_that_cannot_be_given_up_waits);
    RUN_TEST(a_damaged_message_is_cut_off_and_given_up);
    RUN_TEST(a_medium_that_fails_makes_its_route_wait_and_says_so);
    RUN_TEST(a_success_that_cannot_be_noted_is_not_repeated_in_a_loop);
    RUN_TEST(the_first_connection_waits_for_the_boot_jitter);
    RUN_TEST(the_connection_is_lent_unless_a_request_is_under_way);
    RUN_TEST(a_connection_that_was_opened_for_a_message_carries_it_first);
    RUN_TEST(stop_drops_the_connection_and_keeps_the_messages);
    RUN_TEST(a_route_without_a_lane_or_too_many_routes_are_refused);
    RUN_TEST(the_date_of_an_answer_sets_the_clock_within_the_servers_certificate);
    RUN_TEST(the_bytes_of_each_connection_are_counted_once);
    RUN_TEST(an_outbox_that_hands_out_more_than_announced_is_a_defect_not_a_loss);
    RUN_TEST(an_address_instead_of_dns_changes_nothing_else);
    return UNITY_END();
}
