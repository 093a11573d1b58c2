/* Lines of producers: each gets one answer, in order, and OK only after the sync. The outbox is a fake that follows a script:
 * what the real one does with bytes is tested in its own room; here it must also be busy, full and broken on demand. */
#include <string.h>

#include "ingest/ingest.h"
#include "unity.h"

#define PAYLOAD_MAX 32u

/* ---- the fake outbox: remembers payloads, answers as told ---- */

static struct {
    enum ifl_status put_status;
    outbox_n next_n[3];
    size_t count;
    struct {
        uint8_t lane;
        char payload[PAYLOAD_MAX + 1];
        size_t size;
    } stored[200];
} fake;

uint8_t outbox_lane_of(const struct outbox *box, const char *route)
{
    (void)box;
    if (strcmp(route, "telemetry") == 0) {
        return 1;
    }
    return strcmp(route, "alarm") == 0 ? 2 : OUTBOX_LANE_NONE;
}

enum ifl_status outbox_put(struct outbox *box, uint8_t lane, struct bytes payload, struct outbox_time time,
                           struct outbox_id *id)
{
    (void)box;
    (void)time;
    if (fake.put_status != IFL_OK) {
        return fake.put_status;
    }
    TEST_ASSERT_LESS_OR_EQUAL(PAYLOAD_MAX, payload.size);
    memcpy(fake.stored[fake.count].payload, payload.data, payload.size);
    fake.stored[fake.count].size = payload.size;
    fake.stored[fake.count].lane = lane;
    fake.count++;
    *id = (struct outbox_id){.log = 0xabc, .lane = lane, .n = ++fake.next_n[lane]};
    return IFL_OK;
}

void outbox_id_text(const struct outbox_id *id, struct text *out)
{
    text_hex_u64(out, id->log, 16);
    text_char(out, '-');
    text_u64(out, id->lane);
    text_char(out, '-');
    text_u64(out, id->n);
}

/* ---- one producer ---- */

static struct settings settings;
static struct health health;
static struct clock wall;
static struct ingest_wiring wiring;
static struct ingest producer;
static uint8_t line[INGEST_LINE_SIZE(PAYLOAD_MAX)];
static char answers[INGEST_PENDING_COUNT * INGEST_ANSWER_SIZE];

void setUp(void)
{
    memset(&fake, 0, sizeof fake);
    memset(&settings, 0, sizeof settings);
    strcpy(settings.routes[0].name, "telemetry");
    strcpy(settings.routes[1].name, "alarm");
    strcpy(settings.routes[2].name, "homeless"); /* configured, but without a lane */
    settings.route_count = 3;
    settings.payload_max = PAYLOAD_MAX;
    health_init(&health);
    clock_init(&wall, 1700000000, 0);
    wiring = (struct ingest_wiring){.settings = &settings, .clock = &wall, .health = &health};
    ingest_init(&producer, &wiring, line, sizeof line);
}

void tearDown(void) {}

static size_t feed(const char *input)
{
    size_t used = 0;
    TEST_ASSERT_EQUAL(IFL_OK, ingest_feed(&producer, bytes_of_string(input), 1, &used));
    return used;
}

static const char *acknowledge(enum ifl_status sync)
{
    struct text out;
    text_init(&out, answers, sizeof answers);
    TEST_ASSERT_TRUE(ingest_acknowledge(&producer, sync, &out));
    return answers;
}

static void assert_refused(const char *input, const char *code)
{
    feed(input);
    const char *answer = acknowledge(IFL_OK);
    TEST_ASSERT_EQUAL_STRING_LEN("ERROR ", answer, 6);
    TEST_ASSERT_EQUAL_STRING_LEN(code, answer + 6, strlen(code));
    TEST_ASSERT_EQUAL('\n', answer[strlen(answer) - 1]);
    TEST_ASSERT_EQUAL(0, fake.count);
}

/* ---- the promise ---- */

static void a_line_is_stored_under_its_route_and_acknowledged_with_its_id(void)
{
    TEST_ASSERT_EQUAL(16, feed("telemetry 21.5C\n"));
    TEST_ASSERT_EQUAL(1, fake.stored[0].lane);
    TEST_ASSERT_EQUAL_STRING("21.5C", fake.stored[0].payload);
    TEST_ASSERT_EQUAL_STRING("OK 0000000000000abc-1-1\n", acknowledge(IFL_OK));
    TEST_ASSERT_EQUAL(1, health.counters[HEALTH_STORED]);
}

