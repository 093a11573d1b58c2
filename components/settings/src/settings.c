/* iflow.json, table by table: one row a key, with where its value goes, what is allowed, and the sentence that says so.
 *
 * A table describes one object. read_object() walks the object's members, finds each one's row and lets the row's reader check and
 * store the value. The line of an error is counted from the value's place in the text, so nothing is remembered on the way. */
#include "settings/settings.h"

#include <string.h>

#include "base/json.h"
#include "checks.h"

struct parser {
    struct bytes text;
    struct settings *settings;
    struct settings_error *error;
    struct text key; /* the way to the value that is being read */
};

struct row;
typedef enum ifl_status (*row_reader)(struct parser *parser, const struct row *row, struct json value, void *base);

struct row {
    const char *name;
    row_reader read;
    size_t offset;               /* in the struct that the table fills */
    size_t size;                 /* texts: bytes of the field; tables and lists of words: how many */
    bool (*check)(const char *); /* texts */
    uint32_t min, max;           /* numbers */
    const void *more;            /* read_object: the rows; words: the list of them */
    const char *allowed;
    bool needed;
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* ---- Refusing --------------------------------------------------------------------------------------------------------------- */

static enum ifl_status refuse(struct parser *parser, enum ifl_status status, struct json where, const char *allowed)
{
    struct text out;
    parser->error->status = status;
    parser->error->line = json_line(parser->text, (size_t)(where.raw.data - parser->text.data));
    text_init(&out, parser->error->allowed, sizeof parser->error->allowed);
    text_str(&out, allowed);
    return status;
}

static enum ifl_status refuse_value(struct parser *parser, const struct row *row, struct json value)
{
    return refuse(parser, IFL_CONFIG_VALUE, value, row->allowed);
}

/* The key path gets longer by one name; key_leave() makes it shorter again, after success only: an error keeps its key. */
static size_t key_push(struct parser *parser, const char *name)
{
    size_t before = parser->key.len;
    if (before > 0)
        text_char(&parser->key, '.');
    text_str(&parser->key, name);
    return before;
}

/* The same for a name as it stands in the text, whatever it's made of. */
static size_t key_push_raw(struct parser *parser, struct json name)
{
    size_t before = key_push(parser, "");
    text_printable(&parser->key, bytes_of(name.raw.data + 1, name.raw.size - 2), 40);
    return before;
}

static enum ifl_status key_leave(struct parser *parser, size_t before, enum ifl_status status)
{
    if (status == IFL_OK) {
        parser->key.len = before;
        parser->key.buf[before] = '\0';
    }
    return status;
}

static void set_text(char *field, size_t size, const char *value)
{
    struct text out;
    text_init(&out, field, size);
    text_str(&out, value);
}

/* ---- Readers of simple values ------------------------------------------------------------------------------------------------ */

static void *field(const struct row *row, void *base)
{
    return (char *)base + row->offset;
}

static enum ifl_status read_text(struct parser *parser, const struct row *row, struct json value, void *base)
{
    char *text = field(row, base);
    if (json_text(value, text, row->size) != IFL_OK || !row->check(text))
        return refuse_value(parser, row, value);
    return IFL_OK;
}

static enum ifl_status whole_number(struct parser *parser, const struct row *row, struct json value, uint64_t *number)
{
    if (json_u64(value, number) && *number >= row->min && *number <= row->max)
        return IFL_OK;
    struct text out;
    (void)refuse_value(parser, row, value);
    text_init(&out, parser->error->allowed, sizeof parser->error->allowed);
    text_str(&out, "a whole number from ");
    text_u64(&out, row->min);
    text_str(&out, " to ");
    text_u64(&out, row->max);
    text_str(&out, row->allowed);
    return IFL_CONFIG_VALUE;
}

static enum ifl_status read_u32(struct parser *parser, const struct row *row, struct json value, void *base)
{
    uint64_t number;
    enum ifl_status status = whole_number(parser, row, value, &number);
    if (status == IFL_OK)
        *(uint32_t *)field(row, base) = (uint32_t)number;
    return status;
}

static enum ifl_status read_u8(struct parser *parser, const struct row *row, struct json value, void *base)
{
    uint64_t number;
    enum ifl_status status = whole_number(parser, row, value, &number);
    if (status == IFL_OK)
        *(uint8_t *)field(row, base) = (uint8_t)number;
    return status;
}

/* The position of the word in row->more. */
static enum ifl_status word_index(struct parser *parser, const struct row *row, struct json value, size_t *index)
{
    const char *const *words = row->more;
    for (*index = 0; *index < row->size; (*index)++) {
        if (json_is(value, words[*index]))
            return IFL_OK;
    }
    return refuse_value(parser, row, value);
}

static enum ifl_status read_tls(struct parser *parser, const struct row *row, struct json value, void *base)
{
    size_t word;
    enum ifl_status status = word_index(parser, row, value, &word);
    ((struct settings *)base)->tls = (enum settings_tls)word;
    return status;
}

static enum ifl_status read_auth(struct parser *parser, const struct row *row, struct json value, void *base)
{
    size_t word;
    enum ifl_status status = word_index(parser, row, value, &word);
    ((struct settings *)base)->auth = (enum settings_auth)word;
    return status;
}

static enum ifl_status read_body(struct parser *parser, const struct row *row, struct json value, void *base)
{
    size_t word;
    enum ifl_status status = word_index(parser, row, value, &word);
    ((struct settings_route *)base)->body = (enum settings_body)word;
    return status;
}

static enum ifl_status read_full(struct parser *parser, const struct row *row, struct json value, void *base)
{
    size_t word;
    enum ifl_status status = word_index(parser, row, value, &word);
    ((struct settings_route *)base)->full = (enum settings_full)word;
    return status;
}

static enum ifl_status read_url(struct parser *parser, const struct row *row, struct json value, void *base)
{
    char host[IFL_HOST_SIZE];
    uint16_t port;
    char *url = field(row, base);
    if (json_text(value, url, row->size) != IFL_OK)
        return refuse_value(parser, row, value);
    enum ifl_status status = settings_url_split(bytes_of_string(url), host, &port);
    return status == IFL_OK ? IFL_OK : refuse(parser, status, value, row->allowed);
}

/* A list of at most SETTINGS_SERVER_COUNT texts of row->size bytes each. */
static enum ifl_status read_list(struct parser *parser, const struct row *row, struct json value, void *base)
{
    if (value.type != JSON_ARRAY)
        return refuse_value(parser, row, value);
    struct json_each each = json_each(value);
    struct json item;
    char *at = field(row, base);
    for (size_t count = 0; json_next_item(&each, &item); count++, at += row->size) {
        if (count == SETTINGS_SERVER_COUNT || json_text(item, at, row->size) != IFL_OK || !row->check(at))
            return refuse_value(parser, row, item);
    }
    return IFL_OK;
}

/* ---- Objects by table -------------------------------------------------------------------------------------------------------- */

static enum ifl_status refuse_unknown(struct parser *parser, const struct row *rows, size_t count, struct json name)
{
    struct text out;
    (void)refuse(parser, IFL_CONFIG_UNKNOWN_KEY, name, "");
    text_init(&out, parser->error->allowed, sizeof parser->error->allowed);
    for (size_t i = 0; i < count; i++) {
        text_str(&out, i > 0 ? ", " : "");
        text_str(&out, rows[i].name);
    }
    return IFL_CONFIG_UNKNOWN_KEY;
}

static const struct row *find_row(const struct row *rows, size_t count, struct json name)
{
    for (size_t i = 0; i < count; i++) {
        if (json_is(name, rows[i].name))
            return &rows[i];
    }
    return NULL;
}

static enum ifl_status read_member(struct parser *parser, const struct row *rows, size_t count, uint32_t *seen,
                                   struct json name, struct json value, void *base)
{
    const struct row *row = find_row(rows, count, name);
    if (row == NULL)
        return refuse_unknown(parser, rows, count, name);
    uint32_t bit = UINT32_C(1) << (row - rows);
    if ((*seen & bit) != 0)
        return refuse(parser, IFL_CONFIG_DUPLICATE, name, "");
    *seen |= bit;
    return row->read(parser, row, value, base);
}

static enum ifl_status require(struct parser *parser, const struct row *rows, size_t count, uint32_t seen,
                               struct json object)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].needed && (seen >> i & 1) == 0) {
            (void)key_push(parser, rows[i].name);
            return refuse(parser, IFL_CONFIG_MISSING, object, rows[i].allowed);
        }
    }
    return IFL_OK;
}

