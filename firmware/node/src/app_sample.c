/* app_sample.c: a sensor that isn't there: one temperature-like reading a second for the route "telemetry", if it is configured. */
#include "app.h"

#include "base/text.h"

#define ROUTE "telemetry"
#define PERIOD_MS 1000u

static ifl_ms next;
static uint32_t count;

void app_start(ifl_ms now)
{
    next = now;
}

/* Between 18.0 and 25.9 degrees, up and down. */
static uint32_t tenths(uint32_t n)
{
    uint32_t phase = n % 160;
    return 180 + (phase < 80 ? phase : 159 - phase);
}

ifl_ms app_step(ifl_ms now)
{
    char buf[120];
    struct text text;
    if (now < next) {
        return next;
    }
    text_init(&text, buf, sizeof buf);
    text_str(&text, "{\"device\":");
    text_json(&text, bytes_of_string(node_device()));
    text_str(&text, ",\"reading\":");
    text_u64(&text, count + 1);
    text_str(&text, ",\"celsius\":");
    text_fixed(&text, tenths(count), 1);
    text_char(&text, '}');
    enum ifl_status status = node_put(ROUTE, bytes_of(buf, text.len));
    if (status == IFL_FLASH_BUSY) {
        return ifl_ms_after(now, 5);
    }
    if (status == IFL_NOT_FOUND) {
        return IFL_NEVER; /* nobody wants it */
    }
    if (status == IFL_OK) {
        count++; /* else the same reading again in a second */
    }
    next = ifl_ms_after(now, PERIOD_MS);
    return next;
}
