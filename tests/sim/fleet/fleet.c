/* fleet.c: a hundred thousand agents and one tenant that was gone for an hour. How many requests does it get when it comes back?
 *
 * Each agent is the real sender with its backoff and its limit for a backlog; its outbox is a count of messages, one every five minutes at its own moment, and
 * its connection is refused during the outage and answers 200 at once before and after. Time is virtual: a heap of wake-up times.
 *
 * usage: fleet AGENTS [no-jitter] [no-limit]
 * stdout: one line for each 10 s, `second requests accepted`; last line: the figures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flash_double.h"
#include "sender/sender.h"

#define SECOND UINT64_C(1000)
#define MESSAGE_EVERY_MS (300 * SECOND)
#define OUTAGE_FROM_MS (1800 * SECOND)
#define OUTAGE_TO_MS (OUTAGE_FROM_MS + 3600 * SECOND)
#define END_MS (OUTAGE_TO_MS + 5400 * SECOND)
#define WARM_MS (600 * SECOND) /* the steady rate is measured from here to the outage */
#define SECONDS (END_MS / SECOND)
#define WINDOW_S 10
#define START_UNIX_S 1800000000
#define PAYLOAD_SIZE 100

struct agent {
    struct sender sender;
    uint64_t wakes_at, phase_ms, finished_count, drained_at;
    enum tls_state state;
    uint8_t answer_left;
};

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

static struct agent *agents;
static uint32_t *heap; /* indices of agents, the first to wake on top */
static size_t agent_count;
static bool jitter = true;
static uint64_t now, chance = 20261127;
static unsigned requests[SECONDS + 1], accepted[SECONDS + 1];
static struct settings settings;
static struct clock wall;
static struct health health;

static bool is_outage(void)
{
    return now >= OUTAGE_FROM_MS && now < OUTAGE_TO_MS;
}

/* Without entropy the sender's waits are the longest possible, for all agents the same. */
static enum ifl_status fill(void *ctx, void *buf, size_t size)
{
    uint8_t *to = buf;
    (void)ctx;
    for (size_t i = 0; i < size; i++)
        to[i] = jitter ? (uint8_t)flash_double_random(&chance) : 0;
    return jitter ? IFL_OK : IFL_NO_ENTROPY;
}

/* ---- the outbox: a count ---- */

static struct agent *agent_of(const void *handle)
{
    return &agents[(const uint8_t *)handle - (const uint8_t *)heap];
}

static uint64_t written(const struct agent *agent)
{
    return now < agent->phase_ms ? 0 : (now - agent->phase_ms) / MESSAGE_EVERY_MS + 1;
}

uint8_t outbox_lane_of(const struct outbox *box, const char *route)
{
    (void)box, (void)route;
    return 1;
}

static enum ifl_status show(const struct agent *agent, uint64_t n, struct outbox_message *message)
{
    if (n > written(agent))
        return IFL_END;
    *message = (struct outbox_message){.id = {1, 1, n}, .lane = 1, .n = n, .size = PAYLOAD_SIZE};
    message->time.unix_s = START_UNIX_S + (int64_t)((agent->phase_ms + (n - 1) * MESSAGE_EVERY_MS) / SECOND);
    message->time.quality = CLOCK_SNTP;
    return IFL_OK;
}

enum ifl_status outbox_first(struct outbox *box, uint8_t lane, struct outbox_message *message)
{
    (void)lane;
    return show(agent_of(box), agent_of(box)->finished_count + 1, message);
}

enum ifl_status outbox_next(struct outbox *box, struct outbox_message *message)
{
    return show(agent_of(box), message->n + 1, message);
}

enum ifl_status outbox_read(struct outbox *box, struct outbox_message *message, void *buf, size_t size, size_t *got)
{
    (void)box;
    uint32_t left = message->size - message->read_pos;
    *got = size < left ? size : left;
    memset(buf, 'x', *got);
    message->read_pos += (uint32_t)*got;
    return IFL_OK;
}

void outbox_rewind(struct outbox_message *message)
{
    message->read_pos = 0;
}

