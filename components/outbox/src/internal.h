/* internal.h: what the files of the room share. Layouts: SPEC.md. Reading order: record.c, block.c, write.c, recover.c, outbox.c, id.c. */
#ifndef OUTBOX_INTERNAL_H
#define OUTBOX_INTERNAL_H

#include "base/crc32c.h"
#include "outbox/outbox.h"

#define RECORD_SIZE 32u
#define ORIGIN_SIZE 28u
#define BODY_CRC_SIZE 4u
#define HEADER1_SIZE 32u
#define HEADER2_SIZE 112u
#define PIECE_SIZE 64u /* bytes of stack for reading */
#define WEAK_READS                                                                                                     \
    32 /* a bit that hovers is seen both ways in so many readings, but for one   \
        time in 2^31 */
#define DEAD_ROUTE "dead-letters"

enum record_type { RECORD_DATA = 1, RECORD_CURSOR, RECORD_GIVEUP, RECORD_RESUME, RECORD_TRY, RECORD_TOMB };

#define RECORD_ORIGIN 1u /* flag: an origin stands before the payload */

struct record {
    uint32_t at;     /* region address */
    uint32_t crc;    /* of the header; seeds the body's */
    uint32_t size;   /* DATA: payload bytes; GIVEUP, RESUME: reason */
    uint32_t behind; /* DATA: n - 1 - the highest durable number then; RESUME:
                      given up in this block */
    uint64_t n;
    uint64_t aux; /* DATA: time; GIVEUP: first number; RESUME: cursor; TRY: last
                   number */
    uint8_t type, flags, quality;
};

/* Where a moved message comes from. */
struct origin {
    struct outbox_id id; /* of its first life */
    uint64_t from_n;     /* where it lay before this place */
    uint8_t from_lane;
    uint16_t reason;
};

enum block_state { BLOCK_DIRTY, BLOCK_FREE, BLOCK_USED, BLOCK_NEWER };

/* Header 2 of a block (of a free one only index and erase_count). */
struct block {
    uint16_t index;
    uint16_t reason;
    uint8_t lane;
    uint32_t erase_count;
    uint32_t serial;
    uint32_t crc; /* seeds the records */
    uint64_t log, tag, first_n, cursor, given_up;
    char route[IFL_ROUTE_NAME_SIZE];
};

struct walk {
    uint32_t at, stop, limit, seed;
    uint32_t syndrome; /* of a body that isn't whole */
    bool boundary;     /* `at` is directly behind a whole record */
    bool whole;        /* the body's check sum is right */
    struct record rec;
};

/* ---- record.c ---- */
uint32_t outbox_padded(const struct outbox *box, uint32_t size);
bool outbox_single_bit(uint32_t syndrome, uint32_t bits, uint32_t *from_end);
void outbox_record_encode(struct record *rec, uint32_t seed, uint8_t raw[RECORD_SIZE]);
uint32_t outbox_record_body(const struct record *rec);                             /* address of the payload */
uint32_t outbox_record_extent(const struct outbox *box, const struct record *rec); /* bytes with padding */
/* OK, STORE_CORRUPT with *syndrome, FLASH_*. */
enum ifl_status outbox_body_check(const struct outbox *box, const struct record *rec, uint32_t *syndrome);
/* Set up for the records of a used block; from = 0: from its first one. */
void outbox_walk_start(const struct outbox *box, struct walk *walk, const struct block *block, uint32_t from);
/* The next header that is valid: OK; END; FLASH_*. */
enum ifl_status outbox_walk_next(const struct outbox *box, struct walk *walk);
/* The record at an address, its body unchecked. STORE_CORRUPT: it isn't there any more. */
enum ifl_status outbox_record_at(const struct outbox *box, uint32_t at, struct block *block, struct record *rec);
/* OK: it reads the same, and right, however often it's read. STORE_CORRUPT: it's torn; bits of it hover. */
enum ifl_status outbox_record_steady(const struct outbox *box, uint32_t at);
void outbox_origin_encode(const struct origin *origin, uint8_t raw[ORIGIN_SIZE]);
enum ifl_status outbox_origin_read(const struct outbox *box, const struct record *rec, struct origin *origin);

