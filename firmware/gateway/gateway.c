/* gateway.c: iflowd's wiring and loop.
 *
 *            START                     RUN                                  STOP
 *   configuration, key file ──► ┌─► doors: read lines, store, sync, answer ─► SIGTERM, SIGINT, all delivered
 *   state directory, outbox     │   sender: deliver                           │
 *   trust, TLS, sockets         │   outbox, state: upkeep                     ▼
 *                               │   wait for the earliest wish or an event   doors closed, cursors and time
 *                               └── SIGHUP: a new plan, if it's good          to flash, files closed
 *
 * Secrets: the private key is in struct keys, in a struct plan for a moment, and in the TLS arena during a handshake. */
#include "gateway.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "clock/clock.h"
#include "console/console.h"
#include "doors.h"
#include "health/health.h"
#include "identity/paste.h"
#include "identity/request.h"
#include "ingest/ingest.h"
#include "keys.h"
#include "linux/entropy.h"
#include "linux/loop.h"
#include "linux/system_clock.h"
#include "log.h"
#include "notify.h"
#include "plan.h"
#include "renewal/expiry.h"
#include "renewal/renewal.h"
#include "sender/backoff.h"
#include "sender/sender.h"
#include "settings/settings.h"
#include "store.h"
#include "tls/tls.h"
#include "token/token.h"
#include "trust.h"
#include "wipe.h"

#define TLS_ARENA_SIZE (256u * 1024u)
#define WORK_ARENA_SIZE (512u * 1024u) /* reading service keys; only at start and on SIGHUP */
#define PASTE_SIZE (128u * 1024u)
#define TIME_SAVE_MS (24u * 3600u * 1000u)
#define EXPIRY_CHECK_MS (3600u * 1000u)
#define DETAIL_SIZE 1024u
#define TRIAL_TIMEOUT_MS 60000u
#define TRIAL_ASK_MS 100u

struct gateway {
    const struct options *options;
    struct plan plans[2];
    struct plan *plan; /* the one in force */
    char host[IFL_HOST_SIZE];
    uint16_t port;

    struct health health;
    struct clock clock;
    struct store store;
    struct keys keys; /* secret */
    struct arena tls_arena;
    struct tls_context tls_context;
    struct tls tls;
    struct trust trust;
    enum {
        TRIAL_NONE,
        TRIAL_WANTED,
        TRIAL_UNDER_WAY
    } trust_trial; /* handshakes for new roots, without waiting for a message */
    ifl_ms trust_trial_due;
    struct backoff trust_trial_wait; /* between those that decide nothing */
    struct sender sender;
    struct arena token_arena; /* with `auth` "oauth": a connection of its own */
    struct tls_context token_context;
    struct tls token_tls;
    struct token token; /* secret */
    struct renewal renewal;
    struct expiry_watch expiry;
    struct doors doors;
    struct sender_wiring sender_wiring;
    struct ingest_wiring ingest_wiring;
    struct console_wiring console_wiring;
    struct console_intake intake;
    struct console_trust console_trust;
    struct console_device console_device;
    struct key_file pasted;   /* secret; only during an import */
    enum ifl_status no_token; /* with `auth` "oauth": why the identity in use can get none; OK: it can */
    uint8_t file_leaf[32];    /* of the key file that the configuration names; zeros: none was read */

    int signals; /* signalfd(2) */
    enum ifl_status last_sync;
    ifl_ms next_time_save, next_expiry_check;
    uint64_t dead_letters_before; /* when the program started */
    bool sending;                 /* the sender is started */
    bool renewing;                /* renewal is started: the identity is a certificate */
    bool stop, reload, failed;
    bool wipe; /* ordered: everything goes when the files are closed */
};

/* Static: large, and only the touched pages take memory. */
static struct gateway the_gateway;
static uint8_t tls_arena_bytes[TLS_ARENA_SIZE];
static uint8_t token_arena_bytes[TLS_ARENA_SIZE];
static uint8_t work_arena_bytes[WORK_ARENA_SIZE];
static uint8_t paste_bytes[PASTE_SIZE]; /* secret */
static uint8_t mend_bytes[PASTE_WORK_SIZE(PASTE_SIZE)];

/* ---- the key ---- */

static uint64_t queued_count(const struct gateway *gateway)
{
    uint64_t sum = 0;
    for (size_t lane = OUTBOX_LANE_DEAD + 1; lane < outbox_lane_count(&gateway->store.outbox); lane++) {
        struct outbox_lane_stats stats;
        if (outbox_lane_is_orphan(&gateway->store.outbox, (uint8_t)lane) ||
            outbox_lane_stats(&gateway->store.outbox, (uint8_t)lane, &stats) != IFL_OK) {
            continue;
        }
        sum += stats.queued;
    }
    return sum;
}

static uint64_t dead_letter_count(const struct gateway *gateway)
{
    struct outbox_lane_stats stats;
    return outbox_lane_stats(&gateway->store.outbox, OUTBOX_LANE_DEAD, &stats) == IFL_OK ? stats.queued : 0;
}

/* The client certificate says who it is, not a user and a secret. */
static bool by_certificate(const struct plan *plan)
{
    return plan->credentials.secret.secret[0] == '\0';
}

/* The url that a plan goes to with the identity that would then be in use. */
static const char *url_of(const struct plan *plan, const struct identity *identity)
{
    if (plan->settings.url[0] != '\0') {
        return plan->settings.url;
    }
    return by_certificate(plan) ? identity->url : plan->credentials.secret.url;
}

/* Messages wait, and with this key they would go to another host than the one they were meant for. */
static bool leads_elsewhere(const struct gateway *gateway, const struct plan *plan, const struct identity *identity)
{
    char host[IFL_HOST_SIZE];
    uint16_t port = 0;
    if (plan->settings.url[0] != '\0' || gateway->host[0] == '\0' || queued_count(gateway) == 0) {
        return false;
    }
    const enum ifl_status status = settings_url_split(bytes_of_string(url_of(plan, identity)), host, &port);
    return status == IFL_OK && strcmp(host, gateway->host) != 0;
}

