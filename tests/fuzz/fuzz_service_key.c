/* Service key text, of 1 to 4 files (a zero byte stands between them): refused, or an identity that lies in the buffer. */
#include "fuzz.h"

#include <string.h>

#include "identity/paste.h"

#define SIZE_MAX_TOGETHER 16384

static enum ifl_status fill(void *ctx, void *buf, size_t size)
{
    (void)ctx;
    memset(buf, 0x5A, size); /* only blinds the trial signature */
    return IFL_OK;
}

static size_t split(struct bytes all, struct bytes inputs[SERVICE_KEY_INPUT_MAX])
{
    static const uint8_t zero[1];
    size_t count = 0;
    while (count + 1 < SERVICE_KEY_INPUT_MAX) {
        size_t at = bytes_find(all, bytes_of(zero, sizeof zero));
        if (at == all.size)
            break;
        inputs[count++] = bytes_head(all, at);
        all = bytes_tail(all, at + 1);
    }
    inputs[count++] = all;
    return count;
}

static void check(enum ifl_status status, const struct identity *identity, const uint8_t *buf, size_t buf_size)
{
    if (status != IFL_OK) {
        promise(identity->chain_count == 0 && identity->key.size == 0);
        return;
    }
    promise(identity->chain_count >= 2 && identity->chain_count <= IDENTITY_CHAIN_MAX);
    promise(identity->key.data >= buf && identity->key.data + identity->key.size <= buf + buf_size);
    for (size_t i = 0; i < identity->chain_count; i++)
        promise(identity->chain[i].data >= buf && identity->chain[i].data + identity->chain[i].size <= buf + buf_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t buf[IFL_IDENTITY_SIZE_MAX], work[PASTE_WORK_SIZE(SIZE_MAX_TOGETHER)], memory[256 * 1024];
    const struct ifl_random random = {.fill = fill};
    struct bytes inputs[SERVICE_KEY_INPUT_MAX];
    struct identity identity;
    struct service_key_report report;
    struct arena arena;
    if (size > SIZE_MAX_TOGETHER)
        return 0;
    size_t count = split(bytes_of(data, size), inputs);
    /* Mostly without memory for the proof, which takes a thousand times longer than everything before it. */
    arena_init(&arena, memory, size % 8 == 0 ? sizeof memory : 1024);
    enum ifl_status status = paste_read(inputs, count, bytes_of(work, PASTE_WORK_SIZE(size)), NULL, &arena, &random,
                                        buf, sizeof buf, &identity, &report);
    check(status, &identity, buf, sizeof buf);
    promise(arena_empty(&arena) && status == report.status);
    return 0;
}
