/* trust_files.h: the trust bundle from a PEM file.
 *
 * Only an index is kept: where each certificate stands and a check sum of its subject. A certificate is read and
 * decoded when a chain asks for it, so 150 roots cost 2 KB instead of 200 KB. A file that was replaced or changed in
 * the meantime (update-ca-certificates) is noticed and indexed anew. */
#ifndef LINUX_TRUST_FILES_H
#define LINUX_TRUST_FILES_H

#include <limits.h>
#include <sys/types.h>
#include <time.h>

#include "base/text.h"
#include "tls/tls.h"

#define TRUST_FILES_ROOT_MAX 512 /* certificates in a file */
#define TRUST_FILES_PEM_MAX 8192 /* bytes of one certificate as PEM */

struct trust_files_root {
    uint32_t at, size;    /* of the base64 text in the file */
    uint32_t subject_crc; /* a hint; the subject itself is compared when the certificate is read */
};

struct trust_files {
    char path[PATH_MAX];
    bool strict; /* chosen by a person: a damaged certificate is an error. The system's: it's left out */
    size_t count;
    struct {
        dev_t device;
        ino_t inode;
        off_t size;
        struct timespec changed;
    } seen; /* which file was indexed */
    struct trust_files_root root[TRUST_FILES_ROOT_MAX];
    uint8_t der[TRUST_FILES_PEM_MAX];
};

/* Index the certificates of `path`; NULL: the system's bundle (Debian: ca-certificates). FILE: it can't be read, or
 * holds no certificate or a damaged one; TOO_LARGE: more or larger ones than fit. `detail` then says which file and
 * why; nothing of the former index remains. */
enum ifl_status trust_files_load(struct trust_files *trust, const char *path, struct text *detail);
/* For struct tls_context; `trust` must stay where it is. */
struct tls_trust trust_files_trust(struct trust_files *trust);

#endif
