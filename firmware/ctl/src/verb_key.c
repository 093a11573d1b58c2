/* verb_key.c: `iflowctl key check`: what is in a service key, what was mended, and whether it works. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "identity/paste.h"
#include "key_files.h"
#include "report.h"
#include "verbs.h"

static const char USAGE[] =
    "usage: iflowctl key check FILE... [--passphrase-file FILE] [--json]\n\n"
    "Says what is in a service key, what was mended on the way, and whether it can be used. FILE is the service key in any form:\n"
    "as the cockpit or the cf command gives it, a Kubernetes Secret, PEM or DER files, PKCS#12 (up to 4; - is standard input).\n"
    "No private key is ever printed. Exit status: 0 usable, 1 not usable, 2 wrong usage.\n";

struct key_options {
    const char *files[SERVICE_KEY_INPUT_MAX];
    size_t count;
    const char *passphrase_file;
    struct passphrase passphrase; /* a secret */
    bool json;
};

static int wrong(const char *what, const char *word)
{
    fprintf(stderr, "iflowctl key check: %s%s\n%s", what, word, USAGE);
    return 2;
}

static bool is_option(const char *word, const char *name)
{
    return name != NULL && strcmp(word, name) == 0;
}

/* -1: go on; else the exit status. */
static int read_options(int argc, char **argv, struct key_options *options)
{
    bool only_files = false;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        const char *option = !only_files && word[0] == '-' && word[1] != '\0' ? word : "";
        if (is_option(option, "--help") || is_option(option, "-h")) {
            fputs(USAGE, stdout);
            return 0;
        }
        if (is_option(option, "--json")) {
            options->json = true;
        } else if (is_option(option, "--passphrase-file") && i + 1 < argc) {
            options->passphrase_file = argv[++i];
        } else if (is_option(option, "--")) {
            only_files = true;
        } else if (option[0] != '\0') {
            return wrong("unknown option, or nothing follows it: ", word);
        } else if (options->count == SERVICE_KEY_INPUT_MAX) {
            return wrong("more than 4 files", "");
        } else {
            options->files[options->count++] = word;
        }
    }
    return options->count == 0 ? wrong("no file", "") : -1;
}

/* ---- telling ---- */

static const char *kind_name(const struct key_files_result *result)
{
    static const char *const names[] = {"certificate", "external", "secret", "api"};
    const struct identity *identity = &result->identity;
    const bool known = identity->key_type[0] != '\0' || identity->clientid[0] != '\0';
    return known ? names[identity->kind] : NULL;
}

static bool has_certificate(const struct key_files_result *result)
{
    return result->identity.key_type[0] != '\0';
}

static const char *utc(int64_t unix_s, char buf[32])
{
    struct text out;
    text_init(&out, buf, 32);
    text_utc(&out, unix_s);
    return buf;
}

static const char *fingerprint(const struct identity *identity, char buf[65])
{
    struct text out;
    text_init(&out, buf, 65);
    text_hex(&out, bytes_of(identity->leaf_sha256, sizeof identity->leaf_sha256));
    return buf;
}

static void tell_certificate(const struct key_files_result *result)
{
    const struct identity *identity = &result->identity;
    char line[256];
    char from[32];
    char to[32];
    char hex[65];
    if (!has_certificate(result)) {
        return;
    }
    report_line("subject", identity->subject);
    report_line("issuer", identity->issuer);
    snprintf(line, sizeof line, "%zu certificate%s%s", result->intake.certificate_count,
             result->intake.certificate_count == 1 ? "" : "s",
             result->intake.status == IFL_OK ? ", each signed by the next" : "");
    report_line("chain", line);
    snprintf(line, sizeof line, "%s%s", identity->key_type,
             result->intake.status == IFL_OK ? ", fits the certificate and signs" : "");
    report_line("key", line);
    report_line("sha-256", fingerprint(identity, hex));
    snprintf(line, sizeof line, "%s to %s (%lld day%s %s)", utc(identity->not_before, from),
             utc(identity->not_after, to), (long long)(result->days_left < 0 ? -result->days_left : result->days_left),
             result->days_left == 1 || result->days_left == -1 ? "" : "s", result->days_left < 0 ? "over" : "left");
    report_line("valid", line);
}

