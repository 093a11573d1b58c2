/* world.h: everything around the sender, in virtual time: an outbox in RAM, a TLS connection that is a script, a seeded random
 * source. The functions of outbox.h and tls.h that the sender calls are defined in world.c, in place of the real ones. */
#ifndef TEST_SENDER_WORLD_H
#define TEST_SENDER_WORLD_H

#include "sender/sender.h"

#define WORLD_REQUESTS 4096 /* requests that are remembered */
#define WORLD_MESSAGES 256  /* in a lane */
#define WORLD_ROUTES 4

/* A request as the other side got it, complete. */
struct request {
    ifl_ms at;
    unsigned connection; /* from 1 */
    char head[IFL_REQUEST_HEAD_SIZE + 1];
    size_t head_size;
    size_t first_record_size; /* bytes of the first tls_write() */
    uint8_t body[256];        /* its first bytes */
    size_t body_size;
    outbox_n n;         /* of the message, from its id; 0 if there is none */
    bool body_is_right; /* what world_put() stored under this n */
    int route;          /* by its path; -1: none */
    char id[48];        /* SAP_ApplicationID, "" if absent */
};

/* What the other side does with one request. */
struct reply {
    const char *text; /* bytes of the answer */
    enum ifl_status
        end; /* what tls_read() says behind it: AGAIN keeps the connection open and silent, CLOSED, NET_RESET, ... */
};

struct world {
    struct sender sender;
    struct sender_wiring wiring;
    struct settings settings;
    struct clock clock;
    struct health health;
    struct net_proxy proxy;
    ifl_ms now;
    uint64_t seed;

    /* the other side */
    struct reply replies[64]; /* used first, in this order */
    size_t reply_count, reply_next;
    struct reply (*decide)(const struct request *request); /* then this, or 200 where it's NULL */
    enum ifl_status opens[64];                             /* how the next connections end: OK = open */
    size_t open_count, open_next;
    enum ifl_status open_default;
    bool tls13, sends_certificate, resumes; /* facts of the next connections */
    const char *early;                      /* bytes that come right after the handshake */
    enum ifl_status open_answer;            /* what tls_open() itself says, if not OK */
    unsigned handshake_ms;                  /* how long a handshake takes */
    enum ifl_status after_handshake; /* what the first tls_read() of a connection says; AGAIN = nothing special */
    ifl_ms idle_close_ms;            /* the other side closes a connection that has been idle so long; 0 = never */
    size_t read_size, write_size;    /* bytes a call moves at most */
    size_t stall_after;              /* bytes of a request behind which tls_write() says AGAIN for ever; 0 = never */
    size_t break_after;              /* ... says write_end */
    enum ifl_status write_end;
    struct reply stalled; /* what can be read then */

    /* what was seen */
    struct request requests[WORLD_REQUESTS];
    size_t request_count;
    unsigned connection_count, close_count, forget_count, verdict_count, steps_at_once;
    enum ifl_status last_verdict;
    bool last_open_fresh;
    unsigned csrf_needed_calls;
    bool csrf_needed;
    bool change_identity_on_verdict;

    /* the outbox */
    int64_t stored_unix_s; /* of the messages that are put next */
    uint8_t stored_quality;
    bool other_lane; /* what is shown was put back from the dead letters: its id is of another lane */
    enum ifl_status done_status, dead_letter_status, first_status, give_up_status;
    bool read_nothing;            /* outbox_read() says OK without a byte */
    unsigned read_busy_count;     /* outbox_read() says FLASH_BUSY that many times */
    enum ifl_status batch_status; /* of outbox_batch_begin() */
    bool read_too_much;           /* outbox_read() hands out one byte more than the message has */
    unsigned next_busy_count;     /* outbox_next() says FLASH_BUSY that many times */
    outbox_n
        moved_n; /* outbox_next() shows this one with the id of another lane: put back from the dead letters; 0 = none */
    outbox_n new_log_n;   /* from this one on outbox_next() shows another log id; 0 = none */
    outbox_n gap_n;       /* outbox_next() leaves this message out, as if it were damaged; 0 = none */
    unsigned batch_count; /* recorded so far */
    size_t dead_count, gave_up_count;
    enum ifl_status last_reason;
    unsigned first_calls;
};

extern struct world world;

/* Everything as at a fresh start: WORLD_ROUTES routes r0.. at /http/r0.. with the same priority, no boot jitter. */
void world_start(void);
/* sender_init() again with the settings as they are now. */
void world_restart(void);
/* Step until nothing more happens before `until`; fails on a busy loop. */
void world_run_until(ifl_ms until);
void world_run_for(uint64_t ms);
/* Step only while steps return "at once". */
void world_settle(void);

/* Store a message of `size` bytes; byte i is (n + i) modulo 251. Returns its n. */
uint64_t world_put(unsigned route, uint32_t size);
void world_put_text(unsigned route, const char *text);
/* The batch that is recorded for a route: its last n, 0 = none. */
uint64_t world_recorded(unsigned route);
/* As if the start had found it. */
void world_record(unsigned route, outbox_n last_n, uint8_t format);
void world_corrupt(unsigned route, outbox_n n);
size_t world_queued(unsigned route);
/* Numbers of finished messages in the order in which they were finished. */
size_t world_done_count(unsigned route);
uint64_t world_done_n(unsigned route, size_t index);

void world_reply(const char *text, enum ifl_status end);
void world_open(enum ifl_status status);
/* Requests of a route with this method ("POST", "HEAD"; NULL = any) so far. */
size_t world_requests_of(int route, const char *method);
const struct request *world_last_request(void);
/* The value of a field in a request's head, or "" in a static buffer. */
const char *world_field(const struct request *request, const char *name);

struct sender_view world_host(void);
struct sender_view world_route(size_t route);
/* Events with this status so far (repetitions not counted). */
size_t world_events(enum ifl_status status);

#define HTTP_200 "HTTP/1.1 200 OK\r\nSAP_MessageProcessingLogID: MPL200\r\nContent-Length: 0\r\n\r\n"
#define HTTP_OF(line, fields, body_size, body)                                                                         \
    "HTTP/1.1 " line "\r\n" fields "Content-Length: " body_size "\r\n\r\n" body

#endif
