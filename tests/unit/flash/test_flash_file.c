/* Flash in a file keeps the promises of flash.h on real file systems, and when the disk is full or broken. */
#include "linux/flash_file.h"

#include "unity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECTOR 65536u

static char directory[64], path[96];
static struct flash_file file;
static struct flash_region region;
static const struct flash_geometry geometry = {.size = 4 * SECTOR, .sector_size = SECTOR, .prog_size = 8, .erased = 0};
static uint8_t data[4096];

/* ---- a disk that fails on demand ---- */

static int sync_error, write_error, reserve_error, punch_error, sync_count;
static size_t write_limit; /* so many bytes go through before write_error */

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    sync_count++;
    if (sync_error != 0) {
        errno = sync_error;
        sync_error = 0;
        return -1;
    }
    return __real_fdatasync(fd);
}

ssize_t __real_pwrite64(int fd, const void *from, size_t size, off_t at);
ssize_t __wrap_pwrite64(int fd, const void *from, size_t size, off_t at);
ssize_t __wrap_pwrite64(int fd, const void *from, size_t size, off_t at)
{
    if (write_error != 0) {
        if (write_limit == 0) {
            errno = write_error;
            return -1;
        }
        size = size < write_limit ? size : write_limit;
        write_limit -= size;
    }
    return __real_pwrite64(fd, from, size, at);
}

int __real_fallocate64(int fd, int mode, off_t at, off_t size);
int __wrap_fallocate64(int fd, int mode, off_t at, off_t size);
int __wrap_fallocate64(int fd, int mode, off_t at, off_t size)
{
    int error = mode == 0 ? reserve_error : punch_error;
    if (error != 0) {
        errno = error;
        return -1;
    }
    return __real_fallocate64(fd, mode, at, size);
}

/* ---- */

static enum ifl_status reopen(void)
{
    flash_file_close(&file);
    enum ifl_status status = flash_file_open(&file, path, &geometry);
    if (status == IFL_OK) {
        TEST_ASSERT_EQUAL(IFL_OK, flash_region(&file.flash, 0, geometry.size, &region));
    }
    return status;
}

void setUp(void)
{
    snprintf(directory, sizeof directory, "/tmp/flash-file-XXXXXX");
    TEST_ASSERT_NOT_NULL(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/outbox.flash", directory);
    sync_error = write_error = reserve_error = punch_error = sync_count = 0;
    write_limit = 0;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7 + 1);
    }
    file.fd = -1;
    TEST_ASSERT_EQUAL(IFL_OK, reopen());
}

void tearDown(void)
{
    flash_file_close(&file);
    unlink(path);
    rmdir(directory);
}

static void assert_blank(uint32_t at, size_t size, bool expected)
{
    bool blank;
    TEST_ASSERT_EQUAL(IFL_OK, flash_is_blank(&region, at, size, &blank));
    TEST_ASSERT_EQUAL(expected, blank);
}

static void a_new_file_is_blank_sparse_and_private(void)
{
    struct stat info;
    TEST_ASSERT_EQUAL(0, stat(path, &info));
    TEST_ASSERT_EQUAL(0600, info.st_mode & 0777);
    TEST_ASSERT_EQUAL(geometry.size, info.st_size);
    TEST_ASSERT_EQUAL(0, info.st_blocks);
    assert_blank(0, geometry.size, true);
}

static void a_single_byte_is_seen_wherever_it_lies(void)
{
    static const uint32_t places[] = {0,          1,          SECTOR / 2,
                                      SECTOR - 1, 2 * SECTOR, 3 * SECTOR - 1}; /* ends of pieces too */
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        uint8_t granule[8] = {0};
        granule[places[i] % sizeof granule] = 1;
        TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, places[i] / 8 * 8, granule, sizeof granule));
        assert_blank(0, geometry.size, false);
        assert_blank(places[i], 1, false);
        assert_blank(places[i] + 1, geometry.size - places[i] - 1, true);
        TEST_ASSERT_EQUAL(IFL_OK, flash_erase_start(&region, places[i] / SECTOR * SECTOR));
        TEST_ASSERT_EQUAL(IFL_OK, flash_poll(&region));
    }
}

