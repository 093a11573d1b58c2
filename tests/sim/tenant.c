/* tenant.c: Cloud Integration as a receiver: load balancer, router, runtime, flows. Each request goes the way it goes there:
 *
 *   CONNECT proxy ─► router (stopped, no endpoints, limits) ─► who is it ─► deployed ─► role ─► CSRF ─► the flow, with a duplicate check
 *
 * The flow accepts a message when its body is complete; what becomes of the answer afterwards is another matter. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answers.h"
#include "console/message_id.h"

#define START_UNIX_S 1795000000
#define LARGE_SIZE 100000

static struct flow {
    uint64_t session; /* of the token in force; 0 = none */
    bool has_role;    /* as it was looked up last */
    uint64_t role_until;
} flows[SIM_ROUTES];
static uint64_t access_token, access_until; /* the last one that was given */

enum effect {
    ANSWERS,
    ANSWERS_IN_PIECES,
    RESETS_BEFORE, /* nothing was done */
    CLOSES_BEFORE,
    SILENT_BEFORE,
    RESETS_AFTER, /* all was done, but nobody is told */
    CLOSES_AFTER,
    SILENT_AFTER,
    CUTS_HEAD,
    CUTS_BODY,
    EFFECT_COUNT
};

int64_t world_unix_s(void)
{
    return START_UNIX_S + (int64_t)(world.now / SECOND);
}

uint64_t tenant_odd_at;

void tenant_start(void)
{
    memset(flows, 0, sizeof flows);
    access_token = access_until = 0;
    tenant_odd_at = 0;
}

void tenant_redeploy(unsigned route, bool csrf)
{
    (void)csrf;
    flows[route].session = 0;
}

void tenant_forget_sessions(void)
{
    for (size_t i = 0; i < SIM_ROUTES; i++)
        flows[i].session = 0;
    access_until = 0;
}

uint64_t tenant_new_token(void)
{
    access_token = dice_u64(DICE_ACCESS);
    access_until = world.now + world.plan.token_ms;
    return access_token;
}

/* ---- roles ---- */

/* Looked up when a request comes, and then kept for a while (facts: up to an hour). */
static bool has_role(unsigned route)
{
    struct flow *flow = &flows[route];
    if (world.now >= flow->role_until) {
        flow->has_role = weather_flow(route) != FLOW_ROLE;
        flow->role_until = world.now + world.plan.role_cache_ms;
    }
    return flow->has_role;
}

uint64_t tenant_refuses_until(unsigned route)
{
    return flows[route].has_role ? 0 : flows[route].role_until;
}

void tenant_connected(struct connection *connection, struct peer *peer)
{
    (void)connection;
    memset(peer, 0, offsetof(struct peer, body));
    peer->body_size = 0;
    peer->answering = false;
    peer->tunnel = !world.plan.proxy;
    peer->last_use = world.now;
}

/* ---- reading a request ---- */

/* The value of a field, or NULL; a field that is there twice is an error of the agent. */
static const char *field(const char *head, const char *name, char *to, size_t size)
{
    char start[64];
    snprintf(start, sizeof start, "\r\n%s:", name);
    const char *at = strstr(head, start);
    to[0] = '\0';
    if (at == NULL)
        return NULL;
    at += strlen(start);
    if (strstr(at, start) != NULL)
        broken("the request has %s twice", name);
    at += strspn(at, " ");
    snprintf(to, size, "%.*s", (int)strcspn(at, "\r"), at);
    return to;
}

static bool read_line(const char *head, struct request *request)
{
    char method[8], path[32], version[16];
    int fields = sscanf(head, "%7s %31s %15s", method, path, version);
    request->head = strcmp(method, "HEAD") == 0;
    bool known = fields == 3 && (request->head || strcmp(method, "POST") == 0) && strcmp(version, "HTTP/1.1") == 0 &&
                 sscanf(path, "/http/r%u", &request->route) == 1 && request->route < world.plan.route_count;
    if (!known)
        broken("not a request for a flow: %.60s", head);
    return known;
}

