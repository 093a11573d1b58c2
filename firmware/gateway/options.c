#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linux/address.h"

static const char HELP[] =
    "usage: iflowd --config FILE [OPTION...]\n"
    "\n"
    "Stores payloads of local producers and posts them to integration flows of one\n"
    "tenant of SAP Cloud Integration until each one is accepted.\n"
    "\n"
    "  --config FILE      the configuration (iflow.json)\n"
    "  --state DIR        messages and identities; default: $STATE_DIRECTORY, else /var/lib/iflow\n"
    "  --run DIR          sockets: ingest.sock for producers, console.sock for iflowctl;\n"
    "                     default: $RUNTIME_DIRECTORY, else /run/iflow\n"
    "  --ca FILE          trusted roots (PEM) instead of the configured or the system's ones\n"
    "  --resolve ADDRESS  connect to this address instead of asking DNS;\n"
    "                     HOST:PORT:ADDRESS is taken too\n"
    "  --stdin            take lines from standard input too, answer on standard output\n"
    "  --exit-when-empty  with --stdin: leave when the input has ended and all is delivered\n"
    "  --new-tenant       let queued messages go to another tenant than before\n"
    "  --help, --version\n"
    "\n"
    "Producers send lines `ROUTE PAYLOAD`; each is answered `OK ID` once it is stored\n"
    "durably, or `ERROR E<number> cause remedy`.\n"
    "\n"
    "SIGTERM flushes and stops, SIGHUP reads configuration and service key again.\n"
    "Exit status: 0 stopped as asked, 1 a problem (with cause and remedy), 2 wrong usage.\n";

enum {
    OPT_CONFIG = 256,
    OPT_STATE,
    OPT_RUN,
    OPT_CA,
    OPT_RESOLVE,
    OPT_STDIN,
    OPT_EXIT,
    OPT_TENANT,
    OPT_HELP,
    OPT_VERSION
};

static const struct option LONG_OPTIONS[] = {
    {"config", required_argument, NULL, OPT_CONFIG},
    {"state", required_argument, NULL, OPT_STATE},
    {"run", required_argument, NULL, OPT_RUN},
    {"ca", required_argument, NULL, OPT_CA},
    {"resolve", required_argument, NULL, OPT_RESOLVE},
    {"stdin", no_argument, NULL, OPT_STDIN},
    {"exit-when-empty", no_argument, NULL, OPT_EXIT},
    {"new-tenant", no_argument, NULL, OPT_TENANT},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

static enum options_verdict wrong(const char *sentence, const char *word)
{
    fprintf(stderr, "iflowd: %s%s%s. `iflowd --help` lists the options.\n", sentence, word[0] != '\0' ? ": " : "",
            word);
    return OPTIONS_WRONG;
}

static const char *directory(const char *environment, const char *otherwise)
{
    const char *given = getenv(environment); /* set by systemd from StateDirectory= and RuntimeDirectory= */
    return given != NULL && given[0] == '/' && strchr(given, ':') == NULL ? given : otherwise;
}

static enum options_verdict take(int option, struct options *options)
{
    switch (option) {
    case OPT_CONFIG:
        options->config = optarg;
        return OPTIONS_GO;
    case OPT_STATE:
        options->state_dir = optarg;
        return OPTIONS_GO;
    case OPT_RUN:
        options->run_dir = optarg;
        return OPTIONS_GO;
    case OPT_CA:
        options->trust_file = optarg;
        return OPTIONS_GO;
    case OPT_RESOLVE:
        options->address = address_of_option(optarg);
        return options->address != NULL ? OPTIONS_GO
                                        : wrong("--resolve wants an IP address, or HOST:PORT:ADDRESS", optarg);
    case OPT_STDIN:
        options->from_stdin = true;
        return OPTIONS_GO;
    case OPT_EXIT:
        options->exit_when_empty = true;
        return OPTIONS_GO;
    case OPT_TENANT:
        options->new_tenant = true;
        return OPTIONS_GO;
    case OPT_HELP:
        fputs(HELP, stdout);
        return OPTIONS_ANSWERED;
    case OPT_VERSION:
        puts("iflowd " IFL_VERSION);
        return OPTIONS_ANSWERED;
    default: /* getopt has said what is wrong */
        return wrong("that isn't an option", "");
    }
}

enum options_verdict options_parse(int argc, char **argv, struct options *options)
{
    *options = (struct options){.state_dir = directory("STATE_DIRECTORY", "/var/lib/iflow"),
                                .run_dir = directory("RUNTIME_DIRECTORY", "/run/iflow")};
    for (;;) {
        const int option = getopt_long(argc, argv, "", LONG_OPTIONS, NULL);
        if (option == -1) {
            break;
        }
        const enum options_verdict verdict = take(option, options);
        if (verdict != OPTIONS_GO) {
            return verdict;
        }
    }
    if (optind < argc) {
        return wrong("this word has no meaning here", argv[optind]);
    }
    if (options->config == NULL) {
        return wrong("--config FILE is missing", "");
    }
    if (options->exit_when_empty && !options->from_stdin) {
        return wrong("--exit-when-empty needs --stdin", "");
    }
    return OPTIONS_GO;
}
