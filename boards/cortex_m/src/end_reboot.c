/* end_reboot.c: firmware never ends; if main() returns all the same, start again and say so. */
#include "cortex_m/cortex_m.h"

_Noreturn void cortex_m_main_returned(int result)
{
    (void)result;
    board_reboot(BOARD_DEFECT);
}
