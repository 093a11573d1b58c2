/* Whatever somebody types or pastes: each line gets one answer, in the form that it asked for; no secret is in it; a pasted text is never echoed and doesn't
 * stay; and without the PIN nothing is changed.
 *
 * Outbox, settings, health and clock are the real ones; the sender only counts. The first byte of the input says whether there is a lock and in how large pieces the rest comes. */
#include "fuzz.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "console/console.h"
#include "linux/flash_memory.h"

#define BLOCK_SIZE 4096u
#define BLOCK_COUNT 12u
#define PIN "135790"
#define PASSWORD "Xq-password-7"

/* ---- what the console works on ---- */

static const struct flash_geometry geometry = {
    .size = BLOCK_SIZE * BLOCK_COUNT, .sector_size = BLOCK_SIZE, .prog_size = 16, .erased = 0xFF};
static uint8_t medium[BLOCK_SIZE * BLOCK_COUNT];
static struct flash_memory chip;

static enum ifl_status fill(void *ctx, void *buf, size_t size)
{
    (void)ctx;
    memset(buf, 0x42, size);
    return IFL_OK;
}

static unsigned changes; /* what a lock must keep closed */

enum sender_state sender_state(const struct sender *sender)
{
    (void)sender;
    return SENDER_READY;
}

void sender_host_view(const struct sender *sender, struct sender_view *view)
{
    (void)sender;
    memset(view, 0, sizeof *view);
}

enum ifl_status sender_route_view(const struct sender *sender, size_t route, struct sender_view *view)
{
    (void)sender;
    memset(view, 0, sizeof *view);
    return route < 2 ? IFL_OK : IFL_NOT_FOUND;
}

void sender_retry(struct sender *sender, uint8_t route, ifl_ms now)
{
    (void)sender, (void)route, (void)now;
    changes++;
}

static enum ifl_status take_key(void *ctx, struct bytes text, bool new_tenant, ifl_ms now)
{
    (void)ctx, (void)new_tenant, (void)now;
    changes++;
    return text.size % 2 == 0 ? IFL_OK : IFL_KEY_PEM;
}

static enum ifl_status go_back(void *ctx, ifl_ms now)
{
    (void)ctx, (void)now;
    changes++;
    return IFL_NOT_FOUND;
}

static enum ifl_status make_request(void *ctx, enum console_key key, struct text *pem, ifl_ms now)
{
    (void)ctx, (void)key, (void)now;
    changes++;
    text_str(pem, "-----BEGIN CERTIFICATE REQUEST-----\n");
    return IFL_OK;
}

static size_t list_roots(void *ctx, struct console_roots roots[CONSOLE_ROOTS_MAX])
{
    (void)ctx;
    roots[0] = (struct console_roots){.state = "in force", .source = "bundle A", .count = 3};
    return 1;
}

static enum ifl_status take_roots(void *ctx, struct bytes pem, ifl_ms now)
{
    (void)ctx, (void)pem, (void)now;
    changes++;
    return IFL_TRUST_BAD;
}

static void reboot(void *ctx)
{
    (void)ctx;
    changes++;
}

static enum ifl_status wipe(void *ctx)
{
    (void)ctx;
    changes++;
    return IFL_OK;
}

static bool opens(void *ctx, struct bytes pin)
{
    (void)ctx;
    return bytes_equal(pin, bytes_of_string(PIN));
}

/* ---- the console ---- */

static struct outbox outbox;
static struct settings settings;
static struct health health;
static struct clock wall;
static struct identity_slots slots;
static uint8_t pasted[300];
static struct console_intake intake;
static struct console_lock lock;
static struct console console;
static char answer[1u << 20];
static size_t answer_len;

static void take_answer(void *ctx, struct bytes piece)
{
    (void)ctx;
    promise(answer_len + piece.size < sizeof answer);
    memcpy(answer + answer_len, piece.data, piece.size);
    answer_len += piece.size;
}

static void make_outbox(void)
{
    static const struct outbox_lane_config lanes[] = {{.route = "telemetry", .min_blocks = 1},
                                                      {.route = "alarm", .min_blocks = 1}};
    const struct outbox_config config = {
        .block_size = BLOCK_SIZE, .lanes = lanes, .lane_count = 2, .random = {fill, NULL}};
    const struct outbox_time time = {.unix_s = 1700000000};
    struct flash_region region;
    struct outbox_id id;
    struct outbox_message message;
    memset(medium, 0xFF, sizeof medium);
    flash_memory_init(&chip, geometry, medium);
    promise(flash_region(&chip.flash, 0, sizeof medium, &region) == IFL_OK &&
            outbox_mount(&outbox, region, &config) == IFL_OK);
    while (outbox_step(&outbox, 0) == 0) {
    }
    for (uint8_t lane = 1; lane <= 2; lane++) {
        promise(outbox_put(&outbox, lane, bytes_of_string("{\"t\":21.5}"), time, &id) == IFL_OK);
        promise(outbox_put(&outbox, lane, bytes_of_string("second"), time, &id) == IFL_OK);
    }
    promise(outbox_sync(&outbox) == IFL_OK && outbox_first(&outbox, 1, &message) == IFL_OK);
    promise(outbox_dead_letter(&outbox, &message, IFL_ANSWER_REJECTED) == IFL_OK);
}

