/* sim.h: the whole agent in one process, in a world made of one 64-bit seed.
 *
 *   producers.c ──lines──► ingest ─► outbox ─► sender ─► (plain_tls.c) ─► net ─► link.c ──bytes──► tenant.c
 *        ▲                              │                                          ▲                 │
 *        └──────── OK <id> ─────────────┤ flash double: tears, wear, power         └──── answers ◄───┘
 *                                       ▼
 *   weather.c: power, network, tenant, flows, clock, operator       oracle.c, rate.c: what must hold, after every step
 *
 * The rooms are the real ones; only TLS is replaced by a stand-in that passes bytes through. All time is virtual: the loop in sim.c jumps to
 * the next wish or event. Everything that happens goes into a hash, so that the same seed can be shown to give the same run.
 *
 * `world.now` is the true time in milliseconds since the run began. The agent sees its own monotonic time, which starts afresh with
 * every boot and drifts. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/profile.h"
#include "flash_double.h"
#include "ingest/ingest.h"
#include "outbox/outbox.h"
#include "sender/sender.h"
#include "settings/settings.h"

#define SIM_ROUTES 5
#define SIM_PRODUCERS 3
#define SIM_HOST "tenant.it-cpi000-rt.cfapps.example"
#define SIM_PROXY "proxy.example"

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* ---- dice.c: chance, and the story ---- */

/* A stream for each part of the world, so that a change in one leaves the others as they were. */
enum dice {
    DICE_PLAN,
    DICE_NET,
    DICE_TENANT,
    DICE_PEOPLE,
    DICE_AGENT,
    DICE_POWER,
    DICE_WEATHER,
    DICE_DISK,
    DICE_AGE,
    DICE_BATCH,
    DICE_ACCESS,
    DICE_COUNT
};

void dice_start(uint64_t seed);
uint64_t dice_u64(enum dice dice);
uint64_t dice_below(enum dice dice, uint64_t bound);               /* 0..bound-1 */
uint64_t dice_between(enum dice dice, uint64_t from, uint64_t to); /* both included */
/* Every order of magnitude between the two is as likely as the others. */
uint64_t dice_span(enum dice dice, uint64_t from, uint64_t to);
bool dice_chance(enum dice dice, unsigned per_mille);

/* What happened: two numbers each. The words are printed only where the run is told as a story. */
#define SIM_NOTES(X)                                                                                                   \
    X(BOOT, "power on, boot %llu; agent's clock drifts by %lld ppm")                                                   \
    X(MOUNTED, "outbox mounted, status %llu; %lld blocks are free")                                                    \
    X(POWER_OFF, "POWER CUT with tear %llu, off for %lld ms")                                                          \
    X(STOP, "clean stop, flush says %llu; off for %lld ms")                                                            \
    X(LINE, "a producer writes token %llu for route %lld")                                                             \
    X(BAD_LINE, "a producer writes a bad line, kind %llu, producer %lld")                                              \
    X(ACKED, "token %llu acknowledged as n %lld")                                                                      \
    X(REFUSED, "token %llu refused: E%lld")                                                                            \
    X(OPEN, "agent opens connection %llu, status %lld")                                                                \
    X(CONNECTED, "connection %llu ends up with status %lld")                                                           \
    X(TLS, "TLS on connection %llu: status %lld")                                                                      \
    X(CLOSE, "agent closes connection %llu after %lld bytes")                                                          \
    X(RESET, "connection %llu is reset after %lld bytes")                                                              \
    X(SERVER_CLOSE, "server closes connection %llu; reason %lld")                                                      \
    X(REQUEST, "request for route %llu, n %lld")                                                                       \
    X(BATCH, "a batch: n %llu to %lld")                                                                                \
    X(ACCEPTED, "the flow accepts n %llu of route %lld")                                                               \
    X(DUPLICATE, "the flow drops the duplicate n %llu of route %lld")                                                  \
    X(ANSWER, "answer %llu, effect %lld")                                                                              \
    X(ANSWER_READ, "agent has read answer %llu, meaning %lld")                                                         \
    X(FINISHED, "lane %llu: finished up to n %lld")                                                                    \
    X(DEAD, "lane %llu: n %lld is a dead letter")                                                                      \
    X(GAVE_UP, "lane %llu: n %lld was given up")                                                                       \
    X(WEATHER, "weather %llu of kind %lld")                                                                            \
    X(OPERATOR, "operator does %llu to %lld")                                                                          \
    X(CLOCK, "the wall clock is told: quality %llu, %lld s")                                                           \
    X(EVENT, "agent says E%llu about route %lld")                                                                      \
    X(CALM, "calm: everything works from here on; %llu messages wait, %lld routes")

