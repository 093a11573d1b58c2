/* Whatever lies in the outbox's region: an answer of mount, and then everything can be called; lists end, numbers grow, and what is read is as long as it was
 * said to be.
 *
 * The input writes the region: runs of bytes, and headers and records with right check sums, because behind a wrong one little is tried. */
#include "fuzz.h"

#include <string.h>

#include "internal.h"
#include "linux/flash_memory.h"

#define BLOCK_SIZE 4096u
#define BLOCK_COUNT 8u
#define MESSAGES_MAX (BLOCK_SIZE * BLOCK_COUNT / RECORD_SIZE)

static uint8_t medium[BLOCK_SIZE * BLOCK_COUNT];
static uint8_t erased;

static enum ifl_status medium_sync(void *ctx)
{
    (void)ctx;
    return IFL_OK;
}

static enum ifl_status fill(void *ctx, void *buf, size_t size)
{
    (void)ctx;
    memset(buf, 0x42, size);
    return IFL_OK;
}

/* ---- what the input writes ---- */

struct input {
    const uint8_t *at, *end;
};

static uint8_t take(struct input *input)
{
    return input->at < input->end ? *input->at++ : 0;
}

/* A few interesting values, and all small ones. */
static uint64_t take_number(struct input *input)
{
    uint8_t byte = take(input);
    return byte < 250 ? byte : byte < 252 ? UINT32_MAX - 252u + byte : UINT64_MAX - 255 + byte;
}

static uint32_t padded(uint32_t size, uint32_t granule)
{
    return (size + granule - 1) / granule * granule;
}

static void write_header(struct input *input, uint32_t granule)
{
    static const char *const routes[] = {"dead-letters", "a", "b", ""};
    uint8_t what = take(input);
    uint32_t index = what % BLOCK_COUNT, start = index * BLOCK_SIZE;
    struct block block = {.magic = 0x424F4649u,
                          .version = (uint8_t)(1 + (what >> 7)),
                          .kind = 1,
                          .prog_size = (uint16_t)granule,
                          .size = BLOCK_SIZE,
                          .index = index};
    uint32_t crc = crc32c(0, &block, HEADER1_SIZE - 4);
    memcpy(medium + start, &block, HEADER1_SIZE);
    memcpy(medium + start + HEADER1_SIZE - 4, &crc, sizeof crc);
    if ((what & 0x40) != 0)
        return;
    block.kind = 2;
    block.serial = (uint32_t)take_number(input);
    block.log = 7;
    block.first_n = take_number(input);
    block.progress.cursor = take_number(input);
    block.progress.lane = take(input);
    block.progress.batch_count = take(input);
    strcpy(block.progress.route, routes[take(input) % 4]);
    block.crc = crc32c(0, &block, HEADER2_SIZE - 4);
    for (uint32_t copy = 0; copy < 2; copy++)
        memcpy(medium + start + padded(HEADER1_SIZE, granule) + copy * padded(HEADER2_SIZE, granule), &block,
               HEADER2_SIZE);
}

static void write_record(struct input *input, uint32_t granule)
{
    uint32_t index = take(input) % BLOCK_COUNT;
    uint32_t at = index * BLOCK_SIZE + ((uint32_t)take(input) * 16u) / granule * granule;
    uint32_t header2 = index * BLOCK_SIZE + padded(HEADER1_SIZE, granule);
    uint32_t seed;
    struct record rec = {.mark = 0xA5, .type = take(input), .flags = take(input) & 1};
    memcpy(&seed, medium + header2 + HEADER2_SIZE - 4, sizeof seed);
    rec.size = (uint32_t)take_number(input);
    rec.n = take_number(input);
    rec.cursor = take_number(input);
    rec.behind = (uint32_t)take_number(input);
    rec.crc = crc32c(seed, &rec, RECORD_SIZE - 4);
    if (at > sizeof medium - RECORD_SIZE)
        return;
    memcpy(medium + at, &rec, RECORD_SIZE);
    uint32_t body = rec.size + (rec.flags != 0 ? ORIGIN_SIZE : 0);
    if (rec.type == RECORD_DATA && rec.size < BLOCK_SIZE && at + RECORD_SIZE + body + 4 <= sizeof medium) {
        uint32_t crc = crc32c(rec.crc, medium + at + RECORD_SIZE, body);
        memcpy(medium + at + RECORD_SIZE + body, &crc, sizeof crc);
    }
}

