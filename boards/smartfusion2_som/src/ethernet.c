/* ethernet.c: the MSS Ethernet MAC (PE-MCXMAC with DMA, UG0331 chapter "Ethernet MAC") and its PHY, behind board/ethernet.h.
 *
 * Received frames: the DMA walks a ring of RING_COUNT descriptors. A frame stays in its slot while it's read (the stack copies what it keeps, so
 * that memory goes by bytes and not by frames) and the slot is empty again with the next call. If the ring overflows, the DMA stops; it is started
 * again when the whole ring has been emptied, from the slot that we expect, because the DMA and we must agree about the next slot.
 *
 * Sending: one buffer and one descriptor; a frame of 590 bytes is on the wire for 50 us, and only a second one in a row ever waits for it.
 *
 * The interrupt says "frame" or "overflow", wakes the loop and stays masked until the ring is empty. */
#include "som.h"

#include <string.h>

#include "board/ethernet.h"

/* Registers. */
#define MAC_CONFIG1 (SOM_EMAC + 0x00u)
#define MAC_CONFIG2 (SOM_EMAC + 0x04u)
#define MAC_FRAME_MAX (SOM_EMAC + 0x10u)
#define MII_CONFIG (SOM_EMAC + 0x20u)
#define MII_COMMAND (SOM_EMAC + 0x24u)
#define MII_ADDRESS (SOM_EMAC + 0x28u)
#define MII_WRITE (SOM_EMAC + 0x2Cu)
#define MII_READ (SOM_EMAC + 0x30u)
#define MII_INDICATION (SOM_EMAC + 0x34u)
#define MAC_STATION1 (SOM_EMAC + 0x40u)
#define MAC_STATION2 (SOM_EMAC + 0x44u)
#define FIFO_CONFIG0 (SOM_EMAC + 0x48u)
#define TX_CONTROL (SOM_EMAC + 0x180u)
#define TX_DESCRIPTOR (SOM_EMAC + 0x184u)
#define TX_STATUS (SOM_EMAC + 0x188u)
#define RX_CONTROL (SOM_EMAC + 0x18Cu)
#define RX_DESCRIPTOR (SOM_EMAC + 0x190u)
#define RX_STATUS (SOM_EMAC + 0x194u)
#define IRQ_MASK (SOM_EMAC + 0x198u)

#define CONFIG1_RESET (1u << 31)
#define CONFIG1_RX_TX ((1u << 2) | (1u << 0))
#define CONFIG2_MII (1u << 8) /* 4 bits wide, 10 or 100 Mbit/s */
#define CONFIG2_PREAMBLE7 (7u << 12)
#define CONFIG2_CHECK_LENGTH (1u << 4)
#define CONFIG2_PAD_AND_CRC (1u << 2)
#define CONFIG2_FULL_DUPLEX (1u << 0)
#define FIFO_RESETS 0x1Fu
#define FIFO_ENABLES (0x1Fu << 8)
#define FIFO_ENABLED (0x1Fu << 16)
#define DMA_ENABLE 1u
#define TX_STATUS_SENT_AND_UNDERRUN 3u
#define RX_STATUS_RECEIVED (1u << 0)
#define RX_STATUS_OVERFLOW (1u << 2)
#define IRQ_RECEIVED_OR_OVERFLOW 0x50u
#define MAC_CONTROL_MII_100 ((3u << 2) | 1u)
#define MAC_CONTROL_MASK 0x1Fu

#define EMPTY (1u << 31) /* of a descriptor: the DMA may fill it; or it has sent it */
#define LENGTH_MASK 0x7FFu

#define PHY 1u
#define PHY_CONTROL 0u
#define PHY_STATUS 1u
#define PHY_STATUS_LINK (1u << 2)
#define PHY_CONTROL_NEGOTIATE ((1u << 12) | (1u << 9))
#define MII_CLOCK_DIVISOR_28 7u /* 71 MHz / 28 = 2.5 MHz, what every PHY takes */
#define MII_READ_ONCE 1u
#define MII_BUSY_MASK 5u
#define WAIT_TURNS 20000u /* of a register read: some milliseconds, and no PHY or FIFO needs one */

