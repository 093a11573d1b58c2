/* answers.h: what Cloud Integration and what stands before it can answer: the rows of the catalogue with the headers and texts that people see. */
#ifndef SIM_ANSWERS_H
#define SIM_ANSWERS_H

#include "sim.h"

/* Who answers decides about the headers that come with it. */
enum source { FROM_ROUTER, FROM_PROXY, FROM_CONTAINER, FROM_FLOW, FROM_LOGIN };

#define CHUNKED 1
#define CLOSES 2
#define UNTIL_CLOSE 4 /* neither length nor chunks */

#define SIM_ANSWERS(X)                                                                                                 \
    X(200, 200, FROM_FLOW, MEANS_DONE, 0, "Content-Type: text/plain;charset=UTF-8\r\n", "")                            \
    X(200_BODY, 200, FROM_FLOW, MEANS_DONE, 0, "Content-Type: text/plain;charset=UTF-8\r\n", "received")               \
    X(200_CHUNKED, 200, FROM_FLOW, MEANS_DONE, CHUNKED, "Content-Type: application/json\r\n",                          \
      "{\"result\":\"stored\",\"text\":\"0123456789012345678901234567890123456789\"}")                                 \
    X(200_UNTIL_CLOSE, 200, FROM_FLOW, MEANS_DONE, UNTIL_CLOSE | CLOSES, "Connection: close\r\n", "received")          \
    X(201, 201, FROM_FLOW, MEANS_DONE, 0, "Content-Type: text/plain;charset=UTF-8\r\n", "created")                     \
    X(202, 202, FROM_FLOW, MEANS_DONE, 0, "", "")                                                                      \
    X(204, 204, FROM_FLOW, MEANS_DONE, 0, "", "")                                                                      \
    X(TOKEN, 200, FROM_CONTAINER, MEANS_TOKEN, 0, "", "")                                                              \
    X(401_NO_CERTIFICATE, 401, FROM_CONTAINER, MEANS_HOLD_HOST, 0, HTML BASIC, PAGE("401", "Unauthorized"))            \
    X(401_NOT_CONFIGURED, 401, FROM_CONTAINER, MEANS_HOLD_HOST, 0, XML,                                                \
      INVALID_CLIENT("The client certificate is not configured in a service key of a Process Integration Runtime "     \
                     "service instance."))                                                                             \
    X(401_EXACTLY_ONCE, 401, FROM_CONTAINER, MEANS_HOLD_HOST, 0, XML,                                                  \
      INVALID_CLIENT("Either the client certificate is not configured exactly once in a service key of a Process "     \
                     "Integration Runtime service instance or client-certificate authentication was not enabled for "  \
                     "your tenant."))                                                                                  \
    X(401_TOKEN, 401, FROM_CONTAINER, MEANS_HOLD_HOST, 0, HTML "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n", \
      PAGE("401", "Unauthorized"))                                                                                     \
    X(403_ROLE, 403, FROM_CONTAINER, MEANS_HOLD_ROUTE, 0, HTML, PAGE("403", "Forbidden"))                              \
    X(403_CSRF, 403, FROM_CONTAINER, MEANS_CSRF, 0, "X-CSRF-Token: Required\r\n" HTML, PAGE("403", "Forbidden"))       \
    X(404_UNKNOWN_ROUTE, 404, FROM_ROUTER, MEANS_HOLD_HOST, 0, ROUTER("unknown_route"),                                \
      "404 Not Found: Requested route ('" SIM_HOST "') does not exist.\n")                                             \
    X(404_NOT_DEPLOYED, 404, FROM_CONTAINER, MEANS_HOLD_ROUTE, 0, HTML, PAGE("404", "Not Found"))                      \
    X(200_LOGIN_PAGE, 200, FROM_LOGIN, MEANS_HOLD_HOST, 0, "Content-Type: text/html;charset=UTF-8\r\n",                \
      "<!DOCTYPE html><html><head><title>Log On</title></head><body><form id=\"logOnForm\" action=\"/saml2/idp/sso\" " \
      "method=\"post\"></form></body></html>")                                                                         \
    X(302_LOGIN, 302, FROM_LOGIN, MEANS_HOLD_HOST, 0,                                                                  \
      "Location: https://sub.authentication.example/oauth/authorize?response_type=code&client_id=sb-login\r\n", "")    \
    X(302_ELSEWHERE, 302, FROM_FLOW, MEANS_HOLD_ROUTE, 0, "Location: https://elsewhere.example/new\r\n", "")           \
    X(405, 405, FROM_CONTAINER, MEANS_HOLD_ROUTE, 0, HTML "Allow: GET, HEAD\r\n", PAGE("405", "Method Not Allowed"))   \
    X(400_EMPTY_HOST, 400, FROM_ROUTER, MEANS_HOLD_HOST, 0, ROUTER("empty_host"),                                      \
      "400 Bad Request: Request had empty Host header\n")                                                              \
    X(400_NGINX, 400, FROM_PROXY, MEANS_HOLD_HOST, 0, "Content-Type: text/html\r\n",                                   \
      "<html>\r\n<head><title>400 The SSL certificate error</title></head>\r\n<body>\r\n<center><h1>400 Bad "          \
      "Request</h1></center>\r\n<center>The SSL certificate error</center>\r\n<hr><center>nginx</center>\r\n")         \
    X(400_FLOW, 400, FROM_FLOW, MEANS_DEAD_LETTER, 0, "Content-Type: text/plain;charset=UTF-8\r\n",                    \
      "Field 'unit' is missing in the reading.")                                                                       \
    X(415_FLOW, 415, FROM_FLOW, MEANS_DEAD_LETTER, 0, "Content-Type: text/plain;charset=UTF-8\r\n",                    \
      "Content type application/octet-stream is not supported by this integration flow.")                              \
    X(413, 413, FROM_FLOW, MEANS_DEAD_LETTER, 0, "Content-Type: text/plain;charset=UTF-8\r\n",                         \
      "Message size exceeds the configured limit of the sender adapter. MPL ID: {mpl}")                                \
    X(431, 431, FROM_ROUTER, MEANS_HOLD_ROUTE, CLOSES, ROUTER("max-request-size-exceeded") "Connection: close\r\n",    \
      "")                                                                                                              \
    X(408, 408, FROM_CONTAINER, MEANS_RETRY_ROUTE, CLOSES, HTML "Connection: close\r\n",                               \
      PAGE("408", "Request Timeout"))                                                                                  \
    X(425, 425, FROM_CONTAINER, MEANS_RETRY_ROUTE, 0, "", "")                                                          \
    X(429, 429, FROM_CONTAINER, MEANS_RETRY_HOST, 0, HTML, PAGE("429", "Too Many Requests"))                           \
    X(502_ENDPOINT, 502, FROM_ROUTER, MEANS_RETRY_HOST, 0, ROUTER("endpoint_failure"),                                 \
      "502 Bad Gateway: Registered endpoint failed to handle the request.\n")                                          \
    X(503_NO_ENDPOINTS, 503, FROM_ROUTER, MEANS_RETRY_HOST, 0, ROUTER("no_endpoints"),                                 \
      "503 Service Unavailable: Requested route ('" SIM_HOST "') has no available endpoints.\n")                       \
    X(503_LIMIT, 503, FROM_ROUTER, MEANS_RETRY_HOST, 0, ROUTER("Connection Limit Reached"),                            \
      "503 Service Unavailable: Requested route ('" SIM_HOST "') has reached the connection limit.\n")                 \
    X(503, 503, FROM_CONTAINER, MEANS_RETRY_ROUTE, 0, HTML, PAGE("503", "Service Unavailable"))                        \
    X(504, 504, FROM_CONTAINER, MEANS_RETRY_ROUTE, 0, HTML, PAGE("504", "Gateway Timeout"))                            \
    X(500_FLOW, 500, FROM_FLOW, MEANS_RETRY_ROUTE, 0, "Content-Type: text/plain;charset=UTF-8\r\n",                    \
      "An internal server error occured: java.net.ConnectException: Connection refused. The MPL ID for the failed "    \
      "message is : {mpl}\nFor more details please check tail log.")                                                   \
    X(500_TRIAL, 500, FROM_CONTAINER, MEANS_HOLD_HOST, 0, HTML, PAGE("500", "Internal Server Error"))                  \
    X(418, 418, FROM_CONTAINER, MEANS_HOLD_ROUTE, 0, "", "short and stout")                                            \
    X(507, 507, FROM_CONTAINER, MEANS_RETRY_ROUTE, 0, "", "")

