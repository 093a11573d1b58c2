/* verb_export.c: `iflowctl key export`: a proven identity as other programs want it. Every file with the private key is for its owner only, and none is
 * overwritten without --force. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <mbedtls/base64.h>

#include "key_files.h"
#include "report.h"
#include "verbs.h"

static const char USAGE[] =
    "usage: iflowctl key export FILE... --pem DIR | --pfx FILE | --secret-yaml NAME | --der DIR [OPTION...]\n\n"
    "Writes the key as other programs want it; FILE as for `key check`.\n\n"
    "  --pem DIR           cert.pem (leaf first) and key.key: curl, OpenSSL, nginx\n"
    "  --pfx FILE          PKCS#12: Java keystores, Windows, Postman\n"
    "  --der DIR           leaf.der, ca-1.der, ..., key.der\n"
    "  --secret-yaml NAME  a Kubernetes Secret of this name, on standard output or into -o FILE\n\n"
    "  -o FILE                      where --secret-yaml goes\n"
    "  --passphrase-file FILE       its first line opens FILE (asked for on the terminal)\n"
    "  --pfx-passphrase-file FILE   its first line protects the PKCS#12 file (asked for on the terminal)\n"
    "  --force                      overwrite files that are there\n"
    "  --json                       what was written, as JSON\n\n"
    "Exit status: 0 written, 1 a problem was found, 2 wrong usage.\n";

#define FILES_MAX (IDENTITY_CHAIN_MAX + 2)
#define TEXT_SIZE (96u * 1024u) /* base64 of base64 of the largest identity */

enum form { FORM_NONE, FORM_PEM, FORM_PFX, FORM_YAML, FORM_DER };

struct export
{
    const char *files[SERVICE_KEY_INPUT_MAX];
    size_t count;
    enum form form;
    const char *target, *out, *passphrase_file, *pfx_passphrase_file;
    bool force, json, help;
    struct passphrase passphrase, pfx_passphrase; /* secrets */
    struct identity identity;
    uint8_t der[IFL_IDENTITY_SIZE_MAX]; /* a secret */
    char text[TEXT_SIZE];               /* a secret */
    char written[FILES_MAX][PATH_MAX];
    size_t written_count;
    struct report report;
};

/* ---- options ---- */

static int wrong(const char *what, const char *word)
{
    fprintf(stderr, "iflowctl key export: %s%s\n%s", what, word, USAGE);
    return 2;
}

static enum form form_of(const char *word)
{
    static const char *const words[] = {"", "--pem", "--pfx", "--secret-yaml", "--der"};
    for (size_t i = 1; i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i]) == 0) {
            return (enum form)i;
        }
    }
    return FORM_NONE;
}

static const char **value_of(struct export *export, const char *word)
{
    if (strcmp(word, "-o") == 0) {
        return &export->out;
    }
    if (strcmp(word, "--passphrase-file") == 0) {
        return &export->passphrase_file;
    }
    return strcmp(word, "--pfx-passphrase-file") == 0 ? &export->pfx_passphrase_file : NULL;
}

static bool *flag_of(struct export *export, const char *word)
{
    if (strcmp(word, "--force") == 0) {
        return &export->force;
    }
    if (strcmp(word, "--json") == 0) {
        return &export->json;
    }
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ? &export->help : NULL;
}

/* 0, or the exit status. */
static int take_option(struct export *export, const char *word, const char *next, int *used)
{
    const enum form form = form_of(word);
    const char **value = form != FORM_NONE ? &export->target : value_of(export, word);
    bool *flag = flag_of(export, word);
    if (flag != NULL) {
        *flag = true;
        return 0;
    }
    if (value == NULL || next == NULL) {
        return wrong("unknown option, or nothing follows it: ", word);
    }
    if (form != FORM_NONE && export->form != FORM_NONE) {
        return wrong("one form at a time: ", word);
    }
    export->form = form != FORM_NONE ? form : export->form;
    *value = next;
    *used = 2;
    return 0;
}

