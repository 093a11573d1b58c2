/* What the console says. Outbox and sender are fakes that hold a fixed picture, so that each sentence can be checked; settings,
 * health, clock and the texts are the real ones. */
#include <stdio.h>
#include <string.h>

#include "console/console.h"
#include "console/message_id.h"
#include "unity.h"

/* ---- the fake outbox: three lanes, messages without payloads ---- */

enum { LANES = 4 };
static struct {
    outbox_n first_n[LANES], last_n[LANES]; /* queued: first_n..last_n */
    enum ifl_status end_status;             /* what comes behind the last message */
    enum ifl_status sync_status;
    char payload[64];
    enum ifl_status read_status;            /* what comes after its first half, if not OK */
    outbox_n requeued, requeued_to, buried; /* numbers among the dead letters, and a lane */
} fake;
static const char *const LANE_ROUTES[LANES] = {"dead-letters", "telemetry", "alarm", "old-route"};

size_t outbox_lane_count(const struct outbox *box)
{
    (void)box;
    return LANES;
}

uint8_t outbox_lane_of(const struct outbox *box, const char *route)
{
    (void)box;
    for (uint8_t lane = 1; lane < LANES; lane++) {
        if (strcmp(LANE_ROUTES[lane], route) == 0) {
            return lane;
        }
    }
    return OUTBOX_LANE_NONE;
}

const char *outbox_lane_route(const struct outbox *box, uint8_t lane)
{
    (void)box;
    return LANE_ROUTES[lane];
}

bool outbox_lane_is_orphan(const struct outbox *box, uint8_t lane)
{
    (void)box;
    return lane == 3;
}

static enum ifl_status fake_message(uint8_t lane, outbox_n n, struct outbox_message *message)
{
    if (n == 0 || n > fake.last_n[lane]) {
        return fake.end_status;
    }
    *message =
        (struct outbox_message){.id = {0xabc, lane, n}, .lane = lane, .n = n, .size = 120, .time = {1700000000, 4, 0}};
    if (lane == OUTBOX_LANE_DEAD) {
        message->id = (struct outbox_id){0xabc, 1, 7};
        message->reason = IFL_ANSWER_REJECTED;
    }
    return IFL_OK;
}

enum ifl_status outbox_first(struct outbox *box, uint8_t lane, struct outbox_message *message)
{
    (void)box;
    return fake_message(lane, fake.first_n[lane], message);
}

enum ifl_status outbox_read(struct outbox *box, struct outbox_message *message, void *buf, size_t size, size_t *got)
{
    (void)box;
    const size_t left = strlen(fake.payload) - message->read_pos;
    *got = 0;
    if (fake.read_status != IFL_OK && message->read_pos > 0) {
        return fake.read_status;
    }
    *got = left < size ? left : size;
    *got = *got > 7 ? 7 : *got; /* in pieces */
    memcpy(buf, fake.payload + message->read_pos, *got);
    message->read_pos += (uint32_t)*got;
    return IFL_OK;
}

enum ifl_status outbox_requeue(struct outbox *box, const struct outbox_message *dead, uint8_t lane)
{
    (void)box;
    fake.requeued = dead->n;
    fake.requeued_to = lane;
    return IFL_OK;
}

enum ifl_status outbox_bury(struct outbox *box, const struct outbox_message *dead)
{
    (void)box;
    fake.buried = dead->n;
    return IFL_OK;
}

enum ifl_status outbox_next(struct outbox *box, struct outbox_message *message)
{
    (void)box;
    return fake_message(message->lane, message->n + 1, message);
}

enum ifl_status outbox_lane_stats(const struct outbox *box, uint8_t lane, struct outbox_lane_stats *stats)
{
    (void)box;
    *stats = (struct outbox_lane_stats){.first_n = fake.first_n[lane], .last_n = fake.last_n[lane], .blocks = 1};
    stats->queued = fake.first_n[lane] == 0 ? 0 : fake.last_n[lane] - fake.first_n[lane] + 1;
    return IFL_OK;
}

void outbox_stats(const struct outbox *box, struct outbox_stats *stats)
{
    (void)box;
    *stats = (struct outbox_stats){.log_id = 0xabc, .block_size = 1048576, .block_count = 64, .free_blocks = 60};
}

enum ifl_status outbox_put(struct outbox *box, uint8_t lane, struct bytes payload, struct outbox_time time,
                           struct outbox_id *id)
{
    (void)box;
    (void)time;
    memcpy(fake.payload, payload.data, payload.size);
    *id = (struct outbox_id){0xabc, lane, ++fake.last_n[lane]};
    return IFL_OK;
}

enum ifl_status outbox_sync(struct outbox *box)
{
    (void)box;
    return fake.sync_status;
}

/* ---- the fake sender ---- */

static struct sender_view host_view, route_view[2];
static int retried; /* -1: not yet, else the argument */

enum sender_state sender_state(const struct sender *sender)
{
    (void)sender;
    return SENDER_READY;
}

void sender_host_view(const struct sender *sender, struct sender_view *view)
{
    (void)sender;
    *view = host_view;
}

enum ifl_status sender_route_view(const struct sender *sender, size_t route, struct sender_view *view)
{
    (void)sender;
    if (route >= 2) {
        return IFL_NOT_FOUND;
    }
    *view = route_view[route];
    return IFL_OK;
}

void sender_retry(struct sender *sender, uint8_t route, ifl_ms now)
{
    (void)sender;
    (void)now;
    retried = route;
}

/* ---- one console ---- */

#define NOW 10000u

static struct settings settings;
static struct health health;
static struct clock wall;
static struct identity_slots slots;
static struct console_wiring wiring;
static struct console console;
static char answer[16384];
static size_t answer_len;

static void take(void *ctx, struct bytes piece)
{
    (void)ctx;
    TEST_ASSERT_LESS_THAN(sizeof answer - answer_len, piece.size);
    memcpy(answer + answer_len, piece.data, piece.size);
    answer_len += piece.size;
    answer[answer_len] = '\0';
}

