#include "linux/trust_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mbedtls/base64.h>

#include "base/crc32c.h"
#include "tls/certificate.h"

#define LINE_SIZE 1024

static const char begin_line[] = "-----BEGIN CERTIFICATE-----";
static const char end_line[] = "-----END CERTIFICATE-----";

/* Where distributions keep their bundle. */
static const char *const system_bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt", /* Debian, Ubuntu, Alpine, Yocto */
    "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL */
    "/etc/ssl/ca-bundle.pem",             /* SUSE */
    "/etc/ssl/cert.pem",
};

static const char *system_bundle(void)
{
    for (size_t i = 0; i < sizeof system_bundles / sizeof system_bundles[0]; i++) {
        if (access(system_bundles[i], R_OK) == 0) {
            return system_bundles[i];
        }
    }
    return system_bundles[0];
}

static enum ifl_status explain(const struct trust_files *trust, struct text *detail, const char *why)
{
    text_str(detail, trust->path);
    text_str(detail, ": ");
    text_str(detail, why);
    return IFL_FILE;
}

/* Reads one certificate into trust->der. INVALID: it can't be decoded, or isn't one; FILE: it can't be read. */
static enum ifl_status read_root(struct trust_files *trust, int fd, const struct trust_files_root *root,
                                 struct bytes *der, struct bytes *subject)
{
    uint8_t pem[TRUST_FILES_PEM_MAX];
    size_t size = 0;
    if (pread(fd, pem, root->size, (off_t)root->at) != (ssize_t)root->size) {
        return IFL_FILE;
    }
    if (mbedtls_base64_decode(trust->der, sizeof trust->der, &size, pem, root->size) != 0) {
        return IFL_INVALID;
    }
    *der = bytes_of(trust->der, size);
    return tls_certificate_names(*der, NULL, subject);
}

static enum ifl_status add_root(struct trust_files *trust, int fd, long at, long end)
{
    if (trust->count == TRUST_FILES_ROOT_MAX || end - at > TRUST_FILES_PEM_MAX || end > INT32_MAX) {
        return IFL_TOO_LARGE;
    }
    struct trust_files_root root = {.at = (uint32_t)at, .size = (uint32_t)(end - at)};
    struct bytes der, subject;
    enum ifl_status status = read_root(trust, fd, &root, &der, &subject);
    if (status == IFL_OK) {
        root.subject_crc = crc32c(0, subject.data, subject.size);
        trust->root[trust->count++] = root;
    }
    return status;
}

static void remember_file(struct trust_files *trust, const struct stat *file)
{
    trust->seen.device = file->st_dev;
    trust->seen.inode = file->st_ino;
    trust->seen.size = file->st_size;
    trust->seen.changed = file->st_mtim;
}

static bool is_same_file(const struct trust_files *trust, const struct stat *file)
{
    return trust->seen.device == file->st_dev && trust->seen.inode == file->st_ino &&
           trust->seen.size == file->st_size && trust->seen.changed.tv_sec == file->st_mtim.tv_sec &&
           trust->seen.changed.tv_nsec == file->st_mtim.tv_nsec;
}

static bool is_line(const char *line, const char *marker)
{
    size_t len = strlen(marker);
    return strncmp(line, marker, len) == 0 && line[len + strspn(line + len, " \t\r\n")] == '\0';
}

static enum ifl_status complain(const struct trust_files *trust, enum ifl_status status, unsigned line_number,
                                struct text *detail)
{
    explain(trust, detail,
            status == IFL_TOO_LARGE ? "too many or too large certificates, line " : "damaged certificate, line ");
    text_u64(detail, line_number);
    return status == IFL_TOO_LARGE ? status : IFL_FILE;
}

/* Goes through the lines and notes where certificates stand. */
static enum ifl_status index_lines(struct trust_files *trust, FILE *file, struct text *detail)
{
    char line[LINE_SIZE];
    long begin = -1, here = 0;
    unsigned line_number = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        line_number++;
        if (is_line(line, begin_line)) {
            begin = ftell(file);
        } else if (begin >= 0 && is_line(line, end_line)) {
            enum ifl_status status = add_root(trust, fileno(file), begin, here);
            if (status != IFL_OK && (trust->strict || status == IFL_TOO_LARGE)) {
                return complain(trust, status, line_number, detail);
            }
            begin = -1;
        }
        here = ftell(file);
    }
    if (begin >= 0 && trust->strict) {
        return explain(trust, detail, "the last certificate is cut off");
    }
    return IFL_OK;
}

static enum ifl_status index_file(struct trust_files *trust, struct text *detail)
{
    struct stat seen;
    FILE *file = fopen(trust->path, "re");
    trust->count = 0;
    if (file == NULL) {
        return explain(trust, detail, strerror(errno));
    }
    enum ifl_status status = IFL_OK;
    if (fstat(fileno(file), &seen) != 0 || !S_ISREG(seen.st_mode)) {
        status = explain(trust, detail, "not a file with PEM certificates");
    }
    if (status == IFL_OK) {
        remember_file(trust, &seen);
        status = index_lines(trust, file, detail);
    }
    if (status == IFL_OK && ferror(file)) {
        status = explain(trust, detail, "can't be read");
    }
    if (status == IFL_OK && trust->count == 0) {
        status = explain(trust, detail, "holds no certificate in PEM form");
    }
    fclose(file);
    trust->count = status == IFL_OK ? trust->count : 0;
    return status;
}

enum ifl_status trust_files_load(struct trust_files *trust, const char *path, struct text *detail)
{
    trust->strict = path != NULL;
    trust->count = 0;
    path = path != NULL ? path : system_bundle();
    if (strlen(path) >= sizeof trust->path) {
        trust->path[0] = '\0';
        return explain(trust, detail, strerror(ENAMETOOLONG));
    }
    strcpy(trust->path, path);
    return index_file(trust, detail);
}

/* Opens the file; indexes it anew if it's another one than before. */
static int open_current(struct trust_files *trust)
{
    char why[256];
    struct text detail;
    struct stat seen;
    text_init(&detail, why, sizeof why);
    int fd = open(trust->path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, &seen) != 0 || (!is_same_file(trust, &seen) && index_file(trust, &detail) != IFL_OK))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static enum ifl_status copy_out(struct bytes der, void *buf, size_t buf_size, size_t *size)
{
    *size = der.size;
    if (der.size > buf_size) {
        return IFL_TOO_LARGE;
    }
    memcpy(buf, der.data, der.size);
    return IFL_OK;
}

static enum ifl_status find(void *ctx, struct bytes subject, unsigned index, void *buf, size_t buf_size, size_t *size)
{
    struct trust_files *trust = ctx;
    struct bytes der;
    int fd = open_current(trust);
    if (fd < 0) {
        return IFL_FILE;
    }
    enum ifl_status status = IFL_END;
    uint32_t crc = crc32c(0, subject.data, subject.size);
    for (size_t i = 0; i < trust->count && status == IFL_END; i++) {
        struct bytes name;
        if (trust->root[i].subject_crc == crc && read_root(trust, fd, &trust->root[i], &der, &name) == IFL_OK &&
            bytes_equal(name, subject) && index-- == 0) {
            status = copy_out(der, buf, buf_size, size);
        }
    }
    close(fd);
    return status;
}

struct tls_trust trust_files_trust(struct trust_files *trust)
{
    return (struct tls_trust){.find = find, .ctx = trust};
}
