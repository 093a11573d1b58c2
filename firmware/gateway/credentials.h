/* credentials.h: user and secret in place of a client certificate: `auth` "basic" in the configuration. */
#ifndef GATEWAY_CREDENTIALS_H
#define GATEWAY_CREDENTIALS_H

#include "base/text.h"
#include "identity/secret.h"
#include "settings/settings.h"

/* All of it is secret, and empty where the certificate speaks alone. */
struct credentials {
    struct service_secret secret;
    char authorization[SECRET_BASIC_SIZE]; /* the value of the header */
};

/* From `credentials` in the configuration, else from the service key's file, relative to `dir`. OK; FILE, KEY_*: *detail says what exactly, *credentials
 * are wiped. */
enum ifl_status credentials_read(struct credentials *credentials, const struct settings *settings, const char *dir,
                                 struct text *detail);
void credentials_wipe(struct credentials *credentials);

#endif