void setUp(void)
{
    memset(&fake, 0, sizeof fake);
    fake.end_status = IFL_END;
    memset(&settings, 0, sizeof settings);
    memset(&slots, 0, sizeof slots);
    strcpy(settings.device, "gw-0042");
    strcpy(settings.routes[0].name, "telemetry");
    strcpy(settings.routes[0].path, "/http/plant/telemetry");
    strcpy(settings.routes[1].name, "alarm");
    strcpy(settings.routes[1].path, "/http/plant/alarm");
    settings.route_count = 2;
    memset(&host_view, 0, sizeof host_view);
    memset(route_view, 0, sizeof route_view);
    retried = -1;
    slots.active = slots.pending = slots.request = -1;
    health_init(&health);
    clock_init(&wall, 1700000000, NOW);
    wiring = (struct console_wiring){.settings = &settings,
                                     .clock = &wall,
                                     .health = &health,
                                     .slots = &slots,
                                     .version = "iflowd 0.1.0",
                                     .host = "tenant.example"};
    console_init(&console, &wiring, take, NULL);
    answer_len = 0;
    answer[0] = '\0';
}

void tearDown(void) {}

static const char *type(const char *input)
{
    answer_len = 0;
    answer[0] = '\0';
    console_feed(&console, bytes_of_string(input), NOW);
    return answer;
}

static void assert_says(const char *input, const char *piece)
{
    if (strstr(type(input), piece) == NULL) {
        TEST_FAIL_MESSAGE(answer);
    }
}

static void hold_alarm(void)
{
    route_view[1] = (struct sender_view){.state = SENDER_ROUTE_HELD,
                                         .status = IFL_ANSWER_NOT_DEPLOYED,
                                         .until = NOW + 61000,
                                         .attempts = 3,
                                         .mpl_id = "AGabc"};
}

/* ---- lines ---- */

static void an_answer_to_a_person_ends_with_its_only_empty_line(void)
{
    static const char *const COMMANDS[] = {"help\n",     "status\n", "routes\n", "queue\n",
                                           "identity\n", "log\n",    "retry\n",  "x\n"};
    health_event(&health, NOW, IFL_NET_DNS, HEALTH_ROUTE_NONE, NULL);
    for (size_t i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0]; i++) {
        const char *end = strstr(type(COMMANDS[i]), "\n\n");
        TEST_ASSERT_NOT_NULL(end);
        TEST_ASSERT_EQUAL_STRING("\n\n", end);
    }
}

static void an_answer_in_json_is_exactly_one_line(void)
{
    static const char *const COMMANDS[] = {"json help\n",     "json status\n", "json routes\n", "json queue\n",
                                           "json identity\n", "json log\n",    "json retry\n",  "json x\n"};
    for (size_t i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0]; i++) {
        const char *end = strchr(type(COMMANDS[i]), '\n');
        TEST_ASSERT_EQUAL('{', answer[0]);
        TEST_ASSERT_NOT_NULL(end);
        TEST_ASSERT_EQUAL_STRING("\n", end);
        TEST_ASSERT_EQUAL('}', end[-1]);
    }
}

static void commands_may_come_in_pieces_and_with_carriage_returns(void)
{
    TEST_ASSERT_EQUAL_STRING("", type("ret"));
    assert_says("ry alarm\r\n", "Trying this route at once.");
    TEST_ASSERT_EQUAL(1, retried);
}

static void an_unknown_command_is_refused_with_cause_and_remedy(void)
{
    assert_says("reboot now\n", "E106 ");
    char json[80];
    (void)snprintf(json, sizeof json, "{\"ok\":false,\"error\":{\"code\":106,\"name\":\"%s\"", ifl_name(IFL_USAGE));
    assert_says("json reboot\n", json);
    assert_says("status now\n", "E106 ");
    assert_says("retry alarm now\n", "E106 ");
    assert_says("queue alarm 2 3\n", "E106 ");
    assert_says("send alarm\n", "E106 ");
    TEST_ASSERT_EQUAL_STRING("", type("\r\n"));
}

static void an_endless_line_is_answered_once_and_does_no_harm(void)
{
    for (size_t i = 0; i < 2 * sizeof console.line; i++) {
        TEST_ASSERT_EQUAL_STRING("", type("r"));
    }
    assert_says("\n", "E102 ");
    assert_says("retry\n", "Trying all routes at once.");
}

/* ---- verbs ---- */

/* A node has its texts in its flash image, and this test there has none. */
static const char *words(const char *before, enum ifl_status status)
{
    static char text[256];
    (void)snprintf(text, sizeof text, "%s%s", before, ifl_cause(status));
    return text;
}

static void status_says_why_a_route_is_held_and_when_it_is_tried_again(void)
{
    hold_alarm();
    assert_says("status\n", words("held, next try in 1 min 1 s: E710 ", IFL_ANSWER_NOT_DEPLOYED));
    assert_says("json status\n",
                "\"name\":\"alarm\",\"path\":\"/http/plant/alarm\",\"state\":\"held\",\"status\":{\"code\":710,");
    assert_says("json status\n", "\"next_try_s\":61,\"attempts\":3,");
}

static void status_says_how_long_the_identity_is_valid(void)
{
    assert_says("status\n", "identity  none\n");
    slots.active = 1;
    slots.slot[1] = (struct identity_slot){.state = IDENTITY_SLOT_ACTIVE,
                                           .generation = 2,
                                           .not_after = 1900000000,
                                           .chain_not_after = 1700000000 + 86400 * 30};
    assert_says("status\n", "valid until 2023-12-14T22:13:20Z, 30 days left\n"); /* an intermediate ends first */
    assert_says("json status\n", "\"not_after\":\"2030-03-17T17:46:40Z\",\"seconds_left\":2592000");
    assert_says("identity\n", "  valid until 2023-12-14T22:13:20Z, 30 days left\n");
    assert_says("json identity\n", "\"seconds_left\":2592000");
    slots.slot[1].chain_not_after = 1700000000 - 1;
    assert_says("status\n", ", expired\n");
    slots.pending = 0;
    assert_says("json status\n", "\"pending\":true");
    slots.active = -1; /* the first one, before it's proven */
    slots.slot[0] =
        (struct identity_slot){.state = IDENTITY_SLOT_PENDING, .generation = 7, .chain_not_after = 1800000000};
    assert_says("json status\n", "\"identity\":{\"generation\":7,");
}

