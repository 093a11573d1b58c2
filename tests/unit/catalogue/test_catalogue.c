/* Each row of the catalogue, as the other side really says it, has its verdict; and the verdict has its action. */
#include "catalogue/catalogue.h"

#include <ctype.h>
#include <string.h>

#include "unity.h"

#define TOMCAT "<!doctype html><html lang=\"en\"><head><title>HTTP Status</title></head><body></body></html>"
#define HTML "Content-Type: text/html;charset=utf-8\n"
#define XML "Content-Type: application/xml;charset=UTF-8\n"
#define PLAIN "Content-Type: text/plain;charset=UTF-8\n"
#define REALM "WWW-Authenticate: Basic realm=\"SAP Cloud Integration\"\n"
#define MPL "SAP_MessageProcessingLogID: AGdT-xyz_123\n"
#define ROUTER(error) "X-Cf-RouterError: " error "\n"
#define INVALID_CLIENT(text)                                                                                           \
    "<InvalidClientException><error>invalid_client</error><error_description>" text                                    \
    "</error_description></InvalidClientException>"
#define NGINX(text) "<html><head><title>400 " text "</title></head><body><center>" text "</center>nginx</body></html>"
#define FAILED "An internal server error occured: The MPL ID for the failed message is : AGx-77\nFor more details"

struct example {
    const char *name;
    uint16_t status;
    bool own; /* we sent credentials */
    const char *fields;
    const char *body;
    enum ifl_status verdict;
    enum ifl_action action;
};

