/* Small helpers of the board "linux": Unix sockets, whole files, addresses on a command line. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "linux/address.h"
#include "linux/file.h"
#include "linux/flash_memory.h"
#include "linux/unix_socket.h"
#include "unity.h"

static char dir[] = "/tmp/iflow-test-XXXXXX";
static char path[UNIX_SOCKET_PATH_SIZE];

void setUp(void)
{
    strcpy(dir, "/tmp/iflow-test-XXXXXX");
    TEST_ASSERT_NOT_NULL(mkdtemp(dir));
    TEST_ASSERT_EQUAL(IFL_OK, unix_socket_path(path, dir, "door.sock"));
}

void tearDown(void)
{
    unlink(path);
    rmdir(dir);
}

static void write_file(const char *content)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    TEST_ASSERT_TRUE(fd >= 0);
    TEST_ASSERT_EQUAL(strlen(content), write(fd, content, strlen(content)));
    close(fd);
}

/* ---- sockets ---- */

static void a_client_reaches_the_listener_and_bytes_pass(void)
{
    int listener = -1, client = -1;
    char byte = 0;
    TEST_ASSERT_EQUAL(IFL_OK, unix_socket_listen(path, 0660, &listener));
    TEST_ASSERT_EQUAL(-1, unix_socket_accept(listener)); /* nobody yet, and no waiting */
    TEST_ASSERT_EQUAL(IFL_OK, unix_socket_connect(path, &client));
    const int server = unix_socket_accept(listener);
    TEST_ASSERT_TRUE(server >= 0);
    TEST_ASSERT_EQUAL(1, write(client, "x", 1));
    TEST_ASSERT_EQUAL(1, read(server, &byte, 1));
    TEST_ASSERT_EQUAL('x', byte);
    close(server);
    close(client);
    close(listener);
}

static void the_socket_has_the_mode_that_was_asked_for(void)
{
    int listener = -1;
    struct stat file;
    TEST_ASSERT_EQUAL(IFL_OK, unix_socket_listen(path, 0660, &listener));
    TEST_ASSERT_EQUAL(0, stat(path, &file));
    TEST_ASSERT_EQUAL_HEX(0660, file.st_mode & 0777);
    close(listener);
}

static void a_socket_that_somebody_serves_is_not_taken_away(void)
{
    int first = -1, second = -1, client = -1;
    TEST_ASSERT_EQUAL(IFL_OK, unix_socket_listen(path, 0600, &first));
    TEST_ASSERT_EQUAL(IFL_LOCKED, unix_socket_listen(path, 0600, &second));
    TEST_ASSERT_EQUAL(IFL_OK, unix_socket_connect(path, &client));
    close(client);
    close(first);
}

static void a_socket_left_behind_by_a_killed_daemon_is_replaced(void)
{
    int first = -1, second = -1;
    TEST_ASSERT_EQUAL(IFL_OK, unix_socket_listen(path, 0600, &first));
    close(first);
    TEST_ASSERT_EQUAL(IFL_OK, unix_socket_listen(path, 0600, &second));
    close(second);
}

static void a_socket_whose_queue_is_full_is_somebodys(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int clients[4], second = -1;
    const int first = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(address.sun_path, path);
    TEST_ASSERT_EQUAL(0, bind(first, (const struct sockaddr *)&address, sizeof address));
    TEST_ASSERT_EQUAL(0, listen(first, 0));
    int connected = 0;
    for (int i = 0; i < 4; i++) {
        clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connected += connect(clients[i], (const struct sockaddr *)&address, sizeof address) == 0;
    }
    TEST_ASSERT_LESS_THAN(4, connected);
    TEST_ASSERT_EQUAL(IFL_LOCKED, unix_socket_listen(path, 0600, &second));
    TEST_ASSERT_EQUAL(0, access(path, F_OK));
    for (int i = 0; i < 4; i++) {
        close(clients[i]);
    }
    close(first);
}

static void a_file_in_the_way_is_left_alone(void)
{
    int listener = -1;
    struct stat file;
    write_file("precious");
    TEST_ASSERT_EQUAL(IFL_FILE, unix_socket_listen(path, 0600, &listener));
    TEST_ASSERT_EQUAL(EEXIST, errno);
    TEST_ASSERT_EQUAL(0, stat(path, &file));
    TEST_ASSERT_EQUAL(8, file.st_size);
}

static void where_nobody_listens_there_is_no_daemon(void)
{
    int client = -1;
    TEST_ASSERT_EQUAL(IFL_NO_DAEMON, unix_socket_connect(path, &client));
}

static void a_path_longer_than_the_kernel_takes_is_refused(void)
{
    char long_dir[200], out[UNIX_SOCKET_PATH_SIZE];
    memset(long_dir, 'd', sizeof long_dir - 1);
    long_dir[sizeof long_dir - 1] = '\0';
    TEST_ASSERT_EQUAL(IFL_FILE, unix_socket_path(out, long_dir, "door.sock"));
    TEST_ASSERT_EQUAL(ENAMETOOLONG, errno);
    TEST_ASSERT_EQUAL_STRING("", out);
}

/* ---- files ---- */

static enum ifl_status read_back(const char *name, size_t buf_size, char *buf, char *why, size_t why_size)
{
    struct text detail;
    size_t size = 0;
    text_init(&detail, why, why_size);
    const enum ifl_status status = file_read(dir, name, buf, buf_size, &size, &detail);
    buf[status == IFL_OK ? size : 0] = '\0';
    return status;
}

