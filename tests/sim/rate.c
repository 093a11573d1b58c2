/* rate.c: nothing hammers the tenant. Seen from outside, by what the agent was told and when it came again:
 *
 *   Retry-After     nobody comes before it
 *   holds           the k-th probe in a row comes no earlier than 0.74 * min(cap, first * 2^k)
 *   backoff         waits are uniform in 0..I(k) = min(cap, base * 2^k). A single wait may be 0, so the sum of all waits of a streak is judged: n waits add up
 *                   to t or less with probability t^n / (n! * I(1)*...*I(n)) at most; less than e^-25 isn't chance
 *   jitter          eight waits in a row of exactly I(k) aren't chance either
 *   max_rate        after an accepted request the next one of its route comes no earlier than its messages at that rate
 *   in general      no more than LIMIT requests a minute without any success
 */
#include <math.h>
#include <string.h>

#include "sim.h"

#define LIMIT 150
#define IMPROBABLE (-25.0)
#define SLACK_MS 20
#define EXACT_LIMIT 8

struct streak {
    bool waiting;
    uint64_t failed_at, at_least_ms;
    unsigned count, exact_count;
    double sum_ms, logs;
};

struct hold {
    bool held;
    unsigned probes;
    uint64_t since, not_before;
};

static struct {
    uint64_t reset_at;
    struct streak connections, host, routes[SIM_ROUTES];
    struct hold host_hold, route_holds[SIM_ROUTES];
    uint64_t n[SIM_ROUTES], last_n[SIM_ROUTES], accepted_at[SIM_ROUTES], accepted_count[SIM_ROUTES];
    bool fresh_token[SIM_ROUTES];
    uint64_t minute, minute_count;
} rate;

uint64_t rate_request_count, rate_open_count;

static double interval_ms(uint32_t base_ms, uint32_t cap_ms, unsigned index)
{
    double ms = ldexp((double)base_ms, index < 40 ? (int)index : 40);
    return ms < cap_ms ? ms : cap_ms;
}

static void forget(struct streak *streak)
{
    memset(streak, 0, sizeof *streak);
}

static void failed(struct streak *streak, uint64_t at_least_ms)
{
    streak->waiting = true;
    streak->failed_at = world.now;
    streak->at_least_ms = at_least_ms;
}

static void judge(struct streak *streak, double wait_ms, const char *who)
{
    const struct settings *settings = &world.plan.settings;
    double interval = interval_ms(settings->backoff_base_ms, settings->backoff_cap_ms, streak->count);
    streak->count++;
    streak->sum_ms += wait_ms + SLACK_MS;
    streak->logs += log(interval);
    double n = streak->count;
    double probability = n * log(streak->sum_ms) - lgamma(n + 1) - streak->logs;
    if (probability < IMPROBABLE)
        broken("%s: %u tries in %.0f ms, faster than the backoff allows", who, streak->count, streak->sum_ms);
    bool exact = wait_ms > interval * 0.97 && wait_ms < interval * 1.03 + SLACK_MS;
    streak->exact_count = exact ? streak->exact_count + 1 : 0;
    if (streak->exact_count >= EXACT_LIMIT)
        broken("%s: %u waits of exactly the whole interval: no jitter", who, streak->exact_count);
}

static enum sender_route_state host_state(void)
{
    struct sender_view view;
    sender_host_view(&agent()->sender, &view);
    return view.state;
}

/* Held by what this file doesn't follow (TLS, answers that aren't HTTP), the host is probed: Retry-After counts instead of the probe's wait then, not
 * on top of a random one (backoff.h). */
static bool is_probed(void)
{
    return host_state() == SENDER_ROUTE_HELD;
}

static void again(struct streak *streak, uint64_t at, const char *who)
{
    if (!streak->waiting || at < streak->failed_at)
        return;
    streak->waiting = false;
    double gap_ms = (double)(at - streak->failed_at), least_ms = (double)streak->at_least_ms;
    if (gap_ms < least_ms * 0.999 - SLACK_MS)
        broken("%s: back after %.0f ms, but Retry-After said %.0f ms", who, gap_ms, least_ms);
    if (streak->at_least_ms > 0 && is_probed())
        return;
    judge(streak, gap_ms > least_ms ? gap_ms - least_ms : 0, who);
}

/* ---- holds ---- */

static void probe_failed(struct hold *hold, uint64_t at_least_ms)
{
    const struct settings *settings = &world.plan.settings;
    double ms = 0.74 * interval_ms(settings->probe_first_ms, settings->probe_cap_ms, hold->probes);
    hold->held = true;
    hold->probes++;
    hold->since = world.now;
    if (ms < (double)at_least_ms * 0.999)
        ms = (double)at_least_ms * 0.999;
    hold->not_before = world.now + (uint64_t)ms - (ms > SLACK_MS ? SLACK_MS : 0);
}

static void check_hold(const struct hold *hold, uint64_t at, const char *who)
{
    if (hold->held && at >= hold->since && at < hold->not_before)
        broken("%s is held, but probe %u comes %llu ms too early", who, hold->probes,
               (unsigned long long)(hold->not_before - at));
}

/* ---- what happens ---- */

