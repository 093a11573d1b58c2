#include <string.h>

#include "http/request.h"
#include "parts.h"

/* A field is left out where it has no name or no value. */
static void field(struct http_request *request, const char *name, const char *value)
{
    if (name[0] != '\0' && value != NULL && value[0] != '\0')
        http_request_header(request, name, bytes_of_string(value));
}

static void token_and_cookies(struct sender *sender, struct http_request *request)
{
    const struct sender_jar *jar = sender->route->jar;
    if (jar == NULL)
        return;
    sender->request_secret = true;
    http_request_header(request, "X-CSRF-Token", csrf_token(jar));
    if (jar->cookies_len > 0)
        http_request_header(request, "Cookie", bytes_of(jar->text, jar->cookies_len));
}

/* What stands around the payloads of a batch. */
static const struct framing {
    const char *before, *between, *after;
} framings[] = {
    [SETTINGS_BODY_RAW] = {"", "", ""},
    [SETTINGS_BODY_ARRAY] = {"[", ",", "]"},
    [SETTINGS_BODY_LINES] = {"", "\n", "\n"},
};

static const struct framing *framing_of(const struct sender *sender)
{
    return &framings[sender->route->batch.format];
}

static uint32_t body_size(const struct sender *sender)
{
    const struct sender_batch *batch = &sender->route->batch;
    const struct framing *framing = framing_of(sender);
    size_t around = strlen(framing->before) + (batch->count - 1) * strlen(framing->between) + strlen(framing->after);
    return batch->size + (uint32_t)around;
}

static void message_headers(struct sender *sender, struct http_request *request)
{
    const struct sender_batch *batch = &sender->route->batch;
    const struct settings *settings = sender->wiring.settings;
    const struct settings_route *route = sender->route->settings;
    char id[OUTBOX_ID_TEXT_SIZE + 24];
    struct text out;
    text_init(&out, id, sizeof id);
    outbox_id_text(&sender->message.id, &out);
    if (batch->count > 1) {
        text_str(&out, "..");
        text_u64(&out, batch_last_n(batch));
    }

    field(request, "Content-Type", route->content_type);
    http_request_header_u64(request, "Content-Length", body_size(sender));
    field(request, settings->id_header, id);
    field(request, settings->sender_header, settings->device);
    for (const char *name = route->headers; *name != '\0';) { /* "Name\0Value\0Name\0Value\0\0" */
        const char *value = name + strlen(name) + 1;
        http_request_header(request, name, bytes_of_string(value));
        name = value + strlen(value) + 1;
    }
    token_and_cookies(sender, request);
}

/* There is room for it: post_fill() looks, and a head leaves some. */
static void put_part(struct sender *sender, const char *part)
{
    size_t size = strlen(part);
    memcpy(sender->request + sender->request_len, part, size);
    sender->request_len += size;
    sender->body_left -= (uint32_t)size;
}

enum ifl_status post_begin(struct sender *sender)
{
    const struct sender_wiring *wiring = &sender->wiring;
    struct http_request request;
    http_request_begin(&request, sender->request, sizeof sender->request, sender->fetching ? "HEAD" : "POST",
                       bytes_of_string(sender->route->settings->path), bytes_of_string(wiring->host), wiring->port);
    if (!sender
             ->used) /* once a connection: whoever reads logs finds it there, and each POST behind it is 30 bytes shorter */
        field(&request, "User-Agent", wiring->user_agent);
    field(&request, "Authorization", wiring->authorization);
    sender->request_secret = wiring->authorization != NULL;
    if (sender->fetching)
        field(&request, "X-CSRF-Token", "Fetch");
    else
        message_headers(sender, &request);

    struct bytes head;
    enum ifl_status status = http_request_end(&request, &head);
    sender->request_pos = 0;
    sender->request_len = head.size;
    sender->body_left = sender->fetching ? 0 : body_size(sender);
    outbox_rewind(&sender->message);
    if (status == IFL_OK && !sender->fetching)
        put_part(sender, framing_of(sender)->before);
    return status;
}

/* Behind a payload: the next one, or the end. INVALID: the body should have ended. */
static enum ifl_status next_part(struct sender *sender)
{
    const struct framing *framing = framing_of(sender);
    if (sender->message.n == batch_last_n(&sender->route->batch)) {
        if (sender->body_left != strlen(framing->after))
            return IFL_INVALID; /* that isn't the message that was announced */
        put_part(sender, framing->after);
        return IFL_OK;
    }
    uint64_t n = sender->message.n;
    enum ifl_status status = outbox_next(sender->wiring.outbox, &sender->message);
    if (status == IFL_END || (status == IFL_OK && sender->message.n != n + 1))
        status = IFL_STORE_CORRUPT;
    if (status == IFL_OK) {
        outbox_rewind(&sender->message);
        put_part(sender, framing->between);
    }
    return status;
}

enum ifl_status post_fill(struct sender *sender)
{
    while (sender->body_left > 0 && sender->request_len < sizeof sender->request) {
        size_t got = 0;
        enum ifl_status status =
            outbox_read(sender->wiring.outbox, &sender->message, sender->request + sender->request_len,
                        sizeof sender->request - sender->request_len, &got);
        if (status != IFL_OK)
            return status;
        if (got > sender->body_left)
            return IFL_INVALID; /* that isn't the message that was announced */
        sender->request_len += got;
        sender->body_left -= (uint32_t)got;
        if (got == 0)
            status = next_part(sender);
        if (status != IFL_OK)
            return status;
    }
    return IFL_OK;
}

void post_wipe(struct sender *sender)
{
    if (sender->request_secret)
        bytes_wipe(sender->request, sizeof sender->request);
    if (sender->fetching)
        bytes_wipe(sender->response.line, sizeof sender->response.line);
    sender->request_secret = false;
}
