/* faults.c: what a program does to its files, counted, and ended or failed at one of these operations. Loaded in front of the C library (LD_PRELOAD).
 *
 * IFL_FAULTS names a file. As long as it isn't there, nothing happens. Its text is `kill N`, `tear N` or `fail N`: the N-th operation from then on ends the
 * program before it's done (kill -9), ends it when half of the bytes are written, or answers EIO. The operations so far stand in IFL_FAULTS with ".log",
 * a line each. Standard streams are left alone, and the file of messages, which is written ahead of need at moments of its own.
 *
 * `nodata` instead: no file says where its data and its holes are (EINVAL), as on file systems that don't know. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum fault { NONE, KILL, TEAR, FAIL };

static unsigned count;
static const char ORDER_NO_DATA[] = "nodata";

/* The next function of this name, behind this one. */
static void real(void *function, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(function, &found, sizeof found);
}

static int real_open(const char *path, int flags, mode_t mode)
{
    int (*next)(const char *path, int flags, ...);
    real(&next, "open64");
    return next(path, flags, mode);
}

static ssize_t real_write(int fd, const void *buf, size_t size)
{
    ssize_t (*next)(int fd, const void *buf, size_t size);
    real(&next, "write");
    return next(fd, buf, size);
}

static void note(const char *orders, const char *operation, const char *name)
{
    char path[PATH_MAX], line[PATH_MAX];
    snprintf(path, sizeof path, "%s.log", orders);
    const int len =
        snprintf(line, sizeof line, "%s %s\n", operation, strrchr(name, '/') ? strrchr(name, '/') + 1 : name);
    const int fd = real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)real_write(fd, line, (size_t)len);
        close(fd);
    }
}

/* False: nothing is ordered. */
static bool read_orders(const char *orders, char text[32])
{
    const int fd = orders == NULL ? -1 : real_open(orders, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    const ssize_t got = read(fd, text, 31);
    text[got > 0 ? got : 0] = '\0';
    close(fd);
    return true;
}

/* What is to become of this operation on a file of this name. */
static enum fault next_fault(const char *operation, const char *name)
{
    char text[32] = "", word[8] = "";
    unsigned at = 0;
    const char *orders = getenv("IFL_FAULTS");
    const bool counts = orders != NULL && strstr(name, "outbox.flash") == NULL;
    if (!counts || !read_orders(orders, text)) {
        count = counts ? 0 : count;
        return NONE;
    }
    note(orders, operation, name);
    if (sscanf(text, "%7s %u", word, &at) != 2 || ++count != at) {
        return NONE;
    }
    if (strcmp(word, "kill") == 0) {
        raise(SIGKILL);
    }
    errno = EIO;
    return strcmp(word, "fail") == 0 ? FAIL : TEAR;
}

static enum fault next_fault_of(const char *operation, int fd)
{
    char link[64], name[PATH_MAX];
    struct stat info;
    if (fd <= STDERR_FILENO || fstat(fd, &info) != 0 || (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))) {
        return NONE;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t len = readlink(link, name, sizeof name - 1);
    name[len > 0 ? len : 0] = '\0';
    return next_fault(operation, name);
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return (flags & O_CREAT) != 0 && next_fault("open", path) != NONE ? -1 : real_open(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open(path, flags, mode);
}

ssize_t write(int fd, const void *buf, size_t size)
{
    const enum fault fault = next_fault_of("write", fd);
    const ssize_t written = fault == FAIL ? -1 : real_write(fd, buf, fault == TEAR ? size / 2 : size);
    if (fault == TEAR) {
        raise(SIGKILL);
    }
    return written;
}

ssize_t pwrite64(int fd, const void *buf, size_t size, off64_t at)
{
    ssize_t (*next)(int fd, const void *buf, size_t size, off64_t at);
    real(&next, "pwrite64");
    const enum fault fault = next_fault_of("write", fd);
    const ssize_t written = fault == FAIL ? -1 : next(fd, buf, fault == TEAR ? size / 2 : size, at);
    if (fault == TEAR) {
        raise(SIGKILL);
    }
    return written;
}

ssize_t pwrite(int fd, const void *buf, size_t size, off_t at)
{
    return pwrite64(fd, buf, size, at);
}

off64_t lseek64(int fd, off64_t at, int whence)
{
    char text[32] = "";
    off64_t (*next)(int fd, off64_t at, int whence);
    real(&next, "lseek64");
    const bool asks = whence == SEEK_DATA || whence == SEEK_HOLE;
    if (asks && read_orders(getenv("IFL_FAULTS"), text) && strcmp(text, ORDER_NO_DATA) == 0) {
        errno = EINVAL;
        return -1;
    }
    return next(fd, at, whence);
}

off_t lseek(int fd, off_t at, int whence)
{
    return lseek64(fd, at, whence);
}

int fallocate64(int fd, int mode, off64_t at, off64_t size)
{
    int (*next)(int fd, int mode, off64_t at, off64_t size);
    real(&next, "fallocate64");
    return next_fault_of("erase", fd) != NONE ? -1 : next(fd, mode, at, size);
}

int fallocate(int fd, int mode, off_t at, off_t size)
{
    return fallocate64(fd, mode, at, size);
}

int fsync(int fd)
{
    int (*next)(int fd);
    real(&next, "fsync");
    return next_fault_of("sync", fd) != NONE ? -1 : next(fd);
}

int fdatasync(int fd)
{
    int (*next)(int fd);
    real(&next, "fdatasync");
    return next_fault_of("sync", fd) != NONE ? -1 : next(fd);
}

int rename(const char *from, const char *to)
{
    int (*next)(const char *from, const char *to);
    real(&next, "rename");
    return next_fault("rename", to) != NONE ? -1 : next(from, to);
}

int unlinkat(int dir, const char *path, int flags)
{
    int (*next)(int dir, const char *path, int flags);
    real(&next, "unlinkat");
    return next_fault("unlink", path) != NONE ? -1 : next(dir, path, flags);
}

int unlink(const char *path)
{
    int (*next)(const char *path);
    real(&next, "unlink");
    return next_fault("unlink", path) != NONE ? -1 : next(path);
}
