/* links.h: between ip.c and link.c. */
#ifndef LINKS_H
#define LINKS_H

#include "base/status.h"

/* OK: there are a cable and an address. NET_DOWN, NET_NO_ADDRESS. */
enum ifl_status ip_network(void);
/* Send what the links have handed over. */
void links_push(void);

#endif
