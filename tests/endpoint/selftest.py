#!/usr/bin/env python3
"""The stand-in tested with Python's own TLS and HTTP: it does what its catalogue says, and leaves nothing behind."""

import base64
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.dont_write_bytecode = True

from endpoint import StandIn, catalogue, front, pki, tenant  # noqa: E402

PATIENCE_S = 120  # far beyond anything that works
PKI_DIR = os.environ.get("STAND_IN_PKI", "")
ROUTE = tenant.DEFAULT_ROUTE
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
ALERTS = {
    "SSLV3_ALERT_HANDSHAKE_FAILURE": 40, "SSLV3_ALERT_BAD_CERTIFICATE": 42, "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": 43,
    "SSLV3_ALERT_CERTIFICATE_REVOKED": 44, "SSLV3_ALERT_CERTIFICATE_EXPIRED": 45,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": 46, "TLSV1_ALERT_UNKNOWN_CA": 48, "TLSV1_ALERT_ACCESS_DENIED": 49,
    "TLSV1_UNRECOGNIZED_NAME": 112, "TLSV13_ALERT_CERTIFICATE_REQUIRED": 116,
}  # fmt: skip


def wait_for(condition, what):
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.02)


class Client:
    """A client with the identity of a service key; each request opens a connection unless one is open."""

    def __init__(self, stand_in, tls, leaf="default", sni=True, port=None, ca_file=None, host=None):
        self.s, self.sni, self.port, self.host = stand_in, sni, port or stand_in.port, host or stand_in.host
        self.context = ssl.create_default_context(cafile=ca_file or stand_in.ca_file)
        self.context.minimum_version = self.context.maximum_version = VERSIONS[tls]
        self.context.check_hostname = sni
        if leaf:
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
                file.write("".join(stand_in.pki.client_chain(leaf)[:2]))
                file.flush()
                self.context.load_cert_chain(file.name, stand_in.pki.client_file(leaf + ".key"))
        self.session = None
        self.http = None

    def open(self, timeout_s=PATIENCE_S):
        sock = socket.create_connection((self.s.address, self.port), timeout_s)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            sock = self.context.wrap_socket(sock, server_hostname=self.host if self.sni else None, session=self.session)
        except BaseException:
            sock.close()
            raise
        self.http = http.client.HTTPConnection(self.host, self.port)
        self.http.sock, self.http.auto_open = sock, False

    def close(self):
        if self.http is not None:
            self.http.close()
            self.http = None

    def request(self, method="POST", target=ROUTE, body=b'{"t":21.5}', headers=None):
        """(status, headers, body)"""
        if self.http is None:
            self.open()
        fields = {"Host": f"{self.host}:{self.port}", "Content-Type": "application/json", **(headers or {})}
        try:
            self.http.request(method, target, body if method == "POST" else None, fields)
            answer = self.http.getresponse()
            data = answer.read()
        except BaseException:
            self.close()
            raise
        if self.http.sock is not None:
            self.session = self.http.sock.session
        else:
            self.close()
        return answer.status, answer.headers, data.decode("utf-8", "replace")

    def post(self, message_id, target=ROUTE, **more):
        headers = {"SAP_ApplicationID": message_id, "SAP_Sender": "selftest", **more.pop("headers", {})}
        return self.request("POST", target, headers=headers, **more)


class StandInCase(unittest.TestCase):
    """One stand-in for a class of tests; each test begins with a reset."""

    tls = "auto"
    options = {}

    @classmethod
    def setUpClass(cls):
        cls.workdir = tempfile.mkdtemp(prefix="stand-in-")
        cls.addClassCleanup(shutil.rmtree, cls.workdir)
        cls.s = StandIn(cls.workdir, tls=cls.tls, pki_dir=PKI_DIR or None, **cls.options).start()
        cls.addClassCleanup(cls.s.stop)

    def setUp(self):
        self.s.repair()
        self.s.reset()
        self.clients = []

    def tearDown(self):
        for client in self.clients:
            client.close()

    def client(self, tls="1.2", **more):
        client = Client(self.s, tls, **more)
        self.clients.append(client)
        return client


