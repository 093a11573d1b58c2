/* response.h: a streaming parser for HTTP/1.1 responses (RFC 9112), restartable at every byte, strict where leniency is dangerous.
 *
 * Feed bytes as they come; events come out through callbacks. It keeps no copy but the header line at hand, in the caller's buffer. Decisions
 * (each with its RFC section in response.c): bare LF as a line end is accepted after a header line and refused in chunk
 * framing; obs-fold, a space before the colon, Content-Length twice with different values or together with Transfer-Encoding, any transfer coding but
 * `chunked`, chunk sizes over 16 hex digits and control characters are MALFORMED. 1xx answers are skipped (at most 8). */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

#define HTTP_LINE_SIZE 512    /* longest header line kept; a longer one is cut for the callback (`cut`), not an error */
#define HTTP_HEAD_LIMIT 65536 /* bytes of status line and headers in all, else HTTP_TOO_LARGE */
#define HTTP_INTERIM_LIMIT 8  /* 1xx answers before the final one */

struct http_response_events {
    /* A header field of the final answer; spans are valid during the call. Names keep their case. `cut`: the value was longer than the buffer. */
    void (*header)(void *ctx, struct bytes name, struct bytes value, bool cut);
    /* A piece of the body, chunk framing removed. */
    void (*body)(void *ctx, struct bytes piece);
    void *ctx;
};

enum http_body_kind { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED, HTTP_BODY_UNTIL_CLOSE };

struct http_response {
    /* readable once head_complete is true */
    bool head_complete; /* status and all headers of the final answer are there */
    bool complete;      /* the body too: the connection can be used again if keep_alive */
    bool keep_alive;
    uint16_t status; /* 200..599 (100..999 are parsed, outside of that: MALFORMED) */
    uint8_t minor_version;
    enum http_body_kind body_kind;
    uint64_t body_size; /* payload bytes seen so far */

    /* private to response.c */
    struct http_response_events events;
    bool head_request;
    uint8_t state;
    uint8_t interim_count;
    bool has_length, has_chunked, has_close, has_keep_alive, line_cut, saw_cr;
    uint16_t line_len;
    uint32_t head_size;
    uint64_t content_length, remaining;
    uint8_t chunk_digits;
    char line[HTTP_LINE_SIZE];
};

/* `head_request`: the request was HEAD, so no body follows whatever the headers say (RFC 9112 section 6.3). */
void http_response_init(struct http_response *response, const struct http_response_events *events, bool head_request);
/* Take bytes; *used says how many belong to this answer (less than given only when it's complete). OK: go on, or see `complete`.
 * HTTP_MALFORMED, HTTP_TOO_LARGE, HTTP_VERSION: the connection must be closed; what was reported before still holds. */
enum ifl_status http_response_feed(struct http_response *response, struct bytes input, size_t *used);
/* The other side closed. OK: that completes the answer (body until close). CLOSED: not one byte of an answer had come. HTTP_CUT: it was incomplete. */
enum ifl_status http_response_end(struct http_response *response);

#endif
