#include "answers.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"

const struct tenant_answer tenant_answers[ANSWER_COUNT] = {
#define X(name, status, source, meaning, flags, headers, body) {status, source, meaning, flags, headers, body},
    SIM_ANSWERS(X)
#undef X
};

struct out {
    char *at;
    size_t size, len;
};

static void add(struct out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct out *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(out->at + out->len, out->size - out->len, format, arguments);
    va_end(arguments);
    out->len += (size_t)written;
    if (out->len >= out->size)
        broken("the model's answer is too large for its buffer");
}

void answer_date(int64_t unix_s, char to[30])
{
    static const char days[] = "ThuFriSatSunMonTueWed";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct ifl_civil c;
    ifl_civil_from_unix(unix_s, &c);
    snprintf(to, 30, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days + 3 * (unix_s / 86400 % 7), c.day % 100,
             months + 3 * (c.month - 1), (unsigned)c.year % 10000, c.hour % 100, c.minute % 100, c.second % 100);
}

static void mpl_id(char to[32])
{
    snprintf(to, 32, "AG%016llx_%08llx", (unsigned long long)dice_u64(DICE_TENANT),
             (unsigned long long)(dice_u64(DICE_TENANT) & 0xFFFFFFFF));
}

static void add_source(struct out *out, const struct tenant_answer *answer, const char *mpl)
{
    char date[30];
    answer_date(world_unix_s(), date);
    add(out, "HTTP/1.1 %u %s\r\nDate: %s\r\n", answer->status, answer->status < 300 ? "OK" : "Not so", date);
    if (answer->source != FROM_PROXY)
        add(out,
            "X-Vcap-Request-Id: %016llx\r\n"
            "Strict-Transport-Security: max-age=31536000; includeSubDomains; preload\r\n",
            (unsigned long long)dice_u64(DICE_TENANT));
    if (answer->source == FROM_CONTAINER || answer->source == FROM_FLOW)
        add(out, "Server: SAP\r\nx-correlationid: %016llx\r\n", (unsigned long long)dice_u64(DICE_TENANT));
    if (answer->source == FROM_FLOW)
        add(out, "SAP_MessageProcessingLogID: %s\r\n", mpl);
}

static size_t fill_body(const char *text, const char *mpl, char *to, size_t size)
{
    const char *mark = strstr(text, "{mpl}");
    int len = mark == NULL ? snprintf(to, size, "%s", text)
                           : snprintf(to, size, "%.*s%s%s", (int)(mark - text), text, mpl, mark + strlen("{mpl}"));
    return (size_t)len;
}

static void add_chunks(struct out *out, const char *body, size_t size)
{
    for (size_t at = 0; at < size; at += 20)
        add(out, "%zx\r\n%.20s\r\n", size - at < 20 ? size - at : 20, body + at);
    add(out, "0\r\n\r\n");
}

size_t answer_render(enum answer_name name, const struct answer_more *more, char *to, size_t size, size_t *head_size)
{
    const struct tenant_answer *answer = &tenant_answers[name];
    struct out out = {.at = to, .size = size};
    char mpl[32], body[2048];
    mpl_id(mpl);
    if (dice_chance(DICE_TENANT, 30))
        add(&out, "HTTP/1.1 100 Continue\r\n\r\n");
    add_source(&out, answer, mpl);
    add(&out, "%s%s", answer->headers, more->headers);
    size_t body_size = fill_body(answer->body, mpl, body, sizeof body);
    bool chunked = answer->flags & CHUNKED && !more->head_request;
    if (chunked)
        add(&out, "Transfer-Encoding: chunked\r\n");
    else if (answer->status != 204 && !(answer->flags & UNTIL_CLOSE))
        add(&out, "Content-Length: %zu\r\n", body_size);
    add(&out, "\r\n");
    *head_size = out.len;
    if (chunked)
        add_chunks(&out, body, body_size);
    else if (!more->head_request && answer->status != 204)
        add(&out, "%s", body);
    return out.len;
}
