/* link.c: net/link.h as a model: connections with latency, stalls, resets, partial transfers and silence.
 *
 *               ready_at            fin_at, all taken
 *   CONNECTING ─────────► UP ──────────────────────────► the agent reads CLOSED
 *        │                 │ dead_at
 *        └─────────────────┴────────► DEAD (status)
 *
 * A connection that the agent has closed, or whose agent lost its power, lives on until what was on its way has arrived: the server may
 * accept a message of an agent that knows nothing of it any more. */
#include <string.h>

#include "net/link.h"
#include "sim.h"

#define CONNECTIONS 10
#define UP_SIZE 16384
#define DOWN_SIZE 262144
#define MARKS 256
#define ONE_BYTE_LIMIT 1000 /* bytes that come one at a time; behind them it would only take time */
#define NEVER UINT64_MAX

/* Bytes on their way. A mark says until where they arrive when. */
struct pipe {
    uint8_t *bytes;
    size_t room, from, len;          /* len bytes from `from` on wait */
    uint64_t put_count, taken_count; /* in all */
    struct {
        size_t len;
        uint64_t at, sent_at;
    } marks[MARKS];
    size_t mark_count;
};

enum state { CONNECTING, UP, DEAD };

struct connection {
    bool used, agents; /* agents: the agent has it open */
    enum state state;
    enum ifl_status status; /* why it's dead */
    uint64_t ready_at, dead_at, fin_at, black_from;
    enum ifl_status ready_status, dead_status;
    uint64_t latency_ms, reset_after;
    bool one_byte, window_zero, answered;
    enum ifl_status tls_fate;
    bool tls_late;
    struct pipe up, down;
    struct peer peer;
};

static struct connection connections[CONNECTIONS];
static uint8_t up_bytes[CONNECTIONS][UP_SIZE];
static uint8_t down_bytes[CONNECTIONS][DOWN_SIZE];
static uint64_t opened, moved;

/* ---- pipes ---- */

static void pipe_put(struct pipe *pipe, const void *data, size_t size, uint64_t at)
{
    if (pipe->from + pipe->len + size > pipe->room) {
        memmove(pipe->bytes, pipe->bytes + pipe->from, pipe->len);
        pipe->from = 0;
    }
    memcpy(pipe->bytes + pipe->from + pipe->len, data, size);
    pipe->len += size;
    pipe->put_count += size;
    moved += size;
    if (pipe->mark_count > 0 && pipe->marks[pipe->mark_count - 1].at > at)
        at = pipe->marks[pipe->mark_count - 1].at;
    if (pipe->mark_count == MARKS) {
        pipe->marks[MARKS - 1].len += size;
        pipe->marks[MARKS - 1].at = at;
        return;
    }
    pipe->marks[pipe->mark_count].len = size;
    pipe->marks[pipe->mark_count].at = at;
    pipe->marks[pipe->mark_count].sent_at = world.now;
    pipe->mark_count++;
}

static size_t pipe_due(const struct pipe *pipe)
{
    size_t due = 0;
    for (size_t i = 0; i < pipe->mark_count && pipe->marks[i].at <= world.now; i++)
        due += pipe->marks[i].len;
    return due;
}

static void pipe_take(struct pipe *pipe, size_t size)
{
    pipe->len -= size;
    pipe->from = pipe->len == 0 ? 0 : pipe->from + size;
    pipe->taken_count += size;
    moved += size;
    size_t gone = 0;
    while (gone < pipe->mark_count && pipe->marks[gone].len <= size)
        size -= pipe->marks[gone++].len;
    pipe->mark_count -= gone;
    if (gone > 0)
        memmove(pipe->marks, pipe->marks + gone, pipe->mark_count * sizeof *pipe->marks);
    if (size > 0)
        pipe->marks[0].len -= size;
}

static void pipe_drop(struct pipe *pipe)
{
    pipe->from = 0;
    pipe->len = 0;
    pipe->mark_count = 0;
}

/* The first moment after now at which something arrives. */
static uint64_t pipe_next(const struct pipe *pipe)
{
    for (size_t i = 0; i < pipe->mark_count; i++)
        if (pipe->marks[i].at > world.now)
            return pipe->marks[i].at;
    return NEVER;
}

/* ---- the weather's doing ---- */

static uint64_t travel_ms(const struct connection *c)
{
    uint64_t ms = c->latency_ms;
    switch (weather_network()) {
    case NETWORK_SLOW:
        return ms + dice_span(DICE_NET, 500, 8000);
    case NETWORK_LOSSY:
        return ms + (dice_chance(DICE_NET, 150) ? dice_span(DICE_NET, 1000, 40000) : 0);
    default:
        return ms;
    }
}