enum note {
#define X(name, words) NOTE_##name,
    SIM_NOTES(X)
#undef X
};
void note(enum note what, uint64_t first, int64_t second);
/* Only words, only in a story. */
void note_words(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The promise is broken: the run ends. The first one counts. */
void broken(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- plan.c: what follows from the seed before anything happens ---- */

struct plan {
    struct flash_double_options flash;
    struct settings settings;
    bool proxy;
    size_t route_count, producer_count;
    uint64_t duration_ms;
    uint64_t line_every_ms[SIM_PRODUCERS]; /* on average */
    uint32_t payload_max;
    bool csrf[SIM_ROUTES];      /* at the start */
    unsigned picky[SIM_ROUTES]; /* the flow rejects each n-th payload; 0 = none */
    bool tls13, resumes;
    int64_t drift_ppm;
    /* Swarm: which kinds of trouble this run knows at all, one bit each; and how much of it. */
    uint32_t network, host, flow, power;
    unsigned lost_answers;        /* per mille of requests whose answer gets lost or torn */
    unsigned odd_answers;         /* per mille that get an answer from the catalogue for no reason */
    uint64_t calm_ms, trouble_ms; /* longest */
    unsigned worn_sectors, flips;
    bool sync_failures, clock_jumps, operators, stops;
    bool full_disk; /* the file system has no space for a while */
    enum plan_access { ACCESS_CERTIFICATE, ACCESS_BASIC, ACCESS_TOKEN } access;
    uint64_t token_ms;      /* how long an access token is good */
    uint64_t role_cache_ms; /* a role that was given or taken is seen so much later */
};
void plan_make(struct plan *plan);

/* ---- the world ---- */

struct world {
    uint64_t seed;
    uint64_t now;
    uint64_t hash, note_count;
    bool story; /* told on stdout */
    bool broken;
    bool calm; /* the end of the run: no more trouble, no new messages */
    char what[400];
    struct plan plan;
    struct flash_double medium;
};
extern struct world world;

/* ---- agent.c: the rooms, wired as the gateway wires them ---- */

struct agent {
    struct settings settings;
    struct outbox outbox;
    struct tls_context tls_context;
    struct tls tls;
    struct net_proxy proxy;
    struct clock clock;
    struct health health;
    struct sender sender;
};
struct agent *agent(void);
void agent_start(void);
bool agent_is_on(void);
/* Power on: RAM full of rubbish, monotonic time from somewhere near 0. False: the power went during the start. */
bool agent_boot(void);
void agent_off(void);
/* One round of the loop. Returns when it wants to be called again, in true time. */
uint64_t agent_step(void);
ifl_ms agent_now(void);
/* Flush, stop; true if the flush said that nothing finished comes back. */
bool agent_stop(void);
extern uint64_t agent_boots;
#define AGENT_BASIC "Basic c2ltOnNlY3JldA=="
/* A refusal of its access token will make it fetch another one. */
bool agent_renews_token(void);

/* ---- producers.c ---- */

void producers_start(void);
void producers_power_on(const struct ingest_wiring *wiring);
void producers_power_off(void);
/* Feed, sync, acknowledge. Returns the agent's wish. */
ifl_ms producers_step(struct outbox *outbox, ifl_ms agent_time);
uint64_t producers_next(void);       /* when the next line is due */
extern bool producers_wait_for_sync; /* for the acknowledgements: the best moment for a sync to fail */
/* The last lines of a run, one for each route; their first token. */
uint64_t producers_last_lines(void);
/* The bytes that belong to a token; returns their number. */
size_t payload_make(uint64_t token, uint8_t *to);

/* ---- body.c: what a request carries ---- */

/* As the server reads it. */
struct request {
    bool head; /* HEAD, else POST */
    unsigned route;
    struct outbox_id id;
    uint64_t last_n;  /* of a batch; else id.n */
    uint64_t sent_at; /* its first byte */
    bool fetch;
    char id_text[OUTBOX_ID_TEXT_SIZE + 24], type[64], token[64], cookie[256], authorization[64];
};
/* True: the body is exactly what settings and id say, in bytes. Calls `message` for each payload in it, in order. */
bool body_read(const struct request *request, const uint8_t *body, size_t size,
               void (*message)(const struct request *request, uint64_t n, uint64_t token));

/* ---- oracle.c: the promise ---- */

void oracle_start(void);
void oracle_free(void);
uint64_t oracle_token(unsigned route, uint32_t size); /* a new payload */
uint32_t oracle_token_size(uint64_t token);
unsigned oracle_token_route(uint64_t token);
uint64_t oracle_token_count(void);
bool oracle_is_acknowledged(uint64_t token);
void oracle_acknowledged(uint64_t token, const struct outbox_id *id);
/* A whole request has arrived at the server. True: its messages were accepted before. */
bool oracle_requested(const struct request *request, const uint8_t *body, size_t size);
void oracle_accepted(const struct request *request);
/* Its head has arrived: the messages in it were tried under this id. */
void oracle_tried(const struct request *request);
/* The server says that it will never take this. */
void oracle_rejected(const struct request *request);
/* The agent has read the header of a 2xx for these messages. */
void oracle_told(const struct request *request);
void oracle_mounted(void);
void oracle_powered_off(void);
void oracle_flushed(void);
void oracle_step(void);
void oracle_finish(void);
uint64_t oracle_queued(void);
/* The operator is about to do this to a dead letter; the power may go in it. */
void oracle_requeue_begins(const struct outbox_message *dead);
void oracle_requeued(const struct outbox_message *dead, enum ifl_status status);
void oracle_bury(const struct outbox_message *dead);
extern uint64_t oracle_accepted_count, oracle_duplicate_count, oracle_dead_count, oracle_gave_up_count,
    oracle_batch_count;

/* ---- wear.c: erases are spread over all blocks ---- */

void wear_start(void);
void wear_mounted(void);
void wear_step(void);

/* ---- rate.c: nothing hammers the tenant ---- */

enum meaning { /* of an answer, as the catalogue has it */
               MEANS_DONE,
               MEANS_RETRY_ROUTE,
               MEANS_HOLD_ROUTE,
               MEANS_RETRY_HOST,
               MEANS_HOLD_HOST,
               MEANS_DEAD_LETTER,
               MEANS_CSRF,
               MEANS_TOKEN,     /* the answer to a HEAD */
               MEANS_ONCE_MORE, /* 401 on a resumed session */
};
void rate_start(void);
void rate_reset(void); /* a boot, or the operator's `retry` */
void rate_opened(void);
/* `fine`: an answer was read, or nothing was asked. */
void rate_connection_ended(bool fine);
void rate_request(const struct request *request);
void rate_buried(unsigned route); /* its first message became a dead letter */
/* `cut`: its end never came. */
void rate_answer(const struct request *request, bool cut, enum meaning meaning, uint64_t retry_after_ms);
extern uint64_t rate_request_count, rate_open_count;

/* ---- link.c: the network ---- */

void link_start(void);
void link_power_off(void);
uint64_t link_next(void);
/* Move bytes that are due. */
void link_run(void);
uint64_t link_moved(void); /* bytes in and out of pipes so far */
/* For the TLS stand-in. */
enum ifl_status link_tls_fate(int link, bool *late);
void link_set_resumed(int link, bool resumed);
/* How many bytes net_link_send() would take now. Statuses as there. */
enum ifl_status link_room(int link, size_t *size);
/* For the server. */
struct connection;
void link_answer(struct connection *connection, const void *data, size_t size, uint64_t delay_ms);
void link_server_close(struct connection *connection, uint64_t delay_ms);
void link_server_reset(struct connection *connection, uint64_t delay_ms);
uint64_t link_stream_position(const struct connection *connection); /* bytes sent to the agent so far */

/* ---- tenant.c: Cloud Integration ---- */

struct tenant_answer; /* of answers.c */

/* What the server knows of a connection. */
struct peer {
    uint64_t number;
    bool tunnel; /* the proxy has let it through, or there is none */
    bool resumed;
    bool deaf; /* nothing is answered any more */
    char head[IFL_REQUEST_HEAD_SIZE + 1024];
    size_t head_size;
    bool in_body;
    uint64_t body_expected;
    uint64_t sent_at; /* when the agent sent the first byte of this request */
    uint64_t last_use;
    uint8_t body[2 * IFL_PAYLOAD_SIZE_MAX + 1024];
    size_t body_size;
    /* the last answer, for the moment at which the agent has read it */
    bool answering;
    struct request request;
    uint64_t answer_begins, answer_head_ends, answer_ends; /* positions in the stream of bytes to the agent */
    enum meaning meaning;
    unsigned answer_number;
    uint64_t retry_after_ms;
};
void tenant_start(void);
void tenant_connected(struct connection *connection, struct peer *peer);
void tenant_bytes(struct connection *connection, struct peer *peer, const uint8_t *data, size_t size, uint64_t sent_at);
/* A silent connection is closed by the load balancer. */
#define TENANT_IDLE_MS (60 * SECOND)
void tenant_redeploy(unsigned route, bool csrf);
void tenant_forget_sessions(void); /* and access tokens */
/* The number of a new access token, good for plan.token_ms. */
uint64_t tenant_new_token(void);
/* Until then a route may be refused though its role was given. */
uint64_t tenant_refuses_until(unsigned route);
extern uint64_t tenant_odd_at; /* when it gave the last odd answer in good weather */
int64_t world_unix_s(void);

/* ---- weather.c: what happens to all of them ---- */

enum network_weather {
    NETWORK_FINE,
    NETWORK_SLOW,
    NETWORK_LOSSY,
    NETWORK_DNS_FAILS,
    NETWORK_DNS_SILENT,
    NETWORK_REFUSED,
    NETWORK_UNREACHABLE,
    NETWORK_DOWN,
    NETWORK_RESETS,      /* after a random number of bytes, either way */
    NETWORK_SILENT_PEER, /* takes everything and says nothing */
    NETWORK_HALF_OPEN,   /* a connection dies without a word */
    NETWORK_ONE_BYTE,
    NETWORK_WINDOW_ZERO,
    NETWORK_CLOSES, /* right after the connection, or after a while */
    NETWORK_TLS_RESET,
    NETWORK_TLS_CLIENT_REFUSED,
    NETWORK_TLS_LATE_RESET, /* TLS 1.3: after our Finished */
    NETWORK_TLS_UNTRUSTED,
    NETWORK_PROXY_REFUSES,
    NETWORK_COUNT
};
enum host_weather {
    HOST_FINE,
    HOST_STOPPED,
    HOST_NO_ENDPOINTS,
    HOST_ENDPOINT_FAILURE,
    HOST_CONNECTION_LIMIT,
    HOST_BUSY,
    HOST_BUSY_DATE,
    HOST_KEY_DELETED,
    HOST_KEY_TWICE,
    HOST_NO_CERTIFICATE,
    HOST_LOGIN_PAGE,
    HOST_LOGIN_REDIRECT,
    HOST_TRIAL,
    HOST_PROXY_CERTIFICATE,
    HOST_GARBAGE,
    HOST_HUGE_HEAD,
    HOST_COUNT
};
enum flow_weather {
    FLOW_FINE,
    FLOW_UNDEPLOYED,
    FLOW_ROLE,
    FLOW_FAILS,
    FLOW_BUSY,
    FLOW_TIMES_OUT,
    FLOW_METHOD,
    FLOW_REJECTS,
    FLOW_TOO_LARGE,
    FLOW_REDIRECTS,
    FLOW_UNKNOWN_4XX,
    FLOW_UNKNOWN_5XX,
    FLOW_REQUEST_TIMEOUT,
    FLOW_TOO_EARLY,
    FLOW_HEADERS,
    FLOW_CSRF_BROKEN,
    FLOW_SLOW, /* the answer comes after the agent's time limit */
    FLOW_COUNT
};

void weather_start(void);
void weather_run(void);
uint64_t weather_next(void);
void weather_calm(void);    /* everything works from now on */
void weather_restart(void); /* the agent is stopped and comes back */
enum network_weather weather_network(void);
enum host_weather weather_host(void);
enum flow_weather weather_flow(unsigned route);
bool weather_csrf(unsigned route);
bool weather_loses_certificate(void);        /* on resumed sessions */
uint64_t weather_fine_since(unsigned route); /* UINT64_MAX: it isn't fine */
/* The power went in a flash operation. */
void weather_power_went(void);
bool weather_power_is_off(void);
extern uint64_t weather_cuts;

#endif
