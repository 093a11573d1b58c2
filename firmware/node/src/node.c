/* node.c: the wiring and the loop of a node.
 *
 *   START                                                LOOP
 *   flash ─► state ─► nameplate ─► seed ─► settings ─►   ┌─► network, console, app, heartbeat ─► outbox
 *   clock ─► outbox ─► identity ─► trust ─► network ─►   │   renewal: try a new identity; sender: deliver
 *   TLS ─► renewal ─► sender ─► console ─► app           │   outbox, state: upkeep
 *                                                        └── sleep until the earliest wish or an event
 *
 * The arena of TLS serves the start as well: the settings are read there. */
#include "node.h"

#include <string.h>

#include "app.h"
#include "board/board.h"
#include "ip/ip.h"
#include "net/link.h"
#include "settings/packed.h"

#ifndef NODE_ARENA_SIZE
#define NODE_ARENA_SIZE 29696u
#endif

#define TIME_SAVE_MS (24u * 3600u * 1000u)
#define EXPIRY_CHECK_MS (3600u * 1000u)
#define DEVICE_SIZE (6u + NAMEPLATE_SERIAL_SIZE)

struct node node;
struct settings node_settings;
struct state node_state;
struct outbox node_outbox;
struct health node_health;
struct identity_slots node_slots;
struct roots node_roots;
struct tls node_tls;
struct renewal node_renewal;
struct sender node_sender;
struct console node_console;
const struct ifl_random node_random = {.fill = seed_fill, .ctx = &node.seed};
static _Alignas(8) uint8_t arena_bytes[NODE_ARENA_SIZE];

_Static_assert(NODE_ARENA_SIZE >= SETTINGS_PACKED_SIZE_MAX, "the settings are read in the arena");

/* ---- waiting for flash ---- */

void node_pause(void)
{
    board_watchdog_feed();
    board_wait(ifl_ms_after(board_now(), 1));
}

static enum ifl_status region(enum board_region name, struct flash_region *to)
{
    enum ifl_status status;
    while ((status = board_flash_region(name, to)) == IFL_FLASH_BUSY) {
        node_pause();
    }
    return status;
}

/* ---- what is in flash ---- */

static struct bytes device_bytes(uint8_t buf[DEVICE_SIZE])
{
    memcpy(buf, node.plate.mac, sizeof node.plate.mac);
    memcpy(buf + sizeof node.plate.mac, node.plate.serial, sizeof node.plate.serial);
    return bytes_of(buf, DEVICE_SIZE);
}

static enum ifl_status start_device(void)
{
    struct flash_region plate, entropy;
    uint8_t buf[DEVICE_SIZE];
    enum ifl_status status = region(BOARD_NAMEPLATE, &plate);
    status = status == IFL_OK ? nameplate_read(plate, &node.plate) : status;
    status = status == IFL_NOT_FOUND ? IFL_NO_IMAGE : status;
    status = status == IFL_OK ? region(BOARD_ENTROPY, &entropy) : status;
    while (status == IFL_OK && (status = seed_start(&node.seed, entropy, device_bytes(buf))) == IFL_FLASH_BUSY) {
        node_pause();
        status = IFL_OK;
    }
    return status;
}

static enum ifl_status start_settings(void)
{
    struct flash_region settings;
    struct stored document;
    enum ifl_status status = region(BOARD_SETTINGS, &settings);
    status = status == IFL_OK ? stored_find(settings, STORED_SETTINGS, 2, &document) : status;
    if (status != IFL_OK) {
        return status == IFL_NOT_FOUND ? IFL_NO_IMAGE : status; /* or it's one of before the settings were packed */
    }
    if (document.size > sizeof arena_bytes) {
        return IFL_CONFIG_LIMIT;
    }
    status = stored_read(&document, 0, arena_bytes, document.size);
    if (status == IFL_OK) {
        status = settings_unpack(&node_settings, bytes_of(arena_bytes, document.size));
    }
    bytes_wipe(arena_bytes, document.size); /* it may hold a proxy's password */
    return status == IFL_OK ? net_proxy_parse(bytes_of_string(node_settings.proxy), &node.proxy) : status;
}

static enum ifl_status start_state(void)
{
    struct flash_region store;
    enum ifl_status status = region(BOARD_STATE, &store);
    while (status == IFL_OK && (status = state_mount(&node_state, store)) == IFL_FLASH_BUSY) {
        node_pause();
        status = IFL_OK;
    }
    while (status == IFL_OK && state_step(&node_state, board_now()) != IFL_NEVER) {
        node_pause();
    }
    return status == IFL_OK ? device_wipe_if_ordered() : status;
}

