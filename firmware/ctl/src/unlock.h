/* unlock.h: what OpenSSL's libcrypto does here: PKCS#12 files and encrypted private keys, opened and made.
 *
 * Opening runs in a child process with a limit of 2 s of CPU time, because a file may ask for any amount of work before its passphrase is tried. */
#ifndef CTL_UNLOCK_H
#define CTL_UNLOCK_H

#include "identity/paste.h"

#define PASSPHRASE_SIZE 1024

struct passphrase {
    bool known;
    bool may_ask;               /* on the terminal, if there is one */
    char text[PASSPHRASE_SIZE]; /* a secret */
};

/* The first line of a file. FILE, TOO_LARGE: *detail says why. */
enum ifl_status passphrase_read(struct passphrase *passphrase, const char *file, struct text *detail);
/* Ask on the terminal, without echo; twice for a new one. False: there is no terminal, or the two differ. */
bool passphrase_ask(struct passphrase *passphrase, const char *prompt, bool twice);

/* ctx is a struct passphrase. An empty passphrase is tried first. */
enum ifl_status unlock_open(void *ctx, struct paste *paste, struct paste_blob blob);

/* A PKCS#12 file of the identity, in `buf`; AES-256 and SHA-256, as Java 8 and Windows 10 read it. FAILED reasons: NO_MEMORY, TOO_LARGE. */
enum ifl_status pkcs12_make(const struct identity *identity, const char *passphrase, void *buf, size_t buf_size,
                            size_t *size);

#endif
