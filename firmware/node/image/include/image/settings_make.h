/* settings_make.h: iflow.json as a node has it in its flash image: read, checked and packed with the node's profile, by tools that are built with another. */
#ifndef IMAGE_SETTINGS_MAKE_H
#define IMAGE_SETTINGS_MAKE_H

#include "settings/settings.h"

#define NODE_SETTINGS_SIZE_MAX 16384u /* bytes; more than a node's settings ever take */

/* OK: `size` bytes in `out`, a secret where the settings have a password. CONFIG_*: a node doesn't take this document; where and why stands in *error, as
 * after settings_parse(). */
enum ifl_status node_settings_make(struct bytes json, uint8_t out[NODE_SETTINGS_SIZE_MAX], size_t *size,
                                   struct settings_error *error);

#endif
