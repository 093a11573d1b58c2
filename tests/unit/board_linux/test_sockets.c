/* net/link.h over real sockets on the loopback interface, and the loop that waits for them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <unity.h>

#include "linux/loop.h"
#include "linux/peer.h"
#include "net/link.h"
#include "net/net.h"

#define ROUNDS_MAX 6000 /* of at most 20 ms: far more than the loopback interface ever needs */
#define ROUND_MS 20
#define LIMIT_MS 120000
#define LINKS_MAX 64

static int listener = -1, other = -1;
static uint16_t port;
static int tcp;

static int listen_on(int family)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_ipv6 = family == AF_INET6;
    const struct sockaddr *address = is_ipv6 ? (const struct sockaddr *)&ipv6 : (const struct sockaddr *)&ipv4;
    socklen_t size = is_ipv6 ? sizeof ipv6 : sizeof ipv4;
    if (fd < 0 || bind(fd, address, size) != 0 || listen(fd, 8) != 0) {
        close(fd);
        return -1;
    }
    struct sockaddr_storage bound;
    socklen_t bound_size = sizeof bound;
    getsockname(fd, (struct sockaddr *)&bound, &bound_size);
    port = ntohs(is_ipv6 ? ((struct sockaddr_in6 *)&bound)->sin6_port : ((struct sockaddr_in *)&bound)->sin_port);
    return fd;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static size_t open_files(void)
{
    size_t count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count;
}

void setUp(void)
{
    listener = listen_on(AF_INET);
    TEST_ASSERT_TRUE(listener >= 0);
    tcp = NET_LINK_NONE;
}

void tearDown(void)
{
    net_link_close(tcp);
    close_fd(&other);
    close_fd(&listener);
}

static enum ifl_status wait_connected(int number)
{
    enum ifl_status status = IFL_AGAIN;
    for (int i = 0; i < ROUNDS_MAX && status == IFL_AGAIN; i++) {
        ifl_ms wish = net_link_step(loop_now());
        status = net_link_state(number);
        if (status == IFL_AGAIN) {
            loop_wait(NULL, 0, ifl_ms_min(wish, loop_now() + ROUND_MS));
        }
    }
    return status;
}

static void connect_to(const char *host)
{
    TEST_ASSERT_EQUAL(IFL_OK, net_link_open(host, port, &tcp));
    TEST_ASSERT_EQUAL(IFL_OK, wait_connected(tcp));
    other = accept(listener, NULL, NULL);
    TEST_ASSERT_TRUE(other >= 0);
}

static enum ifl_status receive(void *buf, size_t size, size_t *got)
{
    enum ifl_status status = IFL_AGAIN;
    for (int i = 0; i < ROUNDS_MAX && status == IFL_AGAIN; i++) {
        status = net_link_receive(tcp, buf, size, got);
        if (status == IFL_AGAIN) {
            loop_wait(NULL, 0, loop_now() + ROUND_MS);
        }
    }
    return status;
}

static void bytes_go_there_and_back(void)
{
    char buf[16];
    size_t count = 0;
    connect_to("127.0.0.1");
    TEST_ASSERT_EQUAL(IFL_AGAIN, net_link_receive(tcp, buf, sizeof buf, &count));
    TEST_ASSERT_EQUAL(IFL_OK, net_link_send(tcp, bytes_of_string("hello"), &count));
    TEST_ASSERT_EQUAL_UINT64(5, count);
    TEST_ASSERT_EQUAL_INT(5, recv(other, buf, sizeof buf, 0));
    TEST_ASSERT_EQUAL_INT(3, send(other, "yes", 3, 0));
    TEST_ASSERT_EQUAL(IFL_OK, receive(buf, sizeof buf, &count));
    TEST_ASSERT_EQUAL_STRING_LEN("yes", buf, count);
}

