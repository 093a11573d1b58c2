/* faults.c: see faults.h. Assembler, because a C compiler may take undefined behaviour as a promise that it never happens. */
#include "faults.h"

#include <stdint.h>
#include <string.h>

#include "board/board.h"

#define NEVER_INLINED __attribute__((noinline, noclone))

static void null_read(void)
{
    __asm__ volatile("movs r0, #0\nldr r0, [r0, #12]" ::: "r0", "memory");
}

static void null_write(void)
{
    __asm__ volatile("movs r0, #0\nstr r0, [r0]" ::: "r0", "memory");
}

static void write_to_code(void)
{
    __asm__ volatile("mov r0, #0x1000\nstr r0, [r0]" ::: "r0", "memory");
}

static void beyond_ram(void)
{
    __asm__ volatile("ldr r0, =0x20010000\nldr r0, [r0]" ::: "r0", "memory");
}

static void run_data(void)
{
    static const uint16_t bx_lr = 0x4770;
    uint16_t code[2] = {bx_lr, bx_lr};
    uintptr_t entry = (uintptr_t)code | 1u;
    __asm__ volatile("blx %0" ::"r"(entry) : "lr", "memory");
}

static void undefined_instruction(void)
{
    __asm__ volatile("udf #0");
}

static void divide_by_zero(void)
{
    __asm__ volatile("movs r0, #0\nmovs r1, #1\nudiv r1, r1, r0" ::: "r0", "r1");
}

static NEVER_INLINED uint32_t recurse(volatile uint32_t *above)
{
    volatile uint32_t here[8];
    here[0] = *above + 1;
    return *above == UINT32_MAX ? 0 : recurse(here) + here[0];
}

/* One frame that is larger than what is left of the stack: it jumps over any narrow guard. */
static NEVER_INLINED void large_frame(void)
{
    volatile uint32_t block[6 * 1024];
    for (unsigned i = 0; i < sizeof block / sizeof *block; i++) {
        block[i] = i;
    }
}

static const struct {
    const char *name;
    void (*function)(void);
} faults[] = {
    {"null-read", null_read},   {"null-write", null_write},   {"write-to-code", write_to_code},
    {"beyond-ram", beyond_ram}, {"run-data", run_data},       {"undefined", undefined_instruction},
    {"divide", divide_by_zero}, {"large-frame", large_frame},
};

void make_fault(const char *name)
{
    if (strcmp(name, "recursion") == 0) {
        volatile uint32_t first = 0;
        (void)recurse(&first);
    }
    for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (strcmp(name, faults[i].name) == 0) {
            faults[i].function();
        }
    }
}
