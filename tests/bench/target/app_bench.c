/* app_bench.c: one message of 300 bytes a second for the route "telemetry". */
#include <string.h>

#include "app.h"
#include "bench.h"

#define PERIOD_MS 1000u
#define MESSAGE_SIZE 300u

static ifl_ms next;

void app_start(ifl_ms now)
{
    next = ifl_ms_after(now, PERIOD_MS);
}

ifl_ms app_step(ifl_ms now)
{
    uint8_t message[MESSAGE_SIZE];
    bench_duty();
    if (now < next) {
        return next;
    }
    memset(message, 'x', sizeof message);
    const enum ifl_status status = node_put("telemetry", bytes_of(message, sizeof message));
    next = ifl_ms_after(now, status == IFL_FLASH_BUSY ? 5u : PERIOD_MS);
    return next;
}
