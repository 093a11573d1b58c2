/* iflow.json: what is taken, and where and why everything else is refused. */
#include "settings/packed.h"
#include "settings/settings.h"

#include <stdio.h>
#include <string.h>

#include "unity.h"

static struct settings settings;
static struct settings_error error;

void setUp(void) {}

void tearDown(void) {}

static enum ifl_status parse(const char *json)
{
    return settings_parse(&settings, bytes_of_string(json), &error);
}

static void accepts(const char *json)
{
    enum ifl_status status = parse(json);
    TEST_ASSERT_EQUAL_MESSAGE(IFL_OK, status, error.key);
}

static void refuses(enum ifl_status status, unsigned line, const char *key, const char *json)
{
    TEST_ASSERT_EQUAL_MESSAGE(status, parse(json), json);
    TEST_ASSERT_EQUAL_MESSAGE(status, error.status, json);
    TEST_ASSERT_EQUAL_STRING_MESSAGE(key, error.key, json);
    TEST_ASSERT_EQUAL_MESSAGE(line, error.line, json);
}

/* A document with one more member at the root / in the route `a`, on line 2. */
static char document[1024];

static const char *with(const char *member)
{
    (void)snprintf(document, sizeof document, "{ \"device\": \"gw\", \"routes\": { \"a\": \"/a\" },\n%s }", member);
    return document;
}

static const char *with_in_route(const char *member)
{
    (void)snprintf(document, sizeof document,
                   "{ \"device\": \"gw\", \"routes\": { \"a\": { \"path\": \"/a\",\n%s } } }", member);
    return document;
}

static void the_shortest_document_gets_all_defaults(void)
{
    accepts("{\"device\":\"gw-0042\",\"routes\":{\"alarm\":\"/http/plant/alarm\"}}");
    TEST_ASSERT_EQUAL_STRING("gw-0042", settings.device);
    TEST_ASSERT_EQUAL_STRING("", settings.identity);
    TEST_ASSERT_EQUAL_STRING("dhcp", settings.address);
    TEST_ASSERT_EQUAL_STRING("SAP_ApplicationID", settings.id_header);
    TEST_ASSERT_EQUAL_STRING("SAP_Sender", settings.sender_header);
    TEST_ASSERT_EQUAL(SETTINGS_TLS_AUTO, settings.tls);
    TEST_ASSERT_EQUAL(SETTINGS_AUTH_CERTIFICATE, settings.auth);
    TEST_ASSERT_EQUAL_UINT32(67108864, settings.outbox_size);
    TEST_ASSERT_EQUAL_UINT32(IFL_PAYLOAD_SIZE_MAX, settings.payload_max);
    TEST_ASSERT_EQUAL_UINT32(1000, settings.backoff_base_ms);
    TEST_ASSERT_EQUAL_UINT32(420000, settings.backoff_cap_ms);
    TEST_ASSERT_EQUAL_UINT32(60000, settings.probe_first_ms);
    TEST_ASSERT_EQUAL_UINT32(3600000, settings.probe_cap_ms);
    TEST_ASSERT_EQUAL_STRING("/http/iflow-agent-probe", settings.probe_path);
    TEST_ASSERT_EQUAL_UINT32(50000, settings.idle_close_ms);
    TEST_ASSERT_EQUAL_UINT32(5000, settings.boot_jitter_ms);
    TEST_ASSERT_EQUAL(1, settings.route_count);
    const struct settings_route *route = &settings.routes[0];
    TEST_ASSERT_EQUAL_STRING("alarm", route->name);
    TEST_ASSERT_EQUAL_STRING("/http/plant/alarm", route->path);
    TEST_ASSERT_EQUAL_STRING("application/json", route->content_type);
    TEST_ASSERT_EQUAL(1, route->priority);
    TEST_ASSERT_EQUAL(SETTINGS_FULL_REFUSE, route->full);
    TEST_ASSERT_EQUAL_UINT32(60000, route->timeout_ms);
    TEST_ASSERT_EQUAL_UINT32(0, route->dead_letter_after);
    TEST_ASSERT_EQUAL(0, route->headers[0]);
}

