/* seed.c: see seed.h and SPEC.md.
 *
 *   successor = SHA-512("next" | seed | device)       stored before
 *   key       = SHA-512("use"  | seed | device)[0..31] is used
 *   fill:       output = SHA-256(key | 1 | i) for i = 0, 1, ...; then key = SHA-256(key | 0)
 *
 * A torn successor can't be valid (check sum) or is never used; the next start finds the same seed again, whose stream nobody has seen. */
#include "image/seed.h"

#include <string.h>

#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>

#include "base/crc32c.h"

#define RECORD_SIZE 96u
#define COUNT_AT 8u
#define SEED_AT 16u
#define CRC_AT 92u
#define GRANULE_MAX 256u
#define BLOCK_SIZE 32u

static const uint8_t magic[8] = {'I', 'F', 'L', 'S', 'E', 'E', 'D', 1};

struct found {
    uint64_t count; /* 0: none */
    uint32_t at;
    uint8_t seed[SEED_SIZE];
};

/* A place takes whole granules. */
static uint32_t place_size(struct flash_region region)
{
    uint32_t granule = flash_prog_size(&region);
    return (RECORD_SIZE + granule - 1) / granule * granule;
}

static uint32_t places_per_sector(struct flash_region region)
{
    return flash_sector_size(&region) / place_size(region);
}

static uint32_t address_of(struct flash_region region, uint32_t sector, uint32_t place)
{
    return sector * flash_sector_size(&region) + place * place_size(region);
}

static enum ifl_status find_newest(struct flash_region region, struct found *newest)
{
    uint8_t record[RECORD_SIZE];
    memset(newest, 0, sizeof *newest);
    for (uint32_t sector = 0; sector < region.size / flash_sector_size(&region); sector++) {
        for (uint32_t place = 0; place < places_per_sector(region); place++) {
            uint32_t at = address_of(region, sector, place);
            enum ifl_status status = flash_read(&region, at, record, sizeof record);
            if (status != IFL_OK) {
                return status;
            }
            if (memcmp(record, magic, sizeof magic) == 0 && le32_get(record + CRC_AT) == crc32c(0, record, CRC_AT) &&
                le64_get(record + COUNT_AT) > newest->count) {
                newest->count = le64_get(record + COUNT_AT);
                newest->at = at;
                memcpy(newest->seed, record + SEED_AT, SEED_SIZE);
            }
        }
    }
    bytes_wipe(record, sizeof record);
    return IFL_OK;
}

static enum ifl_status write_record(struct flash_region region, uint32_t at, uint64_t count, const uint8_t *seed)
{
    uint8_t record[GRANULE_MAX];
    memset(record, flash_erased_value(&region), sizeof record);
    memset(record, 0, RECORD_SIZE);
    memcpy(record, magic, sizeof magic);
    le64_put(record + COUNT_AT, count);
    memcpy(record + SEED_AT, seed, SEED_SIZE);
    le32_put(record + CRC_AT, crc32c(0, record, CRC_AT));
    enum ifl_status status = flash_program_verified(&region, at, record, place_size(region));
    bytes_wipe(record, sizeof record);
    return status;
}

/* The next blank place behind the newest record; else the start of the next sector, erased first. */
static enum ifl_status make_place(struct flash_region region, uint32_t newest_at, uint32_t *at)
{
    uint32_t sector_size = flash_sector_size(&region), sector = newest_at / sector_size;
    bool blank = false;
    for (uint32_t place = (newest_at % sector_size) / place_size(region) + 1; place < places_per_sector(region);
         place++) {
        *at = address_of(region, sector, place);
        enum ifl_status status = flash_is_blank(&region, *at, place_size(region), &blank);
        if (status != IFL_OK || blank) {
            return status;
        }
    }
    sector = (sector + 1) % (region.size / sector_size);
    *at = address_of(region, sector, 0);
    enum ifl_status status = flash_is_blank(&region, *at, sector_size, &blank);
    if (status != IFL_OK || blank) {
        return status;
    }
    status = flash_erase_start(&region, *at);
    return status == IFL_OK ? IFL_FLASH_BUSY : status;
}

static bool derive(const char *label, const uint8_t *seed, struct bytes device, uint8_t out[64])
{
    mbedtls_sha512_context sha;
    mbedtls_sha512_init(&sha);
    bool ok = mbedtls_sha512_starts(&sha, 0) == 0 &&
              mbedtls_sha512_update(&sha, (const unsigned char *)label, strlen(label)) == 0 &&
              mbedtls_sha512_update(&sha, seed, SEED_SIZE) == 0 &&
              mbedtls_sha512_update(&sha, device.data, device.size) == 0 && mbedtls_sha512_finish(&sha, out) == 0;
    mbedtls_sha512_free(&sha);
    return ok;
}

enum ifl_status seed_start(struct seed *seed, struct flash_region region, struct bytes device)
{
    struct found newest;
    uint8_t derived[64];
    uint32_t at;
    *seed = (struct seed){0};
    enum ifl_status status = flash_poll(&region);
    status = status == IFL_OK ? find_newest(region, &newest) : status;
    if (status != IFL_OK) {
        return status;
    }
    if (newest.count == 0 || newest.count == UINT64_MAX) {
        return IFL_NO_ENTROPY;
    }
    status = make_place(region, newest.at, &at);
    if (status == IFL_OK && !derive("next", newest.seed, device, derived)) {
        status = IFL_NO_ENTROPY;
    }
    status = status == IFL_OK ? write_record(region, at, newest.count + 1, derived) : status;
    if (status == IFL_OK && derive("use", newest.seed, device, derived)) {
        memcpy(seed->key, derived, sizeof seed->key);
        seed->starts = newest.count;
        seed->ready = true;
    }
    bytes_wipe(derived, sizeof derived);
    bytes_wipe(&newest, sizeof newest);
    return status == IFL_OK && !seed->ready ? IFL_NO_ENTROPY : status;
}

static bool block(const uint8_t key[32], uint8_t purpose, uint32_t number, uint8_t out[BLOCK_SIZE])
{
    uint8_t in[32 + 1 + 4];
    memcpy(in, key, 32);
    in[32] = purpose;
    le32_put(in + 33, number);
    bool ok = mbedtls_sha256(in, sizeof in, out, 0) == 0;
    bytes_wipe(in, sizeof in);
    return ok;
}

enum ifl_status seed_fill(void *ctx, void *buf, size_t size)
{
    struct seed *seed = ctx;
    uint8_t out[BLOCK_SIZE], *to = buf;
    bool ok = seed->ready;
    for (size_t done = 0; ok && done < size; done += BLOCK_SIZE) {
        size_t len = size - done < BLOCK_SIZE ? size - done : BLOCK_SIZE;
        ok = block(seed->key, 1, (uint32_t)(done / BLOCK_SIZE), out);
        memcpy(to + done, out, len);
    }
    ok = ok && block(seed->key, 0, 0, out);
    if (ok) {
        memcpy(seed->key, out, sizeof seed->key);
    } else {
        memset(buf, 0, size);
    }
    bytes_wipe(out, sizeof out);
    return ok ? IFL_OK : IFL_NO_ENTROPY;
}

enum ifl_status seed_write_first(struct flash_region region, const uint8_t first[SEED_SIZE])
{
    return write_record(region, 0, 1, first);
}
