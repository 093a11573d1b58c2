/* peer.h: whom a link reaches, for people. */
#ifndef LINUX_PEER_H
#define LINUX_PEER_H

#include "base/text.h"

/* The address that an open link of net/link.h is connected to, or the last one that it tried: "192.0.2.7", "2001:db8::7". Nothing is written for a link that has
 * none yet. */
void net_link_peer(int link, struct text *out);

#endif
