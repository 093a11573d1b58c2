#include <string.h>

#include "body/body.h"
#include "http/request.h"
#include "parts.h"

/* A field is left out where it has no name or no value. */
static void field(struct http_request *request, const char *name, const char *value)
{
    if (name[0] != '\0' && value != NULL && value[0] != '\0')
        http_request_header(request, name, value);
}

static void token_and_cookies(struct sender *sender, struct http_request *request)
{
    const struct sender_jar *jar = sender->route->jar;
    if (jar == NULL)
        return;
    sender->request_secret = true;
    http_request_header(request, "X-CSRF-Token", csrf_token(jar));
    field(request, "Cookie", jar->text);
}

/* What only a POST has; `begin` gets all of its body that stands before the first payload. */
static void put_post(struct sender *sender, struct http_request *request, struct text *begin)
{
    const struct sender_batch *batch = &sender->route->batch;
    const struct settings *settings = sender->wiring.settings;
    const struct settings_route *route = sender->route->settings;
    char id[OUTBOX_ID_TEXT_SIZE + 24];
    struct text out;
    text_init(&out, id, sizeof id);
    outbox_id_text(&sender->message.id, &out);
    const struct body_event event = {.id = id, .source = settings->device, .unix_s = sender->message.time.unix_s};
    body_begin(batch->format, route, &event, begin);
    if (batch->count > 1) {
        text_str(&out, "..");
        text_u64(&out, batch_last_n(batch));
    }
    sender->body_left = body_size(batch->format, begin->len, batch->count, batch->size);

    field(request, "Content-Type", body_type(batch->format, route));
    http_request_header_u64(request, "Content-Length", sender->body_left);
    field(request, settings->id_header, id);
    field(request, settings->sender_header, settings->device);
    for (const char *name = route->headers; *name != '\0';) { /* "Name\0Value\0Name\0Value\0\0" */
        const char *value = text_next(name);
        http_request_header(request, name, value);
        name = text_next(value);
    }
    token_and_cookies(sender, request);
}

enum ifl_status post_begin(struct sender *sender)
{
    const struct sender_wiring *wiring = &sender->wiring;
    struct http_request request;
    char buf[BODY_BEGIN_SIZE];
    struct text begin;
    text_init(&begin, buf, sizeof buf);
    http_request_begin(&request, sender->request, sizeof sender->request, sender->fetching ? "HEAD" : "POST",
                       sender->route->settings->path, wiring->host, wiring->port);
    if (!sender
             ->used) /* once a connection: whoever reads logs finds it there, and each POST behind it is 30 bytes shorter */
        field(&request, "User-Agent", wiring->user_agent);
    field(&request, "Authorization", wiring->authorization);
    sender->request_secret = wiring->authorization != NULL;
    sender->body_left = 0;
    if (sender->fetching)
        field(&request, "X-CSRF-Token", "Fetch");
    else
        put_post(sender, &request, &begin);

    struct bytes head;
    enum ifl_status status = http_request_end(&request, &head);
    text_str(&request.text, buf);
    sender->request_pos = 0;
    sender->request_len = request.text.len;
    sender->body_left -= (uint32_t)begin.len;
    return status == IFL_OK && (request.text.cut || begin.cut) ? IFL_TOO_LARGE : status;
}

/* There is room for it: post_fill() looks. */
static void put_part(struct sender *sender, const char *part)
{
    size_t size = strlen(part);
    memcpy(sender->request + sender->request_len, part, size);
    sender->request_len += size;
    sender->body_left -= (uint32_t)size;
}

/* Behind a payload: the next one, or the end. INVALID: the body should have ended. */
static enum ifl_status next_part(struct sender *sender)
{
    const struct sender_batch *batch = &sender->route->batch;
    unsigned form = batch->format;
    if (sender->message.n == batch_last_n(batch)) {
        const char *end = body_end(form);
        if (sender->body_left != strlen(end))
            return IFL_INVALID; /* that isn't the message that was announced */
        put_part(sender, end);
        return IFL_OK;
    }
    outbox_n n = sender->message.n;
    enum ifl_status status = outbox_next(sender->wiring.outbox, &sender->message);
    if (status == IFL_END || (status == IFL_OK && sender->message.n != n + 1))
        status = IFL_STORE_CORRUPT;
    if (status == IFL_OK)
        put_part(sender, body_between(form));
    return status;
}

/* The next bytes of the payload, at the end of the buffer's contents. */
static enum ifl_status read_piece(struct sender *sender, size_t *got)
{
    unsigned form = sender->route->batch.format;
    uint8_t *at = sender->request + sender->request_len;
    size_t room = sizeof sender->request - sender->request_len;
    size_t size = body_piece_size(form, room);
    uint8_t *raw = at + room - size;
    enum ifl_status status = outbox_read(sender->wiring.outbox, &sender->message, raw, size, got);
    if (status == IFL_OK)
        *got = body_encode(form, at, room, bytes_of(raw, *got));
    return status;
}

enum ifl_status post_fill(struct sender *sender)
{
    enum ifl_status status = IFL_OK;
    while (status == IFL_OK && sender->body_left > 0 && sender->request_len + BODY_ROOM_MIN <= sizeof sender->request) {
        size_t got = 0;
        status = read_piece(sender, &got);
        if (status == IFL_OK && got > sender->body_left)
            status = IFL_INVALID; /* that isn't the message that was announced */
        if (status != IFL_OK)
            break;
        sender->request_len += got;
        sender->body_left -= (uint32_t)got;
        if (got == 0)
            status = next_part(sender);
    }
    return status;
}

void post_wipe(struct sender *sender)
{
    if (sender->request_secret)
        bytes_wipe(sender->request, sizeof sender->request);
    if (sender->fetching)
        bytes_wipe(sender->response.line, sizeof sender->response.line);
    sender->request_secret = false;
}
