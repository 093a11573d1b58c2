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

static void message_headers(struct sender *sender, struct http_request *request)
{
    const struct settings *settings = sender->wiring.settings;
    const struct settings_route *route = sender->route->settings;
    char id[OUTBOX_ID_TEXT_SIZE];
    struct text out;
    text_init(&out, id, sizeof id);
    outbox_id_text(&sender->message.id, &out);

    field(request, "Content-Type", route->content_type);
    http_request_header_u64(request, "Content-Length", sender->message.size);
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
    sender->body_left = sender->fetching ? 0 : sender->message.size;
    outbox_rewind(&sender->message);
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
        if (got == 0 || got > sender->body_left)
            return IFL_INVALID; /* that isn't the message that was announced */
        sender->request_len += got;
        sender->body_left -= (uint32_t)got;
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