static const struct example examples[] = {
    {"401 page", 401, false, HTML REALM, TOMCAT, IFL_ANSWER_NO_CLIENT_CERT, IFL_ACTION_HOLD_IDENTITY},
    {"401 no body", 401, false, REALM, "", IFL_ANSWER_NO_CLIENT_CERT, IFL_ACTION_HOLD_IDENTITY},
    {"401 deleted", 401, false, XML,
     INVALID_CLIENT("The client certificate is not configured in a service key of a Process Integration Runtime "
                    "service instance."),
     IFL_ANSWER_KEY_UNKNOWN, IFL_ACTION_HOLD_IDENTITY},
    {"401 deleted, with a realm", 401, false, XML REALM,
     INVALID_CLIENT("The client certificate is not configured in a service key of ..."), IFL_ANSWER_KEY_UNKNOWN,
     IFL_ACTION_HOLD_IDENTITY},
    {"401 twice", 401, false, XML,
     INVALID_CLIENT("Either the client certificate is not configured exactly once in a service key of a Process "
                    "Integration Runtime service instance or ..."),
     IFL_ANSWER_KEY_TWICE, IFL_ACTION_HOLD_IDENTITY},
    {"401 bad credentials", 401, true, XML REALM,
     "<UnauthorizedUserException><error>unauthorized_user</error><error_description>Bad credentials"
     "</error_description></UnauthorizedUserException>",
     IFL_ANSWER_BAD_CREDENTIALS, IFL_ACTION_HOLD_IDENTITY},
    {"401 bad credentials, text only", 401, false, PLAIN, "Bad credentials", IFL_ANSWER_BAD_CREDENTIALS,
     IFL_ACTION_HOLD_IDENTITY},
    {"401 page to Basic", 401, true, HTML REALM, TOMCAT, IFL_ANSWER_BAD_CREDENTIALS, IFL_ACTION_HOLD_IDENTITY},
    {"401 token", 401, true, XML "WWW-Authenticate: Bearer realm=\"oauth\", error=\"invalid_token\"\n",
     "<oauth><error>invalid_token</error></oauth>", IFL_ANSWER_TOKEN, IFL_ACTION_HOLD_IDENTITY},
    {"401 token, text only", 401, true, XML, "<error>invalid_token</error>", IFL_ANSWER_TOKEN,
     IFL_ACTION_HOLD_IDENTITY},
    {"401 unknown", 401, false, PLAIN, "go away", IFL_ANSWER_UNAUTHORIZED, IFL_ACTION_HOLD_IDENTITY},
    {"403 role", 403, false, HTML, TOMCAT, IFL_ANSWER_ROLE, IFL_ACTION_HOLD_ROUTE},
    {"403 csrf", 403, false, HTML "X-CSRF-Token: Required\n", TOMCAT, IFL_ANSWER_CSRF, IFL_ACTION_CSRF},
    {"403 csrf, other case", 403, false, "x-csrf-token: required\n", "", IFL_ANSWER_CSRF, IFL_ACTION_CSRF},
    {"403 router", 403, false, ROUTER("forbidden"), "", IFL_ANSWER_CLIENT_ERROR, IFL_ACTION_HOLD_ROUTE},
    {"404 router", 404, false, PLAIN ROUTER("unknown_route"),
     "404 Not Found: Requested route ('tenant.example') does not exist.\n", IFL_ANSWER_HOST_UNKNOWN,
     IFL_ACTION_HOLD_HOST},
    {"404 page", 404, false, HTML, TOMCAT, IFL_ANSWER_NOT_DEPLOYED, IFL_ACTION_HOLD_ROUTE},
    {"400 empty host", 400, false, PLAIN ROUTER("empty_host"), "400 Bad Request: Request had empty Host header\n",
     IFL_ANSWER_NO_HOST, IFL_ACTION_HOLD_HOST},
    {"400 nginx error", 400, false, "Content-Type: text/html\n", NGINX("The SSL certificate error"),
     IFL_ANSWER_PROXY_CERT, IFL_ACTION_HOLD_IDENTITY},
    {"400 nginx none", 400, false, "Content-Type: text/html\n", NGINX("No required SSL certificate was sent"),
     IFL_ANSWER_PROXY_CERT, IFL_ACTION_HOLD_IDENTITY},
    {"400 flow", 400, false, PLAIN MPL, "Field 'unit' is missing.", IFL_ANSWER_REJECTED, IFL_ACTION_DEAD_LETTER},
    {"400 flow about certificates", 400, false, PLAIN MPL, "The SSL certificate in the payload is bad",
     IFL_ANSWER_REJECTED, IFL_ACTION_DEAD_LETTER},
    {"415 flow", 415, false, PLAIN MPL, "not supported", IFL_ANSWER_REJECTED, IFL_ACTION_DEAD_LETTER},
    {"400 of nobody we know", 400, false, HTML, TOMCAT, IFL_ANSWER_CLIENT_ERROR, IFL_ACTION_HOLD_ROUTE},
    {"400 of the router", 400, false, MPL ROUTER("other"), "", IFL_ANSWER_CLIENT_ERROR, IFL_ACTION_HOLD_ROUTE},
    {"415 of nobody we know", 415, false, HTML, TOMCAT, IFL_ANSWER_CLIENT_ERROR, IFL_ACTION_HOLD_ROUTE},
    {"405", 405, false, HTML "Allow: GET\n", TOMCAT, IFL_ANSWER_METHOD, IFL_ACTION_HOLD_ROUTE},
    {"408", 408, false, HTML, TOMCAT, IFL_ANSWER_TEMPORARY, IFL_ACTION_RETRY_ROUTE},
    {"425", 425, false, "", "", IFL_ANSWER_TEMPORARY, IFL_ACTION_RETRY_ROUTE},
    {"429", 429, false, HTML, TOMCAT, IFL_ANSWER_BUSY, IFL_ACTION_RETRY_HOST},
    {"502 router", 502, false, ROUTER("endpoint_failure"), "502 Bad Gateway: ...", IFL_ANSWER_NO_ENDPOINT,
     IFL_ACTION_RETRY_HOST},
    {"503 router", 503, false, ROUTER("no_endpoints"), "", IFL_ANSWER_NO_ENDPOINT, IFL_ACTION_RETRY_HOST},
    {"503 limit", 503, false, ROUTER("Connection Limit Reached"), "", IFL_ANSWER_NO_ENDPOINT, IFL_ACTION_RETRY_HOST},
    {"504 router", 504, false, ROUTER("endpoint_failure"), "", IFL_ANSWER_NO_ENDPOINT, IFL_ACTION_RETRY_HOST},
    {"502", 502, false, HTML, TOMCAT, IFL_ANSWER_TEMPORARY, IFL_ACTION_RETRY_ROUTE},
    {"503", 503, false, HTML, TOMCAT, IFL_ANSWER_TEMPORARY, IFL_ACTION_RETRY_ROUTE},
    {"504", 504, false, HTML, TOMCAT, IFL_ANSWER_TEMPORARY, IFL_ACTION_RETRY_ROUTE},
    {"413", 413, false, PLAIN MPL, "Message size exceeds the configured limit", IFL_ANSWER_BODY_TOO_LARGE,
     IFL_ACTION_DEAD_LETTER},
    {"431", 431, false, ROUTER("max-request-size-exceeded"), "", IFL_ANSWER_HEADERS_TOO_LARGE, IFL_ACTION_HOLD_ROUTE},
    {"500 flow", 500, false, PLAIN MPL, FAILED, IFL_ANSWER_FLOW_FAILED, IFL_ACTION_RETRY_ROUTE},
    {"500 flow, id in the text only", 500, false, PLAIN, FAILED, IFL_ANSWER_FLOW_FAILED, IFL_ACTION_RETRY_ROUTE},
    {"500 flow that answers HTML", 500, false, HTML MPL, TOMCAT, IFL_ANSWER_FLOW_FAILED, IFL_ACTION_RETRY_ROUTE},
    {"500 trial", 500, false, HTML, TOMCAT, IFL_ANSWER_TRIAL, IFL_ACTION_HOLD_IDENTITY},
    {"500 page to Basic", 500, true, HTML, TOMCAT, IFL_ANSWER_SERVER_ERROR, IFL_ACTION_RETRY_ROUTE},
    {"500 unknown", 500, false, PLAIN, "oops", IFL_ANSWER_SERVER_ERROR, IFL_ACTION_RETRY_ROUTE},
    {"500 router", 500, false, ROUTER("x"), "", IFL_ANSWER_NO_ENDPOINT, IFL_ACTION_RETRY_HOST},
    {"501", 501, false, "", "", IFL_ANSWER_SERVER_ERROR, IFL_ACTION_RETRY_ROUTE},
    {"200 login page", 200, false, "Content-Type: text/html;charset=UTF-8\n", "<html><form id=\"logOnForm\">",
     IFL_ANSWER_LOGIN_PAGE, IFL_ACTION_HOLD_HOST},
    {"200 login script", 200, false, "content-type: TEXT/HTML\n", "", IFL_ANSWER_LOGIN_PAGE, IFL_ACTION_HOLD_HOST},
    {"302 login", 302, false, "Location: https://sub.authentication.eu10.hana.ondemand.com/oauth/authorize?x\n", "",
     IFL_ANSWER_LOGIN_PAGE, IFL_ACTION_HOLD_HOST},
    {"302 login by SAML", 302, false, "Location: https://accounts.example/saml2/idp/sso\n", "", IFL_ANSWER_LOGIN_PAGE,
     IFL_ACTION_HOLD_HOST},
    {"302 elsewhere", 302, false, "Location: http://localhost/\n", "", IFL_ANSWER_REDIRECT, IFL_ACTION_HOLD_ROUTE},
    {"304", 304, false, "", "", IFL_ANSWER_REDIRECT, IFL_ACTION_HOLD_ROUTE},
    {"200", 200, false, MPL, "", IFL_ACCEPTED, IFL_ACTION_DONE},
    {"200 without anything", 200, false, "", "", IFL_ACCEPTED, IFL_ACTION_DONE},
    {"200 flow that answers HTML", 200, false, HTML MPL, "<form>login</form>", IFL_ACCEPTED, IFL_ACTION_DONE},
    {"200 JSON about logins", 200, false, "Content-Type: application/json\n", "{\"login\":\"<form\"}", IFL_ACCEPTED,
     IFL_ACTION_DONE},
    {"201", 201, false, MPL, "created", IFL_ACCEPTED, IFL_ACTION_DONE},
    {"202", 202, false, MPL, "", IFL_ACCEPTED, IFL_ACTION_DONE},
    {"204", 204, false, "", "", IFL_ACCEPTED, IFL_ACTION_DONE},
    {"299", 299, false, "", "", IFL_ACCEPTED, IFL_ACTION_DONE},
    {"422", 422, false, PLAIN MPL, "", IFL_ANSWER_CLIENT_ERROR, IFL_ACTION_HOLD_ROUTE},
    {"411", 411, false, "", "", IFL_ANSWER_CLIENT_ERROR, IFL_ACTION_HOLD_ROUTE},
};

