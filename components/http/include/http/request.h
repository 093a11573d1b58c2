/* request.h: the bytes of one HTTP/1.1 request head (RFC 9112), written into the caller's buffer.
 *
 * Names and values are checked: a control character, CR or LF in any of them makes the whole head invalid, so that no input can
 * add a header (RFC 9110 section 5.5). Lines are written without the optional space behind the colon. The body isn't touched here: the
 * caller sends it behind the head, in the same buffer where there is room. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"

struct http_request {
    struct text text; /* in the caller's buffer */
    bool invalid;
};

/* `size` >= 1. "POST /path HTTP/1.1", "Host:host". `path` begins with '/' and is sent as it is: it must be percent-encoded already. The port is left out of Host
 * when it's 443. */
void http_request_begin(struct http_request *request, uint8_t *buf, size_t size, const char *method, const char *path,
                        const char *host, uint16_t port);
/* `name` is a token, `value` printable or beyond ASCII; nothing is quoted or escaped. */
void http_request_header(struct http_request *request, const char *name, const char *value);
void http_request_header_u64(struct http_request *request, const char *name, uint64_t value);
/* The empty line. OK: *head is what to send, it lies in `buf`. INVALID: a forbidden character; TOO_LARGE: it and a terminating zero don't fit;
 * *head is what was written then (to wipe it). */
enum ifl_status http_request_end(struct http_request *request, struct bytes *head);

#endif
