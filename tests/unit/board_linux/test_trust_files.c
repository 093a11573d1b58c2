/* Roots out of a PEM file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <unity.h>

#include "linux/entropy.h"
#include "linux/trust_files.h"
#include "pki.h"
#include "tls/certificate.h"

static struct trust_files trust;
static char dir[] = "/tmp/trust_files_XXXXXX";
static char path[64];
static char why[512];
static struct text detail;
static struct pki_certificate first, second, namesake;

void setUp(void)
{
    text_init(&detail, why, sizeof why);
    memset(&trust, 0xA5, sizeof trust);
}
void tearDown(void)
{
    unlink(path);
}

static const char *pem_of(const struct pki_certificate *certificate)
{
    static char pem[8192];
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate->x509);
    int size = BIO_read(bio, pem, sizeof pem - 1);
    pem[size] = '\0';
    BIO_free(bio);
    return pem;
}

/* Appends to the file, or begins it. */
static void put(const char *mode, const char *text)
{
    FILE *file = fopen(path, mode);
    TEST_ASSERT_NOT_NULL(file);
    fputs(text, file);
    fclose(file);
}

static enum ifl_status find(const struct pki_certificate *wanted, unsigned index, struct bytes *der)
{
    struct bytes subject;
    TEST_ASSERT_EQUAL(IFL_OK, tls_certificate_names(pki_der(wanted), NULL, &subject));
    struct tls_trust source = trust_files_trust(&trust);
    static uint8_t buf[TRUST_FILES_PEM_MAX];
    size_t size = 0, again = 0;
    enum ifl_status status = source.find(source.ctx, subject, index, NULL, 0, &size);
    if (status != IFL_TOO_LARGE) {
        return status;
    }
    status = source.find(source.ctx, subject, index, buf, size, &again);
    TEST_ASSERT_EQUAL_UINT64(size, again);
    *der = bytes_of(buf, size);
    return status;
}

static void is_found(const struct pki_certificate *wanted, unsigned index)
{
    struct bytes der = {0};
    TEST_ASSERT_EQUAL(IFL_OK, find(wanted, index, &der));
    TEST_ASSERT_TRUE(bytes_equal(pki_der(wanted), der));
}

static void each_root_is_found_by_its_subject(void)
{
    struct bytes der;
    put("w", "# roots of the plant\n");
    put("a", pem_of(&first));
    put("a", "\nanother one:\n");
    put("a", pem_of(&second));
    TEST_ASSERT_EQUAL(IFL_OK, trust_files_load(&trust, path, &detail));
    TEST_ASSERT_EQUAL_UINT64(2, trust.count);
    is_found(&second, 0);
    is_found(&first, 0);
    TEST_ASSERT_EQUAL(IFL_END, find(&first, 1, &der));
    struct tls_trust source = trust_files_trust(&trust);
    size_t size;
    TEST_ASSERT_EQUAL(IFL_END, source.find(source.ctx, bytes_of_string("nobody"), 0, NULL, 0, &size));
}

static void roots_with_the_same_subject_come_one_after_the_other(void)
{
    struct bytes der;
    put("w", pem_of(&first));
    put("a", pem_of(&second));
    put("a", pem_of(&namesake));
    TEST_ASSERT_EQUAL(IFL_OK, trust_files_load(&trust, path, &detail));
    TEST_ASSERT_EQUAL(IFL_OK, find(&first, 0, &der));
    TEST_ASSERT_TRUE(bytes_equal(pki_der(&first), der));
    TEST_ASSERT_EQUAL(IFL_OK, find(&first, 1, &der));
    TEST_ASSERT_TRUE(bytes_equal(pki_der(&namesake), der));
    TEST_ASSERT_EQUAL(IFL_END, find(&first, 2, &der));
}

static void windows_line_ends_are_taken(void)
{
    char text[16384];
    size_t len = 0;
    for (const char *c = pem_of(&first); *c != '\0'; c++) {
        if (*c == '\n') {
            text[len++] = '\r';
        }
        text[len++] = *c;
    }
    text[len] = '\0';
    put("w", text);
    TEST_ASSERT_EQUAL(IFL_OK, trust_files_load(&trust, path, &detail));
    is_found(&first, 0);
}

