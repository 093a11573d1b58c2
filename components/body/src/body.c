#include "body/body.h"

#include <string.h>

#define EVENT_TYPE "application/cloudevents+json"

/* What stands before the first payload, between two, and behind the last. */
static const char *const framings[] = {
    [SETTINGS_BODY_RAW] = "\0\0",
    [SETTINGS_BODY_ARRAY] = "[\0,\0]",
    [SETTINGS_BODY_LINES] = "\0\n\0\n",
    [SETTINGS_BODY_EVENT] = ",\"data\":\0\0}", /* before it: put_event() */
    [BODY_EVENT_ENCODED] = ",\"data_base64\":\"\0\0\"}",
};

unsigned body_form(const struct settings_route *route)
{
    bool encoded = route->body == SETTINGS_BODY_EVENT && text_find(route->content_type, "json") == NULL;
    return encoded ? BODY_EVENT_ENCODED : route->body;
}

const char *body_type(unsigned form, const struct settings_route *route)
{
    return form >= SETTINGS_BODY_EVENT ? EVENT_TYPE : route->content_type;
}

static void put_event(const struct settings_route *route, const struct body_event *event, struct text *out)
{
    text_str(out, "{\"specversion\":\"1.0\",\"id\":\"");
    text_str(out, event->id);
    text_str(out, "\",\"source\":\"");
    text_url(out, event->source);
    text_str(out, "\",\"type\":\"");
    text_str(out, route->name);
    if (event->unix_s > 0) {
        text_str(out, "\",\"time\":\"");
        text_utc(out, event->unix_s);
    }
    text_str(out, "\",\"datacontenttype\":");
    text_json(out, bytes_of_string(route->content_type));
}

void body_begin(unsigned form, const struct settings_route *route, const struct body_event *event, struct text *out)
{
    if (form >= SETTINGS_BODY_EVENT)
        put_event(route, event, out);
    text_str(out, framings[form]);
}

const char *body_between(unsigned form)
{
    return text_next(framings[form]);
}

const char *body_end(unsigned form)
{
    return text_next(body_between(form));
}

uint32_t body_size(unsigned form, size_t begin_size, uint32_t count, uint32_t payload_size)
{
    size_t around = begin_size + (count - 1) * strlen(body_between(form)) + strlen(body_end(form));
    return (form == BODY_EVENT_ENCODED ? (payload_size + 2) / 3 * 4 : payload_size) + (uint32_t)around;
}

size_t body_piece_size(unsigned form, size_t room)
{
    return form == BODY_EVENT_ENCODED ? (room - 1) / 4 * 3 : room;
}

size_t body_encode(unsigned form, uint8_t *at, size_t room, struct bytes raw)
{
    struct text out;
    if (form != BODY_EVENT_ENCODED)
        return raw.size;
    text_init(&out, (char *)at, room);
    text_base64(&out, raw);
    return out.len;
}