/* ---- block.c ---- */
uint32_t outbox_block_start(const struct outbox *box, uint32_t index);   /* address */
uint32_t outbox_block_records(const struct outbox *box, uint32_t index); /* address of the first record */
bool outbox_header1_valid(const uint8_t raw[HEADER1_SIZE]);              /* of any version */
void outbox_header1_encode(const struct outbox *box, const struct block *block, uint8_t raw[HEADER1_SIZE]);
enum ifl_status outbox_block_load(const struct outbox *box, uint32_t index, struct block *block,
                                  enum block_state *state);
/* Of the lane's blocks with a serial larger than `after`: the one with the smallest serial. END: there is none. */
enum ifl_status outbox_block_find(const struct outbox *box, uint8_t lane, uint32_t after, struct block *block);
/* A new block for the lane. `data`: for a message, else for what must always be possible. FLASH_BUSY: soon; STORE_FULL. */
enum ifl_status outbox_block_open(struct outbox *box, uint8_t lane, bool data);
enum ifl_status outbox_block_prepare(struct outbox *box, struct block *block);
bool outbox_lane_finished(const struct outbox_lane *lane); /* its oldest block can go */
/* First number of the lane's second oldest block into reclaim_n. */
enum ifl_status outbox_lane_second(struct outbox *box, uint8_t lane);
/* Poll or start an erase. True: something was done. */
bool outbox_erase_step(struct outbox *box, bool start);

/* ---- write.c ---- */
enum ifl_status outbox_ready(const struct outbox *box); /* FLASH_BUSY while the medium erases */
enum ifl_status outbox_program(struct outbox *box, uint32_t at, const void *from, uint32_t size);
enum ifl_status outbox_sync_inside(struct outbox *box);
bool outbox_is_cached(const struct outbox *box);
uint32_t outbox_program_size(const struct outbox *box); /* bytes of a message that one program takes at most */
/* For a record of `size` bytes in the lane's newest block, leaving `reserve` free. */
bool outbox_has_room(const struct outbox *box, const struct outbox_lane *lane, uint32_t size, uint32_t reserve);
/* Make sure that outbox_append() finds a place. */
enum ifl_status outbox_room_for_record(struct outbox *box, uint8_t lane);
/* A record without a body. */
enum ifl_status outbox_append(struct outbox *box, uint8_t lane, enum record_type type, uint64_t n, uint64_t aux,
                              uint32_t size);
enum ifl_status outbox_cursor_save(struct outbox *box, uint8_t lane);
enum ifl_status outbox_give_up_to(struct outbox *box, uint8_t lane, uint64_t n, enum ifl_status reason);
enum ifl_status outbox_give_up_oldest(struct outbox *box, uint8_t for_lane);
/* Begin a DATA record: rec->n, size, flags, aux, quality are given. */
enum ifl_status outbox_data_begin(struct outbox *box, uint8_t lane, struct record *rec, const struct origin *origin);
/* Copy the payload of `from` into a new record. STORE_CORRUPT: the source is damaged. */
enum ifl_status outbox_data_copy(struct outbox *box, uint8_t lane, struct record *rec, const struct origin *origin,
                                 const struct record *from);

/* ---- outbox.c ---- */
/* The first valid message with a number above `after`, from address `at` of the lane on. damaged: a body on the way wasn't whole. */
enum ifl_status outbox_seek(struct outbox *box, uint8_t lane, uint32_t at, uint64_t after,
                            struct outbox_message *message, bool *damaged);
enum ifl_status outbox_is_buried(const struct outbox *box, uint64_t n, uint32_t at, bool *buried);

#endif
