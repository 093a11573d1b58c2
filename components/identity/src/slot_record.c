#include "slot_record.h"

#include <string.h>

#include "base/crc32c.h"

#define VERSION 1u
#define CRC_SIZE 4u

static const uint8_t magic[4] = {'I', 'F', 'I', 'D'};

/* ---- The texts of an identity, in the order of the format ------------------------------------------------------------------------ */

struct record_text {
    size_t offset, size; /* in struct identity */
};

static const struct record_text texts[RECORD_TEXT_COUNT] = {
#define TEXT(member)                                                                                                   \
    {                                                                                                                  \
        offsetof(struct identity, member), sizeof((struct identity *)0)->member                                        \
    }
    TEXT(url), TEXT(clientid), TEXT(tokenurl), TEXT(subject), TEXT(issuer), TEXT(key_type),
#undef TEXT
};

static struct bytes text_of(const struct identity *identity, size_t index)
{
    return bytes_of_string((const char *)identity + texts[index].offset);
}

/* ---- Writing --------------------------------------------------------------------------------------------------------------------- */

/* Gathers bytes into granules. */
struct writer {
    struct flash_region region;
    uint32_t at;
    uint32_t crc;
    size_t len;
    enum ifl_status status; /* the first failure; what comes after it is left out */
    uint8_t granule[IFL_FLASH_PROG_SIZE_MAX];
};

static size_t writer_room(const struct writer *writer)
{
    uint32_t prog_size = flash_prog_size(&writer->region);
    return prog_size < RECORD_PIECE_SIZE ? RECORD_PIECE_SIZE : prog_size; /* both are powers of two */
}

static void writer_flush(struct writer *writer)
{
    uint32_t prog_size = flash_prog_size(&writer->region);
    while (writer->len % prog_size != 0)
        writer->granule[writer->len++] = flash_erased_value(&writer->region);
    if (writer->status == IFL_OK && writer->len > 0)
        writer->status = flash_program_verified(&writer->region, writer->at, writer->granule, writer->len);
    writer->at += (uint32_t)writer->len;
    writer->len = 0;
}

static void writer_put(struct writer *writer, struct bytes piece)
{
    writer->crc = crc32c(writer->crc, piece.data, piece.size);
    while (piece.size > 0 && writer->status == IFL_OK) {
        size_t room = writer_room(writer) - writer->len;
        struct bytes head = bytes_head(piece, room);
        memcpy(writer->granule + writer->len, head.data, head.size);
        writer->len += head.size;
        piece = bytes_tail(piece, head.size);
        if (writer->len == writer_room(writer))
            writer_flush(writer);
    }
}

/* A key that waits for its certificate has none, nor has a trust bundle. */
static bool has_chain(enum identity_kind kind)
{
    return kind == IDENTITY_CERTIFICATE || kind == IDENTITY_EXTERNAL;
}

static uint32_t content_size(const struct identity *identity)
{
    uint64_t size = RECORD_HEADER_SIZE + CRC_SIZE + identity->key.size;
    for (size_t i = 0; i < RECORD_TEXT_COUNT; i++)
        size += text_of(identity, i).size;
    for (size_t i = 0; i < identity->chain_count; i++) {
        if (identity->chain[i].size == 0 || identity->chain[i].size > UINT16_MAX)
            return 0;
        size += identity->chain[i].size;
    }
    return size > UINT32_MAX / 2 ? 0 : (uint32_t)size;
}

uint32_t record_size(const struct identity *identity, uint32_t prog_size)
{
    bool sane = identity->chain_count <= IDENTITY_CHAIN_MAX && identity->key.size > 0 &&
                identity->key.size <= UINT16_MAX && (identity->chain_count > 0) == has_chain(identity->kind);
    return sane ? (content_size(identity) + prog_size - 1) / prog_size * prog_size : 0;
}

static void put_header(struct writer *writer, const struct identity *identity, uint32_t generation)
{
    uint8_t header[RECORD_HEADER_SIZE] = {0};
    memcpy(header, magic, sizeof magic);
    le16_put(header + 4, VERSION);
    le16_put(header + 6, RECORD_HEADER_SIZE);
    le32_put(header + 8, generation);
    le32_put(header + 12, crc32c(0, header, 12));
    le32_put(header + 16, content_size(identity));
    header[20] = (uint8_t)identity->kind;
    header[21] = (uint8_t)identity->chain_count;
    le64_put(header + 24, (uint64_t)identity->not_before);
    le64_put(header + 32, (uint64_t)identity->not_after);
    le64_put(header + 40, (uint64_t)identity->chain_not_after);
    memcpy(header + 48, identity->leaf_sha256, sizeof identity->leaf_sha256);
    for (size_t i = 0; i < identity->chain_count; i++)
        le16_put(header + 80 + 2 * i, (uint16_t)identity->chain[i].size);
    le16_put(header + 92, (uint16_t)identity->key.size);
    for (size_t i = 0; i < RECORD_TEXT_COUNT; i++)
        le16_put(header + 94 + 2 * i, (uint16_t)text_of(identity, i).size);
    writer_put(writer, bytes_of(header, sizeof header));
}