class EachCatalogueRow(StandInCase):
    def check_http(self, row, tls):
        client = self.client(tls)
        if row.name == "401_resumed":
            client.post("before")
            client.close()
        status, headers, body = client.post("message")
        self.assertEqual(status, row.status)
        for name, value in row.headers.items():
            self.assertEqual(headers[name], value, name)
        self.assertIn(row.body_has, body)
        if "{" in row.trigger.get("answer", ""):
            self.assertNotIn("{", body)
        ids = [message["id"] for message in self.s.accepted()]
        self.assertEqual(ids.count("message"), 1 if row.action == "done" else 0)
        self.s.repair()
        client.close()
        self.assertEqual(client.post("after the repair")[0], 200)

    def check_tls(self, row, tls):
        client = self.client(tls)
        try:
            client.post("message")
            self.fail("a TLS failure was expected")
        except (ConnectionError, ssl.SSLEOFError):  # how Python names a broken connection depends on who notices first
            self.assertEqual(row.alert, 0, "an alert was expected, not a broken connection")
        except ssl.SSLError as error:
            self.assertEqual(ALERTS.get(error.reason, error.reason), row.alert)
            self.assertNotEqual(row.alert, 0)
        self.assertEqual(self.s.accepted(), [])
        self.assertEqual(self.s.records(), [])
        self.s.repair()
        self.assertEqual(client.post("after the repair")[0], 200)

    def run_rows(self, tls):
        for row in catalogue.CATALOGUE:
            if tls in row.tls:
                with self.subTest(row=row.name, tls=tls):
                    self.s.reset()
                    self.s.trigger(row)
                    (self.check_tls if row.is_tls else self.check_http)(row, tls)

    def test_is_what_it_says_over_tls_1_2(self):
        self.run_rows("1.2")

    def test_is_what_it_says_over_tls_1_3(self):
        self.run_rows("1.3")

    def test_there_are_enough_of_them(self):
        self.assertGreaterEqual(len(catalogue.CATALOGUE), 28)

    def test_times_counts_how_often_it_happens(self):
        self.s.trigger("503_retry_after", times=2)
        client = self.client()
        self.assertEqual([client.post(f"m{i}")[0] for i in range(4)], [503, 503, 200, 200])

    def test_an_answer_for_one_route_leaves_the_others_alone(self):
        self.s.trigger("404_not_deployed", route=ROUTE)
        client = self.client()
        self.assertEqual(client.post("a", ROUTE)[0], 404)
        self.assertEqual(client.post("b", "/http/plant/alarm")[0], 200)

    def test_skip_lets_requests_through_first(self):
        self.s.fault("503", skip=2)
        client = self.client()
        self.assertEqual([client.post(f"m{i}")[0] for i in range(4)], [200, 200, 503, 200])

    def test_an_answer_of_ones_own(self):
        self.s.fault("mine", status=418, headers={"X-Kind": "teapot"}, body="short and stout")
        status, headers, body = self.client().post("m")
        self.assertEqual((status, headers["X-Kind"], body), (418, "teapot", "short and stout"))

    def test_http_placeholders_are_filled_in(self):
        self.s.trigger("404_unknown_route")
        self.assertIn(f"('{self.s.host}:{self.s.port}')", self.client().post("m")[2])
        self.s.repair()
        self.s.fault("500_flow")
        _, headers, body = self.client().post("m")
        self.assertIn(headers["SAP_MessageProcessingLogID"], body)
        self.s.fault("429_retry_after_date")
        self.assertTrue(self.client().post("m")[1]["Retry-After"].endswith("GMT"))


