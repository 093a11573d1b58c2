/* console.h: commands for people and scripts, the same on a UART and on iflowd's socket. Line based.
 *
 *   status             how it goes: host, identity, outbox, counters, each route
 *   routes             each route: path, state, why it waits and until when
 *   queue [ROUTE] [N]  the messages that wait (the first N of each route, default 20), and the dead letters
 *   queue show ID      one message: where it is, and why
 *   queue export ID    its payload, as base64
 *   queue retry ID     a dead letter goes to the end of its route again, under its id
 *   queue drop ID      a dead letter is given up for good
 *   identity           the two slots: which certificate is in force, until when
 *   identity rollback  back to the identity before
 *   import [new-tenant]  a new identity: what follows is a service key (JSON) or PEM, as it is, ended by a line with a dot. It's checked, stored
 *                      beside the one in force, and tried; `new-tenant` allows it to lead to another host while messages wait
 *   send ROUTE TEXT    store TEXT as a message; the answer has its id
 *   retry [ROUTE]      try at once instead of waiting
 *   log [N]            the last N events (default 20)
 *   settings           what is configured, secrets excepted
 *   help               this list, without `import` and `identity rollback` where the program takes no identity in
 *
 * Where the program offers them (`more` in the wiring):
 *   identity csr [ec|rsa]  a key made here, and the request for its certificate (PKCS#10, PEM). The key stays here. Without a word the request of the
 *                      key that waits already is shown again, or an EC key is made where its slot holds nothing that is worth keeping. IDENTITY_ON_TRIAL: there
 *                      is an identity on trial; IDENTITY_BEFORE: the one that `identity rollback` would go back to. With a word always a new key, in the place of
 *                      whatever is there
 *   identity certificate [new-tenant]  the chain for that key, as PEM, ended by a line with a dot; tried as after `import`
 *   trust              which roots are trusted: in force, on trial, before
 *   trust install      new roots: what follows is PEM, ended by a line with a dot. They are tried with the tenant and in force once its chain
 *                      ends at one of them
 *   trust rollback     back to the roots before
 *   reboot             start again; what waits in RAM is written first
 *   wipe everything    decommission: identity, settings, messages and all other secrets are erased, and nothing brings them back
 *   unlock PIN         open what a PIN locks, for ten minutes after the last command that needed it
 *   lock               close it at once
 *
 * Where the program has a lock (`lock` in the wiring), all that changes something or shows a payload is refused with CONSOLE_LOCKED until `unlock`;
 * `status`, `routes`, `queue`, `identity`, `trust`, `settings`, `log` and `help` alone are open to everybody.
 *
 * With `json ` in front the answer is one line of JSON: {"ok":true,…} or {"ok":false,"error":{code,name,cause,remedy}}. What was done but left a problem
 * is {"ok":true,…,"problem":{code,name,cause,remedy}}, and to a person it begins with "Done, but E". Every
 * answer to a person ends with an empty line and has no other one. Answers are bounded: a queue of a million messages costs
 * N lines, on a gateway 10,000 of a route at most. Never prints a secret; a payload only with `queue export`.
 *
 * Owns no memory, never blocks; `send`, `queue retry`, `queue drop`, `import` and `identity rollback` write to flash. */
#ifndef CONSOLE_CONSOLE_H
#define CONSOLE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/profile.h"
#include "base/status.h"
#include "base/time.h"
#include "clock/clock.h"
#include "console/answer.h"
#include "health/health.h"
#include "identity/slots.h"
#include "ingest/ingest.h"
#include "outbox/outbox.h"
#include "sender/sender.h"
#include "settings/settings.h"

struct console;

enum console_key { CONSOLE_KEY_WAITING, CONSOLE_KEY_EC, CONSOLE_KEY_RSA };

/* How a program takes in a new identity. One paste at a time, whatever consoles there are. */
struct console_intake {
    uint8_t *buf; /* for the pasted text; a secret, wiped after each import */
    size_t size;
    /* Where `buf` isn't there all the time: bring it about (set buf and size), and take it back after it was wiped. A `begin` that isn't OK refuses the
     * import. `end` follows each `begin` that was OK, whatever came of the import. NULL: `buf` stays. */
    enum ifl_status (*begin)(void *ctx);
    /* What comes from now on is taken as pasted: `what` is "the key", "the certificates" or "the roots". For a program that must say so before it can
     * be sent. NULL: it needn't. */
    void (*ready)(void *ctx, const char *what);
    void (*end)(void *ctx);
    /* Check `text` and store it beside the identity in force. OK: it's pending, or in use already. KEY_*, STORE_*, FLASH_*: nothing has changed. */
    enum ifl_status (*take)(void *ctx, struct bytes text, bool new_tenant, ifl_ms now);
    /* NOT_FOUND: there is no identity before; STORE_*, FLASH_*: nothing has changed. KEY_*: it's done, but with the identity that is in force now nothing can be delivered,
     * for this reason. */
    enum ifl_status (*rollback)(void *ctx, ifl_ms now);
    /* For CONSOLE_CSR and CONSOLE_CERTIFICATE. Write the request of the key that waits, or of a new one, as PEM to *pem (REQUEST_PEM_SIZE). */
    enum ifl_status (*csr)(void *ctx, enum console_key key, struct text *pem, ifl_ms now);
    /* As `take`, for the chain of the key that waits. NOT_FOUND: none does. */
    enum ifl_status (*certificate)(void *ctx, struct bytes text, bool new_tenant, ifl_ms now);
    void *ctx;
    /* private to the room */
    size_t len;
    bool cut, new_tenant;
    const struct console *owner; /* who is pasting; NULL: nobody */
    const struct console_paste *paste;
};

