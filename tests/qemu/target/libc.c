/* libc.c: what newlib asks of a system, for the tests' own code: printf goes to UART 0, abort ends the test, malloc takes the module's DDR. The
 * firmware has none of it: it prints through its console, doesn't allocate and never touches DDR. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "cortex_m/cortex_m.h"

#define DDR_START 0xA0000000u
#define DDR_SIZE (32u << 20)
#define ABORTED 134 /* as a shell shows SIGABRT */

struct stat;

void *_sbrk(ptrdiff_t change);
int _write(int file, const char *text, int size);
int _read(int file, char *to, int size);
int _open(const char *name, int flags, int mode);
int _close(int file);
int _lseek(int file, int offset, int whence);
int _fstat(int file, struct stat *to);
int _isatty(int file);
int _getpid(void);
int _kill(int process, int signal);
_Noreturn void _exit(int result);

void *_sbrk(ptrdiff_t change)
{
    static uint32_t used;
    uint32_t wanted = used + (uint32_t)change;
    if (wanted > DDR_SIZE) {
        errno = ENOMEM;
        return (void *)-1;
    }
    void *start = (void *)(uintptr_t)(DDR_START + used);
    used = wanted;
    return start;
}

int _write(int file, const char *text, int size)
{
    (void)file;
    for (size_t done = 0; done < (size_t)size;) {
        done += board_uart_write(0, text + done, (size_t)size - done);
        board_wait(board_now() + 1);
    }
    return size;
}

_Noreturn void _exit(int result)
{
    cortex_m_main_returned(result);
}

int _kill(int process, int signal)
{
    (void)process, (void)signal;
    _exit(ABORTED);
}

int _getpid(void)
{
    return 1;
}

int _isatty(int file)
{
    (void)file;
    return 1;
}

/* There are no files. */

int _read(int file, char *to, int size)
{
    (void)file, (void)to, (void)size;
    return 0;
}

int _open(const char *name, int flags, int mode)
{
    (void)name, (void)flags, (void)mode;
    errno = ENOENT;
    return -1;
}

int _close(int file)
{
    (void)file;
    return -1;
}

int _lseek(int file, int offset, int whence)
{
    (void)file, (void)offset, (void)whence;
    return -1;
}

int _fstat(int file, struct stat *to)
{
    (void)file, (void)to;
    return -1;
}