class TheTenant(StandInCase):
    def test_records_what_a_message_carries(self):
        body = b'{"unit":"\xc2\xb0C"}'
        _, headers, _ = self.client().post("id-1", body=body)
        record, accepted = self.s.records()[0], self.s.accepted()[0]
        self.assertEqual((record["id"], record["sender"], record["status"]), ("id-1", "selftest", 200))
        self.assertEqual((record["tls"], record["verify"], record["service_key"]), ("TLSv1.2", "SUCCESS", "default"))
        self.assertEqual((accepted["body"], accepted["body_size"]), (body, len(body)))
        self.assertEqual(accepted["mpl"], headers["SAP_MessageProcessingLogID"])
        self.assertRegex(headers["x-vcap-request-id"], "^[0-9a-f-]{36}$")

    def test_drops_a_message_with_a_known_id_and_still_answers_2xx(self):
        client = self.client()
        self.assertEqual([client.post("same")[0], client.post("same")[0]], [200, 200])
        self.assertEqual(len(self.s.accepted()), 1)
        self.assertEqual([record["duplicate"] for record in self.s.records()], [False, True])
        client.post("same", body=b"other payload")
        self.assertTrue(self.s.records()[-1]["conflict"])
        client.post("same", "/http/plant/alarm")
        self.assertEqual(len(self.s.accepted()), 2, "each flow has a memory of its own")

    def test_without_a_client_certificate_it_answers_401(self):
        status, headers, body = self.client(leaf=None).post("m")
        self.assertEqual(status, 401)
        self.assertIn("SAP Cloud Integration", headers["WWW-Authenticate"])
        self.assertIn("<html", body)

    def test_a_certificate_that_cannot_be_verified_counts_as_none(self):
        for leaf in ("unknown_ca", "expired"):
            self.assertEqual(self.client(leaf=leaf).post("m")[0], 401, leaf)
            self.assertIn("FAILED", self.s.records()[-1]["verify"])

    def test_a_second_service_key_and_an_elliptic_one_work_beside_the_first(self):
        for leaf in ("second", "soon", "ec"):
            self.assertEqual(self.client(leaf=leaf).post(leaf)[0], 200)
        self.s.tenant.set_key("second", "delete")
        self.assertEqual(self.client(leaf="second").post("m")[0], 401)
        self.assertEqual(self.client().post("m")[0], 200)

    def test_a_role_change_is_seen_after_the_cache_of_an_hour(self):
        client = self.client()
        client.post("1")
        self.s.tenant.set_key("default", roles=["Something.else"])
        self.assertEqual(client.post("2")[0], 200)
        self.s.tenant.advance(3600)
        self.assertEqual(client.post("3")[0], 403)
        self.s.tenant.set_key("default", roles=[tenant.DEFAULT_ROLE])
        self.assertEqual(client.post("4")[0], 403)
        self.s.tenant.advance(3600)
        self.assertEqual(client.post("5")[0], 200)

    def test_csrf_tokens_hold_for_their_flow_only(self):
        for path in (ROUTE, "/http/plant/alarm"):
            self.s.deploy(path, csrf=True)
        client = self.client()
        self.assertEqual(client.post("1")[1]["X-CSRF-Token"], "Required")
        _, headers, _ = client.request("HEAD", ROUTE, headers={"X-CSRF-Token": "Fetch"})
        cookies = "; ".join(value.split(";")[0] for value in headers.get_all("Set-Cookie"))
        with_token = {"X-CSRF-Token": headers["X-CSRF-Token"], "Cookie": cookies}
        self.assertIn("JSESSIONID=", cookies)
        self.assertIn("__VCAP_ID__=", cookies)
        self.assertEqual(client.post("2", headers=with_token)[0], 200)
        self.assertEqual(client.post("3", "/http/plant/alarm", headers=with_token)[0], 403)
        self.s.tenant.expire_csrf()
        self.assertEqual(client.post("4", headers=with_token)[0], 403)
        self.assertEqual([message["id"] for message in self.s.accepted()], ["2"])

    def test_a_get_runs_the_flow_where_csrf_protection_is_off(self):
        self.assertEqual(self.client().request("GET", headers={"X-CSRF-Token": "Fetch"})[0], 200)
        self.assertEqual(self.s.accepted()[0]["method"], "GET")

    def test_a_head_on_an_unknown_address_tells_whether_the_identity_is_valid(self):
        self.assertEqual(self.client().request("HEAD", "/http/iflow-probe")[0], 404)
        self.assertEqual(self.client(leaf=None).request("HEAD", "/http/iflow-probe")[0], 401)
        self.s.tenant.set_state(unknown_address_status=403)
        self.assertEqual(self.client().request("HEAD", "/http/iflow-probe")[0], 403)

    def test_soap_addresses_work_too(self):
        self.assertEqual(self.client().post("s", "/cxf/plant/order")[0], 200)

    def test_the_host_without_rt_answers_with_a_login_page(self):
        status, headers, body = self.client(host=self.s.login_host).post("m")
        self.assertEqual(status, 200)
        self.assertIn("text/html", headers["Content-Type"])
        self.assertIn("<form", body)
        self.assertEqual(self.s.accepted(), [])

    def test_basic_authentication_takes_client_id_and_secret(self):
        def basic(text):
            return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}

        good = basic(f"{pki.CLIENT_ID}:{pki.CLIENT_SECRET}")
        self.assertEqual(self.client(leaf=None).post("1", headers=good)[0], 200)
        status, _, body = self.client(leaf=None).post("2", headers=basic("who:knows"))
        self.assertEqual(status, 401)
        self.assertIn("Bad credentials", body)
        self.assertNotIn("secret", json.dumps(self.s.records(), default=str))

    def test_a_token_is_given_for_the_certificate_and_for_the_secret(self):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        by_certificate = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": pki.CLIENT_ID})
        by_secret = by_certificate + "&" + urllib.parse.urlencode({"client_secret": pki.CLIENT_SECRET})
        for leaf, body in (("default", by_certificate), (None, by_secret)):
            client = self.client(host=self.s.token_host, leaf=leaf)
            status, _, text = client.request("POST", "/oauth/token", body.encode(), form)
            self.assertEqual(status, 200)
            token = {"Authorization": "Bearer " + json.loads(text)["access_token"]}
            self.assertEqual(self.client(leaf=None).post(f"with {leaf}", headers=token)[0], 200)
        self.s.tenant.advance(json.loads(text)["expires_in"])
        status, headers, _ = self.client(leaf=None).post("late", headers=token)
        self.assertEqual(status, 401)
        self.assertIn("invalid_token", headers["WWW-Authenticate"])
        client = self.client(host=self.s.token_host, leaf=None)
        self.assertEqual(client.request("POST", "/oauth/token", by_certificate.encode(), form)[0], 401)

    def test_limits_of_headers_and_bodies(self):
        self.assertEqual(self.client().post("m", headers={"X-Long": "a" * 66000})[0], 431)
        self.assertEqual(self.client().post("m", headers={f"X-{i}": "1" for i in range(110)})[0], 431)
        self.s.deploy(ROUTE, body_max_size=1000)
        self.assertEqual(self.client().post("m", body=b"x" * 1001)[0], 413)
        self.assertEqual(self.client().post("m", body=b"x" * 1000)[0], 200)

    def test_a_chunked_request_arrives_whole(self):
        client = self.client()
        client.open()
        client.http.request("POST", ROUTE, iter([b"abc", b"def"]), {"Host": self.s.host}, encode_chunked=True)
        self.assertEqual(client.http.getresponse().status, 200)
        self.assertEqual(self.s.accepted()[0]["body"], b"abcdef")

    def test_the_date_can_be_wrong(self):
        self.s.tenant.set_state(date_offset_s=-50 * 365 * 86400)
        self.assertRegex(self.client().post("m")[1]["Date"], " 197[5-9] ")


