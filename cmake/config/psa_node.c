/* psa_node.c: as much of PSA as TLS 1.3 calls, written on Mbed TLS's own hashes and curves, which TLS 1.2 needs anyway. Instead of Mbed TLS's psa_crypto*.c:
 * those bring policies, key stores, drivers and a second way to everything, 5 KB more; and they multiply a point once more for each key exchange.
 *
 * What it keeps of PSA's promises is what the callers (ssl_tls13_*.c) rely on, and narrower where it says so:
 *   keys            ECDH on P-256 or P-384, made here, and HMAC keys of up to 48 bytes; a few at a time; wiped when they are destroyed
 *   key derivation  HKDF-Extract: salt, then secret. HKDF-Expand: secret, then info, which stays the caller's until the output is there. The output is
 *                   asked for once, in one piece
 *   errors          out of memory, no randomness and bad input are told apart; all else is PSA_ERROR_GENERIC_ERROR
 * Usage flags aren't looked at. tests/unit/tls/test_psa_node.c compares it with Mbed TLS's own. */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <string.h>

#include <mbedtls/ecdh.h>
#include <mbedtls/hkdf.h>
#include <mbedtls/md.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/psa_util.h>
#include <psa/crypto.h>

#define KEY_SIZE_MAX 48 /* P-384, HMAC-SHA-384 */
#define KEY_COUNT 3     /* of one handshake: a key exchange and the HMAC of Finished; one more than that */

struct key {
    psa_key_type_t type; /* 0: free */
    uint16_t size;       /* bytes */
    uint8_t data[KEY_SIZE_MAX];
};

static struct key keys[KEY_COUNT]; /* a key's id is its place here, from 1 on */

static psa_status_t status_of(int ret)
{
    switch (ret) {
    case 0:
        return PSA_SUCCESS;
    case MBEDTLS_ERR_MPI_ALLOC_FAILED:
    case MBEDTLS_ERR_ECP_ALLOC_FAILED:
    case MBEDTLS_ERR_MD_ALLOC_FAILED:
        return PSA_ERROR_INSUFFICIENT_MEMORY;
    case MBEDTLS_ERR_ECP_RANDOM_FAILED:
        return PSA_ERROR_INSUFFICIENT_ENTROPY;
    case MBEDTLS_ERR_ECP_BAD_INPUT_DATA:
    case MBEDTLS_ERR_ECP_INVALID_KEY:
        return PSA_ERROR_INVALID_ARGUMENT;
    default:
        return PSA_ERROR_GENERIC_ERROR;
    }
}

static int draw(void *unused, unsigned char *out, size_t size)
{
    size_t got;
    (void)unused;
    return mbedtls_psa_external_get_random(NULL, out, size, &got) == PSA_SUCCESS && got == size
               ? 0
               : MBEDTLS_ERR_ECP_RANDOM_FAILED;
}

psa_status_t psa_crypto_init(void)
{
    return PSA_SUCCESS;
}

/* ---- Hash, HMAC ----------------------------------------------------------------------------------------------------------------- */

static const mbedtls_md_info_t *md_of(psa_algorithm_t alg)
{
    return mbedtls_md_info_from_type(mbedtls_md_type_from_psa_alg(PSA_ALG_GET_HASH(alg)));
}

psa_status_t psa_hash_compute(psa_algorithm_t alg, const uint8_t *input, size_t input_length, uint8_t *hash,
                              size_t hash_size, size_t *hash_length)
{
    const mbedtls_md_info_t *md = md_of(alg);
    *hash_length = mbedtls_md_get_size(md); /* 0 of an unknown one */
    if (*hash_length == 0)
        return PSA_ERROR_NOT_SUPPORTED;
    return hash_size < *hash_length ? PSA_ERROR_BUFFER_TOO_SMALL : status_of(mbedtls_md(md, input, input_length, hash));
}

/* ---- Keys ----------------------------------------------------------------------------------------------------------------------- */

static struct key *find(mbedtls_svc_key_id_t id)
{
    return id - 1 < KEY_COUNT && keys[id - 1].type != 0 ? &keys[id - 1] : NULL;
}

/* A free key of `size` bytes, NULL if there is none; its id. */
static struct key *take(psa_key_type_t type, size_t size, mbedtls_svc_key_id_t *id)
{
    for (*id = 1; *id <= KEY_COUNT; ++*id) {
        struct key *key = &keys[*id - 1];
        if (key->type == 0) {
            key->type = type;
            key->size = (uint16_t)size;
            return key;
        }
    }
    *id = 0;
    return NULL;
}

