#!/usr/bin/env python3
"""`iflowctl doctor` against servers that nobody should meet, and people do: other protocols at the port, proxies' and firewalls' pages, answers that break off. Each is
named, the step is right, and whoever answers in SAP's place is told as such."""

import contextlib
import gzip
import json
import os
import socket
import ssl
import threading

import harness
from endpoint import pki
from harness import TELEMETRY, ctl, directory


def answer(status, *headers, body="", version="1.1"):
    lines = [f"HTTP/{version} {status}", *headers, f"Content-Length: {len(body)}", "", body]
    return "\r\n".join(lines).encode()


HTML = "Content-Type: text/html"
ZIPPED = gzip.compress(b"x" * 100)

# name: (what is answered, where the doctor ends, what it's called, what must be said besides)
ANSWERS = {
    "HTTP/1.0": (answer("404 Not Found", version="1.0"), "flow", "ANSWER_NOT_DEPLOYED", ""),
    "HTTP/2 without a question": (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18), "http", "HTTP_MALFORMED", ""),
    "no HTTP at all": (b"hello\r\n\r\n", "http", "HTTP_MALFORMED", ""),
    "SHOUTcast": (b"ICY 200 OK\r\n\r\n", "http", "HTTP_MALFORMED", ""),
    "another version": (b"HTTP/3.0 404 Not Found\r\n\r\n", "http", "HTTP_VERSION", ""),
    "nothing": (b"", "http", "HTTP_CUT", ""),
    "half a status line": (b"HTTP/1.1 40", "http", "HTTP_CUT", ""),
    "half a header": (b"HTTP/1.1 404 Not Found\r\nContent-Le", "http", "HTTP_CUT", ""),
    "only 100": (b"HTTP/1.1 100 Continue\r\n\r\n", "http", "HTTP_CUT", ""),
    "100, 103, 404": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + answer("404 Not Found"), "flow", "ANSWER_NOT_DEPLOYED", ""),
    "100 without an end": (b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, "http", "HTTP_TOO_LARGE", ""),
    "101": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", "http", "HTTP_MALFORMED", ""),
    "headers without an end": (b"HTTP/1.1 404 Not Found\r\n" + b"A: b\r\n" * 20000, "http", "HTTP_TOO_LARGE", ""),
    "401, zipped": (answer("401 Unauthorized", "Content-Encoding: gzip")[:-2].replace(b": 0", b": %d" % len(ZIPPED)) + b"\r\n" + ZIPPED,
                    "authorisation", "ANSWER_UNAUTHORIZED", ""),
    "301": (answer("301 Moved Permanently", "Location: https://other.example/x"), "http", "ANSWER_REDIRECT", "other.example"),
    "302 to a login": (answer("302 Found", "Location: https://t.accounts.ondemand.com/saml2/idp/sso"), "http", "ANSWER_LOGIN_PAGE", "accounts"),
    "307": (answer("307 Temporary Redirect", "Location: /login"), "http", "ANSWER_LOGIN_PAGE", "/login"),
    "302 to nowhere": (answer("302 Found"), "http", "ANSWER_REDIRECT", ""),
    "a proxy's login page": (answer("200 OK", HTML, "Server: BlueCoat", body="<html><form></form></html>"), "http", "ANSWER_LOGIN_PAGE", "BlueCoat"),
    "407": (answer("407 Proxy Authentication Required"), "http", "ANSWER_CLIENT_ERROR", "--proxy"),
    "511": (answer("511 Network Authentication Required", HTML, body="<html></html>"), "http", "ANSWER_SERVER_ERROR", "captive portal"),
    "421": (answer("421 Misdirected Request"), "http", "ANSWER_CLIENT_ERROR", "--resolve"),
    "413": (answer("413 Content Too Large"), "message", "ANSWER_BODY_TOO_LARGE", ""),
    "414": (answer("414 URI Too Long"), "http", "ANSWER_CLIENT_ERROR", ""),
    "429": (answer("429 Too Many Requests", "Retry-After: 120"), "http", "ANSWER_BUSY", ""),
    "502, a page": (answer("502 Bad Gateway", HTML, "Server: nginx", body="<html></html>"), "http", "ANSWER_TEMPORARY", ""),
    "504, a page": (answer("504 Gateway Timeout", HTML, body="<html></html>"), "http", "ANSWER_TEMPORARY", ""),
    "a firewall's 403": (answer("403 Forbidden", HTML, "Server: FortiGate", body="<html></html>"), "role", "ANSWER_ROLE", "a firewall or proxy on the way"),
    "a CDN's 404": (answer("404 Not Found", HTML, "Server: cloudflare", body="<html></html>"), "flow", "ANSWER_NOT_DEPLOYED", "leads elsewhere"),
}  # fmt: skip

