/* main_bench.c: the firmware's loop with a stop watch around each turn. It counts cycles of the CPU's clock while the loop is at work; where QEMU runs with
 * -icount, they are proportional to instructions. Sleep isn't counted. */
#include "bench.h"
#include "board/board.h"
#include "cortex_m/cortex_m.h"
#include "ip/ip.h"
#include "node.h"

#define POST_ENDS_MS 100u /* after the answer: the cursor is on flash by then */

struct bench bench;

struct watch {
    bool running;
    ifl_ms end; /* 0: not known yet */
    uint64_t before[HEALTH_COUNTER_COUNT];
    struct bench_event event;
};
static struct watch handshake, post;
static uint64_t duty_at;     /* when the duties ran last, or a turn of the loop began */
static uint32_t longest_gap; /* of this turn */
static uint32_t own_work;    /* in this turn, of bench_duty() itself */
static uint32_t own_cost;    /* of one call of it */

void bench_duty(void)
{
    const uint64_t now = cortex_m_cycles();
    const uint32_t gap = (uint32_t)(now - duty_at);
    longest_gap = gap > longest_gap ? gap : longest_gap;
    duty_at = now;
    own_work += own_cost;
}

/* A stop watch isn't part of what it measures. */
static void weigh_bench_duty(void)
{
    const uint64_t start = cortex_m_cycles();
    const uint64_t read = cortex_m_cycles() - start;
    bench_duty();
    own_cost = (uint32_t)(cortex_m_cycles() - start - 2 * read);
}

static bool counted(const struct watch *watch, enum health_counter counter)
{
    return node_health.counters[counter] != watch->before[counter];
}

static void begin(struct watch *watch)
{
    *watch = (struct watch){.running = true};
    for (size_t i = 0; i < HEALTH_COUNTER_COUNT; i++) {
        watch->before[i] = node_health.counters[i];
    }
}

static void add(struct watch *watch, uint32_t took)
{
    struct bench_event *event = &watch->event;
    if (!watch->running) {
        return;
    }
    event->cycles += took;
    if (took > event->longest) {
        event->second_longest = event->longest;
        event->longest = took;
    } else if (took > event->second_longest) {
        event->second_longest = took;
    }
    event->longest_gap = longest_gap > event->longest_gap ? longest_gap : event->longest_gap;
}

static void end(struct watch *watch, enum bench_kind kind)
{
    watch->running = false;
    watch->event.kind = (uint32_t)kind;
    if (bench.event_count < BENCH_EVENT_COUNT) {
        bench.events[bench.event_count++] = watch->event;
    }
}

static void watch_handshake(void)
{
    if (!handshake.running || sender_state(&node_sender) == SENDER_CONNECT) {
        return;
    }
    handshake.event.bytes_sent = (uint32_t)tls_facts(&node_tls)->bytes_sent;
    handshake.event.bytes_received = (uint32_t)tls_facts(&node_tls)->bytes_received;
    if (counted(&handshake, HEALTH_HANDSHAKES_FULL)) {
        end(&handshake, BENCH_FULL_HANDSHAKE);
    } else if (counted(&handshake, HEALTH_HANDSHAKES_RESUMED)) {
        end(&handshake, BENCH_RESUMED_HANDSHAKE);
    }
    handshake.running = false;
}

/* From the turn in which the message was stored to the cursor; only where the connection was open all the time. */
static void watch_post(ifl_ms now)
{
    if (!post.running) {
        return;
    }
    if (counted(&post, HEALTH_CONNECTS) || sender_state(&node_sender) == SENDER_CONNECT) {
        post.running = false;
    } else if (post.end == 0 && counted(&post, HEALTH_ACCEPTED)) {
        post.end = ifl_ms_after(now, POST_ENDS_MS);
    } else if (post.end != 0 && now >= post.end) {
        end(&post, BENCH_POST);
    }
}

static void note_memory(void)
{
    struct ip_status ip;
    ip_status(&ip);
    bench.turns++;
    bench.arena_peak = (uint32_t)node.arena.peak;
    bench.arena_extent = (uint32_t)node.arena.extent;
    bench.stack_used = (uint32_t)board_stack_used();
    bench.stack_size = (uint32_t)board_stack_size();
    bench.interrupt_stack_used = (uint32_t)board_interrupt_stack_used();
    bench.interrupt_stack_size = (uint32_t)board_interrupt_stack_size();
    bench.network_heap_peak = ip.memory_used_peak;
}

static ifl_ms turn(void)
{
    const ifl_ms now = board_now();
    const uint64_t stored = node_health.counters[HEALTH_STORED];
    const enum sender_state before = sender_state(&node_sender);
    struct watch fresh;
    begin(&fresh);
    const uint64_t start = cortex_m_cycles();
    duty_at = start;
    longest_gap = own_work = 0;
    board_watchdog_feed();
    const ifl_ms wish = node_step(now);
    const uint32_t took = (uint32_t)(cortex_m_cycles() - start) - own_work;
    bench_duty(); /* the next turn comes at once, or the CPU sleeps */
    if (before != SENDER_CONNECT && sender_state(&node_sender) == SENDER_CONNECT) {
        handshake = fresh;
    }
    if (node_health.counters[HEALTH_STORED] != stored && before == SENDER_READY) {
        post = fresh;
    }
    if (before == SENDER_IDLE && sender_state(&node_sender) == SENDER_IDLE && took > bench.longest_idle) {
        bench.longest_idle = took;
    }
    add(&handshake, took);
    add(&post, took);
    watch_handshake();
    watch_post(now);
    note_memory();
    return post.running && post.end != 0 ? ifl_ms_min(wish, post.end) : wish;
}

int main(void)
{
    const char *part = NULL;
    const enum ifl_status status = node_start(&part);
    if (status != IFL_OK) {
        uart_log_status(status, part);
    } else {
        uart_print("log: ready\n");
    }
    weigh_bench_duty();
    for (;;) {
        board_wait(status == IFL_OK ? turn() : IFL_NEVER);
    }
}
