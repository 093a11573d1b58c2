/* peer.h: whom a link reaches and what it says first, for people. */
#ifndef LINUX_PEER_H
#define LINUX_PEER_H

#include "base/bytes.h"
#include "base/text.h"

/* The address that an open link of net/link.h is connected to, or the last one that it tried: "192.0.2.7", "2001:db8::7". Nothing is written for a link that has
 * none yet. */
void net_link_peer(int link, struct text *out);

/* The first bytes, NET_LINK_FIRST_SIZE at most, that came over the link that was opened last: what was received, and what had come but wasn't taken when it was
 * closed. Through a proxy they are the proxy's. They stay until the next link is opened. */
#define NET_LINK_FIRST_SIZE 64u
struct bytes net_link_first(void);

#endif
