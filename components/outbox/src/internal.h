/* internal.h: what the files of the room share. Layouts: SPEC.md. Reading order: record.c, block.c, write.c, cache.c, recover.c, outbox.c, id.c.
 *
 * Reading: outbox_load() keeps the first failure of the medium in box->fault; until the public function has told it, nothing more is read (all is zeros, which
 * is no header and no record) and nothing is written. So the functions between don't hand a status on; whoever changes what RAM knows because of
 * something that was not found looks at box->fault first. */
#ifndef OUTBOX_INTERNAL_H
#define OUTBOX_INTERNAL_H

#include "base/crc32c.h"
#include "outbox/outbox.h"

#define PIECE_SIZE 64u      /* bytes of stack for reading */
#define WEAK_READS 32       /* a bit that hovers is seen both ways in so many readings, but for one time in 2^31 */
#define SPACE_RETRY_MS 1000 /* a file system that was full */
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

/* The block is closed, and what it was meant for goes into another one. */
static inline bool outbox_is_worn(enum ifl_status status)
{
    return status == IFL_FLASH_VERIFY || status == IFL_FLASH_IO;
}

/* ---- cache.c: a medium where what is programmed is durable only after a sync ---- */
#if IFL_FLASH_CACHE

static inline bool outbox_is_cached(const struct outbox *box)
{
    return box->cached;
}

/* The sync after its last records failed. */
static inline bool outbox_is_in_doubt(const struct outbox_lane *lane)
{
    return lane->sync_failed;
}

/* No block can be prepared for a while: only a file system is without space, or without a sync that works. */
static inline bool outbox_is_stuck(const struct outbox *box)
{
    return box->no_space;
}
static inline void outbox_set_stuck(struct outbox *box, bool stuck)
{
    box->no_space = stuck;
}

/* Something was written, of the lane if there is one. */
static inline void outbox_unsynced(struct outbox *box, struct outbox_lane *lane)
{
    box->dirty = true;
    if (lane != NULL) {
        lane->unsynced = true;
    }
}

static inline outbox_n outbox_durable_n(const struct outbox_lane *lane)
{
    return lane->durable_n;
}
static inline void outbox_all_durable(struct outbox_lane *lane)
{
    lane->durable_n = lane->last_n;
}

enum ifl_status outbox_sync_medium(struct outbox *box);
static inline enum ifl_status outbox_sync_inside(struct outbox *box)
{
    return box->cached && box->dirty ? outbox_sync_medium(box) : IFL_OK;
}
/* `status` of a sync, or the failure of an earlier one. */
enum ifl_status outbox_sync_told(struct outbox *box, enum ifl_status status);
void outbox_retry_space(struct outbox *box, ifl_ms now);

/* After a sync that failed the medium believes that it's clean: what was written since the one before may never reach it, though it reads well. The lane's
 * newest block is programmed once more as it reads; the next sync tells. OK, but still sync_failed: the block is closed. */
enum ifl_status outbox_write_block_again(struct outbox *box, struct outbox_lane *lane);
static inline enum ifl_status outbox_write_again(struct outbox *box, struct outbox_lane *lane)
{
    return lane->sync_failed && !lane->closed ? outbox_write_block_again(box, lane) : IFL_OK;
}
static inline void outbox_new_block(struct outbox_lane *lane)
{
    lane->unsynced = true;
    lane->sync_failed = false;
}

#else /* nothing of that is known, and nothing is compiled for it */

#define outbox_is_cached(box) ((void)(box), false)
#define outbox_is_in_doubt(lane) ((void)(lane), false)
#define outbox_is_stuck(box) ((void)(box), false)
#define outbox_set_stuck(box, stuck) ((void)(box), (void)(stuck))
#define outbox_unsynced(box, lane) ((void)(box), (void)(lane))
#define outbox_durable_n(lane) ((lane)->last_n)
#define outbox_all_durable(lane) ((void)(lane))
#define outbox_sync_inside(box) ((void)(box), IFL_OK)
#define outbox_sync_told(box, status) ((void)(box), (status))
#define outbox_retry_space(box, now) ((void)(box), (void)(now))
#define outbox_write_again(box, lane) ((void)(box), (void)(lane), IFL_OK)
#define outbox_new_block(lane) ((void)(lane))

#endif

/* Bytes of a message that one program takes at most: few where a torn one can leave bits that hover. */
static inline uint32_t outbox_program_size(const struct outbox *box)
{
    return outbox_is_cached(box) ? IFL_OUTBOX_BUFFER_SIZE & ~(flash_prog_size(&box->region) - 1) : box->hover_size;
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
struct outbox_lane *outbox_lane_at(const struct outbox *box, uint8_t lane);
/* The same, and the outbox was used. */
struct outbox_lane *outbox_lane_used(struct outbox *box, uint8_t lane);
/* Mark and check sum. */
void outbox_record_seal(struct record *rec, uint32_t seed);
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
static inline uint32_t outbox_block_start(const struct outbox *box, uint32_t index) /* address */
{
    return index * box->stats.block_size;
}
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
/* First number of the lane's second oldest block (reclaim_n). 0: it has one block, or it can't be read now; the number before it is above all others. */
outbox_n outbox_lane_second(struct outbox *box, struct outbox_lane *lane);
/* Poll or start an erase. True: something was done. */
bool outbox_erase_step(struct outbox *box, bool start);

/* ---- write.c ---- */
enum ifl_status outbox_program(struct outbox *box, uint32_t at, const void *from, uint32_t size);
/* For `size` bytes in the lane's newest block, and a RESUME before them when it's due. */
bool outbox_has_room(const struct outbox *box, const struct outbox_lane *lane, uint32_t size);
/* That there is a place for `size` bytes, of a message (with the reserve that it leaves) or of a record, and for the RESUME before it. */
enum ifl_status outbox_make_room(struct outbox *box, struct outbox_lane *lane, uint32_t size, bool data);
/* The lane's state, or a TOMB for number n, into its newest block or a new one. */
enum ifl_status outbox_tell(struct outbox *box, struct outbox_lane *lane, enum record_type type, outbox_n n);
static inline void outbox_move_cursor(struct outbox_lane *lane, outbox_n n)
{
    lane->progress.cursor = n;
    lane->progress.batch_count = 0;
}
/* Messages up to n, one at least. */
enum ifl_status outbox_give_up_to(struct outbox *box, struct outbox_lane *lane, outbox_n n, enum ifl_status reason);
enum ifl_status outbox_give_up_oldest(struct outbox *box, const struct outbox_lane *for_lane);
/* Begin a DATA record. */
enum ifl_status outbox_data_begin(struct outbox *box, struct outbox_lane *lane, uint32_t size,
                                  const struct outbox_time *time, const struct origin *origin);

/* ---- outbox.c ---- */
/* Go on to the next message with a number above `after` that counts. */
bool outbox_seek(struct outbox *box, struct walk *walk, outbox_n after);
bool outbox_origin(struct outbox *box, const struct record *rec, struct origin *origin); /* false: it has none */
/* Message n of lane `from`, which was at `at` (0: somewhere), lies elsewhere now: it's finished there. NOT_FOUND: it was, among the dead letters. */
enum ifl_status outbox_moved_away(struct outbox *box, struct outbox_lane *from, outbox_n n, uint32_t at);

#endif