static uint64_t device_tag(void)
{
    return le64_get(node.plate.serial);
}

static enum ifl_status mount_outbox(struct flash_region store)
{
    struct outbox_lane_config lanes[IFL_ROUTE_COUNT];
    for (size_t i = 0; i < node_settings.route_count; i++) {
        const struct settings_route *route = &node_settings.routes[i];
        lanes[i] = (struct outbox_lane_config){.route = route->name, .priority = route->priority, .min_blocks = 1};
        lanes[i].full = route->full == SETTINGS_FULL_GIVE_UP_OLDEST ? OUTBOX_GIVE_UP_OLDEST : OUTBOX_REFUSE_NEW;
    }
    const struct outbox_config config = {.device_tag = device_tag(),
                                         .payload_max = node_settings.payload_max,
                                         .lanes = lanes,
                                         .lane_count = node_settings.route_count,
                                         .random = node_random};
    return outbox_mount(&node_outbox, store, &config);
}

static enum ifl_status start_outbox(void)
{
    struct flash_region store;
    enum ifl_status status = region(BOARD_OUTBOX, &store);
    while (status == IFL_OK && (status = mount_outbox(store)) == IFL_FLASH_BUSY) {
        node_pause();
        status = IFL_OK;
    }
    return status;
}

/* ---- time ---- */

static void save_time(ifl_ms now)
{
    const struct clock_reading reading = clock_read(&node.clock, now);
    uint8_t value[9];
    le64_put(value, (uint64_t)reading.unix_s);
    value[8] = (uint8_t)reading.quality;
    bool busy = state_put(&node_state, STATE_TIME_FLOOR, bytes_of(value, sizeof value)) == IFL_FLASH_BUSY;
    node.next_time_save = ifl_ms_after(now, busy ? 1000u : TIME_SAVE_MS);
}

/* Ages of messages are measured by it. */
static void save_uptime(ifl_ms now)
{
    uint8_t value[8];
    le64_put(value, clock_uptime_s(&node.clock, now));
    (void)state_put(&node_state, STATE_UPTIME, bytes_of(value, sizeof value)); /* lost: messages are younger */
}

static enum ifl_status start_clock(void)
{
    const ifl_ms now = board_now();
    uint8_t value[9];
    size_t len = 0;
    clock_init(&node.clock, IFL_BUILD_UNIX_S, now);
    if (state_get(&node_state, STATE_UPTIME, value, sizeof value, &len) == IFL_OK && len == 8) {
        clock_uptime_tell(&node.clock, le64_get(value));
    }
    if (state_get(&node_state, STATE_TIME_FLOOR, value, sizeof value, &len) == IFL_OK && len == sizeof value) {
        (void)clock_set(&node.clock, (int64_t)le64_get(value), CLOCK_STORED, 0, now);
    }
    node.next_time_save = ifl_ms_after(now, TIME_SAVE_MS);
    return IFL_OK;
}

static void time_received(void *ctx, int64_t unix_s)
{
    (void)ctx;
    bool first = clock_read(&node.clock, board_now()).quality < CLOCK_SNTP;
    if (clock_set(&node.clock, unix_s, CLOCK_SNTP, 0, board_now()) && first) {
        node.time_told = true;
        node.next_time_save = board_now(); /* the next start knows it */
    }
}

/* Not where it's received: that may be in the middle of an answer of the console, which lets the network go on (uart_console.c). */
static void tell_time(void)
{
    if (node.time_told) {
        node.time_told = false;
        uart_print("log: a time server told the time\n");
    }
}

/* ---- identity ---- */

_Static_assert(TLS_OWN_KEY == IDENTITY_PART_KEY, "parts are passed on");

/* For TLS: certificates and key stay in flash but for the message that needs them. */
static enum ifl_status read_identity(void *ctx, unsigned part, void *buf, size_t buf_size, size_t *size)
{
    (void)ctx;
    return identity_slots_part(&node_slots, node.slot, part, buf, buf_size, size);
}

static bool flash_is_busy(void *ctx)
{
    uint8_t byte;
    (void)ctx;
    return flash_read(&node_slots.region[0], 0, &byte, 1) == IFL_FLASH_BUSY;
}

