/* catalogue.h: what an answer means. One table; its rows and their order stand in catalogue.c.
 *
 * The caller hands over header fields and body as they stream by; what matters of them is noticed in one small struct, and the verdict is
 * a status whose action in diag.def says what happens to the message. Pure: no I/O, nothing blocks, everything is bounded. */
#ifndef CATALOGUE_CATALOGUE_H
#define CATALOGUE_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

#define CATALOGUE_BODY_SIZE 512 /* first bytes of a body that are looked at */
#define CATALOGUE_TEXT_SIZE 48  /* characters of an MPL id, of a router error, incl. the zero */

/* The fields of an answer that mean something to a sender. */
enum catalogue_field {
    CATALOGUE_CONTENT_TYPE,
    CATALOGUE_CSRF_TOKEN,
    CATALOGUE_AUTHENTICATE,
    CATALOGUE_MPL_ID,
    CATALOGUE_ROUTER_ERROR,
    CATALOGUE_LOCATION,
    CATALOGUE_RETRY_AFTER,
    CATALOGUE_DATE,
    CATALOGUE_SET_COOKIE,
    CATALOGUE_BODY, /* of an answer; as a name: another field */
};

enum catalogue_mark {
    CATALOGUE_HTML = 1,       /* Content-Type is text/html */
    CATALOGUE_LOGIN = 2,      /* Location leads to an authentication host */
    CATALOGUE_ROUTER = 4,     /* X-Cf-RouterError: the router answered, not the tenant's runtime */
    CATALOGUE_CSRF = 8,       /* X-CSRF-Token: Required */
    CATALOGUE_BASIC = 16,     /* WWW-Authenticate: Basic */
    CATALOGUE_TOKEN = 32,     /* WWW-Authenticate: Bearer, or the text says invalid_token */
    CATALOGUE_MPL = 64,       /* a flow's runtime answered: SAP_MessageProcessingLogID, or an MPL id in the text */
    CATALOGUE_OWN = 128,      /* set by the caller: we sent credentials or a token, not a certificate alone */
    CATALOGUE_UNKNOWN = 256,  /* the text of a refusal: the certificate isn't in a service key */
    CATALOGUE_TWICE = 512,    /* it's in two of them */
    CATALOGUE_WRONG = 1024,   /* user or secret is wrong */
    CATALOGUE_NO_HOST = 2048, /* X-Cf-RouterError: empty_host */
    CATALOGUE_SSL = 4096,     /* a reverse proxy speaks of a certificate */
    CATALOGUE_LATER = 8192,   /* Retry-After */
};

/* What is noticed of an answer. All texts are printable. */
struct catalogue_answer {
    uint16_t status; /* 200..599, set by the caller before catalogue_classify() */
    uint16_t marks;  /* of enum catalogue_mark */
    uint16_t body_len;
    char router_error[CATALOGUE_TEXT_SIZE]; /* X-Cf-RouterError: "unknown_route"; "" */
    char mpl_id[CATALOGUE_TEXT_SIZE];
    char retry_after[CATALOGUE_TEXT_SIZE];
    char body[CATALOGUE_BODY_SIZE + 1];
};

void catalogue_begin(struct catalogue_answer *answer, bool own_credentials);
/* Which field it was; the catalogue itself takes no notice of a date or a cookie. */
enum catalogue_field catalogue_field(struct catalogue_answer *answer, const char *name, const char *value);
void catalogue_body(struct catalogue_answer *answer, struct bytes piece);
/* ACCEPTED or the status that says why not. Never OK, never AGAIN. Takes the MPL id out of the body where no field had it. */
enum ifl_status catalogue_classify(struct catalogue_answer *answer);

/* Only somebody who was let in gets this verdict: the identity works. */
bool catalogue_proves_identity(enum ifl_status verdict);
/* This verdict refuses the identity: a certificate alert or a 401. */
bool catalogue_refuses_identity(enum ifl_status verdict);

#endif