static int read_options(int argc, char **argv, struct export *export)
{
    bool only_files = false;
    for (int i = 1, used = 1; i < argc; i += used, used = 1) {
        const char *word = argv[i];
        if (!only_files && strcmp(word, "--") == 0) {
            only_files = true;
        } else if (!only_files && word[0] == '-' && word[1] != '\0') {
            const int code = take_option(export, word, i + 1 < argc ? argv[i + 1] : NULL, &used);
            if (code != 0) {
                return code;
            }
        } else if (export->count == SERVICE_KEY_INPUT_MAX) {
            return wrong("more than 4 files", "");
        } else {
            export->files[export->count++] = word;
        }
    }
    if (export->help) {
        fputs(USAGE, stdout);
        return 0;
    }
    if (export->count == 0 || export->form == FORM_NONE) {
        return wrong("it needs a file and one of --pem, --pfx, --secret-yaml, --der", "");
    }
    return -1;
}

/* ---- files ---- */

static void refuse_file(struct export *export, const char *path, int error)
{
    char detail[REPORT_DETAIL_SIZE];
    struct text out;
    text_init(&out, detail, sizeof detail);
    text_str(&out, path);
    text_str(&out, ": ");
    text_str(&out, strerror(error));
    text_str(&out, error == EEXIST ? "; --force overwrites it" : "");
    report_add(&export->report, IFL_FILE, detail);
}

static bool write_all(int fd, struct bytes content)
{
    while (content.size > 0) {
        const ssize_t done = write(fd, content.data, content.size);
        if (done < 0) {
            return false;
        }
        content = bytes_tail(content, (size_t)done);
    }
    return fsync(fd) == 0 || errno == EINVAL || errno == EROFS;
}

/* A new file that nobody else may read. With --force the old one goes first: so no link leads elsewhere, and no old mode stays. */
static bool write_file(struct export *export, const char *path, struct bytes content)
{
    if (export->force && unlink(path) != 0 && errno != ENOENT) {
        refuse_file(export, path, errno);
        return false;
    }
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool done = fd >= 0 && write_all(fd, content);
    int error = errno;
    if (fd >= 0 && close(fd) != 0 && done) {
        done = false;
        error = errno;
    }
    if (!done) {
        refuse_file(export, path, error);
        if (fd >= 0) {
            (void)unlink(path);
        }
        return false;
    }
    snprintf(export->written[export->written_count++], PATH_MAX, "%s", path);
    return true;
}

static bool make_directory(struct export *export)
{
    if (mkdir(export->target, 0700) != 0 && errno != EEXIST) {
        refuse_file(export, export->target, errno);
        return false;
    }
    return true;
}

static bool write_in(struct export *export, const char *name, struct bytes content)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", export->target, name) >= (int)sizeof path) {
        refuse_file(export, export->target, ENAMETOOLONG);
        return false;
    }
    return write_file(export, path, content);
}

/* Nothing is written if one of the files is there: half an old pair and half a new one would be no pair. */
static bool none_is_there(struct export *export, const char *const *names, size_t count)
{
    char path[PATH_MAX];
    struct stat info;
    for (size_t i = 0; i < count && !export->force; i++) {
        if (snprintf(path, sizeof path, "%s/%s", export->target, names[i]) < (int)sizeof path &&
            lstat(path, &info) == 0) {
            refuse_file(export, path, EEXIST);
            return false;
        }
    }
    return true;
}

/* ---- forms ---- */

static void put_base64(struct text *out, struct bytes raw)
{
    size_t size = 0;
    if (out->size - out->len > 1 && mbedtls_base64_encode((unsigned char *)out->buf + out->len, out->size - out->len,
                                                          &size, raw.data, raw.size) == 0) {
        out->len += size;
    } else {
        out->cut = true;
    }
}

static void put_pem(struct text *out, const char *label, struct bytes der)
{
    text_str(out, "-----BEGIN ");
    text_str(out, label);
    text_str(out, "-----\n");
    for (; der.size > 0; der = bytes_tail(der, 48)) {
        put_base64(out, bytes_head(der, 48));
        text_char(out, '\n');
    }
    text_str(out, "-----END ");
    text_str(out, label);
    text_str(out, "-----\n");
}

