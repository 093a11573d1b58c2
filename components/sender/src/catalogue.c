#include "sender/catalogue.h"

#include <string.h>

#include "base/text.h"
#include "http/values.h"

enum {
    HTML = CATALOGUE_HTML,
    LOGIN = CATALOGUE_LOGIN,
    ROUTER = CATALOGUE_ROUTER,
    CSRF = CATALOGUE_CSRF,
    BASIC = CATALOGUE_BASIC,
    BEARER = CATALOGUE_BEARER,
    MPL = CATALOGUE_MPL,
    OWN = CATALOGUE_OWN,
};

struct row {
    uint16_t first, last; /* status codes */
    uint8_t with;         /* marks that must be there */
    uint8_t without;      /* marks that must not be there */
    uint16_t verdict;     /* enum ifl_status */
    const char
        *text; /* NULL, or what the body (with ROUTER: X-Cf-RouterError) has, whatever its case; here in lower case */
};

/* The first row that fits is the verdict. A row that isn't about the payload never dead-letters it: 400 and 415 count only with an MPL id,
 * because what stands before the flow answers 400 too. */
static const struct row rows[] = {
    /* the servlet container's page, no XML or JSON: nobody was there to be judged */
    {401, 401, HTML, OWN, IFL_ANSWER_NO_CLIENT_CERT, ""},
    /* <InvalidClientException>: the key was deleted, or is of another subaccount */
    {401, 401, 0, 0, IFL_ANSWER_KEY_UNKNOWN, "not configured in a service key"},
    /* the same exception: two service keys have this certificate */
    {401, 401, 0, 0, IFL_ANSWER_KEY_TWICE, "exactly once"},
    /* unauthorized_user: Basic or secret is wrong */
    {401, 401, 0, 0, IFL_ANSWER_BAD_CREDENTIALS, "unauthorized_user"},
    {401, 401, 0, 0, IFL_ANSWER_BAD_CREDENTIALS, "bad credentials"},
    /* WWW-Authenticate: Bearer, invalid_token */
    {401, 401, BEARER, 0, IFL_ANSWER_TOKEN, ""},
    {401, 401, 0, 0, IFL_ANSWER_TOKEN, "invalid_token"},
    {401, 401, BASIC | OWN, 0, IFL_ANSWER_BAD_CREDENTIALS, ""},
    /* an answer without a body, as to HEAD */
    {401, 401, BASIC, 0, IFL_ANSWER_NO_CLIENT_CERT, ""},
    {401, 401, 0, 0, IFL_ANSWER_UNAUTHORIZED, ""},
    /* the container's page, without a CSRF field */
    {403, 403, 0, CSRF | ROUTER, IFL_ANSWER_ROLE, ""},
    /* X-CSRF-Token: Required */
    {403, 403, CSRF, 0, IFL_ANSWER_CSRF, ""},
    /* X-Cf-RouterError: unknown_route */
    {404, 404, ROUTER, 0, IFL_ANSWER_HOST_UNKNOWN, ""},
    {404, 404, 0, 0, IFL_ANSWER_NOT_DEPLOYED, ""},
    /* X-Cf-RouterError: empty_host */
    {400, 400, ROUTER, 0, IFL_ANSWER_NO_HOST, "empty_host"},
    /* nginx: "The SSL certificate error", "No required SSL certificate was sent" */
    {400, 400, 0, MPL, IFL_ANSWER_PROXY_CERT, "ssl certificate"},
    /* MPL id, no router error: the flow rejects this payload */
    {400, 400, MPL, ROUTER, IFL_ANSWER_REJECTED, ""},
    {415, 415, MPL, ROUTER, IFL_ANSWER_REJECTED, ""},
    {405, 405, 0, 0, IFL_ANSWER_METHOD, ""},
    {408, 408, 0, 0, IFL_ANSWER_TEMPORARY, ""},
    {425, 425, 0, 0, IFL_ANSWER_TEMPORARY, ""},
    {429, 429, 0, 0, IFL_ANSWER_BUSY, ""},
    /* X-Cf-RouterError: endpoint_failure, no_endpoints, Connection Limit Reached */
    {502, 504, ROUTER, 0, IFL_ANSWER_NO_ENDPOINT, ""},
    {502, 504, 0, 0, IFL_ANSWER_TEMPORARY, ""},
    {413, 413, 0, 0, IFL_ANSWER_BODY_TOO_LARGE, ""},
    /* X-Cf-RouterError: max-request-size-exceeded; never the body */
    {431, 431, 0, 0, IFL_ANSWER_HEADERS_TOO_LARGE, ""},
    /* "... The MPL ID for the failed message is : <id>" */
    {500, 500, MPL, ROUTER, IFL_ANSWER_FLOW_FAILED, ""},
    /* the container's page: a trial tenant chokes on the certificate */
    {500, 500, HTML, ROUTER | OWN, IFL_ANSWER_TRIAL, ""},
    /* A page from something that isn't a flow (a flow's answer has an MPL id): most often a login page. */
    {200, 299, HTML, MPL, IFL_ANSWER_LOGIN_PAGE, ""},
    {300, 399, LOGIN, 0, IFL_ANSWER_LOGIN_PAGE, ""},
    {200, 299, 0, 0, IFL_ACCEPTED, ""},
    /* what the catalogue doesn't know */
    {300, 399, 0, 0, IFL_ANSWER_REDIRECT, ""},
    {400, 499, 0, 0, IFL_ANSWER_CLIENT_ERROR, ""},
    {500, 599, ROUTER, 0, IFL_ANSWER_NO_ENDPOINT, ""},
};

