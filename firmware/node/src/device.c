/* device.c: the console's `reboot`, `wipe` and `unlock`.
 *
 * A wipe is ordered by a mark in the store of states, and done by the next start, before anything else is read: so a power cut only delays it. The mark goes last. */
#include "board/board.h"
#include "node.h"

#define RESTART_MS 5000u /* what can't be written by then is repeated after the start */

void device_wait_for_flash(void)
{
    (void)outbox_step(&node_outbox, board_now());
    (void)state_step(&node_state, board_now());
    node_pause();
}

static ifl_ms restart_until; /* 0: it isn't to start again */

static void reboot(void *ctx)
{
    (void)ctx;
    restart_until = ifl_ms_after(board_now(), RESTART_MS);
}

static enum ifl_status wipe(void *ctx)
{
    const uint8_t ordered = 1;
    const ifl_ms until = ifl_ms_after(board_now(), FLASH_PATIENCE_MS);
    enum ifl_status status;
    while ((status = state_put(&node_state, STATE_WIPE, bytes_of(&ordered, 1))) == IFL_FLASH_BUSY &&
           board_now() < until) {
        device_wait_for_flash();
    }
    if (status == IFL_OK) {
        reboot(ctx);
    }
    return status;
}

/* An erase that somebody began is waited for: a lock that can't be read now isn't open. */
static enum ifl_status read_pin(struct pin *pin)
{
    struct flash_region plate;
    enum ifl_status status = board_flash_region(BOARD_NAMEPLATE, &plate);
    if (status == IFL_OK) {
        while ((status = nameplate_pin(plate, pin)) == IFL_FLASH_BUSY) {
            node_pause();
        }
    }
    return status;
}

static bool opens(void *ctx, struct bytes pin)
{
    struct pin known;
    (void)ctx;
    return read_pin(&known) == IFL_OK && pin_matches(&known, pin);
}

const struct console_device device_verbs = {.reboot = reboot, .wipe = wipe};
static struct console_lock lock = {.opens = opens};

struct console_lock *device_lock(void)
{
    struct pin pin;
    return read_pin(&pin) == IFL_NOT_FOUND ? NULL : &lock;
}

ifl_ms device_step(ifl_ms now)
{
    if (restart_until == 0) {
        return IFL_NEVER;
    }
    const bool done = outbox_flush(&node_outbox) != IFL_FLASH_BUSY && board_uart_is_idle(0);
    if (done || now >= restart_until) {
        board_reboot(BOARD_REQUESTED);
    }
    return ifl_ms_after(now, 1);
}

/* ---- wiping ---- */

enum ifl_status device_erase(struct flash_region region, uint32_t size)
{
    enum ifl_status status = IFL_OK;
    for (uint32_t at = 0; status == IFL_OK && at < size; at += flash_sector_size(&region)) {
        while ((status = flash_erase_start(&region, at)) == IFL_FLASH_BUSY) {
            node_pause();
        }
        if (status == IFL_OK) {
            while ((status = flash_poll(&region)) == IFL_FLASH_BUSY) {
                node_pause();
            }
        }
    }
    return status;
}

static enum ifl_status erase(enum board_region name)
{
    struct flash_region region;
    const enum ifl_status status = board_flash_region(name, &region);
    return status == IFL_OK ? device_erase(region, region.size) : status;
}

enum ifl_status device_wipe_if_ordered(void)
{
    /* The identity first; the mark last. The firmware's regions hold no secret. */
    static const uint8_t PARTS[] = {BOARD_IDENTITY_A, BOARD_IDENTITY_B, BOARD_SETTINGS,  BOARD_ENTROPY, BOARD_OUTBOX,
                                    BOARD_TRUST_A,    BOARD_TRUST_B,    BOARD_NAMEPLATE, BOARD_TEXTS,   BOARD_STATE};
    uint8_t ordered = 0;
    size_t len = 0;
    if (state_get(&node_state, STATE_WIPE, &ordered, 1, &len) != IFL_OK || ordered == 0) {
        return IFL_OK;
    }
    enum ifl_status result = IFL_NO_IMAGE;
    for (unsigned i = 0; i < sizeof PARTS; i++) {
        answer_form(&uart, "log: wiping, part %u of 10\n", i + 1);
        const enum ifl_status status =
            PARTS[i] == BOARD_STATE && result != IFL_NO_IMAGE ? IFL_OK : erase((enum board_region)PARTS[i]);
        result =
            status == IFL_OK ? result : status; /* the other parts go all the same, and the next start tries again */
    }
    return result;
}
