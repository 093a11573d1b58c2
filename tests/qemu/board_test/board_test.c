/* board_test.c: an image that does on the board what tests/qemu/run_board_test.py tells it, one command a line on UART 0.
 *
 * Each command answers with one line that begins with "= ". Between commands the loop runs as a firmware's does: network, watchdog, sleep. */
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/text.h"
#include "board/board.h"
#include "faults.h"
#include "ip/ip.h"
#include "net/link.h"

#define LINE_SIZE 160
#define WORD_COUNT 6

struct words {
    struct bytes word[WORD_COUNT];
    size_t count;
};

static char answer_buf[300];
static struct text answer;
static int64_t time_unix_s;
static int link = NET_LINK_NONE;
static uint8_t buf[1024];

/* ---- Console ---------------------------------------------------------------------------------------------------------------- */

static void turn(ifl_ms until)
{
    board_watchdog_feed();
    ifl_ms wish = net_link_step(board_now());
    board_wait(ifl_ms_min(until, wish));
}

static void write_all(unsigned port, const char *text, size_t size)
{
    while (size > 0) {
        size_t taken = board_uart_write(port, text, size);
        text += taken;
        size -= taken;
        if (taken == 0) {
            turn(ifl_ms_after(board_now(), 1));
        }
    }
}

static void say(const char *name, uint64_t value)
{
    text_char(&answer, ' ');
    text_str(&answer, name);
    text_char(&answer, '=');
    text_u64(&answer, value);
}

/* A node's texts lie in its flash image, and here there is none. */
static const char *name_of(enum ifl_status status)
{
    switch (status) {
#define IFL_DIAG(name, number, severity, action, cause, remedy)                                                        \
    case IFL_##name:                                                                                                   \
        return #name;
#include "base/diag.def"
#undef IFL_DIAG
    default:
        return "?";
    }
}

static void say_status(enum ifl_status status)
{
    text_str(&answer, " status=");
    text_str(&answer, name_of(status));
}

static uint32_t number(const struct words *line, size_t index)
{
    uint64_t value = 0;
    if (index < line->count) {
        (void)bytes_to_u64(line->word[index], &value);
    }
    return (uint32_t)value;
}

static bool is(const struct words *line, size_t index, const char *word)
{
    return index < line->count && bytes_equal(line->word[index], bytes_of_string(word));
}

static void copy_word(const struct words *line, size_t index, char *to, size_t size)
{
    struct text text;
    text_init(&text, to, size);
    if (index < line->count) {
        text_bytes(&text, line->word[index]);
    }
}

/* ---- Commands --------------------------------------------------------------------------------------------------------------- */

static void hello(void)
{
    const struct board_reboot *last = board_last_reboot();
    text_char(&answer, ' ');
    text_str(&answer, board_name);
    text_str(&answer, " reason=");
    text_json(&answer, bytes_of_string(board_reboot_reason_name(last->reason)));
    say("boots", last->boot_count);
    say("pc", last->pc);
    say("lr", last->lr);
    say("address", last->address);
    say("fault_status", last->fault_status);
    say("uptime_ms", last->uptime_ms);
}

static void memory(void)
{
    say("stack_used", board_stack_used());
    say("stack_size", board_stack_size());
    say("interrupt_stack_used", board_interrupt_stack_used());
    say("interrupt_stack_size", board_interrupt_stack_size());
    say("feeds", board_watchdog_feed_count());
    say("lost", board_uart_lost_count(0));
}

static void wait_ms(const struct words *line)
{
    ifl_ms start = board_now(), end = ifl_ms_after(start, number(line, 1));
    while (board_now() < end) {
        turn(end);
    }
    say("slept_ms", board_now() - start);
}

/* Not turning, so that bytes that come meanwhile must wait in the ring. */
static void hang_ms(const struct words *line)
{
    ifl_ms end = ifl_ms_after(board_now(), number(line, 1));
    while (board_now() < end) {
    }
}

/* ---- Flash ------------------------------------------------------------------------------------------------------------------ */

static enum ifl_status region_of(const struct words *line, struct flash_region *region)
{
    uint32_t name = number(line, 1);
    return name < BOARD_REGION_COUNT ? board_flash_region((enum board_region)name, region) : IFL_USAGE;
}

static void fill(uint8_t *at, size_t size, uint32_t seed)
{
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        at[i] = (uint8_t)(seed >> 24);
    }
}

static void flash_regions(void)
{
    for (unsigned i = 0; i < BOARD_REGION_COUNT; i++) {
        struct flash_region region;
        if (board_flash_region((enum board_region)i, &region) == IFL_OK) {
            text_char(&answer, ' ');
            text_hex_u64(&answer, region.start, 6);
            text_char(&answer, '+');
            text_hex_u64(&answer, region.size, 6);
        }
    }
}

/* erase REGION AT */
static enum ifl_status flash_erase(const struct words *line)
{
    struct flash_region region;
    enum ifl_status status = region_of(line, &region);
    if (status == IFL_OK) {
        status = flash_erase_start(&region, number(line, 2));
    }
    while (status == IFL_OK && (status = flash_poll(&region)) == IFL_FLASH_BUSY) {
        turn(ifl_ms_after(board_now(), 1));
    }
    return status;
}

