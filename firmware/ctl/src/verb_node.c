/* verb_node.c: `iflowctl node image`: everything that a node needs besides its firmware, as one image of its flash chip.
 *
 * The stores are written by the same code that reads them on the node, into memory that behaves like the board's flash. What can't work on the node (an
 * identity or a configuration that is too large) is refused here. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <mbedtls/base64.h>

#include "board/layout.h"
#include "identity/slots.h"
#include "image/limits.h"
#include "image/nameplate.h"
#include "image/seed.h"
#include "image/settings_make.h"
#include "image/stored.h"
#include "image/texts.h"
#include "image/trust_store.h"
#include "key_files.h"
#include "linux/entropy.h"
#include "linux/file.h"
#include "linux/flash_memory.h"
#include "outbox/outbox.h"
#include "report.h"
#include "settings/settings.h"
#include "verbs.h"

static const char USAGE[] =
    "usage: iflowctl node image [--key FILE...] --config FILE --board NAME -o FILE [--ca FILE] [--mac ADDRESS]\n"
    "                           [--pin-file FILE] [--json]\n\n"
    "Builds the image of a node's flash: identity, trust bundle, configuration, and a seed of randomness that is this one\n"
    "device's own. Never write one image to two devices.\n\n"
    "  --key FILE...   the service key, or PEM files with certificates and private key (not with `auth` `basic`); a node doesn't\n"
    "                  start without, so its first key can't be made on it (`iflowctl identity csr` makes later ones)\n"
    "  --config FILE   iflow.json\n"
    "  --board NAME    smartfusion2_som\n"
    "  --ca FILE       PEM file with the roots to trust (the system's bundle)\n"
    "  --passphrase-file FILE  its first line opens a PKCS#12 file or an encrypted key (asked for on the terminal)\n"
    "  --mac ADDRESS   02:00:00:12:34:56 (a random one for local use)\n"
    "  --pin-file FILE its first line is a PIN of 6 to 64 characters: the console's commands that change something or show\n"
    "                  a message then want `unlock` with it (no PIN: whoever has the cable may do everything)\n"
    "  -o FILE         where the image goes; it holds the private key and is readable by you only\n\n"
    "Exit status: 0 written, 1 a problem was found, 2 wrong usage.\n";

#define SYSTEM_ROOTS "/etc/ssl/certs/ca-certificates.crt"
#define FILE_SIZE_MAX (1024u * 1024u)
#define ROOT_COUNT_MAX 512u

static const struct board_layout *const layouts[] = {&board_layout_smartfusion2_som};

struct node_options {
    const char *keys[SERVICE_KEY_INPUT_MAX];
    size_t key_count;
    const char *config, *board, *out, *ca, *mac, *passphrase_file, *pin_file;
    bool json;
};

struct image {
    const struct board_layout *layout;
    uint8_t *bytes;
    struct flash_memory flash;
    struct identity identity;
    struct service_key_report intake;
    struct nameplate plate;
    size_t root_count, skipped_roots;
    struct report report;
};

static uint8_t file_text[FILE_SIZE_MAX]; /* of the configuration, then of the roots */

/* ---- flash in memory ---- */

static bool make_flash(struct image *image)
{
    void *memory = mmap(NULL, image->layout->geometry.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return false;
    }
    image->bytes = memory;
    memset(image->bytes, image->layout->geometry.erased, image->layout->geometry.size);
    flash_memory_init(&image->flash, image->layout->geometry, memory);
    return true;
}

static struct flash_region region_of(const struct image *image, enum board_region name)
{
    return (struct flash_region){.flash = &image->flash.flash,
                                 .start = image->layout->region[name].start,
                                 .size = image->layout->region[name].size};
}

/* ---- options ---- */

static const char **option_value(struct node_options *options, const char *word)
{
    if (strcmp(word, "--config") == 0) {
        return &options->config;
    }
    if (strcmp(word, "--board") == 0) {
        return &options->board;
    }
    if (strcmp(word, "--ca") == 0) {
        return &options->ca;
    }
    if (strcmp(word, "--mac") == 0) {
        return &options->mac;
    }
    if (strcmp(word, "--passphrase-file") == 0) {
        return &options->passphrase_file;
    }
    if (strcmp(word, "--pin-file") == 0) {
        return &options->pin_file;
    }
    return strcmp(word, "-o") == 0 || strcmp(word, "--out") == 0 ? &options->out : NULL;
}

