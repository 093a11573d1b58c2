/* key_json.h: where the parts of a service key stand in its JSON. */
#ifndef IDENTITY_KEY_JSON_H
#define IDENTITY_KEY_JSON_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/json.h"
#include "base/status.h"
#include "identity/service_key.h"

struct key_fields {
    struct json certificate, key; /* strings; raw.size 0: not there */
    struct json url, clientid, tokenurl;
    struct json auth_url; /* the `url` beside the fields under `uaa`: where tokens come from, not the tenant */
    struct json secret;   /* the clientsecret */
};

/* The text begins with JSON, perhaps behind the lines that the cf command prints: the first '{' stands before any PEM block. *at: its place. */
bool key_json_starts(struct bytes text, size_t *at);

/* Find the fields: at the root, under `oauth`, `credentials`, `uaa`, and under these in each other. KEY_JSON: not JSON; `detail` says where. KEY_AMBIGUOUS: two
 * different values for a field, or a second JSON text behind the first. `*repairs` gets bits of enum repair. */
enum ifl_status key_json_find(struct bytes text, struct key_fields *fields, unsigned *repairs, struct text *detail);

#endif
