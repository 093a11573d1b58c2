"""StandIn: everything wired together, with the control API.

    with StandIn(workdir, tls="1.2") as s:
        key = s.service_key()            # path of a service key for this tenant
        s.fault("503_retry_after", route="/http/plant/telemetry")
        ... run a client against s.host, s.port, s.ca_file, s.address ...
        s.accepted()

    client -> front (counts bytes, breaks connections) -> nginx (TLS) -> tenant (model of the runtime)
                    \\-> alert end, wire end, nginx with a wrong certificate: for one connection, as a fault says
"""

import atexit
import base64
import fcntl
import http.server
import json
import os
import threading
import urllib.parse

from endpoint import catalogue, connect_proxy, front, nginx, pki, tenant, tls_ends

_PROTOCOLS = {"1.2": "TLSv1.2", "1.3": "TLSv1.3", "auto": "TLSv1.2 TLSv1.3"}
_GOOD_STATE = {"key": "good", "role": tenant.DEFAULT_ROLE, "csrf": False, "deployed": True, "stopped": False,
               "trial": False, "drop_client_certificates": False, "lose_certificate_on_resumption": False}  # fmt: skip
_ONE_ROUTE = ("done", "retry_route", "hold_route", "dead_letter", "split_or_dead_letter")
DEFAULT_PKI = os.path.normpath(os.path.join(os.path.dirname(__file__), "..", "..", "build", "stand-in", "pki"))


