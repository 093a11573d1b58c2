#include <string.h>

#include "http/request.h"
#include "parts.h"

#define ROOM_MIN 5 /* bytes of the buffer: four digits of base64 and a zero, or what stands between two payloads */

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
    [SETTINGS_BODY_EVENT] = {",\"data\":", "", "}"}, /* before it: put_event() */
    [BODY_EVENT_ENCODED] = {",\"data_base64\":\"", "", "\"}"},
};

static const struct framing *framing_of(const struct sender *sender)
{
    return &framings[sender->route->batch.format];
}

/* ---- CloudEvents 1.0, JSON event format, structured mode ---- */

#define EVENT_SIZE 512 /* all that stands before the data */

static bool is_event(const struct sender *sender)
{
    return sender->route->batch.format >= SETTINGS_BODY_EVENT;
}

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

/* As outbox_read(), in base64. The raw bytes go to the end of the buffer first: what is written never reaches what isn't read yet. */
static enum ifl_status read_encoded(struct sender *sender, size_t *got)
{
    size_t room = sizeof sender->request - sender->request_len;
    size_t size = (room - 1) / 4 * 3;
    uint8_t *raw = sender->request + sizeof sender->request - size;
    struct text out;
    enum ifl_status status = outbox_read(sender->wiring.outbox, &sender->message, raw, size, got);
    text_init(&out, (char *)sender->request + sender->request_len, room);
    if (status == IFL_OK)
        text_base64(&out, bytes_of(raw, *got));
    *got = out.len;
    return status;
}

/* ---- the request ---- */

/* What stands before the first payload. */
static void put_before(const struct sender *sender, struct text *out)
{
    if (is_event(sender))
        put_event(sender, out);
    text_str(out, framing_of(sender)->before);
}

static uint32_t body_size(const struct sender *sender, size_t before_size)
{
    const struct sender_batch *batch = &sender->route->batch;
    size_t around =
        before_size + (batch->count - 1) * strlen(framing_of(sender)->between) + strlen(framing_of(sender)->after);
    return (batch_is_encoded(&sender->route->batch) ? (batch->size + 2) / 3 * 4 : batch->size) + (uint32_t)around;
}

static void message_headers(struct sender *sender, struct http_request *request)
{
    const char *type = is_event(sender) ? "application/cloudevents+json" : sender->route->settings->content_type;
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

    field(request, "Content-Type", type);
    http_request_header_u64(request, "Content-Length", sender->body_left);
    field(request, settings->id_header, id);
    field(request, settings->sender_header, settings->device);
    for (const char *name = route->headers; *name != '\0';) { /* "Name\0Value\0Name\0Value\0\0" */
        const char *value = name + strlen(name) + 1;
        http_request_header(request, name, bytes_of_string(value));
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
    outbox_rewind(&sender->message);
    sender->body_left = 0;
    if (!sender->fetching) {
        put_before(sender, &before);
        sender->body_left = body_size(sender, before.len);
    }
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
        if (sender->body_left != strlen(framing_of(sender)->after))
            return IFL_INVALID; /* that isn't the message that was announced */
        put_part(sender, framing_of(sender)->after);
        return IFL_OK;
    }
    outbox_n n = sender->message.n;
    enum ifl_status status = outbox_next(sender->wiring.outbox, &sender->message);
    if (status == IFL_END || (status == IFL_OK && sender->message.n != n + 1))
        status = IFL_STORE_CORRUPT;
    if (status == IFL_OK) {
        outbox_rewind(&sender->message);
        put_part(sender, framing_of(sender)->between);
    }
    return status;
}

static enum ifl_status read_plain(struct sender *sender, size_t *got)
{
    return outbox_read(sender->wiring.outbox, &sender->message, sender->request + sender->request_len,
                       sizeof sender->request - sender->request_len, got);
}

enum ifl_status post_fill(struct sender *sender)
{
    while (sender->body_left > 0 && sender->request_len + ROOM_MIN <= sizeof sender->request) {
        size_t got = 0;
        enum ifl_status status =
            batch_is_encoded(&sender->route->batch) ? read_encoded(sender, &got) : read_plain(sender, &got);
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
