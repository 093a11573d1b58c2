/* verb_completion.c: `iflowctl completion bash|zsh`: what the Tab key offers, from the table of verbs. */
#include <stdio.h>
#include <string.h>

#include "verb_table.h"
#include "verbs.h"

/* Each first word once. */
static void print_first_words(void)
{
    for (size_t i = 0; i < verb_count; i++) {
        if (i == 0 || strcmp(VERBS[i].name, VERBS[i - 1].name) != 0) {
            printf("%s%s", i > 0 ? " " : "", VERBS[i].name);
        }
    }
}

static void print_second_words(const char *first)
{
    const char *space = "";
    for (size_t i = 0; i < verb_count; i++) {
        if (strcmp(VERBS[i].name, first) == 0 && VERBS[i].second != NULL) {
            printf("%s%s", space, VERBS[i].second);
            space = " ";
        }
    }
}

static void print_cases(void)
{
    for (size_t i = 0; i < verb_count; i++) {
        if (VERBS[i].second != NULL && (i == 0 || strcmp(VERBS[i].name, VERBS[i - 1].name) != 0)) {
            printf("    %s) seconds=\"", VERBS[i].name);
            print_second_words(VERBS[i].name);
            puts("\" ;;");
        }
    }
    puts("  esac");
    puts("  case \"$first $second\" in");
    for (size_t i = 0; i < verb_count; i++) {
        printf("    \"%s %s\"%s) options=\"%s%s\" ;;\n", VERBS[i].name, VERBS[i].second != NULL ? VERBS[i].second : "",
               VERBS[i].second == NULL ? "*" : "", VERBS[i].options,
               strstr(VERBS[i].options, "--help") == NULL ? " --help" : "");
    }
    puts("  esac");
}

int verb_completion_bash(int argc, char **argv)
{
    (void)argc, (void)argv;
    puts("# iflowctl: completion for bash. Load it with: source <(iflowctl completion bash)");
    puts("_iflowctl() {");
    puts("  local word=\"${COMP_WORDS[COMP_CWORD]}\" first=\"${COMP_WORDS[1]}\" second=\"${COMP_WORDS[2]}\"");
    puts("  local seconds='' options=''");
    puts("  COMPREPLY=()");
    puts("  if [ \"$COMP_CWORD\" -eq 1 ]; then");
    fputs("    COMPREPLY=($(compgen -W \"", stdout);
    print_first_words();
    puts("\" -- \"$word\"))");
    puts("    return");
    puts("  fi");
    puts("  case \"$first\" in");
    print_cases();
    puts("  if [ \"$COMP_CWORD\" -eq 2 ] && [ -n \"$seconds\" ]; then");
    puts("    COMPREPLY=($(compgen -W \"$seconds\" -- \"$word\"))");
    puts("  elif [ \"${word#-}\" != \"$word\" ]; then");
    puts("    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))");
    puts("  else");
    puts("    COMPREPLY=($(compgen -f -- \"$word\"))");
    puts("  fi");
    puts("}");
    puts("complete -o filenames -F _iflowctl iflowctl");
    return 0;
}

int verb_completion_zsh(int argc, char **argv)
{
    (void)argc, (void)argv;
    puts("#compdef iflowctl");
    puts("# iflowctl: completion for zsh. Load it with: source <(iflowctl completion zsh)");
    puts("_iflowctl() {");
    puts("  local first=\"${words[2]}\" second=\"${words[3]}\" seconds='' options=''");
    puts("  if (( CURRENT == 2 )); then");
    fputs("    compadd -- ", stdout);
    print_first_words();
    puts("");
    puts("    return");
    puts("  fi");
    puts("  case \"$first\" in");
    print_cases();
    puts("  if (( CURRENT == 3 )) && [[ -n $seconds ]]; then");
    puts("    compadd -- ${=seconds}");
    puts("  elif [[ ${words[CURRENT]} == -* ]]; then");
    puts("    compadd -- ${=options}");
    puts("  else");
    puts("    _files");
    puts("  fi");
    puts("}");
    puts("(( $+functions[compdef] )) && compdef _iflowctl iflowctl");
    return 0;
}
