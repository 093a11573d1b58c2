/* stored.c: see stored.h and SPEC.md. */
#include "image/stored.h"

#include <string.h>

#include "base/crc32c.h"

#define HEADER_SIZE 32u
#define HEADER_CRC_AT 28u
#define VERSION 1u
#define PIECE_SIZE 64u /* bytes of stack */
#define GRANULE_MAX 256u

static const uint8_t magic[4] = {'I', 'F', 'L', 'N'};

/* The body begins behind the header's granule. */
static uint32_t body_offset(struct flash_region region)
{
    return flash_prog_size(&region) > HEADER_SIZE ? flash_prog_size(&region) : HEADER_SIZE;
}

static enum ifl_status body_crc(struct flash_region region, uint32_t at, uint32_t size, uint32_t *crc)
{
    uint8_t piece[PIECE_SIZE];
    *crc = 0;
    for (uint32_t done = 0; done < size;) {
        uint32_t len = size - done < PIECE_SIZE ? size - done : PIECE_SIZE;
        enum ifl_status status = flash_read(&region, at + done, piece, len);
        if (status != IFL_OK) {
            return status;
        }
        *crc = crc32c(*crc, piece, len);
        done += len;
    }
    return IFL_OK;
}

/* OK, NOT_FOUND (nothing of ours), STORE_NEWER, STORE_CORRUPT, FLASH_*. */
static enum ifl_status look_at(struct flash_region region, enum stored_kind kind, uint32_t start, uint32_t room,
                               struct stored *document)
{
    uint8_t header[HEADER_SIZE];
    uint32_t crc;
    enum ifl_status status = flash_read(&region, start, header, sizeof header);
    if (status != IFL_OK) {
        return status;
    }
    if (memcmp(header, magic, sizeof magic) != 0 ||
        le32_get(header + HEADER_CRC_AT) != crc32c(0, header, HEADER_CRC_AT) || le16_get(header + 6) != kind) {
        return IFL_NOT_FOUND;
    }
    if (le16_get(header + 4) != VERSION) {
        return IFL_STORE_NEWER;
    }
    *document = (struct stored){.region = region,
                                .at = start + body_offset(region),
                                .size = le32_get(header + 12),
                                .generation = le32_get(header + 8)};
    if (document->size > room - body_offset(region)) {
        return IFL_STORE_CORRUPT;
    }
    status = body_crc(region, document->at, document->size, &crc);
    return status == IFL_OK && crc != le32_get(header + 16) ? IFL_STORE_CORRUPT : status;
}

enum ifl_status stored_find(struct flash_region region, enum stored_kind kind, uint32_t places, struct stored *found)
{
    enum ifl_status result = IFL_NOT_FOUND;
    uint32_t room = region.size / places;
    for (uint32_t place = 0; place < places; place++) {
        struct stored document;
        enum ifl_status status = look_at(region, kind, place * room, room, &document);
        if (status == IFL_OK && (result != IFL_OK || document.generation > found->generation)) {
            *found = document;
            found->place = place;
            result = IFL_OK;
        } else if (status != IFL_OK && status != IFL_NOT_FOUND && result != IFL_OK) {
            result = status;
        }
    }
    return result;
}

enum ifl_status stored_read(const struct stored *document, uint32_t at, void *to, size_t size)
{
    if (at > document->size || size > document->size - at) {
        return IFL_FLASH_GEOMETRY;
    }
    return flash_read(&document->region, document->at + at, to, size);
}

/* Whole granules; the last one is filled up with the erased value. */
static enum ifl_status program_padded(struct flash_region region, uint32_t at, struct bytes data)
{
    uint8_t last[GRANULE_MAX];
    size_t granule = flash_prog_size(&region), whole = data.size - data.size % granule, rest = data.size - whole;
    enum ifl_status status = flash_program_verified(&region, at, data.data, whole);
    if (status != IFL_OK || rest == 0) {
        return status;
    }
    memset(last, flash_erased_value(&region), granule);
    memcpy(last, data.data + whole, rest);
    return flash_program_verified(&region, at + (uint32_t)whole, last, granule);
}

enum ifl_status stored_write(struct flash_region region, enum stored_kind kind, uint32_t places, uint32_t place,
                             uint32_t generation, struct bytes body)
{
    uint8_t header[HEADER_SIZE] = {0};
    uint32_t room = region.size / places, start = place * room;
    if (place >= places || body.size > room - body_offset(region) - GRANULE_MAX) {
        return IFL_TOO_LARGE;
    }
    memcpy(header, magic, sizeof magic);
    le16_put(header + 4, VERSION);
    le16_put(header + 6, (uint16_t)kind);
    le32_put(header + 8, generation);
    le32_put(header + 12, (uint32_t)body.size);
    le32_put(header + 16, crc32c(0, body.data, body.size));
    le32_put(header + HEADER_CRC_AT, crc32c(0, header, HEADER_CRC_AT));
    enum ifl_status status = program_padded(region, start + body_offset(region), body);
    return status == IFL_OK ? program_padded(region, start, bytes_of(header, sizeof header)) : status;
}
