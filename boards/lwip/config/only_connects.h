/* only_connects.h: included in front of lwIP's tcp.c, tcp_in.c and tcp_out.c by the compiler (-include): nobody ever connects to us.
 *
 * lwIP has no switch for that. So the two states that only a listener leads to get numbers that a state of 8 bits can't have, and the list of listeners, where a
 * segment looks for one, is empty for the compiler as well: 0.6 KB of code fall away. A segment for nobody is answered by a reset, as before. Nor does anyone set an
 * option of a connection, keep-alive (TLS's user closes what is idle) among them. */
#ifndef IFL_ONLY_CONNECTS_H
#define IFL_ONLY_CONNECTS_H

#include "lwip/ip.h"
#include "lwip/priv/tcp_priv.h"

#define LISTEN 0x100
#define SYN_RCVD 0x200
#ifdef IFL_NO_LISTENERS
#define tcp_listen_pcbs ((union tcp_listen_pcbs_t){.listen_pcbs = NULL})
#endif

#undef ip_get_option
#define ip_get_option(pcb, option) 0

#endif