/* The url that the settings give, or else this one, is where deliveries go. */
enum ifl_status node_find_host(struct bytes url, char host[IFL_HOST_SIZE], uint16_t *port)
{
    url = node_settings.url[0] != '\0' ? bytes_of_string(node_settings.url) : url;
    return url.size == 0 ? IFL_KEY_NO_URL : settings_url_split(url, host, port);
}

/* User and secret stand in the settings: no client certificate is shown. */
static enum ifl_status use_credentials(void)
{
    struct text out;
    text_init(&out, node.authorization, sizeof node.authorization);
    node.slot = -1;
    node.tls_context.own = (struct tls_own){0};
    node.tls_context.identity_generation++;
    if (node_settings.user[0] == '\0') {
        return IFL_KEY_NO_SECRET;
    }
    enum ifl_status status = secret_basic(node_settings.user, node_settings.password, &out);
    if (status != IFL_OK) {
        return status;
    }
    return node_find_host(bytes_of(NULL, 0), node.host, &node.port);
}

/* For the room renewal: show the identity of this slot from now on, and go to its host. */
static enum ifl_status use_identity(void *ctx, int slot)
{
    char url[IFL_HOST_SIZE + 16];
    size_t size = 0;
    (void)ctx;
    enum ifl_status status = identity_slots_part(&node_slots, slot, IDENTITY_PART_URL, url, sizeof url, &size);
    if (status != IFL_OK && status != IFL_END) {
        return status;
    }
    node.slot = slot;
    node.tls_context.own = (struct tls_own){.read = read_identity};
    node.tls_context.identity_generation++;
    return node_find_host(bytes_of(url, size), node.host, &node.port);
}

static enum ifl_status start_identity(void)
{
    struct flash_region a, b;
    enum ifl_status status = region(BOARD_IDENTITY_A, &a);
    status = status == IFL_OK ? region(BOARD_IDENTITY_B, &b) : status;
    while (status == IFL_OK && (status = identity_slots_mount(&node_slots, a, b)) == IFL_FLASH_BUSY) {
        node_pause();
        status = IFL_OK;
    }
    return status;
}

/* Called by the sender in the middle of its step. */
static void on_identity_verdict(void *ctx, enum ifl_status verdict)
{
    (void)ctx;
    if (node.renewing) {
        renewal_learn(&node_renewal, verdict);
    }
}

/* ---- network and delivery ---- */

static enum ifl_status start_network(void)
{
    struct ip_setup setup = {.hostname = node_settings.device,
                             .address = node_settings.address,
                             .gateway = node_settings.gateway,
                             .random = &node_random,
                             .time_received = time_received};
    memcpy(setup.mac, node.plate.mac, sizeof setup.mac);
    for (size_t i = 0; i < IP_SERVER_COUNT && i < SETTINGS_SERVER_COUNT; i++) {
        setup.dns[i] = node_settings.dns[i];
        setup.ntp[i] = node_settings.ntp[i];
    }
    return ip_start(&setup, board_now());
}

static enum ifl_status start_tls(void)
{
    arena_init(&node.arena, arena_bytes, sizeof arena_bytes);
    node.tls_context.arena = &node.arena;
    node.tls_context.random = node_random;
    node.tls_context.clock = &node.clock;
    node.tls_context.trust = roots_trust();
    node.tls_context.see_certificate = roots_see;
    node.tls_context.storage_is_busy = flash_is_busy;
    enum ifl_status status = tls_setup(&node.tls_context);
    tls_init(&node_tls, &node.tls_context);
    return status;
}

static void on_csrf_needed(void *ctx, uint8_t lane, bool needed)
{
    (void)ctx;
    const uint8_t value = needed ? 1 : 0;
    (void)state_put(&node_state, (uint16_t)(STATE_CSRF_FIRST + lane), bytes_of(&value, 1)); /* lost: costs a request */
}

static struct sender_wiring sender_wiring = {.settings = &node_settings,
                                             .outbox = &node_outbox,
                                             .tls = &node_tls,
                                             .clock = &node.clock,
                                             .health = &node_health,
                                             .random = {.fill = seed_fill, .ctx = &node.seed},
                                             .host = node.host,
                                             .proxy = &node.proxy,
                                             .user_agent = "iflow-agent/" IFL_VERSION,
                                             .identity_verdict = on_identity_verdict,
                                             .csrf_needed = on_csrf_needed};