static bool is_black_hole(const struct connection *c)
{
    enum network_weather weather = weather_network();
    return world.now >= c->black_from || weather == NETWORK_HALF_OPEN || weather == NETWORK_DOWN;
}

static void let_connect(struct connection *c, enum network_weather weather)
{
    c->ready_at = world.now + travel_ms(c);
    switch (weather) {
    case NETWORK_DNS_FAILS:
        c->ready_status = IFL_NET_DNS;
        break;
    case NETWORK_DNS_SILENT:
        c->ready_at = NEVER;
        break;
    case NETWORK_REFUSED:
        c->ready_status = IFL_NET_REFUSED;
        break;
    case NETWORK_UNREACHABLE:
        c->ready_status = IFL_NET_UNREACHABLE;
        break;
    case NETWORK_HALF_OPEN:
        c->ready_at = dice_chance(DICE_NET, 500) ? NEVER : c->ready_at;
        break;
    default:
        break;
    }
}

static void let_live(struct connection *c, enum network_weather weather)
{
    c->one_byte = weather == NETWORK_ONE_BYTE;
    c->window_zero = weather == NETWORK_WINDOW_ZERO;
    c->peer.deaf = weather == NETWORK_SILENT_PEER;
    if (weather == NETWORK_RESETS)
        c->reset_after = dice_span(DICE_NET, 1, 4000);
    if (weather == NETWORK_CLOSES)
        c->fin_at = c->ready_at + dice_span(DICE_NET, 1, 5000) - 1;
    if (weather == NETWORK_TLS_RESET)
        c->tls_fate = IFL_TLS_RESET;
    if (weather == NETWORK_TLS_CLIENT_REFUSED)
        c->tls_fate = IFL_TLS_CLIENT_REFUSED;
    if (weather == NETWORK_TLS_UNTRUSTED)
        c->tls_fate = IFL_TLS_UNTRUSTED;
    if (weather == NETWORK_TLS_LATE_RESET) {
        c->tls_fate = world.plan.tls13 ? IFL_NET_RESET : IFL_TLS_RESET;
        c->tls_late = true;
    }
}

/* ---- link.h ---- */

static struct connection *connection_of(int link)
{
    return link >= 0 && link < CONNECTIONS && connections[link].agents ? &connections[link] : NULL;
}

static struct connection *free_connection(void)
{
    for (size_t i = 0; i < CONNECTIONS; i++)
        if (!connections[i].used)
            return &connections[i];
    for (size_t i = 0; i < CONNECTIONS; i++) /* what a dead agent left behind is forgotten */
        if (!connections[i].agents)
            return &connections[i];
    return NULL;
}

enum ifl_status net_link_open(const char *host, uint16_t port, int *link)
{
    const char *right = world.plan.proxy ? SIM_PROXY : SIM_HOST;
    enum network_weather weather = weather_network();
    *link = NET_LINK_NONE;
    opened++;
    if (strcmp(host, right) != 0 || port != (world.plan.proxy ? 3128 : 443))
        broken("the agent connects to %s:%u", host, port);
    note(NOTE_OPEN, opened, weather);
    if (weather == NETWORK_DOWN || world.medium.off)
        return IFL_NET_DOWN;
    struct connection *c = free_connection();
    if (c == NULL) {
        broken("the agent holds all connections at once");
        return IFL_NO_MEMORY;
    }
    size_t index = (size_t)(c - connections);
    memset(&c->up, 0, sizeof c->up);
    memset(&c->down, 0, sizeof c->down);
    c->up.bytes = up_bytes[index];
    c->up.room = UP_SIZE;
    c->down.bytes = down_bytes[index];
    c->down.room = DOWN_SIZE;
    c->used = c->agents = true;
    c->state = CONNECTING;
    c->status = c->ready_status = c->dead_status = c->tls_fate = IFL_OK;
    c->dead_at = c->fin_at = c->black_from = c->reset_after = NEVER;
    c->answered = c->tls_late = false;
    c->latency_ms = dice_span(DICE_NET, 1, 80);
    tenant_connected(c, &c->peer);
    c->peer.number = opened;
    let_connect(c, weather);
    let_live(c, weather);
    *link = (int)index;
    return IFL_OK;
}

