/* own_key_none.c: instead of own_key.c where the image must be small: no keys are made here. */
#include "node.h"

void own_key_init(const struct console_verb *verbs[OWN_KEY_VERB_COUNT])
{
    (void)verbs;
}