static void a_document_with_every_key_is_read_completely(void)
{
    accepts(
        "\xEF\xBB\xBF{ \"device\": \"gw-0042\",\n"
        "  \"identity\": { \"certificate\": \"cert.pem\", \"key\": \"key.pem\" },\n"
        "  \"url\": \"https://t.it-cpi024-rt.cfapps.example:8443\", \"trust\": \"roots.pem\",\n"
        "  \"tls\": \"1.3\", \"auth\": \"certificate\", \"id_header\": \"SapMessageId\", \"sender_header\": \"X-Gateway\",\n"
        "  \"idle_close_ms\": 20000,\n"
        "  \"network\": { \"address\": \"192.0.2.7/24\", \"gateway\": \"192.0.2.1\", \"dns\": [\"192.0.2.53\", \"2001:db8::53\"],\n"
        "               \"ntp\": [\"pool.ntp.org\", \"10.0.0.1:1123\"], \"proxy\": \"http://u:p@proxy:8080\", \"resolve\": \"::1\" },\n"
        "  \"outbox\": { \"size\": 8388608, \"payload_max\": 4096 },\n"
        "  \"backoff\": { \"base_ms\": 200, \"cap_ms\": 3000, \"boot_jitter_ms\": 0 },\n"
        "  \"probe\": { \"first_ms\": 300, \"cap_ms\": 400, \"path\": \"/http/nobody\" },\n"
        "  \"routes\": { \"telemetry\": { \"path\": \"/http/plant/t%20x?a=1\", \"content_type\": \"text/csv; charset=utf-8\",\n"
        "      \"priority\": 0, \"full\": \"give_up_oldest\", \"max_rate\": 90, \"timeout_ms\": 5000, \"on_flow_error\": { \"dead_letter_after\": 3 },\n"
        "      \"headers\": { \"X-Plant\": \"7\", \"X-Line\": \"a b\" }, \"batch\": { \"max_count\": 1, \"max_delay_ms\": 5 } },\n"
        "    \"alarm\": \"/http/plant/alarm\" } }");
    bool has_files = IFL_FILE_NAME_SIZE > 1; /* a node takes the names and has no files */
    TEST_ASSERT_EQUAL_STRING(has_files ? "cert.pem" : "", settings.identity);
    TEST_ASSERT_EQUAL_STRING(has_files ? "key.pem" : "", settings.identity_key);
    TEST_ASSERT_EQUAL_STRING("https://t.it-cpi024-rt.cfapps.example:8443", settings.url);
    TEST_ASSERT_EQUAL_STRING(has_files ? "roots.pem" : "", settings.trust);
    TEST_ASSERT_EQUAL(SETTINGS_TLS_13, settings.tls);
    TEST_ASSERT_EQUAL(SETTINGS_AUTH_CERTIFICATE, settings.auth);
    TEST_ASSERT_EQUAL_STRING("SapMessageId", settings.id_header);
    TEST_ASSERT_EQUAL_STRING("X-Gateway", settings.sender_header);
    TEST_ASSERT_EQUAL_UINT32(20000, settings.idle_close_ms);
    TEST_ASSERT_EQUAL_STRING("192.0.2.7/24", settings.address);
    TEST_ASSERT_EQUAL_STRING("192.0.2.1", settings.gateway);
    TEST_ASSERT_EQUAL_STRING("2001:db8::53", settings.dns[1]);
    TEST_ASSERT_EQUAL_STRING("pool.ntp.org", settings.ntp[0]);
    TEST_ASSERT_EQUAL_STRING("10.0.0.1:1123", settings.ntp[1]);
    TEST_ASSERT_EQUAL_STRING("http://u:p@proxy:8080", settings.proxy);
    TEST_ASSERT_EQUAL_STRING("::1", settings.resolve);
    TEST_ASSERT_EQUAL_UINT32(8388608, settings.outbox_size);
    TEST_ASSERT_EQUAL_UINT32(4096, settings.payload_max);
    TEST_ASSERT_EQUAL_UINT32(200, settings.backoff_base_ms);
    TEST_ASSERT_EQUAL_UINT32(3000, settings.backoff_cap_ms);
    TEST_ASSERT_EQUAL_UINT32(0, settings.boot_jitter_ms);
    TEST_ASSERT_EQUAL_UINT32(300, settings.probe_first_ms);
    TEST_ASSERT_EQUAL_UINT32(400, settings.probe_cap_ms);
    TEST_ASSERT_EQUAL_STRING("/http/nobody", settings.probe_path);
    TEST_ASSERT_EQUAL(2, settings.route_count);
    const struct settings_route *route = &settings.routes[0];
    TEST_ASSERT_EQUAL_STRING("/http/plant/t%20x?a=1", route->path);
    TEST_ASSERT_EQUAL_STRING("text/csv; charset=utf-8", route->content_type);
    TEST_ASSERT_EQUAL(0, route->priority);
    TEST_ASSERT_EQUAL(SETTINGS_FULL_GIVE_UP_OLDEST, route->full);
    TEST_ASSERT_EQUAL_UINT32(90, route->max_rate);
    TEST_ASSERT_EQUAL_UINT32(5000, route->timeout_ms);
    TEST_ASSERT_EQUAL_UINT32(3, route->dead_letter_after);
    TEST_ASSERT_EQUAL_MEMORY("X-Plant\0"
                             "7\0X-Line\0a b\0\0",
                             route->headers, 22);
    TEST_ASSERT_EQUAL(1, settings_route_index(&settings, bytes_of_string("alarm")));
    TEST_ASSERT_EQUAL(2, settings_route_index(&settings, bytes_of_string("none")));
}

static void broken_json_is_refused_with_line_and_column(void)
{
    refuses(IFL_CONFIG_SYNTAX, 3, "", "{ \"device\": \"gw\",\n  \"tls\": \"auto\"\n  \"routes\": {} }");
    TEST_ASSERT_NOT_NULL(strstr(error.allowed, "column 3"));
    refuses(IFL_CONFIG_SYNTAX, 2, "", "{ \"device\": \"gw\",\n");
    TEST_ASSERT_NOT_NULL(strstr(error.allowed, "the text ends"));
    refuses(IFL_CONFIG_SYNTAX, 1, "", "");
    refuses(IFL_CONFIG_SYNTAX, 2, "", "{ \"device\": \"gw\", \"routes\": { \"a\": \"/a\" } }\n}");
    refuses(IFL_CONFIG_VALUE, 1, "", "[]");
}

