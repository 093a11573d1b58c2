#include "linux/system_clock.h"

#include <stdio.h>
#include <sys/timex.h>
#include <time.h>

#define RTC_COUNT 4
#define QUALITY_VALID_MS 10000u /* how long a look at the synchronisation is good for */

/* The kernel set the time from this hardware clock when it started. */
static bool rtc_set_the_time(int number)
{
    char path[64];
    snprintf(path, sizeof path, "/sys/class/rtc/rtc%d/hctosys", number);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    int yes = fgetc(file);
    fclose(file);
    return yes == '1';
}

static bool was_set_from_hardware(void)
{
    for (int i = 0; i < RTC_COUNT; i++) {
        if (rtc_set_the_time(i)) {
            return true;
        }
    }
    return false;
}

static enum clock_quality find_quality(void)
{
    struct timex status = {.modes = 0};
    bool synchronised = adjtimex(&status) >= 0 && (status.status & STA_UNSYNC) == 0;
    return synchronised || was_set_from_hardware() ? CLOCK_RTC : CLOCK_STORED;
}

void system_clock_tell(struct clock *clock, ifl_ms now)
{
    static enum clock_quality quality;
    static ifl_ms look_again;
    if (now >= look_again) {
        quality = find_quality();
        look_again = ifl_ms_after(now, QUALITY_VALID_MS);
    }
    clock_set(clock, (int64_t)time(NULL), quality, 0, now);
}
