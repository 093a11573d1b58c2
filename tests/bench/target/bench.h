/* bench.h: what the stop watch of the firmware's loop has measured; tests/bench/bench.py reads it out of the board's memory by the name of the variable.
 * All words are little-endian; the layout is known to bench.py. */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

#define BENCH_EVENT_COUNT 40u

enum bench_kind { BENCH_FULL_HANDSHAKE = 1, BENCH_RESUMED_HANDSHAKE = 2, BENCH_POST = 3 };

struct bench_event {
    uint32_t kind;
    uint32_t cycles;  /* of the CPU's clock, while the loop was at work */
    uint32_t longest; /* turn of the loop among them; in a full handshake that is the one that signs */
    uint32_t second_longest;
    uint32_t longest_gap; /* in which none of the loop's duties ran: bench_duty() to bench_duty(), sleep left out */
    uint32_t bytes_sent, bytes_received; /* above TCP */
};

struct bench {
    uint32_t event_count;
    uint32_t turns;
    uint32_t longest_idle; /* step in which nothing was sent or received */
    uint32_t arena_peak, arena_extent;
    uint32_t stack_used, stack_size, interrupt_stack_used, interrupt_stack_size;
    uint32_t network_heap_peak;
    struct bench_event events[BENCH_EVENT_COUNT];
};

/* The application has its turn: watchdog, network and console have had theirs just before, in the loop (node_step()) as in the middle of a signature
 * (duties.c). */
void bench_duty(void);

#endif
