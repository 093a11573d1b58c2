/* own_key.h: the identity that a verb needs for itself, private key included: for verbs that talk to the tenant. */
#ifndef CTL_OWN_KEY_H
#define CTL_OWN_KEY_H

#include "base/text.h"
#include "identity/secret.h"
#include "identity/service_key.h"
#include "unlock.h"

struct own_key {
    struct identity identity; /* its spans point into `bytes`; a secret */
    struct service_key_report report;
    struct passphrase passphrase; /* for what is under one; asked for on the terminal where it isn't known; a secret */
    uint8_t bytes[IFL_IDENTITY_SIZE_MAX];  /* secret */
    char authorization[SECRET_BASIC_SIZE]; /* secret; of a key without a certificate, else "" */
};

/* From here on the process leaves no core file and can't be traced by others. */
void own_key_protect_process(void);
/* Read `count` files in any form (key_files.h; 1..SERVICE_KEY_INPUT_MAX; "-" is standard input). OK; FILE, TOO_LARGE, KEY_*: *detail says what exactly. The texts that were
 * read are wiped. */
enum ifl_status own_key_read(struct own_key *key, const char *const *files, size_t count, struct text *detail);
/* The same; and a service key of type ClientId/Secret is taken too: then the identity has a url and no chain, and `authorization` says who it is. */
enum ifl_status own_key_read_either(struct own_key *key, const char *const *files, size_t count, struct text *detail);
void own_key_wipe(struct own_key *key);

#endif