#define FRAME_MAX (ETHERNET_RECEIVED_SIZE + 4u) /* with its check sum */
#define RECEIVE_SIZE ((FRAME_MAX + 3u) & ~3u)
#define SEND_SIZE ((ETHERNET_SENT_SIZE + 3u) & ~3u)
#define RING_COUNT 2u    /* the peer's window of one segment, and one for everybody else */
#define SEND_LIMIT_MS 2u /* 590 bytes take 0.5 ms even at 10 Mbit/s */

struct descriptor {
    uint32_t buffer;
    volatile uint32_t size;
    uint32_t next;
};

static struct descriptor ring[RING_COUNT], sending;
static uint32_t received[RING_COUNT][RECEIVE_SIZE / 4u], send_buffer[SEND_SIZE / 4u];
static size_t next_slot;
static bool slot_in_use; /* the caller reads the frame in next_slot */
static bool send_pending;
static struct ethernet_counts counts;

static uint32_t dma_address(const volatile void *at)
{
    return (uint32_t)(uintptr_t)at;
}

static bool wait_for(uintptr_t reg, uint32_t mask, uint32_t value)
{
    for (uint32_t i = 0; i < WAIT_TURNS; i++) {
        if ((io_read(reg) & mask) == value) {
            return true;
        }
    }
    return false;
}

/* ---- PHY --------------------------------------------------------------------------------------------------------------------- */

static uint32_t phy_read(uint32_t phy_register)
{
    io_write(MII_ADDRESS, PHY << 8 | phy_register);
    io_write(MII_COMMAND, MII_READ_ONCE);
    io_write(MII_COMMAND, 0); /* else the register would be read again and again */
    return wait_for(MII_INDICATION, MII_BUSY_MASK, 0) ? io_read(MII_READ) & 0xFFFFu : 0;
}

static void phy_write(uint32_t phy_register, uint32_t value)
{
    io_write(MII_ADDRESS, PHY << 8 | phy_register);
    io_write(MII_WRITE, value);
    (void)wait_for(MII_INDICATION, MII_BUSY_MASK, 0);
}

bool ethernet_has_link(void)
{
    uint32_t status = phy_read(PHY_STATUS);
    return status != 0xFFFFu && (status & PHY_STATUS_LINK) != 0;
}

/* ---- Start ------------------------------------------------------------------------------------------------------------------- */

static void link_ring(void)
{
    for (size_t i = 0; i < RING_COUNT; i++) {
        ring[i] = (struct descriptor){
            .buffer = dma_address(received[i]), .size = EMPTY, .next = dma_address(&ring[(i + 1) % RING_COUNT])};
    }
    next_slot = 0;
    slot_in_use = false;
    send_pending = false;
    sending = (struct descriptor){.buffer = dma_address(send_buffer), .size = EMPTY, .next = dma_address(&sending)};
}

static void set_station_address(const uint8_t mac[6])
{
    io_write(MAC_STATION1, (uint32_t)mac[0] << 24 | (uint32_t)mac[1] << 16 | (uint32_t)mac[2] << 8 | mac[3]);
    io_write(MAC_STATION2, (uint32_t)mac[4] << 24 | (uint32_t)mac[5] << 16);
}

static void enable_receiving(void)
{
    __asm__ volatile("dsb" ::: "memory"); /* the descriptors are in memory before the DMA looks */
    io_write(RX_DESCRIPTOR, dma_address(&ring[next_slot]));
    io_write(RX_CONTROL, DMA_ENABLE);
}

