/*
 *           ┌──── 1xx ────┐
 *           ▼             │
 *      STATUS_LINE ─► FIELD_LINE ── empty line ─┬─► UNTIL_CLOSE ── closed ──────────► COMPLETE
 *                                               ├─► LENGTH ── all bytes ────────────► COMPLETE
 *                                               └─► CHUNK_SIZE ◄─────────┐
 *                                                     ├─► CHUNK_DATA ─► CHUNK_END
 *                                                     └─ 0 ─► TRAILER ── empty line ─► COMPLETE
 *      any ── error ─► BROKEN
 *
 * Everything but the body's bytes stands in lines; a line is judged when its end is there.
 *
 * Where RFC 9112 leaves a choice to the recipient, or a lenient reading would let two parties see two different answers:
 *
 *   a bare LF ends a status, field or trailer line           accepted, section 2.2 allows it
 *   a bare LF in chunk framing                               refused, section 7.1
 *   CR not followed by LF                                    refused, section 2.2
 *   control characters, NUL                                  refused, RFC 9110 section 5.5
 *   status line without reason and without its space         accepted: seen in the field, nothing hangs on it
 *   leading empty lines before the status line               refused: only a server has to skip them (section 2.2)
 *   major version other than 1                               HTTP_VERSION
 *   status below 100 or above 599                            refused: RFC 9110 section 15 takes them as a broken server
 *   101 Switching Protocols                                  refused: nobody asked for it
 *   whitespace before the colon, folded lines, empty names   refused, sections 5.1 and 5.2
 *   Content-Length that isn't digits only                    refused, section 6.3 (5); "5, 5" too
 *   Content-Length twice                                     refused unless the same number
 *   Content-Length and Transfer-Encoding                     refused: section 6.1 calls it an attempt of smuggling
 *   a transfer coding other than one "chunked"               refused, section 6.1: it was never offered by TE
 *   Transfer-Encoding in HTTP/1.0                            refused, section 6.1: the framing is faulty
 *   chunk size: hexadecimal digits, then ';' or CR LF        anything else is refused, section 7.1
 *   Content-Length or chunk size of 4 GiB or more            HTTP_TOO_LARGE: nobody answers a message with that
 *   chunk extensions                                         skipped; a longer line than HTTP_LINE_SIZE is refused
 *   trailers                                                 checked like fields and dropped, section 7.1.2
 */
#include "http/response.h"

#include <string.h>

#include "base/text.h"
#include "http/values.h"
#include "token.h"

enum state {
    STATUS_LINE,
    FIELD_LINE,
    TRAILER,
    CHUNK_SIZE, /* from here on chunk framing: lines end with CR LF and are never cut */
    CHUNK_END,
    CHUNK_DATA, /* from here on no lines */
    LENGTH,
    UNTIL_CLOSE,
    COMPLETE,
    BROKEN,
};

void http_response_init(struct http_response *response, const struct http_response_events *events, bool head_request)
{
    memset(response, 0, offsetof(struct http_response, line));
    response->events = *events;
    response->head_request = head_request;
}

static enum ifl_status complete(struct http_response *response)
{
    response->state = COMPLETE;
    response->complete = true;
    return IFL_OK;
}

/* ---- lines ---- */

/* "HTTP/1.1 200 OK" (RFC 9112 section 4). */
static enum ifl_status status_line(struct http_response *response)
{
    enum { MAJOR = 5 };
    const char *line = response->line;
    unsigned number = 0;                                                     /* all digits in a row: 11200 */
    for (const char *form = "HTTP/0.0 000"; *form != '\0'; form++, line++) { /* 0: any digit */
        if (*form == '0' ? !http_is_digit(*line) : *line != *form)
            return IFL_HTTP_MALFORMED;
        if (*form != '0')
            continue;
        if (line == response->line + MAJOR && *line != '1')
            return IFL_HTTP_VERSION;
        number = number * 10 + (unsigned)(*line - '0');
    }
    unsigned status = number % 1000;
    if ((*line != '\0' && *line != ' ') || status < 100 || status > 599 || status == 101)
        return IFL_HTTP_MALFORMED;
    response->minor_version = (uint8_t)(number / 1000 - 10);
    response->status = (uint16_t)status;
    response->state = FIELD_LINE;
    return IFL_OK;
}

