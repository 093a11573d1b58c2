#include "http/values.h"

#include <string.h>

#include "base/time.h"
#include "token.h"

/* ---- dates ---- */

/* The three forms of RFC 9110 section 5.6.7 are words and numbers in two orders:
 *
 *   Sun, 06 Nov 1994 08:49:37 GMT      day month year h m s GMT
 *   Sunday, 06-Nov-94 08:49:37 GMT
 *   Sun Nov  6 08:49:37 1994           month day h m s year
 *
 * What stands between them is taken as it comes. */
struct reader {
    const uint8_t *at, *end;
    bool bad;
};

static void skip_separators(struct reader *in)
{
    while (in->at < in->end && memchr(" ,:-", *in->at, 4) != NULL)
        in->at++;
}

/* A number of one to four digits, at most `max`. */
static int number(struct reader *in, int max)
{
    int value = 0;
    skip_separators(in);
    const uint8_t *first = in->at;
    while (in->at < in->end && http_is_digit(*in->at) && in->at - first < 5)
        value = value * 10 + (*in->at++ - '0');
    if (in->at == first || value > max)
        in->bad = true;
    return value;
}

/* 1..12, or 0: no month. */
static unsigned month(struct reader *in)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    skip_separators(in);
    for (unsigned i = 0; i < 12 && in->end - in->at >= 3; i++)
        if (memcmp(names + 3 * (size_t)i, in->at, 3) == 0) {
            in->at += 3;
            return i + 1;
        }
    return 0;
}

enum ifl_status http_date(struct bytes value, int64_t *unix_s)
{
    struct ifl_civil civil = {0};
    struct reader in = {.at = value.data, .end = value.data + value.size};
    while (in.at < in.end && *in.at != ' ') /* the day of the week says nothing new */
        in.at++;
    civil.month = month(&in);
    bool asctime = civil.month > 0;
    civil.day = (unsigned)number(&in, 31);
    if (!asctime) {
        civil.month = month(&in);
        civil.year = number(&in, 9999);
        if (civil.year < 100) /* rfc850-date */
            civil.year += civil.year < 70 ? 2000 : 1900;
    }
    civil.hour = (unsigned)number(&in, 23);
    civil.minute = (unsigned)number(&in, 59);
    civil.second = (unsigned)number(&in, 60);
    if (asctime)
        civil.year = number(&in, 9999);
    bool at_end = http_is(http_span(in.at, (size_t)(in.end - in.at)), asctime ? "" : " GMT");
    if (in.bad || !at_end || civil.month == 0 || civil.day == 0 || civil.year < 1900)
        return IFL_INVALID;
    *unix_s = ifl_unix_from_civil(&civil);
    return IFL_OK;
}

enum ifl_status http_retry_after(struct bytes value, int64_t now_s, uint32_t limit_s, uint32_t *wait_s)
{
    uint64_t seconds = 0;
    int64_t date_s = 0;
    size_t digits = 0;
    for (; digits < value.size && http_is_digit(value.data[digits]); digits++)
        seconds = seconds < limit_s ? seconds * 10 + value.data[digits] - '0' : seconds; /* beyond it nothing counts */
    if (digits == 0 || digits < value.size) {
        if (http_date(value, &date_s) != IFL_OK)
            return IFL_INVALID;
        seconds = date_s > now_s ? (uint64_t)date_s - (uint64_t)now_s : 0;
    }
    *wait_s = seconds < limit_s ? (uint32_t)seconds : limit_s;
    return IFL_OK;
}

/* ---- lists and parameters ---- */

/* How many bytes stand before the first `c`. */
static size_t size_before(struct bytes span, char c)
{
    const uint8_t *at = span.size > 0 ? memchr(span.data, c, span.size) : NULL;
    return at == NULL ? span.size : (size_t)(at - span.data);
}

bool http_has_token(struct bytes list, const char *token)
{
    for (;;) {
        size_t size = size_before(list, ',');
        if (http_is(http_trim(http_span(list.data, size)), token))
            return true;
        if (size == list.size)
            return false;
        list = http_span(list.data + size + 1, list.size - size - 1);
    }
}

struct bytes http_media_type(struct bytes content_type)
{
    return http_trim(http_span(content_type.data, size_before(content_type, ';')));
}

struct bytes http_cookie_pair(struct bytes set_cookie)
{
    struct bytes pair = http_media_type(set_cookie); /* cut in the same way */
    size_t name_size = http_token_size(pair);
    bool good = name_size > 0 && name_size < pair.size && pair.data[name_size] == '=';
    for (size_t i = name_size; i < pair.size; i++)
        good = good && pair.data[i] > ' ' && pair.data[i] < 0x7f && pair.data[i] != ',';
    return http_span(pair.data, good ? pair.size : 0);
}
