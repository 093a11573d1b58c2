/* intake_none.c: instead of intake.c where the image must be small: a new identity comes with a new flash image. */
#include "node.h"

void intake_init(void)
{
    node.intake = (struct console_intake){0};
}

ifl_ms intake_step(ifl_ms now)
{
    (void)now;
    return IFL_NEVER;
}