static void tell(const struct key_files_result *result, const struct report *report)
{
    static const char *const titles[] = {"service key with certificate and private key", "certificate and private key",
                                         "service key with a client secret", "service key of plan api"};
    const char *kind = kind_name(result);
    report_mark(result->usable ? MARK_GOOD : MARK_BAD);
    printf("%s%s%s\n", result->usable ? "usable" : "not usable", kind == NULL ? "" : ": ",
           kind == NULL ? "" : titles[result->identity.kind]);
    tell_certificate(result);
    report_line("tenant", result->identity.url);
    report_line("client id", result->identity.clientid);
    report_line("token url", result->identity.tokenurl);
    for (size_t i = 0; i < result->intake.repair_count; i++) {
        report_mark(MARK_GOOD);
        printf("mended: %s\n", result->intake.repairs[i]);
    }
    report_problems(report);
}

/* ---- telling scripts ---- */

static const char *or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static void put(const char *name, const char *value)
{
    report_json_text(name, value);
    fputs(", ", stdout);
}

static void tell_json_certificate(const struct key_files_result *result)
{
    const struct identity *identity = &result->identity;
    const bool known = has_certificate(result);
    char buf[32];
    put("not_before", known ? utc(identity->not_before, buf) : NULL);
    put("not_after", known ? utc(identity->not_after, buf) : NULL);
    if (known) {
        printf("\"days_left\": %lld, ", (long long)result->days_left);
    } else {
        fputs("\"days_left\": null, ", stdout);
    }
    put("key_type", or_null(identity->key_type));
}

static void tell_json(const struct key_files_result *result, const struct report *report)
{
    const struct identity *identity = &result->identity;
    char hex[65];
    printf("{\"usable\": %s, ", result->usable ? "true" : "false");
    put("kind", kind_name(result));
    put("leaf_sha256", has_certificate(result) ? fingerprint(identity, hex) : NULL);
    printf("\"chain_length\": %zu, ", result->intake.certificate_count);
    put("subject", or_null(identity->subject));
    put("issuer", or_null(identity->issuer));
    put("url", or_null(identity->url));
    put("clientid", or_null(identity->clientid));
    put("tokenurl", or_null(identity->tokenurl));
    tell_json_certificate(result);
    fputs("\"repairs\": [", stdout);
    for (size_t i = 0; i < result->intake.repair_count; i++) {
        char buf[256];
        struct text out;
        text_init(&out, buf, sizeof buf);
        text_json(&out, bytes_of_string(result->intake.repairs[i]));
        printf("%s%s", i > 0 ? ", " : "", buf);
    }
    fputs("], ", stdout);
    report_json_problems(report);
    fputs("}\n", stdout);
}

static void check(struct key_options *options, struct key_files_result *result, struct report *report)
{
    const struct key_files files = {
        .dir = "", .names = options->files, .count = options->count, .passphrase = &options->passphrase};
    char buf[REPORT_DETAIL_SIZE];
    struct text detail;
    text_init(&detail, buf, sizeof buf);
    options->passphrase.may_ask = true;
    enum ifl_status status = IFL_OK;
    if (options->passphrase_file != NULL) {
        status = passphrase_read(&options->passphrase, options->passphrase_file, &detail);
    }
    if (status == IFL_OK) {
        key_files_check(&files, (int64_t)time(NULL), result, report);
    } else {
        report_add(report, status, buf);
    }
    bytes_wipe(&options->passphrase, sizeof options->passphrase);
}

int verb_key_check(int argc, char **argv)
{
    static struct key_options options;
    static struct key_files_result result;
    static struct report report;
    const int done = read_options(argc, argv, &options);
    if (done >= 0) {
        return done;
    }
    check(&options, &result, &report);
    result.usable = result.usable && !paste_is_of_another_service(&result.intake);
    for (size_t i = 0; i < result.intake.warning_count; i++) {
        const enum ifl_status warning = result.intake.warnings[i];
        report_add(&report, warning, warning == IFL_KEY_NO_URL ? result.intake.detail : "");
    }
    if (options.json) {
        tell_json(&result, &report);
    } else {
        tell(&result, &report);
    }
    return result.usable ? 0 : 1;
}