static void status_counts_what_happened(void)
{
    health_count(&health, HEALTH_STORED, 12);
    assert_says("status\n", "messages  12 stored");
    assert_says("json status\n", "\"stored\":12");
}

static void the_peak_of_the_arena_is_shown_where_there_is_one(void)
{
    struct arena arena = {.size = 65536, .peak = 41000};
    TEST_ASSERT_NULL(strstr(type("status\n"), "arena"));
    wiring.arena = &arena;
    assert_says("status\n", "41000 of 65536 bytes of the arena were needed at most");
    assert_says("json status\n", "\"arena_peak\":41000");
}

static void queue_lists_messages_in_order_with_what_is_known_of_them(void)
{
    fake.first_n[2] = 5;
    fake.last_n[2] = 6;
    hold_alarm();
    assert_says("queue\n", "alarm            2 messages queued\n"
                           "  0000000000000abc-2-5  120 bytes, stored 2023-11-14T22:13:20Z, 3 attempts\n"
                           "  0000000000000abc-2-6  120 bytes, stored 2023-11-14T22:13:20Z\n");
    assert_says("json queue alarm\n", "\"queued\":2,\"first_n\":5,\"last_n\":6,");
    assert_says("json queue alarm\n", "{\"id\":\"0000000000000abc-2-6\",\"n\":6,\"size\":120,");
    TEST_ASSERT_NULL(strstr(type("queue alarm\n"), "telemetry"));
}

static void a_long_queue_is_cut_and_says_so(void)
{
    fake.first_n[1] = 1;
    fake.last_n[1] = 1000000;
    assert_says("queue telemetry 3\n", "-1-3  120 bytes, stored 2023-11-14T22:13:20Z\n  ... and more");
    assert_says("json queue 1\n", "\"complete\":false");
    TEST_ASSERT_NULL(strstr(type("queue telemetry 0\n"), "0000000000000abc"));
}

static void dead_letters_show_their_first_id_and_the_reason(void)
{
    fake.first_n[0] = 1;
    fake.last_n[0] = 1;
    assert_says("queue\n", "dead-letters     1 message\n  0000000000000abc-1-7  120 bytes");
    assert_says("queue dead-letters\n", words(": E713 ", IFL_ANSWER_REJECTED));
}

static void a_route_that_left_the_configuration_is_listed_as_such(void)
{
    assert_says("queue old-route\n", "(the route isn't configured any more)");
    assert_says("queue nowhere\n", "E103 ");
}

static void a_medium_that_fails_while_listing_is_named(void)
{
    fake.end_status = IFL_FLASH_IO;
    assert_says("queue alarm\n", "E200 ");
}

static void identity_shows_fingerprints_and_states(void)
{
    slots.active = 0;
    slots.slot[0] = (struct identity_slot){.state = IDENTITY_SLOT_ACTIVE, .generation = 3, .not_after = 1800000000};
    memset(slots.slot[0].leaf_sha256, 0xa5, 32);
    slots.slot[1].state = IDENTITY_SLOT_REFUSED;
    assert_says("identity\n", "slot A  active, in force\n  generation 3, leaf SHA-256 a5a5a5a5");
    assert_says("identity\n", "slot B  refused\n");
    assert_says("json identity\n",
                "{\"slot\":\"A\",\"state\":\"active\",\"in_force\":true,\"generation\":3,\"leaf_sha256\":\"a5a5");
}

static void log_shows_the_last_events_oldest_first(void)
{
    health_event(&health, NOW - 5000, IFL_NET_DNS, HEALTH_ROUTE_NONE, "tenant.example");
    health_event(&health, NOW - 4000, IFL_ANSWER_NOT_DEPLOYED, 1, NULL);
    health_event(&health, NOW - 3000, IFL_ANSWER_NOT_DEPLOYED, 1, NULL);
    assert_says("log\n", words("2023-11-14T22:13:15Z  E500 ", IFL_NET_DNS));
    assert_says("log\n", " (tenant.example)\n2023-11-14T22:13:17Z  alarm: E710 ");
    assert_says("log\n", ", 1 more time\n");
    TEST_ASSERT_NULL(strstr(type("log 1\n"), "E500"));
    assert_says("json log 1\n", "{\"ok\":true,\"events\":[{\"seq\":2,");
    TEST_ASSERT_EQUAL_STRING("\n", type("log 0\n"));
}

/* ---- one message ---- */

#define DEAD_ID "0000000000000abc-1-7"
#define WAITING_ID "0000000000000abc-2-6"

static void with_messages(void)
{
    fake.first_n[0] = fake.last_n[0] = 1; /* a dead letter of the route telemetry */
    fake.first_n[2] = 5;
    fake.last_n[2] = 6;
    strcpy(fake.payload, "{\"t\": 21.5, \"unit\": \"C\", \"place\": \"hall 7, line 2\"}");
}

static void one_message_is_found_wherever_it_lies(void)
{
    with_messages();
    assert_says("queue show " DEAD_ID "\n", "dead-letters\n");
    assert_says("queue show " DEAD_ID "\n", "E713");
    assert_says("json queue show " WAITING_ID "\n",
                "{\"ok\":true,\"route\":\"alarm\",\"messages\":[{\"id\":\"" WAITING_ID "\"");
    assert_says("queue show 0000000000000abc-2-9\n", "E103");
    assert_says("queue show 0000000000000abd-2-6\n", "E103");
    assert_says("queue show\n", "E103"); /* a route of that name doesn't exist */
    assert_says("queue show " DEAD_ID " now\n", "E106");
}