/* "<log id>-<lane>-<n>", of a batch "<log id>-<lane>-<first n>..<last n>" */
static bool read_id(const char *text, struct request *request)
{
    const char *dots = strstr(text, "..");
    size_t size = dots == NULL ? strlen(text) : (size_t)(dots - text);
    if (console_id_parse(bytes_of(text, size), &request->id) != IFL_OK)
        return false;
    request->last_n = request->id.n;
    if (dots == NULL)
        return true;
    return bytes_to_u64(bytes_of_string(dots + 2), &request->last_n) && request->last_n > request->id.n;
}

static bool read_request(const struct peer *peer, struct request *request)
{
    char value[256];
    const char *head = peer->head;
    memset(request, 0, sizeof *request);
    request->sent_at = peer->sent_at;
    if (!read_line(head, request))
        return false;
    if (field(head, "Host", value, sizeof value) == NULL || strcmp(value, SIM_HOST) != 0)
        broken("wrong Host: %s", value);
    request->fetch = field(head, "X-CSRF-Token", request->token, sizeof request->token) != NULL &&
                     strcmp(request->token, "Fetch") == 0;
    (void)field(head, "Cookie", request->cookie, sizeof request->cookie);
    (void)field(head, "Authorization", request->authorization, sizeof request->authorization);
    if (request->head)
        return true;
    (void)field(head, "Content-Type", request->type, sizeof request->type);
    if (field(head, "SAP_ApplicationID", request->id_text, sizeof request->id_text) == NULL ||
        !read_id(request->id_text, request))
        broken("a POST without an id: %s", request->id_text);
    if (field(head, "SAP_Sender", value, sizeof value) == NULL || strcmp(value, "sim") != 0)
        broken("a POST without its sender");
    return !world.broken;
}

/* ---- what the answer is ---- */

static enum answer_name by_host(void)
{
    switch (weather_host()) {
    case HOST_STOPPED:
        return ANSWER_404_UNKNOWN_ROUTE;
    case HOST_NO_ENDPOINTS:
        return ANSWER_503_NO_ENDPOINTS;
    case HOST_ENDPOINT_FAILURE:
        return ANSWER_502_ENDPOINT;
    case HOST_CONNECTION_LIMIT:
        return ANSWER_503_LIMIT;
    case HOST_BUSY:
    case HOST_BUSY_DATE:
        return ANSWER_429;
    case HOST_KEY_DELETED:
        return ANSWER_401_NOT_CONFIGURED;
    case HOST_KEY_TWICE:
        return ANSWER_401_EXACTLY_ONCE;
    case HOST_NO_CERTIFICATE:
        return ANSWER_401_NO_CERTIFICATE;
    case HOST_LOGIN_PAGE:
        return ANSWER_200_LOGIN_PAGE;
    case HOST_LOGIN_REDIRECT:
        return ANSWER_302_LOGIN;
    case HOST_TRIAL:
        return ANSWER_500_TRIAL;
    case HOST_PROXY_CERTIFICATE:
        return ANSWER_400_NGINX;
    default:
        return ANSWER_COUNT;
    }
}

static enum answer_name by_flow(unsigned route)
{
    static const uint8_t names[FLOW_COUNT] = {
        [FLOW_UNDEPLOYED] = ANSWER_404_NOT_DEPLOYED,
        [FLOW_ROLE] = ANSWER_403_ROLE,
        [FLOW_FAILS] = ANSWER_500_FLOW,
        [FLOW_BUSY] = ANSWER_503,
        [FLOW_TIMES_OUT] = ANSWER_504,
        [FLOW_METHOD] = ANSWER_405,
        [FLOW_REJECTS] = ANSWER_400_FLOW,
        [FLOW_TOO_LARGE] = ANSWER_413,
        [FLOW_REDIRECTS] = ANSWER_302_ELSEWHERE,
        [FLOW_UNKNOWN_4XX] = ANSWER_418,
        [FLOW_UNKNOWN_5XX] = ANSWER_507,
        [FLOW_REQUEST_TIMEOUT] = ANSWER_408,
        [FLOW_TOO_EARLY] = ANSWER_425,
        [FLOW_HEADERS] = ANSWER_431,
    };
    return names[weather_flow(route)];
}

