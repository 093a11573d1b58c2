/* secret.h: a service key of type `ClientId/Secret`, for the tenants and programs that authenticate without a client certificate.
 *
 * Nothing here can be proven before the tenant is asked, unlike with a certificate. Pure: no memory but the caller's, nothing blocks. */
#ifndef IDENTITY_SECRET_H
#define IDENTITY_SECRET_H

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "identity/service_key.h"

/* Wipe it when done. */
struct service_secret {
    char clientid[IDENTITY_TEXT_SIZE];
    char secret[IDENTITY_TEXT_SIZE];
    char url[IFL_HOST_SIZE + 16]; /* of the tenant, without '/' at its end; "" = not told */
    const char
        *url_fault; /* why the url that is there isn't taken (paste_url_fault()); NULL: it is, or there is none */
    char tokenurl[IDENTITY_TEXT_SIZE]; /* where tokens come from; "" = not told */
};

/* Read the text of a service key as the cockpit and the cf command give it (service_key.h says in which forms). OK: clientid and secret are there. A
 * certificate beside them is no fault: it isn't looked at. KEY_JSON, KEY_AMBIGUOUS; KEY_NO_SECRET: there is no clientsecret or no clientid; KEY_PLAN_API:
 * it can't call flows; TOO_LARGE: a text is longer than here. Then *secret is wiped, and `detail` says what exactly, without secrets. */
enum ifl_status service_secret_read(struct bytes text, struct service_secret *secret, struct text *detail);

/* The value of an Authorization field: "Basic " and base64 of user:password (RFC 7617 section 2). TOO_LARGE: it doesn't fit, *out is empty. */
enum ifl_status secret_basic(const char *user, const char *password, struct text *out);
#define SECRET_BASIC_SIZE 704 /* is enough for two texts of IDENTITY_TEXT_SIZE */

#endif
