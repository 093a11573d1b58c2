#include "exchange.h"

#include <string.h>

#include "catalogue/catalogue.h"
#include "http/request.h"
#include "http/response.h"

#define ANSWER_MS 30000
#define HEAD_SIZE (IFL_HOST_SIZE + 160u)

struct renewal_exchange {
    struct http_response response;
    struct catalogue_answer answer;
    size_t len, pos; /* of the request */
    uint8_t request[HEAD_SIZE];
};

static void on_header(void *ctx, const char *name, const char *value, bool cut)
{
    struct renewal_exchange *exchange = ctx;
    (void)cut;
    (void)catalogue_field(&exchange->answer, name, value);
}

static enum ifl_status write_head(struct renewal *renewal)
{
    const struct renewal_wiring *wiring = &renewal->wiring;
    struct renewal_exchange *exchange = renewal->exchange;
    struct http_request request;
    struct bytes head;
    http_request_begin(&request, exchange->request, sizeof exchange->request, "HEAD", wiring->probe_path, wiring->host,
                       *wiring->port);
    http_request_header(&request, "Connection", "close");
    const enum ifl_status status = http_request_end(&request, &head);
    exchange->len = head.size;
    return status;
}

/* The blocks of mbedTLS are freed by their owner's number when it forgets some: this one isn't among them. */
static void *allocate(struct arena *arena, size_t size)
{
    const uint8_t owner = arena->owner;
    arena->owner = 0;
    void *block = arena_calloc(arena, 1, size);
    arena->owner = owner;
    return block;
}

enum ifl_status exchange_open(struct renewal *renewal)
{
    renewal->exchange = allocate(renewal->wiring.arena, sizeof *renewal->exchange);
    if (renewal->exchange == NULL) {
        return IFL_NO_MEMORY;
    }
    const struct http_response_events events = {.header = on_header, .ctx = renewal->exchange};
    http_response_init(&renewal->exchange->response, &events, true);
    catalogue_begin(&renewal->exchange->answer, false);
    renewal->deadline = IFL_NEVER;
    return write_head(renewal);
}

static enum ifl_status send(struct renewal *renewal, ifl_ms now)
{
    struct renewal_exchange *exchange = renewal->exchange;
    while (exchange->pos < exchange->len) {
        size_t taken = 0;
        const struct bytes rest = bytes_of(exchange->request + exchange->pos, exchange->len - exchange->pos);
        const enum ifl_status status = tls_write(renewal->wiring.tls, rest, &taken);
        if (status != IFL_OK) {
            return status;
        }
        exchange->pos += taken;
        renewal->deadline = ifl_ms_after(now, ANSWER_MS);
    }
    return IFL_OK;
}

static enum ifl_status receive(struct renewal *renewal)
{
    struct renewal_exchange *exchange = renewal->exchange;
    while (!exchange->response.head_complete) {
        uint8_t buf[128];
        size_t got = 0, used = 0;
        enum ifl_status status = tls_read(renewal->wiring.tls, buf, sizeof buf, &got);
        if (status == IFL_OK) {
            status = http_response_feed(&exchange->response, bytes_of(buf, got), &used);
        }
        if (status != IFL_OK) {
            return status == IFL_CLOSED ? IFL_HTTP_CUT : status;
        }
    }
    exchange->answer.status = exchange->response.status;
    return catalogue_classify(&exchange->answer);
}

enum ifl_status exchange_step(struct renewal *renewal, ifl_ms now)
{
    enum ifl_status status = send(renewal, now);
    /* Where sending fails, the other side may have said why before it went away. */
    if (status != IFL_AGAIN) {
        status = receive(renewal);
    }
    return status == IFL_AGAIN && now >= renewal->deadline ? IFL_HTTP_TIMEOUT : status;
}

void exchange_close(struct renewal *renewal)
{
    arena_free(renewal->wiring.arena, renewal->exchange);
    renewal->exchange = NULL;
}
