/* flash_file.c: see flash_file.h. */
#include "linux/flash_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLANK_PIECE_SIZE 16384u

static enum ifl_status status_of_errno(void)
{
    return errno == ENOSPC || errno == EDQUOT ? IFL_STORE_FULL : IFL_FLASH_IO;
}

static void trace(const struct flash_file *file, enum flash_file_event_kind kind, uint32_t at, const void *data,
                  size_t size)
{
    if (file->trace != NULL) {
        struct flash_file_event event = {.kind = kind, .at = at, .size = size, .data = data};
        file->trace(file->trace_ctx, &event);
    }
}

/* ---- reading and writing whole spans ---- */

static enum ifl_status file_read(void *ctx, uint32_t at, void *to, size_t size)
{
    struct flash_file *file = ctx;
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(file->fd, (uint8_t *)to + done, size - done, (off_t)at + (off_t)done);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) { /* 0: somebody has cut the file short */
            return IFL_FLASH_IO;
        }
        done += (size_t)got;
    }
    return IFL_OK;
}

/* The outbox looks at each block before it uses it: in pieces of 64 bytes a new file of 64 MB took a second. It isn't asked where
 * the file has holes: what counts is what is read. */
static enum ifl_status file_is_blank(void *ctx, uint32_t at, size_t size, bool *blank)
{
    uint8_t piece[BLANK_PIECE_SIZE];
    *blank = true;
    while (size > 0 && *blank) {
        const size_t len = size < sizeof piece ? size : sizeof piece;
        const enum ifl_status status = file_read(ctx, at, piece, len);
        if (status != IFL_OK) {
            return status;
        }
        *blank = piece[0] == 0x00 && memcmp(piece, piece + 1, len - 1) == 0;
        at += (uint32_t)len;
        size -= len;
    }
    return IFL_OK;
}

/* *done: bytes that were written, also after an error. */
static enum ifl_status write_all(int fd, uint32_t at, const uint8_t *from, size_t size, size_t *done)
{
    for (*done = 0; *done < size;) {
        ssize_t put = pwrite(fd, from + *done, size - *done, (off_t)at + (off_t)*done);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return status_of_errno();
        }
        if (put == 0) {
            return IFL_FLASH_IO;
        }
        *done += (size_t)put;
    }
    return IFL_OK;
}

static enum ifl_status write_zeros(int fd, uint32_t at, size_t size)
{
    static const uint8_t zeros[4096];
    for (size_t done = 0; done < size;) {
        size_t piece = size - done < sizeof zeros ? size - done : sizeof zeros;
        size_t put;
        enum ifl_status status = write_all(fd, at + (uint32_t)done, zeros, piece, &put);
        if (status != IFL_OK) {
            return status;
        }
        done += put;
    }
    return IFL_OK;
}

static int allocate(int fd, int mode, uint32_t at, size_t size)
{
    int result;
    do {
        result = fallocate(fd, mode, (off_t)at, (off_t)size);
    } while (result != 0 && errno == EINTR);
    return result;
}

static enum ifl_status make_blank(int fd, uint32_t at, size_t size)
{
    if (allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, size) == 0) {
        return IFL_OK;
    }
    return errno == EOPNOTSUPP || errno == ENOSYS ? write_zeros(fd, at, size) : status_of_errno();
}

/* ---- disk space ---- */

static bool is_reserved(const struct flash_file *file, uint32_t sector)
{
    return (file->reserved[sector / 8] >> (sector % 8) & 1) != 0;
}

static void set_reserved(struct flash_file *file, uint32_t sector, bool reserved)
{
    uint8_t bit = (uint8_t)(1u << (sector % 8));
    file->reserved[sector / 8] =
        reserved ? file->reserved[sector / 8] | bit : file->reserved[sector / 8] & (uint8_t)~bit;
}

/* A file system that can't reserve decides at each write instead. */
static enum ifl_status reserve(struct flash_file *file, uint32_t at, size_t size)
{
    uint32_t sector_size = file->flash.geometry.sector_size;
    for (uint32_t sector = at / sector_size; sector <= (at + (uint32_t)size - 1) / sector_size; sector++) {
        if (is_reserved(file, sector)) {
            continue;
        }
        if (allocate(file->fd, 0, sector * sector_size, sector_size) != 0 && errno != EOPNOTSUPP && errno != ENOSYS) {
            return status_of_errno();
        }
        set_reserved(file, sector, true);
    }
    return IFL_OK;
}

/* ---- the driver ---- */