/* User and secret don't change, and a certificate speaks without a header; a token may have ended. */
static bool is_known(const struct request *request)
{
    static const char *const right[] = {[ACCESS_CERTIFICATE] = "", [ACCESS_BASIC] = AGENT_BASIC};
    char bearer[32];
    if (world.plan.access != ACCESS_TOKEN) {
        if (strcmp(request->authorization, right[world.plan.access]) != 0)
            broken("wrong Authorization: %s", request->authorization);
        return true;
    }
    snprintf(bearer, sizeof bearer, "Bearer %016llx", (unsigned long long)access_token);
    return strcmp(request->authorization, bearer) == 0 && world.now < access_until;
}

static bool has_good_token(const struct request *request)
{
    char token[32], cookie[32];
    uint64_t session = flows[request->route].session;
    snprintf(token, sizeof token, "T%016llX", (unsigned long long)session);
    snprintf(cookie, sizeof cookie, "JSESSIONID=S%016llX", (unsigned long long)session);
    return session != 0 && weather_flow(request->route) != FLOW_CSRF_BROKEN && strcmp(request->token, token) == 0 &&
           strstr(request->cookie, cookie) != NULL && strstr(request->cookie, "__VCAP_ID__=worker") != NULL;
}

static bool is_picked(const struct request *request)
{
    unsigned picky = world.plan.picky[request->route];
    return picky > 0 && !world.calm && request->last_n / picky > (request->id.n - 1) / picky;
}

/* In the middle of good weather; it may tell everybody to wait for an hour. */
static enum answer_name odd_answer(void)
{
    tenant_odd_at = world.now;
    return (enum answer_name)dice_between(DICE_TENANT, ANSWER_401_NO_CERTIFICATE, ANSWER_COUNT - 1);
}

static enum answer_name answer_to(const struct request *request, const struct peer *peer)
{
    enum answer_name name = by_host();
    if (peer->resumed && weather_loses_certificate())
        return ANSWER_401_NO_CERTIFICATE;
    if (name != ANSWER_COUNT)
        return name;
    if (!is_known(request))
        return ANSWER_401_TOKEN;
    if (!world.calm && dice_chance(DICE_TENANT, world.plan.odd_answers))
        return odd_answer();
    name = by_flow(request->route);
    if (name == ANSWER_404_NOT_DEPLOYED)
        return name;
    if (!has_role(request->route))
        return ANSWER_403_ROLE;
    if (name == ANSWER_405)
        return name;
    if (name == ANSWER_403_ROLE) /* the cache still knows it */
        name = ANSWER_200;
    if (request->head)
        return request->fetch && weather_csrf(request->route) ? ANSWER_TOKEN : ANSWER_202;
    if (weather_csrf(request->route) && !has_good_token(request))
        return ANSWER_403_CSRF;
    if (name != ANSWER_200)
        return name;
    if (is_picked(request))
        return request->id.n % 2 == 0 ? ANSWER_400_FLOW : ANSWER_415_FLOW;
    return (enum answer_name)dice_between(DICE_TENANT, ANSWER_200, ANSWER_204);
}

/* ---- giving it ---- */

static char bytes[LARGE_SIZE];

static uint64_t retry_after(enum answer_name name, char *headers, size_t size)
{
    bool date = weather_host() == HOST_BUSY_DATE;
    uint64_t seconds = dice_span(DICE_TENANT, 1, 5000);
    char text[30];
    if ((name != ANSWER_429 && name != ANSWER_503) || (!date && dice_chance(DICE_TENANT, 400)))
        return 0;
    if (date) {
        answer_date(world_unix_s() + (int64_t)seconds, text);
        snprintf(headers, size, "Retry-After: %s\r\n", text);
    } else {
        snprintf(headers, size, "Retry-After: %llu\r\n", (unsigned long long)seconds);
    }
    return (seconds < 3600 ? seconds : 3600) * SECOND;
}