psa_status_t psa_destroy_key(mbedtls_svc_key_id_t id)
{
    struct key *key = find(id);
    if (key != NULL)
        mbedtls_platform_zeroize(key, sizeof *key);
    return key != NULL || id == 0 ? PSA_SUCCESS : PSA_ERROR_INVALID_HANDLE;
}

psa_status_t psa_get_key_attributes(mbedtls_svc_key_id_t id, psa_key_attributes_t *attributes)
{
    const struct key *key = find(id);
    if (key == NULL)
        return PSA_ERROR_INVALID_HANDLE;
    *attributes = (psa_key_attributes_t){.type = key->type, .bits = (psa_key_bits_t)(key->size * 8), .id = id};
    return PSA_SUCCESS;
}

/* Only HMAC keys come from outside. */
psa_status_t psa_import_key(const psa_key_attributes_t *attributes, const uint8_t *data, size_t data_length,
                            mbedtls_svc_key_id_t *id)
{
    *id = 0;
    if (psa_get_key_type(attributes) != PSA_KEY_TYPE_HMAC || data_length > KEY_SIZE_MAX)
        return PSA_ERROR_NOT_SUPPORTED;
    struct key *key = take(PSA_KEY_TYPE_HMAC, data_length, id);
    if (key == NULL)
        return PSA_ERROR_INSUFFICIENT_MEMORY;
    memcpy(key->data, data, data_length);
    return PSA_SUCCESS;
}

psa_status_t psa_mac_compute(mbedtls_svc_key_id_t id, psa_algorithm_t alg, const uint8_t *input, size_t input_length,
                             uint8_t *mac, size_t mac_size, size_t *mac_length)
{
    const struct key *key = find(id);
    const mbedtls_md_info_t *md = md_of(alg);
    *mac_length = mbedtls_md_get_size(md);
    if (key == NULL || key->type != PSA_KEY_TYPE_HMAC || *mac_length == 0 || mac_size < *mac_length)
        return PSA_ERROR_INVALID_ARGUMENT;
    return status_of(mbedtls_md_hmac(md, key->data, key->size, input, input_length, mac));
}

/* ---- ECDH ----------------------------------------------------------------------------------------------------------------------- */

struct curve {
    mbedtls_ecp_group group;
    mbedtls_ecp_point point;
    mbedtls_mpi secret, shared;
};

static int curve_begin(struct curve *curve, const struct key *key)
{
    mbedtls_ecp_group_init(&curve->group);
    mbedtls_ecp_point_init(&curve->point);
    mbedtls_mpi_init(&curve->secret);
    mbedtls_mpi_init(&curve->shared);
    int ret =
        mbedtls_ecp_group_load(&curve->group, key->size == 32 ? MBEDTLS_ECP_DP_SECP256R1 : MBEDTLS_ECP_DP_SECP384R1);
    return ret != 0 ? ret : mbedtls_mpi_read_binary(&curve->secret, key->data, key->size);
}

static psa_status_t curve_end(struct curve *curve, int ret)
{
    mbedtls_mpi_free(&curve->shared);
    mbedtls_mpi_free(&curve->secret);
    mbedtls_ecp_point_free(&curve->point);
    mbedtls_ecp_group_free(&curve->group);
    return status_of(ret);
}

psa_status_t psa_generate_key(const psa_key_attributes_t *attributes, mbedtls_svc_key_id_t *id)
{
    size_t size = psa_get_key_bits(attributes) / 8;
    *id = 0;
    if (psa_get_key_type(attributes) != PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1) || (size != 32 && size != 48))
        return PSA_ERROR_NOT_SUPPORTED;
    struct key *key = take(psa_get_key_type(attributes), size, id);
    if (key == NULL)
        return PSA_ERROR_INSUFFICIENT_MEMORY;
    struct curve curve;
    int ret = curve_begin(&curve, key);
    if (ret == 0)
        ret = mbedtls_ecp_gen_privkey(&curve.group, &curve.secret, draw, NULL);
    if (ret == 0)
        ret = mbedtls_mpi_write_binary(&curve.secret, key->data, size);
    if (ret != 0) {
        psa_destroy_key(*id);
        *id = 0;
    }
    return curve_end(&curve, ret);
}

psa_status_t psa_export_public_key(mbedtls_svc_key_id_t id, uint8_t *data, size_t data_size, size_t *data_length)
{
    const struct key *key = find(id);
    if (key == NULL || key->type == PSA_KEY_TYPE_HMAC)
        return PSA_ERROR_INVALID_HANDLE;
    struct curve curve;
    int ret = curve_begin(&curve, key);
    if (ret == 0)
        ret = mbedtls_ecp_mul(&curve.group, &curve.point, &curve.secret, &curve.group.G, draw, NULL);
    if (ret == 0)
        ret = mbedtls_ecp_point_write_binary(&curve.group, &curve.point, MBEDTLS_ECP_PF_UNCOMPRESSED, data_length, data,
                                             data_size);
    return curve_end(&curve, ret);
}

