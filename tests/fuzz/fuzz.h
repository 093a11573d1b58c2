/* fuzz.h: what every target has. A promise that doesn't hold ends the program: libFuzzer keeps the input. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void promise(int holds)
{
    if (!holds)
        abort();
}

#endif
