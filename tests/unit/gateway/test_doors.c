/* What is pasted at iflowd's console comes to an end, in time that the test makes. The sockets are real. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doors.h"
#include "linux/unix_socket.h"
#include "unity.h"

static struct doors doors; /* more than 10 MB */
static char run_dir[32];
static struct settings settings;
static struct health health;
static uint8_t pasted[4096];
static struct console_intake intake;
static const struct ingest_wiring ingest = {.settings = &settings, .health = &health};
static const struct console_wiring wiring = {
    .settings = &settings, .health = &health, .intake = &intake, .version = "test"};
static unsigned taken;

static enum ifl_status take(void *ctx, struct bytes text, bool new_tenant, ifl_ms now)
{
    (void)ctx, (void)text, (void)new_tenant, (void)now;
    taken++;
    return IFL_NOT_FOUND;
}

void setUp(void)
{
    char buf[256];
    struct text detail;
    text_init(&detail, buf, sizeof buf);
    memset(&doors, 0, sizeof doors);
    intake = (struct console_intake){.buf = pasted, .size = sizeof pasted, .take = take};
    taken = 0;
    health_init(&health);
    strcpy(run_dir, "/tmp/doors-XXXXXX");
    TEST_ASSERT_NOT_NULL(mkdtemp(run_dir));
    TEST_ASSERT_EQUAL(IFL_OK, doors_open(&doors, run_dir, false, &ingest, &wiring, &detail));
}

void tearDown(void)
{
    doors_close(&doors);
    TEST_ASSERT_EQUAL(0, rmdir(run_dir));
}

static int connect_console(void)
{
    int fd = -1;
    TEST_ASSERT_EQUAL(IFL_OK, unix_socket_connect(doors.console_path, &fd));
    return fd;
}

static ifl_ms step(ifl_ms now)
{
    enum ifl_status sync;
    ifl_ms wish = now;
    for (unsigned i = 0; wish == now && i < 10; i++) {
        wish = doors_step(&doors, NULL, now, &sync);
    }
    return wish;
}

static ifl_ms say(int fd, const char *text, ifl_ms now)
{
    TEST_ASSERT_EQUAL((ssize_t)strlen(text), write(fd, text, strlen(text)));
    return step(now);
}

static void assert_answer(const char *begin, int fd)
{
    char answer[1024];
    const ssize_t got = read(fd, answer, sizeof answer - 1);
    TEST_ASSERT_GREATER_THAN(0, got);
    answer[got] = '\0';
    TEST_ASSERT_EQUAL_STRING_LEN(begin, answer, strlen(begin));
}

/* And nothing of it is left, nor taken for a command. */
static void assert_given_up(const char *begin, int fd, ifl_ms now)
{
    char byte;
    step(now);
    assert_answer(begin, fd);
    step(now);
    TEST_ASSERT_EQUAL(0, read(fd, &byte, 1));
    close(fd);
    TEST_ASSERT_EQUAL_UINT(0, taken);
    TEST_ASSERT_NULL(intake.owner);
    TEST_ASSERT_EACH_EQUAL_HEX8(0, pasted, sizeof pasted);
    TEST_ASSERT_EQUAL(IFL_PASTE_GIVEN_UP, health_event_at(&health, health_last_seq(&health))->status);
}

static void a_paste_that_stops_is_given_up_after_a_minute(void)
{
    const int fd = connect_console();
    say(fd, "import\n", 1000);
    assert_answer("Paste the service key", fd);
    const ifl_ms wish = say(fd, "{\"oauth\":\n", 5000);
    TEST_ASSERT_EQUAL_UINT64(5000 + CONSOLE_PASTE_QUIET_MS, wish);
    TEST_ASSERT_EQUAL_UINT64(wish, step(wish - 1));
    assert_given_up("E807 ", fd, wish);
}

static void a_paste_without_an_end_is_given_up_after_ten(void)
{
    const int fd = connect_console();
    ifl_ms now = 1000;
    say(fd, "json import\n", now);
    for (; now + 30000 < 1000 + CONSOLE_PASTE_MAX_MS; now += 30000) {
        say(fd, "noise\n", now + 30000);
        TEST_ASSERT_NOT_NULL(intake.owner);
    }
    assert_given_up("{\"ok\":false,\"error\":{\"code\":807,", fd, 1000 + CONSOLE_PASTE_MAX_MS);
}

static void the_next_one_has_its_own_time(void)
{
    const int first = connect_console(), second = connect_console();
    say(first, "import\n", 1000);
    assert_answer("Paste", first);
    say(first, "x\n.\n", 2000);
    assert_answer("E103 ", first);
    TEST_ASSERT_EQUAL_UINT64(IFL_NEVER, step(2000 + CONSOLE_PASTE_MAX_MS));
    say(second, "import\n", 3000 + CONSOLE_PASTE_MAX_MS);
    assert_answer("Paste", second);
    say(first, "import\n", 4000 + CONSOLE_PASTE_MAX_MS);
    assert_answer("E805 ", first);
    taken = 0;
    assert_given_up("E807 ", second, 3000 + CONSOLE_PASTE_MAX_MS + CONSOLE_PASTE_QUIET_MS);
    say(first, "import\n", 5000 + CONSOLE_PASTE_MAX_MS + CONSOLE_PASTE_QUIET_MS);
    assert_answer("Paste", first);
    close(first);
    step(6000 + CONSOLE_PASTE_MAX_MS + CONSOLE_PASTE_QUIET_MS);
}

static void a_line_that_is_typed_slowly_is_no_paste(void)
{
    const int fd = connect_console();
    TEST_ASSERT_EQUAL_UINT64(IFL_NEVER, say(fd, "hel", 1000));
    TEST_ASSERT_EQUAL_UINT64(IFL_NEVER, step(1000 + 2 * CONSOLE_PASTE_MAX_MS));
    say(fd, "p\n", 1000 + 3 * CONSOLE_PASTE_MAX_MS);
    assert_answer("status", fd);
    close(fd);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_paste_that_stops_is_given_up_after_a_minute);
    RUN_TEST(a_paste_without_an_end_is_given_up_after_ten);
    RUN_TEST(the_next_one_has_its_own_time);
    RUN_TEST(a_line_that_is_typed_slowly_is_no_paste);
    return UNITY_END();
}
