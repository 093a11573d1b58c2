/* ip.c: start of lwIP, its interface on the board's Ethernet, address, time servers, and what it asks of us (lwipopts.h). */
#include "ip/ip.h"

#include <string.h>

#include "base/bytes.h"
#include "board/board.h"
#include "board/ethernet.h"
#include "links.h"
#include "lwip/apps/sntp.h"
#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/icmp.h"
#include "lwip/init.h"
#include "lwip/ip4_addr.h"
#include "lwip/netif.h"
#include "lwip/stats.h"
#include "lwip/timeouts.h"
#include "net/link.h"

#define CABLE_POLL_MS 250u
#define NTP_PORT 123u
#define NTP_HOST_SIZE 64
#define NTP_MODE_AT 0 /* leap indicator, version, mode */
#define NTP_ALARM 0xC0u
#define NTP_STRATUM_AT 1
#define NTP_STRATUM_MAX 15
#define SECONDS_1970_TO_ERA1 2085978496 /* February 7, 2036: where NTP's era 1 begins (RFC 4330 section 3) */

static struct netif interface;
static struct ip_setup setup;
static ifl_ms cable_poll_at;
static bool started, sntp_running;
static uint16_t ntp_port;
static char ntp_host[IP_SERVER_COUNT][NTP_HOST_SIZE];
static uint32_t weak_random, dropped_count;

/* ---- What lwIP asks of us ---------------------------------------------------------------------------------------------------- */

u32_t sys_now(void)
{
    return (u32_t)board_now();
}

/* Without entropy there is no TLS anyway; the network itself (ping, DHCP) still works, with numbers that somebody could guess. */
uint32_t ip_random32(void)
{
    uint32_t value = 0;
    if (setup.random != NULL && setup.random->fill(setup.random->ctx, &value, sizeof value) == IFL_OK) {
        return value;
    }
    weak_random = weak_random * 1664525u + 1013904223u + (uint32_t)board_now();
    return weak_random ^ weak_random >> 16;
}

uint16_t ip_ntp_port(void)
{
    return ntp_port;
}

void ip_time_received(int32_t ntp_era1_s)
{
    if (setup.time_received != NULL && ntp_era1_s != 0) { /* 0: not known */
        setup.time_received(setup.ctx, (int64_t)ntp_era1_s + SECONDS_1970_TO_ERA1);
    }
}

/* ---- Frames ------------------------------------------------------------------------------------------------------------------ */

/* Frames up to this size may be copied even when memory is short: acknowledgements, which free memory, and ARP. */
#define SHORT_FRAME_SIZE 64u
/* Memory that received data must leave: a segment of ours with its headers must always get out, else both sides would wait. */
#define SEND_RESERVE_SIZE 640u

static bool has_room_for(size_t frame_size)
{
    size_t free_size = MEM_SIZE - lwip_stats.mem.used;
    return frame_size <= SHORT_FRAME_SIZE || free_size >= frame_size + SEND_RESERVE_SIZE;
}

/* Into memory of the frame's own size: the reader may take its time, and a byte in a frame of its own costs 100 bytes, not 1,500. What doesn't fit is
 * dropped; TCP brings it again. */
static struct pbuf *copy_frame(const uint8_t *frame, size_t size)
{
    struct pbuf *pbuf = has_room_for(size) ? pbuf_alloc(PBUF_RAW, (u16_t)size, PBUF_RAM) : NULL;
    if (pbuf == NULL) {
        dropped_count++;
        return NULL;
    }
    memcpy(pbuf->payload, frame, size);
    return pbuf;
}

/* A frame's place is given back before lwIP works on the copy: what lwIP sends then may be answered at once. */
static void receive_frames(void)
{
    size_t size;
    const uint8_t *frame = ethernet_receive(&size);
    while (frame != NULL) {
        struct pbuf *pbuf = copy_frame(frame, size);
        frame = ethernet_receive(&size);
        if (pbuf != NULL && interface.input(pbuf, &interface) != ERR_OK) {
            (void)pbuf_free(pbuf);
        }
    }
}

static err_t send_frame(struct netif *netif, struct pbuf *pbuf)
{
    (void)netif;
    if (pbuf->tot_len > ETHERNET_SENT_SIZE) {
        return ERR_BUF;
    }
    uint8_t *frame = ethernet_frame_to_send();
    if (frame == NULL) {
        return ERR_MEM; /* TCP, DHCP and DNS repeat */
    }
    (void)pbuf_copy_partial(pbuf, frame, pbuf->tot_len, 0);
    ethernet_send(pbuf->tot_len);
    return ERR_OK;
}