static enum ifl_status read_key(struct gateway *gateway, struct plan *plan, struct text *detail)
{
    struct arena work;
    if (!by_certificate(plan)) { /* plan_read() has read it */
        const bool elsewhere =
            !gateway->options->new_tenant && leads_elsewhere(gateway, plan, &plan->key_file.identity);
        return elsewhere ? IFL_KEY_OTHER_TENANT : IFL_OK;
    }
    arena_init(&work, work_arena_bytes, sizeof work_arena_bytes);
    const struct ifl_random random = entropy_random();
    enum ifl_status status = key_file_read(&plan->key_file, &plan->settings, plan->directory, &work, &random, detail);
    bytes_wipe(work_arena_bytes, work.extent);
    if (status == IFL_OK && !gateway->options->new_tenant && leads_elsewhere(gateway, plan, &plan->key_file.identity)) {
        status = IFL_KEY_OTHER_TENANT;
    }
    if (status == IFL_OK) {
        memcpy(gateway->file_leaf, plan->key_file.identity.leaf_sha256, sizeof gateway->file_leaf);
    }
    if (status != IFL_OK) {
        key_file_wipe(&plan->key_file);
    }
    for (size_t i = 0; i < plan->key_file.report.warning_count; i++) {
        health_event(&gateway->health, loop_now(), plan->key_file.report.warnings[i], HEALTH_ROUTE_NONE,
                     plan->settings.identity);
    }
    return status;
}

static void warn_of_readers(struct gateway *gateway)
{
    const struct plan *plan = gateway->plan;
    if (plan->config_readable) {
        health_event(&gateway->health, loop_now(), IFL_KEY_READABLE, HEALTH_ROUTE_NONE, gateway->options->config);
    }
    if (plan->secret_readable) {
        health_event(&gateway->health, loop_now(), IFL_KEY_READABLE, HEALTH_ROUTE_NONE, plan->settings.identity);
    }
}

/* A person has installed another identity, or gone back to the one before, since this very file was taken in: it isn't taken in again. */
static bool is_overruled(struct gateway *gateway, const struct key_file *file)
{
    uint8_t leaf[32];
    size_t len = 0;
    return (gateway->store.slots.active >= 0 || gateway->store.slots.pending >= 0) &&
           state_get(&gateway->store.state, STATE_KEY_FILE, leaf, sizeof leaf, &len) == IFL_OK && len == sizeof leaf &&
           memcmp(leaf, file->identity.leaf_sha256, sizeof leaf) == 0;
}

static enum ifl_status take_in_file(struct gateway *gateway, const struct key_file *file)
{
    if (is_overruled(gateway, file)) {
        log_info(
            "the key file of the configuration is older than the identity that was installed since: that one goes on");
        return IFL_OK;
    }
    return keys_take_in(&gateway->store.slots, file);
}

static enum ifl_status find_host(const char *url, char host[IFL_HOST_SIZE], uint16_t *port)
{
    return url[0] == '\0' ? IFL_KEY_NO_URL : settings_url_split(bytes_of_string(url), host, port);
}

/* Where a plan's access tokens come from, with the identity that would then be in use. */
static const char *tokenurl_of(const struct plan *plan, const struct identity *identity)
{
    return by_certificate(plan) ? identity->tokenurl : plan->credentials.secret.tokenurl;
}

/* OK: with this identity the plan knows its tenant's host and, with `auth` "oauth", where tokens come from. */
static enum ifl_status find_way(const struct plan *plan, const struct identity *identity, char host[IFL_HOST_SIZE],
                                uint16_t *port)
{
    const enum ifl_status status = find_host(url_of(plan, identity), host, port);
    const bool oauth = plan->settings.auth == SETTINGS_AUTH_OAUTH;
    return status == IFL_OK && oauth ? token_check_url(tokenurl_of(plan, identity)) : status;
}

/* What find_way() couldn't use. `report`: of the key that was read for it, or NULL. */
static const char *wrong_way(enum ifl_status status, const struct plan *plan, const struct identity *identity,
                             const struct service_key_report *report)
{
    const char *fault = by_certificate(plan) ? NULL : plan->credentials.secret.url_fault;
    if (status == IFL_KEY_NO_TOKEN_URL) {
        return tokenurl_of(plan, identity);
    }
    if (status == IFL_KEY_NO_URL) {
        return fault != NULL ? fault : report != NULL ? report->detail : "";
    }
    return url_of(plan, identity);
}

/* For the room renewal: show the identity of this slot from now on, and go to its host. */
static enum ifl_status use_identity(void *ctx, int slot)
{
    struct gateway *gateway = ctx;
    token_stop(&gateway->token); /* the bytes that it shows go away */
    const enum ifl_status status = keys_load(&gateway->keys, &gateway->store.slots, slot);
    if (status != IFL_OK) {
        return status;
    }
    gateway->tls_context.identity = &gateway->keys.identity;
    gateway->tls_context.identity_generation = gateway->keys.generation;
    gateway->token_context.identity = gateway->tls_context.identity;
    gateway->token_context.identity_generation = gateway->keys.generation;
    return find_way(gateway->plan, &gateway->keys.identity, gateway->host, &gateway->port);
}

/* User and secret stand in the plan: no client certificate is shown, and there is nothing to renew. */
static enum ifl_status use_secret(struct gateway *gateway)
{
    keys_unload(&gateway->keys);
    gateway->tls_context.identity = NULL;
    gateway->tls_context.identity_generation = gateway->keys.generation;
    gateway->token_context.identity = NULL;
    gateway->token_context.identity_generation = gateway->keys.generation;
    return find_host(url_of(gateway->plan, NULL), gateway->host, &gateway->port);
}

static void log_identity(const struct gateway *gateway)
{
    char buf[32];
    struct text until;
    if (!by_certificate(gateway->plan)) {
        log_info("authenticating as %s with a secret, without a client certificate",
                 gateway->plan->credentials.secret.clientid);
        return;
    }
    text_init(&until, buf, sizeof buf);
    text_utc(&until, gateway->keys.identity.not_after);
    log_info("identity %s, %s, valid until %s%s", gateway->keys.identity.subject, gateway->keys.identity.key_type, buf,
             gateway->store.slots.pending < 0 ? "" : "; a new one waits to be proven");
}

static void warn_of_expiry(struct gateway *gateway, ifl_ms now)
{
    if (gateway->keys.slot >= 0) {
        expiry_watch_step(&gateway->expiry, gateway->keys.identity.leaf_sha256, gateway->keys.identity.chain_not_after,
                          clock_read(&gateway->clock, now).unix_s, &gateway->health, now);
    }
    gateway->next_expiry_check = ifl_ms_after(now, EXPIRY_CHECK_MS);
}

/* Called by the sender in the middle of its step. */
static void on_identity_verdict(void *ctx, enum ifl_status verdict)
{
    struct gateway *gateway = ctx;
    if (verdict == IFL_OK) {
        token_accepted(&gateway->token);
    }
    if (gateway->renewing) {
        renewal_learn(&gateway->renewal, verdict);
    }
}

/* ---- access tokens ---- */

