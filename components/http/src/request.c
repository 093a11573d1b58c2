#include "http/request.h"

#include "token.h"

static void refuse(struct http_request *request)
{
    if (!request->text.cut) /* the first error counts */
        request->invalid = true;
}

/* Bytes from `lowest` on but DEL: ' ' for field values, '!' for parts of the request line. */
static void put_checked(struct http_request *request, struct bytes raw, uint8_t lowest)
{
    for (size_t i = 0; i < raw.size; i++)
        if (raw.data[i] < lowest || raw.data[i] == 0x7f)
            refuse(request);
    text_bytes(&request->text, raw);
}

static void put_name(struct http_request *request, const char *name)
{
    const uint8_t *at = (const uint8_t *)name;
    while (http_is_token_char(*at))
        at++;
    if (*at != '\0' || *name == '\0')
        refuse(request);
    text_str(&request->text, name);
    text_char(&request->text, ':'); /* a space behind it is optional (RFC 9112 section 5): five bytes of a small POST */
}

void http_request_begin(struct http_request *request, uint8_t *buf, size_t size, const char *method, struct bytes path,
                        struct bytes host, uint16_t port)
{
    struct text *text = &request->text;
    text_init(text, (char *)buf, size);
    request->invalid = path.size == 0 || path.data[0] != '/' || host.size == 0;
    text_str(text, method);
    text_char(text, ' ');
    put_checked(request, path, '!');
    text_str(text, " HTTP/1.1\r\n");
    put_name(request, "Host");
    put_checked(request, host, '!');
    if (port != 443) {
        text_char(text, ':');
        text_u64(text, port);
    }
    text_str(text, "\r\n");
}

void http_request_header(struct http_request *request, const char *name, struct bytes value)
{
    put_name(request, name);
    put_checked(request, value, ' ');
    text_str(&request->text, "\r\n");
}

void http_request_header_u64(struct http_request *request, const char *name, uint64_t value)
{
    put_name(request, name);
    text_u64(&request->text, value);
    text_str(&request->text, "\r\n");
}

enum ifl_status http_request_end(struct http_request *request, struct bytes *head)
{
    const struct text *text = &request->text;
    text_str(&request->text, "\r\n");
    *head = http_span(text->buf, text->len);
    if (request->invalid)
        return IFL_INVALID;
    return text->cut ? IFL_TOO_LARGE : IFL_OK;
}
