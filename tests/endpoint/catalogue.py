"""What the other side can answer: one list of rows for the tests to iterate over.

A row says how it is brought about (`trigger`), what a client then sees, and what a sender has to do (`action`). Texts are
as reported by SAP's help, by the sources of the Cloud Foundry router and by people's reports; `inferred` marks rows whose
exact form nobody publishes. Lists in this file:

* ANSWERS            HTTP answers by name, usable as scripted faults;
* CATALOGUE          the rows of the error catalogue, TLS alerts included;
* SERVER_CERTIFICATES server certificates that a client has to refuse;
* TRANSPORT_FAULTS   what can happen to the TCP connection;
* WIRE_ANSWERS       bytes that are no proper HTTP answer.

Actions: `done`, `retry_route` and `retry_host` (backoff), `hold_route`, `hold_host` and `hold_identity` (slow probe, nothing
is lost), `dead_letter`, `split_or_dead_letter`, `fetch_csrf` (fetch a token, repeat once), `new_token` (once, then hold),
`full_handshake` (drop the TLS session, try once more, then classify)."""

import dataclasses

ACTIONS = (
    "done", "retry_route", "retry_host", "hold_route", "hold_host", "hold_identity", "dead_letter",
    "split_or_dead_letter", "fetch_csrf", "new_token", "full_handshake",
)  # fmt: skip