static enum ifl_status on_authorize(void *ctx, ifl_ms now, const char **authorization)
{
    struct gateway *gateway = ctx;
    if (gateway->no_token != IFL_OK) {
        return gateway->no_token;
    }
    const enum ifl_status status = token_get(&gateway->token, now, authorization);
    if (status != IFL_OK && status != IFL_AGAIN) {
        health_event(&gateway->health, now, status, HEALTH_ROUTE_NONE, gateway->token.host);
    }
    return status;
}

static bool on_token_refused(void *ctx)
{
    struct gateway *gateway = ctx;
    return token_refused(&gateway->token);
}

/* Where tokens come from, and who asks for them, for the identity in use. */
static enum ifl_status start_token(struct gateway *gateway)
{
    const bool certificate = by_certificate(gateway->plan);
    const struct service_secret *secret = &gateway->plan->credentials.secret;
    const struct identity *identity = &gateway->keys.identity;
    const struct token_wiring wiring = {.tls = &gateway->token_tls,
                                        .url = tokenurl_of(gateway->plan, identity),
                                        .clientid = certificate ? identity->clientid : secret->clientid,
                                        .secret = secret->secret,
                                        .proxy = &gateway->plan->proxy,
                                        .user_agent = "iflow-agent/" IFL_VERSION};
    gateway->token_context.version = gateway->tls_context.version;
    gateway->token_context.trust = gateway->tls_context.trust;
    return token_init(&gateway->token, &wiring);
}

/* ---- delivery ---- */

static void on_csrf_needed(void *ctx, uint8_t lane, bool needed)
{
    struct gateway *gateway = ctx;
    const uint8_t value = needed ? 1 : 0;
    (void)store_put(&gateway->store, (uint16_t)(STATE_CSRF_FIRST + lane),
                    bytes_of(&value, 1)); /* a lost bit costs one request */
}

static enum ifl_status start_sender(struct gateway *gateway, ifl_ms now)
{
    static const enum tls_version VERSIONS[] = {
        [SETTINGS_TLS_AUTO] = TLS_AUTO, [SETTINGS_TLS_12] = TLS_1_2, [SETTINGS_TLS_13] = TLS_1_3};
    gateway->tls_context.version = VERSIONS[gateway->plan->settings.tls];
    gateway->trust.configured = &gateway->plan->trust;
    const bool oauth = gateway->plan->settings.auth == SETTINGS_AUTH_OAUTH;
    gateway->no_token = oauth ? start_token(gateway) : IFL_OK;
    if (gateway->no_token != IFL_OK && !by_certificate(gateway->plan)) {
        return gateway->no_token;
    }
    gateway->sender_wiring = (struct sender_wiring){.settings = &gateway->plan->settings,
                                                    .outbox = &gateway->store.outbox,
                                                    .tls = &gateway->tls,
                                                    .clock = &gateway->clock,
                                                    .health = &gateway->health,
                                                    .random = entropy_random(),
                                                    .host = gateway->host,
                                                    .port = gateway->port,
                                                    .proxy = &gateway->plan->proxy,
                                                    .user_agent = "iflow-agent/" IFL_VERSION,
                                                    .authorization = gateway->plan->settings.auth == SETTINGS_AUTH_BASIC
                                                                         ? gateway->plan->credentials.authorization
                                                                         : NULL,
                                                    .authorize = oauth ? on_authorize : NULL,
                                                    .token_refused = oauth ? on_token_refused : NULL,
                                                    .identity_verdict = on_identity_verdict,
                                                    .csrf_needed = on_csrf_needed,
                                                    .ctx = gateway};
    const enum ifl_status status = sender_init(&gateway->sender, &gateway->sender_wiring, now);
    gateway->sending = status == IFL_OK;
    for (size_t lane = 1; status == IFL_OK && lane < outbox_lane_count(&gateway->store.outbox); lane++) {
        uint8_t needed = 0;
        size_t len = 0;
        const uint16_t key = (uint16_t)(STATE_CSRF_FIRST + lane);
        if (state_get(&gateway->store.state, key, &needed, sizeof needed, &len) == IFL_OK && needed == 1) {
            sender_csrf_remembered(&gateway->sender, (uint8_t)lane);
        }
    }
    return status;
}

static void stop_sender(struct gateway *gateway)
{
    if (gateway->sending) {
        sender_stop(&gateway->sender);
        token_stop(&gateway->token);
        gateway->sending = false;
    }
}

/* ---- which identity ---- */

static bool pause_sender(void *ctx, bool at_once)
{
    struct gateway *gateway = ctx;
    return !gateway->sending || sender_pause(&gateway->sender, at_once);
}

static void resume_sender(void *ctx, bool changed, ifl_ms now)
{
    struct gateway *gateway = ctx;
    if (!changed || !gateway->sending) {
        return;
    }
    if (gateway->sender_wiring.port != gateway->port || gateway->plan->settings.auth == SETTINGS_AUTH_OAUTH) {
        stop_sender(gateway);
        const enum ifl_status status = start_sender(gateway, now);
        if (status != IFL_OK) {
            health_event(&gateway->health, now, status, HEALTH_ROUTE_NONE, "identity");
            gateway->stop = gateway->failed = true;
            return;
        }
    }
    sender_identity_changed(&gateway->sender, now);
    log_identity(gateway);
    warn_of_expiry(gateway, now);
}

static enum ifl_status start_renewal(struct gateway *gateway, uint32_t jitter_ms, ifl_ms now)
{
    const struct settings *settings = &gateway->plan->settings;
    const struct renewal_wiring wiring = {.slots = &gateway->store.slots,
                                          .tls = &gateway->tls,
                                          .arena = &gateway->tls_arena,
                                          .health = &gateway->health,
                                          .random = entropy_random(),
                                          .host = gateway->host,
                                          .port = &gateway->port,
                                          .address = settings->resolve,
                                          .proxy = &gateway->plan->proxy,
                                          .probe_path = settings->probe_path,
                                          .first_ms = settings->probe_first_ms,
                                          .cap_ms = settings->probe_cap_ms,
                                          .pause = pause_sender,
                                          .use = use_identity,
                                          .resume = resume_sender,
                                          .ctx = gateway};
    gateway->renewing = by_certificate(gateway->plan);
    return gateway->renewing ? renewal_start(&gateway->renewal, &wiring, jitter_ms, now) : use_secret(gateway);
}

/* As long as roots are on trial: the next handshake for them comes after a random part of `jitter_ms`. */
static void want_trial(struct gateway *gateway, uint32_t jitter_ms, ifl_ms now)
{
    const struct settings *settings = &gateway->plan->settings;
    const struct ifl_random random = entropy_random();
    gateway->trust_trial = TRIAL_WANTED;
    gateway->trust_trial_due = ifl_ms_after(now, ifl_random_below(&random, (uint64_t)jitter_ms + 1));
    backoff_init(&gateway->trust_trial_wait, settings->probe_first_ms, settings->probe_cap_ms);
}

