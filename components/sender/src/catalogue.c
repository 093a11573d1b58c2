#include "sender/catalogue.h"

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
    {401, 401, HTML, OWN, IFL_ANSWER_NO_CLIENT_CERT, NULL},
    /* <InvalidClientException>: the key was deleted, or is of another subaccount */
    {401, 401, 0, 0, IFL_ANSWER_KEY_UNKNOWN, "not configured in a service key"},
    /* the same exception: two service keys have this certificate */
    {401, 401, 0, 0, IFL_ANSWER_KEY_TWICE, "exactly once"},
    /* unauthorized_user: Basic or secret is wrong */
    {401, 401, 0, 0, IFL_ANSWER_BAD_CREDENTIALS, "unauthorized_user"},
    {401, 401, 0, 0, IFL_ANSWER_BAD_CREDENTIALS, "bad credentials"},
    /* WWW-Authenticate: Bearer, invalid_token */
    {401, 401, BEARER, 0, IFL_ANSWER_TOKEN, NULL},
    {401, 401, 0, 0, IFL_ANSWER_TOKEN, "invalid_token"},
    {401, 401, BASIC | OWN, 0, IFL_ANSWER_BAD_CREDENTIALS, NULL},
    /* an answer without a body, as to HEAD */
    {401, 401, BASIC, 0, IFL_ANSWER_NO_CLIENT_CERT, NULL},
    {401, 401, 0, 0, IFL_ANSWER_UNAUTHORIZED, NULL},
    /* the container's page, without a CSRF field */
    {403, 403, 0, CSRF | ROUTER, IFL_ANSWER_ROLE, NULL},
    /* X-CSRF-Token: Required */
    {403, 403, CSRF, 0, IFL_ANSWER_CSRF, NULL},
    /* X-Cf-RouterError: unknown_route */
    {404, 404, ROUTER, 0, IFL_ANSWER_HOST_UNKNOWN, NULL},
    {404, 404, 0, 0, IFL_ANSWER_NOT_DEPLOYED, NULL},
    /* X-Cf-RouterError: empty_host */
    {400, 400, ROUTER, 0, IFL_ANSWER_NO_HOST, "empty_host"},
    /* nginx: "The SSL certificate error", "No required SSL certificate was sent" */
    {400, 400, 0, MPL, IFL_ANSWER_PROXY_CERT, "ssl certificate"},
    /* MPL id, no router error: the flow rejects this payload */
    {400, 400, MPL, ROUTER, IFL_ANSWER_REJECTED, NULL},
    {415, 415, MPL, ROUTER, IFL_ANSWER_REJECTED, NULL},
    {405, 405, 0, 0, IFL_ANSWER_METHOD, NULL},
    {408, 408, 0, 0, IFL_ANSWER_TEMPORARY, NULL},
    {425, 425, 0, 0, IFL_ANSWER_TEMPORARY, NULL},
    {429, 429, 0, 0, IFL_ANSWER_BUSY, NULL},
    /* X-Cf-RouterError: endpoint_failure, no_endpoints, Connection Limit Reached */
    {502, 504, ROUTER, 0, IFL_ANSWER_NO_ENDPOINT, NULL},
    {502, 504, 0, 0, IFL_ANSWER_TEMPORARY, NULL},
    {413, 413, 0, 0, IFL_ANSWER_BODY_TOO_LARGE, NULL},
    /* X-Cf-RouterError: max-request-size-exceeded; never the body */
    {431, 431, 0, 0, IFL_ANSWER_HEADERS_TOO_LARGE, NULL},
    /* "... The MPL ID for the failed message is : <id>" */
    {500, 500, MPL, ROUTER, IFL_ANSWER_FLOW_FAILED, NULL},
    /* the container's page: a trial tenant chokes on the certificate */
    {500, 500, HTML, ROUTER | OWN, IFL_ANSWER_TRIAL, NULL},
    /* A page from something that isn't a flow (a flow's answer has an MPL id): most often a login page. */
    {200, 299, HTML, MPL, IFL_ANSWER_LOGIN_PAGE, NULL},
    {300, 399, LOGIN, 0, IFL_ANSWER_LOGIN_PAGE, NULL},
    {200, 299, 0, 0, IFL_ACCEPTED, NULL},
    /* what the catalogue doesn't know */
    {300, 399, 0, 0, IFL_ANSWER_REDIRECT, NULL},
    {400, 499, 0, 0, IFL_ANSWER_CLIENT_ERROR, NULL},
    {500, 599, ROUTER, 0, IFL_ANSWER_NO_ENDPOINT, NULL},
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool starts_with_ignore_case(const char *at, size_t size, const char *lower_text)
{
    size_t i = 0;
    while (i < size && lower_text[i] != '\0' && lower(at[i]) == lower_text[i])
        i++;
    return lower_text[i] == '\0';
}

