/* app.h: the part of the firmware that a customer replaces: where messages come from.
 *
 * Link another file than app_sample.c that defines these two functions. Nothing may block; messages go out by node_put(), whose OK means: it's in flash and will be
 * delivered, whatever the power does. */
#ifndef NODE_APP_H
#define NODE_APP_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/status.h"
#include "base/time.h"

/* Called once, when the node can take messages. */
void app_start(ifl_ms now);
/* Called in each turn of the loop; returns when it wants to be called again. Also called in the middle of a signature or a key exchange (node.h), so that a
 * reading is stored on time: it may use 500 bytes of stack of its own. */
ifl_ms app_step(ifl_ms now);

/* ---- what it may call ---- */

/* Store a message for the route with this name (iflow.json). OK: stored. NOT_FOUND: no such route. STORE_FULL, TOO_LARGE, FLASH_*: not stored. FLASH_BUSY: an erase is
 * under way, try again in the next turn. */
enum ifl_status node_put(const char *route, struct bytes payload);
/* The configured name of this device. */
const char *node_device(void);

#endif
