/* verb_settings.c: `settings`: what is configured, as far as it's no secret. The routes' part is told by `routes`. */
#include <string.h>

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

/* What isn't set isn't shown to people. */
static void tell(struct console *console, const char *name, const char *value)
{
    if (console->out.json || value[0] != '\0') {
        answer_form(&console->out, "%c%s\n|%m%s", name, value);
    }
}

static void tell_number(struct console *console, const char *name, uint32_t value)
{
    answer_form(&console->out, "%c%u\n|%m%u", name, value);
}

enum ifl_status console_verb_settings(struct console *console, struct words *words, ifl_ms now)
{
    const struct settings *settings = console->wiring->settings;
    (void)now;
    if (words_are_left(words)) {
        return IFL_USAGE;
    }
    tell(console, "device", settings->device);
    tell(console, "host", console->wiring->host);
    tell(console, "auth", auth_word(settings->auth));
    tell(console, "tls", tls_word(settings->tls));
    tell(console, "address", settings->address);
    tell(console, "gateway", settings->gateway);
    tell(console, "dns", settings->dns[0]);
    tell(console, "ntp", settings->ntp[0]);
    tell(console, "proxy", proxy_host(settings->proxy));
    tell(console, "resolve", settings->resolve);
    tell_number(console, "payload_max", settings->payload_max);
    tell_number(console, "backoff_base_ms", settings->backoff_base_ms);
    tell_number(console, "backoff_cap_ms", settings->backoff_cap_ms);
    tell_number(console, "probe_first_ms", settings->probe_first_ms);
    tell_number(console, "probe_cap_ms", settings->probe_cap_ms);
    return IFL_OK;
}