static err_t init_interface(struct netif *netif)
{
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->hostname = setup.hostname;
    netif->output = etharp_output;
    netif->linkoutput = send_frame;
    netif->mtu = ETHERNET_RECEIVED_SIZE - SIZEOF_ETH_HDR;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    netif->hwaddr_len = sizeof setup.mac;
    memcpy(netif->hwaddr, setup.mac, sizeof setup.mac);
    return ERR_OK;
}

/* ---- Addresses --------------------------------------------------------------------------------------------------------------- */

struct addresses {
    bool dhcp;
    ip4_addr_t address, netmask, gateway;
    ip_addr_t dns[IP_SERVER_COUNT];
    bool has_dns[IP_SERVER_COUNT];
};

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* Four decimal numbers and nothing else (lwIP's own function also takes "10.1" and octal). */
static bool parse_address(const char *text, size_t len, ip4_addr_t *address)
{
    struct bytes rest = bytes_of(text, len);
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; i++) {
        size_t end = i < 3 ? bytes_find(rest, bytes_of_string(".")) : rest.size;
        uint64_t part;
        if (end > 3 || !bytes_to_u64(bytes_head(rest, end), &part) || part > 255 || (i < 3 && end == rest.size)) {
            return false;
        }
        value = value << 8 | (uint32_t)part;
        rest = bytes_tail(rest, end + 1);
    }
    address->addr = lwip_htonl(value);
    return true;
}

/* "192.0.2.7/24" */
static bool parse_address_and_prefix(const char *text, ip4_addr_t *address, ip4_addr_t *netmask)
{
    const char *slash = strchr(text, '/');
    uint64_t prefix;
    if (slash == NULL || !bytes_to_u64(bytes_of_string(slash + 1), &prefix) || prefix < 1 || prefix > 32) {
        return false;
    }
    netmask->addr = lwip_htonl((u32_t)(0xFFFFFFFFu << (32u - (unsigned)prefix)));
    return parse_address(text, (size_t)(slash - text), address);
}

static bool parse(const struct ip_setup *from, struct addresses *to)
{
    memset(to, 0, sizeof *to);
    to->dhcp = strcmp(from->address, "dhcp") == 0;
    if (!to->dhcp && !parse_address_and_prefix(from->address, &to->address, &to->netmask)) {
        return false;
    }
    if (is_given(from->gateway) && !parse_address(from->gateway, strlen(from->gateway), &to->gateway)) {
        return false;
    }
    for (size_t i = 0; i < IP_SERVER_COUNT; i++) {
        to->has_dns[i] = is_given(from->dns[i]);
        if (to->has_dns[i] && !parse_address(from->dns[i], strlen(from->dns[i]), &to->dns[i])) {
            return false;
        }
    }
    return true;
}

static void set_dns(const struct addresses *addresses)
{
    for (u8_t i = 0; i < IP_SERVER_COUNT; i++) {
        if (addresses->has_dns[i]) {
            dns_setserver(i, &addresses->dns[i]);
        }
    }
}

/* In place of dns_setserver() in lwIP's DHCP, with each answer of its server (CMakeLists.txt): what is configured stays. */
void ip_dns_of_dhcp(u8_t number, const ip_addr_t *server);

void ip_dns_of_dhcp(u8_t number, const ip_addr_t *server)
{
    if (!is_given(setup.dns[number])) {
        dns_setserver(number, server);
    }
}

/* In place of icmp_dest_unreach() where a datagram came for nobody (CMakeLists.txt): we don't say so. What we send is never answered for, and who looks for open
 * ports learns nothing. */
void ip_for_nobody(struct pbuf *datagram, enum icmp_dur_type type);

void ip_for_nobody(struct pbuf *datagram, enum icmp_dur_type type)
{
    (void)datagram, (void)type;
}

/* ---- Time servers ------------------------------------------------------------------------------------------------------------ */

/* Split "host:port"; without a port it's NTP's. */
static bool take_ntp_host(const char *text, char host[NTP_HOST_SIZE])
{
    const char *colon = strchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : strlen(text);
    if (len >= NTP_HOST_SIZE) {
        return false;
    }
    memcpy(host, text, len);
    host[len] = '\0';
    uint64_t port = NTP_PORT;
    if (colon != NULL && (!bytes_to_u64(bytes_of_string(colon + 1), &port) || port == 0 || port > 65535)) {
        return false;
    }
    ntp_port = (uint16_t)port;
    return true;
}

