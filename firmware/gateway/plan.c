#include "plan.h"

#include <stdio.h>
#include <string.h>

#include "linux/file.h"

/* Where a relative path in the configuration begins. */
static enum ifl_status find_directory(struct plan *plan, const char *config)
{
    const char *slash = strrchr(config, '/');
    const size_t len = slash == NULL ? 0 : (size_t)(slash - config) + (slash == config);
    if (len >= sizeof plan->directory) {
        return IFL_TOO_LARGE;
    }
    memcpy(plan->directory, len == 0 ? "." : config, len == 0 ? 1 : len);
    plan->directory[len == 0 ? 1 : len] = '\0';
    return IFL_OK;
}

static enum ifl_status read_settings(struct settings *settings, const struct options *options, struct text *detail)
{
    static uint8_t json[IFL_CONFIG_SIZE_MAX + 1];
    struct settings_error error;
    size_t size = 0;
    enum ifl_status status = file_read("", options->config, json, sizeof json, &size, detail);
    if (status != IFL_OK) {
        return status;
    }
    status = settings_parse(settings, bytes_of(json, size), &error);
    bytes_wipe(json, sizeof json); /* it may hold passwords */
    if (status != IFL_OK) {
        settings_error_detail(&error, options->config, detail);
        return status;
    }
    if (options->address != NULL) {
        snprintf(settings->resolve, sizeof settings->resolve, "%s", options->address);
    }
    return IFL_OK;
}

static enum ifl_status read_trust(struct plan *plan, const struct options *options, struct text *detail)
{
    const char *file = options->trust_file;
    char path[PATH_MAX];
    if (file == NULL && plan->settings.trust[0] != '\0') {
        if (file_path(path, plan->directory, plan->settings.trust) != IFL_OK) {
            return IFL_TOO_LARGE;
        }
        file = path;
    }
    return trust_files_load(&plan->trust, file, detail);
}

/* What has a password or a secret in it, and can be read by everybody. */
static void find_readers(struct plan *plan, const char *config)
{
    const struct settings *settings = &plan->settings;
    const bool password = settings->password[0] != '\0' || plan->proxy.credentials[0] != '\0';
    const bool secret = settings->identity[0] != '\0' && plan->credentials.secret.secret[0] != '\0';
    plan->config_readable = password && file_others_may_read("", config);
    plan->secret_readable = secret && file_others_may_read(plan->directory, settings->identity);
}

enum ifl_status plan_read(struct plan *plan, const struct options *options, struct text *detail)
{
    enum ifl_status status = find_directory(plan, options->config);
    status = status == IFL_OK ? read_settings(&plan->settings, options, detail) : status;
    if (status != IFL_OK) {
        return status;
    }
    credentials_wipe(&plan->credentials);
    if (plan->settings.auth != SETTINGS_AUTH_CERTIFICATE) {
        status = credentials_read(&plan->credentials, &plan->settings, plan->directory, detail);
        const bool by_certificate = status == IFL_KEY_NO_SECRET && plan->settings.auth == SETTINGS_AUTH_OAUTH;
        if (status != IFL_OK && !by_certificate) {
            return status;
        }
        text_init(detail, detail->buf, detail->size);
    }
    status = net_proxy_parse(bytes_of_string(plan->settings.proxy), &plan->proxy);
    if (status != IFL_OK) {
        text_str(detail, "network.proxy");
        return status;
    }
    find_readers(plan, options->config);
    return read_trust(plan, options, detail);
}
