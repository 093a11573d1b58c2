#include "credentials.h"

#include <string.h>

#include "linux/file.h"

#define KEY_FILE_SIZE_MAX 131072u

static enum ifl_status read_key_file(struct service_secret *secret, const char *dir, const char *name,
                                     struct text *detail)
{
    static uint8_t text[KEY_FILE_SIZE_MAX];
    size_t size = 0;
    enum ifl_status status = file_read(dir, name, text, sizeof text, &size, detail);
    if (status == IFL_OK) {
        text_str(detail, name);
        text_str(detail, ": ");
        status = service_secret_read(bytes_of(text, size), secret, detail);
    }
    bytes_wipe(text, size);
    return status;
}

static void copy(char *to, size_t size, const char *from)
{
    struct text out;
    text_init(&out, to, size);
    text_str(&out, from);
}

enum ifl_status credentials_read(struct credentials *credentials, const struct settings *settings, const char *dir,
                                 struct text *detail)
{
    struct service_secret *secret = &credentials->secret;
    enum ifl_status status = IFL_KEY_NO_SECRET;
    credentials_wipe(credentials);
    if (settings->identity[0] != '\0') {
        status = read_key_file(secret, dir, settings->identity, detail);
    }
    if (settings->user[0] != '\0' && (status == IFL_OK || status == IFL_KEY_NO_SECRET)) {
        copy(secret->clientid, sizeof secret->clientid, settings->user);
        copy(secret->secret, sizeof secret->secret, settings->password);
        status = IFL_OK;
    }
    if (status == IFL_OK) {
        struct text out;
        text_init(&out, credentials->authorization, sizeof credentials->authorization);
        status = secret_basic(secret->clientid, secret->secret, &out);
    }
    if (status == IFL_OK) {
        text_init(detail, detail->buf, detail->size);
    } else {
        credentials_wipe(credentials);
    }
    return status;
}

void credentials_wipe(struct credentials *credentials)
{
    bytes_wipe(credentials, sizeof *credentials);
}
