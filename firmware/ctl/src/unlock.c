#include "unlock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/x509.h>

#include "linux/file.h"

#define CPU_SECONDS 2
#define PIECE_SIZE_MAX 16384u
#define ITERATIONS 10000 /* of the key derivation */

/* ---- passphrases ---- */

enum ifl_status passphrase_read(struct passphrase *passphrase, const char *file, struct text *detail)
{
    size_t size = 0;
    const enum ifl_status status = strcmp(file, "-") == 0
                                       ? file_read_stdin(passphrase->text, sizeof passphrase->text, &size, detail)
                                       : file_read("", file, passphrase->text, sizeof passphrase->text, &size, detail);
    if (status != IFL_OK) {
        bytes_wipe(passphrase->text, sizeof passphrase->text);
        return status;
    }
    passphrase->text[size] = '\0';
    passphrase->text[strcspn(passphrase->text, "\r\n")] = '\0';
    passphrase->known = true;
    return IFL_OK;
}

static bool ask_once(FILE *terminal, const char *prompt, char *text)
{
    struct termios old;
    if (tcgetattr(fileno(terminal), &old) != 0) {
        return false;
    }
    struct termios silent = old;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    fputs(prompt, terminal);
    fflush(terminal);
    tcsetattr(fileno(terminal), TCSAFLUSH, &silent);
    const bool read = fgets(text, PASSPHRASE_SIZE, terminal) != NULL;
    tcsetattr(fileno(terminal), TCSAFLUSH, &old);
    fputc('\n', terminal);
    text[read ? strcspn(text, "\r\n") : 0] = '\0';
    return read;
}

bool passphrase_ask(struct passphrase *passphrase, const char *prompt, bool twice)
{
    char again[PASSPHRASE_SIZE];
    FILE *terminal = fopen("/dev/tty", "r+");
    if (terminal == NULL) {
        return false;
    }
    setvbuf(terminal, NULL, _IONBF, 0); /* no copy of it stays in a buffer */
    passphrase->known = ask_once(terminal, prompt, passphrase->text);
    if (passphrase->known && twice) {
        passphrase->known = ask_once(terminal, "Once more: ", again) && strcmp(again, passphrase->text) == 0;
        bytes_wipe(again, sizeof again);
    }
    fclose(terminal);
    return passphrase->known;
}

/* ---- opening: in the child ---- */

static bool put(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;
    while (size > 0) {
        const ssize_t done = write(fd, at, size);
        if (done <= 0) {
            return false;
        }
        at += done;
        size -= (size_t)done;
    }
    return true;
}

static bool put_piece(int fd, enum paste_kind kind, const unsigned char *der, int size)
{
    const uint32_t head[2] = {(uint32_t)kind, (uint32_t)size};
    return size > 0 && put(fd, head, sizeof head) && put(fd, der, (size_t)size);
}

static bool put_key(int fd, EVP_PKEY *key)
{
    unsigned char *der = NULL;
    const int size = key == NULL ? -1 : i2d_PrivateKey(key, &der);
    const bool done = put_piece(fd, PASTE_KEY, der, size);
    OPENSSL_clear_free(der, size > 0 ? (size_t)size : 0);
    EVP_PKEY_free(key);
    return done;
}

static bool put_certificate(int fd, X509 *certificate)
{
    unsigned char *der = NULL;
    const int size = certificate == NULL ? -1 : i2d_X509(certificate, &der);
    const bool done = put_piece(fd, PASTE_CERTIFICATE, der, size);
    OPENSSL_free(der);
    X509_free(certificate);
    return done;
}

static bool put_bag(int fd, const PKCS12_SAFEBAG *bag, const char *passphrase)
{
    switch (PKCS12_SAFEBAG_get_nid(bag)) {
    case NID_keyBag:
        return put_key(fd, EVP_PKCS82PKEY(PKCS12_SAFEBAG_get0_p8inf(bag)));
    case NID_pkcs8ShroudedKeyBag: {
        PKCS8_PRIV_KEY_INFO *info = PKCS12_decrypt_skey(bag, passphrase, passphrase == NULL ? 0 : -1);
        const bool done = info != NULL && put_key(fd, EVP_PKCS82PKEY(info));
        PKCS8_PRIV_KEY_INFO_free(info);
        return done;
    }
    case NID_certBag:
        return put_certificate(fd, PKCS12_SAFEBAG_get1_cert(bag));
    default:
        return true;
    }
}

