/* certificate.h: what an index of roots needs to know of a certificate, without parsing all of it. */
#ifndef TLS_CERTIFICATE_H
#define TLS_CERTIFICATE_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/status.h"

/* The DER of issuer and subject (each a Name with its tag and length, RFC 5280 section 4.1) inside of `der`. Either
 * pointer may be NULL. INVALID: this isn't a certificate as far as it was looked at; nothing is written then. Reads
 * only, needs no memory. */
enum ifl_status tls_certificate_names(struct bytes der, struct bytes *issuer, struct bytes *subject);
/* Issuer and subject are the same: a root, most likely. */
bool tls_certificate_is_self_issued(struct bytes der);

#endif
