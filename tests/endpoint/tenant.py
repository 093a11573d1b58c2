"""The tenant's runtime behind the TLS end: what gorouter, the servlet container and the integration flows do.

Speaks plain HTTP/1.1 on a loopback port; the TLS end in front passes on what it knows of the connection in headers named
X-Stand-In-*. The way of a request is that of a real tenant:

    router: header size, host known, tenant running
      -> scripted fault, if one waits for this route
      -> token endpoint or login page, if the host or path says so
      -> authentication: Bearer, Basic, or client certificate -> service key
      -> role of the flow (cached for up to an hour of virtual time)
      -> flow deployed, method allowed, CSRF token
      -> flow: body size, duplicate check, answer

Time is virtual: it moves only when told, so that an hour of role cache passes at once and nothing depends on the speed of
the machine. Everything that arrives is recorded; `accepted` holds each message that a flow took, once."""

import base64
import dataclasses
import email.utils
import hashlib
import json
import secrets
import select
import socket
import threading
import time
import urllib.parse
import uuid

from endpoint import catalogue, pki

ROLE_CACHE_S = 3600
TOKEN_LIFE_S = 43199
HEADERS_MAX_SIZE = 64 * 1024
HEADERS_MAX_COUNT = 101
BODY_MAX_SIZE = 40 * 1024 * 1024
DEFAULT_ROLE = "ESBMessaging.send"
DEFAULT_ROUTE = "/http/plant/telemetry"
RECORDED_HEADERS = ("content-type", "user-agent", "sap_applicationid", "sapmessageid", "sap_sender", "sap_receiver",
                    "accept", "transfer-encoding", "content-length", "connection", "expect")  # fmt: skip


@dataclasses.dataclass
class Flow:
    """An integration flow with an HTTPS sender adapter."""

    path: str
    deployed: bool = True
    csrf: bool = False
    role: str = DEFAULT_ROLE
    methods: tuple = ()  # empty: any
    authorized_subject: str = ""  # empty: by role; else "Client Certificate" authorisation in the adapter
    id_headers: tuple = ("sapmessageid", "sap_applicationid")  # of the Idempotent Process Call; empty: no such step
    answer: str = "200_chunked"
    body_max_size: int = BODY_MAX_SIZE


@dataclasses.dataclass
class ServiceKey:
    """A service key of the tenant. `uses` counts the service keys that hold this certificate: 0 after deletion."""

    name: str
    subject: str
    issuer: str
    serial: str
    client_id: str = pki.CLIENT_ID
    secret: str = pki.CLIENT_SECRET
    roles: set = dataclasses.field(default_factory=lambda: {DEFAULT_ROLE})
    uses: int = 1


@dataclasses.dataclass
class Fault:
    """A scripted answer: the next `times` matching requests (0: all, until reset) after `skip` others."""

    answer: catalogue.Answer
    scenario: str
    route: str = ""
    times: int = 1
    skip: int = 0
    methods: tuple = ()
    body_bytes: int = -1  # cut the connection after that many bytes of the request's body


class Request:
    """One request with what the TLS end said about its connection."""

    def __init__(self, method, target, version, fields):
        self.method, self.target, self.version, self.fields = method, target, version, fields
        self.path = target.split("?", 1)[0]
        self.headers = {}
        for name, value in fields:
            self.headers.setdefault(name.lower(), value)
        self.body = b""

    def get(self, name, default=""):
        return self.headers.get(name, default)

    @property
    def host(self):
        return self.get("host").rsplit(":", 1)[0].lower()


