/* probe.h: one HTTP request to the tenant on a connection of its own, and everything that was seen on the way: for a diagnosis.
 *
 * It goes the way that deliveries go (rooms net, tls, http, the sender's catalogue), so what is found here is what happens there. It blocks until there
 * is an answer, a failure, or the time is over. */
#ifndef CTL_PROBE_H
#define CTL_PROBE_H

#include <stdbool.h>

#include "catalogue/catalogue.h"
#include "linux/peer.h"
#include "net/net.h"
#include "tls/tls.h"

#define PROBE_CHAIN_MAX 8
#define PROBE_NAME_SIZE 256
#define PROBE_COOKIES_SIZE 4096

struct probe_certificate {
    char subject[PROBE_NAME_SIZE], issuer[PROBE_NAME_SIZE];
    int64_t not_before, not_after;
    bool self_issued;
};

enum probe_reach {
    PROBE_NOWHERE, /* neither TCP nor the proxy's tunnel came up */
    PROBE_PROXY,   /* the proxy took the connection */
    PROBE_TCP,     /* connected, the handshake began */
    PROBE_TLS,     /* the handshake is complete */
    PROBE_ANSWER,  /* an HTTP answer came: `verdict` is the catalogue's */
};

struct probe_request {
    const char *method, *path;
    const char *csrf_token;           /* "Fetch", a token, or NULL */
    const char *cookies;              /* NULL: none */
    const char *content_type;         /* with a body */
    const char *id_header, *id;       /* of a message; NULL: none */
    const char *sender_header, *from; /* the same */
    struct bytes body;                /* without data: a request without a body */
    bool resume;                      /* offer the TLS session of the request before */
};

/* What one request met. Texts of the other side are printable. */
struct probe_seen {
    enum probe_reach reach;
    enum ifl_status verdict; /* ACCEPTED or why not; never OK */
    struct tls_facts facts;
    struct catalogue_answer answer;
    char peer[64]; /* address, as far as one was tried */
    size_t first_size;
    uint8_t first[NET_LINK_FIRST_SIZE]; /* what came first on the wire; nothing is known of it behind a proxy */
    char www_authenticate[128], location[256], server[64], allow[128], content_type[64];
    int64_t date_unix_s; /* 0: none */
    size_t chain_count;  /* leaf first */
    struct probe_certificate chain[PROBE_CHAIN_MAX];
    char token[512];                  /* X-CSRF-Token that came; secret */
    char cookies[PROBE_COOKIES_SIZE]; /* secret */
};

/* Where to go; the caller keeps what it points to. `tls` is initialised, its context set up; the probe puts its own observer into the context. */
struct probe {
    struct tls *tls;
    struct tls_context *context;
    const char *host;
    uint16_t port;
    const char *address; /* NULL: ask DNS */
    const struct net_proxy *proxy;
    uint32_t timeout_s; /* for the connection, and again for the answer */
    const char *version;
};

/* *seen is overwritten. With TLS 1.3 a refused client certificate may show as a bare end of the connection, and only a second one in a row proves it, so
 * such a request is made twice: the verdict is TLS_CLIENT_DROPPED then. */
void probe_request(struct probe *probe, const struct probe_request *request, struct probe_seen *seen);

#endif
