/* values.h: header field values that a sender must understand. Pure functions: a text in, a value out. */
#ifndef HTTP_VALUES_H
#define HTTP_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/time.h"

/* Retry-After (RFC 9110 section 10.2.3): seconds or an HTTP date. `now_s` is the wall time, or the answer's own Date where that's better. OK: *wait_s is
 * 0..limit_s (clipped). INVALID: neither, or more than 2^64 seconds; *wait_s is untouched. */
enum ifl_status http_retry_after(const char *value, int64_t now_s, uint32_t limit_s, uint32_t *wait_s);
/* ifl_unix_from_http_date(). OK, or INVALID: *unix_s is untouched. */
static inline enum ifl_status http_date(const char *value, int64_t *unix_s)
{
    return ifl_unix_from_http_date(value, unix_s) ? IFL_OK : IFL_INVALID;
}
/* True if a list has this token (case-insensitive), whatever stands between its tokens. */
bool http_has_token(const char *list, const char *token);
/* The size of the `name=value` at the front of a Set-Cookie value that has no spaces at its ends, without attributes (RFC 6265 section 5.2). 0: it
 * has no name or forbidden characters. */
size_t http_cookie_size(const char *set_cookie);

#endif
