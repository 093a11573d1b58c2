/* verb_config.c: `iflowctl config check`: is iflow.json right, and does what it asks for fit?
 *
 * Whether the outbox holds the routes isn't computed but tried: an empty outbox of the configured size is mounted, in memory that is only reserved. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "identity/secret.h"
#include "key_files.h"
#include "linux/entropy.h"
#include "linux/file.h"
#include "linux/flash_memory.h"
#include "linux/outbox_file.h"
#include "net/net.h"
#include "outbox/outbox.h"
#include "report.h"
#include "settings/settings.h"
#include "verbs.h"

static const char USAGE[] =
    "usage: iflowctl config check FILE [--json]\n\n"
    "Checks iflow.json: every key and value, the files it names, and whether the outbox has room for all routes.\n"
    "Exit status: 0 it can be used, 1 it can't (line, key and what is allowed are told), 2 wrong usage.\n";

struct config_result {
    struct settings settings;
    struct settings_error error;
    struct report report;
    struct key_files_result key;
    bool read;     /* settings are there */
    bool key_read; /* key is there */
    bool key_missing;
    uint32_t block_count, block_size, blocks_needed, payload_max;
    uint32_t erased_percent; /* bytes erased for 100 bytes of payload */
    uint32_t life_years;
};

/* ---- the outbox, tried ---- */

#define LIFE_PAYLOAD_SIZE 300 /* bytes of a message; one a minute */
#define LIFE_ERASES 100000    /* that a sector of NOR flash stands */
#define MINUTES_A_YEAR 525960
#define TRIAL_SIZE_MAX (UINT32_C(128) << 20) /* what fits so many blocks fits more; and nobody waits for it */

static enum ifl_status mount_outbox(struct config_result *result, const struct flash *flash)
{
    static struct outbox outbox;
    struct outbox_lane_config lanes[IFL_ROUTE_COUNT];
    const struct settings *settings = &result->settings;
    for (size_t i = 0; i < settings->route_count; i++) {
        lanes[i] = (struct outbox_lane_config){
            .route = settings->routes[i].name, .priority = settings->routes[i].priority, .min_blocks = 1};
    }
    const struct outbox_config config = {.payload_max = settings->payload_max,
                                         .lanes = lanes,
                                         .lane_count = settings->route_count,
                                         .random = entropy_random()};
    const struct flash_region region = {.flash = flash, .start = 0, .size = flash->geometry.size};
    struct outbox_stats stats;
    const enum ifl_status status = outbox_mount(&outbox, region, &config);
    if (status == IFL_OK) {
        outbox_stats(&outbox, &stats);
        result->block_size = stats.block_size;
        result->payload_max = stats.payload_max;
    }
    return status;
}

static uint64_t padded(uint64_t size, uint64_t granule)
{
    return (size + granule - 1) / granule * granule;
}

/* What flash makes of it: the table "Cost and life" of the outbox's SPEC.md, for this configuration. */
static void compute_life(struct config_result *result, uint32_t granule)
{
    const uint64_t data = padded(32 + LIFE_PAYLOAD_SIZE + 4, granule), cursor = padded(32, granule);
    const uint64_t headers = padded(32, granule) + 2 * padded(112, granule);
    const uint64_t reserve = 4 * (uint64_t)(granule > 64 ? granule : 64);
    const uint64_t messages = 1 + (result->block_size - headers - reserve - data) / (data + cursor); /* in a block */
    result->erased_percent = (uint32_t)(100 * (uint64_t)result->block_size / (messages * LIFE_PAYLOAD_SIZE));
    result->life_years = (uint32_t)(messages * result->block_count * LIFE_ERASES / MINUTES_A_YEAR);
}

/* A lane for each route, one for dead letters, and two free blocks. */
static void try_outbox(struct config_result *result)
{
    struct flash_geometry geometry = outbox_file_geometry(result->settings.outbox_size);
    const uint32_t size = geometry.size;
    geometry.size = size < TRIAL_SIZE_MAX ? size : TRIAL_SIZE_MAX;
    struct flash_memory trial;
    char detail[160];
    result->blocks_needed = (uint32_t)result->settings.route_count + 3;
    void *memory =
        mmap(NULL, geometry.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        report_add(&result->report, IFL_NO_MEMORY, "to try the outbox");
        return;
    }
    flash_memory_init(&trial, geometry, memory);
    const enum ifl_status status = mount_outbox(result, &trial.flash);
    munmap(memory, geometry.size);
    result->block_count = result->block_size > 0 ? size / result->block_size : 0;
    if (result->block_count > 0) {
        compute_life(result, geometry.prog_size);
    }
    if (status == IFL_OK && result->block_count >= result->blocks_needed) {
        return;
    }
    snprintf(detail, sizeof detail, "outbox.size %u: %zu route%s need %u blocks, in %u bytes there are %u",
             result->settings.outbox_size, result->settings.route_count, result->settings.route_count == 1 ? "" : "s",
             result->blocks_needed, size, size / (result->block_size > 0 ? result->block_size : geometry.sector_size));
    report_add(&result->report, status == IFL_OK ? IFL_STORE_LANES : status, detail);
}