static enum ifl_status read_rows(struct parser *parser, const struct row *rows, size_t count, struct json object,
                                 void *base)
{
    struct json_each each = json_each(object);
    struct json name;
    struct json value;
    uint32_t seen = 0;
    while (json_next_member(&each, &name, &value)) {
        size_t before = key_push_raw(parser, name);
        enum ifl_status status = key_leave(parser, before, read_member(parser, rows, count, &seen, name, value, base));
        if (status != IFL_OK)
            return status;
    }
    return require(parser, rows, count, seen, object);
}

static enum ifl_status read_object(struct parser *parser, const struct row *row, struct json value, void *base)
{
    if (value.type != JSON_OBJECT)
        return refuse_value(parser, row, value);
    return read_rows(parser, row->more, row->size, value, field(row, base));
}

/* ---- Routes ------------------------------------------------------------------------------------------------------------------ */

static bool has_header(const char *headers, const char *name)
{
    while (*headers != '\0') {
        if (bytes_equal_ignore_case(bytes_of_string(headers), bytes_of_string(name)))
            return true;
        headers = text_next(text_next(headers));
    }
    return false;
}

/* Append one text and its zero; one more byte stays free for the zero that ends the list. */
static bool append_header_text(struct settings_route *route, size_t *used, struct json text,
                               bool (*check)(const char *))
{
    char *at = route->headers + *used;
    size_t room = sizeof route->headers - 1 - *used;
    if (room < 2 || json_text(text, at, room) != IFL_OK || !check(at)) {
        *at = '\0';
        return false;
    }
    *used += strlen(at) + 1;
    return true;
}

