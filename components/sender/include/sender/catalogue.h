/* catalogue.h: what an answer means. One table; its rows and their order stand in catalogue.c.
 *
 * The action of a verdict is that of its status in diag.def. */
#ifndef SENDER_CATALOGUE_H
#define SENDER_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

#define CATALOGUE_BODY_SIZE 512 /* first bytes of a body that are looked at */
#define CATALOGUE_MPL_SIZE 48   /* characters of an MPL id incl. the zero */

/* What is noticed of an answer while it streams by. */
struct catalogue_answer {
    uint16_t status;
    bool html;            /* Content-Type is text/html */
    bool login_form;      /* the body's first bytes have a login form, or Location leads to an authentication host */
    bool location;        /* a Location header */
    bool router_error;    /* X-Cf-RouterError */
    char router_text[32]; /* its value */
    bool csrf_required;   /* X-CSRF-Token: Required */
    bool www_basic, www_bearer;
    bool has_mpl;
    char mpl_id[CATALOGUE_MPL_SIZE]; /* SAP_MessageProcessingLogID, or from the text of a 500 */
    char body[CATALOGUE_BODY_SIZE];
    size_t body_len;
    bool own_basic; /* we sent Basic credentials or a token, not a certificate */
};

/* ACCEPTED or the status that says why not. Never OK, never AGAIN. */
enum ifl_status catalogue_classify(const struct catalogue_answer *answer);

#endif
