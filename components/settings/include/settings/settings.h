/* settings.h: iflow.json, the one configuration document of node and gateway, read strictly.
 *
 * Unknown and doubled keys, wrong types and values out of range are refused with line, key and what is allowed. The result is a plain struct
 * without pointers into the text. No memory is allocated, nothing blocks. Values never appear in an error: they may be secrets.
 *
 *   key                              value (default)
 *   device                           printable ASCII, up to 47 characters: SAP_Sender; needed
 *   identity                         file of the service key, or { "certificate": FILE, "key": FILE } for two PEM files (none: a node has its own)
 *   url                              https://host[:port] (that of the service key)
 *   trust                            PEM file with the roots to trust (the system's)
 *   tls                              "auto", "1.2", "1.3" (auto)
 *   auth                             "certificate", "basic": user and password, from a service key of type ClientId/Secret or `credentials`; "oauth": access tokens, on a gateway
 *                                    only (certificate)
 *   credentials.user, .password      printable ASCII, up to 127 characters, no ':' in the user; with auth "basic" only (those of the service key)
 *   id_header, sender_header         names of the headers that carry the message id and the device (SAP_ApplicationID, SAP_Sender)
 *   idle_close_ms                    100..55,000: close an unused connection after it; the load balancer's limit is 60 s (50,000)
 *   network.address                  "dhcp" or an address with prefix length, 192.0.2.7/24 (dhcp); on a gateway the system's business
 *   network.gateway                  address of the router, with a fixed address only
 *   network.dns                      list of up to 2 addresses; on a gateway the system's business (those that DHCP gives)
 *   network.ntp                      list of up to 2 HOST[:PORT]; on a gateway the system's business (none)
 *   network.proxy                    "" or http://[user:password@]host:port of an HTTP CONNECT proxy (none)
 *   network.resolve                  address at which the endpoint's host is reached without asking DNS (none)
 *   outbox.size                      65,536..4,294,901,760 bytes: size of the file; on a node the board's flash table decides (67,108,864)
 *   outbox.payload_max               1..IFL_PAYLOAD_SIZE_MAX bytes of one message (the maximum)
 *   backoff.base_ms, backoff.cap_ms  100..60,000 (1,000) and base..3,600,000 (420,000)
 *   backoff.boot_jitter_ms           0..3,600,000: the first connection waits a random time up to it (5,000)
 *   probe.first_ms, probe.cap_ms     100..3,600,000 (60,000) and first..86,400,000 (3,600,000): slow probe of a held route
 *   routes                           1..IFL_ROUTE_COUNT of NAME: PATH or NAME: { ... }; NAME is up to 31 of a-z 0-9 _ -
 *   routes.NAME.path                 begins with '/', percent-encoded; needed
 *   routes.NAME.content_type         media type (application/json)
 *   routes.NAME.priority             0..9: the lowest gives up first when the outbox is full (1)
 *   routes.NAME.full                 "refuse", "give_up_oldest": what a full outbox does (refuse)
 *   routes.NAME.max_rate             1..60,000 messages a minute at most (0: a backlog is drained at most four times as fast as it was stored, but with a pause of
 *                                    no more than five minutes)
 *   routes.NAME.max_age_min          1..5,256,000 minutes that the device is up: an older message is given up instead of sent (0: never)
 *   routes.NAME.timeout_ms           100..600,000: wait for the answer (60,000)
 *   routes.NAME.on_flow_error        { "dead_letter_after": 0..1000 }: attempts; 0 = never (0)
 *   routes.NAME.headers              { "Name": "value" } static headers; IFL_STATIC_HEADERS_SIZE characters in all
 *   routes.NAME.body                 "raw": a message as it is; "json_array", "json_lines": messages as JSON texts in an array or one a line; "cloudevent": a CloudEvent 1.0 in structured mode, not in batches (raw, and json_array
 *                                    where batch.max_count is more than 1)
 *   routes.NAME.batch.max_count      1..1000 messages in a request (1)
 *   routes.NAME.batch.max_size       1..41,943,040 bytes of a batch's body; a larger message goes alone (250,000)
 *   routes.NAME.batch.max_delay_ms   0..3,600,000: how long a batch waits for more messages (0)
 */
#ifndef SETTINGS_SETTINGS_H
#define SETTINGS_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/profile.h"
#include "base/status.h"
#include "base/text.h"

#define SETTINGS_ADDRESS_SIZE 50 /* an IPv6 address with prefix length and zero */
#define SETTINGS_SERVER_COUNT 2  /* DNS and NTP servers of each kind */
#define SETTINGS_NTP_SIZE 64

enum settings_tls {
    SETTINGS_TLS_AUTO,
    SETTINGS_TLS_12,
    SETTINGS_TLS_13,
};
enum settings_auth {
    SETTINGS_AUTH_CERTIFICATE,
    SETTINGS_AUTH_BASIC,
    SETTINGS_AUTH_OAUTH, /* a gateway only */
};
enum settings_full {
    SETTINGS_FULL_REFUSE,
    SETTINGS_FULL_GIVE_UP_OLDEST,
};

