/* verb_send.c: `iflowctl send`: one message, at once, with the verdict.
 *
 * A service key of type ClientId/Secret authenticates by Basic, without a client certificate.
 *
 * The way is the daemon's own: the message goes into an outbox and the sender delivers it. Only the outbox lies in memory here, and the first
 * verdict ends it. So what is tested here is what runs there. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
#include "clock/clock.h"
#include "flash/flash.h"
#include "health/health.h"
#include "linux/entropy.h"
#include "linux/file.h"
#include "linux/flash_memory.h"
#include "linux/loop.h"
#include "linux/system_clock.h"
#include "linux/trust_files.h"
#include "outbox/outbox.h"
#include "own_key.h"
#include "sender/sender.h"
#include "settings/settings.h"
#include "tls/tls.h"
#include "verbs.h"
#include "way.h"

#define ROUTE_NAME "send"
#define ARENA_SIZE (4u * 1024u * 1024u)
#define SECTOR_SIZE (256u * 1024u) /* a block; the largest payload takes half of one */
#define SECTOR_COUNT 6u            /* dead letters, the route, two free, and some */
#define TIMEOUT_S_DEFAULT 30u
#define TIMEOUT_S_MAX 3600u
#define DETAIL_SIZE 1024u

/* ---- everything that one message needs ---- */

struct one_shot {
    uint8_t store[SECTOR_COUNT * SECTOR_SIZE]; /* an outbox that lives as long as the program */
    struct flash_memory flash;
    struct outbox outbox;
    struct settings settings;
    struct health health;
    struct clock clock;
    struct arena arena;
    struct own_key key; /* secret */
    struct trust_files trust;
    struct net_proxy proxy;
    char host[IFL_HOST_SIZE];
    uint16_t port;
    struct tls_context tls_context;
    struct tls tls;
    struct sender_wiring wiring;
    struct sender sender;
    struct outbox_id id;
    struct sender_view view; /* of the verdict */
    bool tried_again;        /* see unexplained_end() */
};

static struct one_shot the_shot; /* static: large */
static uint8_t arena_bytes[ARENA_SIZE];
static uint8_t payload[IFL_PAYLOAD_SIZE_MAX + 1];

/* ---- the command line ---- */

static const struct option LONG_OPTIONS[] = {WAY_LONG_OPTIONS, {NULL, 0, NULL, 0}};

static int usage(const char *why, const char *word)
{
    fprintf(stderr, "iflowctl send: %s%s%s\n", why, word[0] != '\0' ? ": " : ".", word);
    fputs("usage: iflowctl send --key FILE... --route PATH [--file F|-] [--ca FILE] [--url URL] [--content-type T]\n"
          "                     [--proxy http://HOST:PORT] [--resolve ADDRESS] [--timeout SECONDS]\n"
          "                     [--passphrase-file FILE] [--json]\n",
          stderr);
    return 2;
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct way_options *options)
{
    const struct way_verb verb = {
        .options = LONG_OPTIONS, .timeout_s = TIMEOUT_S_DEFAULT, .timeout_s_max = TIMEOUT_S_MAX, .usage = usage};
    const int end = way_parse(&verb, argc, argv, options);
    if (end >= 0) {
        return end;
    }
    options->file = options->file != NULL ? options->file : "-";
    return options->route != NULL ? -1 : usage("--route PATH is missing", "");
}

/* ---- preparation ---- */

static void warn_of_expiry(struct one_shot *shot)
{
    int64_t days_left = 0;
    const enum ifl_status status =
        identity_expiry(shot->key.identity.chain_not_after, clock_read(&shot->clock, loop_now()).unix_s, &days_left);
    if (status != IFL_OK && shot->key.report.warning_count < SERVICE_KEY_NOTE_COUNT) {
        shot->key.report.warnings[shot->key.report.warning_count++] = status;
    }
}

static enum ifl_status read_identity(struct one_shot *shot, const struct way_options *options, struct text *detail)
{
    enum ifl_status status = IFL_OK;
    if (options->passphrase_file != NULL) {
        status = passphrase_read(&shot->key.passphrase, options->passphrase_file, detail);
    }
    if (status == IFL_OK) {
        status = own_key_read_either(&shot->key, options->key_files, options->key_count, detail);
    }
    if (status == IFL_OK && shot->key.authorization[0] == '\0') {
        warn_of_expiry(shot);
    }
    return status;
}

