#include "http/request.h"

#include "token.h"

/* Bytes from `lowest` on but DEL: ' ' for field values, '!' for parts of the request line. */
static void put_checked(struct http_request *request, const char *raw, uint8_t lowest)
{
    text_str(&request->text, raw);
    for (; *raw != '\0'; raw++)
        if ((uint8_t)*raw < lowest || *raw == 0x7f)
            request->invalid = true;
}

static void put_name(struct http_request *request, const char *name)
{
    size_t size = http_token_size(name);
    if (size == 0 || name[size] != '\0')
        request->invalid = true;
    text_str(&request->text, name);
    text_char(&request->text, ':'); /* a space behind it is optional (RFC 9112 section 5): five bytes of a small POST */
}

static void end_line(struct http_request *request)
{
    text_str(&request->text, "\r\n");
}

void http_request_begin(struct http_request *request, uint8_t *buf, size_t size, const char *method, const char *path,
                        const char *host, uint16_t port)
{
    struct text *text = &request->text;
    text_init(text, (char *)buf, size);
    request->invalid = path[0] != '/' || host[0] == '\0';
    text_str(text, method);
    text_char(text, ' ');
    put_checked(request, path, '!');
    text_str(text, " HTTP/1.1\r\nHost:");
    put_checked(request, host, '!');
    if (port != 443) {
        text_char(text, ':');
        text_u64(text, port);
    }
    end_line(request);
}

void http_request_header(struct http_request *request, const char *name, const char *value)
{
    put_name(request, name);
    put_checked(request, value, ' ');
    end_line(request);
}

void http_request_header_u64(struct http_request *request, const char *name, uint64_t value)
{
    put_name(request, name);
    text_u64(&request->text, value);
    end_line(request);
}

enum ifl_status http_request_end(struct http_request *request, struct bytes *head)
{
    end_line(request);
    *head = bytes_of(request->text.buf, request->text.len);
    if (request->invalid)
        return IFL_INVALID;
    return request->text.cut ? IFL_TOO_LARGE : IFL_OK;
}
