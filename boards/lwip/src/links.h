/* links.h: between ip.c and link.c. */
#ifndef LINKS_H
#define LINKS_H

#include <stdbool.h>

/* There are a cable and an address. */
bool ip_is_usable(void);
/* Send what the links have handed over. */
void links_push(void);

#endif