/* A point that isn't on the curve is refused where it is multiplied, as in TLS 1.2. */
psa_status_t psa_raw_key_agreement(psa_algorithm_t alg, mbedtls_svc_key_id_t id, const uint8_t *peer_key,
                                   size_t peer_key_length, uint8_t *output, size_t output_size, size_t *output_length)
{
    const struct key *key = find(id);
    if (key == NULL || key->type == PSA_KEY_TYPE_HMAC || alg != PSA_ALG_ECDH || output_size < key->size)
        return PSA_ERROR_INVALID_ARGUMENT;
    struct curve curve;
    int ret = curve_begin(&curve, key);
    if (ret == 0)
        ret = mbedtls_ecp_point_read_binary(&curve.group, &curve.point, peer_key, peer_key_length);
    if (ret == 0)
        ret = mbedtls_ecdh_compute_shared(&curve.group, &curve.shared, &curve.point, &curve.secret, draw, NULL);
    if (ret == 0)
        ret = mbedtls_mpi_write_binary(&curve.shared, output, key->size);
    *output_length = key->size;
    return curve_end(&curve, ret);
}

/* ---- HKDF ----------------------------------------------------------------------------------------------------------------------- */

/* `prk` holds the secret, then the result of extracting; `output_block` the salt; `info` what was given as such. */
psa_status_t psa_key_derivation_setup(psa_key_derivation_operation_t *operation, psa_algorithm_t alg)
{
    if (operation->alg != 0)
        return PSA_ERROR_BAD_STATE;
    if (md_of(alg) == NULL || !(PSA_ALG_IS_HKDF_EXTRACT(alg) || PSA_ALG_IS_HKDF_EXPAND(alg)))
        return PSA_ERROR_NOT_SUPPORTED;
    *operation = (psa_key_derivation_operation_t){.alg = alg};
    return PSA_SUCCESS;
}

psa_status_t psa_key_derivation_input_bytes(psa_key_derivation_operation_t *operation, psa_key_derivation_step_t step,
                                            const uint8_t *data, size_t data_length)
{
    psa_hkdf_key_derivation_t *hkdf = &operation->ctx.hkdf;
    const mbedtls_md_info_t *md = md_of(operation->alg);
    size_t hash_size = mbedtls_md_get_size(md);
    if (step == PSA_KEY_DERIVATION_INPUT_INFO) {
        hkdf->info = (uint8_t *)(uintptr_t)data;
        hkdf->info_length = data_length;
        return PSA_SUCCESS;
    }
    if (step == PSA_KEY_DERIVATION_INPUT_SECRET && PSA_ALG_IS_HKDF_EXTRACT(operation->alg))
        return status_of(mbedtls_hkdf_extract(md, hkdf->output_block, hash_size, data, data_length, hkdf->prk));
    /* A salt shorter than a hash is filled up with zeros (RFC 5869 section 2.2); a secret to expand is as long as one. */
    if (data_length > hash_size || (step == PSA_KEY_DERIVATION_INPUT_SECRET && data_length != hash_size))
        return PSA_ERROR_INVALID_ARGUMENT;
    if (data_length > 0)
        memcpy(step == PSA_KEY_DERIVATION_INPUT_SALT ? hkdf->output_block : hkdf->prk, data, data_length);
    return PSA_SUCCESS;
}

psa_status_t psa_key_derivation_output_bytes(psa_key_derivation_operation_t *operation, uint8_t *output,
                                             size_t output_length)
{
    const psa_hkdf_key_derivation_t *hkdf = &operation->ctx.hkdf;
    const mbedtls_md_info_t *md = md_of(operation->alg);
    size_t hash_size = mbedtls_md_get_size(md);
    if (PSA_ALG_IS_HKDF_EXPAND(operation->alg))
        return status_of(
            mbedtls_hkdf_expand(md, hkdf->prk, hash_size, hkdf->info, hkdf->info_length, output, output_length));
    if (output_length > hash_size)
        return PSA_ERROR_INSUFFICIENT_DATA;
    memcpy(output, hkdf->prk, output_length);
    return PSA_SUCCESS;
}

psa_status_t psa_key_derivation_abort(psa_key_derivation_operation_t *operation)
{
    mbedtls_platform_zeroize(operation, sizeof *operation);
    return PSA_SUCCESS;
}
