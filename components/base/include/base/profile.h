/* profile.h: how much of everything a build can hold. The build picks one profile header by IFL_PROFILE_HEADER; default is robust. */
#ifndef BASE_PROFILE_H
#define BASE_PROFILE_H

#ifndef IFL_PROFILE_HEADER
#define IFL_PROFILE_HEADER "base/profile_robust.h"
#endif
#include IFL_PROFILE_HEADER

#define IFL_ROUTE_NAME_SIZE 32 /* characters of a route's name incl. the terminating zero */
#define IFL_DEVICE_SIZE 48     /* characters of a device's name incl. the terminating zero */
#define IFL_HOST_SIZE 254      /* a DNS name (RFC 1035 section 2.3.4: 253) incl. the terminating zero */
#define IFL_LANE_COUNT                                                                                                 \
    (IFL_ROUTE_COUNT + 1 + IFL_ORPHAN_COUNT) /* routes, dead letters, routes that left the configuration */

_Static_assert(IFL_ROUTE_COUNT >= 1 && IFL_LANE_COUNT <= 250, "lane numbers are one byte");
_Static_assert(IFL_PATH_SIZE + IFL_STATIC_HEADERS_SIZE + 512 <= IFL_REQUEST_HEAD_SIZE,
               "a request head must fit its buffer");

#endif