/* The position behind `lower_text` in `hay`, or 0 if it isn't there. */
static size_t find_behind(struct bytes hay, const char *lower_text)
{
    const char *text = (const char *)hay.data;
    size_t len = bytes_of_string(lower_text).size;
    for (size_t at = 0; at + len <= hay.size; at++)
        if (starts_with_ignore_case(text + at, hay.size - at, lower_text))
            return at + len;
    return 0;
}

static bool is(struct bytes name, const char *text)
{
    return bytes_equal_ignore_case(name, bytes_of_string(text));
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

/* The addresses of SAP's authentication services, of SAML and of OAuth. */
static bool is_login_address(struct bytes location)
{
    return find_behind(location, ".authentication.") > 0 || find_behind(location, "/oauth/authorize") > 0 ||
           find_behind(location, "/saml2/") > 0 || find_behind(location, "/login") > 0;
}

void catalogue_field(struct catalogue_answer *answer, struct bytes name, struct bytes value)
{
    unsigned mark = 0;
    if (is(name, "Content-Type")) {
        mark = is(http_media_type(value), "text/html") ? HTML : 0;
    } else if (is(name, "SAP_MessageProcessingLogID")) {
        mark = MPL;
        keep(answer->mpl_id, sizeof answer->mpl_id, value);
    } else if (is(name, "X-Cf-RouterError")) {
        mark = ROUTER;
        keep(answer->router_error, sizeof answer->router_error, value);
    } else if (is(name, "X-CSRF-Token")) {
        mark = is(value, "Required") ? CSRF : 0;
    } else if (is(name, "WWW-Authenticate")) {
        mark = (find_behind(value, "basic") > 0 ? BASIC : 0u) | (find_behind(value, "bearer") > 0 ? BEARER : 0u);
    } else if (is(name, "Location")) {
        mark = is_login_address(value) ? LOGIN : 0;
    }
    answer->marks |= (uint16_t)mark;
}

void catalogue_body(struct catalogue_answer *answer, struct bytes piece)
{
    for (size_t i = 0; i < piece.size && answer->body_len < sizeof answer->body; i++)
        answer->body[answer->body_len++] = (char)piece.data[i];
}

/* A failed flow tells its MPL id in the text (at least where an old runtime has no field for it). */
static void find_mpl_id(struct catalogue_answer *answer, struct bytes body)
{
    size_t at = find_behind(body, "mpl id for the failed message is :");
    if (at == 0)
        return;
    answer->marks |= MPL;
    struct bytes id = bytes_tail(body, at);
    while (id.size > 0 && id.data[0] == ' ')
        id = bytes_tail(id, 1);
    size_t len = 0;
    while (len < id.size && id.data[len] > ' ' && id.data[len] != '<')
        len++;
    if (answer->mpl_id[0] == '\0')
        keep(answer->mpl_id, sizeof answer->mpl_id, bytes_head(id, len));
}

static bool fits(const struct row *row, const struct catalogue_answer *answer, struct bytes body)
{
    if (answer->status < row->first || answer->status > row->last || (answer->marks & row->with) != row->with ||
        (answer->marks & row->without) != 0)
        return false;
    if (row->text == NULL)
        return true;
    return find_behind((row->with & ROUTER) != 0 ? bytes_of_string(answer->router_error) : body, row->text) > 0;
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