static void token_headers(const struct request *request, char *headers, size_t size)
{
    uint64_t session = dice_u64(DICE_TENANT) | 1;
    flows[request->route].session = session;
    snprintf(headers, size,
             "X-CSRF-Token: T%016llX\r\nSet-Cookie: JSESSIONID=S%016llX; Path=/http/r%u; Secure; HttpOnly\r\n"
             "Set-Cookie: __VCAP_ID__=worker-0; Path=/http/r%u; HttpOnly; Secure\r\n",
             (unsigned long long)session, (unsigned long long)session, request->route, request->route);
}

/* The meaning of an answer to a HEAD, which has no body and isn't about a payload. */
static enum meaning meaning_of(enum answer_name name, bool head, const struct peer *peer)
{
    enum meaning meaning = tenant_answers[name].meaning;
    if (tenant_answers[name].status == 401 && peer->resumed)
        return MEANS_ONCE_MORE;
    if (name == ANSWER_500_TRIAL && world.plan.access != ACCESS_CERTIFICATE) /* no certificate that it could choke on */
        return MEANS_RETRY_ROUTE;
    if (name == ANSWER_401_TOKEN && agent_renews_token())
        return MEANS_ONCE_MORE;
    if (!head)
        return meaning;
    if (meaning == MEANS_DONE)
        return MEANS_TOKEN;
    if (meaning == MEANS_CSRF)
        return MEANS_RETRY_ROUTE;
    return meaning == MEANS_DEAD_LETTER || name == ANSWER_400_NGINX || name == ANSWER_500_FLOW ? MEANS_HOLD_ROUTE
                                                                                               : meaning;
}

static void send_in_pieces(struct connection *connection, size_t size, uint64_t delay_ms)
{
    for (size_t at = 0; at < size;) {
        size_t piece = (size_t)dice_span(DICE_TENANT, 1, 200);
        piece = piece < size - at ? piece : size - at;
        link_answer(connection, bytes + at, piece, delay_ms);
        at += piece;
        delay_ms += dice_below(DICE_TENANT, 50);
    }
}

static void send_answer(struct connection *connection, struct peer *peer, const struct request *request,
                        enum answer_name name, enum effect effect, uint64_t delay_ms)
{
    char headers[400] = "";
    size_t head_size = 0;
    peer->retry_after_ms = retry_after(name, headers, sizeof headers);
    if (name == ANSWER_TOKEN)
        token_headers(request, headers, sizeof headers);
    struct answer_more more = {.headers = headers, .head_request = request->head};
    size_t size = answer_render(name, &more, bytes, sizeof bytes, &head_size);
    peer->answering = effect != CUTS_HEAD;
    peer->request = *request;
    peer->answer_number = name;
    peer->meaning = meaning_of(name, request->head, peer);
    peer->answer_begins = link_stream_position(connection);
    peer->answer_head_ends = peer->answer_begins + head_size;
    peer->answer_ends = peer->answer_begins + size;
    bool may_be_dead = name == ANSWER_500_FLOW && world.plan.settings.routes[request->route].dead_letter_after > 0;
    if (!request->head && (peer->meaning == MEANS_DEAD_LETTER || may_be_dead))
        oracle_rejected(request);
    if (effect == CUTS_HEAD)
        size = (size_t)dice_below(DICE_TENANT, head_size);
    if (effect == CUTS_BODY)
        size = (size_t)dice_between(DICE_TENANT, head_size, size);
    if (effect == ANSWERS_IN_PIECES)
        send_in_pieces(connection, size, delay_ms);
    else
        link_answer(connection, bytes, size, delay_ms);
    if (effect == CUTS_HEAD || effect == CUTS_BODY) {
        if (dice_chance(DICE_TENANT, 500))
            link_server_reset(connection, delay_ms);
        else
            link_server_close(connection, delay_ms);
    } else if (tenant_answers[name].flags & CLOSES) {
        link_server_close(connection, delay_ms);
    }
}

