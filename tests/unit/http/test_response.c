/* The response parser: each case is fed whole, byte by byte, and cut at every position (short ones at every two positions);
 * the events must be the same. */
#include "http/response.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unity.h"

#define TRACE_SIZE 4096

/* What was seen, as text: "name=value|" for each field, then the body behind a '#'. */
struct seen {
    char fields[TRACE_SIZE];
    size_t fields_len;
    char body[TRACE_SIZE];
    size_t body_len;
    uint64_t body_total, field_total;
    enum ifl_status status, end;
    size_t used;
    struct http_response response;
};

static void note(char *at, size_t *len, struct bytes piece)
{
    size_t room = TRACE_SIZE - *len;
    size_t count = piece.size < room ? piece.size : room;
    memcpy(at + *len, piece.data, count);
    *len += count;
}

static void on_header(void *ctx, const char *name, const char *value, bool cut)
{
    struct seen *seen = ctx;
    seen->field_total++;
    note(seen->fields, &seen->fields_len, bytes_of_string(name));
    note(seen->fields, &seen->fields_len, bytes_of_string(cut ? "~" : "="));
    note(seen->fields, &seen->fields_len, bytes_of_string(value));
    note(seen->fields, &seen->fields_len, bytes_of_string("|"));
}

static void on_body(void *ctx, struct bytes piece)
{
    struct seen *seen = ctx;
    TEST_ASSERT_TRUE(piece.size > 0);
    seen->body_total += piece.size;
    note(seen->body, &seen->body_len, piece);
}

static void start(struct seen *seen, bool head_request)
{
    memset(seen, 0, sizeof *seen);
    struct http_response_events events = {.header = on_header, .body = on_body, .ctx = seen};
    http_response_init(&seen->response, &events, head_request);
}

/* Feed a piece that lies at the end of its own allocation, so that a read behind it is found. */
static void feed(struct seen *seen, struct bytes piece)
{
    if (seen->status != IFL_OK || piece.size == 0)
        return;
    uint8_t *copy = malloc(piece.size);
    memcpy(copy, piece.data, piece.size);
    size_t used = 0;
    bool was_complete = seen->response.complete;
    seen->status = http_response_feed(&seen->response, bytes_of(copy, piece.size), &used);
    TEST_ASSERT_TRUE(used <= piece.size);
    TEST_ASSERT_TRUE(used == piece.size || seen->status != IFL_OK || seen->response.complete);
    if (was_complete)
        TEST_ASSERT_EQUAL_UINT(0, used);
    seen->used += used;
    free(copy);
}

static void finish(struct seen *seen)
{
    seen->end = seen->status == IFL_OK ? http_response_end(&seen->response) : IFL_OK;
}

static void assert_same(const struct seen *a, const struct seen *b)
{
    TEST_ASSERT_EQUAL(a->status, b->status);
    TEST_ASSERT_EQUAL(a->end, b->end);
    TEST_ASSERT_EQUAL_UINT(a->used, b->used);
    TEST_ASSERT_EQUAL(a->response.head_complete, b->response.head_complete);
    TEST_ASSERT_EQUAL(a->response.complete, b->response.complete);
    TEST_ASSERT_EQUAL(a->response.keep_alive, b->response.keep_alive);
    TEST_ASSERT_EQUAL_UINT(a->response.status, b->response.status);
    TEST_ASSERT_EQUAL_UINT32(a->response.body_size, b->response.body_size);
    TEST_ASSERT_EQUAL_UINT(a->fields_len, b->fields_len);
    TEST_ASSERT_EQUAL_UINT(a->body_len, b->body_len);
    TEST_ASSERT_EQUAL_INT(0, memcmp(a->fields, b->fields, a->fields_len));
    TEST_ASSERT_EQUAL_INT(0, memcmp(a->body, b->body, a->body_len));
}

static struct seen whole, cut;