static void die(struct connection *c, enum ifl_status status)
{
    if (c->state == DEAD)
        return;
    note(c->state == CONNECTING ? NOTE_CONNECTED : NOTE_RESET, c->peer.number,
         c->state == CONNECTING ? (int64_t)status : (int64_t)(c->up.put_count + c->down.put_count));
    c->state = DEAD;
    c->status = status;
    pipe_drop(&c->up);
    if (dice_chance(DICE_NET, 500))
        pipe_drop(&c->down);
}

/* What time has done to it. */
static void settle(struct connection *c)
{
    if (c->state == CONNECTING && world.now >= c->ready_at) {
        if (c->ready_status != IFL_OK) {
            die(c, c->ready_status);
            return;
        }
        c->state = UP;
        c->peer.last_use = world.now;
        note(NOTE_CONNECTED, c->peer.number, IFL_OK);
    }
    if (c->state == UP && world.now >= c->dead_at)
        die(c, c->dead_status);
}

enum ifl_status net_link_state(int link)
{
    struct connection *c = connection_of(link);
    if (c == NULL)
        return IFL_INVALID;
    settle(c);
    return c->state == CONNECTING ? IFL_AGAIN : c->state == UP ? IFL_OK : c->status;
}

enum ifl_status link_room(int link, size_t *size)
{
    struct connection *c = connection_of(link);
    enum ifl_status status = net_link_state(link);
    *size = 0;
    if (status != IFL_OK)
        return status;
    size_t room = c->up.room - c->up.len;
    if (c->window_zero || room == 0 || world.medium.off)
        return IFL_AGAIN;
    *size = c->one_byte && c->up.put_count < ONE_BYTE_LIMIT ? 1 : room;
    return IFL_OK;
}

static void count_for_reset(struct connection *c)
{
    if (c->up.put_count + c->down.put_count >= c->reset_after && c->dead_at == NEVER)
        link_server_reset(c, 0);
}

enum ifl_status net_link_send(int link, struct bytes data, size_t *sent)
{
    size_t room = 0;
    struct connection *c = connection_of(link);
    enum ifl_status status = link_room(link, &room);
    *sent = 0;
    if (status != IFL_OK || data.size == 0)
        return status;
    *sent = data.size < room ? data.size : room;
    if (*sent > 64 && dice_chance(DICE_NET, 50)) /* TCP takes what it likes */
        *sent = (size_t)dice_between(DICE_NET, 1, *sent);
    if (is_black_hole(c)) {
        c->black_from = 0; /* what is lost stays lost: nothing behind it can arrive */
        c->up.put_count += *sent;
        return IFL_OK;
    }
    pipe_put(&c->up, data.data, *sent, world.now + travel_ms(c));
    if (world.now >= c->fin_at && c->dead_at == NEVER)
        link_server_reset(c, c->latency_ms);
    count_for_reset(c);
    return IFL_OK;
}

/* The moment at which the agent knows an answer. */
static void see_answer(struct connection *c, bool closing)
{
    struct peer *peer = &c->peer;
    if (!peer->answering)
        return;
    uint64_t taken = c->down.taken_count;
    bool head = taken >= peer->answer_head_ends;
    bool enough = taken >= peer->answer_ends || (head && (peer->meaning == MEANS_DONE || closing));
    c->answered = c->answered || head;
    if (!enough)
        return;
    peer->answering = false;
    note(NOTE_ANSWER_READ, peer->answer_number, peer->meaning);
    if (peer->meaning == MEANS_DONE)
        oracle_told(&peer->request);
    bool cut = taken < peer->answer_ends && peer->meaning != MEANS_DONE;
    rate_answer(&peer->request, cut, peer->meaning, peer->retry_after_ms);
}

enum ifl_status net_link_receive(int link, void *buf, size_t size, size_t *got)
{
    struct connection *c = connection_of(link);
    *got = 0;
    if (c == NULL)
        return IFL_INVALID;
    settle(c);
    if (world.medium.off || c->state == CONNECTING)
        return IFL_AGAIN;
    size_t due = pipe_due(&c->down);
    if (due > 0) {
        *got = due < size ? due : size;
        if (c->one_byte && c->down.taken_count < ONE_BYTE_LIMIT)
            *got = 1;
        else if (dice_chance(DICE_NET, 30))
            *got = (size_t)dice_between(DICE_NET, 1, *got);
        memcpy(buf, c->down.bytes + c->down.from, *got);
        pipe_take(&c->down, *got);
        see_answer(c, false);
        return IFL_OK;
    }
    if (c->state == DEAD)
        return c->status;
    return c->down.len == 0 && world.now >= c->fin_at ? IFL_CLOSED : IFL_AGAIN;
}