static enum ifl_status read_headers(struct parser *parser, const struct row *row, struct json value, void *base)
{
    struct settings_route *route = base;
    struct json_each each = json_each(value);
    struct json name;
    struct json text;
    size_t used = 0;
    if (value.type != JSON_OBJECT)
        return refuse_value(parser, row, value);
    while (json_next_member(&each, &name, &text)) {
        char spelled[64];
        if (json_text(name, spelled, sizeof spelled) == IFL_OK && has_header(route->headers, spelled))
            return refuse(parser, IFL_CONFIG_DUPLICATE, name, "");
        if (!append_header_text(route, &used, name, check_header_name) ||
            !append_header_text(route, &used, text, check_printable))
            return refuse_value(parser, row, name);
        route->headers[used] = '\0';
    }
    return IFL_OK;
}

static const char path_allowed[] = "a path that begins with '/', of letters, digits, -._~!$&'()*+,;=:@/? and %XX";

static const struct row flow_error_rows[] = {
    {.name = "dead_letter_after",
     .read = read_u32,
     .offset = offsetof(struct settings_route, dead_letter_after),
     .max = 1000,
     .allowed = " attempts; 0 = never"},
};

static const struct row batch_rows[] = {
    {.name = "max_count",
     .read = read_u32,
     .offset = offsetof(struct settings_route, batch_count),
     .min = 1,
     .max = 1000,
     .allowed = " messages"},
    {.name = "max_delay_ms",
     .read = read_u32,
     .offset = offsetof(struct settings_route, batch_delay_ms),
     .max = 3600000,
     .allowed = ""},
    {.name = "max_size",
     .read = read_u32,
     .offset = offsetof(struct settings_route, batch_size),
     .min = 1,
     .max = 41943040,
     .allowed = " (bytes)"},
};

static const char *const body_words[] = {"raw", "json_array", "json_lines",
                                         "cloudevent"}; /* as in enum settings_body */
static const char *const full_words[] = {"refuse", "give_up_oldest"};

