/* sha1_alt.h: SHA-1 as a name only (mbedtls_config.h says why). Every call is refused. */
#ifndef IFL_SHA1_ALT_H
#define IFL_SHA1_ALT_H

typedef struct mbedtls_sha1_context {
    char nothing;
} mbedtls_sha1_context;

#endif
