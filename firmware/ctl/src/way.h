/* way.h: where a verb that talks to the tenant itself goes, as its command line says it: doctor and send. */
#ifndef CTL_WAY_H
#define CTL_WAY_H

#include <getopt.h>
#include <stdbool.h>

#include "net/net.h"
#include "own_key.h"
#include "settings/settings.h"

/* What both take. Texts are those of the command line, or NULL. */
struct way_options {
    const char *key_files[SERVICE_KEY_INPUT_MAX];
    size_t key_count;
    const char *route, *ca, *url, *address, *proxy, *content_type, *file, *passphrase_file;
    uint32_t timeout_s;
    bool json;
};

enum {
    WAY_KEY = 256,
    WAY_ROUTE,
    WAY_CA,
    WAY_URL,
    WAY_RESOLVE,
    WAY_PROXY,
    WAY_TYPE,
    WAY_FILE,
    WAY_TIMEOUT,
    WAY_PASSPHRASE,
    WAY_JSON,
    WAY_OWN /* from here on: options of the verb alone */
};

#define WAY_LONG_OPTIONS                                                                                               \
    {"key", required_argument, NULL, WAY_KEY}, {"route", required_argument, NULL, WAY_ROUTE},                          \
        {"ca", required_argument, NULL, WAY_CA}, {"url", required_argument, NULL, WAY_URL},                            \
        {"resolve", required_argument, NULL, WAY_RESOLVE}, {"proxy", required_argument, NULL, WAY_PROXY},              \
        {"content-type", required_argument, NULL, WAY_TYPE}, {"file", required_argument, NULL, WAY_FILE},              \
        {"timeout", required_argument, NULL, WAY_TIMEOUT},                                                             \
        {"passphrase-file", required_argument, NULL, WAY_PASSPHRASE},                                                  \
    {                                                                                                                  \
        "json", no_argument, NULL, WAY_JSON                                                                            \
    }

/* The verb's side of it. */
struct way_verb {
    const struct option *options;                    /* with WAY_LONG_OPTIONS */
    uint32_t timeout_s, timeout_s_max;               /* seconds: without the option, and at most */
    int (*usage)(const char *why, const char *word); /* says what is wrong and how the verb is called; 2 */
    int (*take)(void *ctx, int option);              /* one of its own; -1: go on, else the exit status. May be NULL */
    void *ctx;
};

/* -1: go on; else the exit status. --key is there, and what stands without an option is a key file, too. */
int way_parse(const struct way_verb *verb, int argc, char **argv, struct way_options *options);

/* The options as a configuration, so that they are checked, and completed with the defaults, exactly as iflowd does it with its own. It has one route, called `name`, to `path`;
 * `probe` is the address for a look at the identity, NULL: the default. CONFIG_*, TOO_LARGE: *detail says what exactly. */
enum ifl_status way_settings(const struct way_options *options, const char *name, const char *path, const char *probe,
                             struct settings *settings, struct net_proxy *proxy, struct text *detail);

/* The host: by the option, else by the key. KEY_NO_URL, CONFIG_*: *detail says why. */
enum ifl_status way_host(const struct settings *settings, const struct own_key *key, char host[IFL_HOST_SIZE],
                         uint16_t *port, struct text *detail);

#endif
