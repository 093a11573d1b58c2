/* own_key.c: `identity csr` and `identity certificate`: a key that the node makes itself and keeps. Keys on P-256 only: the search for an RSA key's primes would
 * take minutes here.
 *
 *   csr: key ─► slot that isn't in force ─► request        certificate: pasted chain + key in the slot ─► behind the key, pending */
#include <string.h>

#include "board/board.h"
#include "identity/request.h"
#include "intake.h"
#include "node.h"

#define KEY_SIZE 160u /* bytes of DER of a key on P-256 (RFC 5915): 121 */

struct own_key {
    struct identity identity;
    uint8_t der[KEY_SIZE];
};

/* As the certificate of a service key of type "External Certificate" says no url: the new identity leads where the one in use leads. */
static enum ifl_status read_url(int slot, struct identity *identity)
{
    size_t size = 0;
    const enum ifl_status status =
        identity_slots_part(&node_slots, slot, IDENTITY_PART_URL, identity->url, sizeof identity->url - 1, &size);
    identity->url[size] = '\0';
    return status == IFL_END ? IFL_OK : status;
}

static enum ifl_status make_key(struct own_key *own)
{
    enum ifl_status status = request_make_ec(&node.arena, &node_random, own->der, sizeof own->der, &own->identity);
    status = status == IFL_OK ? read_url(node.slot, &own->identity) : status;
    status = status == IFL_OK ? intake_prepare_slot() : status;
    status = status == IFL_OK ? identity_slots_write(&node_slots, &own->identity, false) : status;
    if (status == IFL_OK) {
        uart_print("log: a key was made: its certificate is waited for\n");
    }
    return status;
}

static enum ifl_status read_key(struct own_key *own)
{
    size_t size = 0;
    own->identity = (struct identity){.kind = IDENTITY_REQUEST, .key_type = "EC-P256"};
    enum ifl_status status =
        identity_slots_part(&node_slots, node_slots.request, IDENTITY_PART_KEY, own->der, sizeof own->der, &size);
    own->identity.key = bytes_of(own->der, size);
    return status == IFL_OK ? read_url(node_slots.request, &own->identity) : status;
}

static enum ifl_status csr(void *ctx, enum console_key key, struct text *pem, ifl_ms now)
{
    (void)ctx;
    (void)now;
    if (key == CONSOLE_KEY_RSA) {
        uart_print("log: a node makes EC keys only\n");
        return IFL_KEY_UNSUPPORTED;
    }
    struct own_key *own = arena_calloc(&node.arena, 1, sizeof *own);
    if (own == NULL) {
        return IFL_NO_MEMORY;
    }
    intake_wait_for_flash();
    enum ifl_status status = IFL_OK;
    if (key == CONSOLE_KEY_EC || node_slots.request < 0) {
        status = make_key(own);
    }
    status = status == IFL_OK ? read_key(own) : status;
    if (status == IFL_OK) {
        status = request_write(&node.arena, &node_random, own->identity.key, node_settings.device, pem);
    }
    arena_free(&node.arena, own);
    return status;
}

static enum ifl_status store_answer(const struct identity *identity)
{
    return identity_slots_answer(&node_slots, identity);
}

static enum ifl_status certificate(void *ctx, struct bytes text, bool new_tenant, ifl_ms now)
{
    (void)ctx;
    (void)now;
    struct own_key *own = arena_calloc(&node.arena, 1, sizeof *own);
    struct intake_work *work = own == NULL ? NULL : intake_begin_work();
    enum ifl_status status = IFL_NO_MEMORY;
    if (work != NULL) {
        intake_wait_for_flash();
        status = read_key(own);
        status = status == IFL_OK
                     ? request_answer_once(text, &own->identity, intake_drop_text, NULL, &node.arena, &node_random,
                                           work->der, sizeof work->der, &work->identity, &work->report)
                     : status;
        status = intake_end_work(work, status, new_tenant, store_answer);
    }
    arena_free(&node.arena, own);
    return status;
}

void own_key_init(const struct console_verb *verbs[OWN_KEY_VERB_COUNT])
{
    node_intake.csr = csr;
    node_intake.certificate = certificate;
    verbs[0] = &CONSOLE_CSR_EC;
    verbs[1] = &CONSOLE_CERTIFICATE;
}
