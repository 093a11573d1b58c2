/* limits.c: always compiled with the node's profile (CMakeLists.txt), whatever the rest is compiled with. */
#include "image/limits.h"

#include "base/profile.h"

const struct node_limits node_limits = {
    .profile = IFL_PROFILE_NAME,
    .config_size = IFL_CONFIG_SIZE_MAX,
    .identity_size = IFL_IDENTITY_SIZE_MAX,
    .routes = IFL_ROUTE_COUNT,
    .path_size = IFL_PATH_SIZE,
    .headers_size = IFL_STATIC_HEADERS_SIZE,
    .payload_max = IFL_PAYLOAD_SIZE_MAX,
    .rsa_bits_max = IFL_RSA_BITS_MAX,
};
