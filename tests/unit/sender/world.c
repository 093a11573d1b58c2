#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unity.h"

#define LOG_ID 0x1122334455667788u

struct world world;

static struct lane {
    struct {
        uint8_t *payload;
        uint32_t size;
        bool corrupt;
        int64_t unix_s;
        uint8_t quality;
        uint32_t uptime_min;
    } messages[WORLD_MESSAGES];
    outbox_n first_n, last_n; /* first_n > last_n: empty */
    outbox_n tried_n;         /* last one of the recorded batch, 0 = none */
    uint8_t tried_format;
    uint64_t done[WORLD_MESSAGES];
    size_t done_count;
} lanes[WORLD_ROUTES + 1];

/* ---- randomness ---- */

static enum ifl_status fill(void *ctx, void *buf, size_t size)
{
    (void)ctx;
    uint8_t *at = buf;
    for (size_t i = 0; i < size; i++) {
        world.seed = world.seed * 6364136223846793005u + 1442695040888963407u;
        at[i] = (uint8_t)(world.seed >> 56);
    }
    return IFL_OK;
}

/* ---- outbox ---- */

static struct lane *lane_of(uint8_t lane)
{
    TEST_ASSERT_TRUE(lane >= 1 && lane <= WORLD_ROUTES);
    return &lanes[lane];
}

uint8_t outbox_lane_of(const struct outbox *box, const char *route)
{
    (void)box;
    return route[0] == 'r' && route[1] >= '0' && route[1] < '0' + WORLD_ROUTES ? (uint8_t)(route[1] - '0' + 1)
                                                                               : OUTBOX_LANE_NONE;
}

enum ifl_status outbox_first(struct outbox *box, uint8_t lane, struct outbox_message *message)
{
    (void)box;
    world.first_calls++;
    struct lane *at = lane_of(lane);
    if (world.first_status != IFL_OK)
        return world.first_status;
    if (at->first_n > at->last_n)
        return IFL_END;
    *message = (struct outbox_message){.id = {LOG_ID, lane, at->first_n}, .lane = lane, .n = at->first_n};
    message->size = at->messages[at->first_n % WORLD_MESSAGES].size;
    message->time.unix_s = at->messages[at->first_n % WORLD_MESSAGES].unix_s;
    message->time.quality = at->messages[at->first_n % WORLD_MESSAGES].quality;
    message->time.uptime_min = at->messages[at->first_n % WORLD_MESSAGES].uptime_min;
    message->id.lane = world.other_lane ? OUTBOX_LANE_NONE - 1 : lane;
    return IFL_OK;
}

enum ifl_status outbox_next(struct outbox *box, struct outbox_message *message)
{
    (void)box;
    struct lane *at = lane_of(message->lane);
    if (world.next_busy_count > 0) {
        world.next_busy_count--;
        return IFL_FLASH_BUSY;
    }
    outbox_n n = message->n + 1 + (message->n + 1 == world.gap_n);
    if (n > at->last_n)
        return IFL_END;
    *message = (struct outbox_message){.id = {LOG_ID, message->lane, n}, .lane = message->lane, .n = n};
    message->id.lane = n == world.moved_n ? OUTBOX_LANE_NONE - 1 : message->lane;
    message->id.log += world.new_log_n != 0 && n >= world.new_log_n;
    message->size = at->messages[n % WORLD_MESSAGES].size;
    message->time.unix_s = at->messages[n % WORLD_MESSAGES].unix_s;
    return IFL_OK;
}

enum ifl_status outbox_batch_begin(struct outbox *box, uint8_t lane, outbox_n last_n, uint8_t format)
{
    (void)box;
    struct lane *at = lane_of(lane);
    TEST_ASSERT_TRUE(at->tried_n == 0 || last_n < at->tried_n);
    TEST_ASSERT_TRUE(last_n >= at->first_n && last_n <= at->last_n);
    if (world.batch_status != IFL_OK)
        return world.batch_status;
    at->tried_n = last_n;
    at->tried_format = format;
    world.batch_count++;
    return IFL_OK;
}

