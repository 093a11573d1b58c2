/* An answer in pieces of any size: the same verdict as in one piece, and never more bytes taken than given. */
#include "fuzz.h"

#include <string.h>

#include "http/response.h"

struct seen {
    size_t headers;
    uint64_t sum; /* of names and values */
};

static void take(struct seen *seen, struct bytes piece)
{
    for (size_t i = 0; i < piece.size; i++)
        seen->sum = seen->sum * 31 + piece.data[i];
}

static void header(void *ctx, const char *name, const char *value, bool cut)
{
    struct seen *seen = ctx;
    seen->headers++;
    take(seen, bytes_of_string(name));
    take(seen, bytes_of_string(value));
    seen->sum += cut;
}

static enum ifl_status feed(struct http_response *response, struct bytes input, size_t step, size_t *taken)
{
    *taken = 0;
    while (input.size > 0 && !response->complete) {
        size_t used = 0;
        struct bytes piece = bytes_head(input, step);
        enum ifl_status status = http_response_feed(response, piece, &used);
        promise(used <= piece.size);
        *taken += used;
        if (status != IFL_OK)
            return status;
        promise(used == piece.size || response->complete);
        input = bytes_tail(input, used);
    }
    return IFL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_response whole;
    static struct http_response parts;
    struct seen seen[2] = {{0}};
    size_t taken[2];
    if (size < 2)
        return 0;
    bool head = (data[0] & 1) != 0;
    struct bytes input = bytes_of(data + 2, size - 2);
    const struct http_response_events events[2] = {{.ctx = &seen[0], .header = header},
                                                   {.ctx = &seen[1], .header = header}};
    http_response_init(&whole, &events[0], head);
    http_response_init(&parts, &events[1], head);
    enum ifl_status one = feed(&whole, input, size, &taken[0]);
    enum ifl_status two = feed(&parts, input, 1 + data[1] % 64u, &taken[1]);
    promise(one == two && whole.complete == parts.complete && whole.head_complete == parts.head_complete);
    promise(seen[0].headers == seen[1].headers && seen[0].sum == seen[1].sum);
    promise(one != IFL_OK || taken[0] == taken[1]);
    if (one == IFL_OK && !whole.complete)
        promise(http_response_end(&whole) == http_response_end(&parts));
    return 0;
}