/* program REGION AT SIZE SEED */
static enum ifl_status flash_write(const struct words *line)
{
    struct flash_region region;
    enum ifl_status status = region_of(line, &region);
    uint32_t at = number(line, 2), size = number(line, 3);
    for (uint32_t done = 0; status == IFL_OK && done < size; done += sizeof buf) {
        size_t len = size - done < sizeof buf ? size - done : sizeof buf;
        fill(buf, len, number(line, 4) + done);
        status = flash_program_verified(&region, at + done, buf, len);
    }
    return status;
}

/* crc REGION AT SIZE: of what the flash holds */
static enum ifl_status flash_sum(const struct words *line)
{
    struct flash_region region;
    enum ifl_status status = region_of(line, &region);
    uint32_t at = number(line, 2), size = number(line, 3), crc = 0;
    for (uint32_t done = 0; status == IFL_OK && done < size; done += sizeof buf) {
        size_t len = size - done < sizeof buf ? size - done : sizeof buf;
        status = flash_read(&region, at + done, buf, len);
        crc = crc32c(crc, buf, len);
    }
    say("crc", crc);
    return status;
}

/* pages REGION COUNT: program as fast as possible and say where we are; the power may go any time */
static enum ifl_status flash_pages(const struct words *line)
{
    struct flash_region region;
    enum ifl_status status = region_of(line, &region);
    for (uint32_t i = 0; status == IFL_OK && i < number(line, 2); i++) {
        char note[32];
        struct text text;
        memset(buf, 0, 16);
        le32_put(buf, i + 1);
        status = flash_program(&region, i * 256, buf, 16);
        text_init(&text, note, sizeof note);
        text_str(&text, "page ");
        text_u64(&text, i + 1);
        text_str(&text, "\n");
        write_all(0, note, text.len);
    }
    return status;
}

/* ---- Network ---------------------------------------------------------------------------------------------------------------- */

static void time_received(void *ctx, int64_t unix_s)
{
    (void)ctx;
    time_unix_s = unix_s;
}

/* ip ADDRESS [NTP] [GATEWAY] [DNS] */
static enum ifl_status start_ip(const struct words *line)
{
    static char address[24], ntp[64], gateway[16], dns[16];
    copy_word(line, 1, address, sizeof address);
    copy_word(line, 2, ntp, sizeof ntp);
    copy_word(line, 3, gateway, sizeof gateway);
    copy_word(line, 4, dns, sizeof dns);
    struct ip_setup setup = {.mac = {0x02, 0x00, 0x00, 0x12, 0x34, 0x56},
                             .hostname = "board-test",
                             .address = address,
                             .gateway = gateway,
                             .dns = {dns},
                             .ntp = {strcmp(ntp, "-") == 0 ? "" : ntp},
                             .time_received = time_received};
    return ip_start(&setup, board_now());
}

static void show_ip(void)
{
    struct ip_status status;
    ip_status(&status);
    say("link", status.has_link);
    say("usable", status.has_address);
    text_str(&answer, " address=");
    text_str(&answer, status.address);
    say("received", status.frames_received);
    say("sent", status.frames_sent);
    say("dropped", status.frames_dropped);
    say("time", (uint64_t)time_unix_s);
    say("now_ms", board_now());
}

/* until WHAT MS: wait for link, address, time */
static enum ifl_status wait_until(const struct words *line)
{
    ifl_ms end = ifl_ms_after(board_now(), number(line, 2));
    struct ip_status status;
    do {
        ip_status(&status);
        if ((is(line, 1, "address") && status.has_address) || (is(line, 1, "no-link") && !status.has_link) ||
            (is(line, 1, "time") && time_unix_s != 0)) {
            return IFL_OK;
        }
        turn(end);
    } while (board_now() < end);
    return IFL_NET_TIMEOUT;
}

/* open HOST PORT MS */
static enum ifl_status open_link(const struct words *line)
{
    char host[64];
    copy_word(line, 1, host, sizeof host);
    ifl_ms end = ifl_ms_after(board_now(), number(line, 3));
    enum ifl_status status = net_link_open(host, (uint16_t)number(line, 2), &link);
    while (status == IFL_OK && (status = net_link_state(link)) == IFL_AGAIN && board_now() < end) {
        turn(end);
        status = IFL_OK;
    }
    return status;
}