static const struct row route_rows[] = {
    {.name = "path",
     .read = read_text,
     .offset = offsetof(struct settings_route, path),
     .size = sizeof((struct settings_route *)0)->path,
     .check = check_path,
     .allowed = path_allowed,
     .needed = true},
    {.name = "content_type",
     .read = read_text,
     .offset = offsetof(struct settings_route, content_type),
     .size = sizeof((struct settings_route *)0)->content_type,
     .check = check_media_type,
     .allowed = "a media type such as application/json, up to 63 characters"},
    {.name = "priority", .read = read_u8, .offset = offsetof(struct settings_route, priority), .max = 9, .allowed = ""},
    {.name = "full",
     .read = read_full,
     .size = COUNT(full_words),
     .more = full_words,
     .allowed = "\"refuse\" or \"give_up_oldest\""},
    {.name = "max_rate",
     .read = read_u32,
     .offset = offsetof(struct settings_route, max_rate),
     .max = 60000,
     .allowed = " messages a minute; 0 = four times as fast as they were stored"},
    {.name = "max_age_min",
     .read = read_u32,
     .offset = offsetof(struct settings_route, max_age_min),
     .max = 5256000,
     .allowed = " minutes; 0 = messages don't age"},
    {.name = "timeout_ms",
     .read = read_u32,
     .offset = offsetof(struct settings_route, timeout_ms),
     .min = 100,
     .max = 600000,
     .allowed = ""},
    {.name = "on_flow_error",
     .read = read_object,
     .size = COUNT(flow_error_rows),
     .more = flow_error_rows,
     .allowed = "an object with dead_letter_after"},
    {.name = "headers",
     .read = read_headers,
     .allowed =
         "an object of header names and printable values, within the profile's limit, without those that the sender writes itself"},
    {.name = "body",
     .read = read_body,
     .size = COUNT(body_words),
     .more = body_words,
     .allowed = "\"raw\", \"json_array\", \"json_lines\" or \"cloudevent\""},
    {.name = "batch",
     .read = read_object,
     .size = COUNT(batch_rows),
     .more = batch_rows,
     .allowed = "an object with max_count, max_size, max_delay_ms"},
};

static const struct row route_name_row = {
    .allowed = "route names of a-z 0-9 _ -, up to 31 characters, with a letter or digit first",
};

static enum ifl_status new_route(struct parser *parser, struct json name, struct settings_route **route)
{
    struct settings *settings = parser->settings;
    if (settings->route_count == IFL_ROUTE_COUNT) {
        struct text out;
        (void)refuse(parser, IFL_CONFIG_LIMIT, name, "");
        text_init(&out, parser->error->allowed, sizeof parser->error->allowed);
        text_str(&out, "up to ");
        text_u64(&out, IFL_ROUTE_COUNT);
        text_str(&out, " routes");
        return IFL_CONFIG_LIMIT;
    }
    *route = &settings->routes[settings->route_count];
    if (json_text(name, (*route)->name, sizeof(*route)->name) != IFL_OK || !check_route_name((*route)->name))
        return refuse_value(parser, &route_name_row, name);
    if (settings_route_index(settings, bytes_of_string((*route)->name)) < settings->route_count)
        return refuse(parser, IFL_CONFIG_DUPLICATE, name, "");
    return IFL_OK;
}

static enum ifl_status read_route(struct parser *parser, struct json name, struct json value)
{
    struct settings_route *route;
    enum ifl_status status = new_route(parser, name, &route);
    if (status != IFL_OK)
        return status;
    set_text(route->content_type, sizeof route->content_type, "application/json");
    route->priority = 1;
    route->timeout_ms = 60000;
    route->batch_count = 1;
    route->batch_size = 250000;
    if (value.type == JSON_STRING)
        status = read_text(parser, &route_rows[0], value, route);
    else if (value.type == JSON_OBJECT)
        status = read_rows(parser, route_rows, COUNT(route_rows), value, route);
    else
        status = refuse(parser, IFL_CONFIG_VALUE, value, "a path, or an object with path");
    if (status == IFL_OK && route->batch_count > 1 && route->body == SETTINGS_BODY_EVENT) {
        (void)key_push(parser, "body");
        return refuse(parser, IFL_CONFIG_VALUE, value, "another one than \"cloudevent\" with batches");
    }
    if (route->batch_count > 1 && route->body == SETTINGS_BODY_RAW)
        route->body = SETTINGS_BODY_ARRAY;
    parser->settings->route_count += status == IFL_OK;
    return status;
}

static enum ifl_status read_routes(struct parser *parser, const struct row *row, struct json value, void *base)
{
    struct json_each each = json_each(value);
    struct json name;
    struct json route;
    (void)base;
    if (value.type != JSON_OBJECT)
        return refuse_value(parser, row, value);
    while (json_next_member(&each, &name, &route)) {
        size_t before = key_push_raw(parser, name);
        enum ifl_status status = key_leave(parser, before, read_route(parser, name, route));
        if (status != IFL_OK)
            return status;
    }
    return parser->settings->route_count > 0 ? IFL_OK : refuse(parser, IFL_CONFIG_MISSING, value, row->allowed);
}

