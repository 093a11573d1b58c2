#include "key_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identity/paste.h"
#include "linux/entropy.h"
#include "linux/file.h"
#include "own_key.h"

#define FILE_SIZE_MAX ((size_t)1024 * 1024) /* a service key has 10 KB */
#define ARENA_SIZE (1024u * 1024u)

static uint8_t arena_bytes[ARENA_SIZE];

/* One file into `buf`, FILE_SIZE_MAX bytes. */
static enum ifl_status read_one(const struct key_files *files, size_t index, uint8_t *buf, struct bytes *input,
                                struct text *detail)
{
    size_t size = 0;
    const char *name = files->names[index];
    const enum ifl_status status = strcmp(name, "-") == 0
                                       ? file_read_stdin(buf, FILE_SIZE_MAX, &size, detail)
                                       : file_read(files->dir, name, buf, FILE_SIZE_MAX, &size, detail);
    *input = bytes_of(buf, size);
    return status;
}

/* KEY_READABLE, for a verb that reports no problems of its own. */
static void tell_readable(const char *dir, const char *name)
{
    char path[PATH_MAX];
    if (file_path(path, dir, name) == IFL_OK) {
        fprintf(stderr, "iflowctl: E%d %s %s (%s)\n", (int)IFL_KEY_READABLE, ifl_cause(IFL_KEY_READABLE),
                ifl_remedy(IFL_KEY_READABLE), path);
    }
}

/* A key of type ClientId/Secret, or of plan api, is refused, but it's a secret all the same. */
static void find_readable(const struct key_files *files, const struct bytes *inputs, enum ifl_status status)
{
    const bool secret = status == IFL_OK || status == IFL_KEY_SECRET || status == IFL_KEY_PLAN_API;
    for (size_t i = 0; i < files->count; i++) {
        const bool readable = secret && strcmp(files->names[i], "-") != 0 &&
                              file_gives_key_away(files->dir, files->names[i], inputs[i], files->count);
        if (files->readable != NULL) {
            files->readable[i] = readable;
        } else if (readable) {
            tell_readable(files->dir, files->names[i]);
        }
    }
}

enum ifl_status key_files_take(const struct key_files *files, const struct bytes *inputs, void *der,
                               struct identity *identity, struct service_key_report *intake)
{
    const struct ifl_random random = entropy_random();
    const struct paste_unlock unlock = {files->passphrase, unlock_open};
    struct arena arena;
    size_t total = 0;
    for (size_t i = 0; i < files->count; i++) {
        total += inputs[i].size;
    }
    const size_t work_size = PASTE_WORK_SIZE(total);
    uint8_t *work = malloc(work_size);
    if (work == NULL) {
        return IFL_NO_MEMORY;
    }
    arena_init(&arena, arena_bytes, sizeof arena_bytes);
    const enum ifl_status status =
        paste_read(inputs, files->count, bytes_of(work, work_size), files->passphrase == NULL ? NULL : &unlock, &arena,
                   &random, der, IFL_IDENTITY_SIZE_MAX, identity, intake);
    free(work);
    find_readable(files, inputs, status);
    return status;
}

enum ifl_status key_files_read(const struct key_files *files, void *der, struct identity *identity,
                               struct service_key_report *intake, struct text *detail)
{
    struct bytes inputs[SERVICE_KEY_INPUT_MAX] = {{0}};
    enum ifl_status status = IFL_OK;
    memset(identity, 0, sizeof *identity);
    memset(intake, 0, sizeof *intake);
    own_key_protect_process();
    uint8_t *texts = malloc(files->count * FILE_SIZE_MAX);
    if (texts == NULL) {
        return IFL_NO_MEMORY;
    }
    for (size_t i = 0; i < files->count && status == IFL_OK; i++) {
        status = read_one(files, i, texts + i * FILE_SIZE_MAX, &inputs[i], detail);
    }
    if (status == IFL_OK) {
        status = key_files_take(files, inputs, der, identity, intake);
        text_str(detail, status != IFL_OK ? intake->detail : "");
    }
    for (size_t i = 0; i < files->count; i++) {
        bytes_wipe(texts + i * FILE_SIZE_MAX, inputs[i].size);
    }
    free(texts);
    intake->status = status;
    return status;
}

static void judge_dates(struct key_files_result *result, int64_t now_unix_s, struct report *report)
{
    const struct identity *identity = &result->identity;
    const enum ifl_status expiry = identity_expiry(identity->chain_not_after, now_unix_s, &result->days_left);
    if (expiry != IFL_OK) {
        const bool intermediate = expiry == IFL_KEY_EXPIRED && identity->chain_not_after < identity->not_after;
        report_add(report, expiry, intermediate ? "an intermediate certificate has" : "");
    }
    if (identity->not_before > now_unix_s) {
        report_add(report, IFL_KEY_NOT_YET_VALID, "");
    }
}

void key_files_judge(enum ifl_status status, const char *detail, int64_t now_unix_s, struct key_files_result *result,
                     struct report *report)
{
    const size_t before = report->count;
    if (status != IFL_OK) {
        report_add(report, status, detail);
    }
    if (result->identity.key_type[0] != '\0') {
        judge_dates(result, now_unix_s, report);
    }
    result->usable = status == IFL_OK;
    for (size_t i = before; i < report->count; i++) {
        const enum ifl_status problem = report->problems[i].status;
        result->usable = result->usable && problem != IFL_KEY_EXPIRED && problem != IFL_KEY_NOT_YET_VALID;
    }
}

void key_files_warn_readable(bool readable, const char *dir, const char *name, struct report *report)
{
    char path[PATH_MAX];
    if (readable && file_path(path, dir, name) == IFL_OK) {
        report_add(report, IFL_KEY_READABLE, path);
    }
}

void key_files_check(const struct key_files *files, int64_t now_unix_s, struct key_files_result *result,
                     struct report *report)
{
    static uint8_t der[IFL_IDENTITY_SIZE_MAX]; /* a secret */
    char buf[REPORT_DETAIL_SIZE];
    struct text detail;
    bool readable[SERVICE_KEY_INPUT_MAX] = {false};
    struct key_files watched = *files;
    watched.readable = readable;
    memset(result, 0, sizeof *result);
    text_init(&detail, buf, sizeof buf);
    const enum ifl_status status = key_files_read(&watched, der, &result->identity, &result->intake, &detail);
    key_files_judge(status, buf, now_unix_s, result, report);
    for (size_t i = 0; i < files->count; i++) {
        key_files_warn_readable(readable[i], files->dir, files->names[i], report);
    }
    memset(result->identity.chain, 0, sizeof result->identity.chain);
    result->identity.key = bytes_of(NULL, 0);
    bytes_wipe(der, sizeof der);
}
