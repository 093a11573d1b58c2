#include "catalogue/catalogue.h"

#include <string.h>

#include "base/text.h"

enum {
    HTML = CATALOGUE_HTML,
    LOGIN = CATALOGUE_LOGIN,
    ROUTER = CATALOGUE_ROUTER,
    CSRF = CATALOGUE_CSRF,
    BASIC = CATALOGUE_BASIC,
    TOKEN = CATALOGUE_TOKEN,
    MPL = CATALOGUE_MPL,
    OWN = CATALOGUE_OWN,
    UNKNOWN = CATALOGUE_UNKNOWN,
    TWICE = CATALOGUE_TWICE,
    WRONG = CATALOGUE_WRONG,
    NO_HOST = CATALOGUE_NO_HOST,
    SSL = CATALOGUE_SSL,
    LATER = CATALOGUE_LATER,
};

/* ---- what is noticed ---- */

/* Texts stand one behind the other, and one byte says where one begins: a pointer to each would take as much room again. */
#define FIELDS(FIELD)                                                                                                  \
    FIELD(CONTENT_TYPE, "Content-Type")                                                                                \
    FIELD(CSRF_TOKEN, "X-CSRF-Token")                                                                                  \
    FIELD(AUTHENTICATE, "WWW-Authenticate")                                                                            \
    FIELD(MPL_ID, "SAP_MessageProcessingLogID")                                                                        \
    FIELD(ROUTER_ERROR, "X-Cf-RouterError")                                                                            \
    FIELD(LOCATION, "Location")                                                                                        \
    FIELD(RETRY_AFTER, "Retry-After")                                                                                  \
    FIELD(DATE, "Date")                                                                                                \
    FIELD(SET_COOKIE, "Set-Cookie")

#define TEXT(id, text, ...) char id[sizeof text];
#define BYTES(id, text, ...) text,
static const struct names {
    FIELDS(TEXT)
} names = {FIELDS(BYTES)};

static const uint8_t name_at[CATALOGUE_BODY] = {
#define NAME_AT(id, text) [CATALOGUE_##id] = offsetof(struct names, id),
    FIELDS(NAME_AT)};

/* A field that has this text, whatever its case, sets the mark.
 *
 *   Location        the addresses of SAP's authentication services, of OAuth and of SAML
 *   unknown, twice  <InvalidClientException>: "... is not configured in a service key", "... is not configured exactly once in a service key"
 *   certificate     nginx: "The SSL certificate error", "No required SSL certificate was sent"
 *   failed          "... The MPL ID for the failed message is : <id>": an old runtime has no field for it */
#define NOTES(NOTE)                                                                                                    \
    NOTE(html, "text/html", HTML, CONTENT_TYPE)                                                                        \
    NOTE(required, "required", CSRF, CSRF_TOKEN)                                                                       \
    NOTE(basic, "basic", BASIC, AUTHENTICATE)                                                                          \
    NOTE(bearer, "bearer", TOKEN, AUTHENTICATE)                                                                        \
    NOTE(mpl_id, "", MPL, MPL_ID)                                                                                      \
    NOTE(router, "", ROUTER, ROUTER_ERROR)                                                                             \
    NOTE(no_host, "empty_host", NO_HOST, ROUTER_ERROR)                                                                 \
    NOTE(later, "", LATER, RETRY_AFTER)                                                                                \
    NOTE(authentication, ".authentication.", LOGIN, LOCATION)                                                          \
    NOTE(oauth, "/oauth/", LOGIN, LOCATION)                                                                            \
    NOTE(saml, "/saml2/", LOGIN, LOCATION)                                                                             \
    NOTE(login, "/login", LOGIN, LOCATION)                                                                             \
    NOTE(unknown, "not configured in", UNKNOWN, BODY)                                                                  \
    NOTE(twice, "exactly once", TWICE, BODY)                                                                           \
    NOTE(credentials, "bad credentials", WRONG, BODY)                                                                  \
    NOTE(token, "invalid_token", TOKEN, BODY)                                                                          \
    NOTE(certificate, "ssl certificate", SSL, BODY)                                                                    \
    NOTE(failed, "failed message is : ", MPL, BODY)

static const struct note_texts {
    NOTES(TEXT)
} note_texts = {NOTES(BYTES)};

static const struct note {
    uint16_t mark;
    uint8_t field;
    uint8_t text_at;
} notes[] = {
#define NOTE(id, text, mark, field) {mark, CATALOGUE_##field, offsetof(struct note_texts, id)},
    NOTES(NOTE)};

void catalogue_begin(struct catalogue_answer *answer, bool own_credentials)
{
    answer->status = 0;
    answer->marks = own_credentials ? OWN : 0;
    answer->body_len = 0;
    answer->router_error[0] = '\0';
    answer->mpl_id[0] = '\0';
    answer->retry_after[0] = '\0';
    answer->body[0] = '\0';
}

/* Keep a text of the other side: for people, so printable and bounded. An id ends at a space or a tag. */
static void keep(char text[CATALOGUE_TEXT_SIZE], const char *value, bool is_id)
{
    struct text out;
    size_t len = 0;
    while (value[len] != '\0' && !(is_id && ((uint8_t)value[len] <= ' ' || value[len] == '<')))
        len++;
    text_init(&out, text, CATALOGUE_TEXT_SIZE);
    text_printable(&out, bytes_of(value, len), CATALOGUE_TEXT_SIZE - 1);
}