/* ---- The document ------------------------------------------------------------------------------------------------------------ */

#define AT(member) .offset = offsetof(struct settings, member)
#define FIELD(member) AT(member), .size = sizeof((struct settings *)0)->member

/* A build without files takes the names, because node and gateway share one document, and keeps nothing. */
static enum ifl_status read_file_name(struct parser *parser, const struct row *row, struct json value, void *base)
{
    bool keep = IFL_FILE_NAME_SIZE > 1 || value.type != JSON_STRING;
    return keep ? read_text(parser, row, value, base) : IFL_OK;
}

static const struct row identity_rows[] = {
    {.name = "certificate",
     .read = read_file_name,
     FIELD(identity),
     .check = check_file,
     .allowed = "the name of a file",
     .needed = true},
    {.name = "key",
     .read = read_file_name,
     FIELD(identity_key),
     .check = check_file,
     .allowed = "the name of a file",
     .needed = true},
};

static enum ifl_status read_identity(struct parser *parser, const struct row *row, struct json value, void *base)
{
    if (value.type == JSON_OBJECT)
        return read_rows(parser, identity_rows, COUNT(identity_rows), value, base);
    return read_file_name(parser, row, value, base);
}

static const struct row network_rows[] = {
    {.name = "address",
     .read = read_text,
     FIELD(address),
     .check = check_address_source,
     .allowed = "\"dhcp\", or an address with prefix length such as 192.0.2.7/24"},
    {.name = "gateway", .read = read_text, FIELD(gateway), .check = check_address, .allowed = "an IP address"},
    {.name = "dns",
     .read = read_list,
     AT(dns),
     .size = SETTINGS_ADDRESS_SIZE,
     .check = check_address,
     .allowed = "a list of up to 2 IP addresses"},
    {.name = "ntp",
     .read = read_list,
     AT(ntp),
     .size = SETTINGS_NTP_SIZE,
     .check = check_server,
     .allowed = "a list of up to 2 host names or IP addresses, each with an optional :port"},
    {.name = "proxy",
     .read = read_text,
     FIELD(proxy),
     .check = check_proxy,
     .allowed = "\"\" or http://[user:password@]host:port"},
    {.name = "resolve", .read = read_text, FIELD(resolve), .check = check_address, .allowed = "an IP address"},
};

static const struct row credentials_rows[] = {
    {.name = "user",
     .read = read_text,
     FIELD(user),
     .check = check_user,
     .allowed = "printable ASCII without ':', up to 127 characters",
     .needed = true},
    {.name = "password",
     .read = read_text,
     FIELD(password),
     .check = check_printable,
     .allowed = "printable ASCII, up to 127 characters",
     .needed = true},
};

static const struct row outbox_rows[] = {
    {.name = "size", .read = read_u32, AT(outbox_size), .min = 65536, .max = 0xFFFF0000u, .allowed = " (bytes)"},
    {.name = "payload_max",
     .read = read_u32,
     AT(payload_max),
     .min = 1,
     .max = IFL_PAYLOAD_SIZE_MAX,
     .allowed = " (bytes)"},
};

static const struct row backoff_rows[] = {
    {.name = "base_ms", .read = read_u32, AT(backoff_base_ms), .min = 100, .max = 60000, .allowed = ""},
    {.name = "cap_ms",
     .read = read_u32,
     AT(backoff_cap_ms),
     .min = 100,
     .max = 3600000,
     .allowed = ", at least base_ms"},
    {.name = "boot_jitter_ms", .read = read_u32, AT(boot_jitter_ms), .max = 3600000, .allowed = ""},
};

static const struct row probe_rows[] = {
    {.name = "first_ms", .read = read_u32, AT(probe_first_ms), .min = 100, .max = 3600000, .allowed = ""},
    {.name = "cap_ms",
     .read = read_u32,
     AT(probe_cap_ms),
     .min = 100,
     .max = 86400000,
     .allowed = ", at least first_ms"},
    {.name = "path",
     .read = read_text,
     FIELD(probe_path),
     .check = check_path,
     .allowed = "a path of up to 63 characters"},
};

