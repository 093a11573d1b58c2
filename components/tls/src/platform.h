/* platform.h: what mbedTLS asks its platform for, answered by the context that is bound at the moment. */
#ifndef TLS_PLATFORM_H
#define TLS_PLATFORM_H

#include "tls/tls.h"

/* mbedTLS's hooks for memory, time and PSA's random numbers have no argument, so the context has to be known in one
 * place. Every public function binds its own before it calls mbedTLS, where to note what failed, and whose the memory
 * is: several connections, and other rooms with hooks of their own, may take turns. */
void platform_bind(struct tls_context *context, struct tls_faults *faults, uint8_t owner);
/* Whom to ask for memory when the arena is nearly full: `lender` gives an arena or NULL. Until the next platform_bind(). */
void platform_borrow(struct arena *(*lender)(void *ctx), void *ctx);
/* For mbedtls_ssl_conf_rng(); the first argument isn't used. */
int platform_random(void *unused, unsigned char *out, size_t size);

#endif
