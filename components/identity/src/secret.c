#include "identity/secret.h"

#include <string.h>

#include "identity/paste.h"
#include "key_json.h"

static enum ifl_status take(struct json field, char *out, size_t size, const char *name, struct text *detail)
{
    out[0] = '\0';
    if (field.raw.size == 0)
        return IFL_OK;
    enum ifl_status status = json_text(field, out, size);
    for (const char *at = out; status == IFL_OK && *at != '\0'; at++) {
        if (*at < ' ' || *at > '~')
            status = IFL_KEY_JSON;
    }
    if (status != IFL_OK)
        text_str(detail, name);
    return status == IFL_OK || status == IFL_TOO_LARGE ? status : IFL_KEY_JSON;
}

static enum ifl_status take_all(const struct key_fields *fields, struct service_secret *secret, struct text *detail)
{
    enum ifl_status status = take(fields->clientid, secret->clientid, sizeof secret->clientid, "clientid", detail);
    if (status == IFL_OK)
        status = take(fields->secret, secret->secret, sizeof secret->secret, "clientsecret", detail);
    if (status == IFL_OK)
        status = take(fields->url, secret->url, sizeof secret->url, "url", detail);
    if (status == IFL_OK)
        status = take(fields->tokenurl, secret->tokenurl, sizeof secret->tokenurl, "tokenurl", detail);
    for (size_t len = strlen(secret->url); len > 0 && secret->url[len - 1] == '/'; len--)
        secret->url[len - 1] = '\0';
    secret->url_fault = paste_url_fault(secret->url, secret->clientid);
    if (secret->url_fault != NULL)
        secret->url[0] = '\0';
    return status;
}

enum ifl_status service_secret_read(struct bytes text, struct service_secret *secret, struct text *detail)
{
    struct key_fields fields;
    unsigned repairs = 0;
    size_t at;
    memset(secret, 0, sizeof *secret);
    if (!key_json_starts(text, &at))
        return IFL_KEY_NO_SECRET;
    enum ifl_status status = key_json_find(text, &fields, &repairs, detail);
    if (status == IFL_OK)
        status = take_all(&fields, secret, detail);
    if (status == IFL_OK && (secret->clientid[0] == '\0' || secret->secret[0] == '\0'))
        status = IFL_KEY_NO_SECRET;
    if (status == IFL_OK && strstr(secret->clientid, "|it!b") != NULL)
        status = IFL_KEY_PLAN_API;
    if (status != IFL_OK)
        bytes_wipe(secret, sizeof *secret);
    return status;
}

enum ifl_status secret_basic(const char *user, const char *password, struct text *out)
{
    char buf[2 * IDENTITY_TEXT_SIZE];
    struct text pair;
    text_init(&pair, buf, sizeof buf);
    text_str(&pair, user);
    text_char(&pair, ':');
    text_str(&pair, password);
    text_str(out, "Basic ");
    text_base64(out, bytes_of(buf, pair.len));
    const bool fits = !pair.cut && !out->cut;
    bytes_wipe(buf, sizeof buf);
    if (fits)
        return IFL_OK;
    bytes_wipe(out->buf, out->size);
    text_init(out, out->buf, out->size);
    return IFL_TOO_LARGE;
}