/* Its connection isn't left open: nobody would step it. */
static void drop_trial(struct gateway *gateway)
{
    if (gateway->trust_trial == TRIAL_UNDER_WAY) {
        tls_close(&gateway->tls);
    }
    gateway->trust_trial = TRIAL_NONE;
}

static void stop_renewal(struct gateway *gateway)
{
    drop_trial(gateway);
    if (gateway->renewing) {
        renewal_stop(&gateway->renewal);
        gateway->renewing = false;
    }
}

/* ---- the console's `import` and `identity rollback` ---- */

static enum ifl_status read_paste(struct gateway *gateway, struct bytes text, struct text *detail)
{
    struct key_file *file = &gateway->pasted;
    struct arena work;
    const struct ifl_random random = entropy_random();
    arena_init(&work, work_arena_bytes, sizeof work_arena_bytes);
    const enum ifl_status status = paste_read(&text, 1, bytes_of(mend_bytes, PASTE_WORK_SIZE(text.size)), NULL, &work,
                                              &random, file->buf, sizeof file->buf, &file->identity, &file->report);
    bytes_wipe(work_arena_bytes, work.extent);
    text_str(detail, file->report.detail);
    return status;
}

/* Only after the slots are changed: the other way round a power cut between the two would have the configuration's file ignored for
 * good, with nothing in its place. In this order it makes the next start take the file in again: the import is lost, but nobody had been
 * told yet that it was done. A flash error here is told; the new identity is in its slot and is used until the next start or SIGHUP. */
static void overrule_file(struct gateway *gateway, ifl_ms now)
{
    const enum ifl_status status =
        store_put(&gateway->store, STATE_KEY_FILE, bytes_of(gateway->file_leaf, sizeof gateway->file_leaf));
    if (status != IFL_OK) {
        health_event(&gateway->health, now, status, HEALTH_ROUTE_NONE, "state.flash");
    }
}

/* The identity in `file` becomes pending by `store`, if it leads somewhere and may. It's wiped. */
static enum ifl_status take_identity(struct gateway *gateway, enum ifl_status status, bool new_tenant,
                                     enum ifl_status (*store)(struct identity_slots *slots,
                                                              const struct key_file *file),
                                     const char *detail, ifl_ms now)
{
    struct key_file *file = &gateway->pasted;
    char host[IFL_HOST_SIZE];
    uint16_t port = 0;
    status = status == IFL_OK ? find_way(gateway->plan, &file->identity, host, &port) : status;
    if (status == IFL_OK && !new_tenant && leads_elsewhere(gateway, gateway->plan, &file->identity)) {
        status = IFL_KEY_OTHER_TENANT;
    }
    status = status == IFL_OK ? store(&gateway->store.slots, file) : status;
    key_file_wipe(file);
    if (status != IFL_OK) {
        log_status(status, detail);
        return status;
    }
    overrule_file(gateway, now);
    log_info("a new identity was installed by the console");
    return renewal_slots_changed(&gateway->renewal, now);
}

static enum ifl_status take_paste(void *ctx, struct bytes text, bool new_tenant, ifl_ms now)
{
    struct gateway *gateway = ctx;
    char buf[DETAIL_SIZE];
    struct text detail;
    if (!gateway->renewing) { /* user and secret stand in the configuration */
        return IFL_USAGE;
    }
    text_init(&detail, buf, sizeof buf);
    const enum ifl_status status = read_paste(gateway, text, &detail);
    return take_identity(gateway, status, new_tenant, keys_take_in, buf, now);
}

/* ---- the console's `identity csr` and `identity certificate` ---- */

/* A new key into the slot that isn't in force. It leads where the identity in use leads, until its certificate says something else. */
static enum ifl_status make_key(struct gateway *gateway, bool rsa, struct arena *work, const struct ifl_random *random)
{
    struct key_file *file = &gateway->pasted;
    enum ifl_status status =
        (rsa ? request_make_rsa : request_make_ec)(work, random, file->buf, sizeof file->buf, &file->identity);
    if (status == IFL_OK) {
        const struct identity *now = &gateway->keys.identity;
        memcpy(file->identity.url, now->url, sizeof file->identity.url);
        memcpy(file->identity.clientid, now->clientid, sizeof file->identity.clientid);
        memcpy(file->identity.tokenurl, now->tokenurl, sizeof file->identity.tokenurl);
        status = keys_store(&gateway->store.slots, file, false);
    }
    key_file_wipe(file);
    return status;
}

static enum ifl_status write_csr(void *ctx, enum console_key key, struct text *pem, ifl_ms now)
{
    struct gateway *gateway = ctx;
    struct identity_slots *slots = &gateway->store.slots;
    struct key_file *file = &gateway->pasted;
    struct arena work;
    const struct ifl_random random = entropy_random();
    enum ifl_status status = gateway->renewing ? IFL_OK : IFL_USAGE;
    arena_init(&work, work_arena_bytes, sizeof work_arena_bytes);
    if (status == IFL_OK && (key != CONSOLE_KEY_WAITING || slots->request < 0)) {
        status = make_key(gateway, key == CONSOLE_KEY_RSA, &work, &random);
        log_info(status == IFL_OK ? "a key was made for the console: its certificate is waited for"
                                  : "no key could be made for the console");
        /* What was in the slot is gone: a trial of it ends. */
        (void)renewal_slots_changed(&gateway->renewal, now);
    }
    if (status == IFL_OK) {
        status = identity_slots_load(slots, slots->request, file->buf, sizeof file->buf, &file->identity);
    }
    if (status == IFL_OK) {
        status = request_write(&work, &random, file->identity.key, gateway->plan->settings.device, pem);
    }
    key_file_wipe(file);
    bytes_wipe(work_arena_bytes, work.extent);
    return status;
}

static enum ifl_status store_answer(struct identity_slots *slots, const struct key_file *file)
{
    return identity_slots_answer(slots, &file->identity);
}

static enum ifl_status take_certificate(void *ctx, struct bytes text, bool new_tenant, ifl_ms now)
{
    static struct key_file waiting; /* secret */
    struct gateway *gateway = ctx;
    struct identity_slots *slots = &gateway->store.slots;
    struct key_file *file = &gateway->pasted;
    struct arena work;
    const struct ifl_random random = entropy_random();
    enum ifl_status status = slots->request < 0 ? IFL_NOT_FOUND : IFL_OK;
    arena_init(&work, work_arena_bytes, sizeof work_arena_bytes);
    if (status == IFL_OK) {
        status = identity_slots_load(slots, slots->request, waiting.buf, sizeof waiting.buf, &waiting.identity);
    }
    if (status == IFL_OK) {
        status = request_answer(text, &waiting.identity, &work, &random, file->buf, sizeof file->buf, &file->identity,
                                &file->report);
    }
    if (status == IFL_OK) {
        paste_check_url(&file->identity, &file->report);
    }
    key_file_wipe(&waiting);
    bytes_wipe(work_arena_bytes, work.extent);
    char detail[sizeof file->report.detail];
    memcpy(detail, file->report.detail, sizeof detail);
    return take_identity(gateway, status, new_tenant, store_answer, detail, now);
}