void net_link_close(int link)
{
    struct connection *c = connection_of(link);
    if (c == NULL)
        return;
    see_answer(c, true);
    note(NOTE_CLOSE, c->peer.number, (int64_t)c->up.put_count);
    bool idle = c->state == UP && c->up.put_count == 0 && c->tls_fate == IFL_OK;
    if (!world.medium.off)
        rate_connection_ended(c->answered || idle);
    c->agents = false;
    c->used = c->state == UP && c->up.len > 0;
}

ifl_ms net_link_step(ifl_ms now)
{
    (void)now;
    return IFL_NEVER;
}

/* ---- the other end ---- */

void link_answer(struct connection *c, const void *data, size_t size, uint64_t delay_ms)
{
    if (c->state != UP || is_black_hole(c))
        return;
    if (size > c->down.room - c->down.len) {
        broken("the model's answers don't fit its pipe");
        return;
    }
    pipe_put(&c->down, data, size, world.now + travel_ms(c) + delay_ms);
    count_for_reset(c);
}

static uint64_t behind_what_is_on_its_way(const struct connection *c, uint64_t delay_ms)
{
    uint64_t at = world.now + c->latency_ms + delay_ms;
    if (c->down.mark_count > 0 && c->down.marks[c->down.mark_count - 1].at > at)
        at = c->down.marks[c->down.mark_count - 1].at;
    return at;
}

void link_server_close(struct connection *c, uint64_t delay_ms)
{
    c->peer.deaf = true;
    if (c->fin_at == NEVER && !is_black_hole(c))
        c->fin_at = behind_what_is_on_its_way(c, delay_ms);
}

void link_server_reset(struct connection *c, uint64_t delay_ms)
{
    c->peer.deaf = true;
    if (c->dead_at == NEVER) {
        c->dead_at = behind_what_is_on_its_way(c, delay_ms);
        c->dead_status = IFL_NET_RESET;
    }
}

uint64_t link_stream_position(const struct connection *c)
{
    return c->down.put_count;
}

uint64_t link_moved(void)
{
    return moved;
}

enum ifl_status link_tls_fate(int link, bool *late)
{
    struct connection *c = connection_of(link);
    *late = c != NULL && c->tls_late;
    return c == NULL ? IFL_OK : c->tls_fate;
}

void link_set_resumed(int link, bool resumed)
{
    struct connection *c = connection_of(link);
    if (c != NULL)
        c->peer.resumed = resumed;
}

/* ---- the world's clock ---- */

void link_start(void)
{
    for (size_t i = 0; i < CONNECTIONS; i++)
        connections[i].used = connections[i].agents = false;
    opened = moved = 0;
}

void link_power_off(void)
{
    for (size_t i = 0; i < CONNECTIONS; i++) {
        connections[i].agents = false;
        connections[i].used = connections[i].used && connections[i].state == UP && connections[i].up.len > 0;
    }
}

static uint64_t min_time(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t ahead(uint64_t at)
{
    return at > world.now ? at : NEVER;
}

uint64_t link_next(void)
{
    uint64_t next = NEVER;
    for (size_t i = 0; i < CONNECTIONS; i++) {
        const struct connection *c = &connections[i];
        if (!c->used || c->state == DEAD)
            continue;
        next = min_time(next, ahead(c->state == CONNECTING ? c->ready_at : NEVER));
        next = min_time(next, min_time(pipe_next(&c->up), pipe_next(&c->down)));
        next = min_time(next, min_time(ahead(c->dead_at), ahead(c->fin_at)));
        if (c->state == UP && c->fin_at == NEVER)
            next = min_time(next, ahead(c->peer.last_use + TENANT_IDLE_MS));
    }
    return next;
}

static void run_connection(struct connection *c)
{
    settle(c);
    size_t due = c->state == UP ? pipe_due(&c->up) : 0;
    while (due > 0 && c->state == UP) {
        size_t size = c->up.marks[0].len;
        tenant_bytes(c, &c->peer, c->up.bytes + c->up.from, size, c->up.marks[0].sent_at);
        pipe_take(&c->up, size);
        due -= size;
    }
    if (c->state == UP && c->fin_at == NEVER && world.now >= c->peer.last_use + TENANT_IDLE_MS)
        link_server_close(c, 0);
    if (!c->agents && (c->state != UP || c->up.len == 0))
        c->used = false;
}

void link_run(void)
{
    for (size_t i = 0; i < CONNECTIONS; i++)
        if (connections[i].used)
            run_connection(&connections[i]);
}
