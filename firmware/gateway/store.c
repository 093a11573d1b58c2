#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "linux/outbox_file.h"

#define KB 1024u
#define MB (KB * KB)

#define STATE_SECTOR_SIZE (4 * KB)
#define STATE_SECTOR_COUNT 4u
#define IDENTITY_SECTOR_SIZE (64 * KB) /* one a slot; holds the largest record */
#define ERASE_POLLS_MAX 1000u

_Static_assert(IFL_IDENTITY_SIZE_MAX < IDENTITY_SECTOR_SIZE, "an identity must fit its slot");

static enum ifl_status name_failure(enum ifl_status status, const char *path, struct text *detail)
{
    if (status != IFL_OK) {
        text_str(detail, path);
        if (status == IFL_FILE) {
            text_str(detail, ": ");
            text_str(detail, strerror(errno));
        }
    }
    return status;
}

/* Make the directory, and see to it that nobody else can look inside. */
static enum ifl_status make_private(const char *dir)
{
    struct stat stat_buf;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return IFL_FILE;
    }
    if (stat(dir, &stat_buf) != 0) {
        return IFL_FILE;
    }
    if (!S_ISDIR(stat_buf.st_mode)) {
        errno = ENOTDIR;
        return IFL_FILE;
    }
    return (stat_buf.st_mode & 077) == 0 || chmod(dir, 0700) == 0 ? IFL_OK : IFL_FILE;
}

static enum ifl_status open_file(struct flash_file *file, const char *dir, const char *name, uint32_t sector_size,
                                 uint32_t size, struct text *detail)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return name_failure(IFL_FILE, dir, detail);
    }
    const struct flash_geometry geometry = {.size = size, .sector_size = sector_size, .prog_size = 1, .erased = 0x00};
    return name_failure(flash_file_open(file, path, &geometry), path, detail);
}

static struct flash_region whole(const struct flash_file *file)
{
    return (struct flash_region){.flash = &file->flash, .start = 0, .size = file->flash.geometry.size};
}

static enum ifl_status mount_state(struct store *store)
{
    enum ifl_status status = state_mount(&store->state, whole(&store->state_file));
    for (unsigned polls = 0; status == IFL_OK && polls < ERASE_POLLS_MAX; polls++) {
        if (state_step(&store->state, 0) == IFL_NEVER) {
            break; /* ready */
        }
    }
    return status;
}

static enum ifl_status mount_slots(struct store *store)
{
    const struct flash_region both = whole(&store->identity_file);
    struct flash_region a = both, b = both;
    a.size = b.size = IDENTITY_SECTOR_SIZE;
    b.start = IDENTITY_SECTOR_SIZE;
    return identity_slots_mount(&store->slots, a, b);
}

enum ifl_status store_open(struct store *store, const char *dir, uint32_t outbox_size, struct text *detail)
{
    memset(store, 0, sizeof *store);
    store->outbox_file.fd = store->state_file.fd = store->identity_file.fd = -1;
    const struct flash_geometry outbox = outbox_file_geometry(outbox_size);
    store->outbox_size = outbox_size;

    enum ifl_status status = name_failure(make_private(dir), dir, detail);
    if (status == IFL_OK) {
        status = open_file(&store->state_file, dir, "state.flash", STATE_SECTOR_SIZE,
                           STATE_SECTOR_COUNT * STATE_SECTOR_SIZE, detail);
    }
    if (status == IFL_OK) {
        status = open_file(&store->identity_file, dir, "identity.flash", IDENTITY_SECTOR_SIZE, 2 * IDENTITY_SECTOR_SIZE,
                           detail);
    }
    if (status == IFL_OK) {
        status = open_file(&store->outbox_file, dir, "outbox.flash", outbox.sector_size, outbox.size, detail);
    }
    if (status == IFL_OK) {
        status = name_failure(mount_state(store), "state.flash", detail);
    }
    return status == IFL_OK ? name_failure(mount_slots(store), "identity.flash", detail) : status;
}

/* ---- which device this is ---- */

static uint64_t mix(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *at = data;
    for (size_t i = 0; i < size; i++) { /* FNV-1a, 64 bit */
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* This machine and this very file: the machine id, and number and time of birth of the outbox's inode. A copy on another
 * machine, a second copy on this one and a state restored from a backup are all another device, so they get a log id of their own and never
 * use an id again that the original used since. What this can't see is a whole virtual machine set back to a snapshot. */
static uint64_t device_tag(int outbox_fd)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    char machine_id[64];
    const int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
    const ssize_t got = fd < 0 ? -1 : read(fd, machine_id, sizeof machine_id);
    if (fd >= 0) {
        close(fd);
    }
    hash = mix(hash, machine_id, got > 0 ? (size_t)got : 0);

    struct statx file;
    if (statx(outbox_fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &file) == 0) {
        hash = mix(hash, &file.stx_ino, sizeof file.stx_ino);
        if ((file.stx_mask & STATX_BTIME) != 0) {
            hash = mix(hash, &file.stx_btime.tv_sec, sizeof file.stx_btime.tv_sec);
            hash = mix(hash, &file.stx_btime.tv_nsec, sizeof file.stx_btime.tv_nsec);
        }
    }
    return hash;
}

enum ifl_status store_mount_outbox(struct store *store, const struct settings *settings, struct ifl_random random)
{
    struct outbox_lane_config lanes[IFL_ROUTE_COUNT];
    for (size_t i = 0; i < settings->route_count; i++) {
        const struct settings_route *route = &settings->routes[i];
        lanes[i] = (struct outbox_lane_config){.route = route->name, .priority = route->priority, .min_blocks = 1};
        lanes[i].full = route->full == SETTINGS_FULL_GIVE_UP_OLDEST ? OUTBOX_GIVE_UP_OLDEST : OUTBOX_REFUSE_NEW;
    }
    const struct outbox_config config = {.device_tag = device_tag(store->outbox_file.fd),
                                         .payload_max = settings->payload_max,
                                         .lanes = lanes,
                                         .lane_count = settings->route_count,
                                         .random = random};
    return outbox_mount(&store->outbox, whole(&store->outbox_file), &config);
}

enum ifl_status store_put(struct store *store, uint16_t key, struct bytes value)
{
    enum ifl_status status = state_put(&store->state, key, value);
    for (unsigned polls = 0; status == IFL_FLASH_BUSY && polls < ERASE_POLLS_MAX; polls++) {
        (void)state_step(&store->state, 0);
        status = state_put(&store->state, key, value);
    }
    return status;
}

void store_close(struct store *store)
{
    flash_file_close(&store->outbox_file);
    flash_file_close(&store->state_file);
    flash_file_close(&store->identity_file);
}