void ethernet_start(const uint8_t mac[6])
{
    cortex_m_irq_disable(SOM_IRQ_EMAC);
    som_release(SOFT_RESET_EMAC);
    io_write(SYSTEM_MAC_CONTROL, (io_read(SYSTEM_MAC_CONTROL) & ~MAC_CONTROL_MASK) | MAC_CONTROL_MII_100);
    io_write(MAC_CONFIG1, CONFIG1_RESET);
    io_write(MAC_CONFIG1, 0);
    io_write(MAC_CONFIG2,
             CONFIG2_PREAMBLE7 | CONFIG2_MII | CONFIG2_CHECK_LENGTH | CONFIG2_PAD_AND_CRC | CONFIG2_FULL_DUPLEX);
    io_write(MAC_FRAME_MAX, FRAME_MAX);
    io_write(MII_CONFIG, MII_CLOCK_DIVISOR_28);
    set_station_address(mac);
    io_write(FIFO_CONFIG0, FIFO_RESETS);
    io_write(FIFO_CONFIG0, 0);
    io_write(FIFO_CONFIG0, FIFO_ENABLES);
    (void)wait_for(FIFO_CONFIG0, FIFO_ENABLED, FIFO_ENABLED);
    phy_write(PHY_CONTROL, phy_read(PHY_CONTROL) | PHY_CONTROL_NEGOTIATE);
    link_ring();
    io_write(IRQ_MASK, IRQ_RECEIVED_OR_OVERFLOW);
    io_write(MAC_CONFIG1, CONFIG1_RX_TX);
    enable_receiving();
    cortex_m_irq_enable(SOM_IRQ_EMAC);
}

/* ---- Receiving --------------------------------------------------------------------------------------------------------------- */

void som_ethernet_interrupt(void)
{
    io_write(IRQ_MASK, 0);
    board_wake();
}

/* The ring is empty: let the interrupt come again, and the DMA go on if it stopped. A frame that came in between interrupts at once. */
static void rest(void)
{
    if ((io_read(RX_CONTROL) & DMA_ENABLE) == 0) {
        counts.overruns++;
        io_write(RX_STATUS, RX_STATUS_OVERFLOW);
        enable_receiving();
    }
    io_write(IRQ_MASK, IRQ_RECEIVED_OR_OVERFLOW);
}

static void release_slot(void)
{
    __asm__ volatile("dmb" ::: "memory"); /* it has been read before the DMA writes */
    ring[next_slot].size = EMPTY;
    io_write(RX_STATUS, RX_STATUS_RECEIVED); /* exactly once a frame: it counts down */
    next_slot = (next_slot + 1) % RING_COUNT;
    slot_in_use = false;
}

const uint8_t *ethernet_receive(size_t *size)
{
    if (slot_in_use) {
        release_slot();
    }
    uint32_t length = ring[next_slot].size;
    if ((length & EMPTY) != 0) {
        rest();
        return NULL;
    }
    slot_in_use = true;
    counts.received++;
    length &= LENGTH_MASK; /* its field is wider than what the DMA may have written */
    *size = length < ETHERNET_RECEIVED_SIZE ? length : ETHERNET_RECEIVED_SIZE;
    return (const uint8_t *)received[next_slot];
}

/* ---- Sending ----------------------------------------------------------------------------------------------------------------- */

uint8_t *ethernet_frame_to_send(void)
{
    ifl_ms limit = board_now() + SEND_LIMIT_MS;
    while ((sending.size & EMPTY) == 0) {
        if (board_now() > limit) {
            counts.not_sent++;
            return NULL;
        }
    }
    if (send_pending) {
        send_pending = false;
        io_write(TX_STATUS, TX_STATUS_SENT_AND_UNDERRUN); /* exactly once a frame, as with received ones */
    }
    return (uint8_t *)send_buffer;
}

void ethernet_send(size_t size)
{
    sending.size = (uint32_t)size & LENGTH_MASK;
    __asm__ volatile("dsb" ::: "memory");
    io_write(TX_DESCRIPTOR, dma_address(&sending));
    io_write(TX_CONTROL, DMA_ENABLE);
    send_pending = true;
    counts.sent++;
}

const struct ethernet_counts *ethernet_counts(void)
{
    return &counts;
}
