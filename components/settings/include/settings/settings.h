/* settings.h: iflow.json, the one configuration document of node and gateway, read strictly.
 *
 * Unknown keys, wrong types and values out of range are refused with line, key and what is allowed. The result is a plain struct without pointers
 * into the text. cJSON allocates from the hooks' arena only during the call. */
#ifndef SETTINGS_SETTINGS_H
#define SETTINGS_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/profile.h"
#include "base/status.h"
#include "base/text.h"

enum settings_tls { SETTINGS_TLS_AUTO, SETTINGS_TLS_12, SETTINGS_TLS_13 };
enum settings_auth { SETTINGS_AUTH_CERTIFICATE, SETTINGS_AUTH_BASIC };
enum settings_full { SETTINGS_FULL_REFUSE, SETTINGS_FULL_GIVE_UP_OLDEST };

struct settings_route {
    char name[IFL_ROUTE_NAME_SIZE]; /* [a-z0-9_-]+, begins with a letter or digit */
    char path[IFL_PATH_SIZE];       /* begins with '/'; percent-encoded; no spaces or controls */
    char content_type[64];
    uint8_t priority; /* 0..9, default 1 */
    enum settings_full full;
    uint32_t timeout_ms;                   /* for the answer; default 60,000 */
    uint32_t dead_letter_after;            /* on_flow_error; 0 = never (default) */
    char headers[IFL_STATIC_HEADERS_SIZE]; /* "Name\0Value\0Name\0Value\0\0" */
};

struct settings {
    char device[IFL_DEVICE_SIZE]; /* SAP_Sender; printable ASCII */
    char identity[256];           /* file of the service key, relative to the configuration's directory; "" on a node */
    char identity_key[256];       /* file of the private key where it's a separate one; "" if not */
    char url[IFL_HOST_SIZE + 16]; /* "https://host[:port]"; "" = from the service key */
    char trust[256];              /* PEM file with additional or replacing roots; "" = the default bundle */
    char proxy[256];              /* a secret where it has a password */
    char resolve[64]; /* an address literal: connect there instead of asking DNS (tests, split horizon); "" */
    enum settings_tls tls;
    enum settings_auth auth;
    char id_header[48];                       /* default SAP_ApplicationID */
    char sender_header[48];                   /* default SAP_Sender */
    uint32_t outbox_size;                     /* bytes; gateway: size of the file, default 64 MB */
    uint32_t payload_max;                     /* bytes of one message, default IFL_PAYLOAD_SIZE_MAX */
    uint32_t backoff_base_ms, backoff_cap_ms; /* 1,000 and 900,000 */
    uint32_t probe_first_ms, probe_cap_ms;    /* slow probe of a hold: 60,000 and 3,600,000 */
    uint32_t idle_close_ms;                   /* keep-alive: 50,000 */
    uint32_t boot_jitter_ms;                  /* first connection after a start: uniform in 0..this; 5,000 */
    size_t route_count;
    struct settings_route routes[IFL_ROUTE_COUNT];
};

/* Where and why a document was refused. */
struct settings_error {
    enum ifl_status status;
    unsigned line;     /* from 1; 0 = not known */
    char key[96];      /* "routes.telemetry.priority" */
    char allowed[160]; /* "a whole number from 0 to 9" */
};
/* "iflow.json line 7, routes.alarm.priority: A value ... Allowed: a whole number from 0 to 9." */
void settings_error_text(const struct settings_error *error, const char *file, struct text *out);

/* Read `json` (need not be zero-terminated). OK: *settings is complete, defaults filled in. CONFIG_*: *error says where and why, *settings is undefined.
 * NO_MEMORY: the arena is too small. The arena is as full as before afterwards. */
enum ifl_status settings_parse(struct settings *settings, struct bytes json, struct arena *arena,
                               struct settings_error *error);
/* Index of the route, or settings->route_count if there is none. */
size_t settings_route_index(const struct settings *settings, struct bytes name);

/* "https://host[:port][/]" into its parts. CONFIG_NOT_HTTPS; CONFIG_VALUE: anything else (user, path, query, bad port). */
enum ifl_status settings_url_split(struct bytes url, char host[IFL_HOST_SIZE], uint16_t *port);

#endif