static void what_came_first_is_kept_also_what_nobody_took(void)
{
    char buf[5], much[200];
    size_t count = 0;
    memset(much, 'x', sizeof much);
    connect_to("127.0.0.1");
    TEST_ASSERT_EQUAL_UINT64(0, net_link_first().size);
    TEST_ASSERT_EQUAL_INT(12, send(other, "SSH-2.0-here", 12, 0));
    TEST_ASSERT_EQUAL(IFL_OK, receive(buf, sizeof buf, &count));
    TEST_ASSERT_EQUAL_STRING_LEN("SSH-2", net_link_first().data, net_link_first().size);
    net_link_close(tcp);
    TEST_ASSERT_EQUAL_UINT64(12, net_link_first().size);
    TEST_ASSERT_EQUAL_STRING_LEN("SSH-2.0-here", net_link_first().data, 12);

    close_fd(&other);
    connect_to("127.0.0.1");
    TEST_ASSERT_EQUAL_UINT64(0, net_link_first().size); /* another link */
    TEST_ASSERT_EQUAL_INT(sizeof much, send(other, much, sizeof much, 0));
    TEST_ASSERT_EQUAL(IFL_OK, receive(much, sizeof much, &count));
    TEST_ASSERT_EQUAL_UINT64(NET_LINK_FIRST_SIZE, net_link_first().size);
    net_link_close(tcp);
    TEST_ASSERT_EQUAL_UINT64(NET_LINK_FIRST_SIZE, net_link_first().size);
}

static void a_name_is_resolved_and_every_address_is_tried(void)
{
    connect_to("localhost"); /* usually ::1 first, where nobody listens */
}

static void an_ipv6_address_is_taken(void)
{
    close_fd(&listener);
    listener = listen_on(AF_INET6);
    if (listener < 0) {
        TEST_IGNORE_MESSAGE("this machine has no IPv6");
    }
    connect_to("::1");
}

static void more_than_tcp_takes_is_sent_in_pieces(void)
{
    static uint8_t data[16 << 20], back[1 << 16]; /* more than the kernel buffers */
    size_t sent = 0, received = 0;
    const int small = 16384;
    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    connect_to("127.0.0.1");
    fcntl(other, F_SETFL, O_NONBLOCK);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7 + i / 251);
    }
    bool refused = false;
    for (int i = 0; i < 100000 && received < sizeof data; i++) {
        size_t count = 0;
        enum ifl_status status = net_link_send(tcp, bytes_of(data + sent, sizeof data - sent), &count);
        TEST_ASSERT_TRUE(status == IFL_OK || status == IFL_AGAIN);
        refused = refused || status == IFL_AGAIN;
        sent += count;
        ssize_t got = status == IFL_AGAIN || sent == sizeof data ? recv(other, back, sizeof back, 0) : -1;
        if (got > 0) {
            TEST_ASSERT_EQUAL_MEMORY(data + received, back, (size_t)got);
            received += (size_t)got;
        } else if (status == IFL_AGAIN) { /* it's on its way, in the kernel */
            loop_wait(NULL, 0, loop_now() + 1);
        }
    }
    TEST_ASSERT_EQUAL_UINT64(sizeof data, received);
    TEST_ASSERT_TRUE(refused);
}

static void an_orderly_end_is_told_after_the_last_byte(void)
{
    char buf[16];
    size_t count = 0;
    connect_to("127.0.0.1");
    TEST_ASSERT_EQUAL_INT(3, send(other, "bye", 3, 0));
    close_fd(&other);
    TEST_ASSERT_EQUAL(IFL_OK, receive(buf, sizeof buf, &count));
    TEST_ASSERT_EQUAL(IFL_CLOSED, receive(buf, sizeof buf, &count));
}