#define HTML "Content-Type: text/html;charset=utf-8\r\nContent-Language: en\r\n"
#define XML "Content-Type: application/xml;charset=UTF-8\r\n"
#define BASIC "WWW-Authenticate: Basic realm=\"SAP Cloud Integration\"\r\n"
#define ROUTER(error)                                                                                                  \
    "X-Cf-RouterError: " error "\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"
#define PAGE(status, reason)                                                                                           \
    "<!doctype html><html lang=\"en\"><head><title>HTTP Status " status " - " reason "</title><style>body "            \
    "{font-family:sans-serif;}</style></head><body><h1>HTTP Status " status " - " reason "</h1></body></html>"
#define INVALID_CLIENT(text)                                                                                           \
    "<InvalidClientException><error>invalid_client</error><error_description>" text                                    \
    "</error_description></InvalidClientException>"

enum answer_name {
#define X(name, status, source, meaning, flags, headers, body) ANSWER_##name,
    SIM_ANSWERS(X)
#undef X
        ANSWER_COUNT
};

struct tenant_answer {
    uint16_t status;
    enum source source;
    enum meaning meaning;
    unsigned flags;
    const char *headers, *body;
};

extern const struct tenant_answer tenant_answers[ANSWER_COUNT];

struct answer_more {
    const char *headers; /* further ones, "" = none */
    bool head_request;   /* no body */
};
/* The bytes of an answer into `to`; *head_size is the size of the header block. Returns the whole size. */
size_t answer_render(enum answer_name name, const struct answer_more *more, char *to, size_t size, size_t *head_size);
/* "Fri, 27 Nov 2026 12:00:00 GMT" (RFC 9110 section 5.6.7) */
void answer_date(int64_t unix_s, char to[30]);

#endif