static void a_payload_is_exported_as_base64(void)
{
    with_messages();
    assert_says(
        "json queue export " DEAD_ID "\n",
        "\"payload\":\"eyJ0IjogMjEuNSwgInVuaXQiOiAiQyIsICJwbGFjZSI6ICJoYWxsIDcsIGxpbmUgMiJ9\",\"complete\":true}");
    assert_says("queue export " DEAD_ID "\n",
                "eyJ0IjogMjEuNSwgInVuaXQiOiAiQyIsICJwbGFjZSI6ICJoYWxsIDcsIGxpbmUgMiJ9\n\n");
    fake.read_status = IFL_STORE_CORRUPT;
    assert_says("json queue export " DEAD_ID "\n", "{\"ok\":false,\"error\":{\"code\":207,");
    assert_says("queue export " DEAD_ID "\n", "E207 "); /* and no half payload before it */
}

static void a_dead_letter_goes_again_or_for_good(void)
{
    with_messages();
    assert_says("json queue retry " DEAD_ID "\n", "{\"ok\":true}");
    TEST_ASSERT_EQUAL_UINT(1, fake.requeued);
    TEST_ASSERT_EQUAL_UINT(1, fake.requeued_to);
    assert_says("queue drop " DEAD_ID "\n", "Dropped.");
    TEST_ASSERT_EQUAL_UINT(1, fake.buried);
    assert_says("queue drop " WAITING_ID "\n", "E806");
    assert_says("queue retry " WAITING_ID "\n", "E806");
}

/* ---- ids ---- */

static void an_id_is_read_as_it_is_shown(void)
{
    struct outbox_id id;
    TEST_ASSERT_EQUAL(IFL_OK, console_id_parse(bytes_of_string("5f3a90c21b7e44d8-255-4294967295"), &id));
    TEST_ASSERT_TRUE(id.log == UINT64_C(0x5f3a90c21b7e44d8) && id.lane == 255 && id.n == UINT32_MAX);
}

static void what_is_no_id_is_refused(void)
{
    static const char *const wrong[] = {"",
                                        "5f3a90c21b7e44d8",
                                        "5f3a90c21b7e44d8-1",
                                        "5f3a90c21b7e44d8-1-",
                                        "5f3a90c21b7e44d8-1-0",
                                        "5f3a90c21b7e44d8-256-1",
                                        "5F3A90C21B7E44D8-1-1",
                                        "5f3a90c21b7e44`8-1-1",
                                        "5f3a90c21b7e44d8--1",
                                        "5f3a90c21b7e44d-11-1",
                                        "5f3a90c21b7e44d8-1-18446744073709551616",
                                        "5f3a90c21b7e44d8-1-1 "};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct outbox_id id = {.n = 77};
        TEST_ASSERT_EQUAL_MESSAGE(IFL_INVALID, console_id_parse(bytes_of_string(wrong[i]), &id), wrong[i]);
        TEST_ASSERT_EQUAL_UINT64(77, id.n);
    }
}

/* ---- import ---- */

static uint8_t intake_buf[256];
static struct console_intake intake;
static char taken[256];
static size_t taken_len;
static bool taken_new_tenant;
static unsigned take_count, rollback_count;
static enum ifl_status intake_status;

static enum ifl_status take_in(void *ctx, struct bytes text, bool new_tenant, ifl_ms now)
{
    (void)ctx, (void)now;
    take_count++;
    taken_len = text.size;
    memcpy(taken, text.data, text.size);
    taken_new_tenant = new_tenant;
    return intake_status;
}

static enum ifl_status roll_back(void *ctx, ifl_ms now)
{
    (void)ctx, (void)now;
    rollback_count++;
    return intake_status;
}

static void with_intake(void)
{
    intake =
        (struct console_intake){.buf = intake_buf, .size = sizeof intake_buf, .take = take_in, .rollback = roll_back};
    wiring.intake = &intake;
    take_count = rollback_count = 0;
    intake_status = IFL_OK;
    memset(intake_buf, 0, sizeof intake_buf);
}

static bool is_wiped(void)
{
    for (size_t i = 0; i < sizeof intake_buf; i++) {
        if (intake_buf[i] != 0) {
            return false;
        }
    }
    return intake.owner == NULL;
}

static void import_takes_what_is_pasted_up_to_a_dot_alone(void)
{
    static const char *const endings[] = {".\n", ".\r\n"};
    for (size_t i = 0; i < 2; i++) {
        with_intake();
        (void)type("import new-tenant\n");
        TEST_ASSERT_TRUE(console_is_secret(&console));
        TEST_ASSERT_EQUAL_STRING("", type("{ \"a\": \"b.\\n\"\n...\n. \nstatus\n"));
        (void)type(endings[i]);
        TEST_ASSERT_EQUAL_UINT(1, take_count);
        TEST_ASSERT_TRUE(taken_new_tenant);
        static const char TEXT[] = "{ \"a\": \"b.\\n\"\n...\n. \nstatus\n";
        TEST_ASSERT_EQUAL_UINT(sizeof TEXT - 1, taken_len);
        TEST_ASSERT_EQUAL_MEMORY(TEXT, taken, taken_len);
        TEST_ASSERT_FALSE(console_is_secret(&console));
        TEST_ASSERT_TRUE(is_wiped());
    }
}

static void import_answers_with_the_slots_or_with_the_reason(void)
{
    with_intake();
    TEST_ASSERT_EQUAL_STRING("", type("json import\n"));
    TEST_ASSERT_NOT_NULL(strstr(type("key\n.\n"), "{\"ok\":true,\"slots\":["));
    intake_status = IFL_KEY_MISMATCH;
    (void)type("json import\nkey\n");
    TEST_ASSERT_NOT_NULL(strstr(type(".\n"), "{\"ok\":false,\"error\":{\"code\":407"));
    TEST_ASSERT_NOT_NULL(strstr(type("json help\n"), "import"));
}