static int wrong(const char *what, const char *word)
{
    fprintf(stderr, "iflowctl node image: %s%s\n%s", what, word, USAGE);
    return 2;
}

/* -1: go on; else the exit status. */
static int read_options(int argc, char **argv, struct node_options *options)
{
    bool keys = false;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        const char **value = option_value(options, word);
        const bool option = word[0] == '-' && word[1] != '\0';
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            fputs(USAGE, stdout);
            return 0;
        }
        if (strcmp(word, "--json") == 0) {
            options->json = true;
        } else if (strcmp(word, "--key") == 0) {
            keys = true;
            continue;
        } else if (value != NULL && i + 1 < argc) {
            *value = argv[++i];
        } else if (option || !keys) {
            return wrong(value != NULL ? "nothing follows " : "unknown word: ", word);
        } else if (options->key_count == SERVICE_KEY_INPUT_MAX) {
            return wrong("too many key files: ", word);
        } else {
            options->keys[options->key_count++] = word;
            continue; /* more files may follow */
        }
        keys = false;
    }
    if (options->config == NULL || options->board == NULL || options->out == NULL) {
        return wrong("it needs --config, --board and -o", "");
    }
    return -1;
}

static const struct board_layout *find_layout(const char *name)
{
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        if (strcmp(layouts[i]->name, name) == 0) {
            return layouts[i];
        }
    }
    return NULL;
}

/* ---- the parts ---- */

static void add_limit(struct image *image, enum ifl_status status, const char *what, size_t is, size_t limit)
{
    char detail[REPORT_DETAIL_SIZE];
    snprintf(detail, sizeof detail, "%s: %zu, a node takes %zu", what, is, limit);
    report_add(&image->report, status, detail);
}

static bool fill_random(struct image *image, void *buf, size_t size)
{
    const struct ifl_random random = entropy_random();
    const enum ifl_status status = random.fill(random.ctx, buf, size);
    if (status != IFL_OK) {
        report_add(&image->report, status, "");
    }
    return status == IFL_OK;
}

/* A key that the node's memory can't sign with is refused here, not at its first handshake. */
static enum ifl_status check_key(const struct image *image, struct text *detail)
{
    uint64_t bits = 0;
    const char *type = image->identity.key_type;
    if (strncmp(type, "RSA-", 4) != 0 || !bytes_to_u64(bytes_of_string(type + 4), &bits) ||
        bits <= node_limits.rsa_bits_max) {
        return IFL_OK;
    }
    text_str(detail, type);
    text_str(detail, "; a node takes up to RSA-");
    text_u64(detail, node_limits.rsa_bits_max);
    return IFL_KEY_UNSUPPORTED;
}

static void put_identity(struct image *image, const struct node_options *options)
{
    static uint8_t der[IFL_IDENTITY_SIZE_MAX]; /* a secret */
    static struct passphrase passphrase;       /* another one */
    const struct key_files files = {
        .dir = "", .names = options->keys, .count = options->key_count, .passphrase = &passphrase};
    struct identity_slots slots;
    char buf[REPORT_DETAIL_SIZE];
    struct text detail;
    enum ifl_status status = IFL_OK;
    text_init(&detail, buf, sizeof buf);
    if (options->key_count == 0) {
        return; /* put_settings() says whether one is needed */
    }
    passphrase.may_ask = true;
    if (options->passphrase_file != NULL) {
        status = passphrase_read(&passphrase, options->passphrase_file, &detail);
    }
    if (status == IFL_OK) {
        status = key_files_read(&files, der, &image->identity, &image->intake, &detail);
    }
    bytes_wipe(&passphrase, sizeof passphrase);
    if (status == IFL_OK) {
        status = check_key(image, &detail);
    }
    if (status == IFL_OK) {
        const uint32_t size =
            identity_slots_size(image->layout->geometry.prog_size, (uint32_t)node_limits.identity_size);
        status = identity_slots_mount(&slots, region_of(image, BOARD_IDENTITY_A), region_of(image, BOARD_IDENTITY_B));
        while (status == IFL_OK && (status = identity_slots_prepare(&slots)) == IFL_AGAIN) {
            status = IFL_OK;
        }
        status = status == IFL_OK ? identity_slots_write(&slots, &image->identity, true) : status;
        if (status == IFL_OK && slots.slot[slots.active].size > size) {
            add_limit(image, IFL_TOO_LARGE, "bytes of the identity", slots.slot[slots.active].size, size);
        }
    }
    if (status != IFL_OK) {
        report_add(&image->report, status, buf);
    }
    bytes_wipe(der, sizeof der);
}