static const char *const tls_words[] = {"auto", "1.2", "1.3"};
static const char *const auth_words[] = {"certificate", "basic", "oauth"}; /* as in enum settings_auth */

#define SECTION(key, rows, text)                                                                                       \
    {                                                                                                                  \
        .name = (key), .read = read_object, .size = COUNT(rows), .more = (rows), .allowed = (text)                     \
    }

static const struct row document_rows[] = {
    {.name = "device",
     .read = read_text,
     FIELD(device),
     .check = check_printable,
     .allowed = "a name of printable ASCII, up to 47 characters",
     .needed = true},
    {.name = "identity",
     .read = read_identity,
     FIELD(identity),
     .check = check_file,
     .allowed = "the name of the service key's file, or an object with certificate and key"},
    {.name = "url", .read = read_url, FIELD(url), .allowed = "https://host or https://host:port, nothing behind it"},
    {.name = "trust", .read = read_file_name, FIELD(trust), .check = check_file, .allowed = "the name of a PEM file"},
    {.name = "tls",
     .read = read_tls,
     .size = COUNT(tls_words),
     .more = tls_words,
     .allowed = "\"auto\", \"1.2\" or \"1.3\""},
    {.name = "auth",
     .read = read_auth,
     .size = COUNT(auth_words),
     .more = auth_words,
     .allowed = "\"certificate\", \"basic\" or \"oauth\""},
    SECTION("credentials", credentials_rows, "an object with user, password"),
    {.name = "id_header",
     .read = read_text,
     FIELD(id_header),
     .check = check_header_name,
     .allowed = "a header's name, up to 47 characters"},
    {.name = "sender_header",
     .read = read_text,
     FIELD(sender_header),
     .check = check_header_name,
     .allowed = "a header's name, up to 47 characters"},
    {.name = "idle_close_ms", .read = read_u32, AT(idle_close_ms), .min = 100, .max = 55000, .allowed = ""},
    SECTION("network", network_rows, "an object with address, gateway, dns, ntp, proxy, resolve"),
    SECTION("outbox", outbox_rows, "an object with size, payload_max"),
    SECTION("backoff", backoff_rows, "an object with base_ms, cap_ms, boot_jitter_ms"),
    SECTION("probe", probe_rows, "an object with first_ms, cap_ms, path"),
    {.name = "routes",
     .read = read_routes,
     .allowed = "an object with at least one \"name\": \"/path\" or \"name\": { \"path\": ... }",
     .needed = true},
};

static const struct row document_row = {
    .size = COUNT(document_rows), .more = document_rows, .allowed = "one JSON object"};

static void set_defaults(struct settings *settings)
{
    memset(settings, 0, sizeof *settings);
    set_text(settings->address, sizeof settings->address, "dhcp");
    set_text(settings->id_header, sizeof settings->id_header, "SAP_ApplicationID");
    set_text(settings->sender_header, sizeof settings->sender_header, "SAP_Sender");
    settings->outbox_size = UINT32_C(64) << 20;
    settings->payload_max = IFL_PAYLOAD_SIZE_MAX;
    settings->backoff_base_ms = 1000;
    settings->backoff_cap_ms = 420000;
    settings->probe_first_ms = 60000;
    settings->probe_cap_ms = 3600000;
    set_text(settings->probe_path, sizeof settings->probe_path, "/http/iflow-agent-probe");
    settings->idle_close_ms = 50000;
    settings->boot_jitter_ms = 5000;
}

/* Find a member again to name its line: errors are rare, so looking twice is cheaper than remembering. */
static struct json member_of(struct json object, const char *wanted)
{
    struct json_each each = json_each(object);
    struct json name;
    struct json value;
    while (json_next_member(&each, &name, &value)) {
        if (json_is(name, wanted))
            return value;
    }
    return object;
}

static enum ifl_status refuse_pair(struct parser *parser, struct json root, const char *section, const char *key,
                                   const char *allowed)
{
    (void)key_push(parser, section);
    (void)key_push(parser, key);
    return refuse(parser, IFL_CONFIG_VALUE, member_of(member_of(root, section), key), allowed);
}

