/* verb_identity.c: `iflowctl identity install`: a new service key for a running iflowd or a node; `iflowctl identity certificate`: the certificates for a
 * key that it made itself.
 *
 * It is read and proven here, whatever form it has, and goes to the console as the plain service key that `import` takes. There it's proven
 * once more, stored beside the identity in force, and tried. */
#include <stdio.h>
#include <string.h>

#include <mbedtls/base64.h>

#include "base/text.h"
#include "daemon.h"
#include "identity/paste.h"
#include "own_key.h"
#include "pasted.h"
#include "verbs.h"

#define TEXT_SIZE (128u * 1024u) /* what iflowd takes */
#define LINE_BYTES 48u           /* 64 characters of base64 */

static const char USAGE[] =
    "usage: iflowctl identity install FILE... [--new-tenant] [--passphrase-file FILE] [--run DIR | --port PORT]\n"
    "                                 [--pin-file FILE] [--timeout SECONDS] [--json]\n\n"
    "Gives a new service key (as `iflowctl key check` takes it) to the running iflowd, or to the node at this port. It's stored beside the identity in\n"
    "force and used only when it's proven; `iflowctl identity show` says which one is in force. --new-tenant allows that it\n"
    "leads to another tenant although messages wait.\n";

struct install_options {
    const char *files[SERVICE_KEY_INPUT_MAX];
    size_t count;
    struct console_at at;
    const char *passphrase_file;
    bool json, new_tenant;
};

static struct own_key key;       /* secret */
static char text_buf[TEXT_SIZE]; /* secret */

static int usage(const char *why, const char *word)
{
    fprintf(stderr, "iflowctl identity install: %s%s\n%s", why, word, USAGE);
    return 2;
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct install_options *options)
{
    *options = (struct install_options){.at = CONSOLE_AT_DEFAULT};
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        const int taken = console_at_option(&options->at, argc, argv, &i);
        if (taken < 0) {
            return usage("its value is missing or wrong: ", word);
        }
        if (taken == 1) {
            continue;
        }
        if (strcmp(word, "--help") == 0) {
            fputs(USAGE, stdout);
            return 0;
        }
        if (strcmp(word, "--json") == 0) {
            options->json = true;
        } else if (strcmp(word, "--new-tenant") == 0) {
            options->new_tenant = true;
        } else if (strcmp(word, "--passphrase-file") == 0 && i + 1 < argc) {
            options->passphrase_file = argv[++i];
        } else if (word[0] == '-' && word[1] != '\0') {
            return usage("unknown option: ", word);
        } else if (options->count == SERVICE_KEY_INPUT_MAX) {
            return usage("more than 4 files: ", word);
        } else {
            options->files[options->count++] = word;
        }
    }
    return options->count > 0 ? -1 : usage("no file", "");
}

/* PEM inside of a JSON string: its line breaks are written as \n. */
static void add_pem(struct text *out, const char *label, struct bytes der)
{
    text_str(out, "-----BEGIN ");
    text_str(out, label);
    text_str(out, "-----\\n");
    while (der.size > 0) {
        unsigned char line[LINE_BYTES / 3 * 4 + 1];
        size_t len = 0;
        const struct bytes piece = bytes_head(der, LINE_BYTES);
        (void)mbedtls_base64_encode(line, sizeof line, &len, piece.data, piece.size);
        text_bytes(out, bytes_of(line, len));
        text_str(out, "\\n");
        der = bytes_tail(der, piece.size);
        bytes_wipe(line, sizeof line);
    }
    text_str(out, "-----END ");
    text_str(out, label);
    text_str(out, "-----\\n");
}

static void add_member(struct text *out, const char *before, const char *value)
{
    text_str(out, before);
    text_json(out, bytes_of_string(value));
}

/* The command and the service key, ended by the dot. */
static struct bytes write_import(const struct install_options *options)
{
    const struct identity *identity = &key.identity;
    struct text out;
    text_init(&out, text_buf, sizeof text_buf);
    text_str(&out, options->json ? "json import" : "import");
    text_str(&out, options->new_tenant ? " new-tenant\n" : "\n");
    text_str(&out, "{\"oauth\":{\"certificate\":\"");
    for (size_t i = 0; i < identity->chain_count; i++) {
        add_pem(&out, "CERTIFICATE", identity->chain[i]);
    }
    text_str(&out, "\",\"key\":\"");
    add_pem(&out, strncmp(identity->key_type, "RSA", 3) == 0 ? "RSA PRIVATE KEY" : "EC PRIVATE KEY", identity->key);
    add_member(&out, "\",\"url\":", identity->url);
    add_member(&out, ",\"clientid\":", identity->clientid);
    add_member(&out, ",\"tokenurl\":", identity->tokenurl);
    text_str(&out, "}}\n.\n");
    return bytes_of(text_buf, out.cut ? 0 : out.len);
}

int verb_identity_install(int argc, char **argv)
{
    struct install_options options;
    char buf[1024];
    struct text detail;
    const int end = parse(argc, argv, &options);
    if (end >= 0) {
        return end;
    }
    own_key_protect_process();
    text_init(&detail, buf, sizeof buf);
    enum ifl_status status = IFL_OK;
    if (options.passphrase_file != NULL) {
        status = passphrase_read(&key.passphrase, options.passphrase_file, &detail);
    }
    if (status == IFL_OK) {
        status = own_key_read(&key, options.files, options.count, &detail);
    }
    int result = 1;
    if (status == IFL_OK && paste_is_of_another_service(&key.report)) {
        status = IFL_KEY_NO_URL;
        text_str(&detail, key.report.detail);
    }
    if (status == IFL_OK) {
        result = console_talk(&options.at, options.json, write_import(&options));
    } else {
        (void)daemon_refuse(options.json, status, buf);
    }
    own_key_wipe(&key);
    bytes_wipe(text_buf, sizeof text_buf);
    return result;
}

int verb_identity_certificate(int argc, char **argv)
{
    static const char text[] =
        "usage: iflowctl identity certificate FILE... [--new-tenant] [--run DIR | --port PORT] [--pin-file FILE]\n"
        "                                     [--timeout SECONDS] [--json]\n\n"
        "Gives the certificates (PEM, or DER) for the key of `iflowctl identity csr` to the running iflowd, or to the node at this port: the leaf, and\n"
        "what leads from it to its root. They are stored beside the identity in force and used only when they are proven.\n";
    return pasted_certificates("identity certificate", text, 1, argc, argv);
}
