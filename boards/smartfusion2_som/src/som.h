/* som.h: registers of the SmartFusion2 microcontroller subsystem that are used here (UG0331), and what the files of this board share. */
#ifndef SOM_H
#define SOM_H

#include "cortex_m/cortex_m.h"

#define SOM_UART0 0x40000000u
#define SOM_UART1 0x40010000u
#define SOM_SPI0 0x40001000u
#define SOM_WATCHDOG 0x40005000u
#define SOM_SYSTEM 0x40038000u
#define SOM_EMAC 0x40041000u

#define SOM_IRQ_UART0 10u
#define SOM_IRQ_UART1 11u
#define SOM_IRQ_EMAC 12u

/* System registers. A block whose bit is set in SOFT_RESET is held in reset. */
#define SYSTEM_SOFT_RESET (SOM_SYSTEM + 0x48u)
#define SOFT_RESET_EMAC (1u << 4)
#define SOFT_RESET_UART0 (1u << 7)
#define SOFT_RESET_UART1 (1u << 8)
#define SOFT_RESET_SPI0 (1u << 9)
#define SYSTEM_MAC_CONTROL (SOM_SYSTEM + 0x8Cu)
#define SYSTEM_RESET_SOURCE (SOM_SYSTEM + 0xB0u)
#define RESET_SOURCE_WATCHDOG (1u << 4)

/* Clocks as Libero sets them up on this module before the CPU starts: the CPU at 142 MHz, both peripheral buses at half of it. */
#define SOM_CPU_HZ 142000000u
#define SOM_BUS_HZ (SOM_CPU_HZ / 2u)

/* Take a block out of reset. */
static inline void som_release(uint32_t soft_reset_bit)
{
    io_write(SYSTEM_SOFT_RESET, io_read(SYSTEM_SOFT_RESET) & ~soft_reset_bit);
}

void som_uart0_interrupt(void);
void som_uart1_interrupt(void);
void som_ethernet_interrupt(void);

#endif