static enum ifl_status start_sender(ifl_ms now)
{
    static const enum tls_version versions[] = {
        [SETTINGS_TLS_AUTO] = TLS_AUTO, [SETTINGS_TLS_12] = TLS_1_2, [SETTINGS_TLS_13] = TLS_1_3};
    node.tls_context.version = versions[node_settings.tls];
    sender_wiring.port = node.port;
    sender_wiring.authorization = node.authorization[0] == '\0' ? NULL : node.authorization;
    enum ifl_status status = sender_init(&node_sender, &sender_wiring, now);
    node.sending = status == IFL_OK;
    for (size_t lane = 1; status == IFL_OK && lane < outbox_lane_count(&node_outbox); lane++) {
        uint8_t needed = 0;
        size_t len = 0;
        if (state_get(&node_state, (uint16_t)(STATE_CSRF_FIRST + lane), &needed, 1, &len) == IFL_OK && needed == 1) {
            sender_csrf_remembered(&node_sender, (uint8_t)lane);
        }
    }
    return status;
}

static enum ifl_status start_delivery(void)
{
    return start_sender(board_now());
}

/* The pause of a host that couldn't be asked for want of a network has nothing to do with the host: it ends soon after the network came. A random time
 * after it, because a switch that starts brings back all nodes of a plant at once. */
static ifl_ms notice_network(ifl_ms now)
{
    const bool usable = ip_is_usable();
    if (usable && !node.network_was_usable) {
        node.retry_at = ifl_ms_after(now, ifl_random_below(&node_random, (uint64_t)node_settings.boot_jitter_ms + 1));
    }
    node.network_was_usable = usable;
    if (usable && now >= node.retry_at && node.sending) {
        struct sender_view host;
        sender_host_view(&node_sender, &host);
        if (host.status == IFL_NET_DOWN || host.status == IFL_NET_NO_ADDRESS) {
            sender_retry(&node_sender, HEALTH_ROUTE_NONE, now);
        }
        node.retry_at = IFL_NEVER;
    }
    return usable ? node.retry_at : IFL_NEVER;
}

/* ---- which identity ---- */

static bool pause_sender(void *ctx, bool at_once)
{
    (void)ctx;
    return !node.sending || sender_pause(&node_sender, at_once);
}

void node_interrupt_sender(void)
{
    (void)pause_sender(NULL, true);
}

static void resume_sender(void *ctx, bool changed, ifl_ms now)
{
    (void)ctx;
    if (!changed || !node.sending) {
        return;
    }
    if (sender_wiring.port != node.port) {
        sender_stop(&node_sender);
        const enum ifl_status status = start_sender(now);
        if (status != IFL_OK) {
            health_event(&node_health, now, status, HEALTH_ROUTE_NONE, "identity");
            return;
        }
    }
    sender_identity_changed(&node_sender, now);
    node.next_expiry_check = now;
}

static enum ifl_status start_renewal(void)
{
    const struct settings *settings = &node_settings;
    const struct renewal_wiring wiring = {.slots = &node_slots,
                                          .tls = &node_tls,
                                          .arena = &node.arena,
                                          .health = &node_health,
                                          .random = node_random,
                                          .host = node.host,
                                          .port = &node.port,
                                          .address = settings->resolve,
                                          .proxy = &node.proxy,
                                          .probe_path = settings->probe_path,
                                          .first_ms = settings->probe_first_ms,
                                          .cap_ms = settings->probe_cap_ms,
                                          .pause = pause_sender,
                                          .use = use_identity,
                                          .resume = resume_sender};
    if (settings->auth == SETTINGS_AUTH_OAUTH) {
        return IFL_CONFIG_VALUE; /* a node gets no tokens */
    }
    if (settings->auth == SETTINGS_AUTH_BASIC) {
        return use_credentials();
    }
    enum ifl_status status;
    while ((status = renewal_start(&node_renewal, &wiring, settings->boot_jitter_ms, board_now())) == IFL_FLASH_BUSY) {
        node_pause();
    }
    node.renewing = status == IFL_OK;
    return status;
}

static void warn_of_expiry(ifl_ms now)
{
    if (node.slot >= 0) {
        const struct identity_slot *slot = &node_slots.slot[node.slot];
        expiry_watch_step(&node.expiry, slot->leaf_sha256, slot->chain_not_after, clock_read(&node.clock, now).unix_s,
                          &node_health, now);
    }
    node.next_expiry_check = ifl_ms_after(now, EXPIRY_CHECK_MS);
}

/* ---- start ---- */

static const struct console_verb *more[6 + OWN_KEY_VERB_COUNT] = {&CONSOLE_TRUST, &CONSOLE_REBOOT, &CONSOLE_WIPE,
                                                                  &CONSOLE_UNLOCK, &CONSOLE_LOCK};