#define EXAMPLE_COUNT (sizeof examples / sizeof *examples)

void setUp(void) {}
void tearDown(void) {}

static struct catalogue_answer answer;

static void feed_fields(const char *fields, bool upper)
{
    char line[256];
    while (*fields != '\0') {
        size_t len = strcspn(fields, "\n");
        memcpy(line, fields, len);
        line[len] = '\0';
        char *colon = strchr(line, ':');
        *colon = '\0';
        for (char *at = line; upper && at < colon; at++)
            *at = (char)toupper((unsigned char)*at);
        catalogue_field(&answer, line, colon + 2);
        fields += len + 1;
    }
}

static enum ifl_status classify(const struct example *example, bool upper, size_t piece_size)
{
    catalogue_begin(&answer, example->own);
    feed_fields(example->fields, upper);
    struct bytes body = bytes_of_string(example->body);
    for (size_t at = 0; at < body.size; at += piece_size)
        catalogue_body(&answer, bytes_head(bytes_tail(body, at), piece_size));
    answer.status = example->status;
    return catalogue_classify(&answer);
}

static void every_row_has_its_verdict_and_its_action(void)
{
    for (size_t i = 0; i < EXAMPLE_COUNT; i++) {
        TEST_ASSERT_EQUAL_MESSAGE(examples[i].verdict, classify(&examples[i], false, 1000), examples[i].name);
        TEST_ASSERT_EQUAL_MESSAGE(examples[i].action, ifl_diag(examples[i].verdict)->action, examples[i].name);
    }
}