/* The field has the text of a note, and `rest` stands behind it. */
static void notice(struct catalogue_answer *answer, uint16_t mark, const char *rest)
{
    answer->marks |= mark;
    char *text = mark == MPL      ? answer->mpl_id
                 : mark == ROUTER ? answer->router_error
                 : mark == LATER  ? answer->retry_after
                                  : NULL;
    if (text != NULL && text[0] == '\0')
        keep(text, rest, text == answer->mpl_id);
}

static void look_at(struct catalogue_answer *answer, enum catalogue_field field, const char *value)
{
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        const char *text = (const char *)&note_texts + notes[i].text_at;
        const char *found = notes[i].field == field ? text_find(value, text) : NULL;
        if (found != NULL)
            notice(answer, notes[i].mark, found + strlen(text));
    }
}

enum catalogue_field catalogue_field(struct catalogue_answer *answer, const char *name, const char *value)
{
    enum catalogue_field field = 0;
    while (field < CATALOGUE_BODY && !text_is(name, (const char *)&names + name_at[field]))
        field++;
    if (field < CATALOGUE_BODY)
        look_at(answer, field, value);
    return field;
}

void catalogue_body(struct catalogue_answer *answer, struct bytes piece)
{
    for (size_t i = 0; i < piece.size && answer->body_len < CATALOGUE_BODY_SIZE; i++)
        answer->body[answer->body_len++] = piece.data[i] != '\0' ? (char)piece.data[i] : ' ';
    answer->body[answer->body_len] = '\0';
}

/* ---- what it means ---- */

/* The first row that fits is the verdict. A row that isn't about the payload never dead-letters it: 400 and 415 count only with an MPL id
 * and without a router error, because what stands before the flow answers 400 too. */
static const struct row {
    uint32_t status : 9;   /* 4: all of 400..499 */
    uint32_t with : 13;    /* marks that must be there */
    uint32_t verdict : 10; /* enum ifl_status */
} rows[] = {
    {2, MPL, IFL_ACCEPTED},
    {2, HTML, IFL_ANSWER_LOGIN_PAGE}, /* a page from something that isn't a flow */
    {2, 0, IFL_ACCEPTED},

    {3, LOGIN, IFL_ANSWER_LOGIN_PAGE},
    {3, 0, IFL_ANSWER_REDIRECT},

    {401, UNKNOWN, IFL_ANSWER_KEY_UNKNOWN}, /* the key was deleted, or is of another subaccount */
    {401, TWICE, IFL_ANSWER_KEY_TWICE},
    {401, WRONG, IFL_ANSWER_BAD_CREDENTIALS},
    {401, TOKEN, IFL_ANSWER_TOKEN},
    {401, OWN, IFL_ANSWER_BAD_CREDENTIALS},
    {401, HTML,
     IFL_ANSWER_NO_CLIENT_CERT}, /* the servlet container's page, no XML or JSON: nobody was there to be judged */
    {401, BASIC, IFL_ANSWER_NO_CLIENT_CERT}, /* an answer without a body, as to HEAD */
    {401, 0, IFL_ANSWER_UNAUTHORIZED},
    {405, 0, IFL_ANSWER_METHOD},
    {408, 0, IFL_ANSWER_TEMPORARY},
    {413, 0, IFL_ANSWER_BODY_TOO_LARGE},
    {425, 0, IFL_ANSWER_TEMPORARY},
    {429, 0, IFL_ANSWER_BUSY},
    {431, 0, IFL_ANSWER_HEADERS_TOO_LARGE}, /* never the body */
    {403, CSRF, IFL_ANSWER_CSRF},
    {404, ROUTER, IFL_ANSWER_HOST_UNKNOWN},
    {400, NO_HOST, IFL_ANSWER_NO_HOST},
    {4, ROUTER, IFL_ANSWER_CLIENT_ERROR},
    {403, 0, IFL_ANSWER_ROLE},
    {404, 0, IFL_ANSWER_NOT_DEPLOYED},
    {400, MPL, IFL_ANSWER_REJECTED},
    {415, MPL, IFL_ANSWER_REJECTED},
    {400, SSL, IFL_ANSWER_PROXY_CERT},
    {4, 0, IFL_ANSWER_CLIENT_ERROR},

    {5, ROUTER, IFL_ANSWER_NO_ENDPOINT}, /* endpoint_failure, no_endpoints, Connection Limit Reached */
    {502, 0, IFL_ANSWER_TEMPORARY},
    {503, 0, IFL_ANSWER_TEMPORARY},
    {504, 0, IFL_ANSWER_TEMPORARY},
    {500, MPL, IFL_ANSWER_FLOW_FAILED},
    {500, OWN, IFL_ANSWER_SERVER_ERROR},
    {500, HTML, IFL_ANSWER_TRIAL}, /* the container's page: a trial tenant chokes on the certificate */
    {5, 0, IFL_ANSWER_SERVER_ERROR},
};

enum ifl_status catalogue_classify(struct catalogue_answer *answer)
{
    if (answer->status >= 400)
        look_at(answer, CATALOGUE_BODY, answer->body);
    const struct row *row = rows;
    while ((row->status != answer->status && row->status != answer->status / 100) || (row->with & ~answer->marks) != 0)
        row++; /* the last rows of 2, 3, 4 and 5 fit whatever it is */
    return (enum ifl_status)row->verdict;
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
