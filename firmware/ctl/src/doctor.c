#include "doctor.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "report.h"

#define LINE_OF(name)                                                                                                  \
    char name##_buf[DOCTOR_LINE_SIZE];                                                                                 \
    struct text name;                                                                                                  \
    text_init(&name, name##_buf, sizeof name##_buf)

/* ---- steps ---- */

static void tell_step(const struct doctor *doctor, const struct doctor_step *step)
{
    static const enum mark MARKS[] = {
        [DOCTOR_GOOD] = MARK_GOOD, [DOCTOR_NOTE] = MARK_NOTE, [DOCTOR_BAD] = MARK_BAD, [DOCTOR_SKIPPED] = MARK_NONE};
    if (doctor->json) {
        return;
    }
    report_mark(MARKS[step->mark]);
    printf("%-14s %s\n", step->name, step->text);
    fflush(stdout);
}

static void add(struct doctor *doctor, const char *name, enum doctor_mark mark, enum ifl_status status,
                const char *text)
{
    if (doctor->step_count == DOCTOR_STEP_MAX) {
        return;
    }
    struct doctor_step *step = &doctor->steps[doctor->step_count++];
    *step = (struct doctor_step){.name = name, .mark = mark, .status = status};
    snprintf(step->text, sizeof step->text, "%s", text);
    tell_step(doctor, step);
}

void doctor_begin(struct doctor *doctor, bool json, const char *ca, const char *route)
{
    memset(doctor, 0, sizeof *doctor);
    doctor->json = json;
    doctor->ca = ca;
    doctor->route = route;
}

void doctor_host(struct doctor *doctor, const char *host, uint16_t port)
{
    doctor->host = host;
    doctor->port = port;
}

void doctor_good(struct doctor *doctor, const char *step, const char *text)
{
    add(doctor, step, DOCTOR_GOOD, IFL_OK, text);
}

void doctor_note(struct doctor *doctor, const char *step, enum ifl_status status, const char *text)
{
    LINE_OF(line);
    text_str(&line, "E");
    text_u64(&line, (uint64_t)status);
    text_str(&line, " ");
    text_str(&line, ifl_cause(status));
    text_str(&line, text[0] != '\0' ? " " : "");
    text_str(&line, text);
    add(doctor, step, DOCTOR_NOTE, status, line_buf);
}

void doctor_remark(struct doctor *doctor, const char *step, const char *text)
{
    add(doctor, step, DOCTOR_NOTE, IFL_OK, text);
}

void doctor_skipped(struct doctor *doctor, const char *step, const char *text)
{
    add(doctor, step, DOCTOR_SKIPPED, IFL_OK, text);
}

bool doctor_bad(struct doctor *doctor, const char *step, enum ifl_status status, const char *text)
{
    add(doctor, step, DOCTOR_BAD, status, text);
    return false;
}

static void remember(struct doctor *doctor, const struct probe_seen *seen)
{
    doctor->last = *seen;
    bytes_wipe(doctor->last.token, sizeof doctor->last.token);
    bytes_wipe(doctor->last.cookies, sizeof doctor->last.cookies);
}

/* ---- dns, proxy, tcp ---- */

static void add_port(struct text *line, const struct doctor *doctor)
{
    text_str(line, doctor->host);
    text_str(line, ":");
    text_u64(line, doctor->port);
}

static bool look_at_dns(struct doctor *doctor, const struct probe_seen *seen, const char *proxy_host)
{
    LINE_OF(line);
    text_str(&line, proxy_host[0] != '\0' ? proxy_host : doctor->host);
    if (seen->reach == PROBE_NOWHERE && seen->verdict == IFL_NET_DNS) {
        return doctor_bad(doctor, "dns", IFL_NET_DNS, line_buf);
    }
    if (seen->peer[0] == '\0' && seen->reach == PROBE_NOWHERE) {
        return doctor_bad(doctor, "dns", seen->verdict, line_buf);
    }
    text_str(&line, " is ");
    text_str(&line, seen->peer[0] != '\0' ? seen->peer : "known");
    text_str(&line, proxy_host[0] != '\0' ? " (the proxy; it resolves the tenant's name itself)" : "");
    doctor_good(doctor, "dns", line_buf);
    return true;
}

static bool look_at_tcp(struct doctor *doctor, const struct probe_seen *seen, const char *proxy_host)
{
    LINE_OF(line);
    const bool through = proxy_host[0] != '\0';
    const bool is_proxy = seen->verdict >= IFL_PROXY_AUTH && seen->verdict <= IFL_PROXY_BAD;
    if (through && (seen->reach < PROBE_PROXY || is_proxy || seen->reach == PROBE_PROXY)) {
        text_str(&line, proxy_host);
        if (seen->reach < PROBE_TCP) {
            return doctor_bad(doctor, "proxy", seen->verdict, line_buf);
        }
    }
    if (through) {
        text_str(&line, "a tunnel through ");
        text_str(&line, proxy_host);
        doctor_good(doctor, "proxy", line_buf);
        text_init(&line, line_buf, sizeof line_buf);
    }
    add_port(&line, doctor);
    if (seen->reach < PROBE_TCP) {
        return doctor_bad(doctor, "tcp", seen->verdict, line_buf);
    }
    text_str(&line, " takes connections");
    doctor_good(doctor, "tcp", line_buf);
    return true;
}

/* ---- server ---- */

/* Roots of SAP's load balancers (SAP's page "Load Balancer Root Certificates"); parts of their names. */
static bool is_root_of_sap(const char *name)
{
    static const char *const roots[] = {"DigiCert Global Root G2",
                                        "DigiCert Global Root G3",
                                        "DigiCert TLS ECC P384 Root",
                                        "DigiCert TLS RSA4096 Root",
                                        "ISRG Root X1",
                                        "ISRG Root X2",
                                        "Root YE",
                                        "Root YR",
                                        "SAP Cloud Root CA",
                                        "SAP Global Root CA"};
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
        if (strstr(name, roots[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* The intermediates that public CAs sign SAP's servers with: a chain that ends at one of them lacks the root above. */
static bool is_issued_for_sap(const struct probe_certificate *top)
{
    return is_root_of_sap(top->issuer) || strstr(top->issuer, "DigiCert") != NULL ||
           strstr(top->issuer, "Let's Encrypt") != NULL || strstr(top->issuer, "O=SAP SE") != NULL;
}

static const struct probe_certificate *top_of(const struct probe_seen *seen)
{
    return seen->chain_count > 0 ? &seen->chain[seen->chain_count - 1] : NULL;
}

/* Which root is missing, and whether it looks like an inspecting proxy. */
static void explain_untrusted(struct text *line, const struct doctor *doctor, const struct probe_seen *seen)
{
    const struct probe_certificate *top = top_of(seen);
    if (top == NULL) {
        text_str(line, "its certificate can't be verified");
        return;
    }
    text_str(line, top->self_issued ? "the root \"" : "\"");
    text_str(line, top->issuer);
    text_str(line,
             top->self_issued ? "\" is missing from " : "\", which must come next, was neither sent nor is it in ");
    text_str(line, doctor->ca != NULL ? doctor->ca : "the system's bundle");
    text_str(line, is_issued_for_sap(top)
                       ? ": it's one of SAP's, so the bundle is too old or incomplete"
                       : "; no load balancer of SAP has a certificate from there: something on the way breaks TLS open "
                         "(an inspecting proxy or firewall), or the host isn't SAP's");
}

static void tell_chain(const struct doctor *doctor, const struct probe_seen *seen)
{
    for (size_t i = 0; i < seen->chain_count && !doctor->json; i++) {
        char buf[32];
        struct text until;
        text_init(&until, buf, sizeof buf);
        text_utc(&until, seen->chain[i].not_after);
        printf("%*s%s %s, until %.10s\n", 17, "",
               i == 0                       ? "leaf  "
               : seen->chain[i].self_issued ? "root  "
                                            : "issuer",
               seen->chain[i].subject, buf);
    }
}

static const char *version_name(uint16_t version)
{
    return version == 0x0304 ? "TLS 1.3" : version == 0x0303 ? "TLS 1.2" : "TLS";
}

/* What people meet at the port in the place of TLS, by the first bytes: RFC 9112 section 4, RFC 4253 section 4.2, RFC 5321 section 4.2 and RFC 959 section 4.2,
 * RFC 3501 section 7.1.1, RFC 1939 section 3. NULL: none of them. */
static const char *protocol_of(struct bytes first)
{
    static const char *const known[][2] = {{"HTTP/", "HTTP"},       {"SSH-", "SSH"},  {"220 ", "SMTP or FTP"},
                                           {"220-", "SMTP or FTP"}, {"* OK", "IMAP"}, {"+OK", "POP3"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (bytes_starts_with(first, bytes_of_string(known[i][0]))) {
            return known[i][1];
        }
    }
    return NULL;
}

/* A record of TLS: its type, and the first byte of a version (RFC 8446 section 5.1). */
static bool begins_like_tls(struct bytes first)
{
    return first.data[0] >= 20 && first.data[0] <= 24 && (first.size == 1 || first.data[1] == 3);
}

/* Its first line, or, where it's no text, its first bytes. */
static void add_first(struct text *line, struct bytes first)
{
    struct bytes said = bytes_head(first, bytes_find(first, bytes_of_string("\n")));
    if (said.size > 0 && said.data[said.size - 1] == '\r') {
        said.size--;
    }
    if (said.size == 0 || said.data[0] < ' ' || said.data[0] > '~') {
        text_str(line, "the bytes ");
        text_hex(line, bytes_head(first, 12));
        return;
    }
    text_char(line, '"');
    text_printable(line, said, said.size);
    text_char(line, '"');
}

static void explain_protocol(struct text *line, struct bytes first)
{
    const char *protocol = protocol_of(first);
    if (protocol != NULL) {
        text_str(line, " answers in ");
        text_str(line, protocol);
        text_str(line, ", without TLS: ");
    } else {
        text_str(line, " speaks no TLS, but ");
    }
    add_first(line, first);
}

static void explain_server(struct text *line, const struct doctor *doctor, const struct probe_seen *seen)
{
    const struct bytes first = bytes_of(seen->first, seen->first_size);
    if (seen->verdict == IFL_TLS_UNTRUSTED) {
        explain_untrusted(line, doctor, seen);
    } else if (seen->chain_count > 0) {
        text_str(line, "its certificate is for \"");
        text_str(line, seen->chain[0].subject);
        text_str(line, "\", valid ");
        text_utc(line, seen->chain[0].not_before);
        text_str(line, " to ");
        text_utc(line, seen->chain[0].not_after);
    } else {
        add_port(line, doctor);
        if (first.size > 0 && !begins_like_tls(first)) {
            explain_protocol(line, first);
        }
    }
}

static bool is_about_our_certificate(enum ifl_status status)
{
    return status >= IFL_TLS_CLIENT_REFUSED && status <= IFL_TLS_CLIENT_DROPPED;
}

/* The server was verified: before we answer it with our certificate (TLS 1.2), or at the latest when the handshake is over. */
static bool is_server_verified(const struct probe_seen *seen)
{
    return seen->facts.server_verified || seen->facts.certificate_sent || seen->reach >= PROBE_TLS ||
           is_about_our_certificate(seen->verdict);
}

static bool look_at_server(struct doctor *doctor, const struct probe_seen *seen)
{
    LINE_OF(line);
    if (!is_server_verified(seen)) {
        explain_server(&line, doctor, seen);
        doctor_bad(doctor, "server", seen->verdict, line_buf);
        tell_chain(doctor, seen);
        return false;
    }
    text_str(&line, version_name(seen->facts.version));
    text_str(&line, ", the certificate is for this name and chains to a trusted root");
    doctor_good(doctor, "server", line_buf);
    tell_chain(doctor, seen);
    return true;
}

/* ---- our certificate ---- */

static bool look_at_request(struct doctor *doctor, const struct probe_seen *seen)
{
    LINE_OF(line);
    const struct probe_certificate *top = top_of(seen);
    if (seen->facts.certificate_requested) {
        doctor_good(doctor, "asked", "the server asks for a client certificate");
        return true;
    }
    if (is_about_our_certificate(seen->verdict)) {
        return true; /* told by the next step */
    }
    text_str(&line, "no CertificateRequest came");
    if (top != NULL && !is_root_of_sap(top->issuer)) {
        text_str(&line, "; the server's root is \"");
        text_str(&line, top->issuer);
        text_str(&line, "\", which isn't one of SAP's: TLS is broken open on the way");
    }
    return doctor_bad(doctor, "asked", IFL_TLS_NOT_ASKED, line_buf);
}

static const char *alert_name(uint8_t alert)
{
    static const struct {
        uint8_t number;
        const char *name;
    } alerts[] = {
        {40, "handshake_failure"},   {42, "bad_certificate"},     {43, "unsupported_certificate"},
        {44, "certificate_revoked"}, {45, "certificate_expired"}, {46, "certificate_unknown"},
        {47, "illegal_parameter"},   {48, "unknown_ca"},          {49, "access_denied"},
        {50, "decode_error"},        {51, "decrypt_error"},       {70, "protocol_version"},
        {80, "internal_error"},      {112, "unrecognized_name"},  {116, "certificate_required"},
    };
    for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++) {
        if (alerts[i].number == alert) {
            return alerts[i].name;
        }
    }
    return "other";
}

static void add_alert(struct text *line, uint8_t alert)
{
    text_str(line, "TLS alert ");
    text_u64(line, alert);
    text_str(line, " (");
    text_str(line, alert_name(alert));
    text_str(line, ")");
}

static bool look_at_certificate(struct doctor *doctor, const struct probe_seen *seen)
{
    LINE_OF(line);
    if (is_about_our_certificate(seen->verdict)) {
        if (seen->facts.alert != 0) {
            add_alert(&line, seen->facts.alert);
        } else {
            text_str(&line, "the connection ended twice right after ours was sent, without a TLS alert");
        }
        return doctor_bad(doctor, "certificate", seen->verdict, line_buf);
    }
    if (seen->facts.version == 0x0304 && !seen->facts.application_data_seen) {
        return true; /* with TLS 1.3 it isn't judged before the first answer */
    }
    if (seen->reach >= PROBE_TLS) {
        doctor_good(doctor, "certificate", "ours was sent, and TLS has no objection");
    }
    return true;
}

bool doctor_connection(struct doctor *doctor, const struct probe_seen *seen, const char *proxy_host)
{
    remember(doctor, seen);
    if (!look_at_dns(doctor, seen, proxy_host) || !look_at_tcp(doctor, seen, proxy_host) ||
        !look_at_server(doctor, seen) || !look_at_request(doctor, seen) || !look_at_certificate(doctor, seen)) {
        return false;
    }
    if (seen->reach < PROBE_TLS) { /* in the middle of the handshake */
        return doctor_bad(doctor, "certificate", seen->verdict, "the handshake broke after our certificate was sent");
    }
    return seen->reach == PROBE_ANSWER || doctor_bad(doctor, "http", seen->verdict, doctor->host);
}

/* ---- answers ---- */

static void add_field(struct text *line, const char *name, const char *value)
{
    if (value[0] != '\0') {
        text_str(line, ", ");
        text_str(line, name);
        text_str(line, ": ");
        text_str(line, value);
    }
}

/* "HTTP 401, WWW-Authenticate: Basic realm=..." */
static void add_seen(struct text *line, const struct probe_seen *seen)
{
    text_str(line, "HTTP ");
    text_u64(line, seen->answer.status);
    add_field(line, "X-Cf-RouterError", seen->answer.router_error);
    add_field(line, "WWW-Authenticate", seen->www_authenticate);
    add_field(line, "Location", seen->location);
    add_field(line, "Allow", seen->allow);
    if ((seen->answer.marks & CATALOGUE_CSRF) != 0) {
        text_str(line, ", X-CSRF-Token: Required");
    }
    add_field(line, "Content-Type", seen->content_type);
    add_field(line, "Server", seen->server);
    add_field(line, "MPL id", seen->answer.mpl_id);
}

/* The steps that an answer may be about, in their order. */
enum place { HTTP, AUTHORISATION, ROLE, CSRF, FLOW, MESSAGE };
static const char *const PLACES[] = {"http", "authorisation", "role", "csrf", "flow", "message"};

static enum place place_of(enum ifl_status verdict)
{
    switch (verdict) {
    case IFL_ANSWER_TRIAL:
    case IFL_ANSWER_PROXY_CERT:
        return AUTHORISATION;
    case IFL_ANSWER_ROLE:
        return ROLE;
    case IFL_ANSWER_CSRF:
    case IFL_ANSWER_CSRF_AGAIN:
    case IFL_ANSWER_CSRF_TOO_LARGE:
    case IFL_ANSWER_CSRF_NONE:
        return CSRF;
    case IFL_ANSWER_NOT_DEPLOYED:
    case IFL_ANSWER_METHOD:
        return FLOW;
    case IFL_ACCEPTED:
    case IFL_ANSWER_REJECTED:
    case IFL_ANSWER_BODY_TOO_LARGE:
    case IFL_ANSWER_FLOW_FAILED:
        return MESSAGE;
    default:
        return catalogue_refuses_identity(verdict) ? AUTHORISATION : HTTP;
    }
}

/* Who answers in the place of SAP's load balancer and runtime, by its own word (RFC 9110 section 10.2.4). */
static bool is_foreign(const char *server)
{
    static const char *const names[] = {"Akamai",  "cloudflare", "CloudFront",    "FortiGate", "BlueCoat",
                                        "Zscaler", "squid",      "Microsoft-IIS", "lighttpd",  "Sophos"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strstr(server, names[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* What stands in no catalogue of SAP's, but tells who has answered. */
static void explain_stranger(struct text *line, const struct probe_seen *seen)
{
    const unsigned status = seen->answer.status;
    text_str(
        line,
        status == 407   ? "; a proxy on the way wants a login: name it with --proxy http://USER:PASSWORD@HOST:PORT"
        : status == 511 ? "; a network's login page (captive portal) is in the way: log in from this machine first"
        : status == 421
            ? "; the server there doesn't serve this name: compare the address that the name leads to, and --resolve"
        : status == 451 ? "; something on the way blocks this address: ask who runs the network"
                        : "");
    if (is_foreign(seen->server)) {
        text_str(line, "; SAP's load balancer doesn't call itself \"");
        text_str(line, seen->server);
        text_str(line, "\": a firewall or proxy on the way answers, or the address leads elsewhere");
    }
}

/* What a 401 without a reason means after all that TLS has shown. */
static void explain_refusal(struct text *line, const struct probe_seen *seen)
{
    add_seen(line, seen);
    explain_stranger(line, seen);
    if (seen->verdict == IFL_ANSWER_NO_CLIENT_CERT && seen->facts.certificate_sent) {
        text_str(line, "; the server asked for our certificate and got it, and dropped it: its root isn't on the load "
                       "balancer's list (SAP note 3240194), or something on the way breaks TLS open");
    }
}

static bool bad_answer(struct doctor *doctor, enum place place, const struct probe_seen *seen)
{
    LINE_OF(line);
    explain_refusal(&line, seen);
    return doctor_bad(doctor, PLACES[place], seen->verdict, line_buf);
}

/* A request other than the first one may break below HTTP, or meet what only TLS can say. */
static bool is_answered(struct doctor *doctor, const struct probe_seen *seen)
{
    remember(doctor, seen);
    if (seen->reach == PROBE_ANSWER) {
        return true;
    }
    const bool certificate = is_about_our_certificate(seen->verdict);
    return doctor_bad(doctor, certificate ? "certificate" : "http", seen->verdict, doctor->host);
}

bool doctor_is_refused(const struct probe_seen *seen)
{
    return seen->verdict == IFL_ANSWER_NO_CLIENT_CERT || seen->verdict == IFL_ANSWER_UNAUTHORIZED;
}

bool doctor_probe_answer(struct doctor *doctor, const struct probe_seen *seen)
{
    LINE_OF(line);
    remember(doctor, seen);
    const enum place place = place_of(seen->verdict);
    if (place == HTTP) {
        return bad_answer(doctor, HTTP, seen);
    }
    add_seen(&line, seen);
    doctor_good(doctor, "http", line_buf);
    if (place == AUTHORISATION) {
        return bad_answer(doctor, AUTHORISATION, seen);
    }
    doctor_good(doctor, "authorisation", "the tenant knows the certificate");
    if (seen->verdict != IFL_ANSWER_NOT_DEPLOYED && seen->verdict != IFL_ANSWER_ROLE) {
        doctor_remark(doctor, "authorisation", "something answers at an address where nothing should be");
    }
    if (doctor->route == NULL) {
        doctor_skipped(doctor, "flow", "not looked at: name its address with --route PATH");
    }
    return true;
}

/* A 405 counts where the answer says that POST isn't taken: OPTIONS itself may be what isn't. */
static bool takes_post(const struct probe_seen *seen)
{
    return seen->allow[0] == '\0' || strstr(seen->allow, "POST") != NULL;
}

static bool passed_role(struct doctor *doctor)
{
    doctor_good(doctor, "role", "the service key may call this address");
    return true;
}

static bool good_route(struct doctor *doctor, const struct probe_seen *seen)
{
    passed_role(doctor);
    if (seen->verdict == IFL_ANSWER_CSRF || seen->token[0] != '\0') {
        doctor_good(doctor, "csrf", "protection is on: a token is fetched before a message is posted");
    } else {
        doctor_skipped(doctor, "csrf", "can't be told without a message; a token is fetched where the flow wants one");
    }
    if (seen->verdict == IFL_ANSWER_METHOD) {
        doctor_remark(doctor, "flow", "can't be told by OPTIONS here; --post sends a message");
    } else {
        doctor_good(doctor, "flow", "something is deployed at this address; --post sends a message to it");
    }
    return true;
}

static bool bad_route(struct doctor *doctor, const struct probe_seen *seen)
{
    const enum place place = place_of(seen->verdict);
    if (place > FLOW || place == CSRF) {
        passed_role(doctor);
    }
    if (place > FLOW) {
        doctor_good(doctor, "flow", "something is deployed at this address");
    }
    return bad_answer(doctor, place, seen);
}

bool doctor_route_answer(struct doctor *doctor, const struct probe_seen *seen)
{
    if (!is_answered(doctor, seen)) {
        return false;
    }
    const bool good = seen->verdict == IFL_ACCEPTED || seen->verdict == IFL_ANSWER_CSRF ||
                      (seen->verdict == IFL_ANSWER_METHOD && takes_post(seen));
    return good ? good_route(doctor, seen) : bad_route(doctor, seen);
}

bool doctor_message_answer(struct doctor *doctor, const struct probe_seen *seen, bool protected)
{
    LINE_OF(line);
    if (!is_answered(doctor, seen)) {
        return false;
    }
    struct probe_seen judged = *seen;
    if (protected && seen->verdict == IFL_ANSWER_CSRF) {
        judged.verdict = IFL_ANSWER_CSRF_AGAIN;
    }
    if (judged.verdict != IFL_ACCEPTED) {
        return bad_route(doctor, &judged);
    }
    passed_role(doctor);
    doctor_good(doctor, "csrf", protected ? "protection is on: a token was fetched and taken" : "no token is needed");
    doctor_good(doctor, "flow", "it's deployed");
    add_seen(&line, seen);
    doctor_good(doctor, "message", line_buf);
    return true;
}

/* ---- the end ---- */

static const struct doctor_step *failed_step(const struct doctor *doctor)
{
    const struct doctor_step *last = doctor->step_count > 0 ? &doctor->steps[doctor->step_count - 1] : NULL;
    return last != NULL && last->mark == DOCTOR_BAD ? last : NULL;
}

static void tell_person(const struct doctor *doctor)
{
    const struct doctor_step *step = failed_step(doctor);
    const struct probe_seen *last = &doctor->last;
    if (step == NULL) {
        return;
    }
    printf("\nE%d %s\n   cause   %s\n   remedy  %s\n", (int)step->status, ifl_name(step->status),
           ifl_cause(step->status), ifl_remedy(step->status));
    LINE_OF(line);
    if (last->reach == PROBE_ANSWER) {
        add_seen(&line, last);
        text_str(&line, ", ");
    }
    if (last->facts.alert != 0) {
        add_alert(&line, last->facts.alert);
        text_str(&line, ", ");
    }
    if (last->reach >= PROBE_TCP) {
        text_str(&line, version_name(last->facts.version));
        printf("   seen    %s\n", line_buf);
    }
}

static void json_steps(const struct doctor *doctor)
{
    static const char *const marks[] = {"good", "note", "bad", "skipped"};
    fputs("\"steps\": [", stdout);
    for (size_t i = 0; i < doctor->step_count; i++) {
        const struct doctor_step *step = &doctor->steps[i];
        printf("%s{", i > 0 ? ", " : "");
        report_json_text("step", step->name);
        fputs(", ", stdout);
        report_json_text("state", marks[step->mark]);
        fputs(", ", stdout);
        report_json_text("text", step->text);
        if (step->status == IFL_OK) {
            fputs(", \"code\": null}", stdout);
        } else {
            printf(", \"code\": %d}", (int)step->status);
        }
    }
    fputs("], ", stdout);
}

static void json_problems(const struct doctor *doctor)
{
    const struct doctor_step *step = failed_step(doctor);
    if (step == NULL) {
        fputs("\"problems\": [], ", stdout);
        return;
    }
    printf("\"problems\": [{\"code\": %d, ", (int)step->status);
    const char *const texts[][2] = {{"name", ifl_name(step->status)},
                                    {"step", step->name},
                                    {"cause", ifl_cause(step->status)},
                                    {"remedy", ifl_remedy(step->status)},
                                    {"detail", step->text}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        fputs(i > 0 ? ", " : "", stdout);
        report_json_text(texts[i][0], texts[i][1]);
    }
    fputs("}], ", stdout);
}

static void json_chain(const struct probe_seen *seen)
{
    fputs("\"chain\": [", stdout);
    for (size_t i = 0; i < seen->chain_count; i++) {
        char buf[32];
        struct text until;
        text_init(&until, buf, sizeof buf);
        text_utc(&until, seen->chain[i].not_after);
        printf("%s{", i > 0 ? ", " : "");
        report_json_text("subject", seen->chain[i].subject);
        fputs(", ", stdout);
        report_json_text("issuer", seen->chain[i].issuer);
        fputs(", ", stdout);
        report_json_text("not_after", buf);
        fputs("}", stdout);
    }
    fputs("], ", stdout);
}

static void json_number(const char *name, uint64_t value)
{
    if (value == 0) {
        printf("\"%s\": null", name);
    } else {
        printf("\"%s\": %llu", name, (unsigned long long)value);
    }
}

static void tell_json(const struct doctor *doctor)
{
    const struct probe_seen *last = &doctor->last;
    const char *version = last->facts.version == 0x0304 ? "1.3" : last->facts.version == 0x0303 ? "1.2" : NULL;
    printf("{\"ok\": %s, ", failed_step(doctor) == NULL ? "true" : "false");
    report_json_text("host", doctor->host);
    fputs(", ", stdout);
    report_json_text("route", doctor->route);
    fputs(", ", stdout);
    json_steps(doctor);
    json_problems(doctor);
    json_chain(last);
    fputs("\"seen\": {", stdout);
    report_json_text("address", last->peer[0] != '\0' ? last->peer : NULL);
    fputs(", ", stdout);
    report_json_text("tls", version);
    printf(", \"certificate_requested\": %s, \"certificate_sent\": %s, ",
           last->facts.certificate_requested ? "true" : "false", last->facts.certificate_sent ? "true" : "false");
    json_number("alert", last->facts.alert);
    fputs(", ", stdout);
    json_number("status", last->answer.status);
    const char *const texts[][2] = {{"router_error", last->answer.router_error},
                                    {"www_authenticate", last->www_authenticate},
                                    {"location", last->location},
                                    {"server", last->server},
                                    {"mpl_id", last->answer.mpl_id}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        fputs(", ", stdout);
        report_json_text(texts[i][0], texts[i][1][0] != '\0' ? texts[i][1] : NULL);
    }
    puts("}}");
}

void doctor_end(struct doctor *doctor)
{
    if (doctor->json) {
        tell_json(doctor);
    } else {
        tell_person(doctor);
    }
}
