#include "token/token.h"

#include <string.h>

#include "base/json.h"
#include "http/request.h"
#include "identity/secret.h"
#include "settings/settings.h"

#define CONNECT_MS 30000
#define ANSWER_MS 30000
#define EARLY_S 60 /* a token isn't used in its last minute: a request may take so long */
#define LIFE_MAX_S (24u * 3600u)
#define USE_MIN_S 10 /* a token that ends at once, or so it says, is used all the same: no endless row of requests */
#define READS_PER_STEP 16

/* ---- the request ---- */

static enum ifl_status put_basic(const struct token *token, struct http_request *request)
{
    char buf[SECRET_BASIC_SIZE];
    struct text out;
    text_init(&out, buf, sizeof buf);
    const enum ifl_status status = secret_basic(token->wiring.clientid, token->wiring.secret, &out);
    http_request_header(request, "Authorization", buf);
    bytes_wipe(buf, sizeof buf);
    return status;
}

static enum ifl_status write_request(struct token *token)
{
    const struct token_wiring *wiring = &token->wiring;
    const bool certificate = wiring->secret[0] == '\0';
    char buf[1024];
    struct text body;
    struct http_request request;
    struct bytes head;
    text_init(&body, buf, sizeof buf);
    text_str(&body, "grant_type=client_credentials");
    if (certificate) {
        text_str(&body, "&client_id=");
        text_url(&body, wiring->clientid);
    }
    http_request_begin(&request, token->request, sizeof token->request, "POST", token->path, token->host, token->port);
    enum ifl_status status = certificate ? IFL_OK : put_basic(token, &request);
    if (wiring->user_agent != NULL) {
        http_request_header(&request, "User-Agent", wiring->user_agent);
    }
    http_request_header(&request, "Accept", "application/json");
    http_request_header(&request, "Connection", "close");
    http_request_header(&request, "Content-Type", "application/x-www-form-urlencoded");
    http_request_header_u64(&request, "Content-Length", body.len);
    status = status == IFL_OK ? http_request_end(&request, &head) : status;
    if (status == IFL_OK) {
        text_bytes(&request.text, bytes_of(buf, body.len));
        status = request.text.cut || body.cut ? IFL_TOO_LARGE : IFL_OK;
    }
    token->request_len = request.text.len;
    token->request_pos = 0;
    return status;
}

/* ---- the answer ---- */

static void on_body(void *ctx, struct bytes piece)
{
    struct token *token = ctx;
    const size_t room = sizeof token->answer - token->answer_len;
    const size_t count = piece.size < room ? piece.size : room; /* what is cut off isn't JSON, so it's refused */
    memcpy(token->answer + token->answer_len, piece.data, count);
    token->answer_len += count;
}

/* {"access_token": "...", "token_type": "bearer", "expires_in": 43199, ...} (RFC 6749 section 5.1) */
static enum ifl_status read_token(struct token *token, uint64_t *life_s)
{
    static const char scheme[] = "Bearer ";
    struct json root, name, value;
    size_t at = 0;
    bool there = false;
    *life_s = 300; /* where the endpoint doesn't say */
    if (!json_read(bytes_of(token->answer, token->answer_len), JSON_STRICT, &root, &at) || root.type != JSON_OBJECT) {
        return IFL_TOKEN_BAD;
    }
    memcpy(token->value, scheme, sizeof scheme);
    struct json_each each = json_each(root);
    while (json_next_member(&each, &name, &value)) {
        if (json_is(name, "access_token")) {
            char *text = token->value + sizeof scheme - 1;
            there = json_text(value, text, sizeof token->value - (sizeof scheme - 1)) == IFL_OK && text[0] != '\0';
        } else if (json_is(name, "expires_in")) {
            (void)json_u64(value, life_s);
        }
    }
    for (const char *c = token->value; *c != '\0' && there; c++) {
        there = *c >= ' ' && *c <= '~';
    }
    return there ? IFL_OK : IFL_TOKEN_BAD;
}

static enum ifl_status judge(struct token *token, ifl_ms now)
{
    const unsigned code = token->response.status;
    uint64_t life_s = 0;
    if (code == 400 || code == 401) {
        return IFL_ANSWER_BAD_CREDENTIALS;
    }
    if (code == 429 || code >= 500) {
        return code == 429 ? IFL_ANSWER_BUSY : IFL_ANSWER_TEMPORARY;
    }
    const enum ifl_status status = code == 200 ? read_token(token, &life_s) : IFL_TOKEN_BAD;
    if (status == IFL_OK) {
        life_s = life_s < LIFE_MAX_S ? life_s : LIFE_MAX_S;
        const uint64_t use_s = life_s > 2 * EARLY_S ? life_s - EARLY_S : life_s / 2;
        token->deadline = now + (use_s > USE_MIN_S ? use_s : USE_MIN_S) * 1000;
    }
    return status;
}

/* ---- the states ---- */

static void wipe_exchange(struct token *token)
{
    tls_close(token->wiring.tls);
    bytes_wipe(token->request, sizeof token->request);
    bytes_wipe(token->answer, sizeof token->answer);
    bytes_wipe(token->response.line, sizeof token->response.line);
}

static void drop_value(struct token *token)
{
    bytes_wipe(token->value, sizeof token->value);
    token->state = TOKEN_NONE;
}

static void end(struct token *token, enum ifl_status status)
{
    wipe_exchange(token);
    token->state = TOKEN_VALID;
    if (status != IFL_OK) {
        drop_value(token);
        token->state = TOKEN_FAILED;
        token->failure = status;
    }
}