static void neither_case_nor_the_size_of_pieces_matters(void)
{
    for (size_t i = 0; i < EXAMPLE_COUNT; i++)
        for (size_t size = 1; size < 5; size++)
            TEST_ASSERT_EQUAL_MESSAGE(examples[i].verdict, classify(&examples[i], true, size), examples[i].name);
}

static void every_status_has_a_verdict_that_is_an_outcome(void)
{
    for (unsigned status = 200; status < 600; status++)
        for (unsigned marks = 0; marks < 16384; marks++) {
            catalogue_begin(&answer, false);
            answer.status = (uint16_t)status;
            answer.marks = (uint16_t)marks;
            enum ifl_status verdict = catalogue_classify(&answer);
            enum ifl_action action = ifl_diag(verdict)->action;
            TEST_ASSERT_TRUE(action != IFL_ACTION_NONE && action != IFL_ACTION_STOP);
            TEST_ASSERT_EQUAL(action == IFL_ACTION_DONE, verdict == IFL_ACCEPTED);
            TEST_ASSERT_TRUE(verdict != IFL_ACCEPTED || status < 300);
            bool payload = status == 400 || status == 415 || status == 413;
            TEST_ASSERT_TRUE(action != IFL_ACTION_DEAD_LETTER || payload);
        }
}