/* What is behind `lower_text` in `hay`; without data if it isn't there. */
static struct bytes behind(struct bytes hay, const char *lower_text)
{
    size_t len = strlen(lower_text);
    for (; hay.size >= len; hay.data++, hay.size--)
        if (http_is((struct bytes){hay.data, len}, lower_text))
            return (struct bytes){hay.data + len, hay.size - len};
    return (struct bytes){NULL, 0};
}

static bool has(struct bytes hay, const char *lower_text)
{
    return behind(hay, lower_text).data != NULL;
}

/* Keep a text of the other side: for people, so printable and bounded. */
static void keep(char *buf, size_t size, struct bytes value)
{
    struct text out;
    text_init(&out, buf, size);
    text_printable(&out, value, size - 1);
}

void catalogue_begin(struct catalogue_answer *answer, bool own_credentials)
{
    answer->status = 0;
    answer->marks = own_credentials ? OWN : 0;
    answer->body_len = 0;
    answer->router_error[0] = '\0';
    answer->mpl_id[0] = '\0';
}

/* What a field's value says, in lower case; "" = whatever it is. */
static const struct {
    const char *name, *text;
    uint16_t mark;
} notes[] = {
    {"Content-Type", "text/html", HTML},
    {"X-CSRF-Token", "required", CSRF},
    {"WWW-Authenticate", "basic", BASIC},
    {"WWW-Authenticate", "bearer", BEARER},
    {"SAP_MessageProcessingLogID", "", MPL},
    {"X-Cf-RouterError", "", ROUTER},
    /* the addresses of SAP's authentication services, of OAuth and of SAML */
    {"Location", ".authentication.", LOGIN},
    {"Location", "/oauth/authorize", LOGIN},
    {"Location", "/saml2/", LOGIN},
    {"Location", "/login", LOGIN},
};

void catalogue_field(struct catalogue_answer *answer, struct bytes name, struct bytes value)
{
    unsigned marks = 0;
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (http_is(name, notes[i].name) && has(value, notes[i].text))
            marks |= notes[i].mark;
    answer->marks |= (uint16_t)marks;
    if (marks == MPL)
        keep(answer->mpl_id, sizeof answer->mpl_id, value);
    if (marks == ROUTER)
        keep(answer->router_error, sizeof answer->router_error, value);
}

void catalogue_body(struct catalogue_answer *answer, struct bytes piece)
{
    for (size_t i = 0; i < piece.size && answer->body_len < sizeof answer->body; i++)
        answer->body[answer->body_len++] = (char)piece.data[i];
}

/* A failed flow tells its MPL id in the text (at least where an old runtime has no field for it). */
static void find_mpl_id(struct catalogue_answer *answer, struct bytes body)
{
    struct bytes id = behind(body, "mpl id for the failed message is : ");
    if (id.data == NULL)
        return;
    answer->marks |= MPL;
    size_t len = 0;
    while (len < id.size && id.data[len] > ' ' && id.data[len] != '<')
        len++;
    if (answer->mpl_id[0] == '\0')
        keep(answer->mpl_id, sizeof answer->mpl_id, (struct bytes){id.data, len});
}

static bool fits(const struct row *row, const struct catalogue_answer *answer, struct bytes body)
{
    if (answer->status < row->first || answer->status > row->last || (answer->marks & row->with) != row->with ||
        (answer->marks & row->without) != 0)
        return false;
    if ((row->with & ROUTER) != 0)
        body = bytes_of_string(answer->router_error);
    return has(body, row->text);
}

enum ifl_status catalogue_classify(struct catalogue_answer *answer)
{
    struct bytes body = bytes_of(answer->body, answer->body_len);
    find_mpl_id(answer, body);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (fits(&rows[i], answer, body))
            return (enum ifl_status)rows[i].verdict;
    return IFL_ANSWER_SERVER_ERROR;
}

bool catalogue_proves_identity(enum ifl_status verdict)
{
    switch (verdict) {
    case IFL_ACCEPTED:
    case IFL_ANSWER_ROLE:
    case IFL_ANSWER_CSRF:
    case IFL_ANSWER_NOT_DEPLOYED:
    case IFL_ANSWER_REJECTED:
    case IFL_ANSWER_FLOW_FAILED:
        return true;
    default:
        return false;
    }
}

bool catalogue_refuses_identity(enum ifl_status verdict)
{
    return (verdict >= IFL_TLS_CLIENT_REFUSED && verdict <= IFL_TLS_CLIENT_DROPPED) ||
           (verdict >= IFL_ANSWER_NO_CLIENT_CERT && verdict <= IFL_ANSWER_UNAUTHORIZED);
}
