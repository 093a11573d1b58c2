/* base64.h: RFC 4648 section 4, for Basic credentials. */
#ifndef NET_BASE64_H
#define NET_BASE64_H

#include "base/bytes.h"
#include "base/text.h"

void net_base64(struct text *out, struct bytes raw);

#endif
