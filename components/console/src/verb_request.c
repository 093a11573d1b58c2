/* verb_request.c: `identity csr` and `identity certificate`: a key that is made here, and the certificate for it. */
#include "base/text.h"

#include "verbs.h"

static bool key_of_word(struct bytes word, enum console_key *key)
{
    *key = word_is(word, "ec") ? CONSOLE_KEY_EC : word_is(word, "rsa") ? CONSOLE_KEY_RSA : CONSOLE_KEY_WAITING;
    return *key != CONSOLE_KEY_WAITING || word.size == 0;
}

/* What a new key would take the place of, and nobody said that it may. */
static enum ifl_status check_slot(const struct identity_slots *slots)
{
    if (slots->pending >= 0) {
        return IFL_IDENTITY_ON_TRIAL;
    }
    return identity_slots_has_before(slots) ? IFL_IDENTITY_BEFORE : IFL_OK;
}

/* The pasted text's buffer holds the request. */
static enum ifl_status request_csr(struct console *console, struct words *words, ifl_ms now)
{
    struct console_intake *intake = console->wiring->intake;
    enum console_key key;
    const bool known = key_of_word(words_next(words), &key);
    if (!known || words_are_left(words)) {
        return IFL_USAGE;
    }
    enum ifl_status status = key == CONSOLE_KEY_WAITING ? check_slot(console->wiring->slots) : IFL_OK;
    status = status == IFL_OK ? import_take_buffer(console) : status;
    if (status != IFL_OK) {
        return status;
    }
    struct text pem;
    text_init(&pem, (char *)intake->buf, intake->size);
    status = intake->csr(intake->ctx, key, &pem, now);
    if (status == IFL_OK) {
        answer_form(&console->out, "%s|request%s", pem.buf);
    }
    console_end(console);
    return status;
}

const struct console_verb CONSOLE_CSR = {"identity csr", request_csr, IFL_WORDS_HELP_CSR, ACCESS_CHANGES};

const struct console_verb CONSOLE_CSR_EC = {"identity csr", request_csr, IFL_WORDS_HELP_CSR_EC, ACCESS_CHANGES};

static enum ifl_status take_chain(const struct console *console, struct bytes text, ifl_ms now)
{
    const struct console_intake *intake = console->wiring->intake;
    return intake->certificate(intake->ctx, text, intake->new_tenant, now);
}

static enum ifl_status take_certificate(struct console *console, struct words *words, ifl_ms now)
{
    static const struct console_paste CHAIN = {"the certificates", IFL_WORDS_PASTE_CERTIFICATES, true, take_chain,
                                               console_verb_identity};
    (void)now;
    return console->wiring->slots->request < 0 ? IFL_NOT_FOUND : import_begin(console, words, &CHAIN);
}

const struct console_verb CONSOLE_CERTIFICATE = {"identity certificate", take_certificate, IFL_WORDS_HELP_CERTIFICATE,
                                                 ACCESS_CHANGES};
