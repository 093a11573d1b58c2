/* lock.c: `unlock` and `lock`: a PIN for what changes something.
 *
 *   CLOSED ──right PIN──► OPEN ──`lock`, or ten minutes without a command that needed it──► CLOSED
 *     └──wrong PIN──► SHUT for 2, 4, 8, ... seconds ──► CLOSED */
#include "verbs.h"

bool console_is_open(const struct console *console, ifl_ms now)
{
    struct console_lock *lock = console->wiring->lock;
    if (lock == NULL) {
        return true;
    }
    if (now >= lock->open_until) {
        return false;
    }
    lock->open_until = ifl_ms_after(now, CONSOLE_OPEN_MS);
    return true;
}

static enum ifl_status unlock(struct console *console, struct words *words, ifl_ms now)
{
    struct console_lock *lock = console->wiring->lock;
    const struct bytes pin = words_next(words);
    if (lock == NULL || pin.size == 0 || words_are_left(words)) {
        return IFL_USAGE;
    }
    if (now < lock->shut_until) {
        return IFL_PIN_PAUSE;
    }
    if (!lock->opens(lock->ctx, pin)) {
        const uint32_t pause_ms = CONSOLE_SHUT_MS_MIN << lock->wrong_count;
        lock->wrong_count += pause_ms < CONSOLE_SHUT_MS_MAX;
        lock->shut_until = ifl_ms_after(now, pause_ms);
        return IFL_PIN_WRONG;
    }
    lock->wrong_count = 0;
    lock->open_until = ifl_ms_after(now, CONSOLE_OPEN_MS);
    return answer_done(console, "Unlocked.\n");
}

static enum ifl_status close_lock(struct console *console, struct words *words, ifl_ms now)
{
    struct console_lock *lock = console->wiring->lock;
    (void)now;
    if (lock == NULL || words_are_left(words)) {
        return IFL_USAGE;
    }
    lock->open_until = 0;
    return answer_done(console, "Locked.\n");
}

const struct console_verb CONSOLE_UNLOCK = {"unlock", unlock, IFL_WORDS_HELP_UNLOCK, ACCESS_READS};
const struct console_verb CONSOLE_LOCK = {"lock", close_lock, IFL_WORDS_HELP_LOCK, ACCESS_READS};
