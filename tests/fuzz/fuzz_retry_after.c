/* Values of Retry-After and Date: a wait within its limit, whatever is asked for. */
#include "fuzz.h"

#include <string.h>

#include "http/values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t nows[] = {0, 1795000000, INT64_C(253402300799), -5};
    char value[512] = "";
    if (size < 1 || size > sizeof value)
        return 0;
    memcpy(value, data + 1, size - 1);
    uint32_t limit_s = data[0] * 60u;
    uint32_t wait_s = UINT32_MAX;
    int64_t unix_s = INT64_MIN;
    enum ifl_status status = http_retry_after(value, nows[data[0] & 3], limit_s, &wait_s);
    promise(status == IFL_OK ? wait_s <= limit_s : wait_s == UINT32_MAX);
    promise(http_date(value, &unix_s) == IFL_OK || unix_s == INT64_MIN);
    (void)http_has_token(value, "close");
    promise(http_cookie_size(value) <= strlen(value));
    return 0;
}
