/* tls_private.h: the inside of struct tls, for its size only. Use tls.h. */
#ifndef TLS_TLS_PRIVATE_H
#define TLS_TLS_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/profile.h"
#include "base/status.h"
#include "base/time.h"
#include "net/net.h"

struct tls_engine; /* mbedTLS's structures, in the arena */

/* What the next connection may offer. Holds the master secret: wiped when forgotten. */
struct tls_session {
    uint16_t size; /* of `bytes`; 0: none */
    uint16_t version;
    uint32_t generation; /* of the identity that it was made with */
    int64_t server_not_after;
    uint8_t bytes[IFL_TLS_SESSION_SIZE];
};

/* What went wrong below mbedTLS, which reports only whatever it stumbled over then. */
struct tls_faults {
    bool no_memory, no_entropy;
};

_Static_assert(IFL_TLS_SESSION_SIZE <= UINT16_MAX, "its size is 16 bits");

/* What is used most stands first: a Thumb instruction of 16 bits reaches 31 bytes, 62 in steps of two, or 124 in steps of four. */
struct tls {
    struct tls_context *context;
    struct tls_engine *engine; /* NULL: nothing of mbedTLS is there */
    enum tls_state state;
    enum ifl_status status;
    struct tls_faults faults; /* since tls_open() */
    uint8_t owner;            /* of its blocks in the arena */
    bool only_1_2;            /* this server takes a signature that mbedTLS knows in 1.3 only (tls.c) */
    bool offered;             /* a session was */
    bool no_tickets;          /* one didn't fit the arena: they aren't taken any more */
    uint16_t port;
    struct tls_facts facts;
    ifl_ms deadline;
    uint64_t sent_before, received_before; /* bytes of a connection that was given up for `only_1_2` */
    struct net net;
    struct tls_session session;
    char host[IFL_HOST_SIZE];
};

#endif
