/* limits.h: what a node's build can hold, for tools that are built with another profile. */
#ifndef IMAGE_LIMITS_H
#define IMAGE_LIMITS_H

#include <stddef.h>

struct node_limits {
    const char *profile;
    size_t config_size;   /* bytes of iflow.json */
    size_t identity_size; /* bytes of DER chain, key and texts */
    size_t routes;
    size_t path_size, headers_size; /* of a route, incl. zeros */
    size_t payload_max;
    size_t rsa_bits_max; /* of the private key */
};
extern const struct node_limits node_limits;

#endif