static enum ifl_status roll_back(void *ctx, ifl_ms now)
{
    struct gateway *gateway = ctx;
    enum ifl_status status = gateway->renewing ? identity_slots_rollback(&gateway->store.slots) : IFL_USAGE;
    if (status == IFL_OK) {
        log_info("back to the identity before, by the console");
        overrule_file(gateway, now);
        status = renewal_slots_changed(&gateway->renewal, now);
    }
    return status;
}

/* ---- the console's `trust` ---- */

static size_t list_trust(void *ctx, struct console_roots roots[CONSOLE_ROOTS_MAX])
{
    const struct gateway *gateway = ctx;
    return trust_list(&gateway->trust, roots);
}

static enum ifl_status install_trust(void *ctx, struct bytes pem, ifl_ms now)
{
    struct gateway *gateway = ctx;
    char buf[DETAIL_SIZE];
    struct text detail;
    text_init(&detail, buf, sizeof buf);
    const enum ifl_status status =
        trust_install(&gateway->trust, pem, clock_read(&gateway->clock, now).unix_s, &detail);
    if (status != IFL_OK) {
        log_status(status, buf);
        return status;
    }
    log_info("new roots are on trial, by the console");
    drop_trial(gateway); /* of those before */
    want_trial(gateway, 0, now);
    return IFL_OK;
}

/* The roots have changed: what they don't lead to any more isn't talked to for another moment. */
static enum ifl_status roll_trust_back(void *ctx, ifl_ms now)
{
    struct gateway *gateway = ctx;
    const enum ifl_status status = trust_rollback(&gateway->trust);
    if (status == IFL_OK) {
        log_info("back to the roots before, by the console");
        drop_trial(gateway);
        tls_forget_session(&gateway->tls);
        sender_identity_changed(&gateway->sender, now);
    }
    return status;
}

/* ---- the console's `wipe` ---- */

/* wipe_order() or wipe_carry_out(); what goes wrong is logged. */
static enum ifl_status wipe_step(const struct gateway *gateway,
                                 enum ifl_status (*step)(const char *dir, struct text *detail))
{
    char buf[DETAIL_SIZE];
    struct text detail;
    text_init(&detail, buf, sizeof buf);
    const enum ifl_status status = step(gateway->options->state_dir, &detail);
    if (status != IFL_OK) {
        log_status(status, buf);
    }
    return status;
}

static enum ifl_status order_wipe(void *ctx)
{
    struct gateway *gateway = ctx;
    const enum ifl_status status = wipe_step(gateway, wipe_order);
    if (status == IFL_OK) {
        log_info("stopping, to be decommissioned by the console: all that is in %s goes", gateway->options->state_dir);
        gateway->stop = gateway->wipe = true;
    }
    return status;
}

static enum ifl_status carry_out_wipe(const struct gateway *gateway)
{
    const enum ifl_status status = wipe_step(gateway, wipe_carry_out);
    if (status == IFL_OK) {
        log_info("%s is wiped", gateway->options->state_dir);
    } else {
        log_info("the next start tries again");
    }
    return status;
}

/* ---- new roots on trial ---- */

static void judge_trust(struct gateway *gateway, ifl_ms now)
{
    const struct tls_facts *facts = tls_facts(&gateway->tls);
    const enum ifl_status status = trust_judge(&gateway->trust, facts->server_verified && !facts->resumed);
    if (status != IFL_OK) {
        health_event(&gateway->health, now, status, HEALTH_ROUTE_NONE, "trust");
    }
}

static bool trial_is_under_way(const struct gateway *gateway)
{
    return gateway->trust_trial == TRIAL_UNDER_WAY;
}

/* What it doesn't decide is tried again: at once as a new identity is, after the first wait of a probe, at last after the longest. */
static void end_trial(struct gateway *gateway, ifl_ms now)
{
    const struct ifl_random random = entropy_random();
    judge_trust(gateway, now);
    if (tls_state(&gateway->tls) == TLS_FAILED) {
        health_event(&gateway->health, now, tls_status(&gateway->tls), HEALTH_ROUTE_NONE, "trial of the new roots");
    }
    drop_trial(gateway);
    gateway->trust_trial = TRIAL_WANTED;
    gateway->trust_trial_due = ifl_ms_after(now, backoff_probe_ms(&gateway->trust_trial_wait, &random, 0));
}

/* A handshake, on the sender's connection while it waits. One for a message decides as well. */
static ifl_ms step_trial(struct gateway *gateway, ifl_ms now)
{
    if (gateway->trust.on_trial == TRUST_NONE) {
        drop_trial(gateway);
    }
    if (gateway->trust_trial == TRIAL_NONE) {
        return IFL_NEVER;
    }
    if (gateway->trust_trial == TRIAL_WANTED) {
        if (now < gateway->trust_trial_due) {
            return gateway->trust_trial_due;
        }
        if ((gateway->renewing && renewal_is_busy(&gateway->renewal)) || !pause_sender(gateway, false)) {
            return ifl_ms_after(now, TRIAL_ASK_MS);
        }
        gateway->trust_trial = TRIAL_UNDER_WAY;
        (void)tls_open(&gateway->tls, gateway->host, gateway->port, gateway->plan->settings.resolve,
                       &gateway->plan->proxy, true, TRIAL_TIMEOUT_MS, now);
    }
    const ifl_ms wish = tls_step(&gateway->tls, now);
    const enum tls_state state = tls_state(&gateway->tls);
    if (state == TLS_CONNECTING || state == TLS_HANDSHAKE) {
        return wish;
    }
    end_trial(gateway, now);
    return now;
}

/* ---- time ---- */

static void save_time(struct gateway *gateway, ifl_ms now)
{
    const struct clock_reading reading = clock_read(&gateway->clock, now);
    uint8_t value[9];
    le64_put(value, (uint64_t)reading.unix_s);
    value[8] = (uint8_t)reading.quality;
    const enum ifl_status status = store_put(&gateway->store, STATE_TIME_FLOOR, bytes_of(value, sizeof value));
    if (status != IFL_OK) {
        health_event(&gateway->health, now, status, HEALTH_ROUTE_NONE, "state.flash");
    }
    gateway->next_time_save = ifl_ms_after(now, TIME_SAVE_MS);
}

