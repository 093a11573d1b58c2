/* verb_table.h: the verbs as a table: help and the shells' completions come from it. */
#ifndef CTL_VERB_TABLE_H
#define CTL_VERB_TABLE_H

#include <stddef.h>

struct verb {
    const char *name;   /* one or two words */
    const char *second; /* NULL: the verb has one word */
    int (*function)(int argc, char **argv);
    const char *words; /* what may follow, for people */
    const char *does;  /* a sentence */
    const char *
        options; /* all that `function` takes, for the shells; where --help isn't among them, main.c answers it from `words` and `does` */
};

extern const struct verb VERBS[];
extern const size_t verb_count;

#endif
