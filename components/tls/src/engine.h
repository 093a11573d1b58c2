/* engine.h: mbedTLS's structures for one connection, and what of them the parts of this room share. */
#ifndef TLS_ENGINE_H
#define TLS_ENGINE_H

#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#include "tls/tls.h"

struct tls_engine {
    enum ifl_status wire_status;  /* how TCP ended: CLOSED, NET_*; OK while it lives */
    enum ifl_status write_status; /* the same for sending only */
    enum ifl_status other_status; /* a reason of our own: the trust bundle or the own key can't be read */
    bool blocked;                 /* the network had nothing, or no room, in this call */
    bool verifying;               /* the server's chain was parsed and is looked at now */
    bool verified;                /* the server's chain was looked at: it's a full handshake */
    bool answered;                /* the server's CertificateRequest, with our chain or with none */
    bool unread;                  /* a call gave up before the network was empty */
    uint8_t reads;                /* from the network, in this call */
    uint32_t flags;               /* MBEDTLS_X509_BADCERT_*, of all certificates of the server's chain */
    void *own;                    /* the own certificates but the first and the DER of all, only while they're sent */
    mbedtls_pk_context key;       /* parsed only while it signs */
    mbedtls_ssl_context ssl;
    struct arena spare; /* the part of the record buffer that is lent; size 0: none */
    mbedtls_ssl_config conf;
    mbedtls_x509_crt leaf; /* own certificates: only `raw` and `next` are used */
};

/* Allocates and sets up everything for a handshake. NO_MEMORY and others: nothing is left behind. */
enum ifl_status engine_open(struct tls *tls);
/* Frees and wipes everything; NULL engine is fine. */
void engine_close(struct tls *tls);

/* The own certificates and the private key, into the arena for the time of one message (own.c). An error of mbedTLS;
 * engine->other_status says more. */
bool own_exists(const struct tls *tls);
int own_load_chain(struct tls *tls);
void own_free_chain(struct tls *tls);
int own_load_key(struct tls *tls);
void own_free_key(struct tls *tls);

/* The record buffer and what is done with its free part (memory.c). */
void memory_share_buffer(struct tls_engine *engine);
enum ifl_status memory_own_buffer(struct tls_engine *engine);
void memory_release_buffer(struct tls_engine *engine);
bool memory_is_unread(const struct tls_engine *engine);
struct arena *memory_spare(void *tls);
bool memory_take_back(struct tls_engine *engine);
/* The server's chain, as soon as parts of it have done their duty: two to five kilobytes. */
void memory_trim_certificates(struct tls_engine *engine);
void memory_keep_leaf(struct tls_engine *engine);
void memory_free_certificates(struct tls_engine *engine);

/* Callbacks that verify the server's chain (verify.c); ctx is the struct tls. */
int verify_find_roots(void *tls, mbedtls_x509_crt const *child, mbedtls_x509_crt **candidates);
int verify_certificate(void *tls, mbedtls_x509_crt *certificate, int depth, uint32_t *flags);
extern const mbedtls_x509_crt_profile verify_profile;
/* Why the server's chain was refused; OK if it wasn't. */
enum ifl_status verify_status(const struct tls *tls, int error);

/* Why a call of mbedTLS ended with `error` (fault.c). Fills facts.alert. */
enum ifl_status fault_status(struct tls *tls, int error);

/* Offer the saved session, if there is one that fits (session.c). */
void session_offer(struct tls *tls);
/* Keep what the server gave for the next connection. */
void session_keep(struct tls *tls);

#endif
