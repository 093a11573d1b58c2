/* file.h: small files, whole: configurations and service keys. */
#ifndef LINUX_FILE_H
#define LINUX_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "base/text.h"

/* "<dir>/<name>", or `name` alone where it's absolute or `dir` is "". FILE: too long. */
enum ifl_status file_path(char path[PATH_MAX], const char *dir, const char *name);
/* Read it all. OK: *size bytes lie in `buf`. FILE: errno and *detail say why; TOO_LARGE: it has `buf_size` bytes or more. The caller wipes what
 * may be secret. */
enum ifl_status file_read(const char *dir, const char *name, void *buf, size_t buf_size, size_t *size,
                          struct text *detail);
/* It's a plain file, and every user of the machine may read it as far as its own mode goes. False also where it isn't there. */
bool file_others_may_read(const char *dir, const char *name);
/* Of one of `count` files that make up an identity: others may read it, and the private key may be in it: it's the only file, or its text shows
 * a private key, or no certificate that would be there instead. */
bool file_gives_key_away(const char *dir, const char *name, struct bytes text, size_t count);
/* The same from standard input, up to its end. */
enum ifl_status file_read_stdin(void *buf, size_t buf_size, size_t *size, struct text *detail);

#endif
