/* board.h: what a board without an OS gives to the firmware. The one header that firmware/node and the tests on a board include.
 *
 * A new board implements these functions (one file a part reads well), and board/ethernet.h if its network is an Ethernet MAC. Choice is by
 * linking: boards/<name>/CMakeLists.txt lists its files, there is no #ifdef. boards/README.md says step by step how; boards/cortex_m has
 * start-up, time, memory protection and faults ready for every Cortex-M3/M4.
 *
 * One thread calls all of it. Nothing here blocks, except board_wait(), which is made for it, and a page program of the flash. */
#ifndef BOARD_BOARD_H
#define BOARD_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/time.h"
#include "board/layout.h"
#include "flash/flash.h"

/* ---- What it is ------------------------------------------------------------------------------------------------------------ */

/* For the heartbeat and `status`: "smartfusion2_som". */
extern const char board_name[];

/* ---- Time and idling ------------------------------------------------------------------------------------------------------- */

/* Milliseconds since start; never jumps, never wraps. */
ifl_ms board_now(void);

/* Sleep (the CPU stops) until `until` or until an interrupt brought something: bytes on a UART, a frame, board_wake(). It may return early;
 * an event between the last step of the loop and this call isn't lost. */
void board_wait(ifl_ms until);

/* End the next or current board_wait(). For interrupt handlers. */
void board_wake(void);

/* ---- Watchdog -------------------------------------------------------------------------------------------------------------- */

/* Called by the loop once a turn and, while it computes a signature or a key exchange, after a million instructions or so. At the start nobody calls it while a
 * store is looked through: the board's watchdog must allow for several seconds. */
void board_watchdog_feed(void);
uint32_t board_watchdog_feed_count(void);

/* ---- Why it started -------------------------------------------------------------------------------------------------------- */

enum board_reboot_reason {
    BOARD_POWER_ON,       /* RAM held nothing of an earlier run */
    BOARD_REQUESTED,      /* board_reboot(): console, new settings */
    BOARD_FAULT,          /* the CPU refused an instruction or an access: pc, lr, address, fault_status */
    BOARD_STACK_OVERFLOW, /* the stack guard was hit; lr is the nearest return address that was found */
    BOARD_WATCHDOG,       /* the loop hung; pc where the board can tell */
    BOARD_OUTSIDE,        /* reset without a word from us: reset pin, debugger, a dip of the supply */
    BOARD_DEFECT,         /* the firmware found itself in a state that can't be; lr says where */
};

struct board_reboot {
    enum board_reboot_reason reason;
    uint32_t pc;           /* instruction that failed; 0 = not known */
    uint32_t lr;           /* return address of its caller; 0 = not known */
    uint32_t address;      /* data address of the failed access; 0 = not known */
    uint32_t fault_status; /* as the CPU gives it (Cortex-M: CFSR) */
    uint32_t boot_count;   /* starts since power came, this one included */
    ifl_ms uptime_ms;      /* of the run that ended so */
};

/* Why the run before this one ended; the same answer all the time. */
const struct board_reboot *board_last_reboot(void);
const char *board_reboot_reason_name(enum board_reboot_reason reason); /* "power on", "stack overflow" */
/* Start again. REQUESTED or DEFECT; the reason survives in RAM. */
_Noreturn void board_reboot(enum board_reboot_reason reason);

/* ---- UART ------------------------------------------------------------------------------------------------------------------ */

/* Received by interrupt into a ring, sent from one: both calls only copy. 115,200 8N1. Port 0 is the console. */
void board_uart_open(unsigned port);
/* Bytes taken out of the receive ring, 0 if there are none. */
size_t board_uart_read(unsigned port, void *buf, size_t size);
/* Bytes put into the transmit ring; fewer than `size` if it is full, the rest is the caller's. */
size_t board_uart_write(unsigned port, const void *data, size_t size);
/* Everything that was written has left the chip. */
bool board_uart_is_idle(unsigned port);
/* Received bytes that found the ring full, since start. */
uint32_t board_uart_lost_count(unsigned port);

/* ---- Flash ----------------------------------------------------------------------------------------------------------------- */

/* FLASH_BUSY: it still does something from before the reset, call again. OK: *flash stays valid for good. FLASH_UNKNOWN, FLASH_PROTECTED,
 * FLASH_IO: there is no usable flash; the firmware can only say so. */
enum ifl_status board_flash_open(const struct flash **flash);

/* While true, an erase doesn't begin: erase_start() answers FLASH_BUSY. One that runs goes on. For what is stored in the middle of a handshake, which reads
 * roots and identity from the same flash afterwards (firmware/node/src/node.h). */
void board_flash_hold_erases(bool hold);

/* What lies where (board/layout.h). FLASH_BUSY and the like: as board_flash_open(), which need not have been called. */
enum ifl_status board_flash_region(enum board_region name, struct flash_region *region);

/* ---- Memory in use --------------------------------------------------------------------------------------------------------- */

/* Bytes of the main stack (of the interrupt stack) that were ever used, and its size. Stacks are painted at start. */
size_t board_stack_used(void);
size_t board_stack_size(void);
size_t board_interrupt_stack_used(void);
size_t board_interrupt_stack_size(void);

#endif
