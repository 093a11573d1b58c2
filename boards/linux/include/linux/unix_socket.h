/* unix_socket.h: stream sockets in the file system: between iflowd, its producers and iflowctl. All are close-on-exec. */
#ifndef LINUX_UNIX_SOCKET_H
#define LINUX_UNIX_SOCKET_H

#include <sys/types.h>

#include "base/status.h"

#define UNIX_SOCKET_PATH_SIZE 108 /* sun_path of unix(7) */

/* "<dir>/<name>". FILE (errno ENAMETOOLONG): longer than the kernel takes. */
enum ifl_status unix_socket_path(char path[UNIX_SOCKET_PATH_SIZE], const char *dir, const char *name);

/* Listen at `path` with that mode; non-blocking. A socket that nobody serves any more is replaced. LOCKED: somebody listens there, even one with a full queue.
 * FILE: errno says why; anything that isn't a socket is left alone. */
enum ifl_status unix_socket_listen(const char *path, mode_t mode, int *fd);

/* The next client as a non-blocking socket, or -1: there is none now. */
int unix_socket_accept(int listener);

/* Connect, blocking; 20 s at most, and so does each read() and write() of the socket (EAGAIN). NO_DAEMON: nobody answers (errno says why). */
enum ifl_status unix_socket_connect(const char *path, int *fd);

#endif
