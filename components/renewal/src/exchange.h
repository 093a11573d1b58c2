/* exchange.h: HEAD on an address that doesn't exist, over a connection that is open. */
#ifndef RENEWAL_EXCHANGE_H
#define RENEWAL_EXCHANGE_H

#include "renewal/renewal.h"

/* Put the request together, in the arena. OK; NO_MEMORY; TOO_LARGE, INVALID: host or path don't make a request. */
enum ifl_status exchange_open(struct renewal *renewal);
/* Send and receive what can be. AGAIN: it goes on. Else it's over: the catalogue's verdict about the answer, or why there is none. */
enum ifl_status exchange_step(struct renewal *renewal, ifl_ms now);
void exchange_close(struct renewal *renewal);

#endif
