/* Our response parser beside two that the world uses: http-parser (Node's for ten years) and picohttpparser (h2o's, out of its library).
 *
 * Each answer below goes through all three. Where the verdicts differ, the row names the reason, one letter for each peer; components/http/README.md
 * says what the letters mean and why ours is as it is. A difference without a letter fails, and so does a letter without a difference.
 *
 * http-parser's verdict is the whole answer: refused, or status, body and completeness. picohttpparser reads a head and undoes chunks, nothing
 * else: refused, or the status; for chunks the body. */
#include <http_parser.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "http/response.h"
#include "unity.h"

/* picohttpparser.h isn't in the package: these are its declarations that are used here. */
struct phr_header {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
};
struct phr_chunked_decoder {
    size_t bytes_left_in_chunk;
    char consume_trailer;
    char _hex_count;
    char _state;
};
int phr_parse_response(const char *buf, size_t len, int *minor_version, int *status, const char **msg, size_t *msg_len,
                       struct phr_header *headers, size_t *num_headers, size_t last_len);
ssize_t phr_decode_chunked(struct phr_chunked_decoder *decoder, char *buf, size_t *bufsz);

enum group { STATUS, FIELD, LENGTH, CHUNKED, WHOLE };

struct row {
    enum group group;
    const char *text;
    size_t size;
    const char *http_parser, *pico; /* letters, "" = the same verdict */
};

#define T(text) (text), sizeof(text) - 1

