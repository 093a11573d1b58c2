/* bignum_pause.h: a turn for others in the middle of Mbed TLS's long arithmetic.
 *
 * One RSA signature is some 100 million instructions in a single call, and Mbed TLS has no way to leave it half-way that TLS 1.3 can use. So its
 * arithmetic asks here now and then whether somebody else wants a turn: at each row of a long multiplication (elsewhere than on a Cortex-M3 at each
 * eight limbs of it), in each turn of the loop of a modular inversion (bignum_core_pause.h), and at each digit of a long division (bignum_div_pause.h).
 * That is where the time of signatures, their verification and key exchanges goes. When that adds up to BIGNUM_PAUSE_ROWS rows, the function that was given is
 * called, on the same stack, like any other call: nothing is interrupted anywhere else. On a Cortex-M3 that is every 0.3 to 1.2 million instructions, and
 * 2.3 million at most in a handshake, with what lies around the arithmetic (./dev bench measures it).
 *
 * What it may rely on: the arithmetic works on numbers in memory that is its own. It isn't within a call for memory, randomness, time, input or output, and
 * no other part of Mbed TLS or of the caller runs. So the function may do what could as well be done just before the call that led to the arithmetic.
 * What it must not do: call Mbed TLS; free or change what that caller works on (its connection, its identity, its arena). */
#ifndef BIGNUM_PAUSE_H
#define BIGNUM_PAUSE_H

#define BIGNUM_PAUSE_ROWS 2048

/* From now on call `pause`; NULL, as at the start: nothing is called. It isn't called again while it runs. */
void bignum_pause_set(void (*pause)(void));

/* For the places in the arithmetic. A step in work, in quarters of a row. */
#define BIGNUM_PAUSE(quarters)                                                                                         \
    do {                                                                                                               \
        if ((bignum_pause_left -= (int)(quarters)) <= 0) {                                                             \
            bignum_pause_now();                                                                                        \
        }                                                                                                              \
    } while (0)
extern int bignum_pause_left;
void bignum_pause_now(void);

#endif
