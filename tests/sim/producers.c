/* producers.c: those who write lines, and what they were promised. A producer that was answered ERROR, or not at all, forgets its line;
 * each line has a payload of its own, so that the server can tell what it got. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/message_id.h"
#include "ingest/ingest.h"
#include "sim.h"

#define INPUT_SIZE (2 * (IFL_PAYLOAD_SIZE_MAX + 256))
#define EXPECTED_COUNT 64
#define NO_TOKEN UINT64_MAX

struct producer {
    struct ingest ingest;
    uint8_t line[INGEST_LINE_SIZE(IFL_PAYLOAD_SIZE_MAX)];
    uint8_t input[INPUT_SIZE];
    size_t input_start, input_len;
    uint64_t next_at;
    uint64_t expected[EXPECTED_COUNT]; /* tokens in the order of their lines */
    size_t expected_count;
    bool piecewise; /* its bytes come one at a time */
    bool ended;     /* it went away in the middle of a line */
};

static struct producer producers[SIM_PRODUCERS];
bool producers_wait_for_sync;

/* ---- payloads ---- */

size_t payload_make(uint64_t token, uint8_t *to)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t size = oracle_token_size(token);
    uint64_t state = world.seed ^ token * UINT64_C(0xD1B54A32D192ED03);
    for (size_t i = 0; i < size; i++) {
        uint64_t random = i % 8 == 0 ? flash_double_random(&state) : state >> (i % 8 * 8);
        to[i] = i < 6 ? (uint8_t)digits[token >> (6 * i) & 63] : (uint8_t)random;
        if (to[i] == '\n' || to[i] == '\r')
            to[i] = ' ';
    }
    return size;
}

/* ---- lines ---- */

static void append(struct producer *p, const void *data, size_t size)
{
    memcpy(p->input + p->input_start + p->input_len, data, size);
    p->input_len += size;
}

static void expect(struct producer *p, uint64_t token)
{
    p->expected[p->expected_count++] = token;
}

static uint32_t payload_size(void)
{
    uint64_t kind = dice_below(DICE_PEOPLE, 100);
    uint32_t max = world.plan.payload_max;
    uint32_t most = max < 600 ? max : 600;
    return kind < 95 ? (uint32_t)dice_between(DICE_PEOPLE, 8, most) : (uint32_t)dice_span(DICE_PEOPLE, 8, max);
}

static void write_line(struct producer *p, unsigned route, uint32_t size)
{
    static uint8_t payload[IFL_PAYLOAD_SIZE_MAX];
    uint64_t token = oracle_token(route, size);
    char name[8];
    int len = snprintf(name, sizeof name, "r%u ", route);
    append(p, name, (size_t)len);
    append(p, payload, payload_make(token, payload));
    append(p, "\r\n", dice_chance(DICE_PEOPLE, 200) ? 2 : 0);
    if (p->input[p->input_start + p->input_len - 1] != '\n')
        append(p, "\n", 1);
    expect(p, token);
    note(NOTE_LINE, token, route);
}

static void write_bad_line(struct producer *p)
{
    static const char *const lines[] = {"\n", "nobody hello\n", "r0\n", "r0 \n", "\r\n", "r0 cut off"};
    size_t kind = dice_below(DICE_PEOPLE, sizeof lines / sizeof *lines);
    append(p, lines[kind], strlen(lines[kind]));
    p->ended = kind == 5;
    expect(p, NO_TOKEN);
    note(NOTE_BAD_LINE, kind, (int64_t)(p - producers));
}

static void write_lines(struct producer *p, size_t index)
{
    unsigned burst = dice_chance(DICE_PEOPLE, 60) ? (unsigned)dice_span(DICE_PEOPLE, 2, 12) : 1;
    p->input_start = 0;
    p->piecewise = dice_chance(DICE_PEOPLE, 20);
    for (unsigned i = 0; i < burst && p->input_len < IFL_PAYLOAD_SIZE_MAX / 2 && !p->ended; i++) {
        if (dice_chance(DICE_PEOPLE, 20))
            write_bad_line(p);
        else
            write_line(p, (unsigned)dice_below(DICE_PEOPLE, world.plan.route_count), payload_size());
    }
    p->next_at = world.now + dice_below(DICE_PEOPLE, 2 * world.plan.line_every_ms[index] + 1);
}

/* ---- answers ---- */

