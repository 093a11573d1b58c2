/* verbs.h: what iflowctl can do: one function a verb, one file a family of verbs. main.c has the table.
 *
 * A verb gets its own words: argv[0] is the last word of its name, argv[1] the first option. It returns the program's exit status: 0 fine, 1 a problem
 * was found (cause and remedy have been printed), 2 wrong usage. It never prints a secret. */
#ifndef CTL_VERBS_H
#define CTL_VERBS_H

int verb_key_check(int argc, char **argv);
int verb_key_export(int argc, char **argv);
int verb_config_check(int argc, char **argv);

int verb_doctor(int argc, char **argv);

int verb_send(int argc, char **argv);

int verb_node_image(int argc, char **argv);
int verb_node_console(int argc, char **argv);

/* Questions to a running iflowd. */
int verb_status(int argc, char **argv);
int verb_routes(int argc, char **argv);
int verb_queue_list(int argc, char **argv);
int verb_queue_show(int argc, char **argv);
int verb_queue_export(int argc, char **argv);
int verb_queue_retry(int argc, char **argv);
int verb_queue_drop(int argc, char **argv);
int verb_identity_show(int argc, char **argv);
int verb_identity_install(int argc, char **argv);
int verb_identity_rollback(int argc, char **argv);
int verb_identity_csr(int argc, char **argv);
int verb_identity_certificate(int argc, char **argv);
int verb_wipe(int argc, char **argv);
int verb_trust_show(int argc, char **argv);
int verb_trust_install(int argc, char **argv);
int verb_trust_rollback(int argc, char **argv);
int verb_log(int argc, char **argv);
int verb_retry(int argc, char **argv);

int verb_completion_bash(int argc, char **argv);
int verb_completion_zsh(int argc, char **argv);

#endif
