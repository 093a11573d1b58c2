/* ethernet.h: what a board with an Ethernet MAC gives to the IP stack (boards/lwip): raw frames.
 *
 * Received frames wait in a ring that the MAC fills by itself; the interrupt only ends board_wait(). One thread calls all of it. */
#ifndef BOARD_ETHERNET_H
#define BOARD_ETHERNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Largest frames without check sum. Anything that a peer may send must be received; what we send is small enough for every path (IP packets of 576
 * bytes, RFC 9293 section 3.7.1), so that no tunnel on the way can be too narrow. */
#define ETHERNET_RECEIVED_SIZE 1514u
#define ETHERNET_SENT_SIZE 590u

struct ethernet_counts {
    uint32_t received, sent;
    uint32_t overruns; /* times the ring was full */
    uint32_t not_sent; /* frames that the MAC didn't take in time */
};

/* Start the MAC. */
void ethernet_start(const uint8_t mac[6]);
/* The cable has a link. Asks the PHY: takes some microseconds. */
bool ethernet_has_link(void);
/* The oldest received frame, or NULL; it stays valid until the next call, which gives its place back to the MAC. Read on until it says NULL: only then
 * another frame wakes board_wait(). */
const uint8_t *ethernet_receive(size_t *size);
/* Room for a frame of ETHERNET_SENT_SIZE; then ethernet_send() it. NULL: the MAC still sends and didn't end in time. */
uint8_t *ethernet_frame_to_send(void);
void ethernet_send(size_t size);
const struct ethernet_counts *ethernet_counts(void);

#endif