static void nothing_is_acknowledged_before_the_sync(void)
{
    feed("telemetry 1\n");
    TEST_ASSERT_EQUAL(1, producer.pending_count);
    TEST_ASSERT_EQUAL(0, producer.settled_count);
    TEST_ASSERT_EQUAL(0, health.counters[HEALTH_STORED]);
}

static void answers_come_in_the_order_of_the_lines(void)
{
    feed("telemetry 1\nnowhere 2\nalarm 3\n");
    const char *answer = acknowledge(IFL_OK);
    TEST_ASSERT_EQUAL_STRING_LEN("OK 0000000000000abc-1-1\nERROR E801 ", answer, 35);
    TEST_ASSERT_NOT_NULL(strstr(answer, "\nOK 0000000000000abc-2-1\n"));
}

static void a_line_may_come_in_pieces_of_one_byte(void)
{
    for (const char *c = "alarm  a b \r\n"; *c != '\0'; c++) {
        const char piece[2] = {*c, '\0'};
        TEST_ASSERT_EQUAL(1, feed(piece));
    }
    TEST_ASSERT_EQUAL_STRING(" a b ", fake.stored[0].payload);
    TEST_ASSERT_EQUAL(5, fake.stored[0].size);
}

static void a_payload_may_hold_any_byte_but_the_line_end(void)
{
    static const uint8_t INPUT[] = "alarm \x00\x01\xff\r\x80\n";
    size_t used = 0;
    TEST_ASSERT_EQUAL(IFL_OK, ingest_feed(&producer, bytes_of(INPUT, sizeof INPUT - 1), 1, &used));
    TEST_ASSERT_EQUAL(5, fake.stored[0].size);
    TEST_ASSERT_EQUAL_MEMORY("\x00\x01\xff\r\x80", fake.stored[0].payload, 5);
}

static void a_failed_sync_turns_every_waiting_success_into_its_error(void)
{
    feed("telemetry 1\ntelemetry 2\n");
    const char *answer = acknowledge(IFL_FLASH_IO);
    TEST_ASSERT_NULL(strstr(answer, "OK "));
    TEST_ASSERT_EQUAL_STRING_LEN("ERROR E200 ", answer, 11);
    TEST_ASSERT_EQUAL(0, health.counters[HEALTH_STORED]);
    TEST_ASSERT_EQUAL(2, health.counters[HEALTH_REFUSED]);
}

static void a_success_that_was_synced_stays_one_when_a_later_sync_fails(void)
{
    char small[26];
    struct text out;
    text_init(&out, small, sizeof small);
    feed("telemetry 1\ntelemetry 2\n");
    TEST_ASSERT_FALSE(ingest_acknowledge(&producer, IFL_OK, &out)); /* room for one answer only */
    TEST_ASSERT_EQUAL_STRING("OK 0000000000000abc-1-1\n", small);
    feed("telemetry 3\n");
    const char *answer = acknowledge(IFL_FLASH_IO);
    TEST_ASSERT_EQUAL_STRING_LEN("OK 0000000000000abc-1-2\nERROR E200 ", answer, 35);
}

/* ---- back pressure ---- */

static void a_line_end_waits_until_there_is_a_place_for_its_answer(void)
{
    for (size_t i = 0; i < INGEST_PENDING_COUNT; i++) {
        feed("telemetry x\n");
    }
    TEST_ASSERT_TRUE(ingest_is_full(&producer));
    TEST_ASSERT_EQUAL(11, feed("telemetry y\n")); /* all but the line end */
    TEST_ASSERT_EQUAL(INGEST_PENDING_COUNT, fake.count);
    acknowledge(IFL_OK);
    TEST_ASSERT_EQUAL(1, feed("\n"));
    TEST_ASSERT_EQUAL_STRING("y", fake.stored[INGEST_PENDING_COUNT].payload);
}

static void a_busy_outbox_takes_the_line_later_and_once(void)
{
    size_t used = 0;
    fake.put_status = IFL_FLASH_BUSY;
    TEST_ASSERT_EQUAL(IFL_AGAIN, ingest_feed(&producer, bytes_of_string("alarm z\n"), 1, &used));
    TEST_ASSERT_EQUAL(7, used);
    TEST_ASSERT_EQUAL(0, producer.pending_count);
    fake.put_status = IFL_OK;
    TEST_ASSERT_EQUAL(1, feed("\n"));
    TEST_ASSERT_EQUAL(1, fake.count);
    TEST_ASSERT_EQUAL_STRING("z", fake.stored[0].payload);
}

/* ---- what is refused ---- */

