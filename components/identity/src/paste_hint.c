/* What a refused input looks like, by its first bytes or by words that only such files have; and what makes a service key of it. */
#include "paste_find.h"
#include "paste_text.h"

#include <string.h>

struct look {
    const char *mark;
    const char *says;
};

static const struct look starts[] = {
    {"\xFE\xED\xFE\xED", "a Java keystore: `keytool -importkeystore -deststoretype PKCS12` makes a .p12 of it"},
    {"\xCE\xCE\xCE\xCE", "a Java keystore: `keytool -importkeystore -deststoretype PKCS12` makes a .p12 of it"},
    {"\x1F\x8B", "it's compressed: unpack it"},
    {"PK\x03\x04", "a ZIP archive, or a file of an office program: unpack it, or copy the text out of it"},
    {"\xD0\xCF\x11\xE0", "a file of an office program: save it as plain text"},
    {"7z\xBC\xAF", "a 7-Zip archive: unpack it"},
    {"%PDF", "a PDF: save the text in it as plain text"},
    {"\x89PNG", "a picture"},
    {"\xFF\xD8\xFF", "a picture"},
    {"$ANSIBLE_VAULT", "encrypted by Ansible: `ansible-vault decrypt`"},
    {"PuTTY-User-Key-File",
     "PuTTY's form of a key: PuTTYgen exports it as OpenSSH key, `ssh-keygen -p -m PEM -f FILE` makes PEM of that"},
    {"Salted__", "encrypted by `openssl enc`: decrypt it first"},
    {"age-encryption.org", "encrypted by age: decrypt it first"},
};

static const struct look words[] = {
    {"BEGIN OPENSSH PRIVATE KEY",
     "the key is in the format of OpenSSH: `ssh-keygen -p -m PEM -f FILE` turns it into PEM"},
    {"BEGIN PGP", "encrypted or signed with PGP: decrypt it first"},
    {"BEGIN AGE ENCRYPTED", "encrypted by age: decrypt it first"},
    {"application/pkcs7-mime", "an encrypted or signed mail (S/MIME): open it in the mail program and save the text"},
    {"application/x-pkcs7-mime", "an encrypted or signed mail (S/MIME): open it in the mail program and save the text"},
    {"BEGIN CMS", "encrypted or signed (CMS): `openssl cms -decrypt`"},
    {"kind: SealedSecret", "a SealedSecret: only its cluster can open it; `kubectl get secret NAME -o yaml`"},
    {"ENC[AES256_GCM", "encrypted by sops: `sops -d FILE`"},
    {"BEGIN CERTIFICATE REQUEST", "a certificate request, not the certificate that was issued for it"},
    {"BEGIN NEW CERTIFICATE REQUEST", "a certificate request, not the certificate that was issued for it"},
    {"BEGIN PUBLIC KEY", "a public key, not the private one"},
    {"BEGIN RSA PUBLIC KEY", "a public key, not the private one"},
    {"ssh-rsa AAAA", "a public key of OpenSSH"},
    {"\nFAILED\n", "the cf command failed; the lines below FAILED say why"},
    {"<sensitive>", "Terraform hid the value: `terraform output -raw NAME`"},
    {"(sensitive value)", "Terraform hid the value: `terraform output -raw NAME`"},
    {"<redacted>", "a program hid the values"},
    {"[REDACTED", "a program hid the values"},
    {"[PRIVATE DATA HIDDEN]", "the cf command hid the values: `cf service-key INSTANCE KEY` shows them"},
    {"\nData\n====", "`kubectl describe` shows sizes only: `kubectl get secret NAME -o yaml`"},
    {"<html", "a web page"},
    {"<HTML", "a web page"},
};

static const char *look_of(struct bytes input)
{
    struct bytes near = bytes_head(input, 64u * 1024u);
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        if (bytes_starts_with(near, bytes_of_string(starts[i].mark)))
            return starts[i].says;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (bytes_find(near, bytes_of_string(words[i].mark)) < near.size)
            return words[i].says;
    }
    return NULL;
}

/* PKCS#12 or a certificate as DER whose length isn't what it says: cut off, or changed by a transfer that took it for a text. */
static bool is_other_size(struct bytes input, size_t *says)
{
    if (input.size < 64 || input.data[0] != 0x30 || input.data[1] != 0x82 || input.data[4] > 0x30)
        return false;
    *says = 4 + ((size_t)input.data[2] << 8 | input.data[3]);
    return *says != input.size;
}

static bool is_empty(struct bytes input)
{
    for (size_t i = 0; i < input.size; i++) {
        if (memchr(" \t\r\n", input.data[i], 4) == NULL)
            return false;
    }
    return true;
}

static void hint(struct bytes input, struct text *detail)
{
    size_t size;
    const char *says = is_empty(input) ? "it's empty" : look_of(input);
    if (says != NULL) {
        text_str(detail, says);
    } else if (is_other_size(input, &size)) {
        text_str(detail, "it begins like PKCS#12 or DER, which was cut off or changed on the way: it has ");
        text_u64(detail, input.size);
        text_str(detail, " bytes, and says ");
        text_u64(detail, size);
    }
}

/* What can be said better than what service_key_read() says. */
static bool can_be_better(enum ifl_status status)
{
    return status == IFL_KEY_UNREADABLE || status == IFL_KEY_PEM || status == IFL_KEY_NO_CERTIFICATE ||
           status == IFL_KEY_NO_PRIVATE_KEY || status == IFL_KEY_JSON;
}

void paste_hint(const struct bytes *inputs, size_t count, struct service_key_report *report)
{
    char buf[sizeof report->detail];
    struct text detail;
    if (!can_be_better(report->status))
        return;
    text_init(&detail, buf, sizeof buf);
    for (size_t i = 0; i < count && detail.len == 0; i++)
        hint(inputs[i], &detail);
    if (detail.len > 0)
        memcpy(report->detail, buf, sizeof buf);
}