enum settings_body {
    SETTINGS_BODY_RAW,
    SETTINGS_BODY_ARRAY,
    SETTINGS_BODY_LINES,
    SETTINGS_BODY_EVENT,
};

/* Numbers first, in both: that makes the code smaller. */
struct settings_route {
    uint8_t priority; /* 0..9 */
    enum settings_full full;
    enum settings_body body;
    uint32_t batch_count;           /* messages in a request at most; >= 1 */
    uint32_t batch_size;            /* bytes of a batch's body at most */
    uint32_t batch_delay_ms;        /* a batch waits so long for more messages */
    uint32_t timeout_ms;            /* for the answer */
    uint32_t max_rate;              /* messages a minute; 0 = four times as fast as they were stored */
    uint32_t max_age_min;           /* an older message isn't sent any more; 0 = messages don't age */
    uint32_t dead_letter_after;     /* on_flow_error; 0 = never */
    char name[IFL_ROUTE_NAME_SIZE]; /* [a-z0-9_-]+, begins with a letter or digit */
    char path[IFL_PATH_SIZE];       /* begins with '/'; percent-encoded; no spaces or controls */
    char content_type[64];
    char headers[IFL_STATIC_HEADERS_SIZE]; /* "Name\0Value\0Name\0Value\0\0" */
};

struct settings {
    enum settings_tls tls;
    enum settings_auth auth;
    uint32_t outbox_size; /* bytes */
    uint32_t payload_max; /* bytes of one message */
    uint32_t backoff_base_ms, backoff_cap_ms;
    uint32_t probe_first_ms, probe_cap_ms;
    uint32_t idle_close_ms;
    uint32_t boot_jitter_ms; /* first connection after a start: uniform in 0..this */
    size_t route_count;
    char device[IFL_DEVICE_SIZE]; /* SAP_Sender; printable ASCII */
    char id_header[48];
    char sender_header[48];
    char probe_path[64];                   /* where a new identity is tried: an address at which nothing is deployed */
    char identity[IFL_FILE_NAME_SIZE];     /* file of the service key or certificate, relative to the configuration's
                                          directory; "" on a node, which has no files */
    char identity_key[IFL_FILE_NAME_SIZE]; /* file of the private key where it's a separate one; "" if not */
    char url[IFL_HOST_SIZE + 16];          /* "https://host[:port]"; "" = from the service key */
    char trust[IFL_FILE_NAME_SIZE];        /* PEM file of roots; "" = the default bundle */
    char proxy[256];                       /* "" = none; a secret where it has a password */
    char resolve[64];                      /* an address literal; "" = ask DNS */
    char address[SETTINGS_ADDRESS_SIZE];   /* "dhcp" or address/prefix */
    char gateway[SETTINGS_ADDRESS_SIZE];   /* "" with dhcp */
    char dns[SETTINGS_SERVER_COUNT][SETTINGS_ADDRESS_SIZE]; /* "" = unused */
    char ntp[SETTINGS_SERVER_COUNT][SETTINGS_NTP_SIZE];
    char user[128];     /* of Basic; "" = those of the service key */
    char password[128]; /* a secret */
    struct settings_route routes[IFL_ROUTE_COUNT];
};

/* Where and why a document was refused. */
struct settings_error {
    enum ifl_status status;
    unsigned line;     /* from 1; 0 = not known */
    char key[96];      /* "routes.telemetry.priority"; "" = the document */
    char allowed[192]; /* "a whole number from 0 to 9" */
};
/* "iflow.json line 7, routes.alarm.priority: E302 A value ... Allowed: a whole number from 0 to 9. Use one of ..." */
void settings_error_text(const struct settings_error *error, const char *file, struct text *out);
/* Only where, and what is allowed, for who tells the status besides: "iflow.json line 7, routes.alarm.priority; allowed: a whole number from 0 to 9". */
void settings_error_detail(const struct settings_error *error, const char *file, struct text *out);

/* Read `json` (need not be zero-terminated; a UTF-8 byte order mark is skipped). OK: *settings is complete, defaults filled in.
 * CONFIG_SYNTAX, CONFIG_UNKNOWN_KEY, CONFIG_DUPLICATE, CONFIG_MISSING, CONFIG_VALUE, CONFIG_NOT_HTTPS; CONFIG_LIMIT: more than
 * IFL_CONFIG_SIZE_MAX bytes or IFL_ROUTE_COUNT routes. Then *error says where and why, and *settings is undefined. */
enum ifl_status settings_parse(struct settings *settings, struct bytes json, struct settings_error *error);
/* Index of the route, or settings->route_count if there is none. */
size_t settings_route_index(const struct settings *settings, struct bytes name);

/* "https://host[:port][/]" into its parts; port 443 if none is given. The host may be a name, an IPv4 address or an IPv6 address in brackets
 * (copied without them). CONFIG_NOT_HTTPS: another scheme or none; CONFIG_VALUE: anything else (user, path, query, bad port); *port and
 * host are untouched then. */
enum ifl_status settings_url_split(struct bytes url, char host[IFL_HOST_SIZE], uint16_t *port);

#endif
