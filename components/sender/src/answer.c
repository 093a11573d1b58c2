#include <string.h>

#include "base/text.h"
#include "http/values.h"
#include "parts.h"

#define RETRY_AFTER_LIMIT_S 3600

/* What the answer to a HEAD brings into the jar. "Required", "Fetch" and nothing aren't tokens. */
static bool keep_token(struct sender_jar *jar, const char *value, bool cut)
{
    return text_is(value, "Required") || text_is(value, "Fetch") || text_is(value, "") ||
           (!cut && csrf_add_token(jar, value));
}

static bool keep_cookie(struct sender_jar *jar, const char *value, bool cut)
{
    size_t size = http_cookie_size(value);
    bool whole = !cut || value[size] != '\0'; /* only attributes were cut off */
    return whole && csrf_add_cookie(jar, bytes_of(value, size));
}

static void on_header(void *ctx, const char *name, const char *value, bool cut)
{
    struct sender *sender = ctx;
    struct sender_jar *jar = sender->jar;
    enum catalogue_field field = catalogue_field(&sender->answer, name, value);
    if (field == CATALOGUE_DATE)
        http_date(value, &sender->date_unix_s);
    if (jar == NULL)
        return;
    if ((field == CATALOGUE_CSRF_TOKEN && !keep_token(jar, value, cut)) ||
        (field == CATALOGUE_SET_COOKIE && !keep_cookie(jar, value, cut)))
        sender->token_too_large = true;
}

static void on_body(void *ctx, struct bytes piece)
{
    struct sender *sender = ctx;
    catalogue_body(&sender->answer, piece);
}

void answer_begin(struct sender *sender)
{
    const struct http_response_events events = {.header = on_header, .body = on_body, .ctx = sender};
    http_response_init(&sender->response, &events, sender->fetching);
    catalogue_begin(&sender->answer, sender->wiring.authorization != NULL);
    sender->heard = false;
    sender->early = false;
    sender->decided = false;
    sender->token_too_large = false;
    sender->write_error = IFL_OK;
    sender->date_unix_s = 0;
    if (sender->fetching)
        sender->jar = csrf_jar_new(sender);
}

enum ifl_status answer_read(struct sender *sender)
{
    uint8_t buf[256];
    size_t got = 0, used = 0;
    enum ifl_status status = tls_read(sender->wiring.tls, buf, sizeof buf, &got);
    if (status == IFL_CLOSED)
        return http_response_end(&sender->response) == IFL_OK ? IFL_OK : IFL_CLOSED;
    if (status != IFL_OK)
        return status;
    status = http_response_feed(&sender->response, bytes_of(buf, got), &used);
    if (used < got) /* more than was asked for */
        sender->response.keep_alive = false;
    if (sender->jar != NULL)
        bytes_wipe(buf, sizeof buf);
    sender->heard = true;
    sender->refused_count = 0;
    sender->closed_once = false;
    return status;
}

/* Of a success the head; an error's text belongs to the verdict, and a host that can't bring it to its end hasn't recovered. */
bool answer_is_decidable(const struct sender *sender)
{
    const struct http_response *response = &sender->response;
    return response->head_complete && (response->complete || response->status < 300 || response->body_size > REST_SIZE);
}

uint32_t answer_retry_after_ms(const struct sender *sender)
{
    int64_t now_s = sender->date_unix_s;
    if (now_s == 0)
        now_s = clock_read(sender->wiring.clock, sender->now).unix_s;
    uint32_t wait_s = 0;
    http_retry_after(sender->answer.retry_after, now_s, RETRY_AFTER_LIMIT_S, &wait_s);
    return wait_s * 1000;
}