static void check_settings(struct image *image, const struct settings *settings)
{
    if (settings->route_count > node_limits.routes) {
        add_limit(image, IFL_CONFIG_LIMIT, "routes", settings->route_count, node_limits.routes);
    }
    for (size_t i = 0; i < settings->route_count; i++) {
        const struct settings_route *route = &settings->routes[i];
        if (strlen(route->path) >= node_limits.path_size) {
            add_limit(image, IFL_CONFIG_LIMIT, "characters of a route's path", strlen(route->path),
                      node_limits.path_size - 1);
        }
        size_t headers = 0; /* pairs of strings, an empty one at the end */
        while (headers < sizeof route->headers && route->headers[headers] != '\0') {
            headers += strlen(route->headers + headers) + 1;
        }
        if (headers >= node_limits.headers_size) {
            add_limit(image, IFL_CONFIG_LIMIT, "characters of a route's headers", headers,
                      node_limits.headers_size - 1);
        }
    }
}

/* What else a node doesn't take is said by its own reader of settings. */
static void store_settings(struct image *image, const struct node_options *options, struct bytes json)
{
    static uint8_t packed[NODE_SETTINGS_SIZE_MAX]; /* a secret where there is a password in it */
    struct settings_error error;
    char buf[REPORT_DETAIL_SIZE];
    struct text detail;
    size_t size = 0;
    text_init(&detail, buf, sizeof buf);
    enum ifl_status status = node_settings_make(json, packed, &size, &error);
    if (status != IFL_OK) {
        settings_error_detail(&error, options->config, &detail);
    } else {
        status = stored_write(region_of(image, BOARD_SETTINGS), STORED_SETTINGS, 2, 0, 1, bytes_of(packed, size));
        text_str(&detail, "the configuration");
    }
    if (status != IFL_OK) {
        report_add(&image->report, status, buf);
    }
    bytes_wipe(packed, sizeof packed);
}

static void put_settings(struct image *image, const struct node_options *options)
{
    static struct settings settings;
    struct settings_error error;
    char buf[REPORT_DETAIL_SIZE];
    struct text detail;
    size_t size = 0;
    text_init(&detail, buf, sizeof buf);
    enum ifl_status status = file_read("", options->config, file_text, FILE_SIZE_MAX, &size, &detail);
    if (status != IFL_OK) {
        report_add(&image->report, status, buf);
        return;
    }
    status = settings_parse(&settings, bytes_of(file_text, size), &error);
    if (status != IFL_OK) {
        settings_error_detail(&error, options->config, &detail);
        report_add(&image->report, status, buf);
        return;
    }
    if (size > node_limits.config_size) {
        add_limit(image, IFL_CONFIG_LIMIT, "bytes of the configuration", size, node_limits.config_size);
        return;
    }
    const size_t problems = image->report.count;
    check_settings(image, &settings);
    if (settings.auth == SETTINGS_AUTH_OAUTH) {
        report_add(&image->report, IFL_CONFIG_VALUE, "auth: a node gets no access tokens");
    } else if (settings.auth == SETTINGS_AUTH_CERTIFICATE && options->key_count == 0) {
        report_add(&image->report, IFL_IDENTITY_NONE,
                   "give it with --key: without one a node doesn't start, so its first key can't be made on it");
    } else if (settings.auth == SETTINGS_AUTH_BASIC && settings.user[0] == '\0') {
        report_add(&image->report, IFL_KEY_NO_SECRET, "a node needs them in the configuration");
    } else if (settings.url[0] == '\0' && image->identity.url[0] == '\0') {
        report_add(&image->report, IFL_KEY_NO_URL, image->intake.status == IFL_OK ? image->intake.detail : "");
    }
    if (image->report.count == problems) {
        store_settings(image, options, bytes_of(file_text, size));
    }
    bytes_wipe(file_text, size);
}

/* ---- trust ---- */

static const char BEGIN[] = "-----BEGIN CERTIFICATE-----", END[] = "-----END CERTIFICATE-----";

