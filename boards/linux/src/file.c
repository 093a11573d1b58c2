#include "linux/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum ifl_status file_path(char path[PATH_MAX], const char *dir, const char *name)
{
    const int len = name[0] == '/' || dir[0] == '\0' ? snprintf(path, PATH_MAX, "%s", name)
                                                     : snprintf(path, PATH_MAX, "%s/%s", dir, name);
    if (len >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return IFL_FILE;
    }
    return IFL_OK;
}

#define WRITER_WAIT_MS 3000

/* Up to the end, but fewer than buf_size bytes, so that the end is seen. */
static enum ifl_status read_all(int fd, uint8_t *buf, size_t buf_size, size_t *size)
{
    while (*size < buf_size) {
        const ssize_t got = read(fd, buf + *size, buf_size - *size);
        if (got == 0) {
            return IFL_OK;
        }
        if (got < 0 && errno != EINTR) {
            return IFL_FILE;
        }
        *size += got > 0 ? (size_t)got : 0;
    }
    return IFL_TOO_LARGE;
}

/* A named pipe that nobody opens for writing: EPIPE after a while, instead of waiting for ever. `fd` doesn't block; a writer that is slow is waited for. */
static enum ifl_status wait_for_writer(int fd, uint8_t *buf, size_t buf_size, size_t *size)
{
    struct pollfd pipe = {.fd = fd, .events = POLLIN};
    const int ready = poll(&pipe, 1, WRITER_WAIT_MS);
    const ssize_t got = read(fd, buf, buf_size);
    *size = got > 0 ? (size_t)got : 0;
    if (got == 0 && ready == 0) {
        errno = EPIPE;
        return IFL_FILE;
    }
    return IFL_OK;
}

static enum ifl_status read_file(int fd, uint8_t *buf, size_t buf_size, size_t *size)
{
    struct stat info;
    enum ifl_status status = IFL_OK;
    *size = 0;
    if (fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode)) {
        status = wait_for_writer(fd, buf, buf_size, size);
    }
    if (status == IFL_OK && fcntl(fd, F_SETFL, 0) != 0) {
        status = IFL_FILE;
    }
    return status == IFL_OK ? read_all(fd, buf, buf_size, size) : status;
}

static enum ifl_status tell(enum ifl_status status, const char *name, int error, struct text *detail)
{
    if (status != IFL_OK) {
        text_str(detail, name);
    }
    if (status == IFL_FILE) {
        text_str(detail, ": ");
        text_str(detail, error == EPIPE ? "nobody writes into this pipe" : strerror(error));
        errno = error;
    }
    return status;
}

enum ifl_status file_read(const char *dir, const char *name, void *buf, size_t buf_size, size_t *size,
                          struct text *detail)
{
    char path[PATH_MAX];
    enum ifl_status status = file_path(path, dir, name);
    if (status != IFL_OK) {
        return tell(status, name, errno, detail);
    }
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return tell(IFL_FILE, path, errno, detail);
    }
    status = read_file(fd, buf, buf_size, size);
    const int error = errno;
    close(fd);
    return tell(status, path, error, detail);
}

bool file_others_may_read(const char *dir, const char *name)
{
    char path[PATH_MAX];
    struct stat info;
    return file_path(path, dir, name) == IFL_OK && stat(path, &info) == 0 && S_ISREG(info.st_mode) &&
           (info.st_mode & S_IROTH) != 0;
}

static bool shows(struct bytes text, const char *what)
{
    return bytes_find(text, bytes_of_string(what)) < text.size;
}

bool file_gives_key_away(const char *dir, const char *name, struct bytes text, size_t count)
{
    return file_others_may_read(dir, name) &&
           (count == 1 || shows(text, "PRIVATE KEY-----") || !shows(text, "-----BEGIN CERTIFICATE-----"));
}

enum ifl_status file_read_stdin(void *buf, size_t buf_size, size_t *size, struct text *detail)
{
    *size = 0;
    const enum ifl_status status = read_all(STDIN_FILENO, buf, buf_size, size);
    return tell(status, "standard input", errno, detail);
}
