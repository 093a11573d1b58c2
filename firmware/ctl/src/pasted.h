/* pasted.h: certificate files for a running iflowd or a node: they go to its console as PEM, ended by the line with a dot. */
#ifndef CTL_PASTED_H
#define CTL_PASTED_H

/* `iflowctl VERB... FILE... [--new-tenant] [--run DIR | --port PORT] [--json]`: `command` is what the console calls it. The exit status. */
int pasted_certificates(const char *command, const char *usage_text, int takes_new_tenant, int argc, char **argv);

#endif
