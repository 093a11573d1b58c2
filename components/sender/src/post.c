#include <string.h>

#include "http/request.h"
#include "parts.h"

#define EVENT_TYPE "application/cloudevents+json"
#define ROOM_MIN 5 /* bytes of the buffer: four digits of base64 and a zero, or what stands between two payloads */

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

/* The type of a body, where it isn't the one of its payloads, and what stands around them. */
static const struct sender_framing framings[] = {
    [SETTINGS_BODY_RAW] = {NULL, "", "", ""},
    [SETTINGS_BODY_ARRAY] = {NULL, "[", ",", "]"},
    [SETTINGS_BODY_LINES] = {NULL, "", "\n", "\n"},
    [SETTINGS_BODY_EVENT] = {EVENT_TYPE, ",\"data\":", "", "}"}, /* before it: put_event() */
    [BODY_EVENT_ENCODED] = {EVENT_TYPE, ",\"data_base64\":\"", "", "\"}"},
};

/* ---- CloudEvents 1.0, JSON event format, structured mode ---- */

#define EVENT_SIZE 512 /* all that stands before the data */

static void put_event(const struct sender *sender, struct text *out)
{
    const struct settings_route *route = sender->route->settings;
    text_str(out, "{\"specversion\":\"1.0\",\"id\":\"");
    outbox_id_text(&sender->message.id, out);
    text_str(out, "\",\"source\":\"");
    text_url(out, sender->wiring.settings->device); /* a URI reference */
    text_str(out, "\",\"type\":\"");
    text_str(out, route->name);
    if (sender->message.time.unix_s > 0) {
        text_str(out, "\",\"time\":\"");
        text_utc(out, sender->message.time.unix_s);
    }
    text_str(out, "\",\"datacontenttype\":");
    text_json(out, bytes_of_string(route->content_type));
}

/* ---- the request ---- */

static uint32_t body_size(const struct sender *sender, size_t before_size)
{
    const struct sender_batch *batch = &sender->route->batch;
    const struct sender_framing *framing = sender->framing;
    size_t around = before_size + (batch->count - 1) * strlen(framing->between) + strlen(framing->after);
    return (batch_is_encoded(batch) ? (batch->size + 2) / 3 * 4 : batch->size) + (uint32_t)around;
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

    field(request, "Content-Type", sender->framing->type != NULL ? sender->framing->type : route->content_type);
    http_request_header_u64(request, "Content-Length", sender->body_left);
    field(request, settings->id_header, id);
    field(request, settings->sender_header, settings->device);
    for (const char *name = route->headers; *name != '\0';) { /* "Name\0Value\0Name\0Value\0\0" */
        const char *value = name + strlen(name) + 1;
        http_request_header(request, name, value);
        name = value + strlen(value) + 1;
    }
    token_and_cookies(sender, request);
}

enum ifl_status post_begin(struct sender *sender)
{
    const struct sender_wiring *wiring = &sender->wiring;
    struct http_request request;
    char buf[EVENT_SIZE];
    struct text before;
    text_init(&before, buf, sizeof buf);
    sender->body_left = 0;
    if (!sender->fetching) {
        sender->framing = &framings[sender->route->batch.format];
        if (sender->framing->type != NULL)
            put_event(sender, &before);
        text_str(&before, sender->framing->before);
        sender->body_left = body_size(sender, before.len);
    }
    http_request_begin(&request, sender->request, sizeof sender->request, sender->fetching ? "HEAD" : "POST",
                       sender->route->settings->path, wiring->host, wiring->port);
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
    text_bytes(&request.text, bytes_of(buf, before.len));
    sender->request_pos = 0;
    sender->request_len = request.text.len;
    sender->body_left -= (uint32_t)before.len;
    return status == IFL_OK && (request.text.cut || before.cut) ? IFL_TOO_LARGE : status;
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
    if (sender->message.n == batch_last_n(&sender->route->batch)) {
        if (sender->body_left != strlen(sender->framing->after))
            return IFL_INVALID; /* that isn't the message that was announced */
        put_part(sender, sender->framing->after);
        return IFL_OK;
    }
    outbox_n n = sender->message.n;
    enum ifl_status status = outbox_next(sender->wiring.outbox, &sender->message);
    if (status == IFL_END || (status == IFL_OK && sender->message.n != n + 1))
        status = IFL_STORE_CORRUPT;
    if (status == IFL_OK)
        put_part(sender, sender->framing->between);
    return status;
}

/* The next bytes of the payload, at the end of the buffer's contents. Those that become base64 go to the end of the buffer first: what is written never
 * reaches what isn't read yet. */
static enum ifl_status read_piece(struct sender *sender, size_t *got)
{
    size_t room = sizeof sender->request - sender->request_len;
    bool encoded = batch_is_encoded(&sender->route->batch);
    size_t size = encoded ? (room - 1) / 4 * 3 : room;
    uint8_t *raw = sender->request + sizeof sender->request - size;
    enum ifl_status status = outbox_read(sender->wiring.outbox, &sender->message, raw, size, got);
    if (status == IFL_OK && encoded) {
        struct text out;
        text_init(&out, (char *)sender->request + sender->request_len, room);
        text_base64(&out, bytes_of(raw, *got));
        *got = out.len;
    }
    return status;
}

enum ifl_status post_fill(struct sender *sender)
{
    enum ifl_status status = IFL_OK;
    while (status == IFL_OK && sender->body_left > 0 && sender->request_len + ROOM_MIN <= sizeof sender->request) {
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
