/* iflowctl: an engineer's tool: looks at keys and configurations, sends a message, asks a running iflowd or a node. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "verb_table.h"
#include "verbs.h"

const struct verb VERBS[] = {
    {"key", "check", verb_key_check, "FILE...", "what is in a service key, what was mended, and whether it works",
     "--passphrase-file --json --help"},
    {"key", "export", verb_key_export, "FILE... --pem DIR|--pfx FILE|--secret-yaml NAME|--der DIR",
     "the same key as other programs want it",
     "--pem --pfx --secret-yaml --der --passphrase-file --pfx-passphrase-file --force --json --help"},
    {"config", "check", verb_config_check, "FILE", "whether iflow.json is right and the outbox holds its routes",
     "--json --help"},
    {"doctor", NULL, verb_doctor, "--key FILE... [--route PATH] [--ca FILE] [--post]",
     "which step on the way to a flow fails, why, and what to do",
     "--key --route --ca --post --file --content-type --url --proxy --resolve --probe --timeout --passphrase-file --json --help"},
    {"send", NULL, verb_send, "--key FILE... --route PATH [--file F|-] [--ca FILE]",
     "one message, at once, with the verdict",
     "--key --route --file --ca --url --content-type --proxy --resolve --timeout --passphrase-file --json"},
    {"node", "image", verb_node_image, "--key FILE... --config FILE --board NAME -o FILE [--ca FILE]",
     "the flash image of a microcontroller node",
     "--key --config --board --ca --mac --pin-file --passphrase-file --json --help"},
    {"node", "console", verb_node_console, "PORT [COMMAND...]", "a node's console: a conversation, or one command",
     "--pin-file --json --timeout --help"},
    {"status", NULL, verb_status, "[--run DIR]", "how iflowd is doing", "--run --port --pin-file --timeout --json"},
    {"routes", NULL, verb_routes, "[--run DIR]", "each route: state, why it waits, until when",
     "--run --port --pin-file --timeout --json"},
    {"queue", "list", verb_queue_list, "[ROUTE] [N] [--run DIR]", "messages that wait, and dead letters",
     "--run --port --pin-file --timeout --json"},
    {"queue", "show", verb_queue_show, "ID [--run DIR]", "one message: where it is, and why",
     "--run --port --pin-file --timeout --json"},
    {"queue", "export", verb_queue_export, "ID [--run DIR]", "its payload, as base64",
     "--run --port --pin-file --timeout --json"},
    {"queue", "retry", verb_queue_retry, "ID [--run DIR]", "a dead letter goes to its route again, under its id",
     "--run --port --pin-file --timeout --json"},
    {"queue", "drop", verb_queue_drop, "ID [--run DIR]", "a dead letter is given up for good",
     "--run --port --pin-file --timeout --json"},
    {"identity", "show", verb_identity_show, "[--run DIR|--port PORT]", "the certificates that iflowd or a node has",
     "--run --port --pin-file --timeout --json"},
    {"identity", "install", verb_identity_install, "FILE... [--new-tenant] [--run DIR|--port PORT]",
     "give iflowd or a node a new service key; it's used when it's proven",
     "--new-tenant --passphrase-file --run --port --pin-file --timeout --json --help"},
    {"identity", "rollback", verb_identity_rollback, "[--run DIR|--port PORT]", "back to the identity before",
     "--run --port --pin-file --timeout --json"},
    {"identity", "csr", verb_identity_csr, "[ec|rsa] [--yes] [--run DIR|--port PORT]",
     "the request (PKCS#10) for a key that iflowd or a node (ec only) makes and keeps; --yes, ec and rsa give up the identity before",
     "--yes --run --port --pin-file --timeout --json"},
    {"identity", "certificate", verb_identity_certificate, "FILE... [--new-tenant] [--run DIR|--port PORT]",
     "give it the certificates for that key; they are used when they are proven",
     "--new-tenant --run --port --pin-file --timeout --json --help"},
    {"trust", "show", verb_trust_show, "[--run DIR|--port PORT]", "which roots iflowd or a node trusts",
     "--run --port --pin-file --timeout --json"},
    {"trust", "install", verb_trust_install, "FILE... [--run DIR|--port PORT]",
     "give iflowd or a node new roots; they are in force when the tenant chains to them",
     "--run --port --pin-file --timeout --json --help"},
    {"trust", "rollback", verb_trust_rollback, "[--run DIR|--port PORT]", "back to the roots before",
     "--run --port --pin-file --timeout --json"},
    {"wipe", NULL, verb_wipe, "everything [--run DIR|--port PORT]",
     "decommission: identities, messages, roots and all other secrets of iflowd or a node go for good",
     "--run --port --pin-file --timeout --json"},
    {"log", NULL, verb_log, "[N] [--run DIR]", "the last events of iflowd", "--run --port --pin-file --timeout --json"},
    {"logs", NULL, verb_log, "[N] [--run DIR]", "the same as log", "--run --port --pin-file --timeout --json"},
    {"retry", NULL, verb_retry, "[ROUTE] [--run DIR]", "let iflowd try at once instead of waiting",
     "--run --port --pin-file --timeout --json"},
    {"completion", "bash", verb_completion_bash, "", "completion for bash: source <(iflowctl completion bash)", ""},
    {"completion", "zsh", verb_completion_zsh, "", "completion for zsh: source <(iflowctl completion zsh)", ""},
};
enum { VERB_COUNT = sizeof VERBS / sizeof VERBS[0] };
const size_t verb_count = VERB_COUNT;

static void describe(FILE *out, const struct verb *verb)
{
    fprintf(out, "  %s%s%s %s\n      %s\n", verb->name, verb->second != NULL ? " " : "",
            verb->second != NULL ? verb->second : "", verb->words, verb->does);
}

static void help(FILE *out)
{
    fputs("usage: iflowctl VERB [OPTION...]\n\n", out);
    for (size_t i = 0; i < VERB_COUNT; i++) {
        describe(out, &VERBS[i]);
    }
    fputs(
        "\nEvery verb that takes --run DIR, where iflowd runs, takes --port PORT instead: it asks the node at this serial port.\n"
        "There is no verb that starts a machine again: a node's console has `reboot` (iflowctl node console PORT reboot), a gateway hasn't:\n"
        "`systemctl restart iflowd` starts its process again.\n"
        "Every verb that reports takes --json. Exit status: 0 fine, 1 a problem was found, 2 wrong usage.\n",
        out);
}

static bool matches(const struct verb *verb, int argc, char **argv)
{
    if (strcmp(verb->name, argv[1]) != 0) {
        return false;
    }
    return verb->second == NULL || (argc > 2 && strcmp(verb->second, argv[2]) == 0);
}

/* --help behind a verb that doesn't answer it itself, or behind the first of a verb's two words. */
static bool verb_help(int argc, char **argv)
{
    bool asked = false, known = false;
    for (int i = 2; i < argc; i++) {
        asked = asked || strcmp(argv[i], "--help") == 0;
    }
    for (size_t i = 0; i < VERB_COUNT && asked; i++) {
        const struct verb *verb = &VERBS[i];
        const bool meant = matches(verb, argc, argv) ? strstr(verb->options, "--help") == NULL
                                                     : strcmp(verb->name, argv[1]) == 0 && argv[2][0] == '-';
        if (meant) {
            fputs(known ? "" : "usage: iflowctl VERB [OPTION...]\n\n", stdout);
            describe(stdout, verb);
            known = true;
        }
    }
    return known;
}

int main(int argc, char **argv)
{
    umask(077); /* files that hold keys are for their owner only */
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        help(stdout);
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        puts("iflowctl " IFL_VERSION);
        return 0;
    }
    if (verb_help(argc, argv)) {
        return 0;
    }
    for (size_t i = 0; i < VERB_COUNT && argc > 1; i++) {
        if (matches(&VERBS[i], argc, argv)) {
            const int skip = VERBS[i].second != NULL ? 2 : 1;
            return VERBS[i].function(argc - skip, argv + skip);
        }
    }
    help(stderr);
    return 2;
}
