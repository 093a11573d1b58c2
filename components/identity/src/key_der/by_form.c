#include "key_der.h"

#include <string.h>

#include <mbedtls/asn1.h>
#include <mbedtls/ecp.h>

#define SEQUENCE (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE)

/* ---- RSA: RSAPrivateKey lies in what was parsed, alone or in PKCS#8 (RFC 5958) --------------------------------------------------- */

static struct bytes first_sequence(struct bytes der)
{
    unsigned char *at = (unsigned char *)(uintptr_t)der.data;
    size_t size = 0;
    (void)mbedtls_asn1_get_tag(&at, der.data + der.size, &size, SEQUENCE);
    return bytes_head(der, (size_t)(at - der.data) + size);
}

/* PrivateKeyInfo ::= SEQUENCE { version, SEQUENCE algorithm, OCTET STRING key, … }; RSAPrivateKey has an INTEGER in the second place. */
static struct bytes rsa_private_key(struct bytes found)
{
    struct bytes key = first_sequence(found);
    unsigned char *at = (unsigned char *)(uintptr_t)key.data;
    const unsigned char *end = key.data + key.size;
    size_t size = 0;
    int version;
    (void)mbedtls_asn1_get_tag(&at, end, &size, SEQUENCE);
    (void)mbedtls_asn1_get_int(&at, end, &version);
    if (mbedtls_asn1_get_tag(&at, end, &size, SEQUENCE) != 0)
        return key;
    at += size;
    (void)mbedtls_asn1_get_tag(&at, end, &size, MBEDTLS_ASN1_OCTET_STRING);
    return first_sequence(bytes_of(at, size));
}

/* ---- Curves: all around the numbers is always the same ---------------------------------------------------------------------------- */

/* { version 1, OCTET STRING d, [0] curve, [1] BIT STRING point }: what stands before d and before the point. */
struct form {
    uint8_t before_d_size, before_point_size;
    uint8_t before_d[8], before_point[17];
};

static const struct form p256 = {
    7,
    17,
    {0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20},
    {0xA0, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0xA1, 0x44, 0x03, 0x42, 0x00},
};
static const struct form p384 = {
    8,
    14,
    {0x30, 0x81, 0xA4, 0x02, 0x01, 0x01, 0x04, 0x30},
    {0xA0, 0x07, 0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22, 0xA1, 0x64, 0x03, 0x62, 0x00},
};

/* { { id-ecPublicKey, prime256v1 }, BIT STRING point }: what stands before the point. */
static const uint8_t p256_public[] = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,
    0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
};

/* The uncompressed point at the end of `room`; returns its size, or a negative number. */
static int put_point(const mbedtls_ecp_keypair *pair, size_t number_size, uint8_t *buf, size_t size)
{
    size_t point_size = 1 + 2 * number_size;
    if (size < point_size || mbedtls_ecp_write_public_key(pair, MBEDTLS_ECP_PF_UNCOMPRESSED, &point_size,
                                                          buf + size - point_size, point_size) != 0)
        return -1;
    return (int)point_size;
}

static int write_ec(const mbedtls_ecp_keypair *pair, uint8_t *buf, size_t size)
{
    const struct form *form = mbedtls_ecp_keypair_get_group_id(pair) == MBEDTLS_ECP_DP_SECP256R1 ? &p256 : &p384;
    size_t number_size = form == &p256 ? 32 : 48;
    size_t before = form->before_d_size + number_size + form->before_point_size;
    size_t whole = before + 1 + 2 * number_size;
    if (whole > size)
        return -1;
    uint8_t *at = buf + size - whole;
    memcpy(at, form->before_d, form->before_d_size);
    at += form->before_d_size;
    if (mbedtls_ecp_write_key_ext(pair, &number_size, at, number_size) != 0)
        return -1;
    memcpy(at + number_size, form->before_point, form->before_point_size);
    return put_point(pair, number_size, buf, size) < 0 ? -1 : (int)whole;
}

int key_der_write(const mbedtls_pk_context *key, struct bytes found, uint8_t *buf, size_t size)
{
    if (mbedtls_pk_get_type(key) != MBEDTLS_PK_RSA)
        return write_ec(mbedtls_pk_ec(*key), buf, size);
    struct bytes rsa = rsa_private_key(found);
    if (rsa.size == 0 || rsa.size > size)
        return -1;
    memmove(buf + size - rsa.size, rsa.data, rsa.size);
    return (int)rsa.size;
}

int key_der_write_public(const mbedtls_pk_context *key, uint8_t *buf, size_t size)
{
    int point_size;
    if (mbedtls_pk_get_type(key) != MBEDTLS_PK_ECKEY ||
        mbedtls_ecp_keypair_get_group_id(mbedtls_pk_ec(*key)) != MBEDTLS_ECP_DP_SECP256R1 || size < sizeof p256_public)
        return -1;
    point_size = put_point(mbedtls_pk_ec(*key), 32, buf + sizeof p256_public, size - sizeof p256_public);
    if (point_size < 0)
        return -1;
    memcpy(buf + size - (size_t)point_size - sizeof p256_public, p256_public, sizeof p256_public);
    return point_size + (int)sizeof p256_public;
}
