/* response.h: a streaming parser for HTTP/1.1 responses (RFC 9112), restartable at every byte, strict where leniency is dangerous.
 *
 * Feed bytes as they come; events come out through callbacks. However the bytes are cut into pieces, the events are the same (the body's
 * pieces put together). It keeps no copy but the line at hand, allocates nothing and never blocks. Each decision stands with its RFC
 * section in response.c: a bare LF ends a header line but is refused in chunk framing; folded lines, a space before the colon,
 * Content-Length twice with different values or together with Transfer-Encoding, any transfer coding but `chunked`, chunk sizes over 16
 * digits and control characters are HTTP_MALFORMED. 1xx answers are skipped. */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/profile.h"
#include "base/status.h"

#define HTTP_LINE_SIZE                                                                                                 \
    IFL_HTTP_LINE_SIZE        /* characters kept of a header line; a longer one is cut for the callback, not an error */
#define HTTP_HEAD_LIMIT 65536 /* bytes of status line, headers, 1xx answers and trailers in all */
#define HTTP_FIELD_LIMIT 256  /* header fields in all; more is an attack (the load balancer takes 101) */
#define HTTP_INTERIM_LIMIT 8  /* 1xx answers before the final one */
/* And a Content-Length or a chunk is smaller than 4 GiB. */

struct http_response_events {
    /* A header field of the final answer; the texts are valid during the call. Names keep their case, values have no spaces at their ends.
     * `cut`: the line was longer than HTTP_LINE_SIZE, the value isn't whole. May be NULL. */
    void (*header)(void *ctx, const char *name, const char *value, bool cut);
    /* A piece of the body, chunk framing removed; never empty. May be NULL. */
    void (*body)(void *ctx, struct bytes piece);
    void *ctx;
};

struct http_response {
    /* readable once head_complete is true */
    bool head_complete; /* status and all headers of the final answer are there */
    bool complete;      /* the body too: the connection can be used again if keep_alive */
    bool keep_alive;
    uint8_t minor_version;
    uint16_t status;    /* 200..599 */
    uint32_t body_size; /* payload bytes seen so far, modulo 2^32 */

    /* private to response.c; small ones first, that makes the code smaller */
    uint8_t state, interim_count;
    bool head_request, has_length, has_chunked, has_close, has_keep_alive, line_cut, saw_cr;
    uint16_t line_len, field_count;
    uint32_t head_size;
    uint32_t remaining; /* bytes of the body or the chunk that are still to come; before the body: Content-Length */
    struct http_response_events events;
    char line[HTTP_LINE_SIZE + 1];
};

/* `head_request`: the request was HEAD, so no body follows whatever the headers say (RFC 9112 section 6.3). `events` is copied. */
void http_response_init(struct http_response *response, const struct http_response_events *events, bool head_request);
/* Take bytes; *used says how many belong to this answer (less than given only when it's complete: what is behind it was not asked for).
 * OK: go on, or see `complete`. HTTP_MALFORMED, HTTP_VERSION, HTTP_TOO_LARGE (more than a limit above): the connection must be closed, feeding on
 * is refused; what was reported before still holds, and so do the fields above. */
enum ifl_status http_response_feed(struct http_response *response, struct bytes input, size_t *used);
/* The other side closed. OK: the answer is complete (a body until close ends here). CLOSED: not one byte of an answer had come.
 * HTTP_CUT: it was incomplete; with `head_complete` its status is known all the same. */
enum ifl_status http_response_end(struct http_response *response);

#endif