static void write_bytes(struct input *input)
{
    uint32_t at = (uint32_t)(take(input) << 8 | take(input)) % sizeof medium;
    for (uint32_t count = take(input); count > 0 && at < sizeof medium; count--)
        medium[at++] = take(input);
}

static void write_medium(struct input *input, uint32_t granule)
{
    memset(medium, erased, sizeof medium);
    while (input->at < input->end) {
        switch (take(input) % 4) {
        case 0:
            write_bytes(input);
            break;
        case 1:
            write_header(input, granule);
            break;
        default:
            write_record(input, granule);
            break;
        }
    }
}

/* ---- what is tried on it ---- */

static void read_message(struct outbox *box, struct outbox_message *message)
{
    static uint8_t buf[256];
    size_t got, total = 0;
    enum ifl_status status;
    do {
        status = outbox_read(box, message, buf, sizeof buf, &got);
        total += got;
        promise(got <= sizeof buf && total <= message->size);
    } while (status == IFL_OK && got > 0);
    promise(status != IFL_OK || total == message->size);
}

static void read_lane(struct outbox *box, uint8_t lane)
{
    struct outbox_message message;
    struct outbox_batch batch;
    uint64_t n = 0;
    unsigned count = 0;
    for (enum ifl_status status = outbox_first(box, lane, &message); status == IFL_OK;
         status = outbox_next(box, &message)) {
        promise(message.n > n && ++count <= MESSAGES_MAX);
        n = message.n;
        read_message(box, &message);
    }
    (void)outbox_batch_pending(box, lane, &batch);
    if (outbox_first(box, lane, &message) == IFL_OK) {
        (void)outbox_batch_begin(box, lane, message.n + 1, 1);
        (void)outbox_dead_letter(box, &message, IFL_ANSWER_REJECTED);
        (void)outbox_done(box, lane, message.n + 1);
        (void)outbox_give_up(box, lane, message.n + 2, IFL_STORE_EXPIRED);
    }
}

static void use(struct outbox *box)
{
    struct outbox_message message;
    struct outbox_stats stats;
    struct outbox_id id;
    ifl_ms now = 0;
    for (uint8_t lane = 0; lane < outbox_lane_count(box); lane++)
        read_lane(box, lane);
    (void)outbox_put(box, outbox_lane_of(box, "a"), bytes_of(medium, 100), (struct outbox_time){0}, &id);
    if (outbox_first(box, OUTBOX_LANE_DEAD, &message) == IFL_OK)
        (void)outbox_requeue(box, &message, outbox_lane_of(box, "a"));
    if (outbox_first(box, OUTBOX_LANE_DEAD, &message) == IFL_OK)
        (void)outbox_bury(box, &message);
    for (int i = 0; i < 40; i++)
        (void)outbox_step(box, now += 100);
    (void)outbox_flush(box);
    outbox_stats(box, &stats);
    promise(stats.free_blocks <= stats.block_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t granules[] = {1, 8, 32, 256};
    static struct outbox box;
    struct input input = {data, data + size};
    uint8_t how = take(&input);
    uint16_t granule = granules[how % 4];
    erased = (how & 4) != 0 ? 0x00 : 0xFF;
    const struct flash_geometry geometry = {
        .size = sizeof medium, .sector_size = 2048, .prog_size = granule, .erased = erased};
    struct flash_memory memory;
    struct flash_driver cached;
    struct flash_region region = {&memory.flash, 0, sizeof medium};
    flash_memory_init(&memory, geometry, medium);
    if ((how & 8) != 0) {
        cached = *memory.flash.driver;
        cached.sync = medium_sync;
        memory.flash.driver = &cached;
    }
    struct outbox_lane_config lanes[] = {{.route = "a", .full = OUTBOX_GIVE_UP_OLDEST}, {.route = "b"}};
    struct outbox_config config = {.block_size = BLOCK_SIZE, .lanes = lanes, .lane_count = 2, .random = {.fill = fill}};
    write_medium(&input, granule);
    for (int start = 0; start < 2; start++)
        if (outbox_mount(&box, region, &config) == IFL_OK)
            use(&box);
    return 0;
}