/* What no client should have to read. */
static void send_nonsense(struct connection *connection, uint64_t delay_ms)
{
    static const char *const texts[] = {
        "SSH-2.0-OpenSSH_9.2p1\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 99 Odd\r\n\r\n",
        "HTTP/1.1 200 OK\r\nName : value\r\n\r\n",
        "\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\n folded\r\n\r\n",
    };
    const char *text = texts[dice_below(DICE_TENANT, sizeof texts / sizeof *texts)];
    link_answer(connection, text, strlen(text), delay_ms);
    link_server_close(connection, delay_ms + dice_span(DICE_TENANT, 1, 5000));
}

static void send_huge_head(struct connection *connection, uint64_t delay_ms)
{
    int at = snprintf(bytes, sizeof bytes, "HTTP/1.1 200 OK\r\n");
    memset(bytes + at, 'x', 70000);
    memcpy(bytes + at, "Name: ", 6);
    for (size_t i = (size_t)at + 700; i < 70000; i += 700)
        memcpy(bytes + i, "\r\nName: ", 8);
    link_answer(connection, bytes, 70000, delay_ms);
}

static enum effect choose_effect(void)
{
    if (world.calm)
        return ANSWERS;
    if (dice_chance(DICE_TENANT, world.plan.lost_answers))
        return (enum effect)dice_between(DICE_TENANT, RESETS_BEFORE, EFFECT_COUNT - 1);
    return dice_chance(DICE_TENANT, 50) ? ANSWERS_IN_PIECES : ANSWERS;
}

/* True: the connection goes without an answer. */
static bool goes_away(struct connection *connection, enum effect effect, uint64_t delay_ms)
{
    switch (effect) {
    case RESETS_BEFORE:
    case RESETS_AFTER:
        link_server_reset(connection, delay_ms);
        return true;
    case CLOSES_BEFORE:
    case CLOSES_AFTER:
        link_server_close(connection, delay_ms);
        return true;
    case SILENT_BEFORE:
    case SILENT_AFTER:
        return true;
    default:
        return false;
    }
}

/* The flow takes the message; a duplicate is dropped by its id, and answered in the same way. */
static void run_flow(const struct request *request, const struct peer *peer)
{
    bool before = oracle_requested(request, peer->body, peer->body_size);
    for (uint64_t n = request->id.n; n <= request->last_n; n++)
        note(before ? NOTE_DUPLICATE : NOTE_ACCEPTED, n, request->route);
    oracle_accepted(request);
}

static uint64_t work_ms(const struct request *request)
{
    uint64_t ms = dice_span(DICE_TENANT, 2, 1000);
    return weather_flow(request->route) == FLOW_SLOW ? world.plan.settings.routes[request->route].timeout_ms + 500 + ms
                                                     : ms;
}

static void handle(struct connection *connection, struct peer *peer, const struct request *request)
{
    enum answer_name name = answer_to(request, peer);
    enum effect effect = choose_effect();
    uint64_t delay_ms = work_ms(request);
    bool done = tenant_answers[name].meaning == MEANS_DONE && !request->head;
    bool nonsense = weather_host() == HOST_GARBAGE || weather_host() == HOST_HUGE_HEAD;
    bool before = effect == RESETS_BEFORE || effect == CLOSES_BEFORE || effect == SILENT_BEFORE;
    if (effect == CUTS_BODY && name == ANSWER_400_NGINX) /* only its body says what it means */
        effect = ANSWERS;
    note(NOTE_ANSWER, name, nonsense ? -1 : (int64_t)effect);
    if (done && !before && !nonsense)
        run_flow(request, peer);
    else if (!request->head)
        oracle_requested(request, peer->body, peer->body_size);
    if (goes_away(connection, effect, delay_ms))
        return;
    if (weather_host() == HOST_GARBAGE)
        send_nonsense(connection, delay_ms);
    else if (nonsense)
        send_huge_head(connection, delay_ms);
    else
        send_answer(connection, peer, request, name, effect, delay_ms);
}