static void a_reset_is_told_as_such(void)
{
    char buf[16];
    size_t count = 0;
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    connect_to("127.0.0.1");
    setsockopt(other, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close_fd(&other);
    TEST_ASSERT_EQUAL(IFL_NET_RESET, receive(buf, sizeof buf, &count));
    TEST_ASSERT_EQUAL(IFL_NET_RESET, net_link_send(tcp, bytes_of_string("x"), &count));
}

static void a_port_where_nobody_listens_is_refused(void)
{
    close_fd(&listener);
    TEST_ASSERT_EQUAL(IFL_OK, net_link_open("127.0.0.1", port, &tcp));
    TEST_ASSERT_EQUAL(IFL_NET_REFUSED, wait_connected(tcp));
    char buf[4];
    size_t count = 0;
    TEST_ASSERT_EQUAL(IFL_NET_REFUSED, net_link_receive(tcp, buf, sizeof buf, &count));
    TEST_ASSERT_EQUAL(IFL_NET_REFUSED, net_link_send(tcp, bytes_of_string("x"), &count));
}

static void a_name_that_can_not_exist_is_a_dns_failure(void)
{
    char label[80]; /* a label has at most 63 characters: no server is asked (RFC 1035 section 2.3.4) */
    memset(label, 'x', sizeof label);
    memcpy(label + 70, ".invalid", 9);
    TEST_ASSERT_EQUAL(IFL_OK, net_link_open(label, port, &tcp));
    TEST_ASSERT_EQUAL(IFL_NET_DNS, wait_connected(tcp));
    net_link_close(tcp);
    TEST_ASSERT_EQUAL(IFL_OK, net_link_open("a..b", port, &tcp));
    TEST_ASSERT_EQUAL(IFL_NET_DNS, wait_connected(tcp));
}

static void absurd_hosts_and_unknown_numbers_are_refused(void)
{
    char host[400];
    size_t count = 0;
    memset(host, 'h', sizeof host);
    host[sizeof host - 1] = '\0';
    TEST_ASSERT_EQUAL(IFL_INVALID, net_link_open(host, port, &tcp));
    TEST_ASSERT_EQUAL(IFL_INVALID, net_link_open("", port, &tcp));
    TEST_ASSERT_EQUAL_INT(NET_LINK_NONE, tcp);
    static const int numbers[] = {NET_LINK_NONE, 0, 3, 4, 1000};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        TEST_ASSERT_EQUAL(IFL_INVALID, net_link_state(numbers[i]));
        TEST_ASSERT_EQUAL(IFL_INVALID, net_link_send(numbers[i], bytes_of_string("x"), &count));
        TEST_ASSERT_EQUAL(IFL_INVALID, net_link_receive(numbers[i], host, 1, &count));
        net_link_close(numbers[i]);
    }
}

static void links_that_are_closed_at_any_moment_leave_nothing_behind(void)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "nowhere.invalid"};
    size_t before = open_files();
    for (int i = 0; i < 60; i++) {
        TEST_ASSERT_EQUAL(IFL_OK, net_link_open(hosts[i % 3], port, &tcp));
        for (int step = 0; step < i % 4; step++) {
            net_link_step(loop_now());
        }
        net_link_close(tcp);
    }
    TEST_ASSERT_EQUAL_UINT64(before, open_files());
}

static void when_all_links_are_in_use_it_is_told(void)
{
    int links[LINKS_MAX];
    size_t count = 0;
    enum ifl_status status = IFL_OK;
    while (status == IFL_OK && count < LINKS_MAX) {
        status = net_link_open("127.0.0.1", port, &links[count]);
        count += status == IFL_OK ? 1 : 0;
    }
    TEST_ASSERT_EQUAL(IFL_NO_MEMORY, status);
    TEST_ASSERT_TRUE(count >= 2);
    for (size_t i = 0; i < count; i++) {
        net_link_close(links[i]);
    }
    TEST_ASSERT_EQUAL(IFL_OK, net_link_open("127.0.0.1", port, &tcp));
}

static void a_proxy_that_is_silent_ends_in_a_timeout(void)
{
    static struct net net;
    struct net_proxy proxy = {.host = "127.0.0.1", .port = port};
    net_init(&net);
    TEST_ASSERT_EQUAL(IFL_OK, net_open(&net, "tenant.example", 443, &proxy, LIMIT_MS, loop_now()));
    for (int i = 0; i < ROUNDS_MAX && net.state == NET_CONNECTING; i++) {
        net_step(&net, loop_now());
        loop_wait(NULL, 0, loop_now() + 1);
    }
    TEST_ASSERT_EQUAL(NET_TUNNEL, net.state);
    net_step(&net, loop_now() + LIMIT_MS);
    TEST_ASSERT_EQUAL(NET_FAILED, net.state);
    TEST_ASSERT_EQUAL(IFL_NET_TIMEOUT, net.status);
    net_close(&net);
}

