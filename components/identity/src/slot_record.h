/* slot_record.h: an identity as bytes in flash (SPEC.md, "Record"). */
#ifndef IDENTITY_SLOT_RECORD_H
#define IDENTITY_SLOT_RECORD_H

#include "flash/flash.h"
#include "identity/slots.h"

#define RECORD_HEADER_SIZE 112u
#define RECORD_TEXT_COUNT 6u
#define RECORD_PIECE_SIZE 64u /* bytes that are programmed at once, or a granule where that's larger */

struct record_header {
    uint32_t generation;
    uint32_t size; /* of the record */
    enum identity_kind kind;
    size_t chain_count;
    int64_t not_before, not_after, chain_not_after;
    uint8_t leaf_sha256[32];
    uint16_t chain_size[IDENTITY_CHAIN_MAX];
    uint32_t key_size;
    uint16_t text_size[RECORD_TEXT_COUNT];
};

/* Bytes of the record, padding included; 0: it can't be stored. */
uint32_t record_size(const struct identity *identity, uint32_t prog_size);
/* Program the record at `at` (erased, aligned) and sync. *crc: its check sum. FLASH_*. */
enum ifl_status record_write(struct flash_region region, uint32_t at, const struct identity *identity,
                             uint32_t generation, uint32_t *crc);
/* Read and check the whole record. OK. NOT_FOUND: there is nothing that begins like one. STORE_CORRUPT. STORE_NEWER. FLASH_*. */
enum ifl_status record_check(struct flash_region region, uint32_t at, struct record_header *header, uint32_t *crc);
/* The same, and gives the identity. TOO_LARGE: certificates and key don't fit `buf`. */
enum ifl_status record_read(struct flash_region region, uint32_t at, void *buf, size_t buf_size,
                            struct identity *identity);
/* One part (slots.h), after the whole record was checked. TOO_LARGE: it doesn't fit `buf`; only *size is known then. END. */
enum ifl_status record_part(struct flash_region region, uint32_t at, unsigned part, void *buf, size_t buf_size,
                            size_t *size);

#endif
