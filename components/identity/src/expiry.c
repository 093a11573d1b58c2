#include "identity/service_key.h"

#define DAY_S INT64_C(86400)

enum ifl_status identity_expiry(int64_t end, int64_t unix_s, int64_t *days_left)
{
    if (end < unix_s) {
        *days_left = -((unix_s - end + DAY_S - 1) / DAY_S);
        return IFL_KEY_EXPIRED;
    }
    *days_left = (end - unix_s) / DAY_S;
    return *days_left <= IDENTITY_SOON_DAYS ? IFL_KEY_EXPIRES_SOON : IFL_OK;
}
