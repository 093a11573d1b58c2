/* outbox_private.h: the parts of struct outbox. Only outbox.h includes it; only the room's own files look inside. */
#ifndef OUTBOX_OUTBOX_PRIVATE_H
#define OUTBOX_OUTBOX_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/profile.h"
#include "base/random.h"
#include "base/time.h"
#include "flash/flash.h"

/* Bytes of a message that are collected before they are programmed; at least one granule. A profile may give more, to program in larger pieces. */
#ifndef IFL_OUTBOX_BUFFER_SIZE
#define IFL_OUTBOX_BUFFER_SIZE (IFL_FLASH_PROG_SIZE_MAX + 64)
#endif

_Static_assert(IFL_OUTBOX_BUFFER_SIZE >= IFL_FLASH_PROG_SIZE_MAX, "the buffer must hold a granule");

/* A number as it is stored: 8 bytes, whatever the profile. */
#if IFL_NUMBER_BITS == 32
#define STORED_N(name)                                                                                                 \
    outbox_n name;                                                                                                     \
    uint32_t name##_high
#else
#define STORED_N(name) outbox_n name
#endif

/* What the records of a lane say in the end; stored in header 2 as it is. */
struct outbox_progress {
    STORED_N(cursor);     /* all numbers up to it are finished */
    uint32_t given_up;    /* since format */
    uint16_t reason;      /* of the last give-up */
    uint16_t batch_count; /* so many messages behind the cursor were tried as one batch; 0: none */
    uint8_t batch_format;
    uint8_t lane; /* number */
    uint8_t zero[6];
    char route[IFL_ROUTE_NAME_SIZE]; /* "" = the number is unused */
};

/* Small fields that are used often stand first in each struct, large ones last: that's less code. */

/* What is known of a lane without looking at flash. Messages progress.cursor + 1 .. last_n are queued. */
struct outbox_lane {
    bool closed;     /* the next record goes into a new block */
    bool resume_due; /* a RESUME record stands before the next record */
    bool configured; /* else an orphan */
    uint8_t priority;
    bool gives_up; /* OUTBOX_GIVE_UP_OLDEST */
    bool moves;    /* mount: messages that came from another lane were seen */
    uint16_t block_count;
    uint16_t newest; /* index of the block that is written */
    struct outbox_progress progress;
    uint16_t min_blocks;
    bool has_dead_letters;  /* mount, where a new route looks for a number */
    uint32_t newest_serial; /* of the block that is written; 0 = the lane has no block */
    uint32_t oldest_serial;
    uint32_t write_at;     /* address of the next record */
    uint32_t seed;         /* of the records in the newest block */
    uint32_t read_at;      /* address where the first unfinished message is looked for; 0 = in the oldest block */
    outbox_n last_n;       /* highest number committed */
    outbox_n cursor_saved; /* as it stands on flash */
    outbox_n reclaim_n;    /* the oldest block is finished when cursor_saved has come so far; 0 = not known */
    uint32_t fence_from, fence_at;
    outbox_n fence_n; /* records in [fence_from, fence_at) with a larger number are void */
#if IFL_FLASH_CACHE
    outbox_n durable_n; /* highest number that survives a power cut; readers see no more */
    bool unsynced;      /* something was written since the last sync */
    bool sync_failed;   /* durable_n stands still until the newest block is written once more, or a new one is open */
#endif
};

/* The one message that is being written. */
struct outbox_put {
    struct outbox_lane *lane; /* NULL: none is open */
    uint32_t fill;            /* bytes in the buffer */
    uint32_t next;            /* address of the buffer's first byte */
    uint32_t left;            /* payload bytes still to come */
    uint32_t crc;             /* running, of the body */
};

enum outbox_erase_state { OUTBOX_ERASE_IDLE, OUTBOX_ERASE_RUNNING, OUTBOX_ERASE_PREPARE };

struct outbox {
    enum ifl_status fault; /* of the medium, in the call that is under way */
    uint8_t erase_state;   /* enum outbox_erase_state */
    bool active;           /* was used since the last step */
    bool wanted;           /* a message waits for a block: erase now */
    uint16_t record_size;  /* bytes on flash of a record without a body */
    uint16_t hover_size;   /* bytes that one program may leave in doubt: a granule, or 64 */
    uint16_t next_free;    /* index where the search for a free block goes on; perhaps one too many */
    struct outbox_put put;
    uint32_t erase_block; /* the block being erased */
    uint32_t erase_done;  /* bytes of it before the sector that is being erased */
    uint32_t erase_count; /* of erase_block, with this erase */
    uint32_t sweep;       /* blocks below were looked at once since mount */
    struct flash_region region;
    uint32_t last_serial;
    struct outbox_stats stats;
    uint64_t device_tag;
    ifl_ms quiet_at; /* when nobody will have used it for a while */
#if IFL_FLASH_CACHE
    ifl_ms space_retry_at;       /* no_space isn't believed longer than this */
    enum ifl_status sync_status; /* failure of a sync that the caller hasn't been told yet */
    bool no_space;               /* the file system is full, or a sync has failed: no block can be prepared */
    bool dirty;                  /* something isn't synced */
    bool cached;                 /* what is programmed is durable only after a sync */
#endif
    struct ifl_random random;
    struct outbox_lane lanes[IFL_LANE_COUNT];
    uint8_t buffer[IFL_OUTBOX_BUFFER_SIZE]; /* of the put */
};

#endif