static void a_paste_that_is_too_long_is_refused_at_its_end(void)
{
    with_intake();
    (void)type("import\n");
    for (size_t i = 0; i < 40; i++) {
        TEST_ASSERT_EQUAL_STRING("", type("0123456789012345678901234567890\n"));
    }
    TEST_ASSERT_NOT_NULL(strstr(type(".\n"), "E102 "));
    TEST_ASSERT_EQUAL_UINT(0, take_count);
    TEST_ASSERT_TRUE(is_wiped());
}

static void one_paste_at_a_time_and_none_is_left_behind(void)
{
    struct console other;
    with_intake();
    console_init(&other, &wiring, take, NULL);
    console_feed(&other, bytes_of_string("import\nsecret\n"), 1);
    TEST_ASSERT_NOT_NULL(strstr(type("import\n"), "E805"));
    TEST_ASSERT_FALSE(is_wiped());
    console_end(&other);
    TEST_ASSERT_TRUE(is_wiped());
    wiring.intake = NULL;
    TEST_ASSERT_NOT_NULL(strstr(type("import\n"), "E106"));
    TEST_ASSERT_NOT_NULL(strstr(type("identity rollback\n"), "E106"));
}

static void help_offers_import_and_rollback_only_where_the_program_takes_identities_in(void)
{
    wiring.intake = NULL;
    TEST_ASSERT_NULL(strstr(type("help\n"), "import"));
    TEST_ASSERT_NULL(strstr(type("help\n"), "rollback"));
    TEST_ASSERT_NOT_NULL(strstr(type("help\n"), "\nidentity"));
    TEST_ASSERT_NULL(strstr(type("json help\n"), "import"));
    with_intake();
    TEST_ASSERT_NOT_NULL(strstr(type("help\n"), "import"));
    char words[IFL_WORDS_SIZE];
    if (ifl_words(IFL_WORDS_HELP_IMPORT, words, sizeof words)) { /* without them the command's name is shown */
        TEST_ASSERT_NOT_NULL(strstr(type("help\n"), "identity rollback"));
    }
    TEST_ASSERT_NOT_NULL(strstr(type("json help\n"), "import"));
}

static void identity_rollback_asks_the_program(void)
{
    with_intake();
    TEST_ASSERT_NOT_NULL(strstr(type("identity rollback\n"), "slot A"));
    TEST_ASSERT_EQUAL_UINT(1, rollback_count);
    intake_status = IFL_NOT_FOUND;
    TEST_ASSERT_NOT_NULL(strstr(type("identity rollback\n"), "E103"));
    TEST_ASSERT_NOT_NULL(strstr(type("identity rollback now\n"), "E106"));
}

static void a_rollback_to_an_identity_that_leads_nowhere_is_done_and_says_so(void)
{
    with_intake();
    intake_status = IFL_KEY_NO_TOKEN_URL;
    const char *said = type("identity rollback\n");
    TEST_ASSERT_EQUAL_STRING_LEN("Done, but E431 ", said, 15);
    TEST_ASSERT_NOT_NULL(strstr(said, "slot A"));
    said = type("json identity rollback\n");
    TEST_ASSERT_EQUAL_STRING_LEN("{\"ok\":true,\"slots\":[", said, 20);
    TEST_ASSERT_NOT_NULL(strstr(said, ",\"problem\":{\"code\":431,"));
    intake_status = IFL_FLASH_IO;
    TEST_ASSERT_EQUAL_STRING_LEN("E200 ", type("identity rollback\n"), 5);
}

/* ---- identity csr, identity certificate ---- */

static enum console_key asked_key;
static unsigned csr_count, certificate_count;

static enum ifl_status make_request(void *ctx, enum console_key key, struct text *pem, ifl_ms now)
{
    (void)ctx, (void)now;
    csr_count++;
    asked_key = key;
    text_str(pem, "-----BEGIN\nrequest\n");
    return intake_status;
}

static enum ifl_status take_answer(void *ctx, struct bytes text, bool new_tenant, ifl_ms now)
{
    certificate_count++;
    (void)take_in(ctx, text, new_tenant, now);
    return intake_status;
}

static const struct console_verb *const MORE[] = {&CONSOLE_CSR, &CONSOLE_CERTIFICATE, &CONSOLE_TRUST, NULL};

static void with_keys(void)
{
    with_intake();
    intake.csr = make_request;
    intake.certificate = take_answer;
    wiring.more = MORE;
    csr_count = certificate_count = 0;
    slots.pending = slots.request = -1;
}

static void a_request_is_shown_and_its_key_is_chosen_by_a_word(void)
{
    with_keys();
    TEST_ASSERT_EQUAL_STRING("-----BEGIN\nrequest\n\n", type("identity csr\n"));
    TEST_ASSERT_EQUAL(CONSOLE_KEY_WAITING, asked_key);
    TEST_ASSERT_EQUAL_STRING("{\"ok\":true,\"request\":\"-----BEGIN\\nrequest\\n\"}\n", type("json identity csr ec\n"));
    TEST_ASSERT_EQUAL(CONSOLE_KEY_EC, asked_key);
    (void)type("identity csr rsa\n");
    TEST_ASSERT_EQUAL(CONSOLE_KEY_RSA, asked_key);
    TEST_ASSERT_TRUE(is_wiped());
    TEST_ASSERT_NOT_NULL(strstr(type("identity csr dsa\n"), "E106"));
    TEST_ASSERT_NOT_NULL(strstr(type("identity csr ec now\n"), "E106"));
    intake_status = IFL_NO_ENTROPY;
    TEST_ASSERT_NOT_NULL(strstr(type("identity csr\n"), "E105"));
    TEST_ASSERT_TRUE(is_wiped());
    TEST_ASSERT_NOT_NULL(strstr(type("help\n"), "identity csr"));
}

static void an_identity_on_trial_keeps_its_slot_unless_a_word_says_otherwise(void)
{
    with_keys();
    slots.pending = 1;
    TEST_ASSERT_NOT_NULL(strstr(type("identity csr\n"), "E427"));
    TEST_ASSERT_EQUAL_UINT(0, csr_count);
    (void)type("identity csr ec\n");
    TEST_ASSERT_EQUAL_UINT(1, csr_count);
}