static void the_mpl_id_comes_from_the_field_or_from_the_text(void)
{
    const struct example field = {"", 500, false, PLAIN MPL, FAILED, IFL_OK, IFL_ACTION_NONE};
    classify(&field, false, 1000);
    TEST_ASSERT_EQUAL_STRING("AGdT-xyz_123", answer.mpl_id);
    const struct example text = {"", 500, false, PLAIN, FAILED, IFL_OK, IFL_ACTION_NONE};
    classify(&text, false, 1000);
    TEST_ASSERT_EQUAL_STRING("AGx-77", answer.mpl_id);
    const struct example page = {
        "", 500, false, HTML, "<p>The MPL ID for the failed message is : AGx-79</p>", IFL_OK, IFL_ACTION_NONE};
    classify(&page, false, 1000);
    TEST_ASSERT_EQUAL_STRING("AGx-79", answer.mpl_id);
}

static void a_zero_in_a_text_hides_nothing_behind_it(void)
{
    static const char text[] = "<pre>\0The MPL ID for the failed message is : AGx-78\0</pre>";
    catalogue_begin(&answer, false);
    catalogue_body(&answer, bytes_of(text, sizeof text - 1));
    answer.status = 500;
    TEST_ASSERT_EQUAL(IFL_ANSWER_FLOW_FAILED, catalogue_classify(&answer));
    TEST_ASSERT_EQUAL_STRING("AGx-78", answer.mpl_id);
}

static void what_is_kept_for_people_is_printable_and_bounded(void)
{
    char value[300];
    memset(value, 'v', sizeof value);
    value[1] = '\x80';
    value[sizeof value - 1] = '\0';
    catalogue_begin(&answer, false);
    catalogue_field(&answer, "SAP_MessageProcessingLogID", value);
    catalogue_field(&answer, "X-Cf-RouterError", value);
    TEST_ASSERT_TRUE(strlen(answer.mpl_id) < CATALOGUE_TEXT_SIZE);
    TEST_ASSERT_TRUE(strlen(answer.router_error) < sizeof answer.router_error);
    TEST_ASSERT_NULL(strchr(answer.mpl_id, '\x80'));
    for (unsigned i = 0; i < 100; i++)
        catalogue_body(&answer, bytes_of(value, sizeof value));
    TEST_ASSERT_EQUAL_UINT(CATALOGUE_BODY_SIZE, answer.body_len);
}

static void only_those_who_were_let_in_prove_an_identity(void)
{
    for (unsigned i = 0; ifl_diag_at(i) != NULL; i++) {
        const struct ifl_diag *diag = ifl_diag_at(i);
        bool proves = catalogue_proves_identity(diag->status);
        bool refuses = catalogue_refuses_identity(diag->status);
        TEST_ASSERT_FALSE(proves && refuses);
        TEST_ASSERT_TRUE(!refuses || diag->action == IFL_ACTION_HOLD_IDENTITY);
        TEST_ASSERT_TRUE(!proves || (diag->action != IFL_ACTION_HOLD_IDENTITY && diag->action != IFL_ACTION_HOLD_HOST));
    }
    TEST_ASSERT_TRUE(catalogue_refuses_identity(IFL_ANSWER_UNAUTHORIZED));
    TEST_ASSERT_TRUE(catalogue_refuses_identity(IFL_TLS_CLIENT_EXPIRED));
    TEST_ASSERT_FALSE(catalogue_refuses_identity(IFL_ANSWER_TRIAL));
    TEST_ASSERT_FALSE(catalogue_proves_identity(IFL_ANSWER_NO_ENDPOINT));
    TEST_ASSERT_FALSE(catalogue_proves_identity(IFL_ANSWER_LOGIN_PAGE));
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(every_row_has_its_verdict_and_its_action);
    RUN_TEST(neither_case_nor_the_size_of_pieces_matters);
    RUN_TEST(every_status_has_a_verdict_that_is_an_outcome);
    RUN_TEST(the_mpl_id_comes_from_the_field_or_from_the_text);
    RUN_TEST(a_zero_in_a_text_hides_nothing_behind_it);
    RUN_TEST(what_is_kept_for_people_is_printable_and_bounded);
    RUN_TEST(only_those_who_were_let_in_prove_an_identity);
    return UNITY_END();
}
