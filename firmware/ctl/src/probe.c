#include "probe.h"

#include <string.h>

#include <mbedtls/x509_crt.h>

#include "base/text.h"
#include "http/request.h"
#include "http/response.h"
#include "http/values.h"
#include "linux/loop.h"

#define HEAD_SIZE 8192

/* What the callbacks of one request share. */
struct exchange {
    struct probe *probe;
    struct probe_seen *seen;
    struct http_response response;
    ifl_ms deadline;
    bool reset; /* the connection ended in a reset */
};

/* ---- the server's certificates ---- */

static void name_text(char buf[PROBE_NAME_SIZE], const mbedtls_x509_name *name)
{
    if (mbedtls_x509_dn_gets(buf, PROBE_NAME_SIZE, name) < 0) {
        strcpy(buf, "(a name that is too long)");
    }
}

static int64_t unix_of(const mbedtls_x509_time *time)
{
    const struct ifl_civil civil = {time->year,           (unsigned)time->mon, (unsigned)time->day,
                                    (unsigned)time->hour, (unsigned)time->min, (unsigned)time->sec};
    return ifl_unix_from_civil(&civil);
}

static void see_certificate(void *ctx, struct bytes der, int depth)
{
    struct probe_seen *seen = ctx;
    mbedtls_x509_crt certificate;
    if (depth < 0 || depth >= PROBE_CHAIN_MAX) {
        return;
    }
    struct probe_certificate *entry = &seen->chain[depth];
    mbedtls_x509_crt_init(&certificate);
    if (mbedtls_x509_crt_parse_der_nocopy(&certificate, der.data, der.size) == 0) {
        name_text(entry->subject, &certificate.subject);
        name_text(entry->issuer, &certificate.issuer);
        entry->not_before = unix_of(&certificate.valid_from);
        entry->not_after = unix_of(&certificate.valid_to);
        entry->self_issued = bytes_equal(bytes_of(certificate.subject_raw.p, certificate.subject_raw.len),
                                         bytes_of(certificate.issuer_raw.p, certificate.issuer_raw.len));
        if ((size_t)depth + 1 > seen->chain_count) {
            seen->chain_count = (size_t)depth + 1;
        }
    }
    mbedtls_x509_crt_free(&certificate);
}

/* ---- the answer ---- */

static void keep(char *buf, size_t size, const char *value)
{
    struct text out;
    text_init(&out, buf, size);
    text_printable(&out, bytes_of_string(value), size - 1);
}

static void keep_cookie(struct probe_seen *seen, const char *value)
{
    const struct bytes pair = bytes_of(value, http_cookie_size(value));
    const size_t used = strlen(seen->cookies);
    struct text out;
    text_init(&out, seen->cookies + used, sizeof seen->cookies - used);
    text_str(&out, used > 0 && pair.size > 0 ? "; " : "");
    text_bytes(&out, pair);
    if (out.cut) {
        seen->cookies[used] = '\0';
    }
}

static void on_header(void *ctx, const char *name, const char *value, bool cut)
{
    struct probe_seen *seen = ((struct exchange *)ctx)->seen;
    (void)cut;
    const struct {
        const char *name;
        char *to;
        size_t size;
    } kept[] = {
        {"WWW-Authenticate", seen->www_authenticate, sizeof seen->www_authenticate},
        {"Location", seen->location, sizeof seen->location},
        {"Server", seen->server, sizeof seen->server},
        {"Allow", seen->allow, sizeof seen->allow},
        {"Content-Type", seen->content_type, sizeof seen->content_type},
        {"X-CSRF-Token", seen->token, sizeof seen->token},
    };
    catalogue_field(&seen->answer, name, value);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (text_is(name, kept[i].name)) {
            keep(kept[i].to, kept[i].size, value);
        }
    }
    if (text_is(name, "Set-Cookie")) {
        keep_cookie(seen, value);
    } else if (text_is(name, "Date")) {
        (void)http_date(value, &seen->date_unix_s);
    }
}

static void on_body(void *ctx, struct bytes piece)
{
    catalogue_body(&((struct exchange *)ctx)->seen->answer, piece);
}

/* ---- the way there ---- */