class Tenant:
    """State of the runtime. All public methods may be called from any thread."""

    def __init__(self, host, login_host, token_host, log=None):
        self.host, self.login_host, self.token_host = host, login_host, token_host
        self.log = log
        self.front = None  # the TCP front: for resets and connection numbers
        self.lock = threading.RLock()
        self._stopping = threading.Event()
        self._released = threading.Event()
        self._threads, self._sockets = set(), set()
        self.reset()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self._accepter = threading.Thread(target=self._accept, name="tenant", daemon=True)
        self._accepter.start()

    # Control

    def reset(self):
        """Forget everything but the service keys' certificates."""
        with self.lock:
            self.flows = {}
            for path in (DEFAULT_ROUTE, "/http/plant/alarm", "/cxf/plant/order"):
                self.flows[path] = Flow(path)
            self.keys = {name: dataclasses.replace(key, roles={DEFAULT_ROLE}, uses=1)
                         for name, key in getattr(self, "keys", {}).items()}
            self.faults, self.records, self.accepted = [], [], []
            self.seen, self.sessions, self.tokens, self.role_cache = {}, {}, {}, {}
            self.time_s, self.date_offset_s = 0, 0
            self.stopped = self.trial = self.drop_client_certificates = False
            self.lose_certificate_on_resumption = False
            self.pinning, self.unknown_address_status = True, 404
            self._wire = {}
            released, self._released = self._released, threading.Event()
        released.set()

    def add_key(self, name, details):
        with self.lock:
            self.keys[name] = ServiceKey(name, details["subjectdn"], details["issuerdn"],
                                         details["serialnumber"].upper().lstrip("0"))

    def add_fault(self, scenario, route="", times=1, skip=0, methods=(), body_bytes=-1, **inline):
        """Script an answer. `scenario` names one of catalogue.ANSWERS; with status, headers, body, effect, accepted,
        chunked or delay_ms given it's a new answer of that name (or a changed copy of a known one)."""
        known = catalogue.ANSWERS.get(scenario)
        if known is None and "status" not in inline and "effect" not in inline and body_bytes < 0:
            raise ValueError(f"no such scenario: {scenario}; known are {', '.join(catalogue.ANSWERS)}")
        answer = known or catalogue.Answer(0, "flow")
        if "headers" in inline:
            headers = inline["headers"]
            inline["headers"] = tuple(map(tuple, headers.items() if isinstance(headers, dict) else headers))
        answer = dataclasses.replace(answer, **inline)
        with self.lock:
            self.faults.append(Fault(answer, scenario, route, times, skip, tuple(methods), body_bytes))

    def set_flow(self, path, **changes):
        """Deploy, undeploy or change a flow; an unknown path is a new flow."""
        with self.lock:
            flow = self.flows.setdefault(path, Flow(path))
            for name in ("methods", "id_headers"):
                if name in changes:
                    changes[name] = tuple(changes[name])
            self.flows[path] = dataclasses.replace(flow, **changes)

    def set_key(self, name="", action="", roles=None):
        """action: "delete", "double" or "restore"; roles: the new roles. Without a name: all keys."""
        uses = {"delete": 0, "double": 2, "restore": 1, "": None}[action]
        with self.lock:
            for key in [self.keys[name]] if name else self.keys.values():
                if uses is not None:
                    key.uses = uses
                if roles is not None:
                    key.roles = set(roles)

    def set_state(self, route=DEFAULT_ROUTE, **state):
        """Bring about what a catalogue row with a `state` trigger asks for."""
        with self.lock:
            for name, value in state.items():
                if name == "key":
                    self.set_key(action={"deleted": "delete", "double": "double", "good": "restore"}[value])
                elif name in ("role", "csrf", "deployed"):
                    self.set_flow(route, **{name: value})
                elif name in ("stopped", "trial", "drop_client_certificates", "lose_certificate_on_resumption",
                              "pinning", "unknown_address_status", "date_offset_s"):  # fmt: skip
                    setattr(self, name, value)
                else:
                    raise ValueError(f"no such state: {name}")

    def advance(self, seconds):
        with self.lock:
            self.time_s += seconds

    def clear_faults(self):
        """Drop scripted answers and let everyone go who waits in a silence."""
        with self.lock:
            self.faults.clear()
            released, self._released = self._released, threading.Event()
        released.set()

    def expire_csrf(self):
        with self.lock:
            self.sessions.clear()

    def stop(self):
        self._stopping.set()
        self._released.set()
        _hang_up(self._listener)
        with self.lock:
            sockets, threads = list(self._sockets), list(self._threads)
        for sock in sockets:
            _hang_up(sock)
        for thread in [self._accepter, *threads]:
            thread.join(5)

    # Connections from the TLS end

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            with self.lock:
                self._sockets.add(sock)
                self._threads.add(thread)
            thread.start()

    def _serve(self, sock):
        try:
            reader = sock.makefile("rb", buffering=65536)
            while not self._stopping.is_set():
                if not self._one_request(sock, reader):
                    break
        except (OSError, ValueError):
            pass  # the TLS end hung up in the middle of a request: recorded as incomplete where it matters
        finally:
            with self.lock:
                self._sockets.discard(sock)
                self._threads.discard(threading.current_thread())
            sock.close()

    def _one_request(self, sock, reader):
        """Read, answer and record one request; False ends the connection."""
        request = read_head(reader)
        if request is None:
            return False
        record = self._new_record(request)
        with self.lock:
            fault = self._take_fault(request)
        try:
            if fault is not None and fault.body_bytes >= 0:
                request.body = read_body(request, reader, fault.body_bytes)
                answer, mpl = dataclasses.replace(fault.answer, effect=fault.answer.effect or "reset"), ""
            else:
                request.body = read_body(request, reader)
                self._count_wire(record)
                with self.lock:
                    record.update(complete=True, **_of_body(request))
                    answer, mpl = self._answer(request, record, fault)
        except (OSError, ValueError):
            self._finish(record, request, catalogue.Answer(0, "none"), "", "incomplete request")
            raise
        scenario = fault.scenario if fault else ""
        self._finish(record, request, answer, mpl, scenario)
        if answer.delay_ms:
            self._stopping.wait(answer.delay_ms / 1000)
        if answer.effect:
            self._break(answer.effect, record, sock)
            return False
        sock.sendall(self.render(answer, request, mpl))
        return "close" not in [value for name, value in answer.headers if name.lower() == "connection"]

    def _break(self, effect, record, sock):
        """Reset, close or keep silent, on the client's own connection."""
        if effect == "silence":
            released = self._released
            while not released.wait(0.05):
                readable, _, _ = select.select([sock], [], [], 0)
                if readable:
                    return  # the client went away, or sent more without an answer: both end the wait
        elif self.front is not None:
            self.front.command(record["connection"], effect)

    # Records

    def _new_record(self, request):
        get = request.get
        port = int(get("x-stand-in-port", "0") or 0)
        record = {
            "connection": self.front.number_of(port) if self.front else 0,
            "tls": get("x-stand-in-protocol"),
            "cipher": get("x-stand-in-cipher"),
            "resumed": get("x-stand-in-resumed") == "r",
            "verify": get("x-stand-in-verify"),
            "subject": get("x-stand-in-subject"),
            "method": request.method,
            "target": request.target,
            "path": request.path,
            "host": get("host"),
            "id": get("sapmessageid") or get("sap_applicationid"),
            "sender": get("sap_sender"),
            "headers": {name: get(name) for name in RECORDED_HEADERS if name in request.headers},
            "authorization": get("authorization").split(" ", 1)[0],
            "has_cookie": "cookie" in request.headers,
            "has_csrf_token": get("x-csrf-token") not in ("", "Fetch", "fetch"),
            "complete": False,
            "accepted": False,
            "duplicate": False,
            "conflict": False,
            # What is known later; status 0 as long as it isn't answered.
            "status": 0, "effect": "", "scenario": "", "mpl": "", **_of_body(request),
        }  # fmt: skip
        if self.front:
            self.front.note_request(record["connection"])
        with self.lock:
            record["seq"] = len(self.records) + 1
            record["time_s"] = self.time_s
            self.records.append(record)
        return record

    def record_foreign(self, request, connection, version):
        """Note a request that another end answered."""
        record = self._new_record(request)
        self.front.note_request(connection)
        with self.lock:
            record.update(connection=connection, tls=version, complete=True)
        self._finish(record, request, catalogue.Answer(0, "none"), "", "wire")

    def _count_wire(self, record):
        """Bytes that this request took on the wire: what the front passed on since the request before it."""
        if self.front is None or not record["connection"]:
            return
        up_bytes = self.front.up_bytes(record["connection"])
        with self.lock:
            before = self._wire.get(record["connection"])
            self._wire[record["connection"]] = up_bytes
        record["wire_up_bytes"] = up_bytes
        record["wire_request_bytes"] = None if before is None else up_bytes - before

    def _finish(self, record, request, answer, mpl, scenario):
        with self.lock:
            record.update(status=answer.status, effect=answer.effect, scenario=scenario, mpl=mpl, **_of_body(request))
        if self.log:
            self.log(record)

    # The way of a request

    def _take_fault(self, request):
        for fault in self.faults:
            if fault.route not in ("", request.path) or (fault.methods and request.method not in fault.methods):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                return None
            if fault.times > 0:
                fault.times -= 1
                if fault.times == 0:
                    self.faults.remove(fault)
            return fault
        return None

    def _answer(self, request, record, fault):
        """(answer, MPL id). The lock is held."""
        routed = self._router(request)
        if routed is not None:
            return routed, ""
        flow = self.flows.get(request.path)
        if fault is not None:
            if fault.answer.accepted:
                return self._run(flow or Flow(request.path), request, record, fault.answer)
            return fault.answer, _mpl_id() if fault.answer.source == "flow" else ""
        if request.path == "/oauth/token":
            return self._token(request, record), ""
        if request.host == self.login_host:
            return catalogue.ANSWERS["200_login_page" if request.method in ("GET", "POST") else "302_login"], ""
        if not request.path.startswith(("/http/", "/cxf/")):
            return catalogue.ANSWERS["302_login" if request.path == "/" else "404_not_deployed"], ""
        refused, key = self._authenticate(request, record)
        if refused is not None:
            return refused, ""
        if flow is None or not flow.deployed:
            status = 404 if flow is not None else self.unknown_address_status
            return catalogue.ANSWERS[{404: "404_not_deployed", 403: "403_role", 401: "401_no_certificate"}[status]], ""
        if not self._authorized(flow, key, record):
            return catalogue.ANSWERS["403_role"], ""
        if flow.methods and request.method not in flow.methods:
            return catalogue.ANSWERS["405"], ""
        if request.method == "OPTIONS":
            return self._options(flow, request), ""
        if flow.csrf:
            refused = self._csrf(flow, request)
            if refused is not None:
                return refused, ""
        if len(request.body) > flow.body_max_size:
            return catalogue.ANSWERS["413"], _mpl_id()
        return self._run(flow, request, record, catalogue.ANSWERS[flow.answer])

    def _router(self, request):
        own = [(name, value) for name, value in request.fields if not name.lower().startswith("x-stand-in-")]
        size = len(request.method) + len(request.target) + 12 + sum(len(name) + len(value) + 4 for name, value in own)
        if size >= HEADERS_MAX_SIZE or len(own) > HEADERS_MAX_COUNT:
            return catalogue.ANSWERS["431"]
        if not request.host:
            return catalogue.ANSWERS["400_empty_host"]
        known = request.host in (self.host, self.login_host, self.token_host, "localhost")
        return None if known and not self.stopped else catalogue.ANSWERS["404_unknown_route"]

    def _authenticate(self, request, record):
        """(answer of refusal, None) or (None, service key)."""
        scheme, _, credentials = request.get("authorization").partition(" ")
        if scheme.lower() == "bearer":
            key_name, expires_s = self.tokens.get(credentials, ("", 0))
            if self.time_s >= expires_s:
                return catalogue.ANSWERS["401_invalid_token"], None
            return None, self.keys[key_name]
        if scheme.lower() == "basic":
            key = self._by_secret(credentials)
            return (None, key) if key else (catalogue.ANSWERS["401_bad_credentials"], None)
        key, reason = self._by_certificate(request, record)
        if key is None:
            return catalogue.ANSWERS[reason], None
        return (catalogue.ANSWERS["500_trial"], None) if self.trial else (None, key)

    def _by_secret(self, credentials):
        try:
            client_id, _, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
        except ValueError:
            return None
        for key in self.keys.values():
            if key.uses and secrets.compare_digest(f"{client_id}:{secret}".encode(),
                                                   f"{key.client_id}:{key.secret}".encode()):
                return key
        return None

    def _by_certificate(self, request, record):
        verified = request.get("x-stand-in-verify") == "SUCCESS" and not self.drop_client_certificates
        if record["resumed"] and self.lose_certificate_on_resumption:
            verified = False
        if not verified:
            return None, "401_no_certificate"
        subject, issuer = request.get("x-stand-in-subject"), request.get("x-stand-in-issuer")
        serial = request.get("x-stand-in-serial").upper().lstrip("0")
        found = [key for key in self.keys.values() if key.subject == subject and key.issuer == issuer
                 and (key.serial == serial or not self.pinning)]
        uses = sum(key.uses for key in found)
        if uses != 1:
            return None, "401_exactly_once" if uses else "401_not_configured"
        record["service_key"] = found[0].name
        return found[0], ""

    def _authorized(self, flow, key, record):
        if flow.authorized_subject:
            return flow.authorized_subject == key.subject
        entry = (key.name, flow.role)
        allowed, expires_s = self.role_cache.get(entry, (False, -1))
        if self.time_s >= expires_s:
            allowed = flow.role in key.roles
            self.role_cache[entry] = (allowed, self.time_s + ROLE_CACHE_S)
        record["role"] = flow.role
        return allowed

    def _csrf(self, flow, request):
        """A refusal, a token, or None if the request may go on to the flow."""
        cookies = {}
        for part in request.get("cookie").split(";"):
            name, _, value = part.strip().partition("=")
            cookies[name] = value
        session_id = cookies.get("JSESSIONID", "")
        token = request.get("x-csrf-token")
        if request.method in ("GET", "HEAD"):
            if token.lower() != "fetch":
                return None
            return catalogue.Answer(200, "tomcat", self._new_token(flow, session_id))
        session = self.sessions.get(session_id)
        good = session is not None and session.get(flow.path) == token and session["vcap"] == cookies.get("__VCAP_ID__")
        return None if good else catalogue.ANSWERS["403_csrf"]

    def _new_token(self, flow, session_id=""):
        """The header fields that bring a token."""
        if session_id not in self.sessions:
            session_id = secrets.token_hex(16).upper()
            self.sessions[session_id] = {"vcap": str(uuid.uuid4())[:8] + "-worker-0"}
        session = self.sessions[session_id]
        session[flow.path] = secrets.token_hex(16).upper()
        return (("X-CSRF-Token", session[flow.path]),
                ("Set-Cookie", f"JSESSIONID={session_id}; Path={flow.path}; Secure; HttpOnly"),
                ("Set-Cookie", f"__VCAP_ID__={session['vcap']}; Path={flow.path}; HttpOnly; Secure"))

    def _options(self, flow, request):
        """The servlet answers it by itself; the flow doesn't run (Apache Camel, CamelServlet.doService)."""
        methods = flow.methods or ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
        headers = (("Allow", ",".join(methods)),)
        if flow.csrf and request.get("x-csrf-token").lower() == "fetch":
            headers += self._new_token(flow)
        return catalogue.Answer(200, "tomcat", headers)

    def _run(self, flow, request, record, answer):
        """The flow takes the message: the duplicate check drops one whose id it has seen, the sender gets a 2xx."""
        mpl = _mpl_id()
        digest = hashlib.sha256(request.body).hexdigest()
        message_id = next((request.get(name) for name in flow.id_headers if request.get(name)), "")
        first = self.seen.get((flow.path, message_id)) if message_id else None
        record["accepted"] = first is None
        record["duplicate"] = first is not None
        record["conflict"] = first is not None and first != digest
        if message_id and first is None:
            self.seen[flow.path, message_id] = digest
        if first is None:
            self.accepted.append({
                "n": len(self.accepted) + 1, "seq": record["seq"], "path": flow.path, "method": request.method,
                "id": message_id, "sender": record["sender"], "mpl": mpl, "connection": record["connection"],
                "content_type": request.get("content-type"), "body_size": len(request.body), "body_sha256": digest,
                "body_head": request.body[:200].decode("utf-8", "replace"), "body": request.body,
            })  # fmt: skip
        return answer, mpl

    def _token(self, request, record):
        """OAuth client credentials: over mutual TLS, or with the client secret (Basic or in the body)."""
        form = dict(urllib.parse.parse_qsl(request.body.decode("latin-1")))
        scheme, _, credentials = request.get("authorization").partition(" ")
        if request.method != "POST" or form.get("grant_type") != "client_credentials":
            return _json(400, {"error": "unsupported_grant_type"})
        if scheme.lower() == "basic":
            key = self._by_secret(credentials)
        elif "client_secret" in form:
            text = f"{form.get('client_id', '')}:{form['client_secret']}"
            key = self._by_secret(base64.b64encode(text.encode()).decode())
        else:
            key, _ = self._by_certificate(request, record)
            if key is not None and form.get("client_id") != key.client_id:
                key = None
        if key is None:
            return _json(401, {"error": "invalid_client", "error_description": "Bad credentials"})
        token = secrets.token_urlsafe(48)
        self.tokens[token] = (key.name, self.time_s + TOKEN_LIFE_S)
        return _json(200, {"access_token": token, "token_type": "bearer", "expires_in": TOKEN_LIFE_S,
                           "scope": "uaa.resource", "jti": secrets.token_hex(16)})

    # Bytes

    def render(self, answer, request, mpl):
        """The bytes of an answer, with the headers that its source adds."""
        now_s = time.time() + self.date_offset_s
        fill = {"{host}": request.get("host"), "{mpl}": mpl, "{token_host}": self.token_host,
                "{date+2}": email.utils.formatdate(now_s + 2, usegmt=True)}  # fmt: skip

        def filled(text):
            for mark, value in fill.items():
                text = text.replace(mark, value)
            return text

        body = filled(answer.body).encode()
        headers = [("Date", email.utils.formatdate(now_s, usegmt=True))]
        if answer.source != "nginx":
            headers += [("X-Vcap-Request-Id", str(uuid.uuid4())),
                        ("Strict-Transport-Security", "max-age=31536000; includeSubDomains; preload")]
        if answer.source in ("tomcat", "flow"):
            headers += [("Server", "SAP"), ("x-correlationid", str(uuid.uuid4()))]
        if answer.source == "flow":
            headers.append(("SAP_MessageProcessingLogID", mpl))
        headers += [(name, filled(value)) for name, value in answer.headers]
        if answer.chunked and request.method != "HEAD":
            headers.append(("Transfer-Encoding", "chunked"))
            pieces = [body[at : at + 1000] for at in range(0, len(body), 1000)]
            body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        elif answer.status != 204:
            headers.append(("Content-Length", str(len(body))))
        if request.method == "HEAD" or answer.status == 204:
            body = b""
        reason = catalogue.REASONS.get(answer.status, "")
        head = f"HTTP/1.1 {answer.status} {reason}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
        return head.encode("latin-1", "replace") + b"\r\n" + body


