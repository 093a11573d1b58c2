/* body.c: what a request carries, read as strictly as can be: the bytes between the payloads are exactly those that the route's settings ask for. A payload
 * tells by its first characters which one it is, and so how long it is. */
#include <string.h>

#include "sim.h"

#define TOKEN_DIGITS 6

struct rest {
    const uint8_t *at;
    size_t size;
};

static bool take(struct rest *rest, struct bytes what)
{
    if (rest->size < what.size || memcmp(rest->at, what.data, what.size) != 0)
        return false;
    rest->at += what.size;
    rest->size -= what.size;
    return true;
}

static bool take_text(struct rest *rest, const char *text)
{
    return take(rest, bytes_of_string(text));
}

static uint64_t token_of(const struct rest *rest)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint64_t token = 0;
    for (size_t i = 0; i < TOKEN_DIGITS && i < rest->size; i++) {
        const char *at = rest->at[i] == 0 ? NULL : strchr(digits, rest->at[i]);
        if (at == NULL)
            return UINT64_MAX;
        token |= (uint64_t)(at - digits) << (6 * i);
    }
    return token;
}

static bool take_payload(struct rest *rest, uint64_t *token)
{
    static uint8_t right[IFL_PAYLOAD_SIZE_MAX];
    *token = token_of(rest);
    if (*token >= oracle_token_count())
        return false;
    return take(rest, bytes_of(right, payload_make(*token, right)));
}

/* ---- CloudEvents 1.0 ---- */

static bool is_json(const char *type)
{
    return strstr(type, "json") != NULL;
}

/* "2026-11-27T12:00:00Z", of a message that was stored while a time was known. */
static void skip_time(struct rest *rest)
{
    static const char before[] = "\",\"time\":\"";
    size_t size = strlen(before) + strlen("2026-11-27T12:00:00Z");
    struct rest after = *rest;
    if (take_text(&after, before) && rest->size >= size) {
        rest->at += size;
        rest->size -= size;
    }
}

static bool take_event_head(struct rest *rest, const struct request *request)
{
    const struct settings_route *route = &world.plan.settings.routes[request->route];
    bool right = take_text(rest, "{\"specversion\":\"1.0\",\"id\":\"") && take_text(rest, request->id_text) &&
                 take_text(rest, "\",\"source\":\"sim\",\"type\":\"") && take_text(rest, route->name);
    skip_time(rest);
    return right && take_text(rest, "\",\"datacontenttype\":\"") && take_text(rest, route->content_type) &&
           take_text(rest, is_json(route->content_type) ? "\",\"data\":" : "\",\"data_base64\":\"");
}

static int sextet(uint8_t c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c == 0 ? NULL : strchr(digits, c);
    return at == NULL ? -1 : (int)(at - digits);
}

/* In place of the base64 up to the quote, its bytes; the rest begins behind it. */
static bool take_encoded(struct rest *rest, uint64_t *token)
{
    static uint8_t bytes[IFL_PAYLOAD_SIZE_MAX + 3];
    size_t len = 0, digits = 0;
    uint32_t bits = 0;
    for (; digits < rest->size && sextet(rest->at[digits]) >= 0 && len < IFL_PAYLOAD_SIZE_MAX; digits++) {
        bits = bits << 6 | (uint32_t)sextet(rest->at[digits]);
        if (digits % 4 != 0)
            bytes[len++] = (uint8_t)(bits >> (6 - 2 * (digits % 4)));
    }
    static const char *const padding[] = {"", "?", "==", "="};
    rest->at += digits;
    rest->size -= digits;
    struct rest data = {.at = bytes, .size = len};
    return take_text(rest, padding[digits % 4]) && take_payload(&data, token) && data.size == 0;
}

static bool read_event(struct rest *rest, const struct request *request, uint64_t *token)
{
    if (!take_event_head(rest, request))
        return false;
    if (strcmp(request->type, "application/cloudevents+json") != 0)
        return false;
    if (is_json(world.plan.settings.routes[request->route].content_type))
        return take_payload(rest, token) && take_text(rest, "}");
    return take_encoded(rest, token) && take_text(rest, "\"}");
}

/* ---- all ---- */

static bool read_messages(struct rest *rest, const struct request *request, const char *between,
                          void (*message)(const struct request *request, uint64_t n, uint64_t token))
{
    for (uint64_t n = request->id.n; n <= request->last_n; n++) {
        uint64_t token = 0;
        if ((n > request->id.n && !take_text(rest, between)) || !take_payload(rest, &token))
            return false;
        message(request, n, token);
    }
    return true;
}

bool body_read(const struct request *request, const uint8_t *body, size_t size,
               void (*message)(const struct request *request, uint64_t n, uint64_t token))
{
    const struct settings_route *route = &world.plan.settings.routes[request->route];
    struct rest rest = {.at = body, .size = size};
    bool right = false;
    uint64_t token = 0;
    switch (route->body) {
    case SETTINGS_BODY_ARRAY:
        right = take_text(&rest, "[") && read_messages(&rest, request, ",", message) && take_text(&rest, "]");
        break;
    case SETTINGS_BODY_LINES:
        right = read_messages(&rest, request, "\n", message) && take_text(&rest, "\n");
        break;
    case SETTINGS_BODY_EVENT:
        right = request->last_n == request->id.n && read_event(&rest, request, &token);
        if (right)
            message(request, request->id.n, token);
        break;
    default:
        right = request->last_n == request->id.n && read_messages(&rest, request, "", message);
        break;
    }
    return right && rest.size == 0;
}