class TheTlsEnd(StandInCase):
    def test_needs_sni(self):
        for tls in VERSIONS:
            with self.assertRaises(ssl.SSLError) as caught:
                self.client(tls, sni=False).open()
            self.assertEqual(ALERTS.get(caught.exception.reason), 112)

    def test_resumes_sessions_and_keeps_the_certificate(self):
        for tls in VERSIONS:
            client = self.client(tls)
            client.post(f"first {tls}")
            client.close()
            self.assertEqual(client.post(f"second {tls}")[0], 200)
            self.assertEqual([record["resumed"] for record in self.s.records()[-2:]], [False, True])

    def test_server_certificates_of_each_defect_are_refused_by_a_strict_client(self):
        for kind in catalogue.SERVER_CERTIFICATES:
            for tls in VERSIONS:
                with self.subTest(kind=kind, tls=tls):
                    self.s.connection_fault(backend=kind)
                    with self.assertRaises(ssl.SSLCertVerificationError):
                        self.client(tls).open()
        self.assertEqual(self.s.records(), [])

    def test_a_reverse_proxy_in_front_answers_with_its_own_pages(self):
        self.s.connection_fault(backend="reverse_proxy", times=2)
        self.assertIn("The SSL certificate error", self.client().post("m")[2])
        self.assertIn("No required SSL certificate was sent", self.client(leaf=None).post("m")[2])

    def test_answers_that_are_no_http_are_sent_as_they_are(self):
        for tls in VERSIONS:
            for name in ("no_status_line", "continue_first", "empty_answer", "reset_instead_of_answer", "http_1_0"):
                with self.subTest(name=name, tls=tls):
                    self.s.reset()
                    self.s.wire(name)
                    client = self.client(tls)
                    if catalogue.WIRE[name].action == "done":
                        self.assertEqual(client.post("m")[0], 200)
                    else:
                        with self.assertRaises((http.client.HTTPException, OSError)):
                            client.post("m")
                    self.assertEqual(self.s.records()[0]["id"], "m")

    def test_endless_answers_end_with_the_client(self):
        for name in ("body_of_1_gb", "header_never_ends"):
            self.s.wire(name)
            client = self.client()
            client.open()
            client.http.sock.sendall(f"GET / HTTP/1.1\r\nHost: {self.s.host}\r\n\r\n".encode())
            self.assertTrue(client.http.sock.recv(100_000))
            client.close()
        self.assertEqual([connection["requests"] for connection in self.s.connections()], [1, 1])

    def test_alerts_reach_clients_of_each_tls_1_3_cipher(self):
        for cipher in ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"):
            self.s.trigger("alert_certificate_expired", times=1)
            done = subprocess.run(
                ["openssl", "s_client", "-connect", f"127.0.0.1:{self.s.port}", "-servername", self.s.host,
                 "-ciphersuites", cipher, "-tls1_3", "-ign_eof"], input="", capture_output=True, text=True, check=False,
            )  # fmt: skip
            self.assertIn("alert certificate expired", done.stderr, cipher)

    def test_says_which_alert_a_client_sent(self):
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.client(ca_file=self.s.pki.client_file("root.crt")).open()
        wait_for(lambda: "alert unknown ca" in self.s.tls_log(), "nginx notes the alert")

    def test_can_be_limited_to_one_version_and_back(self):
        self.s.reconfigure(tls="1.3")
        try:
            with self.assertRaises(ssl.SSLError):
                self.client("1.2").open()
            self.assertEqual(self.client("1.3").post("m")[0], 200)
        finally:
            self.s.reconfigure(tls="auto")
        self.assertEqual(self.client("1.2").post("n")[0], 200)