static const char *key_label(const struct identity *identity)
{
    return strncmp(identity->key_type, "RSA", 3) == 0 ? "RSA PRIVATE KEY" : "EC PRIVATE KEY";
}

/* Certificates, then the key, one behind the other in export->text. */
static void make_pem(struct export *export, struct bytes *chain, struct bytes *key)
{
    struct text out;
    text_init(&out, export->text, sizeof export->text);
    for (size_t i = 0; i < export->identity.chain_count; i++) {
        put_pem(&out, "CERTIFICATE", export->identity.chain[i]);
    }
    *chain = bytes_of(out.buf, out.len);
    put_pem(&out, key_label(&export->identity), export->identity.key);
    *key = bytes_of(out.buf + chain->size, out.len - chain->size);
}

static void export_pem(struct export *export)
{
    static const char *const names[] = {"cert.pem", "key.key"};
    struct bytes chain;
    struct bytes key;
    make_pem(export, &chain, &key);
    if (make_directory(export) && none_is_there(export, names, 2) && write_in(export, names[0], chain)) {
        (void)write_in(export, names[1], key);
    }
}

static void export_der(struct export *export)
{
    static const char *const names[] = {"leaf.der", "ca-1.der", "ca-2.der", "ca-3.der", "ca-4.der", "ca-5.der"};
    _Static_assert(sizeof names / sizeof *names == IDENTITY_CHAIN_MAX, "a name for each certificate");
    static const char *const key[] = {"key.der"};
    const struct identity *identity = &export->identity;
    bool good =
        make_directory(export) && none_is_there(export, names, identity->chain_count) && none_is_there(export, key, 1);
    for (size_t i = 0; i < identity->chain_count && good; i++) {
        good = write_in(export, names[i], identity->chain[i]);
    }
    if (good) {
        (void)write_in(export, key[0], identity->key);
    }
}

static void export_pfx(struct export *export)
{
    char buf[REPORT_DETAIL_SIZE];
    struct text detail;
    size_t size = 0;
    enum ifl_status status = IFL_OK;
    text_init(&detail, buf, sizeof buf);
    if (export->pfx_passphrase_file != NULL) {
        status = passphrase_read(&export->pfx_passphrase, export->pfx_passphrase_file, &detail);
    } else if (!passphrase_ask(&export->pfx_passphrase, "Passphrase for the PKCS#12 file: ", true)) {
        status = IFL_USAGE;
        text_str(&detail, "no passphrase for the PKCS#12 file: give --pfx-passphrase-file");
    }
    if (status == IFL_OK) {
        status = pkcs12_make(&export->identity, export->pfx_passphrase.text, export->text, sizeof export->text, &size);
    }
    if (status != IFL_OK) {
        report_add(&export->report, status, buf);
    } else {
        (void)write_file(export, export->target, bytes_of(export->text, size));
    }
}

static void put_entry(struct text *out, const char *name, struct bytes value)
{
    if (value.size > 0) {
        text_str(out, "  ");
        text_str(out, name);
        text_str(out, ": ");
        put_base64(out, value);
        text_char(out, '\n');
    }
}

/* A name as Kubernetes allows it (RFC 1123 subdomain). */
static bool is_secret_name(const char *name)
{
    const size_t len = strlen(name);
    return len > 0 && len <= 253 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == len && name[0] != '-' &&
           name[0] != '.' && name[len - 1] != '-' && name[len - 1] != '.';
}

