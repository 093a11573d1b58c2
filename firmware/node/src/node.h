/* node.h: the parts of the firmware, wired, and all their memory. */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include "base/arena.h"
#include "clock/clock.h"
#include "console/console.h"
#include "health/health.h"
#include "identity/secret.h"
#include "identity/slots.h"
#include "image/nameplate.h"
#include "image/seed.h"
#include "image/texts.h"
#include "net/net.h"
#include "outbox/outbox.h"
#include "renewal/expiry.h"
#include "renewal/renewal.h"
#include "roots.h"
#include "sender/sender.h"
#include "settings/settings.h"
#include "state/state.h"
#include "tls/tls.h"

/* What is small and used often comes first: an instruction reaches it with two bytes. */
struct node {
    ifl_ms next_time_save, next_heartbeat, next_expiry_check;
    ifl_ms retry_at;    /* the network came back: then don't wait any longer */
    ifl_ms pasted;      /* when the last character came */
    ifl_ms paste_limit; /* when a paste without an end is given up */
    int slot; /* where the identity is read from, part by part, when the handshake needs it; -1: there is none */
    uint16_t port;
    bool time_told; /* by a time server, for the first time */
    bool sending, network_was_usable;
    bool renewing; /* the identity is a certificate */
    bool pasting;  /* the arena is lent to the console: neither sender nor renewal may be stepped */
    bool on_duty;  /* in the middle of a signature (below): log lines wait for the loop */
    struct expiry_watch expiry;
    struct texts texts;
    struct clock clock;
    struct arena arena;
    struct tls_context tls_context;
    struct seed seed;
    struct nameplate plate;
    char host[IFL_HOST_SIZE];
    struct net_proxy proxy;
    char authorization[360]; /* secret; with `auth` "basic": 127 characters each of user and password; else "" */
};
extern struct node node;

/* The larger parts are objects of their own: behind some KB of others each access to one would need an instruction more. */
extern struct settings node_settings;
extern struct state node_state;
extern struct outbox node_outbox;
extern struct health node_health;
extern struct identity_slots node_slots;
extern struct roots node_roots;
extern struct tls node_tls;
extern struct renewal node_renewal;
extern struct sender node_sender;
extern struct console node_console;
extern struct console_wiring node_console_wiring;
extern struct console_intake node_intake;   /* `take` is NULL where this build takes no identity in */
extern const struct ifl_random node_random; /* of the seed */

/* Bring everything up. OK; else *part is the name of the part that can't, and the node can only say so. */
enum ifl_status node_start(const char **part);
/* A millisecond, when there is nothing to do but to wait for flash. */
void node_pause(void);
/* One turn of the loop; returns when it wants to be called again. */
ifl_ms node_step(ifl_ms now);

/* ---- parts ---- */

/* Lines of the log and answers of the console share UART 0; log lines begin with "log: ". */
void uart_console_start(void);
void uart_console_step(ifl_ms now);
/* Only characters, up to the end of a line; its command waits for uart_console_step(). */
void uart_console_take(ifl_ms now);
void uart_print(const char *text);
extern struct answer uart; /* for lines with values, of answer_form() */
void uart_log_status(enum ifl_status status, const char *detail);

/* The console's `import` and `identity rollback`. What is pasted lies in the arena of TLS, whose connection is closed for it; deliveries go on when it's
 * over, at the latest CONSOLE_PASTE_QUIET_MS after the last character, and CONSOLE_PASTE_MAX_MS after its begin: a line that is noisy or was joined to something that
 * talks can't hold them up. (What fits takes a second at 115,200 baud.) */
ifl_ms intake_step(ifl_ms now);
/* The console's `identity csr` and `identity certificate`: the verbs for its wiring; untouched where this build has none. */
#define OWN_KEY_VERB_COUNT 2
void own_key_init(const struct console_verb *verbs[OWN_KEY_VERB_COUNT]);

/* The console's `reboot` and `wipe`, and the lock of `unlock`; NULL: no PIN was given to this node. */
extern const struct console_device device_verbs;
struct console_lock *device_lock(void);
ifl_ms device_step(ifl_ms now);
/* Erase the sectors that hold the first `size` bytes of a region. Blocks for 0.1 to 0.7 s each on NOR flash, the watchdog is fed. FLASH_*. */
enum ifl_status device_erase(struct flash_region region, uint32_t size);
/* One millisecond of waiting for an erase that somebody else began. */
void device_wait_for_flash(void);
#define FLASH_PATIENCE_MS 5000u
/* After the store of states has come up. OK: it isn't to be wiped. Else everything is erased, and nothing may be used any more: NO_IMAGE; or why a part of it
 * couldn't be erased, which the next start tries again. Blocks for some minutes. */
enum ifl_status device_wipe_if_ordered(void);

/* What the intake needs of the wiring. Go to the tenant with this url, unless the settings have one: KEY_NO_URL, CONFIG_*. */
enum ifl_status node_find_host(struct bytes url, char host[IFL_HOST_SIZE], uint16_t *port);
/* The sender gives up its connection, whatever it does. */
void node_interrupt_sender(void);

/* While signatures are computed. One RSA signature holds up the loop for most of a second. From duties_start() on the arithmetic calls, every million
 * instructions or so (bignum_pause.h, where it says what may be relied on):
 *
 *   board_watchdog_feed()   a watchdog need not allow for a signature
 *   net_link_step()         frames are taken and acknowledged, timers run; lwIP isn't entered already, arithmetic begins outside of it
 *   uart_console_take()     characters go to the line at hand; behind its end they wait in the ring, since a command needs the loop's stack
 *   app_step()              a reading that is due is stored: durable before the handshake goes on
 *
 * No erase begins meanwhile (board_flash_hold_erases()), because TLS reads roots and identity from the same flash: a store that needs one is told
 * FLASH_BUSY, as in the loop. What else the loop does waits: it needs more stack than there is behind a signature (heartbeat, commands), erases (upkeep), or
 * belongs to the connection (sender, trial of an identity).
 *
 * Sender and trial call TLS first thing in their step, and an import holds only the console: so outbox, health and network are in nobody's hands at such a
 * moment. Stack: 2.5 KB are in use by then, and the turn takes 1.4 KB at most, of which 0.2 KB are app_sample.c's. */
void duties_start(void);

/* A message about the node itself for the route "heartbeat", if it is configured: at the start and then every 15 minutes. */
ifl_ms heartbeat_step(ifl_ms now);

#endif