static void a_file_is_read_whole_or_refused_with_a_reason(void)
{
    char buf[16], why[256];
    write_file("0123456789");
    TEST_ASSERT_EQUAL(IFL_OK, read_back("door.sock", 11, buf, why, sizeof why));
    TEST_ASSERT_EQUAL_STRING("0123456789", buf);
    TEST_ASSERT_EQUAL_STRING("", why);
    TEST_ASSERT_EQUAL(IFL_TOO_LARGE, read_back("door.sock", 10, buf, why, sizeof why));
    TEST_ASSERT_NOT_NULL(strstr(why, "/door.sock"));
    TEST_ASSERT_EQUAL(IFL_FILE, read_back("nothing", 10, buf, why, sizeof why));
    TEST_ASSERT_NOT_NULL(strstr(why, "/nothing: No such file"));
    TEST_ASSERT_EQUAL(IFL_FILE, read_back("/", 10, buf, why, sizeof why));
}

static void a_relative_name_begins_in_the_directory_and_an_absolute_one_does_not(void)
{
    char out[PATH_MAX];
    TEST_ASSERT_EQUAL(IFL_OK, file_path(out, "/etc/iflow", "key.json"));
    TEST_ASSERT_EQUAL_STRING("/etc/iflow/key.json", out);
    TEST_ASSERT_EQUAL(IFL_OK, file_path(out, "/etc/iflow", "/srv/key.json"));
    TEST_ASSERT_EQUAL_STRING("/srv/key.json", out);
    TEST_ASSERT_EQUAL(IFL_OK, file_path(out, "", "key.json"));
    TEST_ASSERT_EQUAL_STRING("key.json", out);
}

/* ---- addresses ---- */

static void an_address_is_taken_alone_or_in_the_form_of_curl(void)
{
    TEST_ASSERT_EQUAL_STRING("127.0.0.1", address_of_option("127.0.0.1"));
    TEST_ASSERT_EQUAL_STRING("::1", address_of_option("::1"));
    TEST_ASSERT_EQUAL_STRING("192.0.2.7", address_of_option("tenant.example:443:192.0.2.7"));
    TEST_ASSERT_EQUAL_STRING("2001:db8::1", address_of_option("tenant.example:443:2001:db8::1"));
    TEST_ASSERT_NULL(address_of_option("tenant.example"));
    TEST_ASSERT_NULL(address_of_option("tenant.example:443"));
    TEST_ASSERT_NULL(address_of_option("tenant.example:443:"));
    TEST_ASSERT_NULL(address_of_option("1.2.3.4.5"));
    TEST_ASSERT_NULL(address_of_option(""));
}

static void flash_in_memory_keeps_what_is_programmed_until_its_sector_is_erased(void)
{
    static const uint8_t erased[] = {0xFF, 0x00};
    for (size_t i = 0; i < 2; i++) {
        const struct flash_geometry geometry = {.size = 8192, .sector_size = 4096, .prog_size = 4, .erased = erased[i]};
        static uint8_t bytes[8192];
        struct flash_memory memory;
        struct flash_region region;
        uint8_t found[4];
        bool blank = false;
        memset(bytes, erased[i], sizeof bytes);
        flash_memory_init(&memory, geometry, bytes);
        TEST_ASSERT_EQUAL(IFL_OK, flash_region(&memory.flash, 0, sizeof bytes, &region));
        TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 4092, "left", 4));
        TEST_ASSERT_EQUAL(IFL_OK, flash_program(&region, 4096, "next", 4));
        TEST_ASSERT_EQUAL(IFL_OK, flash_read(&region, 4092, found, sizeof found));
        TEST_ASSERT_EQUAL_MEMORY("left", found, sizeof found);
        TEST_ASSERT_EQUAL(IFL_OK, flash_erase_start(&region, 0));
        TEST_ASSERT_EQUAL(IFL_OK, flash_poll(&region));
        TEST_ASSERT_EQUAL(IFL_OK, flash_is_blank(&region, 0, 4096, &blank));
        TEST_ASSERT_TRUE(blank);
        TEST_ASSERT_EQUAL_MEMORY("next", bytes + 4096, 4);
    }
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(flash_in_memory_keeps_what_is_programmed_until_its_sector_is_erased);
    RUN_TEST(a_socket_whose_queue_is_full_is_somebodys);
    RUN_TEST(a_client_reaches_the_listener_and_bytes_pass);
    RUN_TEST(the_socket_has_the_mode_that_was_asked_for);
    RUN_TEST(a_socket_that_somebody_serves_is_not_taken_away);
    RUN_TEST(a_socket_left_behind_by_a_killed_daemon_is_replaced);
    RUN_TEST(a_file_in_the_way_is_left_alone);
    RUN_TEST(where_nobody_listens_there_is_no_daemon);
    RUN_TEST(a_path_longer_than_the_kernel_takes_is_refused);
    RUN_TEST(a_file_is_read_whole_or_refused_with_a_reason);
    RUN_TEST(a_relative_name_begins_in_the_directory_and_an_absolute_one_does_not);
    RUN_TEST(an_address_is_taken_alone_or_in_the_form_of_curl);
    return UNITY_END();
}
