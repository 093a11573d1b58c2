/* net_link_sockets.h: what the loop needs to know of the sockets behind net/link.h. */
#ifndef LINUX_NET_LINK_SOCKETS_H
#define LINUX_NET_LINK_SOCKETS_H

#include <poll.h>
#include <stddef.h>

#define SOCKETS_POLL_MAX 80 /* all links, each resolving with 16 sockets and connecting with 4 */

/* Fill `set` (SOCKETS_POLL_MAX entries) with what is waited for. */
size_t sockets_poll(struct pollfd *set);
/* Note what came of it. */
void sockets_polled(const struct pollfd *set, size_t count);

#endif
