/*
 *           ┌──── 1xx ────┐
 *           ▼             │
 *      STATUS_LINE ─► FIELD_LINE ── empty line ─┬─► UNTIL_CLOSE ── closed ──────────► COMPLETE
 *                                               ├─► LENGTH ── all bytes ────────────► COMPLETE
 *                                               └─► CHUNK_SIZE ◄──────────┐
 *                                                     │ ';' CHUNK_EXTENSION
 *                                                     ├─► CHUNK_DATA ─► CHUNK_END
 *                                                     └─ 0 ─► TRAILER ── empty line ─► COMPLETE
 *      any ── error ─► BROKEN
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
 *   chunk size: 1..16 hexadecimal digits, then ';' or CR LF  anything else is refused, section 7.1
 *   chunk extensions                                         skipped, at most HTTP_LINE_SIZE bytes each
 *   trailers                                                 checked like fields and dropped, section 7.1.2
 */
#include "http/response.h"

#include <string.h>

#include "http/values.h"
#include "token.h"

enum state {
    STATUS_LINE,
    FIELD_LINE,
    LENGTH,
    UNTIL_CLOSE,
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_DATA,
    CHUNK_END,
    TRAILER,
    COMPLETE,
    BROKEN,
};

void http_response_init(struct http_response *response, const struct http_response_events *events, bool head_request)
{
    memset(response, 0, offsetof(struct http_response, line));
    response->events = *events;
    response->head_request = head_request;
}

static void start_line(struct http_response *response, enum state state)
{
    response->state = (uint8_t)state;
    response->line_len = 0;
    response->line_cut = false;
}

static void complete(struct http_response *response)
{
    response->state = COMPLETE;
    response->complete = true;
}

/* One byte of a line. OK: the line is there, without its end. AGAIN: not yet. */
static enum ifl_status line_byte(struct http_response *response, uint8_t c)
{
    if (++response->head_size > HTTP_HEAD_LIMIT)
        return IFL_HTTP_TOO_LARGE;
    if (c == '\n') {
        response->saw_cr = false;
        return IFL_OK;
    }
    if (response->saw_cr || (http_is_control(c) && c != '\r'))
        return IFL_HTTP_MALFORMED;
    if (c == '\r')
        response->saw_cr = true;
    else if (response->line_len < sizeof response->line)
        response->line[response->line_len++] = (char)c;
    else
        response->line_cut = true;
    return IFL_AGAIN;
}

/* "HTTP/1.1 200 OK" (RFC 9112 section 4). */
static enum ifl_status status_line(struct http_response *response)
{
    const uint8_t *line = (const uint8_t *)response->line;
    if (response->line_len < 12 || memcmp(line, "HTTP/", 5) != 0 || !http_is_digit(line[5]))
        return IFL_HTTP_MALFORMED;
    if (line[5] != '1')
        return IFL_HTTP_VERSION;
    if (line[6] != '.' || !http_is_digit(line[7]) || line[8] != ' ' || (response->line_len > 12 && line[12] != ' '))
        return IFL_HTTP_MALFORMED;

    unsigned status = 0;
    for (size_t i = 9; i < 12; i++) {
        if (!http_is_digit(line[i]))
            return IFL_HTTP_MALFORMED;
        status = status * 10 + (line[i] - '0');
    }
    if (status < 100 || status > 599 || status == 101)
        return IFL_HTTP_MALFORMED;
    response->minor_version = (uint8_t)(line[7] - '0');
    response->status = (uint16_t)status;
    start_line(response, FIELD_LINE);
    return IFL_OK;
}

static enum ifl_status content_length(struct http_response *response, struct bytes value)
{
    uint64_t length = 0;
    if (response->line_cut || !bytes_to_u64(value, &length))
        return IFL_HTTP_MALFORMED;
    if (response->has_length && length != response->remaining)
        return IFL_HTTP_MALFORMED;
    response->has_length = true;
    response->remaining = length;
    return IFL_OK;
}

static enum ifl_status transfer_encoding(struct http_response *response, struct bytes value)
{
    if (response->has_chunked || response->line_cut || response->minor_version == 0 || !http_is(value, "chunked"))
        return IFL_HTTP_MALFORMED;
    response->has_chunked = true;
    return IFL_OK;
}

/* What decides about where the body ends and whether the connection lives on. */
static enum ifl_status framing_field(struct http_response *response, struct bytes name, struct bytes value)
{
    if (http_is(name, "Content-Length"))
        return content_length(response, value);
    if (http_is(name, "Transfer-Encoding"))
        return transfer_encoding(response, value);
    if (http_is(name, "Connection")) {
        response->has_close = response->has_close || response->line_cut || http_has_token(value, "close");
        response->has_keep_alive = response->has_keep_alive || http_has_token(value, "keep-alive");
    }
    return IFL_OK;
}

static enum ifl_status field_line(struct http_response *response)
{
    if (++response->field_count > HTTP_FIELD_LIMIT)
        return IFL_HTTP_TOO_LARGE;
    struct bytes line = http_span(response->line, response->line_len);
    size_t colon = http_token_size(line);
    if (colon == 0 || colon == line.size || line.data[colon] != ':')
        return IFL_HTTP_MALFORMED;
    if (response->state == TRAILER || response->status < 200)
        return IFL_OK;

