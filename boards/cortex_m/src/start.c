/* start.c: from the reset to main().
 *
 * The CPU starts on the interrupt stack, since the first word of the vector table says so. When memory is in order, main() runs on the main
 * stack (PSP) and everything that interrupts it on the interrupt stack (MSP): a main stack that overflows leaves a stack for the fault handler. */
#include "cortex_m/cortex_m.h"

#include <string.h>

#include "system_registers.h"

#define PAINT 0xC5C5C5C5u /* an unused word of a stack */

extern uint32_t __stack_bottom[], __stack_top[], __interrupt_stack_bottom[];
extern uint8_t __data_load[], __data_start[], __data_end[], __bss_start[], __bss_end[];

int main(void);

static void paint(uint32_t *from, const uint32_t *to)
{
    while (from < to) {
        *from++ = PAINT;
    }
}

static size_t untouched(const uint32_t *bottom, const uint32_t *top)
{
    const uint32_t *word = bottom;
    while (word < top && *word == PAINT) {
        word++;
    }
    return (size_t)(word - bottom) * sizeof *word;
}

size_t board_stack_size(void)
{
    return (size_t)(__stack_top - __stack_bottom) * sizeof(uint32_t);
}

size_t board_stack_used(void)
{
    return board_stack_size() - untouched(__stack_bottom, __stack_top);
}

size_t board_interrupt_stack_size(void)
{
    return (size_t)(__interrupt_stack_top - __interrupt_stack_bottom) * sizeof(uint32_t);
}

size_t board_interrupt_stack_used(void)
{
    return board_interrupt_stack_size() - untouched(__interrupt_stack_bottom, __interrupt_stack_top);
}

/* Only the assembler below calls it. */
__attribute__((used)) void cortex_m_on_main_stack(void);

void cortex_m_on_main_stack(void)
{
    cortex_m_reboot_start(cortex_m_time_start());
    cortex_m_board_init();
    cortex_m_main_returned(main());
}

static void fill_memory(void)
{
    const uint32_t *here;
    __asm__ volatile("mov %0, sp" : "=r"(here));
    paint(__interrupt_stack_bottom, here - 16); /* a margin for what is called here */
    paint(__stack_bottom, __stack_top);
    memcpy(__data_start, __data_load, (size_t)(__data_end - __data_start));
    memset(__bss_start, 0, (size_t)(__bss_end - __bss_start));
}

void cortex_m_reset(void)
{
    fill_memory();
    io_write(SCB_CCR, io_read(SCB_CCR) | CCR_DIV_0_TRP | CCR_STKALIGN);
    io_write(SCB_SHCSR, io_read(SCB_SHCSR) | SHCSR_FAULTS_ENABLED);
    cortex_m_protect();
    __asm__ volatile("msr psp, %0\n"
                     "movs r0, #2\n" /* CONTROL.SPSEL: the process stack, still privileged */
                     "msr control, r0\n"
                     "isb\n"
                     "bl cortex_m_on_main_stack\n"
                     :
                     : "r"(__stack_top)
                     : "r0", "lr", "memory");
    __builtin_unreachable();
}

void cortex_m_irq_enable(unsigned irq)
{
    io_write(NVIC_ISER + 4u * (irq / 32u), 1u << (irq % 32u));
}

void cortex_m_irq_disable(unsigned irq)
{
    io_write(NVIC_ICER + 4u * (irq / 32u), 1u << (irq % 32u));
    __asm__ volatile("dsb\nisb" ::: "memory");
}