class OtherTlsEnds(unittest.TestCase):
    def stand_in(self, **options):
        workdir = tempfile.mkdtemp(prefix="stand-in-")
        self.addCleanup(shutil.rmtree, workdir)
        s = StandIn(workdir, pki_dir=PKI_DIR or None, **options).start()
        self.addCleanup(s.stop)
        return s

    def test_the_certificate_request_names_83_authorities(self):
        s = self.stand_in(ca_names=83)
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{s.port}", "-servername", s.host, "-tls1_2", "-msg"],
            input="", capture_output=True, text=True, check=False,
        )  # fmt: skip
        names = done.stdout.split("Acceptable client certificate CA names\n")[1].split("\nClient Certificate Types")[0]
        self.assertEqual(len(names.splitlines()), 83)
        size = int(done.stdout.split("], CertificateRequest")[0].rsplit("[length ", 1)[1], 16)
        self.assertTrue(12_500 < size < 16_384, f"{size} bytes: as long as a real one, and it fits into one record")
        client = Client(s, "1.2")
        self.addCleanup(client.close)
        self.assertEqual(client.post("m")[0], 200)

    def test_big_and_elliptic_roots_work(self):
        for root in ("rsa4096", "p384"):
            s = self.stand_in(server_root=root)
            client = Client(s, "1.2")
            self.assertEqual(client.post("m")[0], 200)
            client.close()
            s.stop()

    def test_resumption_can_be_switched_off(self):
        s = self.stand_in(session_cache=False, tickets=False)
        client = Client(s, "1.2")
        self.addCleanup(client.close)
        for message in ("1", "2"):
            client.post(message)
            client.close()
        self.assertEqual([record["resumed"] for record in s.records()], [False, False])

    def test_a_curve_that_nobody_guesses_works_too(self):
        s = self.stand_in(curves="secp521r1")
        for tls in VERSIONS:
            client = Client(s, tls)
            self.assertEqual(client.post(tls)[0], 200)
            client.close()

    def test_no_certificate_is_asked_for_on_request(self):
        s = self.stand_in(ask_certificate=False)
        client = Client(s, "1.3")
        self.addCleanup(client.close)
        self.assertEqual(client.post("m")[0], 401)