static bool put_safe(int fd, PKCS7 *safe, const char *passphrase)
{
    STACK_OF(PKCS12_SAFEBAG) *bags = PKCS7_type_is_data(safe)
                                         ? PKCS12_unpack_p7data(safe)
                                         : PKCS12_unpack_p7encdata(safe, passphrase, passphrase == NULL ? 0 : -1);
    bool done = bags != NULL;
    for (int i = 0; done && i < sk_PKCS12_SAFEBAG_num(bags); i++) {
        done = put_bag(fd, sk_PKCS12_SAFEBAG_value(bags, i), passphrase);
    }
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    return done;
}

static bool put_pkcs12(int fd, struct bytes der, const char *passphrase)
{
    const unsigned char *at = der.data;
    PKCS12 *pkcs12 = d2i_PKCS12(NULL, &at, (long)der.size);
    if (pkcs12 != NULL && passphrase != NULL && passphrase[0] == '\0' && !PKCS12_verify_mac(pkcs12, "", 0)) {
        passphrase = NULL; /* "no passphrase" is written in two ways */
    }
    bool done = pkcs12 != NULL &&
                (!PKCS12_mac_present(pkcs12) || PKCS12_verify_mac(pkcs12, passphrase, passphrase == NULL ? 0 : -1));
    STACK_OF(PKCS7) *safes = done ? PKCS12_unpack_authsafes(pkcs12) : NULL;
    done = safes != NULL;
    for (int i = 0; done && i < sk_PKCS7_num(safes); i++) {
        done = put_safe(fd, sk_PKCS7_value(safes, i), passphrase);
    }
    sk_PKCS7_pop_free(safes, PKCS7_free);
    PKCS12_free(pkcs12);
    return done;
}

static int give_passphrase(char *buf, int size, int writing, void *passphrase)
{
    (void)writing;
    const int len = (int)strlen(passphrase);
    if (len > size) {
        return -1;
    }
    memcpy(buf, passphrase, (size_t)len);
    return len;
}

static bool put_encrypted(int fd, struct paste_blob blob, char *passphrase)
{
    BIO *bio = BIO_new_mem_buf(blob.bytes.data, (int)blob.bytes.size);
    EVP_PKEY *key = blob.kind == PASTE_ENCRYPTED_PEM ? PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, passphrase)
                                                     : d2i_PKCS8PrivateKey_bio(bio, NULL, give_passphrase, passphrase);
    BIO_free(bio);
    return put_key(fd, key);
}

static void child(int fd, struct paste_blob blob, char *passphrase)
{
    const struct rlimit limit = {CPU_SECONDS, CPU_SECONDS};
    (void)setrlimit(RLIMIT_CPU, &limit);
    OSSL_PROVIDER_load(NULL, "default");
    OSSL_PROVIDER_load(NULL, "legacy"); /* RC2: files of older programs */
    const bool done =
        blob.kind == PASTE_PKCS12 ? put_pkcs12(fd, blob.bytes, passphrase) : put_encrypted(fd, blob, passphrase);
    _exit(done ? 0 : 1);
}

/* ---- opening: in the parent ---- */

static bool get(int fd, void *data, size_t size)
{
    uint8_t *at = data;
    while (size > 0) {
        const ssize_t done = read(fd, at, size);
        if (done <= 0) {
            return false;
        }
        at += done;
        size -= (size_t)done;
    }
    return true;
}