static void begin(struct token *token, ifl_ms now)
{
    const struct http_response_events events = {.body = on_body, .ctx = token};
    const struct token_wiring *wiring = &token->wiring;
    http_response_init(&token->response, &events, false);
    token->answer_len = 0;
    token->deadline = IFL_NEVER;
    token->state = TOKEN_CONNECT;
    enum ifl_status status = write_request(token);
    if (status == IFL_OK) {
        status = tls_open(wiring->tls, token->host, token->port, NULL, wiring->proxy, true, CONNECT_MS, now);
    }
    if (status != IFL_OK && status != IFL_AGAIN) {
        end(token, status);
    }
}

static bool step_connect(struct token *token, ifl_ms now)
{
    const enum tls_state state = tls_state(token->wiring.tls);
    if (state == TLS_FAILED) {
        end(token, tls_status(token->wiring.tls));
    } else if (state == TLS_OPEN) {
        token->state = TOKEN_ASK;
        token->deadline = now + ANSWER_MS;
    }
    return token->state != TOKEN_CONNECT;
}

/* OK: the answer is complete, or so long that it can't be of use. AGAIN: it isn't yet; with *more there may be more to read at once. */
static enum ifl_status read_answer(struct token *token, bool *more)
{
    for (unsigned reads = 0; reads < READS_PER_STEP; reads++) {
        uint8_t buf[256];
        size_t got = 0, used = 0;
        enum ifl_status status = tls_read(token->wiring.tls, buf, sizeof buf, &got);
        if (status == IFL_CLOSED) {
            return http_response_end(&token->response) == IFL_OK ? IFL_OK : IFL_HTTP_CUT;
        }
        status = status == IFL_OK ? http_response_feed(&token->response, bytes_of(buf, got), &used) : status;
        bytes_wipe(buf, sizeof buf);
        if (status != IFL_OK) {
            return status == IFL_NET_RESET || status == IFL_TLS_RESET ? IFL_HTTP_CUT : status;
        }
        if (token->response.complete || token->answer_len == sizeof token->answer) {
            return IFL_OK;
        }
    }
    *more = true;
    return IFL_AGAIN;
}

/* AGAIN: not all of it is out, or as read_answer(). */
static enum ifl_status exchange(struct token *token, bool *more)
{
    struct tls *tls = token->wiring.tls;
    while (token->request_pos < token->request_len) {
        size_t taken = 0;
        const struct bytes rest =
            bytes_of(token->request + token->request_pos, token->request_len - token->request_pos);
        const enum ifl_status status = tls_write(tls, rest, &taken);
        if (status != IFL_OK) {
            return status;
        }
        token->request_pos += taken;
    }
    return read_answer(token, more);
}

/* True: to be called again at once. */
static bool step_ask(struct token *token, ifl_ms now)
{
    bool more = false;
    enum ifl_status status = exchange(token, &more);
    if (status == IFL_AGAIN && now >= token->deadline) {
        status = IFL_HTTP_TIMEOUT;
    }
    if (status == IFL_AGAIN) {
        return more;
    }
    end(token, status == IFL_OK ? judge(token, now) : status);
    return true;
}

/* ---- what others call ---- */

static enum ifl_status split(const char *text, char host[IFL_HOST_SIZE], uint16_t *port, const char **path)
{
    struct bytes url = bytes_of_string(text);
    const char *slash = url.size > 8 ? strchr(text + 8, '/') : NULL; /* behind https:// */
    *path = slash != NULL ? slash : "/";
    if (slash != NULL) {
        url.size = (size_t)(slash - text);
    }
    return settings_url_split(url, host, port) == IFL_OK ? IFL_OK : IFL_KEY_NO_TOKEN_URL;
}

enum ifl_status token_check_url(const char *url)
{
    char host[IFL_HOST_SIZE];
    uint16_t port = 0;
    const char *path = NULL;
    return split(url, host, &port, &path);
}

enum ifl_status token_init(struct token *token, const struct token_wiring *wiring)
{
    memset(token, 0, sizeof *token);
    token->wiring = *wiring;
    return split(wiring->url, token->host, &token->port, &token->path);
}

enum ifl_status token_get(struct token *token, ifl_ms now, const char **value)
{
    if (token->state == TOKEN_VALID && now >= token->deadline) {
        drop_value(token);
    }
    if (token->state == TOKEN_NONE) {
        begin(token, now);
    }
    *value = token->value;
    switch (token->state) {
    case TOKEN_VALID:
        return IFL_OK;
    case TOKEN_FAILED:
        token->state = TOKEN_NONE;
        return token->failure;
    default:
        return IFL_AGAIN;
    }
}

ifl_ms token_step(struct token *token, ifl_ms now)
{
    if (token->state != TOKEN_CONNECT && token->state != TOKEN_ASK) {
        return IFL_NEVER;
    }
    const ifl_ms wish = tls_step(token->wiring.tls, now);
    const bool done = token->state == TOKEN_CONNECT ? step_connect(token, now) : step_ask(token, now);
    return done ? now : ifl_ms_min(wish, token->deadline);
}

bool token_refused(struct token *token)
{
    const bool first = !token->refused_once;
    token->refused_once = true;
    if (token->state == TOKEN_VALID) {
        drop_value(token);
    }
    return first;
}

void token_accepted(struct token *token)
{
    token->refused_once = false;
}

void token_stop(struct token *token)
{
    if (token->state == TOKEN_CONNECT || token->state == TOKEN_ASK) {
        wipe_exchange(token);
    }
    drop_value(token);
}
