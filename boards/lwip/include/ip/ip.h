/* ip.h: the IP stack of a board without an OS: lwIP on the board's Ethernet (board/ethernet.h). It also implements net/link.h, whose
 * net_link_step() drives all of it: frames, timers, the cable, DHCP, SNTP.
 *
 * Memory: that of lwIP as config/lwipopts.h says, and the driver's frames; nothing else. Received payload waits in memory of its own size until
 * net_link_receive() copies it to its reader (for TLS: into the record buffer). */
#ifndef IP_IP_H
#define IP_IP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "base/status.h"
#include "base/time.h"

#define IP_SERVER_COUNT 2
#define IP_TEXT_SIZE 16 /* "255.255.255.255" */

/* All texts must stay where they are. */
struct ip_setup {
    uint8_t mac[6];
    const char *hostname;             /* for the DHCP server; may be NULL */
    const char *address;              /* "dhcp", or address/prefix: "192.0.2.7/24" */
    const char *gateway;              /* with a fixed address; "" or NULL: none */
    const char *dns[IP_SERVER_COUNT]; /* "" or NULL: those of DHCP */
    const char *
        ntp[IP_SERVER_COUNT]; /* name or address, "" or NULL: none. "host:port" is for tests: the port holds for both */
    const struct ifl_random *random; /* for numbers that nobody should guess; must stay */
    /* A time server's answer, once an hour: seconds since 1970. */
    void (*time_received)(void *ctx, int64_t unix_s);
    void *ctx;
};

/* Start, once. CONFIG_VALUE: an address that isn't one; nothing was started then. */
enum ifl_status ip_start(const struct ip_setup *setup, ifl_ms now);

/* There are a cable and an address. */
bool ip_is_usable(void);

struct ip_status {
    bool has_link;
    bool has_address;
    char address[IP_TEXT_SIZE], gateway[IP_TEXT_SIZE]; /* "0.0.0.0": none */
    uint32_t frames_received, frames_sent, frames_dropped;
    uint32_t memory_used_peak; /* bytes of lwIP's heap */
};
void ip_status(struct ip_status *status);

#endif