def _of_body(request):
    """What a record says of the body."""
    body = request.body
    return {"body_size": len(body), "body_sha256": hashlib.sha256(body).hexdigest(), "body_head": body[:200].decode("utf-8", "replace"),
            "body": body}  # fmt: skip


def read_head(reader):
    """The request line and the header fields, or None at the end of the connection."""
    line = reader.readline(1 << 18)
    if not line.endswith(b"\r\n"):
        return None
    parts = line.decode("latin-1").strip().split(" ")
    if len(parts) != 3:
        raise ValueError("not an HTTP request line")
    fields = []
    while True:
        line = reader.readline(1 << 18)
        if line in (b"\r\n", b"\n"):
            return Request(*parts, fields)
        if not line.endswith(b"\n"):
            raise ValueError("header cut")
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon:
            raise ValueError("header field without a colon")
        fields.append((name, value.strip()))


def read_body(request, reader, limit=-1):
    """The body, or its first `limit` bytes. Raises ValueError where the connection ends too early."""
    if "chunked" in request.get("transfer-encoding").lower():
        return _read_chunks(reader, limit)
    length = int(request.get("content-length", "0") or 0)
    want = length if limit < 0 else min(length, limit)
    body = reader.read(want) if want else b""
    if len(body) != want:
        raise ValueError("body cut")
    return body


def _read_chunks(reader, limit):
    body = b""
    while True:
        size = int(reader.readline(100).split(b";")[0], 16)
        if size == 0:
            while reader.readline(1 << 16) not in (b"\r\n", b""):
                pass
            return body
        if 0 <= limit <= len(body) + size:
            return body + reader.read(limit - len(body))
        chunk = reader.read(size)
        if len(chunk) != size or reader.read(2) != b"\r\n":
            raise ValueError("chunk cut")
        body += chunk


def _mpl_id():
    return "AG" + secrets.token_urlsafe(24)[:26]


def _json(status, value):
    return catalogue.Answer(status, "router", (("Content-Type", "application/json"),), json.dumps(value))


def _hang_up(sock):
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    sock.close()
