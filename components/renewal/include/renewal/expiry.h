/* expiry.h: telling in time that the client certificate ends: service keys live a year at most, and nobody else warns. */
#ifndef RENEWAL_EXPIRY_H
#define RENEWAL_EXPIRY_H

#include <stdint.h>

#include "base/time.h"
#include "health/health.h"
#include "identity/service_key.h"

#define EXPIRY_ALARM_NONE (-1)

/* The alarm that this many full days call for: 60, 30, 14, 7 or 1 (the smallest one that is reached), 0 when it has ended, EXPIRY_ALARM_NONE with more than
 * 60. */
int expiry_alarm(int64_t days_left);

struct expiry_watch {
    uint8_t leaf[4]; /* whose alarms: the front of the leaf's SHA-256 */
    int told;        /* the last alarm */
};

/* Nothing has been told yet. */
void expiry_watch_init(struct expiry_watch *watch);
/* `leaf_sha256` says which certificate, `end` when its chain ends. An event KEY_EXPIRES_SOON or KEY_EXPIRED with the day and the days left, once for each alarm, and again after a start. Cheap: call it once an hour, and when
 * another identity comes into use. */
void expiry_watch_step(struct expiry_watch *watch, const uint8_t leaf_sha256[32], int64_t end, int64_t unix_s,
                       struct health *health, ifl_ms now);

#endif