class TheTcpFront(StandInCase):
    def raw(self):
        sock = socket.create_connection((self.s.address, self.s.port), PATIENCE_S)
        self.addCleanup(sock.close)
        return sock

    def test_counts_the_bytes_of_each_request(self):
        client = self.client("1.2")
        for number in range(3):
            client.post(f"message-{number}", body=b"x" * 100)
        first, second, third = (record["wire_request_bytes"] for record in self.s.records())
        self.assertIsNone(first)
        self.assertEqual(second, third)
        self.assertTrue(300 < second < 500, second)
        connection = self.s.connections()[-1]
        self.assertEqual(connection["up_bytes"], self.s.records()[-1]["wire_up_bytes"])
        self.assertGreater(connection["down_bytes"], 3000)

    def test_refuses_connections_while_closed(self):
        self.s.front.listen(False)
        with self.assertRaises(ConnectionRefusedError):
            self.raw()
        self.s.front.listen(True)
        self.assertEqual(self.client().post("m")[0], 200)

    def test_resets_and_closes_on_connect(self):
        self.s.connection_fault("reset_on_connect")
        with self.assertRaises(ConnectionResetError):
            sock = self.raw()
            sock.recv(1)
        self.s.connection_fault("close_on_connect")
        self.assertEqual(self.raw().recv(1), b"")
        self.assertEqual(self.client().post("m")[0], 200)

    def test_breaks_the_connection_after_the_given_byte(self):
        for kind, n in (("request", 50), ("request", 1500), ("response", 100), ("response", 2000)):
            for how in ("reset", "close"):
                with self.subTest(kind=kind, n=n, how=how):
                    self.s.connection_fault(f"{how}_after_{kind}_bytes", n=n)
                    with self.assertRaises((ssl.SSLError, ConnectionError)):
                        self.client().post("m")
                    connection = self.s.connections()[-1]
                    self.assertEqual(connection["up_bytes" if kind == "request" else "down_bytes"], n)
        self.assertEqual(self.s.records(), [])

    def test_passes_on_what_a_server_said_before_it_went_away(self):
        line = front.Front({})
        self.addCleanup(line.stop)
        for with_the_client_still_talking in (False, True):
            ours, client = socket.socketpair()
            theirs, server = socket.socketpair()
            connection = front.Connection(0, ours, {})
            connection.server = theirs
            connection.up, connection.down = front.Pipe("request", ours, theirs), front.Pipe("response", theirs, ours)
            for each in (ours, theirs):
                each.setblocking(False)
            if with_the_client_still_talking:
                client.send(b"a question")
            theirs.send(b"never read")
            server.send(b"last words")
            server.close()
            while not connection.closed_by:
                line._step(connection)  # not in the line's own thread: which side is served first is what it is about
            self.assertEqual((client.recv(100), connection.closed_by), (b"last words", "server:reset"))
            client.close()

    def test_keeps_silent(self):
        for fault in ({"fault": "silence"}, {"fault": "silence_after_response_bytes", "n": 500}):
            self.s.connection_fault(**fault)
            with self.assertRaises(TimeoutError):
                self.client().open(timeout_s=0.3)

    def test_flips_one_bit(self):
        self.s.connection_fault("flip_bit", direction="response", n=600, bit=3)
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.client().post("m")

    def test_slow_networks_only_take_longer(self):
        for fault in ({"fault": "one_byte_at_a_time"}, {"fault": "delay", "ms": 20},
                      {"fault": "throttle", "bytes_per_s": 100_000}):  # fmt: skip
            self.s.connection_fault(**fault)
            self.assertEqual(self.client().post(fault["fault"])[0], 200)

    def test_a_frozen_connection_says_nothing(self):
        client = self.client()
        client.post("1")
        self.s.command("freeze")
        client.http.sock.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            client.post("2")
        self.assertEqual([message["id"] for message in self.s.accepted()], ["1"])

    def test_the_keep_alive_race_loses_the_request(self):
        for command in ("reset_on_next_request", "close_on_next_request"):
            client = self.client()
            client.post(f"before {command}")
            self.s.command(command)
            with self.assertRaises((ConnectionError, ssl.SSLError, http.client.HTTPException)):
                client.post("lost")
        self.assertNotIn("lost", [record["id"] for record in self.s.records()])

    def test_an_answer_can_get_lost_after_the_message_was_taken(self):
        for scenario, count in (("reset_before_processing", 0), ("reset_after_processing", 1),
                                ("close_after_processing", 2)):  # fmt: skip
            self.s.fault(scenario)
            with self.assertRaises((ConnectionError, ssl.SSLError, http.client.HTTPException)):
                self.client().post(scenario)
            self.assertEqual(len(self.s.accepted()), count)

    def test_a_connection_can_break_in_the_middle_of_a_body(self):
        self.s.fault("cut", body_bytes=1000)
        with self.assertRaises((ConnectionError, ssl.SSLError)):
            self.client().post("m", body=b"x" * 100_000)
        self.assertEqual(self.s.accepted(), [])
        self.assertEqual(self.s.records()[0]["complete"], False)

    def test_a_silent_flow_never_answers(self):
        self.s.fault("silence_after_processing")
        client = self.client()
        client.open()
        client.http.sock.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            client.post("m")
        wait_for(self.s.accepted, "the flow takes it")

    def test_refuses_faults_that_it_does_not_know(self):
        with self.assertRaises(ValueError):
            self.s.connection_fault("earthquake")
        with self.assertRaises(ValueError):
            self.s.connection_fault(backend="nowhere")
        with self.assertRaises(ValueError):
            self.s.fault("earthquake")
        self.assertEqual(len(front.COMMANDS), len(set(front.COMMANDS)))