/* The next certificate of a PEM file; false: there is none. */
static bool next_root(struct bytes *rest, uint8_t *to, size_t room, size_t *size)
{
    *rest = bytes_tail(*rest, bytes_find(*rest, bytes_of_string(BEGIN)));
    const size_t end = bytes_find(*rest, bytes_of_string(END));
    if (rest->size == 0 || end == rest->size) {
        return false;
    }
    const struct bytes base64 = bytes_head(bytes_tail(*rest, sizeof BEGIN - 1), end - (sizeof BEGIN - 1));
    *rest = bytes_tail(*rest, end);
    if (mbedtls_base64_decode(to, room, size, base64.data, base64.size) != 0) {
        *size = 0; /* damaged, or larger than what is left */
    }
    return true;
}

static size_t count_roots(struct bytes pem)
{
    size_t count = 0;
    for (; pem.size > 0; count++) {
        pem = bytes_tail(pem, bytes_find(pem, bytes_of_string(BEGIN)));
        if (pem.size == 0) {
            break;
        }
        pem = bytes_tail(pem, 1);
    }
    return count < ROOT_COUNT_MAX ? count : ROOT_COUNT_MAX;
}

static void put_trust(struct image *image, const struct node_options *options)
{
    static uint8_t bundle[FILE_SIZE_MAX];
    char buf[REPORT_DETAIL_SIZE];
    struct text detail;
    size_t size = 0, root_size = 0;
    text_init(&detail, buf, sizeof buf);
    enum ifl_status status =
        file_read("", options->ca != NULL ? options->ca : SYSTEM_ROOTS, file_text, FILE_SIZE_MAX, &size, &detail);
    if (status != IFL_OK) {
        report_add(&image->report, status, buf);
        return;
    }
    struct bytes rest = bytes_of(file_text, size);
    const size_t count = count_roots(rest);
    size_t at = trust_store_index_size(count);
    for (size_t i = 0; i < count && next_root(&rest, bundle + at, sizeof bundle - at, &root_size); i++) {
        status = trust_store_index(bundle, image->root_count, (uint32_t)at, bytes_of(bundle + at, root_size));
        if (status == IFL_OK) {
            image->root_count++;
            at += root_size;
        } else {
            image->skipped_roots++;
        }
    }
    if (image->root_count == 0 || (options->ca != NULL && image->skipped_roots > 0)) {
        report_add(&image->report, IFL_KEY_CERTIFICATE_BAD, options->ca != NULL ? options->ca : SYSTEM_ROOTS);
        return;
    }
    trust_store_index_start(bundle, image->root_count);
    status = stored_write(region_of(image, BOARD_TRUST_A), STORED_TRUST, 1, 0, 1, bytes_of(bundle, at));
    if (status != IFL_OK) {
        report_add(&image->report, status, "the trust bundle");
    }
}

/* ---- who it is ---- */

static bool parse_mac(const char *text, uint8_t mac[6])
{
    unsigned part[6];
    char end;
    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &part[0], &part[1], &part[2], &part[3], &part[4], &part[5], &end) !=
        6) {
        return false;
    }
    for (size_t i = 0; i < 6; i++) {
        mac[i] = (uint8_t)part[i];
    }
    return (mac[0] & 1u) == 0; /* not a group's */
}

/* False: it can't be made, and it's reported. */
static bool make_pin(struct image *image, const char *file, struct pin *pin)
{
    static struct passphrase line; /* a secret */
    char buf[REPORT_DETAIL_SIZE];
    struct text detail;
    text_init(&detail, buf, sizeof buf);
    enum ifl_status status = passphrase_read(&line, file, &detail);
    const struct bytes text = bytes_of_string(line.text);
    if (status == IFL_OK && !pin_is_possible(text)) {
        status = IFL_USAGE;
        text_str(&detail, file);
        text_str(&detail, ": a PIN has 6 to 64 printable characters and no space");
    }
    if (status == IFL_OK && fill_random(image, pin->salt, sizeof pin->salt)) {
        pin_make(pin, text);
    } else if (status != IFL_OK) {
        report_add(&image->report, status, buf);
    }
    bytes_wipe(&line, sizeof line);
    return report_is_good(&image->report);
}