void rate_reset(void)
{
    uint64_t minute = rate.minute, count = rate.minute_count;
    memset(&rate, 0, sizeof rate);
    rate.reset_at = world.now;
    rate.minute = minute;
    rate.minute_count = count;
}

void rate_start(void)
{
    memset(&rate, 0, sizeof rate);
}

static void over(struct streak *streak, struct hold *hold)
{
    forget(streak);
    memset(hold, 0, sizeof *hold);
}

void rate_opened(void)
{
    rate_open_count++;
    again(&rate.connections, world.now, "connections");
    again(&rate.host, world.now, "the host");
    check_hold(&rate.host_hold, world.now, "the host");
}

void rate_connection_ended(bool fine)
{
    if (fine)
        forget(&rate.connections);
    else
        failed(&rate.connections, 0);
}

static void count_request(void)
{
    rate_request_count++;
    if (world.now / MINUTE != rate.minute) {
        rate.minute = world.now / MINUTE;
        rate.minute_count = 0;
    }
    if (++rate.minute_count > LIMIT)
        broken("more than %d requests within a minute, and none succeeds", LIMIT);
}

/* After a batch of k messages the pause is k times as long, by the agent's clock, which drifts by up to 200 ppm. */
static void check_max_rate(unsigned route, uint64_t sent_at)
{
    uint64_t max_rate = world.plan.settings.routes[route].max_rate, last_at = rate.accepted_at[route];
    if (max_rate > 0 && last_at > 0 && sent_at >= last_at &&
        sent_at + SLACK_MS + (sent_at - last_at) / 5000 < last_at + MINUTE * rate.accepted_count[route] / max_rate)
        broken("route %u sends %llu ms after the %llu messages before, max_rate is %u a minute", route,
               (unsigned long long)(sent_at - last_at), (unsigned long long)rate.accepted_count[route],
               (unsigned)max_rate);
}

void rate_request(const struct request *request)
{
    unsigned route = request->route;
    bool head = request->head;
    uint64_t n = request->id.n, sent_at = request->sent_at;
    count_request();
    if (sent_at <= rate.reset_at)
        return;
    if (!head)
        check_max_rate(route, sent_at);
    if (!head && (rate.n[route] != n || rate.last_n[route] != request->last_n))
        over(&rate.routes[route],
             &rate.route_holds[route]); /* another message, or a part of a batch: what was before is settled */
    if (!head) {
        rate.n[route] = n;
        rate.last_n[route] = request->last_n;
    }
    check_hold(&rate.route_holds[route], sent_at, "a route");
    check_hold(&rate.host_hold, sent_at, "the host");
    again(&rate.routes[route], sent_at, "a route");
    again(&rate.host, sent_at, "the host");
}

static void route_failed(unsigned route, uint64_t at_least_ms)
{
    if (rate.route_holds[route].held)
        probe_failed(&rate.route_holds[route], at_least_ms);
    else if (world.plan.settings.routes[route].dead_letter_after == 0)
        failed(&rate.routes[route], at_least_ms);
}

static void succeeded(unsigned route)
{
    rate.minute_count = 0;
    over(&rate.routes[route], &rate.route_holds[route]);
}

/* Its next request may be a HEAD, which doesn't show that it's about another message. */
void rate_buried(unsigned route)
{
    over(&rate.routes[route], &rate.route_holds[route]);
}

/* Anything but the host's own troubles shows that the host works. */
static bool is_of_host(enum meaning meaning)
{
    return meaning == MEANS_RETRY_HOST || meaning == MEANS_HOLD_HOST;
}

/* Without the text in its body a refusal may be the route's for the agent, which has acted already: its host goes then, and the route waits. */
static bool is_of_route_now(bool cut, enum meaning meaning)
{
    return cut && is_of_host(meaning) && host_state() == SENDER_ROUTE_GOING;
}

void rate_answer(const struct request *request, bool cut, enum meaning meaning, uint64_t retry_after_ms)
{
    unsigned route = request->route;
    bool head = request->head;
    bool fresh = rate.fresh_token[route];
    if (meaning == MEANS_ONCE_MORE)
        return;
    rate.fresh_token[route] = meaning == MEANS_TOKEN;
    if (is_of_route_now(cut, meaning)) {
        over(&rate.host, &rate.host_hold);
        return;
    }
    if (!is_of_host(meaning))
        over(&rate.host, &rate.host_hold);
    if (meaning == MEANS_DONE) {
        rate.accepted_at[route] = world.now;
        rate.accepted_count[route] = request->last_n - request->id.n + 1;
    }
    if (meaning == MEANS_DONE || meaning == MEANS_DEAD_LETTER)
        succeeded(route);
    else if (meaning == MEANS_RETRY_ROUTE || (meaning == MEANS_CSRF && (fresh || head)))
        route_failed(route, retry_after_ms);
    else if (meaning == MEANS_HOLD_ROUTE)
        probe_failed(&rate.route_holds[route], retry_after_ms);
    else if (meaning == MEANS_HOLD_HOST)
        probe_failed(&rate.host_hold, retry_after_ms);
    else if (meaning == MEANS_RETRY_HOST && rate.host_hold.held)
        probe_failed(&rate.host_hold, retry_after_ms);
    else if (meaning == MEANS_RETRY_HOST)
        failed(&rate.host, retry_after_ms);
}
