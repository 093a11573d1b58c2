/* cc.h: lwIP's view of the compiler. */
#ifndef IFL_LWIP_CC_H
#define IFL_LWIP_CC_H

#include <stdint.h>

#include "board/board.h"

uint32_t ip_random32(void);

#define LWIP_NO_UNISTD_H 1
#define LWIP_NO_INTTYPES_H 0
#define LWIP_RAND() ip_random32() /* port numbers and DNS ids: hard to guess */

/* lwIP prints nothing. An assertion that fails is a defect: start again, with the place in the reboot record. */
#define LWIP_PLATFORM_DIAG(x)                                                                                          \
    do {                                                                                                               \
    } while (0)
#define LWIP_PLATFORM_ASSERT(x) board_reboot(BOARD_DEFECT)

#endif
