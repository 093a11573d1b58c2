/* settings_make.c: compiled with the node's profile (CMakeLists.txt), together with a room settings of its own (node_names.h). */
#include "image/settings_make.h"

#include "settings/packed.h"

_Static_assert(NODE_SETTINGS_SIZE_MAX >= SETTINGS_PACKED_SIZE_MAX, "the buffer holds all that a node can have");

enum ifl_status node_settings_make(struct bytes json, uint8_t out[NODE_SETTINGS_SIZE_MAX], size_t *size,
                                   struct settings_error *error)
{
    struct settings settings;
    const enum ifl_status status = settings_parse(&settings, json, error);
    if (status == IFL_OK)
        *size = settings_pack(&settings, out);
    bytes_wipe(&settings, sizeof settings); /* it may hold a password */
    return status;
}
