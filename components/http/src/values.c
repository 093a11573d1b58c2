#include "http/values.h"

#include <string.h>

#include "base/text.h"
#include "token.h"

enum ifl_status http_retry_after(const char *value, int64_t now_s, uint32_t limit_s, uint32_t *wait_s)
{
    uint64_t seconds;
    if (!text_to_u64(value, &seconds)) {
        int64_t date_s;
        if (!ifl_unix_from_http_date(value, &date_s))
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
