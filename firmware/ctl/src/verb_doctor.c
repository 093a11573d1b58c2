/* verb_doctor.c: `iflowctl doctor`: which step on the way to a flow fails, why, and what to do.
 *
 *   file ► identity ► time ► dns ► (proxy) ► tcp ► server ► asked ► certificate ► http ► authorisation ► role ► csrf ► flow ► message
 *
 * What is asked of the tenant, in this order, each on a connection of its own:
 *   1. HEAD on an address below /http/ that doesn't exist (--probe names another one). Nothing can run there. 401: not accepted; 404 or 403:
 *      authenticated (inferred, docs/doctor.md).
 *   2. GET on the same address, only where HEAD was refused or not answered: its text tells a deleted key from one in two bindings.
 *   3. With --route, OPTIONS on the real address. Apache Camel's servlet, on which Cloud Integration's adapters stand, answers it by itself and doesn't
 *      run the route (CamelServlet.doService), after the checks of role and address. Not HEAD and not GET: where CSRF protection is off they run the flow. The
 *      request asks for a token along the way (X-CSRF-Token: Fetch): where one comes, protection is on.
 *   4. With --post instead: POST of a message, and where the flow wants a token HEAD with X-CSRF-Token: Fetch and the POST again.
 *   5. Where all is well, 1. once more on the resumed TLS session, because some proxies lose the certificate then. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock/clock.h"
#include "doctor.h"
#include "linux/entropy.h"
#include "linux/file.h"
#include "linux/loop.h"
#include "linux/system_clock.h"
#include "linux/trust_files.h"
#include "own_key.h"
#include "probe.h"
#include "verbs.h"
#include "way.h"

#define ARENA_SIZE (4u * 1024u * 1024u)
#define TIMEOUT_S_DEFAULT 15u
#define TIMEOUT_S_MAX 600u
#define ROUTE_NAME "doctor"
#define CLOCK_SKEW_S 120

struct doctor_options {
    struct way_options way;
    const char *probe;
    bool post;
};

struct patient {
    struct doctor_options options;
    struct doctor doctor; /* what is told */
    struct settings settings;
    struct own_key key; /* secret */
    struct trust_files trust;
    struct clock clock;
    struct arena arena;
    struct net_proxy proxy; /* secret */
    char host[IFL_HOST_SIZE];
    uint16_t port;
    struct tls_context tls_context;
    struct tls tls;
    struct probe probe;
    char probe_path[64];
    char id[64];
    bool probe_is_refused; /* the probe's address, though the route's isn't */
};

static struct patient the_patient; /* static: large */
static uint8_t arena_bytes[ARENA_SIZE];
static uint8_t payload[IFL_PAYLOAD_SIZE_MAX + 1];

/* ---- the command line ---- */

enum { OPT_PROBE = WAY_OWN, OPT_POST, OPT_HELP };

