/* psa_node_names.h: the functions of cmake/config/psa_node.c under the names that they have in this test, beside Mbed TLS's own of the same names. */
#ifndef PSA_NODE_NAMES_H
#define PSA_NODE_NAMES_H

#include <psa/crypto.h>

psa_status_t node_psa_crypto_init(void);
psa_status_t node_psa_hash_compute(psa_algorithm_t alg, const uint8_t *input, size_t input_length, uint8_t *hash,
                                   size_t hash_size, size_t *hash_length);
psa_status_t node_psa_destroy_key(mbedtls_svc_key_id_t id);
psa_status_t node_psa_get_key_attributes(mbedtls_svc_key_id_t id, psa_key_attributes_t *attributes);
psa_status_t node_psa_import_key(const psa_key_attributes_t *attributes, const uint8_t *data, size_t data_length,
                                 mbedtls_svc_key_id_t *id);
psa_status_t node_psa_mac_compute(mbedtls_svc_key_id_t id, psa_algorithm_t alg, const uint8_t *input,
                                  size_t input_length, uint8_t *mac, size_t mac_size, size_t *mac_length);
psa_status_t node_psa_generate_key(const psa_key_attributes_t *attributes, mbedtls_svc_key_id_t *id);
psa_status_t node_psa_export_public_key(mbedtls_svc_key_id_t id, uint8_t *data, size_t data_size, size_t *data_length);
psa_status_t node_psa_raw_key_agreement(psa_algorithm_t alg, mbedtls_svc_key_id_t id, const uint8_t *peer_key,
                                        size_t peer_key_length, uint8_t *output, size_t output_size,
                                        size_t *output_length);
psa_status_t node_psa_key_derivation_setup(psa_key_derivation_operation_t *operation, psa_algorithm_t alg);
psa_status_t node_psa_key_derivation_input_bytes(psa_key_derivation_operation_t *operation,
                                                 psa_key_derivation_step_t step, const uint8_t *data,
                                                 size_t data_length);
psa_status_t node_psa_key_derivation_output_bytes(psa_key_derivation_operation_t *operation, uint8_t *output,
                                                  size_t output_length);
psa_status_t node_psa_key_derivation_abort(psa_key_derivation_operation_t *operation);

#endif