static enum ifl_status file_program(void *ctx, uint32_t at, const void *from, size_t size)
{
    struct flash_file *file = ctx;
    enum ifl_status status = reserve(file, at, size);
    if (status != IFL_OK) {
        return status;
    }
    trace(file, FLASH_FILE_WRITE, at, from, size);
    file->dirty = true;
    size_t done;
    status = write_all(file->fd, at, from, size, &done);
    if (status == IFL_STORE_FULL && done > 0 && make_blank(file->fd, at, done) != IFL_OK) {
        return IFL_FLASH_IO; /* it's half there: not the harmless "nothing was written" */
    }
    return status;
}

static enum ifl_status file_erase_start(void *ctx, uint32_t at)
{
    struct flash_file *file = ctx;
    uint32_t size = file->flash.geometry.sector_size;
    trace(file, FLASH_FILE_ERASE, at, NULL, size);
    file->dirty = true;
    set_reserved(file, at / size, false);
    file->erase_status = make_blank(file->fd, at, size) == IFL_OK ? IFL_OK : IFL_FLASH_IO;
    return IFL_OK;
}

static enum ifl_status file_poll(void *ctx)
{
    struct flash_file *file = ctx;
    enum ifl_status status = file->erase_status;
    file->erase_status = IFL_OK;
    return status;
}

/* A failure isn't repeated: after EIO the kernel takes the pages for clean, and the second fdatasync would answer OK for data that is gone. */
static enum ifl_status file_sync(void *ctx)
{
    struct flash_file *file = ctx;
    if (!file->dirty) {
        return IFL_OK;
    }
    file->dirty = false;
    int result;
    do {
        result = fdatasync(file->fd);
    } while (result != 0 && errno == EINTR);
    trace(file, FLASH_FILE_SYNC, 0, NULL, 0);
    return result == 0 ? IFL_OK : IFL_FLASH_IO;
}

static const struct flash_driver file_driver = {
    .read = file_read,
    .is_blank = file_is_blank,
    .program = file_program,
    .erase_start = file_erase_start,
    .poll = file_poll,
    .sync = file_sync,
};

/* ---- opening ---- */

static bool possible(const struct flash_geometry *geometry)
{
    uint32_t prog = geometry->prog_size, sector = geometry->sector_size;
    return geometry->erased == 0 && prog != 0 && (prog & (prog - 1)) == 0 && sector != 0 && sector % prog == 0 &&
           geometry->size != 0 && geometry->size % sector == 0 &&
           geometry->size / sector <= FLASH_FILE_SECTOR_COUNT_MAX;
}

/* The name of a new file is durable only when its directory is. */
static enum ifl_status sync_directory(const char *path)
{
    char copy[PATH_MAX];
    size_t len = strlen(path);
    if (len >= sizeof copy) {
        return IFL_FILE;
    }
    memcpy(copy, path, len + 1);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return IFL_FILE;
    }
    int result = fsync(fd);
    close(fd);
    return result == 0 || errno == EINVAL ? IFL_OK : IFL_FILE; /* EINVAL: this file system doesn't sync directories */
}

static enum ifl_status lengthen(int fd, const char *path, uint32_t size)
{
    if (ftruncate(fd, (off_t)size) != 0) {
        return errno == ENOSPC || errno == EDQUOT ? IFL_STORE_FULL : IFL_FILE;
    }
    return fsync(fd) == 0 ? sync_directory(path) : IFL_FILE;
}

static enum ifl_status take_over(int fd, const char *path, uint32_t size)
{
    struct stat info;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? IFL_LOCKED : IFL_FILE;
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        return IFL_FILE;
    }
    if ((info.st_mode & 077) != 0 && fchmod(fd, S_IRUSR | S_IWUSR) != 0) {
        return IFL_FILE;
    }
    if (info.st_size > (off_t)size) {
        return IFL_FLASH_GEOMETRY;
    }
    return info.st_size < (off_t)size ? lengthen(fd, path, size) : IFL_OK;
}

enum ifl_status flash_file_open(struct flash_file *file, const char *path, const struct flash_geometry *geometry)
{
    *file = (struct flash_file){.fd = -1};
    if (!possible(geometry)) {
        return IFL_FLASH_GEOMETRY;
    }
    /* NONBLOCK: a pipe of that name can't hang us. NOFOLLOW: a link of that name can't lead us to a file that isn't ours. */
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0) {
        return IFL_FILE;
    }
    enum ifl_status status = take_over(fd, path, geometry->size);
    if (status != IFL_OK) {
        int cause = errno;
        close(fd);
        errno = cause;
        return status;
    }
    file->fd = fd;
    file->flash = (struct flash){.geometry = *geometry, .driver = &file_driver, .ctx = file};
    return IFL_OK;
}

void flash_file_close(struct flash_file *file)
{
    if (file->fd >= 0) {
        close(file->fd); /* gives the lock back */
    }
    file->fd = -1;
}
