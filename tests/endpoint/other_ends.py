"""Other programs as the TLS end in the place of nginx: HAProxy (which real tenants have), stunnel, and OpenSSL's own test server. Each is a
backend of the front: `s.front.backends[name] = end.backend`, then `s.connection_fault(backend=name, times=0)`.

What they do differently is the point: which alert a refused certificate gets, whether it gets one at all, and what they answer by themselves."""

import os
import re
import shutil
import socket
import subprocess
import threading
import time

_START_WAIT_S = 120

_HAPROXY = """
global
    ssl-default-bind-options {versions}
defaults
    mode http
    retries 0
    timeout connect 60s
    timeout client 60s
    timeout server 60s
    option http-keep-alive
frontend tls
    bind fd@{listener} ssl crt {certificate} {bind}
    http-request set-header X-Stand-In-Port %[src_port]
    http-request set-header X-Stand-In-Protocol %[ssl_fc_protocol]
    http-request set-header X-Stand-In-Resumed %[ssl_fc_is_resumed,iif(r,.)]
    http-request set-header X-Stand-In-Verify SUCCESS if {{ ssl_c_used }} {{ ssl_c_verify 0 }}
    http-request set-header X-Stand-In-Subject %[ssl_c_s_dn(,0,rfc2253)]
    http-request set-header X-Stand-In-Issuer %[ssl_c_i_dn(,0,rfc2253)]
    http-request set-header X-Stand-In-Serial %[ssl_c_serial,hex]
    default_backend tenant
backend tenant
    server tenant 127.0.0.1:{tenant_port}
"""

_STUNNEL = """
foreground = yes
debug = err
cert = {chain}
key = {key}
{options}
connect = 127.0.0.1:{tenant_port}
"""


def installed(program):
    """Its path, or None; these are optional packages (./dev's group `full`)."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def _child(arguments, **more):
    return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *arguments], **more)


class HaProxy:
    """`bind` is what HAProxy's bind line says about client certificates, `versions` its options for TLS versions."""

    def __init__(self, directory, chain, key, tenant_port, bind="", versions=""):
        os.makedirs(directory, exist_ok=True)
        certificate = os.path.join(directory, "server.pem")
        descriptor = os.open(certificate, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            for part in (chain, key):
                with open(part, encoding="ascii") as source:
                    file.write(source.read())
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.listener.set_inheritable(True)
        config = os.path.join(directory, "haproxy.cfg")
        with open(config, "w", encoding="utf-8") as file:
            file.write(_HAPROXY.format(listener=self.listener.fileno(), certificate=certificate, tenant_port=tenant_port,
                                       bind=bind, versions=versions or "ssl-min-ver TLSv1.2"))  # fmt: skip
        self.log = open(os.path.join(directory, "log"), "wb")
        self.process = _child([installed("haproxy"), "-db", "-q", "-f", config], pass_fds=[self.listener.fileno()],
                              stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)  # fmt: skip
        self.backend = self.listener.getsockname()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.listener.close()
        self.log.close()


class Stunnel:
    """A process for each connection, like inetd starts it."""

    def __init__(self, directory, chain, key, tenant_port, options=""):
        os.makedirs(directory, exist_ok=True)
        self.config = os.path.join(directory, "stunnel.conf")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(_STUNNEL.format(chain=chain, key=key, tenant_port=tenant_port, options=options))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def backend(self, sock, _connection):
        process = _child([installed("stunnel4"), self.config], stdin=sock.fileno(), stdout=sock.fileno(),
                         stderr=subprocess.DEVNULL)  # fmt: skip
        process.wait()


class SServer:
    """`openssl s_server -www`: answers every request with a page of its own."""

    def __init__(self, chain, key, options=()):
        self.process = _child(["openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-cert", chain, "-cert_chain", chain,
                               "-key", key, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)  # fmt: skip
        self.backend = ("127.0.0.1", self._port())
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def _port(self):
        deadline_s = time.monotonic() + _START_WAIT_S
        while time.monotonic() < deadline_s:
            line = self.process.stdout.readline().decode("ascii", "replace")
            found = re.match(r"ACCEPT .*:(\d+)", line)
            if found:
                return int(found[1])
            if not line:
                break
        raise RuntimeError("openssl s_server didn't start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