static void user_and_password_come_with_basic(void)
{
    accepts(with("\"auth\": \"basic\""));
    TEST_ASSERT_EQUAL(SETTINGS_AUTH_BASIC, settings.auth);
    TEST_ASSERT_EQUAL_STRING("", settings.user);
    accepts(with("\"auth\": \"basic\", \"credentials\": { \"user\": \"sb-1!b2|x\", \"password\": \"a:b $=\" }"));
    TEST_ASSERT_EQUAL_STRING("sb-1!b2|x", settings.user);
    TEST_ASSERT_EQUAL_STRING("a:b $=", settings.password);
}

static void a_misspelled_key_is_refused_with_the_list_of_keys(void)
{
    refuses(IFL_CONFIG_UNKNOWN_KEY, 2, "devise", with("\"devise\": 1"));
    TEST_ASSERT_EQUAL_STRING(
        "device, identity, url, trust, tls, auth, credentials, id_header, sender_header, idle_close_ms, network, outbox, "
        "backoff, probe, routes",
        error.allowed);
    refuses(IFL_CONFIG_UNKNOWN_KEY, 2, "network.Proxy", with("\"network\": { \"Proxy\": \"\" }"));
    refuses(IFL_CONFIG_UNKNOWN_KEY, 2, "routes.a.pfad", with_in_route("\"pfad\": \"/b\""));
    TEST_ASSERT_EQUAL_STRING(
        "path, content_type, priority, full, max_rate, max_age_min, timeout_ms, on_flow_error, headers, body, batch",
        error.allowed);
}

static void a_doubled_key_is_refused_wherever_it_stands(void)
{
    refuses(IFL_CONFIG_DUPLICATE, 2, "device", with("\"device\": \"gw\""));
    refuses(IFL_CONFIG_DUPLICATE, 2, "d\\u0065vice", with("\"d\\u0065vice\": \"gw\""));
    refuses(IFL_CONFIG_DUPLICATE, 2, "routes.a.path", with_in_route("\"path\": \"/b\""));
    refuses(IFL_CONFIG_DUPLICATE, 2, "routes.a",
            "{ \"device\": \"gw\", \"routes\": { \"a\": \"/a\",\n \"a\": \"/b\" } }");
    refuses(IFL_CONFIG_DUPLICATE, 2, "routes.a.headers",
            with_in_route("\"headers\": { \"X-A\": \"1\", \"x-a\": \"2\" }"));
}

static void what_is_needed_and_missing_is_named(void)
{
    refuses(IFL_CONFIG_MISSING, 1, "device", "{ \"routes\": { \"a\": \"/a\" } }");
    refuses(IFL_CONFIG_MISSING, 1, "routes", "{ \"device\": \"gw\" }");
    refuses(IFL_CONFIG_MISSING, 1, "routes", "{ \"device\": \"gw\", \"routes\": {} }");
    refuses(IFL_CONFIG_MISSING, 2, "routes.a.path",
            "{ \"device\": \"gw\", \"routes\":\n { \"a\": { \"priority\": 1 } } }");
    refuses(IFL_CONFIG_MISSING, 2, "identity.key", with("\"identity\": { \"certificate\": \"c\" }"));
}

static void a_number_out_of_range_is_refused_with_the_range(void)
{
    refuses(IFL_CONFIG_VALUE, 2, "routes.a.priority", with_in_route("\"priority\": 10"));
    TEST_ASSERT_EQUAL_STRING("a whole number from 0 to 9", error.allowed);
    static const char *const bad[] = {"-1", "1.5", "1e0", "\"1\"", "true", "null", "[]", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char member[48];
        (void)snprintf(member, sizeof member, "\"priority\": %s", bad[i]);
        refuses(IFL_CONFIG_VALUE, 2, "routes.a.priority", with_in_route(member));
    }
    refuses(IFL_CONFIG_VALUE, 2, "idle_close_ms", with("\"idle_close_ms\": 60000"));
    refuses(IFL_CONFIG_VALUE, 2, "outbox.size", with("\"outbox\": { \"size\": 1000 }"));
    refuses(IFL_CONFIG_VALUE, 2, "routes.a.timeout_ms", with_in_route("\"timeout_ms\": 0"));
}

