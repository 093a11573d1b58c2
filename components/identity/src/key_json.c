#include "key_json.h"

#include <stddef.h>
#include <string.h>

#include "repairs.h"

#define LEVELS_MAX 3 /* credentials, in it oauth, in it the fields */

bool key_json_starts(struct bytes text, size_t *at)
{
    *at = bytes_find(text, bytes_of_string("{"));
    return *at < text.size && bytes_find(bytes_head(text, *at), bytes_of_string("BEGIN ")) == *at;
}

static enum ifl_status set_field(struct json *field, struct json value, const char *name, struct text *detail)
{
    if (value.type != JSON_STRING || value.raw.size <= 2)
        return IFL_OK; /* null, "": as if it weren't there */
    if (field->raw.size > 0 && !bytes_equal(field->raw, value.raw)) {
        text_str(detail, "two different values of `");
        text_str(detail, name);
        text_char(detail, '`');
        return IFL_KEY_AMBIGUOUS;
    }
    *field = value;
    return IFL_OK;
}

/* A member of the JSON, and where in struct key_fields its value goes. */
static const struct {
    const char *name;
    uint8_t at;
} members[] = {
    {"certificate", offsetof(struct key_fields, certificate)},
    {"key", offsetof(struct key_fields, key)},
    {"url", offsetof(struct key_fields, url)},
    {"clientid", offsetof(struct key_fields, clientid)},
    {"tokenurl", offsetof(struct key_fields, tokenurl)},
    {"clientsecret", offsetof(struct key_fields, secret)},
};

static enum ifl_status take_member(struct key_fields *fields, struct json name, struct json value, bool uaa,
                                   struct text *detail)
{
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        size_t at = members[i].at;
        if (!json_is(name, members[i].name))
            continue;
        if (uaa && at == offsetof(struct key_fields, url))
            at = offsetof(struct key_fields, auth_url);
        return set_field((struct json *)((char *)fields + at), value, members[i].name, detail);
    }
    return IFL_OK;
}

static bool is_container(struct json name)
{
    return json_is(name, "oauth") || json_is(name, "credentials") || json_is(name, "uaa");
}

/* At most LEVELS_MAX deep. */
static enum ifl_status take_object(struct key_fields *fields, struct json object, bool uaa, unsigned level,
                                   struct text *detail)
{
    struct json_each each = json_each(object);
    struct json name;
    struct json value;
    enum ifl_status status = IFL_OK;
    while (status == IFL_OK && json_next_member(&each, &name, &value)) {
        if (value.type != JSON_OBJECT)
            status = take_member(fields, name, value, uaa, detail);
        else if (level < LEVELS_MAX && is_container(name))
            status = take_object(fields, value, json_is(name, "uaa"), level + 1, detail);
    }
    return status;
}

static enum ifl_status refuse_place(enum ifl_status status, struct bytes text, size_t at, struct text *detail)
{
    text_str(detail, at >= text.size ? "it ends too early, in line " : "line ");
    text_u64(detail, json_line(text, at));
    return status;
}

/* Text behind the JSON: a prompt or the like is nothing; a second document is a question. */
static enum ifl_status check_trailer(struct bytes text, size_t at, unsigned *repairs, struct text *detail)
{
    struct bytes rest = bytes_tail(text, at);
    if (rest.size == 0)
        return IFL_OK;
    if (bytes_find(rest, bytes_of_string("{")) < rest.size || bytes_find(rest, bytes_of_string("BEGIN ")) < rest.size)
        return refuse_place(IFL_KEY_AMBIGUOUS, text, at, detail);
    *repairs |= REPAIR_TRAILER;
    return IFL_OK;
}

enum ifl_status key_json_find(struct bytes text, struct key_fields *fields, unsigned *repairs, struct text *detail)
{
    struct json root;
    size_t begin;
    size_t at;
    memset(fields, 0, sizeof *fields);
    (void)key_json_starts(text, &begin);
    struct bytes json = bytes_tail(text, begin);
    if (!json_read(json, JSON_STRICT, &root, &at)) {
        if (!json_read(json, JSON_RAW_LINES, &root, &at))
            return refuse_place(IFL_KEY_JSON, text, begin + at, detail);
        *repairs |= REPAIR_RAW_LINES;
    }
    enum ifl_status status = take_object(fields, root, false, 0, detail);
    if (status == IFL_OK)
        status = check_trailer(text, begin + at, repairs, detail);
    if (fields->url.raw.size == 0)
        fields->url = fields->auth_url;
    return status;
}