class TheConnectProxy(StandInCase):
    def connect(self, extra="", timeout_s=PATIENCE_S):
        sock = socket.create_connection(("127.0.0.1", self.s.proxy.port), timeout_s)
        self.addCleanup(sock.close)
        target = f"{self.s.host}:{self.s.port}"
        sock.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{extra}\r\n".encode())
        return sock

    def status(self, **more):
        return int(self.connect(**more).recv(4096).split()[1])

    def test_tunnels_to_the_tenant(self):
        sock = self.connect()
        self.assertIn(b" 200 ", sock.recv(4096))
        client = self.client()
        tls = client.context.wrap_socket(sock, server_hostname=self.s.host)
        self.addCleanup(tls.close)
        tls.sendall(f"POST {ROUTE} HTTP/1.1\r\nHost: {self.s.host}\r\nContent-Length: 2\r\n\r\nhi".encode())
        self.assertIn(b" 200 ", tls.recv(4096))

    def test_wants_credentials(self):
        self.s.proxy.configure(credentials="plant:door")
        self.assertEqual(self.status(), 407)
        good = base64.b64encode(b"plant:door").decode()
        self.assertEqual(self.status(extra=f"Proxy-Authorization: Basic {good}\r\n"), 200)

    def test_refuses_or_keeps_silent(self):
        self.s.proxy.configure(refuse=True)
        self.assertEqual(self.status(), 403)
        self.s.proxy.configure(silent=True)
        with self.assertRaises(TimeoutError):
            self.connect(timeout_s=0.3).recv(1)


class TheControlApi(StandInCase):
    def call(self, path, body=None):
        url = f"http://127.0.0.1:{self.s.control.server_port}{path}"
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def test_does_what_the_class_does(self):
        client = self.client()
        self.call("/faults", {"scenario": "503_retry_after", "route": ROUTE, "times": 1})
        self.assertEqual([client.post("1")[0], client.post("1")[0]], [503, 200])
        self.call("/flows", {"path": ROUTE, "deployed": False})
        self.assertEqual(client.post("2")[0], 404)
        self.call("/flows", {"path": ROUTE, "deployed": True})
        self.call("/keys", {"action": "double"})
        self.assertIn("exactly once", client.post("3")[2])
        self.call("/reset", {})
        self.call("/trigger", {"row": "413"})
        client.close()
        self.assertEqual(client.post("4")[0], 413)
        self.call("/repair", {})
        self.assertEqual(self.call("/time", {"advance_s": 60}), {"time_s": 60})
        self.assertEqual(client.post("5")[0], 200)
        self.assertEqual([record["id"] for record in self.call("/records")], ["4", "5"])
        message = self.call("/accepted?full=1")[0]
        self.assertEqual(base64.b64decode(message["body_base64"]), b'{"t":21.5}')
        self.assertEqual(self.call("/connections")[-1]["backend"], "main")
        self.assertEqual(self.call("/ready")["port"], self.s.port)
        self.assertGreaterEqual(len(self.call("/catalogue")), 28)
        self.assertTrue(os.path.exists(self.call("/service-key", {"form": "cf8"})["path"]))

    def test_says_what_is_wrong_with_a_request(self):
        for path, body in (("/faults", {"scenario": "none"}), ("/flows", {"color": 1}), ("/nowhere", {})):
            with self.assertRaises(urllib.error.HTTPError) as caught:
                self.call(path, body)
            self.assertIn("error", json.load(caught.exception))


