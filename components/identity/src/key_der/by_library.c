#include "key_der.h"

int key_der_write(const mbedtls_pk_context *key, struct bytes found, uint8_t *buf, size_t size)
{
    (void)found;
    return mbedtls_pk_write_key_der(key, buf, size);
}

int key_der_write_public(const mbedtls_pk_context *key, uint8_t *buf, size_t size)
{
    return mbedtls_pk_write_pubkey_der(key, buf, size);
}