static void a_batch_is_a_json_array_unless_it_is_said_otherwise(void)
{
    accepts(with_in_route("\"batch\": { \"max_count\": 100, \"max_size\": 5000, \"max_delay_ms\": 50 }"));
    TEST_ASSERT_EQUAL_UINT32(100, settings.routes[0].batch_count);
    TEST_ASSERT_EQUAL_UINT32(5000, settings.routes[0].batch_size);
    TEST_ASSERT_EQUAL_UINT32(50, settings.routes[0].batch_delay_ms);
    TEST_ASSERT_EQUAL(SETTINGS_BODY_ARRAY, settings.routes[0].body);
    accepts(with_in_route("\"body\": \"json_lines\", \"batch\": { \"max_count\": 2 }"));
    TEST_ASSERT_EQUAL(SETTINGS_BODY_LINES, settings.routes[0].body);
    accepts(with_in_route("\"body\": \"json_array\""));
    TEST_ASSERT_EQUAL_UINT32(1, settings.routes[0].batch_count);
    TEST_ASSERT_EQUAL_UINT32(250000, settings.routes[0].batch_size);
    TEST_ASSERT_EQUAL(SETTINGS_BODY_ARRAY, settings.routes[0].body);
    accepts(with_in_route("\"priority\": 1"));
    TEST_ASSERT_EQUAL(SETTINGS_BODY_RAW, settings.routes[0].body);
    refuses(IFL_CONFIG_VALUE, 2, "routes.a.batch.max_count", with_in_route("\"batch\": { \"max_count\": 1001 }"));
    refuses(IFL_CONFIG_VALUE, 2, "routes.a.body", with_in_route("\"body\": \"xml\""));
}

static void bounds_that_contradict_each_other_are_refused(void)
{
    refuses(IFL_CONFIG_VALUE, 2, "backoff.cap_ms", with("\"backoff\": { \"base_ms\": 5000, \"cap_ms\": 4000 }"));
    refuses(IFL_CONFIG_VALUE, 2, "probe.cap_ms", with("\"probe\": { \"first_ms\": 5000, \"cap_ms\": 4000 }"));
    refuses(IFL_CONFIG_VALUE, 2, "network.gateway", with("\"network\": { \"gateway\": \"192.0.2.1\" }"));
}

static void a_path_is_absolute_and_percent_encoded(void)
{
    static const char *const bad[] = {"",     "http/x", "/a b",    "/a\\tb", "/\\u00e4",       "/%2",
                                      "/%zz", "/a#b",   "/a\\\\b", "/<x>",   "/a\\r\\nHost: x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "{ \"device\": \"gw\", \"routes\": { \"a\": \"%s\" } }", bad[i]);
        refuses(IFL_CONFIG_VALUE, 1, "routes.a", text);
    }
    accepts("{ \"device\": \"gw\", \"routes\": { \"a\": \"/http/a-b_c.d~e/%C3%A4;v=1,2(3)!$&'*+=:@?x=/y\" } }");
}

static void a_path_that_the_profile_cant_hold_is_refused(void)
{
    char json[IFL_PATH_SIZE + 64];
    (void)snprintf(json, sizeof json, "{\"device\":\"gw\",\"routes\":{\"a\":\"/%0*d\"}}", IFL_PATH_SIZE - 1, 0);
    refuses(IFL_CONFIG_VALUE, 1, "routes.a", json);
    (void)snprintf(json, sizeof json, "{\"device\":\"gw\",\"routes\":{\"a\":\"/%0*d\"}}", IFL_PATH_SIZE - 2, 0);
    accepts(json);
}

static void a_route_has_a_plain_name(void)
{
    refuses(IFL_CONFIG_VALUE, 1, "routes.Alarm", "{ \"device\": \"gw\", \"routes\": { \"Alarm\": \"/a\" } }");
    refuses(IFL_CONFIG_VALUE, 1, "routes.-a", "{ \"device\": \"gw\", \"routes\": { \"-a\": \"/a\" } }");
    refuses(IFL_CONFIG_VALUE, 1, "routes.", "{ \"device\": \"gw\", \"routes\": { \"\": \"/a\" } }");
    refuses(IFL_CONFIG_VALUE, 1, "routes.a b", "{ \"device\": \"gw\", \"routes\": { \"a b\": \"/a\" } }");
    refuses(IFL_CONFIG_VALUE, 1, "routes.a23456789012345678901234567890_2",
            "{ \"device\": \"gw\", \"routes\": { \"a23456789012345678901234567890_2\": \"/a\" } }");
}

static void more_routes_than_the_profile_holds_are_refused_with_the_number(void)
{
    static char json[IFL_ROUTE_COUNT * 16 + 128];
    size_t len = (size_t)snprintf(json, sizeof json, "{ \"device\": \"gw\", \"routes\": { \"r0\": \"/\"");
    for (int i = 1; i <= IFL_ROUTE_COUNT; i++) {
        if (i == IFL_ROUTE_COUNT) {
            (void)snprintf(json + len, sizeof json - len, "} }");
            accepts(json);
        }
        len += (size_t)snprintf(json + len, sizeof json - len, ", \"r%d\": \"/\"", i);
    }
    (void)snprintf(json + len, sizeof json - len, "} }");
    TEST_ASSERT_EQUAL(IFL_CONFIG_LIMIT, parse(json));
    char expected[32];
    (void)snprintf(expected, sizeof expected, "up to %d routes", IFL_ROUTE_COUNT);
    TEST_ASSERT_EQUAL_STRING(expected, error.allowed);
}

static void a_document_larger_than_the_profile_holds_is_refused(void)
{
    static char json[IFL_CONFIG_SIZE_MAX + 1];
    memset(json, ' ', sizeof json);
    TEST_ASSERT_EQUAL(IFL_CONFIG_LIMIT, settings_parse(&settings, bytes_of(json, sizeof json), &error));
    TEST_ASSERT_EQUAL(IFL_CONFIG_SYNTAX, settings_parse(&settings, bytes_of(json, sizeof json - 1), &error));
}