static void put_device(struct image *image, const struct node_options *options)
{
    uint8_t first[SEED_SIZE];
    struct nameplate *plate = &image->plate;
    struct pin pin;
    const bool locks = options->pin_file != NULL;
    if (locks && !make_pin(image, options->pin_file, &pin)) {
        return;
    }
    if (!fill_random(image, first, sizeof first) || !fill_random(image, plate, sizeof *plate)) {
        return;
    }
    plate->mac[0] =
        (uint8_t)((plate->mac[0] & 0xFCu) | 0x02u); /* of one device, administered locally (IEEE 802, section 8.2) */
    if (options->mac != NULL && !parse_mac(options->mac, plate->mac)) {
        report_add(&image->report, IFL_USAGE, "--mac wants an address like 02:00:00:12:34:56");
        return;
    }
    enum ifl_status status = nameplate_write(region_of(image, BOARD_NAMEPLATE), plate, locks ? &pin : NULL);
    status = status == IFL_OK ? seed_write_first(region_of(image, BOARD_ENTROPY), first) : status;
    bytes_wipe(first, sizeof first);
    if (status != IFL_OK) {
        report_add(&image->report, status, "");
    }
}

static void put_texts(struct image *image)
{
    static uint8_t body[TEXTS_SIZE_MAX];
    size_t size = 0;
    texts_make(body, &size);
    const enum ifl_status status =
        stored_write(region_of(image, BOARD_TEXTS), STORED_TEXTS, 1, 0, 1, bytes_of(body, size));
    if (status != IFL_OK) {
        report_add(&image->report, status, "the texts");
    }
}

/* ---- outbox ---- */

/* The empty outbox, every block ready: else the node's first start would read all of its flash to see that it's blank. */
static void put_outbox(struct image *image)
{
    static struct outbox outbox;
    const struct outbox_config config = {.device_tag = le64_get(image->plate.serial), .random = entropy_random()};
    enum ifl_status status = outbox_mount(&outbox, region_of(image, BOARD_OUTBOX), &config);
    for (ifl_ms now = 0; status == IFL_OK && outbox_step(&outbox, now) != IFL_NEVER;) {
        now = ifl_ms_after(now, 1000);
    }
    if (status != IFL_OK) {
        report_add(&image->report, status, "the outbox");
    }
}

/* ---- out ---- */

static void write_image(struct image *image, const char *name)
{
    char detail[REPORT_DETAIL_SIZE];
    const int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t done = 0;
    ssize_t written = 0;
    while (fd >= 0 && done < image->layout->geometry.size && written >= 0) {
        written = write(fd, image->bytes + done, image->layout->geometry.size - done);
        done += written > 0 ? (size_t)written : 0;
    }
    const bool good = fd >= 0 && fchmod(fd, 0600) == 0 && fsync(fd) == 0 && done == image->layout->geometry.size;
    const int error = errno;
    if ((fd >= 0 && close(fd) != 0) || !good) {
        snprintf(detail, sizeof detail, "%s: %s", name, strerror(error));
        report_add(&image->report, IFL_FILE, detail);
    }
}

static void tell(const struct image *image, const struct node_options *options)
{
    char line[128];
    const uint8_t *mac = image->plate.mac;
    const bool good = report_is_good(&image->report);
    if (options->json) {
        printf("{\"written\": %s, ", good ? "true" : "false");
        report_json_problems(&image->report);
        puts("}");
        return;
    }
    report_mark(good ? MARK_GOOD : MARK_BAD);
    printf("%s %s\n", options->out, good ? "is written: for one device, with its private key" : "can't be written");
    if (good) {
        report_line("board", image->layout->name);
        report_line("identity", image->identity.subject);
        report_line("tenant", image->identity.url);
        snprintf(line, sizeof line, "%zu roots", image->root_count);
        report_line("trust", line);
        snprintf(line, sizeof line, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
        report_line("address", line);
    }
    report_problems(&image->report);
}

int verb_node_image(int argc, char **argv)
{
    static struct image image;
    struct node_options options = {0};
    const int code = read_options(argc, argv, &options);
    if (code >= 0) {
        return code;
    }
    image.layout = find_layout(options.board);
    if (image.layout == NULL) {
        return wrong("unknown board: ", options.board);
    }
    if (!make_flash(&image)) {
        report_add(&image.report, IFL_NO_MEMORY, "");
    } else {
        put_identity(&image, &options);
        put_settings(&image, &options);
        put_trust(&image, &options);
        put_device(&image, &options);
        put_texts(&image);
        put_outbox(&image);
    }
    if (report_is_good(&image.report)) {
        write_image(&image, options.out);
    }
    tell(&image, &options);
    if (image.bytes != NULL) {
        bytes_wipe(image.bytes, image.layout->geometry.size);
    }
    return report_is_good(&image.report) ? 0 : 1;
}