class StandIn:
    """One tenant of Cloud Integration on loopback.

    workdir       its files; nobody else may run there
    tls           "1.2", "1.3" or "auto" (both)
    pki_dir       certificates, shared by all who give the same directory
    server_root   "rsa2048", "rsa4096" or "p384": the kind of root above the server certificate
    server_kind   "good", or one of catalogue.SERVER_CERTIFICATES for all connections
    ca_names      83 makes the CertificateRequest as long as a real one (about 13 KB)
    session_cache, tickets   TLS resumption by session id and by ticket
    ask_certificate   False: no CertificateRequest at all
    curves        "auto", or like "secp384r1": forces a HelloRetryRequest on clients that guess another
    log, log_connection   called with each record, and with each connection that ended (a dict)
    """

    address = "127.0.0.1"

    def __init__(self, workdir, tls="auto", pki_dir=None, server_root="rsa2048", server_kind="good", ca_names=0,
                 session_cache=True, tickets=True, ask_certificate=True, keepalive_s=60, curves="auto", log=None,
                 log_connection=None):
        self.workdir = os.path.abspath(workdir)
        self.options = {"tls": tls, "server_root": server_root, "server_kind": server_kind, "ca_names": ca_names,
                        "session_cache": session_cache, "tickets": tickets, "ask_certificate": ask_certificate,
                        "keepalive_s": keepalive_s, "curves": curves}  # fmt: skip
        self.pki_dir, self.log, self.log_connection = pki_dir or DEFAULT_PKI, log, log_connection
        self.host, self.token_host, self.login_host = pki.HOST, pki.TOKEN_HOST, pki.LOGIN_HOST
        self._broken = []
        self._stops = []

    # Life

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        os.makedirs(self.workdir, exist_ok=True)
        self._lock_file = open(os.path.join(self.workdir, ".lock"), "a", encoding="utf-8")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock_file.close()
            raise RuntimeError(f"another stand-in runs in {self.workdir}: stop it, or choose another directory") from None
        self._stops.append(self._lock_file.close)
        atexit.register(self.stop)
        try:
            self._start_parts()
        except BaseException:
            self.stop()
            raise
        return self

    def _start_parts(self):
        self.pki = pki.Pki(self.pki_dir)
        self.tenant = tenant.Tenant(self.host, self.login_host, self.token_host, self.log)
        self._stops.append(self.tenant.stop)
        for leaf in pki.LEAVES:
            self.tenant.add_key(leaf, self.pki.certificate_details(leaf))
        names = ["main", "reverse_proxy", *catalogue.SERVER_CERTIFICATES]
        self.nginx = nginx.Nginx(os.path.join(self.workdir, "nginx"), names)
        self._stops.append(self.nginx.stop)
        self.front = front.Front({name: ("127.0.0.1", self.nginx.port(name)) for name in names}, self.log_connection)
        self._stops.append(self.front.stop)
        self.tenant.front = self.front
        self.direct_port, self.port = self.nginx.port("main"), self.front.port
        self._configure()
        self.nginx.start()
        self.proxy = connect_proxy.ConnectProxy({self.host, self.token_host, self.login_host, "localhost"})
        self._stops.append(self.proxy.stop)
        self.control = _control_server(self)
        self._stops.append(self._stop_control)
        self._control_thread = threading.Thread(target=self.control.serve_forever, args=(0.1,), daemon=True)
        self._control_thread.start()
        pki.write_private(os.path.join(self.workdir, "state.json"), json.dumps(self.ready(), indent=1) + "\n")

    def stop(self):
        """Stop everything; may be called twice."""
        atexit.unregister(self.stop)
        stops, self._stops = self._stops[::-1], []
        for stop in stops:
            stop()

    def _stop_control(self):
        self.control.shutdown()
        self.control.server_close()
        self._control_thread.join(5)

    def _configure(self):
        """The TLS ends, after the options."""
        options = self.options
        client_ca = self.pki.client_file("root.crt")
        if options["ca_names"]:
            client_ca = self.pki.ca_names_file(options["ca_names"])
        servers = {}
        for name in ["main", "reverse_proxy", *catalogue.SERVER_CERTIFICATES]:
            kind = options["server_kind"] if name in ("main", "reverse_proxy") else name
            root = options["server_root"] if kind == "good" else "rsa2048"
            chain, key = self.pki.server(kind, root)
            servers[name] = {
                "names": f"{self.host} {self.token_host} {self.login_host} localhost {pki.WRONG_HOST}",
                "chain": chain,
                "key": key,
                "client_ca": self.pki.client_file("other-root.crt") if name == "reverse_proxy" else client_ca,
                "verify": "optional_no_ca" if options["ask_certificate"] else "off",
            }
        self.nginx.configure({
            "protocols": _PROTOCOLS[options["tls"]],
            "session_cache": "shared:stand_in:4m" if options["session_cache"] else "off",
            "tickets": "on" if options["tickets"] else "off",
            "keepalive_s": options["keepalive_s"],
            "curves": options["curves"],
            "tenant_port": self.tenant.port,
        }, servers)  # fmt: skip
        chain, key = self.pki.server("good", options["server_root"])
        alert = tls_ends.AlertEnd(options["tls"], chain, key, self.pki.client_file("root.crt"), self.nginx.prefix)
        wire = tls_ends.WireEnd(options["tls"], chain, key, self.pki.client_file("root.crt"))
        alert.reset = wire.reset = lambda number: self.front.command(number, "reset")
        wire.record = self.tenant.record_foreign
        self.front.backends.update(alert=alert, wire=wire)

    # What a client needs

    @property
    def url(self):
        return f"https://{self.host}:{self.port}"

    @property
    def token_url(self):
        return f"https://{self.token_host}:{self.port}/oauth/token"

    @property
    def ca_file(self):
        return self.pki.server_ca(self.options["server_root"] if self.options["server_kind"] == "good" else "rsa2048")

    def service_key(self, form="cockpit", leaf="default", defect=None):
        """Path of a service key; for form "pem" and defect "external" the list of two paths."""
        paths = self.pki.write_service_key(os.path.join(self.workdir, "keys"), self.url, self.token_url, form, leaf,
                                           defect)
        return paths[0] if len(paths) == 1 else paths

    def ready(self):
        """What a client or a script needs to know; also the content of `state.json`."""
        return {
            "ready": True,
            "host": self.host,
            "port": self.port,
            "address": self.address,
            "url": self.url,
            "resolve": f"{self.host}:{self.port}:{self.address}",
            "ca": self.ca_file,
            "key": self.service_key(),
            "control": f"http://127.0.0.1:{self.control.server_port}",
            "token_host": self.token_host,
            "token_url": self.token_url,
            "login_host": self.login_host,
            "direct_port": self.direct_port,
            "proxy_port": self.proxy.port,
            "routes": list(self.tenant.flows),
            "tls": self.options["tls"],
            "work": self.workdir,
            "pid": os.getpid(),
        }

    # What a test asks for

    def fault(self, scenario, route="", times=1, skip=0, methods=(), **more):
        """Script an answer (tenant.Tenant.add_fault)."""
        self.tenant.add_fault(scenario, route, times, skip, methods, **more)

    def connection_fault(self, fault=None, **fields):
        """Script what happens to the next connection (front.py)."""
        self.front.add_fault({**({"fault": fault} if fault else {}), **fields})

    def wire(self, name, times=1):
        """The next connection gets the bytes of catalogue.WIRE[name] as its answers."""
        answer = catalogue.WIRE[name]
        self.front.add_fault({"backend": "wire", "data": answer.data, "then": answer.then, "early": answer.early,
                              "filler": answer.filler, "times": times})  # fmt: skip

    def command(self, what, number=None):
        """Reset, close, freeze … the open connections (front.COMMANDS)."""
        self.front.command(number, what)

    def trigger(self, row, route=tenant.DEFAULT_ROUTE, times=0):
        """Bring about a row of the catalogue, `times` times or (0) until repair(). TLS rows close open connections, so
        that they are met by the next message."""
        row = catalogue.ROWS[row] if isinstance(row, str) else row
        if "answer" in row.trigger:
            self.fault(row.trigger["answer"], route if row.action in _ONE_ROUTE else "", times)
        elif "connection" in row.trigger:
            self.front.add_fault({**row.trigger["connection"], "times": times})
            self.command("close")
        else:
            self._broken += [(route, name) for name in row.trigger["state"]]
            self.tenant.set_state(route, **row.trigger["state"])

    def repair(self):
        """End all faults and put right what trigger() broke."""
        self.tenant.clear_faults()
        self.front.clear_faults()
        self.front.listen(True)
        broken, self._broken = self._broken, []
        for route, name in broken:
            self.tenant.set_state(route, **{name: _GOOD_STATE[name]})

    def reset(self):
        """As after the start, but for the port and the keys: all records, faults, flows and connections are gone."""
        self._broken = []
        self.front.reset()
        self.tenant.reset()
        self.proxy.reset()

    def reconfigure(self, **options):
        """Restart the TLS end with other options; sessions of before can't be resumed, the ports stay."""
        unknown = set(options) - set(self.options)
        if unknown:
            raise ValueError(f"no such option: {', '.join(unknown)}; known are {', '.join(self.options)}")
        self.options.update(options)
        self._configure()
        self.nginx.halt()
        self.nginx.start()

    def deploy(self, path, **flow):
        self.tenant.set_flow(path, deployed=True, **flow)

    def undeploy(self, path):
        self.tenant.set_flow(path, deployed=False)

    def records(self, since=0):
        """Everything seen, in order of arrival; a list of dicts."""
        with self.tenant.lock:
            return [dict(record) for record in self.tenant.records if record["seq"] > since]

    def accepted(self, route=None):
        """What flows took: each message once, in order."""
        with self.tenant.lock:
            return [dict(message) for message in self.tenant.accepted if route in (None, message["path"])]

    def connections(self):
        """All connections since the last reset: bytes in each direction, requests, who ended them."""
        return self.front.describe()

    def tls_log(self):
        """What nginx says about handshakes, alerts from clients included."""
        with open(os.path.join(self.nginx.prefix, "error.log"), encoding="utf-8", errors="replace") as file:
            return file.read()