static void on_answer(struct producer *p, const char *line, size_t len)
{
    if (p->expected_count == 0) {
        broken("an answer to a line that nobody wrote: %.*s", (int)len, line);
        return;
    }
    uint64_t token = p->expected[0];
    p->expected_count--;
    memmove(p->expected, p->expected + 1, p->expected_count * sizeof *p->expected);
    struct outbox_id id;
    if (len > 3 && memcmp(line, "OK ", 3) == 0) {
        if (console_id_parse(bytes_of(line + 3, len - 3), &id) != IFL_OK || token == NO_TOKEN)
            broken("a wrong acknowledgement: %.*s", (int)len, line);
        else
            oracle_acknowledged(token, &id);
    } else if (len > 7 && memcmp(line, "ERROR E", 7) == 0) {
        note(NOTE_REFUSED, token, (int64_t)strtol(line + 7, NULL, 10));
    } else {
        broken("an answer that isn't one: %.*s", (int)len, line);
    }
}

static void read_answers(struct producer *p, enum ifl_status sync)
{
    char answers[2 * INGEST_ANSWER_SIZE];
    bool all = false;
    while (!all && !world.medium.off) {
        struct text out;
        text_init(&out, answers, sizeof answers);
        all = ingest_acknowledge(&p->ingest, sync, &out);
        const char *at = answers;
        for (const char *end; (end = strchr(at, '\n')) != NULL; at = end + 1)
            on_answer(p, at, (size_t)(end - at));
        if (*at != '\0' || (out.len == 0 && !all))
            broken("half an answer");
        if (world.broken)
            return;
    }
}

/* ---- the round ---- */

static bool feed(struct producer *p, ifl_ms agent_time)
{
    bool progress = false;
    while (p->input_len > 0 && !world.medium.off) {
        size_t size = p->piecewise ? 1 : p->input_len;
        size_t used = 0;
        enum ifl_status status = ingest_feed(&p->ingest, bytes_of(p->input + p->input_start, size), agent_time, &used);
        p->input_start += used;
        p->input_len -= used;
        progress = progress || used > 0;
        if (used == 0 || status == IFL_AGAIN)
            break;
    }
    if (p->ended && p->input_len == 0 && !ingest_is_full(&p->ingest) && !world.medium.off) {
        ingest_end(&p->ingest, agent_time);
        p->ended = false;
        progress = true;
    }
    return progress;
}

ifl_ms producers_step(struct outbox *outbox, ifl_ms agent_time)
{
    bool more = false, unsettled = false;
    for (size_t i = 0; i < world.plan.producer_count; i++) {
        struct producer *p = &producers[i];
        if (!world.calm && world.now >= p->next_at && p->input_len == 0 && !p->ended && p->expected_count == 0)
            write_lines(p, i);
        more = feed(p, agent_time) || more;
        unsettled = unsettled || p->ingest.settled_count < p->ingest.pending_count;
    }
    if (world.medium.off)
        return IFL_NEVER;
    producers_wait_for_sync = unsettled;
    enum ifl_status sync = unsettled ? outbox_sync(outbox) : IFL_OK;
    producers_wait_for_sync = false;
    for (size_t i = 0; i < world.plan.producer_count && !world.medium.off; i++)
        read_answers(&producers[i], sync);
    return more ? agent_time : IFL_NEVER;
}

uint64_t producers_next(void)
{
    uint64_t next = UINT64_MAX;
    for (size_t i = 0; i < world.plan.producer_count && !world.calm; i++)
        if (producers[i].input_len == 0 && producers[i].next_at < next)
            next = producers[i].next_at;
    return next;
}

uint64_t producers_last_lines(void)
{
    uint64_t first = oracle_token_count();
    for (unsigned route = 0; route < world.plan.route_count; route++)
        write_line(&producers[0], route, 20);
    return first;
}

void producers_start(void)
{
    for (size_t i = 0; i < SIM_PRODUCERS; i++) {
        producers[i].next_at =
            i < world.plan.producer_count ? dice_below(DICE_PEOPLE, world.plan.line_every_ms[i] + 1) : 0;
        producers[i].input_len = producers[i].expected_count = 0;
    }
}

void producers_power_on(const struct ingest_wiring *wiring)
{
    for (size_t i = 0; i < SIM_PRODUCERS; i++) {
        struct producer *p = &producers[i];
        ingest_init(&p->ingest, wiring, p->line, sizeof p->line);
        p->input_len = p->expected_count = 0;
        p->ended = false;
        if (p->next_at < world.now)
            p->next_at = world.now;
    }
}

/* Whoever waits for an answer never gets one. */
void producers_power_off(void)
{
    for (size_t i = 0; i < SIM_PRODUCERS; i++)
        producers[i].input_len = producers[i].expected_count = 0;
}