/* Ages of messages are measured by it. */
static void save_uptime(struct gateway *gateway, ifl_ms now)
{
    uint8_t value[8];
    le64_put(value, clock_uptime_s(&gateway->clock, now));
    (void)store_put(&gateway->store, STATE_UPTIME, bytes_of(value, sizeof value)); /* lost: messages are younger */
}

static void start_clock(struct gateway *gateway, ifl_ms now)
{
    uint8_t value[9];
    size_t len = 0;
    clock_init(&gateway->clock, IFL_BUILD_UNIX_S, now);
    if (state_get(&gateway->store.state, STATE_UPTIME, value, sizeof value, &len) == IFL_OK && len == 8) {
        clock_uptime_tell(&gateway->clock, le64_get(value));
    }
    if (state_get(&gateway->store.state, STATE_TIME_FLOOR, value, sizeof value, &len) == IFL_OK &&
        len == sizeof value) {
        (void)clock_set(&gateway->clock, (int64_t)le64_get(value), CLOCK_STORED, 0, now);
    }
    system_clock_tell(&gateway->clock, now);
    save_time(gateway, now);
}

static void count_boot(struct gateway *gateway)
{
    uint8_t value[4] = {0};
    size_t len = 0;
    (void)state_get(&gateway->store.state, STATE_BOOT_COUNT, value, sizeof value, &len);
    le32_put(value, le32_get(value) + 1);
    (void)store_put(&gateway->store, STATE_BOOT_COUNT, bytes_of(value, sizeof value));
}

/* ---- start ---- */

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return sigprocmask(SIG_BLOCK, &set, NULL) == 0 ? signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK) : -1;
}

static void log_outbox(const struct gateway *gateway)
{
    struct outbox_stats stats;
    outbox_stats(&gateway->store.outbox, &stats);
    log_info("outbox: log id %016" PRIx64 ", %" PRIu64 " messages queued, %" PRIu64
             " dead letters, %u of %u blocks free%s",
             stats.log_id, queued_count(gateway), dead_letter_count(gateway), stats.free_blocks, stats.block_count,
             stats.resumed ? "; the last stop wasn't clean" : "");
    if (stats.payload_max < gateway->plan->settings.payload_max) {
        log_info("payloads may have up to %u bytes: a larger `outbox.size` allows more", stats.payload_max);
    }
    if (stats.moved) {
        log_status(IFL_STORE_MOVED, "");
    }
    if (stats.lost_records > 0) {
        log_status(IFL_STORE_LOST, "");
    }
}

static void wire_doors(struct gateway *gateway)
{
    static const struct console_verb *const MORE_VERBS[] = {&CONSOLE_CSR, &CONSOLE_CERTIFICATE, &CONSOLE_TRUST,
                                                            &CONSOLE_WIPE, NULL};
    gateway->ingest_wiring = (struct ingest_wiring){.settings = &gateway->plan->settings,
                                                    .outbox = &gateway->store.outbox,
                                                    .clock = &gateway->clock,
                                                    .health = &gateway->health};
    if (gateway->intake.buf == NULL) { /* a paste may be under way */
        gateway->intake = (struct console_intake){.buf = paste_bytes,
                                                  .size = sizeof paste_bytes,
                                                  .take = take_paste,
                                                  .rollback = roll_back,
                                                  .csr = write_csr,
                                                  .certificate = take_certificate,
                                                  .ctx = gateway};
    }
    gateway->console_trust = (struct console_trust){
        .list = list_trust, .install = install_trust, .rollback = roll_trust_back, .ctx = gateway};
    gateway->console_device = (struct console_device){.wipe = order_wipe, .ctx = gateway};
    gateway->console_wiring = (struct console_wiring){.settings = &gateway->plan->settings,
                                                      .outbox = &gateway->store.outbox,
                                                      .sender = &gateway->sender,
                                                      .clock = &gateway->clock,
                                                      .health = &gateway->health,
                                                      .slots = &gateway->store.slots,
                                                      .intake = &gateway->intake,
                                                      .trust = &gateway->console_trust,
                                                      .device = &gateway->console_device,
                                                      .more = MORE_VERBS,
                                                      .arena = &gateway->tls_arena,
                                                      .version = "iflowd " IFL_VERSION,
                                                      .host = gateway->host};
    gateway->health.listener = log_event;
    gateway->health.listener_ctx = &gateway->plan->settings;
}

/* A key that can't be used is no reason to stop as long as there is an older one that can. */
static enum ifl_status start_identity(struct gateway *gateway, struct text *detail)
{
    char host[IFL_HOST_SIZE];
    uint16_t port = 0;
    if (!by_certificate(gateway->plan)) {
        return IFL_OK;
    }
    if (gateway->store.slots.active >= 0) {
        (void)use_identity(gateway, gateway->store.slots.active); /* the host of before */
    }
    struct key_file *file = &gateway->plan->key_file;
    enum ifl_status status = read_key(gateway, gateway->plan, detail);
    /* Before it's stored: a better file of the same certificate would count as the one that is there already. */
    status = status == IFL_OK ? find_way(gateway->plan, &file->identity, host, &port) : status;
    status = status == IFL_OK ? take_in_file(gateway, file) : status;
    key_file_wipe(file);
    if (status != IFL_OK && gateway->store.slots.active < 0 && gateway->store.slots.pending < 0) {
        return status;
    }
    if (status != IFL_OK && status != IFL_IDENTITY_NONE) {
        log_status(status, detail->buf);
        log_info("the identity that is installed already goes on");
    }
    text_init(detail, detail->buf, detail->size);
    return IFL_OK;
}

static enum ifl_status start_store(struct gateway *gateway, struct text *detail)
{
    enum ifl_status status =
        store_open(&gateway->store, gateway->options->state_dir, gateway->plan->settings.outbox_size, detail);
    if (status != IFL_OK) {
        return status;
    }
    start_clock(gateway, loop_now());
    count_boot(gateway);
    text_str(detail, "outbox.flash");
    status = store_mount_outbox(&gateway->store, &gateway->plan->settings, entropy_random());
    if (status == IFL_OK) {
        log_outbox(gateway);
        gateway->dead_letters_before = dead_letter_count(gateway);
    }
    return status;
}

