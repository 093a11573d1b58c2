/* paste.h: a service key as people have it, with what programs did to it on the way undone. For hosts: it wants some MB of memory, and no node links it.
 *
 * Taken beyond what service_key_read() takes:
 *   - other encodings: UTF-16, Windows-1252, typographic quotes, invisible characters, terminal control sequences, HTML, quoted-printable, percent-encoding;
 *   - other wrappings: the cockpit's Form tab, `name: value` and `name=value` lines, Kubernetes Secrets as YAML or JSON (base64, one entry a field or the whole
 *     service key under any name), JSON inside of a JSON string, doubled or single quotes, trailing or missing commas, missing braces, code fences, quoted mail,
 *     numbered lines, string literals of a program;
 *   - PEM with its BEGIN or END line missing, with rubbish inside of a block, in base64url, or only its base64; DER files; PKCS#7 (.p7b);
 *   - PKCS#12 and encrypted private keys, where the caller can open them (struct paste_unlock);
 *   - the same service key twice, or the same private key in two formats;
 *   - a CA's certificate renewed or cross-signed beside the other one (same name and key): the chain that lasts longest counts.
 *
 * It may be this generous, because nothing that it finds is believed: all of it goes through service_key_read(), where signatures prove certificates and key.
 * An object with another `clientid`, without certificate and key, is another service's: VCAP_SERVICES has such beside it.
 * It never leaves out what it can't read: base64 that looks like a certificate or a key and doesn't decode to exactly one is a refusal. What service_key_read() refuses with a clear
 * cause (plan api, an unsupported key, ...) isn't tried again; two keys, a key of another certificate and a broken chain stay refused unless the search finds what completes them.
 * A refusal also says what the input looks like instead (a Java keystore, a certificate request, ...). The texts (url, clientid, tokenurl) can't be proven: they are to be shown.
 *
 * A url that leads to where tokens come from isn't taken: service keys of xsuaa, destination and other services have such, and flows never run there.
 *
 * Time: linear in the size of the input, with a small factor. Re-entrant with different structs. */
#ifndef IDENTITY_PASTE_H
#define IDENTITY_PASTE_H

#include "identity/service_key.h"

#define PASTE_BLOB_COUNT 16
/* Bytes of work space for inputs with `size` bytes together. */
#define PASTE_WORK_SIZE(size) (8 * (size_t)(size) + (size_t)(256 * 1024))

enum paste_kind {
    PASTE_CERTIFICATE,   /* DER */
    PASTE_KEY,           /* DER: PKCS#1, SEC1 or PKCS#8 */
    PASTE_ENCRYPTED_DER, /* PKCS#8 under a passphrase */
    PASTE_ENCRYPTED_PEM, /* a text: PEM with the headers Proc-Type and DEK-Info (RFC 1421) */
    PASTE_PKCS12,
    PASTE_PKCS7, /* certificates without a key, as .p7b files have them (RFC 2315) */
};

struct paste_blob {
    enum paste_kind kind;
    struct bytes bytes;
};

/* The texts of an object that has a client of its own, but neither certificate nor key: perhaps another service. */
struct paste_texts {
    char url[IDENTITY_TEXT_SIZE], clientid[IDENTITY_TEXT_SIZE], tokenurl[IDENTITY_TEXT_SIZE];
};
#define PASTE_LOOSE_COUNT 8

/* What was found so far. The caller owns struct and work space; the space is a secret, and wiped by paste_read(). */
struct paste {
    uint8_t *buf;
    size_t size, used; /* what is kept grows from the start, what is needed for a while from the end */
    size_t top;
    struct paste_blob blobs[PASTE_BLOB_COUNT];
    size_t blob_count;
    unsigned left_out; /* bits of blobs: copies of certificates that the chain doesn't need */
    char url[IDENTITY_TEXT_SIZE], clientid[IDENTITY_TEXT_SIZE], tokenurl[IDENTITY_TEXT_SIZE];
    char auth_url[IDENTITY_TEXT_SIZE]; /* the `url` under `uaa` */
    struct paste_texts loose[PASTE_LOOSE_COUNT];
    size_t loose_count;
    bool secret;            /* there is a clientsecret */
    bool json_key;          /* the key came together with texts: a service key, not a file of its own */
    bool straighten;        /* typographic quotes are taken for straight ones */
    unsigned repairs;       /* bits of enum paste_repair */
    enum ifl_status status; /* the first thing that couldn't be read */
    struct text detail;
    char detail_buf[160];
};

/* Opens what a passphrase protects. open(): OK: what was in it was added with paste_add(). KEY_ENCRYPTED: no passphrase, or a wrong one. Others: see there. */
struct paste_unlock {
    void *ctx;
    enum ifl_status (*open)(void *ctx, struct paste *paste, struct paste_blob blob);
};

/* Add DER; of PKCS#7 each certificate. Doubled ones are taken once. TOO_LARGE: too many, or no space. */
enum ifl_status paste_add(struct paste *paste, enum paste_kind kind, struct bytes der);

/* As service_key_read(), with everything above. `work` has PASTE_WORK_SIZE bytes of all inputs together; it's wiped. `unlock` may be NULL: KEY_ENCRYPTED then.
 * OK with the warning KEY_NO_URL: report.detail says why the url that is there isn't taken; "": there is none. */
enum ifl_status paste_read(const struct bytes *inputs, size_t input_count, struct bytes work,
                           const struct paste_unlock *unlock, struct arena *arena, const struct ifl_random *random,
                           void *buf, size_t buf_size, struct identity *identity, struct service_key_report *report);

/* Why flows never run at this url: a whole sentence without its end. NULL: nothing speaks against it. Only what is certain by the names is told. */
const char *paste_url_fault(const char *url, const char *clientid);
/* What paste_read() does at its end, for an identity that was read by another way: a url where flows never run goes, with the warning KEY_NO_URL and the reason as detail. */
void paste_check_url(struct identity *identity, struct service_key_report *report);
/* After an OK of paste_read(): by url and clientid it's the key of another SAP service than Process Integration Runtime. */
bool paste_is_of_another_service(const struct service_key_report *report);

#endif
