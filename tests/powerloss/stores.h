/* stores.h: what the sweep can sweep. */
#ifndef STORES_H
#define STORES_H

#include "sweep.h"

extern const struct sweep_store store_outbox;
extern const struct sweep_store store_state;
extern const struct sweep_store store_identity;

#endif
