/* internal.h: what the files of the room share. Layouts: SPEC.md. Reading order: record.c, block.c, write.c, recover.c, outbox.c, id.c.
 *
 * Reading: outbox_load() keeps the first failure of the medium in box->fault; until the public function has told it, nothing more is read (all is zeros, which
 * is no header and no record) and nothing is written. So the functions between don't hand a status on; whoever changes what RAM knows because of
 * something that was not found looks at box->fault first. */
#ifndef OUTBOX_INTERNAL_H
#define OUTBOX_INTERNAL_H

#include "base/crc32c.h"
#include "outbox/outbox.h"

#define PIECE_SIZE 64u /* bytes of stack for reading */
#define WEAK_READS 32  /* a bit that hovers is seen both ways in so many readings, but for one time in 2^31 */
#define DEAD_ROUTE "dead-letters"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the structs below lie in flash as they lie in memory");

enum record_type { RECORD_DATA = 1, RECORD_CURSOR, RECORD_GIVEUP, RECORD_RESUME, RECORD_TRY, RECORD_TOMB };

#define RECORD_ORIGIN 1u /* flag: an origin stands before the payload */
#define RECORD_SIZE 32u
#define TIME_BITS 40
#define TIME_MASK ((UINT64_C(1) << TIME_BITS) - 1)

struct record {
    uint8_t mark, type, flags;
    uint8_t quality; /* DATA: of the time; else batch_format */
    union {
        uint32_t size; /* DATA */
        struct {
            uint16_t reason, batch_count;
        };
    };
    STORED_N(n);
    union {
        uint64_t time; /* DATA: seconds since 1970, uptime in minutes above them */
        struct {
            STORED_N(cursor); /* else */
        };
    };
    union {
        uint32_t behind; /* DATA: n - 1 - the highest durable number then */
        uint32_t given_up;
    };
    uint32_t crc; /* of the above; seeds the body's */
    /* not stored */
    uint32_t at; /* region address */
};
_Static_assert(offsetof(struct record, crc) == RECORD_SIZE - 4, "SPEC.md");

/* Where a moved message comes from. */
struct origin {
    uint64_t log;     /* of its id */
    STORED_N(n);      /* of its id */
    STORED_N(from_n); /* where it lay before this place */
    uint8_t lane;     /* of its id */
    uint8_t from_lane;
    uint16_t reason;
};
#define ORIGIN_SIZE 28u
#define BODY_CRC_SIZE 4u

enum block_state { BLOCK_DIRTY, BLOCK_FREE, BLOCK_USED, BLOCK_NEWER };

/* Header 2. Header 1 is its first 20 bytes, zeros, and a check sum at its own end. */
struct block {
    uint32_t magic;
    uint8_t version, kind;
    uint16_t prog_size;
    uint32_t size;
    uint32_t index;
    uint32_t erase_count;
    uint32_t serial;
    uint64_t log, tag, first_n;
    struct outbox_progress progress;
    uint32_t zero;
    uint32_t crc; /* seeds the records */
};
#define HEADER1_SIZE 32u
#define HEADER2_SIZE 112u
_Static_assert(sizeof(struct block) == HEADER2_SIZE && offsetof(struct block, crc) == HEADER2_SIZE - 4, "SPEC.md");

/* From record to record through the blocks of a lane. */
struct walk {
    bool boundary; /* `at` is directly behind a whole record */
    bool whole;    /* the body's check sum is right */
    bool damaged;  /* one on the way wasn't whole */
    struct outbox_lane *lane;
    uint32_t at, stop;
    uint32_t buried;   /* dead letters that outbox_seek() passed over */
    struct record rec; /* found last */
    struct block block;
};

/* What is programmed is durable only after a sync. */
static inline bool outbox_is_cached(const struct outbox *box)
{
    return IFL_FLASH_CACHE && box->cached;
}

/* The sync after its last records failed. */
static inline bool outbox_is_in_doubt(const struct outbox_lane *lane)
{
    return IFL_FLASH_CACHE && lane->sync_failed;
}