static void what_was_programmed_is_there_after_opening_again(void)
{
    uint8_t back[sizeof data];
    TEST_ASSERT_EQUAL(IFL_OK, flash_program_verified(&region, SECTOR - 8, data, sizeof data));
    TEST_ASSERT_EQUAL(IFL_OK, flash_sync(&region));
    TEST_ASSERT_EQUAL(IFL_OK, reopen());
    TEST_ASSERT_EQUAL(IFL_OK, flash_read(&region, SECTOR - 8, back, sizeof back));
    TEST_ASSERT_EQUAL_MEMORY(data, back, sizeof back);
}

static void an_erase_blanks_one_sector_and_gives_its_space_back(void)
{
    struct stat full, empty;
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 0, data, sizeof data));
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, SECTOR, data, sizeof data));
    TEST_ASSERT_EQUAL(0, stat(path, &full));
    TEST_ASSERT_EQUAL(IFL_OK, flash_erase_start(&region, 0));
    TEST_ASSERT_EQUAL(IFL_OK, flash_poll(&region));
    TEST_ASSERT_EQUAL(0, stat(path, &empty));
    assert_blank(0, SECTOR, true);
    assert_blank(SECTOR, SECTOR, false);
    TEST_ASSERT_TRUE(empty.st_blocks < full.st_blocks);
}

static void where_holes_cant_be_punched_zeros_are_written(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, SECTOR + 512, data, sizeof data));
    punch_error = EOPNOTSUPP;
    TEST_ASSERT_EQUAL(IFL_OK, flash_erase_start(&region, SECTOR));
    TEST_ASSERT_EQUAL(IFL_OK, flash_poll(&region));
    assert_blank(0, geometry.size, true);
}

static void a_failed_erase_is_told_once(void)
{
    punch_error = EIO;
    TEST_ASSERT_EQUAL(IFL_OK, flash_erase_start(&region, SECTOR));
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, flash_poll(&region));
    TEST_ASSERT_EQUAL(IFL_OK, flash_poll(&region));
}

static void a_full_disk_is_full_and_not_worn_and_nothing_is_written(void)
{
    reserve_error = ENOSPC;
    TEST_ASSERT_EQUAL(IFL_STORE_FULL, flash_program(&region, 0, data, sizeof data));
    reserve_error = EDQUOT;
    TEST_ASSERT_EQUAL(IFL_STORE_FULL, flash_program_verified(&region, 0, data, sizeof data));
    assert_blank(0, SECTOR, true);
    reserve_error = 0;
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 0, data, sizeof data));
}

static void a_sector_that_was_begun_can_be_filled_on_a_full_disk(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 0, data, 8));
    reserve_error = ENOSPC;
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 8, data, sizeof data));
    TEST_ASSERT_EQUAL(IFL_STORE_FULL, flash_program(&region, SECTOR, data, 8));
}

static void where_nothing_can_be_reserved_half_a_write_is_taken_back(void)
{
    reserve_error = EOPNOTSUPP;
    write_error = ENOSPC;
    write_limit = 1000;
    TEST_ASSERT_EQUAL(IFL_STORE_FULL, flash_program(&region, 0, data, sizeof data));
    assert_blank(0, SECTOR, true);
    write_limit = 1000;
    punch_error = EIO;
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, flash_program(&region, 0, data, sizeof data));
}

static void a_short_write_is_continued(void)
{
    uint8_t back[sizeof data];
    write_error = EIO;
    write_limit = 100;
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, flash_program(&region, 0, data, sizeof data));
    write_limit = 5000;
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, SECTOR, data, sizeof data));
    TEST_ASSERT_EQUAL(IFL_OK, flash_read(&region, SECTOR, back, sizeof back));
    TEST_ASSERT_EQUAL_MEMORY(data, back, sizeof back);
}

static void a_sync_that_failed_is_told_and_not_repeated(void)
{
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 0, data, 8));
    sync_error = EIO;
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, flash_sync(&region));
    TEST_ASSERT_EQUAL(1, sync_count);
    TEST_ASSERT_EQUAL(IFL_OK, flash_sync(&region));
    TEST_ASSERT_EQUAL(1, sync_count);
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 8, data, 8));
    TEST_ASSERT_EQUAL(IFL_OK, flash_sync(&region));
    TEST_ASSERT_EQUAL(2, sync_count);
}