static enum ifl_status start_tls(struct gateway *gateway)
{
    arena_init(&gateway->tls_arena, tls_arena_bytes, sizeof tls_arena_bytes);
    gateway->tls_context.arena = &gateway->tls_arena;
    gateway->tls_context.random = entropy_random();
    gateway->tls_context.clock = &gateway->clock;
    trust_open(&gateway->trust, &gateway->store, gateway->options->state_dir, &gateway->plan->trust);
    gateway->tls_context.trust = trust_roots(&gateway->trust);
    gateway->tls_context.see_certificate = trust_see_certificate;
    gateway->tls_context.see_ctx = &gateway->trust;
    enum ifl_status status = tls_setup(&gateway->tls_context);
    tls_init(&gateway->tls, &gateway->tls_context);
    arena_init(&gateway->token_arena, token_arena_bytes, sizeof token_arena_bytes);
    gateway->token_context.arena = &gateway->token_arena;
    gateway->token_context.random = entropy_random();
    gateway->token_context.clock = &gateway->clock;
    status = status == IFL_OK ? tls_setup(&gateway->token_context) : status;
    tls_init(&gateway->token_tls, &gateway->token_context);
    return status;
}

/* The identity to use, with its host, and the sender. An installed identity that doesn't know where tokens come from (it's one of before, or `auth` was
 * another then) holds everything until it's mended: producers go on, and the console can install a better one. */
static enum ifl_status start_delivery(struct gateway *gateway, uint32_t jitter_ms, ifl_ms now, struct text *detail)
{
    const enum ifl_status status = start_renewal(gateway, jitter_ms, now);
    const bool holds = status == IFL_KEY_NO_TOKEN_URL && gateway->renewing && gateway->keys.slot >= 0;
    if (status != IFL_OK && !holds) {
        const bool known = gateway->keys.slot >= 0 || !gateway->renewing;
        text_str(detail, known ? wrong_way(status, gateway->plan, &gateway->keys.identity, NULL) : "identity.flash");
        return status;
    }
    want_trial(gateway, jitter_ms, now);
    return start_sender(gateway, now);
}

static enum ifl_status start(struct gateway *gateway, struct text *detail)
{
    health_init(&gateway->health);
    expiry_watch_init(&gateway->expiry);
    gateway->plan = &gateway->plans[0];
    gateway->keys.slot = -1;
    gateway->signals = open_signals();
    (void)mlock(&gateway->keys, sizeof gateway->keys); /* keeps the key out of the swap, where the limit allows it */
    if (gateway->signals < 0) {
        return IFL_FILE;
    }
    enum ifl_status status = plan_read(gateway->plan, gateway->options, detail);
    status = status == IFL_OK ? start_store(gateway, detail) : status;
    if (status != IFL_OK) {
        return status;
    }
    wire_doors(gateway);
    text_init(detail, detail->buf, detail->size);
    status = start_identity(gateway, detail);
    status = status == IFL_OK ? start_tls(gateway) : status;
    status =
        status == IFL_OK ? start_delivery(gateway, gateway->plan->settings.boot_jitter_ms, loop_now(), detail) : status;
    if (status != IFL_OK) {
        return status;
    }
    log_identity(gateway);
    warn_of_expiry(gateway, loop_now());
    warn_of_readers(gateway);
    text_init(detail, detail->buf, detail->size);
    return doors_open(&gateway->doors, gateway->options->run_dir, gateway->options->from_stdin, &gateway->ingest_wiring,
                      &gateway->console_wiring, detail);
}

/* ---- SIGHUP ---- */

/* The routes may have changed: the outbox is mounted with the new lanes, or, where it has no room for them, with the old ones again. */
static enum ifl_status switch_plan(struct gateway *gateway, struct plan *next)
{
    enum ifl_status status = outbox_flush(&gateway->store.outbox);
    if (status == IFL_OK) {
        status = store_mount_outbox(&gateway->store, &next->settings, entropy_random());
    }
    if (status == IFL_OK) {
        credentials_wipe(&gateway->plan->credentials);
        gateway->plan = next;
        return IFL_OK;
    }
    const enum ifl_status back = store_mount_outbox(&gateway->store, &gateway->plan->settings, entropy_random());
    gateway->stop = gateway->failed = back != IFL_OK;
    return status;
}

/* Found out before anything is changed: afterwards there would be no way back. */
static enum ifl_status has_way(const struct gateway *gateway, const struct plan *next, bool names_key,
                               struct text *detail)
{
    char host[IFL_HOST_SIZE];
    uint16_t port = 0;
    const struct identity *identity = names_key ? &next->key_file.identity : &gateway->keys.identity;
    const enum ifl_status status = find_way(next, identity, host, &port);
    if (status != IFL_OK) {
        text_init(detail, detail->buf, detail->size);
        text_str(detail, wrong_way(status, next, identity, names_key ? &next->key_file.report : NULL));
    }
    return status;
}

static enum ifl_status take_over(struct gateway *gateway, struct plan *next, struct text *detail)
{
    enum ifl_status status = plan_read(next, gateway->options, detail);
    if (status == IFL_OK && next->settings.outbox_size != gateway->store.outbox_size) {
        text_str(detail, "outbox.size can't change while iflowd runs");
        status = IFL_CONFIG_VALUE;
    }
    const bool names_key = status == IFL_OK && by_certificate(next) && next->settings.identity[0] != '\0';
    if (status == IFL_OK && (names_key || !by_certificate(next))) {
        status = read_key(gateway, next, detail);
    }
    if (status == IFL_OK) {
        const bool stays = names_key && gateway->keys.slot >= 0 && is_overruled(gateway, &next->key_file);
        status = has_way(gateway, next, names_key && !stays, detail);
    }
    if (status != IFL_OK) {
        key_file_wipe(&next->key_file);
        return status;
    }
    stop_renewal(gateway);
    stop_sender(gateway);
    tls_forget_session(&gateway->tls); /* a resumed one isn't verified again, and the trust may have changed */
    status = switch_plan(gateway, next);
    if (status == IFL_OK && names_key) {
        status = take_in_file(gateway, &next->key_file);
    }
    key_file_wipe(&next->key_file);
    return status;
}

static void reload(struct gateway *gateway, ifl_ms now)
{
    char buf[DETAIL_SIZE];
    struct text detail;
    text_init(&detail, buf, sizeof buf);
    notify_reloading();
    struct plan *next = gateway->plan == &gateway->plans[0] ? &gateway->plans[1] : &gateway->plans[0];
    enum ifl_status status = take_over(gateway, next, &detail);
    if (status != IFL_OK) {
        log_status(status, buf);
        if (gateway->plan != next) {
            credentials_wipe(&next->credentials);
        }
        log_info(gateway->plan == next ? "SIGHUP: the new configuration is in force, with the identity of before"
                                       : "SIGHUP: nothing is changed, the configuration of before goes on");
    }
    if (!gateway->sending && !gateway->failed) {
        text_init(&detail, buf, sizeof buf);
        wire_doors(gateway);
        status = start_delivery(gateway, 0, now, &detail);
        if (status != IFL_OK) {
            log_status(status, buf);
            gateway->stop = gateway->failed = true;
        }
        log_outbox(gateway);
        log_identity(gateway);
        warn_of_expiry(gateway, now);
        warn_of_readers(gateway);
    }
    notify_ready(now);
}