static void bad_lines_end_in_a_clear_error_and_store_nothing(void)
{
    assert_refused("\n", "E802");
    assert_refused("telemetry\n", "E802");
    assert_refused("telemetry \n", "E802");
    assert_refused("telemetry \r\n", "E802");
    assert_refused("Telemetry 1\n", "E801");
    assert_refused(" telemetry 1\n", "E801");
    assert_refused("homeless 1\n", "E801");
    assert_refused("telemetr 1\n", "E801");
    TEST_ASSERT_EQUAL(8, health.counters[HEALTH_REFUSED]);
}

static void a_line_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(void)
{
    feed("alarm 01234567890123456789012345678901\n");
    TEST_ASSERT_EQUAL(PAYLOAD_MAX, fake.stored[0].size);
    fake.count = 0;
    acknowledge(IFL_OK);
    assert_refused("alarm 012345678901234567890123456789012\n", "E800");
}

static void an_endless_line_is_skipped_and_the_next_one_taken(void)
{
    for (int i = 0; i < 1000; i++) {
        feed("alarm 0123456789");
    }
    feed("\nalarm ok\n");
    const char *answer = acknowledge(IFL_OK);
    TEST_ASSERT_EQUAL_STRING_LEN("ERROR E800 ", answer, 11);
    TEST_ASSERT_EQUAL(1, fake.count);
    TEST_ASSERT_EQUAL_STRING("ok", fake.stored[0].payload);
}

static void a_full_outbox_is_told_to_the_producer(void)
{
    fake.put_status = IFL_STORE_FULL;
    assert_refused("alarm 1\n", "E206");
    TEST_ASSERT_EQUAL(1, health.events[health_last_seq(&health) % IFL_EVENT_COUNT].route);
}

static void a_broken_medium_is_told_to_the_caller_too(void)
{
    size_t used = 0;
    fake.put_status = IFL_FLASH_IO;
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, ingest_feed(&producer, bytes_of_string("alarm 1\nalarm 2\n"), 1, &used));
    TEST_ASSERT_EQUAL(8, used);
    TEST_ASSERT_EQUAL_STRING_LEN("ERROR E200 ", acknowledge(IFL_OK), 11);
}

static void a_piece_of_a_line_at_the_end_is_not_stored(void)
{
    feed("telemetry 21.");
    ingest_end(&producer, 1);
    TEST_ASSERT_EQUAL_STRING_LEN("ERROR E803 ", acknowledge(IFL_OK), 11);
    TEST_ASSERT_EQUAL(0, fake.count);
    ingest_end(&producer, 1);
    TEST_ASSERT_EQUAL_STRING("", acknowledge(IFL_OK));
}

static void a_payload_never_reaches_the_events(void)
{
    feed("secret-word another-secret\n");
    const struct health_event *event = health_event_at(&health, health_last_seq(&health));
    TEST_ASSERT_NOT_NULL(event);
    TEST_ASSERT_EQUAL_STRING("", event->detail);
}

static void every_answer_fits_the_documented_size(void)
{
    for (unsigned i = 0; ifl_diag_at(i) != NULL; i++) {
        char answer[INGEST_ANSWER_SIZE];
        struct text out;
        text_init(&out, answer, sizeof answer);
        text_str(&out, "ERROR ");
        text_status(&out, ifl_diag_at(i)->status);
        text_char(&out, '\n');
        TEST_ASSERT_FALSE(out.cut);
    }
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_line_is_stored_under_its_route_and_acknowledged_with_its_id);
    RUN_TEST(nothing_is_acknowledged_before_the_sync);
    RUN_TEST(answers_come_in_the_order_of_the_lines);
    RUN_TEST(a_line_may_come_in_pieces_of_one_byte);
    RUN_TEST(a_payload_may_hold_any_byte_but_the_line_end);
    RUN_TEST(a_failed_sync_turns_every_waiting_success_into_its_error);
    RUN_TEST(a_success_that_was_synced_stays_one_when_a_later_sync_fails);
    RUN_TEST(a_line_end_waits_until_there_is_a_place_for_its_answer);
    RUN_TEST(a_busy_outbox_takes_the_line_later_and_once);
    RUN_TEST(bad_lines_end_in_a_clear_error_and_store_nothing);
    RUN_TEST(a_line_of_exactly_the_limit_is_taken_and_one_byte_more_is_not);
    RUN_TEST(an_endless_line_is_skipped_and_the_next_one_taken);
    RUN_TEST(a_full_outbox_is_told_to_the_producer);
    RUN_TEST(a_broken_medium_is_told_to_the_caller_too);
    RUN_TEST(a_piece_of_a_line_at_the_end_is_not_stored);
    RUN_TEST(a_payload_never_reaches_the_events);
    RUN_TEST(every_answer_fits_the_documented_size);
    return UNITY_END();
}
