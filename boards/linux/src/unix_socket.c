#include "linux/unix_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64
#define PATIENCE_S 20

enum ifl_status unix_socket_path(char path[UNIX_SOCKET_PATH_SIZE], const char *dir, const char *name)
{
    if (snprintf(path, UNIX_SOCKET_PATH_SIZE, "%s/%s", dir, name) >= UNIX_SOCKET_PATH_SIZE) {
        path[0] = '\0';
        errno = ENAMETOOLONG;
        return IFL_FILE;
    }
    return IFL_OK;
}

static enum ifl_status address_of(const char *path, struct sockaddr_un *address)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        return IFL_FILE;
    }
    strcpy(address->sun_path, path);
    return IFL_OK;
}

static enum ifl_status close_with(int fd, enum ifl_status status)
{
    const int error = errno;
    close(fd);
    errno = error;
    return status;
}

/* One connection, or -1 with errno. `flags` for socket(2). */
static int connect_to(const struct sockaddr_un *address, int flags)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience); /* for connect() too */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0) {
        (void)close_with(fd, IFL_NO_DAEMON);
        return -1;
    }
    return fd;
}

/* A daemon that was killed leaves its socket behind: connections are refused there. A queue that is full (EAGAIN) is somebody's. */
static enum ifl_status remove_stale(const char *path, const struct sockaddr_un *address)
{
    struct stat file;
    if (lstat(path, &file) != 0) {
        return errno == ENOENT ? IFL_OK : IFL_FILE;
    }
    if (!S_ISSOCK(file.st_mode)) {
        errno = EEXIST;
        return IFL_FILE;
    }
    const int fd = connect_to(address, SOCK_NONBLOCK);
    if (fd >= 0) {
        return close_with(fd, IFL_LOCKED);
    }
    if (errno != ECONNREFUSED && errno != ENOENT) {
        return errno == EAGAIN ? IFL_LOCKED : IFL_FILE;
    }
    return unlink(path) == 0 || errno == ENOENT ? IFL_OK : IFL_FILE;
}

enum ifl_status unix_socket_listen(const char *path, mode_t mode, int *fd)
{
    struct sockaddr_un address;
    enum ifl_status status = address_of(path, &address);
    status = status == IFL_OK ? remove_stale(path, &address) : status;
    if (status != IFL_OK) {
        return status;
    }
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0) {
        return IFL_FILE;
    }
    /* The mode is set before anybody can be accepted, and the socket is made under the caller's umask. */
    if (bind(listener, (const struct sockaddr *)&address, sizeof address) != 0 || chmod(path, mode) != 0 ||
        listen(listener, BACKLOG) != 0) {
        return close_with(listener, IFL_FILE);
    }
    *fd = listener;
    return IFL_OK;
}

int unix_socket_accept(int listener)
{
    return listener < 0 ? -1 : accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

enum ifl_status unix_socket_connect(const char *path, int *fd)
{
    struct sockaddr_un address;
    if (address_of(path, &address) != IFL_OK) {
        return IFL_NO_DAEMON;
    }
    const int connection = connect_to(&address, 0);
    if (connection < 0) {
        return IFL_NO_DAEMON;
    }
    *fd = connection;
    return IFL_OK;
}