bool outbox_batch_pending(const struct outbox *box, uint8_t lane, struct outbox_batch *batch)
{
    (void)box;
    const struct lane *at = lane_of(lane);
    *batch = (struct outbox_batch){.first_n = at->first_n, .last_n = at->tried_n, .format = at->tried_format};
    return at->tried_n != 0;
}

void world_record(unsigned route, outbox_n last_n, uint8_t format)
{
    lanes[route + 1].tried_n = last_n;
    lanes[route + 1].tried_format = format;
}

uint64_t world_recorded(unsigned route)
{
    return lanes[route + 1].tried_n;
}

enum ifl_status outbox_read(struct outbox *box, struct outbox_message *message, void *buf, size_t size, size_t *got)
{
    (void)box;
    struct lane *at = lane_of(message->lane);
    TEST_ASSERT_TRUE(message->n >= at->first_n && message->n <= at->last_n);
    if (world.read_busy_count > 0) {
        world.read_busy_count--;
        return IFL_FLASH_BUSY;
    }
    if (world.read_nothing)
        return IFL_OK;
    uint32_t left = message->size - message->read_pos;
    if (size >= left && at->messages[message->n % WORLD_MESSAGES].corrupt)
        return IFL_STORE_CORRUPT;
    *got = size < left ? size : left;
    if (world.read_too_much && *got == left && left < size) {
        *got = left + 1;
        return IFL_OK;
    }
    memcpy(buf, at->messages[message->n % WORLD_MESSAGES].payload + message->read_pos, *got);
    message->read_pos += (uint32_t)*got;
    return IFL_OK;
}

void outbox_rewind(struct outbox_message *message)
{
    message->read_pos = 0;
}

static void finish(struct lane *at, outbox_n n)
{
    TEST_ASSERT_EQUAL_UINT64(at->first_n, n); /* one in flight, so always the first */
    free(at->messages[n % WORLD_MESSAGES].payload);
    at->messages[n % WORLD_MESSAGES].payload = NULL;
    at->first_n++;
    at->tried_n = 0;
}

enum ifl_status outbox_done(struct outbox *box, uint8_t lane, outbox_n n)
{
    (void)box;
    struct lane *at = lane_of(lane);
    if (world.done_status != IFL_OK)
        return world.done_status;
    TEST_ASSERT_TRUE(n >= at->first_n && n <= at->last_n);
    while (at->first_n <= n) {
        at->done[at->done_count++ % WORLD_MESSAGES] = at->first_n;
        finish(at, at->first_n);
    }
    return IFL_OK;
}

enum ifl_status outbox_dead_letter(struct outbox *box, const struct outbox_message *message, enum ifl_status reason)
{
    (void)box;
    if (world.dead_letter_status != IFL_OK)
        return world.dead_letter_status;
    finish(lane_of(message->lane), message->n);
    world.dead_count++;
    world.last_reason = reason;
    return IFL_OK;
}

