#include "http/values.h"

#include <string.h>

#include "base/time.h"
#include "token.h"

/* ---- dates ---- */

/* Reads a date from its front; after the first mismatch `bad` stays true and nothing more is taken. */
struct reader {
    struct bytes rest;
    bool bad;
};

static void skip(struct reader *in, char c)
{
    if (in->rest.size > 0 && in->rest.data[0] == (uint8_t)c)
        in->rest = bytes_tail(in->rest, 1);
    else
        in->bad = true;
}

/* A number of exactly `digits` digits. */
static unsigned number(struct reader *in, size_t digits)
{
    uint64_t value = 0;
    struct bytes text = bytes_head(in->rest, digits);
    if (text.size != digits || !bytes_to_u64(text, &value))
        in->bad = true;
    in->rest = bytes_tail(in->rest, digits);
    return (unsigned)value;
}

static unsigned month(struct reader *in)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct bytes name = bytes_head(in->rest, 3);
    in->rest = bytes_tail(in->rest, 3);
    for (unsigned i = 0; i < 12 && name.size == 3; i++)
        if (memcmp(names + 3 * (size_t)i, name.data, 3) == 0)
            return i + 1;
    in->bad = true;
    return 1;
}

static void time_of_day(struct reader *in, struct ifl_civil *civil)
{
    civil->hour = number(in, 2);
    skip(in, ':');
    civil->minute = number(in, 2);
    skip(in, ':');
    civil->second = number(in, 2);
}

/* RFC 9110 section 5.6.7, asctime-date: "Nov  6 08:49:37 1994". */
static void asctime_date(struct reader *in, struct ifl_civil *civil)
{
    civil->month = month(in);
    skip(in, ' ');
    bool one_digit = in->rest.size > 0 && in->rest.data[0] == ' ';
    if (one_digit)
        skip(in, ' ');
    civil->day = number(in, one_digit ? 1 : 2);
    skip(in, ' ');
    time_of_day(in, civil);
    skip(in, ' ');
    civil->year = (int)number(in, 4);
}

/* IMF-fixdate "06 Nov 1994 08:49:37 GMT", or with `dash` rfc850-date "06-Nov-94 08:49:37 GMT". A year of two digits is one of
 * 1970..2069. */
static void gmt_date(struct reader *in, struct ifl_civil *civil)
{
    civil->day = number(in, 2);
    bool dash = in->rest.size > 0 && in->rest.data[0] == '-';
    skip(in, dash ? '-' : ' ');
    civil->month = month(in);
    skip(in, dash ? '-' : ' ');
    civil->year = (int)number(in, dash ? 2 : 4);
    if (dash)
        civil->year += civil->year < 70 ? 2000 : 1900;
    skip(in, ' ');
    time_of_day(in, civil);
    if (!bytes_equal(in->rest, bytes_of_string(" GMT")))
        in->bad = true;
    in->rest.size = 0;
}

enum ifl_status http_date(struct bytes value, int64_t *unix_s)
{
    struct ifl_civil civil = {0};
    size_t comma = bytes_find(value, bytes_of_string(", "));
    struct reader in = {.rest = value};
    if (comma < value.size) { /* the day of the week says nothing new */
        in.rest = bytes_tail(value, comma + 2);
        gmt_date(&in, &civil);
    } else {
        in.rest = bytes_tail(value, 4);
        asctime_date(&in, &civil);
    }
    if (in.bad || in.rest.size > 0 || civil.day < 1 || civil.day > 31 || civil.hour > 23 || civil.minute > 59 ||
        civil.second > 60)
        return IFL_INVALID;
    *unix_s = ifl_unix_from_civil(&civil);
    return IFL_OK;
}

static bool all_digits(struct bytes text)
{
    size_t count = 0;
    while (count < text.size && http_is_digit(text.data[count]))
        count++;
    return count == text.size && count > 0;
}

enum ifl_status http_retry_after(struct bytes value, int64_t now_s, uint32_t limit_s, uint32_t *wait_s)
{
    uint64_t seconds = 0;
    int64_t date_s = 0;
    if (all_digits(value)) {
        if (!bytes_to_u64(value, &seconds))
            seconds = UINT64_MAX; /* more seconds than there are */
    } else if (http_date(value, &date_s) == IFL_OK) {
        seconds = date_s > now_s ? (uint64_t)date_s - (uint64_t)now_s : 0;
    } else {
        return IFL_INVALID;
    }
    *wait_s = seconds < limit_s ? (uint32_t)seconds : limit_s;
    return IFL_OK;
}

/* ---- lists and parameters ---- */

bool http_has_token(struct bytes list, const char *token)
{
    for (;;) {
        size_t comma = bytes_find(list, bytes_of_string(","));
        if (http_is(http_trim(bytes_head(list, comma)), token))
            return true;
        if (comma >= list.size)
            return false;
        list = bytes_tail(list, comma + 1);
    }
}

struct bytes http_media_type(struct bytes content_type)
{
    return http_trim(bytes_head(content_type, bytes_find(content_type, bytes_of_string(";"))));
}

struct bytes http_cookie_pair(struct bytes set_cookie)
{
    struct bytes pair = http_media_type(set_cookie); /* cut in the same way */
    size_t name_size = 0;
    while (name_size < pair.size && http_is_token_char(pair.data[name_size]))
        name_size++;
    bool good = name_size > 0 && name_size < pair.size && pair.data[name_size] == '=';
    for (size_t i = name_size; i < pair.size; i++)
        good = good && pair.data[i] > ' ' && pair.data[i] < 0x7f && pair.data[i] != ',';
    return good ? pair : bytes_head(pair, 0);
}