/* Made once: most of an input's time would go into it. */
static void start_outbox(void)
{
    static uint8_t medium_before[sizeof medium];
    static struct outbox outbox_before;
    static bool made;
    if (!made) {
        make_outbox();
        memcpy(medium_before, medium, sizeof medium);
        outbox_before = outbox;
        made = true;
    }
    memcpy(medium, medium_before, sizeof medium);
    outbox = outbox_before;
}

static void start(bool locked)
{
    static const struct console_verb *const more[] = {
        &CONSOLE_CSR,  &CONSOLE_CERTIFICATE, &CONSOLE_TRUST, &CONSOLE_REBOOT,
        &CONSOLE_WIPE, &CONSOLE_UNLOCK,      &CONSOLE_LOCK,  NULL};
    static const struct console_trust trust = {.list = list_roots, .install = take_roots, .rollback = go_back};
    static const struct console_device device = {.reboot = reboot, .wipe = wipe};
    static struct console_wiring wiring;
    start_outbox();
    settings = (struct settings){
        .device = "gw-0042", .password = PASSWORD, .proxy = "http://me:" PASSWORD "@proxy:3128", .route_count = 2};
    strcpy(settings.routes[0].name, "telemetry");
    strcpy(settings.routes[1].name, "alarm");
    health_init(&health);
    clock_init(&wall, 1700000000, 0);
    slots = (struct identity_slots){.active = 0, .pending = -1, .request = 1};
    slots.slot[0] =
        (struct identity_slot){.state = IDENTITY_SLOT_ACTIVE, .generation = 1, .chain_not_after = 1800000000};
    intake = (struct console_intake){.buf = pasted,
                                     .size = sizeof pasted,
                                     .take = take_key,
                                     .rollback = go_back,
                                     .csr = make_request,
                                     .certificate = take_key};
    lock = (struct console_lock){.opens = opens};
    wiring = (struct console_wiring){.settings = &settings,
                                     .outbox = &outbox,
                                     .clock = &wall,
                                     .health = &health,
                                     .slots = &slots,
                                     .intake = &intake,
                                     .trust = &trust,
                                     .device = &device,
                                     .lock = locked ? &lock : NULL,
                                     .more = more,
                                     .version = "iflowd",
                                     .host = "tenant.example"};
    console_init(&console, &wiring, take_answer, NULL);
    memset(pasted, 0, sizeof pasted);
    answer_len = 0;
    changes = 0;
}

/* ---- what must hold ---- */

static bool has(const void *data, size_t size, const char *text)
{
    return bytes_find(bytes_of(data, size), bytes_of_string(text)) < size;
}

/* What was written since the last look: nothing, or one whole answer. A paste's prompt has no end yet. */
static void check_answer(bool was_secret)
{
    struct json value;
    size_t at = 0;
    if (answer_len == 0) {
        return;
    }
    promise(!has(answer, answer_len, PASSWORD));
    if (console_is_secret(&console)) {
        promise(!was_secret && !console.out.json); /* the prompt; JSON has none */
    } else if (console.out.json) {
        promise(answer[answer_len - 1] == '\n' && memchr(answer, '\n', answer_len) == answer + answer_len - 1);
        promise(json_read(bytes_of(answer, answer_len), JSON_STRICT, &value, &at) && at == answer_len &&
                value.type == JSON_OBJECT);
    } else {
        const char *end = memchr(answer, '\0', answer_len);
        promise(end == NULL || end == answer + answer_len);
        promise(answer_len >= 2 || answer[0] == '\n');
        promise(answer[answer_len - 1] == '\n');
    }
    answer_len = 0;
}

static outbox_n stored(void)
{
    struct outbox_lane_stats stats;
    outbox_n sum = 0;
    for (uint8_t lane = 0; lane < 3; lane++) {
        promise(outbox_lane_stats(&outbox, lane, &stats) == IFL_OK);
        sum += stats.last_n * 1000u + stats.queued;
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    const bool locked = (data[0] & 1) != 0, knows_pin = has(data, size, PIN);
    start(locked);
    const outbox_n before = stored();
    for (size_t i = 1; i < size; i++) {
        const bool was_secret = console_is_secret(&console);
        console_feed(&console, bytes_of(data + i, 1), 1000 + i * (data[0] >> 1));
        promise(!was_secret || answer_len == 0 || !console_is_secret(&console)); /* no echo */
        check_answer(was_secret);
        if (was_secret && !console_is_secret(&console)) {
            for (size_t k = 0; k < sizeof pasted; k++) {
                promise(pasted[k] == 0);
            }
        }
    }
    console_end(&console);
    promise(!console_is_secret(&console));
    if (locked && !knows_pin) {
        promise(changes == 0 && stored() == before);
    }
    return 0;
}
