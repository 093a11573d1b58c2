/* What may lie in an identity slot: two slots of 4 KB, half of the input each. With the first bit set the check sums are made right, so that more than the
 * check sums is tested. Mount, load, and every change that's allowed: nothing breaks, and what is loaded lies where it says. */
#include "fuzz.h"

#include <string.h>

#include "base/crc32c.h"
#include "identity/slots.h"
#include "linux/flash_memory.h"

#define SECTOR_SIZE 4096u
#define PROG_SIZE 16u
#define RECORD_AT 256u /* behind 16 marks */

static uint8_t medium[2 * SECTOR_SIZE];

/* SPEC.md: CRC of the header, of the record, and of each mark. */
static void make_sums_right(uint8_t *slot)
{
    uint8_t *record = slot + RECORD_AT;
    uint32_t room = SECTOR_SIZE - RECORD_AT;
    uint32_t size = le32_get(record + 16);
    if (size < 116 || size > room) {
        size = 116 + size % (room - 116);
        le32_put(record + 16, size);
    }
    memcpy(record, "IFID", 4);
    le16_put(record + 4, 1);
    le16_put(record + 6, 112);
    le32_put(record + 12, crc32c(0, record, 12));
    le32_put(record + size - 4, crc32c(0, record, size - 4));
    for (uint8_t *mark = slot; mark < record; mark += 16) {
        if (mark[0] != 'I')
            continue;
        mark[1] = 'M';
        mark[2] = 1;
        mark[3] = (uint8_t) "PAR"[mark[3] % 3];
        memcpy(mark + 8, record + size - 4, 4);
        le32_put(mark + 12, crc32c(0, mark, 12));
    }
}

static void load(struct identity_slots *slots, int slot)
{
    static uint8_t buf[IFL_IDENTITY_SIZE_MAX];
    struct identity identity;
    if (identity_slots_load(slots, slot, buf, sizeof buf, &identity) != IFL_OK)
        return;
    promise(identity.chain_count >= 1 && identity.chain_count <= IDENTITY_CHAIN_MAX);
    for (size_t i = 0; i < identity.chain_count; i++)
        promise(identity.chain[i].data >= buf && identity.chain[i].data + identity.chain[i].size <= buf + sizeof buf);
    promise(identity.key.data >= buf && identity.key.data + identity.key.size <= buf + sizeof buf);
    promise(memchr(identity.url, 0, sizeof identity.url) != NULL &&
            memchr(identity.issuer, 0, sizeof identity.issuer) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct flash_geometry geometry = {
        .size = sizeof medium, .sector_size = SECTOR_SIZE, .prog_size = PROG_SIZE, .erased = 0xFF};
    struct flash_memory memory;
    struct identity_slots slots;
    struct flash_region a = {&memory.flash, 0, SECTOR_SIZE};
    struct flash_region b = {&memory.flash, SECTOR_SIZE, SECTOR_SIZE};
    if (size < 2)
        return 0;
    uint8_t how = data[0];
    size_t half = (size - 1) / 2 < SECTOR_SIZE ? (size - 1) / 2 : SECTOR_SIZE;
    flash_memory_init(&memory, geometry, medium);
    memset(medium, 0xFF, sizeof medium);
    memcpy(medium, data + 1, half);
    memcpy(medium + SECTOR_SIZE, data + 1 + half, half);
    if ((how & 1) != 0) {
        make_sums_right(medium);
        make_sums_right(medium + SECTOR_SIZE);
    }
    if (identity_slots_mount(&slots, a, b) != IFL_OK)
        return 0;
    load(&slots, 0);
    load(&slots, 1);
    (void)((how & 2) != 0 ? identity_slots_activate(&slots) : identity_slots_refuse(&slots));
    (void)identity_slots_rollback(&slots);
    load(&slots, 0);
    promise(identity_slots_mount(&slots, a, b) == IFL_OK);
    return 0;
}