/* Fed whole, byte by byte, and cut at every position: the same events. The result is in `whole`. */
static void parse(struct bytes answer, bool head_request)
{
    start(&whole, head_request);
    feed(&whole, answer);
    finish(&whole);

    start(&cut, head_request);
    for (size_t i = 0; i < answer.size; i++)
        feed(&cut, bytes_head(bytes_tail(answer, i), 1));
    finish(&cut);
    assert_same(&whole, &cut);

    size_t step = answer.size > 2000 ? answer.size / 97 : 1;
    for (size_t i = 1; i < answer.size; i += step) {
        start(&cut, head_request);
        feed(&cut, bytes_head(answer, i));
        feed(&cut, bytes_tail(answer, i));
        finish(&cut);
        assert_same(&whole, &cut);
    }
    for (size_t i = 1; i < answer.size && answer.size < 120; i++)
        for (size_t j = i + 1; j < answer.size; j++) {
            start(&cut, head_request);
            feed(&cut, bytes_head(answer, i));
            feed(&cut, bytes_head(bytes_tail(answer, i), j - i));
            feed(&cut, bytes_tail(answer, j));
            finish(&cut);
            assert_same(&whole, &cut);
        }
}

static void parse_text(const char *answer)
{
    parse(bytes_of_string(answer), false);
}

static void assert_text(const char *expected, const char *got, size_t len)
{
    TEST_ASSERT_EQUAL_UINT(strlen(expected), len);
    TEST_ASSERT_EQUAL_INT(0, memcmp(expected, got, len));
}

static void assert_complete(const char *fields, const char *body, bool keep_alive)
{
    TEST_ASSERT_EQUAL(IFL_OK, whole.status);
    TEST_ASSERT_EQUAL(IFL_OK, whole.end);
    TEST_ASSERT_TRUE(whole.response.head_complete);
    TEST_ASSERT_TRUE(whole.response.complete);
    TEST_ASSERT_EQUAL(keep_alive, whole.response.keep_alive);
    assert_text(fields, whole.fields, whole.fields_len);
    assert_text(body, whole.body, whole.body_len);
}

void setUp(void) {}
void tearDown(void) {}

/* ---- what is good ---- */

static void a_body_with_a_length_ends_there(void)
{
    parse_text("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \t\r\n\r\nhello");
    assert_complete("Content-Length=5|X-A=b|", "hello", true);
}

static void a_chunked_body_loses_its_framing_extensions_and_trailers(void)
{
    parse_text("HTTP/1.1 201 Created\r\nTransfer-Encoding: Chunked\r\n\r\n"
               "5;name=value\r\nhello\r\n00006;\r\n world\r\n0;x\r\nX-Sum: 1\r\nConnection: close\r\n\r\n");
    assert_complete("Transfer-Encoding=Chunked|", "hello world", true);
}

static void sizes_of_chunks_are_hexadecimal_in_both_cases(void)
{
    parse_text("HTTP/1.1 200 OK\r\nTransfer-Encoding:chunked\r\n\r\nA\r\n0123456789\r\nb\r\nabcdefghijk\r\n0\r\n\r\n");
    assert_complete("Transfer-Encoding=chunked|", "0123456789abcdefghijk", true);
}

static void a_body_without_framing_ends_with_the_connection(void)
{
    parse_text("HTTP/1.1 200 OK\r\n\r\nall of it");
    assert_complete("", "all of it", false);
    parse_text("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n");
    assert_complete("Connection=keep-alive|", "", false);
}