enum ifl_status record_write(struct flash_region region, uint32_t at, const struct identity *identity,
                             uint32_t generation, uint32_t *crc)
{
    struct writer writer = {.region = region, .at = at};
    uint8_t end[CRC_SIZE];
    put_header(&writer, identity, generation);
    for (size_t i = 0; i < RECORD_TEXT_COUNT; i++)
        writer_put(&writer, text_of(identity, i));
    for (size_t i = 0; i < identity->chain_count; i++)
        writer_put(&writer, identity->chain[i]);
    writer_put(&writer, identity->key);
    *crc = writer.crc;
    le32_put(end, writer.crc);
    writer_put(&writer, bytes_of(end, sizeof end));
    writer_flush(&writer);
    enum ifl_status status = writer.status;
    bytes_wipe(&writer, sizeof writer); /* it held pieces of the key */
    return status == IFL_OK ? flash_sync(&region) : status;
}

/* ---- Reading --------------------------------------------------------------------------------------------------------------------- */

static int64_t le64_signed(const uint8_t *at)
{
    uint64_t raw = le64_get(at);
    int64_t value;
    memcpy(&value, &raw, sizeof value);
    return value;
}

/* Sizes that contradict each other never lead anywhere: they are checked against the record's size, and that against the region. */
static bool header_is_sane(const struct record_header *header, uint32_t room)
{
    uint64_t size = RECORD_HEADER_SIZE + CRC_SIZE + header->key_size;
    bool sane = (header->chain_count > 0) == has_chain(header->kind) && header->chain_count <= IDENTITY_CHAIN_MAX &&
                header->key_size > 0;
    for (size_t i = 0; i < IDENTITY_CHAIN_MAX; i++) {
        sane = sane && (header->chain_size[i] > 0) == (i < header->chain_count);
        size += header->chain_size[i];
    }
    for (size_t i = 0; i < RECORD_TEXT_COUNT; i++) {
        sane = sane && header->text_size[i] < texts[i].size;
        size += header->text_size[i];
    }
    return sane && size == header->size && header->size <= room;
}

static void decode_header(const uint8_t raw[RECORD_HEADER_SIZE], struct record_header *header)
{
    header->generation = le32_get(raw + 8);
    header->size = le32_get(raw + 16);
    header->kind = raw[20] <= (uint8_t)IDENTITY_REQUEST ? (enum identity_kind)raw[20] : IDENTITY_EXTERNAL;
    header->chain_count = raw[21];
    header->not_before = le64_signed(raw + 24);
    header->not_after = le64_signed(raw + 32);
    header->chain_not_after = le64_signed(raw + 40);
    memcpy(header->leaf_sha256, raw + 48, sizeof header->leaf_sha256);
    for (size_t i = 0; i < IDENTITY_CHAIN_MAX; i++)
        header->chain_size[i] = le16_get(raw + 80 + 2 * i);
    header->key_size = le16_get(raw + 92);
    for (size_t i = 0; i < RECORD_TEXT_COUNT; i++)
        header->text_size[i] = le16_get(raw + 94 + 2 * i);
}

/* Reads from front to end; every byte is read once, so that what was checked is what is used. */
struct reader {
    struct flash_region region;
    uint32_t at;
    uint32_t crc;
    enum ifl_status status;
};

static void reader_get(struct reader *reader, void *to, size_t size)
{
    if (reader->status == IFL_OK)
        reader->status = flash_read(&reader->region, reader->at, to, size);
    if (reader->status == IFL_OK)
        reader->crc = crc32c(reader->crc, to, size);
    reader->at += (uint32_t)size;
}

static void reader_skip(struct reader *reader, size_t size)
{
    uint8_t piece[RECORD_PIECE_SIZE];
    while (size > 0 && reader->status == IFL_OK) {
        size_t step = size < sizeof piece ? size : sizeof piece;
        reader_get(reader, piece, step);
        size -= step;
    }
    bytes_wipe(piece, sizeof piece);
}

static enum ifl_status read_header(struct reader *reader, struct record_header *header)
{
    uint8_t raw[RECORD_HEADER_SIZE];
    uint32_t room = reader->region.size - reader->at;
    if (room < sizeof raw)
        return IFL_NOT_FOUND;
    reader_get(reader, raw, sizeof raw);
    if (reader->status != IFL_OK)
        return reader->status;
    if (memcmp(raw, magic, sizeof magic) != 0 || le32_get(raw + 12) != crc32c(0, raw, 12))
        return IFL_NOT_FOUND;
    if (le16_get(raw + 4) > VERSION)
        return IFL_STORE_NEWER;
    if (le16_get(raw + 4) != VERSION || le16_get(raw + 6) != RECORD_HEADER_SIZE)
        return IFL_STORE_CORRUPT;
    decode_header(raw, header);
    return header_is_sane(header, room) ? IFL_OK : IFL_STORE_CORRUPT;
}