static enum ifl_status take_pieces(int fd, struct paste *paste)
{
    static uint8_t piece[PIECE_SIZE_MAX]; /* a secret */
    enum ifl_status status = IFL_OK;
    uint32_t head[2];
    while (status == IFL_OK && get(fd, head, sizeof head)) {
        if (head[1] > sizeof piece || !get(fd, piece, head[1])) {
            status = IFL_TOO_LARGE;
        } else {
            status = paste_add(paste, (enum paste_kind)head[0], bytes_of(piece, head[1]));
        }
    }
    bytes_wipe(piece, sizeof piece);
    return status;
}

/* OK: opened. KEY_ENCRYPTED: not with this passphrase. AGAIN: it takes too long. */
static enum ifl_status open_with(struct paste *paste, struct paste_blob blob, char *passphrase)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return IFL_NO_MEMORY;
    }
    const size_t before = paste->blob_count;
    const pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]); /* else a parent that stops reading would leave it waiting at a full pipe for ever */
        child(ends[1], blob, passphrase);
    }
    close(ends[1]);
    enum ifl_status status = pid < 0 ? IFL_NO_MEMORY : take_pieces(ends[0], paste);
    close(ends[0]);
    int result = 0;
    while (pid > 0 && waitpid(pid, &result, 0) < 0 && errno == EINTR) {
    }
    if (status == IFL_OK && WIFSIGNALED(result)) {
        status = IFL_AGAIN;
    } else if (status == IFL_OK && WEXITSTATUS(result) != 0) {
        status = IFL_KEY_ENCRYPTED;
    }
    if (status != IFL_OK) {
        paste->blob_count = before;
    }
    return status;
}

enum ifl_status unlock_open(void *ctx, struct paste *paste, struct paste_blob blob)
{
    struct passphrase *passphrase = ctx;
    char none[1] = "";
    enum ifl_status status = open_with(paste, blob, none);
    if (status == IFL_KEY_ENCRYPTED && !passphrase->known && passphrase->may_ask) {
        (void)passphrase_ask(passphrase, "Passphrase of the private key: ", false);
    }
    if (status == IFL_KEY_ENCRYPTED && passphrase->known) {
        status = open_with(paste, blob, passphrase->text);
        text_str(&paste->detail, status == IFL_KEY_ENCRYPTED ? "this passphrase doesn't open it" : "");
    }
    if (status == IFL_AGAIN) {
        text_str(&paste->detail, "opening it takes more than 2 s of work");
        status = IFL_KEY_ENCRYPTED;
    }
    return status;
}

/* ---- making ---- */

static X509 *x509_of(struct bytes der)
{
    const unsigned char *at = der.data;
    return d2i_X509(NULL, &at, (long)der.size);
}

enum ifl_status pkcs12_make(const struct identity *identity, const char *passphrase, void *buf, size_t buf_size,
                            size_t *size)
{
    const unsigned char *at = identity->key.data;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)identity->key.size);
    X509 *leaf = x509_of(identity->chain[0]);
    STACK_OF(X509) *others = sk_X509_new_null();
    for (size_t i = 1; i < identity->chain_count; i++) {
        sk_X509_push(others, x509_of(identity->chain[i]));
    }
    PKCS12 *pkcs12 = PKCS12_create(passphrase, "iflow", key, leaf, others, NID_aes_256_cbc, NID_aes_256_cbc, ITERATIONS,
                                   ITERATIONS, 0);
    if (pkcs12 != NULL) {
        PKCS12_set_mac(pkcs12, passphrase, -1, NULL, 0, ITERATIONS, EVP_sha256());
    }
    const int len = pkcs12 == NULL ? -1 : i2d_PKCS12(pkcs12, NULL);
    const bool fits = len > 0 && (size_t)len <= buf_size;
    if (fits) {
        unsigned char *to = buf;
        *size = (size_t)i2d_PKCS12(pkcs12, &to);
    }
    PKCS12_free(pkcs12);
    sk_X509_pop_free(others, X509_free);
    X509_free(leaf);
    EVP_PKEY_free(key);
    return len <= 0 ? IFL_NO_MEMORY : fits ? IFL_OK : IFL_TOO_LARGE;
}