static void keep_alive_follows_the_version_and_the_connection_field(void)
{
    parse_text("HTTP/1.1 204 No Content\r\n\r\n");
    assert_complete("", "", true);
    parse_text("HTTP/1.1 204 No Content\r\nConnection: x, Close\r\n\r\n");
    assert_complete("Connection=x, Close|", "", false);
    parse_text("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_complete("Content-Length=0|", "", false);
    parse_text("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n");
    assert_complete("Content-Length=0|Connection=Keep-Alive|", "", true);
    parse_text("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n");
    assert_complete("Content-Length=0|Connection=keep-alive|Connection=close|", "", false);
}

static void no_body_follows_204_304_and_the_answer_to_head(void)
{
    parse_text("HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\nhello");
    assert_complete("Content-Length=5|", "", true);
    TEST_ASSERT_EQUAL_UINT(strlen("HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\n"), whole.used);
    parse_text("HTTP/1.1 304 Same\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_complete("Transfer-Encoding=chunked|", "", true);
    parse(bytes_of_string("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"), true);
    assert_complete("Content-Length=500|", "", true);
}

static void interim_answers_are_skipped_with_their_fields(void)
{
    parse_text("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\nContent-Length: 7\r\n\r\n"
               "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
    assert_complete("Content-Length=0|", "", true);
    TEST_ASSERT_EQUAL_UINT(202, whole.response.status);
}

static void what_follows_a_complete_answer_is_left_alone(void)
{
    const char *two = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 No\r\n\r\n";
    parse_text(two);
    assert_complete("Content-Length=2|", "ok", true);
    TEST_ASSERT_EQUAL_UINT(strlen(two) - strlen("HTTP/1.1 500 No\r\n\r\n"), whole.used);
}

static void a_bare_line_feed_ends_header_lines(void)
{
    parse_text("HTTP/1.1 200 OK\nContent-Length: 2\n\nok");
    assert_complete("Content-Length=2|", "ok", true);
}

static void the_reason_may_be_empty_absent_or_long(void)
{
    parse_text("HTTP/1.1 200 \r\nContent-Length:0\r\n\r\n");
    assert_complete("Content-Length=0|", "", true);
    parse_text("HTTP/1.1 200\r\nContent-Length:0\r\n\r\n");
    assert_complete("Content-Length=0|", "", true);
    char answer[HTTP_LINE_SIZE * 2 + 64];
    int len =
        snprintf(answer, sizeof answer, "HTTP/1.1 200 %0*d\r\nContent-Length:0\r\n\r\n", HTTP_LINE_SIZE * 2 - 40, 7);
    parse(bytes_of(answer, (size_t)len), false);
    assert_complete("Content-Length=0|", "", true);
}

static void the_same_length_twice_is_one_length(void)
{
    parse_text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 02\r\n\r\nok");
    assert_complete("Content-Length=2|Content-Length=02|", "ok", true);
}

static void empty_values_tabs_and_bytes_beyond_ascii_are_values(void)
{
    parse_text("HTTP/1.1 200 OK\r\nA:\r\nB: \t \r\nC: x\ty\r\nD: \xc3\xa4\r\nContent-Length: 0\r\n\r\n");
    assert_complete("A=|B=|C=x\ty|D=\xc3\xa4|Content-Length=0|", "", true);
}

static void a_long_header_line_is_cut_and_says_so(void)
{
    static char answer[HTTP_LINE_SIZE * 3 + 100];
    int len = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nX: %0*d\r\nContent-Length: 0\r\n\r\n",
                       HTTP_LINE_SIZE * 3, 7);
    parse(bytes_of(answer, (size_t)len), false);
    TEST_ASSERT_TRUE(whole.response.complete);
    TEST_ASSERT_EQUAL_UINT64(2, whole.field_total);
    TEST_ASSERT_EQUAL_INT(0, memcmp(whole.fields, "X~0000", 6));
}

/* ---- what is bad ---- */

static void assert_broken(const char *answer, enum ifl_status expected)
{
    parse_text(answer);
    TEST_ASSERT_EQUAL_MESSAGE(expected, whole.status, answer);
    TEST_ASSERT_FALSE(whole.response.complete);
    size_t used = 0;
    TEST_ASSERT_NOT_EQUAL(IFL_OK, http_response_feed(&whole.response, bytes_of("x", 1), &used));
    TEST_ASSERT_EQUAL_UINT(0, used);
}

#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK_LINE "Transfer-Encoding: chunked\r\n\r\n"

static void broken_status_lines_are_refused(void)
{
    static const char *const bad[] = {"hello, this is not HTTP\r\n\r\n",
                                      "\r\nHTTP/1.1 200 OK\r\n\r\n",
                                      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                                      "HTTP/1.1 99 Low\r\n\r\n",
                                      "HTTP/1.1 099 Low\r\n\r\n",
                                      "HTTP/1.1 999 High\r\n\r\n",
                                      "HTTP/1.1 600 High\r\n\r\n",
                                      "HTTP/1.1 2OO OK\r\n\r\n",
                                      "HTTP/1.1 2000 OK\r\n\r\n",
                                      "HTTP/1.1  200 OK\r\n\r\n",
                                      "HTTP/1.1\r\n\r\n",
                                      "HTTP/1.x 200 OK\r\n\r\n",
                                      "HTTP/11 200 OK\r\n\r\n",
                                      "http/1.1 200 OK\r\n\r\n",
                                      "HTTP/1.1 200OK\r\n\r\n",
                                      "HTTP/1.1\t200 OK\r\n\r\n",
                                      "HTTP/1.1 101 Switch\r\n\r\n",
                                      " HTTP/1.1 200 OK\r\n\r\n",
                                      "HTTP/a.1 200 OK\r\n\r\n",
                                      "HTTP/1.1 -20 OK\r\n\r\n",
                                      "HTTP/1.1 200 \x01\r\n\r\n",
                                      "\x16\x03\x01\x02",
                                      "\r\n",
                                      "ICY 200 OK\r\n\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_broken(bad[i], IFL_HTTP_MALFORMED);
    static const uint8_t settings_frame[] = {0, 0, 0, 4, 0, 0, 0, 0, 0};
    parse(bytes_of(settings_frame, sizeof settings_frame), false);
    TEST_ASSERT_EQUAL(IFL_HTTP_MALFORMED, whole.status);
}

static void another_major_version_has_a_cause_of_its_own(void)
{
    assert_broken("HTTP/2.0 200 OK\r\n\r\n", IFL_HTTP_VERSION);
    assert_broken("HTTP/2 200 OK\r\n\r\n", IFL_HTTP_VERSION);
    assert_broken("HTTP/0.9 200 OK\r\n\r\n", IFL_HTTP_VERSION);
}

static void broken_fields_are_refused(void)
{
    static const char *const bad[] = {OK_LINE " X: folded first\r\n\r\n",
                                      OK_LINE "X: a\r\n b\r\n\r\n",
                                      OK_LINE "X: a\r\n\tb\r\n\r\n",
                                      OK_LINE "X : a\r\n\r\n",
                                      OK_LINE "nonsense\r\n\r\n",
                                      OK_LINE ": empty\r\n\r\n",
                                      OK_LINE "X\x01: a\r\n\r\n",
                                      OK_LINE "X: a\x01\r\n\r\n",
                                      OK_LINE "X: a\x7f\r\n\r\n",
                                      OK_LINE "X: a\rb\r\n\r\n",
                                      OK_LINE "X: a\r\r\n\r\n",
                                      OK_LINE "X(: a\r\n\r\n",
                                      OK_LINE "\r\r\n",
                                      OK_LINE "X\xc3\xa4: umlaut\r\n\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_broken(bad[i], IFL_HTTP_MALFORMED);
    static const char with_nul[] = OK_LINE "X: a\0b\r\n\r\n";
    parse(bytes_of(with_nul, sizeof with_nul - 1), false);
    TEST_ASSERT_EQUAL(IFL_HTTP_MALFORMED, whole.status);
}

static void broken_lengths_are_refused(void)
{
    static const char *const bad[] = {
        OK_LINE "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        OK_LINE "Content-Length: -1\r\n\r\n",
        OK_LINE "Content-Length: +1\r\n\r\n",
        OK_LINE "Content-Length: 5x\r\n\r\n",
        OK_LINE "Content-Length: 0x5\r\n\r\n",
        OK_LINE "Content-Length: 5, 5\r\n\r\n",
        OK_LINE "Content-Length: 5 5\r\n\r\n",
        OK_LINE "Content-Length:\r\n\r\n",
        OK_LINE "Content-Length: 18446744073709551616\r\n\r\n", /* no number of 64 bits */
        OK_LINE "content-length: 99999999999999999999999\r\n\r\n",
        OK_LINE "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK_LINE "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        OK_LINE "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK_LINE "Transfer-Encoding: gzip, chunked\r\n\r\n",
        OK_LINE "Transfer-Encoding: identity\r\n\r\n",
        OK_LINE "Transfer-Encoding: xchunked\r\n\r\n",
        OK_LINE "Transfer-Encoding: chunked;q=1\r\n\r\n",
        OK_LINE "Transfer-Encoding:\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_broken(bad[i], IFL_HTTP_MALFORMED);
}

static void broken_chunks_are_refused_after_what_was_good(void)
{
    static const char *const bad[] = {
        CHUNKED "xyz\r\n",
        CHUNKED "\r\nhello",
        CHUNKED ";x\r\nhello",
        CHUNKED "5 \r\nhello",
        CHUNKED " 5\r\nhello",
        CHUNKED "-5\r\nhello",
        CHUNKED "0x5\r\nhello",
        CHUNKED "5\nhello",
        CHUNKED "5\rhello",
        CHUNKED "5;a\nhello",
        CHUNKED "5;a\x01\r\nhello",
        CHUNKED "5;a\rb\r\nhello",
        CHUNKED "5\r\nhelloX\r\n",
        CHUNKED "5\r\nhello\n0\r\n\r\n",
        CHUNKED "5\r\nhello\rX",
        CHUNKED "0\r\nno colon\r\n\r\n",
        CHUNKED "0\r\n folded: x\r\n\r\n",
        CHUNKED "0\r\nX: \x02\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_broken(bad[i], IFL_HTTP_MALFORMED);
        TEST_ASSERT_TRUE(whole.response.head_complete);
        TEST_ASSERT_EQUAL_UINT(200, whole.response.status);
    }
}

static void a_chunk_of_4_gigabytes_is_too_large(void)
{
    parse_text(CHUNKED "ffffffff\r\nhello");
    TEST_ASSERT_EQUAL(IFL_HTTP_CUT, whole.end);
    assert_text("hello", whole.body, whole.body_len);
    parse_text(CHUNKED "00000000000000005\r\nhello\r\n0\r\n\r\n");
    assert_complete("Transfer-Encoding=chunked|", "hello", true);
    assert_broken(CHUNKED "100000000\r\nhello", IFL_HTTP_TOO_LARGE);
    assert_broken(CHUNKED "ffffffffffffffff1\r\nhello", IFL_HTTP_TOO_LARGE);
}

static void a_length_of_4_gigabytes_is_too_large(void)
{
    parse_text(OK_LINE "Content-Length: 4294967295\r\n\r\nhello");
    TEST_ASSERT_EQUAL(IFL_HTTP_CUT, whole.end);
    assert_text("hello", whole.body, whole.body_len);
    assert_broken(OK_LINE "Content-Length: 4294967296\r\n\r\nhello", IFL_HTTP_TOO_LARGE);
    assert_broken(OK_LINE "Content-Length: 18446744073709551615\r\n\r\nhello", IFL_HTTP_TOO_LARGE);
}

/* ---- what has no end ---- */

static enum ifl_status repeat(const char *first, const char *again, size_t times)
{
    start(&whole, false);
    feed(&whole, bytes_of_string(first));
    for (size_t i = 0; i < times && whole.status == IFL_OK; i++)
        feed(&whole, bytes_of_string(again));
    return whole.status;
}

static void nothing_in_a_head_goes_on_for_ever(void)
{
    TEST_ASSERT_EQUAL(IFL_HTTP_TOO_LARGE, repeat("HTTP/1.1 200 ", "aaaaaaaa", 100000));
    TEST_ASSERT_EQUAL(IFL_HTTP_TOO_LARGE, repeat("", "zzzz", 100000));
    TEST_ASSERT_EQUAL(IFL_HTTP_TOO_LARGE, repeat(OK_LINE "X: ", "aaaaaaaa", 100000));
    TEST_ASSERT_EQUAL(IFL_HTTP_TOO_LARGE, repeat(OK_LINE, "X: 1\r\n", 1000));
    TEST_ASSERT_EQUAL(IFL_HTTP_TOO_LARGE, repeat("", "HTTP/1.1 100 Continue\r\n\r\n", 5000));
    TEST_ASSERT_EQUAL(IFL_HTTP_TOO_LARGE, repeat(CHUNKED "0\r\n", "X: 1\r\n", 1000));
    TEST_ASSERT_EQUAL(IFL_HTTP_TOO_LARGE, repeat(CHUNKED "0\r\nX: ", "aaaaaaaa", 100000));
    TEST_ASSERT_EQUAL(IFL_HTTP_MALFORMED, repeat(CHUNKED "5;", "aaaaaaaa", 100000));
    TEST_ASSERT_EQUAL(IFL_HTTP_TOO_LARGE, repeat(OK_LINE, "aaaaaaaa", 100000));
}

static void a_head_of_exactly_the_limit_is_taken(void)
{
    static char answer[HTTP_HEAD_LIMIT + 1];
    for (size_t over = 0; over < 2; over++) {
        int len = snprintf(answer, sizeof answer, OK_LINE "Content-Length: 0\r\nX:");
        size_t size = HTTP_HEAD_LIMIT + over;
        memset(answer + len, 'a', size - 4 - (size_t)len);
        memcpy(answer + size - 4, "\r\n\r\n", 4);
        start(&whole, false);
        feed(&whole, bytes_of(answer, size));
        TEST_ASSERT_EQUAL(over > 0 ? IFL_HTTP_TOO_LARGE : IFL_OK, whole.status);
        TEST_ASSERT_EQUAL(over == 0, whole.response.complete);
    }
}

static void exactly_the_allowed_number_of_interim_answers_is_taken(void)
{
    repeat("", "HTTP/1.1 100 Continue\r\n\r\n", HTTP_INTERIM_LIMIT);
    TEST_ASSERT_EQUAL(IFL_OK, whole.status);
    feed(&whole, bytes_of_string("HTTP/1.1 204 Done\r\n\r\n"));
    TEST_ASSERT_TRUE(whole.response.complete);
}

static void a_gigabyte_of_body_streams_by_in_constant_memory(void)
{
    static uint8_t piece[1 << 20];
    start(&whole, false);
    feed(&whole, bytes_of_string(OK_LINE "Content-Length: 1073741824\r\n\r\n"));
    for (unsigned i = 0; i < 1024; i++) {
        size_t used = 0;
        TEST_ASSERT_FALSE(whole.response.complete);
        TEST_ASSERT_EQUAL(IFL_OK, http_response_feed(&whole.response, bytes_of(piece, sizeof piece), &used));
        TEST_ASSERT_EQUAL_UINT(sizeof piece, used);
    }
    TEST_ASSERT_TRUE(whole.response.complete);
    TEST_ASSERT_EQUAL_UINT64(1073741824u, whole.body_total);
}

/* ---- the connection ends ---- */

static void an_end_before_the_first_byte_is_no_answer(void)
{
    start(&whole, false);
    TEST_ASSERT_EQUAL(IFL_CLOSED, http_response_end(&whole.response));
}

static void an_end_at_every_byte_of_an_answer_is_a_cut_answer(void)
{
    static const char *const good[] = {
        OK_LINE "Content-Length: 5\r\n\r\nhello",
        CHUNKED "5\r\nhello\r\n0\r\nX: y\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 Done\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        for (size_t size = 1; size < strlen(good[i]); size++) {
            start(&whole, false);
            feed(&whole, bytes_of(good[i], size));
            TEST_ASSERT_EQUAL(IFL_OK, whole.status);
            TEST_ASSERT_EQUAL(IFL_HTTP_CUT, http_response_end(&whole.response));
            TEST_ASSERT_FALSE(whole.response.complete);
        }
}

static void every_single_damaged_byte_ends_in_a_verdict(void)
{
    static const char good[] = CHUNKED "5\r\nhello\r\n0\r\nX: y\r\n\r\n";
    char answer[sizeof good];
    for (size_t at = 0; at + 1 < sizeof good; at++)
        for (unsigned value = 0; value < 256; value++) {
            memcpy(answer, good, sizeof good);
            answer[at] = (char)value;
            start(&whole, false);
            feed(&whole, bytes_of(answer, sizeof good - 1));
            finish(&whole);
            TEST_ASSERT_TRUE(whole.status != IFL_OK || whole.end == IFL_OK || whole.end == IFL_HTTP_CUT);
            TEST_ASSERT_TRUE(whole.body_total <= sizeof good);
        }
}

/* A small generator of our own, so that the run is the same everywhere. */
static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void random_answers_made_of_protocol_pieces_never_confuse_the_parser(void)
{
    static const char *const pieces[] = {"HTTP/1.1 ",
                                         "200",
                                         " OK",
                                         "\r\n",
                                         "\n",
                                         "\r",
                                         "Content-Length: ",
                                         "5",
                                         "Transfer-Encoding: chunked",
                                         "0",
                                         "hello",
                                         ": ",
                                         ";",
                                         "Connection: close",
                                         " ",
                                         "\t",
                                         "100",
                                         "ffffffffffffffff",
                                         "X: y",
                                         "\x01",
                                         "HTTP/1.0 204 x\r\n\r\n"};
    uint32_t seed = 20261123;
    for (unsigned round = 0; round < 3000; round++) {
        char answer[400] = OK_LINE;
        unsigned count = next_random(&seed) % 20;
        for (unsigned i = 0; i < count; i++)
            strcat(answer, pieces[next_random(&seed) % (sizeof pieces / sizeof *pieces)]);
        start(&whole, false);
        feed(&whole, bytes_of_string(answer));
        finish(&whole);
        start(&cut, false);
        for (size_t i = 0; answer[i] != '\0'; i++)
            feed(&cut, bytes_of(answer + i, 1));
        finish(&cut);
        assert_same(&whole, &cut);
    }
}

static struct bytes with_long_value(const char *field)
{
    static char answer[HTTP_LINE_SIZE * 3 + 100];
    int len = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\n%s%0*d\r\nContent-Length: 0\r\n\r\n", field,
                       HTTP_LINE_SIZE * 2, 0);
    return bytes_of(answer, (size_t)len);
}

static void a_field_that_decides_about_the_framing_must_be_there_whole(void)
{
    static const char *const fields[] = {"Content-Length: ", "Transfer-Encoding: "};
    for (size_t i = 0; i < 2; i++) {
        parse(with_long_value(fields[i]), false);
        TEST_ASSERT_EQUAL(IFL_HTTP_MALFORMED, whole.status);
    }
}

static void what_is_cut_off_a_connection_field_may_have_been_close(void)
{
    parse(with_long_value("Connection: keep-alive, "), false);
    TEST_ASSERT_TRUE(whole.response.complete);
    TEST_ASSERT_FALSE(whole.response.keep_alive);
}

static void nobody_has_to_listen_to_the_body(void)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    struct http_response response;
    const struct http_response_events events = {.header = on_header, .ctx = &whole};
    size_t used = 0;
    start(&whole, false);
    http_response_init(&response, &events, false);
    TEST_ASSERT_EQUAL(IFL_OK, http_response_feed(&response, bytes_of_string(answer), &used));
    TEST_ASSERT_TRUE(response.complete);
    TEST_ASSERT_EQUAL_UINT(sizeof answer - 1, used);
}

static void a_nul_is_no_part_of_a_name(void)
{
    static const char answer[] = OK_LINE "X\0Y: a\r\n\r\n";
    parse(bytes_of(answer, sizeof answer - 1), false);
    TEST_ASSERT_EQUAL(IFL_HTTP_MALFORMED, whole.status);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_body_with_a_length_ends_there);
    RUN_TEST(a_chunked_body_loses_its_framing_extensions_and_trailers);
    RUN_TEST(sizes_of_chunks_are_hexadecimal_in_both_cases);
    RUN_TEST(a_body_without_framing_ends_with_the_connection);
    RUN_TEST(keep_alive_follows_the_version_and_the_connection_field);
    RUN_TEST(no_body_follows_204_304_and_the_answer_to_head);
    RUN_TEST(interim_answers_are_skipped_with_their_fields);
    RUN_TEST(what_follows_a_complete_answer_is_left_alone);
    RUN_TEST(a_bare_line_feed_ends_header_lines);
    RUN_TEST(the_reason_may_be_empty_absent_or_long);
    RUN_TEST(the_same_length_twice_is_one_length);
    RUN_TEST(empty_values_tabs_and_bytes_beyond_ascii_are_values);
    RUN_TEST(a_long_header_line_is_cut_and_says_so);
    RUN_TEST(broken_status_lines_are_refused);
    RUN_TEST(another_major_version_has_a_cause_of_its_own);
    RUN_TEST(broken_fields_are_refused);
    RUN_TEST(broken_lengths_are_refused);
    RUN_TEST(broken_chunks_are_refused_after_what_was_good);
    RUN_TEST(a_chunk_of_4_gigabytes_is_too_large);
    RUN_TEST(a_length_of_4_gigabytes_is_too_large);
    RUN_TEST(nothing_in_a_head_goes_on_for_ever);
    RUN_TEST(a_head_of_exactly_the_limit_is_taken);
    RUN_TEST(exactly_the_allowed_number_of_interim_answers_is_taken);
    RUN_TEST(a_gigabyte_of_body_streams_by_in_constant_memory);
    RUN_TEST(an_end_before_the_first_byte_is_no_answer);
    RUN_TEST(an_end_at_every_byte_of_an_answer_is_a_cut_answer);
    RUN_TEST(every_single_damaged_byte_ends_in_a_verdict);
    RUN_TEST(random_answers_made_of_protocol_pieces_never_confuse_the_parser);
    RUN_TEST(a_field_that_decides_about_the_framing_must_be_there_whole);
    RUN_TEST(what_is_cut_off_a_connection_field_may_have_been_close);
    RUN_TEST(nobody_has_to_listen_to_the_body);
    RUN_TEST(a_nul_is_no_part_of_a_name);
    return UNITY_END();
}