def _plain(value, full):
    """Records for JSON: bodies only on demand, as base64."""
    result = []
    for entry in value:
        entry = dict(entry)
        body = entry.pop("body", b"")
        if full:
            entry["body_base64"] = base64.b64encode(body).decode()
        result.append(entry)
    return result


class _Control(http.server.BaseHTTPRequestHandler):
    """The control API: JSON in, JSON out. README.md lists it."""

    protocol_version = "HTTP/1.1"
    stand_in = None

    def do_GET(self):  # noqa: N802 (the name is the library's)
        s, query = self.stand_in, dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        full = query.get("full") == "1"
        self._answer({
            "/ready": s.ready,
            "/records": lambda: _plain(s.records(int(query.get("since", "0"))), full),
            "/accepted": lambda: _plain(s.accepted(query.get("route")), full),
            "/connections": s.connections,
            "/proxy": lambda: s.proxy.records,
            "/catalogue": lambda: [{**vars(row), "tls": list(row.tls)} for row in catalogue.CATALOGUE],
            "/scenarios": lambda: list(catalogue.ANSWERS),
        })  # fmt: skip

    def do_POST(self):  # noqa: N802
        s = self.stand_in
        try:
            data = self.rfile.read(int(self.headers.get("Content-Length", "0") or 0))
            body = json.loads(data or b"{}")
            if not isinstance(body, dict):
                raise ValueError("a JSON object is expected")
        except ValueError as error:
            self._send(400, {"error": str(error)})
            return
        self._answer({
            "/faults": lambda: s.fault(**body),
            "/faults/clear": s.tenant.clear_faults,
            "/trigger": lambda: s.trigger(**body),
            "/repair": s.repair,
            "/flows": lambda: s.tenant.set_flow(**body),
            "/keys": lambda: s.tenant.set_key(**body),
            "/state": lambda: s.tenant.set_state(**body),
            "/time": lambda: self._time(body),
            "/csrf/expire": s.tenant.expire_csrf,
            "/connections": lambda: s.connection_fault(**body),
            "/connections/clear": s.front.clear_faults,
            "/connections/command": lambda: s.command(**body),
            "/service-key": lambda: {"path": s.service_key(**body)},
            "/wire": lambda: s.wire(**body),
            "/listen": lambda: s.front.listen(bool(body["open"])),
            "/proxy": lambda: s.proxy.configure(**body),
            "/tls": lambda: s.reconfigure(**body),
            "/reset": s.reset,
        })  # fmt: skip

    def _time(self, body):
        self.stand_in.tenant.advance(body.get("advance_s", 0))
        if "date_offset_s" in body:
            self.stand_in.tenant.set_state(date_offset_s=body["date_offset_s"])
        return {"time_s": self.stand_in.tenant.time_s}

    def _answer(self, actions):
        action = actions.get(urllib.parse.urlsplit(self.path).path)
        if action is None:
            self._send(404, {"error": "no such control: " + self.path, "known": sorted(actions)})
            return
        try:
            result = action()
        except (ValueError, KeyError, TypeError, RuntimeError) as error:
            self._send(400, {"error": str(error)})
            return
        self._send(200, {"ok": True} if result is None else result)

    def _send(self, status, value):
        data = (json.dumps(value) + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        """Control requests aren't worth a line."""


def _control_server(stand_in):
    handler = type("Control", (_Control,), {"stand_in": stand_in})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    return server