    struct bytes name = http_span(line.data, colon);
    struct bytes value = http_trim(http_span(line.data + colon + 1, line.size - colon - 1));
    enum ifl_status status = framing_field(response, name, value);
    if (status == IFL_OK && response->events.header != NULL)
        response->events.header(response->events.ctx, name, value, response->line_cut);
    return status;
}

/* RFC 9112 section 6.3, in its order. */
static void start_body(struct http_response *response)
{
    response->keep_alive = !response->has_close && (response->minor_version > 0 || response->has_keep_alive);
    if (response->head_request || response->status == 204 || response->status == 304) {
        complete(response);
    } else if (response->has_chunked) {
        response->body_kind = HTTP_BODY_CHUNKED;
        start_line(response, CHUNK_SIZE);
    } else if (response->has_length) {
        response->body_kind = HTTP_BODY_LENGTH;
        response->state = LENGTH;
        if (response->remaining == 0)
            complete(response);
    } else {
        response->body_kind = HTTP_BODY_UNTIL_CLOSE;
        response->keep_alive = false;
        response->state = UNTIL_CLOSE;
    }
}

static enum ifl_status end_of_head(struct http_response *response)
{
    if (response->status < 200) {
        if (++response->interim_count > HTTP_INTERIM_LIMIT)
            return IFL_HTTP_TOO_LARGE;
        start_line(response, STATUS_LINE);
        return IFL_OK;
    }
    if (response->has_length && response->has_chunked)
        return IFL_HTTP_MALFORMED;
    response->head_complete = true;
    start_body(response);
    return IFL_OK;
}

/* A complete line of the status line, the fields or the trailers. */
static enum ifl_status end_of_line(struct http_response *response)
{
    if (response->state == STATUS_LINE)
        return status_line(response);
    if (response->line_len > 0) {
        enum ifl_status status = field_line(response);
        start_line(response, (enum state)response->state);
        return status;
    }
    if (response->state == FIELD_LINE)
        return end_of_head(response);
    complete(response);
    return IFL_OK;
}

/* -1: not a hexadecimal digit. */
static int hex_value(uint8_t c)
{
    if (http_is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void end_of_chunk_size(struct http_response *response)
{
    response->saw_cr = false;
    response->chunk_digits = 0;
    start_line(response, response->remaining > 0 ? CHUNK_DATA : TRAILER);
}

/* One byte of "<size>[;extension] CR LF". */
static enum ifl_status chunk_size_byte(struct http_response *response, uint8_t c)
{
    if (response->saw_cr) {
        if (c != '\n')
            return IFL_HTTP_MALFORMED;
        end_of_chunk_size(response);
        return IFL_OK;
    }
    if (c == '\r' && response->chunk_digits > 0) {
        response->saw_cr = true;
        return IFL_OK;
    }
    if (response->state == CHUNK_EXTENSION)
        return http_is_control(c) || ++response->line_len > HTTP_LINE_SIZE ? IFL_HTTP_MALFORMED : IFL_OK;
    if (c == ';' && response->chunk_digits > 0) {
        response->state = CHUNK_EXTENSION;
        return IFL_OK;
    }
    int digit = hex_value(c);
    if (digit < 0 || ++response->chunk_digits > 16)
        return IFL_HTTP_MALFORMED;
    response->remaining = response->remaining << 4 | (unsigned)digit;
    return IFL_OK;
}

/* The CR LF behind the data of a chunk. */
static enum ifl_status chunk_end_byte(struct http_response *response, uint8_t c)
{
    if (c != (response->saw_cr ? '\n' : '\r'))
        return IFL_HTTP_MALFORMED;
    if (response->saw_cr)
        start_line(response, CHUNK_SIZE);
    response->saw_cr = !response->saw_cr;
    return IFL_OK;
}

static enum ifl_status framing_byte(struct http_response *response, uint8_t c)
{
    if (response->state == CHUNK_END)
        return chunk_end_byte(response, c);
    if (response->state == CHUNK_SIZE || response->state == CHUNK_EXTENSION)
        return chunk_size_byte(response, c);
    enum ifl_status status = line_byte(response, c);
    if (status == IFL_OK)
        return end_of_line(response);
    return status == IFL_AGAIN ? IFL_OK : status;
}

static bool in_body(const struct http_response *response)
{
    return response->state == LENGTH || response->state == CHUNK_DATA || response->state == UNTIL_CLOSE;
}

/* Hand out the body bytes at the front of `input`; returns how many. */
static size_t body_piece(struct http_response *response, struct bytes input)
{
    if (response->state != UNTIL_CLOSE) {
        if (input.size > response->remaining)
            input.size = (size_t)response->remaining;
        response->remaining -= input.size;
    }
    response->body_size += input.size;
    if (response->events.body != NULL)
        response->events.body(response->events.ctx, input);
    if (response->state == LENGTH && response->remaining == 0)
        complete(response);
    if (response->state == CHUNK_DATA && response->remaining == 0)
        response->state = CHUNK_END;
    return input.size;
}

enum ifl_status http_response_feed(struct http_response *response, struct bytes input, size_t *used)
{
    enum ifl_status status = response->state == BROKEN ? IFL_HTTP_MALFORMED : IFL_OK;
    size_t pos = 0;
    while (pos < input.size && status == IFL_OK && response->state != COMPLETE) {
        if (in_body(response))
            pos += body_piece(response, http_span(input.data + pos, input.size - pos));
        else
            status = framing_byte(response, input.data[pos++]);
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
