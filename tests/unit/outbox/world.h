/* world.h: an outbox on flash in RAM, and what tests keep doing with it. Messages are text-like bytes that follow from a number. */
#ifndef OUTBOX_WORLD_H
#define OUTBOX_WORLD_H

#include "flash_double.h"
#include "outbox/outbox.h"
#include "unity.h"

#define BLOCK_SIZE 4096u
#define ROUTES_MAX 4

struct world {
    struct flash_double medium;
    struct flash_region region;
    struct outbox box;
    struct outbox_config config;
    struct outbox_lane_config lanes[ROUTES_MAX];
    uint64_t random;
    ifl_ms now;
    bool has_medium;
};

/* One for the whole program: it's large. */
extern struct world world;

/* A blank medium of `blocks` blocks of 4 KB in sectors of 2 KB, and the routes "a", "b", ... (not mounted yet). */
void world_start(uint32_t prog_size, uint32_t blocks, size_t routes, bool cached);
/* Where all rules of flash were kept. */
void world_end(void);
void mount(void); /* must work */
enum ifl_status try_mount(void);
/* Upkeep until nothing is left to do. */
void settle(void);
/* A clean stop, and a start. */
void restart(void);

/* Body of message number `serial`, any size. */
void body_of(uint32_t serial, uint8_t *buf, size_t size);
/* Put with upkeep while the medium is busy. */
enum ifl_status put(const char *route, uint32_t serial, uint32_t size, struct outbox_id *id);
void must_put(const char *route, uint32_t serial, uint32_t size);
uint8_t lane(const char *route);
bool first(const char *route, struct outbox_message *message); /* false: END */
bool next(struct outbox_message *message);                     /* false: END */
/* The whole payload is that of `serial`. */
void must_hold(struct outbox_message *message, uint32_t serial, uint32_t size);
enum ifl_status read_all(struct outbox_message *message, uint8_t *buf, size_t room, size_t *size);
/* The first message of a lane is `serial`; finish it. */
void deliver(const char *route, uint32_t serial, uint32_t size);
uint64_t queued(const char *route);
struct outbox_stats stats(void);
struct outbox_lane_stats lane_stats(const char *route);

#endif