/* One entry a field, with the names of the service key. */
static void export_yaml(struct export *export)
{
    static char yaml[TEXT_SIZE]; /* a secret */
    const struct identity *identity = &export->identity;
    struct bytes chain;
    struct bytes key;
    struct text out;
    make_pem(export, &chain, &key);
    text_init(&out, yaml, sizeof yaml);
    text_str(&out, "apiVersion: v1\nkind: Secret\nmetadata:\n  name: ");
    text_str(&out, export->target);
    text_str(&out, "\ntype: Opaque\ndata:\n");
    put_entry(&out, "certificate", chain);
    put_entry(&out, "clientid", bytes_of_string(identity->clientid));
    put_entry(&out, "key", key);
    put_entry(&out, "tokenurl", bytes_of_string(identity->tokenurl));
    put_entry(&out, "url", bytes_of_string(identity->url));
    if (out.cut) {
        report_add(&export->report, IFL_TOO_LARGE, "");
    } else if (export->out != NULL) {
        (void)write_file(export, export->out, bytes_of(yaml, out.len));
    } else if (fwrite(yaml, 1, out.len, stdout) != out.len || fflush(stdout) != 0) {
        refuse_file(export, "standard output", errno);
    }
    bytes_wipe(yaml, sizeof yaml);
}

/* ---- all of it ---- */

static void read_key(struct export *export)
{
    const struct key_files files = {
        .dir = "", .names = export->files, .count = export->count, .passphrase = &export->passphrase};
    static struct key_files_result result;
    struct service_key_report intake;
    char buf[REPORT_DETAIL_SIZE];
    struct text detail;
    text_init(&detail, buf, sizeof buf);
    enum ifl_status status = IFL_OK;
    export->passphrase.may_ask = true;
    if (export->passphrase_file != NULL) {
        status = passphrase_read(&export->passphrase, export->passphrase_file, &detail);
    }
    if (status == IFL_OK) {
        status = key_files_read(&files, export->der, &export->identity, &intake, &detail);
    }
    if (status == IFL_OK && intake.detail[0] != '\0') {
        report_add(&export->report, IFL_KEY_NO_URL, intake.detail);
    }
    result.identity = export->identity;
    key_files_judge(status, buf, (int64_t)time(NULL), &result, &export->report);
}

static void export_all(struct export *export)
{
    switch (export->form) {
    case FORM_PEM:
        export_pem(export);
        break;
    case FORM_PFX:
        export_pfx(export);
        break;
    case FORM_YAML:
        export_yaml(export);
        break;
    case FORM_DER:
        export_der(export);
        break;
    case FORM_NONE:
        break;
    }
}

static bool is_written(const struct export *export)
{
    for (size_t i = 0; i < export->report.count; i++) {
        const enum ifl_status status = export->report.problems[i].status;
        if (status != IFL_KEY_EXPIRED && status != IFL_KEY_NOT_YET_VALID && status != IFL_KEY_EXPIRES_SOON &&
            status != IFL_KEY_NO_URL) {
            return false;
        }
    }
    return true;
}

/* The Secret itself may go to standard output; then what is to be told goes beside it. */
static void tell(const struct export *export)
{
    const bool silent = export->form == FORM_YAML && export->out == NULL;
    if (silent && is_written(export)) {
        return;
    }
    if (export->json) {
        printf("{\"written\": [");
        for (size_t i = 0; i < export->written_count; i++) {
            char buf[2 * PATH_MAX];
            struct text out;
            text_init(&out, buf, sizeof buf);
            text_json(&out, bytes_of_string(export->written[i]));
            printf("%s%s", i > 0 ? ", " : "", buf);
        }
        fputs("], ", stdout);
        report_json_problems(&export->report);
        puts("}");
        return;
    }
    for (size_t i = 0; i < export->written_count; i++) {
        report_mark(MARK_GOOD);
        printf("%s is written\n", export->written[i]);
    }
    report_problems(&export->report);
}

int verb_key_export(int argc, char **argv)
{
    static struct export export;
    const int code = read_options(argc, argv, &export);
    if (code >= 0) {
        return code;
    }
    if (export.form == FORM_YAML && !is_secret_name(export.target)) {
        return wrong("a Secret's name has lower-case letters, digits, - and . only: ", export.target);
    }
    read_key(&export);
    if (is_written(&export)) {
        export_all(&export);
    }
    tell(&export);
    const bool good = is_written(&export);
    bytes_wipe(&export, sizeof export);
    return good ? 0 : 1;
}
