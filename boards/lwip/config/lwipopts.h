/* lwipopts.h: what of lwIP 2.2 is built, and how much memory it gets.
 *
 * One Ethernet interface, IPv4, DHCP or a fixed address, DNS, SNTP, a few outgoing TCP connections. No OS, no sockets, one thread: the callback
 * interface, driven by net_link_step(). What isn't here keeps lwIP's default, which is off or harmless. */
#ifndef IFL_LWIPOPTS_H
#define IFL_LWIPOPTS_H

#include "board/ethernet.h"

/* ---- One thread, no OS ------------------------------------------------------------------------------------------------------ */

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0 /* interrupts never call lwIP: they only wake the loop */
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0

/* ---- Protocols -------------------------------------------------------------------------------------------------------------- */

#define LWIP_SINGLE_NETIF 1 /* nothing to choose between */
#define LWIP_IPV4 1
#define LWIP_IPV6 0 /* 12 KB of code and 3 KB of RAM for networks in which IPv4 is there as well */
#define LWIP_ARP 1
#define LWIP_ICMP 1 /* answers ping: the first thing that a person on site tries */
#define LWIP_UDP 1
#define LWIP_TCP 1
#define LWIP_DHCP 1
#define LWIP_DNS 1
#define LWIP_RAW 0
#define LWIP_ACD 0                 /* asking whether somebody else has the address takes 7 s at each start */
#define LWIP_DHCP_DOES_ACD_CHECK 0 /* and the DHCP server has asked already */
#define IP_REASSEMBLY                                                                                                  \
    0 /* nobody sends us fragments: UDP answers are small, TCP segments fit (RFC 9293 section 3.7.1) */
#define IP_FRAG 0
#define ARP_QUEUEING 1 /* at the start the first packets of SNTP and TCP wait for the same address */
#define MEMP_NUM_ARP_QUEUE 4
#define ARP_TABLE_SIZE 4
#define ETHARP_SUPPORT_STATIC_ENTRIES 0
#define LWIP_NETIF_HOSTNAME 1 /* the device's name, as the DHCP server shows it */

/* ---- TCP -------------------------------------------------------------------------------------------------------------------- */

/* What the peer may send: one full segment, which is taken to the record buffer at once; the 17 KB of a long handshake take twelve round trips. What we
 * send is cut to 536 bytes (link.c). */
#define TCP_MSS 1460
#define TCP_WND TCP_MSS
#define TCP_SND_BUF (2 * TCP_MSS)
#define TCP_SND_QUEUELEN 10
#define TCP_SNDLOWAT 536
#define TCP_SNDQUEUELOWAT 4
#define TCP_QUEUE_OOSEQ 0 /* a segment behind a lost one would hold a buffer; the peer sends it again */
#define LWIP_TCP_TIMESTAMPS 0
#define TCP_LISTEN_BACKLOG 0
/* A first sequence number that nobody outside can guess (RFC 6528). */
#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) ip_random32()

/* ---- Memory ----------------------------------------------------------------------------------------------------------------- */

#define MEM_ALIGNMENT 4
/* The heap: received data that nobody has read yet (TCP_WND in one piece or more), what was sent and isn't acknowledged; both are
 * never large at the same time, and if they are the sender waits. */
#define MEM_SIZE 2624
#define MEMP_NUM_TCP_PCB 3 /* two links, and one that is still closing */
#define MEMP_NUM_TCP_PCB_LISTEN 0
#define MEMP_NUM_UDP_PCB 3 /* DHCP, DNS, SNTP */
#define MEMP_NUM_TCP_SEG 12
#define MEMP_NUM_SYS_TIMEOUT (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 1) /* one for SNTP */
#define MEMP_NUM_PBUF 4  /* references to data in flash: none of ours, some of lwIP's */
#define PBUF_POOL_SIZE 0 /* received frames are copied to the heap, each in its own size */
#define DNS_TABLE_SIZE 1 /* one tenant, one host; NTP's name takes its turn */
#define DNS_MAX_SERVERS 2
#define DNS_MAX_NAME_LENGTH 254
#define LWIP_STATS 1 /* of the heap only: received data must leave room for what is sent (ip.c) */
#define MEM_STATS 1
#define LINK_STATS 0
#define ETHARP_STATS 0
#define IP_STATS 0
#define ICMP_STATS 0
#define UDP_STATS 0
#define TCP_STATS 0
#define MEMP_STATS 0
#define SYS_STATS 0
#define LWIP_NETIF_TX_SINGLE_PBUF 1 /* the driver copies one piece a frame */
#define LWIP_CHKSUM_ALGORITHM 3     /* four bytes at a time: each byte of a message comes by */

/* ---- SNTP ------------------------------------------------------------------------------------------------------------------- */

#define SNTP_MAX_SERVERS 2
#define SNTP_SERVER_DNS 1
#define SNTP_SUPPORT_MULTIPLE_SERVERS 1
#define SNTP_PORT ip_ntp_port()
#define SNTP_RECV_TIMEOUT 5000
#define SNTP_STARTUP_DELAY 0 /* a node that waits for the time waits with its first delivery */
/* The answer must come from where we asked, and repeat a time stamp that nobody outside can guess: random numbers instead of our time. */
#define SNTP_CHECK_RESPONSE 2
#define SNTP_GET_SYSTEM_TIME_NTP(seconds, fraction)                                                                    \
    do {                                                                                                               \
        (seconds) = (s32_t)ip_random32();                                                                              \
        (fraction) = ip_random32();                                                                                    \
    } while (0)
/* Seconds since February 2036, negative before (RFC 4330 section 3): good until 2104. */
#define SNTP_SET_SYSTEM_TIME_NTP(seconds, fraction) ip_time_received((seconds))

/* ---- Given by ip.c ---------------------------------------------------------------------------------------------------------- */

#include <stdint.h>

uint32_t ip_random32(void);
uint16_t ip_ntp_port(void);
void ip_time_received(int32_t ntp_era1_s);

#endif