static void an_identity_to_go_back_to_keeps_its_slot_unless_a_word_says_otherwise(void)
{
    with_keys();
    slots.active = 0;
    slots.slot[0].state = slots.slot[1].state = IDENTITY_SLOT_ACTIVE;
    TEST_ASSERT_NOT_NULL(strstr(type("identity csr\n"), "E428"));
    TEST_ASSERT_EQUAL_UINT(0, csr_count);
    (void)type("identity csr ec\n");
    TEST_ASSERT_EQUAL_UINT(1, csr_count);
    slots.slot[1].state = IDENTITY_SLOT_REFUSED;
    (void)type("identity csr\n");
    TEST_ASSERT_EQUAL_UINT(2, csr_count);
    slots.slot[0].state = slots.slot[1].state = IDENTITY_SLOT_EMPTY;
    slots.active = -1;
}

static void certificates_are_taken_only_for_a_key_that_waits(void)
{
    with_keys();
    TEST_ASSERT_NOT_NULL(strstr(type("identity certificate\n"), "E103"));
    TEST_ASSERT_FALSE(console_is_secret(&console));
    slots.request = 1;
    (void)type("json identity certificate new-tenant\nchain\n.\n");
    TEST_ASSERT_EQUAL_UINT(1, certificate_count);
    TEST_ASSERT_TRUE(taken_new_tenant);
    TEST_ASSERT_EQUAL_MEMORY("chain\n", taken, 6);
    TEST_ASSERT_TRUE(is_wiped());
}

static const char *waited_for;

static void note_ready(void *ctx, const char *what)
{
    (void)ctx;
    TEST_ASSERT_TRUE(console_is_secret(&console));
    waited_for = what;
}

static void a_program_is_told_when_what_is_pasted_may_come(void)
{
    with_keys();
    slots.request = 1;
    intake.ready = note_ready;
    waited_for = NULL;
    (void)type("import old-tenant\nidentity csr\n");
    TEST_ASSERT_NULL(waited_for);
    (void)type("json import\n.\n");
    TEST_ASSERT_EQUAL_STRING("the key", waited_for);
    (void)type("identity certificate\n.\n");
    TEST_ASSERT_EQUAL_STRING("the certificates", waited_for);
}

static void a_program_that_makes_no_keys_refuses_both(void)
{
    with_intake();
    slots.request = 1;
    TEST_ASSERT_NOT_NULL(strstr(type("identity csr\n"), "E106"));
    TEST_ASSERT_NOT_NULL(strstr(type("identity certificate\n"), "E106"));
    TEST_ASSERT_NULL(strstr(type("help\n"), "csr"));
}

/* ---- trust ---- */

static char roots[64];
static unsigned roots_taken_back;

static size_t list_roots(void *ctx, struct console_roots list[CONSOLE_ROOTS_MAX])
{
    (void)ctx;
    list[0] = (struct console_roots){"in force", "/etc/roots.pem", 150, NULL};
    list[1] = (struct console_roots){"on trial", "trust-1.pem", 1, "2026-11-28T13:00:00Z"};
    return 2;
}

static enum ifl_status install_roots(void *ctx, struct bytes pem, ifl_ms now)
{
    (void)ctx, (void)now;
    memcpy(roots, pem.data, pem.size);
    roots[pem.size] = '\0';
    return intake_status;
}

static enum ifl_status take_roots_back(void *ctx, ifl_ms now)
{
    (void)ctx, (void)now;
    roots_taken_back++;
    return intake_status;
}

static const struct console_trust TRUST = {list_roots, install_roots, take_roots_back, NULL};

static void trust_shows_takes_and_takes_back_roots(void)
{
    with_keys();
    wiring.trust = &TRUST;
    roots_taken_back = 0;
    TEST_ASSERT_EQUAL_STRING(
        "in force  150 roots, /etc/roots.pem\non trial  1 root, trust-1.pem, since 2026-11-28T13:00:00Z\n\n",
        type("trust\n"));
    TEST_ASSERT_EQUAL_STRING(
        "{\"ok\":true,\"bundles\":[{\"state\":\"in force\",\"source\":\"/etc/roots.pem\",\"roots\":150},"
        "{\"state\":\"on trial\",\"source\":\"trust-1.pem\",\"roots\":1,\"since\":\"2026-11-28T13:00:00Z\"}]}\n",
        type("json trust\n"));
    char prompt[IFL_WORDS_SIZE + 1];
    (void)ifl_words(IFL_WORDS_PASTE_ROOTS, prompt, IFL_WORDS_SIZE);
    TEST_ASSERT_EQUAL_STRING(strcat(prompt, "\n"), type("trust install\n"));
    TEST_ASSERT_NOT_NULL(strstr(type("pem\n.\n"), "on trial"));
    TEST_ASSERT_EQUAL_STRING("pem\n", roots);
    TEST_ASSERT_NOT_NULL(strstr(type("trust install new-tenant\n"), "E106"));
    TEST_ASSERT_NOT_NULL(strstr(type("trust rollback\n"), "in force"));
    TEST_ASSERT_EQUAL_UINT(1, roots_taken_back);
    intake_status = IFL_TRUST_BAD;
    (void)type("json trust install\n");
    TEST_ASSERT_NOT_NULL(strstr(type("x\n.\n"), "{\"ok\":false,\"error\":{\"code\":434"));
    TEST_ASSERT_NOT_NULL(strstr(type("trust everybody\n"), "E106"));
    TEST_ASSERT_NOT_NULL(strstr(type("json help\n"), "\"trust\""));
}

/* ---- lock, reboot, wipe, settings ---- */

static struct console_lock lock;
static unsigned reboot_count, wipe_count, pin_count;
static enum ifl_status wipe_status;

static bool opens(void *ctx, struct bytes pin)
{
    (void)ctx;
    pin_count++;
    return bytes_equal(pin, bytes_of_string("correct-horse"));
}

static void start_again(void *ctx)
{
    (void)ctx;
    reboot_count++;
}

