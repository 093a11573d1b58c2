#include "linux/unix_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

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

/* A daemon that was killed leaves its socket behind: nobody answers there. */
static enum ifl_status remove_stale(const char *path)
{
    struct stat file;
    if (lstat(path, &file) != 0) {
        return errno == ENOENT ? IFL_OK : IFL_FILE;
    }
    if (!S_ISSOCK(file.st_mode)) {
        errno = EEXIST;
        return IFL_FILE;
    }
    int fd = -1;
    if (unix_socket_connect(path, &fd) == IFL_OK) {
        return close_with(fd, IFL_LOCKED);
    }
    return unlink(path) == 0 || errno == ENOENT ? IFL_OK : IFL_FILE;
}

enum ifl_status unix_socket_listen(const char *path, mode_t mode, int *fd)
{
    struct sockaddr_un address;
    enum ifl_status status = address_of(path, &address);
    status = status == IFL_OK ? remove_stale(path) : status;
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
    const int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0) {
        return IFL_NO_DAEMON;
    }
    if (connect(connection, (const struct sockaddr *)&address, sizeof address) != 0) {
        return close_with(connection, IFL_NO_DAEMON);
    }
    *fd = connection;
    return IFL_OK;
}
