/* heartbeat.c: how the node is doing, as a message like any other. */
#include "app.h"
#include "board/board.h"
#include "node.h"

#define ROUTE "heartbeat"
#define PERIOD_MS (15u * 60u * 1000u)
#define RETRY_MS 20u

static void add(void *ctx, struct bytes piece)
{
    text_bytes(ctx, piece);
}

static uint64_t older(uint64_t oldest_s, uint8_t lane, int64_t unix_s)
{
    struct outbox_message message;
    if (outbox_first(&node_outbox, lane, &message) != IFL_OK || message.time.unix_s >= unix_s) {
        return oldest_s;
    }
    const uint64_t age_s = (uint64_t)(unix_s - message.time.unix_s);
    return age_s > oldest_s ? age_s : oldest_s;
}

/* Messages that wait, and the age of the oldest in seconds; 0 where none waits. */
static uint64_t queued(int64_t unix_s, uint64_t *oldest_s)
{
    uint64_t sum = 0;
    *oldest_s = 0;
    for (size_t lane = OUTBOX_LANE_DEAD + 1; lane < outbox_lane_count(&node_outbox); lane++) {
        struct outbox_lane_stats stats;
        if (outbox_lane_stats(&node_outbox, (uint8_t)lane, &stats) == IFL_OK) {
            sum += stats.queued;
            *oldest_s = older(*oldest_s, (uint8_t)lane, unix_s);
        }
    }
    return sum;
}

static uint32_t last_error(void)
{
    const struct health_event *event = health_event_at(&node_health, health_last_seq(&node_health));
    return event != NULL ? (uint32_t)event->status : 0;
}

static void write_heartbeat(struct text *text, ifl_ms now)
{
    const struct clock_reading reading = clock_read(&node.clock, now);
    const struct board_reboot *last = board_last_reboot();
    int64_t left_s = (node.slot < 0 ? 0 : node_slots.slot[node.slot].chain_not_after) - reading.unix_s;
    struct answer out = {.write = add, .ctx = text, .json = true, .last = ANSWER_NAMED};
    uint64_t oldest_s;
    answer_form(&out, "|%{device%s version%s board%s uptime_s%U starts%U reboot_reason%s", node_settings.device,
                IFL_VERSION, board_name, now / 1000, node.seed.starts, board_reboot_reason_name(last->reason));
    if (last->pc != 0 || last->lr != 0) {
        answer_form(&out, "|reboot_pc%u reboot_lr%u", last->pc, last->lr);
    }
    const uint64_t count = queued(reading.unix_s, &oldest_s);
    answer_form(&out, "|queued%U oldest_s%U", count, oldest_s);
    for (int i = 0; i < HEALTH_COUNTER_COUNT; i++) {
        answer_form(&out, "|%m%U", health_counter_name((enum health_counter)i), node_health.counters[i]);
    }
    answer_form(&out, "|days_left%U time_quality%s last_error%u", left_s > 0 ? (uint64_t)left_s / 86400 : 0,
                clock_quality_name(reading.quality), last_error());
    answer_form(&out, "|arena_peak%u stack_used%u watchdog_feeds%u%}", (uint32_t)node.arena.peak,
                (uint32_t)board_stack_used(), board_watchdog_feed_count());
}

ifl_ms heartbeat_step(ifl_ms now)
{
    char buf[900];
    struct text text;
    if (now < node.next_heartbeat) {
        return node.next_heartbeat;
    }
    if (settings_route_index(&node_settings, bytes_of_string(ROUTE)) >= node_settings.route_count) {
        node.next_heartbeat = IFL_NEVER;
        return IFL_NEVER;
    }
    text_init(&text, buf, sizeof buf);
    write_heartbeat(&text, now);
    const bool busy = !text.cut && node_put(ROUTE, bytes_of(buf, text.len)) == IFL_FLASH_BUSY;
    node.next_heartbeat = ifl_ms_after(now, busy ? RETRY_MS : PERIOD_MS);
    return node.next_heartbeat;
}