static void headers_that_the_sender_writes_itself_are_refused(void)
{
    static const char *const bad[] = {"\"Host\": \"x\"",
                                      "\"content-length\": \"3\"",
                                      "\"Transfer-Encoding\": \"x\"",
                                      "\"X A\": \"1\"",
                                      "\"\": \"1\"",
                                      "\"X-A\": \"a\\r\\nb\"",
                                      "\"X-A\": \"\"",
                                      "\"X-A\": 1",
                                      "\"X-A\": \"\\u00e4\""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char member[96];
        (void)snprintf(member, sizeof member, "\"headers\": { %s }", bad[i]);
        refuses(IFL_CONFIG_VALUE, 2, "routes.a.headers", with_in_route(member));
    }
}

static void headers_fill_their_room_to_the_last_byte_and_no_further(void)
{
    static char json[IFL_STATIC_HEADERS_SIZE + 256];
    /* "X" 0 value 0 0 */
    (void)snprintf(json, sizeof json,
                   "{\"device\":\"g\",\"routes\":{\"a\":{\"path\":\"/\",\"headers\":{\"X\":\"%0*d\"}}}}",
                   IFL_STATIC_HEADERS_SIZE - 4, 0);
    accepts(json);
    (void)snprintf(json, sizeof json,
                   "{\"device\":\"g\",\"routes\":{\"a\":{\"path\":\"/\",\"headers\":{\"X\":\"%0*d\"}}}}",
                   IFL_STATIC_HEADERS_SIZE - 3, 0);
    refuses(IFL_CONFIG_VALUE, 1, "routes.a.headers", json);
}

static void only_https_urls_are_taken(void)
{
    refuses(IFL_CONFIG_NOT_HTTPS, 2, "url", with("\"url\": \"http://host\""));
    refuses(IFL_CONFIG_NOT_HTTPS, 2, "url", with("\"url\": \"host\""));
    refuses(IFL_CONFIG_VALUE, 2, "url", with("\"url\": \"https://host/http\""));
    refuses(IFL_CONFIG_VALUE, 2, "url", with("\"url\": 1"));
}

