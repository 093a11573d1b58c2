#include "base/time.h"

/* Not inlined: a call takes a third of the code. */
__attribute__((noinline)) ifl_ms ifl_ms_after(ifl_ms now, uint64_t delta_ms)
{
    return delta_ms > IFL_NEVER - now ? IFL_NEVER : now + delta_ms;
}

/* Days are counted from 0000-03-01, so that the leap day is the last of its year; an era is the 400-year cycle of the calendar. */
#define ERA_DAYS 146097
#define EPOCH_DAYS 719468 /* 0000-03-01 .. 1970-01-01 */

static int floor_div(int a, int b)
{
    return a / b - (a % b < 0);
}

int64_t ifl_unix_from_civil(const struct ifl_civil *civil)
{
    int year = civil->year - (civil->month <= 2);
    int era = floor_div(year, 400);
    unsigned year_of_era = (unsigned)(year - era * 400);
    unsigned month = (civil->month + 9) % 12; /* March = 0 */
    unsigned day_of_year = (153 * month + 2) / 5 + civil->day - 1;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    int days = era * ERA_DAYS + (int)day_of_era - EPOCH_DAYS;
    return (int64_t)days * 86400 + (int)(civil->hour * 3600 + civil->minute * 60 + civil->second);
}

void ifl_civil_from_unix(int64_t unix_s, struct ifl_civil *civil)
{
    int days = (int)(unix_s / 86400);
    int second = (int)(unix_s - (int64_t)days * 86400);
    if (second < 0) {
        second += 86400;
        days--;
    }
    int era = floor_div(days + EPOCH_DAYS, ERA_DAYS);
    unsigned day_of_era = (unsigned)(days + EPOCH_DAYS - era * ERA_DAYS);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month = (5 * day_of_year + 2) / 153; /* March = 0 */
    civil->day = day_of_year - (153 * month + 2) / 5 + 1;
    civil->month = month < 10 ? month + 3 : month - 9;
    civil->year = (int)year_of_era + era * 400 + (civil->month <= 2);
    civil->hour = (unsigned)second / 3600;
    civil->minute = (unsigned)second / 60 % 60;
    civil->second = (unsigned)second % 60;
}