static void refused(enum ifl_status expected, const char *because)
{
    text_init(&detail, why, sizeof why);
    TEST_ASSERT_EQUAL(expected, trust_files_load(&trust, path, &detail));
    TEST_ASSERT_EQUAL_STRING_LEN(path, why, strlen(path));
    TEST_ASSERT_NOT_NULL_MESSAGE(strstr(why, because), why);
    TEST_ASSERT_EQUAL_UINT64(0, trust.count);
}

static void files_that_are_no_bundle_are_refused_with_the_reason(void)
{
    refused(IFL_FILE, "No such file");
    put("w", "");
    refused(IFL_FILE, "no certificate");
    put("w", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n");
    refused(IFL_FILE, "no certificate");
    put("w", pem_of(&first));
    put("a", "-----BEGIN CERTIFICATE-----\nAAA!\n-----END CERTIFICATE-----\n");
    refused(IFL_FILE, "damaged certificate, line ");
    put("w", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    refused(IFL_FILE, "line 3");
    put("w", pem_of(&first));
    put("a", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    refused(IFL_FILE, "cut off");
    unlink(path);
    mkdir(path, 0700);
    refused(IFL_FILE, "");
    rmdir(path);
}

static void too_many_certificates_are_refused(void)
{
    const char *pem = pem_of(&second);
    FILE *file = fopen(path, "w");
    for (int i = 0; i <= TRUST_FILES_ROOT_MAX; i++) {
        fputs(pem, file);
    }
    fclose(file);
    refused(IFL_TOO_LARGE, "too many");
}

static void a_bundle_that_was_replaced_counts_at_once(void)
{
    char fresh[80];
    struct bytes der;
    put("w", pem_of(&first));
    TEST_ASSERT_EQUAL(IFL_OK, trust_files_load(&trust, path, &detail));
    is_found(&first, 0);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *file = fopen(fresh, "w");
    fputs(pem_of(&second), file);
    fclose(file);
    TEST_ASSERT_EQUAL_INT(0, rename(fresh, path));
    TEST_ASSERT_EQUAL(IFL_END, find(&first, 0, &der));
    is_found(&second, 0);
    unlink(path);
    TEST_ASSERT_EQUAL(IFL_FILE, find(&second, 0, &der));
}

static void the_systems_bundle_is_the_default(void)
{
    if (access("/etc/ssl/certs/ca-certificates.crt", R_OK) != 0) {
        TEST_IGNORE_MESSAGE("this machine has no ca-certificates");
    }
    TEST_ASSERT_EQUAL_MESSAGE(IFL_OK, trust_files_load(&trust, NULL, &detail), why);
    TEST_ASSERT_GREATER_THAN_UINT64(50, trust.count);
}

static void random_bytes_differ_each_time(void)
{
    uint8_t one[64] = {0}, two[64] = {0};
    struct ifl_random random = entropy_random();
    TEST_ASSERT_EQUAL(IFL_OK, random.fill(random.ctx, one, sizeof one));
    TEST_ASSERT_EQUAL(IFL_OK, random.fill(random.ctx, two, sizeof two));
    TEST_ASSERT_NOT_EQUAL(0, memcmp(one, two, sizeof one));
}

int main(void)
{
    UNITY_BEGIN();
    if (mkdtemp(dir) == NULL) {
        return 1;
    }
    snprintf(path, sizeof path, "%s/roots.pem", dir);
    pki_issue(&first, &(struct pki_request){.name = "First", .key = pki_key(PKI_P256, 0), .ca = true});
    pki_issue(&second, &(struct pki_request){.name = "Second", .key = pki_key(PKI_P256, 1), .ca = true});
    pki_issue(&namesake, &(struct pki_request){.name = "First", .key = pki_key(PKI_P256, 2), .ca = true});
    RUN_TEST(each_root_is_found_by_its_subject);
    RUN_TEST(roots_with_the_same_subject_come_one_after_the_other);
    RUN_TEST(windows_line_ends_are_taken);
    RUN_TEST(files_that_are_no_bundle_are_refused_with_the_reason);
    RUN_TEST(too_many_certificates_are_refused);
    RUN_TEST(a_bundle_that_was_replaced_counts_at_once);
    RUN_TEST(the_systems_bundle_is_the_default);
    RUN_TEST(random_bytes_differ_each_time);
    rmdir(dir);
    pki_free(&first);
    pki_free(&second);
    pki_free(&namesake);
    pki_free_keys();
    return UNITY_END();
}