static const struct option LONG_OPTIONS[] = {
    WAY_LONG_OPTIONS,
    {"probe", required_argument, NULL, OPT_PROBE},
    {"post", no_argument, NULL, OPT_POST},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static const char USAGE[] =
    "usage: iflowctl doctor --key FILE... [--route PATH] [--ca FILE] [--post [--file F|-] [--content-type T]]\n"
    "                       [--url URL] [--proxy http://HOST:PORT] [--resolve ADDRESS] [--probe PATH]\n"
    "                       [--timeout SECONDS] [--passphrase-file FILE] [--json]\n\n"
    "Goes the way to an integration flow step by step and says at the first step that fails why, and what to do. Nothing is\n"
    "posted and no flow runs, except with --post, which sends one message (--file, else a short JSON text) to PATH.\n"
    "Exit status: 0 all is well, 1 a problem was found, 2 wrong usage.\n";

static int usage(const char *why, const char *word)
{
    fprintf(stderr, "iflowctl doctor: %s%s%s\n%s", why, word[0] != '\0' ? ": " : "", word, USAGE);
    return 2;
}

static int take(void *ctx, int option)
{
    struct doctor_options *options = ctx;
    if (option == OPT_HELP) {
        fputs(USAGE, stdout);
        return 0;
    }
    options->probe = option == OPT_PROBE ? optarg : options->probe;
    options->post = options->post || option == OPT_POST;
    return -1;
}

static int parse(int argc, char **argv, struct doctor_options *options)
{
    const struct way_verb verb = {.options = LONG_OPTIONS,
                                  .timeout_s = TIMEOUT_S_DEFAULT,
                                  .timeout_s_max = TIMEOUT_S_MAX,
                                  .usage = usage,
                                  .take = take,
                                  .ctx = options};
    const int end = way_parse(&verb, argc, argv, &options->way);
    if (end >= 0) {
        return end;
    }
    if (options->post && options->way.route == NULL) {
        return usage("--post wants --route PATH", "");
    }
    return options->way.file == NULL || options->post ? -1 : usage("--file is for --post", "");
}

/* ---- preparation ---- */

/* A fresh name each time: nobody has deployed a flow there. */
static void make_names(struct patient *patient)
{
    const struct ifl_random random = entropy_random();
    struct text out;
    text_init(&out, patient->probe_path, sizeof patient->probe_path);
    text_str(&out, "/http/iflow-doctor-");
    text_hex_u64(&out, ifl_random_below(&random, UINT64_MAX), 16);
    text_init(&out, patient->id, sizeof patient->id);
    text_str(&out, "doctor-");
    text_hex_u64(&out, ifl_random_below(&random, UINT64_MAX), 16);
}

static const char *probe_path(const struct patient *patient)
{
    return patient->options.probe != NULL ? patient->options.probe : patient->probe_path;
}

/* -1: good; else the exit status. */
static int make_settings(struct patient *patient)
{
    const struct way_options *options = &patient->options.way;
    const char *path = options->route != NULL ? options->route : probe_path(patient);
    char buf[DOCTOR_LINE_SIZE];
    struct text detail;
    text_init(&detail, buf, sizeof buf);
    const enum ifl_status status =
        way_settings(options, ROUTE_NAME, path, probe_path(patient), &patient->settings, &patient->proxy, &detail);
    if (status == IFL_OK) {
        return -1;
    }
    fprintf(stderr, "iflowctl doctor: E%d %s (%s)\n", (int)status, ifl_cause(status), buf);
    return 2;
}

/* ---- before anything is sent ---- */

/* "it ends in 12 days" */
static void add_days(struct text *out, int64_t days)
{
    text_str(out, days < 0 ? "ended " : "");
    text_u64(out, (uint64_t)(days < 0 ? -days : days));
    text_str(out, days == 1 || days == -1 ? " day" : " days");
    text_str(out, days < 0 ? " ago" : " left");
}

static enum ifl_status judge_dates(struct patient *patient, struct text *line)
{
    const struct identity *identity = &patient->key.identity;
    const int64_t now_s = clock_read(&patient->clock, loop_now()).unix_s;
    int64_t days = 0;
    enum ifl_status status = identity_expiry(identity->chain_not_after, now_s, &days);
    text_str(line, ", ");
    add_days(line, days);
    if (status == IFL_OK && identity->not_before > now_s) {
        status = IFL_KEY_NOT_YET_VALID;
    }
    return status;
}

static bool look_at_identity(struct patient *patient)
{
    struct doctor *doctor = &patient->doctor;
    const struct identity *identity = &patient->key.identity;
    char line_buf[DOCTOR_LINE_SIZE];
    struct text line;
    text_init(&line, line_buf, sizeof line_buf);
    text_str(&line, identity->key_type);
    text_str(&line, ", ");
    text_str(&line, identity->subject);
    const enum ifl_status status = judge_dates(patient, &line);
    if (status == IFL_KEY_EXPIRED || status == IFL_KEY_NOT_YET_VALID) {
        return doctor_bad(doctor, "identity", status, line_buf);
    }
    doctor_good(doctor, "identity", line_buf);
    if (status != IFL_OK) {
        doctor_note(doctor, "identity", status, "");
    }
    for (size_t i = 0; i < patient->key.report.repair_count; i++) {
        doctor_remark(doctor, "identity", patient->key.report.repairs[i]);
    }
    if (patient->settings.url[0] != '\0' && patient->key.report.detail[0] != '\0') {
        doctor_remark(doctor, "identity", patient->key.report.detail); /* with --url it's tried all the same */
    }
    for (size_t i = 0; i < patient->key.report.warning_count; i++) {
        if (patient->key.report.warnings[i] != IFL_KEY_NO_URL) {
            doctor_note(doctor, "identity", patient->key.report.warnings[i], identity->url);
        }
    }
    return true;
}

static bool look_at_files(struct patient *patient)
{
    char buf[DOCTOR_LINE_SIZE];
    struct text detail;
    text_init(&detail, buf, sizeof buf);
    const struct way_options *options = &patient->options.way;
    enum ifl_status status = IFL_OK;
    if (options->passphrase_file != NULL) {
        status = passphrase_read(&patient->key.passphrase, options->passphrase_file, &detail);
    }
    if (status == IFL_OK) {
        status = own_key_read(&patient->key, options->key_files, options->key_count, &detail);
    }
    if (status == IFL_FILE || status == IFL_TOO_LARGE) {
        return doctor_bad(&patient->doctor, "file", status, buf);
    }
    doctor_good(&patient->doctor, "file", options->key_files[0]);
    return status == IFL_OK ? look_at_identity(patient) : doctor_bad(&patient->doctor, "identity", status, buf);
}

/* A person sits at this machine, so its clock is taken at its word from here on (unless it's earlier than the build): then a certificate that isn't valid
 * yet is told as such. */
static void look_at_time(struct patient *patient)
{
    char buf[DOCTOR_LINE_SIZE];
    struct text line;
    const struct clock_reading reading = clock_read(&patient->clock, loop_now());
    text_init(&line, buf, sizeof buf);
    text_utc(&line, reading.unix_s);
    (void)clock_set(&patient->clock, (int64_t)time(NULL), CLOCK_RTC, 0, loop_now());
    if (reading.quality >= CLOCK_SNTP) {
        doctor_good(&patient->doctor, "time", buf);
        return;
    }
    text_str(&line, reading.quality == CLOCK_BUILD
                        ? ": the system's clock says an earlier time than this program was built at"
                        : ": the system's clock isn't synchronised and has no battery, as far as can be seen");
    doctor_remark(&patient->doctor, "time", buf);
}

static bool find_host(struct patient *patient)
{
    char buf[DOCTOR_LINE_SIZE];
    struct text detail;
    text_init(&detail, buf, sizeof buf);
    const enum ifl_status status = way_host(&patient->settings, &patient->key, patient->host, &patient->port, &detail);
    doctor_host(&patient->doctor, patient->host, patient->port);
    return status == IFL_OK || doctor_bad(&patient->doctor, "identity", status, buf);
}

static bool load_trust(struct patient *patient)
{
    char buf[DOCTOR_LINE_SIZE];
    struct text detail;
    text_init(&detail, buf, sizeof buf);
    enum ifl_status status = trust_files_load(&patient->trust, patient->options.way.ca, &detail);
    if (status == IFL_OK) {
        patient->tls_context = (struct tls_context){.arena = &patient->arena,
                                                    .random = entropy_random(),
                                                    .clock = &patient->clock,
                                                    .trust = trust_files_trust(&patient->trust),
                                                    .identity = &patient->key.identity};
        status = tls_setup(&patient->tls_context);
    }
    return status == IFL_OK || doctor_bad(&patient->doctor, "server", status, buf);
}

static void wire_probe(struct patient *patient)
{
    tls_init(&patient->tls, &patient->tls_context);
    patient->probe = (struct probe){.tls = &patient->tls,
                                    .context = &patient->tls_context,
                                    .host = patient->host,
                                    .port = patient->port,
                                    .address = patient->options.way.address,
                                    .proxy = &patient->proxy,
                                    .timeout_s = patient->options.way.timeout_s,
                                    .version = "iflowctl/" IFL_VERSION};
}

/* ---- questions to the tenant ---- */

static void request(struct patient *patient, const struct probe_request *what, struct probe_seen *seen)
{
    probe_request(&patient->probe, what, seen);
    if (seen->facts.certificate_requested) {
        patient->doctor.certificate_requested = true;
    }
}

static bool may_hide_its_reason(const struct probe_seen *seen)
{
    const unsigned status = seen->answer.status;
    if (seen->reach == PROBE_ANSWER) {
        return status == 401 || status == 400 || status >= 500;
    }
    return seen->verdict == IFL_HTTP_TIMEOUT; /* some servers know no HEAD */
}

/* Some tenants may answer 401 at unknown addresses to everybody: what the route's own address says comes first. */
static bool is_accepted_at_the_route(struct patient *patient)
{
    static struct probe_seen seen;
    const struct probe_request options = {.method = "OPTIONS", .path = patient->settings.routes[0].path};
    if (patient->options.way.route == NULL) {
        return false;
    }
    request(patient, &options, &seen);
    return seen.reach == PROBE_ANSWER && catalogue_proves_identity(seen.verdict);
}

/* The address that doesn't exist. False: the walk ends here. */
static bool ask_the_probe(struct patient *patient)
{
    static struct probe_seen seen, told;
    const struct probe_request head = {.method = "HEAD", .path = probe_path(patient)};
    request(patient, &head, &seen);
    if (may_hide_its_reason(&seen)) { /* an answer to HEAD has no text */
        const struct probe_request get = {.method = "GET", .path = probe_path(patient)};
        request(patient, &get, &told);
        if (told.reach == PROBE_ANSWER && (seen.reach < PROBE_ANSWER || told.answer.status == seen.answer.status)) {
            seen = told;
        }
    }
    if (!doctor_connection(&patient->doctor, &seen, patient->proxy.host)) {
        return false;
    }
    const int64_t skew_s =
        seen.date_unix_s == 0 ? 0 : seen.date_unix_s - clock_read(&patient->clock, loop_now()).unix_s;
    if (skew_s > CLOCK_SKEW_S || skew_s < -CLOCK_SKEW_S) {
        doctor_remark(&patient->doctor, "time", "the tenant's clock says another time: check this machine's clock");
    }
    if (doctor_is_refused(&seen) && is_accepted_at_the_route(patient)) {
        patient->probe_is_refused = true;
        doctor_remark(&patient->doctor, "authorisation",
                      "the probe's address is refused, the route's isn't: name another one with --probe");
        return true;
    }
    return doctor_probe_answer(&patient->doctor, &seen);
}

static bool ask_the_route(struct patient *patient)
{
    static struct probe_seen seen;
    const struct probe_request options = {
        .method = "OPTIONS", .path = patient->settings.routes[0].path, .csrf_token = "Fetch"};
    request(patient, &options, &seen);
    return doctor_route_answer(&patient->doctor, &seen);
}

static void post(struct patient *patient, struct bytes body, const struct probe_seen *token, struct probe_seen *seen)
{
    const struct probe_request message = {.method = "POST",
                                          .path = patient->settings.routes[0].path,
                                          .csrf_token = token != NULL ? token->token : NULL,
                                          .cookies = token != NULL ? token->cookies : NULL,
                                          .content_type = patient->settings.routes[0].content_type,
                                          .id_header = patient->settings.id_header,
                                          .id = patient->id,
                                          .sender_header = patient->settings.sender_header,
                                          .from = patient->settings.device,
                                          .body = body};
    request(patient, &message, seen);
}

static bool read_payload(struct patient *patient, struct bytes *body)
{
    static const char SHORT[] = "{\"test\":\"iflowctl doctor\"}";
    const char *file = patient->options.way.file;
    char buf[DOCTOR_LINE_SIZE];
    struct text detail;
    size_t size = sizeof SHORT - 1;
    text_init(&detail, buf, sizeof buf);
    if (file == NULL) {
        *body = bytes_of(SHORT, size);
        return true;
    }
    const enum ifl_status status = strcmp(file, "-") == 0
                                       ? file_read_stdin(payload, sizeof payload, &size, &detail)
                                       : file_read("", file, payload, sizeof payload, &size, &detail);
    *body = bytes_of(payload, size);
    return status == IFL_OK || doctor_bad(&patient->doctor, "message", status, buf);
}

static bool post_a_message(struct patient *patient)
{
    static struct probe_seen seen, token;
    struct bytes body = {0};
    if (!read_payload(patient, &body)) {
        return false;
    }
    post(patient, body, NULL, &seen);
    if (seen.verdict == IFL_ANSWER_CSRF) {
        const struct probe_request fetch = {
            .method = "HEAD", .path = patient->settings.routes[0].path, .csrf_token = "Fetch"};
        request(patient, &fetch, &token);
        if (token.verdict != IFL_ACCEPTED) {
            return doctor_message_answer(&patient->doctor, &token, true);
        }
        post(patient, body, &token, &seen);
        bytes_wipe(&token, sizeof token);
        return doctor_message_answer(&patient->doctor, &seen, true);
    }
    return doctor_message_answer(&patient->doctor, &seen, false);
}

static void ask_on_a_resumed_session(struct patient *patient)
{
    static struct probe_seen seen;
    const struct probe_request head = {.method = "HEAD", .path = probe_path(patient), .resume = true};
    if (!tls_has_session(&patient->tls) || patient->probe_is_refused) {
        return;
    }
    request(patient, &head, &seen);
    if (seen.facts.resumed && seen.reach == PROBE_ANSWER && seen.answer.status == 401) {
        doctor_note(&patient->doctor, "resumption", IFL_ANSWER_RESUMED, "");
    }
}

static bool walk(struct patient *patient)
{
    if (!look_at_files(patient)) {
        return false;
    }
    look_at_time(patient);
    if (!find_host(patient) || !load_trust(patient)) {
        return false;
    }
    wire_probe(patient);
    bool good = ask_the_probe(patient);
    if (good && patient->options.way.route != NULL) {
        good = patient->options.post ? post_a_message(patient) : ask_the_route(patient);
    }
    if (good) {
        ask_on_a_resumed_session(patient);
    }
    return good;
}

int verb_doctor(int argc, char **argv)
{
    struct patient *patient = &the_patient;
    const int end = parse(argc, argv, &patient->options);
    if (end >= 0) {
        return end;
    }
    make_names(patient);
    const int wrong = make_settings(patient);
    if (wrong >= 0) {
        return wrong;
    }
    own_key_protect_process();
    arena_init(&patient->arena, arena_bytes, sizeof arena_bytes);
    clock_init(&patient->clock, IFL_BUILD_UNIX_S, loop_now());
    system_clock_tell(&patient->clock, loop_now());
    doctor_begin(&patient->doctor, patient->options.way.json, patient->options.way.ca, patient->options.way.route);
    const bool good = walk(patient);
    doctor_end(&patient->doctor);
    own_key_wipe(&patient->key);
    bytes_wipe(&patient->proxy, sizeof patient->proxy);
    bytes_wipe(patient->settings.proxy, sizeof patient->settings.proxy);
    bytes_wipe(arena_bytes, patient->arena.extent);
    return good ? 0 : 1;
}
