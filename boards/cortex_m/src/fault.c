/* fault.c: whatever the CPU refuses ends here: note what it was in RAM that survives the reset, and start again.
 *
 * A stack overflow leaves no frame to read, since the CPU couldn't store it. Then the nearest word on the stack that points behind a call
 * instruction's place in the code stands for the return address. */
#include "cortex_m/cortex_m.h"

#include <string.h>

#include "system_registers.h"

#define FRAME_LR 5 /* words of an exception frame: r0 r1 r2 r3 r12 lr pc xpsr */
#define FRAME_PC 6
#define EXCEPTION_NMI 2u
#define EXCEPTION_HARD_FAULT 3u
#define EXCEPTION_USAGE_FAULT 6u
#define EXC_RETURN_PSP (1u << 2)
#define STACK_SEARCH_COUNT 64   /* words */
#define MAIN_GUARD_SIZE 0x8000u /* bytes below the main stack: outside RAM */
#define INTERRUPT_GUARD_SIZE 32u

extern uint32_t __stack_bottom[], __stack_top[], __interrupt_stack_bottom[];
extern uint8_t __code_start[], __code_end[];

/* Called with the frame on r0 and EXC_RETURN in r1. Where the interrupt stack itself is used up, it starts again from its top: nobody returns. */
__attribute__((naked)) void cortex_m_fault(void)
{
    __asm__ volatile("tst lr, #4\n"
                     "ite eq\n"
                     "mrseq r0, msp\n"
                     "mrsne r0, psp\n"
                     "mov r1, lr\n"
                     "ldr r2, =__interrupt_stack_bottom + 192\n"
                     "cmp sp, r2\n"
                     "bhs 1f\n"
                     "ldr r2, =__interrupt_stack_top\n"
                     "mov sp, r2\n"
                     "1: b cortex_m_fault_record\n");
}

static uint32_t exception_number(void)
{
    uint32_t ipsr;
    __asm__ volatile("mrs %0, ipsr" : "=r"(ipsr));
    return ipsr & 0x1FFu;
}

static bool within(uintptr_t address, const void *start, const void *end)
{
    return address >= (uintptr_t)start && address < (uintptr_t)end;
}

static uint32_t failed_address(uint32_t cfsr)
{
    if (cfsr & CFSR_MMARVALID) {
        return io_read(SCB_MMFAR);
    }
    return cfsr & CFSR_BFARVALID ? io_read(SCB_BFAR) : 0;
}

static bool is_in_guard(uint32_t address)
{
    uintptr_t main_bottom = (uintptr_t)__stack_bottom, interrupt_bottom = (uintptr_t)__interrupt_stack_bottom;
    return (address < main_bottom && address >= main_bottom - MAIN_GUARD_SIZE) ||
           (address < interrupt_bottom && address >= interrupt_bottom - INTERRUPT_GUARD_SIZE);
}

/* The nearest return address on the stack: odd (Thumb) and inside the code. */
static uint32_t return_address(const uint32_t *frame, const uint32_t *bottom, const uint32_t *top)
{
    const uint32_t *word = frame < bottom ? bottom : frame;
    for (unsigned i = 0; i < STACK_SEARCH_COUNT && word + i < top; i++) {
        if ((word[i] & 1u) != 0 && within(word[i], __code_start, __code_end)) {
            return word[i];
        }
    }
    return 0;
}

static enum board_reboot_reason reason_of(uint32_t exception, uint32_t cfsr, bool overflow)
{
    if (exception == EXCEPTION_NMI) {
        return BOARD_WATCHDOG;
    }
    if (overflow) {
        return BOARD_STACK_OVERFLOW;
    }
    bool is_fault = exception >= EXCEPTION_HARD_FAULT && exception <= EXCEPTION_USAGE_FAULT;
    return is_fault || cfsr != 0 ? BOARD_FAULT : BOARD_DEFECT; /* an interrupt that nobody handles */
}

/* Only the assembler above calls it. */
__attribute__((used)) _Noreturn void cortex_m_fault_record(const uint32_t *frame, uint32_t exc_return);

void cortex_m_fault_record(const uint32_t *frame, uint32_t exc_return)
{
    __asm__ volatile("cpsid i" ::: "memory");
    bool on_main = (exc_return & EXC_RETURN_PSP) != 0;
    const uint32_t *bottom = on_main ? __stack_bottom : __interrupt_stack_bottom;
    const uint32_t *top = on_main ? __stack_top : __interrupt_stack_top;
    uint32_t cfsr = io_read(SCB_CFSR);
    bool no_frame = (cfsr & (CFSR_MSTKERR | CFSR_STKERR)) != 0 || !within((uintptr_t)frame, bottom, top - FRAME_PC);

    struct board_reboot reboot = {.address = failed_address(cfsr), .fault_status = cfsr};
    bool overflow = no_frame || is_in_guard(reboot.address);
    reboot.reason = reason_of(exception_number(), cfsr, overflow);
    if (no_frame) {
        reboot.lr = return_address(frame, bottom, top);
    } else {
        reboot.pc = frame[FRAME_PC];
        reboot.lr = frame[FRAME_LR];
    }
    cortex_m_reboot_record(&reboot);
}