# The same without TLS: what comes as soon as somebody is there, or has spoken; and what must be said besides.
PLAIN = {
    "HTTP at the TLS port": (answer("400 Bad Request"), "server", "TLS_PROTOCOL", 'answers in HTTP, without TLS: "HTTP/1.1 400 Bad Request"'),
    "a page without a head": (b"<html><body>Bad request</body></html>\n", "server", "TLS_PROTOCOL", 'no TLS, but "<html><body>Bad'),
    "SSH": (b"SSH-2.0-OpenSSH_9.2\r\n", "server", "TLS_PROTOCOL", 'answers in SSH, without TLS: "SSH-2.0-OpenSSH_9.2"'),
    "SMTP": (b"220 mail.example ESMTP ready\r\n", "server", "TLS_PROTOCOL", 'answers in SMTP or FTP, without TLS: "220 mail.example ESMTP ready"'),
    "FTP, several lines": (b"220-Welcome\r\n220 go\r\n", "server", "TLS_PROTOCOL", 'SMTP or FTP, without TLS: "220-Welcome"'),
    "IMAP": (b"* OK ready\r\n", "server", "TLS_PROTOCOL", 'answers in IMAP, without TLS: "* OK ready"'),
    "POP3": (b"+OK ready\r\n", "server", "TLS_PROTOCOL", 'answers in POP3, without TLS: "+OK ready"'),
    "something else": (b"hello there\r\n", "server", "TLS_PROTOCOL", 'no TLS, but "hello there"'),
    "terminal controls": (b"hi \x1b[31m\r\n", "server", "TLS_PROTOCOL", 'no TLS, but "hi .[31m"'),
    "no text": (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18), "server", "TLS_PROTOCOL", "no TLS, but the bytes 000012040000000000000000"),
    "nobody": (b"", "server", "TLS_RESET", ""),
}  # fmt: skip


class Server:
    """Says one thing to whoever comes, as often as they come."""

    def __init__(self, says, context=None):
        self.says, self.context, self.count = says, context, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.listener.accept()[0]
                self.count += 1
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        connection.settimeout(harness.PATIENCE_S)
        with contextlib.suppress(OSError), connection:
            if self.context is None:
                connection.recv(4096)
                connection.sendall(self.says)
                return
            with self.context.wrap_socket(connection, server_side=True) as tls:
                heard = b""
                while b"\r\n\r\n" not in heard:
                    heard += tls.recv(4096) or b"\r\n\r\n"
                tls.sendall(self.says)
                tls.unwrap()


class Odd(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = cls.enter_class(directory())
        cls.pki = pki.Pki(os.path.join(cls.work, "pki"))

    def context(self, protocols=None, server="good"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.pki.server(server))
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(self.pki.client_file("root.crt"))
        if protocols:
            context.set_alpn_protocols(protocols)
        return context

    def doctor(self, port):
        key = os.path.join(self.work, "key.json")
        pki.write_private(key, json.dumps(self.pki.service_key(f"https://{pki.HOST}:{port}", f"https://{pki.TOKEN_HOST}/oauth/token")))
        done = ctl("doctor", "--key", key, "--ca", self.pki.server_ca("rsa2048"), "--route", TELEMETRY, "--resolve", "127.0.0.1",
                   "--timeout", "20", "--json")  # fmt: skip
        self.assertEqual(done.status, 1, done)
        problem = done.json["problems"][0]
        return problem["step"], problem["name"], problem["detail"]

    def test_each_odd_answer_is_named_at_the_right_step(self):
        context = self.context()
        for name, (says, step, verdict, hint) in ANSWERS.items():
            with self.subTest(name), Server(says, context) as server:
                found = self.doctor(server.port)
                self.assertEqual(found[:2], (step, verdict), found)
                self.assertIn(hint, found[2])

    def test_what_speaks_no_tls_is_told_at_the_server(self):
        for name, (says, step, verdict, hint) in PLAIN.items():
            with self.subTest(name), Server(says) as server:
                found = self.doctor(server.port)
                self.assertEqual(found[:2], (step, verdict), found)
                self.assertIn(f"{pki.HOST}:{server.port}", found[2])
                self.assertIn(hint, found[2])
                self.assertEqual(server.count, 1)

    def test_a_broken_handshake_in_tls_is_not_called_another_protocol(self):
        with Server(b"\x16\x03\x03\x00\x04\x0e\x00\x00\x00") as server:  # ServerHelloDone, first of all
            step, verdict, detail = self.doctor(server.port)
        self.assertEqual((step, verdict), ("server", "TLS_PROTOCOL"))
        self.assertNotIn("TLS", detail)

    def test_a_server_that_would_rather_speak_http_2_is_no_problem(self):
        with Server(answer("404 Not Found"), self.context(["h2"])) as server:
            self.assertEqual(self.doctor(server.port)[:2], ("flow", "ANSWER_NOT_DEPLOYED"))


if __name__ == "__main__":
    harness.main()