struct console_wiring node_console_wiring = {.settings = &node_settings,
                                             .outbox = &node_outbox,
                                             .sender = &node_sender,
                                             .clock = &node.clock,
                                             .health = &node_health,
                                             .slots = &node_slots,
                                             .trust = &roots_trust_verb,
                                             .device = &device_verbs,
                                             .more = more,
                                             .arena = &node.arena,
                                             .stack_used = board_stack_used,
                                             .stack_size = board_stack_size,
                                             .version = "iflow-node " IFL_VERSION,
                                             .host = node.host};

static void start_console(void)
{
    if (node.renewing) {
        own_key_init(&more[5]);
        node_console_wiring.intake = node_intake.take != NULL ? &node_intake : NULL;
    }
    node_console_wiring.lock = device_lock();
    uart_console_start();
}

/* Without them numbers are told. */
static void start_texts(void)
{
    struct flash_region texts;
    if (region(BOARD_TEXTS, &texts) == IFL_OK) {
        (void)texts_use(&node.texts, texts);
    }
}

static const struct {
    enum ifl_status (*start)(void);
    const char *name;
} PARTS[] = {{start_state, "state"},       {start_device, "nameplate or seed"},
             {start_settings, "settings"}, {start_clock, "clock"},
             {start_outbox, "outbox"},     {start_identity, "identity"},
             {roots_open, "trust bundle"}, {start_network, "network"},
             {start_tls, "TLS"},           {start_renewal, "identity"},
             {start_delivery, "sender"}};

enum ifl_status node_start(const char **part)
{
    health_init(&node_health);
    node.slot = -1;
    node.retry_at = IFL_NEVER;
    expiry_watch_init(&node.expiry);
    start_texts();
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
        const enum ifl_status status = PARTS[i].start();
        if (status != IFL_OK) {
            *part = PARTS[i].name;
            return status;
        }
    }
    start_console();
    app_start(board_now());
    duties_start();
    return IFL_OK;
}

/* ---- the loop ---- */

static ifl_ms wish;

/* Some part wants to be called again then. */
static void want(ifl_ms at)
{
    wish = ifl_ms_min(wish, at);
}

static void step_delivery(ifl_ms now)
{
    if (node.renewing) { /* first: a new identity is tried before the next message */
        want(renewal_step(&node_renewal, now));
    }
    if (node.sending && !(node.renewing && renewal_is_busy(&node_renewal))) {
        want(sender_step(&node_sender, now));
    }
}

ifl_ms node_step(ifl_ms now)
{
    wish = net_link_step(now);
    want(notice_network(now));
    tell_time();
    uart_console_step(now);
    want(app_step(now));
    want(heartbeat_step(now));
    if (now >= node.next_expiry_check) {
        warn_of_expiry(now);
        save_uptime(now);
    }
    if (node.pasting) {
        want(intake_step(now));
    }
    if (!node.pasting) {
        step_delivery(now);
    }
    roots_judge(now);
    if (!node.pasting) { /* it looks at whole blocks, and a UART brings a ringful meanwhile */
        want(outbox_step(&node_outbox, now));
    }
    want(state_step(&node_state, now));
    if (now >= node.next_time_save) {
        save_time(now);
    }
    want(device_step(now));
    want(node.next_time_save);
    want(node.next_expiry_check);
    return wish;
}

/* ---- for the app ---- */

enum ifl_status node_put(const char *route, struct bytes payload)
{
    struct outbox_id id;
    size_t index = settings_route_index(&node_settings, bytes_of_string(route));
    if (index >= node_settings.route_count) {
        return IFL_NOT_FOUND;
    }
    const struct clock_reading reading = clock_read(&node.clock, board_now());
    const struct outbox_time time = {
        .unix_s = reading.unix_s, .quality = (uint8_t)reading.quality, .uptime_min = reading.uptime_min};
    enum ifl_status status = outbox_put(&node_outbox, outbox_lane_of(&node_outbox, route), payload, time, &id);
    if (status == IFL_OK) {
        health_count(&node_health, HEALTH_STORED, 1);
    } else if (status != IFL_FLASH_BUSY) {
        health_count(&node_health, HEALTH_REFUSED, 1);
        health_event(&node_health, board_now(), status, (uint8_t)index, NULL);
    }
    return status;
}

const char *node_device(void)
{
    return node_settings.device;
}
