/* catalogue.h: what an answer means. One table; its rows and their order stand in catalogue.c.
 *
 * The caller hands over header fields and body as they stream by; what matters of them is noticed in one small struct, and the verdict is
 * a status whose action in diag.def says what happens to the message. Pure: no I/O, nothing blocks, everything is bounded. */
#ifndef SENDER_CATALOGUE_H
#define SENDER_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

#define CATALOGUE_BODY_SIZE 512 /* first bytes of a body that are looked at */
#define CATALOGUE_MPL_SIZE 48   /* characters of an MPL id incl. the zero */

enum catalogue_mark {
    CATALOGUE_HTML = 1,    /* Content-Type is text/html */
    CATALOGUE_LOGIN = 2,   /* Location leads to an authentication host */
    CATALOGUE_ROUTER = 4,  /* X-Cf-RouterError: the router answered, not the tenant's runtime */
    CATALOGUE_CSRF = 8,    /* X-CSRF-Token: Required */
    CATALOGUE_BASIC = 16,  /* WWW-Authenticate: Basic */
    CATALOGUE_BEARER = 32, /* WWW-Authenticate: Bearer */
    CATALOGUE_MPL = 64,    /* a flow's runtime answered: SAP_MessageProcessingLogID, or an MPL id in the text */
    CATALOGUE_OWN = 128,   /* set by the caller: we sent credentials or a token, not a certificate alone */
};

/* What is noticed of an answer. All texts are printable. */
struct catalogue_answer {
    uint16_t status; /* 200..599, set by the caller */
    uint16_t marks;  /* of enum catalogue_mark */
    uint16_t body_len;
    char router_error[32]; /* X-Cf-RouterError: "unknown_route"; "" */
    char mpl_id[CATALOGUE_MPL_SIZE];
    char body[CATALOGUE_BODY_SIZE];
};

void catalogue_begin(struct catalogue_answer *answer, bool own_credentials);
void catalogue_field(struct catalogue_answer *answer, struct bytes name, struct bytes value);
void catalogue_body(struct catalogue_answer *answer, struct bytes piece);
/* ACCEPTED or the status that says why not. Never OK, never AGAIN. Takes the MPL id out of the body where no field had it. */
enum ifl_status catalogue_classify(struct catalogue_answer *answer);

/* Only somebody who was let in gets this verdict: the identity works. */
bool catalogue_proves_identity(enum ifl_status verdict);
/* This verdict refuses the identity: a certificate alert or a 401. */
bool catalogue_refuses_identity(enum ifl_status verdict);

#endif
