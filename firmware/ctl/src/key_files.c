#include "key_files.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "linux/entropy.h"
#include "linux/file.h"

#define FILE_SIZE_MAX (1024u * 1024u) /* a service key has 10 KB */
#define ARENA_SIZE (1024u * 1024u)

static uint8_t texts[SERVICE_KEY_INPUT_MAX][FILE_SIZE_MAX]; /* secret */
static uint8_t der[IFL_IDENTITY_SIZE_MAX];                  /* secret */
static uint8_t arena_bytes[ARENA_SIZE];

static void leave_no_core(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
}

static enum ifl_status read_files(const char *dir, const char *const *names, size_t count, struct bytes *inputs,
                                  struct text *detail)
{
    enum ifl_status status = IFL_OK;
    for (size_t i = 0; i < count && status == IFL_OK; i++) {
        size_t size = 0;
        status = strcmp(names[i], "-") == 0 ? file_read_stdin(texts[i], FILE_SIZE_MAX, &size, detail)
                                            : file_read(dir, names[i], texts[i], FILE_SIZE_MAX, &size, detail);
        inputs[i] = bytes_of(texts[i], size);
    }
    return status;
}

static void judge_dates(struct key_files_result *result, int64_t now_unix_s, struct report *report)
{
    const struct identity *identity = &result->identity;
    const enum ifl_status expiry = identity_expiry(identity, now_unix_s, &result->days_left);
    if (expiry != IFL_OK) {
        const bool intermediate = expiry == IFL_KEY_EXPIRED && identity->chain_not_after < identity->not_after;
        report_add(report, expiry, intermediate ? "an intermediate certificate has" : "");
    }
    if (identity->not_before > now_unix_s) {
        report_add(report, IFL_KEY_NOT_YET_VALID, "");
    }
}

static void judge(struct key_files_result *result, int64_t now_unix_s, struct report *report)
{
    const struct service_key_report *intake = &result->intake;
    if (intake->status != IFL_OK) {
        report_add(report, intake->status, intake->detail);
    }
    if (result->identity.key_type[0] != '\0') {
        judge_dates(result, now_unix_s, report);
    }
}

static void forget_secrets(struct identity *identity)
{
    memset(identity->chain, 0, sizeof identity->chain);
    identity->key = bytes_of(NULL, 0);
    bytes_wipe(texts, sizeof texts);
    bytes_wipe(der, sizeof der);
}

void key_files_check(const char *dir, const char *const *names, size_t count, int64_t now_unix_s,
                     struct key_files_result *result, struct report *report)
{
    struct bytes inputs[SERVICE_KEY_INPUT_MAX] = {{0}};
    const struct ifl_random random = entropy_random();
    char buf[REPORT_DETAIL_SIZE];
    struct text detail;
    struct arena arena;
    memset(result, 0, sizeof *result);
    text_init(&detail, buf, sizeof buf);
    arena_init(&arena, arena_bytes, sizeof arena_bytes);
    leave_no_core();
    const size_t before = report->count;
    enum ifl_status status = read_files(dir, names, count, inputs, &detail);
    if (status == IFL_OK) {
        (void)service_key_read(inputs, count, &arena, &random, der, sizeof der, &result->identity, &result->intake);
        judge(result, now_unix_s, report);
    } else {
        result->intake.status = status;
        report_add(report, status, buf);
    }
    result->usable = result->intake.status == IFL_OK;
    for (size_t i = before; i < report->count; i++) {
        const enum ifl_status problem = report->problems[i].status;
        result->usable = result->usable && problem != IFL_KEY_EXPIRED && problem != IFL_KEY_NOT_YET_VALID;
    }
    forget_secrets(&result->identity);
}
