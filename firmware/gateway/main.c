/* iflowd: the agent on a Linux gateway. */
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "gateway.h"
#include "log.h"
#include "options.h"

/* The private key is in this process' memory: it must not reach a core file, a debugger of the same user or a file of others. */
static void guard_secrets(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
    umask(077);
}

int main(int argc, char **argv)
{
    struct options options;
    switch (options_parse(argc, argv, &options)) {
    case OPTIONS_ANSWERED:
        return 0;
    case OPTIONS_WRONG:
        return 2;
    case OPTIONS_GO:
        break;
    }
    guard_secrets();
    (void)signal(SIGPIPE, SIG_IGN);
    log_init();
    return gateway_run(&options);
}
