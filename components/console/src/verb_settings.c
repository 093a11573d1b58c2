/* verb_settings.c: `settings`: what is configured, as far as it's no secret. The routes' part is told by `routes`. */
#include <string.h>

#include "answer.h"
#include "verbs.h"

static const char *auth_word(enum settings_auth auth)
{
    return auth == SETTINGS_AUTH_BASIC ? "basic" : auth == SETTINGS_AUTH_OAUTH ? "oauth" : "certificate";
}

static const char *tls_word(enum settings_tls tls)
{
    return tls == SETTINGS_TLS_12 ? "1.2" : tls == SETTINGS_TLS_13 ? "1.3" : "auto";
}

/* Without user and password. */
static const char *proxy_host(const char *proxy)
{
    const char *at = strrchr(proxy, '@');
    return at == NULL ? proxy : at + 1;
}

/* What isn't set isn't shown. */
static void tell(struct members *json, const char *name, const char *value)
{
    if (json->console->json) {
        member_string(json, name, value);
    } else if (value[0] != '\0') {
        answer_column(json->console, name, 16);
        answer_str(json->console, value);
        answer_str(json->console, "\n");
    }
}

static void tell_number(struct members *json, const char *name, uint32_t value)
{
    if (json->console->json) {
        member_u64(json, name, value);
    } else {
        answer_column(json->console, name, 16);
        answer_u64(json->console, value);
        answer_str(json->console, "\n");
    }
}

enum ifl_status console_verb_settings(struct console *console, struct words *words, ifl_ms now)
{
    const struct settings *settings = console->wiring->settings;
    (void)now;
    if (words_next(words).size > 0) {
        return IFL_USAGE;
    }
    struct members json = {.console = console};
    if (console->json) {
        json = members_begin(console);
    }
    tell(&json, "device", settings->device);
    tell(&json, "host", console->wiring->host);
    tell(&json, "auth", auth_word(settings->auth));
    tell(&json, "tls", tls_word(settings->tls));
    tell(&json, "address", settings->address);
    tell(&json, "gateway", settings->gateway);
    tell(&json, "dns", settings->dns[0]);
    tell(&json, "ntp", settings->ntp[0]);
    tell(&json, "proxy", proxy_host(settings->proxy));
    tell(&json, "resolve", settings->resolve);
    tell_number(&json, "payload_max", settings->payload_max);
    tell_number(&json, "backoff_base_ms", settings->backoff_base_ms);
    tell_number(&json, "backoff_cap_ms", settings->backoff_cap_ms);
    tell_number(&json, "probe_first_ms", settings->probe_first_ms);
    tell_number(&json, "probe_cap_ms", settings->probe_cap_ms);
    return IFL_OK;
}