enum ifl_status outbox_done(struct outbox *box, uint8_t lane, uint64_t n)
{
    struct agent *agent = agent_of(box);
    (void)lane;
    agent->finished_count = n;
    accepted[now / SECOND]++;
    if (now >= OUTAGE_TO_MS && agent->drained_at == 0 && written(agent) == n)
        agent->drained_at = now;
    return IFL_OK;
}

void outbox_id_text(const struct outbox_id *id, struct text *out)
{
    text_u64(out, id->n);
}

enum ifl_status outbox_batch_begin(struct outbox *box, uint8_t lane, uint64_t last_n, uint8_t format)
{
    (void)box, (void)lane, (void)last_n, (void)format;
    return IFL_STORE_FULL;
}

bool outbox_batch_pending(const struct outbox *box, uint8_t lane, struct outbox_batch *batch)
{
    (void)box, (void)lane, (void)batch;
    return false;
}

static enum ifl_status never_asked(void)
{
    fputs("fleet: a message is given up\n", stderr);
    abort();
}

enum ifl_status outbox_dead_letter(struct outbox *box, const struct outbox_message *message, enum ifl_status reason)
{
    (void)box, (void)message, (void)reason;
    return never_asked();
}

enum ifl_status outbox_give_up(struct outbox *box, uint8_t lane, uint64_t n, enum ifl_status reason)
{
    (void)box, (void)lane, (void)n, (void)reason;
    return never_asked();
}

/* ---- the connection: refused, or an answer at once ---- */

enum ifl_status tls_open(struct tls *tls, const char *host, uint16_t port, const char *address,
                         const struct net_proxy *proxy, bool fresh, uint32_t timeout_ms, ifl_ms at)
{
    (void)host, (void)port, (void)address, (void)proxy, (void)fresh, (void)timeout_ms, (void)at;
    struct agent *agent = agent_of(tls);
    agent->state = is_outage() ? TLS_FAILED : TLS_OPEN;
    agent->answer_left = 0;
    requests[now / SECOND] += is_outage();
    return IFL_OK;
}

ifl_ms tls_step(struct tls *tls, ifl_ms at)
{
    (void)tls, (void)at;
    return IFL_NEVER;
}

enum tls_state tls_state(const struct tls *tls)
{
    return agent_of(tls)->state;
}

enum ifl_status tls_status(const struct tls *tls)
{
    return agent_of(tls)->state == TLS_FAILED ? IFL_NET_REFUSED : IFL_OK;
}

const struct tls_facts *tls_facts(const struct tls *tls)
{
    static const struct tls_facts facts = {.server_verified = true, .version = 0x0303};
    (void)tls;
    return &facts;
}

enum ifl_status tls_write(struct tls *tls, struct bytes data, size_t *taken)
{
    struct agent *agent = agent_of(tls);
    *taken = data.size;
    requests[now / SECOND] += agent->answer_left == 0;
    agent->answer_left = sizeof answer - 1;
    return IFL_OK;
}

enum ifl_status tls_read(struct tls *tls, void *buf, size_t size, size_t *got)
{
    struct agent *agent = agent_of(tls);
    if (agent->answer_left == 0)
        return is_outage() ? IFL_NET_RESET : IFL_AGAIN;
    *got = agent->answer_left < size ? agent->answer_left : size;
    memcpy(buf, answer + sizeof answer - 1 - agent->answer_left, *got);
    agent->answer_left = (uint8_t)(agent->answer_left - *got);
    return IFL_OK;
}

void tls_close(struct tls *tls)
{
    agent_of(tls)->state = TLS_IDLE;
}

void tls_forget_session(struct tls *tls)
{
    (void)tls;
}

/* ---- time ---- */

static uint64_t key(size_t at)
{
    return agents[heap[at]].wakes_at;
}

static void sink(size_t at)
{
    for (;;) {
        size_t first = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < agent_count; child++)
            first = key(child) < key(first) ? child : first;
        if (first == at)
            return;
        uint32_t one = heap[at];
        heap[at] = heap[first];
        heap[first] = one;
        at = first;
    }
}