enum ifl_status outbox_give_up(struct outbox *box, uint8_t lane, outbox_n n, enum ifl_status reason)
{
    (void)box;
    if (world.give_up_status != IFL_OK)
        return world.give_up_status;
    finish(lane_of(lane), n);
    world.gave_up_count++;
    world.last_reason = reason;
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

/* ---- TLS ---- */

static struct {
    enum tls_state state;
    enum ifl_status status;
    struct tls_facts facts;
    bool session;
    const char *to_read;
    enum ifl_status end;
    bool asked; /* tls_read() may block now without that being the end of the world */
    ifl_ms last_use;
    struct request request; /* coming in */
    size_t request_bytes;
} peer;

enum ifl_status tls_open(struct tls *tls, const char *host, uint16_t port, const char *address,
                         const struct net_proxy *proxy, bool fresh, uint32_t timeout_ms, ifl_ms now)
{
    (void)tls, (void)proxy, (void)timeout_ms;
    TEST_ASSERT_EQUAL(TLS_IDLE, peer.state); /* the last connection was closed */
    TEST_ASSERT_EQUAL_STRING(world.wiring.host, host);
    TEST_ASSERT_EQUAL_UINT(world.wiring.port, port);
    TEST_ASSERT_EQUAL_STRING(world.wiring.settings->resolve, address);
    world.connection_count++;
    world.last_open_fresh = fresh;
    enum ifl_status status = world.open_next < world.open_count ? world.opens[world.open_next++] : world.open_default;
    bool session = peer.session;
    memset(&peer, 0, sizeof peer);
    peer.session = session;
    peer.last_use = now;
    peer.status = status;
    peer.state = status == IFL_OK ? TLS_CONNECTING : TLS_FAILED;
    peer.end = world.after_handshake;
    peer.to_read = world.early != NULL ? world.early : "";
    peer.facts.resumed = session && !fresh && world.resumes;
    peer.facts.version = world.tls13 ? 0x0304 : 0x0303;
    peer.facts.certificate_requested = true;
    peer.facts.certificate_sent = world.sends_certificate && !peer.facts.resumed;
    peer.facts.server_not_after = 2000000000;
    peer.facts.bytes_sent = status == IFL_NET_REFUSED ? 0 : 100;
    if (world.open_answer != IFL_OK) {
        peer.state = TLS_FAILED;
        peer.status = world.open_answer;
        peer.facts.bytes_sent = 0;
    }
    return world.open_answer;
}

ifl_ms tls_step(struct tls *tls, ifl_ms now)
{
    (void)tls;
    if (peer.state == TLS_CONNECTING) {
        if (now < peer.last_use + world.handshake_ms)
            return peer.last_use + world.handshake_ms;
        peer.state = TLS_OPEN;
        peer.session = true;
        return now;
    }
    if (peer.state == TLS_OPEN && world.idle_close_ms > 0 && now >= peer.last_use + world.idle_close_ms)
        peer.end = IFL_CLOSED;
    return IFL_NEVER;
}

enum tls_state tls_state(const struct tls *tls)
{
    (void)tls;
    return peer.state;
}

enum ifl_status tls_status(const struct tls *tls)
{
    (void)tls;
    return peer.status;
}

const struct tls_facts *tls_facts(const struct tls *tls)
{
    (void)tls;
    return &peer.facts;
}

static struct reply next_reply(const struct request *request)
{
    if (world.reply_next < world.reply_count)
        return world.replies[world.reply_next++];
    return world.decide != NULL ? world.decide(request) : (struct reply){HTTP_200, IFL_AGAIN};
}

static size_t body_expected(const struct request *request)
{
    return (size_t)strtoul(world_field(request, "Content-Length"), NULL, 10);
}

/* The request is complete: remember it and prepare the answer. */
static void answer(void)
{
    struct request *in = &peer.request;
    in->at = world.now;
    in->connection = world.connection_count;
    const char *path = strstr(in->head, " /http/r");
    in->route = path == NULL ? -1 : path[8] - '0';
    TEST_ASSERT_TRUE(world.request_count < WORLD_REQUESTS);
    world.requests[world.request_count++] = *in;
    struct reply reply = next_reply(in);
    peer.to_read = reply.text;
    peer.end = reply.end;
    memset(in, 0, sizeof *in);
    peer.request_bytes = 0;
}

static void take_body_byte(struct request *in, uint8_t byte)
{
    if (in->body_size == 0) {
        strncpy(in->id, world_field(in, "SAP_ApplicationID"), sizeof in->id - 1);
        const char *n = strrchr(in->id, '-');
        in->n = n == NULL ? 0 : strtoul(n + 1, NULL, 10);
        in->body_is_right = true;
    }
    if (in->body_size < sizeof in->body)
        in->body[in->body_size] = byte;
    in->body_is_right = in->body_is_right && byte == (uint8_t)((in->n + in->body_size) % 251);
    in->body_size++;
}

static void take(const uint8_t *data, size_t size)
{
    struct request *in = &peer.request;
    for (size_t i = 0; i < size; i++) {
        bool in_head = in->head_size < 4 || memcmp(in->head + in->head_size - 4, "\r\n\r\n", 4) != 0;
        if (in_head)
            in->head[in->head_size++] = (char)data[i];
        else
            take_body_byte(in, data[i]);
        TEST_ASSERT_TRUE(in->head_size <= IFL_REQUEST_HEAD_SIZE);
    }
    bool head = in->head_size >= 4 && memcmp(in->head + in->head_size - 4, "\r\n\r\n", 4) == 0;
    bool post = memcmp(in->head, "POST", 4) == 0;
    if (head && (!post || in->body_size == body_expected(in)))
        answer();
}

enum ifl_status tls_write(struct tls *tls, struct bytes data, size_t *taken)
{
    (void)tls;
    TEST_ASSERT_EQUAL(TLS_OPEN, peer.state);
    TEST_ASSERT_TRUE(data.size > 0);
    if (world.break_after > 0 && peer.request_bytes >= world.break_after) {
        peer.end = world.stalled.end;
        peer.to_read = world.stalled.text;
        return world.write_end;
    }
    if (world.stall_after > 0 && peer.request_bytes >= world.stall_after) {
        if (world.stalled.text != NULL && !peer.asked) {
            peer.asked = true;
            peer.to_read = world.stalled.text;
            peer.end = world.stalled.end;
        }
        return IFL_AGAIN;
    }
    *taken = data.size < world.write_size ? data.size : world.write_size;
    if (peer.request.first_record_size == 0)
        peer.request.first_record_size = *taken;
    peer.request_bytes += *taken;
    peer.facts.bytes_sent += *taken + 29;
    peer.last_use = world.now;
    peer.end = IFL_AGAIN;
    take(data.data, *taken);
    return IFL_OK;
}

enum ifl_status tls_read(struct tls *tls, void *buf, size_t size, size_t *got)
{
    (void)tls;
    TEST_ASSERT_EQUAL(TLS_OPEN, peer.state);
    size_t left = strlen(peer.to_read);
    if (left == 0)
        return peer.end;
    *got = left < size ? left : size;
    if (*got > world.read_size)
        *got = world.read_size;
    memcpy(buf, peer.to_read, *got);
    peer.to_read += *got;
    peer.facts.bytes_received += *got;
    peer.facts.application_data_seen = true;
    return IFL_OK;
}

void tls_close(struct tls *tls)
{
    (void)tls;
    peer.state = TLS_IDLE;
    world.close_count++;
}

void tls_forget_session(struct tls *tls)
{
    (void)tls;
    peer.session = false;
    world.forget_count++;
}

/* ---- the sender and its time ---- */

static void verdict(void *ctx, enum ifl_status status)
{
    (void)ctx;
    world.verdict_count++;
    world.last_verdict = status;
    if (world.change_identity_on_verdict && status != IFL_OK) {
        world.change_identity_on_verdict = false;
        sender_identity_changed(&world.sender, world.now);
    }
}

static void csrf_needed(void *ctx, uint8_t lane, bool needed)
{
    (void)ctx;
    TEST_ASSERT_TRUE(lane >= 1 && lane <= WORLD_ROUTES);
    world.csrf_needed_calls++;
    world.csrf_needed = needed;
}

static void free_lanes(void)
{
    for (size_t i = 0; i <= WORLD_ROUTES; i++) {
        for (size_t j = 0; j < WORLD_MESSAGES; j++)
            free(lanes[i].messages[j].payload);
        memset(&lanes[i], 0, sizeof lanes[i]);
        lanes[i].first_n = 1;
    }
}

static void default_settings(struct settings *settings)
{
    strcpy(settings->device, "gw-0042");
    strcpy(settings->id_header, "SAP_ApplicationID");
    strcpy(settings->sender_header, "SAP_Sender");
    settings->backoff_base_ms = 1000;
    settings->backoff_cap_ms = 420000;
    settings->probe_first_ms = 60000;
    settings->probe_cap_ms = 3600000;
    settings->idle_close_ms = 50000;
    settings->route_count = WORLD_ROUTES;
    for (size_t i = 0; i < WORLD_ROUTES; i++) {
        struct settings_route *route = &settings->routes[i];
        snprintf(route->name, sizeof route->name, "r%u", (unsigned)i);
        snprintf(route->path, sizeof route->path, "/http/r%u", (unsigned)i);
        strcpy(route->content_type, "application/json");
        route->priority = 1;
        route->batch_count = 1;
        route->batch_size = 250000;
        route->timeout_ms = 60000;
    }
}

void world_restart(void)
{
    if (peer.state != TLS_IDLE)
        peer.state = TLS_IDLE;
    TEST_ASSERT_EQUAL(IFL_OK, sender_init(&world.sender, &world.wiring, world.now));
}

void world_start(void)
{
    free_lanes();
    memset(&world, 0, sizeof world);
    memset(&peer, 0, sizeof peer);
    peer.to_read = "";
    world.now = 1000000;
    world.seed = 42;
    world.read_size = world.write_size = SIZE_MAX;
    world.after_handshake = IFL_AGAIN;
    world.sends_certificate = true;
    world.stalled = (struct reply){"", IFL_AGAIN};
    default_settings(&world.settings);
    clock_init(&world.clock, 1700000000, world.now);
    health_init(&world.health);
    world.wiring = (struct sender_wiring){
        .settings = &world.settings,
        .clock = &world.clock,
        .health = &world.health,
        .random = {.fill = fill},
        .host = "tenant.it-cpi000-rt.cfapps.example",
        .port = 443,
        .user_agent = "iflow-agent/0.1.0",
        .identity_verdict = verdict,
        .csrf_needed = csrf_needed,
    };
    world_restart();
}

/* One step. A step that wants to be called again at once must have done something. */
static ifl_ms step(void)
{
    static struct sender before;
    before = world.sender;
    size_t left = strlen(peer.to_read);
    unsigned connections = world.connection_count;
    unsigned closes = world.close_count;
    enum tls_state state = peer.state;
    ifl_ms wish = sender_step(&world.sender, world.now);
    bool did = memcmp(&before, &world.sender, sizeof before) != 0 || left != strlen(peer.to_read) ||
               connections != world.connection_count || closes != world.close_count || state != peer.state;
    TEST_ASSERT_TRUE_MESSAGE(wish > world.now || did, "a busy loop: at once again, and nothing was done");
    return wish;
}

void world_run_until(ifl_ms until)
{
    unsigned at_once = 0;
    while (world.now <= until) {
        ifl_ms wish = step();
        if (wish <= world.now) {
            TEST_ASSERT_TRUE_MESSAGE(++at_once < 200000, "no time passes");
            continue;
        }
        at_once = 0;
        if (world.idle_close_ms > 0 && peer.state == TLS_OPEN) /* an event wakes the loop */
            wish = ifl_ms_min(
                wish, peer.last_use + world.idle_close_ms > world.now ? peer.last_use + world.idle_close_ms : wish);
        if (wish > until)
            break;
        world.now = wish;
    }
    world.now = until;
}

void world_run_for(uint64_t ms)
{
    world_run_until(world.now + ms);
}

void world_settle(void)
{
    for (unsigned i = 0; i < 200000; i++)
        if (step() > world.now)
            return;
    TEST_FAIL_MESSAGE("no time passes");
}

/* ---- what tests ask ---- */

static uint64_t put(unsigned route, const void *payload, uint32_t size)
{
    struct lane *at = &lanes[route + 1];
    outbox_n n = ++at->last_n;
    TEST_ASSERT_TRUE(n - at->first_n < WORLD_MESSAGES);
    at->messages[n % WORLD_MESSAGES].payload = malloc(size);
    memcpy(at->messages[n % WORLD_MESSAGES].payload, payload, size);
    at->messages[n % WORLD_MESSAGES].size = size;
    at->messages[n % WORLD_MESSAGES].corrupt = false;
    at->messages[n % WORLD_MESSAGES].unix_s = world.stored_unix_s;
    at->messages[n % WORLD_MESSAGES].quality = world.stored_quality;
    at->messages[n % WORLD_MESSAGES].uptime_min = clock_read(&world.clock, world.now).uptime_min;
    return n;
}

uint64_t world_put(unsigned route, uint32_t size)
{
    static uint8_t payload[IFL_PAYLOAD_SIZE_MAX];
    outbox_n n = lanes[route + 1].last_n + 1;
    for (uint32_t i = 0; i < size; i++)
        payload[i] = (uint8_t)((n + i) % 251);
    return put(route, payload, size);
}

void world_put_text(unsigned route, const char *text)
{
    put(route, text, (uint32_t)strlen(text));
}

void world_corrupt(unsigned route, outbox_n n)
{
    lanes[route + 1].messages[n % WORLD_MESSAGES].corrupt = true;
}

size_t world_queued(unsigned route)
{
    return (size_t)(lanes[route + 1].last_n + 1 - lanes[route + 1].first_n);
}

size_t world_done_count(unsigned route)
{
    return lanes[route + 1].done_count;
}

uint64_t world_done_n(unsigned route, size_t index)
{
    TEST_ASSERT_TRUE(index < lanes[route + 1].done_count);
    return lanes[route + 1].done[index];
}

void world_reply(const char *text, enum ifl_status end)
{
    TEST_ASSERT_TRUE(world.reply_count < sizeof world.replies / sizeof *world.replies);
    world.replies[world.reply_count++] = (struct reply){text, end};
}

void world_open(enum ifl_status status)
{
    TEST_ASSERT_TRUE(world.open_count < sizeof world.opens / sizeof *world.opens);
    world.opens[world.open_count++] = status;
}

size_t world_requests_of(int route, const char *method)
{
    size_t count = 0;
    for (size_t i = 0; i < world.request_count; i++)
        count += world.requests[i].route == route &&
                 (method == NULL || memcmp(world.requests[i].head, method, strlen(method)) == 0);
    return count;
}

const struct request *world_last_request(void)
{
    TEST_ASSERT_TRUE(world.request_count > 0);
    return &world.requests[world.request_count - 1];
}

const char *world_field(const struct request *request, const char *name)
{
    static char value[IFL_REQUEST_HEAD_SIZE];
    char start[80];
    snprintf(start, sizeof start, "\r\n%s:", name);
    const char *at = strstr(request->head, start);
    value[0] = '\0';
    if (at != NULL) {
        at += strlen(start);
        size_t len = strcspn(at, "\r");
        memcpy(value, at, len);
        value[len] = '\0';
    }
    return value;
}

struct sender_view world_host(void)
{
    struct sender_view view;
    sender_host_view(&world.sender, &view);
    return view;
}

struct sender_view world_route(size_t route)
{
    struct sender_view view;
    TEST_ASSERT_EQUAL(IFL_OK, sender_route_view(&world.sender, route, &view));
    return view;
}

size_t world_events(enum ifl_status status)
{
    size_t count = 0;
    for (uint32_t seq = health_first_seq(&world.health); seq > 0 && seq <= health_last_seq(&world.health); seq++)
        count += health_event_at(&world.health, seq)->status == status;
    return count;
}
