/* ethernet.h: what a board with an Ethernet MAC gives to the IP stack (boards/lwip). Frames are in DMA buffers of the driver and are lent out,
 * not copied.
 *
 * Received frames wait in a ring that the MAC fills by itself; the interrupt only ends board_wait(). One thread calls all of it. */
#ifndef BOARD_ETHERNET_H
#define BOARD_ETHERNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Largest IP packet, both ways. 576 bytes are what every path and every host takes (RFC 791, RFC 9293 section 3.7.1): small buffers, and no
 * tunnel on the way can be too narrow. */
#define ETHERNET_MTU 576u
#define ETHERNET_FRAME_SIZE (14u + ETHERNET_MTU) /* with the Ethernet header, without the check sum */

/* Frames that may be lent out at the same time. */
#define ETHERNET_LENT_COUNT 6u

struct ethernet_counts {
    uint32_t received, sent;
    uint32_t no_buffer; /* received frames that were dropped because too many were lent out */
    uint32_t overruns;  /* times the ring was full */
    uint32_t not_sent;  /* frames that the MAC didn't take in time */
};

/* Start the MAC. Can be called again with another address. */
void ethernet_start(const uint8_t mac[6]);
/* The cable has a link. Asks the PHY: takes some microseconds. */
bool ethernet_has_link(void);
/* The next received frame, or NULL. The caller owns it until ethernet_give_back(). */
uint8_t *ethernet_receive(size_t *size);
void ethernet_give_back(uint8_t *frame);
/* Room for a frame of ETHERNET_FRAME_SIZE; then ethernet_send() it. NULL: the MAC still sends and didn't end in time. */
uint8_t *ethernet_frame_to_send(void);
void ethernet_send(size_t size);
const struct ethernet_counts *ethernet_counts(void);

#endif