/* A paste has an end: what a program gives up (console_end(), and PASTE_GIVEN_UP to whoever it concerns) so long after its last character, or after its
 * begin. A line that is noisy, or that somebody left, doesn't keep others from theirs for good. */
#define CONSOLE_PASTE_QUIET_MS 60000u
#define CONSOLE_PASTE_MAX_MS (10u * 60u * 1000u)

/* A bundle of roots, as `trust` shows it. */
struct console_roots {
    const char *state; /* "in force", "on trial", "before" */
    const char *source;
    size_t count;
    const char *since; /* since when on trial, as text; NULL: it isn't known, or isn't on trial */
};
#define CONSOLE_ROOTS_MAX 3

/* How a program takes in new roots. */
struct console_trust {
    /* The number of bundles. What they point to stays until the next call. */
    size_t (*list)(void *ctx, struct console_roots roots[CONSOLE_ROOTS_MAX]);
    /* OK: they are on trial, durably. TRUST_BAD, TOO_LARGE: nothing has changed. FILE, STORE_*, FLASH_*: those in force are untouched; on a node what was on
     * trial, and those before, may be gone. */
    enum ifl_status (*install)(void *ctx, struct bytes pem, ifl_ms now);
    /* NOT_FOUND: there is nothing to go back to. */
    enum ifl_status (*rollback)(void *ctx, ifl_ms now);
    void *ctx;
};

/* A device that can start again and be decommissioned. */
struct console_device {
    /* It starts again soon after this, and doesn't wait for it: the answer is still to be written. */
    void (*reboot)(void *ctx);
    /* OK: from now on it's certain, whatever the power does, that everything goes; it begins soon. STORE_*,
     * FLASH_BUSY: nothing has changed. FLASH_IO, FLASH_VERIFY: not begun, but the next start may find it ordered all the same. */
    enum ifl_status (*wipe)(void *ctx);
    void *ctx;
};

/* A PIN for what changes something. For the consoles of one program together: whoever reaches one has the other's cable, too. */
struct console_lock {
    /* True: this is the PIN. May take a second. */
    bool (*opens)(void *ctx, struct bytes pin);
    void *ctx;
    /* private to the room; zeros at the start */
    ifl_ms open_until; /* 0: closed */
    ifl_ms shut_until; /* after a wrong PIN no other one is looked at before */
    unsigned wrong_count;
};
#define CONSOLE_OPEN_MS 600000u
#define CONSOLE_SHUT_MS_MIN 2000u
#define CONSOLE_SHUT_MS_MAX                                                                                            \
    (CONSOLE_SHUT_MS_MIN << 9) /* 17 minutes: the pause is doubled with each wrong PIN up to this */

/* Verbs that not every program has: each is linked only where a program names it in `more`. */
struct console_verb;
extern const struct console_verb CONSOLE_CSR, CONSOLE_CSR_EC /* where there are no RSA keys */, CONSOLE_CERTIFICATE,
    CONSOLE_TRUST, CONSOLE_REBOOT, CONSOLE_WIPE, CONSOLE_UNLOCK, CONSOLE_LOCK;

/* What the console can show and do; the caller keeps it. */
struct console_wiring {
    const struct settings *settings;
    struct outbox *outbox;
    struct sender *sender;
    struct clock *clock;
    struct health *health;
    const struct identity_slots *slots;
    struct console_intake *intake;          /* NULL: this program takes none in */
    const struct console_trust *trust;      /* for CONSOLE_TRUST */
    const struct console_device *device;    /* for CONSOLE_REBOOT and CONSOLE_WIPE */
    struct console_lock *lock;              /* NULL: whoever reaches the console may do everything */
    const struct console_verb *const *more; /* ended by NULL; NULL: no more verbs than those that every program has */
    const struct arena *arena;              /* whose peak `json status` shows; NULL: none */
    /* Bytes of the stack that were ever used, and of the stack, for `json status`; NULL: not measured. */
    size_t (*stack_used)(void);
    size_t (*stack_size)(void);
    const char *version; /* "iflowd 0.1.0" */
    const char *host;    /* of the tenant */
};

struct console {
    struct answer out; /* the answer under way, and where it goes */
    const struct console_wiring *wiring;
    size_t line_len; /* larger than `line`: the line at hand is too long */
    char line[IFL_LINE_SIZE];
};

void console_init(struct console *console, const struct console_wiring *wiring,
                  void (*write)(void *ctx, struct bytes piece), void *ctx);

/* Characters as they come; each complete line (LF or CR LF) is carried out before this returns. An empty line is ignored. A
 * line of IFL_LINE_SIZE characters or more is answered with TOO_LARGE. */
void console_feed(struct console *console, struct bytes input, ifl_ms now);

/* A key is being pasted: don't echo, don't log. */
bool console_is_secret(const struct console *console);
/* Nobody types here any more: what was pasted so far is wiped. */
void console_end(struct console *console);

/* Write the answer of a command that is refused, in the form that the last line asked for: for a caller who couldn't take the answer
 * itself. */
void console_refuse(struct console *console, enum ifl_status status);

#endif
