#include "http/values.h"

#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "base/time.h"
#include "token.h"

/* ---- dates ---- */

/* 1..12, or 0: no month stands there. */
static unsigned month_of(const char *text)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (unsigned i = 0; i < 12; i++)
        if (strncmp(names + 3 * (size_t)i, text, 3) == 0)
            return i + 1;
    return 0;
}

/* Take a number off the front; a larger one than 9999 ends in something larger. */
static unsigned take_number(const char **text)
{
    unsigned number = 0;
    for (; http_is_digit(**text) && number <= 9999; ++*text)
        number = number * 10 + (unsigned)(**text - '0');
    return number;
}

/* The three forms of RFC 9110 section 5.6.7 are the same words and numbers in two orders:
 *
 *   Sun, 06 Nov 1994 08:49:37 GMT      day month year h m s GMT
 *   Sunday, 06-Nov-94 08:49:37 GMT
 *   Sun Nov  6 08:49:37 1994           month day h m s year
 *
 * The day of the week says nothing new; separators are taken as they come. */
enum ifl_status http_date(const char *value, int64_t *unix_s)
{
    unsigned numbers[6], count = 0, month = 0; /* one more than there are */
    bool month_first = false;
    while (*value != '\0' && *value != ' ')
        value++;
    while (*value != '\0' && count < 6) {
        if (http_is_digit(*value)) {
            numbers[count++] = take_number(&value);
        } else if (strchr(" ,:-", *value) != NULL) {
            value++;
        } else if (month == 0 && (month = month_of(value)) > 0) {
            month_first = count == 0;
            value += 3;
        } else {
            break;
        }
    }
    if (count != 5 || month == 0 || !text_is(value, month_first ? "" : "GMT"))
        return IFL_INVALID;

    const unsigned *time = numbers + (month_first ? 1 : 2);
    unsigned year = numbers[month_first ? 4 : 1];
    if (year < 100 && !month_first) /* rfc850-date */
        year += year < 70 ? 2000 : 1900;
    if (year < 1900 || year > 9999 || numbers[0] - 1 > 30 || time[0] > 23 || time[1] > 59 || time[2] > 60)
        return IFL_INVALID;
    *unix_s = ifl_unix_from_civil(&(struct ifl_civil){(int)year, month, numbers[0], time[0], time[1], time[2]});
    return IFL_OK;
}

enum ifl_status http_retry_after(const char *value, int64_t now_s, uint32_t limit_s, uint32_t *wait_s)
{
    uint64_t seconds;
    if (!text_to_u64(value, &seconds)) {
        int64_t date_s;
        if (http_date(value, &date_s) != IFL_OK)
            return IFL_INVALID;
        seconds = date_s > now_s ? (uint64_t)date_s - (uint64_t)now_s : 0;
    }
    *wait_s = seconds < limit_s ? (uint32_t)seconds : limit_s;
    return IFL_OK;
}

/* ---- lists and parameters ---- */

bool http_has_token(const char *list, const char *token)
{
    for (const char *at = list; (at = text_find(at, token)) != NULL; at++)
        if ((at == list || !http_is_token_char(at[-1])) && !http_is_token_char(at[strlen(token)]))
            return true;
    return false;
}

/* What a pair may hold behind its name: neither a header nor a cookie can be added by it. */
static bool is_cookie_char(char c)
{
    return c > ' ' && c < 0x7f && c != ',' && c != ';';
}

size_t http_cookie_size(const char *set_cookie)
{
    size_t size = http_token_size(set_cookie);
    if (size == 0 || set_cookie[size] != '=')
        return 0;
    while (is_cookie_char(set_cookie[size]))
        size++;
    const char *end = set_cookie + size;
    while (http_is_space(*end))
        end++;
    return *end == '\0' || *end == ';' ? size : 0;
}