static void wake(struct agent *agent)
{
    ifl_ms wish = now;
    while (wish <= now)
        wish = sender_step(&agent->sender, now);
    uint64_t next_message = agent->phase_ms + written(agent) * MESSAGE_EVERY_MS;
    agent->wakes_at = wish < next_message ? wish : next_message;
}

static void start(bool limit)
{
    static const char json[] = "{\"device\":\"fleet\",\"url\":\"https://host\",\"idle_close_ms\":1000,\"backoff\":{"
                               "\"boot_jitter_ms\":0},\"routes\":{\"r\":{\"path\":\"/http/r\"}}}";
    struct settings_error error;
    if (settings_parse(&settings, bytes_of_string(json), &error) != IFL_OK)
        abort();
    settings.routes[0].max_rate = limit ? 0 : 60000;
    clock_init(&wall, START_UNIX_S, 0);
    health_init(&health);
    agents = calloc(agent_count, sizeof *agents);
    heap = calloc(agent_count, sizeof *heap);
    if (agents == NULL || heap == NULL)
        abort();
    for (size_t i = 0; i < agent_count; i++) {
        void *handle = (uint8_t *)heap + i; /* no memory of its own: only a number, see agent_of() */
        struct sender_wiring wiring = {.settings = &settings,
                                       .outbox = handle,
                                       .tls = handle,
                                       .clock = &wall,
                                       .health = &health,
                                       .random = {.fill = fill},
                                       .host = "host",
                                       .port = 443};
        heap[i] = (uint32_t)i;
        agents[i].phase_ms = agents[i].wakes_at = flash_double_random(&chance) % MESSAGE_EVERY_MS;
        if (sender_init(&agents[i].sender, &wiring, 0) != IFL_OK)
            abort();
    }
    for (size_t i = agent_count; i-- > 0;)
        sink(i);
}

static void report(void)
{
    unsigned long steady = 0, peak = 0, outage_peak = 0, sum = 0, undrained = 0;
    uint64_t drained_at = OUTAGE_TO_MS;
    for (size_t s = 0; s < SECONDS; s++) {
        steady += s >= WARM_MS / SECOND && s < OUTAGE_FROM_MS / SECOND ? requests[s] : 0;
        sum += requests[s];
        sum -= s >= WINDOW_S ? requests[s - WINDOW_S] : 0;
        if (s >= OUTAGE_TO_MS / SECOND + WINDOW_S - 1)
            peak = sum > peak ? sum : peak;
        else if (s >= OUTAGE_FROM_MS / SECOND)
            outage_peak = sum > outage_peak ? sum : outage_peak;
        if (s % WINDOW_S == WINDOW_S - 1)
            printf("%zu %lu\n", s + 1, sum);
    }
    for (size_t i = 0; i < agent_count; i++) {
        undrained += agents[i].drained_at == 0;
        drained_at = agents[i].drained_at > drained_at ? agents[i].drained_at : drained_at;
    }
    double steady_rate = (double)steady / (double)((OUTAGE_FROM_MS - WARM_MS) / SECOND);
    printf("SUMS: steady=%.1f peak_over_steady=%.2f outage_peak_over_steady=%.2f drained_minutes=%.1f undrained=%lu\n",
           steady_rate, (double)peak / WINDOW_S / steady_rate, (double)outage_peak / WINDOW_S / steady_rate,
           (double)(drained_at - OUTAGE_TO_MS) / 60000.0, undrained);
}

int main(int argc, char **argv)
{
    bool limit = true;
    agent_count = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    for (int i = 2; i < argc; i++) {
        jitter = jitter && strcmp(argv[i], "no-jitter") != 0;
        limit = limit && strcmp(argv[i], "no-limit") != 0;
    }
    if (agent_count == 0) {
        fputs("usage: fleet AGENTS [no-jitter] [no-limit]\n", stderr);
        return 2;
    }
    start(limit);
    for (now = key(0); now < END_MS; now = key(0)) {
        wake(&agents[heap[0]]);
        sink(0);
    }
    report();
    return 0;
}
