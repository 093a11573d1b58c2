/* flash_file.h: flash in a file, so that a gateway keeps the very formats that a node has in NOR.
 *
 * The file is sparse; a hole reads as zeros, so the erased value is 0x00 and an erase punches a hole (where the file system can't, zeros
 * are written). One process at a time: the file is locked while it's open. It is readable by its owner only: it may hold a private key.
 *
 * Full disk: the first program into a sector reserves the disk space of the whole sector, so either nothing of a sector fits, which is
 * STORE_FULL with nothing written, or all of it does (on file systems that overwrite in place). That's why a store that has opened a
 * block can always record what was delivered out of it, even on a full disk, and so make room again. STORE_FULL never means a worn sector.
 *
 * Durability: flash_sync() is one fdatasync. If that fails, nobody can say what of it reached the disk, and the kernel forgets the
 * failed pages: the sync isn't repeated, and a later OK speaks only of what was programmed after the failure. */
#ifndef LINUX_FLASH_FILE_H
#define LINUX_FLASH_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "flash/flash.h"

#define FLASH_FILE_SECTOR_COUNT_MAX 4096 /* per file: 4 GB in sectors of 1 MB */

enum flash_file_event_kind { FLASH_FILE_WRITE, FLASH_FILE_ERASE, FLASH_FILE_SYNC };

/* One change of the file, in the order in which the kernel was told; for tests that replay crashes. */
struct flash_file_event {
    enum flash_file_event_kind kind;
    uint32_t at;
    size_t size;
    const void *data; /* of a write; valid during the call only */
};

struct flash_file {
    struct flash flash; /* what the rooms get */
    int fd;             /* -1: not open */
    bool dirty;         /* something was written since the last sync */
    enum ifl_status erase_status;
    uint8_t reserved[FLASH_FILE_SECTOR_COUNT_MAX / 8]; /* sectors whose disk space is reserved, as far as known */
    void (*trace)(void *ctx, const struct flash_file_event *event); /* NULL: none; set it after the opening */
    void *trace_ctx;
};

/* Open or make the file at `path` and lock it. The caller owns *file, which must not move until it's closed. geometry->erased must be 0x00. A file
 * that is shorter than the geometry is made longer (it reads as erased there).
 * FILE: it can't be opened, made or protected, or isn't a plain file (errno tells more). LOCKED: another process has it. FLASH_GEOMETRY: it's longer than
 * the geometry says, or the geometry isn't possible. STORE_FULL: no room to make it. After an error nothing is open. */
enum ifl_status flash_file_open(struct flash_file *file, const char *path, const struct flash_geometry *geometry);
/* Without a sync. Allowed on a file that isn't open. */
void flash_file_close(struct flash_file *file);

#endif