static bool take_ntp_hosts(void)
{
    for (size_t i = 0; i < IP_SERVER_COUNT; i++) {
        if (is_given(setup.ntp[i]) && !take_ntp_host(setup.ntp[i], ntp_host[i])) {
            return false;
        }
    }
    return true;
}

/* In place of pbuf_get_at() where lwIP looks at a time server's answer (CMakeLists.txt): it doesn't look whether the server knows the time itself (RFC 4330
 * section 5). An answer that says no is no answer, as one with another mode isn't. */
u8_t ip_sntp_byte(const struct pbuf *answer, u16_t at);

u8_t ip_sntp_byte(const struct pbuf *answer, u16_t at)
{
    u8_t value = pbuf_get_at(answer, at);
    bool unknown = at == NTP_MODE_AT && (value >= NTP_ALARM || pbuf_get_at(answer, NTP_STRATUM_AT) > NTP_STRATUM_MAX);
    return unknown ? 0 : value;
}

static void start_sntp(void)
{
    if (sntp_running || ntp_host[0][0] == '\0') {
        return;
    }
    for (u8_t i = 0; i < IP_SERVER_COUNT; i++) {
        if (ntp_host[i][0] != '\0') {
            sntp_setservername(i, ntp_host[i]);
        }
    }
    sntp_setoperatingmode(SNTP_OPMODE_POLL);
    sntp_init();
    sntp_running = true;
}

/* ---- Start and step ---------------------------------------------------------------------------------------------------------- */

static bool has_address(void)
{
    return netif_is_up(&interface) && !ip4_addr_isany_val(*netif_ip4_addr(&interface));
}

enum ifl_status ip_network(void)
{
    if (!started || !netif_is_link_up(&interface)) {
        return IFL_NET_DOWN;
    }
    return has_address() ? IFL_OK : IFL_NET_NO_ADDRESS;
}

bool ip_is_usable(void)
{
    return ip_network() == IFL_OK;
}

static void poll_cable(ifl_ms now)
{
    if (now < cable_poll_at) {
        return;
    }
    cable_poll_at = ifl_ms_after(now, CABLE_POLL_MS);
    bool plugged = ethernet_has_link();
    if (plugged && !netif_is_link_up(&interface)) {
        netif_set_link_up(&interface); /* DHCP asks again at once */
    } else if (!plugged && netif_is_link_up(&interface)) {
        netif_set_link_down(&interface);
    }
}

enum ifl_status ip_start(const struct ip_setup *given, ifl_ms now)
{
    struct addresses addresses;
    if (!parse(given, &addresses)) {
        return IFL_CONFIG_VALUE;
    }
    setup = *given;
    if (!take_ntp_hosts()) {
        return IFL_CONFIG_VALUE;
    }
    for (size_t i = 0; i < sizeof setup.mac; i++) {
        weak_random = weak_random * 31u + setup.mac[i];
    }
    lwip_init();
    ethernet_start(setup.mac);
    if (netif_add(&interface, &addresses.address, &addresses.netmask, &addresses.gateway, NULL, init_interface,
                  netif_input) == NULL) {
        return IFL_NO_MEMORY;
    }
    netif_set_default(&interface);
    netif_set_up(&interface);
    cable_poll_at = now;
    poll_cable(now);
    if (addresses.dhcp && dhcp_start(&interface) != ERR_OK) {
        return IFL_NO_MEMORY;
    }
    set_dns(&addresses);
    started = true;
    return IFL_OK;
}

ifl_ms net_link_step(ifl_ms now)
{
    if (!started) {
        return IFL_NEVER;
    }
    poll_cable(now);
    receive_frames();
    sys_check_timeouts();
    links_push();
    if (has_address() && !sntp_running) {
        start_sntp();
    }
    return ifl_ms_min(cable_poll_at, ifl_ms_after(now, sys_timeouts_sleeptime()));
}

void ip_status(struct ip_status *status)
{
    const struct ethernet_counts *counts = ethernet_counts();
    memset(status, 0, sizeof *status);
    status->has_link = started && netif_is_link_up(&interface);
    status->has_address = ip_is_usable();
    (void)ip4addr_ntoa_r(netif_ip4_addr(&interface), status->address, IP_TEXT_SIZE);
    (void)ip4addr_ntoa_r(netif_ip4_gw(&interface), status->gateway, IP_TEXT_SIZE);
    status->frames_received = counts->received;
    status->frames_sent = counts->sent;
    status->frames_dropped = dropped_count + counts->overruns + counts->not_sent;
    status->memory_used_peak = lwip_stats.mem.max;
}