/* echo SIZE SEED: send pseudo-random bytes and read the same back, both at once */
static enum ifl_status echo(const struct words *line)
{
    uint32_t size = number(line, 1), sent_count = 0, got_count = 0, seed = number(line, 2);
    uint8_t back[300];
    ifl_ms end = ifl_ms_after(board_now(), 60000);
    while (got_count < size && board_now() < end) {
        size_t sent = 0, got = 0, len = size - sent_count < 256 ? size - sent_count : 256;
        fill(buf, len, seed + sent_count);
        enum ifl_status status = len > 0 ? net_link_send(link, bytes_of(buf, len), &sent) : IFL_AGAIN;
        if (status != IFL_OK && status != IFL_AGAIN) {
            return status;
        }
        if (sent != len && sent > 0) { /* the pattern begins anew with each piece, so pieces stay whole */
            for (size_t more = 0; sent < len; sent += more) {
                turn(ifl_ms_after(board_now(), 5));
                status = net_link_send(link, bytes_of(buf + sent, len - sent), &more);
                if (status != IFL_OK && status != IFL_AGAIN) {
                    return status;
                }
                /* while we wait the peer's bytes stay in their frames */
                if (more == 0 && board_now() > end) {
                    return IFL_NET_TIMEOUT;
                }
            }
        }
        sent_count += (uint32_t)sent;
        size_t room = 256 - got_count % 256;
        status = net_link_receive(link, back, room, &got);
        if (status != IFL_OK && status != IFL_AGAIN) {
            return status;
        }
        if (got > 0) {
            uint32_t piece = got_count - got_count % 256;
            fill(buf, 256, seed + piece);
            if (memcmp(back, buf + got_count % 256, got) != 0) {
                say("different_at", got_count);
                return IFL_STORE_CORRUPT;
            }
            got_count += (uint32_t)got;
        }
        if (sent == 0 && got == 0) {
            turn(end);
        }
    }
    say("echoed", got_count);
    return got_count == size ? IFL_OK : IFL_NET_TIMEOUT;
}

/* receive SIZE MS: take what comes until the peer ends, the size is reached or the time is over */
static enum ifl_status receive(const struct words *line)
{
    ifl_ms end = ifl_ms_after(board_now(), number(line, 2));
    enum ifl_status status = IFL_OK;
    uint32_t count = 0, crc = 0;
    while (count < number(line, 1) && board_now() < end) {
        size_t got;
        status = net_link_receive(link, buf, sizeof buf, &got);
        crc = crc32c(crc, buf, got);
        count += (uint32_t)got;
        if (status == IFL_AGAIN) {
            turn(end);
        } else if (status != IFL_OK) {
            break;
        }
    }
    say("count", count);
    say("crc", crc);
    return status;
}

/* ---- The loop --------------------------------------------------------------------------------------------------------------- */

static bool do_flash(const struct words *line)
{
    if (is(line, 0, "regions")) {
        flash_regions();
    } else if (is(line, 0, "erase")) {
        say_status(flash_erase(line));
    } else if (is(line, 0, "program")) {
        say_status(flash_write(line));
    } else if (is(line, 0, "crc")) {
        say_status(flash_sum(line));
    } else if (is(line, 0, "pages")) {
        say_status(flash_pages(line));
    } else {
        return false;
    }
    return true;
}

static bool do_network(const struct words *line)
{
    if (is(line, 0, "ip")) {
        say_status(start_ip(line));
    } else if (is(line, 0, "show")) {
        show_ip();
    } else if (is(line, 0, "until")) {
        say_status(wait_until(line));
    } else if (is(line, 0, "open")) {
        say_status(open_link(line));
    } else if (is(line, 0, "echo")) {
        say_status(echo(line));
    } else if (is(line, 0, "receive")) {
        say_status(receive(line));
    } else if (is(line, 0, "close")) {
        net_link_close(link);
    } else {
        return false;
    }
    return true;
}

static void do_line(const struct words *line)
{
    char name[32];
    copy_word(line, 1, name, sizeof name);
    if (is(line, 0, "hello")) {
        hello();
    } else if (is(line, 0, "memory")) {
        memory();
    } else if (is(line, 0, "wait")) {
        wait_ms(line);
    } else if (is(line, 0, "hang")) {
        hang_ms(line);
    } else if (is(line, 0, "log")) {
        board_uart_open(1);
        write_all(1, "a line of the log\n", 18);
    } else if (is(line, 0, "reboot")) {
        board_reboot(BOARD_REQUESTED);
    } else if (is(line, 0, "fault")) {
        make_fault(name);
        text_str(&answer, " nothing happened");
    } else if (!do_flash(line) && !do_network(line)) {
        text_str(&answer, " unknown command");
    }
}

static void split(struct bytes rest, struct words *line)
{
    line->count = 0;
    while (rest.size > 0 && line->count < WORD_COUNT) {
        size_t end = bytes_find(rest, bytes_of_string(" "));
        line->word[line->count++] = bytes_head(rest, end);
        rest = bytes_tail(rest, end + 1);
    }
}

int main(void)
{
    static uint8_t input[LINE_SIZE];
    size_t len = 0;
    struct words line;
    write_all(0, "ready\n", 6);
    for (;;) {
        uint8_t byte;
        if (board_uart_read(0, &byte, 1) == 0) {
            turn(IFL_NEVER);
            continue;
        }
        if (byte != '\n') {
            if (len < sizeof input) {
                input[len++] = byte;
            }
            continue;
        }
        split(bytes_of(input, len), &line);
        text_init(&answer, answer_buf, sizeof answer_buf);
        text_str(&answer, "=");
        do_line(&line);
        text_char(&answer, '\n');
        write_all(0, answer_buf, answer.len);
        len = 0;
    }
}
