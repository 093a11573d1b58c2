/* reboot.c: the record of why the last run ended, in RAM that a reset leaves alone.
 *
 *   at start    valid record with a reason  ->  that reason
 *               valid record, RUNNING       ->  nobody said good-bye: watchdog or reset from outside
 *               anything else               ->  power on
 *   then        RUNNING is noted, and a reason over it when a run ends by our own doing. */
#include "cortex_m/cortex_m.h"

#include <string.h>

#include "base/crc32c.h"
#include "system_registers.h"

#define MAGIC 0x49464C52u
#define RUNNING 0x100u

struct record {
    uint32_t magic;
    uint32_t reason; /* enum board_reboot_reason, or RUNNING */
    uint32_t pc, lr, address, fault_status;
    uint32_t boot_count;
    uint32_t crc;
};

static CORTEX_M_NOINIT struct record record;
static struct board_reboot last;

static uint32_t check_sum(void)
{
    return crc32c(0, &record, offsetof(struct record, crc));
}

static bool is_valid(void)
{
    return record.magic == MAGIC && record.crc == check_sum() &&
           (record.reason == RUNNING || record.reason <= BOARD_DEFECT);
}

static void note(uint32_t reason, const struct board_reboot *reboot)
{
    record.magic = MAGIC;
    record.reason = reason;
    record.pc = reboot->pc;
    record.lr = reboot->lr;
    record.address = reboot->address;
    record.fault_status = reboot->fault_status;
    record.crc = check_sum();
}

void cortex_m_reboot_start(ifl_ms last_uptime_ms)
{
    last = (struct board_reboot){.reason = BOARD_POWER_ON};
    if (is_valid()) {
        last.reason = record.reason == RUNNING ? cortex_m_reset_source() : (enum board_reboot_reason)record.reason;
        last.pc = record.pc;
        last.lr = record.lr;
        last.address = record.address;
        last.fault_status = record.fault_status;
        last.boot_count = record.boot_count;
        last.uptime_ms = last_uptime_ms;
    }
    last.boot_count++;
    record.boot_count = last.boot_count;
    note(RUNNING, &(struct board_reboot){0});
}

const struct board_reboot *board_last_reboot(void)
{
    return &last;
}

const char *board_reboot_reason_name(enum board_reboot_reason reason)
{
    static const char *const names[] = {
        [BOARD_POWER_ON] = "power on", [BOARD_REQUESTED] = "requested",
        [BOARD_FAULT] = "fault",       [BOARD_STACK_OVERFLOW] = "stack overflow",
        [BOARD_WATCHDOG] = "watchdog", [BOARD_OUTSIDE] = "reset from outside",
        [BOARD_DEFECT] = "defect",
    };
    return (unsigned)reason < sizeof names / sizeof *names ? names[reason] : "unknown";
}

_Noreturn void cortex_m_reboot_record(const struct board_reboot *reboot)
{
    note((uint32_t)reboot->reason, reboot);
    __asm__ volatile("dsb" ::: "memory");
    io_write(SCB_AIRCR, AIRCR_SYSRESETREQ);
    for (;;) {
        __asm__ volatile("dsb" ::: "memory"); /* the reset takes some cycles */
    }
}

_Noreturn void board_reboot(enum board_reboot_reason reason)
{
    struct board_reboot reboot = {.reason = reason, .lr = (uint32_t)(uintptr_t)__builtin_return_address(0)};
    cortex_m_reboot_record(&reboot);
}
