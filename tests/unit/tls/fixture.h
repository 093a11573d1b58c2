/* fixture.h: a client with everything it needs, and the certificates of both sides.
 *
 *   roots       RSA-4096 "Root R", P-384 "Root E"             both trusted
 *   servers     Root R ─► RSA-2048 issuer ─► RSA-2048 leaf;   Root E ─► P-384 issuer ─► P-256 leaf
 *   client      Root R ─► RSA-2048 issuer ─► RSA-2048 leaf, as SAP's service keys; or P-256 throughout */
#ifndef TEST_TLS_FIXTURE_H
#define TEST_TLS_FIXTURE_H

#include "peer.h"
#include "pki.h"
#include "tls/tls.h"

#define FIXTURE_ARENA_SIZE 131072
#define FIXTURE_PORT 443

struct fixture {
    struct arena arena;
    struct clock clock;
    struct tls_context context;
    struct tls tls;
    struct identity identity;
    struct net_proxy proxy;
    ifl_ms now;
    const struct pki_certificate *trusted[4];
    size_t trusted_count;
    bool no_random;
    enum ifl_status trust_status; /* what the trust bundle answers instead of a root; OK: nothing special */
};

extern struct fixture client;

struct fixture_certificates {
    struct pki_certificate root_rsa, root_ec;
    struct pki_certificate issuer_rsa, issuer_ec;
    struct pki_certificate server_rsa, server_ec;
    struct pki_certificate client_issuer, client_rsa, client_ec;
};
extern struct fixture_certificates pki;

/* For setUp and tearDown. tearDown checks that the arena is empty and that PSA holds no key. */
void fixture_start(void);
void fixture_stop(void);
/* After all tests. */
void fixture_free(void);

/* Start a server with the RSA or the EC chain that asks for a client certificate; the client forgets the one before. */
void serve_rsa(int version);
void serve_ec(int version);
/* The client has this identity: the RSA one with its chain of three, the EC one with its root, or none. */
void use_rsa_identity(void);
void use_ec_identity(void);
void use_no_identity(void);

/* Open and step until the connection is open, has failed, or nothing moves any more (AGAIN). */
enum ifl_status connect_to(const char *host);
enum ifl_status connect_now(void);
/* Step until nothing moves any more. */
void settle(void);
/* Send a request and read its answer to the end: OK with the answer's size in *size, else why not. */
enum ifl_status exchange(char *answer, size_t room, size_t *size);
/* Write everything. */
enum ifl_status write_all(const void *data, size_t size);

/* A figure for `./dev bench`: into tls.json, all in one object. */
void figure(const char *name, uint64_t value);

#endif
