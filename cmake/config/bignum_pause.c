/* bignum_pause.c: see bignum_pause.h. */
#include "bignum_pause.h"

#include <stddef.h>

int bignum_pause_left = 4 * BIGNUM_PAUSE_ROWS;
static void (*pause_function)(void);

void bignum_pause_set(void (*pause)(void))
{
    pause_function = pause;
}

void bignum_pause_now(void)
{
    void (*const pause)(void) = pause_function;
    bignum_pause_left = 4 * BIGNUM_PAUSE_ROWS;
    if (pause != NULL) {
        pause_function = NULL; /* for as long as it runs */
        pause();
        pause_function = pause;
    }
}