static enum ifl_status content_length(struct http_response *response, const char *value)
{
    uint64_t length;
    if (!text_to_u64(value, &length) || (response->has_length && length != response->remaining))
        return IFL_HTTP_MALFORMED;
    if (length > UINT32_MAX)
        return IFL_HTTP_TOO_LARGE;
    response->has_length = true;
    response->remaining = (uint32_t)length;
    return IFL_OK;
}

static enum ifl_status transfer_encoding(struct http_response *response, const char *value)
{
    if (response->has_chunked || response->minor_version == 0 || !text_is(value, "chunked"))
        return IFL_HTTP_MALFORMED;
    response->has_chunked = true;
    return IFL_OK;
}

/* What decides about where the body ends and whether the connection lives on. */
static enum ifl_status framing_field(struct http_response *response, const char *name, const char *value)
{
    bool length = text_is(name, "Content-Length");
    if (length || text_is(name, "Transfer-Encoding")) {
        if (response->line_cut)
            return IFL_HTTP_MALFORMED;
        return length ? content_length(response, value) : transfer_encoding(response, value);
    }
    if (text_is(name, "Connection")) {
        if (response->line_cut || http_has_token(value, "close"))
            response->has_close = true;
        if (http_has_token(value, "keep-alive"))
            response->has_keep_alive = true;
    }
    return IFL_OK;
}

/* Without the spaces and tabs at its ends. */
static const char *trim(char *text)
{
    size_t size = strlen(text);
    while (size > 0 && http_is_space(text[size - 1]))
        size--;
    text[size] = '\0';
    while (http_is_space(*text))
        text++;
    return text;
}

static enum ifl_status field_line(struct http_response *response)
{
    if (++response->field_count > HTTP_FIELD_LIMIT)
        return IFL_HTTP_TOO_LARGE;
    char *name = response->line;
    size_t size = http_token_size(name);
    if (size == 0 || name[size] != ':')
        return IFL_HTTP_MALFORMED;
    if (response->state == TRAILER || response->status < 200)
        return IFL_OK;

    name[size] = '\0';
    const char *value = trim(name + size + 1);
    enum ifl_status status = framing_field(response, name, value);
    if (status == IFL_OK && response->events.header != NULL)
        response->events.header(response->events.ctx, name, value, response->line_cut);
    return status;
}

/* RFC 9112 section 6.3, in its order. */
static enum ifl_status start_body(struct http_response *response)
{
    response->keep_alive = !response->has_close && (response->minor_version > 0 || response->has_keep_alive);
    if (response->head_request || response->status == 204 || response->status == 304 ||
        (response->has_length && response->remaining == 0))
        return complete(response);
    response->state = response->has_chunked ? CHUNK_SIZE : response->has_length ? LENGTH : UNTIL_CLOSE;
    if (response->state == UNTIL_CLOSE)
        response->keep_alive = false;
    return IFL_OK;
}

/* The empty line behind the fields. */
static enum ifl_status end_of_head(struct http_response *response)
{
    if (response->status < 200) {
        response->state = STATUS_LINE;
        return ++response->interim_count > HTTP_INTERIM_LIMIT ? IFL_HTTP_TOO_LARGE : IFL_OK;
    }
    if (response->has_length && response->has_chunked)
        return IFL_HTTP_MALFORMED;
    response->head_complete = true;
    return start_body(response);
}

/* The value of a hexadecimal digit; 16: it's none. */
static unsigned hex_value(unsigned c)
{
    if (c - '0' < 10)
        return c - '0';
    c = (c | 0x20) - 'a';
    return c < 6 ? c + 10 : 16;
}

/* "<size>[;extension]" */
static enum ifl_status chunk_size(struct http_response *response)
{
    const char *line = response->line;
    size_t digits = 0;
    uint32_t size = 0;
    for (unsigned digit; (digit = hex_value((uint8_t)line[digits])) < 16; digits++) {
        if (size >> 28 > 0)
            return IFL_HTTP_TOO_LARGE;
        size = size << 4 | digit;
    }
    if (digits == 0 || (line[digits] != '\0' && line[digits] != ';'))
        return IFL_HTTP_MALFORMED;
    response->remaining = size;
    response->state = size > 0 ? CHUNK_DATA : TRAILER;
    return IFL_OK;
}

