/* heartbeat.c: how the node is doing, as a message like any other. */
#include "app.h"
#include "board/board.h"
#include "node.h"

#define ROUTE "heartbeat"
#define PERIOD_MS (15u * 60u * 1000u)
#define RETRY_MS 20u

static void number(struct text *text, const char *name, uint64_t value)
{
    text_str(text, ",\"");
    text_str(text, name);
    text_str(text, "\":");
    text_u64(text, value);
}

static void string(struct text *text, const char *name, const char *value)
{
    text_str(text, ",\"");
    text_str(text, name);
    text_str(text, "\":");
    text_json(text, bytes_of_string(value));
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

static uint64_t last_error(void)
{
    const struct health_event *event = health_event_at(&node_health, health_last_seq(&node_health));
    return event != NULL ? (uint64_t)event->status : 0;
}

static void write_heartbeat(struct text *text, ifl_ms now)
{
    const struct clock_reading reading = clock_read(&node.clock, now);
    const struct board_reboot *last = board_last_reboot();
    int64_t left_s = (node.slot < 0 ? 0 : node_slots.slot[node.slot].chain_not_after) - reading.unix_s;
    text_str(text, "{\"device\":");
    text_json(text, bytes_of_string(node_settings.device));
    string(text, "version", IFL_VERSION);
    string(text, "board", board_name);
    number(text, "uptime_s", now / 1000);
    number(text, "starts", node.seed.starts);
    string(text, "reboot_reason", board_reboot_reason_name(last->reason));
    if (last->pc != 0 || last->lr != 0) {
        number(text, "reboot_pc", last->pc);
        number(text, "reboot_lr", last->lr);
    }
    uint64_t oldest_s;
    number(text, "queued", queued(reading.unix_s, &oldest_s));
    number(text, "oldest_s", oldest_s);
    for (int i = 0; i < HEALTH_COUNTER_COUNT; i++) {
        number(text, health_counter_name((enum health_counter)i), node_health.counters[i]);
    }
    number(text, "days_left", left_s > 0 ? (uint64_t)left_s / 86400 : 0);
    string(text, "time_quality", clock_quality_name(reading.quality));
    number(text, "last_error", last_error());
    number(text, "arena_peak", node.arena.peak);
    number(text, "stack_used", board_stack_used());
    number(text, "watchdog_feeds", board_watchdog_feed_count());
    text_char(text, '}');
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
