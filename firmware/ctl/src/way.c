#include "way.h"

#include <stdio.h>

#include "linux/address.h"

static bool add_key_file(struct way_options *options, const char *file)
{
    if (options->key_count == SERVICE_KEY_INPUT_MAX) {
        return false;
    }
    options->key_files[options->key_count++] = file;
    return true;
}

static int take_timeout(const struct way_verb *verb, struct way_options *options, const char *word)
{
    uint64_t value = 0;
    char why[64];
    if (bytes_to_u64(bytes_of_string(word), &value) && value >= 1 && value <= verb->timeout_s_max) {
        options->timeout_s = (uint32_t)value;
        return -1;
    }
    snprintf(why, sizeof why, "--timeout wants seconds from 1 to %u", (unsigned)verb->timeout_s_max);
    return verb->usage(why, word);
}

/* An option whose value is taken as it is. */
static bool take_text(int option, struct way_options *options)
{
    const struct {
        int option;
        const char **to;
    } texts[] = {
        {WAY_ROUTE, &options->route},
        {WAY_CA, &options->ca},
        {WAY_URL, &options->url},
        {WAY_PROXY, &options->proxy},
        {WAY_TYPE, &options->content_type},
        {WAY_FILE, &options->file},
        {WAY_PASSPHRASE, &options->passphrase_file},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].option == option) {
            *texts[i].to = optarg;
            return true;
        }
    }
    return false;
}

static int take(const struct way_verb *verb, int option, struct way_options *options)
{
    if (take_text(option, options)) {
        return -1;
    }
    switch (option) {
    case WAY_KEY:
        return add_key_file(options, optarg) ? -1 : verb->usage("more key files than 4", optarg);
    case WAY_RESOLVE:
        options->address = address_of_option(optarg);
        return options->address != NULL ? -1
                                        : verb->usage("--resolve wants an IP address, or HOST:PORT:ADDRESS", optarg);
    case WAY_TIMEOUT:
        return take_timeout(verb, options, optarg);
    case WAY_JSON:
        options->json = true;
        return -1;
    default: /* getopt has said what is wrong */
        return option >= WAY_OWN && verb->take != NULL ? verb->take(verb->ctx, option)
                                                       : verb->usage("the line can't be understood", "");
    }
}

int way_parse(const struct way_verb *verb, int argc, char **argv, struct way_options *options)
{
    *options = (struct way_options){.content_type = "application/json", .timeout_s = verb->timeout_s};
    optind = 0; /* getopt starts afresh: the verb before has its own words */
    for (int option = 0; (option = getopt_long(argc, argv, "", verb->options, NULL)) != -1;) {
        const int end = take(verb, option, options);
        if (end >= 0) {
            return end;
        }
    }
    for (; optind < argc; optind++) { /* --key FILE FILE: certificate and key as two files */
        if (!add_key_file(options, argv[optind])) {
            return verb->usage("more key files than 4", argv[optind]);
        }
    }
    return options->key_count > 0 ? -1 : verb->usage("--key FILE is missing", "");
}

static void json_pair(struct text *out, const char *before, const char *value)
{
    text_str(out, before);
    text_json(out, bytes_of_string(value));
}

static void write_json(const struct way_options *options, const char *name, const char *path, const char *probe,
                       struct text *json)
{
    json_pair(json, "{\"device\":\"iflowctl\",\"routes\":{", name);
    json_pair(json, ":{\"path\":", path);
    json_pair(json, ",\"content_type\":", options->content_type);
    text_str(json, ",\"timeout_ms\":");
    text_u64(json, options->timeout_s > 600 ? 600000u : options->timeout_s * 1000u);
    text_str(json, "}},\"backoff\":{\"boot_jitter_ms\":0}");
    if (probe != NULL) {
        json_pair(json, ",\"probe\":{\"path\":", probe);
        text_str(json, "}");
    }
    json_pair(json, ",\"network\":{\"proxy\":", options->proxy != NULL ? options->proxy : "");
    if (options->address != NULL) {
        json_pair(json, ",\"resolve\":", options->address);
    }
    text_str(json, "}");
    if (options->url != NULL) {
        json_pair(json, ",\"url\":", options->url);
    }
    text_str(json, "}");
}

enum ifl_status way_settings(const struct way_options *options, const char *name, const char *path, const char *probe,
                             struct settings *settings, struct net_proxy *proxy, struct text *detail)
{
    char buf[8192];
    struct text json;
    struct settings_error error = {0};
    text_init(&json, buf, sizeof buf);
    write_json(options, name, path, probe, &json);
    enum ifl_status status = json.cut ? IFL_TOO_LARGE : settings_parse(settings, bytes_of(buf, json.len), &error);
    bytes_wipe(buf, sizeof buf); /* a proxy's password */
    if (status == IFL_OK) {
        status = net_proxy_parse(bytes_of_string(settings->proxy), proxy);
    }
    if (status != IFL_OK) {
        text_str(detail, error.key[0] != '\0' ? error.key : "the command line");
        text_str(detail, error.allowed[0] != '\0' ? ": allowed is " : "");
        text_str(detail, error.allowed);
    }
    return status;
}

enum ifl_status way_host(const struct settings *settings, const struct own_key *key, char host[IFL_HOST_SIZE],
                         uint16_t *port, struct text *detail)
{
    const char *url = settings->url[0] != '\0' ? settings->url : key->identity.url;
    const enum ifl_status status =
        url[0] == '\0' ? IFL_KEY_NO_URL : settings_url_split(bytes_of_string(url), host, port);
    if (status != IFL_OK) {
        text_str(detail, status == IFL_KEY_NO_URL ? key->report.detail : url);
    }
    return status;
}
