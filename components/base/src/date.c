#include <string.h>

#include "base/text.h"
#include "base/time.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

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
    for (; is_digit(**text) && number <= 9999; ++*text)
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
bool ifl_unix_from_http_date(const char *text, int64_t *unix_s)
{
    unsigned numbers[6], count = 0, month = 0; /* one more than there are */
    bool month_first = false;
    while (*text != '\0' && *text != ' ')
        text++;
    while (*text != '\0' && count < 6) {
        if (is_digit(*text)) {
            numbers[count++] = take_number(&text);
        } else if (strchr(" ,:-", *text) != NULL) {
            text++;
        } else if (month == 0 && (month = month_of(text)) > 0) {
            month_first = count == 0;
            text += 3;
        } else {
            break;
        }
    }
    if (count != 5 || month == 0 || !text_is(text, month_first ? "" : "GMT"))
        return false;

    const unsigned *time = numbers + (month_first ? 1 : 2);
    unsigned year = numbers[month_first ? 4 : 1];
    if (year < 100 && !month_first) /* rfc850-date */
        year += year < 70 ? 2000 : 1900;
    if (year < 1900 || year > 9999 || numbers[0] - 1 > 30 || time[0] > 23 || time[1] > 59 || time[2] > 60)
        return false;
    *unix_s = ifl_unix_from_civil(&(struct ifl_civil){(int)year, month, numbers[0], time[0], time[1], time[2]});
    return true;
}
