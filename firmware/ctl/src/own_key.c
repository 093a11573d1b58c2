#include "own_key.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "linux/entropy.h"
#include "linux/file.h"

#define FILE_SIZE_MAX (1024u * 1024u) /* a service key has 10 KB */

static uint8_t texts[SERVICE_KEY_INPUT_MAX][FILE_SIZE_MAX]; /* secret */

void own_key_protect_process(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
}

enum ifl_status own_key_read(struct own_key *key, const char *const *files, size_t count, struct arena *arena,
                             struct text *detail)
{
    struct bytes inputs[SERVICE_KEY_INPUT_MAX] = {{0}};
    const struct ifl_random random = entropy_random();
    enum ifl_status status = count <= SERVICE_KEY_INPUT_MAX ? IFL_OK : IFL_TOO_LARGE;
    for (size_t i = 0; i < count && status == IFL_OK; i++) {
        size_t size = 0;
        status = strcmp(files[i], "-") == 0 ? file_read_stdin(texts[i], sizeof texts[i], &size, detail)
                                            : file_read("", files[i], texts[i], sizeof texts[i], &size, detail);
        inputs[i] = bytes_of(texts[i], size);
    }
    if (status == IFL_OK) {
        status = service_key_read(inputs, count, arena, &random, key->bytes, sizeof key->bytes, &key->identity,
                                  &key->report);
        text_str(detail, key->report.detail);
    }
    for (size_t i = 0; i < SERVICE_KEY_INPUT_MAX; i++) {
        bytes_wipe(texts[i], inputs[i].size);
    }
    return status;
}

void own_key_wipe(struct own_key *key)
{
    bytes_wipe(key, sizeof *key);
}
