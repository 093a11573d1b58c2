/* verb_device.c: `reboot` and `wipe`: what ends with a new start of the device. */
#include "verbs.h"

static enum ifl_status reboot(struct console *console, struct words *words, ifl_ms now)
{
    const struct console_device *device = console->wiring->device;
    (void)now;
    if (words_are_left(words)) {
        return IFL_USAGE;
    }
    device->reboot(device->ctx);
    return answer_done(console, "It starts again.\n");
}

/* The word keeps a slip of the finger from costing everything. */
static enum ifl_status wipe(struct console *console, struct words *words, ifl_ms now)
{
    const struct console_device *device = console->wiring->device;
    (void)now;
    if (!word_is(words_next(words), "everything") || words_are_left(words)) {
        return IFL_USAGE;
    }
    const enum ifl_status status = device->wipe(device->ctx);
    return status == IFL_OK ? answer_done(console, "Everything is erased now.\n") : status;
}

const struct console_verb CONSOLE_REBOOT = {"reboot", reboot, IFL_WORDS_HELP_REBOOT, ACCESS_CHANGES};
const struct console_verb CONSOLE_WIPE = {"wipe", wipe, IFL_WORDS_HELP_WIPE, ACCESS_CHANGES};
