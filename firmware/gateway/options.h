/* options.h: the command line of iflowd. */
#ifndef GATEWAY_OPTIONS_H
#define GATEWAY_OPTIONS_H

#include <stdbool.h>

struct options {
    const char *config;     /* iflow.json */
    const char *state_dir;  /* where messages and identities live */
    const char *run_dir;    /* where the sockets are */
    const char *trust_file; /* PEM file of roots; NULL: as configured */
    const char *address;    /* connect there instead of asking DNS; NULL: as configured */
    bool from_stdin;        /* lines from standard input too */
    bool exit_when_empty;   /* leave when standard input has ended and everything is delivered */
    bool new_tenant;        /* queued messages may go to another tenant's host */
};

enum options_verdict {
    OPTIONS_GO,
    OPTIONS_ANSWERED, /* --help or --version: everything has been said */
    OPTIONS_WRONG,    /* what is wrong stands on standard error */
};
/* The strings in *options point into argv and the environment. */
enum options_verdict options_parse(int argc, char **argv, struct options *options);

#endif
