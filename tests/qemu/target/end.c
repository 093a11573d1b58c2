/* end.c: main()'s result becomes QEMU's exit code (semihosting, SYS_EXIT_EXTENDED). For tests only: without a debugger the instruction faults. */
#include "cortex_m/cortex_m.h"

#define SYS_EXIT_EXTENDED 0x20
#define APPLICATION_EXIT 0x20026u

_Noreturn void cortex_m_main_returned(int result)
{
    while (!board_uart_is_idle(0)) {
        board_wait(board_now() + 1);
    }
    const uint32_t block[2] = {APPLICATION_EXIT, (uint32_t)result};
    register int operation __asm__("r0") = SYS_EXIT_EXTENDED;
    register const uint32_t *argument __asm__("r1") = block;
    for (;;) {
        __asm__ volatile("bkpt 0xAB" : "+r"(operation) : "r"(argument) : "memory");
    }
}
