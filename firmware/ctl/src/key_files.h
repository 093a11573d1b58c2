/* key_files.h: a service key out of files, judged, and forgotten again. */
#ifndef CTL_KEY_FILES_H
#define CTL_KEY_FILES_H

#include "identity/service_key.h"
#include "report.h"

/* The identity without its chain and key: what may be shown. */
struct key_files_result {
    struct identity identity; /* chain_count says how many; the spans are empty */
    struct service_key_report intake;
    bool usable;       /* proven, and within its dates now */
    int64_t days_left; /* full days until the first certificate of the chain ends; negative: since */
};

/* Read `count` files (1..SERVICE_KEY_INPUT_MAX; "-" is standard input) relative to `dir` ("": as they are), judge them at `now_unix_s`, and add what is wrong to *report (warnings about the
 * url stay in result->intake: whether they matter is the caller's to know). No private key
 * is left in memory afterwards. The process leaves no core file from here on. */
void key_files_check(const char *dir, const char *const *names, size_t count, int64_t now_unix_s,
                     struct key_files_result *result, struct report *report);

#endif