static void other_values_are_refused_with_what_is_allowed(void)
{
    static const struct {
        const char *key;
        const char *member;
    } bad[] = {
        {"tls", "\"tls\": \"1.1\""},
        {"tls", "\"tls\": 1.2"},
        {"auth", "\"auth\": \"none\""},
        {"credentials", "\"credentials\": { \"user\": \"u\", \"password\": \"p\" }"},
        {"credentials", "\"auth\": \"basic\", \"credentials\": \"u:p\""},
        {"credentials.user", "\"auth\": \"basic\", \"credentials\": { \"user\": \"a:b\", \"password\": \"p\" }"},
        {"credentials.user", "\"auth\": \"basic\", \"credentials\": { \"user\": \"\", \"password\": \"p\" }"},
        {"credentials.password",
         "\"auth\": \"basic\", \"credentials\": { \"user\": \"u\", \"password\": \"\\u00e4\" }"},
        {"identity", "\"identity\": []"},
        {"id_header", "\"id_header\": \"\""},
        {"id_header", "\"id_header\": \"Host\""},
        {"network", "\"network\": \"dhcp\""},
        {"network.address", "\"network\": { \"address\": \"192.0.2.7\" }"},
        {"network.address", "\"network\": { \"address\": \"192.0.2.7/33\" }"},
        {"network.address", "\"network\": { \"address\": \"192.0.2.256/24\" }"},
        {"network.dns", "\"network\": { \"dns\": \"192.0.2.1\" }"},
        {"network.dns", "\"network\": { \"dns\": [\"name\"] }"},
        {"network.dns", "\"network\": { \"dns\": [\"192.0.2.1\", \"192.0.2.2\", \"192.0.2.3\"] }"},
        {"network.ntp", "\"network\": { \"ntp\": [\"a b\"] }"},
        {"network.ntp", "\"network\": { \"ntp\": [\"a:0\"] }"},
        {"network.ntp", "\"network\": { \"ntp\": [\":123\"] }"},
        {"network.proxy", "\"network\": { \"proxy\": \"socks5://proxy\" }"},
        {"network.proxy", "\"network\": { \"proxy\": \"http://proxy\" }"},
        {"network.proxy", "\"network\": { \"proxy\": \"http://user:1@proxy\" }"},
        {"network.proxy", "\"network\": { \"proxy\": \"proxy:0\" }"},
        {"network.proxy", "\"network\": { \"proxy\": \"proxy:65536\" }"},
        {"network.resolve", "\"network\": { \"resolve\": \"1.2.3\" }"},
        {"network.resolve", "\"network\": { \"resolve\": \":::\" }"},
        {"network.resolve", "\"network\": { \"resolve\": \"1:2:3:4:5:6:7:8:9\" }"},
        {"network.resolve", "\"network\": { \"resolve\": \"12345::\" }"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refuses(IFL_CONFIG_VALUE, 2, bad[i].key, with(bad[i].member));
        TEST_ASSERT_NOT_EQUAL_MESSAGE(0, error.allowed[0], bad[i].member);
    }
    if (IFL_FILE_NAME_SIZE > 1) {
        refuses(IFL_CONFIG_VALUE, 2, "identity", with("\"identity\": \"\""));
        refuses(IFL_CONFIG_VALUE, 2, "trust", with("\"trust\": \"a\\nb\""));
    }
    refuses(IFL_CONFIG_VALUE, 2, "routes.a.full", with_in_route("\"full\": \"drop\""));
    refuses(IFL_CONFIG_VALUE, 2, "routes.a.content_type", with_in_route("\"content_type\": \"json\""));
}

static void an_error_reads_as_a_sentence_with_place_cause_and_remedy(void)
{
    char buf[512];
    struct text out;
    text_init(&out, buf, sizeof buf);
    (void)parse(with_in_route("\"priority\": 11"));
    settings_error_text(&error, "iflow.json", &out);
    char expected[512], cause[256];
    (void)snprintf(cause, sizeof cause, "%s", ifl_cause(IFL_CONFIG_VALUE)); /* a node has its sentences elsewhere */
    (void)snprintf(expected, sizeof expected,
                   "iflow.json line 2, routes.a.priority: E302 %s Allowed: a whole number from 0 to 9. %s", cause,
                   ifl_remedy(IFL_CONFIG_VALUE));
    TEST_ASSERT_EQUAL_STRING(expected, buf);
}

static void a_secret_in_a_refused_value_is_not_repeated(void)
{
    char buf[512];
    struct text out;
    text_init(&out, buf, sizeof buf);
    refuses(IFL_CONFIG_VALUE, 2, "network.proxy", with("\"network\": { \"proxy\": \"ftp://user:hunter2@proxy:80\" }"));
    settings_error_text(&error, "iflow.json", &out);
    TEST_ASSERT_NULL(strstr(buf, "hunter2"));
}

static void a_url_is_split_into_host_and_port(void)
{
    static const struct {
        const char *url, *host;
        uint16_t port;
    } good[] = {
        {"https://host", "host", 443},
        {"https://host/", "host", 443},
        {"HTTPS://host.example:8443", "host.example", 8443},
        {"https://192.0.2.7:1", "192.0.2.7", 1},
        {"https://[2001:db8::7]:65535/", "2001:db8::7", 65535},
        {"https://[::1]", "::1", 443},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char host[IFL_HOST_SIZE];
        uint16_t port;
        TEST_ASSERT_EQUAL_MESSAGE(IFL_OK, settings_url_split(bytes_of_string(good[i].url), host, &port), good[i].url);
        TEST_ASSERT_EQUAL_STRING(good[i].host, host);
        TEST_ASSERT_EQUAL(good[i].port, port);
    }
}

static void what_isnt_the_url_of_an_endpoint_isnt_split(void)
{
    static const struct {
        const char *url;
        enum ifl_status status;
    } bad[] = {
        {"", IFL_CONFIG_NOT_HTTPS},
        {"http://host", IFL_CONFIG_NOT_HTTPS},
        {"https:/host", IFL_CONFIG_NOT_HTTPS},
        {"https://", IFL_CONFIG_VALUE},
        {"https:///", IFL_CONFIG_VALUE},
        {"https://:443", IFL_CONFIG_VALUE},
        {"https://host:", IFL_CONFIG_VALUE},
        {"https://host:0", IFL_CONFIG_VALUE},
        {"https://host:65536", IFL_CONFIG_VALUE},
        {"https://host:4x", IFL_CONFIG_VALUE},
        {"https://user@host", IFL_CONFIG_VALUE},
        {"https://host/path", IFL_CONFIG_VALUE},
        {"https://host?x", IFL_CONFIG_VALUE},
        {"https://ho st", IFL_CONFIG_VALUE},
        {"https://[::1", IFL_CONFIG_VALUE},
        {"https://[::1]x", IFL_CONFIG_VALUE},
        {"https://[host]", IFL_CONFIG_VALUE},
        {"https://::1", IFL_CONFIG_VALUE},
        {"https://-host", IFL_CONFIG_VALUE},
        {"https://a..b", IFL_CONFIG_VALUE},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char host[IFL_HOST_SIZE] = "untouched";
        uint16_t port = 7;
        TEST_ASSERT_EQUAL_MESSAGE(bad[i].status, settings_url_split(bytes_of_string(bad[i].url), host, &port),
                                  bad[i].url);
        TEST_ASSERT_EQUAL_STRING("untouched", host);
        TEST_ASSERT_EQUAL(7, port);
    }
    char host[IFL_HOST_SIZE];
    uint16_t port;
    char url[IFL_HOST_SIZE + 16] = "https://";
    memset(url + 8, 'a', IFL_HOST_SIZE);
    TEST_ASSERT_EQUAL(IFL_CONFIG_VALUE, settings_url_split(bytes_of_string(url), host, &port));
}

/* ---- packed ---- */

static uint8_t packed[SETTINGS_PACKED_SIZE_MAX];
static struct settings unpacked;

static size_t pack(const char *json)
{
    memset(&settings, 0, sizeof settings);
    accepts(json);
    return settings_pack(&settings, packed);
}

static const char everything[] =
    "{\"device\":\"gw\",\"url\":\"https://h:8443\",\"tls\":\"1.3\",\"auth\":\"basic\",\"credentials\":{\"user\":\"u\","
    "\"password\":\"p\"},\"id_header\":\"X-Id\",\"sender_header\":\"X-From\",\"idle_close_ms\":101,\"network\":{\"address\":"
    "\"192.0.2.7/24\",\"gateway\":\"192.0.2.1\",\"dns\":[\"192.0.2.2\",\"192.0.2.3\"],\"ntp\":[\"a:1\",\"b\"],\"proxy\":"
    "\"http://u:p@h:1\",\"resolve\":\"192.0.2.9\"},\"outbox\":{\"size\":65537,\"payload_max\":102},\"backoff\":{\"base_ms\":103,"
    "\"cap_ms\":104,\"boot_jitter_ms\":105},\"probe\":{\"first_ms\":106,\"cap_ms\":107,\"path\":\"/p\"},\"routes\":{\"a\":{\"path\":"
    "\"/a\",\"content_type\":\"text/plain\",\"priority\":2,\"full\":\"give_up_oldest\",\"max_rate\":3,\"max_age_min\":4,"
    "\"timeout_ms\":108,\"on_flow_error\":{\"dead_letter_after\":5},\"headers\":{\"X-A\":\"1\",\"X-B\":\"22\"},\"body\":"
    "\"json_lines\",\"batch\":{\"max_count\":6,\"max_size\":7,\"max_delay_ms\":8}},\"b\":\"/b\"}}";

static void equals_what_was_packed(const char *json)
{
    const size_t size = pack(json);
    memset(&unpacked, 0xAA, sizeof unpacked);
    TEST_ASSERT_EQUAL(IFL_OK, settings_unpack(&unpacked, bytes_of(packed, size)));
    /* Behind a text's zero may stand the rest of a default; files' names aren't packed. Packed again all of that is gone. */
    uint8_t again[sizeof packed];
    TEST_ASSERT_EQUAL(size, settings_pack(&unpacked, again));
    TEST_ASSERT_EQUAL_MEMORY(packed, again, size);
    TEST_ASSERT_EQUAL_STRING(settings.device, unpacked.device);
    TEST_ASSERT_EQUAL_STRING(settings.password, unpacked.password);
    TEST_ASSERT_EQUAL_STRING(settings.ntp[1], unpacked.ntp[1]);
    TEST_ASSERT_EQUAL(settings.boot_jitter_ms, unpacked.boot_jitter_ms);
    TEST_ASSERT_EQUAL(settings.tls, unpacked.tls);
    TEST_ASSERT_EQUAL(settings.auth, unpacked.auth);
    TEST_ASSERT_EQUAL(settings.route_count, unpacked.route_count);
    for (size_t i = 0; i < settings.route_count; i++) {
        TEST_ASSERT_EQUAL_MEMORY(settings.routes[i].headers, unpacked.routes[i].headers,
                                 sizeof settings.routes[i].headers);
        TEST_ASSERT_EQUAL_STRING(settings.routes[i].content_type, unpacked.routes[i].content_type);
        TEST_ASSERT_EQUAL(settings.routes[i].full, unpacked.routes[i].full);
        TEST_ASSERT_EQUAL(settings.routes[i].body, unpacked.routes[i].body);
        TEST_ASSERT_EQUAL(settings.routes[i].dead_letter_after, unpacked.routes[i].dead_letter_after);
    }
}

static void settings_are_the_same_after_packing_and_unpacking(void)
{
    equals_what_was_packed(everything);
    equals_what_was_packed("{\"device\":\"g\",\"routes\":{\"a\":\"/\"}}");
    char json[IFL_STATIC_HEADERS_SIZE + 256]; /* headers up to the last byte of their room */
    (void)snprintf(json, sizeof json,
                   "{\"device\":\"g\",\"routes\":{\"a\":{\"path\":\"/\",\"headers\":{\"X\":\"%0*d\"}}}}",
                   IFL_STATIC_HEADERS_SIZE - 4, 0);
    equals_what_was_packed(json);
}

static void packed_settings_are_refused_when_any_byte_is_missing_or_one_is_too_many(void)
{
    const size_t size = pack(everything);
    for (size_t i = 0; i < size; i++)
        TEST_ASSERT_EQUAL(IFL_STORE_CORRUPT, settings_unpack(&unpacked, bytes_of(packed, i)));
    packed[size] = 0;
    TEST_ASSERT_EQUAL(IFL_STORE_CORRUPT, settings_unpack(&unpacked, bytes_of(packed, size + 1)));
}

static void packed_settings_of_another_format_are_refused(void)
{
    const size_t size = pack(everything);
    packed[0]++;
    TEST_ASSERT_EQUAL(IFL_STORE_NEWER, settings_unpack(&unpacked, bytes_of(packed, size)));
    static const char text[] = "{\"device\":\"g\"}";
    TEST_ASSERT_EQUAL(IFL_STORE_NEWER, settings_unpack(&unpacked, bytes_of_string(text)));
}

static void what_a_larger_profile_packed_is_refused(void)
{
    const size_t size = pack(everything);
    le32_put(packed + 4 + 4 * 10, IFL_ROUTE_COUNT + 1); /* how many routes */
    TEST_ASSERT_EQUAL(IFL_CONFIG_LIMIT, settings_unpack(&unpacked, bytes_of(packed, size)));
    (void)pack(everything);
    le32_put(packed + 4 + 4 * 3, IFL_PAYLOAD_SIZE_MAX + 1);
    TEST_ASSERT_EQUAL(IFL_CONFIG_LIMIT, settings_unpack(&unpacked, bytes_of(packed, size)));
    (void)pack(everything);
    le32_put(packed + 4 + 4 * 11, IFL_DEVICE_SIZE); /* the device's name and its zero */
    TEST_ASSERT_EQUAL(IFL_CONFIG_LIMIT, settings_unpack(&unpacked, bytes_of(packed, size)));
}

/* Its check sum is somebody else's business, its lengths aren't: the sanitizers look on. */
static void any_packed_bytes_are_read_within_bounds(void)
{
    const size_t size = pack(everything);
    static const uint8_t patterns[] = {0x00, 0x01, 0x7F, 0x80, 0xFF};
    for (size_t at = 0; at < size; at++) {
        for (size_t i = 0; i < sizeof patterns; i++) {
            const uint8_t before = packed[at];
            packed[at] = patterns[i];
            if (settings_unpack(&unpacked, bytes_of(packed, size)) == IFL_OK) {
                uint8_t again
                    [sizeof packed]; /* a zero within a text ends it; missing ones at the end of headers are added */
                TEST_ASSERT_TRUE(settings_pack(&unpacked, again) <= sizeof packed);
            }
            packed[at] = before;
        }
    }
}

static void headers_that_end_in_mid_pair_are_refused(void)
{
    const size_t size = pack("{\"device\":\"g\",\"routes\":{\"a\":\"/\"}}");
    TEST_ASSERT_EQUAL(0, le32_get(packed + size - 4)); /* no headers: their length is the last number */
    le32_put(packed + size - 4, IFL_STATIC_HEADERS_SIZE - 1);
    memset(packed + size, 'X', IFL_STATIC_HEADERS_SIZE - 1);
    const struct bytes whole = bytes_of(packed, size + IFL_STATIC_HEADERS_SIZE - 1);
    TEST_ASSERT_EQUAL(IFL_STORE_CORRUPT, settings_unpack(&unpacked, whole)); /* a name and no more */
    packed[size + 1] = 0;
    TEST_ASSERT_EQUAL(IFL_STORE_CORRUPT, settings_unpack(&unpacked, whole)); /* a pair, and nothing behind it */
    packed[whole.size - 1] = 0;
    TEST_ASSERT_EQUAL(IFL_OK, settings_unpack(&unpacked, whole));
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(the_shortest_document_gets_all_defaults);
    RUN_TEST(a_document_with_every_key_is_read_completely);
    RUN_TEST(broken_json_is_refused_with_line_and_column);
    RUN_TEST(user_and_password_come_with_basic);
    RUN_TEST(a_misspelled_key_is_refused_with_the_list_of_keys);
    RUN_TEST(a_doubled_key_is_refused_wherever_it_stands);
    RUN_TEST(what_is_needed_and_missing_is_named);
    RUN_TEST(a_number_out_of_range_is_refused_with_the_range);
    RUN_TEST(a_batch_is_a_json_array_unless_it_is_said_otherwise);
    RUN_TEST(bounds_that_contradict_each_other_are_refused);
    RUN_TEST(a_path_is_absolute_and_percent_encoded);
    RUN_TEST(a_path_that_the_profile_cant_hold_is_refused);
    RUN_TEST(a_route_has_a_plain_name);
    RUN_TEST(more_routes_than_the_profile_holds_are_refused_with_the_number);
    RUN_TEST(a_document_larger_than_the_profile_holds_is_refused);
    RUN_TEST(headers_that_the_sender_writes_itself_are_refused);
    RUN_TEST(headers_fill_their_room_to_the_last_byte_and_no_further);
    RUN_TEST(only_https_urls_are_taken);
    RUN_TEST(other_values_are_refused_with_what_is_allowed);
    RUN_TEST(an_error_reads_as_a_sentence_with_place_cause_and_remedy);
    RUN_TEST(a_secret_in_a_refused_value_is_not_repeated);
    RUN_TEST(a_url_is_split_into_host_and_port);
    RUN_TEST(what_isnt_the_url_of_an_endpoint_isnt_split);
    RUN_TEST(settings_are_the_same_after_packing_and_unpacking);
    RUN_TEST(packed_settings_are_refused_when_any_byte_is_missing_or_one_is_too_many);
    RUN_TEST(packed_settings_of_another_format_are_refused);
    RUN_TEST(what_a_larger_profile_packed_is_refused);
    RUN_TEST(any_packed_bytes_are_read_within_bounds);
    RUN_TEST(headers_that_end_in_mid_pair_are_refused);
    return UNITY_END();
}