/* ---- the files that it names ---- */

static void directory_of(const char *file, char dir[PATH_MAX])
{
    const char *slash = strrchr(file, '/');
    const size_t len = slash == NULL ? 0 : (size_t)(slash - file) + (slash == file);
    snprintf(dir, PATH_MAX, "%.*s", (int)len, file);
}

static bool exists(const char *dir, const char *name)
{
    char path[PATH_MAX];
    return file_path(path, dir, name) == IFL_OK && access(path, F_OK) == 0;
}

/* The url comes from the service key. */
static void check_url(struct config_result *result)
{
    const struct service_key_report *intake = &result->key.intake;
    if (result->key.identity.url[0] == '\0') {
        report_add(&result->report, IFL_KEY_NO_URL, intake->detail);
    }
    for (size_t i = 0; i < intake->warning_count; i++) {
        if (intake->warnings[i] == IFL_KEY_HOST_NO_RT) {
            report_add(&result->report, IFL_KEY_HOST_NO_RT, "");
        }
    }
}

/* User and secret: they can't be proven here, but they must be there. False: it's oauth with a certificate. */
static bool check_secret(struct config_result *result, const char *dir)
{
    static uint8_t key[IFL_CONFIG_SIZE_MAX];
    const struct settings *settings = &result->settings;
    struct service_secret secret = {0};
    char buf[REPORT_DETAIL_SIZE];
    struct text detail;
    size_t size = 0;
    text_init(&detail, buf, sizeof buf);
    enum ifl_status status = IFL_KEY_NO_SECRET;
    if (settings->identity[0] != '\0') {
        status = file_read(dir, settings->identity, key, sizeof key, &size, &detail);
        status = status == IFL_OK ? service_secret_read(bytes_of(key, size), &secret, &detail) : status;
    }
    const bool other = status == IFL_KEY_NO_SECRET && settings->auth == SETTINGS_AUTH_OAUTH;
    if (status != IFL_OK && !other && !(status == IFL_KEY_NO_SECRET && settings->user[0] != '\0')) {
        report_add(&result->report, status, buf);
    } else if (!other && settings->url[0] == '\0' && secret.url[0] == '\0') {
        report_add(&result->report, IFL_KEY_NO_URL, secret.url_fault != NULL ? secret.url_fault : "");
    }
    const bool readable = secret.secret[0] != '\0' && file_others_may_read(dir, settings->identity);
    key_files_warn_readable(readable, dir, settings->identity, &result->report);
    bytes_wipe(&secret, sizeof secret);
    bytes_wipe(key, size);
    return !other;
}

static void check_key(struct config_result *result, const char *dir)
{
    const struct settings *settings = &result->settings;
    if (settings->auth != SETTINGS_AUTH_CERTIFICATE && check_secret(result, dir)) {
        return;
    }
    const char *const names[2] = {settings->identity, settings->identity_key};
    const struct key_files files = {.dir = dir, .names = names, .count = settings->identity_key[0] != '\0' ? 2 : 1};
    result->key_missing = settings->identity[0] == '\0' || !exists(dir, settings->identity);
    if (result->key_missing) {
        return;
    }
    key_files_check(&files, (int64_t)time(NULL), &result->key, &result->report);
    result->key_read = true;
    if (result->key.usable && settings->url[0] == '\0') {
        check_url(result);
    }
}

static void check_files(struct config_result *result, const char *file, const char *dir)
{
    struct net_proxy proxy = {0};
    const struct settings *settings = &result->settings;
    if (settings->trust[0] != '\0' && !exists(dir, settings->trust)) {
        report_add(&result->report, IFL_FILE, settings->trust);
    }
    if (net_proxy_parse(bytes_of_string(settings->proxy), &proxy) != IFL_OK) {
        report_add(&result->report, IFL_CONFIG_VALUE, "network.proxy; allowed: http://[user:password@]host:port");
    }
    const bool password = result->settings.password[0] != '\0' || proxy.credentials[0] != '\0';
    key_files_warn_readable(password && file_others_may_read("", file), "", file, &result->report);
    bytes_wipe(&proxy, sizeof proxy);
    check_key(result, dir);
}

