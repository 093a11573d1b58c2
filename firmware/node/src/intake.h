/* intake.h: what `import` and `identity certificate` (own_key.c) have in common. Secrets; it lies in the arena, which wipes what is freed. */
#ifndef NODE_INTAKE_H
#define NODE_INTAKE_H

#include "identity/service_key.h"

struct intake_work {
    struct identity identity;
    struct service_key_report report;
    uint8_t der[IFL_IDENTITY_SIZE_MAX];
};

/* NO_MEMORY is all that can be wrong where it's NULL. */
struct intake_work *intake_begin_work(void);
/* What was pasted isn't needed any more: its room is free for the proof. */
void intake_drop_text(void *ctx);
/* What reading it came to, and what to do with it: refused with a line in the log, or stored by `store` if it leads to a tenant that it may lead to. *work is
 * freed. */
enum ifl_status intake_end_work(struct intake_work *work, enum ifl_status status, bool new_tenant,
                                enum ifl_status (*store)(const struct identity *identity));
/* An erase under way is waited for. No other begins before the loop goes on. */
void intake_wait_for_flash(void);
/* Erase the slot that isn't in force. As identity_slots_prepare(), but never AGAIN. */
enum ifl_status intake_prepare_slot(void);

#endif
