/* sha2.c: see sha2.h. Names are those of FIPS 180-4 section 6; `schedule` is W, of which sixteen words are kept. */
#include "sha2.h"

#include <string.h>

/* Section 4.2.3. Of the first 64 the upper halves are the constants of SHA-256 (section 4.2.2): both are the first bits of the same roots. */
static const uint64_t constants[80] = {
    0x428A2F98D728AE22, 0x7137449123EF65CD, 0xB5C0FBCFEC4D3B2F, 0xE9B5DBA58189DBBC, 0x3956C25BF348B538,
    0x59F111F1B605D019, 0x923F82A4AF194F9B, 0xAB1C5ED5DA6D8118, 0xD807AA98A3030242, 0x12835B0145706FBE,
    0x243185BE4EE4B28C, 0x550C7DC3D5FFB4E2, 0x72BE5D74F27B896F, 0x80DEB1FE3B1696B1, 0x9BDC06A725C71235,
    0xC19BF174CF692694, 0xE49B69C19EF14AD2, 0xEFBE4786384F25E3, 0x0FC19DC68B8CD5B5, 0x240CA1CC77AC9C65,
    0x2DE92C6F592B0275, 0x4A7484AA6EA6E483, 0x5CB0A9DCBD41FBD4, 0x76F988DA831153B5, 0x983E5152EE66DFAB,
    0xA831C66D2DB43210, 0xB00327C898FB213F, 0xBF597FC7BEEF0EE4, 0xC6E00BF33DA88FC2, 0xD5A79147930AA725,
    0x06CA6351E003826F, 0x142929670A0E6E70, 0x27B70A8546D22FFC, 0x2E1B21385C26C926, 0x4D2C6DFC5AC42AED,
    0x53380D139D95B3DF, 0x650A73548BAF63DE, 0x766A0ABB3C77B2A8, 0x81C2C92E47EDAEE6, 0x92722C851482353B,
    0xA2BFE8A14CF10364, 0xA81A664BBC423001, 0xC24B8B70D0F89791, 0xC76C51A30654BE30, 0xD192E819D6EF5218,
    0xD69906245565A910, 0xF40E35855771202A, 0x106AA07032BBD1B8, 0x19A4C116B8D2D0C8, 0x1E376C085141AB53,
    0x2748774CDF8EEB99, 0x34B0BCB5E19B48A8, 0x391C0CB3C5C95A63, 0x4ED8AA4AE3418ACB, 0x5B9CCA4F7763E373,
    0x682E6FF3D6B2B8A3, 0x748F82EE5DEFB2FC, 0x78A5636F43172F60, 0x84C87814A1F0AB72, 0x8CC702081A6439EC,
    0x90BEFFFA23631E28, 0xA4506CEBDE82BDE9, 0xBEF9A3F7B2C67915, 0xC67178F2E372532B, 0xCA273ECEEA26619C,
    0xD186B8C721C0C207, 0xEADA7DD6CDE0EB1E, 0xF57D4F7FEE6ED178, 0x06F067AA72176FBA, 0x0A637DC5A2C898A6,
    0x113F9804BEF90DAE, 0x1B710B35131C471B, 0x28DB77F523047D84, 0x32CAAB7B40C72493, 0x3C9EBE0A15C9BEBC,
    0x431D67C49C100D4C, 0x4CC5D4BECB3E42B6, 0x597F299CFC657E2A, 0x5FCB6FAB3AD6FAEC, 0x6C44198C4A475817,
};

/* Section 5.3.5; the upper halves are those of SHA-256 (section 5.3.3), for the same reason. Then those of SHA-384 (section 5.3.4). */
static const uint64_t starts[16] = {
    0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
    0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
    0xCBBB9D5DC1059ED8, 0x629A292A367CD507, 0x9159015A3070DD17, 0x152FECD8F70E5939,
    0x67332667FFC00B31, 0x8EB44A8768581511, 0xDB0C2E0D64F98FA7, 0x47B5481DBEFA4FA4,
};