static void a_second_process_is_kept_out(void)
{
    struct flash_file second;
    TEST_ASSERT_EQUAL(IFL_LOCKED, flash_file_open(&second, path, &geometry));
    flash_file_close(&second);
    flash_file_close(&file);
    TEST_ASSERT_EQUAL(IFL_OK, flash_file_open(&second, path, &geometry));
    flash_file_close(&second);
}

static void a_file_that_others_can_read_is_closed_to_them(void)
{
    struct stat info;
    TEST_ASSERT_EQUAL(0, chmod(path, 0644));
    TEST_ASSERT_EQUAL(IFL_OK, reopen());
    TEST_ASSERT_EQUAL(0, stat(path, &info));
    TEST_ASSERT_EQUAL(0600, info.st_mode & 0777);
}

static void a_short_file_is_lengthened_and_a_long_one_refused(void)
{
    TEST_ASSERT_EQUAL(0, truncate(path, SECTOR));
    TEST_ASSERT_EQUAL(IFL_OK, reopen());
    assert_blank(0, geometry.size, true);
    TEST_ASSERT_EQUAL(0, truncate(path, (off_t)geometry.size + 1));
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, reopen());
}

static void what_isnt_a_file_or_a_geometry_is_refused(void)
{
    struct flash_file other;
    struct flash_geometry odd = geometry;
    TEST_ASSERT_EQUAL(IFL_FILE, flash_file_open(&other, directory, &geometry));
    TEST_ASSERT_EQUAL(IFL_FILE, flash_file_open(&other, "/tmp/no/such/directory/x", &geometry));
    odd.erased = 0xFF;
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, flash_file_open(&other, path, &odd));
    odd = geometry;
    odd.sector_size = 12;
    TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, flash_file_open(&other, path, &odd));
}

static void a_file_cut_short_under_our_hands_is_an_error_and_not_a_blank(void)
{
    uint8_t back[8];
    TEST_ASSERT_EQUAL(0, truncate(path, SECTOR));
    TEST_ASSERT_EQUAL(IFL_FLASH_IO, flash_read(&region, SECTOR, back, sizeof back));
}

static size_t event_count;
static struct flash_file_event events[8];

static void note(void *ctx, const struct flash_file_event *event)
{
    (void)ctx;
    TEST_ASSERT_TRUE(event_count < 8);
    events[event_count++] = *event;
}

static void the_trace_tells_every_change_in_order(void)
{
    event_count = 0;
    file.trace = note;
    TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 8, data, 16));
    TEST_ASSERT_EQUAL(IFL_OK, flash_erase_start(&region, SECTOR));
    TEST_ASSERT_EQUAL(IFL_OK, flash_sync(&region));
    TEST_ASSERT_EQUAL(3, event_count);
    TEST_ASSERT_TRUE(events[0].kind == FLASH_FILE_WRITE && events[0].at == 8 && events[0].size == 16 &&
                     events[0].data == data);
    TEST_ASSERT_TRUE(events[1].kind == FLASH_FILE_ERASE && events[1].at == SECTOR && events[1].size == SECTOR);
    TEST_ASSERT_TRUE(events[2].kind == FLASH_FILE_SYNC);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_new_file_is_blank_sparse_and_private);
    RUN_TEST(a_single_byte_is_seen_wherever_it_lies);
    RUN_TEST(what_was_programmed_is_there_after_opening_again);
    RUN_TEST(an_erase_blanks_one_sector_and_gives_its_space_back);
    RUN_TEST(where_holes_cant_be_punched_zeros_are_written);
    RUN_TEST(a_failed_erase_is_told_once);
    RUN_TEST(a_full_disk_is_full_and_not_worn_and_nothing_is_written);
    RUN_TEST(a_sector_that_was_begun_can_be_filled_on_a_full_disk);
    RUN_TEST(where_nothing_can_be_reserved_half_a_write_is_taken_back);
    RUN_TEST(a_short_write_is_continued);
    RUN_TEST(a_sync_that_failed_is_told_and_not_repeated);
    RUN_TEST(a_second_process_is_kept_out);
    RUN_TEST(a_file_that_others_can_read_is_closed_to_them);
    RUN_TEST(a_short_file_is_lengthened_and_a_long_one_refused);
    RUN_TEST(what_isnt_a_file_or_a_geometry_is_refused);
    RUN_TEST(a_file_cut_short_under_our_hands_is_an_error_and_not_a_blank);
    RUN_TEST(the_trace_tells_every_change_in_order);
    return UNITY_END();
}