/* ---- bytes ---- */

static bool head_is_complete(const struct peer *peer)
{
    return peer->head_size >= 4 && memcmp(peer->head + peer->head_size - 4, "\r\n\r\n", 4) == 0;
}

static void connect_through(struct connection *connection, struct peer *peer)
{
    static const char ok[] = "HTTP/1.1 200 Connection established\r\n\r\n";
    static const char no[] = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
    bool refuses = weather_network() == NETWORK_PROXY_REFUSES;
    if (strncmp(peer->head, "CONNECT " SIM_HOST ":443 HTTP/1.1\r\n", strlen("CONNECT " SIM_HOST)) != 0)
        broken("not a CONNECT: %.60s", peer->head);
    link_answer(connection, refuses ? no : ok, refuses ? sizeof no - 1 : sizeof ok - 1, 1);
    peer->tunnel = true;
    peer->deaf = peer->deaf || refuses;
    peer->head_size = 0;
}

/* Somebody who knows the answer already doesn't wait for the body. */
static bool answers_early(struct connection *connection, struct peer *peer, const struct request *request)
{
    if (peer->body_expected < 2000 || world.calm || peer->deaf || !dice_chance(DICE_TENANT, 100))
        return false;
    enum answer_name name = answer_to(request, peer);
    if (tenant_answers[name].meaning == MEANS_DONE)
        return false;
    note(NOTE_ANSWER, name, ANSWERS);
    send_answer(connection, peer, request, name, ANSWERS, 1);
    link_server_close(connection, 500);
    return true;
}

static void end_request(struct connection *connection, struct peer *peer)
{
    struct request request;
    if (read_request(peer, &request) && !peer->deaf)
        handle(connection, peer, &request);
    peer->in_body = false;
    peer->head_size = peer->body_size = 0;
}

static void end_head(struct connection *connection, struct peer *peer)
{
    struct request request;
    char length[32];
    peer->head[peer->head_size] = '\0';
    if (!peer->tunnel) {
        connect_through(connection, peer);
        return;
    }
    if (!read_request(peer, &request))
        return;
    note(NOTE_REQUEST, request.route, request.head ? -1 : (int64_t)request.id.n);
    if (request.last_n > request.id.n)
        note(NOTE_BATCH, request.id.n, (int64_t)request.last_n);
    rate_request(&request);
    if (!request.head)
        oracle_tried(&request);
    (void)field(peer->head, "Content-Length", length, sizeof length);
    peer->body_expected = request.head ? 0 : strtoull(length, NULL, 10);
    peer->body_size = 0;
    peer->in_body = true;
    if (!request.head && (peer->body_expected == 0 || peer->body_expected > sizeof peer->body))
        broken("a body of %s bytes is announced", length);
    else if (peer->body_expected == 0)
        end_request(connection, peer);
    else
        (void)answers_early(connection, peer, &request);
}

static size_t take_body(struct connection *connection, struct peer *peer, const uint8_t *data, size_t size)
{
    size_t piece = (size_t)peer->body_expected - peer->body_size;
    piece = piece < size ? piece : size;
    memcpy(peer->body + peer->body_size, data, piece);
    peer->body_size += piece;
    if (peer->body_size == peer->body_expected)
        end_request(connection, peer);
    return piece;
}

void tenant_bytes(struct connection *connection, struct peer *peer, const uint8_t *data, size_t size, uint64_t sent_at)
{
    peer->last_use = world.now;
    for (size_t at = 0; at < size && !world.broken;) {
        if (peer->in_body) {
            at += take_body(connection, peer, data + at, size - at);
            continue;
        }
        if (peer->head_size == 0)
            peer->sent_at = sent_at;
        if (peer->head_size + 1 == sizeof peer->head) {
            broken("a request without an end");
            return;
        }
        peer->head[peer->head_size++] = (char)data[at++];
        if (head_is_complete(peer))
            end_head(connection, peer);
    }
}
