/* link.h: what a board gives for TCP. Non-blocking; one implementation is linked into a program (sockets and c-ares
 * on Linux, lwIP on a microcontroller, a model in the simulator).
 *
 * A link is one outgoing TCP connection, known by a small number. The board owns the memory of at least two links. No
 * function waits for the network. A number that isn't open gives INVALID. */
#ifndef NET_LINK_H
#define NET_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "base/time.h"

#define NET_LINK_NONE (-1)

/* Resolve `host` (a name, or an IPv4 or IPv6 address without brackets) and connect, trying one address after the
 * other; both go on by themselves. The name is copied. *link is a number >= 0, or NET_LINK_NONE after an error.
 * NO_MEMORY: all links are in use. NET_DOWN: there is no network; NET_NO_ADDRESS: it gives us no address. INVALID: `host` is empty or longer than a DNS name. */
enum ifl_status net_link_open(const char *host, uint16_t port, int *link);
/* AGAIN: still resolving or connecting. OK: connected. NET_DNS, NET_REFUSED, NET_UNREACHABLE, NET_TIMEOUT, NET_RESET,
 * NET_DOWN: it failed; close it. */
enum ifl_status net_link_state(int link);
/* Hand over bytes. OK with *sent >= 1 (or data.size == 0); AGAIN: none were taken; NET_RESET, NET_TIMEOUT, ...: the
 * link can't send any more, but bytes that came before may still be received. */
enum ifl_status net_link_send(int link, struct bytes data, size_t *sent);
/* Take bytes. OK with *got >= 1; AGAIN: nothing there; CLOSED: orderly end, all was taken; NET_*: the link is dead. */
enum ifl_status net_link_receive(int link, void *buf, size_t size, size_t *got);
/* Forget the link; data on its way is still delivered if TCP can. Any number, also NET_LINK_NONE. */
void net_link_close(int link);
/* Time limits and the like. Returns when it wants to be called again; readiness of the network is an event of the
 * board's loop. */
ifl_ms net_link_step(ifl_ms now);

#endif