static void note_place(struct exchange *exchange)
{
    const struct tls *tls = exchange->probe->tls;
    struct probe_seen *seen = exchange->seen;
    struct text peer;
    char buf[sizeof seen->peer] = "";
    text_init(&peer, buf, sizeof buf);
    net_link_peer(tls->net.link, &peer);
    if (buf[0] != '\0') {
        memcpy(seen->peer, buf, sizeof buf);
    }
    enum probe_reach reach = tls->net.state == NET_TUNNEL ? PROBE_PROXY : PROBE_NOWHERE;
    if (tls_state(tls) == TLS_HANDSHAKE || tls->facts.version != 0) {
        reach = PROBE_TCP;
    }
    if (tls_state(tls) == TLS_OPEN) {
        reach = PROBE_TLS;
    }
    if (reach > seen->reach) {
        seen->reach = reach;
    }
}

static void note_first(struct exchange *exchange)
{
    const struct bytes came = net_link_first();
    if (exchange->probe->proxy->host[0] == '\0') {
        memcpy(exchange->seen->first, came.data, came.size);
        exchange->seen->first_size = came.size;
    }
}

/* One step and a wait. False: the time is over. */
static bool pass_time(struct exchange *exchange)
{
    const ifl_ms now = loop_now();
    if (now >= exchange->deadline) {
        return false;
    }
    const ifl_ms wish = tls_step(exchange->probe->tls, now);
    note_place(exchange);
    if (wish > now) {
        loop_wait(NULL, 0, ifl_ms_min(wish, exchange->deadline));
    }
    return true;
}

static enum ifl_status connect_now(struct exchange *exchange, bool resume)
{
    struct probe *probe = exchange->probe;
    const ifl_ms now = loop_now();
    const uint32_t timeout_ms = probe->timeout_s * 1000u;
    exchange->deadline = ifl_ms_after(now, timeout_ms + 1000); /* tls has its own, which comes first */
    enum ifl_status status =
        tls_open(probe->tls, probe->host, probe->port, probe->address, probe->proxy, !resume, timeout_ms, now);
    note_place(exchange);
    while (status == IFL_OK && tls_state(probe->tls) != TLS_OPEN) {
        if (tls_state(probe->tls) == TLS_FAILED) {
            status = tls_status(probe->tls);
        } else if (!pass_time(exchange)) {
            status = IFL_NET_TIMEOUT;
        }
    }
    note_place(exchange);
    return status;
}

static enum ifl_status build_head(const struct probe *probe, const struct probe_request *request, uint8_t *buf,
                                  size_t size, struct bytes *head)
{
    struct http_request out;
    http_request_begin(&out, buf, size, request->method, request->path, probe->host, probe->port);
    http_request_header(&out, "User-Agent", probe->version);
    http_request_header(&out, "Connection", "close");
    const char *const fields[][2] = {
        {"X-CSRF-Token", request->csrf_token},   {"Cookie", request->cookies},
        {"Content-Type", request->content_type}, {request->id_header, request->id},
        {request->sender_header, request->from},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (fields[i][0] != NULL && fields[i][1] != NULL && fields[i][1][0] != '\0') {
            http_request_header(&out, fields[i][0], fields[i][1]);
        }
    }
    if (request->body.data != NULL) {
        http_request_header_u64(&out, "Content-Length", request->body.size);
    }
    return http_request_end(&out, head);
}

static enum ifl_status send_all(struct exchange *exchange, struct bytes data)
{
    struct tls *tls = exchange->probe->tls;
    while (data.size > 0 || !tls_write_done(tls)) {
        size_t taken = 0;
        const enum ifl_status status = data.size > 0 ? tls_write(tls, data, &taken) : IFL_AGAIN;
        data = bytes_tail(data, taken);
        if (status == IFL_AGAIN && !pass_time(exchange)) {
            return IFL_HTTP_TIMEOUT;
        }
        if (status != IFL_OK && status != IFL_AGAIN) {
            return status;
        }
    }
    return IFL_OK;
}

static bool is_decidable(const struct exchange *exchange)
{
    const struct http_response *response = &exchange->response;
    return response->head_complete && (response->complete || response->status < 300 ||
                                       exchange->seen->answer.body_len == sizeof exchange->seen->answer.body);
}

