/* crypto.h: mbedTLS for the time of one call: memory from the caller's arena, randomness from the caller's source. */
#ifndef IDENTITY_CRYPTO_H
#define IDENTITY_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/random.h"

/* mbedTLS's hooks have no argument, so what is bound has to be known in one place: bind before, unbind after every use. */
void crypto_bind(struct arena *arena, const struct ifl_random *random);
/* From now on mbedTLS gets no memory until somebody binds again. True: a block or random bytes were refused since crypto_bind(). */
void crypto_unbind(bool *no_memory, bool *no_entropy);
/* For mbedTLS's f_rng; the first argument isn't used. */
int crypto_random(void *unused, unsigned char *out, size_t size);

#endif