REASONS = {
    200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 302: "Found", 400: "Bad Request",
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
    411: "Length Required", 413: "Request Entity Too Large", 415: "Unsupported Media Type", 425: "Too Early",
    429: "Too Many Requests", 431: "Request Header Fields Too Large", 500: "Internal Server Error",
    502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Answer:
    """An HTTP answer. `source` decides about the headers that come with it: `router` and `nginx` know nothing of flows,
    `tomcat` is the runtime before the flow, `flow` carries a message processing log id. {host} and {mpl} are filled in."""

    status: int
    source: str
    headers: tuple = ()
    body: str = ""
    chunked: bool = False
    accepted: bool = False  # the flow took the message
    effect: str = ""  # instead of answering: "reset", "close" or "silence"
    delay_ms: int = 0


def tomcat_page(status):
    """An error page of the servlet container: HTML, no diagnosis."""
    title = f"HTTP Status {status} \u2013 {REASONS[status]}"
    return (
        f'<!doctype html><html lang="en"><head><title>{title}</title>'
        f"<style>body {{font-family:sans-serif;}}</style></head><body><h1>{title}</h1></body></html>"
    )


def _tomcat(status, *headers):
    html = (("Content-Type", "text/html;charset=utf-8"), ("Content-Language", "en"))
    return Answer(status, "tomcat", html + headers, tomcat_page(status))


def _router(status, error, text, *headers):
    plain = (("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff"))
    body = f"{status} {REASONS[status]}: {text}\n" if text else ""
    return Answer(status, "router", (("X-Cf-RouterError", error),) + headers + (plain if text else ()), body)


def _security(status, exception, error, text, *headers):
    body = f"<{exception}><error>{error}</error><error_description>{text}</error_description></{exception}>"
    return Answer(status, "tomcat", (("Content-Type", "application/xml;charset=UTF-8"),) + headers, body)


def _flow(status, body, *headers, **more):
    if "Content-Type" not in dict(headers):
        headers = (("Content-Type", "text/plain;charset=UTF-8"), *headers)
    return Answer(status, "flow", headers, body, **more)


def _nginx_page(text):
    page = f"<html>\r\n<head><title>400 {text}</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n"
    return page + f"<center>{text}</center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"


BASIC_REALM = ("WWW-Authenticate", 'Basic realm="SAP Cloud Integration"')
LOGIN_PAGE = (
    '<!DOCTYPE html><html><head><title>Log On</title></head><body><form id="logOnForm" action="/saml2/idp/sso" '
    'method="post"><input name="j_username"><input name="j_password" type="password"></form></body></html>'
)
FAILED_FLOW = (
    "An internal server error occured: {text}The MPL ID for the failed message is : {{mpl}}\n"
    "For more details please check tail log."
)

ANSWERS = {
    # accepted
    "200": _flow(200, "", accepted=True),
    "200_body": _flow(200, "received", accepted=True),
    "200_chunked": _flow(200, '{"result":"stored"}', ("Content-Type", "application/json"), accepted=True, chunked=True),
    "201": _flow(201, "created", accepted=True),
    "202": _flow(202, "", accepted=True),
    "204": Answer(204, "flow", accepted=True),
    "200_large_body": _flow(200, "x" * 100_000, accepted=True, chunked=True),
    # who are you
    "401_no_certificate": _tomcat(401, BASIC_REALM),
    "401_not_configured": _security(
        401, "InvalidClientException", "invalid_client",
        "The client certificate is not configured in a service key of a Process Integration Runtime service instance.",
    ),
    "401_exactly_once": _security(
        401, "InvalidClientException", "invalid_client",
        "Either the client certificate is not configured exactly once in a service key of a Process Integration Runtime "
        "service instance or client-certificate authentication was not enabled for your tenant.",
    ),
    "401_bad_credentials": _security(
        401, "UnauthorizedUserException", "unauthorized_user", "Bad credentials", BASIC_REALM,
    ),
    "401_invalid_token": _security(
        401, "oauth", "invalid_token", "Access token expired",
        ("WWW-Authenticate", 'Bearer realm="oauth", error="invalid_token", error_description="Access token expired"'),
    ),
    "403_role": _tomcat(403),
    "403_csrf": Answer(
        403, "tomcat", (("X-CSRF-Token", "Required"), ("Content-Type", "text/html;charset=utf-8")), tomcat_page(403)
    ),
    # where is it
    "404_unknown_route": _router(
        404, "unknown_route", "Requested route ('{host}') does not exist.", ("Cache-Control", "public,max-age=2")
    ),
    "404_not_deployed": _tomcat(404),
    "200_login_page": Answer(200, "login", (("Content-Type", "text/html;charset=UTF-8"),), LOGIN_PAGE),
    "302_login": Answer(
        302, "login", (("Location", "https://{token_host}/oauth/authorize?response_type=code&client_id=sb-login"),)
    ),
    "405": _tomcat(405, ("Allow", "GET, HEAD")),
    # the request
    "400_empty_host": _router(400, "empty_host", "Request had empty Host header"),
    "400_nginx_certificate_error": Answer(
        400, "nginx", (("Content-Type", "text/html"),), _nginx_page("The SSL certificate error")
    ),
    "400_nginx_no_certificate": Answer(
        400, "nginx", (("Content-Type", "text/html"),), _nginx_page("No required SSL certificate was sent")
    ),
    "400_flow": _flow(400, "Field 'unit' is missing in the reading."),
    "415_flow": _flow(415, "Content type application/octet-stream is not supported by this integration flow."),
    "413": _flow(413, "Message size exceeds the configured limit of the sender adapter. MPL ID: {mpl}"),
    "431": _router(431, "max-request-size-exceeded", "", ("Connection", "close")),
    # later
    "408": _tomcat(408, ("Connection", "close")),
    "425": Answer(425, "tomcat"),
    "429": _tomcat(429),
    "429_retry_after": Answer(429, "tomcat", (("Retry-After", "2"),)),
    "429_retry_after_date": Answer(429, "tomcat", (("Retry-After", "{date+2}"),)),
    "502_endpoint_failure": _router(502, "endpoint_failure", "Registered endpoint failed to handle the request."),
    "503_no_endpoints": _router(503, "no_endpoints", "Requested route ('{host}') has no available endpoints."),
    "503_connection_limit": _router(
        503, "Connection Limit Reached", "Requested route ('{host}') has reached the connection limit."
    ),
    "503": _tomcat(503),
    "503_retry_after": _tomcat(503, ("Retry-After", "1")),
    "503_retry_after_long": _tomcat(503, ("Retry-After", "7200")),
    "503_retry_after_garbage": _tomcat(503, ("Retry-After", "soon")),
    "503_retry_after_negative": _tomcat(503, ("Retry-After", "-5")),
    "503_retry_after_2100": _tomcat(503, ("Retry-After", "Fri, 01 Jan 2100 00:00:00 GMT")),
    "504": _tomcat(504),
    "504_router": _router(504, "endpoint_failure", "The request timed out."),
    # the flow
    "500_flow": _flow(500, FAILED_FLOW.format(text="")),
    "500_flow_text": _flow(
        500, FAILED_FLOW.format(text="java.net.ConnectException: Connection refused (receiver is down). ")
    ),
    "500_trial": _tomcat(500),
    # no answer at all
    "reset_before_processing": Answer(0, "none", effect="reset"),
    "reset_after_processing": Answer(0, "none", effect="reset", accepted=True),
    "close_before_processing": Answer(0, "none", effect="close"),
    "close_after_processing": Answer(0, "none", effect="close", accepted=True),
    "silence": Answer(0, "none", effect="silence"),
    "silence_after_processing": Answer(0, "none", effect="silence", accepted=True),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Row:
    """`trigger` is {"answer": name of ANSWERS}, {"connection": fault of the TCP front} or {"state": what is wrong in the
    tenant}. A TLS row has an alert number, or none where the connection just breaks; an HTTP row has status, headers that
    must be there (value None: must be absent) and a text that must be in the body."""

    name: str
    seen: str
    trigger: dict
    action: str
    status: int = 0
    headers: dict = dataclasses.field(default_factory=dict)
    body_has: str = ""
    alert: int = 0
    position: str = ""  # TLS rows: "hello" (right after the ClientHello) or "finished" (after the client's Finished)
    tls: tuple = ("1.2", "1.3")
    inferred: bool = False

    @property
    def is_tls(self):
        return self.status == 0


def _alert(name, number, position, action, seen, **more):
    fault = {"backend": "alert", "alert": number, "position": position}
    return Row(name, seen, {"connection": fault}, action, alert=number, position=position, **more)


def _answer(name, seen, action, answer=None, **expected):
    script = ANSWERS[answer or name]
    return Row(name, seen, {"answer": answer or name}, action, status=script.status, **expected)


_NO_ROUTER = {"X-Cf-RouterError": None}
_HTML = {"Content-Type": "text/html;charset=utf-8", "X-Cf-RouterError": None, "SAP_MessageProcessingLogID": None}

CATALOGUE = [
    # TLS: the client certificate is refused
    _alert("alert_unknown_ca", 48, "finished", "hold_identity", "chain incomplete, or its CA isn't trusted"),
    _alert("alert_bad_certificate", 42, "finished", "hold_identity", "the load balancer can't use the certificate"),
    _alert("alert_certificate_unknown", 46, "finished", "hold_identity", "an unnamed problem with the certificate"),
    _alert("alert_certificate_expired", 45, "finished", "hold_identity", "the client certificate has expired"),
    _alert("alert_certificate_revoked", 44, "finished", "hold_identity", "the client certificate is revoked"),
    _alert("alert_unsupported_certificate", 43, "finished", "hold_identity", "no EKU clientAuth"),
    _alert("alert_handshake_failure_late", 40, "finished", "hold_identity", "certificate refused without a reason"),
    _alert("alert_certificate_required", 116, "finished", "hold_identity", "no client certificate came",
           tls=("1.3",)),
    _alert("alert_access_denied", 49, "finished", "hold_identity", "certificate valid, access denied", inferred=True),
    Row("tls13_reset_after_finished", "TLS 1.3: bare reset after our Finished; twice on fresh handshakes",
        {"connection": {"backend": "alert", "alert": 0, "position": "finished"}}, "hold_identity",
        position="finished", tls=("1.3",)),
    # TLS: wrong host
    _alert("alert_unrecognized_name", 112, "hello", "hold_host", "wrong host, or no SNI"),
    _alert("alert_handshake_failure", 40, "hello", "hold_host", "wrong host, or no common parameters"),
    # 401
    Row("401_no_certificate", "Tomcat page: no client certificate reached the runtime",
        {"state": {"drop_client_certificates": True}}, "hold_identity", 401,
        {**_HTML, "WWW-Authenticate": BASIC_REALM[1]}, "HTTP Status 401"),
    Row("401_not_configured", "service key deleted, or of another subaccount", {"state": {"key": "deleted"}},
        "hold_identity", 401, _NO_ROUTER, "is not configured in a service key"),
    Row("401_exactly_once", "the same certificate is in two service keys", {"state": {"key": "double"}},
        "hold_identity", 401, _NO_ROUTER, "exactly once"),
    _answer("401_bad_credentials", "Basic or secret wrong", "hold_identity", body_has="unauthorized_user"),
    _answer("401_invalid_token", "token expired or of another tenant", "new_token", body_has="invalid_token",
            headers={"WWW-Authenticate": 'Bearer realm="oauth", error="invalid_token", '
                                         'error_description="Access token expired"'}),
    Row("401_resumed", "a proxy lost the certificate on the resumed session",
        {"state": {"lose_certificate_on_resumption": True}}, "full_handshake", 401, _HTML, "HTTP Status 401"),
    # 403
    Row("403_role", "role missing, or the DN isn't authorised in the adapter", {"state": {"role": "Not.ours"}},
        "hold_route", 403, {**_HTML, "X-CSRF-Token": None}, "HTTP Status 403"),
    Row("403_csrf", "CSRF protection is on", {"state": {"csrf": True}}, "fetch_csrf", 403,
        {"X-CSRF-Token": "Required"}),
    # 404 and other wrong places
    Row("404_unknown_route", "wrong host, or the tenant is stopped", {"state": {"stopped": True}}, "hold_host", 404,
        {"X-Cf-RouterError": "unknown_route"}, "404 Not Found: Requested route ('"),
    Row("404_not_deployed", "flow not deployed, or wrong address", {"state": {"deployed": False}}, "hold_route", 404,
        _HTML, "HTTP Status 404"),
    _answer("405", "wrong method or address, not the payload", "hold_route", headers=_NO_ROUTER),
    _answer("200_login_page", "host without -rt, not an integration flow", "hold_host", body_has="<form",
            headers={"Content-Type": "text/html;charset=UTF-8"}),
    _answer("302_login", "redirect to an authentication host", "hold_host"),
    # 400 and sizes
    _answer("400_empty_host", "Host header missing: our defect", "hold_host",
            headers={"X-Cf-RouterError": "empty_host"}),
    _answer("400_nginx_certificate_error", "a reverse proxy refuses the certificate", "hold_identity",
            body_has="The SSL certificate error"),
    _answer("400_nginx_no_certificate", "a reverse proxy saw no certificate", "hold_identity",
            body_has="No required SSL certificate was sent"),
    _answer("400_flow", "the flow rejects this payload", "dead_letter", headers=_NO_ROUTER),
    _answer("415_flow", "the flow rejects this content type", "dead_letter", headers=_NO_ROUTER),
    _answer("413", "body too large", "split_or_dead_letter", headers=_NO_ROUTER, body_has="MPL"),
    _answer("431", "request line and headers too large, never the body", "hold_route",
            headers={"X-Cf-RouterError": "max-request-size-exceeded"}),
    # later
    _answer("408", "temporary", "retry_route"),
    _answer("425", "temporary", "retry_route"),
    _answer("429", "temporary", "retry_host"),
    _answer("429_retry_after", "temporary, in seconds", "retry_host", headers={"Retry-After": "2"}),
    _answer("429_retry_after_date", "temporary, as a date", "retry_host"),
    _answer("502_endpoint_failure", "temporary", "retry_host", headers={"X-Cf-RouterError": "endpoint_failure"}),
    _answer("503_no_endpoints", "temporary", "retry_host", headers={"X-Cf-RouterError": "no_endpoints"}),
    _answer("503_connection_limit", "temporary", "retry_host",
            headers={"X-Cf-RouterError": "Connection Limit Reached"}),
    _answer("503", "temporary", "retry_route", headers=_NO_ROUTER),
    _answer("503_retry_after", "temporary, with Retry-After", "retry_route", headers={"Retry-After": "1"}),
    _answer("504", "temporary", "retry_route", headers=_NO_ROUTER),
    _answer("504_router", "temporary", "retry_host", headers={"X-Cf-RouterError": "endpoint_failure"}, inferred=True),
    # 500
    _answer("500_flow", "the flow failed", "retry_route", body_has="The MPL ID for the failed message is : "),
    _answer("500_flow_text", "the flow failed, with a reason", "retry_route", body_has="receiver is down"),
    Row("500_trial", "client certificates on a trial tenant", {"state": {"trial": True}}, "hold_identity", 500, _HTML,
        "HTTP Status 500"),
    # accepted
    _answer("200", "accepted, empty body", "done"),
    _answer("200_chunked", "accepted, chunked body", "done", headers={"Transfer-Encoding": "chunked"}),
    _answer("200_large_body", "accepted, a body that nobody needs", "done", headers={"Transfer-Encoding": "chunked"}),
    _answer("201", "accepted", "done"),
    _answer("202", "accepted", "done"),
    _answer("204", "accepted, no body allowed", "done"),
]  # fmt: skip

# A client that trusts only the good root must refuse each of these before it sends a byte of a message.
SERVER_CERTIFICATES = ["wrong_host", "expired", "not_yet_valid", "self_signed", "wrong_ca", "incomplete"]

# Faults of the connection, in the form that POST /connections takes; the action is retry_host for each of them.
TRANSPORT_FAULTS = {
    "reset_on_connect": {"fault": "reset_on_connect"},
    "close_on_connect": {"fault": "close_on_connect"},
    "silence": {"fault": "silence"},
    "reset_in_client_hello": {"fault": "reset_after_request_bytes", "n": 40},
    "reset_in_server_flight": {"fault": "reset_after_response_bytes", "n": 1000},
    "close_in_server_flight": {"fault": "close_after_response_bytes", "n": 1000},
    "reset_in_client_flight": {"fault": "reset_after_request_bytes", "n": 1500},
    "close_in_client_flight": {"fault": "close_after_request_bytes", "n": 1500},
    "silence_in_server_flight": {"fault": "silence_after_response_bytes", "n": 500},
}

_OK = b"HTTP/1.1 200 OK\r\n"


@dataclasses.dataclass(frozen=True)
class WireAnswer:
    """Bytes sent instead of an HTTP answer. `then`: "close" (without close_notify), "close_notify", "reset", "hang", "keep"
    or "endless" (`filler` again and again until the client closes). `action` is what a strict client makes of it: a message
    counts as accepted once the header block of a 2xx is complete and sound, whatever happens to the body."""

    name: str
    data: bytes
    then: str = "close_notify"
    action: str = "retry_host"
    early: bool = False  # sent as soon as the handshake is done, before the request
    filler: bytes = b""


WIRE_ANSWERS = [
    WireAnswer("no_status_line", b"hello, this is not HTTP\r\n\r\n"),
    WireAnswer("empty_answer", b""),
    WireAnswer("empty_answer_no_close_notify", b"", "close"),
    WireAnswer("reset_instead_of_answer", b"", "reset"),
    WireAnswer("http2_preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    WireAnswer("http2_settings_frame", bytes.fromhex("000000040000000000")),
    WireAnswer("tls_in_tls", bytes.fromhex("15030300020228")),
    WireAnswer("status_99", b"HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n"),
    WireAnswer("status_999", b"HTTP/1.1 999 High\r\nContent-Length: 0\r\n\r\n"),
    WireAnswer("status_not_a_number", b"HTTP/1.1 2OO OK\r\nContent-Length: 0\r\n\r\n"),
    WireAnswer("http_1_0", b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nfine", action="done"),
    WireAnswer("http_1_0_503", b"HTTP/1.0 503 Busy\r\nContent-Type: text/plain\r\n\r\nlater", action="retry_route"),
    WireAnswer("no_length_and_close", _OK + b"Content-Type: text/plain\r\n\r\nfine", action="done"),
    WireAnswer("continue_first", b"HTTP/1.1 100 Continue\r\n\r\n" + _OK + b"Content-Length: 0\r\n\r\n", "keep", "done"),
    WireAnswer("early_hints_first", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + _OK + b"Content-Length: 0\r\n\r\n",
               "keep", "done"),
    WireAnswer("flood_of_100", b"HTTP/1.1 100 Continue\r\n\r\n" * 5000, "close"),
    WireAnswer("switching_protocols", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
    WireAnswer("length_twice", _OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
    WireAnswer("length_negative", _OK + b"Content-Length: -1\r\n\r\nhello"),
    WireAnswer("length_not_a_number", _OK + b"Content-Length: 5x\r\n\r\nhello"),
    WireAnswer("length_overflow", _OK + b"Content-Length: 18446744073709551621\r\n\r\nhello"),
    WireAnswer("length_and_chunked", _OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    WireAnswer("chunk_size_overflow", _OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nhello", action="done"),
    WireAnswer("chunk_size_garbage", _OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nhello", action="done"),
    WireAnswer("chunk_extension_and_trailer",
               _OK + b"Transfer-Encoding: chunked\r\n\r\n5;name=value\r\nhello\r\n0\r\nX-Checksum: 1\r\n\r\n", "keep", "done"),
    WireAnswer("chunks_cut", _OK + b"Transfer-Encoding: chunked\r\n\r\n50\r\nhello", action="done"),
    WireAnswer("body_cut", _OK + b"Content-Length: 500\r\n\r\nhello", action="done"),
    WireAnswer("body_hangs", _OK + b"Content-Length: 500\r\n\r\nhello", "hang", "done"),
    WireAnswer("body_of_1_gb", _OK + b"Content-Length: 1000000000\r\n\r\n", "endless", "done", filler=b"x" * 16384),
    WireAnswer("body_never_ends", _OK + b"Transfer-Encoding: chunked\r\n\r\n", "endless", "done",
               filler=b"4000\r\n" + b"x" * 16384 + b"\r\n"),
    WireAnswer("header_never_ends", _OK, "endless", filler=b"X-More: 1\r\n" * 1000),
    WireAnswer("status_line_never_ends", b"HTTP/1.1 200 ", "endless", filler=b"O" * 16384),
    WireAnswer("header_cut", _OK + b"Content-Le", "close"),
    WireAnswer("header_hangs", _OK + b"Content-Le", "hang"),
    WireAnswer("header_line_64k", _OK + b"X-Long: " + b"a" * 65536 + b"\r\nContent-Length: 0\r\n\r\n"),
    WireAnswer("headers_1000", _OK + b"".join(b"X-%d: 1\r\n" % i for i in range(1000)) + b"Content-Length: 0\r\n\r\n"),
    WireAnswer("header_folded", _OK + b"X-Folded: a\r\n b\r\nContent-Length: 0\r\n\r\n"),
    WireAnswer("header_without_colon", _OK + b"nonsense\r\nContent-Length: 0\r\n\r\n"),
    WireAnswer("header_with_nul", _OK + b"X-Nul: a\x00b\r\nContent-Length: 0\r\n\r\n"),
    WireAnswer("two_answers", (_OK + b"Content-Length: 0\r\n\r\n") * 2, "keep", "done"),
    WireAnswer("answer_before_request", _OK + b"Content-Length: 0\r\n\r\n", "keep", early=True),
    WireAnswer("redirect_to_http", b"HTTP/1.1 302 Found\r\nLocation: http://localhost/\r\nContent-Length: 0\r\n\r\n",
               "keep", "hold_route"),
    WireAnswer("redirect_to_other_host",
               b"HTTP/1.1 307 Temporary Redirect\r\nLocation: https://other.example/\r\nContent-Length: 0\r\n\r\n",
               "keep", "hold_route"),
    WireAnswer("csrf_token_4k", b"HTTP/1.1 403 Forbidden\r\nX-CSRF-Token: Required\r\nSet-Cookie: JSESSIONID="
               + b"c" * 4096 + b"\r\nContent-Length: 0\r\n\r\n", "keep", "fetch_csrf"),
]  # fmt: skip

ROWS = {row.name: row for row in CATALOGUE}
WIRE = {answer.name: answer for answer in WIRE_ANSWERS}
assert len(ROWS) == len(CATALOGUE) >= 28
assert all(row.action in ACTIONS for row in CATALOGUE)
