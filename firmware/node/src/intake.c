/* intake.c: a service key pasted at the console.
 *
 * The arena of TLS has room for the pasted text, or for the proof, but not for both: the text goes when its certificates and key are decoded. */
#include <string.h>

#include "board/board.h"
#include "intake.h"
#include "node.h"

#define TEXT_SIZE 11264u /* a service key has 9 to 10 KB, with one RSA-4096 CA more */

static uint32_t lost_before; /* characters of the console, when the paste began */

static enum ifl_status begin(void *ctx)
{
    (void)ctx;
    renewal_stop(&node_renewal);
    node_interrupt_sender();
    node_intake.buf = arena_calloc(&node.arena, 1, TEXT_SIZE);
    node_intake.size = TEXT_SIZE;
    node.pasting = node_intake.buf != NULL;
    node.pasted = board_now();
    node.paste_limit = ifl_ms_after(node.pasted, CONSOLE_PASTE_MAX_MS);
    lost_before = board_uart_lost_count(0);
    if (!node.pasting) {
        (void)renewal_slots_changed(&node_renewal, board_now());
    }
    return node.pasting ? IFL_OK : IFL_NO_MEMORY;
}

/* Said also in front of JSON: what is sent before may come in the middle of a handshake, and find the ring of the UART full. */
static void ready(void *ctx, const char *what)
{
    (void)ctx;
    answer_form(&uart, "log: paste %s now, then a line with a dot\n", what);
}

void intake_drop_text(void *ctx)
{
    (void)ctx;
    arena_free(&node.arena, node_intake.buf); /* wiped there */
    node_intake.buf = NULL;
    node_intake.size = 0;
}

static void end(void *ctx)
{
    if (board_uart_lost_count(0) != lost_before) {
        uart_print("log: characters were lost on the way: paste more slowly\n");
    }
    intake_drop_text(ctx);
    node.pasting = false;
    const enum ifl_status status = renewal_slots_changed(&node_renewal, board_now());
    if (status != IFL_OK) {
        health_event(&node_health, board_now(), status, HEALTH_ROUTE_NONE, "identity");
    }
}

static void tell(const struct service_key_report *report)
{
    for (size_t i = 0; i < report->repair_count; i++) {
        answer_form(&uart, "log: mended: %s\n", report->repairs[i]);
    }
    for (size_t i = 0; i < report->warning_count; i++) {
        uart_log_status(report->warnings[i], NULL);
    }
}

static bool holds(int slot, const struct identity *identity)
{
    return slot >= 0 &&
           memcmp(node_slots.slot[slot].leaf_sha256, identity->leaf_sha256, sizeof identity->leaf_sha256) == 0;
}

/* Waiting messages were meant for the tenant that the node knows. */
static enum ifl_status check_tenant(const struct identity *identity, bool new_tenant)
{
    char host[IFL_HOST_SIZE];
    uint16_t port = 0;
    const enum ifl_status status = node_find_host(bytes_of_string(identity->url), host, &port);
    return status == IFL_OK && !new_tenant && strcmp(host, node.host) != 0 ? IFL_KEY_OTHER_TENANT : status;
}

void intake_wait_for_flash(void)
{
    while (node.tls_context.storage_is_busy(NULL)) {
        node_pause();
    }
}

enum ifl_status intake_prepare_slot(void)
{
    enum ifl_status status;
    while ((status = identity_slots_prepare(&node_slots)) == IFL_AGAIN || status == IFL_FLASH_BUSY) {
        node_pause();
    }
    return status;
}

static enum ifl_status store(const struct identity *identity)
{
    if (holds(node_slots.pending, identity) || (node_slots.pending < 0 && holds(node_slots.active, identity))) {
        return IFL_OK;
    }
    const enum ifl_status status = intake_prepare_slot();
    return status == IFL_OK ? identity_slots_write(&node_slots, identity, node_slots.active < 0) : status;
}

struct intake_work *intake_begin_work(void)
{
    return arena_calloc(&node.arena, 1, sizeof(struct intake_work));
}

enum ifl_status intake_end_work(struct intake_work *work, enum ifl_status status, bool new_tenant,
                                enum ifl_status (*store_it)(const struct identity *identity))
{
    if (status != IFL_OK && work->report.detail[0] != '\0') {
        uart_log_status(status, work->report.detail);
    }
    status = status == IFL_OK ? check_tenant(&work->identity, new_tenant) : status;
    status = status == IFL_OK ? store_it(&work->identity) : status;
    if (status == IFL_OK) {
        tell(&work->report);
    }
    arena_free(&node.arena, work);
    return status;
}

static enum ifl_status take(void *ctx, struct bytes text, bool new_tenant, ifl_ms now)
{
    (void)ctx;
    (void)now;
    struct intake_work *work = intake_begin_work();
    if (work == NULL) {
        return IFL_NO_MEMORY;
    }
    const enum ifl_status status = service_key_read_once(&text, 1, intake_drop_text, NULL, &node.arena, &node_random,
                                                         work->der, sizeof work->der, &work->identity, &work->report);
    return intake_end_work(work, status, new_tenant, store);
}

static enum ifl_status rollback(void *ctx, ifl_ms now)
{
    (void)ctx;
    const enum ifl_status status = identity_slots_rollback(&node_slots);
    return status == IFL_OK ? renewal_slots_changed(&node_renewal, now) : status;
}

struct console_intake node_intake = {.begin = begin, .ready = ready, .end = end, .take = take, .rollback = rollback};

ifl_ms intake_step(ifl_ms now)
{
    const ifl_ms limit = ifl_ms_min(ifl_ms_after(node.pasted, CONSOLE_PASTE_QUIET_MS), node.paste_limit);
    if (now < limit) {
        return limit;
    }
    console_end(&node_console);
    uart_log_status(IFL_PASTE_GIVEN_UP, NULL);
    return now;
}