/* ---- all of it ---- */

static void check(struct config_result *result, const char *file)
{
    static uint8_t json[IFL_CONFIG_SIZE_MAX + 2];
    char buf[REPORT_DETAIL_SIZE];
    char dir[PATH_MAX];
    struct text detail;
    size_t size = 0;
    text_init(&detail, buf, sizeof buf);
    enum ifl_status status = file_read("", file, json, sizeof json, &size, &detail);
    if (status != IFL_OK) {
        report_add(&result->report, status, buf);
        return;
    }
    status = settings_parse(&result->settings, bytes_of(json, size), &result->error);
    bytes_wipe(json, sizeof json); /* it may hold a proxy's password */
    if (status != IFL_OK) {
        return;
    }
    result->read = true;
    directory_of(file, dir);
    check_files(result, file, dir);
    try_outbox(result);
}

static void tell(const struct config_result *result, const char *file)
{
    const struct settings *settings = &result->settings;
    if (result->error.status != IFL_OK) {
        char buf[1024];
        struct text out;
        text_init(&out, buf, sizeof buf);
        settings_error_text(&result->error, file, &out);
        report_mark(MARK_BAD);
        printf("%s\n", buf);
    }
    if (result->read) {
        report_mark(report_is_good(&result->report) ? MARK_GOOD : MARK_BAD);
        printf("%s: device %s, %zu route%s\n", file, settings->device, settings->route_count,
               settings->route_count == 1 ? "" : "s");
    }
    if (result->read && result->block_count > 0) {
        char line[192];
        snprintf(line, sizeof line, "%u blocks of %u bytes; the routes need %u; messages of up to %u bytes",
                 result->block_count, result->block_size, result->blocks_needed, result->payload_max);
        report_line("outbox", line);
        snprintf(
            line, sizeof line,
            "one message of %d bytes a minute erases %u.%02u bytes for each byte of payload: flash for %d erases would "
            "last %u years",
            LIFE_PAYLOAD_SIZE, result->erased_percent / 100, result->erased_percent % 100, LIFE_ERASES,
            result->life_years);
        report_line("wear", line);
    }
    if (result->key_read) {
        report_line("identity", result->key.identity.subject);
        report_line("tenant", settings->url[0] != '\0' ? settings->url : result->key.identity.url);
    }
    report_problems(&result->report);
    if (result->read && result->key_missing) {
        report_mark(MARK_NOTE);
        printf("%s\n", settings->identity[0] == '\0'
                           ? "no `identity`: a node has its own, a gateway needs one"
                           : "the file of `identity` isn't there (yet), so the key wasn't checked");
    }
}

static void tell_json(const struct config_result *result, bool usable)
{
    const struct settings_error *error = &result->error;
    printf("{\"usable\": %s, ", usable ? "true" : "false");
    report_json_text("device", result->read ? result->settings.device : NULL);
    printf(
        ", \"route_count\": %zu, \"outbox_blocks\": %u, \"outbox_block_size\": %u, \"outbox_blocks_needed\": %u, \"payload_max\": %u, "
        "\"outbox_erased_percent\": %u, \"outbox_life_years\": %u, ",
        result->read ? result->settings.route_count : 0, result->block_count, result->block_size, result->blocks_needed,
        result->payload_max, result->erased_percent, result->life_years);
    if (error->status == IFL_OK) {
        report_json_problems(&result->report);
    } else {
        printf("\"problems\": [{\"code\": %d, ", (int)error->status);
        report_json_text("name", ifl_name(error->status));
        printf(", \"line\": %u, ", error->line);
        report_json_text("key", error->key);
        fputs(", ", stdout);
        report_json_text("allowed", error->allowed);
        fputs(", ", stdout);
        report_json_text("cause", ifl_cause(error->status));
        fputs(", ", stdout);
        report_json_text("remedy", ifl_remedy(error->status));
        fputs("}]", stdout);
    }
    fputs("}\n", stdout);
}

int verb_config_check(int argc, char **argv)
{
    static struct config_result result;
    const char *file = NULL;
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(USAGE, stdout);
            return 0;
        }
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (file == NULL && argv[i][0] != '-') {
            file = argv[i];
        } else {
            fprintf(stderr, "iflowctl config check: unexpected: %s\n%s", argv[i], USAGE);
            return 2;
        }
    }
    if (file == NULL) {
        fprintf(stderr, "iflowctl config check: no file\n%s", USAGE);
        return 2;
    }
    check(&result, file);
    const bool usable = result.read && report_is_good(&result.report);
    if (json) {
        tell_json(&result, usable);
    } else {
        tell(&result, file);
    }
    return usable ? 0 : 1;
}