static enum ifl_status end_of_line(struct http_response *response)
{
    bool empty = response->line_len == 0;
    response->line[response->line_len] = '\0';
    switch (response->state) {
    case STATUS_LINE:
        return status_line(response);
    case FIELD_LINE:
        return empty ? end_of_head(response) : field_line(response);
    case TRAILER:
        return empty ? complete(response) : field_line(response);
    case CHUNK_SIZE:
        return chunk_size(response);
    default: /* CHUNK_END */
        response->state = CHUNK_SIZE;
        return empty ? IFL_OK : IFL_HTTP_MALFORMED;
    }
}

/* What isn't for plain_run(): a control character, or one without room. */
static enum ifl_status line_byte(struct http_response *response, uint8_t c)
{
    bool strict = response->state >= CHUNK_SIZE;
    bool after_cr = response->saw_cr;
    response->saw_cr = c == '\r';
    if (!strict && ++response->head_size > HTTP_HEAD_LIMIT)
        return IFL_HTTP_TOO_LARGE;
    if (c == '\n' && (after_cr || !strict)) {
        enum ifl_status status = end_of_line(response);
        response->line_len = 0;
        response->line_cut = false;
        return status;
    }
    if (c == '\r' && !after_cr)
        return IFL_OK;
    response->line_cut = true; /* plain_run() has taken what there was room for */
    return after_cr || strict || http_is_control(c) ? IFL_HTTP_MALFORMED : IFL_OK;
}

/* Take the plain characters at the front of `input`, as far as the line has room; returns how many. A head that is too large is noticed at
 * the end of its line. */
static size_t plain_run(struct http_response *response, struct bytes input)
{
    size_t room = HTTP_LINE_SIZE - (size_t)response->line_len;
    size_t count = 0;
    if (response->saw_cr)
        return 0;
    char *to = response->line + response->line_len;
    while (count < input.size && count < room && !http_is_control(input.data[count])) {
        to[count] = (char)input.data[count];
        count++;
    }
    response->line_len = (uint16_t)(response->line_len + count);
    if (response->state < CHUNK_SIZE)
        response->head_size += (uint32_t)count;
    return count;
}

/* ---- the body ---- */

/* Hand out the body bytes at the front of `input`; returns how many. */
static size_t body_piece(struct http_response *response, struct bytes input)
{
    if (response->state != UNTIL_CLOSE) {
        if (input.size > response->remaining)
            input.size = response->remaining;
        response->remaining -= (uint32_t)input.size;
        if (response->remaining == 0) {
            if (response->state == LENGTH)
                complete(response);
            else
                response->state = CHUNK_END;
        }
    }
    response->body_size += (uint32_t)input.size;
    if (response->events.body != NULL)
        response->events.body(response->events.ctx, input);
    return input.size;
}

enum ifl_status http_response_feed(struct http_response *response, struct bytes input, size_t *used)
{
    enum ifl_status status = response->state == BROKEN ? IFL_HTTP_MALFORMED : IFL_OK;
    size_t pos = 0;
    while (pos < input.size && status == IFL_OK && response->state != COMPLETE) {
        if (response->state >= CHUNK_DATA)
            pos += body_piece(response, bytes_of(input.data + pos, input.size - pos));
        else {
            pos += plain_run(response, bytes_of(input.data + pos, input.size - pos));
            if (pos < input.size)
                status = line_byte(response, input.data[pos++]);
        }
    }
    if (status != IFL_OK)
        response->state = BROKEN;
    *used = pos;
    return status;
}

enum ifl_status http_response_end(struct http_response *response)
{
    if (response->state == UNTIL_CLOSE)
        complete(response);
    if (response->complete)
        return IFL_OK;
    return response->head_size == 0 ? IFL_CLOSED : IFL_HTTP_CUT;
}