static enum ifl_status store_message(struct one_shot *shot, struct bytes message)
{
    const struct outbox_lane_config lane = {.route = ROUTE_NAME, .min_blocks = 1};
    const struct outbox_config config = {
        .payload_max = IFL_PAYLOAD_SIZE_MAX, .lanes = &lane, .lane_count = 1, .random = entropy_random()};
    const struct flash_geometry geometry = {
        .size = sizeof shot->store, .sector_size = SECTOR_SIZE, .prog_size = 1, .erased = 0x00};
    flash_memory_init(&shot->flash, geometry, shot->store);
    const struct flash_region region = {.flash = &shot->flash.flash, .start = 0, .size = geometry.size};
    enum ifl_status status = outbox_mount(&shot->outbox, region, &config);
    for (int steps = 0; status == IFL_OK && steps < 1000; steps++) { /* formatting: an erase a step */
        const struct outbox_time time = {0};
        status = outbox_put(&shot->outbox, outbox_lane_of(&shot->outbox, ROUTE_NAME), message, time, &shot->id);
        if (status != IFL_FLASH_BUSY && status != IFL_STORE_FULL) {
            break;
        }
        (void)outbox_step(&shot->outbox, loop_now());
        status = IFL_OK;
    }
    return status == IFL_OK ? outbox_sync(&shot->outbox) : status;
}

static enum ifl_status start_sender(struct one_shot *shot)
{
    shot->tls_context.arena = &shot->arena;
    shot->tls_context.random = entropy_random();
    shot->tls_context.clock = &shot->clock;
    shot->tls_context.trust = trust_files_trust(&shot->trust);
    const bool secret = shot->key.authorization[0] != '\0';
    shot->tls_context.identity = secret ? NULL : &shot->key.identity;
    const enum ifl_status status = tls_setup(&shot->tls_context);
    if (status != IFL_OK) {
        return status;
    }
    tls_init(&shot->tls, &shot->tls_context);
    shot->wiring = (struct sender_wiring){.settings = &shot->settings,
                                          .outbox = &shot->outbox,
                                          .tls = &shot->tls,
                                          .clock = &shot->clock,
                                          .health = &shot->health,
                                          .random = entropy_random(),
                                          .host = shot->host,
                                          .port = shot->port,
                                          .proxy = &shot->proxy,
                                          .user_agent = "iflow-agent/" IFL_VERSION,
                                          .authorization = secret ? shot->key.authorization : NULL};
    return sender_init(&shot->sender, &shot->wiring, loop_now());
}

static enum ifl_status prepare(struct one_shot *shot, const struct way_options *options, struct text *detail)
{
    size_t size = 0;
    arena_init(&shot->arena, arena_bytes, sizeof arena_bytes);
    health_init(&shot->health);
    clock_init(&shot->clock, IFL_BUILD_UNIX_S, loop_now());
    system_clock_tell(&shot->clock, loop_now());

    enum ifl_status status =
        way_settings(options, ROUTE_NAME, options->route, NULL, &shot->settings, &shot->proxy, detail);
    status = status == IFL_OK ? read_identity(shot, options, detail) : status;
    status = status == IFL_OK ? way_host(&shot->settings, &shot->key, shot->host, &shot->port, detail) : status;
    status = status == IFL_OK ? trust_files_load(&shot->trust, options->ca, detail) : status;
    if (status != IFL_OK) {
        return status;
    }
    status = strcmp(options->file, "-") == 0 ? file_read_stdin(payload, sizeof payload, &size, detail)
                                             : file_read("", options->file, payload, sizeof payload, &size, detail);
    if (status == IFL_OK && size == 0) {
        return IFL_LINE_EMPTY;
    }
    status = status == IFL_OK ? store_message(shot, bytes_of(payload, size)) : status;
    return status == IFL_OK ? start_sender(shot) : status;
}

/* ---- the verdict ---- */

/* With TLS 1.3 a refused client certificate may show as nothing but an end of the connection; only a second one in a row proves it. So one
 * such end is tried again at once. */
static bool unexplained_end(struct one_shot *shot, enum ifl_status status)
{
    const struct tls_facts *facts = tls_facts(&shot->tls);
    const bool bare =
        status == IFL_CLOSED || status == IFL_NET_RESET || status == IFL_TLS_RESET || status == IFL_HTTP_CUT;
    const bool again = bare && facts->certificate_sent && !facts->application_data_seen && !shot->tried_again;
    shot->tried_again = shot->tried_again || again;
    return again;
}

static bool waits(const struct sender_view *view, ifl_ms now)
{
    return view->state != SENDER_ROUTE_GOING && view->until > now;
}

/* AGAIN: there is none yet. */
static enum ifl_status verdict(struct one_shot *shot, ifl_ms now)
{
    struct outbox_message dead;
    struct sender_view host;
    if (sender_route_view(&shot->sender, 0, &shot->view) == IFL_OK && shot->view.accepted_count > 0) {
        return IFL_ACCEPTED;
    }
    if (outbox_first(&shot->outbox, OUTBOX_LANE_DEAD, &dead) == IFL_OK) {
        return (enum ifl_status)dead.reason;
    }
    sender_host_view(&shot->sender, &host);
    if (host.state == SENDER_ROUTE_GOING) {
        return waits(&shot->view, now) ? shot->view.status : IFL_AGAIN;
    }
    if (!waits(&host, now)) { /* the second try is under way */
        return IFL_AGAIN;
    }
    if (unexplained_end(shot, host.status)) {
        sender_retry(&shot->sender, HEALTH_ROUTE_NONE, now);
        return IFL_AGAIN;
    }
    return host.status;
}