/* What no single value shows. */
static enum ifl_status check_together(struct parser *parser, struct json root)
{
    const struct settings *settings = parser->settings;
    if (settings->backoff_cap_ms < settings->backoff_base_ms)
        return refuse_pair(parser, root, "backoff", "cap_ms", "at least backoff.base_ms");
    if (settings->probe_cap_ms < settings->probe_first_ms)
        return refuse_pair(parser, root, "probe", "cap_ms", "at least probe.first_ms");
    if (settings->gateway[0] != '\0' && strcmp(settings->address, "dhcp") == 0)
        return refuse_pair(parser, root, "network", "gateway", "none with \"address\": \"dhcp\"");
    if (settings->user[0] != '\0' && settings->auth != SETTINGS_AUTH_BASIC) {
        (void)key_push(parser, "credentials");
        return refuse(parser, IFL_CONFIG_VALUE, member_of(root, "credentials"), "none, unless \"auth\" is \"basic\"");
    }
    return IFL_OK;
}

static enum ifl_status refuse_syntax(struct parser *parser, size_t at)
{
    struct json where = {.type = JSON_NULL, .raw = bytes_tail(parser->text, at)};
    size_t column = 1;
    while (column <= at && parser->text.data[at - column] != '\n')
        column++;
    where.raw.data = parser->text.data + at;
    (void)refuse(parser, IFL_CONFIG_SYNTAX, where, "");
    struct text out;
    text_init(&out, parser->error->allowed, sizeof parser->error->allowed);
    text_str(&out, "JSON (RFC 8259); this isn't at column ");
    text_u64(&out, column);
    text_str(&out, at == parser->text.size ? ", where the text ends" : "");
    return IFL_CONFIG_SYNTAX;
}

static enum ifl_status read_document(struct parser *parser)
{
    struct json root;
    size_t at;
    if (!json_read(parser->text, JSON_STRICT, &root, &at) || at != parser->text.size)
        return refuse_syntax(parser, at);
    if (root.type != JSON_OBJECT)
        return refuse_value(parser, &document_row, root);
    enum ifl_status status = read_rows(parser, document_rows, COUNT(document_rows), root, parser->settings);
    return status == IFL_OK ? check_together(parser, root) : status;
}

enum ifl_status settings_parse(struct settings *settings, struct bytes json, struct settings_error *error)
{
    static const uint8_t byte_order_mark[] = {0xEF, 0xBB, 0xBF};
    struct parser parser = {.text = json, .settings = settings, .error = error};
    memset(error, 0, sizeof *error);
    text_init(&parser.key, error->key, sizeof error->key);
    set_defaults(settings);
    if (bytes_starts_with(json, bytes_of(byte_order_mark, sizeof byte_order_mark)))
        parser.text = bytes_tail(json, sizeof byte_order_mark);
    if (json.size > IFL_CONFIG_SIZE_MAX) {
        struct text out;
        text_init(&out, error->allowed, sizeof error->allowed);
        text_str(&out, "up to ");
        text_u64(&out, IFL_CONFIG_SIZE_MAX);
        text_str(&out, " bytes");
        error->status = IFL_CONFIG_LIMIT;
        return IFL_CONFIG_LIMIT;
    }
    return read_document(&parser);
}

size_t settings_route_index(const struct settings *settings, struct bytes name)
{
    size_t route = 0;
    while (route < settings->route_count && !bytes_equal(bytes_of_string(settings->routes[route].name), name))
        route++;
    return route;
}

static void place(const struct settings_error *error, const char *file, struct text *out)
{
    text_str(out, file);
    if (error->line > 0) {
        text_str(out, " line ");
        text_u64(out, error->line);
    }
    if (error->key[0] != '\0') {
        text_str(out, ", ");
        text_str(out, error->key);
    }
}

void settings_error_detail(const struct settings_error *error, const char *file, struct text *out)
{
    place(error, file, out);
    if (error->allowed[0] != '\0') {
        text_str(out, "; allowed: ");
        text_str(out, error->allowed);
    }
}

void settings_error_text(const struct settings_error *error, const char *file, struct text *out)
{
    place(error, file, out);
    text_str(out, ": E");
    text_u64(out, (uint64_t)error->status);
    text_char(out, ' ');
    text_str(out, ifl_cause(error->status));
    if (error->allowed[0] != '\0') {
        text_str(out, " Allowed: ");
        text_str(out, error->allowed);
        text_char(out, '.');
    }
    text_char(out, ' ');
    text_str(out, ifl_remedy(error->status));
}
