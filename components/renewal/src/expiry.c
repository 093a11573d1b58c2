#include "renewal/expiry.h"

#include <string.h>

#include "base/text.h"

int expiry_alarm(int64_t days_left)
{
    static const int8_t alarms[] = {1, 7, 14, 30, 60, EXPIRY_ALARM_NONE};
    const int days = days_left > 60 ? 61 : (int)days_left;
    size_t i = 0;
    if (days_left < 0) {
        return 0;
    }
    while (alarms[i] != EXPIRY_ALARM_NONE && days > alarms[i]) {
        i++;
    }
    return alarms[i];
}

void expiry_watch_init(struct expiry_watch *watch)
{
    *watch = (struct expiry_watch){.told = EXPIRY_ALARM_NONE};
}

static void tell(int64_t end, int64_t days, enum ifl_status status, struct health *health, ifl_ms now)
{
    char buf[HEALTH_DETAIL_SIZE];
    struct text detail;
    const uint64_t count = (uint64_t)(days < 0 ? -days : days);
    text_init(&detail, buf, sizeof buf);
    text_utc(&detail, end);
    text_str(&detail, ", ");
    text_u64(&detail, count);
    text_str(&detail, count == 1 ? " day" : " days");
    text_str(&detail, days < 0 ? " ago" : " left");
    health_event(health, now, status, HEALTH_ROUTE_NONE, buf);
}

void expiry_watch_step(struct expiry_watch *watch, const uint8_t leaf_sha256[32], int64_t end, int64_t unix_s,
                       struct health *health, ifl_ms now)
{
    int64_t days = 0;
    const enum ifl_status status = identity_expiry(end, unix_s, &days);
    const int alarm = expiry_alarm(days);
    if (memcmp(watch->leaf, leaf_sha256, sizeof watch->leaf) != 0) {
        memcpy(watch->leaf, leaf_sha256, sizeof watch->leaf);
        watch->told = EXPIRY_ALARM_NONE;
    }
    if (alarm != watch->told && alarm != EXPIRY_ALARM_NONE) {
        tell(end, days, status, health, now);
    }
    watch->told = alarm;
}