static enum ifl_status deliver(struct one_shot *shot, uint32_t timeout_s)
{
    ifl_ms now = loop_now();
    const ifl_ms deadline = now + timeout_s * UINT64_C(1000);
    while (now < deadline) {
        const ifl_ms wish = ifl_ms_min(sender_step(&shot->sender, now), outbox_step(&shot->outbox, now));
        const enum ifl_status status = verdict(shot, now);
        if (status != IFL_AGAIN) {
            return status;
        }
        loop_wait(NULL, 0, ifl_ms_min(wish, deadline));
        now = loop_now();
    }
    return shot->view.attempts > 0 ? IFL_HTTP_TIMEOUT : IFL_NET_TIMEOUT;
}

static const char *tls_name(const struct one_shot *shot)
{
    switch (tls_facts(&shot->tls)->version) {
    case 0x0303:
        return "1.2";
    case 0x0304:
        return "1.3";
    default:
        return "";
    }
}

static void json_pair(struct text *out, const char *before, const char *value)
{
    text_str(out, before);
    text_json(out, bytes_of_string(value));
}

static void tell_json(const struct one_shot *shot, enum ifl_status status, const char *id, const char *detail)
{
    char buf[4096];
    struct text out;
    text_init(&out, buf, sizeof buf);
    text_str(&out, status == IFL_ACCEPTED ? "{\"accepted\":true,\"code\":" : "{\"accepted\":false,\"code\":");
    text_u64(&out, (uint64_t)status);
    json_pair(&out, ",\"name\":", ifl_name(status));
    json_pair(&out, ",\"cause\":", ifl_cause(status));
    json_pair(&out, ",\"remedy\":", ifl_remedy(status));
    json_pair(&out, ",\"detail\":", detail);
    json_pair(&out, ",\"host\":", shot->host);
    json_pair(&out, ",\"path\":", shot->settings.routes[0].path);
    json_pair(&out, ",\"id\":", id);
    json_pair(&out, ",\"mpl_id\":", shot->view.mpl_id);
    json_pair(&out, ",\"tls\":", tls_name(shot));
    text_str(&out, "}");
    puts(buf);
}

static void tell_person(const struct one_shot *shot, enum ifl_status status, const char *id, const char *detail)
{
    if (status == IFL_ACCEPTED) {
        printf("✔ accepted by https://%s%s (TLS %s)\n", shot->host, shot->settings.routes[0].path, tls_name(shot));
    } else {
        printf("✘ E%d %s%s%s%s\n  %s\n", (int)status, ifl_cause(status), detail[0] != '\0' ? " (" : "", detail,
               detail[0] != '\0' ? ")" : "", ifl_remedy(status));
    }
    if (shot->view.mpl_id[0] != '\0') {
        printf("  MPL id      %s\n", shot->view.mpl_id);
    }
    if (id[0] != '\0') {
        printf("  message id  %s\n", id);
    }
    for (size_t i = 0; i < shot->key.report.warning_count; i++) {
        const struct ifl_diag *warning = ifl_diag(shot->key.report.warnings[i]);
        printf("  note        E%d %s %s\n", (int)warning->status, ifl_cause(warning->status),
               ifl_remedy(warning->status));
    }
}

static void wipe_secrets(struct one_shot *shot)
{
    own_key_wipe(&shot->key);
    bytes_wipe(&shot->proxy, sizeof shot->proxy);
    bytes_wipe(shot->settings.proxy, sizeof shot->settings.proxy);
    bytes_wipe(arena_bytes, shot->arena.extent);
}

int verb_send(int argc, char **argv)
{
    struct way_options options;
    struct one_shot *shot = &the_shot;
    char buf[DETAIL_SIZE], id_buf[OUTBOX_ID_TEXT_SIZE];
    struct text detail, id;
    const int wrong = parse(argc, argv, &options);
    if (wrong >= 0) {
        return wrong;
    }
    text_init(&detail, buf, sizeof buf);
    text_init(&id, id_buf, sizeof id_buf);
    own_key_protect_process();

    enum ifl_status status = prepare(shot, &options, &detail);
    if (status == IFL_OK) {
        outbox_id_text(&shot->id, &id);
        status = deliver(shot, options.timeout_s);
        sender_stop(&shot->sender);
        text_init(&detail, buf, sizeof buf); /* what was noted on the way doesn't belong to the answer */
    }
    if (options.json) {
        tell_json(shot, status, id_buf, buf);
    } else {
        tell_person(shot, status, id_buf, buf);
    }
    wipe_secrets(shot);
    return status == IFL_ACCEPTED ? 0 : 1;
}
