/* plan.h: all that follows from the configuration, worked out completely before it replaces what is in force. So a mistake in a new
 * configuration changes nothing. */
#ifndef GATEWAY_PLAN_H
#define GATEWAY_PLAN_H

#include <limits.h>

#include "base/text.h"
#include "credentials.h"
#include "keys.h"
#include "linux/trust_files.h"
#include "net/net.h"
#include "options.h"
#include "settings/settings.h"

struct plan {
    char directory[PATH_MAX]; /* of the configuration file: its relative paths begin there */
    struct settings settings;
    struct net_proxy proxy; /* secret where it has a password */
    struct trust_files trust;
    struct credentials credentials; /* secret; with `auth` "basic" */
    struct key_file key_file;       /* secret; filled by key_file_read(), wiped when it's in its slot */
    bool config_readable;           /* it holds a password, and every user of the machine may read it */
    bool secret_readable;           /* the same of the file with the credentials' secret */
};

/* Read the configuration that the options name, its trust bundle, its proxy and its credentials; not the key file of an
 * identity by certificate. OK; FILE, CONFIG_*, KEY_*, TOO_LARGE: *detail
 * says where and why, *plan can't be used. */
enum ifl_status plan_read(struct plan *plan, const struct options *options, struct text *detail);

#endif