/* ---- The loop ---------------------------------------------------------------------------------------------------- */

static void the_loop_wakes_for_the_programs_own_descriptors(void)
{
    int pipe_fds[2];
    TEST_ASSERT_EQUAL_INT(0, pipe2(pipe_fds, O_CLOEXEC));
    struct pollfd extra[] = {{.fd = pipe_fds[0], .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    loop_wait(extra, 2, loop_now());
    TEST_ASSERT_EQUAL_INT(0, extra[0].revents);
    TEST_ASSERT_EQUAL_INT(1, write(pipe_fds[1], "x", 1));
    loop_wait(extra, 2, IFL_NEVER);
    TEST_ASSERT_EQUAL_INT(POLLIN, extra[0].revents);
    TEST_ASSERT_EQUAL_INT(0, extra[1].revents);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void the_loop_wakes_for_the_network_and_tells_an_unfetched_end_once(void)
{
    char buf[4];
    size_t count = 0;
    connect_to("127.0.0.1");
    TEST_ASSERT_EQUAL(IFL_AGAIN, net_link_receive(tcp, buf, sizeof buf, &count));
    close_fd(&other);
    loop_wait(NULL, 0, IFL_NEVER); /* returns */
    ifl_ms until = loop_now() + 30;
    unsigned rounds = 0;
    while (loop_now() < until) {
        loop_wait(NULL, 0, until);
        rounds++;
    }
    TEST_ASSERT_LESS_THAN_UINT(5, rounds);
    TEST_ASSERT_EQUAL(IFL_CLOSED, net_link_receive(tcp, buf, sizeof buf, &count));
}

/* TLS reads so much in one call at most, and its caller may have asked for the next wish before. */
static void the_loop_wakes_for_what_a_reader_has_left(void)
{
    char buf[4];
    size_t count = 0;
    connect_to("127.0.0.1");
    TEST_ASSERT_EQUAL_INT(8, send(other, "12345678", 8, MSG_NOSIGNAL));
    TEST_ASSERT_EQUAL(IFL_OK, receive(buf, sizeof buf, &count));
    loop_wait(NULL, 0, IFL_NEVER); /* returns */
    TEST_ASSERT_EQUAL(IFL_OK, net_link_receive(tcp, buf, sizeof buf, &count));
    TEST_ASSERT_EQUAL_STRING_LEN("5678", buf, 4);
}

static void a_wish_in_the_past_does_not_wait(void)
{
    loop_wait(NULL, 0, 0);
    loop_wait(NULL, 0, loop_now());
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(bytes_go_there_and_back);
    RUN_TEST(what_came_first_is_kept_also_what_nobody_took);
    RUN_TEST(a_name_is_resolved_and_every_address_is_tried);
    RUN_TEST(an_ipv6_address_is_taken);
    RUN_TEST(more_than_tcp_takes_is_sent_in_pieces);
    RUN_TEST(an_orderly_end_is_told_after_the_last_byte);
    RUN_TEST(a_reset_is_told_as_such);
    RUN_TEST(a_port_where_nobody_listens_is_refused);
    RUN_TEST(a_name_that_can_not_exist_is_a_dns_failure);
    RUN_TEST(absurd_hosts_and_unknown_numbers_are_refused);
    RUN_TEST(links_that_are_closed_at_any_moment_leave_nothing_behind);
    RUN_TEST(when_all_links_are_in_use_it_is_told);
    RUN_TEST(a_proxy_that_is_silent_ends_in_a_timeout);
    RUN_TEST(the_loop_wakes_for_the_programs_own_descriptors);
    RUN_TEST(the_loop_wakes_for_the_network_and_tells_an_unfetched_end_once);
    RUN_TEST(the_loop_wakes_for_what_a_reader_has_left);
    RUN_TEST(a_wish_in_the_past_does_not_wait);
    return UNITY_END();
}
