#include "wipe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK "wiped"
#define PIECE_SIZE 65536

static enum ifl_status tell(const char *dir, const char *name, struct text *detail)
{
    text_str(detail, dir);
    text_str(detail, "/");
    text_str(detail, name);
    text_str(detail, ": ");
    text_str(detail, strerror(errno));
    return IFL_FILE;
}

static int open_directory(const char *dir)
{
    return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

enum ifl_status wipe_order(const char *dir, struct text *detail)
{
    const int at = open_directory(dir);
    const int mark = at < 0 ? -1 : openat(at, MARK, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool done = mark >= 0 && fsync(mark) == 0 && fsync(at) == 0;
    enum ifl_status status = done ? IFL_OK : tell(dir, MARK, detail);
    if (mark >= 0 && !done) {
        (void)unlinkat(at, MARK, 0);
    }
    close(mark);
    close(at);
    return status;
}

bool wipe_is_ordered(const char *dir)
{
    char path[PATH_MAX];
    struct stat info;
    return snprintf(path, sizeof path, "%s/" MARK, dir) < (int)sizeof path && lstat(path, &info) == 0;
}

/* The next place with data, from `at` on; `end`: there is none (ENXIO). A file system that can't tell (EINVAL, on some network and FUSE file
 * systems) has data everywhere. */
static off_t next_data(int fd, off_t at, off_t end)
{
    const off_t data = lseek(fd, at, SEEK_DATA);
    return data >= 0 ? data : errno == ENXIO ? end : at;
}

/* Only what is there: a hole in a large outbox stays one. */
static bool overwrite(int fd)
{
    static const char zeros[PIECE_SIZE];
    const off_t end = lseek(fd, 0, SEEK_END);
    for (off_t at = next_data(fd, 0, end); at < end; at = next_data(fd, at, end)) {
        const off_t left = end - at;
        const ssize_t put = pwrite(fd, zeros, left < PIECE_SIZE ? (size_t)left : PIECE_SIZE, at);
        if (put <= 0) {
            return false;
        }
        at += put;
    }
    return end >= 0 && fsync(fd) == 0;
}

static enum ifl_status destroy(const char *dir, int at, const char *name, struct text *detail)
{
    const int fd = openat(at, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    const bool link = fd < 0 && errno == ELOOP; /* what it leads to isn't iflowd's */
    const bool gone = fd < 0 && errno == ENOENT;
    const bool done = gone || ((link || (fd >= 0 && overwrite(fd))) && unlinkat(at, name, 0) == 0);
    const enum ifl_status status = done ? IFL_OK : tell(dir, name, detail);
    if (fd >= 0) {
        close(fd);
    }
    return status;
}

/* trust-1.pem, trust-1.pem.new, … */
static enum ifl_status destroy_roots(const char *dir, int at, struct text *detail)
{
    enum ifl_status result = IFL_OK;
    DIR *list = opendir(dir);
    if (list == NULL) {
        return tell(dir, "", detail);
    }
    for (struct dirent *entry = readdir(list); entry != NULL; entry = readdir(list)) {
        const bool ours = strncmp(entry->d_name, "trust-", strlen("trust-")) == 0;
        const enum ifl_status status = ours ? destroy(dir, at, entry->d_name, detail) : IFL_OK;
        result = status != IFL_OK ? status : result;
    }
    closedir(list);
    return result;
}

enum ifl_status wipe_carry_out(const char *dir, struct text *detail)
{
    static const char *const names[] = {"identity.flash", "outbox.flash", "state.flash"}; /* the keys first */
    const int at = open_directory(dir);
    if (at < 0) {
        return tell(dir, "", detail);
    }
    enum ifl_status result = IFL_OK;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const enum ifl_status status = destroy(dir, at, names[i], detail);
        result = status != IFL_OK ? status : result;
    }
    const enum ifl_status status = destroy_roots(dir, at, detail);
    result = status != IFL_OK ? status : result;
    if (fsync(at) != 0 && result == IFL_OK) {
        result = tell(dir, "", detail);
    }
    close(at);
    return result;
}