static enum ifl_status read_end(struct reader *reader, uint32_t *crc)
{
    uint8_t end[CRC_SIZE];
    *crc = reader->crc;
    reader_get(reader, end, sizeof end);
    if (reader->status != IFL_OK)
        return reader->status;
    return le32_get(end) == *crc ? IFL_OK : IFL_STORE_CORRUPT;
}

enum ifl_status record_check(struct flash_region region, uint32_t at, struct record_header *header, uint32_t *crc)
{
    struct reader reader = {.region = region, .at = at};
    enum ifl_status status = read_header(&reader, header);
    if (status != IFL_OK)
        return status;
    reader_skip(&reader, header->size - RECORD_HEADER_SIZE - CRC_SIZE);
    return read_end(&reader, crc);
}

static void take_header(const struct record_header *header, struct identity *identity)
{
    identity->kind = header->kind;
    identity->chain_count = header->chain_count;
    identity->not_before = header->not_before;
    identity->not_after = header->not_after;
    identity->chain_not_after = header->chain_not_after;
    memcpy(identity->leaf_sha256, header->leaf_sha256, sizeof identity->leaf_sha256);
}

static void read_texts(struct reader *reader, const struct record_header *header, struct identity *identity)
{
    for (size_t i = 0; i < RECORD_TEXT_COUNT; i++) {
        char *text = (char *)identity + texts[i].offset;
        reader_get(reader, text, header->text_size[i]);
        text[header->text_size[i]] = '\0';
    }
}

/* Certificates and key lie in one piece: where they are in flash, or copied. */
static enum ifl_status read_der(struct reader *reader, size_t size, uint8_t *buf, size_t buf_size, const uint8_t **der)
{
    *der = flash_map(&reader->region, reader->at, size);
    if (*der != NULL) {
        reader_skip(reader, size);
        return reader->status;
    }
    if (size > buf_size)
        return IFL_TOO_LARGE;
    reader_get(reader, buf, size);
    *der = buf;
    return reader->status;
}

static void point_into(const uint8_t *der, const struct record_header *header, struct identity *identity)
{
    for (size_t i = 0; i < header->chain_count; i++) {
        identity->chain[i] = bytes_of(der, header->chain_size[i]);
        der += header->chain_size[i];
    }
    identity->key = bytes_of(der, header->key_size);
}

enum ifl_status record_read(struct flash_region region, uint32_t at, void *buf, size_t buf_size,
                            struct identity *identity)
{
    struct reader reader = {.region = region, .at = at};
    struct record_header header;
    const uint8_t *der;
    uint32_t crc;
    enum ifl_status status = read_header(&reader, &header);
    if (status != IFL_OK)
        return status;
    size_t der_size = header.key_size;
    for (size_t i = 0; i < header.chain_count; i++)
        der_size += header.chain_size[i];
    take_header(&header, identity);
    read_texts(&reader, &header, identity);
    status = read_der(&reader, der_size, buf, buf_size, &der);
    if (status == IFL_OK)
        status = read_end(&reader, &crc);
    if (status == IFL_OK)
        point_into(der, &header, identity);
    return status;
}

/* Where a part lies behind the header; false: there is none. */
static bool find_part(const struct record_header *header, unsigned part, size_t *from, size_t *size)
{
    *from = 0;
    *size = header->text_size[0];
    if (part == IDENTITY_PART_URL)
        return *size > 0;
    for (size_t i = 0; i < RECORD_TEXT_COUNT; i++)
        *from += header->text_size[i];
    for (size_t i = 0; i < header->chain_count && i < part; i++)
        *from += header->chain_size[i];
    bool is_key = part == IDENTITY_PART_KEY;
    *size = is_key ? header->key_size : part < header->chain_count ? header->chain_size[part] : 0;
    return *size > 0;
}

enum ifl_status record_part(struct flash_region region, uint32_t at, unsigned part, void *buf, size_t buf_size,
                            size_t *size)
{
    struct reader reader = {.region = region, .at = at};
    struct record_header header;
    size_t from;
    uint32_t crc;
    *size = 0;
    enum ifl_status status = read_header(&reader, &header);
    if (status != IFL_OK)
        return status;
    if (!find_part(&header, part, &from, size))
        return IFL_END;
    if (*size > buf_size)
        return IFL_TOO_LARGE;
    reader_skip(&reader, from);
    reader_get(&reader, buf, *size);
    reader_skip(&reader, header.size - RECORD_HEADER_SIZE - CRC_SIZE - from - *size);
    return read_end(&reader, &crc);
}