/* ---- record.c ---- */
uint32_t outbox_padded(const struct outbox *box, uint32_t size);
/* False: see above. */
bool outbox_load(struct outbox *box, uint32_t at, void *to, uint32_t size);
/* Forget an old fault. FLASH_BUSY, FLASH_IO: the medium can't be read now. Public functions begin with it. */
enum ifl_status outbox_enter(struct outbox *box);
/* All bytes from `at` to `end`. */
bool outbox_is_blank(struct outbox *box, uint32_t at, uint32_t end);
/* NULL: there is no such lane. */
struct outbox_lane *outbox_lane_at(struct outbox *box, uint8_t lane);
/* Mark and check sum. */
void outbox_record_seal(struct record *rec, uint32_t seed);
/* The record that begins at `at`, its body unchecked. mend: one flipped bit of the header doesn't matter. */
bool outbox_record_load(struct outbox *box, uint32_t at, uint32_t seed, bool mend, struct record *rec);
uint32_t outbox_record_body(const struct record *rec);                             /* address of the payload */
uint32_t outbox_record_extent(const struct outbox *box, const struct record *rec); /* bytes with padding */
/* It reads the same, and right, however often it's read. */
bool outbox_record_steady(struct outbox *box, const struct record *rec);
/* Set up for the records of walk->block of walk->lane, all of them. */
void outbox_walk_block(const struct outbox *box, struct walk *walk);
/* Set up for the records from address `at` of the lane on; 0: from its oldest block. False: there is no block of the lane. */
bool outbox_walk_from(struct outbox *box, struct outbox_lane *lane, uint32_t at, struct walk *walk);
/* The next record with a valid header. */
bool outbox_walk_next(struct outbox *box, struct walk *walk);

/* ---- block.c ---- */
uint32_t outbox_block_start(const struct outbox *box, uint32_t index);   /* address */
uint32_t outbox_block_records(const struct outbox *box, uint32_t index); /* address of the first record */
/* A right header 1 or 2, of any version. */
bool outbox_header_valid(const struct block *block, uint8_t kind);
void outbox_header_seal(const struct outbox *box, struct block *block, uint8_t kind);
enum block_state outbox_block_load(struct outbox *box, uint32_t index, struct block *block);
/* Of the lane's blocks with a serial larger than `after`: the one with the smallest serial. False: there is none, *block is untouched. */
bool outbox_block_find(struct outbox *box, const struct outbox_lane *lane, uint32_t after, struct block *block);
/* A new block for the lane. `data`: for a message, else for what must always be possible. FLASH_BUSY: soon; STORE_FULL. */
enum ifl_status outbox_block_open(struct outbox *box, struct outbox_lane *lane, bool data);
enum ifl_status outbox_block_prepare(struct outbox *box, struct block *block);
/* First number of the lane's second oldest block is known (reclaim_n). False: it has one block. */
bool outbox_lane_second(struct outbox *box, struct outbox_lane *lane);
/* Poll or start an erase. True: something was done. */
bool outbox_erase_step(struct outbox *box, bool start);

/* ---- write.c ---- */
enum ifl_status outbox_program(struct outbox *box, uint32_t at, const void *from, uint32_t size);
enum ifl_status outbox_sync_inside(struct outbox *box);
/* After a sync that failed the medium believes that it's clean: what was written since the one before may never reach it, though it reads well. The lane's
 * newest block is programmed once more as it reads; the next sync tells. OK, but still sync_failed: the block is closed. */
enum ifl_status outbox_write_again(struct outbox *box, struct outbox_lane *lane);
/* For a record of `size` bytes in the lane's newest block, leaving `reserve` free. */
bool outbox_has_room(const struct outbox *box, const struct outbox_lane *lane, uint32_t size, uint32_t reserve);
/* Make sure that outbox_tell() finds a place. */
enum ifl_status outbox_room_for_record(struct outbox *box, struct outbox_lane *lane);
/* The lane's state, or a TOMB for number n, into its newest block or a new one. */
enum ifl_status outbox_tell(struct outbox *box, struct outbox_lane *lane, enum record_type type, outbox_n n);
void outbox_move_cursor(struct outbox_lane *lane, outbox_n n);
/* `count` messages of those up to n are given up, the others were finished. */
enum ifl_status outbox_give_up_to(struct outbox *box, struct outbox_lane *lane, outbox_n n, outbox_n count,
                                  enum ifl_status reason);
enum ifl_status outbox_give_up_oldest(struct outbox *box, const struct outbox_lane *for_lane);
/* Begin a DATA record. */
enum ifl_status outbox_data_begin(struct outbox *box, struct outbox_lane *lane, uint32_t size,
                                  const struct outbox_time *time, const struct origin *origin);

/* ---- outbox.c ---- */
/* Go on to the next message with a number above `after` that counts. */
bool outbox_seek(struct outbox *box, struct walk *walk, outbox_n after);
bool outbox_origin(struct outbox *box, const struct record *rec, struct origin *origin); /* false: it has none */
enum ifl_status outbox_bury_n(struct outbox *box, outbox_n n, uint32_t at);

#endif