/* OK: the answer can be judged. */
static enum ifl_status read_answer(struct exchange *exchange)
{
    struct tls *tls = exchange->probe->tls;
    while (!is_decidable(exchange)) {
        uint8_t buf[1024];
        size_t got = 0, used = 0;
        enum ifl_status status = tls_read(tls, buf, sizeof buf, &got);
        if (status == IFL_OK) {
            status = http_response_feed(&exchange->response, bytes_of(buf, got), &used);
        } else if (status == IFL_AGAIN) {
            status = pass_time(exchange) ? IFL_OK : IFL_HTTP_TIMEOUT;
        } else if (status == IFL_CLOSED && http_response_end(&exchange->response) == IFL_OK) {
            return IFL_OK;
        }
        if (status != IFL_OK) {
            return exchange->response.head_complete ? IFL_OK : status;
        }
    }
    return IFL_OK;
}

static enum ifl_status ask(struct exchange *exchange, const struct probe_request *request)
{
    static uint8_t buf[HEAD_SIZE];
    struct tls *tls = exchange->probe->tls;
    uint8_t early[64];
    size_t got = 0;
    struct bytes head;
    enum ifl_status status = build_head(exchange->probe, request, buf, sizeof buf, &head);
    if (status == IFL_OK && tls_read(tls, early, sizeof early, &got) == IFL_OK) {
        status = IFL_HTTP_MALFORMED; /* an answer before the question */
    }
    if (status == IFL_OK) {
        status = send_all(exchange, head);
    }
    if (status == IFL_OK) {
        status = send_all(exchange, request->body);
    }
    if (status == IFL_OK || status == IFL_NET_RESET ||
        status == IFL_CLOSED) { /* some answer before they have read it all */
        status = read_answer(exchange);
    }
    bytes_wipe(buf, sizeof buf);
    return status;
}

/* ---- one request ---- */

static void once(struct exchange *exchange, const struct probe_request *request)
{
    struct probe *probe = exchange->probe;
    struct probe_seen *seen = exchange->seen;
    const struct http_response_events events = {.header = on_header, .body = on_body, .ctx = exchange};
    memset(seen, 0, sizeof *seen);
    probe->context->see_certificate = see_certificate;
    probe->context->see_ctx = seen;
    catalogue_begin(&seen->answer, false);
    http_response_init(&exchange->response, &events, strcmp(request->method, "HEAD") == 0);

    enum ifl_status status = connect_now(exchange, request->resume);
    if (status == IFL_OK) {
        exchange->deadline = ifl_ms_after(loop_now(), probe->timeout_s * UINT64_C(1000));
        status = ask(exchange, request);
    }
    exchange->reset = status == IFL_NET_RESET || status == IFL_TLS_RESET;
    if (seen->reach == PROBE_TLS && (status == IFL_CLOSED || status == IFL_NET_RESET)) {
        status = IFL_HTTP_CUT;
    }
    seen->facts = *tls_facts(probe->tls);
    seen->verdict = status;
    if (status == IFL_OK) {
        seen->reach = PROBE_ANSWER;
        seen->answer.status = exchange->response.status;
        seen->verdict = catalogue_classify(&seen->answer);
    }
    tls_close(probe->tls);
    note_first(exchange);
}

/* RFC 8446 section 4.4.2.4: our certificate is judged after our Finished; some say "no" by a bare reset. */
static bool may_be_refusal(const struct exchange *exchange)
{
    const struct tls_facts *facts = &exchange->seen->facts;
    return exchange->reset && facts->version == 0x0304 && facts->certificate_sent && !facts->resumed &&
           !facts->application_data_seen;
}

void probe_request(struct probe *probe, const struct probe_request *request, struct probe_seen *seen)
{
    struct exchange exchange = {.probe = probe, .seen = seen};
    once(&exchange, request);
    if (may_be_refusal(&exchange)) {
        once(&exchange, request);
        if (may_be_refusal(&exchange)) {
            seen->verdict = IFL_TLS_CLIENT_DROPPED;
        }
    }
}