static const struct row rows[] = {
    {STATUS, T("HTTP/1.1 200 OK"), "", ""},
    {STATUS, T("HTTP/1.1 200"), "", "K"},
    {STATUS, T("HTTP/1.1 200 "), "", ""},
    {STATUS, T("HTTP/1.1 201 Created"), "", ""},
    {STATUS, T("HTTP/1.1 202 Accepted"), "", ""},
    {STATUS, T("HTTP/1.1 299 Fine"), "", ""},
    {STATUS, T("HTTP/1.1 404 Not Found"), "", ""},
    {STATUS, T("HTTP/1.1 500 Internal Server Error"), "", ""},
    {STATUS, T("HTTP/1.1 599 Odd"), "", ""},
    {STATUS, T("HTTP/1.0 200 OK"), "", ""},
    {STATUS, T("HTTP/1.2 200 OK"), "", ""},
    {STATUS, T("HTTP/1.9 200 OK"), "", ""},
    {STATUS, T("HTTP/1.1 200 \xc3\xa4"), "", ""},
    {STATUS, T("HTTP/1.1 200 OK\tOK"), "", ""},
    {STATUS, T("HTTP/1.1 200 a:b;c=d"), "", ""},
    {STATUS, T("HTTP/1.1 600 High"), "S", "S"},
    {STATUS, T("HTTP/1.1 999 High"), "S", "S"},
    {STATUS, T("HTTP/1.1 099 Low"), "S", "S"},
    {STATUS, T("HTTP/1.1 99 Low"), "S", ""},
    {STATUS, T("HTTP/1.1 000 Low"), "S", "S"},
    {STATUS, T("HTTP/1.1 2000 Long"), "", ""},
    {STATUS, T("HTTP/1.1 20 Short"), "S", ""},
    {STATUS, T("HTTP/1.1 2OO Letters"), "", ""},
    {STATUS, T("HTTP/1.1 -20 Sign"), "", ""},
    {STATUS, T("HTTP/1.1 +200 Sign"), "", ""},
    {STATUS, T("HTTP/1.1 200OK"), "", ""},
    {STATUS, T("HTTP/1.1  200 OK"), "L", ""},
    {STATUS, T("HTTP/1.1\t200 OK"), "", ""},
    {STATUS, T("HTTP/1.1200 OK"), "", ""},
    {STATUS, T("HTTP/1.1"), "", ""},
    {STATUS, T("HTTP/1 200 OK"), "", ""},
    {STATUS, T("HTTP/11 200 OK"), "", ""},
    {STATUS, T("HTTP/1.x 200 OK"), "", ""},
    {STATUS, T("HTTP/1.10 200 OK"), "", ""},
    {STATUS, T("HTTP/01.1 200 OK"), "", ""},
    {STATUS, T("HTTP/2.0 200 OK"), "V", ""},
    {STATUS, T("HTTP/2 200 OK"), "", ""},
    {STATUS, T("HTTP/0.9 200 OK"), "V", ""},
    {STATUS, T("HTTP/3.0 200 OK"), "V", ""},
    {STATUS, T("HTTP/a.1 200 OK"), "", ""},
    {STATUS, T("http/1.1 200 OK"), "", ""},
    {STATUS, T("HTTPS/1.1 200 OK"), "", ""},
    {STATUS, T("ICY 200 OK"), "", ""},
    {STATUS, T(" HTTP/1.1 200 OK"), "", ""},
    {STATUS, T("\r\nHTTP/1.1 200 OK"), "L", ""},
    {STATUS, T("\nHTTP/1.1 200 OK"), "L", ""},
    {STATUS, T("HTTP/1.1 200 \x01"), "C", ""},
    {STATUS,
     T("HTTP/1.1 200 a\x00"
       "b"),
     "C", ""},
    {STATUS, T("HTTP/1.1 200 a\rb"), "R", ""},
    {STATUS,
     T("HTTP/1.1 200 a\x7f"
       "b"),
     "C", ""},
    {STATUS, T("GET / HTTP/1.1"), "", ""},
    {STATUS, T("hello"), "", ""},
    {STATUS, T("\x16\x03\x01\x02\x00"), "", ""},
    {FIELD, T("X: y"), "", ""},
    {FIELD, T("X:y"), "", ""},
    {FIELD, T("X:  y  "), "", ""},
    {FIELD, T("X:\ty\t"), "", ""},
    {FIELD, T("X:"), "", ""},
    {FIELD, T("X: "), "", ""},
    {FIELD, T("X: a b\tc"), "", ""},
    {FIELD, T("X: \xc3\xa4"), "", ""},
    {FIELD, T("X: a:b:c"), "", ""},
    {FIELD, T("x-lower: y"), "", ""},
    {FIELD, T("X_Y: y"), "", ""},
    {FIELD, T("X.Y: y"), "", ""},
    {FIELD, T("!#$%&'*+-.^_`|~: y"), "", ""},
    {FIELD, T("0: y"), "", ""},
    {FIELD, T("X : y"), "W", ""},
    {FIELD, T("X\t: y"), "", ""},
    {FIELD, T(" X: y"), "F", ""},
    {FIELD, T("\tX: y"), "", ""},
    {FIELD, T("X: a\r\n b"), "F", "F"},
    {FIELD, T("X: a\r\n\tb"), "F", "F"},
    {FIELD, T("X: a\r\n \r\n b"), "F", "F"},
    {FIELD, T(": y"), "", ""},
    {FIELD, T("nonsense"), "", ""},
    {FIELD, T("X"), "", ""},
    {FIELD, T("X\x01: y"), "", ""},
    {FIELD,
     T("X: a\x01"
       "b"),
     "", ""},
    {FIELD,
     T("X: a\x00"
       "b"),
     "", ""},
    {FIELD,
     T("X: a\x0b"
       "b"),
     "", ""},
    {FIELD,
     T("X: a\x1f"
       "b"),
     "", ""},
    {FIELD,
     T("X: a\x7f"
       "b"),
     "", ""},
    {FIELD, T("X: a\rb"), "", ""},
    {FIELD, T("X: a\r\r"), "", ""},
    {FIELD, T("X(: y"), "", ""},
    {FIELD, T("X): y"), "", ""},
    {FIELD, T("X<: y"), "", ""},
    {FIELD, T("X=: y"), "", ""},
    {FIELD, T("X@: y"), "", ""},
    {FIELD, T("X[: y"), "", ""},
    {FIELD, T("X/: y"), "", ""},
    {FIELD, T("X,: y"), "", ""},
    {FIELD, T("X;: y"), "", ""},
    {FIELD, T("X\\: y"), "", ""},
    {FIELD, T("X\": y"), "", ""},
    {FIELD, T("X{: y"), "", ""},
    {FIELD, T("X\xc3\xa4: y"), "", ""},
    {FIELD, T("X Y: z"), "W", ""},
    {FIELD, T("\r"), "R", ""},
    {FIELD, T("\x00: y"), "", ""},
    {FIELD, T("Set-Cookie: a=b; Path=/"), "", ""},
    {FIELD, T("Set-Cookie: a=b\r\nSet-Cookie: c=d"), "", ""},
    {FIELD, T("X: y\r\nX: y"), "", ""},
    {FIELD, T("Host: a\r\nHost: b"), "", ""},
    {FIELD, T("Content-Type: text/html;charset=utf-8"), "", ""},
    {FIELD, T("Connection: keep-alive"), "", ""},
    {FIELD, T("Connection: close"), "", ""},
    {FIELD, T("Connection: keep-alive, close"), "", ""},
    {FIELD, T("Connection: KEEP-ALIVE"), "", ""},
    {FIELD, T("Connection: upgrade"), "", ""},
    {FIELD, T("Upgrade: h2c"), "", ""},
    {FIELD, T("Upgrade: websocket\r\nConnection: Upgrade"), "", ""},
    {FIELD, T("Proxy-Connection: keep-alive"), "", ""},
    {FIELD, T("Trailer: X"), "", ""},
    {FIELD, T("TE: chunked"), "", ""},
    {LENGTH, T("Content-Length: 5"), "", ""},
    {LENGTH, T("content-length: 5"), "", ""},
    {LENGTH, T("CONTENT-LENGTH:5"), "", ""},
    {LENGTH, T("Content-Length: 5 "), "", ""},
    {LENGTH, T("Content-Length:\t5"), "", ""},
    {LENGTH, T("Content-Length: 05"), "", ""},
    {LENGTH, T("Content-Length: 0000000000000000000000000005"), "", ""},
    {LENGTH, T("Content-Length: 0"), "", ""},
    {LENGTH, T("Content-Length: 00"), "", ""},
    {LENGTH, T("Content-Length: 3"), "", ""},
    {LENGTH, T("Content-Length: 6"), "", ""},
    {LENGTH, T("Content-Length: 4294967295"), "", ""},
    {LENGTH, T("Content-Length: 4294967296"), "H", "B"},
    {LENGTH, T("Content-Length: 18446744073709551614"), "", "B"},
    {LENGTH, T("Content-Length: 18446744073709551615"), "", "B"},
    {LENGTH, T("Content-Length: 18446744073709551616"), "", "B"},
    {LENGTH, T("Content-Length: 99999999999999999999999"), "", "B"},
    {LENGTH, T("Content-Length: -1"), "", "B"},
    {LENGTH, T("Content-Length: +5"), "", "B"},
    {LENGTH, T("Content-Length: 5x"), "", "B"},
    {LENGTH, T("Content-Length: x5"), "", "B"},
    {LENGTH, T("Content-Length: 0x5"), "", "B"},
    {LENGTH, T("Content-Length: 5, 5"), "", "B"},
    {LENGTH, T("Content-Length: 5,5"), "", "B"},
    {LENGTH, T("Content-Length: 5 5"), "", "B"},
    {LENGTH, T("Content-Length: 5;5"), "", "B"},
    {LENGTH, T("Content-Length: 5.0"), "", "B"},
    {LENGTH, T("Content-Length: 5e0"), "", "B"},
    {LENGTH, T("Content-Length: \"5\""), "", "B"},
    {LENGTH, T("Content-Length:"), "", "B"},
    {LENGTH,
     T("Content-Length: \xc2\xb2"
       "5"),
     "", "B"},
    {LENGTH, T("Content-Length : 5"), "W", ""},
    {LENGTH, T("Content-Length: 5\r\nContent-Length: 5"), "D", ""},
    {LENGTH, T("Content-Length: 5\r\nContent-Length: 05"), "D", ""},
    {LENGTH, T("Content-Length: 5\r\nContent-Length: 6"), "", "B"},
    {LENGTH, T("Content-Length: 6\r\nContent-Length: 5"), "", "B"},
    {LENGTH, T("Content-Length: 5\r\nContent-Length:"), "", "B"},
    {LENGTH, T("Content-Length: 5\r\nTransfer-Encoding: chunked"), "", "B"},
    {LENGTH, T("Transfer-Encoding: chunked\r\nContent-Length: 5"), "", "B"},
    {LENGTH, T("Content-Length: 5\r\nTransfer-Encoding: identity"), "", "B"},
    {LENGTH, T("Content-Length: 5\r\nTransfer-Encoding:"), "", "B"},
    {LENGTH, T("Content-Length: 5\r\nTransfer-Encoding: gzip"), "", "B"},
    {LENGTH, T("Transfer-Encoding: gzip"), "T", "B"},
    {LENGTH, T("Transfer-Encoding: identity"), "T", "B"},
    {LENGTH, T("Transfer-Encoding: gzip, chunked"), "", "B"},
    {LENGTH, T("Transfer-Encoding: chunked, gzip"), "T", "B"},
    {LENGTH, T("Transfer-Encoding: chunked, chunked"), "T", "B"},
    {LENGTH, T("Transfer-Encoding: xchunked"), "T", "B"},
    {LENGTH, T("Transfer-Encoding: chunkedx"), "T", "B"},
    {LENGTH, T("Transfer-Encoding: chunked;q=1"), "T", "B"},
    {LENGTH, T("Transfer-Encoding: \"chunked\""), "T", "B"},
    {LENGTH, T("Transfer-Encoding:"), "T", "B"},
    {LENGTH, T("X-Content-Length: 5"), "", ""},
    {LENGTH, T("Content-Length-X: 5"), "", ""},
    {CHUNKED, T("5\r\nhello\r\n0\r\n\r\n"), "", ""},
    {CHUNKED, T("0\r\n\r\n"), "", ""},
    {CHUNKED, T("00\r\n\r\n"), "", ""},
    {CHUNKED, T("5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"), "", ""},
    {CHUNKED, T("a\r\n0123456789\r\n0\r\n\r\n"), "", ""},
    {CHUNKED, T("A\r\n0123456789\r\n0\r\n\r\n"), "", ""},
    {CHUNKED, T("00005\r\nhello\r\n0\r\n\r\n"), "", ""},
    {CHUNKED, T("0000000000000005\r\nhello\r\n0\r\n\r\n"), "", ""},
    {CHUNKED, T("00000000000000005\r\nhello\r\n0\r\n\r\n"), "", "Z"},
    {CHUNKED, T("5;x\r\nhello\r\n0\r\n\r\n"), "", ""},
    {CHUNKED, T("5;x=y\r\nhello\r\n0\r\n\r\n"), "", ""},
    {CHUNKED, T("5;x=\"a;b\"\r\nhello\r\n0\r\n\r\n"), "", ""},
    {CHUNKED, T("5;\r\nhello\r\n0;last\r\n\r\n"), "", ""},
    {CHUNKED, T("5;;\r\nhello\r\n0\r\n\r\n"), "", ""},
    {CHUNKED, T("5;a\tb\r\nhello\r\n0\r\n\r\n"), "", ""},
    {CHUNKED,
     T("5;a\x01"
       "b\r\nhello\r\n0\r\n\r\n"),
     "C", "C"},
    {CHUNKED,
     T("5;a\x00"
       "b\r\nhello\r\n0\r\n\r\n"),
     "C", "C"},
    {CHUNKED,
     T("5;a\x7f"
       "b\r\nhello\r\n0\r\n\r\n"),
     "C", "C"},
    {CHUNKED, T("5;a\rb\r\nhello\r\n0\r\n\r\n"), "", "R"},
    {CHUNKED, T("5;a\nhello\r\n0\r\n\r\n"), "N", "N"},
    {CHUNKED, T("5 \r\nhello\r\n0\r\n\r\n"), "X", "X"},
    {CHUNKED, T("5\t\r\nhello\r\n0\r\n\r\n"), "", "X"},
    {CHUNKED, T(" 5\r\nhello\r\n0\r\n\r\n"), "", ""},
    {CHUNKED, T("5 ;x\r\nhello\r\n0\r\n\r\n"), "X", "X"},
    {CHUNKED, T("5 x\r\nhello\r\n0\r\n\r\n"), "X", "X"},
    {CHUNKED, T("5\nhello\r\n0\r\n\r\n"), "", "N"},
    {CHUNKED, T("5\rhello\r\n0\r\n\r\n"), "", "R"},
    {CHUNKED, T("5\r\r\nhello\r\n0\r\n\r\n"), "", "R"},
    {CHUNKED, T("5\r\nhello\n0\r\n\r\n"), "", "N"},
    {CHUNKED, T("5\r\nhello\r0\r\n\r\n"), "", ""},
    {CHUNKED, T("5\r\nhello0\r\n\r\n"), "", ""},
    {CHUNKED, T("5\r\nhelloX\r\n0\r\n\r\n"), "", ""},
    {CHUNKED, T("5\r\nhello\r\n\r\n0\r\n\r\n"), "", ""},
    {CHUNKED, T("5\r\nhell\r\n0\r\n\r\n"), "", "N"},
    {CHUNKED, T("5\r\nhello\r\n0\n\n"), "", "N"},
    {CHUNKED, T("5\r\nhello\r\n0\r\n\n"), "", ""},
    {CHUNKED, T("5\r\nhello\r\n0\n\r\n"), "", "N"},
    {CHUNKED, T("5x\r\nhello\r\n0\r\n\r\n"), "", "X"},
    {CHUNKED, T("x5\r\nhello\r\n0\r\n\r\n"), "", ""},
    {CHUNKED, T("0x5\r\nhello\r\n0\r\n\r\n"), "", "X"},
    {CHUNKED, T("-5\r\nhello\r\n0\r\n\r\n"), "", ""},
    {CHUNKED, T("+5\r\nhello\r\n0\r\n\r\n"), "", ""},
    {CHUNKED, T("5.\r\nhello\r\n0\r\n\r\n"), "", "X"},
    {CHUNKED, T("g\r\nhello\r\n0\r\n\r\n"), "", ""},
    {CHUNKED, T("\r\nhello\r\n0\r\n\r\n"), "", ""},
    {CHUNKED, T(";x\r\nhello\r\n0\r\n\r\n"), "", ""},
    {CHUNKED, T("\r\n5\r\nhello\r\n0\r\n\r\n"), "", ""},
    {CHUNKED, T("ffffffff\r\nhello"), "", ""},
    {CHUNKED, T("100000000\r\nhello"), "H", "H"},
    {CHUNKED, T("ffffffffffffffff\r\nhello"), "", "H"},
    {CHUNKED, T("10000000000000000\r\nhello"), "", ""},
    {CHUNKED, T("fffffffffffffffff\r\nhello"), "", ""},
    {CHUNKED, T("5\r\nhello\r\n0\r\nX: y\r\n\r\n"), "", ""},
    {CHUNKED, T("5\r\nhello\r\n0\r\nX: y\r\nZ: w\r\n\r\n"), "", ""},
    {CHUNKED, T("5\r\nhello\r\n0\r\nX: y\n\n"), "", ""},
    {CHUNKED, T("5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n"), "", ""},
    {CHUNKED, T("5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"), "", ""},
    {CHUNKED, T("5\r\nhello\r\n0\r\nno colon\r\n\r\n"), "", "U"},
    {CHUNKED, T("5\r\nhello\r\n0\r\n X: y\r\n\r\n"), "F", "U"},
    {CHUNKED, T("5\r\nhello\r\n0\r\nX : y\r\n\r\n"), "W", "U"},
    {CHUNKED, T("5\r\nhello\r\n0\r\nX: \x02\r\n\r\n"), "C", "U"},
    {CHUNKED, T("5\r\nhello\r\n0\r\n: y\r\n\r\n"), "", "U"},
    {CHUNKED, T("5\r\nhello\r\n0\r\n\r"), "", ""},
    {CHUNKED, T("5\r\nhello\r\n0\r\n"), "", ""},
    {CHUNKED, T("5\r\nhello\r\n"), "", ""},
    {CHUNKED, T("5\r\nhel"), "", ""},
    {WHOLE, T("HTTP/1.1 204 No Content\r\n\r\n"), "", ""},
    {WHOLE, T("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"), "E", ""},
    {WHOLE, T("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"), "E", ""},
    {WHOLE, T("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"), "E", ""},
    {WHOLE, T("HTTP/1.1 200 OK\r\n\r\nuntil the end"), "", ""},
    {WHOLE, T("HTTP/1.0 200 OK\r\n\r\nuntil the end"), "", ""},
    {WHOLE, T("HTTP/1.1 200 OK\n\nuntil the end"), "", ""},
    {WHOLE, T("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), "", ""},
    {WHOLE, T("HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\nok"), "", ""},
    {WHOLE, T("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok"), "", ""},
    {WHOLE, T("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\rok"), "R", ""},
    {WHOLE, T("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 No\r\n\r\n"), "", ""},
    {WHOLE, T("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), "O", "B"},
    {WHOLE, T("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"), "", ""},
    {WHOLE, T("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), "", "I"},
    {WHOLE, T("HTTP/1.1 100 Continue\r\nContent-Length: 7\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), "I",
     "I"},
    {WHOLE, T("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), "", "I"},
    {WHOLE, T("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"), "I", "I"},
    {WHOLE, T("HTTP/1.1 101 Switching Protocols\r\n\r\n"), "I", "I"},
    {WHOLE, T("HTTP/1.1 100 Continue\r\n\r\n"), "", "I"},
    {WHOLE, T("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"), "", ""},
    {WHOLE, T("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"), "", ""},
    {WHOLE, T("HTTP/1.1 200 OK\r\n"), "", ""},
    {WHOLE, T("HTTP/1.1 200 OK"), "", ""},
    {WHOLE, T("HTTP/1.1 2"), "", ""},
    {WHOLE, T("HTTP"), "", ""},
    {WHOLE, T(""), "", ""},
};

#define ROW_COUNT (sizeof rows / sizeof *rows)
#define OK_LINE "HTTP/1.1 200 OK\r\n"

struct verdict {
    bool refused, complete;
    unsigned status; /* 0: not known */
    char body[64];
    size_t body_len;
};

static char answer[1024];
static size_t answer_size;

static void put(const char *text, size_t size)
{
    TEST_ASSERT_TRUE(answer_size + size < sizeof answer);
    memcpy(answer + answer_size, text, size);
    answer_size += size;
}

static void build(const struct row *row)
{
    static const struct {
        const char *before, *after;
    } around[] = {
        [STATUS] = {"", "\r\nContent-Length: 0\r\n\r\n"},
        [FIELD] = {OK_LINE, "\r\nContent-Length: 0\r\n\r\n"},
        [LENGTH] = {OK_LINE, "\r\n\r\nhello"},
        [CHUNKED] = {OK_LINE "Transfer-Encoding: chunked\r\n\r\n", ""},
        [WHOLE] = {"", ""},
    };
    answer_size = 0;
    put(around[row->group].before, strlen(around[row->group].before));
    put(row->text, row->size);
    put(around[row->group].after, strlen(around[row->group].after));
}

static void take(struct verdict *verdict, const void *data, size_t size)
{
    size_t room = sizeof verdict->body - verdict->body_len;
    size_t count = size < room ? size : room;
    memcpy(verdict->body + verdict->body_len, data, count);
    verdict->body_len += count;
}

/* ---- ours ---- */

static void on_body(void *ctx, struct bytes piece)
{
    take(ctx, piece.data, piece.size);
}

static struct verdict ask_us(void)
{
    struct verdict verdict = {0};
    struct http_response response;
    const struct http_response_events events = {.body = on_body, .ctx = &verdict};
    size_t used = 0;
    http_response_init(&response, &events, false);
    verdict.refused = http_response_feed(&response, bytes_of(answer, answer_size), &used) != IFL_OK;
    if (!verdict.refused)
        (void)http_response_end(&response);
    verdict.complete = response.complete;
    verdict.status = response.head_complete ? response.status : 0;
    return verdict;
}

/* ---- http-parser ---- */

static int peer_body(http_parser *parser, const char *at, size_t size)
{
    take(parser->data, at, size);
    return 0;
}

static int peer_head(http_parser *parser)
{
    struct verdict *verdict = parser->data;
    verdict->status = parser->status_code < 200 ? 0 : parser->status_code;
    return 0;
}

static int peer_complete(http_parser *parser)
{
    struct verdict *verdict = parser->data;
    verdict->complete = parser->status_code >= 200;
    if (verdict->complete)
        http_parser_pause(parser, 1); /* what follows isn't ours either */
    return 0;
}

static struct verdict ask_http_parser(void)
{
    struct verdict verdict = {0};
    http_parser_settings settings;
    http_parser parser;
    http_parser_settings_init(&settings);
    settings.on_headers_complete = peer_head;
    settings.on_body = peer_body;
    settings.on_message_complete = peer_complete;
    http_parser_init(&parser, HTTP_RESPONSE);
    parser.data = &verdict;
    http_parser_execute(&parser, &settings, answer, answer_size);
    enum http_errno error = HTTP_PARSER_ERRNO(&parser);
    if (error == HPE_OK)
        http_parser_execute(&parser, &settings, NULL, 0);
    verdict.refused = error != HPE_OK && error != HPE_PAUSED;
    return verdict;
}

static bool differs(const struct verdict *ours, const struct verdict *peer)
{
    if (ours->refused || peer->refused)
        return ours->refused != peer->refused;
    return ours->complete != peer->complete || ours->status != peer->status || ours->body_len != peer->body_len ||
           memcmp(ours->body, peer->body, ours->body_len) != 0;
}

/* ---- picohttpparser ---- */

/* Chunks that it was told are there. */
static bool pico_chunks_differ(const struct verdict *ours, size_t head_size)
{
    static char copy[sizeof answer];
    struct phr_chunked_decoder decoder = {.consume_trailer = 1};
    size_t size = answer_size - head_size;
    memcpy(copy, answer + head_size, size);
    ssize_t rest = phr_decode_chunked(&decoder, copy, &size);
    if (ours->refused || rest == -1)
        return ours->refused != (rest == -1);
    return ours->complete != (rest >= 0) || size != ours->body_len || memcmp(copy, ours->body, size) != 0;
}

static bool pico_differs(const struct row *row, const struct verdict *ours)
{
    struct phr_header headers[32];
    size_t count = 32, message_len = 0;
    int minor = 0, status = 0;
    const char *message = NULL;
    int size = phr_parse_response(answer, answer_size, &minor, &status, &message, &message_len, headers, &count, 0);
    bool ours_refused = ours->refused && (ours->status == 0 || row->group != CHUNKED);
    if (row->group == CHUNKED)
        return size < 0 || pico_chunks_differ(ours, (size_t)size);
    if (size == -1 || ours_refused)
        return (size == -1) != ours_refused;
    return size == -2 ? ours->status != 0 : (unsigned)status != ours->status;
}

/* ---- all of them ---- */

void setUp(void) {}
void tearDown(void) {}

static void show(const struct row *row, const struct verdict *ours, const struct verdict *peer)
{
    fprintf(stderr, "row %zu: ours %s %u%s, http-parser %s %u%s\n", (size_t)(row - rows),
            ours->refused ? "refused" : "taken", ours->status, ours->complete ? " complete" : "",
            peer->refused ? "refused" : "taken", peer->status, peer->complete ? " complete" : "");
}

static void each_difference_has_its_reason(void)
{
    unsigned wrong = 0;
    for (const struct row *row = rows; row < rows + ROW_COUNT; row++) {
        build(row);
        struct verdict ours = ask_us(), peer = ask_http_parser();
        if (differs(&ours, &peer) != (row->http_parser[0] != '\0') ||
            pico_differs(row, &ours) != (row->pico[0] != '\0')) {
            show(row, &ours, &peer);
            fprintf(stderr, "   noted: http-parser \"%s\", picohttpparser \"%s\": %s\n", row->http_parser, row->pico,
                    row->text);
            wrong++;
        }
    }
    TEST_ASSERT_EQUAL_UINT(0, wrong);
}

static void there_are_enough_of_them(void)
{
    TEST_ASSERT_TRUE(ROW_COUNT >= 200);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(each_difference_has_its_reason);
    RUN_TEST(there_are_enough_of_them);
    return UNITY_END();
}