static uint32_t read_be(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void write_be(uint8_t *at, uint64_t word, unsigned size)
{
    while (size-- > 0) {
        at[size] = (uint8_t)word;
        word >>= 8;
    }
}

static uint32_t rotated(uint32_t word, unsigned by)
{
    return word >> by | word << (32 - by);
}

/* In variables, not in an array as below: a resumed handshake hashes a hundred blocks, and little else. */
static void take_block_256(uint32_t *state, const uint8_t *block)
{
    uint32_t schedule[16];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (unsigned t = 0; t < 16; t++)
        schedule[t] = read_be(block + 4 * t);
    for (unsigned t = 0; t < 64; t++) {
        uint32_t *word = &schedule[t % 16];
        if (t >= 16) {
            uint32_t w15 = schedule[(t + 1) % 16], w2 = schedule[(t + 14) % 16];
            *word += schedule[(t + 9) % 16] + (rotated(w15, 7) ^ rotated(w15, 18) ^ w15 >> 3) +
                     (rotated(w2, 17) ^ rotated(w2, 19) ^ w2 >> 10);
        }
        h += (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) + (g ^ (e & (f ^ g))) + (uint32_t)(constants[t] >> 32) +
             *word;
        uint32_t more = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + ((a & b) | (c & (a | b)));
        uint32_t sum = h;
        h = g;
        g = f;
        f = e;
        e = d + sum;
        d = c;
        c = b;
        b = a;
        a = sum + more;
    }
    const uint32_t v[8] = {a, b, c, d, e, f, g, h};
    for (unsigned i = 0; i < 8; i++)
        state[i] += v[i];
}

static uint64_t rotated_64(uint64_t word, unsigned by)
{
    return word >> by | word << (64 - by);
}

static void take_block_512(uint64_t *state, const uint8_t *block)
{
    uint64_t schedule[16], v[8];
    memcpy(v, state, sizeof v);
    for (unsigned t = 0; t < 16; t++)
        schedule[t] = (uint64_t)read_be(block + 8 * t) << 32 | read_be(block + 8 * t + 4);
    for (unsigned t = 0; t < 80; t++) {
        uint64_t *word = &schedule[t % 16];
        if (t >= 16) {
            uint64_t w15 = schedule[(t + 1) % 16], w2 = schedule[(t + 14) % 16];
            *word += schedule[(t + 9) % 16] + (rotated_64(w15, 1) ^ rotated_64(w15, 8) ^ w15 >> 7) +
                     (rotated_64(w2, 19) ^ rotated_64(w2, 61) ^ w2 >> 6);
        }
        uint64_t a = v[0], e = v[4];
        uint64_t sum = v[7] + (rotated_64(e, 14) ^ rotated_64(e, 18) ^ rotated_64(e, 41)) +
                       (v[6] ^ (e & (v[5] ^ v[6]))) + constants[t] + *word;
        uint64_t more =
            (rotated_64(a, 28) ^ rotated_64(a, 34) ^ rotated_64(a, 39)) + ((a & v[1]) | (v[2] & (a | v[1])));
        for (unsigned i = 7; i > 0; i--)
            v[i] = v[i - 1];
        v[4] += sum;
        v[0] = sum + more;
    }
    for (unsigned i = 0; i < 8; i++)
        state[i] += v[i];
}

/* Bytes of a word; a state is eight, a block sixteen of them. */
static unsigned word_size(const struct sha2 *sha2)
{
    return sha2->hash_size == SHA2_256 ? sizeof(uint32_t) : sizeof(uint64_t);
}

static uint8_t *block_of(struct sha2 *sha2)
{
    return (uint8_t *)(sha2 + 1) + 8 * word_size(sha2);
}

static void take_block(struct sha2 *sha2)
{
    if (sha2->hash_size == SHA2_256)
        take_block_256((uint32_t *)(sha2 + 1), block_of(sha2));
    else
        take_block_512((uint64_t *)(sha2 + 1), block_of(sha2));
}

void sha2_start(struct sha2 *sha2, uint32_t hash_size)
{
    sha2->size = 0;
    sha2->hash_size = hash_size;
    for (unsigned i = 0; i < 8; i++) {
        if (hash_size == SHA2_256)
            ((uint32_t *)(sha2 + 1))[i] = (uint32_t)(starts[i] >> 32);
        else
            ((uint64_t *)(sha2 + 1))[i] = starts[hash_size == SHA2_384 ? 8 + i : i];
    }
}

void sha2_update(struct sha2 *sha2, const uint8_t *data, size_t size)
{
    size_t block_size = 16 * word_size(sha2);
    while (size > 0) {
        size_t at = sha2->size % block_size;
        size_t step = block_size - at < size ? block_size - at : size;
        memcpy(block_of(sha2) + at, data, step);
        sha2->size += (uint32_t)step;
        data += step;
        size -= step;
        if (at + step == block_size)
            take_block(sha2);
    }
}

void sha2_finish(struct sha2 *sha2, uint8_t *hash)
{
    static const uint8_t end = 0x80, filler = 0;
    unsigned word = word_size(sha2);
    uint32_t bits = sha2->size * 8;
    sha2_update(sha2, &end, 1);
    while (sha2->size % (16 * word) != 14 * word)
        sha2_update(sha2, &filler, 1);
    memset(block_of(sha2) + 14 * word, 0, 2 * word);
    write_be(block_of(sha2) + 16 * word - 4, bits, 4);
    take_block(sha2);
    for (unsigned i = 0; i < sha2->hash_size / word; i++)
        write_be(hash + word * i, word == 4 ? ((uint32_t *)(sha2 + 1))[i] : ((uint64_t *)(sha2 + 1))[i], word);
}
