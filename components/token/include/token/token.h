/* token.h: an OAuth 2.0 access token by client credentials (RFC 6749 section 4.4): fetched, kept until shortly before it ends, fetched anew when the tenant
 * says that it's no good.
 *
 *           token_get()          open            sent              a token
 *     NONE ─────────────► CONNECT ────► ASK (POST grant_type=client_credentials) ────► VALID
 *      ▲ ▲                    │           │                                             │
 *      │ └─ FAILED ◄──────────┴───────────┘ told once by token_get()                    │
 *      └──────────────────────────── it ends, or token_refused() ◄──────────────────────┘
 *
 * Authentication at the token endpoint: with a secret by Basic (RFC 6749 section 2.3.1), without one by the client certificate of the TLS context (RFC 8705
 * section 2), which is the identity of the program. The room has a TLS connection of its own, closed after each answer. Nothing blocks; time is an argument.
 * How often it's tried again after a failure is the caller's to decide: each token_get() after a failure is one try.
 *
 * The struct holds secrets: the token, and for a moment the request and the answer. Nothing of them gets out but by token_get(). */
#ifndef TOKEN_TOKEN_H
#define TOKEN_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/profile.h"
#include "base/status.h"
#include "base/time.h"
#include "http/response.h"
#include "net/net.h"
#include "tls/tls.h"

#define TOKEN_SIZE 6144        /* characters of the header's value, "Bearer " and zero included */
#define TOKEN_ANSWER_SIZE 8192 /* bytes; an answer of so many or more is read no further: no token is in it */

struct token_wiring {
    struct tls *tls; /* of a context whose identity is shown to the endpoint, or NULL there: the secret speaks */
    const char *url; /* https://host[:port]/path */
    const char *clientid, *secret; /* secret "": by certificate */
    const struct net_proxy *proxy; /* or NULL */
    const char *user_agent;        /* or NULL */
};

enum token_state { TOKEN_NONE, TOKEN_CONNECT, TOKEN_ASK, TOKEN_VALID, TOKEN_FAILED };

struct token {
    struct token_wiring wiring;
    enum token_state state;
    enum ifl_status failure; /* in TOKEN_FAILED */
    bool refused_once;       /* and not accepted since */
    char host[IFL_HOST_SIZE];
    uint16_t port;
    const char *path; /* in wiring.url */
    ifl_ms deadline;  /* of the request; or the moment from which the token isn't used any more */
    size_t request_len, request_pos, answer_len;
    struct http_response response;
    uint8_t request[2048];
    char answer[TOKEN_ANSWER_SIZE];
    char value[TOKEN_SIZE];
};

/* Whether token_init() would take this url: OK, KEY_NO_TOKEN_URL. Nothing is kept. */
enum ifl_status token_check_url(const char *url);
/* The wiring is copied; what it points to stays until token_stop(). OK. KEY_NO_TOKEN_URL: the url isn't one. */
enum ifl_status token_init(struct token *token, const struct token_wiring *wiring);
/* The value of the Authorization field. It's used for 10 seconds at least after it was fetched, however short the endpoint says that its life is. OK:
 * *value is valid until the next call of token_step(). AGAIN: it's being fetched, call token_step() and ask again when it has returned `now`. Else it
 * couldn't be fetched, told once; the next call begins anew:
 *   NET_*, PROXY_*, TLS_*, HTTP_*   as of any connection (tls.h, response.h)
 *   ANSWER_BAD_CREDENTIALS          the endpoint doesn't take the secret or the certificate (400, 401)
 *   ANSWER_BUSY, ANSWER_TEMPORARY   429; 5xx
 *   TOKEN_BAD                       any other answer, or one without a token that can be used */
enum ifl_status token_get(struct token *token, ifl_ms now, const char **value);
ifl_ms token_step(struct token *token, ifl_ms now);
/* The tenant has refused this token: it's forgotten. True: a new one may help. False: the one before was refused too and none accepted between. */
bool token_refused(struct token *token);
/* The tenant has accepted it. */
void token_accepted(struct token *token);
/* Close the connection, wipe everything secret. */
void token_stop(struct token *token);

#endif