class ServiceKeys(StandInCase):
    def test_come_in_the_form_that_sap_gives(self):
        path = self.s.service_key()
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, encoding="utf-8") as file:
            oauth = json.load(file)["oauth"]
        self.assertEqual(set(oauth), {"clientid", "certificate", "key", "tokenurl", "url", "createdate",
                                      "certificatedetails"})  # fmt: skip
        self.assertRegex(oauth["clientid"], r"^sb-[0-9a-f-]{36}!b\d+\|it-rt-[\w-]+!b\d+$")
        self.assertEqual(oauth["certificate"].count("-----BEGIN CERTIFICATE-----\n"), 3)
        self.assertTrue(oauth["key"].startswith("-----BEGIN RSA PRIVATE KEY-----\n"))
        self.assertEqual(oauth["url"], f"https://{self.s.host}:{self.s.port}")
        self.assertEqual(len(self.s.host), 60)
        self.assertIn("O=SAP SE", oauth["certificatedetails"]["subjectdn"])

    def test_come_from_the_command_line_tool_too(self):
        for form, wrapped in (("cf7", False), ("cf8", True)):
            with open(self.s.service_key(form=form), encoding="utf-8") as file:
                header, empty, rest = file.read().split("\n", 2)
            self.assertTrue(header.startswith("Getting key ") and empty == "")
            self.assertEqual("credentials" in json.loads(rest), wrapped)
        cert, key = self.s.service_key(form="pem")
        self.assertTrue(cert.endswith("cert.pem") and key.endswith("key.key"))

    def test_come_with_each_defect(self):
        for defect in pki.KEY_DEFECTS:
            paths = self.s.service_key(defect=defect)
            with open(paths if isinstance(paths, str) else paths[0], encoding="utf-8") as file:
                oauth = json.load(file)["oauth"]
            self.assertEqual("key" in oauth, defect not in ("external", "secret"))
            self.assertEqual("clientsecret" in oauth, defect == "secret")
            certificates = {"missing_intermediate": 2, "secret": 0}.get(defect, 3)
            self.assertEqual(oauth.get("certificate", "").count("BEGIN"), certificates)
            self.assertEqual("|it!b" in oauth["clientid"], defect == "api_plan")

    def test_private_keys_are_readable_by_their_owner_only(self):
        for directory, _, files in os.walk(self.s.pki.dir):
            for name in files:
                if name.endswith(".key"):
                    self.assertEqual(stat.S_IMODE(os.stat(os.path.join(directory, name)).st_mode), 0o600, name)


class TheProgram(unittest.TestCase):
    def setUp(self):
        self.workdir = tempfile.mkdtemp(prefix="stand-in-")
        self.addCleanup(shutil.rmtree, self.workdir)

    def command(self, *more):
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stand_in.py")
        return [sys.executable, program, "--work", self.workdir, *(["--pki", PKI_DIR] if PKI_DIR else []), *more]

    def left_over(self):
        """Processes of this run: nginx's configuration lies below the work directory."""
        found = subprocess.run(["pgrep", "-f", self.workdir], capture_output=True, text=True, check=False).stdout
        return found.split()

    def wait_for_silence(self):
        wait_for(lambda: not self.left_over(), "nothing is left running")

    def test_tells_where_it_is_and_ends_cleanly(self):
        process = subprocess.Popen(self.command("--json"), stdout=subprocess.PIPE, text=True)
        ready = json.loads(process.stdout.readline())
        with open(os.path.join(self.workdir, "state.json"), encoding="utf-8") as file:
            self.assertEqual({**json.load(file), "routes": 0}, {**ready, "routes": 0})
        self.assertGreaterEqual(len(self.left_over()), 2)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE_S), 0)
        process.stdout.close()
        self.wait_for_silence()

    def test_takes_nginx_with_it_when_it_is_killed(self):
        process = subprocess.Popen(self.command("--json"), stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        process.kill()
        process.wait(PATIENCE_S)
        process.stdout.close()
        self.wait_for_silence()

    def test_ends_when_its_parent_ends(self):
        script = f"{' '.join(self.command('--json'))} > {self.workdir}/out & " + (
            f"while ! grep -q ready {self.workdir}/out; do sleep 0.05; done"
        )
        subprocess.run(["sh", "-c", script], check=True)
        self.wait_for_silence()

    def test_a_second_one_in_the_same_directory_is_told_so(self):
        with StandIn(self.workdir, pki_dir=PKI_DIR or None):
            done = subprocess.run(self.command("--json"), capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("another stand-in runs in", done.stderr)
        self.wait_for_silence()


if __name__ == "__main__":
    unittest.main()