/* ---- the loop ---- */

static void take_signals(struct gateway *gateway)
{
    struct signalfd_siginfo info;
    while (read(gateway->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            gateway->reload = true;
        } else {
            log_info("stopping: signal %u", info.ssi_signo);
            gateway->stop = true;
        }
    }
}

static ifl_ms tell_status(const struct gateway *gateway, ifl_ms now)
{
    char line[128];
    struct sender_view view;
    if (!notify_wanted()) {
        return IFL_NEVER;
    }
    memset(&view, 0, sizeof view);
    sender_host_view(&gateway->sender, &view);
    snprintf(line, sizeof line, "%" PRIu64 " messages queued, %" PRIu64 " accepted%s", queued_count(gateway),
             gateway->health.counters[HEALTH_ACCEPTED],
             view.state == SENDER_ROUTE_GOING ? "" : "; the host is waited for");
    return notify_status(line, now);
}

/* With --exit-when-empty: standard input has ended, and every message of a configured route is finished. */
static void leave_when_empty(struct gateway *gateway)
{
    if (!gateway->options->exit_when_empty || !doors_stdin_done(&gateway->doors) || queued_count(gateway) > 0) {
        return;
    }
    gateway->stop = true;
    if (gateway->doors.output_gone) {
        log_info("everything that was taken is delivered, but not all of standard input was taken");
        gateway->failed = true;
    } else if (dead_letter_count(gateway) > gateway->dead_letters_before) {
        log_info("everything is finished, but some messages are dead letters: `iflowctl queue list` shows them");
        gateway->failed = true;
    } else {
        log_info("everything is delivered");
    }
}

/* Who has the connection: new roots on trial, a new identity on trial, messages. */
static ifl_ms step_delivery(struct gateway *gateway, ifl_ms now)
{
    ifl_ms wish = step_trial(gateway, now);
    if (trial_is_under_way(gateway)) {
        return ifl_ms_min(wish, token_step(&gateway->token, now));
    }
    if (gateway->renewing) { /* first: a new identity is tried before the next message */
        wish = ifl_ms_min(wish, renewal_step(&gateway->renewal, now));
    }
    wish = ifl_ms_min(wish, token_step(&gateway->token, now));
    if (!gateway->renewing || !renewal_is_busy(&gateway->renewal)) {
        wish = ifl_ms_min(wish, sender_step(&gateway->sender, now));
    }
    judge_trust(gateway, now);
    return wish;
}

static ifl_ms step(struct gateway *gateway, ifl_ms now)
{
    enum ifl_status sync = IFL_OK;
    system_clock_tell(&gateway->clock, now);
    ifl_ms wish = doors_step(&gateway->doors, &gateway->store.outbox, now, &sync);
    if (sync != IFL_OK) {
        health_event(&gateway->health, now, sync, HEALTH_ROUTE_NONE, "outbox.flash");
    }
    wish = ifl_ms_min(wish, step_delivery(gateway, now));
    wish = ifl_ms_min(wish, outbox_step(&gateway->store.outbox, now));
    wish = ifl_ms_min(wish, state_step(&gateway->store.state, now));
    wish = ifl_ms_min(wish, notify_step(now));
    if (now >= gateway->next_time_save) {
        save_time(gateway, now);
        /* A full handshake at least once a day: a root that was taken out of the bundle meanwhile counts then. */
        tls_forget_session(&gateway->tls);
    }
    if (now >= gateway->next_expiry_check) {
        warn_of_expiry(gateway, now);
        save_uptime(gateway, now);
    }
    return ifl_ms_min(wish, ifl_ms_min(gateway->next_time_save, gateway->next_expiry_check));
}

static void wait_for_event(struct gateway *gateway, ifl_ms until)
{
    struct pollfd set[1 + DOORS_POLL_COUNT];
    set[0] = (struct pollfd){.fd = gateway->signals, .events = POLLIN};
    const size_t count = 1 + doors_poll(&gateway->doors, set + 1);
    loop_wait(set, count, until);
}

static void run(struct gateway *gateway)
{
    while (!gateway->stop) {
        const ifl_ms now = loop_now();
        const ifl_ms wish = ifl_ms_min(step(gateway, now), tell_status(gateway, now));
        leave_when_empty(gateway);
        if (!gateway->stop) {
            wait_for_event(gateway, wish);
        }
        take_signals(gateway);
        if (gateway->reload && !gateway->stop) {
            gateway->reload = false;
            reload(gateway, loop_now());
        }
    }
}

static void finish(struct gateway *gateway)
{
    notify_stopping();
    doors_close(&gateway->doors);
    stop_renewal(gateway);
    stop_sender(gateway);
    const enum ifl_status status = outbox_flush(&gateway->store.outbox);
    if (status != IFL_OK) {
        log_status(status, "outbox.flash");
        gateway->failed = true;
    }
    save_time(gateway, loop_now());
    save_uptime(gateway, loop_now());
    log_info("stopped: %" PRIu64 " messages wait for the next start", queued_count(gateway));
}

static void wipe_secrets(struct gateway *gateway)
{
    bytes_wipe(&gateway->keys, sizeof gateway->keys);
    bytes_wipe(&gateway->plans, sizeof gateway->plans);
    bytes_wipe(paste_bytes, sizeof paste_bytes);
    bytes_wipe(tls_arena_bytes, gateway->tls_arena.extent);
    bytes_wipe(token_arena_bytes, gateway->token_arena.extent);
}

int gateway_run(const struct options *options)
{
    struct gateway *gateway = &the_gateway;
    char buf[DETAIL_SIZE];
    struct text detail;
    text_init(&detail, buf, sizeof buf);
    gateway->options = options;
    if (wipe_is_ordered(options->state_dir)) { /* a power cut came between, or somebody starts it all the same */
        if (carry_out_wipe(gateway) == IFL_OK) {
            log_status(IFL_GATEWAY_WIPED, options->state_dir);
        }
        return 1;
    }
    const enum ifl_status status = start(gateway, &detail);
    if (status == IFL_OK) {
        log_info("version " IFL_VERSION ", delivering to https://%s:%u", gateway->host, gateway->port);
        notify_ready(loop_now());
        run(gateway);
        finish(gateway);
    } else {
        log_status(status, buf);
        doors_close(&gateway->doors);
    }
    store_close(&gateway->store);
    wipe_secrets(gateway);
    if (gateway->wipe && carry_out_wipe(gateway) != IFL_OK) {
        return 1;
    }
    return status == IFL_OK && !gateway->failed ? 0 : 1;
}
