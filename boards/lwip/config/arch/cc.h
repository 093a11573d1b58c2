/* cc.h: lwIP's view of the compiler. */
#ifndef IFL_LWIP_CC_H
#define IFL_LWIP_CC_H

#include <stdint.h>

uint32_t ip_random32(void);

#define LWIP_NO_UNISTD_H 1
#define LWIP_NO_INTTYPES_H 0
#define LWIP_NO_CTYPE_H 1         /* lwIP's own comparisons instead of the C library's table */
#define LWIP_RAND() ip_random32() /* port numbers and DNS ids: hard to guess */

/* lwIP prints nothing, and its assertions are off: 1.4 KB. What comes from outside is checked without them, and a defect inside still ends in memory
 * protection, the watchdog or the peer's reset. */
#define LWIP_NOASSERT 1
#define LWIP_PLATFORM_DIAG(x)                                                                                          \
    do {                                                                                                               \
    } while (0)

#endif
