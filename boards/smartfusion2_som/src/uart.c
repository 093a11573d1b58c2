/* uart.c: MMUART0 and MMUART1, 16550 with 4 bytes between registers; both directions by interrupt from and to rings.
 *
 * The rings have one writer and one reader each (interrupt and loop), so indices that count on are enough: head - tail bytes are in it. */
#include "som.h"

#include <string.h>

#define RBR 0x00u /* read: received byte; write: byte to send; with DLAB: divisor, low half */
#define IER 0x04u /* interrupt enable; with DLAB: divisor, high half */
#define FCR 0x08u /* write: FIFO control */
#define LCR 0x0Cu
#define LSR 0x14u
#define IER_RECEIVED (1u << 0)
#define IER_CAN_SEND (1u << 1)
#define FCR_ENABLE_AND_CLEAR 0x07u
#define LCR_8N1 0x03u
#define LCR_DLAB 0x80u
#define LSR_RECEIVED (1u << 0)
#define LSR_CAN_SEND (1u << 5) /* the transmit FIFO is empty */
#define LSR_IDLE (1u << 6)     /* and the shift register too */
#define SEND_FIFO_SIZE 16u

#define BAUD 115200u
#define DIVISOR ((SOM_BUS_HZ + BAUD * 8u) / (BAUD * 16u)) /* 39: 1.2 % slow; 16550 receivers take 4 % */

struct ring {
    uint8_t *bytes;
    uint16_t mask; /* size - 1; the size is a power of two */
    volatile uint16_t head, tail;
};

struct uart {
    uintptr_t base;
    uint32_t soft_reset_bit;
    uint8_t irq;
    bool open;
    volatile uint32_t lost_count;
    struct ring received, to_send;
};

/* The console: half a line may come while the loop computes a signature; a status page goes out in pieces. UART1 carries log lines only. */
static uint8_t console_received[512], console_to_send[256];
static uint8_t log_received[16], log_to_send[128];

static struct uart uarts[2] = {
    {.base = SOM_UART0,
     .soft_reset_bit = SOFT_RESET_UART0,
     .irq = SOM_IRQ_UART0,
     .received = {.bytes = console_received, .mask = sizeof console_received - 1},
     .to_send = {.bytes = console_to_send, .mask = sizeof console_to_send - 1}},
    {.base = SOM_UART1,
     .soft_reset_bit = SOFT_RESET_UART1,
     .irq = SOM_IRQ_UART1,
     .received = {.bytes = log_received, .mask = sizeof log_received - 1},
     .to_send = {.bytes = log_to_send, .mask = sizeof log_to_send - 1}},
};

static uint16_t ring_used(const struct ring *ring)
{
    return (uint16_t)(ring->head - ring->tail);
}

static bool ring_put(struct ring *ring, uint8_t byte)
{
    if (ring_used(ring) > ring->mask) {
        return false;
    }
    ring->bytes[ring->head & ring->mask] = byte;
    ring->head = (uint16_t)(ring->head + 1u);
    return true;
}

static bool ring_get(struct ring *ring, uint8_t *byte)
{
    if (ring_used(ring) == 0) {
        return false;
    }
    *byte = ring->bytes[ring->tail & ring->mask];
    ring->tail = (uint16_t)(ring->tail + 1u);
    return true;
}

void board_uart_open(unsigned port)
{
    struct uart *uart = &uarts[port];
    som_release(uart->soft_reset_bit);
    io_write(uart->base + LCR, LCR_DLAB | LCR_8N1);
    io_write(uart->base + RBR, DIVISOR & 0xFFu);
    io_write(uart->base + IER, DIVISOR >> 8);
    io_write(uart->base + LCR, LCR_8N1);
    io_write(uart->base + FCR, FCR_ENABLE_AND_CLEAR);
    io_write(uart->base + IER, IER_RECEIVED);
    uart->open = true;
    cortex_m_irq_enable(uart->irq);
}

static void take_received(struct uart *uart)
{
    while (io_read(uart->base + LSR) & LSR_RECEIVED) {
        if (!ring_put(&uart->received, (uint8_t)io_read(uart->base + RBR))) {
            uart->lost_count++;
        }
        board_wake();
    }
}

static void give_to_send(struct uart *uart)
{
    if ((io_read(uart->base + LSR) & LSR_CAN_SEND) == 0) {
        return;
    }
    uint8_t byte;
    for (unsigned i = 0; i < SEND_FIFO_SIZE && ring_get(&uart->to_send, &byte); i++) {
        io_write(uart->base + RBR, byte);
    }
    if (ring_used(&uart->to_send) == 0) {
        io_write(uart->base + IER, IER_RECEIVED);
        board_wake(); /* somebody may wait for room */
    }
}

static void interrupt(struct uart *uart)
{
    take_received(uart);
    give_to_send(uart);
}

void som_uart0_interrupt(void)
{
    interrupt(&uarts[0]);
}

void som_uart1_interrupt(void)
{
    interrupt(&uarts[1]);
}

size_t board_uart_read(unsigned port, void *buf, size_t size)
{
    uint8_t *to = buf;
    size_t count = 0;
    while (count < size && ring_get(&uarts[port].received, &to[count])) {
        count++;
    }
    return count;
}

size_t board_uart_write(unsigned port, const void *data, size_t size)
{
    struct uart *uart = &uarts[port];
    const uint8_t *from = data;
    size_t count = 0;
    while (uart->open && count < size && ring_put(&uart->to_send, from[count])) {
        count++;
    }
    if (count > 0) {
        io_write(uart->base + IER, IER_RECEIVED | IER_CAN_SEND); /* interrupts at once if the FIFO is empty */
    }
    return count;
}

bool board_uart_is_idle(unsigned port)
{
    struct uart *uart = &uarts[port];
    return !uart->open || (ring_used(&uart->to_send) == 0 && (io_read(uart->base + LSR) & LSR_IDLE) != 0);
}

uint32_t board_uart_lost_count(unsigned port)
{
    return uarts[port].lost_count;
}
