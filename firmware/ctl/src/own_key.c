#include "own_key.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "key_files.h"
#include "linux/file.h"

#define FILE_SIZE_MAX (1024u * 1024u) /* a service key has 10 KB */

static uint8_t texts[SERVICE_KEY_INPUT_MAX][FILE_SIZE_MAX]; /* secret */

void own_key_protect_process(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
}

/* Basic: the only way into a trial tenant. */
static enum ifl_status take_secret(struct own_key *key, struct bytes text, struct text *detail)
{
    struct service_secret secret;
    struct text out;
    text_init(&out, key->authorization, sizeof key->authorization);
    text_init(detail, detail->buf, detail->size);
    enum ifl_status status = service_secret_read(text, &secret, detail);
    status = status == IFL_OK ? secret_basic(secret.clientid, secret.secret, &out) : status;
    memcpy(key->identity.url, secret.url, sizeof key->identity.url);
    snprintf(key->report.detail, sizeof key->report.detail, "%s", secret.url_fault != NULL ? secret.url_fault : "");
    bytes_wipe(&secret, sizeof secret);
    return status;
}

static enum ifl_status read_key(struct own_key *key, const char *const *files, size_t count, bool either,
                                struct text *detail)
{
    struct bytes inputs[SERVICE_KEY_INPUT_MAX] = {{0}};
    const struct key_files how = {.dir = "", .names = files, .count = count, .passphrase = &key->passphrase};
    enum ifl_status status = count <= SERVICE_KEY_INPUT_MAX ? IFL_OK : IFL_TOO_LARGE;
    key->authorization[0] = '\0';
    for (size_t i = 0; i < count && status == IFL_OK; i++) {
        size_t size = 0;
        status = strcmp(files[i], "-") == 0 ? file_read_stdin(texts[i], sizeof texts[i], &size, detail)
                                            : file_read("", files[i], texts[i], sizeof texts[i], &size, detail);
        inputs[i] = bytes_of(texts[i], size);
    }
    if (status == IFL_OK) {
        key->passphrase.may_ask = true;
        status = key_files_take(&how, inputs, key->bytes, &key->identity, &key->report);
        text_str(detail, status != IFL_OK ? key->report.detail : "");
    }
    if (status == IFL_KEY_SECRET && count == 1 && either) {
        status = take_secret(key, inputs[0], detail);
    }
    for (size_t i = 0; i < SERVICE_KEY_INPUT_MAX; i++) {
        bytes_wipe(texts[i], inputs[i].size);
    }
    return status;
}

enum ifl_status own_key_read(struct own_key *key, const char *const *files, size_t count, struct text *detail)
{
    return read_key(key, files, count, false, detail);
}

enum ifl_status own_key_read_either(struct own_key *key, const char *const *files, size_t count, struct text *detail)
{
    return read_key(key, files, count, true, detail);
}

void own_key_wipe(struct own_key *key)
{
    bytes_wipe(key, sizeof *key);
}