static enum ifl_status erase_all(void *ctx)
{
    (void)ctx;
    wipe_count++;
    return wipe_status;
}

static const struct console_device DEVICE = {.reboot = start_again, .wipe = erase_all};
static const struct console_verb *const DEVICE_VERBS[] = {
    &CONSOLE_CSR,  &CONSOLE_CERTIFICATE, &CONSOLE_TRUST, &CONSOLE_REBOOT,
    &CONSOLE_WIPE, &CONSOLE_UNLOCK,      &CONSOLE_LOCK,  NULL};

static void with_device(bool locked)
{
    with_keys();
    memset(&lock, 0, sizeof lock);
    lock.opens = opens;
    wiring.more = DEVICE_VERBS;
    wiring.device = &DEVICE;
    wiring.trust = &TRUST;
    wiring.lock = locked ? &lock : NULL;
    reboot_count = wipe_count = pin_count = 0;
    wipe_status = IFL_OK;
}

static const char *type_at(const char *input, ifl_ms now)
{
    answer_len = 0;
    answer[0] = '\0';
    console_feed(&console, bytes_of_string(input), now);
    return answer;
}

static void a_lock_keeps_closed_what_changes_something_and_nothing_else(void)
{
    static const char *const CLOSED[] = {"send telemetry 1\n",
                                         "retry\n",
                                         "import\n",
                                         "identity rollback\n",
                                         "identity csr\n",
                                         "identity certificate\n",
                                         "trust install\n",
                                         "trust rollback\n",
                                         "reboot\n",
                                         "wipe everything\n",
                                         "queue export " DEAD_ID "\n",
                                         "queue drop " DEAD_ID "\n",
                                         "queue retry " DEAD_ID "\n"};
    static const char *const OPEN[] = {"status\n",   "routes\n", "queue\n",    "queue show " DEAD_ID "\n",
                                       "identity\n", "log\n",    "settings\n", "help\n"};
    with_messages();
    with_device(true);
    for (size_t i = 0; i < sizeof CLOSED / sizeof CLOSED[0]; i++) {
        TEST_ASSERT_NOT_NULL_MESSAGE(strstr(type(CLOSED[i]), "E811 "), CLOSED[i]);
    }
    for (size_t i = 0; i < sizeof OPEN / sizeof OPEN[0]; i++) {
        TEST_ASSERT_NULL_MESSAGE(strstr(type(OPEN[i]), "E811"), OPEN[i]);
    }
    TEST_ASSERT_EQUAL_UINT(0, reboot_count + wipe_count + csr_count + rollback_count + take_count);
    TEST_ASSERT_EQUAL_STRING("Unlocked.\n\n", type("unlock correct-horse\n"));
    for (size_t i = 0; i < sizeof CLOSED / sizeof CLOSED[0]; i++) {
        TEST_ASSERT_NULL_MESSAGE(strstr(type(CLOSED[i]), "E811"), CLOSED[i]);
        console_end(&console);
    }
    TEST_ASSERT_EQUAL_UINT(2, reboot_count + wipe_count);
    TEST_ASSERT_EQUAL_STRING("{\"ok\":true}\n", type("json lock\n"));
    TEST_ASSERT_NOT_NULL(strstr(type("json reboot\n"), "\"code\":811,"));
}

static void a_lock_closes_by_itself_ten_minutes_after_its_last_use(void)
{
    with_device(true);
    (void)type_at("unlock correct-horse\n", 1000);
    TEST_ASSERT_NULL(strstr(type_at("reboot\n", 600999), "E811"));
    TEST_ASSERT_NULL(strstr(type_at("reboot\n", 1200998), "E811"));
    (void)type_at("status\n", 1500000); /* needs no lock, so it doesn't keep it open */
    TEST_ASSERT_NOT_NULL(strstr(type_at("reboot\n", 1800998), "E811"));
}

static void wrong_pins_are_looked_at_more_and_more_rarely(void)
{
    ifl_ms now = 1000;
    with_device(true);
    for (unsigned i = 0; i < 12; i++) {
        const ifl_ms pause = UINT64_C(2000) << (i < 9 ? i : 9);
        TEST_ASSERT_NOT_NULL(strstr(type_at("unlock guess\n", now), "E812 "));
        TEST_ASSERT_NOT_NULL(strstr(type_at("unlock correct-horse\n", now + pause - 1), "E813 "));
        TEST_ASSERT_EQUAL_UINT(i + 1, pin_count);
        now += pause;
    }
    TEST_ASSERT_EQUAL_STRING("Unlocked.\n\n", type_at("unlock correct-horse\n", now));
    TEST_ASSERT_NOT_NULL(strstr(type_at("unlock guess\n", now), "E812 ")); /* from two seconds again */
    TEST_ASSERT_EQUAL_STRING("Unlocked.\n\n", type_at("unlock correct-horse\n", now + 2000));
}

static void a_pin_does_not_stay_in_memory(void)
{
    with_device(true);
    (void)type("unlock correct-horse\n");
    for (size_t i = 0; i < sizeof console.line; i++) {
        TEST_ASSERT_EQUAL_HEX8(0, console.line[i]);
    }
    TEST_ASSERT_NOT_NULL(strstr(type("unlock\n"), "E106"));
    TEST_ASSERT_NOT_NULL(strstr(type("unlock correct horse\n"), "E106"));
}

static void without_a_lock_everything_is_open(void)
{
    with_device(false);
    TEST_ASSERT_EQUAL_STRING("It starts again.\n\n", type("reboot\n"));
    TEST_ASSERT_NOT_NULL(strstr(type("unlock correct-horse\n"), "E106"));
    TEST_ASSERT_NOT_NULL(strstr(type("lock\n"), "E106"));
}

