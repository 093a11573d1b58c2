/* key_files.h: a service key out of files, in whatever form people have it, judged, and forgotten again. */
#ifndef CTL_KEY_FILES_H
#define CTL_KEY_FILES_H

#include "identity/service_key.h"
#include "report.h"
#include "unlock.h"

struct key_files {
    const char *dir;               /* names are relative to it; "": as they are */
    const char *const *names;      /* "-" is standard input */
    size_t count;                  /* 1..SERVICE_KEY_INPUT_MAX */
    struct passphrase *passphrase; /* NULL: what is under one is refused, PKCS#12 as well, as iflowd does */
    bool *
        readable; /* of each file: every user of the machine may read it, and a key or a secret is in it. NULL: that is told on standard error */
};

/* Read the files and take the identity in (paste_read()). OK: its chain and key lie in `der`, IFL_IDENTITY_SIZE_MAX bytes; wipe them when done. FILE: a file can't be
 * read; TOO_LARGE: it has more than 1 MB. Others as service_key_read(). *detail says what exactly. The process leaves no core file from here on. */
enum ifl_status key_files_read(const struct key_files *files, void *der, struct identity *identity,
                               struct service_key_report *intake, struct text *detail);

/* The same for texts that were read already, one for each name. The caller wipes them. OK, KEY_SECRET and KEY_PLAN_API: what others may read is told (files->readable). */
enum ifl_status key_files_take(const struct key_files *files, const struct bytes *inputs, void *der,
                               struct identity *identity, struct service_key_report *intake);

/* The identity without its chain and key: what may be shown. */
struct key_files_result {
    struct identity identity; /* chain_count says how many; the spans are empty */
    struct service_key_report intake;
    bool usable;       /* proven, and within its dates now */
    int64_t days_left; /* full days until the first certificate of the chain ends; negative: since */
};

/* Read, judge at `now_unix_s`, and add what is wrong to *report, and which file others may read (warnings about the url stay in result->intake: whether they matter is the caller's to know). No
 * private key is left in memory afterwards. */
void key_files_check(const struct key_files *files, int64_t now_unix_s, struct key_files_result *result,
                     struct report *report);
/* The same judgement for an identity that was read with `status`. */
void key_files_judge(enum ifl_status status, const char *detail, int64_t now_unix_s, struct key_files_result *result,
                     struct report *report);
/* The warning that others may read this file, if they may. */
void key_files_warn_readable(bool readable, const char *dir, const char *name, struct report *report);

#endif