static void a_device_is_wiped_only_by_whoever_says_everything(void)
{
    with_device(false);
    TEST_ASSERT_NOT_NULL(strstr(type("wipe\n"), "E106"));
    TEST_ASSERT_NOT_NULL(strstr(type("wipe everything now\n"), "E106"));
    TEST_ASSERT_EQUAL_UINT(0, wipe_count);
    wipe_status = IFL_STORE_FULL;
    TEST_ASSERT_NOT_NULL(strstr(type("wipe everything\n"), "E206"));
    wipe_status = IFL_OK;
    TEST_ASSERT_EQUAL_STRING("Everything is erased now.\n\n", type("wipe everything\n"));
    TEST_ASSERT_EQUAL_UINT(2, wipe_count);
}

static void settings_shows_what_is_configured_but_no_secret(void)
{
    strcpy(settings.proxy, "http://me:hunter2@proxy.example:3128");
    strcpy(settings.password, "hunter3");
    assert_says("settings\n", "proxy           proxy.example:3128\n");
    assert_says("settings\n", "tls             auto\n");
    TEST_ASSERT_NULL(strstr(answer, "hunter"));
    TEST_ASSERT_NULL(strstr(answer, "gateway"));
    assert_says("json settings\n", "\"proxy\":\"proxy.example:3128\"");
    TEST_ASSERT_NULL(strstr(answer, "hunter"));
    TEST_ASSERT_NOT_NULL(strstr(type("settings all\n"), "E106"));
}

static void retry_asks_the_sender(void)
{
    assert_says("retry\n", "Trying all routes at once.");
    TEST_ASSERT_EQUAL(HEALTH_ROUTE_NONE, retried);
    assert_says("json retry telemetry\n", "{\"ok\":true}\n");
    TEST_ASSERT_EQUAL(0, retried);
    assert_says("retry nowhere\n", "E103 ");
}

static void send_stores_the_text_as_it_is_and_answers_after_the_sync(void)
{
    assert_says("send alarm {\"t\": 21.5}\n", "Stored as 0000000000000abc-2-1.\n");
    TEST_ASSERT_EQUAL_STRING("{\"t\": 21.5}", fake.payload);
    fake.sync_status = IFL_FLASH_IO;
    assert_says("send alarm x\n", "E200 ");
    assert_says("send nowhere x\n", "E103 ");
}

static void texts_in_json_are_escaped_whole(void)
{
    health_event(&health, NOW, IFL_NET_DNS, HEALTH_ROUTE_NONE,
                 "a\"b\\c\n\xc3\xa4\xe2\x82\xac-0123456789\xf0\x9f\x98\x80");
    assert_says("json log\n", "\"detail\":\"a\\\"b\\\\c\\n\xc3\xa4\xe2\x82\xac-0123456789\xf0\x9f\x98\x80\"");
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(an_answer_to_a_person_ends_with_its_only_empty_line);
    RUN_TEST(an_answer_in_json_is_exactly_one_line);
    RUN_TEST(commands_may_come_in_pieces_and_with_carriage_returns);
    RUN_TEST(an_unknown_command_is_refused_with_cause_and_remedy);
    RUN_TEST(an_endless_line_is_answered_once_and_does_no_harm);
    RUN_TEST(status_says_why_a_route_is_held_and_when_it_is_tried_again);
    RUN_TEST(status_says_how_long_the_identity_is_valid);
    RUN_TEST(status_counts_what_happened);
    RUN_TEST(the_peak_of_the_arena_is_shown_where_there_is_one);
    RUN_TEST(queue_lists_messages_in_order_with_what_is_known_of_them);
    RUN_TEST(a_long_queue_is_cut_and_says_so);
    RUN_TEST(dead_letters_show_their_first_id_and_the_reason);
    RUN_TEST(a_route_that_left_the_configuration_is_listed_as_such);
    RUN_TEST(a_medium_that_fails_while_listing_is_named);
    RUN_TEST(identity_shows_fingerprints_and_states);
    RUN_TEST(log_shows_the_last_events_oldest_first);
    RUN_TEST(one_message_is_found_wherever_it_lies);
    RUN_TEST(a_payload_is_exported_as_base64);
    RUN_TEST(a_dead_letter_goes_again_or_for_good);
    RUN_TEST(import_takes_what_is_pasted_up_to_a_dot_alone);
    RUN_TEST(import_answers_with_the_slots_or_with_the_reason);
    RUN_TEST(a_paste_that_is_too_long_is_refused_at_its_end);
    RUN_TEST(one_paste_at_a_time_and_none_is_left_behind);
    RUN_TEST(help_offers_import_and_rollback_only_where_the_program_takes_identities_in);
    RUN_TEST(an_id_is_read_as_it_is_shown);
    RUN_TEST(what_is_no_id_is_refused);
    RUN_TEST(identity_rollback_asks_the_program);
    RUN_TEST(a_rollback_to_an_identity_that_leads_nowhere_is_done_and_says_so);
    RUN_TEST(a_request_is_shown_and_its_key_is_chosen_by_a_word);
    RUN_TEST(an_identity_on_trial_keeps_its_slot_unless_a_word_says_otherwise);
    RUN_TEST(an_identity_to_go_back_to_keeps_its_slot_unless_a_word_says_otherwise);
    RUN_TEST(certificates_are_taken_only_for_a_key_that_waits);
    RUN_TEST(a_program_is_told_when_what_is_pasted_may_come);
    RUN_TEST(a_lock_keeps_closed_what_changes_something_and_nothing_else);
    RUN_TEST(a_lock_closes_by_itself_ten_minutes_after_its_last_use);
    RUN_TEST(wrong_pins_are_looked_at_more_and_more_rarely);
    RUN_TEST(a_pin_does_not_stay_in_memory);
    RUN_TEST(without_a_lock_everything_is_open);
    RUN_TEST(a_device_is_wiped_only_by_whoever_says_everything);
    RUN_TEST(settings_shows_what_is_configured_but_no_secret);
    RUN_TEST(a_program_that_makes_no_keys_refuses_both);
    RUN_TEST(trust_shows_takes_and_takes_back_roots);
    RUN_TEST(retry_asks_the_sender);
    RUN_TEST(send_stores_the_text_as_it_is_and_answers_after_the_sync);
    RUN_TEST(texts_in_json_are_escaped_whole);
    return UNITY_END();
}
